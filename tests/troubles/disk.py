"""A small disk of its own at a folder, in a mount namespace that ends with the test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

from faults.disks import fill
from faults.stand import TETRA, Stand
from support.components import missing, require, require_root

#: What they keep in memory goes with them, too.
_HOLD = """
mount -t tmpfs -o "mode=0700,size=$1" tetra-test "$0" && mount -t tmpfs -o mode=1777 tetra-test /dev/shm &&
echo mounted && exec cat
"""


class SmallDisk:
    """A tmpfs at `folder` that only those see whom `tetra` starts, and `seen` from without."""

    def __init__(self, site: Stand, folder: Path, pid: int):
        self._site, self._pid = site, pid
        self.seen = Path(f"/proc/{pid}/root{folder}")
        #: What is kept in memory by those.
        self.memory = Path(f"/proc/{pid}/root/dev/shm")

    def tetra(self, *argv: str, **environment: str) -> CompletedProcess[str]:
        """One of our commands, finished, in the project's folder."""
        enter = (require("nsenter"), "--mount", "--target", str(self._pid), "env", "-C", str(self._site.root))
        return self._site.command(*enter, *TETRA, *argv, env=self._site.env | environment)

    @property
    def free(self) -> float:
        """The share of it that is free."""
        found = os.statvfs(self.seen)
        return found.f_bavail / found.f_blocks

    def fill(self, left: int = 0) -> None:
        """Write into it until so many bytes are free, or none."""
        if not left:
            fill(self.seen)
            return
        found = os.statvfs(self.seen)
        (self.seen / "ballast").write_bytes(bytes(found.f_bavail * found.f_frsize - left))

    def clear(self) -> None:
        """Remove what filled it."""
        (self.seen / "ballast").unlink()


@contextmanager
def small_disk(site: Stand, name: str, size: str) -> Iterator[SmallDisk]:
    """A `SmallDisk` of that size (as tmpfs(5) has it) at a folder of the site."""
    require_root()
    folder = site.root / name
    folder.mkdir(mode=0o700)
    argv = (require("unshare"), "--mount", "--propagation", "private", "sh", "-c", _HOLD, str(folder), size)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stderr
        if holder.stdout.readline() != b"mounted\n":
            missing(f"needs to mount a tmpfs: {holder.stderr.read().decode().strip()}")
        yield SmallDisk(site, folder, holder.pid)
