"""A machine in memory on which processes die: what the engine is hit on in the crash sweep."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

from proofs.sweep_checks import Line
from support.fakes import FakeLocks, FakeProcesses, FakeRunner
from support.schedules import GuardStage
from support.worlds import project, task
from tetra_orchestrator import failpoints
from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.model import Cache, Command, RetryPolicy, Schedule
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.errors import TetraError

TASKS = (
    task("rows", outputs=(("rows", "int"),)),
    task("reads", "rows", program=Command(("count", "{rows.rows}"))),
    task("flaky", retry=RetryPolicy(max_attempts=2, delay_s=1.0)),
    task("kept", survive=True),
    task("fails"),
    task("behind", "fails"),
    task("made", cache=Cache()),
)
GRAPH = {one.id: one for one in TASKS}
#: A timer of the tasks that succeed in the end. It makes up for every slot that was missed.
HOURLY = Schedule("hourly", None, "30 * * * *", "UTC", catch_up="all", pipelines=("rows", "reads", "flaky", "kept"))


class Killed(BaseException):
    """The end of the process: nobody catches it, and whatever its way out does to the world is undone."""


class Jobs(FakeRunner):
    """Attempts that write into a journal, and live on when their owner has died."""

    def __init__(self, machine: Machine):
        super().__init__(machine.clock, machine.workspace, machine.script)
        self.machine = machine

    def _start(self, launch):
        line = Line("start", launch.env["TETRA_TASK"], launch.env["TETRA_RUN_ID"], int(launch.env["TETRA_ATTEMPT"]))
        machine = self.machine
        machine.lines += [line._replace(what="overlap") for one in machine.living.values() if one.task == line.task]
        handle = super()._start(launch)
        machine.lines.append(line)
        machine.living[launch.token] = line
        machine.tokens[handle] = launch.token
        return handle

    def begun(self, handles):
        return handles

    def poll(self, handles):
        ended = super().poll(handles)
        for one in ended:
            self.machine.end(self.machine.tokens[one.handle], one.outcome)
        return ended

    def close(self):
        """They go on."""


class Table(FakeProcesses):
    """The process table: whoever was started and has not ended, and the owners that live."""

    def __init__(self, machine: Machine):
        super().__init__()
        self.machine = machine
        self.records = machine.records

    def own(self):
        return self.machine.owner

    def is_alive(self, identity):
        return identity == self.machine.owner

    def survived(self, handles):
        return set(handles) & set(self.machine.living)

    def end_trees(self, handles, grace_s):
        for token in handles:
            self.machine.living.pop(token, None)


class Machine(GuardStage):
    """A stage on which processes die: what is the kernel's and the disk's is still there afterwards."""

    def __init__(self):
        super().__init__(project(*TASKS)._replace(schedules=(HOURLY,)))
        self.lives = 1
        self.lines: list[Line] = []
        self.living: dict[str, Line] = {}
        self.tokens: dict[str, str] = {}
        self.records: dict[str, tuple] = {}
        self.failed_before = False
        self.kept = None
        self._boot()

    @property
    def owner(self) -> str:
        return f"process {self.lives}"

    def _boot(self) -> None:
        self.runner, self.processes, self.locks = Jobs(self), Table(self), FakeLocks()
        self.clock.on_wait = self.runner.something_ended

    def script(self, name: str, number: int):
        code = int(name == "flaky" and number == 1 or name == "fails" and not self.failed_before)
        self.failed_before |= name == "fails"
        return 1.0, Exited(code), {"rows": 3} if name == "rows" else {}

    def end(self, token: str, outcome) -> None:
        line = self.living.pop(token)
        if isinstance(outcome, Exited):
            self.lines.append(line._replace(what="end", code=outcome.code))

    def die(self, name: str) -> None:
        """The process ends here: the disk stays as it is."""
        self.kept = deepcopy(self.store)
        raise Killed(name)

    def bury(self) -> None:
        """The owner is gone: its locks are free, a wrapped attempt comes to its end and leaves its record."""
        if self.kept is not None:
            self.store, self.kept = self.kept, None
        self.lives += 1
        for token, line in list(self.living.items()):
            if line.task == "kept":
                self.end(token, Exited(0))
                self.records[token] = Exited(0), NO_FACTS
        self._boot()

    def does(self, act: Callable[[Machine], object]) -> object:
        """What one process does, and what is left when it is over: its answer, or what it ended with."""
        try:
            return act(self)
        except (Killed, TetraError, OSError, failpoints.Injected) as end:
            return end
        finally:
            self.bury()


class Armed:
    """The failpoint in this process; `reached` tells whether it was."""

    def __init__(self, text: str, machine: Machine):
        self._text, self._machine = text, machine
        self.reached = False
        self.on_stop: Callable[[], object] = lambda: None

    def __enter__(self) -> Armed:
        actions = {name: self._noting(action) for name, action in failpoints.ACTIONS.items()}
        actions["kill"] = self._noting(self._machine.die)
        actions["stop"] = self._noting(lambda name: self.on_stop())
        failpoints.arm(self._text, actions)
        return self

    def _noting(self, action: Callable[[str], object]) -> Callable[[str], None]:
        def act(name: str) -> None:
            self.reached = True
            action(name)

        return act

    def __exit__(self, *exc: object) -> None:
        failpoints.arm("")
