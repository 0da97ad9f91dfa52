"""W16: independent no-op tasks on Slurm, by `run` and by `sbatch --array`, on a cluster of nodes on this machine.

Needs Slurm's packages and root; where they are missing, it is not measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import tools
from benchmarks.graphs import NO_OP, Work, independent
from benchmarks.results import Options, Part, part
from benchmarks.timing import Case, measure

sys.path.append(str(Path(__file__).parent.parent / "tests"))

ROUNDS = 5
TASKS = 500
NODES, CPUS = 3, 4
#: By hand, with a log for each task. It has ended when none of its tasks is in the queue any more.
ARRAY = """\
job=$(sbatch --parsable --array=0-$(($1 - 1)) --output="$LOGS/%a.log" --chdir=/ --wrap "$2") || exit
while [ -n "$(squeue --noheader --jobs="$job" 2>/dev/null)" ]; do sleep 0.05; done
"""


def compare(root: Path, options: Options) -> Part:
    """Measure both, one after the other in each round."""
    try:
        from support.slurm import cluster
    except ImportError as error:
        return part([], {}, {}, {}, {"slurm": f"slurm: {error}"})
    if missing := _missing():
        return part([], {}, {}, {}, {"slurm": missing})
    (root / "slurm").mkdir()
    with cluster(root / "slurm", NODES, CPUS, "") as machines:
        time.sleep(4.0)  # until a new controller starts jobs for the first time
        own = (("SLURM_CONF", machines.environ["SLURM_CONF"]),)
        (root / "array").mkdir()
        argv = ("sh", "-c", ARRAY, "sh", str(TASKS), NO_OP)
        by_hand = Case("array", "`sbatch --array`", argv, root / "array", TASKS, environ=own)
        ours = tools.run_ours(Work(independent(TASKS), 2), root / "ours", "**`run --on slurm`**")
        ours = ours._replace(argv=(*ours.argv, "--on", "slurm"), environ=(*ours.environ, *own))
        cases = [by_hand, ours]
        figures = measure(cases, options.most(ROUNDS))
        version = machines.run("sbatch", "--version").split()[-1]
    each = {case.name: figures[case.name].wall_s / TASKS * 1e3 for case in cases}
    return part(cases, figures, {"tasks": TASKS, "nodes": NODES, "cpus": CPUS, "each_ms": each}, {"Slurm": version}, {})


def _missing() -> str:
    if os.geteuid() != 0:
        return "slurm needs root"
    found = subprocess.run(("sh", "-c", "command -v slurmctld slurmd munged setpriv unshare"), capture_output=True)
    return "" if found.returncode == 0 else "slurm is not installed"
