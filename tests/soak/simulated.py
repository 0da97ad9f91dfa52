"""A random run through the real engine over fakes: hours pass in milliseconds, and nothing is left to chance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import NamedTuple

from soak.scenario import POOLS, Scenario
from support.fakes import START, FakeWorkspace
from support.worlds import Stage, project
from tetra_orchestrator.adapters.report.fanout import Fanout
from tetra_orchestrator.core.model import Command
from tetra_orchestrator.core.outcome import Exited, OutputsInvalid, Signalled, SpawnFailed
from tetra_orchestrator.ports import Ended, Wakeup

#: Waits without any news after which a run is stuck: hours of a run that lasts for seconds.
PATIENCE = 50_000
LATE_S = 0.2


class Stuck(Exception):
    """The engine waits for what will never come."""


class SimClock:
    """Time passes while somebody waits. Things happen at their time; one that returns True ends the waiting."""

    def __init__(self) -> None:
        self.seconds, self.slept, self.offset = 1000.0, 0.0, 0.0
        self.pending: Callable[[], bool] = lambda: False
        self._agenda: list[tuple[float, int, Callable[[], bool]]] = []
        self._numbers = count()
        self._quiet = 0

    def at(self, when: float, action: Callable[[], bool]) -> None:
        heappush(self._agenda, (when, next(self._numbers), action))

    def now(self):
        return START + timedelta(seconds=self.seconds - 1000.0 + self.slept + self.offset)

    def monotonic(self) -> float:
        return self.seconds

    def elapsed(self) -> float:
        return self.seconds + self.slept

    def wait(self, fds, timeout_s):
        assert timeout_s is not None, "the loop would wait for ever"
        if self.pending():
            return True
        until = self.seconds + max(timeout_s, 0.0)
        while self._agenda and self._agenda[0][0] <= until:
            when, _, action = heappop(self._agenda)
            self.seconds = max(self.seconds, when)
            if action():
                self._quiet = 0
                return True
        self.seconds = until
        self._quiet += 1
        if self._quiet > PATIENCE:
            raise Stuck(f"no news in {PATIENCE} waits, until second {self.seconds - 1000:.0f}")
        return False


class Job(NamedTuple):
    """An attempt that runs."""

    task: str
    attempt: int
    began: float
    began_elapsed: float
    obeys: str
    grace_s: float


class Span(NamedTuple):
    """One attempt as its processes saw it, in monotonic seconds, and how long it took with all sleeps of the host."""

    task: str
    attempt: int
    began: float
    ended: float
    elapsed_s: float


class SimRunner:
    """Jobs that behave as the scenario says, and a journal of what they did."""

    def __init__(self, clock: SimClock, workspace: FakeWorkspace, given: Scenario):
        self.clock, self.workspace, self.given = clock, workspace, given
        self.live: dict[str, Job] = {}
        self.over: dict[str, Ended] = {}
        self.spans: list[Span] = []
        self.on_submit: Callable[[str, int], None] = lambda task, attempt: None
        self.left: list[str] = []

    def submit(self, launches):
        return [self._start(one) for one in launches]

    def _start(self, launch):
        task, attempt = launch.env["TETRA_TASK"], int(launch.env["TETRA_ATTEMPT"])
        self.on_submit(task, attempt)
        act = self.given.act(task, attempt)
        if isinstance(act.ends, SpawnFailed):
            return act.ends
        handle = f"{task}.{attempt}"
        assert handle not in self.live, f"I1: {handle} was started twice"
        outcome = Exited(0) if isinstance(act.ends, OutputsInvalid) else act.ends
        began = self.clock.monotonic(), self.clock.elapsed()
        self.live[handle] = Job(task, attempt, *began, act.obeys, launch.kill_grace_s)
        outputs = {"n": attempt} if act.ready_s is None else {}
        if isinstance(act.ends, OutputsInvalid):
            outputs = ValueError(act.ends.text)
        self.workspace.written[launch.env["TETRA_OUTPUT"]] = outputs
        self._later(act.seconds, handle, outcome)
        if act.ready_s is not None:
            path = launch.env["TETRA_OUTPUT"]
            self.clock.at(self.clock.seconds + act.ready_s, lambda: self._ready(path))
        return handle

    def _ready(self, path: str) -> bool:
        self.workspace.written[path] = {"ready": True}
        return False

    def _later(self, seconds: float, handle: str, outcome) -> None:
        self.clock.at(self.clock.seconds + seconds, lambda: self._end(handle, outcome))

    def _end(self, handle: str, outcome) -> bool:
        if handle not in self.live:
            return False
        job = self.live.pop(handle)
        ended = self.clock.monotonic(), self.clock.elapsed()
        self.spans.append(Span(job.task, job.attempt, job.began, ended[0], ended[1] - job.began_elapsed))
        self.over[handle] = Ended(handle, outcome)
        return True

    def begun(self, handles):
        return handles

    def poll(self, handles):
        return [self.over.pop(handle) for handle in list(handles) if handle in self.over]

    def cancel(self, handle):
        job = self.live.get(handle)
        if job is None:
            return
        late = min(LATE_S, job.grace_s)
        ends = {"at once": (0.001, Signalled(15)), "late": (late, Exited(0)), "never": (job.grace_s, Signalled(9))}
        seconds, outcome = ends[job.obeys]
        self._later(seconds, handle, outcome)

    def kill(self, handle):
        self._later(0.0, handle, Signalled(9))

    def find(self, token):
        return []

    def lasting(self, handle):
        return handle

    def wakeup(self):
        return Wakeup()

    def close(self):
        self.left = sorted(self.live)
        self.live.clear()


class Broken:
    """A reporter that raises at a random call."""

    def __init__(self, random: Random):
        self._calls = random.randint(0, 20)

    def flush(self):
        pass

    def event(self, event):
        self.tick()

    def tick(self):
        self._calls -= 1
        if self._calls < 0:
            raise OSError("the screen is gone")

    close = tick


class Simulation(Stage):
    """The scenario performed once. `broken`: with a reporter beside the recording one that fails."""

    def __init__(self, given: Scenario, *, broken: bool = False):
        tasks = [task._replace(program=Command(("true",))) for task in given.tasks]
        super().__init__(project(*tasks, max_parallel=given.max_parallel, pools=POOLS, run=given.policy))
        self.given = given
        self.clock = SimClock()
        self.runner = SimRunner(self.clock, self.workspace, given)
        self.clock.pending = lambda: bool(self.runner.over or self.interrupts.numbers)
        self.broken = broken
        self.stopped_at: float | None = None
        self.exit_code: int | None = None
        self._random = Random(given.label)
        self._schedule()

    def _schedule(self) -> None:
        start = self.clock.seconds
        for at, number in self.given.signals:
            self.clock.at(start + at, lambda number=number: self._signal(number))
        for at, seconds in self.given.jumps:
            self.clock.at(start + at, lambda seconds=seconds: self._jump(seconds))
        for at, seconds in self.given.sleeps:
            self.clock.at(start + at, lambda seconds=seconds: self._sleep(seconds))

    def _signal(self, number: int) -> bool:
        run = self.store.runs(limit=1)
        if self.given.by_request and run:
            self.store.request(run[0].run_id, "cancel", self.clock.now())
        self.stopped_at = self.clock.seconds if self.stopped_at is None else self.stopped_at
        self.interrupts.numbers.append(number)
        return True

    def _jump(self, seconds: float) -> bool:
        self.clock.offset += seconds
        return False

    def _sleep(self, seconds: float) -> bool:
        self.clock.slept += seconds
        return False

    def world(self):
        return super().world()._replace(entropy=self._random.randbytes)

    def perform(self) -> Simulation:
        """Run it; raises what a broken engine raises."""
        if self.broken:
            recording, self.reporter = self.reporter, None
            self.reporter = Fanout([recording, Broken(Random(self.given.label))])
            self.exit_code = self.run()
            self.reporter = recording
        else:
            self.exit_code = self.run()
        return self
