"""Starts one run: gets in beside others, checks what has to be there, opens the run and performs it."""

from __future__ import annotations

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.changes import OutputsSaved, RunMoved
from tetra_orchestrator.core.history import PipelineState, Run, TaskRun
from tetra_orchestrator.core.identity import run_id
from tetra_orchestrator.core.plan import Plan
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import beside, places, policy, recorded
from tetra_orchestrator.core.slots import between
from tetra_orchestrator.core.states import RunState, TaskState
from tetra_orchestrator.engine.attempt import Context
from tetra_orchestrator.engine.environment import trace
from tetra_orchestrator.engine.gate import check_gate, check_partition, check_standstill, earlier_outputs
from tetra_orchestrator.engine.loop import Execution
from tetra_orchestrator.engine.overlap import SKIP, Interrupted, admitted
from tetra_orchestrator.engine.reconcile import Scene
from tetra_orchestrator.errors import Exit, StateConflict, StoreError
from tetra_orchestrator.ports import Subject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from tetra_orchestrator.core.history import Partition
    from tetra_orchestrator.core.model import Json, Mode, Project, Reason, Schedule
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.engine.keeping import Keeper
    from tetra_orchestrator.engine.materials import InputFiles
    from tetra_orchestrator.engine.rescue import Rescuer
    from tetra_orchestrator.file_ports import Workspace
    from tetra_orchestrator.ports import Clock, Interrupts, Locks, Processes, Reporter, Runner, Shares, Store


class Done(Record):
    """What need not be done again: by task id, why it is skipped, and the outputs that it left.

    `lineage` are the earlier runs, each after the one that resumes it. `why` says of tasks why they are done again.
    """

    reasons: Mapping[str, Reason]
    outputs: Mapping[str, Mapping[str, Json]]
    lineage: tuple[str, ...] = ()
    why: Mapping[str, Reason] = {}


NOTHING = Done({}, {})

if TYPE_CHECKING:
    from typing import Protocol

    class Before(Protocol):
        """Where it is known from what need not be done again: an earlier run, a checkpoint."""

        # The id of the run that the new one resumes, None where the store has no such run.
        def predecessor(self, store: Store) -> str | None: ...

        # What has been done, once nothing of it is running any more.
        def done(self, request: Request, world: World) -> Done: ...


class World(Record):
    """The adapters that one run uses. `entropy(n)` gives n random bytes, `environ` is our own environment.

    `tell` says a line to whoever waits for the run to begin. `inputs` makes what reads the files that tasks name. `due`
    is that of the `Scene`.
    """

    store: Store
    runner: Runner
    workspace: Workspace
    clock: Clock
    interrupts: Interrupts
    processes: Processes
    locks: Locks
    entropy: Callable[[int], bytes]
    environ: Mapping[str, str]
    tell: Callable[[str], None]
    inputs: Callable[[], InputFiles]
    due: Callable[[Schedule, datetime, datetime], list[datetime]] = between

    @property
    def scene(self) -> Scene:
        """The runs of the store, and what tells how they are."""
        return Scene(self.store, self.clock, self.processes, self.locks, self.workspace, self.due)


class Request(Record):
    """What somebody asked to be run. `document` is the configuration to keep with it, references unresolved.

    `given` are the parameters that were given by name. `config` is the file to name to whoever wants to look closer,
    where it is not found by itself. `secrets` are values that no log may show. `overlap` is what is done while another
    run of one of the pipelines is active. `again` tells what was done before, of which this run does the rest. With a
    `slot` (aware UTC) it is for that slot of the `schedule`, which has to be queued in the ledger. With a `backfill` it
    is for the partition in it, which has to be pending there. The tasks in `anew` run even if they are unchanged.
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
    given: Mapping[str, str | None] = {}
    overlap: str = SKIP
    again: Before | None = None
    schedule: str | None = None
    slot: datetime | None = None
    backfill: str | None = None
    expected_s: Mapping[str, float] | None = None
    anew: Collection[str] = ()


class Basis(Record):
    """What a run rests on: outputs of tasks outside of it, what an earlier run has done, and which tasks are paused;
    of some that it does, why."""

    outputs: Mapping[str, Mapping[str, Json]]
    done: Mapping[str, Reason]
    paused: Mapping[str, Reason]
    why: Mapping[str, Reason]


def perform(request: Request, world: World, report: Callable[[Subject], Reporter]) -> int:
    """Run what was asked for and return the exit code.

    Raises `NotNow` where a dependency outside the run has not succeeded, a pipeline is already running, or one that was
    asked for by its name is paused.
    """
    check_partition(request)
    check_standstill(request)
    run = _new_run(request, world)
    waiting = _Waiting(run, request, world)
    try:
        with (
            world.locks.shares(run.run_id, world.environ.get("TETRA_RUN_ID")) as shares,
            admitted(run, request.selection.pipelines, request.overlap, world, waiting.begin),
        ):
            return _admitted(waiting, request, world, report, shares)
    except Interrupted as signal:
        return Exit.FAILED if waiting.withdraw() else signal.code
    except BaseException:
        waiting.withdraw()
        raise


class _Waiting:
    """The run while it waits for its turn: then its row says so, and it can be cancelled like any other."""

    def __init__(self, run: Run, request: Request, world: World):
        self.run = run
        self.done: Done | None = None
        self._request = request
        self._world = world

    def begin(self) -> None:
        log = self._world.workspace.open_log(self._world.clock.now())
        self.done = _before(self._request, self._world)
        self.run = self.run._replace(state=RunState.QUEUED.value, started_at=None, log=log)
        _open(self.run, self._request, self._world, _beside(self.done, self._request, self._world))

    def withdraw(self) -> bool:
        """End the run if it is still waiting; True when somebody has asked for that."""
        store, run_id = self._world.store, self.run.run_id
        found = store.run(run_id) if self.run.state == RunState.QUEUED else None
        if found is None or found.state != RunState.QUEUED:
            return False
        from tetra_orchestrator.core.orphaned import settling
        from tetra_orchestrator.core.reasons import ASKED, INTERRUPTED

        asked = next((ASKED[what] for what in store.requests(run_id)), None)
        now = self._world.clock.now()
        store.record(settling(found, store.task_runs(run_id), (), 1, now, asked=asked or INTERRUPTED))
        return asked is not None


def _admitted(
    waiting: _Waiting, request: Request, world: World, report: Callable[[Subject], Reporter], shares: Shares
) -> int:
    """Check what has to be there, have the run's row say that it runs, and perform it."""
    run = waiting.run
    # what is left out is looked at only now: whoever was waited for may have run it
    done = _beside(_before(request, world) if waiting.done is None else waiting.done, request, world)
    now = world.clock.now()
    paused = {} if request.force else _paused(request, world, now)
    if not request.force:
        check_gate(request, world.store, now, {*done.reasons, *paused})
    outputs = {**earlier_outputs(request, world.store), **done.outputs}
    if run.state == RunState.QUEUED:
        left_out = [task.id for task in beside(request.selection) if done.outputs.get(task.id)]
        saved = [OutputsSaved(run.run_id, name, done.outputs[name]) for name in left_out]
        failpoints.hit("run.start")
        world.store.record([RunMoved(run.run_id, RunState.QUEUED, RunState.RUNNING, now), *saved])
        failpoints.hit("run.start.commit")
    else:
        run = run._replace(log=world.workspace.open_log(now))
        _open(run, request, world, done)
    world.workspace.carry_over(done.lineage, run.run_id)
    why = {**_checkpoints(run, request, world, {*done.reasons, *paused}), **done.why}
    return _execute(run, request, world, report, Basis(outputs, done.reasons, paused, why), shares)


def _checkpoints(run: Run, request: Request, world: World, skipped: Collection[str]) -> Mapping[str, Reason]:
    """The tasks that go on from a checkpoint of an earlier run, with why; most projects have none that does."""
    asked = any(pipeline.on_failure and pipeline.on_failure.checkpoint for pipeline in request.project.pipelines)
    if request.again is not None or not asked:
        return {}
    from tetra_orchestrator.engine.going_on import carry_checkpoints

    return carry_checkpoints(run, request, world, skipped)


def _paused(request: Request, world: World, now: datetime) -> Mapping[str, Reason]:
    """The tasks that pauses leave out of the run; most projects have none."""
    pauses = world.store.pauses()
    if not pauses:
        return {}
    from tetra_orchestrator.engine.pauses import paused_tasks

    return paused_tasks(pauses, request.selection, now)


def _before(request: Request, world: World) -> Done:
    """What has been done before that this run need not do again."""
    return NOTHING if request.again is None else request.again.done(request, world)


def _beside(done: Done, request: Request, world: World) -> Done:
    """That, and what the run leaves out of its pipelines, as it stands now."""
    if not request.selection.left_out:
        return done
    from tetra_orchestrator.engine.partial import left_out

    more = left_out(request.project, request.selection, world.store, world.clock.now(), request.partition)
    return done._replace(reasons={**done.reasons, **more.reasons}, outputs={**done.outputs, **more.outputs})


def limits(project: Project, mode: Mode | None = None) -> Limits:
    """What may run at the same time in one run of the mode, and what ends the run before it is done."""
    host, rule = project.host, policy(project, mode)
    return Limits(
        places(project, mode),
        project.pools,
        host.cpu,
        host.memory_bytes,
        host.gpu,
        stop_after=rule.stop_after,
        timeout_s=rule.timeout_s,
        max_retries=rule.max_retries,
        barriers=bool(rule.barriers),
        places=host.max_parallel,
        tasks=(rule.max_parallel or 0) if project.runners else 0,
    )


def _new_run(request: Request, world: World) -> Run:
    now = world.clock.now()
    return Run(
        run_id=run_id(now, world.entropy(4)),
        project=request.project.name,
        mode=request.selection.mode.name if request.selection.mode else None,
        trigger=request.trigger,
        state=RunState.RUNNING.value,
        config_hash=request.project.config_hash,
        started_at=now,
        partition=request.partition,
        resumes=request.again.predecessor(world.store) if request.again else None,
        owner=world.processes.own(),
        params=request.given or None,
        slot=request.slot,
        schedule=request.schedule,
        backfill=request.backfill,
        tags=_tags(request),
        tells=request.project.alerting is not None,
    )


def _tags(request: Request) -> tuple[str, ...]:
    """What the run can be found by: the tags and owners of its tasks, and the tags of its schedule."""
    tasks = request.selection.tasks
    found = {(name, value) for task in tasks for name, value in task.tags if name != "tenant" or not task.tenant}
    found |= {("tenant", task.tenant) for task in tasks if task.tenant}
    if request.schedule is not None:
        own = next((one.tags for one in request.project.schedules if one.name == request.schedule), ())
        owned = any(task.tenant for task in tasks)
        found |= {(name, value) for name, value in own if name != "tenant" or not owned}
    return tuple(sorted(f"{name}={value}" for name, value in found))


def _open(run: Run, request: Request, world: World, done: Done) -> None:
    kept, why, pending = done.outputs, done.reasons, TaskState.PENDING.value
    rows = [  # with what need not be done again: whoever resumes this run will not look further back
        TaskRun(
            run.run_id, task.id, task.pipeline, position, pending, reason=why.get(task.id), outputs=kept.get(task.id)
        )
        for position, task in enumerate(recorded(request.project, request.selection))
    ]
    pipelines = [
        PipelineState(pipeline.name, pipeline.max_data_age_s, pipeline.enabled, position)
        for position, pipeline in enumerate(request.project.pipelines)
    ]
    failpoints.hit("run.insert")
    world.store.open_run(run, rows, pipelines, request.document)
    failpoints.hit("run.insert.commit")


def _execute(
    run: Run,
    request: Request,
    world: World,
    report: Callable[[Subject], Reporter],
    basis: Basis,
    shares: Shares,
) -> int:
    tasks = recorded(request.project, request.selection)
    expected = world.store.expected_s() if request.expected_s is None else request.expected_s
    subject = Subject(
        run.run_id, title(request.selection), tuple(t.id for t in tasks), expected, run.log or "",
        lambda task, attempt: world.workspace.log_path(run.run_id, task, attempt), world.workspace.tail,
        request.config, lambda: world.store.task_runs(run.run_id), run, request.project, request.secrets,
        lambda: world.store.attempts(run.run_id), lambda: trace(run, world.environ.get("TRACEPARENT", "")),
    )  # fmt: skip
    reporter = report(subject)
    most = limits(request.project, request.selection.mode)
    context = Context(request.project, run, request.params, world.environ, request.secrets)
    rescuer = _rescuer(request, run, world)
    rescue = rescuer.recovery if rescuer else None
    execution = Execution(
        Plan(tasks, most, expected, lambda: world.entropy(1)[0] / 256, basis.done, basis.paused, basis.why, rescue),
        context,
        store=world.store,
        runner=world.runner,
        workspace=world.workspace,
        clock=world.clock,
        interrupts=world.interrupts,
        reporter=reporter,
        entropy=world.entropy,
        outputs=basis.outputs,
        shares=shares,
        keeper=_keeper(request, context, world),
        rescuer=rescuer,
    )
    try:
        return execution.execute()
    except StateConflict as conflict:
        text = f"run {run.run_id} was settled by somebody else: {conflict.message}"
        raise StoreError(text, code=conflict.code) from conflict
    finally:
        reporter.close()


def _rescuer(request: Request, run: Run, world: World) -> Rescuer | None:
    """What rescues tasks that fail for good; most projects say nothing of that."""
    if all(pipeline.on_failure is None for pipeline in request.project.pipelines):
        return None
    from tetra_orchestrator.core.recovery import recoveries, told
    from tetra_orchestrator.engine.rescue import Rescuer

    project, tasks = request.project, request.selection.tasks
    return Rescuer(run, recoveries(project, tasks), told(project, tasks), world.store, world.workspace)


def _keeper(request: Request, context: Context, world: World) -> Keeper | None:
    """What keeps results of tasks; most projects have none that wants it."""
    if not any(task.cache for task in request.selection.tasks):
        return None
    from tetra_orchestrator.engine.keeping import Keeper
    from tetra_orchestrator.engine.looking import Looker

    store, files, clock = world.store, world.inputs(), world.clock
    return Keeper(Looker(context, store, files, clock, request.anew), context, store, files, clock)


def title(selection: Selection) -> str:
    """What a run is called in its first line: `in weekly mode`, or `of data_pipeline`; `(2 of 5 tasks)` of a part."""
    name = f"in {selection.mode.name} mode" if selection.mode else f"of {', '.join(selection.pipelines)}"
    if not selection.left_out:
        return name
    count = len(selection.tasks)
    return f"{name} ({count} of {count + len(selection.left_out)} tasks)"
