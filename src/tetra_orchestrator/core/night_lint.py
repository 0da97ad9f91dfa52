"""What becomes of a schedule in the nights of the next years in which its clock is changed."""

from __future__ import annotations

from datetime import datetime

from tetra_orchestrator.core.schedule import rule_of, zone
from tetra_orchestrator.core.transitions import transitions
from tetra_orchestrator.core.wall_clock import DAY, MINUTE, instants, meant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.model import Schedule

AHEAD = 2 * 366 * DAY
PASSES = {"first": "the first time", "second": "the second time", "both": "both times"}
MOST_NAMED = 3


def changes_of(schedule: Schedule, now: datetime) -> tuple[list[str], list[str]]:
    """What happens in gaps, and in folds, of the two years after `now`: one clause for each night that matters.

    Nothing for a rule that is due in every hour as it really passes: it loses nothing, and nothing comes twice.
    """
    gaps: list[str] = []
    folds: list[str] = []
    if schedule.cron is None and schedule.at is None:
        return gaps, folds
    place = zone(schedule.timezone)
    rule = rule_of(schedule.cron) if schedule.cron is not None else None
    gap, fold = meant(rule, schedule.dst_gap, schedule.dst_fold) if rule else (schedule.dst_gap, schedule.dst_fold)
    if rule and not rule.fixed and len(rule.hours) == 24:
        return gaps, folds
    for change in transitions(schedule.timezone, now, now + AHEAD):
        utc = change.at.replace(tzinfo=None)
        times = _times(schedule, *sorted((utc + change.before, utc + change.after)))
        if times and change.before > change.after:
            folds.append(f"{times[0]:%Y-%m-%d}: {_named(times)} twice, due {PASSES[fold]}")
        elif times:
            shifted = instants(times[0], place, gap, fold)
            then = f"due at {shifted[0].astimezone(place):%H:%M}" if shifted else "not due"
            gaps.append(f"{times[0]:%Y-%m-%d}: no {_named(times)}, {then}")
    return gaps, folds


def _times(schedule: Schedule, first: datetime, end: datetime) -> list[datetime]:
    """The times on the clock (naive) in `[first, end)` that the schedule names."""
    if schedule.cron is None:
        return [at for at in (datetime.fromisoformat(schedule.at or ""),) if first <= at < end]
    rule = rule_of(schedule.cron)
    clock = (first + number * MINUTE for number in range((end - first) // MINUTE))
    return [one for one in clock if rule.fits(one)]


def _named(times: Sequence[datetime]) -> str:
    """`02:00, 02:30`, or the first and the last of many."""
    if len(times) > MOST_NAMED:
        return f"{times[0]:%H:%M} to {times[-1]:%H:%M}"
    return ", ".join(f"{one:%H:%M}" for one in times)
