"""Whether a task need not run, as its result is there and what it makes that of is as it was. It changes nothing.

What cannot be told never counts as unchanged.
"""

from __future__ import annotations

from tetra_orchestrator.core.fingerprint import (
    ENDED,
    IGNORED,
    changed,
    not_kept,
    not_succeeded,
    scope,
    too_old,
    unchanged,
)
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.reasons import UNKNOWN_INPUTS
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.engine.materials import materials
from tetra_orchestrator.errors import TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping, Sequence

    from tetra_orchestrator.core.history import Result, TaskRun
    from tetra_orchestrator.core.model import Json, Task
    from tetra_orchestrator.engine.attempt import Context, Known
    from tetra_orchestrator.engine.materials import InputFiles, Materials
    from tetra_orchestrator.ports import Clock, Store


class Answer(Record):
    """What was found of a task: with `outputs` it is unchanged, and they are those of then; else it has to run."""

    task_id: str
    reason: Reason
    outputs: Mapping[str, Json] | None = None


class Looked(Record):
    """The answer, what the task makes its result of (None where that cannot be told), and what results there are."""

    answer: Answer
    made_of: Materials | None
    before: Sequence[Result]


class Looker:
    """Looks at tasks. Results of those in `ignored` do not count."""

    def __init__(self, context: Context, store: Store, files: InputFiles, clock: Clock, ignored: Collection[str] = ()):
        self._context = context
        self._store = store
        self._files = files
        self._clock = clock
        self._ignored = ignored
        self._scope = scope(context.run.partition)

    def look(self, task: Task, known: Known) -> Generator[None, None, Looked]:
        """Reads the files in steps; `known` is what references may name. Raises `StoreError` where the store fails."""
        before = self.kept(task.id)
        try:
            made_of = yield from materials(task, self._context, known, self._files)
        except TetraError as fault:
            text = printable(f"{fault.where} {fault.message}" if fault.where else fault.message)
            return Looked(Answer(task.id, Reason(UNKNOWN_INPUTS, f"{text}: no result is kept")), None, before)
        return Looked(self._judge(task, self.key(made_of), before), made_of, before)

    def kept(self, task_id: str) -> list[Result]:
        """The results of the task that are for the same range of dates, newest first."""
        return [one for one in self._store.results.all(task_id) if one.key.startswith(self._scope)]

    def key(self, made_of: Materials) -> str:
        """The key of the result that is made of that."""
        return f"{self._scope}{made_of.whole()}"

    def _overwritten(self, kept: Result, last: TaskRun | None) -> Reason | None:
        """Why the result does not count where the task has run again since for the same dates, without one; or None."""
        if last is None or last.run_id == kept.run_id:
            return None
        run = self._store.run(last.run_id)
        return not_kept(last) if run is not None and scope(run.partition) == self._scope else None

    def _judge(self, task: Task, key: str, before: Sequence[Result]) -> Answer:
        assert task.cache is not None
        kept = next((one for one in before if one.key == key), None)
        if task.id in self._ignored:
            return Answer(task.id, IGNORED)
        if kept is None:
            return Answer(task.id, changed(before[0] if before else None))
        last = self._store.latest(task.pipeline, task.id, ENDED, self._context.run.partition)
        reason = not_succeeded(last) or too_old(kept, self._clock.now(), task.cache.max_age_s)
        reason = reason or self._overwritten(kept, last)
        return Answer(task.id, reason) if reason else Answer(task.id, unchanged(kept), kept.outputs)
