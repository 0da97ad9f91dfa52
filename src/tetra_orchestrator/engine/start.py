"""Starts one run: gets in beside others, checks what has to be there, opens the run and performs it."""

from __future__ import annotations

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.changes import RunMoved
from tetra_orchestrator.core.history import PipelineState, Run, TaskRun
from tetra_orchestrator.core.identity import run_id
from tetra_orchestrator.core.plan import Plan
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import policy
from tetra_orchestrator.core.slots import between
from tetra_orchestrator.core.states import RunState, TaskState
from tetra_orchestrator.engine.attempt import Context
from tetra_orchestrator.engine.gate import check_gate, check_partition, check_standstill, earlier_outputs
from tetra_orchestrator.engine.loop import Execution
from tetra_orchestrator.engine.overlap import SKIP, Interrupted, admitted
from tetra_orchestrator.engine.reconcile import Scene
from tetra_orchestrator.errors import Exit, StateConflict, StoreError
from tetra_orchestrator.ports import Subject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tetra_orchestrator.core.history import Partition
    from tetra_orchestrator.core.model import Json, Mode, Project, Reason, Schedule
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.engine.again import Again
    from tetra_orchestrator.ports import Clock, Interrupts, Locks, Processes, Reporter, Runner, Shares, Store, Workspace


class Done(Record):
    """What need not be done again: by task id, why it is skipped, and the outputs that it left.

    `lineage` are the earlier runs, each after the one that resumes it.
    """

    reasons: Mapping[str, Reason]
    outputs: Mapping[str, Mapping[str, Json]]
    lineage: tuple[str, ...] = ()


NOTHING = Done({}, {})


class World(Record):
    """The adapters that one run uses. `entropy(n)` gives n random bytes, `environ` is our own environment.

    `tell` says a line to whoever waits for the run to begin. `due` is that of the `Scene`.
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
    due: Callable[[Schedule, datetime, datetime], list[datetime]] = between

    @property
    def scene(self) -> Scene:
        """The runs of the store, and what tells how they are."""
        return Scene(self.store, self.clock, self.processes, self.locks, self.workspace, self.due)


class Request(Record):
    """What somebody asked to be run. `document` is the configuration to keep with it, references unresolved.

    `given` are the parameters that were given by name. `config` is the file to name to whoever wants to look closer,
    where it is not found by itself. `secrets` are values that no log may show. `overlap` is what is done while another
    run of one of the pipelines is active. `again` names the earlier run of which this one does what is left. With a
    `slot` (aware UTC) it is for that slot of the `schedule`, which has to be queued in the ledger.
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
    again: Again | None = None
    schedule: str | None = None
    slot: datetime | None = None


class Basis(Record):
    """What a run rests on: outputs of tasks outside of it, what an earlier run has done, and which tasks are paused."""

    outputs: Mapping[str, Mapping[str, Json]]
    done: Mapping[str, Reason]
    paused: Mapping[str, Reason]


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
            return _admitted(waiting.run, request, world, report, shares)
    except Interrupted as signal:
        return Exit.FAILED if waiting.withdraw() else signal.code
    except BaseException:
        waiting.withdraw()
        raise


class _Waiting:
    """The run while it waits for its turn: then its row says so, and it can be cancelled like any other."""

    def __init__(self, run: Run, request: Request, world: World):
        self.run = run
        self._request = request
        self._world = world

    def begin(self) -> None:
        log = self._world.workspace.open_log(self._world.clock.now())
        self.run = self.run._replace(state=RunState.QUEUED.value, started_at=None, log=log)
        _open(self.run, self._request, self._world, NOTHING)

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


def _admitted(run: Run, request: Request, world: World, report: Callable[[Subject], Reporter], shares: Shares) -> int:
    """Check what has to be there, have the run's row say that it runs, and perform it."""
    done = _done(request, world)
    now = world.clock.now()
    paused = {} if request.force else _paused(request, world, now)
    if not request.force:
        check_gate(request, world.store, now)
    outputs = {**earlier_outputs(request.project, request.selection, world.store), **done.outputs}
    if run.state == RunState.QUEUED:
        failpoints.hit("run.start")
        world.store.record([RunMoved(run.run_id, RunState.QUEUED, RunState.RUNNING, now)])
        failpoints.hit("run.start.commit")
    else:
        run = run._replace(log=world.workspace.open_log(now))
        _open(run, request, world, done)
        world.workspace.carry_over(done.lineage, run.run_id)
    return _execute(run, request, world, report, Basis(outputs, done.reasons, paused), shares)


def _paused(request: Request, world: World, now: datetime) -> Mapping[str, Reason]:
    """The tasks that pauses leave out of the run; most projects have none."""
    pauses = world.store.pauses()
    if not pauses:
        return {}
    from tetra_orchestrator.engine.pauses import paused_tasks

    return paused_tasks(pauses, request.selection, now)


def _done(request: Request, world: World) -> Done:
    """What the earlier run has done that this one need not do again."""
    if request.again is None:
        return NOTHING
    from tetra_orchestrator.engine.again import done_before

    return done_before(request.again, request.selection.tasks, world)


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
        places=host.max_parallel,
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
        resumes=request.again.run_id if request.again else None,
        owner=world.processes.own(),
        params=request.given or None,
        slot=request.slot,
        schedule=request.schedule,
    )


def _open(run: Run, request: Request, world: World, done: Done) -> None:
    kept, why, pending = done.outputs, done.reasons, TaskState.PENDING.value
    rows = [  # with what need not be done again: whoever resumes this run will not look further back
        TaskRun(
            run.run_id, task.id, task.pipeline, position, pending, reason=why.get(task.id), outputs=kept.get(task.id)
        )
        for position, task in enumerate(request.selection.tasks)
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
    tasks = request.selection.tasks
    expected = world.store.expected_s()
    subject = Subject(
        run.run_id, title(request.selection), tuple(t.id for t in tasks), expected, run.log or "",
        lambda task, attempt: world.workspace.log_path(run.run_id, task, attempt), world.workspace.tail,
        request.config,
    )  # fmt: skip
    reporter = report(subject)
    most = limits(request.project, request.selection.mode)
    execution = Execution(
        Plan(tasks, most, expected, lambda: world.entropy(1)[0] / 256, basis.done, basis.paused),
        Context(request.project, run, request.params, world.environ, request.secrets),
        store=world.store,
        runner=world.runner,
        workspace=world.workspace,
        clock=world.clock,
        interrupts=world.interrupts,
        reporter=reporter,
        entropy=world.entropy,
        outputs=basis.outputs,
        shares=shares,
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
