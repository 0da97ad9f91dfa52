"""A real systemd for tests: process 1 of its own namespaces, on a copy of this system's files, gone when it stops."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

BOOT = Path(__file__).with_name("boot.sh")
REPOSITORY = BOOT.parent.parent.parent
_NEEDED = ("unshare", "nsenter", "setpriv", "findmnt", "systemctl", "busctl")
_NAMESPACES = ("--pid", "--mount", "--ipc", "--uts", "--net")
_BOOT_LIMIT_S, _STOP_LIMIT_S = 30.0, 10.0
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def obstacle() -> str | None:
    """Why no rig can be had here; None when one can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a rig needs Linux and root"
    missing = [name for name in _NEEDED if not shutil.which(name)]
    if not Path("/lib/systemd/systemd").exists():
        missing.append("systemd")
    return f"a rig needs {', '.join(missing)}" if missing else None


class Machine:
    """One booted systemd. `shared` is a folder that it and we see under the same path, as the project and the
    interpreter are; everything else that is written in it vanishes with it."""

    def __init__(self, shared: Path) -> None:
        self.shared = shared
        self._folder = shared / "rig"
        self._folder.mkdir()
        binds = {str(shared), str(REPOSITORY), sys.prefix, sys.base_prefix}
        self._log = (self._folder / "boot.log").open("wb")
        self._process = subprocess.Popen(
            ["unshare", "--fork", "--kill-child", *_NAMESPACES, "--propagation", "private", str(BOOT)],
            env=_ENVIRONMENT | {"RIG": str(self._folder), "SHARED": str(shared), "BINDS": "\n".join(sorted(binds))},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            self._await_boot()
        except BaseException:
            self.stop()
            raise

    def _await_boot(self) -> None:
        limit = time.monotonic() + _BOOT_LIMIT_S
        while not (self.is_up() and "rig.target" in self.run("systemctl", "list-units", "--state=active").stdout):
            said = (self._folder / "boot.log").read_text(errors="replace")
            assert self._process.poll() is None, f"systemd did not boot: {said}"
            assert time.monotonic() < limit, f"systemd did not boot within {_BOOT_LIMIT_S:g} s: {said}"
            time.sleep(0.1)

    def is_up(self) -> bool:
        """Whether its systemd answers."""
        return bool(self._leader) and Path(f"/proc/{self._leader}/root/run/systemd/private").exists()

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

    def stop(self) -> None:
        """End it and everything in it, and remove its control groups."""
        if self._leader:
            _signal(int(self._leader), signal.SIGKILL)
        self._process.kill()
        self._process.wait(_STOP_LIMIT_S)
        self._log.close()
        groups = self._folder / "groups"
        for line in groups.read_text().splitlines() if groups.exists() else ():
            _remove(line.partition(" ")[2])


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
