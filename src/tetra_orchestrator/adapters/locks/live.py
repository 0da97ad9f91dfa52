"""Which runs of a project live, by the locks that their processes hold: also where the store cannot tell."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.locks.table import LockTable

_KIND, _END = "run-", ".lock"


def live_runs(table: LockTable) -> list[str]:
    """Ids of the runs whose processes live, in their order."""
    try:
        names = sorted(os.listdir(table.folder))
    except FileNotFoundError:
        return []
    runs = [name[len(_KIND) : -len(_END)] for name in names if name.startswith(_KIND) and name.endswith(_END)]
    return [run_id for run_id in runs if table.is_held(f"{_KIND}{run_id}")]
