"""How often a run has its state put on the disk, counted by strace in runs that are not timed."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import tools
from benchmarks.results import Options, Part, part
from benchmarks.running import WORKLOADS
from benchmarks.timing import once

COUNTED = ("W2", "W3", "W4")
CALLS = ("fdatasync(", "fsync(")


def count(root: Path, options: Options) -> Part:
    """Count for some workloads; `missing` where there is no strace."""
    strace = shutil.which("strace")
    if strace is None:
        return part([], {}, {}, {}, {"strace": "strace is not on PATH"})
    return part([], {}, {name: _count(strace, name, root / "syncs" / name) for name in COUNTED}, {}, {})


def _count(strace: str, name: str, folder: Path) -> dict[str, int]:
    work = WORKLOADS[name].work
    ours = tools.run_ours(work, folder)
    once(ours)  # makes the store
    traced = (strace, "-f", "-qq", "--seccomp-bpf", "-e", "trace=fdatasync,fsync", "-o", "trace", *ours.argv)
    once(ours._replace(argv=traced))
    lines = (folder / "trace").read_text(encoding="utf-8", errors="replace").splitlines()
    return {"tasks": len(work.graph), "syncs": sum(any(call in line for call in CALLS) for line in lines)}
