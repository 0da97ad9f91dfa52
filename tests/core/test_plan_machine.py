"""The plan against a simple model, over random graphs, ends, times and cancels.

The model knows each task's state in one word and recomputes everything else from the definitions in DESIGN.md.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.builders import task
from tetra_orchestrator.core.model import Reason, RetryPolicy, Task
from tetra_orchestrator.core.outcome import Cancelled, Exited, Lost, OutputsInvalid, Signalled, SpawnFailed, TimedOut
from tetra_orchestrator.core.plan import Limits, Move, Plan
from tetra_orchestrator.core.retry import delay_s
from tetra_orchestrator.core.states import RunState, TaskState

POOLS = {"db": 3, "api": 1}
FOR_GOOD = {Lost("x"): "lost", SpawnFailed("ENOENT", "x"): "failed"}
OUTCOMES = [Exited(0), Exited(0), Exited(0), Exited(1), Signalled(9), OutputsInvalid("x"), SpawnFailed("EAGAIN", "x")]
OUTCOMES += list(FOR_GOOD)
OVER = {"succeeded", "failed", "timed_out", "cancelled", "skipped", "upstream_failed", "lost"}
BY_HAND = Reason("cancel_requested", "cancelled by hand")


@st.composite
def graphs(draw: st.DrawFn) -> list[Task]:
    """Up to 12 tasks without a cycle, in any order."""
    tasks: list[Task] = []
    for i in range(draw(st.integers(1, 12))):
        upstream = draw(st.lists(st.sampled_from([one.id for one in tasks]), max_size=3)) if tasks else []
        pools = draw(st.dictionaries(st.sampled_from(sorted(POOLS)), st.integers(1, 3), max_size=2))
        delay, backoff = draw(st.sampled_from([(0.0, 1.0), (5.0, 1.0), (5.0, 2.0)]))
        tasks.append(
            task(
                f"t{i}",
                *upstream,
                enabled=draw(st.integers(0, 9)) > 0,
                pool=tuple((pool, min(weight, POOLS[pool])) for pool, weight in pools.items()),
                priority=draw(st.integers(-1, 1)),
                retry=RetryPolicy(draw(st.integers(1, 3)), delay, backoff),
                timeout_s=draw(st.sampled_from([None, None, 10.0])),
            )
        )
    return draw(st.permutations(tasks))


class PlanMachine(RuleBasedStateMachine):
    """Does to a plan what the engine does, in any order, and to the model what DESIGN.md says."""

    @initialize(tasks=graphs(), max_parallel=st.integers(1, 4))
    def begin(self, tasks: list[Task], max_parallel: int) -> None:
        self.tasks = {one.id: one for one in tasks}
        self.max_parallel = max_parallel
        self.plan = Plan(tasks, Limits(max_parallel, tuple(POOLS.items())), {})
        self.now = 0.0
        self.state = dict.fromkeys(self.tasks, "pending")
        self.attempts = dict.fromkeys(self.tasks, 0)
        self.due: dict[str, float] = {}  # when a task that waits for its retry may start
        self.deadline: dict[str, float] = {}
        self.stopped: dict[str, TimedOut | Cancelled] = {}
        self.to_stop: set[str] = set()  # stops that the next decision must hold
        self.cancelled = False
        self.moves: list[Move] = []
        for name, one in self.tasks.items():
            if not one.enabled:
                self.state[name] = "skipped"
        self.spread("skipped", "skipped")

    # What can happen

    @rule(seconds=st.sampled_from([0.0, 0.0, 1.0, 4.0, 10.0]))
    def ask(self, seconds: float) -> None:
        """Time passes and the plan is asked what to do."""
        self.now += seconds
        for name, deadline in self.deadline.items():
            if deadline <= self.now and name not in self.stopped:
                self.stopped[name] = TimedOut(10.0)
                self.to_stop.add(name)
        decision = self.plan.decide(self.now)
        assert sorted(stop.task.id for stop in decision.stops) == sorted(self.to_stop)
        self.to_stop.clear()
        for start in decision.starts:
            self.check_start(start.task, start.attempt)
        assert [name for name in self.startable() if self.has_room(name)] == [], "it could have started more"
        times = [self.deadline[name] for name in self.deadline if name not in self.stopped]
        times += [due for due in self.due.values() if due > self.now]
        assert not times or (decision.wake_at is not None and self.now < decision.wake_at <= min(times))

    def check_start(self, one: Task, attempt: int) -> None:
        assert not self.cancelled
        assert one.id in self.startable()
        assert self.has_room(one.id)
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

    @precondition(lambda self: self.active())
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def end(self, data: st.DataObject, outcome: Exited) -> None:
        """A process is gone."""
        name = data.draw(st.sampled_from(self.active()))
        counts = self.stopped.pop(name, outcome)
        self.to_stop.discard(name)  # nothing is left to end
        assert self.plan.ended(name, outcome, self.now) == counts
        self.deadline.pop(name, None)
        policy = self.tasks[name].retry
        if counts == Exited(0):
            self.state[name] = "succeeded"
        elif isinstance(counts, Cancelled):
            self.state[name] = "cancelled"
        elif counts not in FOR_GOOD and self.attempts[name] < policy.max_attempts and not self.cancelled:
            self.state[name] = "waiting_retry"
            self.due[name] = self.now + delay_s(policy, self.attempts[name])
        else:
            self.state[name] = "timed_out" if isinstance(counts, TimedOut) else FOR_GOOD.get(counts, "failed")
        self.spread(self.state[name], "upstream_failed")

    @precondition(lambda self: not self.cancelled)
    @rule(dice=st.integers(0, 5))
    def cancel(self, dice: int) -> None:
        """Somebody cancels the run; seldom, so that other things happen too."""
        if dice:
            return
        self.plan.cancel(BY_HAND)
        if all(state in OVER for state in self.state.values()):
            return
        self.cancelled = True
        for name, state in self.state.items():
            if state in ("submitted", "running"):
                if name not in self.stopped:
                    self.stopped[name] = Cancelled()
                    self.to_stop.add(name)
            elif state not in OVER:
                self.state[name] = "cancelled"
        self.due.clear()

    # The model

    def active(self) -> list[str]:
        return [name for name, state in self.state.items() if state in ("submitted", "running")]

    def spread(self, cause: str, effect: str) -> None:
        """What depends on something that did not succeed is over too."""
        if cause not in OVER or cause == "succeeded":
            return
        bad = {"failed", "timed_out", "cancelled", "lost", "skipped", "upstream_failed"}
        for _ in self.tasks:
            for name, one in self.tasks.items():
                if self.state[name] == "pending" and any(self.state[d] in bad for d in one.depends_on):
                    self.state[name] = effect

    def startable(self) -> list[str]:
        """What could start now if there were room."""
        first = [
            name
            for name, one in self.tasks.items()
            if self.state[name] == "pending" and all(self.state[d] == "succeeded" for d in one.depends_on)
        ]
        return first + [name for name, due in self.due.items() if due <= self.now]

    def has_room(self, name: str) -> bool:
        used = [pool for other in self.active() for pool in self.tasks[other].pool]
        return len(self.active()) < self.max_parallel and all(
            sum(weight for pool, weight in used if pool == wanted) + more <= POOLS[wanted]
            for wanted, more in self.tasks[name].pool
        )

    # What always holds

    @invariant()
    def the_plan_is_where_the_model_is(self) -> None:
        assert {name: self.plan.state(name).value for name in self.tasks} == self.state

    @invariant()
    def attempts_stay_within_max_attempts(self) -> None:
        assert all(self.attempts[name] <= one.retry.max_attempts for name, one in self.tasks.items())

    @invariant()
    def limits_are_kept(self) -> None:
        active = self.active()
        assert len(active) <= self.max_parallel
        for pool, size in POOLS.items():
            assert sum(dict(self.tasks[name].pool).get(pool, 0) for name in active) <= size

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
            failed = set(self.state.values()) & {"failed", "timed_out", "lost"}
            expected = RunState.CANCELLED if self.cancelled else RunState.FAILED if failed else RunState.SUCCEEDED
            assert self.plan.verdict()[0] is expected


TestPlanMachine = PlanMachine.TestCase
TestPlanMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
