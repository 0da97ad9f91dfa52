"""The store in one SQLite file. A commit survives a power cut; nothing of ours runs between two commands."""

from __future__ import annotations

import os

import apsw

from tetra_orchestrator.adapters.store import conflicts, rows, sqlite_faults
from tetra_orchestrator.adapters.store.durations import RECENT, medians
from tetra_orchestrator.adapters.store.sqlite_changes import RUN, STATEMENTS, finder, marks
from tetra_orchestrator.adapters.store.sqlite_file import identity, is_kept, open_file
from tetra_orchestrator.adapters.store.standing import SUCCEEDED, UNFINISHED, rank_sql, word
from tetra_orchestrator.core.states import RUN_ACTIVE
from tetra_orchestrator.ports import PipelineSummary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.core.changes import Change
    from tetra_orchestrator.core.diagnosis import Diagnosis
    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.core.history import Attempt, Pause, PipelineState, Run, TaskRun
    from tetra_orchestrator.ports import Ledger

_INSERT_RUN = f"INSERT INTO runs ({rows.RUN_COLUMNS}) VALUES ({marks(rows.RUN_COLUMNS)})"
_INSERT_TASK = f"INSERT INTO task_runs (run, {rows.TASK_COLUMNS}) VALUES (?, {marks(rows.TASK_COLUMNS)})"
_INSERT_PIPELINE = """
INSERT INTO pipelines (name, max_data_age_s, enabled, position) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    max_data_age_s = excluded.max_data_age_s, enabled = excluded.enabled, position = excluded.position
"""
_ACTIVE = ", ".join(f"'{state}'" for state in sorted(RUN_ACTIVE))
_TASKS = f"""
SELECT {rows.TASK_COLUMNS}, document FROM task_runs LEFT JOIN outputs USING (run, task_id)
WHERE run = {RUN} ORDER BY position, id
"""
_ATTEMPTS = f"""
SELECT {", ".join(f"attempts.{name.strip()}" for name in rows.ATTEMPT_COLUMNS.split(","))}
FROM task_runs JOIN attempts USING (run, task_id) WHERE run = {RUN} ORDER BY position, task_runs.id, number
"""
# Walks the index from one task to the next, so that the length of the history does not matter.
_SUCCESSFUL = """
WITH RECURSIVE tasks (id) AS (
    SELECT min(task_id) FROM attempts WHERE state = 'succeeded'
    UNION ALL
    SELECT (SELECT min(task_id) FROM attempts WHERE state = 'succeeded' AND task_id > id) FROM tasks WHERE id NOT NULL
)
"""
_DURATIONS = f"""
{_SUCCESSFUL}
SELECT id, CAST(coalesce(duration_s * 1e6, finished_at - started_at) AS INTEGER)
FROM tasks JOIN attempts ON (run, task_id, number) IN (
    SELECT run, task_id, number FROM attempts
    WHERE state = 'succeeded' AND task_id = id AND started_at NOT NULL ORDER BY run DESC, number DESC LIMIT {RECENT})
"""
# The last run in which the pipeline was not just skipped, and the last one in which it succeeded.
_FOUND = f"""
found AS MATERIALIZED (
    SELECT name, max_data_age_s, enabled, position,
        (SELECT run FROM task_runs WHERE pipeline = name AND state <> 'skipped' ORDER BY run DESC LIMIT 1) AS last,
        (SELECT run FROM task_runs WHERE pipeline = name GROUP BY run HAVING {rank_sql("state")} = {SUCCEEDED}
            ORDER BY run DESC LIMIT 1) AS success
    FROM pipelines
)
"""
_SUMMARIES = f"""
WITH {_FOUND}
SELECT name, max_data_age_s, enabled, found.position, run_id, {rank_sql("task_runs.state")},
    min(task_runs.started_at), max(task_runs.finished_at),
    (SELECT max(finished_at) FROM task_runs WHERE run = success AND pipeline = name), runs.duration_s
FROM found LEFT JOIN runs ON runs.id = last LEFT JOIN task_runs ON task_runs.run = last AND pipeline = name
GROUP BY name ORDER BY found.position, name
"""
_NEEDED = f"""
{_SUCCESSFUL}, {_FOUND}
SELECT run_id FROM runs WHERE id IN (
    SELECT last FROM found
    UNION SELECT success FROM found
    UNION SELECT (SELECT max(run) FROM attempts WHERE state = 'succeeded' AND task_id = tasks.id) FROM tasks)
"""


class SqliteStore:
    """The `Store` in the file at `path`, which is made where there is none unless `readonly`.

    Raises, when opened: `Forbidden` where others can write to the state folder, `CannotWrite` where the store cannot
    be made, `StoreError` where it is damaged or newer than this program. Afterwards every method raises `StoreError`
    or `CannotWrite` when the store fails; what was committed before stays.
    """

    def __init__(self, path: str, *, readonly: bool = False):
        self.path = os.path.abspath(path)
        #: The live connection; for checks, not for changes.
        self.connection = open_file(self.path, readonly=readonly)
        self._identity = identity(self.path)
        if not readonly and not is_kept(self.path):
            from tetra_orchestrator.adapters.store import reserve

            reserve.keep(self.path)

    def open_run(self, run: Run, tasks: Sequence[TaskRun], pipelines: Sequence[PipelineState], config: str) -> None:
        """Insert the run, its tasks, the pipelines it knows and the configuration text, in one commit.

        Raises `StateConflict` when the run is there already.
        """

        def insert() -> None:
            db = self.connection
            db.execute("INSERT INTO configs VALUES (?, ?) ON CONFLICT DO NOTHING", (run.config_hash, config))
            db.execute(_INSERT_RUN, rows.run_row(run))
            key = db.last_insert_rowid()
            if run.schedule is not None:
                from tetra_orchestrator.adapters.store import sqlite_ledger

                sqlite_ledger.take(db, run)
            db.executemany(_INSERT_TASK, [(key, *rows.task_row(task)) for task in tasks])
            db.executemany(_INSERT_PIPELINE, [(p.name, p.max_data_age_s, p.enabled, p.position) for p in pipelines])
            for task in tasks:
                if task.outputs is not None:
                    values = (key, task.task_id, rows.to_json(task.outputs))
                    db.execute("INSERT INTO outputs (run, task_id, document) VALUES (?, ?, ?)", values)

        try:
            self._commit(insert)
        except apsw.ConstraintError:
            raise conflicts.opened_already(run.run_id) from None

    def record(self, changes: Iterable[Change]) -> None:
        """Apply all changes in one durable commit, or none of them: `StateConflict` when a compare-and-set fails."""

        def apply() -> None:
            execute, changed = self.connection.execute, self.connection.changes
            for change in changes:
                statement, values = STATEMENTS[type(change)]
                try:
                    execute(statement, values(change))
                    fits = changed() == 1
                except apsw.ConstraintError:
                    fits = False
                if not fits:
                    found: list[Any] = execute(*finder(change)).fetchall()
                    raise conflicts.conflict(change, found[0] if found else None)

        self._commit(apply)

    @property
    def ledger(self) -> Ledger:
        """The slots of all schedules."""
        from tetra_orchestrator.adapters.store.sqlite_ledger import SqliteLedger

        return SqliteLedger(self.connection, self._rows, self._commit)

    def run(self, run_id: str) -> Run | None:
        """The run called `run_id`, or None."""
        found = self._rows(f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE run_id = ?", run_id)
        return rows.run_of(found[0]) if found else None

    def runs(self, *, limit: int = 50, active: bool = False, pipeline: str | None = None) -> list[Run]:
        """The latest runs, newest first: all, only the active ones, or only those with a task of `pipeline`."""
        where, values = ["TRUE"], []
        if active:
            where.append(f"state IN ({_ACTIVE})")
        if pipeline is not None:
            where.append("id IN (SELECT run FROM task_runs WHERE pipeline = ?)")
            values.append(pipeline)
        query = f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?"
        return [rows.run_of(row) for row in self._rows(query, *values, limit)]

    def task_runs(self, run_id: str) -> list[TaskRun]:
        """The run's tasks in the order of the plan, with outputs."""
        return [rows.task_of(run_id, row) for row in self._rows(_TASKS, run_id)]

    def config_text(self, run_id: str) -> str | None:
        """The configuration that the run was started with, or None where there is no such run."""
        query = "SELECT document FROM configs JOIN runs ON config_hash = hash WHERE run_id = ?"
        found = self._rows(query, run_id)
        return found[0][0] if found else None

    def attempts(self, run_id: str) -> list[Attempt]:
        """The run's attempts, by task in the order of the plan, then by number."""
        return [rows.attempt_of(run_id, row) for row in self._rows(_ATTEMPTS, run_id)]

    def events(self, run_id: str) -> list[RunEvent]:
        """The run's events by sequence number."""
        query = f"SELECT {rows.EVENT_COLUMNS} FROM events WHERE run = {RUN} ORDER BY seq"
        return [rows.event_of(run_id, row) for row in self._rows(query, run_id)]

    def expected_s(self) -> Mapping[str, float]:
        """Task id -> median seconds of its last successful attempts, at most 10 of them."""
        return medians(self._rows(_DURATIONS))

    def summaries(self) -> list[PipelineSummary]:
        """Every pipeline that a run has named, with how it stands, in file order."""
        return [_summary(row) for row in self._rows(_SUMMARIES)]

    def request(self, run_id: str, what: str, at: datetime) -> None:
        """Ask the run's owner for something; asking twice is asking once. `StateConflict` where there is no run."""
        query = f"INSERT INTO requests (run, what, at) VALUES ({RUN}, ?, ?) ON CONFLICT DO NOTHING"
        try:
            self._commit(lambda: self.connection.execute(query, (run_id, what, rows.micros(at))))
        except apsw.ConstraintError:
            raise conflicts.unknown_run(run_id) from None

    def requests(self, run_id: str) -> list[str]:
        """What the run's owner was asked for, oldest first."""
        return [what for (what,) in self._rows(f"SELECT what FROM requests WHERE run = {RUN} ORDER BY id", run_id)]

    def pause(self, kind: str, name: str, at: datetime, until: datetime | None, reason: str | None) -> None:
        """Pause it from `at` on; what is paused already stays paused since then, and gets this end and reason."""
        from tetra_orchestrator.adapters.store import sqlite_pauses

        self._commit(lambda: sqlite_pauses.put(self.connection, kind, name, at, until, reason))

    def unpause(self, kind: str, name: str) -> bool:
        """End the pause; False where there was none."""
        from tetra_orchestrator.adapters.store import sqlite_pauses

        removed: list[bool] = []
        self._commit(lambda: removed.append(sqlite_pauses.remove(self.connection, kind, name)))
        return removed[0]

    def pauses(self) -> list[Pause]:
        """Every pause in the order in which they began, those that have ended by themselves included."""
        return [rows.pause_of(row) for row in self._rows(f"SELECT {rows.PAUSE_COLUMNS} FROM pauses ORDER BY id")]

    def needed(self) -> set[str]:
        """Ids of the runs that other answers rest on: see the port."""
        return {run_id for (run_id,) in self._rows(_NEEDED)}

    def diagnose(self) -> list[Diagnosis]:
        """How it keeps its promises: which library, which journal and why, how durable, whether it is whole."""
        from tetra_orchestrator.adapters.store.sqlite_diagnosis import diagnose

        return diagnose(self.connection, self.path)

    def make_room(self) -> None:
        """Free the disk space that is kept for the last words of a run; the next command keeps it again."""
        from tetra_orchestrator.adapters.store import reserve

        reserve.give_up(self.path)

    def forget(self, run_id: str) -> None:
        """Remove the run with all that belongs to it; nothing where it is unknown or active."""

        def delete() -> None:
            self.connection.execute(f"DELETE FROM runs WHERE run_id = ? AND state NOT IN ({_ACTIVE})", (run_id,))
            self.connection.execute("DELETE FROM configs WHERE hash NOT IN (SELECT config_hash FROM runs)")

        self._commit(delete)

    def close(self) -> None:
        """Close the file. What was recorded is durable without it."""
        self.connection.close()

    def _rows(self, query: str, *values: Any) -> list[Any]:
        """All rows at once: a cursor left open would keep other writers' journal from being emptied."""
        try:
            return self.connection.execute(query, values).fetchall()
        except apsw.Error as error:
            raise sqlite_faults.explained(error, self.path) from error

    def _commit(self, work: Callable[[], object]) -> None:
        """Do `work` in one transaction that has the write lock from its start."""
        if identity(self.path) != self._identity:
            raise sqlite_faults.replaced(self.path)
        db = self.connection
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                work()
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # some faults of the disk have rolled back already
                    db.execute("ROLLBACK")
                raise
        except apsw.ConstraintError:
            raise
        except apsw.Error as error:
            raise sqlite_faults.explained(error, self.path) from error


def _summary(row: rows.Row) -> PipelineSummary:
    *pipeline, run_id, rank, started, finished, succeeded, run_s = row
    active = run_id is not None and rank == UNFINISHED
    return PipelineSummary(
        pipeline=rows.pipeline_of(pipeline),
        active=active,
        last_run_id=run_id,
        last_state=None if run_id is None else word(rank),
        last_started_at=rows.instant(started),
        last_finished_at=None if active else rows.instant(finished),
        last_success_at=rows.instant(succeeded),
        last_run_s=run_s,
    )
