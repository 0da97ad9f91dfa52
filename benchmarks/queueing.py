"""`python -m benchmarks.queueing`: what Slurm's own commands cost while so many jobs wait, on a node of this machine.

Not among the budgets: it is Slurm that is measured. Needs its packages and root.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

sys.path.append(str(Path(__file__).parent.parent / "tests"))

SUBMIT = ("sbatch", "--parsable", "--hold", "--output=/dev/null", "--mem=1", "--wrap=true")
LOOK = ("squeue", "--noheader", "--array", f"--user={os.getuid()}", "--format=%i %K %j")
ARRAY = 1000


def main() -> None:
    """Submit held jobs, singly and in arrays, and look at the queue as it grows."""
    from support.slurm import cluster

    with tempfile.TemporaryDirectory(prefix="tetra-bench-") as name:
        os.chmod(name, 0o755)
        with cluster(Path(name), nodes=1, cpus=1) as machines:
            print(f"load {os.getloadavg()[0]:.1f}")
            _told("squeue, nothing queued", LOOK, machines.environ, 9)
            _told("sbatch, one job", SUBMIT, machines.environ, 20)
            for arrays in (1, 9):
                _told(f"sbatch, an array of {ARRAY:,}", (*SUBMIT, f"--array=0-{ARRAY - 1}"), machines.environ, arrays)
                queued = len(machines.run(*LOOK).splitlines())
                _told(f"squeue, {queued:,} jobs queued", LOOK, machines.environ, 9)


def _told(label: str, argv: Sequence[str], environ: Mapping[str, str], times: int) -> None:
    """Print the median by the clock."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(argv, env=environ, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    print(f"{label}: {median(taken) * 1e3:,.0f} ms, the median of {times}", flush=True)


if __name__ == "__main__":
    main()
