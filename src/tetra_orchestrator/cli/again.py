"""What `resume` and `retry` share: the earlier run, the configuration it was started with, and the new run."""

from __future__ import annotations

from tetra_orchestrator.cli.kept import as_kept, given, usable
from tetra_orchestrator.cli.known import glance, settled
from tetra_orchestrator.cli.records import find_run
from tetra_orchestrator.cli.running import STAGES, adjusted, style_of, to_name, values_of
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.engine.start import Request
from tetra_orchestrator.errors import Exit
from tetra_orchestrator.launch import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.history import Run, TaskRun
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.selection import Selection
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
    with_current_config: bool = False


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

    @property
    def is_done(self) -> bool:
        """Whether it has left nothing."""
        return self.run.state == RunState.SUCCEEDED and not self.left_out

    @property
    def not_selected(self) -> set[str]:
        """The tasks that are not in the part that the run was to do."""
        return {row.task_id for row in self.rows if row.reason and row.reason.code == "not_selected"}


def earlier(run_id: str, config: str | None) -> Earlier:
    """The run called `run_id`; raises `UsageError` where there is none."""
    seen = glance(config)
    with settled(seen) as scene:
        run = find_run(scene.store, run_id)
        rows = tuple(scene.store.task_runs(run.run_id))
        document = scene.store.config_text(run.run_id) or "{}"
    return Earlier(run, rows, document, seen.store_url)


def go_on(found: Earlier, again: Again, options: Options) -> int:
    """Do what is left of the earlier run, with the configuration that it had or with the file as it is now.

    Where the two differ that is told on standard error. Returns the exit code.
    """
    from tetra_orchestrator.cli.current import as_it_is, tell_difference

    if options.with_current_config:
        again, loaded, selection = as_it_is(found, again, options)
        known = {row.task_id for row in found.rows}
        if found.is_done and not (again.tasks or again.redefined) and known.issuperset(t.id for t in selection.tasks):
            return nothing_left(found, options)
        return perform(found, again, loaded, selection, options)
    now = usable(options.config)
    tell_difference(found, now)
    return do_again(found, again, as_it_was(found, options.config, now), options)


def nothing_left(found: Earlier, options: Options) -> int:
    """Say that the run has left nothing; returns the exit code."""
    if not options.as_json:
        print(f"run {found.run.run_id} succeeded: there is nothing to resume")
    return Exit.OK


def do_again(found: Earlier, again: Again, loaded: Loaded, options: Options) -> int:
    """Perform what is left of the earlier run, with the configuration `as_it_was`, and return the exit code."""
    loaded = prepared(found, loaded._replace(document=found.document), options)
    return perform(found, again, loaded, selection_of(found, loaded.project, again), options)


def prepared(found: Earlier, loaded: Loaded, options: Options) -> Loaded:
    """The configuration with what the command line changes about it, and the store that the run is in."""
    project = adjusted(loaded.project, options.max_parallel, no_retry=options.no_retry)
    return loaded._replace(project=project._replace(store_url=found.store_url))


def selection_of(found: Earlier, project: Project, again: Again) -> Selection:
    """What the run was of, where the project still has all of it. Tasks to be tried again are in it in any case."""
    selection = select(project, found.run.mode, tuple(dict.fromkeys(row.pipeline for row in found.rows)))
    outside = found.not_selected.difference(again.tasks)
    if not outside:
        return selection
    from tetra_orchestrator.core.narrowing import reduced

    return reduced(project, selection, {task.id for task in selection.tasks} - outside)


def perform(found: Earlier, again: Again, loaded: Loaded, selection: Selection, options: Options) -> int:
    """Perform what is left of the selection, and return the exit code."""
    run, project = found.run, loaded.project
    params = given_to(run)
    request = Request(
        project,
        selection._replace(named=_named(found, again)),
        loaded.document,
        values_of(project, selection.mode, params),
        run.partition,
        "retry" if again.tasks else "resume",
        force=options.force,
        config=to_name(project),
        secrets=loaded.secrets,
        given=params,
        again=again,
        schedule=run.schedule,
        slot=run.slot,
        anew=again.tasks,
    )
    keeping = None
    if project.dialect == STAGES:
        from tetra_orchestrator.cli import checkpoints

        keeping = checkpoints.keeping(request, checkpoints.Choice())
    return start(request, loaded, style_of(options.progress, as_json=options.as_json), keeping=keeping)


def _named(found: Earlier, again: Again) -> tuple[str, ...]:
    """The pipelines that are asked for: those of the tasks to try again, or of what the run was not to do."""
    chosen = [row.pipeline for row in found.rows if row.task_id in again.tasks]
    left_out = found.left_out if found.run.state == RunState.SUCCEEDED else []
    return tuple(dict.fromkeys(chosen if again.tasks else left_out))


def given_to(run: Run) -> dict[str, str]:
    """The parameters that the run was given. Raises `UsageError` for one whose value was a secret and is not kept."""
    return given(run.params, f"run {run.run_id}", "start a new run, with --param {name}=...")


def as_it_was(found: Earlier, config: str | None, now: Loaded | None) -> Loaded:
    """The configuration as the run was started with it, whatever the file says `now`."""
    run_id = found.run.run_id
    return as_kept(
        now,
        found.document,
        found.run.config_hash,
        config,
        f"what run {run_id} was started with cannot be used any more",
        f"`tetra config diff --run {run_id}` shows what has changed since; mend that, or go on with the "
        "file as it is now, by --with-current-config",
    )
