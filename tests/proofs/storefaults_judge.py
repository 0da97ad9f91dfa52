"""What must hold after a test whose commands had a faulty store, once the faults are over."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM
from typing import Any

import psutil

from proofs.sweep_checks import GIVEN_UP, NEVER_BEGUN, of_pairs
from soak.invariants import of_rows
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.core.history import Run
from tetra_orchestrator.core.model import Task
from tetra_orchestrator.core.reasons import CARRIED_OVER
from tetra_orchestrator.core.states import RUN_TERMINAL, RunState, TaskState
from tetra_orchestrator.errors import Exit, TetraError

CODES = {code for name, code in vars(Exit).items() if name.isupper()}
TETRA = [sys.executable, "-m", "tetra_orchestrator"]
#: Seconds after which a command is asked to end, after which it is asked again, and within which it then has to.
ENOUGH_S, GRACE_S, PATIENCE_S = 8.0, 3.0, 60.0
#: Within so many seconds a process is gone that has been killed.
GONE_S = 5.0


class Command(subprocess.Popen[Any]):
    """A process that a test starts; it remembers what the test has read of its standard error."""

    def __init__(self, *values: Any, **named: Any):
        self.told: str | bytes = ""
        super().__init__(*values, **named)

    def communicate(self, *values: Any, **named: Any) -> tuple[Any, Any]:
        """As that of any process."""
        found = super().communicate(*values, **named)
        self.told = found[1] or ""
        return found

    @property
    def ours(self) -> bool:
        """Whether it is our command."""
        return isinstance(self.args, list) and "tetra_orchestrator" in self.args


def of_command(command: Command) -> Iterator[str]:
    """What is wrong about how one of our commands ended; one that goes on is asked to end."""
    words = " ".join(command.args[3:])
    if command.poll() is None and not _ended(command):
        yield f"`{words}` did not end on TERM and INT"
    rest = command.stderr.read() if command.stderr and not command.stderr.closed else ""
    told = "".join(part if isinstance(part, str) else part.decode(errors="replace") for part in (command.told, rest))
    code = command.returncode if command.returncode >= 0 else 128 - command.returncode  # as a shell has it
    if code not in CODES | {128 + SIGKILL}:
        yield f"`{words}` ended with {code}: {told}"
    if code == Exit.BUG or "Traceback" in told:
        yield f"`{words}` is at fault: {told}"


def of_project(root: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """What is wrong about the project, now that its store works again. It is looked at, stopped and resumed."""
    if not (root / "state" / "tetra.db").exists():
        return
    environ = _with_file(root, environ)
    code, told = _run(root, environ, "status")
    if code not in (Exit.OK, Exit.CONFIG):
        yield f"`status` ended with {code}: {told}"
    with closing(SqliteStore(str(root / "state" / "tetra.db"))) as store:
        if store.runs(active=True):
            _run(root, environ, "stop")
        yield from (f"run {run.run_id} is {run.state}" for run in store.runs() if run.state not in RUN_TERMINAL)
        yield from of_pairs(store)
        for run in store.runs():
            yield from _of_run(store, run.run_id, root, environ)
        yield from _of_resume(store, root, environ)
    yield from _left(root)


def _with_file(root: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with the project's file where that stands elsewhere than is looked."""
    elsewhere = () if (root / "config").exists() else sorted(root.glob("*.yaml"))
    return {**environ, "PIPELINE_CONFIG": str(elsewhere[0])} if elsewhere else environ


def _of_run(store: SqliteStore, run_id: str, root: Path, environ: Mapping[str, str]) -> Iterator[str]:
    never = not store.attempts(run_id)
    for text in of_rows(store, run_id, None, _graph(store, run_id, root, environ)):
        if text not in GIVEN_UP and not (never and text == NEVER_BEGUN):
            yield f"{run_id}: {text}"


def _graph(store: SqliteStore, run_id: str, root: Path, environ: Mapping[str, str]) -> dict[str, Task]:
    """The tasks of the run, without what they need of others or of an earlier run."""
    rows = {row.task_id: row for row in store.task_runs(run_id)}
    here = {name for name, row in rows.items() if not row.reason or row.reason.code not in CARRIED_OVER}
    path, text = str(root / "config" / "orchestration.yaml"), store.config_text(run_id)
    try:
        project = load_project(path, environ=environ, snapshot=text, check_modules=False).project
    except TetraError:
        return {name: Task(name, row.pipeline, None) for name, row in rows.items()}
    tasks = [task for task in project.tasks() if task.id in rows]
    return {task.id: task._replace(depends_on=tuple(here.intersection(task.depends_on))) for task in tasks}


def _of_resume(store: SqliteStore, root: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Resume the newest run; nothing runs again whose success is recorded."""
    newest = store.runs(limit=1)
    if not newest or newest[0].state == RunState.SUCCEEDED:
        return
    before = list(_back(store, newest[0]))
    won = {row.task_id for run in before for row in store.task_runs(run) if row.state == TaskState.SUCCEEDED}
    code, told = _run(root, environ, "resume")
    if code not in CODES - {Exit.BUG}:
        yield f"`resume` ended with {code}: {told}"
    for run in store.runs():
        if run.resumes == newest[0].run_id and run.run_id not in before:
            again = [row.task_id for row in store.task_runs(run.run_id) if row.task_id in won and row.attempts]
            yield from (f"{name} had succeeded, and ran again in run {run.run_id}" for name in again)
            yield from _of_run(store, run.run_id, root, environ)


def _back(store: SqliteStore, run: Run | None) -> Iterator[str]:
    """The run, the one that it resumes, and so on, up to one that was asked to do again what was done."""
    while run is not None:
        yield run.run_id
        run = store.run(run.resumes) if run.resumes and run.trigger != "retry" else None


def _run(root: Path, environ: Mapping[str, str], *words: str) -> tuple[int, str]:
    """The exit code of a command and what it says on standard error; one that takes long is asked to end."""
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    process = subprocess.Popen([*TETRA, *words], cwd=root, env=environ, stdin=null, stdout=null, stderr=pipe, text=True)
    try:
        _, told = process.communicate(timeout=ENOUGH_S)
    except subprocess.TimeoutExpired:
        _ended(process)
        _, told = process.communicate()
    return process.returncode, told


def _ended(process: subprocess.Popen[Any]) -> bool:
    """Whether the command ends when it is asked to, as a user does: once, and once more for what ignores that."""
    for number, within_s in ((SIGTERM, GRACE_S), (SIGINT, PATIENCE_S)):
        process.send_signal(number)
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            continue
        return True
    process.kill()
    process.wait()
    return False


def _left(root: Path) -> Iterator[str]:
    """Processes of attempts of the project that live."""
    limit = time.monotonic() + GONE_S
    while (found := [pid for pid in psutil.pids() if _is_of_an_attempt(pid, root)]) and time.monotonic() < limit:
        time.sleep(0.02)
    yield from (f"process {pid} of an attempt is left" for pid in found)


def _is_of_an_attempt(pid: int, root: Path) -> bool:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return b"TETRA_ATTEMPT_TOKEN=" in environ and bytes(root) + b"/" in environ
