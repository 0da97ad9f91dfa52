"""What `resume` and `retry` share: the earlier run, the configuration it was started with, and the new run."""

from __future__ import annotations

import os

from tetra_orchestrator.cli.known import glance, settled
from tetra_orchestrator.cli.records import find_run
from tetra_orchestrator.cli.running import adjusted, style_of, values_of
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.config.find import find_config
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.engine.start import Request
from tetra_orchestrator.errors import ConfigError, UsageError
from tetra_orchestrator.launch import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.history import Run, TaskRun
    from tetra_orchestrator.engine.again import Again


#: Why a run that has succeeded may have left tasks: they were paused, or not among those to be tried again.
LEFT_OUT = ("paused", "not_retried")


class Options(Record):
    """What the command line says of how the new run is performed and shown."""

    config: str | None = None
    force: bool = False
    max_parallel: int | None = None
    no_retry: bool = False
    progress: str = "auto"
    as_json: bool = False


class Earlier(Record):
    """The earlier run, its tasks, the configuration it was started with, and the store that it is in."""

    run: Run
    rows: tuple[TaskRun, ...]
    document: str
    store_url: str

    @property
    def left_out(self) -> list[str]:
        """The pipelines of tasks that the run was not to do, though somebody may want them done."""
        return [row.pipeline for row in self.rows if row.reason and row.reason.code in LEFT_OUT]


def earlier(run_id: str, config: str | None) -> Earlier:
    """The run called `run_id`; raises `UsageError` where there is none."""
    seen = glance(config)
    with settled(seen) as scene:
        run = find_run(scene.store, run_id)
        rows = tuple(scene.store.task_runs(run.run_id))
        document = scene.store.config_text(run.run_id) or "{}"
    return Earlier(run, rows, document, seen.store_url)


def do_again(found: Earlier, again: Again, loaded: Loaded, options: Options) -> int:
    """Perform what is left of the earlier run, with the configuration `as_it_was`, and return the exit code."""
    run = found.run
    project = adjusted(loaded.project, options.max_parallel, no_retry=options.no_retry)
    project = project._replace(store_url=found.store_url)
    selection = select(project, run.mode, tuple(dict.fromkeys(row.pipeline for row in found.rows)))
    given = _given(run)
    request = Request(
        project,
        selection._replace(named=_named(found, again)),
        found.document,
        values_of(project, selection.mode, given),
        run.partition,
        "retry" if again.tasks else "resume",
        force=options.force,
        secrets=loaded.secrets,
        given=given,
        again=again,
        schedule=run.schedule,
        slot=run.slot,
    )
    return start(request, loaded, style_of(options.progress, as_json=options.as_json))


def _named(found: Earlier, again: Again) -> tuple[str, ...]:
    """The pipelines that are asked for: those of the tasks to try again, or of what the run was not to do."""
    chosen = [row.pipeline for row in found.rows if row.task_id in again.tasks]
    left_out = found.left_out if found.run.state == RunState.SUCCEEDED else []
    return tuple(dict.fromkeys(chosen if again.tasks else left_out))


def _given(run: Run) -> dict[str, str]:
    """The parameters that the run was given. Raises `UsageError` for one whose value was a secret and is not kept."""
    given = {}
    for name, value in (run.params or {}).items():
        if value is None:
            message = f"the parameter '{name}' of run {run.run_id} was a secret, which is not kept"
            raise UsageError(message, hint=f"start a new run, with --param {name}=...")
        given[name] = value
    return given


def as_it_was(found: Earlier, config: str | None) -> Loaded:
    """The configuration as the run was started with it, whatever the file says now."""
    run = found.run
    try:
        loaded = load(Source(config))
        if loaded.project.config_hash == run.config_hash:
            return loaded
    except ConfigError:
        pass  # whatever is wrong with the file now, the run was started with something else
    from tetra_orchestrator.config.load import load_project

    path = find_config(config, os.environ, os.getcwd())
    try:
        loaded = load_project(path, environ=os.environ, snapshot=found.document)
    except ConfigError as error:
        first = getattr(error.problems[0], "message", "") if error.problems else error.message
        raise ConfigError(
            f"what run {run.run_id} was started with cannot be used any more: {first}",
            hint=f"`tetra config diff --run {run.run_id}` shows what has changed since; mend that, or start a new run",
            where=path,
        ) from None
    return loaded._replace(project=loaded.project._replace(config_hash=run.config_hash))
