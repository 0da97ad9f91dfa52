"""The engine `slurm`: what a remote runner asks of it, by sbatch, squeue and scancel."""

from __future__ import annotations

import os
import re

from tetra_orchestrator.adapters.runner.remote.folder import PLACE
from tetra_orchestrator.adapters.runner.slurm.command import MISSING
from tetra_orchestrator.adapters.runner.slurm.jobs import batches, cpus, options, script
from tetra_orchestrator.adapters.runner.slurm.refusals import at_limit, missing, passes, refusal, too_wide

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from tetra_orchestrator.adapters.runner.remote.engine import Job
    from tetra_orchestrator.adapters.runner.slurm.command import Answer, Commands
    from tetra_orchestrator.core.outcome import SpawnFailed
    from tetra_orchestrator.core.runners import Remote

#: The file in a job's folder with the arrays it was made a part of, a line each: NAME INDEX. `squeue` tells of an
#: array's tasks by their array's name, and whoever asks may not be who has submitted it. Where the worker of another
#: part has done it, that part is there, too.
PART = PLACE
#: The states of jobs that may run yet or still. Those of others are kept for a while after their end.
_ALIVE = "PENDING,CONFIGURING,RUNNING,SUSPENDED,STOPPED,SIGNALING,STAGE_OUT,RESIZING,COMPLETING,REQUEUED,REQUEUE_HOLD"
_ROW = re.compile(r"(\d+(?:_\d+)?) (N/A|\d+) (.*)")
_ID = re.compile(r"(\d+)(;.*)?\n?")
_LARGEST_ARRAY = re.compile(r"^MaxArraySize\s*= (\d+)$", re.MULTILINE)
#: However large the cluster's arrays may be: every task of one is sent the whole script.
_MOST = 1000
#: So many jobs are named in one command.
_NAMED = 500


class Slurm:
    """The jobs of one runner, whose folders are in `folder`."""

    def __init__(self, remote: Remote, folder: str, commands: Commands) -> None:
        self._remote = remote
        self._folder = folder
        self._commands = commands
        self._largest_array: int | None = None
        self._widest: int | None = None

    def submit(self, jobs: Sequence[Job]) -> list[str | SpawnFailed | None]:
        """Hand the jobs over; those that want the same as an array. One that gets no answer is the last for now."""
        answers: dict[str, str | SpawnFailed | None] = dict.fromkeys((job.token for job in jobs), None)
        for group in batches(jobs, self._most(len(jobs))):
            answered = self._submit(group)
            answers.update(zip([job.token for job in group], answered, strict=True))
            if None in answered:
                break
        return [answers[job.token] for job in jobs]

    def known(self, tokens: Collection[str]) -> set[str] | None:
        """Those of the tokens whose jobs wait or run, None where Slurm does not tell."""
        queued = self._queued()
        return None if queued is None else {token for token in tokens if any(self._ids(token, queued))}

    def forget(self, tokens: Collection[str]) -> None:
        """scancel of tasks of our arrays that wait although the worker of another has done their jobs, as the places of
        those tell; should one start meanwhile, it finds nothing to do. Where there is none, Slurm is not asked.

        Not by scancel's own `--state`, for which Slurm 22.05 takes all of an array that waits.
        """
        elsewhere = [parts for token in tokens if len(parts := self._parts(token)) > 1]
        if elsewhere and (queued := self._queued("PENDING")):
            places = dict.fromkeys(place for parts in elsewhere for place in parts)
            self._scancel([id for place in places for id in queued.get(place, ())])

    def cancel(self, tokens: Collection[str]) -> None:
        """scancel: TERM, and KILL after Slurm's KillWait."""
        queued = self._queued() or {}
        self._scancel([id for token in tokens for id in self._ids(token, queued)])

    def _scancel(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), _NAMED):
            self._commands.run("scancel", "--quiet", *ids[start : start + _NAMED])

    def _submit(self, group: Sequence[Job]) -> Sequence[str | SpawnFailed | None]:
        if refused := self._too_wide(group[0]):
            return [refused] * len(group)
        try:
            self._note_parts(group)
        except OSError:
            return [None] * len(group)  # the storage takes nothing for the moment
        answer = self._commands.run("sbatch", *options(self._remote, group), script=script(group))
        if len(group) > 1 and answer.code and at_limit(answer.error):
            # Slurm takes all of an array or nothing: there may be room for some of it
            some = self._submit(group[: len(group) // 2])
            return [*some, *[None] * (len(group) - len(some))]
        whole = _answered(answer)
        if not isinstance(whole, str) or len(group) == 1:
            return [whole] * len(group)
        return [f"{whole}_{index}" for index in range(len(group))]

    def _note_parts(self, group: Sequence[Job]) -> None:
        for index, job in enumerate(group if len(group) > 1 else ()):
            with open(f"{job.folder}/{PART}", "a", encoding="ascii") as file:
                file.write(f"{group[0].token} {index}\n")

    def _too_wide(self, job: Job) -> SpawnFailed | None:
        wanted, most = cpus(job), None
        if wanted is not None:
            most = self._processors()
        return too_wide(wanted, most, self._remote.partition) if wanted and most and wanted > most else None

    def _processors(self) -> int:
        """Those of the largest node; 0 where Slurm does not tell."""
        if self._widest is None:
            where = [f"--partition={self._remote.partition}"] if self._remote.partition else []
            answer = self._commands.run("sinfo", "--Node", "--noheader", "--format=%c", *where)
            self._widest = max((int(word) for word in answer.out.split() if word.isdecimal()), default=0)
        return self._widest

    def _most(self, jobs: int) -> int:
        """How many jobs an array may have; one, where the cluster has no arrays or does not tell."""
        if jobs > 1 and self._largest_array is None:
            found = _LARGEST_ARRAY.search(self._commands.run("scontrol", "show", "config").out)
            self._largest_array = int(found[1]) if found else None
        return max(1, min(_MOST, self._largest_array or 1))

    def _queued(self, states: str = _ALIVE) -> dict[tuple[str, str], list[str]] | None:
        """The ids of all jobs of this user in those states, by name and index in their array."""
        shown = ("--noheader", "--array", f"--user={os.getuid()}", f"--states={states}", "--format=%i %K %j")
        answer = self._commands.run("squeue", *shown)
        if answer.code != 0:
            return None
        found: dict[tuple[str, str], list[str]] = {}
        for row in filter(None, map(_ROW.fullmatch, answer.out.splitlines())):
            found.setdefault((row[3], row[2]), []).append(row[1])
        return found

    def _ids(self, token: str, queued: dict[tuple[str, str], list[str]]) -> Iterator[str]:
        for place in ((token, "N/A"), *self._parts(token)):
            yield from queued.get(place, ())

    def _parts(self, token: str) -> list[tuple[str, str]]:
        try:
            with open(f"{self._folder}/{token}/{PART}", encoding="ascii") as file:
                lines = [line.split() for line in file]
        except OSError:
            return []
        return list(dict.fromkeys((words[0], words[1]) for words in lines if len(words) == 2))


def _answered(answer: Answer) -> str | SpawnFailed | None:
    """What sbatch said: the id of the job, why it will never be taken, or None where that will have passed."""
    if answer.code == 0:
        found = _ID.fullmatch(answer.out)
        return found and found[1]
    if answer.code is None or passes(answer.error):
        return None
    return missing(answer.error) if answer.code == MISSING else refusal(answer.error)
