"""Gathers what `why` has to know of a run: its rows, its configuration, what was before."""

from __future__ import annotations

from itertools import islice

from tetra_orchestrator.cli.kept import of_run
from tetra_orchestrator.core import events
from tetra_orchestrator.core.around import differences
from tetra_orchestrator.core.failed_how import last
from tetra_orchestrator.core.history import RunFilter
from tetra_orchestrator.core.states import RunState, TaskState
from tetra_orchestrator.core.why import Case, blamed
from tetra_orchestrator.core.why_support import Past

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tetra_orchestrator.core.history import Run, TaskRun
    from tetra_orchestrator.core.model import Project, Task
    from tetra_orchestrator.core.why_support import Said
    from tetra_orchestrator.engine.reconcile import Scene
    from tetra_orchestrator.ports import Store

#: How many earlier runs of a pipeline are looked through, and so many of them are read at a time.
RECENT, PAGE = 200, 25
#: How many of the last successes count for what is usual.
USUAL = 5
#: Parts of the configuration that change nothing about how a task runs.
ELSEWHERE = ("schedules", "modes", "monitor", "alerting", "logs", "title", "timers", "project", "version")


def gather(run: Run, task: str | None, scene: Scene, config: str | None, said: Said) -> Case:
    """All that is known of the run, and of the task that is to be blamed in it."""
    store = scene.store
    told = store.events(run.run_id)
    project = of_run(run, store, config)
    case = Case(
        run,
        store.task_runs(run.run_id),
        store.attempts(run.run_id),
        task,
        {one.task: one.reason for one in told if one.event == events.ATTEMPT_STARTED and one.task and one.reason},
        next((one.reason for one in told if one.event == events.RUN_FINISHED), None),
        {one.id: one for one in project.tasks()} if project else {},
        said=said,
    )
    if run.state == RunState.QUEUED:
        case = case._replace(ahead=_ahead(case, store))
    root = blamed(case)
    return case if root is None else case._replace(past=_past(case, root, project, scene))


def _ahead(case: Case, store: Store) -> list[Run]:
    """The active runs that have pipelines which this one waits for."""
    wanted = {row.pipeline for row in case.tasks}
    others = [one for one in store.runs(active=True) if one.run_id < case.run.run_id]
    return [one for one in others if wanted & {row.pipeline for row in store.task_runs(one.run_id)}]


def _past(case: Case, root: TaskRun, project: Project | None, scene: Scene) -> Past:
    store = scene.store
    good = list(islice(_successes(root, case.run, store), USUAL))
    if not good:
        return Past()
    run, row = good[0]
    attempts = [last(row, store.attempts(row.run_id)) for _, row in good]
    changed, elsewhere = _changes(case, root, run, store)
    return Past(
        run.run_id,
        changed,
        elsewhere,
        [
            *_surroundings(case, root, run, row, project),
            *differences(scene.workspace.around(run.run_id), scene.workspace.around(case.run.run_id)),
        ],
        sorted(one.duration_s for one in attempts if one and one.duration_s is not None),
        sorted(peak for one in attempts if one and (peak := one.facts.usage.peak_rss_bytes) is not None),
    )


def _successes(root: TaskRun, before: Run, store: Store) -> Iterator[tuple[Run, TaskRun]]:
    """The earlier runs in which the task has succeeded, newest first."""
    until = before.run_id
    for _ in range(RECENT // PAGE):
        page = store.search(RunFilter(pipeline=root.pipeline, before=until), PAGE)
        for run in page:
            for row in store.task_runs(run.run_id):
                if row.task_id == root.task_id and row.state == TaskState.SUCCEEDED:
                    yield run, row
        if len(page) < PAGE:
            return
        until = page[-1].run_id


def _changes(case: Case, root: TaskRun, before: Run, store: Store) -> tuple[list[str], list[str]]:
    """What has changed in the configuration since then: paths that concern the task, and others."""
    from tetra_orchestrator.cli.config_since import changes, since

    paths = [row["path"] for row in changes(since(before, case.run, store))]
    own = f"pipelines.{root.pipeline}"
    mine = [path for path in paths if path == own or path.startswith((f"{own}.", f"{own}["))]
    mine = [path for path in mine if _concerns(path, own, root.task_id)]
    shared = [path for path in paths if path.partition(".")[0] not in (*ELSEWHERE, "pipelines")]
    concerned = mine + shared
    return concerned, [path for path in paths if path not in concerned]


def _concerns(path: str, own: str, task_id: str) -> bool:
    """Whether a change within the pipeline is not only about another task of it."""
    beginning = f"{own}.tasks."
    name = task_id.partition(".")[2]
    return not path.startswith(beginning) or path.removeprefix(beginning).partition(".")[0].partition("[")[0] == name


def _surroundings(case: Case, root: TaskRun, run: Run, row: TaskRun, project: Project | None) -> Sequence[str]:
    """What else has changed between the success and the failure, as far as that can be told from here."""
    from tetra_orchestrator.cli.changed_files import changed_files

    found = []
    boots = [(one.owner or "").rpartition(":")[2] for one in (run, case.run)]
    if all(boots) and boots[0] != boots[1]:
        found.append("since then the machine was started anew, or this is another one")
    task: Task | None = case.model.get(root.task_id)
    if project is not None and row.finished_at and root.started_at:
        found += changed_files(project, task, row.finished_at, root.started_at, case.said)
    return found
