"""`run --dry-run`: each task with the decision and its reason, the critical path and the expected finish."""

from __future__ import annotations

from shlex import join

from tetra_orchestrator.cli.foresight import foresee
from tetra_orchestrator.cli.output import local, print_json, print_table
from tetra_orchestrator.core.spoken import duration, printable
from tetra_orchestrator.engine.start import title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.engine.start import Request


def show_forecast(request: Request, *, as_json: bool) -> int:
    """Print what the run would do; returns 0. Raises `UsageError` for a run that could never end."""
    found = foresee(request, {})
    if as_json:
        print_json("run", found.body())
        return 0
    rows = found.rows
    print(f"Would run {title(request.selection).removeprefix('of ')}:\n")
    print_table(
        ("task", "decision", "why", "takes about"),
        [(r["id"], r["decision"], r["reason"]["text"], duration(r["expected_s"])) for r in rows],
    )
    print("\ncommands:")
    for row in rows:
        if row["command"] is not None:
            print(f"  {row['id']}: {printable(join(row['command']))}")
    print(f"\ncritical path: {' -> '.join(found.outlook.critical_path) or '-'}")
    print(f"expected finish: {local(found.finish) if found.finish else 'unknown until every task has run once'}")
    return 0
