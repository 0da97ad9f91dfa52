"""The backend that has systemd wake us, for the system or for one user."""

from __future__ import annotations

import os
from contextlib import suppress

from tetra_orchestrator.adapters.timer import program
from tetra_orchestrator.adapters.timer.folder import UnitFolder
from tetra_orchestrator.adapters.timer.systemd import show
from tetra_orchestrator.adapters.timer.systemd.session import SYSTEM, USER, Session
from tetra_orchestrator.errors import CannotWrite, TetraError
from tetra_orchestrator.timer_port import SYSTEMD_SYSTEM, SYSTEMD_USER, TimerState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.diagnosis import Diagnosis
    from tetra_orchestrator.core.units import TimerSpec, UnitFile

_KINDS = {USER: SYSTEMD_USER, SYSTEM: SYSTEMD_SYSTEM}
_ENDINGS = (".timer", ".service")


class SystemdTimers:
    """`scope` is `user` or `system`; `machine` is put before the system's own paths (`/etc`, `/run`, `/var`)."""

    def __init__(self, scope: str = USER, machine: str = "") -> None:
        self.kind = _KINDS[scope]
        self._session = Session(scope, machine)
        self._folder = UnitFolder(_unit_folder(scope, machine))

    def render(self, specs: Sequence[TimerSpec], root: str, now: datetime) -> list[UnitFile]:
        """See `systemd.text.units`."""
        from tetra_orchestrator.adapters.timer.systemd.text import units

        return units(specs, root, now, self._session.scope)

    def installed(self, project: str) -> list[UnitFile]:
        """The project's files by their marker, and others with names that its units would have."""
        from tetra_orchestrator.core.marker import read_marker

        found = [(file, read_marker(file.text)) for file in self._folder.files(lambda name: name.endswith(_ENDINGS))]
        ours = [file for file, marker in found if marker is not None and marker.project == project]
        return [file for file, _ in found if file in ours or file.name.startswith(f"{project}-")]

    def check(self) -> None:
        """Raises as `Session.check` and `UnitFolder.check` do."""
        self._session.check()
        self._folder.check()

    def change(self, write: Sequence[UnitFile], remove: Sequence[str]) -> None:
        """Timers that go are stopped and disabled first, with the link and the stamp that systemd keeps for them."""
        from tetra_orchestrator.adapters.timer.systemd.verify import verify

        if not write and not remove:
            return
        self._session.check()
        self._folder.check([*(file.name for file in write), *remove])
        verify(self._session, write)
        leaving = self._timers_of(remove)
        armed = [name for name, state in self._states(leaving).items() if state.enabled or state.waiting]
        try:
            self._retire(leaving)
            with self._folder.changed(write, remove):
                self._reload(write)
        except BaseException:
            with suppress(TetraError):  # what went wrong first is what is to be told
                self._session.ask("daemon-reload")
                if armed:
                    self._session.ask("enable", "--now", "--", *_timers(armed))
            raise
        if remove:
            self._session.ask("reset-failed", "--", *remove)

    def _timers_of(self, files: Sequence[str]) -> list[str]:
        """The units of the files that have a timer, or the link of one that somebody has removed by hand."""
        units = dict.fromkeys(os.path.splitext(file)[0] for file in files)
        places = ("{}.timer", "timers.target.wants/{}.timer")
        return [unit for unit in units if any(self._folder.has(place.format(unit)) for place in places)]

    def _retire(self, units: Sequence[str]) -> None:
        if units:
            self._session.call("disable", "--now", "--", *_timers(units))
            self._session.ask("clean", "--what=state", "--", *_timers(units))  # refused where there is nothing to clean

    def _reload(self, written: Sequence[UnitFile]) -> None:
        """Have systemd read the folder. Raises `CannotWrite` unless it has then read what was written."""
        self._session.call("daemon-reload")
        names = [file.name for file in written if "@" not in file.name]
        if not names:
            return
        shown = show.properties(self._session, names, "Id,LoadState,FragmentPath")
        for name in names:
            seen = shown.get(name, {})
            self._check_read(name, seen.get("LoadState", "not-found"), seen.get("FragmentPath", ""))

    def _check_read(self, name: str, state: str, place: str) -> None:
        path = os.path.join(self._folder.path, name)
        if state == "loaded" and os.path.realpath(place) == os.path.realpath(path):
            return
        if state == "loaded":
            raise CannotWrite(f"systemd does not take {name} from {path} but from {place}", hint=f"remove {place}")
        if state == "not-found":
            hint = "unset XDG_CONFIG_HOME: the systemd that is running does not know of it"
            raise CannotWrite(f"systemd does not look for {name} in {self._folder.path}", hint=hint)
        status = program.shown(self._session.command("systemctl", "status", name))
        raise CannotWrite(f"systemd cannot use {path}: it is {state}", hint=f"see `{status}`")

    def arm(self, project: str, names: Sequence[str]) -> None:
        """Enable and start the timers."""
        if names:
            self._session.check()
            self._session.call("enable", "--now", "--", *_timers(_units(project, names)))

    def disarm(self, project: str, names: Sequence[str]) -> None:
        """Stop and disable those of the timers that are installed."""
        there = [timer for timer in _timers(_units(project, names)) if self._folder.has(timer)]
        if there:
            self._session.check()
            self._session.call("disable", "--now", "--", *there)

    def states(self, project: str, names: Sequence[str]) -> Mapping[str, TimerState]:
        """Raises `NotNow` where there is no manager to ask."""
        found = self._states(_units(project, names))
        return {name: found[unit] for name, unit in zip(names, _units(project, names), strict=True)}

    def _states(self, units: Sequence[str]) -> dict[str, TimerState]:
        return show.states(self._session, units)

    def timer_of(self, project: str, file: str) -> str | None:
        """`demo-daily.timer` and `demo-daily.service` belong to `daily`, a template to all."""
        unit, ending = os.path.splitext(file)
        is_ours = ending in _ENDINGS and unit.startswith(f"{project}-") and "@" not in unit
        return unit.removeprefix(f"{project}-") if is_ours else None

    def dispatch(self, name: str, argv: Sequence[str], env: Mapping[str, str], cwd: str, log: str) -> None:
        """Start it as a transient service called `name` (systemd-run(1)), which is no part of the unit we run in."""
        from tetra_orchestrator.adapters.timer.systemd.transient import start

        start(self._session, name, argv, env, cwd, log)

    def wake(self, spec: TimerSpec) -> None:
        """Have systemd start the timer's service."""
        self._session.check()
        self._session.call("start", "--no-block", "--", f"{spec.unit}.service")

    def diagnose(self) -> list[Diagnosis]:
        """See `systemd.diagnosis.diagnose`."""
        from tetra_orchestrator.adapters.timer.systemd.diagnosis import diagnose

        return diagnose(self._session, self._folder)


def _unit_folder(scope: str, machine: str) -> str:
    """systemd.unit(5), "Unit File Load Path"."""
    if scope == SYSTEM:
        return f"{machine}/etc/systemd/system"
    settings = os.environ.get("XDG_CONFIG_HOME", "")
    # XDG Base Directory Specification: a path that is not absolute is to be passed over
    return os.path.join(settings if settings.startswith("/") else f"{program.home()}/.config", "systemd/user")


def _units(project: str, names: Sequence[str]) -> list[str]:
    return [f"{project}-{name}" for name in names]


def _timers(units: Sequence[str]) -> list[str]:
    return [f"{unit}.timer" for unit in units]
