"""The pure plan: told what happened, it answers what to do next, each time with a reason.

It sees no process and no clock: the caller gives it the time, so that it drives processes, dry runs and simulations.

Its parts: `nodes` (the tasks, tied together), `progress` (their states), `queue` and `admission` (what starts),
`looks` (what need not), `endings` (what an end means for its task) and `settlement` (for the others), `services`,
`barrier`, `timetable` (limits and retries) and `waiting`.
"""

from __future__ import annotations

from tetra_orchestrator.core import endings
from tetra_orchestrator.core.admission import Limits, Room
from tetra_orchestrator.core.condition import searched
from tetra_orchestrator.core.decision import Decision, Start, Stop
from tetra_orchestrator.core.failure import Evidence
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.nodes import tied
from tetra_orchestrator.core.outcome import Cancelled, Stopped, Unkillable, describe, succeeded
from tetra_orchestrator.core.progress import Progress
from tetra_orchestrator.core.queue import Queue
from tetra_orchestrator.core.reasons import (
    BECAME_READY,
    DISABLED,
    NOT_NEEDED,
    budget_spent,
    level_failed,
    over_its_limit,
    over_the_runs_limit,
    too_many_failures,
    why_start,
)
from tetra_orchestrator.core.retry import delay_s
from tetra_orchestrator.core.services import Services, needed_again
from tetra_orchestrator.core.settlement import Settlement
from tetra_orchestrator.core.states import ACTIVE, TERMINAL, Event, RunState, TaskState
from tetra_orchestrator.core.timetable import Timetable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tetra_orchestrator.core.barrier import Barrier
    from tetra_orchestrator.core.decision import Move
    from tetra_orchestrator.core.looks import Looks
    from tetra_orchestrator.core.model import Task
    from tetra_orchestrator.core.nodes import Node
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.core.recovery import Recovery

#: Seconds between two looks at what other runs take: nothing tells when they give it back.
LOOK_S = 0.25
#: What other runs take where there are none.
ALONE: Mapping[str, int] = {}


class Plan:
    """One run's tasks from `pending` to a verdict.

    `tasks` must be acyclic and closed (every dependency is among them); their order breaks ties. `expected_s` maps
    task ids to learned durations: the task with the longest path behind it starts first. `done` are the tasks that an
    earlier run did, each with the reason why it is skipped: what depends on them may start. A service among them that
    is needed again runs again. `paused` are the tasks that this run leaves out, with why; what depends on them is
    skipped, too. `why` is what is told of a task's first attempt instead of what let it start. `recovery` says how some
    that fail for good may be rescued. `room` is what they run in, where that is not this host. `searched` holds the ids
    of tasks at whose end the plan wants to know what their log says.

    With `barriers` in the limits a level starts when all tasks of the level before are over. Where one of them failed,
    the others of its level still run, and all later levels are cancelled, independent tasks included (`level_failed`).
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        limits: Limits,
        expected_s: Mapping[str, float],
        random: Callable[[], float] = lambda: 0.5,
        done: Mapping[str, Reason] | None = None,
        paused: Mapping[str, Reason] | None = None,
        why: Mapping[str, Reason] | None = None,
        recovery: Mapping[str, Recovery] | None = None,
        room: Room | None = None,
    ):
        self._limits = limits
        self._room = room or Room(limits)
        self._nodes = tied(tasks, expected_s, self._room)
        self._progress = Progress(self._nodes)
        self._queue = Queue(self._nodes, self._room)
        self._settlement = Settlement(self._nodes, self._progress, self._queue)
        self._looks = _looks(self._nodes, self._room)
        self._services = Services(self._nodes)
        self._timetable = Timetable(limits.timeout_s)
        self._barrier = _barrier(self._nodes) if limits.barriers else None
        self._random = random
        self._recovery = recovery or {}
        self._retries = 0
        self._stops: list[Stop] = []
        self._out_of_time = False
        self._called_off: Reason | None = None
        self.cancelled: Reason | None = None
        self.searched = searched(tasks)
        for name, reason in (why or {}).items():
            self._nodes[name].why = reason
        self._skip(done or {}, paused or {})

    # -- what happened ------------------------------------------------------------------------------------------

    def started(self, task_id: str, now: float, elapsed: float) -> None:
        """The attempt has begun. Its limits count from here where it may have waited for that on another machine."""
        node = self._nodes[task_id]
        self._timetable.begins(node, now, elapsed)
        self._progress.advance(node, Event.START, why_start(node) if node.rescue else None)

    def ready(self, task_id: str) -> None:
        """The running service is ready for what depends on it."""
        node = self._nodes[task_id]
        self._progress.advance(node, Event.BECOME_READY, BECAME_READY)
        self._settlement.ready(node)

    def unchanged(self, task_id: str, reason: Reason) -> None:
        """What the task would make is there already: it is skipped, and what depends on it may start.

        This or `changed` is the answer to a task in the `looks` of a decision.
        """
        node = self._looked(task_id)
        if node is not None:
            node.done = True
            self._progress.end(node, Event.SKIP, reason)
            self._settlement.settle(node)

    def changed(self, task_id: str, reason: Reason) -> None:
        """The task has to run, because of that."""
        node = self._looked(task_id)
        if node is not None:
            node.why = node.why or reason
            self._settlement.offer(node)

    def ended(
        self, task_id: str, outcome: Outcome, now: float, tail: str = "", error_class: str | None = None, items: int = 0
    ) -> Outcome:
        """The attempt is over and its process tree gone; returns the outcome that counts.

        Where we had asked for its end, that cause counts and not how the process died of it. `tail` is the end of its
        log, `error_class` the exception it reported; both matter only for the tasks in `searched`. `items` is how many
        items it has completed. Ask `wants_earlier` afterwards.
        """
        node = self._nodes[task_id]
        if node.stopping is not None and not isinstance(outcome, Unkillable):
            outcome = node.stopping
        node.stopping = None
        node.share = self._room.give_back(node.place, node.share)
        self._settlement.remember(node, outcome, tail)
        if succeeded(outcome):
            self._close(node, *endings.success(node, outcome))
            return outcome
        node.failures += 1
        resources = node.task.resources
        evidence = Evidence(tail, error_class, bool(resources and resources.memory_bytes))
        refused = endings.refused(node, outcome, evidence) or self._called_off
        if refused is None and self._retries == self._limits.max_retries:
            refused = budget_spent(self._retries)
        if refused is None:
            self._retry(node, outcome, now)
        else:
            self._fail(node, outcome, refused, tail, items)
        return outcome

    def wants_earlier(self, task_id: str) -> bool:
        """Whether the task, which failed for good, is rescued by what it has made before; then it is told `earlier`."""
        rescue = self._nodes[task_id].rescue
        return rescue is not None and rescue.instead is None and self._nodes[task_id].state in ACTIVE

    def earlier(self, task_id: str, text: str, *, stands_in: bool) -> None:
        """What the task has made before stands in for it, or cannot; `text` says what that is, or why not."""
        node = self._nodes[task_id]
        assert node.rescue is not None
        self._close(node, *(endings.rescued if stands_in else endings.not_rescued)(node.rescue, text))

    def cancel(self, reason: Reason) -> None:
        """Start nothing more and end what runs."""
        if self.cancelled or self.finished:
            return
        self.cancelled = reason
        self._timetable.forget_the_run()
        self._call_off(reason)
        for node in self._nodes.values():
            if node.state in ACTIVE:
                self._stop(node, Cancelled(), reason)

    # -- what to do ---------------------------------------------------------------------------------------------

    def decide(self, now: float, elapsed: float | None = None, others: Mapping[str, int] | None = ALONE) -> Decision:
        """What is due at `now`: attempts to start while there is room, process trees to end.

        `elapsed` is the time by a clock that goes on while the machine sleeps, for `wall_timeout_s`; None is `now`.
        `others` is what other runs take of what all share; None where that is not known, so that nothing starts.
        """
        self._room.beside(others)
        elapsed = now if elapsed is None else elapsed
        if self._timetable.run_is_over(now):
            self._out_of_time = True
            self.cancel(over_the_runs_limit(self._limits.timeout_s or 0.0))
        for node, cause in self._timetable.overdue(now, elapsed):
            self._stop(node, cause, over_its_limit(cause.after_s, wall=cause.wall))
        for node in self._timetable.due_retries(now):
            self._settlement.offer(node)
        while self._lift_the_barrier() or self._dismiss_services():
            pass
        starts = self._fill(now, elapsed)
        # an attempt may have ended by itself since its end was asked for
        stops = [stop for stop in self._stops if self._nodes[stop.task.id].stopping is not None]
        self._stops = []
        looks = self._looks.take() if self._looks else ()
        return Decision(tuple(starts), tuple(stops), self._wake_at(now, elapsed), looks)

    def in_use(self) -> dict[str, int]:
        """What the run takes, since its last decision, of what all runs share."""
        return self._room.in_use()

    def starting(self) -> list[str]:
        """The running services of which the plan wants to know when they are ready."""
        return self._services.starting() if self._services else []

    def take_moves(self) -> list[Move]:
        """The state changes since the last call, in order."""
        return self._progress.take_moves()

    @property
    def finished(self) -> bool:
        """True when every task is terminal."""
        return not self._progress.open

    def verdict(self) -> tuple[RunState, Reason]:
        """The run's final state and why."""
        if self.cancelled:
            return RunState.TIMED_OUT if self._out_of_time else RunState.CANCELLED, self.cancelled
        return endings.verdict(self._progress)

    def state(self, task_id: str) -> TaskState:
        """The task's present state."""
        return self._nodes[task_id].state

    def waiting(self) -> dict[str, Reason]:
        """What holds back each task that is neither over nor running, as of the last decision."""
        from tetra_orchestrator.core.waiting import waiting

        return waiting(self._nodes, self._room, self._queue, self._barrier)

    # -- starting -----------------------------------------------------------------------------------------------

    def _skip(self, done: Mapping[str, Reason], paused: Mapping[str, Reason]) -> None:
        """Leave out what is done, disabled or paused, and let in what waits for nothing."""
        for node in self._nodes.values():
            self._settlement.offer(node)
        again = needed_again(self._nodes, done)
        skipped = [node for name, node in self._nodes.items() if name in done and name not in again]
        for node in skipped:
            node.done = True
            self._progress.end(node, Event.SKIP, done[node.task.id])
        for node in self._nodes.values():
            reason = paused.get(node.task.id) if node.task.enabled else DISABLED
            if reason is not None and not node.done:
                self._progress.end(node, Event.SKIP, reason)
                skipped.append(node)
        for node in skipped:
            self._settlement.settle(node)

    def _fill(self, now: float, elapsed: float) -> list[Start]:
        self._queue.stamp(now)
        starts = []
        while node := self._queue.take():
            if self._looks is None or not self._looks.wanted(node):
                starts.append(self._start(node, now, elapsed))
        # what only services leave no room for would wait for ever where they end after it
        while self._services and self._only_services_run() and (node := self._queue.force()):
            if self._looks is None or not self._looks.wanted(node):
                starts.append(self._start(node, now, elapsed))
        return starts

    def _looked(self, task_id: str) -> Node | None:
        assert self._looks is not None
        return self._looks.answered(task_id)

    def _wake_at(self, now: float, elapsed: float) -> float | None:
        due = self._timetable.wake_at(now, elapsed)
        if self._room.alone:
            return due
        lacking = self._queue.waits_for()
        self._room.wait(lacking, now)
        if not lacking and not self._room.blind:
            return due
        return now + LOOK_S if due is None else min(due, now + LOOK_S)

    def _start(self, node: Node, now: float, elapsed: float) -> Start:
        node.attempts += 1
        node.share = self._room.take(node.place, node.share)
        self._timetable.starts(node, now, elapsed)
        reason, rescue = why_start(node), node.rescue
        self._progress.advance(node, Event.SUBMIT, reason)
        if rescue is not None and rescue.instead is not None:
            return Start(rescue.instead, node.attempts, reason, now - node.since, rescue.reason.text)
        return Start(node.task, node.attempts, reason, now - node.since)

    def _lift_the_barrier(self) -> bool:
        """Let the next level in, or end it and all others where something has failed; true when that was done."""
        level = self._barrier.lift() if self._barrier else None
        if not level:
            return False
        if self._progress.failed and self._called_off is None:
            self._call_off(level_failed(self._progress.failures()))
        self._settlement.release(level)
        return True

    # -- ending -------------------------------------------------------------------------------------------------

    def _retry(self, node: Node, outcome: Outcome, now: float) -> None:
        self._retries += 1
        wait = delay_s(node.task.retry, node.failures, self._random())
        self._timetable.retry(node, now + wait)
        self._again(node, Reason("retry_scheduled", f"{describe(outcome)}; next attempt in {wait:g} s"))

    def _again(self, node: Node, reason: Reason) -> None:
        node.share = self._room.share(node.task, node.attempts + 1)
        self._progress.advance(node, Event.RETRY, reason)
        if node.ready:
            self._settlement.unready(node)

    def _fail(self, node: Node, outcome: Outcome, refused: Reason, tail: str, items: int) -> None:
        """End the task with a failure that no attempt follows, unless something of it counts or stands in for it."""
        ended = endings.failure(node, outcome, refused, tail, self.cancelled, out_of_time=self._out_of_time)
        recovery = None if self.cancelled else self._recovery.get(node.task.id)
        if recovery is not None and node.rescue is None:
            ended = endings.completed(ended, recovery, items)
            node.rescue = None if self._called_off else endings.rescue(recovery, outcome, ended)
            if node.rescue is not None:
                if node.rescue.instead is not None:
                    self._again(node, endings.standing_in(node.rescue))
                    self._settlement.offer(node)
                return
        self._close(node, *ended)

    def _close(self, node: Node, event: Event, reason: Reason) -> None:
        self._progress.end(node, event, reason)
        self._settlement.settle(node)
        allowed = self._limits.stop_after
        if allowed is not None and self._progress.failed >= allowed and self._called_off is None:
            self._call_off(too_many_failures(self._progress.failed))

    def _call_off(self, reason: Reason) -> None:
        """Start nothing more."""
        self._called_off = reason
        for node in self._nodes.values():
            if node.state not in ACTIVE and node.state not in TERMINAL:
                self._progress.end(node, Event.CANCEL, reason)

    def _stop(self, node: Node, cause: Outcome, reason: Reason) -> None:
        if node.stopping is None:
            node.stopping = cause
            self._stops.append(Stop(node.task, node.attempts, reason))

    # -- services -----------------------------------------------------------------------------------------------

    def _dismiss_services(self) -> bool:
        """End the services that nothing needs any more, true when there were some: one's end may be that of others."""
        if not self._services:
            return False
        unneeded = self._services.unused() or self._idle_services()
        for node in unneeded:
            if node.state in ACTIVE:
                self._stop(node, Stopped(), NOT_NEEDED)
            else:
                event = Event.SKIP if node.state is TaskState.PENDING else Event.CANCEL
                self._progress.end(node, event, NOT_NEEDED)
        for node in unneeded:
            if node.state in TERMINAL:
                self._settlement.settle(node)
        return bool(unneeded)

    def _idle_services(self) -> list[Node]:
        if self._queue.batch_waits() or self._services.could_start() or not self._only_services_run():
            return []
        return self._services.idle(called_off=self._called_off is not None)

    def _only_services_run(self) -> bool:
        """True when nothing will happen unless another task starts or a service ends."""
        return self._room.idle and not self._timetable.retrying() and self._services.settled()


def _looks(nodes: Mapping[str, Node], room: Room) -> Looks | None:
    if not any(node.task.cache for node in nodes.values()):
        return None
    from tetra_orchestrator.core.looks import Looks

    return Looks(nodes, room)


def _barrier(nodes: Mapping[str, Node]) -> Barrier:
    from tetra_orchestrator.core.barrier import Barrier

    return Barrier(nodes)
