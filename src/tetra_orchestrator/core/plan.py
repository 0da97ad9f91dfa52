"""The pure plan: told what happened, it answers what to do next, each time with a reason.

It never sees a process or a clock. `now` is a monotonic time in seconds that the caller supplies, so the same plan
drives real processes, a dry run and a simulation.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from tetra_orchestrator.core.admission import Limits, Room
from tetra_orchestrator.core.condition import FINISHED, READY, searched, tolerated, unmet
from tetra_orchestrator.core.decision import Decision, Move, Start, Stop
from tetra_orchestrator.core.failure import Evidence
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.nodes import tied
from tetra_orchestrator.core.outcome import Cancelled, Stopped, TimedOut, code_of, describe, ending, succeeded
from tetra_orchestrator.core.retry import NOT_RETRYABLE, delay_s, refusal
from tetra_orchestrator.core.services import Services
from tetra_orchestrator.core.states import ACTIVE, SATISFIED, TERMINAL, Event, RunState, TaskState, advance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tetra_orchestrator.core.model import Task
    from tetra_orchestrator.core.nodes import Node
    from tetra_orchestrator.core.outcome import Outcome

FIRST_TRY = Reason("dependencies_succeeded", "everything it depends on has succeeded")
CONDITIONS_HOLD = Reason("dependencies_settled", "everything it waits for is as it has to be")
NO_DEPENDENCIES = Reason("no_dependencies", "it depends on nothing in this run")
DISABLED = Reason("disabled", "`enabled: false` in the configuration")
BECAME_READY = Reason("ready", "it is ready for what depends on it")
NOT_NEEDED = Reason("not_needed", "nothing in this run needs it any more")

FAILURES = (TaskState.FAILED, TaskState.TIMED_OUT, TaskState.LOST)


class Plan:
    """One run's tasks from `pending` to a verdict.

    `tasks` must be acyclic and closed (every dependency is among them); their order breaks ties. `expected_s` maps
    task ids to learned durations: the task with the longest path behind it starts first. `searched` holds the ids of
    tasks at whose end the plan wants to know what their log says.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        limits: Limits,
        expected_s: Mapping[str, float],
        random: Callable[[], float] = lambda: 0.5,
    ):
        self._room = Room(limits)
        self._limits = limits
        self._nodes = tied(tasks, expected_s, self._room)
        self._services = Services(self._nodes)
        self._random = random
        self._moves: list[Move] = []
        self._deadlines: list[tuple[float, int, str, int]] = []
        self._retries: list[tuple[float, int, str]] = []
        self._stops: list[Stop] = []
        self._open = len(self._nodes)
        self._failed = 0
        self._over_at: float | None = None
        self._out_of_time = False
        self._closed: Reason | None = None
        self.cancelled: Reason | None = None
        self.searched = searched(tasks)
        self._watched = frozenset(rule.task for task in tasks if task.run_if for rule in task.run_if)
        self._ends: dict[str, tuple[Outcome, str]] = {}
        self._ready = [self._rank(n) for n in self._nodes.values() if not n.unmet and n.task.enabled]
        heapify(self._ready)
        disabled = [node for node in self._nodes.values() if not node.task.enabled]
        for node in disabled:
            self._end(node, Event.SKIP, DISABLED)
        for node in disabled:
            self._settle(node)

    # -- what happened ------------------------------------------------------------------------------------------

    def started(self, task_id: str) -> None:
        """The runner holds the task's process."""
        self._advance(self._nodes[task_id], Event.START, None)

    def ready(self, task_id: str) -> None:
        """The running service is ready for what depends on it."""
        node = self._nodes[task_id]
        node.ready = True
        self._advance(node, Event.BECOME_READY, BECAME_READY)
        users = [child for child, condition in node.others or () if condition == READY]
        for skipped in self._release(users):
            self._settle(skipped)

    def ended(
        self, task_id: str, outcome: Outcome, now: float, tail: str = "", error_class: str | None = None
    ) -> Outcome:
        """The attempt is over and its process tree gone; returns the outcome that counts.

        Where we had asked for its end, that cause counts and not how the process died of it. `tail` is the end of
        its log, `error_class` the exception that it reported; both matter only for the tasks in `searched`.
        """
        node = self._nodes[task_id]
        outcome = outcome if node.stopping is None else node.stopping
        node.stopping = None
        self._room.places += node.place
        if node.share:
            self._room.give_back(node.share)
        if task_id in self._watched:
            self._ends[task_id] = (outcome, tail)
        if succeeded(outcome):
            self._close(node, Event.SUCCEED, Reason("succeeded", describe(outcome)))
            return outcome
        node.failures += 1
        resources = node.task.resources
        evidence = Evidence(tail, error_class, bool(resources and resources.memory_bytes))
        refused = refusal(node.task.retry, node.failures, outcome, evidence)
        if refused is None and self._closed is None:
            self._retry(node, outcome, now)
        else:
            self._fail(node, outcome, refused, tail)
        return outcome

    def cancel(self, reason: Reason) -> None:
        """Start nothing more and end what runs."""
        if self.cancelled or self.finished:
            return
        self.cancelled = reason
        self._call_off(reason)
        for node in self._nodes.values():
            if node.state in ACTIVE:
                self._stop(node, Cancelled(), reason)

    # -- what to do ---------------------------------------------------------------------------------------------

    def decide(self, now: float) -> Decision:
        """What is due at `now`: attempts to start while there is room, process trees to end."""
        if self._limits.timeout_s is not None:
            self._watch_the_run(self._limits.timeout_s, now)
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, task_id, attempt = heappop(self._deadlines)
            self._overdue(self._nodes[task_id], attempt)
        while self._retries and self._retries[0][0] <= now:
            self._requeue(heappop(self._retries)[2])
        if self._services:
            self._dismiss_services()
        starts = self._fill(now)
        # an attempt may have ended by itself since its end was asked for
        stops = [stop for stop in self._stops if self._nodes[stop.task.id].stopping is not None]
        self._stops = []
        return Decision(tuple(starts), tuple(stops), self._wake_at())

    def starting(self) -> list[str]:
        """The running services of which the plan wants to know when they are ready."""
        return self._services.starting() if self._services else []

    def take_moves(self) -> list[Move]:
        """The state changes since the last call, in order."""
        moves, self._moves = self._moves, []
        return moves

    @property
    def finished(self) -> bool:
        """True when every task is terminal."""
        return not self._open

    def verdict(self) -> tuple[RunState, Reason]:
        """The run's final state and why."""
        if self.cancelled:
            return RunState.TIMED_OUT if self._out_of_time else RunState.CANCELLED, self.cancelled
        failed = [node.task.id for node in self._nodes.values() if node.state in FAILURES]
        if failed:
            return RunState.FAILED, Reason("task_failed", f"{', '.join(failed[:5])} failed")
        if any(node.state is TaskState.PARTIAL for node in self._nodes.values()):
            return RunState.PARTIAL, Reason("task_partial", "some tasks ended partial")
        return RunState.SUCCEEDED, Reason("succeeded", "every task succeeded or was skipped")

    def state(self, task_id: str) -> TaskState:
        """The task's present state."""
        return self._nodes[task_id].state

    # -- starting -----------------------------------------------------------------------------------------------

    def _rank(self, node: Node) -> tuple[int, float, int, str]:
        return (-node.task.priority, -node.rank, node.position, node.task.id)

    def _fill(self, now: float) -> list[Start]:
        starts = []
        held_back = []
        while self._ready and self._room.places > 0:
            entry = heappop(self._ready)
            node = self._nodes[entry[3]]
            if node.state in TERMINAL:
                continue
            if node.share and not self._room.fits(node.share):
                held_back.append(entry)
                continue
            starts.append(self._start(node, now))
        while held_back and self._only_services_run():
            # what holds it back will not end before it has run
            starts.append(self._start(self._nodes[held_back.pop(0)[3]], now))
        for entry in held_back:
            heappush(self._ready, entry)
        return starts

    def _start(self, node: Node, now: float) -> Start:
        node.attempts += 1
        self._room.places -= node.place
        if node.share:
            self._room.take(node.share)
        if node.task.timeout_s is not None:
            heappush(self._deadlines, (now + node.task.timeout_s, node.position, node.task.id, node.attempts))
        reason = _why_start(node)
        self._advance(node, Event.SUBMIT, reason)
        return Start(node.task, node.attempts, reason)

    def _retry(self, node: Node, outcome: Outcome, now: float) -> None:
        wait = delay_s(node.task.retry, node.failures, self._random())
        heappush(self._retries, (now + wait, node.position, node.task.id))
        text = f"{describe(outcome)}; next attempt in {wait:g} s"
        self._advance(node, Event.RETRY, Reason("retry_scheduled", text))
        if node.ready:
            self._hold_back_users(node)

    def _requeue(self, task_id: str) -> None:
        node = self._nodes[task_id]
        if node.state is TaskState.WAITING_RETRY:
            heappush(self._ready, self._rank(node))

    # -- ending -------------------------------------------------------------------------------------------------

    def _watch_the_run(self, limit: float, now: float) -> None:
        if self._over_at is None:
            self._over_at = now + limit
        elif self._over_at <= now and not self.cancelled:
            self._out_of_time = True
            self.cancel(Reason("run_timeout", f"the run's time limit of {limit:g} s has passed"))

    def _overdue(self, node: Node, attempt: int) -> None:
        limit = node.task.timeout_s
        if node.state in ACTIVE and node.attempts == attempt and limit is not None:
            self._stop(node, TimedOut(limit), Reason("timeout", f"its time limit of {limit:g} s has passed"))

    def _stop(self, node: Node, cause: Outcome, reason: Reason) -> None:
        if node.stopping is None:
            node.stopping = cause
            self._stops.append(Stop(node.task, node.attempts, reason))

    def _fail(self, node: Node, outcome: Outcome, refused: Reason | None, tail: str) -> None:
        """End the task with a failure that no attempt follows, unless the run goes on after such a one."""
        rule = node.task.continue_on
        text = describe(outcome)
        if rule is not None and not self.cancelled and tolerated(rule, outcome, tail):
            self._close(node, Event.DEGRADE, Reason("continued", f"{text}; `continue_on` lets the run go on"))
            return
        if refused is not None and refused.code == NOT_RETRYABLE:
            text = f"{text}; {refused.text}"
        reason = Reason(code_of(outcome), text)
        if self._out_of_time and self.cancelled and isinstance(outcome, Cancelled):
            reason = self.cancelled
        self._close(node, ending(outcome), reason)
        self._failed += node.state in FAILURES
        if self._failed == self._limits.stop_after and self._closed is None:
            tasks = "task has" if self._failed == 1 else "tasks have"
            self._call_off(Reason("failure_limit", f"{self._failed} {tasks} failed, and `stop_after` allows no more"))

    def _call_off(self, reason: Reason) -> None:
        """Start nothing more."""
        self._closed = reason
        for node in self._nodes.values():
            if node.state not in ACTIVE and node.state not in TERMINAL:
                self._end(node, Event.CANCEL, reason)

    def _close(self, node: Node, event: Event, reason: Reason) -> None:
        self._end(node, event, reason)
        self._settle(node)

    def _end(self, node: Node, event: Event, reason: Reason) -> None:
        self._advance(node, event, reason)
        self._open -= 1
        for service in node.uses:
            service.users -= 1

    # -- what waits behind --------------------------------------------------------------------------------------

    def _settle(self, node: Node) -> None:
        """Release or block what waits behind a task that is over, and what waits behind those that this ends."""
        over = [node]
        for cause in over:
            good = cause.state in SATISFIED
            if cause.behind:
                over += self._release(cause.behind) if good else self._block(cause.behind, cause)
            if cause.others:
                # what waited for a service to be ready has been released when it was
                freed = [n for n, condition in cause.others if condition == FINISHED or (good and not cause.ready)]
                over += self._release(freed)
                over += [] if good else self._block([n for n, c in cause.others if c == READY], cause)

    def _release(self, nodes: Sequence[Node]) -> list[Node]:
        """One dependency less for each to wait for; returns those that this ends, as a condition does not hold."""
        over = []
        for node in nodes:
            node.unmet -= 1
            if not node.unmet and node.state is TaskState.PENDING:
                reason = self._not_met(node) if node.task.run_if else None
                if reason is None:
                    heappush(self._ready, self._rank(node))
                else:
                    self._end(node, Event.SKIP, reason)
                    over.append(node)
        return over

    def _not_met(self, node: Node) -> Reason | None:
        for rule in node.task.run_if:
            if rule.task in self._nodes:
                outcome, tail = self._ends.get(rule.task, (None, ""))
                reason = unmet(rule, self._nodes[rule.task].state, outcome, tail)
                if reason is not None:
                    return reason
        return None

    def _block(self, nodes: Sequence[Node], cause: Node) -> list[Node]:
        """End those that can no longer start, and return them."""
        skip = cause.state is TaskState.SKIPPED
        word = "was skipped" if skip else cause.state.replace("_", " ")
        reason = Reason("upstream_skipped" if skip else "upstream_failed", f"{cause.task.id} {word}")
        pending = [node for node in nodes if node.state is TaskState.PENDING]
        for node in pending:
            self._end(node, Event.SKIP if skip else Event.BLOCK, reason)
        return pending

    # -- services -----------------------------------------------------------------------------------------------

    def _dismiss_services(self) -> None:
        """End the services that nothing needs any more; the end of one may be that of others."""
        while unneeded := self._services.unused() or self._idle_services():
            for node in unneeded:
                if node.state in ACTIVE:
                    self._stop(node, Stopped(), NOT_NEEDED)
                else:
                    self._end(node, Event.SKIP if node.state is TaskState.PENDING else Event.CANCEL, NOT_NEEDED)
            for node in unneeded:
                if node.state in TERMINAL:
                    self._settle(node)

    def _idle_services(self) -> list[Node]:
        waiting = any(self._nodes[name].place and self._nodes[name].state not in TERMINAL for *_, name in self._ready)
        if waiting or not self._only_services_run():
            return []
        return self._services.idle(closed=self._closed is not None)

    def _only_services_run(self) -> bool:
        """True when nothing will happen unless another task starts or a service ends."""
        return (
            bool(self._services)
            and self._room.places == self._limits.max_parallel
            and self._services.settled()
            and not any(
                self._nodes[name].place and self._nodes[name].state is TaskState.WAITING_RETRY
                for _, _, name in self._retries
            )
        )

    def _hold_back_users(self, service: Node) -> None:
        """What waits for a service that has to start again waits for it again."""
        service.ready = False
        users = [child for child, condition in service.others or () if condition == READY]
        waiting = {child.task.id for child in users if child.state is TaskState.PENDING}
        for child in users:
            child.unmet += child.task.id in waiting
        self._ready = [entry for entry in self._ready if entry[3] not in waiting]
        heapify(self._ready)

    # -- inside -------------------------------------------------------------------------------------------------

    def _advance(self, node: Node, event: Event, reason: Reason | None) -> None:
        before, node.state = node.state, advance(node.state, event)
        self._moves.append(Move(node.task.id, before, node.state, node.version, node.attempts, reason))
        node.version += 1

    def _wake_at(self) -> float | None:
        due = [heap[0][0] for heap in (self._deadlines, self._retries) if heap]
        if self._over_at is not None and not self.cancelled:
            due.append(self._over_at)
        return min(due, default=None)


def _why_start(node: Node) -> Reason:
    if node.failures:
        return Reason("retry", f"attempt {node.attempts} of {node.task.retry.max_attempts}")
    if node.task.conditions:
        return CONDITIONS_HOLD
    return FIRST_TRY if node.task.depends_on else NO_DEPENDENCIES
