"""The runner of a project with sessions: calls go to their workers, everything else is a process of its own."""

from __future__ import annotations

from tetra_orchestrator.adapters.runner.session.runner import SessionRunner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tetra_orchestrator.adapters.runner.local import LocalRunner
    from tetra_orchestrator.core.outcome import SpawnFailed
    from tetra_orchestrator.ports import Ended, Launch, Wakeup


class Dispatch:
    """Two runners as one; the handle of a call is known by its `#`."""

    def __init__(self, processes: LocalRunner) -> None:
        self._processes = processes
        self._sessions = SessionRunner(processes)

    def submit(self, launches: Sequence[Launch]) -> list[str | SpawnFailed]:
        """Start every launch. One answer for each, in order: its handle, or why it did not start."""
        calls = iter(self._sessions.submit([launch for launch in launches if launch.call]))
        others = iter(self._processes.submit([launch for launch in launches if not launch.call]))
        return [next(calls if launch.call else others) for launch in launches]

    def lasting(self, handle: str) -> str:
        """The handle by which other processes find what it names."""
        return self._runner(handle).lasting(handle)

    def find(self, token: str) -> list[str]:
        """Handles of the live calls and processes that carry the fencing token, whoever started them."""
        return self._sessions.find(token)

    def begun(self, handles: Collection[str]) -> Collection[str]:
        """All of them: what is here runs at once."""
        return handles

    def poll(self, handles: Collection[str]) -> list[Ended]:
        """Those of `handles` that have ended, each once. Also takes whatever is under way a step further."""
        return [*self._processes.poll(handles), *self._sessions.poll(handles)]

    def cancel(self, handle: str) -> None:
        """Begin to end what the handle names, within the launch's grace."""
        self._runner(handle).cancel(handle)

    def kill(self, handle: str) -> None:
        """End what the handle names by KILL."""
        self._runner(handle).kill(handle)

    def wakeup(self) -> Wakeup:
        """When to poll again."""
        return self._sessions.wakeup()

    def close(self) -> None:
        """End everything that is still held and wait until it is gone."""
        self._sessions.close()
        self._processes.close()

    def _runner(self, handle: str) -> LocalRunner | SessionRunner:
        return self._sessions if "#" in handle else self._processes
