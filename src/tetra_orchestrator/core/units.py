"""What the system's scheduler is asked for, whichever it is: one `TimerSpec` for each schedule.

The scheduler only wakes us. What it is asked for is a superset of the slots; the guard that it starts decides.
"""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from tetra_orchestrator.core.cron import Rule

#: The name of the one timer that is not a schedule's: it settles, after the machine has started, what was missed.
BOOT_SWEEP = "orchestrator"


class TimerSpec(Record):
    """One timer. Paths are absolute, sizes bytes, durations seconds, `at` aware UTC; 0 and None are nothing said.

    Due by `rule` in `timezone`, `every_s` since 1970-01-01T00:00Z, once `at`, or `at_boot`. `gap` (shift, skip) and
    `fold` (first, second, both) are the schedule's `dst`. With `persistent`, what was missed while the machine was off
    is due after its start. `jitter_s` spreads the wakes. With `dispatches`, the guard leaves the run in a process of
    its own and ends, so that the next slot can be seen to while it lasts. `log` is appended to.
    """

    project: str
    name: str
    description: str
    argv: tuple[str, ...]
    cwd: str
    env: tuple[tuple[str, str], ...]
    log: str
    source: str
    rule: Rule | None = None
    timezone: str = "UTC"
    gap: str = "shift"
    fold: str = "first"
    every_s: float | None = None
    at: datetime | None = None
    at_boot: bool = False
    persistent: bool = True
    jitter_s: float = 0.0
    dispatches: bool = False
    memory_bytes: int = 0
    cpu: float = 0.0
    processes: int = 0
    delegate: bool = False
    timeout_s: float | None = None
    stop_s: float = 90.0
    strict: bool = False
    umask: int = 0o077

    @property
    def unit(self) -> str:
        """The name that the timer has on systemd, without the ending."""
        return f"{self.project}-{self.name}"

    @property
    def label(self) -> str:
        """The name that the timer has on launchd."""
        return f"com.{self.project}.{self.name}"


class UnitFile(Record):
    """A file of a scheduler: its name within the scheduler's folder, and its whole text with our marker.

    On the backend that has no files, a block of the user's crontab stands for one.
    """

    name: str
    text: str


class Marker(Record):
    """Whose a unit is, as its text says: the project, its root, and the digest of the text without the marker."""

    project: str
    root: str
    digest: str
