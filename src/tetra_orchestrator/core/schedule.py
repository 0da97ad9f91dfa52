"""When a cron rule is due. The arithmetic is cronsim's (Debian's cron semantics, DST included); macros are ours."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import dropwhile
from zoneinfo import ZoneInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: The names that crontab(5) gives to common rules.
MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def slots(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """The instants (aware UTC) at which the rule is due strictly after `after`, without end.

    Raises `ValueError` for a rule that cannot be read or can never be due, `KeyError` for an unknown zone.
    """
    from cronsim import CronSim, CronSimError

    local = after.astimezone(_zone(timezone))
    try:
        simulation = CronSim(MACROS.get(cron, cron), local)
    except CronSimError as error:
        raise ValueError(str(error)) from None
    # Started in the second pass through a doubled hour, cronsim first gives that hour's slots of the first pass.
    return dropwhile(lambda slot: slot <= after, (slot.astimezone(UTC) for slot in simulation))


def next_slot(cron: str, timezone: str, after: datetime) -> datetime | None:
    """The first slot after `after`, or None where the rule is never due again."""
    return next(slots(cron, timezone, after), None)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError):  # a path outside the database, a folder of it, or a file that is no zone
        raise KeyError(name) from None
