"""The public Python interface: load a project, ask its graph, run it, and be told what happens.

    import tetra_orchestrator as tetra

    project = tetra.load("config/orchestration.yaml")
    project.parallel_groups()              # [["data_pipeline"], ["scenarios_pipeline"], ...]
    result = project.run(mode="weekly")
    result.ok, result.tasks                # True, {"data_pipeline": "succeeded", ...}

A run is performed by our own command in a child process, so that it is recorded, locked, limited and cleaned up
after exactly as one from the command line, and so that nothing of ours meddles with the caller's processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from datetime import datetime
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from tetra_orchestrator import wire
from tetra_orchestrator.config.find import find_config
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.graph import levels, order
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import select, suggest
from tetra_orchestrator.errors import TetraError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import IO, Any

    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.config.problems import Problem
    from tetra_orchestrator.core.model import Json, Task
    from tetra_orchestrator.core.model import Project as Model

    Listener = Callable[[RunEvent], object]
    Row = Mapping[str, Any]

EVENT = "tetra.run/1"
GRACE_S = 60


class RunResult(Record):
    """How a run ended. `tasks` maps task ids to states, `outputs` to what they handed on, `reasons` to one clause each.

    `state` is a run's state, `exit_code` one of `Exit`, `duration_s` seconds, `log` the path of the run's log.
    """

    run_id: str
    state: str
    exit_code: int
    tasks: Mapping[str, str]
    outputs: Mapping[str, Mapping[str, Json]]
    reasons: Mapping[str, str]
    duration_s: float | None
    log: str | None

    @property
    def ok(self) -> bool:
        """Whether every task succeeded or was skipped on purpose."""
        return self.exit_code == 0

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {state}" for state, count in Counter(self.tasks.values()).most_common())
        return f"<RunResult {self.run_id}: {self.state}, exit code {self.exit_code}; tasks: {counts or 'none'}>"


class RunRefused(TetraError):
    """The command did not start a run; message, hint and exit code are the command's."""


class Project:
    """A checked configuration. `model` is all of it as values, `warnings` what deserves a look."""

    def __init__(self, loaded: Loaded, arguments: Sequence[str]):
        self.model: Model = loaded.project
        self.warnings: tuple[Problem, ...] = loaded.warnings
        self._document = loaded.document
        self._arguments = list(arguments)

    def __repr__(self) -> str:
        return f"<Project {self.name}: {len(self.model.tasks())} tasks, {self.model.file}>"

    @property
    def name(self) -> str:
        """The project's name."""
        return self.model.name

    @property
    def dialect(self) -> str:
        """What the file is written in: native, tetra, recomart, stages, tauro or dativo."""
        return self.model.dialect

    def to_dict(self) -> dict[str, Any]:
        """The native document, its `${VAR}` not filled in."""
        return dict(json.loads(self._document))

    def tasks(self, mode: str | None = None) -> dict[str, Task]:
        """The tasks of the file, or of one mode, by id. Raises `UsageError` for an unknown mode."""
        return {task.id: task for task in select(self.model, mode).tasks}

    def task(self, name: str) -> Task:
        """One task by its id. Raises `UsageError` naming the tasks that there are."""
        tasks = self.tasks()
        if name not in tasks:
            raise UsageError(f"Unknown task: {name}", hint=suggest(name, tasks, "tasks"))
        return tasks[name]

    def execution_order(self, mode: str | None = None) -> list[str]:
        """Task ids, each after what it depends on."""
        return order(self._graph(mode))

    def parallel_groups(self, mode: str | None = None) -> list[list[str]]:
        """Task ids by level: those of a group depend only on groups before it."""
        return levels(self._graph(mode))

    def run(
        self,
        mode: str | None = None,
        *,
        pipelines: str | Sequence[str] = (),
        params: Mapping[str, Json] | None = None,
        start_date: str | None = None,
        end_date: str | None = None,
        max_parallel: int | None = None,
        force: bool = False,
        on_event: Listener | None = None,
    ) -> RunResult:
        """Run a mode, some pipelines, or everything, and wait for the end.

        `on_event` is called in this thread with every event, in order, after it is on disk. The run never waits for
        it. Where it raises an exception it is called no more, and a `RuntimeWarning` tells so when the run is over.
        Raises `RunRefused` where no run was started, for instance because one is active; `TypeError` for an `on_event`
        that cannot be called.
        """
        if on_event is not None and not callable(on_event):
            raise TypeError(f"on_event must be a function of one event, not {type(on_event).__name__}")
        names = [pipelines] if isinstance(pipelines, str) else pipelines
        options = {
            "--mode": mode,
            "--start-date": start_date,
            "--end-date": end_date,
            "--max-parallel": None if max_parallel is None else str(max_parallel),
        }
        words = [word for option, value in options.items() if value is not None for word in (option, value)]
        words += [word for name in names for word in ("--pipeline", name)]
        words += [word for name, value in (params or {}).items() for word in ("--param", f"{name}={_text(value)}")]
        exit_code, last = _perform([*self._arguments, *words, *(["--force"] if force else [])], on_event)
        if "run_id" not in last:
            raise _refusal(last, exit_code)
        return self._result(str(last["run_id"]), exit_code)

    def _graph(self, mode: str | None) -> dict[str, tuple[str, ...]]:
        return {name: task.depends_on for name, task in self.tasks(mode).items()}

    def _result(self, run_id: str, exit_code: int) -> RunResult:
        store = wire.store(self.model.store_url)
        try:
            run, rows = store.run(run_id), store.task_runs(run_id)
        finally:
            store.close()
        assert run is not None
        return RunResult(
            run_id=run_id,
            state=run.state,
            exit_code=exit_code,
            tasks={row.task_id: row.state for row in rows},
            outputs={row.task_id: dict(row.outputs or {}) for row in rows},
            reasons={row.task_id: row.reason.text for row in rows if row.reason},
            duration_s=run.duration_s,
            log=run.log,
        )


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    overlays: Sequence[str] = (),
    sets: Sequence[str] = (),
    dialect: str | None = None,
    bindings: str | None = None,
    on: str | None = None,
) -> Project:
    """Load and check a configuration of any dialect; without a path it is found as the command line finds it.

    `on` is where its tasks run: local, slurm, or one of its `runners`. Raises `ConfigError` with every problem in it,
    `UsageError` where there is no such runner.
    """
    found = find_config(None if path is None else os.fspath(path), os.environ, os.getcwd())
    loaded = load_project(
        found, environ=os.environ, overlays=overlays, sets=sets, dialect=dialect, bindings=bindings, on=on
    )
    given = [("--config", found), *(("--overlay", o) for o in overlays), *(("--set", s) for s in sets)]
    options = (("--dialect", dialect), ("--bindings", bindings), ("--on", on))
    given += [(option, value) for option, value in options if value]
    return Project(loaded, [word for pair in given for word in pair])


def _perform(words: Sequence[str], on_event: Listener | None) -> tuple[int, Row]:
    """The exit code of `run --json` with these words, and the last object that it printed."""
    command = [sys.executable, "-m", "tetra_orchestrator", "run", "--json", *words]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as noise:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=noise, text=True, encoding="utf-8")
        assert child.stdout is not None
        lines: SimpleQueue[str | None] = SimpleQueue()
        reader = Thread(target=_read, args=(child.stdout, lines), daemon=True)
        reader.start()
        try:
            last, failure = _follow(iter(lines.get, None), on_event)
            exit_code = child.wait()
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait(GRACE_S)
            reader.join()
            child.stdout.close()
        if failure:
            warnings.warn(failure, RuntimeWarning, stacklevel=3)
        return exit_code, last or {"message": _said(noise)}


def _read(stream: IO[str], lines: SimpleQueue[str | None]) -> None:
    """Take the lines as they come, so that a slow listener holds up nobody; a last one that is torn is none."""
    for line in stream:
        if line.endswith("\n"):
            lines.put(line)
    lines.put(None)


def _follow(lines: Iterable[str | None], on_event: Listener | None) -> tuple[Row, str | None]:
    """The last object, and what is to be said of a listener that failed."""
    last: Row = {}
    failure = None
    for line in lines:
        last = json.loads(line or "{}")
        if on_event is not None and last.get("schema") == EVENT:
            event = _event(last)
            try:
                on_event(event)
            except Exception as error:
                on_event = None
                failure = f"on_event raised {error!r} at event {event.seq} ({event.event}) and was called no more"
    return last, failure


def _event(row: Row) -> RunEvent:
    reason = Reason(**row["reason"]) if row["reason"] else None
    fields = {name: row[name] for name in RunEvent._fields}
    return RunEvent(**{**fields, "ts": datetime.fromisoformat(row["ts"]), "reason": reason})


def _said(noise: IO[str]) -> str:
    noise.seek(0)
    return noise.read().strip() or "the command ended without a word"


def _refusal(last: Row, exit_code: int) -> RunRefused:
    words = {name: str(last[name]) for name in ("hint", "where", "code") if last.get(name)}
    refusal = RunRefused(str(last.get("message")), **words)
    refusal.exit_code = exit_code
    return refusal


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)
