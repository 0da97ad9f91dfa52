"""Times in which nobody is told."""

from __future__ import annotations

from datetime import datetime, timedelta

from tetra_orchestrator.core.schedule import last_slot, zone
from tetra_orchestrator.core.wall_clock import instants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tetra_orchestrator.core.watching import Maintenance


def quiet_until(windows: Iterable[Maintenance], pipeline: str | None, now: datetime) -> datetime | None:
    """When nobody is to be told any more of a pipeline (None: of the host), as of now; None where it is not so now.

    What is said of single pipelines holds for no other and not for the host. Instants are aware UTC.
    """
    ends = [_end(one, now) for one in windows if one.pipelines is None or pipeline in one.pipelines]
    return max((end for end in ends if end is not None), default=None)


def _end(window: Maintenance, now: datetime) -> datetime | None:
    """When the window ends that holds now."""
    if window.cron is None:
        begins, ends = (_instant(text or "", window.timezone) for text in (window.since, window.until))
        return ends if begins <= now < ends else None
    length = timedelta(seconds=window.length_s)
    latest = last_slot(window.cron, window.timezone, now - length, now)
    return None if latest is None else latest + length


def _instant(text: str, timezone: str) -> datetime:
    """The instant of a local time; one that a change of the clock leaves out is the first after that."""
    local = datetime.fromisoformat(text)
    return local if local.tzinfo else instants(local, zone(timezone), "shift", "first")[0]
