"""Each backend with a scheduler that it can be held against: a home, programs on the PATH, and what is on the disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from support.builders import utc
from support.schedulers import CRON, LAUNCHD, SYSTEMD, Scheduler
from tetra_orchestrator.adapters.timer.crontab.manager import CrontabTimers
from tetra_orchestrator.adapters.timer.launchd.manager import LaunchdTimers
from tetra_orchestrator.adapters.timer.systemd.manager import SystemdTimers
from tetra_orchestrator.core.schedule import rule_of
from tetra_orchestrator.core.units import TimerSpec, UnitFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.timer_port import TimerBackend

NOW = utc(2026, 3, 1, 20)
PROJECT = "demo"


def spec(folder: Path, name: str, cron: str = "0 19 * * *") -> TimerSpec:
    """A timer of the project in `folder`."""
    return TimerSpec(
        project=PROJECT,
        name=name,
        description=f"demo: schedule {name}",
        argv=("/bin/sh", "-c", "echo woken", "fire", name),
        cwd=str(folder),
        env=(("PATH", "/usr/bin:/bin"),),
        log=str(folder / "logs" / f"demo_{name}.log"),
        source=str(folder / "orchestration.yaml"),
        rule=rule_of(cron),
    )


class Bench:
    """A backend and its scheduler. Below `machine` are the system's own paths; `home` is the user's.

    `first` is the verb that the scheduler is told at a first install, `reloads` that of a change, with the command.
    """

    programs: tuple[str, ...]
    first: str
    reloads: tuple[str, str]

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.home, self.machine = folder / "project", folder / "home", folder / "machine"
        for each in (self.root, self.home, self.machine):
            each.mkdir()
        self.scheduler = Scheduler(folder / "system", self.programs)
        patch.setenv("HOME", str(self.home))
        patch.setenv("PATH", self.scheduler.path)
        for name in ("XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
            patch.delenv(name, raising=False)
        self.backend: TimerBackend = self.boot()

    def boot(self) -> TimerBackend:
        """Make the system that the backend is to find, and the backend."""
        raise NotImplementedError

    def folder(self) -> Path | None:
        """Where the unit files are; None where there are none."""
        raise NotImplementedError

    def woken(self, of: TimerSpec) -> object:
        """What the scheduler was told to start, or what was printed by what it would start."""
        return self.scheduler.known("started")

    def disk(self) -> dict[str, bytes]:
        """All that is installed, and all that the scheduler remembers of it; by name."""
        raise NotImplementedError

    def rendered(self, *names: str, **cron: str) -> list[UnitFile]:
        specs = [spec(self.root, name, cron.get(name, "0 19 * * *")) for name in names]
        return self.backend.render(specs, str(self.root), NOW)

    def install(self, *names: str, **cron: str) -> list[UnitFile]:
        """Have just these timers installed, as `apply` and `prune` do; what is to be installed."""
        files = self.rendered(*names, **cron) if names else []
        there = self.backend.installed(PROJECT)
        wanted = {file.name for file in files}
        self.backend.change(
            [file for file in files if file not in there], [file.name for file in there if file.name not in wanted]
        )
        return files

    def waiting(self, *names: str) -> list[str]:
        """Those of the timers that wait for their time, and would after a boot."""
        states = self.backend.states(PROJECT, names)
        for name, state in states.items():
            assert state.waiting == state.enabled, name
        return [name for name in names if states[name].waiting]

    def files_below(self, folder: Path) -> dict[str, bytes]:
        paths = sorted(folder.rglob("*")) if folder.is_dir() else []
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths if not path.is_dir()}


class SystemdBench(Bench):
    programs = SYSTEMD
    first, reloads = "daemon-reload", ("daemon-reload", "systemctl --user daemon-reload")

    def boot(self) -> TimerBackend:
        (self.machine / "run/systemd/system").mkdir(parents=True)
        runtime = self.machine / f"run/user/{os.geteuid()}"
        runtime.mkdir(parents=True)
        (runtime / "bus").touch()
        self.scheduler.know("folder", str(self.folder()))
        return SystemdTimers("user", str(self.machine))

    def folder(self) -> Path:
        return self.home / ".config/systemd/user"

    def disk(self) -> dict[str, bytes]:
        return self.files_below(self.folder()) | {path.name: b"" for path in self.scheduler.state.glob("stamp-*")}


class LaunchdBench(Bench):
    programs = LAUNCHD
    first = "disable"

    def boot(self) -> TimerBackend:
        place = f"{self.folder()}/com.demo.daily.plist"
        self.reloads = ("bootstrap", f"launchctl bootstrap gui/{os.geteuid()} {place}")
        return LaunchdTimers("user", str(self.machine), local_zone="UTC")

    def folder(self) -> Path:
        return self.home / "Library/LaunchAgents"

    def disk(self) -> dict[str, bytes]:
        return self.files_below(self.folder())


class CrontabBench(Bench):
    programs = CRON
    first, reloads = "install", ("install", "crontab -")

    def boot(self) -> TimerBackend:
        return CrontabTimers(local_zone="UTC")

    def folder(self) -> None:
        return None

    @property
    def tab(self) -> Path:
        return self.scheduler.state / "tab"

    def disk(self) -> dict[str, bytes]:
        return {"tab": self.tab.read_bytes()} if self.tab.exists() else {}

    def woken(self, of: TimerSpec) -> object:
        log = Path(of.log)
        return log.read_text() if log.exists() else ""


BENCHES = {"systemd": SystemdBench, "launchd": LaunchdBench, "crontab": CrontabBench}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
