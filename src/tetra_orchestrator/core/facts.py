"""What one attempt may use, and what is known of how it ran besides its outcome."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

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
    """What the attempt's processes took by the kernel's own account; None where that is not known."""

    cpu_s: float | None = None
    peak_rss_bytes: int | None = None


class Facts(Record):
    """How the attempt ran: its usage, how each of its limits was kept, and what showed that its tree was gone.

    `limits` are pairs of a key of `resources` and `enforced`, `watched` or `unsupported`. `gone` is `cgroup`,
    `children` (of a sub-reaper), `table` (of all processes) or `group`; `note` tells of something odd at its end.
    """

    usage: Usage = Usage()
    limits: tuple[tuple[str, str], ...] = ()
    gone: str | None = None
    note: str | None = None


#: Nothing is known.
NO_FACTS = Facts()
