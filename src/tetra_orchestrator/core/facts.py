"""What one attempt may use, and what is known of how it ran besides its outcome."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    N = TypeVar("N", int, float)

#: How a limit is kept: by the kernel, by our looking now and then, or not at all on this machine.
ENFORCED, WATCHED, UNSUPPORTED = "enforced", "watched", "unsupported"


class Bounds(Record):
    """What an attempt may use at most; 0 is no limit. `folder` is the one whose content `disk_bytes` counts."""

    memory_bytes: int = 0
    cpu: float = 0.0
    processes: int = 0
    open_files: int = 0
    disk_bytes: int = 0
    log_bytes: int = 0
    folder: str = ""


class Usage(Record):
    """What the attempt's processes took; None where that is not known.

    `cpu_s` are seconds of processor time, `read_bytes` and `write_bytes` what went from and to disks; sums over the
    whole tree. `peak_rss_bytes` is the most memory that it had at a time, pages that several share counted for each of
    them, `peak_pss_bytes` the same with such pages shared out among them.
    """

    cpu_s: float | None = None
    peak_rss_bytes: int | None = None
    peak_pss_bytes: int | None = None
    read_bytes: int | None = None
    write_bytes: int | None = None

    def at_least(self, other: Usage) -> Usage:
        """What is known from two accounts of the same processes, each of which may have missed something."""
        if other is UNKNOWN:
            return self
        return Usage(
            _most(self.cpu_s, other.cpu_s),
            _most(self.peak_rss_bytes, other.peak_rss_bytes),
            _most(self.peak_pss_bytes, other.peak_pss_bytes),
            _most(self.read_bytes, other.read_bytes),
            _most(self.write_bytes, other.write_bytes),
        )

    def with_more(self, other: Usage) -> Usage:
        """What two accounts of different processes come to; of their peaks, which were at different times, the higher.

        Also of several attempts, one after the other or side by side.
        """
        if self is UNKNOWN:
            return other
        return Usage(
            _sum(self.cpu_s, other.cpu_s),
            _most(self.peak_rss_bytes, other.peak_rss_bytes),
            _most(self.peak_pss_bytes, other.peak_pss_bytes),
            _sum(self.read_bytes, other.read_bytes),
            _sum(self.write_bytes, other.write_bytes),
        )


#: Nothing is known.
UNKNOWN = Usage()


def together(usages: Iterable[Usage]) -> Usage:
    """What several attempts took in all."""
    total = UNKNOWN
    for usage in usages:
        total = total.with_more(usage)
    return total


def _most(one: N | None, other: N | None) -> N | None:
    return other if one is None else one if other is None else max(one, other)


def _sum(one: N | None, other: N | None) -> N | None:
    return other if one is None else one if other is None else one + other


class Facts(Record):
    """How the attempt ran: its usage, how each of its limits was kept, and what showed that its tree was gone.

    `limits` are pairs of a key of `resources` and `enforced`, `watched` or `unsupported`. `gone` is `cgroup`,
    `children` (of a sub-reaper), `table` (of all processes) or `group`; `note` tells of something odd at its end.
    """

    usage: Usage = UNKNOWN
    limits: tuple[tuple[str, str], ...] = ()
    gone: str | None = None
    note: str | None = None


#: Nothing is known.
NO_FACTS = Facts()
