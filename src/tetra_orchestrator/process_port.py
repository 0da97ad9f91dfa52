"""What the engine asks of processes that are not our children, as `ports` has what it asks of everything else."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from tetra_orchestrator.core.facts import Facts, Usage
    from tetra_orchestrator.core.outcome import Outcome

    class Processes(Protocol):
        """Processes that are not our children, known by an identity (pid, start time, boot id)."""

        # The identity of our own process.
        def own(self) -> str: ...

        def is_alive(self, identity: str) -> bool: ...

        # Verified before it is sent; False when that process is gone.
        def signal(self, identity: str, number: int) -> bool: ...

        # Which of the attempts, given as fencing token -> handle, still have a live process: by either of the two.
        def survived(self, handles: Mapping[str, str | None]) -> set[str]: ...

        # By token, what those of the attempts (token -> handle) take that run on this machine: processor time so far,
        # and as peaks the memory of this moment; of a wrapped one with its wrapper, of a call all that its worker does.
        def usage(self, handles: Mapping[str, str | None]) -> Mapping[str, Usage]: ...

        # Ends the attempts, given as fencing token -> handle: every process that carries the token, the one `handle`
        # names if it is still that one, and their descendants. All at once; waits until they are gone.
        def end_trees(self, handles: Mapping[str, str | None], grace_s: float) -> None: ...

        # How the attempt with the token ended by what its wrapper has left in the file; None while there is nothing.
        def left(self, record: str, token: str) -> tuple[Outcome, Facts] | None: ...
