"""A throw-away project for the crash sweep, with the real command line, and what it must look like in the end."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import psutil

from proofs.sweep_checks import STRANDED, WRONG, Complaint, Line, of_journal, of_runs, of_slots
from tetra_orchestrator import failpoints
from tetra_orchestrator.adapters.locks.table import Busy, LockTable
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.model import Command, Task
from tetra_orchestrator.errors import Exit
from tetra_orchestrator.wire import store as open_store

SCRIPT = Path(__file__).with_name("sweep_task.sh")
CODES = {code for name, code in vars(Exit).items() if name.isupper()}
TETRA = (sys.executable, "-m", "tetra_orchestrator")
#: No command takes so long, however busy the machine.
PATIENCE_S = 120.0
#: Within so many seconds a process is gone that has been killed.
GONE_S = 2.0
#: Drafts: files under another name than the one they are meant to get.
DRAFT = re.compile(r".*\.(\d+|new)(-\w+)?")

#: Each pipeline is one task that does what the word says; what it depends on, and what else its file says.
PIPELINES = {
    "rows": ("rows", (), {"outputs": {"rows": "int"}}),
    "reads": ("{rows.rows}", ("rows",), {}),
    "flaky": ("flaky", (), {"retry": {"max_attempts": 2, "delay": 0}}),
    "lasts": ("lasts", ("rows",), {}),
    "fails": ("fails", (), {}),
    "behind": ("quick", ("fails",), {}),
    "kept": ("lasts", (), {"survive": True}),
    "after": ("quick", ("kept",), {}),
    "held": ("waits", (), {}),
    "also": ("waits", (), {}),
    "tiny": ("quick", (), {}),
    "made": ("quick", (), {"cache": {"inputs": ["input"]}}),
}
MODES = {
    "all": ("rows", "reads", "flaky", "lasts"),
    "bad": ("fails", "behind"),
    "wrapped": ("kept", "after"),
    "held": ("held",),
    "also": ("also",),
    "tiny": ("tiny",),
    "made": ("made",),
    "days": ("tiny",),
}
#: The mode that is run for each day of a range.
DATED = "days"
GRAPH = {name: Task(name, name, Command(("sh",)), depends_on=needs) for name, (_, needs, _) in PIPELINES.items()}


def document(keep: int | None, schedules: Mapping[str, object], more: Mapping[str, object]) -> str:
    """The configuration, as JSON, which is YAML too; of old runs so many stay. `more` are further sections of it."""
    pipelines = {
        name: {"command": ["sh", str(SCRIPT), word], "depends_on": list(needs), **rest}
        for name, (word, needs, rest) in PIPELINES.items()
    }
    head = {"version": 1, "project": "sweep", "python": sys.executable, "pipelines": pipelines}
    logs = {} if keep is None else {"logs": {"keep": {"runs": keep}}}
    modes: dict[str, object] = {name: list(tasks) for name, tasks in MODES.items()}
    modes[DATED] = {"partition": "day", "pipelines": modes[DATED]}
    return json.dumps({**head, **logs, **more, "modes": modes, "schedules": schedules})


def new_database() -> str:
    """The address of the database for the next project; "" for a file of its own."""
    return ""


class Project:
    """The folder, the commands that were started there, and what is wrong about how they ended."""

    def __init__(
        self,
        root: Path,
        keep: int | None = None,
        schedules: Mapping[str, object] = MappingProxyType({}),
        more: Mapping[str, object] = MappingProxyType({}),
    ):
        self.root = root
        self.complaints: list[Complaint] = []
        #: Runs that go on beside the command that is hit, and the ids of those that were over before it.
        self.holders: list[subprocess.Popen[str]] = []
        self.known: set[str] = set()
        #: The slots that are due, each of which a run has to be for.
        self.due: list[datetime] = []
        root.mkdir(mode=0o700)
        (root / "journal").touch()
        (root / "orchestration.yaml").write_text(document(keep, dict(schedules), dict(more)))
        paths = os.pathsep.join(path for path in sys.path if path)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(root), "PYTHONPATH": paths, "SWEEP": str(root)}
        self.url = new_database()
        if self.url:
            self.env["TETRA_STATE"] = self.url
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *words: str, failpoint: str = "", program: Sequence[str] = TETRA) -> subprocess.Popen[str]:
        """A command that goes on, with the failpoint armed."""
        argv = [*program, *words]
        env = self.env | ({failpoints.VARIABLE: failpoint} if failpoint else {})
        null, pipe = subprocess.DEVNULL, subprocess.PIPE
        process = subprocess.Popen(argv, cwd=self.root, env=env, stdin=null, stdout=null, stderr=pipe, text=True)
        self._started.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], *, killed: bool = False) -> int:
        """Its exit code; a wrong one, or a traceback, is complained of."""
        words = " ".join(map(str, process.args))  # type: ignore[arg-type]
        try:
            _, errors = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
            self.complaints.append(Complaint(STRANDED, f"`{words}` did not end: {errors}"))
        if process.returncode not in CODES and not (killed and process.returncode == -9):
            self.complaints.append(Complaint(WRONG, f"`{words}` ended with {process.returncode}: {errors}"))
        if process.returncode == Exit.BUG and not list(self.root.glob("state/reports/*.txt")):
            self.complaints.append(Complaint(WRONG, f"`{words}` has left no report: {errors}"))
        if "Traceback" in errors:
            self.complaints.append(Complaint(WRONG, f"`{words}`: {errors}"))
        return process.returncode

    def run(self, *words: str) -> int:
        """The exit code of a command that is waited for."""
        return self.finish(self.start(*words))

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until it is so, or complain."""
        limit = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > limit:
                self.complaints.append(Complaint(STRANDED, "something did not come about in time"))
                return
            time.sleep(0.01)

    def begun(self, task: str, times: int = 1) -> bool:
        """Whether so many attempts of the task have begun."""
        return sum(line[:2] == ("start", task) for line in self.lines()) >= times

    def go(self) -> None:
        """Let the tasks end that wait."""
        (self.root / "go").touch()

    def close(self) -> None:
        """End what has not ended."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()

    # -- what is there -----------------------------------------------------------------------------------------------

    @contextmanager
    def store(self) -> Iterator[SqliteStore]:
        """The store as it is; it has to be there."""
        with closing(open_store(self.url) if self.url else SqliteStore(str(self._file))) as opened:
            yield opened

    @property
    def _file(self) -> Path:
        return self.root / "state" / "tetra.db"

    def has_store(self) -> bool:
        """Whether there is one."""
        return bool(self.url) or self._file.exists()

    def states(self) -> Mapping[str, str]:
        """The state of each run, oldest first."""
        if not self.has_store():
            return {}
        with self.store() as store:
            return {run.run_id: run.state for run in reversed(store.runs(limit=1000))}

    def lines(self) -> list[Line]:
        """What the tasks wrote."""
        lines = [line.split() for line in (self.root / "journal").read_text().splitlines()]
        return [Line(what, task, run_id, int(number), int(code)) for _, what, task, run_id, number, code in lines]

    def processes(self) -> list[str]:
        """What lives that was started here: by our variable, or by the token of an attempt."""
        marks = [f"SWEEP={self.root}"]
        if self.has_store():
            with self.store() as store:
                runs = store.runs(limit=1000)
                marks += [f"TETRA_ATTEMPT_TOKEN={one.token}" for run in runs for one in store.attempts(run.run_id)]
        wanted = {os.fsencode(mark) for mark in marks}
        return [f"{pid} {_name(pid)}" for pid in psutil.pids() if wanted & set(_read(pid, "environ").split(b"\0"))]

    def drafts(self) -> list[str]:
        """Files below state/ and logs/ that were meant to get another name, or to be removed with their run."""
        files = [path for name in ("state", "logs") for path in (self.root / name).rglob("*")]
        return sorted(str(path.relative_to(self.root)) for path in files if DRAFT.fullmatch(path.name))

    def violations(self, counts: Counter[str]) -> Iterator[Complaint]:
        """All that does not hold now that every command is over."""
        yield from self.complaints
        with self.store() as store:
            yield from of_runs(store, GRAPH)
            yield from of_slots(store)
            yield from of_journal(store, GRAPH, self.lines(), counts)
        self.until_gone()
        yield from (Complaint(STRANDED, f"process {name} is left") for name in self.processes())
        yield from (Complaint(STRANDED, f"{name} is left") for name in self.drafts())
        yield from self._held()

    def until_gone(self) -> None:
        """Give what was killed a moment to be gone."""
        limit = time.monotonic() + GONE_S
        while self.processes() and time.monotonic() < limit:
            time.sleep(0.02)

    def _held(self) -> Iterator[Complaint]:
        """A next start of anything wins at once."""
        folder = self.root / "state" / "locks"
        names = [path.stem for path in folder.glob("*.lock") if path.stem != "gate"]
        got = LockTable(str(folder)).acquire(names, "sweep")
        if isinstance(got, Busy):
            yield Complaint(STRANDED, f"the lock {got.name} is held by {got.holder}")
        else:
            got.release()
        if self.url and (left := _locked(self.url)):
            yield Complaint(STRANDED, f"sessions hold {left} locks in the database")


def _locked(url: str) -> int:
    """How many locks sessions of the database hold; one whose process has ended is given a moment."""
    import psycopg

    query = "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database WHERE locktype = 'advisory'"
    with psycopg.connect(url, autocommit=True) as db:
        limit = time.monotonic() + GONE_S
        while (left := db.execute(f"{query} AND datname = current_database()").fetchone()[0]) and (
            time.monotonic() < limit
        ):
            time.sleep(0.02)
    return left


def stopped(process: subprocess.Popen[str]) -> list[int]:
    """The process, or those of its children, that a STOP has stopped."""
    pids = [process.pid, *map(int, _read(process.pid, f"task/{process.pid}/children").split())]
    return [pid for pid in pids if _read(pid, "stat").rpartition(b")")[2].split()[:1] == [b"T"]]


def copy(template: Project, root: Path, keep: int | None) -> Project:
    """A project in which everything has happened that has happened in the template."""
    project = Project(root, keep)
    shutil.copytree(template.root / "logs", root / "logs", symlinks=True)
    shutil.copytree(template.root / "state" / "attempts", root / "state" / "attempts")
    shutil.copytree(template.root / "state" / "checkpoints", root / "state" / "checkpoints")
    shutil.copy(template.root / "journal", root / "journal")
    shutil.copy(template.root / "state" / "tetra.db", root / "state" / "tetra.db")
    (root / "state").chmod(0o700)
    with project.store() as store:
        store.connection.execute("UPDATE runs SET log = replace(log, ?, ?)", (str(template.root), str(root)))
    return project


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _name(pid: int) -> str:
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
