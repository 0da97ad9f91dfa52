"""The processes of all hosts that share a database: those of this machine by its kernel, others by their sessions."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.adapters.locks.advisory import AdvisoryTable
    from tetra_orchestrator.core.facts import Facts, Usage
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import Processes


class Presence:
    """The `Processes` of all hosts. Only those of this machine, `here`, can be signalled or ended."""

    def __init__(self, here: Processes, table: AdvisoryTable):
        self._here = here
        self._table = table

    def own(self) -> str:
        """The identity of our own process, which other hosts see from now on. `StoreError` where they cannot."""
        identity = self._here.own()
        self._table.show(identity)
        return identity

    def is_alive(self, identity: str) -> bool:
        """Whether exactly this process exists: by the kernel if it is one of ours, else by its session."""
        if self._here.is_alive(identity):
            return True
        return _boot(identity) != _boot(self._here.own()) and self._table.is_shown(identity)

    def signal(self, identity: str, number: int) -> bool:
        """Send a signal to exactly this process; False when it is gone, or on another host."""
        return self._here.signal(identity, number)

    def survived(self, handles: Mapping[str, str | None]) -> set[str]:
        """Which of the attempts still have a live process on this host."""
        return self._here.survived(handles)

    def usage(self, handles: Mapping[str, str | None]) -> Mapping[str, Usage]:
        """What those of the attempts take that run on this host."""
        return self._here.usage(handles)

    def end_trees(self, handles: Mapping[str, str | None], grace_s: float) -> None:
        """End the attempts' processes on this host."""
        self._here.end_trees(handles, grace_s)

    def left(self, record: str, token: str) -> tuple[Outcome, Facts] | None:
        """How the attempt with the token ended by what its wrapper has left on this host."""
        return self._here.left(record, token)


def _boot(identity: str) -> str:
    """What the identities of one running kernel have in common."""
    return identity.rpartition(":")[2]
