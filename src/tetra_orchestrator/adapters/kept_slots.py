"""The next slots of each schedule in `state/cache/`: a timer that wakes us need not pay for the arithmetic each time.

A file that is wrong, stale or somebody else's means computing again.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from itertools import islice

from tetra_orchestrator import __version__
from tetra_orchestrator.core.slots import between, rule_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.model import Schedule

#: So many slots are kept of a schedule.
KEPT = 100
#: The last line of a file that is whole; what it holds may also be all slots there ever are.
END, ALL = ".", "all"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONES = "/usr/share/zoneinfo"


class KeptSlots:
    """`between` of `core.slots` for the project in `root`, from the file where that has the answer."""

    def __init__(self, root: str) -> None:
        self._folder = os.path.join(root, "state", "cache")

    def __call__(self, schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
        """The slots after one instant and up to another, both aware UTC."""
        place = os.path.join(self._folder, f"slots-{schedule.name}")
        key = _key(schedule)
        if key is None:
            return between(schedule, after, until)
        known = _read(place, key)
        if known is None or not known[0] <= after or not (known[1] is None or until <= known[1]):
            found = between(schedule, after, until)
            _write(place, key, schedule, after if len(found) < KEPT else until)
            return found
        return [at for at in known[2] if after < at <= until]


def _key(schedule: Schedule) -> str | None:
    """What the slots depend on: the rule, the data about its zone, and how we compute; None where that is not known."""
    try:
        status = os.stat(os.path.join(_ZONES, schedule.timezone))
    except OSError:
        return None  # the data is a package's, which may be another one tomorrow
    zone = f"{status.st_mtime_ns} {status.st_size}"
    return f"{__version__}\t{zone}\t{rule_text(schedule)}"


def _read(place: str, key: str) -> tuple[datetime, datetime | None, list[datetime]] | None:
    """From when and to when (None: for ever) the file has the slots, and these; None where it is not usable."""
    try:
        with open(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            first, since, *slots, end = file.read().split("\n")
        if first != key or end not in (END, ALL) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return None
        found = [_EPOCH + timedelta(seconds=float(slot)) for slot in slots]
        return _EPOCH + timedelta(seconds=float(since)), None if end == ALL else found[-1], found
    except (OSError, ValueError, IndexError, OverflowError):
        return None


def _write(place: str, key: str, schedule: Schedule, since: datetime) -> None:
    """Keep the slots after that instant; a folder that cannot be written only means computing again."""
    from tetra_orchestrator.core.schedule import slots_of

    found = list(islice(slots_of(schedule, since), KEPT))
    lines = [key, *(repr((at - _EPOCH).total_seconds()) for at in (since, *found))]
    temporary = f"{place}.{os.getpid()}"
    try:
        with open(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write("\n".join([*lines, END if len(found) == KEPT else ALL]))
        os.replace(temporary, place)
    except (OSError, ValueError):
        return
