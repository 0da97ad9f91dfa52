"""How long a run would take on so many workers, what bounds it there, and how many of them are enough."""

from __future__ import annotations

from math import ceil

from tetra_orchestrator.core.admission import CPU, GPU, MEMORY, PLACES
from tetra_orchestrator.core.forecast import end_of, spans
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.what_if import bounds, highest, shared
from tetra_orchestrator.core.workers import Workers, on_workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tetra_orchestrator.core.admission import Limits
    from tetra_orchestrator.core.forecast import Span
    from tetra_orchestrator.core.model import Reason, Task
    from tetra_orchestrator.core.workers import Worker

#: What workers have.
OWN = (PLACES, CPU, MEMORY, GPU)
#: A run that is slower by no more than this share has workers enough.
LITTLE = 0.05
#: More workers than anybody is asked about.
MOST = 10_000


class Scaled(Record):
    """A run on `workers`: it takes `finish_s` seconds, and no order of its tasks there takes less than `least_s`.

    `used` (0 to 1) is how much of its workers' places, CPUs, memory and GPUs it uses while it lasts, where it asks.
    """

    workers: int
    finish_s: float
    least_s: float
    used: Mapping[str, float]
    bottleneck: Reason

    @property
    def worker_s(self) -> float:
        """Seconds of all workers, idle ones included."""
        return self.workers * self.finish_s


class Enough(Record):
    """The run takes `best_s` on any number of workers, and `finish_s`, little more, on so few."""

    workers: int
    finish_s: float
    best_s: float


class Fleet:
    """A run on workers of one size, of which there may be more or fewer.

    `seconds` is what each task takes. `limits` says what holds wherever it runs: pools, barriers, `tasks` at a time.
    The `skipped` ones are left out, with what depends on them.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        limits: Limits,
        seconds: Mapping[str, float],
        worker: Worker,
        skipped: Collection[str] = (),
    ):
        self._tasks = on_workers(tasks)
        self._limits = limits
        self._seconds = seconds
        self._worker = worker
        self._skipped = skipped

    def too_large(self) -> dict[str, list[str]]:
        """The tasks that fit on no worker, each with what it asks for beyond that."""
        asked = [(task.id, self._worker.lacks(task)) for task in self._tasks if task.id not in self._skipped]
        return {name: lacks for name, lacks in asked if lacks}

    def on(self, workers: int) -> Scaled:
        """The run on so many."""
        planned, _ = self._planned(workers)
        finish, of = end_of(planned), self._worker.times(workers, self._limits)
        found = bounds([task for task in self._tasks if task.id in planned], of, self._seconds)
        taken = {name: found[name] / finish if finish else 0.0 for name in OWN if name in found}
        used = {name: share * of.max_parallel / of.places if name == PLACES else share for name, share in taken.items()}
        return Scaled(workers, finish, max(found.values()), used, highest(found, "workers"))

    def enough(self) -> Enough:
        """So few that more make the run hardly shorter. Of several answers, one: fewer may do by chance."""
        planned, room = self._planned(min(len(self._tasks) or 1, MOST))
        best, most = end_of(planned), len(set(room.placed)) or 1
        allowed = best * (1 + LITTLE)
        least, finish = min(most, self._least([task for task in self._tasks if task.id in planned], allowed)), best
        while least < most:
            middle = (least + most) // 2
            took = end_of(self._planned(middle)[0])
            if took <= allowed:
                most, finish = middle, took
            else:
                least = middle + 1
        return Enough(most, finish, best)

    def _least(self, tasks: Sequence[Task], allowed_s: float) -> int:
        """Fewer workers have not as much of everything as the tasks need in so many seconds."""
        needed = shared(tasks, self._worker.times(1, self._limits), self._seconds)
        most = max((needed[name] for name in OWN if name in needed), default=0.0)
        return max(1, ceil(most / allowed_s)) if allowed_s else 1

    def _planned(self, workers: int) -> tuple[dict[str, Span], Workers]:
        room = Workers(self._limits, self._worker, workers)
        limits = self._worker.times(workers, self._limits)
        return spans(self._tasks, limits, self._seconds, self._skipped, room), room
