"""Clocks that go wrong for one site alone: the wall clock through libfaketime, the one of the boot in a namespace."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from support.components import require, require_root


class WallClock:
    """The wall clock of all that a site starts from now on; it can be set while they run. Other clocks stay right.

    Programs that sleep until an instant, as Python's `time.sleep` does, cannot do so under libfaketime.
    """

    def __init__(self, path):
        self._file = path
        self.shift(timedelta(0))

    def shift(self, span):
        """Have it show that much more than it is, or less."""
        self._write(f"{span.total_seconds():+f}")

    def set(self, when):
        """Have it show that instant now, and go on from there."""
        self.shift(when - datetime.now(UTC))

    def stop(self, local):
        """Have it stand still at that local time, such as `2016-12-31 23:59:60`."""
        self._write(local)

    def _write(self, text):
        new = self._file.with_suffix(".new")
        new.write_text(text)
        new.replace(self._file)


@contextmanager
def wall_clock(site):
    """A `WallClock` of the site, as long as the context lasts."""
    file = site.root.parent / "clock"
    clock = WallClock(file)
    # It makes what all have in common, and removes it when it ends; without it each process would leave its own behind.
    argv = (require("faketime"), "-f", "+0", "/bin/sh", "-c", "printenv LD_PRELOAD FAKETIME_SHARED; exec cat")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        site.env |= {
            "LD_PRELOAD": holder.stdout.readline().strip(),
            "FAKETIME_SHARED": holder.stdout.readline().strip(),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        yield clock


#: Becomes our command. When a task called `lid` starts, it enters the time namespace of the process it is told of.
SUSPENDED = """
import ctypes, os, runpy, sys
pid, *sys.argv[1:] = sys.argv[1:]
namespace = os.open(f"/proc/{pid}/ns/time_for_children", os.O_RDONLY)

def suspend(event, args):
    if event == "os.posix_spawn" and args[2].get("TETRA_TASK") == "lid":
        assert ctypes.CDLL(None).setns(namespace, 0x80) == 0

sys.addaudithook(suspend)
runpy.run_module("tetra_orchestrator", run_name="__main__", alter_sys=True)
"""


@contextmanager
def later_boottime(seconds):
    """The pid of a process in whose time namespace so much more has passed since the boot: time_namespaces(7).

    For who enters it CLOCK_BOOTTIME jumps and CLOCK_MONOTONIC does not, as when a machine was suspended.
    """
    require_root()
    argv = (require("unshare"), "--time", "--boottime", str(seconds), "/bin/sh", "-c", "echo; exec sleep 120")
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as holder:
        try:
            holder.stdout.readline()
            yield holder.pid
        finally:
            holder.kill()
