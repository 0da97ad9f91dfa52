"""What sbatch is given for our jobs: options, and a script that becomes our worker."""

from __future__ import annotations

import math
from os.path import dirname
from shlex import quote

from tetra_orchestrator.adapters.runner.remote.folder import REQUEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.adapters.runner.remote.engine import Job
    from tetra_orchestrator.core.runners import Remote

_MB = 1024**2
#: The file in a job's folder for what Slurm, and a worker that cannot start, have to say.
LOG = "engine.log"


def batches(jobs: Sequence[Job], most: int) -> list[list[Job]]:
    """The jobs in groups of at most `most` that want the same, in the order of each group's first."""
    alike: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        alike.setdefault(wants(job), []).append(job)
    return [group[start : start + most] for group in alike.values() for start in range(0, len(group), most)]


def cpus(job: Job) -> int | None:
    """Whole processors."""
    return None if job.cpu is None else max(1, math.ceil(job.cpu))


def wants(job: Job) -> tuple[str, ...]:
    """What the job needs, as options; Slurm counts whole processors, MB and minutes."""
    found = []
    if job.cpu is not None:
        found.append(f"--cpus-per-task={cpus(job)}")
    if job.memory_bytes is not None:
        found.append(f"--mem={max(1, math.ceil(job.memory_bytes / _MB))}M")
    if job.gpu:
        found.append(f"--gres=gpu:{job.gpu}")
    if job.time_limit_s is not None:
        found.append(f"--time={max(1, math.ceil(job.time_limit_s / 60))}")
    return tuple(found)


def options(remote: Remote, group: Sequence[Job]) -> tuple[str, ...]:
    """The arguments of sbatch for the group: a job of its own, or an array that is called like its first.

    What the runner's `options` say comes before what the task wants, as the last one holds. Our own environment is
    clean and small, so it is the jobs'; without one, Slurm would start a login shell for each. Slurm never starts a job
    a second time by itself: that would find the attempt claimed and do nothing.
    """
    named = (("partition", remote.partition), ("account", remote.account), ("qos", remote.qos))
    first = group[0]
    return (
        *("--parsable", "--export=ALL", "--no-requeue", "--open-mode=append", "--chdir=/", "--input=/dev/null"),
        *(f"--{name}={value}" for name, value in named if value is not None),
        *remote.options,
        *wants(first),
        f"--job-name={first.token}",
        f"--comment={first.title}",
        *(
            # an array has one such option, and folders of its jobs go when their attempts have ended
            (f"--array=0-{len(group) - 1}", "--output=/dev/null")
            if len(group) > 1
            else (f"--output={first.folder.replace('%', '%%')}/{LOG}",)
        ),
    )


def script(group: Sequence[Job]) -> str:
    """The batch script: it becomes the worker, so that Slurm's signals reach that.

    A task of an array whose job has been done by the worker of another one ends without starting an interpreter.
    """
    argv, folder = _words(group[0].argv[:-1]), group[0].argv[-1]
    if len(group) == 1:
        return f"#!/bin/sh\nexec {argv} {quote(folder)}\n"
    lines = [
        "#!/bin/sh",
        f"jobs={quote(dirname(folder))}",
        f"set -- {_words([job.token for job in group])}",
        "shift $SLURM_ARRAY_TASK_ID",
        "job=$jobs/$1; shift",
        f'[ -d "$jobs" ] && [ ! -e "$job/{REQUEST}" ] && exit',
        f'exec {argv} "$job" "$@" >>"$job/{LOG}" 2>&1',
    ]
    return "\n".join([*lines, ""])


def _words(argv: Sequence[str]) -> str:
    return " ".join(map(quote, argv))
