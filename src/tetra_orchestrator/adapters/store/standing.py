"""How a pipeline stands within one run, in SQL: the worst of its tasks' states, or `running`.

Where all that ran succeeded, and somebody had left out tasks that have still to run, it is `partial`.
"""

from __future__ import annotations

from tetra_orchestrator.core.states import RANKS, STILL_TO_RUN, UNFINISHED, WORST, TaskState, rank, word

__all__ = ["PARTIAL", "SKIPPED", "STILL_TO_RUN", "SUCCEEDED", "UNFINISHED", "WORST", "rank", "rank_sql", "word"]

SKIPPED = WORST.index(TaskState.SKIPPED)
SUCCEEDED = WORST.index(TaskState.SUCCEEDED)
PARTIAL = WORST.index(TaskState.PARTIAL)


def rank_sql(column: str) -> str:
    """SQL for the rank of the tasks in a group; `column` is the one of their states, beside which is `reason_code`."""
    whens = " ".join(f"WHEN '{state}' THEN {rank}" for state, rank in RANKS.items())
    worst = f"max(CASE {column} {whens} ELSE {UNFINISHED} END)"
    codes = ", ".join(f"'{code}'" for code in STILL_TO_RUN)
    left = f"max(CASE WHEN {column.removesuffix('state')}reason_code IN ({codes}) THEN 1 ELSE 0 END)"
    return f"(CASE WHEN {worst} = {SUCCEEDED} AND {left} = 1 THEN {PARTIAL} ELSE {worst} END)"
