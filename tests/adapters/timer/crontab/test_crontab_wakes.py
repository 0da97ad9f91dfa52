"""What Debian's cron starts, against what is due: every slot has a start in its minute, whatever clocks do."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

import pytest

from support.builders import utc
from support.cron_expressions import SINCE, UNTIL, ZONES, expressions, slots_near_changes
from support.debian_cron import DebianCron
from support.timer_specs import timer_spec
from tetra_orchestrator.adapters.timer.crontab.fields import lines
from tetra_orchestrator.core.transitions import transitions

NY = "America/New_York"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
FOLDS = ("first", "second", "both")


@cache
def nights(zone: str) -> list[tuple[datetime, datetime]]:
    """The hours around the changes of a clock in which cron does more, or less, than look at it."""
    return [(change.at - HOUR, change.at + 4 * HOUR) for change in transitions(zone, SINCE, UNTIL)]


def missed(cron: str, zone: str, local_zone: str, fold: str) -> list[datetime]:
    """The slots in whose minute nothing is started."""
    spec = timer_spec(cron, timezone=zone, fold=fold)
    daemon = DebianCron(lines(spec, local_zone, SINCE).fields, local_zone)
    at_night = {at for night in nights(local_zone) for at in daemon.starts(*night)}
    return [
        slot
        for slot in slots_near_changes(spec.rule, zone, local_zone, fold=fold)
        if slot not in at_night
        if any(since <= slot < until for since, until in nights(local_zone)) or not daemon.fits(slot)
    ]


def cases(count: int, zones: int) -> list[tuple[str, str, str, str]]:
    """Rule, its zone, the machine's (the same and another), and which pass of a repeated hour is wanted."""
    found = []
    for number, cron in enumerate(expressions(count)):
        for place in range(number, number + 12, 12 // zones):
            zone, other = ZONES[place % 12], ZONES[(place + 1 + number % 11) % 12]
            fold = FOLDS[(number + place) % 3] if number % 2 else "first"
            found += [(cron, zone, zone, fold), (cron, zone, other, fold)]
    return found


def test_every_slot_is_woken_for() -> None:
    assert [(case, late) for case in cases(80, 1) if (late := missed(*case))] == []


@pytest.mark.long
def test_every_slot_of_500_rules_in_12_zones_is_woken_for() -> None:
    assert [(case, late) for case in cases(500, 12) if (late := missed(*case))] == []


@pytest.mark.parametrize("every_s", [900, 5400, 25200])
@pytest.mark.parametrize("zone", [NY, "Australia/Lord_Howe"])
def test_every_slot_of_an_interval_is_woken_for(every_s: int, zone: str) -> None:
    daemon = DebianCron(lines(timer_spec(every_s=every_s), zone, SINCE).fields, zone)
    for since, until in nights(zone):
        first = -since.timestamp() % every_s
        slots = {since + timedelta(seconds=first + n) for n in range(0, 4 * 3600 - int(first), every_s)}
        assert slots <= daemon.starts(since, until)


def starts(fields: str, since: datetime, until: datetime) -> list[str]:
    return [f"{at:%H:%M}" for at in sorted(DebianCron([fields], NY).starts(since, until))]


@pytest.mark.parametrize(
    ("fields", "started"),
    [
        ("30 2 * * *", ["07:00"]),
        ("0 2 * * *", ["07:00"]),
        ("0 2 9 * 0", ["07:00"]),
        ("0 3 * * *", ["07:00"]),
        ("0 1-3 * * *", ["06:00", "07:00"]),
        ("0 */2 * * *", ["08:00"]),
        ("*/30 * * * *", ["06:00", "06:30", "07:00", "07:30", "08:00"]),
        ("0 3 */2 * 0", []),
    ],
)
def test_the_model_starts_what_debians_daemon_started_when_clocks_were_put_forward(
    fields: str, started: list[str]
) -> None:
    assert starts(fields, utc(2026, 3, 8, 6), utc(2026, 3, 8, 8, 1)) == started


@pytest.mark.parametrize(
    ("fields", "started"),
    [
        ("30 1 * * *", ["05:30"]),
        ("0 1 * * *", ["05:00"]),
        ("0 1 9 * 0", ["05:00"]),
        ("0 1-3 * * *", ["05:00", "07:00"]),
        ("0 * * * *", ["05:00", "06:00", "07:00"]),
        ("*/30 * * * *", ["05:00", "05:30", "06:00", "06:30", "07:00", "07:30"]),
        ("*/30 1-3 * * *", ["05:00", "05:30", "06:00", "06:30", "07:00", "07:30"]),
        ("0 */2 * * *", ["07:00"]),
    ],
)
def test_the_model_starts_what_debians_daemon_started_when_clocks_were_put_back(
    fields: str, started: list[str]
) -> None:
    assert starts(fields, utc(2026, 11, 1, 5), utc(2026, 11, 1, 7, 31)) == started


def test_on_another_day_the_model_goes_by_the_clock() -> None:
    since, until = utc(2026, 6, 1), utc(2026, 6, 2)
    daemon = DebianCron(["*/7 3-9 * * 1", "5 0 1 * *"], NY)
    minutes = [since + number * MINUTE for number in range((until - since) // MINUTE)]
    assert daemon.starts(since, until) == {at for at in minutes if daemon.fits(at)}


def test_a_line_without_the_star_would_miss_the_second_pass() -> None:
    """The check above can fail."""
    night = (utc(2026, 10, 25), utc(2026, 10, 25, 2))
    assert DebianCron(["30 2 * * *"], "Europe/Berlin").starts(*night) == {utc(2026, 10, 25, 0, 30)}
    found = lines(timer_spec("30 21 * * *", timezone=NY), "Europe/Berlin", SINCE).fields
    assert found == ("30 */23,2,3 * * *",)  # in that week New York's clock is 5 hours behind, before that 6
    assert DebianCron(found, "Europe/Berlin").starts(*night) == {utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30)}
