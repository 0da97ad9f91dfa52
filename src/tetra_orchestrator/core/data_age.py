"""Whether data is as recent as it has to be, by what shows its age: whatever has run, and whether or not it has."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from tetra_orchestrator.core.freshness import SKEW_S
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import duration, to_second

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.watching import DataSource

FRESH, STALE, UNKNOWN = "fresh", "stale", "unknown"
#: From best to worst: data from several sources is what the worst of them is.
WORST_STATES = (FRESH, UNKNOWN, STALE)
#: How far back the last slot of a rule is looked for, step by step.
_STEPS = (timedelta(hours=1), timedelta(days=1), timedelta(days=8), timedelta(days=32), timedelta(days=366 * 4 + 1))


class Seen(Record):
    """What was found where a source shows its age: from when it is, and what shows that it moves; or what went wrong.

    `at` is aware UTC, None where the `value` alone tells.
    """

    at: datetime | None = None
    value: str | None = None
    error: str | None = None


class Mark(Record):
    """What is kept of a source from look to look: this value was there from `since` to `seen`, at every look.

    With `first`, no other was ever seen.
    """

    value: str
    since: datetime
    seen: datetime
    first: bool = True


class Aged(Record):
    """What is to be said of a source: fresh, stale or unknown, since when it is as it is, and what is wrong, if so."""

    state: str
    at: datetime | None = None
    fault: str | None = None


def marked(before: Mark | None, seen: Seen, now: datetime) -> Mark | None:
    """What is kept after this look; where nothing could be seen, what was kept."""
    if seen.value is None:
        return before
    if before is None:
        return Mark(seen.value, now, now)
    if before.value != seen.value:
        return Mark(seen.value, now, now, first=False)
    return before._replace(seen=now)


def aged(source: DataSource, seen: Seen, mark: Mark | None, now: datetime) -> Aged:
    """How old the data is; `mark` is that of after the look. Where no limit is set, that is unknown and no fault."""
    if seen.error is not None:
        return Aged(UNKNOWN, fault=seen.error)
    at = mark.since if mark and source.counts else seen.at
    if at is None:
        return Aged(UNKNOWN, fault="it does not tell how old it is")
    if (at - now).total_seconds() > SKEW_S or at.timestamp() < 0:
        return Aged(UNKNOWN, fault=f"it is said to be from {to_second(at)}: a clock is, or was, wrong")
    fault = _too_old(source, at, now)
    if fault is not None:
        return Aged(STALE, at, fault)
    if source.max_age_s is None and source.due is None:
        return Aged(UNKNOWN, at)
    if source.counts and mark and mark.first:
        return Aged(UNKNOWN)  # it may have stood still for years before anybody looked
    return Aged(FRESH, at)


def stood_still(source: DataSource, mark: Mark | None, began_at: datetime | None, ended_at: datetime | None) -> bool:
    """Whether the data is as it was before the pipeline's last success, which was to renew it, began."""
    if not source.moves or mark is None or began_at is None or ended_at is None:
        return False
    return mark.since <= began_at and ended_at <= mark.seen


def _too_old(source: DataSource, at: datetime, now: datetime) -> str | None:
    age_s = (now - at).total_seconds()
    if source.max_age_s is not None and age_s > source.max_age_s:
        return f"it is from {to_second(at)}, over its limit of {duration(source.max_age_s)}"
    due = last_due(source, now)
    if due is not None and at < due:
        return f"it is from {to_second(at)}, and was due at {to_second(due)}"
    return None


def last_due(source: DataSource, now: datetime) -> datetime | None:
    """The last instant, longer ago than the grace, at which new data should have been there; None without a rule."""
    if source.due is None:
        return None
    from tetra_orchestrator.core.schedule import last_slot

    until = now - timedelta(seconds=source.grace_s)
    for step in _STEPS:
        found = last_slot(source.due, source.timezone, until - step, until)
        if found is not None:
            return found
    return None


def mark_text(mark: Mark) -> str:
    """The mark as the store keeps it."""
    return json.dumps([mark.value, mark.since.isoformat(), mark.seen.isoformat(), mark.first])


def mark_of(text: str | None) -> Mark | None:
    """The mark that `mark_text` gave; None for anything else."""
    try:
        value, since, seen, first = json.loads(text or "")
        return Mark(str(value), datetime.fromisoformat(since), datetime.fromisoformat(seen), bool(first))
    except (ValueError, TypeError):
        return None
