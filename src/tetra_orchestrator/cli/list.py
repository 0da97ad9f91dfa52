"""`list`: what there is. The project's pipelines, and the checkpoints that runs have left in a folder."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from tetra_orchestrator.cli.checkpoints import folder_of, warn_of_broken
from tetra_orchestrator.cli.known import settled
from tetra_orchestrator.cli.output import brief, instant, print_json, print_table
from tetra_orchestrator.cli.paint import cell
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.config.find import find_config
from tetra_orchestrator.config.glance import look
from tetra_orchestrator.core.checkpoint import FOLDER, summaries
from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.errors import ConfigError, Exit
from tetra_orchestrator.wire import checkpoints_in, clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tetra_orchestrator.core.checkpoint import Summary
    from tetra_orchestrator.core.model import Pipeline, Project
    from tetra_orchestrator.ports import PipelineSummary


def command(
    checkpoint_dir: Annotated[
        str | None, typer.Option(metavar="DIR", help=f"Folder of checkpoints. [default: {FOLDER}]")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the pipelines of the file, and runs with checkpoints.

    Examples: `list`, `list --checkpoint-dir checkpoints`.
    """
    folder = folder_of(checkpoint_dir)
    holdings = checkpoints_in(folder)
    warn_of_broken(holdings)
    left = summaries(holdings.kept)
    pipelines = _pipelines(config)
    if as_json:
        rows = [{**each._asdict(), "latest": _rfc(each.latest)} for each in left]
        print_json("list", {"pipelines": pipelines, "checkpoint_dir": folder, "checkpoints": rows})
        return Exit.OK
    _print(pipelines, left)
    if not left and (checkpoint_dir is not None or not pipelines):
        print(f"No checkpoints in {folder}: a run of a stages file leaves them, or one with --checkpoint-dir")
    return Exit.OK


def _pipelines(config: str | None) -> list[dict[str, Any]]:
    """The pipelines of the configuration; none where no one is named and none is found."""
    if config is None and not os.environ.get("PIPELINE_CONFIG"):
        try:
            find_config(None, os.environ, os.getcwd())
        except ConfigError:
            return []
    project = load(Source(config)).project
    seen = look(project.file, os.environ, clock().now())
    with settled(seen, project=project) as scene:
        known = {each.pipeline.name: each for each in scene.store.summaries()}
    return [_row(pipeline, project, known.get(pipeline.name)) for pipeline in project.pipelines]


def _row(pipeline: Pipeline, project: Project, summary: PipelineSummary | None) -> dict[str, Any]:
    last = None
    if summary and summary.last_run_id:
        finished = instant(summary.last_finished_at)
        last = {"run_id": summary.last_run_id, "state": summary.last_state, "finished_at": finished}
    return {
        "name": pipeline.name,
        "enabled": pipeline.enabled,
        "tasks": [task.id for task in pipeline.tasks],
        "depends_on": list(pipeline.depends_on),
        "modes": [mode.name for mode in project.modes if pipeline.name in {e.pipeline for e in mode.entries}],
        "schedules": [one.name for one in project.schedules if pipeline.name in project.pipelines_of(one)],
        "last_run": last,
    }


def _print(pipelines: list[dict[str, Any]], left: list[Summary]) -> None:
    headers = ("pipeline", "tasks", "depends on", "modes", "schedules", "last run")
    print_table(headers, [_cells(row) for row in pipelines])
    if pipelines and left:
        print()
    latest, times = brief("latest", [_instant(each.latest) for each in left])
    cells = [
        (printable(each.pipeline_id), each.checkpoints, time, printable(each.pipeline_name))
        for each, time in zip(left, times, strict=True)
    ]
    print_table(("pipeline id", "checkpoints", latest, "name"), cells)


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    lists = (", ".join(row[key]) or "-" for key in ("depends_on", "modes", "schedules"))
    state = "disabled" if not row["enabled"] else row["last_run"]["state"] if row["last_run"] else "never"
    return (row["name"], len(row["tasks"]), *lists, cell(state))


def _instant(seconds: float) -> datetime | None:
    """The time of a checkpoint; None for one beyond the calendar, such as milliseconds for seconds."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _rfc(seconds: float) -> str | None:
    return instant(_instant(seconds))
