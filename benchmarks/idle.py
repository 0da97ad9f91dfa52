"""W8: what stays alive between runs, looked for among all processes; during a run the same look must find some."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import psutil

from benchmarks import tools
from benchmarks.graphs import Work
from benchmarks.results import Options, Part, part
from benchmarks.timing import environment

WAIT_S = 20.0


def look(root: Path, options: Options) -> Part:
    """Run a task that takes a while, and count who has to do with its folder: during the run, and behind it."""
    ours = tools.run_ours(Work(((),), 1, (1.0,)), root / "W8")
    before = holders(ours.folder)
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(ours.argv, cwd=ours.folder, env=environment(), stdout=quiet, stderr=quiet)
    during = _at_work(ours.folder, process)
    assert process.wait() == 0, process.returncode
    after = holders(ours.folder)
    facts = {"processes_before": len(before), "processes_during": during, "processes": len(after), "who": after}
    return part([], {}, facts, {}, {})


def holders(folder: Path) -> list[str]:
    """The processes, other than this one, that work in the folder, name it, or have a file in it open."""
    prefix = os.path.realpath(folder)
    return [
        f"{one.pid} {one.name()}" for one in psutil.process_iter() if one.pid != os.getpid() and _holds(one, prefix)
    ]


def _holds(process: psutil.Process, prefix: str) -> bool:
    try:
        names = [process.cwd(), *process.cmdline(), *process.environ().values()]
        names += [file.path for file in process.open_files()]
    except (psutil.Error, OSError):
        return False  # gone, or somebody else's
    return any(name.startswith(prefix) for name in names)


def _at_work(folder: Path, process: subprocess.Popen[bytes]) -> int:
    """The most that were seen until the task was among them: our process, and the task's."""
    until = time.monotonic() + WAIT_S
    most = 0
    while most < 2 and process.poll() is None and time.monotonic() < until:
        most = max(most, len(holders(folder)))
    return most
