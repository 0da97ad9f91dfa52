"""The runner of a project whose tasks run on this machine and on others."""

from __future__ import annotations

from tetra_orchestrator.ports import Wakeup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tetra_orchestrator.core.outcome import SpawnFailed
    from tetra_orchestrator.ports import Ended, Launch, Runner


class Several:
    """One runner for this machine, `here`, and those that `elsewhere` makes, by name, once something goes there.

    Handles of theirs begin with their name and a colon; those of this machine with a number.
    """

    def __init__(self, here: Runner, elsewhere: Callable[[str], Runner], names: Collection[str]) -> None:
        self._here = here
        self._elsewhere = elsewhere
        self._names = frozenset(names)
        self._made: dict[str, Runner] = {}

    def submit(self, launches: Sequence[Launch]) -> list[str | SpawnFailed]:
        """Start every launch where it is to run. One answer for each, in order."""
        answers = {
            name: iter(self._named(name).submit([launch for launch in launches if launch.runner == name]))
            for name in dict.fromkeys(launch.runner for launch in launches)
        }
        return [next(answers[launch.runner]) for launch in launches]

    def lasting(self, handle: str) -> str:
        """The handle by which other processes find what it names."""
        return self._of(handle).lasting(handle)

    def find(self, token: str) -> list[str]:
        """Handles of live jobs that carry the fencing token, whoever started them."""
        return [handle for runner in (self._here, *map(self._named, self._names)) for handle in runner.find(token)]

    def poll(self, handles: Collection[str]) -> list[Ended]:
        """Those of `handles` that have ended, each once."""
        return [ended for runner in self._all() for ended in runner.poll(handles)]

    def begun(self, handles: Collection[str]) -> Collection[str]:
        """Those of `handles` whose attempts have begun."""
        by_runner: dict[str, list[str]] = {}
        for handle in handles:
            by_runner.setdefault(self._name(handle), []).append(handle)
        return [handle for name, its in by_runner.items() for handle in self._named(name).begun(its)]

    def cancel(self, handle: str) -> None:
        """Begin to end what the handle names, within the launch's grace."""
        self._of(handle).cancel(handle)

    def kill(self, handle: str) -> None:
        """End what the handle names by KILL."""
        self._of(handle).kill(handle)

    def wakeup(self) -> Wakeup:
        """When to poll again."""
        wakeups = [runner.wakeup() for runner in self._all()]
        return Wakeup(wakeups[0].fd, min((w.within_s for w in wakeups if w.within_s is not None), default=None))

    def close(self) -> None:
        """End everything that is still held and wait until it is gone."""
        for runner in self._all():
            runner.close()

    def _all(self) -> tuple[Runner, ...]:
        return self._here, *self._made.values()

    def _of(self, handle: str) -> Runner:
        return self._named(self._name(handle))

    def _name(self, handle: str) -> str:
        name = handle.partition(":")[0]
        return name if name in self._names else ""

    def _named(self, name: str) -> Runner:
        if name not in self._names:
            return self._here
        if name not in self._made:
            self._made[name] = self._elsewhere(name)
        return self._made[name]
