"""A real systemd for tests: process 1 of its own namespaces, on a copy of this system's files, gone when it stops."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rig.clock import Clock

BOOT = Path(__file__).with_name("boot.sh")
REPOSITORY = BOOT.parent.parent.parent
#: A user without rights, whose manager runs from the boot on, as after `loginctl enable-linger`.
TESTER, HOME = 7700, "/home/tester"
_NEEDED = ("unshare", "nsenter", "setpriv", "findmnt", "systemctl", "busctl")
_FILES = {
    "systemd": "/lib/systemd/systemd",
    "libpam-systemd": "/usr/share/pam-configs/systemd",
    "dbus-user-session": "/usr/lib/systemd/user/dbus.socket",
}
_NAMESPACES = ("--pid", "--mount", "--ipc", "--uts", "--net")
_BOOT_LIMIT_S, _STOP_LIMIT_S = 30.0, 10.0
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
#: Tells systemd to power off: systemd(1).
_POWER_OFF = signal.SIGRTMIN + 4


def obstacle() -> str | None:
    """Why no rig can be had here; None when one can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a rig needs Linux and root"
    missing = [name for name in _NEEDED if not shutil.which(name)]
    missing += [package for package, file in _FILES.items() if not Path(file).exists()]
    return f"needs {', '.join(missing)}" if missing else None


class Machine:
    """One booted systemd. `shared` is a folder that it and we see under the same path, as the project and the
    interpreter are; everything else that is written in it survives a reboot and vanishes when it stops.

    With a clock (`2026-11-01 04:40:00` UTC, how many times as fast as the real one) all its programs are shown that.
    """

    def __init__(self, shared: Path, clock: tuple[str, float] | None = None) -> None:
        self.shared = shared
        shared.chmod(0o755)
        self._folder = shared / "rig"
        self._folder.mkdir()
        self._clock = Clock(self._folder, *clock) if clock else None
        self._log = (self._folder / "boot.log").open("wb")
        self._disk = self._mounted()
        try:
            self._boot()
        except BaseException:
            self.stop()
            raise

    def _mounted(self) -> subprocess.Popen[bytes]:
        """The disk: a process in whose mount namespace it is. It ends with its input, and so with us."""
        (self._folder / "disk").mkdir()
        line = 'mount -t tmpfs -o mode=755 disk "$0" && echo mounted && exec cat'
        disk = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", line, str(self._folder / "disk")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            process_group=0,  # a runner in this process takes children in sessions of their own for attempts
        )
        assert disk.stdout
        assert disk.stdout.readline() == b"mounted\n", f"no disk can be mounted: {self._said()}"
        return disk

    def _boot(self) -> None:
        binds = {str(self.shared), str(REPOSITORY), sys.prefix, sys.base_prefix}
        rig = {"RIG": str(self._folder), "SHARED": str(self.shared), "BINDS": "\n".join(sorted(binds))}
        on_the_disk = ("setpriv", "--pdeathsig", "KILL", "nsenter", "--mount", "--target", str(self._disk.pid))
        self._process = subprocess.Popen(
            [*on_the_disk, "unshare", "--fork", "--kill-child", *_NAMESPACES, "--propagation", "private", str(BOOT)],
            env=_ENVIRONMENT | rig,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            process_group=0,  # a runner in this process takes children in sessions of their own for attempts
        )
        limit = time.monotonic() + _BOOT_LIMIT_S
        while not (self.is_up() and self._is_booted()):
            assert self._process.poll() is None, f"systemd did not boot: {self._said()}"
            assert time.monotonic() < limit, f"systemd did not boot within {_BOOT_LIMIT_S:g} s: {self._said()}"
            time.sleep(0.05)

    def _said(self) -> str:
        return (self._folder / "boot.log").read_text(errors="replace")

    def _is_booted(self) -> bool:
        units = ("rig.target", f"user@{TESTER}.service")
        return self.run("systemctl", "is-active", *units).stdout.split() == ["active", "active"]

    def is_up(self) -> bool:
        """Whether its systemd answers."""
        return bool(self._leader) and self.path("/run/systemd/private").exists()

    def path(self, inside: str) -> Path:
        """Where we see a file of the machine, until it boots anew."""
        return Path(f"/proc/{self._leader}/root{inside}")

    @property
    def clock(self) -> Clock:
        """The clock of a machine that has been given one."""
        assert self._clock, "the machine has no clock of its own"
        return self._clock

    @property
    def _leader(self) -> str:
        path = self._folder / "leader"
        return path.read_text().strip() if path.exists() else ""

    def run(self, *argv: str, timeout_s: float = 30.0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it as root, outside of every unit."""
        enter = ("nsenter", "--target", self._leader, "--cgroup", "--root", *_NAMESPACES, "env", "--chdir=/")
        return subprocess.run(
            [*enter, *argv],
            env=_ENVIRONMENT | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def as_user(self, *argv: str, timeout_s: float = 30.0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command as `tester`, with what a login would tell him about his manager."""
        runtime = f"/run/user/{TESTER}"
        told = {"HOME": HOME, "USER": "tester", "LOGNAME": "tester", "SHELL": "/bin/bash", "XDG_RUNTIME_DIR": runtime}
        told |= {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus"}
        becoming = ("setpriv", f"--reuid={TESTER}", f"--regid={TESTER}", "--init-groups", "--")
        return self.run(*becoming, *argv, timeout_s=timeout_s, **told | environment)

    def reboot(self, off_s: float = 0.0) -> None:
        """Shut it down and boot it anew, by its own clock `off_s` seconds later."""
        _signal(int(self._leader), _POWER_OFF)
        self._end()
        if self._clock:
            self._clock.advance(off_s)
        self._boot()

    def stop(self) -> None:
        """End it and everything in it."""
        self._end(within_s=0)
        self._disk.communicate()
        self._log.close()

    def _end(self, within_s: float = _STOP_LIMIT_S) -> None:
        """Wait for its end, kill what is left of it, and remove its control groups."""
        if not until(lambda: self._process.poll() is not None, within_s) and self._leader:
            _signal(int(self._leader), signal.SIGKILL)
        self._process.kill()
        self._process.wait(_STOP_LIMIT_S)
        groups = self._folder / "groups"
        for line in groups.read_text().splitlines() if groups.exists() else ():
            _remove(line.partition(" ")[2])
        for name in ("groups", "leader"):
            (self._folder / name).unlink(missing_ok=True)


def until(holds: Callable[[], bool], limit_s: float) -> bool:
    """Wait until it holds; False when it does not within so many real seconds."""
    limit = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() >= limit:
            return False
        time.sleep(0.02)
    return True


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _remove(group: str) -> None:
    # The namespace's processes have been killed with its process 1, and leave their groups a moment later.
    limit = time.monotonic() + _STOP_LIMIT_S
    while Path(group).exists() and time.monotonic() < limit:
        for path, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(path)
            except OSError:
                time.sleep(0.01)
