"""What of the adapters concerns the system's scheduler. Like `wire`, and with it alone, this chooses adapters."""

from __future__ import annotations

import os
import sys

from tetra_orchestrator import wire
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.core.export.job import Exported, Rendered
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.units import Placement, TimerSpec, UnitFile
    from tetra_orchestrator.engine.foreground import Guards
    from tetra_orchestrator.engine.timers import Site
    from tetra_orchestrator.ports import Interrupts
    from tetra_orchestrator.timer_port import TimerBackend

#: How the marks of starts of the machine begin; no schedule's does.
BOOT = "boot."
#: What `--by` takes.
SCHEDULERS = ("systemd", "launchd", "crontab")
#: Where units look for programs, whatever the shell that made them had: a unit must not differ from shell to shell.
UNIT_PATH = f"{'/opt/homebrew/bin:' * (sys.platform == 'darwin')}/usr/local/bin:/usr/bin:/bin"


def timers(kind: str | None = None, system: bool = False) -> TimerBackend:
    """The system's scheduler: of that kind, or the one that runs here; that of the system, or the user's own.

    Raises `UsageError` where there is none, or none of that kind.
    """
    family, _, scope = (kind or _scheduler()).partition("-")
    scope = "system" if system else scope or "user"
    if family not in SCHEDULERS or scope not in ("user", "system") or (family == "crontab" and scope == "system"):
        hint = f"--by takes {', '.join(SCHEDULERS)}; --system goes with systemd and launchd"
        raise UsageError(f"Unknown scheduler: {kind or family}{' --system' * system}", hint=hint)
    if family == "systemd":
        from tetra_orchestrator.adapters.timer.systemd.manager import SystemdTimers

        return SystemdTimers(scope)
    if family == "launchd":
        from tetra_orchestrator.adapters.timer.launchd.manager import LaunchdTimers

        return LaunchdTimers(scope)
    from tetra_orchestrator.adapters.timer.crontab.manager import CrontabTimers

    return CrontabTimers()


def kinds_here() -> list[str]:
    """The kinds of schedulers that our timers can be at: the one that runs here, for root also the system's."""
    try:
        kind = timers().kind
    except UsageError:
        return []
    of_system = kind.replace("-user", "-system")
    return [kind, of_system] if of_system != kind and os.geteuid() == 0 else [kind]


def _scheduler() -> str:
    from tetra_orchestrator.adapters.timer.program import is_there

    if sys.platform == "darwin":
        return "launchd"
    if os.path.isdir("/run/systemd/system"):  # sd_booted(3)
        return "systemd"
    if is_there("crontab"):
        return "crontab"
    raise UsageError(
        "there is no scheduler here: neither systemd, launchd nor cron",
        hint="`tetra start --foreground` waits for the times itself, as long as it runs",
    )


def placement(project: Project, kind: str) -> Placement:
    """Where units of that kind of scheduler start us from."""
    from tetra_orchestrator.config.find import FILES
    from tetra_orchestrator.core.units import Placement

    places = (os.path.join(project.root, name) for name in FILES)
    found = next(filter(os.path.lexists, places), None)
    scope = "system" if kind.endswith("-system") else "user"
    config = None if found == project.file else project.file
    return Placement(sys.executable, kind, UNIT_PATH, os.path.expanduser("~"), scope, config)


def site_of(project: Project, backend: TimerBackend, *, gone: bool = False) -> Site:
    """The project's timers at that scheduler; none of them are wanted where the project is `gone`."""
    from tetra_orchestrator.core.units import timer_specs
    from tetra_orchestrator.engine.timers import Site

    root = project.root
    return Site(
        backend,
        project.name,
        root,
        [] if gone else timer_specs(project, placement(project, backend.kind)),
        wire.clock().now(),
        elsewhere=lambda other: os.path.isdir(other) and not os.path.samefile(other, root),
        marked_at=lambda timer: woken_at(root, timer),
        marker=lambda: marker(root),
    )


def detach(argv: Sequence[str], env: Mapping[str, str], cwd: str, log: str | None) -> None:
    """Start a command that outlives us, in nobody's care; without a log it writes where we do."""
    from tetra_orchestrator.adapters.timer import detached

    detached.start(argv, env, cwd, log)


def guards(argv_for: Callable[[str | None], Sequence[str]], cwd: str, *, overheard: bool) -> Guards:
    """The guards that are woken without a scheduler; `overheard`, what is wrong is not told by themselves."""
    from tetra_orchestrator.adapters.guards import GuardProcesses, Overheard

    return GuardProcesses(argv_for, cwd, Overheard() if overheard else None)


def caught() -> AbstractContextManager[Interrupts]:
    """Signals as values, also those of children that have ended."""
    from tetra_orchestrator.adapters.interrupts import SignalInterrupts

    return SignalInterrupts()


def on_terminal() -> bool:
    """Whether a terminal is ours, which sends HUP when it goes."""
    from tetra_orchestrator.adapters.interrupts import has_terminal

    return has_terminal()


def is_first_since_boot(root: str) -> bool:
    """True after each start of the machine, until `note_boot`."""
    from tetra_orchestrator.adapters.probe import boot
    from tetra_orchestrator.adapters.wakes import marked_at

    return marked_at(root, f"{BOOT}{boot()}") is None


def note_boot(root: str) -> None:
    """Note that what this start of the machine makes due is in the ledger."""
    from tetra_orchestrator.adapters.probe import boot
    from tetra_orchestrator.adapters.wakes import forget, mark

    name = f"{BOOT}{boot()}"
    mark(root, name, wire.clock().now())
    forget(root, BOOT, name)


def mark_wake(root: str, timer: str) -> None:
    """Note that the timer woke us now."""
    marker(root)(timer)


def marker(root: str) -> Callable[[str], None]:
    """What notes that a timer woke us, or was armed, now: at the time of this call."""
    from tetra_orchestrator.adapters.wakes import mark

    now = wire.clock().now()
    return lambda timer: mark(root, timer, now)


def woken_at(root: str, timer: str) -> datetime | None:
    """When the timer last woke us, or was armed; None if never."""
    from tetra_orchestrator.adapters.wakes import marked_at

    return marked_at(root, timer)


def look_around_in_job(kind: str, spec: TimerSpec, question: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same from within a job that the scheduler starts as it would start this timer."""
    from tetra_orchestrator.adapters import surroundings
    from tetra_orchestrator.adapters.timer.in_job import look_in_job

    return look_in_job(kind, spec, surroundings.__file__, question)


def valid_until(kind: str) -> Callable[[str], datetime | None]:
    """What tells until when a unit of that kind of scheduler wakes us at the right times, by its text. None: always."""
    if kind.startswith("systemd"):
        from tetra_orchestrator.adapters.timer.systemd.text import patched_until

        return patched_until
    if kind.startswith("launchd"):
        from tetra_orchestrator.adapters.timer.launchd.text import valid_until

        return valid_until
    from tetra_orchestrator.adapters.timer.crontab import text

    return text.valid_until


def units_elsewhere(family: str, specs: Sequence[TimerSpec], root: str, now: datetime, zone: str) -> list[UnitFile]:
    """The text of a user's units, of systemd or launchd, for another machine that is in that zone."""
    if family == "systemd":
        from tetra_orchestrator.adapters.timer.systemd.text import USER, units

        return units(specs, root, now, USER)
    from tetra_orchestrator.adapters.timer.launchd import text

    return text.plists(specs, root, now, zone, text.USER, "")


def ejected_units(exported: Exported, project: Project) -> Rendered:
    """Units of systemd that run the project's tasks without us."""
    from tetra_orchestrator.adapters.timer.systemd.ejected import ejected
    from tetra_orchestrator.core.units import timer_specs

    return ejected(exported, timer_specs(project, placement(project, "systemd-user")), wire.clock().now())


def systemd_complaints(units: Sequence[UnitFile], starts: str, since: datetime) -> list[str] | None:
    """What systemd finds wrong in units that start this program, as of that instant; None where it cannot be asked."""
    from tetra_orchestrator.adapters.timer.systemd.analysis import complaints

    return complaints(units, starts, since)
