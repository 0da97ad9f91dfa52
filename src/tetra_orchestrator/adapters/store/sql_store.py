"""The store in SQL: what SQLite and PostgreSQL have in common, which is all but their files, servers and faults."""

from __future__ import annotations

from tetra_orchestrator.adapters.store import conflicts, rows
from tetra_orchestrator.adapters.store.database import Refused
from tetra_orchestrator.adapters.store.durations import RECENT, in_seconds, medians
from tetra_orchestrator.adapters.store.sql_changes import RUN, STATEMENTS, finder, marks
from tetra_orchestrator.adapters.store.standing import SUCCEEDED, UNFINISHED, rank_sql, word
from tetra_orchestrator.core.facts import UNKNOWN
from tetra_orchestrator.core.states import RUN_ACTIVE
from tetra_orchestrator.ports import PipelineSummary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.adapters.store.database import Database
    from tetra_orchestrator.core.changes import Change
    from tetra_orchestrator.core.diagnosis import Diagnosis
    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.core.facts import Usage
    from tetra_orchestrator.core.history import Attempt, Partition, Pause, PipelineState, Run, RunFilter, TaskRun
    from tetra_orchestrator.store_parts import Alerts, Backfills, Ledger, Results

_INSERT_RUN = f"INSERT INTO runs ({rows.RUN_COLUMNS}) VALUES ({marks(rows.RUN_COLUMNS)}) RETURNING id"
_INSERT_TASK = f"INSERT INTO task_runs (run, {rows.TASK_COLUMNS}) VALUES (?, {marks(rows.TASK_COLUMNS)})"
_INSERT_PIPELINE = """
INSERT INTO pipelines (name, max_data_age_s, enabled, position) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET
    max_data_age_s = excluded.max_data_age_s, enabled = excluded.enabled, position = excluded.position
"""
_ACTIVE = ", ".join(f"'{state}'" for state in sorted(RUN_ACTIVE))
_TASKS = f"""
SELECT {rows.TASK_COLUMNS}, document FROM task_runs LEFT JOIN outputs USING (run, task_id)
WHERE run = {RUN} ORDER BY position, id
"""
_TASK = f"""
SELECT {rows.TASK_COLUMNS}, document FROM task_runs LEFT JOIN outputs USING (run, task_id)
WHERE run = {RUN} AND task_id = ?
"""
_LATEST = "SELECT run FROM task_runs WHERE pipeline = ? AND task_id = ?"
_OF_DATES = " AND run IN (SELECT id FROM runs WHERE partition_start = ? AND partition_end = ?)"
_ATTEMPTS = f"""
SELECT {", ".join(f"attempts.{name.strip()}" for name in rows.ATTEMPT_COLUMNS.split(","))}
FROM task_runs JOIN attempts USING (run, task_id) WHERE run = {RUN} ORDER BY position, task_runs.id, number
"""
# Walks the index from one task to the next, so that the length of the history does not matter.
_SUCCESSFUL = """
WITH RECURSIVE tasks (id) AS (
    SELECT min(task_id) FROM attempts WHERE state = 'succeeded'
    UNION ALL
    SELECT (SELECT min(task_id) FROM attempts WHERE state = 'succeeded' AND task_id > id) FROM tasks
    WHERE id IS NOT NULL
)
"""
_DURATIONS = f"""
{_SUCCESSFUL}
SELECT id, CAST(coalesce(duration_s * 1e6, finished_at - started_at) AS INTEGER)
FROM tasks JOIN attempts ON (run, task_id, number) IN (
    SELECT run, task_id, number FROM attempts
    WHERE state = 'succeeded' AND task_id = id AND started_at IS NOT NULL ORDER BY run DESC, number DESC LIMIT {RECENT})
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
GROUP BY name, max_data_age_s, enabled, found.position, run_id, success, runs.duration_s
ORDER BY found.position, name
"""
_NEEDED = f"""
{_SUCCESSFUL}, {_FOUND}
SELECT run_id FROM runs WHERE id IN (
    SELECT last FROM found
    UNION SELECT success FROM found
    UNION SELECT (SELECT max(run) FROM attempts WHERE state = 'succeeded' AND task_id = tasks.id) FROM tasks)
"""
_ALERTS = """
SELECT (SELECT count(*) FROM alerts WHERE resolved_at IS NULL AND raised_at IS NOT NULL),
    (SELECT count(*) FROM letters WHERE state IN ('pending', 'sending'))
"""
_UNUSED_CONFIGS = """
DELETE FROM configs WHERE hash NOT IN (SELECT config_hash FROM runs UNION SELECT config_hash FROM backfills)
"""


class SqlStore:
    """All of the `Store` but its opening, its closing and what it says about itself."""

    def __init__(self, db: Database):
        self._db = db

    def open_run(self, run: Run, tasks: Sequence[TaskRun], pipelines: Sequence[PipelineState], config: str) -> None:
        """Insert the run, its tasks, the pipelines it knows and the configuration text, in one commit.

        Raises `StateConflict` when the run is there already.
        """

        def insert() -> None:
            db = self._db
            db.change("INSERT INTO configs VALUES (?, ?) ON CONFLICT DO NOTHING", (run.config_hash, config))
            [(key,)] = db.rows(_INSERT_RUN, *rows.run_row(run))
            if run.schedule is not None:
                from tetra_orchestrator.adapters.store import sql_ledger

                sql_ledger.take(db, run)
            if run.backfill is not None:
                from tetra_orchestrator.adapters.store import sql_backfills

                sql_backfills.take(db, run)
            db.change_all(_INSERT_TASK, [(key, *rows.task_row(task)) for task in tasks])
            db.change_all(_INSERT_PIPELINE, [(p.name, p.max_data_age_s, int(p.enabled), p.position) for p in pipelines])
            for task in tasks:
                if task.outputs is not None:
                    values = (key, task.task_id, rows.to_json(task.outputs))
                    db.change("INSERT INTO outputs (run, task_id, document) VALUES (?, ?, ?)", values)

        try:
            self._db.commit(insert)
        except Refused:
            raise conflicts.opened_already(run.run_id) from None

    def record(self, changes: Iterable[Change]) -> None:
        """Apply all changes in one durable commit, or none of them: `StateConflict` when a compare-and-set fails."""

        def apply() -> None:
            for change in changes:
                statement, values = STATEMENTS[type(change)]
                try:
                    fits = self._db.change(statement, values(change)) == 1
                except Refused:
                    fits = False
                if not fits:
                    query, place = finder(change)
                    found = self._db.rows(query, *place)
                    raise conflicts.conflict(change, found[0] if found else None)

        self._db.commit(apply)

    @property
    def ledger(self) -> Ledger:
        """The slots of all schedules."""
        from tetra_orchestrator.adapters.store.sql_ledger import SqlLedger

        return SqlLedger(self._db)

    @property
    def backfills(self) -> Backfills:
        """The backfills and their partitions."""
        from tetra_orchestrator.adapters.store.sql_backfills import SqlBackfills

        return SqlBackfills(self._db)

    @property
    def results(self) -> Results:
        """What tasks have made of what they were given."""
        from tetra_orchestrator.adapters.store.sql_results import SqlResults

        return SqlResults(self._db)

    @property
    def alerts(self) -> Alerts:
        """The alerts, and the letters that tell of them."""
        from tetra_orchestrator.adapters.store.sql_alerts import SqlAlerts

        return SqlAlerts(self._db)

    def alerts_standing(self) -> tuple[int, int]:
        """How many alerts that somebody was told of are not over, and how many letters have not gone out."""
        open_, waiting = self._db.rows(_ALERTS)[0]
        return int(open_), int(waiting)

    def run(self, run_id: str) -> Run | None:
        """The run called `run_id`, or None."""
        found = self._db.rows(f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE run_id = ?", run_id)
        return rows.run_of(found[0]) if found else None

    def runs(self, *, limit: int = 50, active: bool = False, pipeline: str | None = None) -> list[Run]:
        """The latest runs, newest first: all, only the active ones, or only those with a task of `pipeline`."""
        if pipeline is not None and not active:
            from tetra_orchestrator.adapters.store.sql_search import of_pipeline

            query, values = of_pipeline(pipeline, None, limit)
            return [rows.run_of(row) for row in self._db.rows(query, *values)]
        where, given = [f"state IN ({_ACTIVE})" if active else "TRUE"], []
        if pipeline is not None:
            where.append("id IN (SELECT run FROM task_runs WHERE pipeline = ?)")
            given.append(pipeline)
        query = f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?"
        return [rows.run_of(row) for row in self._db.rows(query, *given, limit)]

    def among(self, latest: int, states: Collection[str]) -> list[str]:
        """Ids of those of the latest runs that are in one of the states, newest first."""
        newest = "SELECT id, run_id, state FROM runs ORDER BY id DESC LIMIT ?"
        chosen = ", ".join("?" for _ in states)
        query = f"SELECT run_id FROM ({newest}) AS newest WHERE state IN ({chosen}) ORDER BY id DESC"
        return [run_id for (run_id,) in self._db.rows(query, latest, *states)]

    def search(self, wanted: RunFilter, limit: int) -> list[Run]:
        """The runs that fit, newest first."""
        from tetra_orchestrator.adapters.store.sql_search import search

        query, values = search(wanted, limit)
        return [rows.run_of(row) for row in self._db.rows(query, *values)]

    def named(self, beginning: str, limit: int) -> list[Run]:
        """Runs whose ids begin so, newest first."""
        from tetra_orchestrator.adapters.store.sql_search import named

        query, values = named(beginning, limit)
        return [rows.run_of(row) for row in self._db.rows(query, *values)]

    def task_runs(self, run_id: str) -> list[TaskRun]:
        """The run's tasks in the order of the plan, with outputs."""
        return [rows.task_of(run_id, row) for row in self._db.rows(_TASKS, run_id)]

    def latest(
        self, pipeline: str, task_id: str, states: Collection[str], of: Partition | None = None
    ) -> TaskRun | None:
        """The task's row in the newest run, of those for the dates `of` if given, where its state is one of these."""
        where = f"state IN ({', '.join('?' * len(states))})" + (_OF_DATES if of else "")
        query = f"{_LATEST} AND {where} ORDER BY run DESC LIMIT 1"
        values = (pipeline, task_id, *states, *(of or ()))
        found = self._db.rows(f"SELECT run_id FROM runs WHERE id = ({query})", *values)
        if not found:
            return None
        [(run_id,)] = found
        return rows.task_of(run_id, self._db.rows(_TASK, run_id, task_id)[0])

    def config_text(self, run_id: str) -> str | None:
        """The configuration that the run was started with, or None where there is no such run."""
        query = "SELECT document FROM configs JOIN runs ON config_hash = hash WHERE run_id = ?"
        found = self._db.rows(query, run_id)
        return found[0][0] if found else None

    def attempts(self, run_id: str) -> list[Attempt]:
        """The run's attempts, by task in the order of the plan, then by number."""
        return [rows.attempt_of(run_id, row) for row in self._db.rows(_ATTEMPTS, run_id)]

    def used(self, run_ids: Collection[str]) -> Mapping[str, Usage]:
        """By run id, what all its attempts took; runs of which nothing is known are absent."""
        if not run_ids:
            return {}
        from tetra_orchestrator.adapters.store.sql_search import used

        query, values = used(run_ids)
        found = {run_id: rows.usage_of(sums) for run_id, *sums in self._db.rows(query, *values)}
        return {run_id: usage for run_id, usage in found.items() if usage != UNKNOWN}

    def events(self, run_id: str) -> list[RunEvent]:
        """The run's events by sequence number."""
        query = f"SELECT {rows.EVENT_COLUMNS} FROM events WHERE run = {RUN} ORDER BY seq"
        return [rows.event_of(run_id, row) for row in self._db.rows(query, run_id)]

    def expected_s(self) -> Mapping[str, float]:
        """Task id -> median seconds of its last successful attempts, at most 10 of them."""
        return medians(self._db.rows(_DURATIONS))

    def durations_s(self) -> Mapping[str, Sequence[float]]:
        """Task id -> seconds of those, shortest first."""
        return in_seconds(self._db.rows(_DURATIONS))

    def summaries(self) -> list[PipelineSummary]:
        """Every pipeline that a run has named, with how it stands, in file order."""
        return [_summary(row) for row in self._db.rows(_SUMMARIES)]

    def request(self, run_id: str, what: str, at: datetime) -> None:
        """Ask the run's owner for something; asking twice is asking once. `StateConflict` where there is no run."""
        query = f"INSERT INTO requests (run, what, at) VALUES ({RUN}, ?, ?) ON CONFLICT DO NOTHING"
        try:
            self._db.commit(lambda: self._db.change(query, (run_id, what, rows.micros(at))))
        except Refused:
            raise conflicts.unknown_run(run_id) from None

    def requests(self, run_id: str) -> list[str]:
        """What the run's owner was asked for, oldest first."""
        return [what for (what,) in self._db.rows(f"SELECT what FROM requests WHERE run = {RUN} ORDER BY id", run_id)]

    def pause(self, kind: str, name: str, at: datetime, until: datetime | None, reason: str | None) -> None:
        """Pause it from `at` on; what is paused already stays paused since then, and gets this end and reason."""
        from tetra_orchestrator.adapters.store import sql_pauses

        self._db.commit(lambda: sql_pauses.put(self._db, kind, name, at, until, reason))

    def unpause(self, kind: str, name: str) -> bool:
        """End the pause; False where there was none."""
        from tetra_orchestrator.adapters.store import sql_pauses

        removed: list[bool] = []
        self._db.commit(lambda: removed.append(sql_pauses.remove(self._db, kind, name)))
        return removed[0]

    def pauses(self) -> list[Pause]:
        """Every pause in the order in which they began, those that have ended by themselves included."""
        return [rows.pause_of(row) for row in self._db.rows(f"SELECT {rows.PAUSE_COLUMNS} FROM pauses ORDER BY id")]

    def needed(self) -> set[str]:
        """Ids of the runs that other answers rest on: see the port."""
        return {run_id for (run_id,) in self._db.rows(_NEEDED)}

    def check(self) -> list[Diagnosis]:
        """Whether its rows agree with each other."""
        from tetra_orchestrator.adapters.store.sql_check import check

        return check(self._db)

    def spare_bytes(self) -> int | None:
        """Nothing to tell, where a server sees to its files."""
        return None

    def forget(self, run_id: str) -> None:
        """Remove the run with all that belongs to it; nothing where it is unknown or active, or somebody is to hear."""

        def delete() -> None:
            self._db.change(f"DELETE FROM runs WHERE run_id = ? AND state NOT IN ({_ACTIVE}) AND tells = 0", (run_id,))
            self._db.change(_UNUSED_CONFIGS)

        self._db.commit(delete)


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
