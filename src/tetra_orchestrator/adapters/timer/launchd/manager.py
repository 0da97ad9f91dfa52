"""The backend that has launchd wake us, for the system or for one user."""

from __future__ import annotations

import os
from contextlib import suppress

from tetra_orchestrator.adapters.timer import program
from tetra_orchestrator.adapters.timer.folder import UnitFolder
from tetra_orchestrator.adapters.timer.launchd import launchctl
from tetra_orchestrator.adapters.timer.launchd.launchctl import SYSTEM, USER
from tetra_orchestrator.errors import CannotWrite, Forbidden, NotNow, TetraError
from tetra_orchestrator.timer_port import LAUNCHD_SYSTEM, LAUNCHD_USER, TimerState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.adapters.timer.launchd.launchctl import Launchctl, OldLaunchctl
    from tetra_orchestrator.core.diagnosis import Diagnosis
    from tetra_orchestrator.core.units import TimerSpec, UnitFile

_KINDS = {USER: LAUNCHD_USER, SYSTEM: LAUNCHD_SYSTEM}
_ENDING = ".plist"


class LaunchdTimers:
    """`scope` is `user` or `system`; `machine` is put before the system's own paths (`/Library`).

    `local_zone` is the zone of launchd's calendars, by default the machine's.
    """

    def __init__(self, scope: str = USER, machine: str = "", local_zone: str | None = None) -> None:
        self.kind = _KINDS[scope]
        self._scope = scope
        self._zone = local_zone
        place = f"{machine}/Library/LaunchDaemons" if scope == SYSTEM else f"{program.home()}/Library/LaunchAgents"
        self._folder = UnitFolder(place)
        self._found: Launchctl | OldLaunchctl | None = None

    @property
    def _launchctl(self) -> Launchctl | OldLaunchctl:
        if self._found is None:
            self._found = launchctl.find(self._scope)
        return self._found

    def render(self, specs: Sequence[TimerSpec], root: str, now: datetime) -> list[UnitFile]:
        """See `launchd.text.plists`. The system's run as the user whom `root` belongs to."""
        from tetra_orchestrator.adapters.timer.launchd.text import plists
        from tetra_orchestrator.adapters.timer.local_zone import local_zone

        return plists(specs, root, now, self._zone or local_zone(), self._scope, _owner(root))

    def installed(self, project: str) -> list[UnitFile]:
        """The project's files by their marker, and others with names that its units would have."""
        from tetra_orchestrator.core.marker import read_marker

        found = [(file, read_marker(file.text)) for file in self._folder.files(lambda name: name.endswith(_ENDING))]
        ours = [file for file, marker in found if marker is not None and marker.project == project]
        return [file for file, _ in found if file in ours or file.name.startswith(f"com.{project}.")]

    def check(self) -> None:
        """Raises `Forbidden` without the rights, `CannotWrite` without launchd, and as `UnitFolder.check` does."""
        if self._scope == SYSTEM and os.geteuid() != 0:
            raise Forbidden("only root can install timers of the system", hint="use sudo, or leave out --system")
        if not program.is_there("launchctl"):
            raise CannotWrite(
                "there is no launchctl on the PATH", hint="launchd is macOS's; elsewhere use another --by"
            )
        self._folder.check()

    def change(self, write: Sequence[UnitFile], remove: Sequence[str]) -> None:
        """What launchd has of the changed it reads anew. What is new it is not to load, at a login, before it is armed.

        Raises `NotNow` where one of them runs: launchd would end it. Otherwise as the port says.
        """
        if not write and not remove:
            return
        self.check()
        names = [*(file.name for file in write), *remove]
        self._folder.check(names)
        running = {label: self._launchctl.running(label) for label in map(_label, names)}
        if busy := [label for label, is_running in running.items() if is_running]:
            hint = "wait for its run to end, or cancel it"
            raise NotNow(f"{busy[0]} is running, and changing it would end it", hint=hint)
        loaded = [label for label, is_running in running.items() if is_running is not None]
        new = [_label(file.name) for file in write if not self._folder.has(file.name)]
        try:
            with self._folder.changed(write, remove):
                self._forbid(new)
                self._reload(loaded)
        except BaseException:
            with suppress(TetraError):  # what went wrong first is what is to be told
                self._allow(new)
                self._reload(loaded)
            raise
        self._allow([_label(name) for name in remove])

    def _forbid(self, labels: Sequence[str]) -> None:
        for label in labels:
            self._launchctl.forbid(label, self._path(label))

    def _allow(self, labels: Sequence[str]) -> None:
        """Have launchd forget that it was not to load the jobs."""
        for label in self._launchctl.forbidden().intersection(labels) if labels else ():
            self._launchctl.allow(label)

    def _reload(self, labels: Sequence[str]) -> None:
        """Have launchd read the files of the jobs again, and let go of those that have none."""
        for label in labels:
            if self._launchctl.running(label) is not None:
                self._launchctl.unload(label, self._path(label))
            if self._folder.has(label + _ENDING):
                self._launchctl.load(label, self._path(label))

    def _path(self, label: str) -> str:
        return os.path.join(self._folder.path, label + _ENDING)

    def arm(self, project: str, names: Sequence[str]) -> None:
        """Enable and load the jobs."""
        for label in _labels(project, names):
            self._launchctl.allow(label)
            if self._launchctl.running(label) is None:
                self._launchctl.load(label, self._path(label))

    def disarm(self, project: str, names: Sequence[str]) -> None:
        """Disable and unload those that are installed. One that runs stays until the next login: it would be ended."""
        for label in _labels(project, names):
            if self._folder.has(label + _ENDING):
                self._launchctl.forbid(label, self._path(label))
                if self._launchctl.running(label) is False:
                    self._launchctl.unload(label, self._path(label))

    def states(self, project: str, names: Sequence[str]) -> Mapping[str, TimerState]:
        """launchd does not say when it starts a job, nor when it has."""
        forbidden = self._launchctl.forbidden() if names else set()
        return {name: self._state(label, forbidden) for name, label in zip(names, _labels(project, names), strict=True)}

    def _state(self, label: str, forbidden: set[str]) -> TimerState:
        running = self._launchctl.running(label)
        is_there = self._folder.has(label + _ENDING)
        return TimerState(
            known=is_there or running is not None,
            enabled=is_there and label not in forbidden,
            waiting=running is not None,
            active=running is True,
        )

    def timer_of(self, project: str, file: str) -> str | None:
        """`com.demo.daily.plist` belongs to `daily`."""
        label, ending = os.path.splitext(file)
        is_ours = ending == _ENDING and label.startswith(f"com.{project}.")
        return label.removeprefix(f"com.{project}.") if is_ours else None

    def dispatch(self, name: str, argv: Sequence[str], env: Mapping[str, str], cwd: str, log: str) -> None:
        """Start a detached child: launchd has no care for it."""
        from tetra_orchestrator.adapters.timer import detached

        detached.start(argv, detached.personal() | dict(env), cwd, log)

    def wake(self, spec: TimerSpec) -> None:
        """Have launchd start the job."""
        self._launchctl.start(spec.label)

    def diagnose(self) -> list[Diagnosis]:
        """See `launchd.diagnosis.diagnose`."""
        from tetra_orchestrator.adapters.timer.launchd.diagnosis import diagnose

        return diagnose(lambda: self._launchctl.forbidden(), self._folder)


def _label(file: str) -> str:
    return file.removesuffix(_ENDING)


def _labels(project: str, names: Sequence[str]) -> list[str]:
    return [f"com.{project}.{name}" for name in names]


def _owner(root: str) -> str:
    import pwd

    try:
        uid = os.stat(root).st_uid
    except OSError:
        uid = os.geteuid()
    return pwd.getpwuid(uid).pw_name
