"""A project of a few tasks and a world of fakes to run it in."""

from __future__ import annotations

from itertools import count

from support.fakes import (
    FakeClock,
    FakeInterrupts,
    FakeLocks,
    FakeProcesses,
    FakeRunner,
    FakeWorkspace,
    RecordingReporter,
)
from tetra_orchestrator.adapters.inputs import ProjectInputs
from tetra_orchestrator.adapters.store.memory import MemoryStore
from tetra_orchestrator.core.model import Command, Host, Logs, Mode, ModeEntry, Pipeline, Project, RetryPolicy, Task
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.engine.start import Request, World, perform

THREE_TRIES = RetryPolicy(max_attempts=3, delay_s=60.0)


def task(name, *depends_on, **fields):
    fields.setdefault("program", Command(("true",)))
    return Task(id=name, pipeline=name, depends_on=depends_on, **fields)


def project(*tasks, max_parallel=4, pools=(), **fields):
    """One pipeline per task, and a mode `all` that runs every one."""
    pipelines = tuple(Pipeline(t.id, (t,), depends_on=t.depends_on, max_data_age_s=3600.0) for t in tasks)
    mode = Mode("all", tuple(ModeEntry(t.id) for t in tasks))
    return Project(
        name="tetra",
        root="/project",
        file="/project/orchestration.yaml",
        config_hash="c0ffee",
        timezone="UTC",
        store_url="sqlite:///state/tetra.db",
        python="/venv/bin/python",
        pipelines=pipelines,
        modes=(mode,),
        schedules=(),
        host=Host(max_parallel),
        logs=Logs("/project/logs"),
        pools=pools,
        **fields,
    )


class Stage:
    """A project, a world of fakes, and what happened in it."""

    def __init__(self, given, script=None, *, store=None, environ=None):
        self.project = given
        self.clock = FakeClock()
        self.workspace = FakeWorkspace()
        self.interrupts = FakeInterrupts()
        self.processes = FakeProcesses()
        self.reporter = RecordingReporter()
        self.locks = FakeLocks()
        self.store = store or MemoryStore()
        self.environ = environ or {}
        self.numbers = count(1)
        self.told = []
        self.runner = FakeRunner(self.clock, self.workspace, script or succeed)
        self.clock.on_wait = lambda: self.runner.something_ended() or bool(self.interrupts.numbers)

    def world(self):
        return World(
            store=self.store,
            runner=self.runner,
            workspace=self.workspace,
            clock=self.clock,
            interrupts=self.interrupts,
            processes=self.processes,
            locks=self.locks,
            entropy=lambda n: next(self.numbers).to_bytes(n, "big"),
            environ=self.environ,
            tell=self.told.append,
            inputs=lambda: ProjectInputs(self.project.root),
        )

    def run(self, mode="all", names=(), **fields):
        """Perform and return the exit code."""
        request = Request(self.project, select(self.project, mode, names), "{}", fields.pop("params", {}), **fields)
        return perform(request, self.world(), lambda subject: self.reporter)

    @property
    def scene(self):
        return self.world().scene

    @property
    def last_run(self):
        return self.store.runs(limit=1)[0]

    def states(self):
        return {row.task_id: row.state for row in self.store.task_runs(self.last_run.run_id)}

    def reasons(self):
        return {row.task_id: row.reason.text for row in self.store.task_runs(self.last_run.run_id) if row.reason}

    def attempts(self):
        return [(a.task_id, a.number, a.kind, a.exit_code) for a in self.store.attempts(self.last_run.run_id)]

    def story(self):
        """The events as short words: `attempt.started a 1`."""
        return [" ".join(str(p) for p in (e.event, e.task, e.attempt) if p is not None) for e in self.reporter.events]


def succeed(task_id, number):
    return 1.0, Exited(0), {}


def fail_first(times, name, code=1):
    """`name` exits with `code` in its first `times` attempts; everything else succeeds."""

    def script(task_id, number):
        return 1.0, Exited(code if task_id == name and number <= times else 0), {}

    return script
