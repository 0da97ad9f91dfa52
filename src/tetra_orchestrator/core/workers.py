"""The room of a run on several workers of one size, each task of which takes what it needs of a single one."""

from __future__ import annotations

from tetra_orchestrator.core.admission import CPU, GPU, MEMORY, MILLI, PLACES, RUNNER, Room
from tetra_orchestrator.core.model import LOCAL
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tetra_orchestrator.core.admission import Limits, Share
    from tetra_orchestrator.core.model import Task

    #: So much of each thing in `_KINDS`.
    Amounts = tuple[float, ...]

#: What a worker has, the scarcest usually first: of those with room, the one with the least left of the first is taken.
_KINDS = (GPU, CPU, MEMORY, PLACES)
#: Before what a task holds: the number of its worker.
WORKER = "worker"
UNTOLD = float("inf")


class Worker(Record):
    """What one worker has: places for tasks, CPUs, bytes of memory, GPUs. Of what is None, nobody asks."""

    places: int
    cpu: float | None = None
    memory_bytes: int | None = None
    gpu: int | None = None

    @property
    def text(self) -> str:
        """What it has, in words."""
        return listed([*_words(self.cpu, self.memory_bytes, self.gpu), _count(self.places, "place")])

    def times(self, count: int, limits: Limits) -> Limits:
        """The limits of a run on so many of them, as if they were one; `limits` says what holds besides."""
        places = count * self.places
        return limits._replace(
            max_parallel=min(limits.tasks or places, places),
            places=places,
            cpu=count * (self.cpu or 0.0),
            memory_bytes=count * (self.memory_bytes or 0),
            gpu=count * (self.gpu or 0),
            tasks=0,
        )

    def lacks(self, task: Task) -> list[str]:
        """What the task asks for, in words, and even an idle worker does not have."""
        if task.resources is None:
            return []
        cpu, memory_bytes, gpu = task.resources[:3]
        return _words(
            cpu if self.cpu is not None and cpu > self.cpu else None,
            memory_bytes if self.memory_bytes is not None and memory_bytes > self.memory_bytes else None,
            gpu if self.gpu is not None and gpu > self.gpu else None,
        )


class Workers(Room):
    """The room of `count` workers, all of them together as `Room` has it, and no task on two of them.

    The plan says whose turn it is. Its worker is, of those that have room for it, the one with the fewest GPUs free, of
    these the one with the fewest CPUs, then the least memory, then the fewest places: what is large stays whole for
    what is. `placed` has the worker of each task that has started, in the order of their starts.
    """

    def __init__(self, limits: Limits, worker: Worker, count: int):
        super().__init__(worker.times(count, limits))
        sizes = {GPU: worker.gpu, CPU: worker.cpu and round(worker.cpu * MILLI), MEMORY: worker.memory_bytes}
        whole = (*(UNTOLD if (has := sizes[kind]) is None else has for kind in _KINDS[:-1]), worker.places)
        self._at: list[Amounts] = [whole] * count
        self._free: dict[Amounts, dict[int, None]] = {whole: dict.fromkeys(reversed(range(count)))}
        self._wanted_of: dict[tuple[int, Share], Amounts] = {}
        self.placed: list[int] = []

    def fits(self, share: Share, place: int = 1) -> bool:
        """True when one of the workers has all of it free, and the pools have."""
        wanted = self._amounts(place, share)
        return super().fits(share, place) and any(_covers(free, wanted) for free in self._free)

    def take(self, place: int, share: Share) -> Share:
        """Take it of one worker, though it be too much where none has it free; that one is named in what is held."""
        super().take(place, share)
        wanted = self._amounts(place, share)
        free = min((free for free in self._free if _covers(free, wanted)), default=None) or max(self._free)
        number = next(reversed(self._free[free]))
        self._move(number, tuple(has - some for has, some in zip(free, wanted, strict=True)))
        self.placed.append(number)
        return (WORKER, number), *share

    def give_back(self, place: int, share: Share) -> Share:
        """Free what was held; returns it without the worker."""
        (_, number), *rest = share
        share = super().give_back(place, tuple(rest))
        wanted = self._amounts(place, share)
        self._move(number, tuple(has + some for has, some in zip(self._at[number], wanted, strict=True)))
        return share

    def _amounts(self, place: int, share: Share) -> Amounts:
        found = self._wanted_of.get((place, share))
        if found is None:
            wanted = {**dict(share), PLACES: place}
            found = self._wanted_of[place, share] = tuple(wanted.get(kind, 0) for kind in _KINDS)
        return found

    def _move(self, number: int, free: Amounts) -> None:
        """The worker has so much left. Those that have the same are kept together: one of them stands for all."""
        before = self._at[number]
        del self._free[before][number]
        if not self._free[before]:
            del self._free[before]
        self._at[number] = free
        self._free.setdefault(free, {})[number] = None


def on_workers(tasks: Iterable[Task]) -> list[Task]:
    """The tasks as they would be on workers, whichever runners they name."""
    return [
        task
        if task.runner == LOCAL
        else task._replace(runner=LOCAL, pool=tuple(one for one in task.pool if not one[0].startswith(RUNNER)))
        for task in tasks
    ]


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


def _covers(free: Amounts, wanted: Amounts) -> bool:
    return free[0] >= wanted[0] and free[1] >= wanted[1] and free[2] >= wanted[2] and free[3] >= wanted[3]


def _words(cpu: float | None, memory_bytes: int | None, gpu: int | None) -> list[str]:
    told = [] if cpu is None else [_count(cpu, "CPU")]
    told += [] if memory_bytes is None else [f"{size(memory_bytes)} of memory"]
    return told if gpu is None else [*told, _count(gpu, "GPU")]


def _count(number: float, name: str) -> str:
    return f"{number:g} {name}{'' if number == 1 else 's'}" if number else f"no {name}"
