"""The one loop that performs a plan. Policy over ports: it knows no process, no database and no clock of its own."""

from __future__ import annotations

from tetra_orchestrator import failpoints
from tetra_orchestrator.core import events
from tetra_orchestrator.core.changes import AttemptClosed, AttemptOpened, AttemptRunning, OutputsSaved, RunMoved
from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.history import Attempt
from tetra_orchestrator.core.identity import token
from tetra_orchestrator.core.model import LOCAL, Reason
from tetra_orchestrator.core.outcome import SIGNALS, Cancelled, SpawnFailed, succeeded
from tetra_orchestrator.core.reasons import ASKED, slow
from tetra_orchestrator.core.states import SATISFIED, VERDICTS, RunState, TaskState, advance_run
from tetra_orchestrator.engine.attempt import given, launch, runner_of, values
from tetra_orchestrator.engine.conclusion import exit_code_of
from tetra_orchestrator.engine.evidence import checked_outputs, is_ready, left_behind, searched_log
from tetra_orchestrator.engine.excess import naming_excess
from tetra_orchestrator.engine.journal import Journal
from tetra_orchestrator.errors import CannotWrite, StateConflict, StoreError, TetraError
from tetra_orchestrator.signals import SIGINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tetra_orchestrator.core.decision import Start
    from tetra_orchestrator.core.facts import Facts
    from tetra_orchestrator.core.model import Json, Task
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.core.plan import Plan
    from tetra_orchestrator.engine.attempt import Context
    from tetra_orchestrator.engine.keeping import Keeper
    from tetra_orchestrator.engine.rescue import Rescuer
    from tetra_orchestrator.file_ports import Workspace
    from tetra_orchestrator.ports import AttemptFiles, Clock, Interrupts, Launch, Reporter, Runner, Shares, Store

#: Seconds without news after which handles are saved by themselves instead of with the next transition.
LINGER_S = 0.02
#: Seconds between two ticks of the reporter.
TICK_S = 0.25
#: Seconds between two looks at services that are starting, or at a store that is away.
READY_POLL_S = 0.2
#: The code of the error of a store that has gone away during a run and may come back.
AWAY = "store_lost"


class Execution:
    """One run being performed. `execute` returns its exit code when every task is terminal and durable.

    `outputs` are those of tasks outside the run that tasks in it refer to.
    """

    def __init__(
        self,
        plan: Plan,
        context: Context,
        *,
        store: Store,
        runner: Runner,
        workspace: Workspace,
        clock: Clock,
        interrupts: Interrupts,
        reporter: Reporter,
        entropy: Callable[[int], bytes],
        outputs: Mapping[str, Mapping[str, Json]],
        shares: Shares,
        keeper: Keeper | None = None,
        rescuer: Rescuer | None = None,
    ):
        self._plan = plan
        self._context = context
        self._run_id = context.run.run_id
        self._slow_s = context.project.monitor and context.project.monitor.slow_task_s
        self._store = store
        self._runner = runner
        self._workspace = workspace
        self._clock = clock
        self._interrupts = interrupts
        self._reporter = reporter
        self._entropy = entropy
        self._shares = shares
        self._keeper = keeper
        self._rescuer = rescuer
        self._journal = Journal(self._run_id, store, reporter, clock)
        self._known = values(context, outputs)
        self._live: dict[str, Start] = {}
        self._handles: dict[str, str] = {}
        self._unsaved: dict[str, tuple[Start, float]] = {}
        self._files: dict[str, AttemptFiles] = {}
        self._began: dict[str, float] = {}
        self._spent: list[AttemptFiles] = []
        self._starting: tuple[Start, ...] = ()
        self._signals: list[int] = []
        self._interrupted_by: int | None = None
        self._exit_code: int | None = None

    def execute(self) -> int:
        """Two beats: start what there is room for, then wait for what happens. Each turn is one durable commit."""
        began = self._clock.monotonic()
        self._journal.event(events.RUN_STARTED, state=RunState.RUNNING.value)
        self._take_signals()
        try:
            while True:
                self._save_handles(LINGER_S)
                with self._shares.turn() as others:
                    decision = self._plan.decide(self._clock.monotonic(), self._clock.elapsed(), others)
                    self._starting = decision.starts
                    self._shares.take(self._plan.in_use())
                self._look_at(decision.looks)
                launches = [self._prepare(start) for start in decision.starts]
                self._journal.moves(self._plan.take_moves())
                if self._plan.finished and not self._is_keeping():
                    return self._finish(began)
                self._commit()
                failed = self._submit(decision.starts, launches)
                for stop in decision.stops:
                    self._runner.cancel(self._handles[stop.task.id])
                if self._is_keeping():
                    self._keep_on()
                elif not failed:
                    self._wait(decision.wake_at)
                self._collect()
        except StateConflict:
            raise
        except (StoreError, CannotWrite) as fault:
            return self._give_up(fault, began)
        finally:
            self._runner.close()

    def _commit(self) -> None:
        """Make the turn durable; only then goes what attempts were given and handed on, where it holds secrets."""
        while True:
            try:
                self._journal.commit()
                break
            except StoreError as fault:
                self._outlast(fault)
        while self._spent:
            self._workspace.clear(self._spent.pop())

    def _outlast(self, fault: TetraError) -> None:
        """Wait a little for a store that has gone away. Raises when a signal comes, or others may take the run over."""
        if fault.code == AWAY and not self._signals and self._clock.wait([self._interrupts.fileno()], READY_POLL_S):
            self._signals = self._interrupts.take()
        if fault.code != AWAY or self._signals:
            raise fault
        with self._shares.turn():
            return

    # -- beat one: fill -----------------------------------------------------------------------------------------

    def _prepare(self, start: Start) -> Launch | SpawnFailed:
        """Write the attempt's row and files; a fault here is the attempt's own, not the run's."""
        task, fence, began = start.task, token(self._entropy(16)), self._clock.now()
        self._began[task.id] = self._clock.monotonic()
        attempt = Attempt(
            self._run_id, task.id, start.attempt, fence, "submitted", "", runner_of(task),
            started_at=began, waited_s=start.waited_s,
        )  # fmt: skip
        try:
            content = given(task, self._context, self._known)
            files = self._workspace.prepare(self._run_id, task.id, start.attempt, content, task.tenant)
        except TetraError as error:
            self._journal.add(AttemptOpened(attempt))
            return SpawnFailed(error.code, str(error))
        self._files[task.id] = files
        self._journal.add(AttemptOpened(attempt._replace(log=files.log)))
        try:
            ready = launch(task, start.attempt, fence, files, self._context, self._known)
            return self._rescuer.equip(ready, start) if self._rescuer else ready
        except TetraError as error:
            return SpawnFailed(error.code, str(error))

    def _submit(self, starts: tuple[Start, ...], launches: list[Launch | SpawnFailed]) -> bool:
        """Start the processes; True when one could not be."""
        self._starting = ()
        failpoints.hit("spawn.before")
        ready = [one for one in launches if not isinstance(one, SpawnFailed)]
        answers = iter(self._runner.submit(ready)) if ready else iter(())
        failed = False
        for start, one in zip(starts, launches, strict=True):
            answer = one if isinstance(one, SpawnFailed) else next(answers)
            if isinstance(answer, SpawnFailed):
                self._close(start, naming_excess(answer, start.task, self._known))
                failed = True
            else:
                self._live[answer] = start
                self._handles[start.task.id] = answer
                self._unsaved[start.task.id] = start, self._clock.monotonic()
        return failed

    def _save_handles(self, older_s: float) -> bool:
        """Record that what was submitted so long ago runs; a short attempt ends before that is worth a change.

        True when limits count from now on that the last decision knew nothing of.
        """
        now = self._clock.monotonic()
        older = {self._handles[name]: name for name, (_, since) in self._unsaved.items() if since <= now - older_s}
        away = False
        for handle in self._runner.begun(older) if older else ():
            task_id = older[handle]
            start, _ = self._unsaved.pop(task_id)
            if start.task.runner != LOCAL:
                self._began[task_id] = now
                away = True
            self._plan.started(task_id, now, self._clock.elapsed())
            lasting = self._runner.lasting(handle)
            self._journal.add(AttemptRunning(self._run_id, task_id, start.attempt, lasting))
        return away

    # -- beat two: wait -----------------------------------------------------------------------------------------

    def _wait(self, wake_at: float | None) -> None:
        """Wait for an exit, a signal or `wake_at`; save the handles if nothing happens for a moment."""
        wakeups, now = (self._runner.wakeup(), self._shares.wakeup()), self._clock.monotonic()
        fds = [self._interrupts.fileno(), *(each.fd for each in wakeups if each.fd is not None)]
        until = [now + each.within_s for each in wakeups if each.within_s is not None]
        until += [wake_at] if wake_at is not None else []
        if self._clock.wait(fds, min([LINGER_S, *(t - self._clock.monotonic() for t in until)])):
            return
        # what is due is taken in first: a job that was called off in its queue is not taken for one that has begun
        if (until and self._clock.monotonic() >= min(until)) or self._save_handles(0.0):
            return
        self._journal.moves(self._plan.take_moves())
        self._commit()
        until += [now + READY_POLL_S] if self._plan.starting() else []
        while not until or self._clock.monotonic() < min(until):
            self._reporter.tick()
            if self._clock.wait(fds, min([TICK_S, *(t - self._clock.monotonic() for t in until)])):
                return

    def _collect(self) -> None:
        """Take in what happened: signals first, then the attempts that ended."""
        self._take_signals()
        self._take_ended()
        for task_id in self._plan.starting():
            if is_ready(self._live[self._handles[task_id]].task, self._files[task_id], self._workspace):
                self._plan.ready(task_id)

    def _take_ended(self) -> None:
        for start, one in [(self._live.pop(one.handle), one) for one in self._runner.poll(self._live)]:
            failpoints.hit("child.exited")
            self._unsaved.pop(start.task.id, None)
            del self._handles[start.task.id]
            self._close(start, one.outcome, one.facts, one.lasted_s)

    def _close(self, start: Start, outcome: Outcome, facts: Facts = NO_FACTS, lasted_s: float | None = None) -> None:
        """Settle one attempt: its outputs, its row, and what the plan makes of it."""
        task_id, files = start.task.id, self._files.pop(start.task.id, None)
        outputs: Mapping[str, Json] | None = None
        if files and succeeded(outcome):
            outcome, outputs = checked_outputs(start.task, outcome, files, self._workspace)
        searched = files if task_id in self._plan.searched else None
        evidence = searched_log(searched, outcome, self._workspace) if searched else ("", None)
        outcome = self._context.told(outcome)
        items = self._rescuer.items(task_id, files) if self._rescuer and files and not succeeded(outcome) else 0
        outcome = self._plan.ended(task_id, outcome, (now := self._clock.monotonic()), *evidence, items)
        tail = None if files is None or succeeded(outcome) else self._workspace.tail(files.log)
        at, since_start = self._clock.now(), now - self._began.pop(task_id)
        lasted = since_start if lasted_s is None else lasted_s
        self._journal.add(AttemptClosed(self._run_id, task_id, start.attempt, outcome, at, tail, facts, lasted))
        if self._rescuer and not succeeded(outcome):
            outputs = self._rescuer.settle(start, self._plan, self._journal, self._outlast)
        state = self._plan.state(task_id)
        if self._slow_s and lasted > self._slow_s and not start.task.service:
            self._journal.event(events.TASK_SLOW, task_id, start.attempt, state.value, slow(lasted, self._slow_s))
        if state in SATISFIED:
            if outputs is None:
                outputs = left_behind(files, self._workspace) if files else {}
            if outputs:
                self._known[task_id] = outputs
                self._journal.add(OutputsSaved(self._run_id, task_id, self._context.kept(outputs)))
            if self._keeper and state is TaskState.SUCCEEDED:
                self._keeper.keep(task_id, outputs)
        elif state is TaskState.FAILED and files and (metrics := left_behind(files, self._workspace).get("metrics")):
            self._journal.add(OutputsSaved(self._run_id, task_id, self._context.kept({"metrics": metrics})))
        if files and self._context.secrets:
            self._spent.append(files)

    def _take_signals(self) -> None:
        numbers, self._signals = [*self._signals, *self._interrupts.take()], []
        for number in numbers:
            self._interrupt(number)
        if self._shares.asked() and not self._plan.cancelled:
            self._stop_as_asked()

    def _interrupt(self, number: int) -> None:
        """The first signal ends the run gracefully; a Ctrl-C after it ends what is left at once."""
        if self._plan.cancelled:
            if number == SIGINT:
                for handle in self._live:
                    self._runner.kill(handle)
        elif not self._stop_as_asked():
            self._interrupted_by = number
            self._stop(Reason("interrupted", f"interrupted by SIG{SIGNALS[number]}"))

    def _stop_as_asked(self) -> bool:
        asked = self._store.requests(self._run_id)
        if asked:
            self._stop(ASKED[asked[0]])
        return bool(asked)

    def _stop(self, reason: Reason) -> None:
        self._plan.cancel(reason)
        self._journal.event(events.RUN_STOPPING, state=RunState.RUNNING.value, reason=reason)

    # -- results of before --------------------------------------------------------------------------------------

    def _look_at(self, tasks: tuple[Task, ...]) -> None:
        for task in tasks:
            assert self._keeper is not None
            self._keeper.look(task, self._known)

    def _is_keeping(self) -> bool:
        """Whether it is being found out of a task if it has to run, or what one has made is being kept."""
        if self._keeper is not None and self._plan.cancelled:
            self._keeper.drop()
        return self._keeper is not None and self._keeper.busy

    def _keep_on(self) -> None:
        """Go on with that, after a commit: what is kept has succeeded."""
        assert self._keeper is not None
        for answer in self._keeper.work():
            if answer.outputs is None:
                self._plan.changed(answer.task_id, answer.reason)
                continue
            self._plan.unchanged(answer.task_id, answer.reason)
            if answer.outputs:
                self._known[answer.task_id] = answer.outputs
                self._journal.add(OutputsSaved(self._run_id, answer.task_id, answer.outputs))

    # -- the end ------------------------------------------------------------------------------------------------

    def _finish(self, began: float, fault: TetraError | None = None) -> int:
        """Record the verdict and return the exit code; with a `fault` of the store, the run has failed of that."""
        if self._exit_code is None:
            self._exit_code = self._conclude(began, fault)
        self._commit()
        return self._exit_code

    def _conclude(self, began: float, fault: TetraError | None) -> int:
        state, reason = self._plan.verdict()
        if fault is not None and state is RunState.CANCELLED:
            state = RunState.FAILED
        after = advance_run(RunState.RUNNING, VERDICTS[state])
        exit_code = exit_code_of(after, self._interrupted_by) if fault is None else fault.exit_code
        lasted = self._clock.monotonic() - began
        self._journal.add(RunMoved(self._run_id, RunState.RUNNING, after, self._clock.now(), lasted, exit_code, reason))
        self._journal.event(events.RUN_FINISHED, state=after.value, reason=reason)
        return exit_code

    def _give_up(self, fault: StoreError | CannotWrite, began: float) -> int:
        """The store takes no more: end what runs, and try once more to leave behind what is known."""
        concluded = self._exit_code is not None
        if not concluded:
            self._end_all(Reason("store_failed", f"the run was ended, because {fault.message}"))
        try:
            self._store.make_room()
            code = self._finish(began, fault)
        except TetraError:
            raise self._journal.unrecorded(fault) from fault
        if concluded:
            return code
        raise fault

    def _end_all(self, reason: Reason) -> None:
        """End every attempt and take in how it ended, without the store; a signal ends them at once."""
        self._plan.cancel(reason)
        stops = self._plan.decide(self._clock.monotonic(), self._clock.elapsed()).stops
        for start in self._starting:
            if start.task.id not in self._began:
                self._prepare(start)
            self._close(start, Cancelled())
        for stop in stops:
            if stop.task.id in self._handles:
                self._runner.cancel(self._handles[stop.task.id])
        while self._live:
            self._take_ended()
            wakeup = self._runner.wakeup()
            fds = [self._interrupts.fileno()] + ([] if wakeup.fd is None else [wakeup.fd])
            if self._live and self._clock.wait(fds, min(TICK_S, wakeup.within_s or TICK_S)) and self._interrupts.take():
                for handle in self._live:
                    self._runner.kill(handle)
        self._journal.moves(self._plan.take_moves())
