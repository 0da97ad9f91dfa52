"""`cache list`: the kept results, newest first."""

from __future__ import annotations

from tetra_orchestrator.cli.cache_tasks import TaskOption, check_task
from tetra_orchestrator.cli.known import glance, settled
from tetra_orchestrator.cli.output import dates, instant, print_json, print_table
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.core.spoken import about
from tetra_orchestrator.errors import Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.core.history import Result


def command(task: TaskOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Show what is kept: of which task, for which dates.

    With the run that has made it, and how old it is.

    Examples: `cache list`, `cache list --task features.build`.
    """
    seen = glance(config)
    with settled(seen) as scene:
        check_task(task, seen, config, scene.store.results)
        rows = [_row(one, scene.clock.now()) for one in scene.store.results.all(task)]
    if as_json:
        print_json("cache.list", {"results": rows})
        return Exit.OK
    print_table(
        ("task", "dates", "run", "age", "outputs"),
        [
            (row["task"], _dates(row), row["run_id"], about(row["age_s"]), ", ".join(row["outputs"]) or "-")
            for row in rows
        ],
    )
    if not rows:
        print("nothing is kept: a task with `cache` has to succeed first")
    return Exit.OK


def _row(result: Result, now: datetime) -> dict[str, Any]:
    dates, _, key = result.key.rpartition(":")
    start, _, end = dates.partition("..")
    return {
        "task": result.task_id,
        "partition": {"start": start, "end": end} if dates else None,
        "key": key,
        "run_id": result.run_id,
        "made_at": instant(result.made_at),
        "age_s": round((now - result.made_at).total_seconds(), 3),
        "outputs": dict(result.outputs),
    }


def _dates(row: dict[str, Any]) -> str:
    partition = row["partition"]
    return dates(partition["start"], partition["end"]) if partition else "-"
