"""How a pipeline stands within one run, from the states of its tasks there: the worst of them, or `running`."""

from __future__ import annotations

from tetra_orchestrator.core.states import TERMINAL, RunState, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_T = TaskState
#: From best to worst; a state's place here is its rank. A state that is not terminal outranks them all.
WORST = (
    _T.SKIPPED,
    _T.SUCCEEDED,
    _T.PARTIAL,
    _T.UPSTREAM_FAILED,
    _T.CANCELLED,
    _T.LOST,
    _T.TIMED_OUT,
    _T.FAILED,
)
#: The rank of a pipeline with a task that is not terminal.
UNFINISHED = len(WORST)
SKIPPED = WORST.index(_T.SKIPPED)
SUCCEEDED = WORST.index(_T.SUCCEEDED)
PARTIAL = WORST.index(_T.PARTIAL)
_RANKS = {state.value: rank for rank, state in enumerate(WORST)}
assert frozenset(WORST) == TERMINAL


def rank(states: Iterable[str]) -> int:
    """The rank of a pipeline whose tasks are in these states."""
    return max(_RANKS.get(state, UNFINISHED) for state in states)


def word(rank: int) -> str:
    """The rank as a state: `running`, or that of the worst task."""
    return RunState.RUNNING.value if rank == UNFINISHED else WORST[rank].value


def rank_sql(column: str) -> str:
    """SQL for the rank of the tasks in a group."""
    whens = " ".join(f"WHEN '{state}' THEN {rank}" for state, rank in _RANKS.items())
    return f"max(CASE {column} {whens} ELSE {UNFINISHED} END)"
