"""`report`: one run, or the last days, as a single HTML file to read, mail or print."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import Annotated

import typer

from tetra_orchestrator.cli.config_since import changes, since_success
from tetra_orchestrator.cli.files import write_private
from tetra_orchestrator.cli.known import glance, settled, whole
from tetra_orchestrator.cli.output import near, print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.records import find_run
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.errors import Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Project, Task
    from tetra_orchestrator.engine.reconcile import Scene
    from tetra_orchestrator.ports import Store
    from tetra_orchestrator.report.run_story import Changes

#: The longest time that a report is of, in days, and the instants per schedule that are told of as due next.
LONGEST, DUE = 3660, 3
STDOUT = "-"


class Made(Record):
    """A report: its text, a name for its file, and how many runs and attempts it tells of."""

    text: str
    name: str
    runs: int
    attempts: int


def command(
    run_id: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Run id; the newest without one.")] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=LONGEST, metavar="N", help="All runs and slots of the last N days.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="Where to; - is standard output. [default: report-RUN.html here]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is no report.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write a run, or the last days, into one HTML file.

    It needs neither network nor server. An earlier report in that file is replaced.

    Examples: `report`, `report --days 30 --out month.html`.
    """
    if run_id is not None and days is not None:
        raise UsageError("RUN and --days are two different reports", hint="leave out one of them")
    if as_json and out == STDOUT:
        raise UsageError("--json and --out - both want standard output", hint="name a file with --out")
    seen = glance(config)
    project = whole(seen, config)
    with settled(seen, project=project) as scene:
        if days is None:
            made = _of_run(find_run(scene.store, run_id), scene, project, config)
        else:
            made = _of_days(days, scene, project)
    if out == STDOUT:
        sys.stdout.buffer.write(made.text.encode())  # the page says that it is UTF-8, whatever the terminal takes
        return Exit.OK
    from tetra_orchestrator.report.page import MARK

    path = write_private(made.name if out is None else out, made.text, mark=MARK, force=force)
    if as_json:
        print_json(
            "report", {"path": path, "runs": made.runs, "attempts": made.attempts, "bytes": os.stat(path).st_size}
        )
    else:
        print(near(path))
    return Exit.OK


def _of_run(run: Run, scene: Scene, project: Project | None, config: str | None) -> Made:
    from tetra_orchestrator.report.run_report import run_report
    from tetra_orchestrator.report.run_story import Beside, read

    store, title = scene.store, (project.title if project else None) or run.project
    tasks = _tasks(run, store, project, config)
    graph = None if tasks is None else {task.id: task.depends_on for task in tasks}
    most = {task.id: task.retry.max_attempts for task in tasks or ()}
    story = read(run, store, scene.clock.now(), Beside(title, graph, _changes(run, store), _samples, most))
    return Made(run_report(story), f"report-{run.run_id}.html", 1, len(story.attempts))


def _of_days(days: int, scene: Scene, project: Project | None) -> Made:
    from tetra_orchestrator.report.days_report import days_report
    from tetra_orchestrator.report.period import read

    now = scene.clock.now()
    title = (project.title or project.name) if project else "tetra-orchestrator"
    period = read(scene.store, now - timedelta(days=days), now, title, _due(project, now))
    attempts = sum(len(events) for events in period.tasks.values())
    return Made(days_report(period), f"report-{days}-days.html", len(period.runs), attempts)


def _due(project: Project | None, now: datetime) -> list[tuple[str, datetime]]:
    """The next instants of all schedules, soonest first."""
    from itertools import islice

    from tetra_orchestrator.core.schedule import slots_of

    schedules = [one for one in project.schedules if one.enabled] if project else []
    found = [(one.name, at) for one in schedules for at in islice(slots_of(one, now), DUE)]
    return sorted(found, key=lambda each: each[1])


def _tasks(run: Run, store: Store, project: Project | None, config: str | None) -> Sequence[Task] | None:
    """The tasks as that run had them; None where what was kept of its configuration cannot be used now."""
    from tetra_orchestrator.cli.kept import of_run

    if project is None or project.config_hash != run.config_hash:
        project = of_run(run, store, config)
    return None if project is None else project.tasks()


def _changes(run: Run, store: Store) -> Changes | None:
    from tetra_orchestrator.cli.config_views import change_line
    from tetra_orchestrator.report.run_story import Changes

    since = since_success(run, store)
    return Changes(since.run_id, [change_line(row) for row in changes(since)]) if since else None


def _samples(log: str) -> list[str]:
    """The lines of the file of samples beside an attempt's log; none where it is not there."""
    from tetra_orchestrator.core.samples import FILE

    try:
        with open(os.path.join(os.path.dirname(log), FILE), encoding="utf-8", errors="replace") as file:
            return list(file)
    except OSError:
        return []
