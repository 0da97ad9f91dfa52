"""Looks at tasks before they start, and keeps the results of those that ran.

A task that runs first loses its result of before: if it is interrupted half-way, what it has left behind is neither
that nor a new one.
"""

from __future__ import annotations

from contextlib import suppress

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.fingerprint import MOST
from tetra_orchestrator.core.history import Result
from tetra_orchestrator.errors import CannotWrite, StoreError, TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from tetra_orchestrator.core.model import Json, Task
    from tetra_orchestrator.engine.attempt import Context, Known
    from tetra_orchestrator.engine.looking import Answer, Looker
    from tetra_orchestrator.engine.materials import InputFiles, Materials
    from tetra_orchestrator.ports import Clock, Store

    Job = Generator[None, None, None]

#: Seconds for which files are read before the run's tasks are seen to again.
SLICE_S = 0.05
_OVER = object()


class Keeper:
    """What is to be found out and kept in one run. Files are read in slices: `work` goes on while it is `busy`."""

    def __init__(self, looker: Looker, context: Context, store: Store, files: InputFiles, clock: Clock):
        self._looker = looker
        self._context = context
        self._results = store.results
        self._files = files
        self._clock = clock
        self._made_of: dict[str, Materials] = {}
        self._jobs: list[Job] = []
        self._answers: list[Answer] = []

    @property
    def busy(self) -> bool:
        """Whether there is something left to do."""
        return bool(self._jobs)

    def look(self, task: Task, known: Known) -> None:
        """Find out whether the task has to run; `known` is what references may name."""
        self._jobs.append(self._look(task, known))

    def keep(self, task_id: str, outputs: Mapping[str, Json]) -> None:
        """Keep what the task, which has succeeded, handed on, if what it was made of has not changed meanwhile."""
        made_of = self._made_of.pop(task_id, None)
        if made_of is not None and self._context.kept(outputs) == outputs:  # a masked secret is of no use to anybody
            self._jobs.append(self._keep(task_id, made_of, outputs))

    def work(self) -> list[Answer]:
        """Go on for a moment; returns what has been found out meanwhile. Raises `StoreError` where the store fails."""
        until = self._clock.monotonic() + SLICE_S
        while self._jobs:
            if next(self._jobs[0], _OVER) is _OVER:
                self._jobs.pop(0)
            if self._clock.monotonic() >= until:
                break
        answers, self._answers = self._answers, []
        return answers

    def drop(self) -> None:
        """Leave what is left to do."""
        self._jobs.clear()

    def _look(self, task: Task, known: Known) -> Job:
        answer, made_of, before = yield from self._looker.look(task, known)
        if made_of is not None:
            self._made_of[task.id] = made_of
        if answer.outputs is None:
            self._forget(before)
        self._answers.append(answer)

    def _keep(self, task_id: str, made_of: Materials, outputs: Mapping[str, Json]) -> Job:
        try:
            files = yield from self._files.hashes(made_of.patterns, made_of.own)
        except TetraError:
            return  # an input is gone: it has changed
        if files != made_of.files:
            return
        key, run_id = self._looker.key(made_of), self._context.run.run_id
        with suppress(StoreError, CannotWrite):  # the task has succeeded all the same; next time it runs again
            self._forget([one for one in self._looker.kept(task_id) if one.key != key])
            failpoints.hit("result.keep")
            self._results.put(Result(task_id, key, run_id, self._clock.now(), outputs), MOST)
            failpoints.hit("result.keep.commit")

    def _forget(self, results: Iterable[Result]) -> None:
        for one in results:
            failpoints.hit("result.drop")
            self._results.clear(one.task_id, one.key)
            failpoints.hit("result.drop.commit")
