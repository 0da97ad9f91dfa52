"""Many processes write into one store and some are killed: what was acknowledged is there once, and nobody is refused.

Every process moves a task of its own and, by compare-and-set, tasks that all of them move. Each transition is committed
together with an event that names its author, so that the store itself tells whose it was. Linux only.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import random
import re
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from multiprocessing import connection, get_context
from pathlib import Path
from typing import NamedTuple

from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.changes import EventLogged, TaskMoved
from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.history import Run, TaskRun
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.states import TaskState
from tetra_orchestrator.errors import StateConflict, TetraError

SHARED = "shared"
SHARED_TASKS = 2
#: Every so many transitions of a worker, one is of a task that all of them move.
SHARE = 4
FIRST = (TaskState.PENDING, TaskState.SUBMITTED)
#: A task that is tried for ever goes round here.
ROUND = (TaskState.SUBMITTED, TaskState.RUNNING, TaskState.WAITING_RETRY)
OVERTAKEN = re.compile(r"run shared: task t\d is \w+ \(version (\d+)\), not \w+ \(version (\d+)\)")
# Where a connection locks the -shm file to write, and how fcntl(2) is asked who does: sqlite.org/walformat.html.
WRITE_LOCK_BYTE = 120
FLOCK = "hhqqi"


class Load(NamedTuple):
    """So many workers with so many transitions each, and seconds between two KILLs."""

    workers: int
    each: int
    kill_every_s: float


FULL = Load(50, 200, 1.0)
SHORT = Load(50, 10, 0.1)


class Move(NamedTuple):
    """One transition: the task, and the version that it was made at."""

    run_id: str
    task_id: str
    version: int


class Author(NamedTuple):
    """Who made a transition: a process, and the number of the transition among those that it tried."""

    pid: int
    serial: int


# -- the workers --------------------------------------------------------------------------------------------------


def work(path: str, name: str, count: int, journal: int) -> None:
    """Make so many transitions, and tell each to `journal` once it is acknowledged."""
    store, pick = SqliteStore(path), random.Random(os.getpid())
    serial = 0
    for done in range(count):
        run_id = SHARED if done % SHARE == 0 else name
        acknowledged = False
        while not acknowledged:
            serial += 1
            row = pick.choice(store.task_runs(run_id))
            began = time.monotonic()
            told = _move(store, row, SHARED_TASKS if run_id == SHARED else 1, serial)
            waited = time.monotonic() - began
            acknowledged = told.startswith("moved")
            os.write(journal, f"{os.getpid()} {serial} {waited:.6f} {told}\n".encode())
    store.close()


def _move(store: SqliteStore, row: TaskRun, tasks: int, serial: int) -> str:
    """Make the next transition of the task, and say how it went."""
    version, now = row.version, datetime.now(UTC)
    before, after = FIRST if version == 0 else (ROUND[(version - 1) % 3], ROUND[version % 3])
    author = Reason("author", f"{os.getpid()} {serial}")
    event = RunEvent("moved", version * tasks + row.position + 1, now, row.run_id, row.task_id, None, after, author)
    try:
        store.record([TaskMoved(row.run_id, row.task_id, before, after, version, 1, now), EventLogged(event)])
    except StateConflict as conflict:
        found = OVERTAKEN.fullmatch(conflict.message)
        return "overtaken" if found and int(found[1]) > int(found[2]) == version else f"refused {conflict.message}"
    except TetraError as error:
        return f"refused {error.message}"
    return f"moved {row.run_id} {row.task_id} {version}"


def read(path: str, journal: int) -> None:
    """Look at everything again and again; nothing may go back, and no transition be there without its event."""
    last: Counter[str] = Counter()
    while True:
        try:
            with closing(SqliteStore(path, readonly=True)) as store:
                seen = Counter({row.task_id: row.version for row in store.task_runs(SHARED)})
                events = len(store.events(SHARED))
                store.summaries()
        except TetraError as error:
            os.write(journal, f"{os.getpid()} 0 0 refused {error.message}\n".encode())
            continue
        wrong = last - seen or (events < seen.total() and seen)
        os.write(journal, f"{os.getpid()} 0 0 {f'refused by what was read: {wrong}' if wrong else 'read'}\n".encode())
        last = seen


# -- who watches them ---------------------------------------------------------------------------------------------


class Supervisor:
    """Starts the workers, kills some and replaces them until all transitions are acknowledged; keeps what they said."""

    def __init__(self, load: Load, path: str):
        self.load, self.path = load, path
        self.acknowledged: dict[Move, Author] = {}
        self.killed: set[int] = set()
        self.writers_killed = 0
        self.said: Counter[str] = Counter()
        self.longest_s = self.took_s = 0.0
        self.violations: list[str] = []
        self._fork = get_context("fork")
        self._hearing, self._journal = os.pipe()
        os.set_blocking(self._hearing, False)
        self._rest = b""
        self._done: Counter[str] = Counter()
        self._workers = {}
        self._names: dict[int, str] = {}

    def perform(self) -> None:
        """All of it; afterwards nothing of ours is running."""
        names = [f"own-{number}" for number in range(self.load.workers)]
        _open_runs(self.path, names)
        reader = self._fork.Process(target=read, args=(self.path, self._journal))
        reader.start()
        began = time.monotonic()
        for name in names:
            self._start(name)
        kill_at = began + self.load.kill_every_s
        while self._workers:
            sentinels = {worker.sentinel: name for name, worker in self._workers.items()}
            ready = connection.wait([*sentinels, self._hearing], timeout=max(0.0, kill_at - time.monotonic()))
            self._hear()
            for name in [sentinels[one] for one in ready if one in sentinels]:
                self._replace(name)
            if self._workers and time.monotonic() >= kill_at:
                kill_at = time.monotonic() + self.load.kill_every_s
                self._kill()
        self.took_s = time.monotonic() - began
        reader.kill()
        reader.join()
        self._hear()
        os.close(self._hearing)
        os.close(self._journal)

    def _start(self, name: str) -> None:
        count = self.load.each - self._done[name]
        worker = self._fork.Process(target=work, args=(self.path, name, count, self._journal))
        worker.start()
        self._workers[name], self._names[worker.pid] = worker, name

    def _replace(self, name: str) -> None:
        """Go on from where the ended one was heard last; what it said is in the pipe, whatever became of it."""
        worker = self._workers.pop(name)
        worker.join()
        self._hear()
        if worker.exitcode and worker.pid not in self.killed:
            self.violations.append(f"a worker ended with {worker.exitcode}")
        if self._done[name] < self.load.each:
            self._start(name)

    def _kill(self) -> None:
        """KILL whoever has the write lock, every other time; otherwise any of them."""
        living = {worker.pid: worker for worker in self._workers.values()}
        writer = writer_of(self.path) if len(self.killed) % 2 else None
        pid = writer if writer in living else random.choice(list(living))
        self.writers_killed += pid == writer
        self.killed.add(pid)
        living[pid].kill()

    def _hear(self) -> None:
        try:
            while block := os.read(self._hearing, 1 << 16):
                *lines, self._rest = (self._rest + block).split(b"\n")
                for line in lines:
                    self._note(*line.decode().split(" ", 4))
        except BlockingIOError:
            return

    def _note(self, pid: str, serial: str, waited: str, what: str, rest: str = "") -> None:
        self.said[what] += 1
        self.longest_s = max(self.longest_s, float(waited))
        if what == "refused":
            self.violations.append(f"refused after {waited} s: {rest}")
        if what == "moved":
            run_id, task_id, version = rest.split()
            move, author = Move(run_id, task_id, int(version)), Author(int(pid), int(serial))
            if self.acknowledged.setdefault(move, author) != author:
                self.violations.append(f"{move} was acknowledged to {self.acknowledged[move]} and to {author}")
            self._done[self._names[author.pid]] += 1


def _open_runs(path: str, names: list[str]) -> None:
    with closing(SqliteStore(path)) as store:
        for name in [SHARED, *names]:
            tasks = [TaskRun(name, f"t{n}", "p", n, "pending") for n in range(SHARED_TASKS if name == SHARED else 1)]
            run = Run(name, "demo", None, "manual", "running", "0" * 64, datetime.now(UTC))
            store.open_run(run, tasks, [], "version: 1\n")


def writer_of(path: str) -> int | None:
    """The process that has the write lock of the store just now; none while nobody has the store open."""
    try:
        descriptor = os.open(f"{path}-shm", os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, WRITE_LOCK_BYTE, 1, 0)
        kind, *_, pid = struct.unpack(FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
        return None if kind == fcntl.F_UNLCK else pid
    finally:
        os.close(descriptor)


# -- what the store has -------------------------------------------------------------------------------------------


def judged(supervisor: Supervisor) -> Iterator[str]:
    """What of it does not hold, once nobody writes any more."""
    with closing(SqliteStore(supervisor.path)) as store:
        found = [text for (text,) in store.connection.execute("PRAGMA integrity_check")]
        if found != ["ok"]:
            yield f"integrity_check: {found}"
        applied: dict[Move, Author] = {}
        for run in store.runs(limit=1000):
            rows, events = store.task_runs(run.run_id), store.events(run.run_id)
            for event in events:
                move = Move(run.run_id, event.task, (event.seq - 1) // len(rows))
                applied[move] = Author(*map(int, event.reason.text.split()))
            steps = {Move(run.run_id, row.task_id, version) for row in rows for version in range(row.version)}
            if steps != {move for move in applied if move.run_id == run.run_id}:
                yield f"the versions and the events of {run.run_id} differ"
    acknowledged = supervisor.acknowledged
    yield from (f"lost: {move} of {by}" for move, by in acknowledged.items() if applied.get(move) != by)
    yield from (f"applied {n} times: {by}" for by, n in Counter(applied.values()).items() if n > 1)
    unheard = Counter(by.pid for move, by in applied.items() if move not in acknowledged)
    yield from (f"{n} of {pid} were not told" for pid, n in unheard.items() if n > 1 or pid not in supervisor.killed)
    if len(acknowledged) != supervisor.load.workers * supervisor.load.each:
        yield f"{len(acknowledged)} transitions were acknowledged"


def main(argv: list[str]) -> int:
    """Let them contend and print what was seen; 1 when something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m proofs contention", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer transitions, more KILLs")
    load = SHORT if parser.parse_args(argv).short else FULL
    with tempfile.TemporaryDirectory(prefix="tetra contention ") as folder:
        supervisor = Supervisor(load, str(Path(folder, "state", "tetra.db")))
        supervisor.perform()
        violations = [*supervisor.violations, *judged(supervisor)]
    for text, times in Counter(violations).most_common(20):
        print(f"{times} x {text}")
    said, rate = supervisor.said, len(supervisor.acknowledged) / supervisor.took_s
    print(f"{load.workers} processes in {supervisor.took_s:.1f} s: {rate:.0f} transitions a second")
    print(f"{said['overtaken']} lost a compare-and-set; a reader looked {said['read']} times")
    print(f"the longest wait until a commit was done: {supervisor.longest_s:.3f} s")
    print(f"KILL of {len(supervisor.killed)}, {supervisor.writers_killed} of them while they had the write lock")
    print(f"{len(supervisor.acknowledged)} transitions acknowledged: {len(violations)} violations")
    return int(bool(violations))
