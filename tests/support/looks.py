"""What the monitor looks at, in memory: a history of runs, a host with figures that a test sets, data that it moves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from support.builders import pipeline, project
from support.fakes import FakeClock, FakeLocks, FakeProcesses, FakeWorkspace
from tetra_orchestrator.adapters.store.memory import MemoryStore
from tetra_orchestrator.core.changes import AttemptOpened
from tetra_orchestrator.core.data_age import Seen
from tetra_orchestrator.core.facts import NO_FACTS, Facts
from tetra_orchestrator.core.history import Attempt, PipelineState, Run, TaskRun
from tetra_orchestrator.core.model import Project
from tetra_orchestrator.engine.monitor import Sight, check
from tetra_orchestrator.engine.reconcile import Scene
from tetra_orchestrator.watch_ports import Disk

HOUR = timedelta(hours=1)
NOT_STARTED = ("skipped", "upstream_failed")


class FakeProbe:
    """A host of which everything is in plenty until a test says otherwise."""

    def __init__(self) -> None:
        self.free = {}
        self.memory = 0.5
        self.load = 0.1
        self.times = (10.0, 100.0)
        self.files = 0.01
        self.written = {}
        self.asked = []

    def disks(self, folders):
        self.asked = list(folders)
        return [Disk(folder, self.free.get(folder, 0.5), 10**9) for folder in folders]

    def memory_available(self):
        return self.memory

    def load_per_cpu(self):
        return self.load

    def cpu_times(self):
        return self.times

    def open_files(self):
        return self.files

    def modified(self, path):
        return self.written.get(path)


class FakeWatcher:
    """Data and addresses by name: what is seen of a source, and what is wrong with an address."""

    def __init__(self) -> None:
        self.seen = {}
        self.faults = {}

    def look(self, sources):
        return [self.seen.get(source.name, Seen(error="nobody has set it")) for source in sources]

    def call(self, addresses):
        return [self.faults.get(address) for address in addresses]


class Lookout:
    """A project with a history, and the monitor that looks at it when `look` is called."""

    def __init__(self, *pipelines: Any, **fields: Any) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.probe = FakeProbe()
        self.watcher = FakeWatcher()
        self.processes = FakeProcesses()
        self.project: Project = project(*(pipelines or (pipeline("a"),)), **fields)
        self.sites: list[Any] = []
        self.watched = False
        self.faults: tuple[Any, ...] = ()
        self._runs = 0

    def passes(self, time: timedelta) -> None:
        self.clock.seconds += time.total_seconds()

    @property
    def now(self):
        return self.clock.now()

    def ran(
        self,
        *states: str,
        took_s: float = 10.0,
        ago: timedelta = timedelta(0),
        outputs: Any = None,
        attempts: int = 1,
        kind: str = "exited",
        facts: Facts = NO_FACTS,
        elsewhere_s: float | None = None,
        **fields: Any,
    ) -> Run:
        """A run that ended so long ago, with the state of each pipeline in order (`running`: it is not over).

        With `elsewhere_s`, its attempts are on another machine, and took so much of the time that the run did.
        """
        self._runs += 1
        ended = None if "running" in states else self.now - ago
        began = self.now - ago - timedelta(seconds=took_s)
        state = "running" if ended is None else "succeeded" if set(states) <= {"succeeded"} else "failed"
        given = {"mode": "all", "trigger": "manual", "duration_s": took_s if ended else None} | fields
        run = Run(
            f"r{self._runs:04d}",
            "demo",
            state=state,
            config_hash="0" * 64,
            started_at=began,
            finished_at=ended,
            **given,
        )
        names = [one.name for one in self.project.pipelines]
        tasks = [
            TaskRun(run.run_id, name, name, place, of, 3, None, began, ended, attempts, outputs)
            if of not in NOT_STARTED
            else TaskRun(run.run_id, name, name, place, of, 1, None, None, ended)
            for place, (name, of) in enumerate(zip(names, states, strict=True))
        ]
        self.store.open_run(run, tasks, [PipelineState(name) for name in names], "{}")
        changes = [change for task in tasks if task.started_at for change in _attempted(task, kind, facts)]
        if elsewhere_s is not None:
            away = {"runner": "slurm", "duration_s": elsewhere_s if ended else None}
            changes = [AttemptOpened(change.attempt._replace(**away)) for change in changes]
        self.store.record(changes)
        return run

    @property
    def scene(self) -> Scene:
        return Scene(self.store, self.clock, self.processes, FakeLocks(), FakeWorkspace())

    @property
    def sight(self) -> Sight:
        return Sight(self.project, self.clock, self.probe, self.watcher, self.sites, self.watched, self.faults)

    def look(self):
        return check(self.sight, self.scene)

    def found(self, *codes: str) -> list[tuple[str, str]]:
        """Code and subject of what a look finds; of those codes, if some are given."""
        return [(one.code, one.subject) for one in self.look().findings if not codes or one.code in codes]

    def texts(self, code: str) -> list[str]:
        return [one.text for one in self.look().findings if one.code == code]


def log_of(run: Run, task: str) -> str:
    """Where the log of its only attempt is."""
    return f"/logs/{run.run_id}/{task}.1.log"


def _attempted(task: TaskRun, kind: str, facts: Facts) -> list[AttemptOpened]:
    attempt = Attempt(
        task.run_id,
        task.task_id,
        1,
        f"{task.run_id}-{task.task_id}",
        "running" if task.state == "running" else "failed",
        f"/logs/{task.run_id}/{task.task_id}.1.log",
        kind=None if task.state == "running" else kind,
        started_at=task.started_at,
        finished_at=task.finished_at,
        facts=facts,
    )
    return [AttemptOpened(attempt)]
