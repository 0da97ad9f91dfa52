"""The plan against a simple model, over random graphs, conditions, services, ends, times, limits and cancels.

The model knows each task's state in one word and recomputes everything else from the definitions in DESIGN.md.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.builders import task
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.decision import Move
from tetra_orchestrator.core.model import ContinueOn, Reason, RetryPolicy, RunIf, Service, Task
from tetra_orchestrator.core.outcome import (
    Cancelled,
    Exited,
    Lost,
    OutputsInvalid,
    Signalled,
    SpawnFailed,
    Stopped,
    TimedOut,
)
from tetra_orchestrator.core.plan import Plan
from tetra_orchestrator.core.retry import delay_s
from tetra_orchestrator.core.states import RunState, TaskState

POOLS = {"db": 3, "api": 1}
FOR_GOOD = {Lost("x"): "lost", SpawnFailed("ENOENT", "x"): "failed"}
OUTCOMES = [Exited(0), Exited(0), Exited(0), Exited(1), Signalled(9), OutputsInvalid("x"), SpawnFailed("EAGAIN", "x")]
OUTCOMES += list(FOR_GOOD)
GOOD = {"succeeded", "partial"}
BAD = {"failed", "timed_out", "lost"}
OVER = GOOD | BAD | {"cancelled", "skipped", "upstream_failed"}
ACTIVE = {"submitted", "running", "ready"}
BY_HAND = Reason("cancel_requested", "cancelled by hand")

CONDITIONS = st.sampled_from(["succeeded", "succeeded", "succeeded", "finished", "ready"])
RULES = st.sampled_from([((), ()), (("failed", "timed_out"), ()), (("succeeded", "partial"), ()), ((), (1,))])
GO_ON = st.sampled_from([None, None, None, ContinueOn(failure=True), ContinueOn(exit_codes=(1,))])


@st.composite
def graphs(draw: st.DrawFn) -> list[Task]:
    """Up to 12 tasks without a cycle, in any order."""
    tasks: list[Task] = []
    for i in range(draw(st.integers(1, 12))):
        upstream = draw(st.lists(st.sampled_from([one.id for one in tasks]), max_size=3)) if tasks else []
        pools = draw(st.dictionaries(st.sampled_from(sorted(POOLS)), st.integers(1, 3), max_size=2))
        delay, backoff = draw(st.sampled_from([(0.0, 1.0), (5.0, 1.0), (5.0, 2.0)]))
        conditions = {name: draw(CONDITIONS) for name in upstream}
        run_if = tuple(RunIf(name, *draw(RULES)) for name in upstream[:1] if conditions[name] == "finished")
        tasks.append(
            task(
                f"t{i}",
                *upstream,
                enabled=draw(st.integers(0, 9)) > 0,
                pool=tuple((pool, min(weight, POOLS[pool])) for pool, weight in pools.items()),
                priority=draw(st.integers(-1, 1)),
                retry=RetryPolicy(draw(st.integers(1, 3)), delay, backoff),
                timeout_s=draw(st.sampled_from([None, None, 10.0])),
                conditions=tuple((name, how) for name, how in conditions.items() if how != "succeeded"),
                run_if=run_if,
                continue_on=draw(GO_ON),
                service=draw(st.sampled_from([None, None, None, Service(), Service("up")])),
            )
        )
    return draw(st.permutations(tasks))


class PlanMachine(RuleBasedStateMachine):
    """Does to a plan what the engine does, in any order, and to the model what DESIGN.md says."""

    @initialize(
        tasks=graphs(),
        max_parallel=st.integers(1, 4),
        stop_after=st.sampled_from([None, None, 1, 2]),
        timeout_s=st.sampled_from([None, None, 30.0]),
    )
    def begin(self, tasks: list[Task], max_parallel: int, stop_after: int | None, timeout_s: float | None) -> None:
        self.tasks = {one.id: one for one in tasks}
        self.max_parallel, self.stop_after, self.timeout_s = max_parallel, stop_after, timeout_s
        limits = Limits(max_parallel, tuple(POOLS.items()), stop_after=stop_after, timeout_s=timeout_s)
        self.plan = Plan(tasks, limits, {})
        self.now = 0.0
        self.over_at: float | None = None
        self.state = dict.fromkeys(self.tasks, "pending")
        self.attempts = dict.fromkeys(self.tasks, 0)
        self.exits: dict[str, int] = {}
        self.due: dict[str, float] = {}  # when a task that waits for its retry may start
        self.deadline: dict[str, float] = {}
        self.stopped: dict[str, TimedOut | Cancelled | Stopped] = {}
        self.to_stop: set[str] = set()  # stops that the next decision must hold
        self.forced: set[str] = set()  # started without room, because only a service had it
        self.closed = False
        self.verdict: RunState | None = None
        self.moves: list[Move] = []
        for name, one in self.tasks.items():
            if not one.enabled:
                self.state[name] = "skipped"
        self.spread()

    # What can happen

    @rule(seconds=st.sampled_from([0.0, 0.0, 1.0, 4.0, 10.0]))
    def ask(self, seconds: float) -> None:
        """Time passes and the plan is asked what to do."""
        self.now += seconds
        self.watch_the_time()
        self.dismiss_services()
        decision = self.plan.decide(self.now)
        assert sorted(stop.task.id for stop in decision.stops) == sorted(self.to_stop)
        self.to_stop.clear()
        for start in decision.starts:
            self.check_start(start.task, start.attempt)
        assert [name for name in self.startable() if self.has_room(name)] == [], "it could have started more"
        assert not self.startable() or not self.only_services_run(), "it waits for what waits for it"
        times = [self.deadline[name] for name in self.deadline if name not in self.stopped]
        times += [due for due in self.due.values() if due > self.now]
        times += [] if self.over_at is None or self.verdict or self.plan.finished else [self.over_at]
        assert not times or (decision.wake_at is not None and self.now < decision.wake_at <= min(times))

    def watch_the_time(self) -> None:
        if self.timeout_s is not None:
            if self.over_at is None:
                self.over_at = self.now + self.timeout_s
            elif self.over_at <= self.now:
                self.end_all(RunState.TIMED_OUT)
        for name, deadline in self.deadline.items():
            if deadline <= self.now:
                self.stop(name, TimedOut(10.0))

    def check_start(self, one: Task, attempt: int) -> None:
        assert not self.closed
        assert one.id in self.startable()
        if not self.has_room(one.id):
            assert self.only_services_run()
            assert not any(self.has_room(name) for name in self.startable())
            self.forced.add(one.id)
        self.attempts[one.id] += 1
        assert attempt == self.attempts[one.id]
        self.due.pop(one.id, None)
        self.state[one.id] = "submitted"
        if one.timeout_s is not None:
            self.deadline[one.id] = self.now + one.timeout_s

    @precondition(lambda self: "submitted" in self.state.values())
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        """A process is there."""
        name = data.draw(st.sampled_from([name for name, state in self.state.items() if state == "submitted"]))
        self.plan.started(name)
        self.state[name] = "running"

    @precondition(lambda self: self.starting())
    @rule(data=st.data())
    def become_ready(self, data: st.DataObject) -> None:
        """A service is ready."""
        name = data.draw(st.sampled_from(self.starting()))
        self.plan.ready(name)
        self.state[name] = "ready"
        self.spread()

    @precondition(lambda self: self.active())
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def end(self, data: st.DataObject, outcome: Exited) -> None:
        """A process is gone."""
        name = data.draw(st.sampled_from(self.active()))
        counts = self.stopped.pop(name, outcome)
        self.to_stop.discard(name)  # nothing is left to end
        self.forced.discard(name)
        assert self.plan.ended(name, outcome, self.now) == counts
        self.deadline.pop(name, None)
        self.exits.pop(name, None)
        if isinstance(counts, Exited):
            self.exits[name] = counts.code
        self.state[name] = self.after(name, counts)
        if self.state[name] == "waiting_retry":
            self.due[name] = self.now + delay_s(self.tasks[name].retry, self.attempts[name])
        self.spread()
        if self.state[name] in BAD and self.failures() == self.stop_after and not self.closed:
            self.call_off()

    def after(self, name: str, counts: Exited | TimedOut | Cancelled | Stopped) -> str:
        """What the end of an attempt makes of its task."""
        one = self.tasks[name]
        if counts in (Exited(0), Stopped()):
            return "succeeded"
        if isinstance(counts, Cancelled):
            return "cancelled"
        if counts not in FOR_GOOD and self.attempts[name] < one.retry.max_attempts and not self.closed:
            return "waiting_retry"
        go_on = one.continue_on
        if go_on and not self.verdict and (go_on.failure or (isinstance(counts, Exited) and counts.code == 1)):
            return "partial"
        return "timed_out" if isinstance(counts, TimedOut) else FOR_GOOD.get(counts, "failed")

    @precondition(lambda self: self.verdict is None)
    @rule(dice=st.integers(0, 5))
    def cancel(self, dice: int) -> None:
        """Somebody cancels the run; seldom, so that other things happen too."""
        if dice:
            return
        self.plan.cancel(BY_HAND)
        self.end_all(RunState.CANCELLED)

    # The model

    def active(self) -> list[str]:
        return [name for name, state in self.state.items() if state in ACTIVE]

    def batch(self) -> list[str]:
        return [name for name in self.active() if not self.tasks[name].service]

    def failures(self) -> int:
        return sum(state in BAD for state in self.state.values())

    def stop(self, name: str, cause: TimedOut | Cancelled | Stopped) -> None:
        if name not in self.stopped:
            self.stopped[name] = cause
            self.to_stop.add(name)

    def end_all(self, verdict: RunState) -> None:
        if self.verdict or all(state in OVER for state in self.state.values()):
            return
        self.verdict = verdict
        self.call_off()
        for name in self.active():
            self.stop(name, Cancelled())

    def call_off(self) -> None:
        self.closed = True
        for name, state in self.state.items():
            if state not in OVER | ACTIVE:
                self.state[name] = "cancelled"
        self.due.clear()

    def needs(self, name: str) -> dict[str, str]:
        """What a task depends on, and how that has to be."""
        one = self.tasks[name]
        return dict.fromkeys(one.depends_on, "succeeded") | dict(one.conditions)

    def met(self, need: str, how: str) -> bool:
        state = self.state[need]
        if how == "finished":
            return state in OVER
        return state in GOOD or (how == "ready" and state == "ready")

    def held(self, condition: RunIf) -> bool:
        states, codes = condition.states, condition.exit_codes
        return (not states or self.state[condition.task] in states) and (
            not codes or self.exits.get(condition.task) in codes
        )

    def spread(self) -> None:
        """What can no longer start is over too; of several causes any may be the one that counts."""
        for _ in self.tasks:
            for name, one in self.tasks.items():
                if self.state[name] != "pending":
                    continue
                doom = [
                    "skipped" if self.state[need] == "skipped" else "upstream_failed"
                    for need, how in self.needs(name).items()
                    if how != "finished" and self.state[need] in OVER - GOOD
                ]
                if self.free(name) and not all(map(self.held, one.run_if)):
                    doom = ["skipped"]
                if doom:
                    self.state[name] = self.plan.state(name).value
                    assert self.state[name] in doom

    def free(self, name: str) -> bool:
        return all(self.met(need, how) for need, how in self.needs(name).items())

    def startable(self) -> list[str]:
        """What could start now if there were room."""
        first = [name for name in self.tasks if self.state[name] == "pending" and self.free(name)]
        return first + [name for name, due in self.due.items() if due <= self.now]

    def has_room(self, name: str) -> bool:
        used = [pool for other in self.active() for pool in self.tasks[other].pool]
        return len(self.batch()) < self.max_parallel and all(
            sum(weight for pool, weight in used if pool == wanted) + more <= POOLS[wanted]
            for wanted, more in self.tasks[name].pool
        )

    # Services in the model

    def services(self) -> list[str]:
        return [name for name, one in self.tasks.items() if one.service]

    def users(self, service: str) -> list[str]:
        return [name for name in self.tasks if self.needs(name).get(service) == "ready"]

    def in_use(self, service: str) -> bool:
        return any(self.state[user] not in OVER for user in self.users(service))

    def starting(self) -> list[str]:
        return [
            name
            for name in self.services()
            if self.state[name] == "running" and name not in self.stopped
            if self.users(name) or self.tasks[name].service == Service("up")
        ]

    def related(self, name: str) -> set[str]:
        """The task with all before and all behind it."""
        before, behind = {name}, {name}
        for _ in self.tasks:
            before |= {need for one in before for need in self.tasks[one].depends_on}
            behind |= {one for one in self.tasks if behind & set(self.tasks[one].depends_on)}
        return before | behind

    def only_services_run(self) -> bool:
        """Nothing will happen unless another task starts or a service ends."""
        retrying = [name for name in self.due if not self.tasks[name].service and self.due[name] > self.now]
        coming = [
            name
            for name in self.services()
            if self.in_use(name)
            and self.state[name] in ("submitted", "running", "waiting_retry")
            or self.in_use(name)
            and self.state[name] == "pending"
            and self.free(name)
        ]
        stopping = [name for name in self.stopped if self.tasks[name].service]
        return bool(self.services()) and not (self.batch() or retrying or coming or stopping)

    def unneeded(self) -> list[str]:
        present = [name for name in self.services() if self.state[name] not in OVER and name not in self.stopped]
        unused = [name for name in present if self.users(name) and not self.in_use(name)]
        if unused or not self.only_services_run() or any(not self.tasks[name].service for name in self.startable()):
            return unused
        batch = {name for name, one in self.tasks.items() if not one.service}
        return [name for name in present if not self.users(name) and (self.closed or batch - self.related(name))]

    def dismiss_services(self) -> None:
        while unneeded := self.unneeded():
            for name in unneeded:
                if self.state[name] in ACTIVE:
                    self.stop(name, Stopped())
                elif self.state[name] not in OVER:
                    self.state[name] = "skipped" if self.state[name] == "pending" else "cancelled"
                    self.due.pop(name, None)
            self.foresee()

    def foresee(self) -> None:
        """As `spread`, where the plan has not been asked yet: any cause will do, as its own words are taken later."""
        for _ in self.tasks:
            for name, one in self.tasks.items():
                causes = [
                    self.state[need]
                    for need, how in self.needs(name).items()
                    if how != "finished" and self.state[need] in OVER - GOOD
                ]
                if self.state[name] == "pending" and causes:
                    self.state[name] = "skipped" if causes[0] == "skipped" else "upstream_failed"
                elif self.state[name] == "pending" and self.free(name) and not all(map(self.held, one.run_if)):
                    self.state[name] = "skipped"

    # What always holds

    @invariant()
    def the_plan_is_where_the_model_is(self) -> None:
        assert {name: self.plan.state(name).value for name in self.tasks} == self.state

    @invariant()
    def it_asks_for_the_readiness_of_services_that_matter(self) -> None:
        assert sorted(self.plan.starting()) == sorted(self.starting())

    @invariant()
    def attempts_stay_within_max_attempts(self) -> None:
        assert all(self.attempts[name] <= one.retry.max_attempts for name, one in self.tasks.items())

    @invariant()
    def limits_are_kept(self) -> None:
        assert len(self.batch()) <= self.max_parallel
        for pool, size in POOLS.items():
            kept = [name for name in self.active() if name not in self.forced]
            assert sum(dict(self.tasks[name].pool).get(pool, 0) for name in kept) <= size

    @invariant()
    def moves_make_a_chain_to_the_present_state(self) -> None:
        self.moves += self.plan.take_moves()
        for name in self.tasks:
            mine = [move for move in self.moves if move.task_id == name]
            states = [TaskState.PENDING, *(move.after for move in mine)]
            assert [move.before for move in mine] == states[:-1]
            assert [move.version for move in mine] == list(range(len(mine)))
            assert states[-1] is self.plan.state(name)
            assert not {state.value for state in states[:-1]} & OVER
            assert all(move.reason for move in mine if move.after is not TaskState.RUNNING)

    @invariant()
    def it_is_finished_when_all_tasks_are_over(self) -> None:
        assert self.plan.finished is all(state in OVER for state in self.state.values())

    @invariant()
    def nothing_waits_for_nothing(self) -> None:
        if not self.plan.finished:
            assert self.active() or self.due or self.startable()

    @invariant()
    def the_verdict_follows_from_the_states(self) -> None:
        if self.plan.finished:
            states = set(self.state.values())
            otherwise = RunState.PARTIAL if "partial" in states else RunState.SUCCEEDED
            expected = self.verdict or (RunState.FAILED if states & BAD else otherwise)
            assert self.plan.verdict()[0] is expected


TestPlanMachine = PlanMachine.TestCase
TestPlanMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
