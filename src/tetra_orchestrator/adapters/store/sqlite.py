"""The store in one SQLite file: WAL and synchronous FULL, so that what was committed survives a power cut.

WAL is used from SQLite 3.51.3 on; before, it could be corrupted by a checkpoint beside a writer (sqlite.org/wal.html),
and the rollback journal with TRUNCATE keeps the same promise at a higher price.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager

import apsw

from tetra_orchestrator import __version__
from tetra_orchestrator.adapters.store import rows
from tetra_orchestrator.adapters.store.changes import apply
from tetra_orchestrator.adapters.store.sqlite_schema import VERSION
from tetra_orchestrator.core.model import PipelineState
from tetra_orchestrator.errors import CannotWrite, Forbidden, StoreError
from tetra_orchestrator.ports import PipelineSummary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.core.changes import Change
    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.core.model import Attempt, Json, Run, TaskRun

SAFE_WAL = (3, 51, 3)
BUSY_MS = 10_000

_LAST_RUN = """
SELECT p.name, p.max_data_age_s, p.enabled, p.position, t.run_id, min(t.started_at), max(t.finished_at),
    group_concat(DISTINCT t.state)
FROM pipelines p
LEFT JOIN task_runs t ON t.pipeline = p.name AND t.run_id =
    (SELECT run_id FROM task_runs WHERE pipeline = p.name ORDER BY id DESC LIMIT 1)
GROUP BY p.name ORDER BY p.position
"""
_LAST_SUCCESS = """
SELECT max(finished_at) FROM task_runs WHERE pipeline = ? GROUP BY run_id
HAVING sum(state NOT IN ('succeeded', 'skipped')) = 0 AND sum(state = 'succeeded') > 0
ORDER BY max(id) DESC LIMIT 1
"""
_DURATIONS = """
SELECT task_id, seconds FROM (
    SELECT task_id, (julianday(finished_at) - julianday(started_at)) * 86400.0 AS seconds,
        row_number() OVER (PARTITION BY task_id ORDER BY finished_at DESC) AS age
    FROM attempts WHERE kind = 'exited' AND exit_code = 0
) WHERE age <= 10 ORDER BY task_id, seconds
"""


class SqliteStore:
    """Opens, and if need be makes, the store in `path`; its folder becomes 0700, the file 0600.

    Raises `Forbidden` where others could write the folder, `CannotWrite` where it cannot be made, and `StoreError`
    where the file is damaged, not a store, or written by a newer program.
    """

    def __init__(self, path: str):
        self._path = path
        _make_private(os.path.dirname(path))
        with self._told():
            self._db = apsw.Connection(path)
            os.chmod(path, 0o600)
            self._db.set_busy_timeout(BUSY_MS)
            self._settle_durability()
            self._upgrade()

    def open_run(self, run: Run, tasks: Sequence[TaskRun], pipelines: Sequence[PipelineState], config: str) -> None:
        """Insert the run, its tasks, the pipelines it knows and the configuration, in one commit."""
        with self._transaction() as db:
            db.execute("INSERT INTO configs VALUES (?, ?) ON CONFLICT DO NOTHING", (run.config_hash, config))
            marks = ", ".join("?" * 16)
            db.execute(f"INSERT INTO runs ({rows.RUN_COLUMNS}) VALUES ({marks})", rows.run_values(run))
            db.executemany(
                "INSERT INTO task_runs (run_id, task_id, pipeline, position, state) VALUES (?, ?, ?, ?, ?)",
                [task[:5] for task in tasks],
            )
            db.executemany(
                "INSERT INTO pipelines VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET max_data_age_s = "
                "excluded.max_data_age_s, enabled = excluded.enabled, position = excluded.position",
                [(p.name, p.max_data_age_s, p.enabled, p.position) for p in pipelines],
            )

    def record(self, changes: Iterable[Change]) -> None:
        """Apply all changes in one durable commit, or none: `StateConflict` when a compare-and-set fails."""
        with self._transaction() as db:
            for change in changes:
                apply(db, change)

    def run(self, run_id: str) -> Run | None:
        """The run, or None."""
        found = self._all(f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE run_id = ?", (run_id,))
        return rows.run_of(found[0]) if found else None

    def runs(self, *, limit: int = 50, active: bool = False, pipeline: str | None = None) -> list[Run]:
        """Runs, newest first."""
        where, values = ["1"], []
        if active:
            where.append("state IN ('queued', 'running')")
        if pipeline is not None:
            where.append("run_id IN (SELECT run_id FROM task_runs WHERE pipeline = ?)")
            values.append(pipeline)
        query = f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?"
        return [rows.run_of(row) for row in self._all(query, (*values, limit))]

    def task_runs(self, run_id: str) -> list[TaskRun]:
        """The run's tasks in the order of the plan, with their outputs."""
        outputs = self._outputs(run_id)
        query = f"SELECT {rows.TASK_COLUMNS} FROM task_runs WHERE run_id = ? ORDER BY position"
        return [rows.task_of(row, outputs.get(row[1])) for row in self._all(query, (run_id,))]

    def attempts(self, run_id: str) -> list[Attempt]:
        """The run's attempts by task in the order of the plan, then by number."""
        columns = ", ".join(f"a.{name}" for name in rows.ATTEMPT_COLUMNS.split(", "))
        query = (
            f"SELECT {columns} FROM attempts a JOIN task_runs t USING (run_id, task_id) "
            "WHERE a.run_id = ? ORDER BY t.position, a.number"
        )
        return [rows.attempt_of(row) for row in self._all(query, (run_id,))]

    def events(self, run_id: str) -> list[RunEvent]:
        """The run's events by sequence number."""
        query = f"SELECT {rows.EVENT_COLUMNS} FROM events WHERE run_id = ? ORDER BY seq"
        return [rows.event_of(row) for row in self._all(query, (run_id,))]

    def expected_s(self) -> Mapping[str, float]:
        """Median seconds of each task's last successful attempts, ten at most."""
        spans: dict[str, list[float]] = {}
        for task_id, seconds in self._all(_DURATIONS):
            spans.setdefault(task_id, []).append(seconds)
        return {task_id: (some[(len(some) - 1) // 2] + some[len(some) // 2]) / 2 for task_id, some in spans.items()}

    def summaries(self) -> list[PipelineSummary]:
        """Every pipeline that was ever part of a run's project, with how its last run went."""
        return [self._summary(row) for row in self._all(_LAST_RUN)]

    def request(self, run_id: str, what: str, at: datetime) -> None:
        """Leave a request for the run's owner; a second one changes nothing."""
        with self._transaction() as db:
            db.execute("INSERT INTO requests VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (run_id, what, rows.text(at)))

    def requests(self, run_id: str) -> list[str]:
        """What the run's owner was asked for, oldest first."""
        return [what for (what,) in self._all("SELECT what FROM requests WHERE run_id = ? ORDER BY at", (run_id,))]

    def close(self) -> None:
        """Close the file; nothing is lost if this is never called."""
        self._db.close()

    # -- inside -------------------------------------------------------------------------------------------------

    def _summary(self, row: Sequence[Any]) -> PipelineSummary:
        name, max_age, enabled, position, run_id, began, ended, states = row
        pipeline = PipelineState(name, max_age, bool(enabled), position)
        if run_id is None:
            return PipelineSummary(pipeline, active=False)
        state = pipeline_word(states.split(","))
        success = self._all(_LAST_SUCCESS, (name,))
        return PipelineSummary(
            pipeline,
            active=state == "running",
            last_run_id=run_id,
            last_state=state,
            last_started_at=rows.when(began),
            last_finished_at=None if state == "running" else rows.when(ended),
            last_success_at=rows.when(success[0][0]) if success else None,
        )

    def _outputs(self, run_id: str) -> dict[str, dict[str, Json]]:
        from json import loads

        found: dict[str, dict[str, Json]] = {}
        for task_id, key, value in self._all("SELECT task_id, key, value FROM outputs WHERE run_id = ?", (run_id,)):
            found.setdefault(task_id, {})[key] = loads(value)
        return found

    def _all(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """All rows at once: no cursor stays open while somebody prints."""
        with self._told():
            return list(self._db.execute(query, values))

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite says into an error with the file, the cause and the remedy."""
        try:
            yield
        except apsw.Error as error:
            raise _explained(error, self._path) from error

    def _settle_durability(self) -> None:
        """Set the journal and synchronous FULL, and make sure that the live connection has them."""
        wanted = "wal" if _version() >= SAFE_WAL else "truncate"
        if self._pragma("journal_mode") != wanted:
            self._pragma(f"journal_mode = {wanted}")
        self._db.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
        live = (self._pragma("journal_mode"), self._pragma("synchronous"))
        if live != (wanted, 2):
            raise StoreError(
                f"{self._path} does not take journal_mode {wanted} and synchronous FULL: it has {live}",
                hint="put the state folder on a local disk",
            )

    def _upgrade(self) -> None:
        """Make the tables of a new file; refuse a store of a newer program."""
        if not self._db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'schema_version'").fetchall():
            self._create()
        version, program = self._db.execute("SELECT version, program FROM schema_version").fetchall()[0]
        if int(str(version)) > VERSION:
            raise StoreError(
                f"{self._path} was written by tetra-orchestrator {program}, which is newer than {__version__}",
                hint="upgrade tetra-orchestrator, or name another store with state: or TETRA_STATE",
                code="store_too_new",
            )

    def _create(self) -> None:
        from tetra_orchestrator.adapters.store.sqlite_schema import TABLES, VIEWS

        self._db.execute("BEGIN IMMEDIATE")
        try:
            # another process may have made them while we waited for the lock
            if not self._db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'schema_version'").fetchall():
                self._db.execute(TABLES + VIEWS)
                self._db.execute("INSERT INTO schema_version VALUES (?, ?)", (VERSION, __version__))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def _pragma(self, words: str) -> Any:
        return self._db.execute(f"PRAGMA {words}").fetchall()[0][0]


def pipeline_word(states: Sequence[str]) -> str:
    """How a pipeline's part of a run went, in the words of run states, from its tasks' states."""
    found = set(states)
    if found & {"pending", "submitted", "running", "ready", "waiting_retry"}:
        return "running"
    for state in ("failed", "timed_out", "lost", "upstream_failed", "cancelled", "partial", "succeeded"):
        if state in found:
            return state
    return "skipped"


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in apsw.sqlite_lib_version().split("."))


def _make_private(folder: str) -> None:
    """Make the folder for us alone; raises `Forbidden` where somebody else could write into it."""
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        found = os.lstat(folder)
    except OSError as error:
        raise CannotWrite(
            f"cannot make the state folder {folder}: {error.strerror}",
            hint="make the folder above it writable, or set state: or TETRA_STATE",
        ) from None
    if stat.S_ISLNK(found.st_mode):
        raise Forbidden(f"the state folder {folder} is a symbolic link", hint="name the folder itself in state:")
    if found.st_mode & 0o022:
        raise Forbidden(
            f"the state folder {folder} can be written by others", hint=f"chmod go-w {folder}", code="unsafe_mode"
        )


def _explained(error: apsw.Error, path: str) -> StoreError | CannotWrite:
    match error:
        case apsw.NotADBError() | apsw.CorruptError():
            return StoreError(
                f"{path} is damaged or not a store: {error}",
                hint="move it aside and restore a backup; it is never overwritten",
                code="store_damaged",
            )
        case apsw.BusyError() | apsw.LockedError():
            return StoreError(
                f"{path} is locked by another program for more than {BUSY_MS // 1000} s",
                hint="find who holds it with `fuser` and let it finish",
                code="store_locked",
            )
        case apsw.FullError():
            return CannotWrite(f"there is no room to write {path}: {error}", hint="free some space on that disk")
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError():
            return CannotWrite(f"cannot write {path}: {error}", hint="make the file and its folder writable")
    return StoreError(f"{path} cannot be used: {error}", hint="`PRAGMA integrity_check` tells whether it is damaged")
