"""What systemd makes of our lines, held against when the schedules are due.

No slot may lack a wake. Of wakes without a slot there are three kinds, all of them left to the guard: the other pass
through an hour that is shown twice, a rule that systemd cannot count in its zone (Pacific/Chatham), and a rule for days
that are restricted from both ends of the month.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile
from random import Random

import pytest

from support.builders import utc
from support.systemd_calendar import elapses
from support.systemd_specs import timer_spec
from tetra_orchestrator.adapters.timer.systemd.calendar import lines
from tetra_orchestrator.core.cron import LAST, Rule
from tetra_orchestrator.core.model import Schedule
from tetra_orchestrator.core.schedule import rule_of, slots_of, zone
from tetra_orchestrator.core.transitions import transitions
from tetra_orchestrator.errors import UsageError

CHATHAM = "Pacific/Chatham"
ZONES = (
    *("America/New_York", "Europe/Berlin", "Europe/London", "Europe/Dublin", "Australia/Lord_Howe", "Australia/Sydney"),
    *("Africa/Cairo", "America/Havana", CHATHAM, "America/Santiago", "Asia/Kolkata", "Africa/Casablanca"),
)
START, END = utc(2026, 1, 1), utc(2028, 1, 1)
ROUND = timedelta(days=2)
POLICIES = [(gap, fold) for gap in ("shift", "skip") for fold in ("first", "second", "both")]
SHORT, FULL = 20, 500
#: Where something has gone wrong before, or is likely to.
NAMED = (
    *("30 2 * * *", "0 0 * * *", "*/30 * * * *", "0 1-3 * * *", "*/15 1-3 * * *", "30 1 * * *", "*/7 * * * *"),
    *("0 1-23 * * *", "45 2,3 * * *", "0 0 L * *", "0 3 LW * *", "0 0 * * 1#1", "0 1 * * 0L", "0 0 1,15 * 1"),
    *("0 0 */2 * 0", "20 2 L * 0L", "15 2 */5 * 0L"),
)


def expressions(count: int) -> list[str]:
    """The named ones, and made-up ones whose hours are often those in which clocks are changed."""
    random = Random(20260301)
    found = dict.fromkeys(NAMED)
    while len(found) < count:
        expression = " ".join(
            [
                _field(random, 0, 59, ("0", "30", "*/15", "15", "45", "*/20")),
                _field(random, 0, 23, ("*", "*/2", "0", "1", "2", "3", "0-4", "1-3", "0,1,2,3", "23", "1-23")),
                _field(random, 1, 31, ("*", "*", "*", "*", "L", "LW", "*/3", "1-7")),
                _field(random, 1, 12, ("*", "*", "*", "*", "3,4,9-11")),
                _field(random, 0, 6, ("*", "*", "*", "0", "1-5", "0#1", "0L", "6,0")),
            ]
        )
        try:
            rule_of(expression)
        except UsageError:
            continue
        found[expression] = None
    return list(found)[:count]


def _field(random: Random, low: int, high: int, likely: tuple[str, ...]) -> str:
    if random.random() < 0.7:
        return random.choice(likely)
    values = sorted(random.sample(range(low, high + 1), 3))
    step = random.randint(2, 5)
    return random.choice((f"{values[0]}-{values[2]}", f"{values[0]}-{values[2]}/{step}", ",".join(map(str, values))))


class Verdict:
    """What was seen of one rule in one zone, or of many together."""

    def __init__(self) -> None:
        self.wanted = 0
        self.missing: list[str] = []
        self.extra: Counter[str] = Counter()

    def look(self, expression: str, name: str, random: Random) -> None:
        gap, fold = random.choice(POLICIES)
        rule = rule_of(expression)
        said = lines(timer_spec(expression, name, gap=gap, fold=fold), START)
        schedule = Schedule("daily", "all", expression, name, dst_gap=gap, dst_fold=fold)
        for after, until in _windows(name, random):
            wanted = set(takewhile(lambda slot, end=until: slot <= end, slots_of(schedule, after)))
            found = elapses(said, name, after, until, len(wanted) + 8)
            self.wanted += len(wanted)
            story = f"{expression} in {name} ({gap}, {fold})"
            self.missing += [f"{story}: {slot}" for slot in sorted(wanted - found)]
            self.extra.update(_kind(instant, rule, name, story) for instant in found - wanted)


def _windows(name: str, random: Random) -> Iterator[tuple[datetime, datetime]]:
    """Days round each change of the clock, and the end of a month and the beginning of the next somewhere."""
    for change in transitions(name, START, END):
        yield change.at - ROUND, change.at + ROUND
    sample = utc(random.choice((2026, 2027)), random.randint(1, 12), 21, random.randint(0, 23))
    yield sample, sample + timedelta(days=18)


def _kind(instant: datetime, rule: Rule, name: str, story: str) -> str:
    """Why a wake without a slot is there; the whole story where there is no reason for it."""
    local = instant.astimezone(zone(name))
    other = local.replace(fold=not local.fold)
    if rule.fixed and rule.fits(local) and other.utcoffset() != local.utcoffset():
        return "the other pass"
    if name == CHATHAM and {2, 3} & {*rule.hours}:
        return "each offset"
    if rule.both_days and len(rule.days) < 31 and any(n == LAST for _, n in rule.nth_weekdays):
        return "both ends of the month"
    return f"{story}: {instant}"


def see(count: int) -> Verdict:
    verdict = Verdict()
    random = Random(count)
    for expression in expressions(count):
        for name in ZONES:
            verdict.look(expression, name, random)
    return verdict


@pytest.mark.parametrize("count", [SHORT, pytest.param(FULL, marks=pytest.mark.long)])
def test_no_slot_lacks_a_wake_and_few_wakes_lack_a_slot(count: int) -> None:
    verdict = see(count)
    assert verdict.missing == []
    assert set(verdict.extra) <= {"the other pass", "each offset", "both ends of the month"}
    assert verdict.wanted > 100 * count
    assert verdict.extra["the other pass"] < verdict.wanted / 500
    assert verdict.extra.total() < verdict.wanted / 25
