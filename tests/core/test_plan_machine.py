"""The plan against a simple model, over random graphs, conditions, services, ends, times, limits and cancels.

The model knows each task's state in one word and recomputes everything else from the definitions in DESIGN.md.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.builders import task
from tetra_orchestrator.core import queue
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.decision import Move
from tetra_orchestrator.core.model import ContinueOn, Reason, Resources, RetryPolicy, RunIf, Service, Task
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
from tetra_orchestrator.core.recovery import Recovery
from tetra_orchestrator.core.retry import delay_s
from tetra_orchestrator.core.states import RunState, TaskState

POOLS = {"db": 3, "api": 1}
MEMORY = 4
ROUNDS = queue.ROUNDS
FOR_GOOD = {Lost("x"): "lost", SpawnFailed("ENOENT", "x"): "failed"}
OUTCOMES = [Exited(0), Exited(0), Exited(0), Exited(1), Signalled(9), OutputsInvalid("x"), SpawnFailed("EAGAIN", "x")]
OUTCOMES += list(FOR_GOOD)
GOOD = {"succeeded", "partial"}
BAD = {"failed", "timed_out", "lost"}
OVER = GOOD | BAD | {"cancelled", "skipped", "upstream_failed"}
ACTIVE = {"submitted", "running", "ready"}
BY_HAND = Reason("cancel_requested", "cancelled by hand")
DONE = Reason("already_succeeded", "run r0 did it")

CONDITIONS = st.sampled_from(["succeeded", "succeeded", "succeeded", "finished", "ready"])
RULES = st.sampled_from([((), ()), (("failed", "timed_out"), ()), (("succeeded", "partial"), ()), ((), (1,))])
NEEDS = st.sampled_from([None, None, Resources(memory_bytes=3), Resources(memory_bytes=1, grow=2.0)])
MOSTLY = st.sampled_from([True] * 12 + [False])
SERVICES = st.sampled_from([None, None, None, Service(), Service("up")])
RESCUES = st.sampled_from(["", "", "program", "program", "earlier", "items", "items and earlier"])
GO_ON = st.sampled_from([None, None, None, ContinueOn(failure=True), ContinueOn(exit_codes=(1,))])


@st.composite
def graphs(draw: st.DrawFn) -> list[Task]:
    """Up to 12 tasks without a cycle, in any order.

    They are of any kind, or crowd one pool, or all use one service, or are services and others that want the same.
    """
    kind = draw(st.sampled_from(["any", "any", "crowd", "served", "rivals"]))
    tasks: list[Task] = []
    for i in range(draw(st.integers(8 if kind == "crowd" else 1, 12))):
        upstream = draw(st.lists(st.sampled_from([one.id for one in tasks]), max_size=3)) if tasks else []
        upstream = {"crowd": [], "served": ["t0"] * bool(i), "rivals": upstream[:1]}.get(kind, upstream)
        pools = draw(st.dictionaries(st.sampled_from(sorted(POOLS)), st.integers(1, 3), max_size=2))
        pools = {"db": draw(st.sampled_from([1, 1, 1, 3]))} if kind == "crowd" else pools
        pools = {"api": 1} if kind == "rivals" else pools
        delay, backoff = draw(st.sampled_from([(0.0, 1.0), (5.0, 1.0), (5.0, 2.0)]))
        conditions = {name: draw(CONDITIONS) if kind in ("any", "crowd") else "ready" for name in upstream}
        run_if = tuple(RunIf(name, *draw(RULES)) for name in upstream[:1] if conditions[name] == "finished")
        tasks.append(
            task(
                f"t{i}",
                *upstream,
                enabled=draw(MOSTLY),
                pool=tuple((pool, min(weight, POOLS[pool])) for pool, weight in pools.items()),
                priority=draw(st.integers(-1, 1)),
                retry=RetryPolicy(draw(st.integers(1, 3)) + (kind == "served"), delay, backoff),
                timeout_s=draw(st.sampled_from([None, None, 10.0])),
                wall_timeout_s=draw(st.sampled_from([None, None, None, 20.0])),
                resources=draw(NEEDS),
                conditions=tuple((name, how) for name, how in conditions.items() if how != "succeeded"),
                run_if=run_if,
                continue_on=draw(GO_ON),
                service=Service() if kind == "served" and not i else draw(SERVICES),
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
        max_retries=st.sampled_from([None, None, 0, 2]),
        barriers=st.booleans(),
        done=st.sampled_from([set(), set(), {"t0"}, {"t1", "t3"}, {"t0", "t1", "t2", "t5"}]),
        rescues=st.tuples(RESCUES, RESCUES),
    )
    def begin(
        self,
        tasks: list[Task],
        max_parallel: int,
        stop_after: int | None,
        timeout_s: float | None,
        max_retries: int | None,
        barriers: bool,
        done: set[str],
        rescues: tuple[str, str],
    ) -> None:
        self.tasks = {one.id: one for one in tasks}
        self.max_parallel, self.stop_after, self.timeout_s = max_parallel, stop_after, timeout_s
        self.max_retries, self.barriers = max_retries, barriers
        limits = Limits(
            max_parallel, tuple(POOLS.items()), memory_bytes=MEMORY,
            stop_after=stop_after, timeout_s=timeout_s, max_retries=max_retries, barriers=barriers,
        )  # fmt: skip
        queue.ROUNDS = 1  # or it would take more tasks than a graph has here until room is kept for one
        self.now = self.elapsed = 0.0
        self.over_at: float | None = None
        self.state = dict.fromkeys(self.tasks, "pending")
        self.attempts = dict.fromkeys(self.tasks, 0)
        self.passed = dict.fromkeys(self.tasks, 0)  # how often others took before it of what it waits for
        self.since: dict[str, float] = {}  # from when on a task could have started if there had been room
        self.retries = 0
        self.exits: dict[str, int] = {}
        self.due: dict[str, float] = {}  # when a task that waits for its retry may start
        self.deadline: dict[str, float] = {}
        self.wall_deadline: dict[str, float] = {}
        self.stopped: dict[str, TimedOut | Cancelled | Stopped] = {}
        self.to_stop: set[str] = set()  # stops that the next decision must hold
        self.forced: set[str] = set()  # started without room, because only a service had it
        self.closed = False
        self.verdict: RunState | None = None
        self.moves: list[Move] = []
        self.level = 0
        self.order = sorted(self.tasks, key=self.urgency)
        self.done = done & set(self.tasks)
        self.rescues = {name: how for i, name in enumerate(sorted(self.tasks)) if (how := rescues[i % 2])}
        self.stood_in: set[str] = set()  # tasks whose fallback runs, or has run
        recovery = {name: self.recovery(name, how) for name, how in self.rescues.items()}
        self.plan = Plan(tasks, limits, {}, done=dict.fromkeys(self.done, DONE), recovery=recovery)
        for _ in self.tasks:  # a service that a task needs which is to run, is to run
            self.done -= {
                name for name in self.done if self.tasks[name].service and not set(self.users(name)) <= self.done
            }
        for name, one in self.tasks.items():
            if name in self.done or not one.enabled:
                self.state[name] = "skipped"
        self.spread()

    def recovery(self, name: str, how: str) -> Recovery:
        instead = self.tasks[name]._replace(args=("instead",)) if how == "program" else None
        return Recovery(None if how == "items" else "it", instead, how.startswith("items"))

    # What can happen

    @rule(seconds=st.sampled_from([0.0, 0.0, 1.0, 4.0, 10.0]), asleep=st.sampled_from([0.0, 0.0, 0.0, 7.0, 100.0]))
    def ask(self, seconds: float, asleep: float) -> None:
        """Time passes, partly with the machine asleep, and the plan is asked what to do."""
        self.now += seconds
        self.elapsed += seconds + asleep
        self.watch_the_time()
        while self.lift_the_barrier() or self.dismiss_services():
            pass
        self.since = {name: self.since.get(name, self.now) for name in self.startable()}
        decision = self.plan.decide(self.now, self.elapsed)
        assert sorted(stop.task.id for stop in decision.stops) == sorted(self.to_stop)
        self.to_stop.clear()
        for start in decision.starts:
            assert start.waited_s == self.now - self.since.pop(start.task.id)
            self.check_start(start.task, start.attempt)
        assert self.next_start() is None, "it could have started more"
        assert not self.startable() or not self.only_services_run(), "it waits for what waits for it"
        self.check_what_waits()
        if not self.plan.finished:
            assert self.active() or self.due, "it waits for nothing"
            assert decision.wake_at == min(self.times(), default=None)

    def watch_the_time(self) -> None:
        if self.timeout_s is not None:
            if self.over_at is None:
                self.over_at = self.now + self.timeout_s
            elif self.over_at <= self.now:
                self.end_all(RunState.TIMED_OUT)
        for name, deadline in self.deadline.items():
            if deadline <= self.now:
                self.stop(name, TimedOut(10.0))
        for name, deadline in self.wall_deadline.items():
            if deadline <= self.elapsed:
                self.stop(name, TimedOut(20.0, wall=True))

    def times(self) -> list[float]:
        """All times at which something is due; every 30 s where the machine's sleep may bring it closer."""
        times = [self.deadline[name] for name in self.deadline if name not in self.stopped]
        for name, deadline in self.wall_deadline.items():
            times += [] if name in self.stopped else [self.now + min(30.0, deadline - self.elapsed)]
        times += [due for due in self.due.values() if due > self.now]
        return times + ([] if self.over_at is None or self.verdict else [self.over_at])

    def check_start(self, one: Task, attempt: int) -> None:
        assert not self.closed
        turn = self.next_start()
        if turn is None:
            assert self.only_services_run()
            fitting = [name for name in self.turns() if self.has_room(name)]
            assert one.id == (fitting or self.startable())[0]
            self.forced |= set() if fitting else {one.id}
        else:
            assert turn == one.id
            for other in self.held_back(one.id):
                self.passed[other] += self.meet(other, one.id)
                assert self.passed[other] <= self.max_parallel, "it is passed by for ever"
        self.passed[one.id] = 0
        self.attempts[one.id] += 1
        assert attempt == self.attempts[one.id]
        assert (one.args == ("instead",)) is (one.id in self.stood_in)
        self.due.pop(one.id, None)
        self.state[one.id] = "submitted"
        if one.timeout_s is not None:
            self.deadline[one.id] = self.now + one.timeout_s
        if one.wall_timeout_s is not None:
            self.wall_deadline[one.id] = self.elapsed + one.wall_timeout_s

    def check_what_waits(self) -> None:
        """The plan can say of each task what it waits for."""
        waiting = self.plan.waiting()
        assert set(waiting) == {name for name, state in self.state.items() if state in ("pending", "waiting_retry")}
        startable = self.startable()
        for name, reason in waiting.items():
            if name not in startable:
                later = self.due.get(name, 0.0) > self.now
                assert reason.code in (["retry_scheduled"] if later else ["dependencies", "barrier"])
                assert reason.code != "barrier" or self.height(name) > self.level
            elif not self.has_place(name):
                assert reason.code == "places"
            else:
                assert reason.code in (["kept"] if self.has_room(name) else ["pool", "host"])

    @precondition(lambda self: "submitted" in self.state.values())
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        """A process is there."""
        name = data.draw(st.sampled_from([name for name, state in self.state.items() if state == "submitted"]))
        self.plan.started(name, 0.0, 0.0)
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
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES), items=st.sampled_from([0, 3]), made=st.booleans())
    def end(self, data: st.DataObject, outcome: Exited, items: int = 0, made: bool = False) -> None:
        """A process is gone. It may have completed items, and there may be what it has made before."""
        name = data.draw(st.sampled_from(self.active()))
        counts = self.stopped.pop(name, outcome)
        self.to_stop.discard(name)  # nothing is left to end
        self.forced.discard(name)
        assert self.plan.ended(name, outcome, self.now, items=items) == counts
        self.deadline.pop(name, None)
        self.wall_deadline.pop(name, None)
        self.exits.pop(name, None)
        if isinstance(counts, Exited):
            self.exits[name] = counts.code
        self.state[name] = self.after(name, counts)
        failed = self.state[name] in BAD and not self.verdict and name not in self.stood_in
        if failed and name in self.rescues:
            self.state[name] = self.rescued(name, items, made)
        elif self.state[name] == "waiting_retry":
            self.retries += 1
            self.due[name] = self.now + delay_s(self.tasks[name].retry, self.attempts[name])
        self.spread()
        if self.stop_after is not None and self.failures() >= self.stop_after and not self.closed:
            self.call_off()

    @precondition(lambda self: not self.plan.finished)
    @rule(data=st.data())
    def turn(self, data: st.DataObject) -> None:
        """What happens most: what may starts, and one ends well."""
        self.ask(1.0, 0.0)
        while "submitted" in self.state.values():
            self.start(data)
        if self.active():
            self.end(data, Exited(0))

    def after(self, name: str, counts: Exited | TimedOut | Cancelled | Stopped) -> str:
        """What the end of an attempt makes of its task."""
        one = self.tasks[name]
        if counts in (Exited(0), Stopped()):
            return "partial" if name in self.stood_in else "succeeded"
        if isinstance(counts, Cancelled):
            return "cancelled"
        if name in self.stood_in:
            return "timed_out" if isinstance(counts, TimedOut) else FOR_GOOD.get(counts, "failed")
        again = counts not in FOR_GOOD and self.attempts[name] < one.retry.max_attempts and not self.closed
        if again and not self.lost_service(name) and self.retries != self.max_retries:
            return "waiting_retry"
        go_on = one.continue_on
        if go_on and not self.verdict and (go_on.failure or (isinstance(counts, Exited) and counts.code == 1)):
            return "partial"
        return "timed_out" if isinstance(counts, TimedOut) else FOR_GOOD.get(counts, "failed")

    def rescued(self, name: str, items: int, made: bool) -> str:
        """What becomes of a task that has failed for good, and may be rescued."""
        how, lost = self.rescues[name], self.state[name]
        asked = how.endswith("earlier") and not self.closed and not (how.startswith("items") and items)
        assert self.plan.wants_earlier(name) is asked
        if asked:
            self.plan.earlier(name, "that", stands_in=made)
            return "partial" if made else lost
        if how.startswith("items") and items:
            return "partial"
        if how != "program" or self.closed:
            return lost
        self.stood_in.add(name)
        self.due[name] = self.now
        return "waiting_retry"

    @precondition(lambda self: self.verdict is None)
    @rule(goes_on=MOSTLY)
    def cancel(self, goes_on: bool) -> None:
        """Somebody cancels the run; seldom, so that other things happen too."""
        if goes_on:
            return
        self.plan.cancel(BY_HAND)
        self.end_all(RunState.CANCELLED)

    def teardown(self) -> None:
        queue.ROUNDS = ROUNDS

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
        if how == "finished" or need in self.done:
            return state in OVER
        return state in GOOD or (how == "ready" and state == "ready")

    def held(self, condition: RunIf) -> bool:
        states, codes = condition.states, condition.exit_codes
        if condition.task in self.done:
            return (not states or "succeeded" in states) and (not codes or 0 in codes)
        return (not states or self.state[condition.task] in states) and (
            not codes or self.exits.get(condition.task) in codes
        )

    def lost_service(self, name: str) -> bool:
        """A service that the task needs has ended badly."""
        needs = self.needs(name).items()
        return any(how == "ready" and self.tasks[need].service and self.bad(need) for need, how in needs)

    def bad(self, name: str) -> bool:
        return self.state[name] in OVER - GOOD and name not in self.done

    def spread(self) -> None:
        """What can no longer start is over too; of several causes any may be the one that counts."""
        for _ in self.tasks:
            for name in self.tasks:
                doom = self.doom(name)
                if doom:
                    self.state[name] = self.plan.state(name).value
                    assert self.state[name] in doom
                    self.due.pop(name, None)

    def doom(self, name: str) -> list[str]:
        """How a task ends that does not run and never will."""
        if self.state[name] == "waiting_retry":
            return ["failed"] if self.lost_service(name) else []
        if self.state[name] != "pending":
            return []
        causes = [need for need, how in self.needs(name).items() if how != "finished" and self.bad(need)]
        if not causes and self.free(name) and not all(map(self.held, self.tasks[name].run_if)):
            return ["skipped"]
        return ["skipped" if self.state[need] == "skipped" else "upstream_failed" for need in causes]

    def free(self, name: str) -> bool:
        level = not self.barriers or self.height(name) <= self.level
        return level and all(self.met(need, how) for need, how in self.needs(name).items())

    def height(self, name: str) -> int:
        """The longest way from the task back to one that depends on nothing."""
        return max((1 + self.height(need) for need in self.tasks[name].depends_on), default=0)

    def lift_the_barrier(self) -> bool:
        """The next level starts, or is called off, when all batch tasks of the earlier ones are over."""
        if not self.barriers or self.level == max(map(self.height, self.tasks)):
            return False
        before = [name for name in self.tasks if self.height(name) <= self.level and not self.tasks[name].service]
        if not all(self.state[name] in OVER for name in before):
            return False
        if self.failures() and not self.closed:
            self.call_off()
        self.level += 1
        self.foresee()
        return True

    # Turns and room in the model

    def urgency(self, name: str) -> tuple[int, int]:
        """Priority, then the longest path behind it; nothing is known of durations, so each counts 1, a service 0."""
        return -self.tasks[name].priority, -self.length(name)

    def length(self, name: str) -> int:
        behind = [other for other, one in self.tasks.items() if name in one.depends_on]
        return (0 if self.tasks[name].service else 1) + max(map(self.length, behind), default=0)

    def startable(self) -> list[str]:
        """What could start now if there were room, most urgent first."""
        first = {name for name in self.tasks if self.state[name] == "pending" and self.free(name)}
        again = {name for name, due in self.due.items() if due <= self.now and self.free(name)}
        return [name for name in self.order if name in first | again]

    def share(self, name: str) -> dict[str, int]:
        """What the present or next attempt takes."""
        one, attempt = self.tasks[name], self.attempts[name] + (self.state[name] not in ACTIVE)
        memory = {} if one.resources is None else {"memory": one.resources.memory_bytes}
        grown = {what: min(MEMORY, int(size * one.resources.grow ** (attempt - 1))) for what, size in memory.items()}
        return dict(one.pool) | grown

    def meet(self, one: str, other: str) -> bool:
        return bool(set(self.share(one)) & set(self.share(other)))

    def has_place(self, name: str) -> bool:
        return bool(self.tasks[name].service) or len(self.batch()) < self.max_parallel

    def has_room(self, name: str) -> bool:
        used = [self.share(other) for other in self.active()]
        sizes = POOLS | {"memory": MEMORY}
        return all(
            sum(each.get(what, 0) for each in used) + more <= sizes[what] for what, more in self.share(name).items()
        )

    def turns(self) -> list[str]:
        """Of those that take the same only the first counts, and where no place is left only services do."""
        found: dict[object, str] = {}
        for name in filter(self.has_place, self.startable()):
            found.setdefault((bool(self.tasks[name].service), tuple(self.share(name).items())), name)
        return list(found.values())

    def next_start(self) -> str | None:
        """The first that fits and takes nothing that is kept for one which others have passed often enough."""
        turns = self.turns()
        for i, name in enumerate(turns):
            keepers = [other for other in turns[:i] if self.passed[other] >= self.max_parallel]
            if self.has_room(name) and not any(self.meet(name, other) for other in keepers):
                return name
        return None

    def held_back(self, name: str) -> list[str]:
        turns = self.turns()
        return turns[: turns.index(name)]

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
            and (self.state[name] in ("submitted", "running") or self.due.get(name, 0.0) > self.now)
        ]
        stopping = [name for name in self.stopped if self.tasks[name].service]
        return bool(self.services()) and not (self.batch() or retrying or coming or stopping)

    def unneeded(self) -> list[str]:
        present = [name for name in self.services() if self.state[name] not in OVER and name not in self.stopped]
        unused = [name for name in present if self.users(name) and not self.in_use(name)]
        needed = [name for name in self.startable() if not self.tasks[name].service or self.in_use(name)]
        if unused or needed or not self.only_services_run():
            return unused
        batch = {name for name, one in self.tasks.items() if not one.service}
        return [name for name in present if not self.users(name) and (self.closed or batch - self.related(name))]

    def dismiss_services(self) -> bool:
        unneeded = self.unneeded()
        for name in unneeded:
            if self.state[name] in ACTIVE:
                self.stop(name, Stopped())
            elif self.state[name] not in OVER:
                self.state[name] = "skipped" if self.state[name] == "pending" else "cancelled"
                self.due.pop(name, None)
        self.foresee()
        return bool(unneeded)

    def foresee(self) -> None:
        """As `spread`, where the plan has not been asked yet: any cause will do, as its own words are taken later."""
        for _ in self.tasks:
            for name in self.tasks:
                self.state[name] = [*self.doom(name), self.state[name]][0]

    # What always holds

    @invariant()
    def the_plan_is_where_the_model_is(self) -> None:
        assert {name: self.plan.state(name).value for name in self.tasks} == self.state

    @invariant()
    def it_asks_for_the_readiness_of_services_that_matter(self) -> None:
        assert sorted(self.plan.starting()) == sorted(self.starting())

    @invariant()
    def attempts_stay_within_max_attempts(self) -> None:
        most = {name: one.retry.max_attempts + (name in self.stood_in) for name, one in self.tasks.items()}
        assert all(self.attempts[name] <= most[name] for name in self.tasks)

    @invariant()
    def limits_are_kept(self) -> None:
        assert len(self.batch()) <= self.max_parallel
        assert self.max_retries is None or self.retries <= self.max_retries
        for what, size in (POOLS | {"memory": MEMORY}).items():
            kept = [name for name in self.active() if name not in self.forced]
            assert sum(self.share(name).get(what, 0) for name in kept) <= size

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
    def the_verdict_follows_from_the_states(self) -> None:
        if self.plan.finished:
            states = set(self.state.values())
            otherwise = RunState.PARTIAL if "partial" in states else RunState.SUCCEEDED
            expected = self.verdict or (RunState.FAILED if states & BAD else otherwise)
            assert self.plan.verdict()[0] is expected


TestPlanMachine = PlanMachine.TestCase
TestPlanMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
