"""What is free at the moment, beside other runs: places, the weights of pools, what the host declares of itself."""

from __future__ import annotations

from tetra_orchestrator.core.model import LOCAL, Reason
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.model import Task

    Share = tuple[tuple[str, int], ...]

#: No pool can have these names.
PLACES, CPU, MEMORY, GPU = "host.places", "host.cpu", "host.memory", "host.gpu"
#: How the pools of sessions begin, whose workers belong to one run. No user's pool can begin so.
SESSION = "session "
#: How the pools of runners on other machines begin, whose tasks take no place here.
RUNNER = "runner "
#: The tasks of one run on all runners together.
TASKS = f"{SESSION}of all runners"
#: Before a name: so much of it a run waits for. Seconds after which it says so, and from which on it goes first.
WANTED, PATIENCE_S = "wanted ", 1.0
#: CPUs are counted in thousandths, because sums of fractions drift.
MILLI = 1000


class Limits(Record):
    """What may run at the same time: tasks of the run, weights per pool, and what the host gives (0: nothing said).

    `places` are the host's for the tasks of all runs together; pools and the rest of the host are shared with other
    runs, too. After `stop_after` failed tasks nothing more is started; after `timeout_s` seconds everything is ended.
    All tasks together get `max_retries` retries; with `barriers` they start level by level. `tasks` bounds those on all
    runners together, where some run on other machines and the run says how many may (0: nothing said).
    """

    max_parallel: int
    pools: tuple[tuple[str, int], ...] = ()
    cpu: float = 0.0
    memory_bytes: int = 0
    gpu: int = 0
    stop_after: int | None = None
    timeout_s: float | None = None
    max_retries: int | None = None
    barriers: bool = False
    places: int = 0
    tasks: int = 0


class Room:
    """The room of one run beside others.

    A run whose tasks end and start without a pause would leave others no moment to get in. So one that has waited for
    `PATIENCE_S` without getting any says what for, and those that have not waited as long leave that free.
    """

    def __init__(self, limits: Limits):
        self._most = limits.max_parallel
        host = {CPU: round(limits.cpu * MILLI), MEMORY: limits.memory_bytes, GPU: limits.gpu}
        self._host = {name: size for name, size in host.items() if size > 0}
        self._size = {PLACES: limits.places or limits.max_parallel, **dict(limits.pools), **self._host}
        self._all = ((TASKS, 1),) if limits.tasks else ()
        self._size.update((name, limits.tasks) for name, _ in self._all)
        self._batch = [name for name in self._size if name == PLACES or name.startswith(RUNNER)]
        self._taken = dict.fromkeys(self._size, 0)
        self._before = self._taken
        self._left = self._size
        self.alone = True
        self.blind = False
        self._since: dict[str, float] = {}
        self._wanted: dict[str, int] = {}

    def beside(self, others: Mapping[str, int] | None) -> None:
        """From now on other runs take so much. None: nobody knows how much, so there is nothing left."""
        self.blind = others is None
        if self.alone and others == {}:
            return
        others = self._size if others is None else others
        self.alone = not others
        if self.alone:
            self._since, self._wanted = {}, {}
        self._before = self._taken.copy()
        self._left = {name: size - self._elsewhere(name, others) for name, size in self._size.items()}

    def _elsewhere(self, name: str, others: Mapping[str, int]) -> int:
        return others.get(name, 0) + (0 if name in self._wanted else others.get(f"{WANTED}{name}", 0))

    def wait(self, lacking: Mapping[str, int], now: float) -> None:
        """Since the last call of `beside` it has started what it could; for so much it waits for other runs."""
        got = [name for name in lacking if self._taken[name] > self._before[name]]
        self._since = {name: now if name in got else self._since.get(name, now) for name in lacking}
        self._wanted = {name: n for name, n in lacking.items() if now - self._since[name] >= PATIENCE_S}

    def in_use(self) -> dict[str, int]:
        """What this run takes of all that it shares with other runs, and what it has waited long enough for."""
        taken = {name: amount for name, amount in self._taken.items() if amount and not name.startswith(SESSION)}
        return taken | {f"{WANTED}{name}": n for name, n in self._wanted.items()} if self._wanted else taken

    @property
    def sizes(self) -> Mapping[str, int]:
        """What there is of everything, taken or not."""
        return self._size

    @property
    def places(self) -> int:
        """How many more tasks may start; services take no place."""
        return max(min(self._most, self._left[PLACES]) - self._taken[PLACES], 0)

    @property
    def idle(self) -> bool:
        """True when no task of this run takes a place, here or elsewhere."""
        return not any(self._taken[name] for name in self._batch)

    def share(self, task: Task, attempt: int = 1) -> Share:
        """What an attempt of the task takes while it runs: of its pools, and here of what the host declares.

        Of the host it takes no more than there is, so that it does not wait for ever.
        """
        own = task.pool + self._all if self._all and task.service is None else task.pool
        if task.resources is None or not self._host or task.runner != LOCAL:
            return own
        cpu, memory_bytes, gpu = task.resources[:3]
        memory_bytes = grown(memory_bytes, task.resources.grow, attempt, self._host.get(MEMORY, 0))
        wanted = {CPU: round(cpu * MILLI), MEMORY: memory_bytes, GPU: gpu}
        return own + tuple((name, min(wanted[name], size)) for name, size in self._host.items() if wanted[name] > 0)

    def fits(self, share: Share, place: int = 1) -> bool:
        """True when all of it is free, where there are `places`."""
        return all(self._left[name] - self._taken[name] >= amount for name, amount in share) if share else True

    def spares(self, share: Share) -> bool:
        """True when other runs leave as much, whatever this run takes of it."""
        return all(self._left[name] >= amount for name, amount in share)

    def crowded(self, place: int, share: Share) -> dict[str, int]:
        """What of it is not free while other runs take some of it."""
        left, size = self._left, self._size
        wanted = ((PLACES, place), *share) if place else share
        return {name: n for name, n in wanted if left[name] < size[name] and left[name] - self._taken[name] < n}

    def lacking_place(self) -> Reason:
        """Why none of the places is free."""
        others = self._size[PLACES] - self._left[PLACES]
        return Reason("places", f"as many tasks run as may at the same time{_beside(others)}")

    def lacking(self, share: Share) -> Reason | None:
        """What of it is not free, or None."""
        for name, amount in share:
            left, size = self._left[name], self._size[name]
            free = left - self._taken[name]
            if free < amount:
                return _lack(name, amount, max(free, 0), size, size - left)
        return None

    def take(self, place: int, share: Share) -> Share:
        """Take it, whether or not it is free; returns what is to be given back."""
        self._taken[PLACES] += place
        for name, amount in share:
            self._taken[name] += amount
        return share

    def give_back(self, place: int, share: Share) -> Share:
        """Free what was taken; returns it as it was asked for."""
        self._taken[PLACES] -= place
        for name, amount in share:
            self._taken[name] -= amount
        return share


def is_of_one(name: str) -> bool:
    """Whether every task that takes of it takes one, as of the places: who is most urgent gets the next in any case."""
    return name == TASKS or name.startswith(RUNNER)


def grown(amount: int, grow: float, attempt: int, most: int) -> int:
    """What attempt n may use of something of which the first may use `amount`: `grow ** (n - 1)` times that."""
    try:
        return min(int(amount * grow ** (attempt - 1)), most)
    except OverflowError:
        return most


def _lack(name: str, *amounts: int) -> Reason:
    """`amounts` are what a task takes, what is free, what there is, and what other runs take."""
    if name == TASKS:
        return Reason("places", "as many tasks of the run are under way as may at the same time")
    if name.startswith(RUNNER):
        text = f"as many jobs of the {name} wait or run as may at the same time{_beside(amounts[3])}"
        return Reason("runner", text)
    wanted, free, size, others = [n / MILLI if name == CPU else n for n in amounts]
    of = f"the host's {name.removeprefix('host.')}" if name in (CPU, MEMORY, GPU) else f"the pool {name}"
    unit = " bytes" if name == MEMORY else ""
    text = f"it takes {wanted:.15g}{unit} of {of}, and {free:.15g} of {size:.15g} are free{_beside(others)}"
    return Reason("host" if name in (CPU, MEMORY, GPU) else "pool", text)


def _beside(others: float) -> str:
    return f"; other runs take {others:.15g}" if others else ""
