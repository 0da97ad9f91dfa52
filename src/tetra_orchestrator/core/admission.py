"""What is free at the moment: places, the weights of pools, and what the host declares of itself."""

from __future__ import annotations

from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.model import Task

    Share = tuple[tuple[str, int], ...]

#: No pool can have these names.
CPU, MEMORY, GPU = "host.cpu", "host.memory", "host.gpu"
#: CPUs are counted in thousandths, because sums of fractions drift.
MILLI = 1000


class Limits(Record):
    """What may run at the same time: tasks in all, weights per pool, and what the host gives (0: nothing said).

    After `stop_after` failed tasks nothing more is started; after `timeout_s` seconds everything is ended. All tasks
    together get `max_retries` retries; with `barriers` they start level by level.
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


class Room:
    """The room of one run. `places` is how many more tasks may start; services take none."""

    def __init__(self, limits: Limits):
        self.places = limits.max_parallel
        host = {CPU: round(limits.cpu * MILLI), MEMORY: limits.memory_bytes, GPU: limits.gpu}
        self._host = {name: size for name, size in host.items() if size > 0}
        self._size = dict(limits.pools) | self._host
        self._free = dict(self._size)

    def share(self, task: Task, attempt: int = 1) -> Share:
        """What an attempt of the task takes while it runs: of its pools, and of what the host declares.

        Of the host it takes no more than there is, so that it does not wait for ever.
        """
        if task.resources is None or not self._host:
            return task.pool
        cpu, memory_bytes, gpu = task.resources[:3]
        memory_bytes = grown(memory_bytes, task.resources.grow, attempt, self._host.get(MEMORY, 0))
        wanted = {CPU: round(cpu * MILLI), MEMORY: memory_bytes, GPU: gpu}
        return task.pool + tuple(
            (name, min(wanted[name], size)) for name, size in self._host.items() if wanted[name] > 0
        )

    def fits(self, share: Share) -> bool:
        """True when all of it is free."""
        return all(self._free[name] >= amount for name, amount in share) if share else True

    def lacking(self, share: Share) -> Reason | None:
        """What of it is not free, or None."""
        for name, amount in share:
            free, size = self._free[name], self._size[name]
            if free < amount:
                return _lack(name, max(free, 0), size, amount)
        return None

    def take(self, share: Share) -> None:
        """Take it, whether or not it is free."""
        for name, amount in share:
            self._free[name] -= amount

    def give_back(self, share: Share) -> None:
        """Free what was taken."""
        for name, amount in share:
            self._free[name] += amount


def grown(amount: int, grow: float, attempt: int, most: int) -> int:
    """What attempt n may use of something of which the first may use `amount`: `grow ** (n - 1)` times that."""
    try:
        return min(int(amount * grow ** (attempt - 1)), most)
    except OverflowError:
        return most


def _lack(name: str, free: int, size: int, amount: int) -> Reason:
    if name not in (CPU, MEMORY, GPU):
        return Reason("pool", f"it takes {amount} of the pool {name}, and {free} of {size} are free")
    what = name.removeprefix("host.")
    shown = [f"{n / MILLI:g}" if name == CPU else f"{n}" for n in (amount, free, size)]
    unit = " bytes" if name == MEMORY else ""
    return Reason("host", f"it takes {shown[0]}{unit} of the host's {what}, and {shown[1]} of {shown[2]} are free")
