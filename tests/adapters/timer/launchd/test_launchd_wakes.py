"""What launchd starts, against what is due: every slot has a start in its minute, whoever reads the entries how.

The manual has StartCalendarInterval mean what crontab(5) means; then nothing is ever late. By the arithmetic of
launchd-842 a start may be an hour late once clocks have been put forward. On that day and in the first hour of the
next, and in an hour that comes again, it may leave out a start. The guard makes up for those at the next one.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest

from support.builders import utc
from support.cron_expressions import SINCE, UNTIL, ZONES, expressions, slots_near_changes
from support.launchd import Arithmetic, Crontab, Entry
from support.timer_specs import timer_spec
from tetra_orchestrator.adapters.timer.launchd.calendar import entries
from tetra_orchestrator.core.transitions import transitions
from tetra_orchestrator.core.units import TimerSpec
from tetra_orchestrator.core.wall_clock import due

NY = "America/New_York"
GRACE, HOUR, DAY = timedelta(seconds=60), timedelta(hours=1), timedelta(days=1)
#: The share of the slots, most of them near a change of clocks, that launchd-842 may start late.
FEW = 0.01


def cases(count: int, zones: int) -> list[tuple[str, str, str]]:
    """Rules in so many zones each, on machines of the same zone and of another: rule, its zone, the machine's."""
    found = []
    for number, cron in enumerate(expressions(count)):
        for place in range(number, number + 12, 12 // zones):
            zone, other = ZONES[place % 12], ZONES[(place + 1 + number % 11) % 12]
            found += [(cron, zone, zone), (cron, zone, other)]
    return found


def missed(cron: str, zone: str, local_zone: str, **dst: str) -> list[datetime]:
    """The slots in whose minute nothing is started."""
    spec = timer_spec(cron, timezone=zone, **dst)
    launchd = Crontab(entries(spec, local_zone, SINCE), local_zone)
    slots = slots_near_changes(spec.rule, zone, local_zone, **{"fold": "first"} | dst)
    return [slot for slot in slots if not launchd.starts(slot)]


def test_every_slot_is_woken_for_as_the_manual_has_it() -> None:
    assert [(case, late) for case in cases(90, 3) if (late := missed(*case))] == []


@pytest.mark.long
def test_every_slot_of_500_rules_in_12_zones_is_woken_for_as_the_manual_has_it() -> None:
    assert [(case, late) for case in cases(500, 12) if (late := missed(*case))] == []


@pytest.mark.parametrize("fold", ["second", "both"])
@pytest.mark.parametrize("zone", ZONES)
def test_a_slot_in_the_second_pass_is_woken_for(fold: str, zone: str) -> None:
    for cron in ("30 1 * * *", "15 2 * * *", "5,50 0-3 * * *", "30 23 * * *"):
        assert missed(cron, zone, zone, fold=fold) == missed(cron, zone, "Europe/London", fold=fold) == []


@pytest.mark.parametrize("every_s", [900, 2700, 5400, 6000, 21600, 25200, 172800])
@pytest.mark.parametrize("zone", [NY, "Australia/Lord_Howe", "Pacific/Chatham"])
def test_every_slot_of_an_interval_is_woken_for(every_s: int, zone: str) -> None:
    launchd = Crontab(entries(timer_spec(every_s=every_s), zone, SINCE), zone)
    slots = [SINCE + timedelta(seconds=number) for number in range(0, 366 * 86400, every_s)]
    shift = timedelta(seconds=-SINCE.timestamp() % every_s)
    assert [slot + shift for slot in slots if not launchd.starts(slot + shift)] == []


def test_a_wake_that_is_not_asked_for_is_missed() -> None:
    """The check above can fail."""
    spec = timer_spec("30 2 * * *", timezone=NY)
    launchd = Crontab([{"Hour": 2, "Minute": 30}], NY)
    late = [slot for slot in slots_near_changes(spec.rule, NY) if not launchd.starts(slot)]
    assert late == [utc(2026, 3, 8, 7), utc(2027, 3, 14, 7)]


def arithmetic(found: list[Entry], zone: str, loaded: datetime, until: datetime, repeated: int = 0) -> list[datetime]:
    return sorted(set(Arithmetic(found, zone, loaded, repeated).starts(until)))


def next_three(cron: str, zone: str, since: datetime, repeated: int = 0) -> list[str]:
    found = entries(timer_spec(cron, timezone=zone, gap="skip"), zone, since)
    return [f"{start:%m-%d %H:%M}" for start in arithmetic(found, zone, since, since + 400 * DAY, repeated)[:3]]


@pytest.mark.parametrize(
    ("cron", "zone", "since", "starts"),
    [
        ("30 2 * * *", NY, utc(2026, 3, 7, 12), ["03-08 07:30", "03-09 06:30", "03-10 06:30"]),
        ("0 3 * * *", NY, utc(2026, 3, 7, 12), ["03-08 08:00", "03-09 07:00", "03-10 07:00"]),
        ("30 1 * * *", NY, utc(2026, 10, 31, 12), ["11-01 05:30", "11-02 06:30", "11-03 06:30"]),
        ("0 2 * * *", NY, utc(2026, 10, 31, 12), ["11-01 06:00", "11-01 07:00", "11-02 07:00"]),
        ("0 * * * *", NY, utc(2026, 11, 1, 4, 30), ["11-01 05:00", "11-01 07:00", "11-01 08:00"]),
        ("30 * * * *", NY, utc(2026, 3, 8, 6), ["03-08 06:30", "03-09 04:30", "03-09 05:30"]),
        ("0 9 * 1 1", "UTC", utc(2026, 3, 1), ["03-02 09:00", "03-09 09:00", "03-16 09:00"]),
        ("0 0 29 2 *", "UTC", utc(2026, 3, 1), ["03-01 00:00"]),
        ("30 12 * * *", "Pacific/Chatham", utc(2026, 4, 3, 12), ["04-03 22:45", "04-04 22:45", "04-04 23:45"]),
        ("0 0 * * *", "Africa/Cairo", utc(2026, 4, 23, 12), ["04-24 21:00", "04-25 21:00", "04-26 21:00"]),
    ],
)
def test_the_arithmetic_is_that_of_the_public_source(cron: str, zone: str, since: datetime, starts: list[str]) -> None:
    """What the C functions of launchd-842 gave when they were run with the zone as TZ."""
    assert next_three(cron, zone, since)[: len(starts)] == starts


def test_of_an_hour_shown_twice_the_arithmetic_may_take_either_pass() -> None:
    since = utc(2026, 4, 4, 14, 30)
    assert next_three("*/20 * * * *", "Australia/Lord_Howe", since)[0] == "04-04 14:40"
    assert next_three("*/20 * * * *", "Australia/Lord_Howe", since, repeated=1)[0] == "04-04 15:10"


def late_by_arithmetic(spec: TimerSpec, local_zone: str, repeated: int) -> tuple[int, list[tuple[datetime, timedelta]]]:
    """How many slots there are, and those that are started for late, with how late."""
    found = entries(spec, local_zone, SINCE)
    checked, late = 0, []
    for since, until in _spans(found, spec.timezone, local_zone):
        starts = [*arithmetic(found, local_zone, since - 2 * DAY, until + 3 * DAY, repeated), until + 999 * DAY]
        slots = due(spec.rule, ZoneInfo(spec.timezone), since, "shift", "first")
        for slot in takewhile(lambda slot, end=until: slot < end, slots):
            checked += 1
            start = starts[bisect_left(starts, slot)]
            late += [(slot, start - slot)] if start - slot >= GRACE else []
    return checked, late


def _spans(found: list[Entry], *zones: str) -> list[tuple[datetime, datetime]]:
    """Two years; of a job that is started often, the days around the changes of a clock."""
    if len(found) <= 24 and all("Hour" in entry for entry in found):
        return [(SINCE, UNTIL - 366 * DAY)] if len(found) > 6 else [(SINCE, UNTIL)]
    changes = sorted({change.at for zone in zones for change in transitions(zone, SINCE, SINCE + 366 * DAY)})
    return [(at - DAY, at + DAY) for at in changes]


def may_be_left_out(zone: str, slot: datetime) -> bool:
    """Whether the machine's clock is put forward on that day or an hour before it, or shows an hour again."""
    place = ZoneInfo(zone)
    local = slot.astimezone(place)
    changes = transitions(zone, slot - 3 * DAY, slot + 2 * DAY)
    days = {change.at.astimezone(place).date() for change in changes if change.after > change.before}
    return bool(local.fold) or local.date() in days or (local.hour == 0 and local.date() - DAY in days)


def check_arithmetic(count: int, zones: int) -> tuple[int, int]:
    """How many slots there are and how many are late; by more than an hour, only those that may be left out."""
    checked, late = 0, 0
    for number, (cron, zone, local_zone) in enumerate(cases(count, zones)):
        slots, found = late_by_arithmetic(timer_spec(cron, timezone=zone), local_zone, number % 2)
        checked, late = checked + slots, late + len(found)
        for slot, by in found:
            assert by <= HOUR or may_be_left_out(local_zone, slot), (cron, zone, local_zone, slot, by)
    return checked, late


def test_by_the_arithmetic_of_launchd_842_few_slots_are_late() -> None:
    checked, late = check_arithmetic(40, 1)
    assert 0 < late < checked * FEW


@pytest.mark.long
def test_by_the_arithmetic_of_launchd_842_few_slots_of_500_rules_are_late() -> None:
    checked, late = check_arithmetic(500, 1)
    assert 0 < late < checked * FEW


def test_the_guard_finds_just_what_is_due_at_each_wake() -> None:
    """Woken too often, it starts nothing; what has become due since the wake before is what is due in this minute."""
    spec = timer_spec("30 2 13 * 5", timezone=NY)
    found = entries(spec, "Europe/Berlin", SINCE)
    wakes = [at for at in _minutes(utc(2026, 3, 1), utc(2026, 4, 15)) if Crontab(found, "Europe/Berlin").starts(at)]
    slots = [*takewhile(lambda slot: slot < wakes[-1], due(spec.rule, ZoneInfo(NY), wakes[0], "shift", "first"))]
    judged = [(at, slot) for before, at in pairwise(wakes) for slot in slots if before < slot <= at]
    assert [slot for _, slot in judged] == slots
    assert all(at - slot < GRACE for at, slot in judged)
    assert len(wakes) > len(slots)


def _minutes(since: datetime, until: datetime) -> list[datetime]:
    return [since + number * GRACE for number in range((until - since) // GRACE)]
