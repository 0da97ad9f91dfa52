"""The exit code of a run that is over."""

from __future__ import annotations

from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.errors import Exit
from tetra_orchestrator.signals import SIGINT

EXIT_CODES = {
    RunState.SUCCEEDED: Exit.OK,
    RunState.PARTIAL: Exit.PARTIAL,
    RunState.FAILED: Exit.FAILED,
    RunState.TIMED_OUT: Exit.FAILED,
    RunState.CANCELLED: Exit.FAILED,
}


def exit_code_of(state: RunState, interrupted_by: int | None) -> int:
    """That of the table; a run that a signal has cancelled says which."""
    if interrupted_by is not None and state is RunState.CANCELLED:
        return Exit.INTERRUPTED if interrupted_by == SIGINT else Exit.TERMINATED
    return EXIT_CODES[state]
