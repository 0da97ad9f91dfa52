"""Many cron rules, the same in every run, and their slots in the times that are worth looking at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from random import Random
from zoneinfo import ZoneInfo

from tetra_orchestrator.core.cron import Rule
from tetra_orchestrator.core.schedule import rule_of
from tetra_orchestrator.core.transitions import transitions
from tetra_orchestrator.core.wall_clock import due
from tetra_orchestrator.errors import UsageError

#: Zones that differ in when, by how much and at which time of the day they change their clocks.
ZONES = (
    "America/New_York", "Europe/Berlin", "Europe/London", "Europe/Dublin", "Australia/Lord_Howe", "Australia/Sydney",
    "Africa/Cairo", "America/Havana", "Pacific/Chatham", "America/Santiago", "Asia/Kolkata", "Africa/Casablanca",
)  # fmt: skip
SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
#: What people write, and what is odd.
KNOWN = (
    "0 19 * * *", "0 20 * * 0", "*/15 * * * *", "0 9 * * 1-5", "30 2 * * *", "0 0 * * *", "30 1 * * *", "0 2 * * *",
    "0 3 * * *", "59 1 * * *", "15 2 * * *", "45 23 * * *", "0 1-3 * * *", "*/15 1-3 * * *", "15 */2 * * *",
    "30 * * * *", "* * * * *", "0-59 2 * * *", "*/45 * * * *", "0 */5 * * *", "0 0 1 * *", "0 0 31 * *", "0 3 29 2 *",
    "30 4 1,15 * 5", "0 0 */2 * 1", "0 0 10 * */2", "0 0 1-31 * 1", "0 0 L * *", "30 2 LW * *", "0 2 * * 0#2",
    "30 2 * * 0L", "0 2 * * 5L", "0 12 1-7 * *", "0 2 8-14 3 0", "0 9 * 1 1", "30 2 * 3 *", "0 23 31 12 *",
    "59 23 28-31 * *", "0 0 1 1 *", "0 6 29 2 1", "*/20 0-6 * 3,4,10,11 0", "5 4 * * 6,0", "30 0 * * 1",
)  # fmt: skip


def expressions(count: int) -> list[str]:
    """As many rules that can be due: `KNOWN`, then random ones."""
    random = Random("tetra")
    found = dict.fromkeys(KNOWN)
    while len(found) < count:
        one = _random_rule(random)
        try:
            rule_of(one)
        except UsageError:
            continue
        found[one] = None
    return list(found)[:count]


def slots_near_changes(rule: Rule, zone: str, *others: str, fold: str = "first") -> Iterator[datetime]:
    """The slots of a rule within a day and a half of each change of a clock, and on every ninth day of two years."""
    place = ZoneInfo(zone)
    for since, until in _windows((zone, *others)):
        yield from takewhile(lambda slot, end=until: slot < end, due(rule, place, since, "shift", fold))


def _windows(zones: tuple[str, ...]) -> list[tuple[datetime, datetime]]:
    around = timedelta(hours=36)
    changes = {change.at for zone in zones for change in transitions(zone, SINCE, UNTIL)}
    days = [(SINCE + timedelta(number), SINCE + timedelta(number + 1)) for number in range(0, 730, 9)]
    return sorted([*((change - around, change + around) for change in changes), *days])


def _random_rule(random: Random) -> str:
    minute = _field(random, 0, 59, 0.15) if random.random() < 0.4 else random.choice(["0", "30", "*/15", "15", "5,35"])
    night = random.choice(["*", "*/2", "0", "1", "2", "3", "0-4", "1-3", "23", "22,23,0,1,2"])
    hour = night if random.random() < 0.6 else _field(random, 0, 23, 0.2)
    day = random.choice([_field(random, 1, 31, 0.2), "L", "LW", "1,L"]) if random.random() < 0.35 else "*"
    month = _field(random, 1, 12, 0.2) if random.random() < 0.25 else "*"
    weekday = _field(random, 0, 6, 0.1) if random.random() < 0.35 else "*"
    if random.random() < 0.08:
        weekday = f"{random.randint(0, 6)}{random.choice(['#1', '#2', '#5', 'L'])}"
    return f"{minute} {hour} {day} {month} {weekday}"


def _field(random: Random, first: int, last: int, stars: float) -> str:
    kind = random.random()
    if kind < stars:
        return "*"
    if kind < 0.35:
        return f"*/{random.randint(2, max(2, (last - first) // 2))}"
    if kind < 0.7:
        return str(random.randint(first, last))
    chosen = sorted(random.sample(range(first, last + 1), 3))
    if kind < 0.85:
        return f"{chosen[0]}-{chosen[2]}" + (f"/{random.randint(1, 5)}" if random.random() < 0.4 else "")
    return ",".join(map(str, chosen))
