"""How a pipeline stands within one run, from the states of its tasks there: the worst of them, or `running`.

Where all that ran succeeded, and somebody had left out tasks that have still to run, it is `partial`.
"""

from __future__ import annotations

from tetra_orchestrator.core.states import TERMINAL, RunState, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tetra_orchestrator.core.history import TaskRun

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
#: Why tasks are skipped that have still to run: the codes of reasons.
STILL_TO_RUN = ("not_retried", "not_selected")
_RANKS = {state.value: rank for rank, state in enumerate(WORST)}
assert frozenset(WORST) == TERMINAL


def rank(tasks: Iterable[TaskRun]) -> int:
    """The rank of a pipeline with these tasks."""
    tasks = list(tasks)
    worst = max(_RANKS.get(task.state, UNFINISHED) for task in tasks)
    if worst == SUCCEEDED and any(task.reason and task.reason.code in STILL_TO_RUN for task in tasks):
        return PARTIAL
    return worst


def word(rank: int) -> str:
    """The rank as a state: `running`, or that of the worst task."""
    return RunState.RUNNING.value if rank == UNFINISHED else WORST[rank].value


def rank_sql(column: str) -> str:
    """SQL for the rank of the tasks in a group; `column` is the one of their states, beside which is `reason_code`."""
    whens = " ".join(f"WHEN '{state}' THEN {rank}" for state, rank in _RANKS.items())
    worst = f"max(CASE {column} {whens} ELSE {UNFINISHED} END)"
    codes = ", ".join(f"'{code}'" for code in STILL_TO_RUN)
    left = f"max(CASE WHEN {column.removesuffix('state')}reason_code IN ({codes}) THEN 1 ELSE 0 END)"
    return f"(CASE WHEN {worst} = {SUCCEEDED} AND {left} = 1 THEN {PARTIAL} ELSE {worst} END)"
