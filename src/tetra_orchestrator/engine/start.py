"""Starts one run: takes the locks, settles what dead owners left, checks the gate, opens the run and performs it."""

from __future__ import annotations

from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.condition import FINISHED
from tetra_orchestrator.core.freshness import unmet
from tetra_orchestrator.core.history import PipelineState, Run, TaskRun
from tetra_orchestrator.core.identity import run_id
from tetra_orchestrator.core.plan import Plan
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import policy
from tetra_orchestrator.core.states import SATISFIED, RunState, TaskState
from tetra_orchestrator.engine.attempt import RESERVED, Context, referenced
from tetra_orchestrator.engine.inputs import read_from, writers
from tetra_orchestrator.engine.loop import Execution
from tetra_orchestrator.engine.reconcile import reconcile
from tetra_orchestrator.errors import NotNow, StateConflict, StoreError, UsageError
from tetra_orchestrator.ports import Subject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tetra_orchestrator.core.history import Partition
    from tetra_orchestrator.core.model import Json, Mode, Pipeline, Project, Reason
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.ports import Clock, Interrupts, Locks, Processes, Reporter, Runner, Store, Workspace

#: Runs that are looked through for the latest outputs of a task.
HISTORY = 50


class World(Record):
    """The adapters that one run uses. `entropy(n)` gives n random bytes, `environ` is our own environment."""

    store: Store
    runner: Runner
    workspace: Workspace
    clock: Clock
    interrupts: Interrupts
    processes: Processes
    locks: Locks
    entropy: Callable[[int], bytes]
    environ: Mapping[str, str]


class Request(Record):
    """What somebody asked to be run. `document` is the configuration to keep with it, references unresolved.

    `config` is the file to name to whoever wants to look closer, where it is not found by itself. `secrets` are values
    that no log may show.
    """

    project: Project
    selection: Selection
    document: str
    params: Mapping[str, Json]
    partition: Partition | None = None
    trigger: str = "manual"
    force: bool = False
    config: str | None = None
    secrets: tuple[str, ...] = ()


def perform(request: Request, world: World, report: Callable[[Subject], Reporter]) -> int:
    """Run what was asked for and return the exit code.

    Raises `NotNow` where a dependency outside the run has not succeeded, or a pipeline is already running.
    """
    check_partition(request)
    check_standstill(request)
    now = world.clock.now()
    run = _new_run(request, world, now)
    with world.locks.held([f"pipeline-{name}" for name in request.selection.pipelines], f"run {run.run_id}"):
        # under the locks, or an owner could die between our look and our start
        reconcile(world.store, world.clock, world.processes, end_survivors=True)
        if not request.force:
            check_gate(request, world)
        outputs = earlier_outputs(request.project, request.selection, world.store)
        run = run._replace(log=world.workspace.open_log(now))
        _open(run, request, world)
        return _execute(run, request, world, report, outputs)


def check_partition(request: Request) -> None:
    """Raises `UsageError` where a task refers to the dates of a run that has none."""
    if request.partition is not None or not any(mode.partition for mode in request.project.modes):
        return  # without such a mode no task may refer to dates
    for task in request.selection.tasks:
        for reference in referenced(task):
            if reference.owner == "partition":
                raise UsageError(
                    f"{task.id} needs {reference}, and this run is for no range of dates",
                    hint="run a mode with `partition: range`, with --start-date and --end-date",
                )


def check_standstill(request: Request) -> None:
    """Raises `UsageError` for a selection that could never end; that of a mode is refused with its file."""
    selection = request.selection
    if any(task.service for task in selection.tasks):
        from tetra_orchestrator.core.standstill import standstill

        found = standstill(selection.tasks, barriers=bool(policy(request.project, selection.mode).barriers))
        if found is not None:
            raise UsageError(f"this run could not end: {found.text}", hint=found.remedy)


def check_gate(request: Request, world: World) -> None:
    """Raises `NotNow` naming the first pipeline whose dependency outside the run is not there."""
    blocked = gate(request.project, request.selection, world.store, world.clock.now())
    for name, reason in blocked.items():
        raise NotNow(
            f"{name} cannot start: {reason.text}",
            hint="run that first, or run the mode that holds both, or go ahead regardless with --force",
            code=reason.code,
        )


def gate(project: Project, selection: Selection, store: Store, now: datetime) -> dict[str, Reason]:
    """Selected pipelines that must wait for something outside the run, with why."""
    good = {s.pipeline.name: s.last_success_at for s in store.summaries() if s.last_state == RunState.SUCCEEDED}
    strict = project._replace(pipelines=tuple(_strict(pipeline) for pipeline in project.pipelines))
    return unmet(strict, selection, good, now)


def _strict(pipeline: Pipeline) -> Pipeline:
    """The pipeline without those before it that may have ended as they like."""
    needs = [need for task in pipeline.tasks for need in task.conditions]
    loose = {task_id.partition(".")[0] for task_id, condition in needs if condition == FINISHED}
    if not loose:
        return pipeline
    return pipeline._replace(depends_on=tuple(name for name in pipeline.depends_on if name not in loose))


def earlier_outputs(project: Project, selection: Selection, store: Store) -> dict[str, Mapping[str, Json]]:
    """The latest outputs of tasks outside the selection that tasks in it refer to or read.

    Raises `NotNow` naming the reference where there are none.
    """
    inside = {task.id for task in selection.tasks}
    written = writers(project)
    found: dict[str, Mapping[str, Json]] = {}
    for task in selection.tasks:
        for reference in (*referenced(task), *read_from(task, written)):
            owner = reference.owner
            if owner in inside or owner in found or owner in RESERVED:
                continue
            outputs = _last_outputs(owner, store)
            if outputs is None:
                raise NotNow(
                    f"{task.id} needs {reference}, and {owner} has left no outputs yet",
                    hint=f"run {owner} first, or with it",
                    code="no_outputs",
                )
            found[owner] = outputs
    return found


def _last_outputs(task_id: str, store: Store) -> Mapping[str, Json] | None:
    for run in store.runs(limit=HISTORY, pipeline=task_id.partition(".")[0]):
        for row in store.task_runs(run.run_id):
            if row.task_id == task_id and row.state in SATISFIED:
                return row.outputs or {}
    return None


def limits(project: Project, mode: Mode | None = None) -> Limits:
    """What may run at the same time in one run of the mode, and what ends the run before it is done."""
    host, rule = project.host, policy(project, mode)
    places = min(host.max_parallel, rule.max_parallel or host.max_parallel)
    return Limits(
        places,
        project.pools,
        host.cpu,
        host.memory_bytes,
        host.gpu,
        stop_after=rule.stop_after,
        timeout_s=rule.timeout_s,
        max_retries=rule.max_retries,
        barriers=bool(rule.barriers),
    )


def _new_run(request: Request, world: World, now: datetime) -> Run:
    return Run(
        run_id=run_id(now, world.entropy(4)),
        project=request.project.name,
        mode=request.selection.mode.name if request.selection.mode else None,
        trigger=request.trigger,
        state=RunState.RUNNING.value,
        config_hash=request.project.config_hash,
        started_at=now,
        partition=request.partition,
        owner=world.processes.own(),
    )


def _open(run: Run, request: Request, world: World) -> None:
    rows = [
        TaskRun(run.run_id, task.id, task.pipeline, position, TaskState.PENDING.value)
        for position, task in enumerate(request.selection.tasks)
    ]
    pipelines = [
        PipelineState(pipeline.name, pipeline.max_data_age_s, pipeline.enabled, position)
        for position, pipeline in enumerate(request.project.pipelines)
    ]
    world.store.open_run(run, rows, pipelines, request.document)


def _execute(
    run: Run,
    request: Request,
    world: World,
    report: Callable[[Subject], Reporter],
    outputs: Mapping[str, Mapping[str, Json]],
) -> int:
    tasks = request.selection.tasks
    expected = world.store.expected_s()
    subject = Subject(
        run.run_id, title(request.selection), tuple(t.id for t in tasks), expected, run.log or "",
        lambda task, attempt: world.workspace.log_path(run.run_id, task, attempt), world.workspace.tail,
        request.config,
    )  # fmt: skip
    reporter = report(subject)
    execution = Execution(
        Plan(tasks, limits(request.project, request.selection.mode), expected, lambda: world.entropy(1)[0] / 256),
        Context(request.project, run, request.params, world.environ, request.secrets),
        store=world.store,
        runner=world.runner,
        workspace=world.workspace,
        clock=world.clock,
        interrupts=world.interrupts,
        reporter=reporter,
        entropy=world.entropy,
        outputs=outputs,
    )
    try:
        return execution.execute()
    except StateConflict as conflict:
        text = f"run {run.run_id} was settled by somebody else: {conflict.message}"
        raise StoreError(text, code=conflict.code) from conflict
    finally:
        reporter.close()


def title(selection: Selection) -> str:
    """What a run is called in its first line: `in weekly mode`, or `of data_pipeline`."""
    return f"in {selection.mode.name} mode" if selection.mode else f"of {', '.join(selection.pipelines)}"
