"""The port to the system's own scheduler. One conformance suite holds for every implementation."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Protocol

    from tetra_orchestrator.core.diagnosis import Diagnosis
    from tetra_orchestrator.core.units import TimerSpec, UnitFile

#: The kinds of backends, as in `fire --by`.
SYSTEMD_USER, SYSTEMD_SYSTEM = "systemd-user", "systemd-system"
LAUNCHD_USER, LAUNCHD_SYSTEM = "launchd-user", "launchd-system"
CRONTAB = "crontab"
#: What wakes the guard where there is no scheduler: `start --foreground`.
FOREGROUND = "foreground"


class TimerState(Record):
    """How the scheduler sees one timer: whether it knows it, starts it again after a boot, and has it wait.

    `active` says that what it starts is running now; instants are aware UTC, None where it does not say. `failed` is
    why what it starts could not do its work at all, such as a program that is not there: no run of ours tells of that.
    One that is `masked` somebody has forbidden the scheduler to know.
    """

    known: bool = False
    enabled: bool = False
    waiting: bool = False
    active: bool = False
    next_at: datetime | None = None
    last_at: datetime | None = None
    failed: str | None = None
    masked: bool = False


if TYPE_CHECKING:

    class TimerBackend(Protocol):
        """The system's scheduler: it only wakes us.

        Methods that have an effect raise `CannotWrite`, `Forbidden` or `NotNow`, naming place, cause and remedy.
        """

        # One of the kinds above.
        kind: str

        # The files for the timers with their markers, for the project in `root`. Pure. Raises `ConfigError` for what
        # cannot be said safely.
        def render(self, specs: Sequence[TimerSpec], root: str, now: datetime) -> list[UnitFile]: ...

        # What is installed and could be of this project: by our marker, or by the name that a unit of ours would have.
        def installed(self, project: str) -> list[UnitFile]: ...

        # Raises where nothing can be installed: no scheduler, no bus, a folder that is a link or cannot be written.
        def check(self) -> None: ...

        # Writes and removes, then has the scheduler look again; when it refuses, all is as it was before.
        def change(self, write: Sequence[UnitFile], remove: Sequence[str]) -> None: ...

        # Has the timers wait for their times, now and after a boot; and the reverse. Names are `TimerSpec.name`s.
        def arm(self, project: str, names: Sequence[str]) -> None: ...

        def disarm(self, project: str, names: Sequence[str]) -> None: ...

        def states(self, project: str, names: Sequence[str]) -> Mapping[str, TimerState]: ...

        # The timer (a `TimerSpec.name`) that an installed file belongs to; None for a file that serves all of them.
        def timer_of(self, project: str, file: str) -> str | None: ...

        # Starts a command that outlives us, in the scheduler's care where it has such a thing.
        def dispatch(self, name: str, argv: Sequence[str], env: Mapping[str, str], cwd: str, log: str) -> None: ...

        # Starts now what the timer would start, and does not wait for it.
        def wake(self, spec: TimerSpec) -> None: ...

        # What the user has to see to as far as this scheduler goes: linger, a link, an old version. Empty is all right.
        def diagnose(self) -> list[Diagnosis]: ...
