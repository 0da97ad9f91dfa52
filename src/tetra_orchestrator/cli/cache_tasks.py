"""Which tasks `cache list` and `cache clear` may be asked about."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator.cli.known import whole
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.config.glance import Glance
    from tetra_orchestrator.store_parts import Results

TaskOption = Annotated[str | None, typer.Option("--task", "-t", metavar="TASK", help="Only this task.")]


def check_task(name: str | None, seen: Glance, config: str | None, results: Results) -> None:
    """Raises `UsageError` for a task that neither has `cache` in the file nor has left any result."""
    if name is None or results.all(name):
        return
    project = whole(seen, config)
    known = {one.task_id for one in results.all()}
    known |= {task.id for task in project.tasks() if task.cache} if project else set()
    if name not in known:
        from tetra_orchestrator.core.selection import suggest

        raise UsageError(f"there is no task '{name}' with `cache`", hint=suggest(name, sorted(known), "such tasks"))
