"""The tables and views of a SQLite store. Times are RFC 3339 text in UTC: they sort, and people can read them."""

from __future__ import annotations

from tetra_orchestrator.core.states import RUN_TERMINAL, TERMINAL, RunState, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

#: Raised by one with every change of the tables; a store of a higher number was written by a newer program.
VERSION = 1


def _words(states: Iterable[str]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


TABLES = f"""
CREATE TABLE schema_version (version INTEGER NOT NULL, program TEXT NOT NULL) STRICT;
CREATE TABLE configs (hash TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    mode TEXT,
    trigger TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ({_words(RunState)})),
    config_hash TEXT NOT NULL REFERENCES configs (hash),
    started_at TEXT,
    finished_at TEXT,
    duration_s REAL,
    exit_code INTEGER,
    log TEXT,
    slot TEXT,
    partition_start TEXT,
    partition_end TEXT,
    resumes TEXT,
    owner TEXT,
    reason_code TEXT,
    reason_text TEXT
) STRICT;
CREATE INDEX runs_active ON runs (state) WHERE state IN ({_words(set(RunState) - RUN_TERMINAL)});
CREATE TABLE task_runs (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (run_id),
    task_id TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ({_words(TaskState)})),
    version INTEGER NOT NULL DEFAULT 0,
    reason_code TEXT,
    reason_text TEXT,
    started_at TEXT,
    finished_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    UNIQUE (run_id, task_id)
) STRICT;
CREATE INDEX task_runs_of_pipeline ON task_runs (pipeline, id);
CREATE TABLE attempts (
    run_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    token TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    runner TEXT NOT NULL,
    handle TEXT,
    log TEXT NOT NULL,
    kind TEXT,
    exit_code INTEGER,
    signal INTEGER,
    text TEXT,
    started_at TEXT,
    finished_at TEXT,
    waited_s REAL,
    tail TEXT,
    PRIMARY KEY (run_id, task_id, number),
    FOREIGN KEY (run_id, task_id) REFERENCES task_runs (run_id, task_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX one_live_attempt ON attempts (run_id, task_id) WHERE kind IS NULL;
CREATE INDEX attempts_of_task ON attempts (task_id, finished_at) WHERE kind = 'exited' AND exit_code = 0;
CREATE TABLE outputs (
    run_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_id, task_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    run_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    event TEXT NOT NULL,
    ts TEXT NOT NULL,
    task TEXT,
    attempt INTEGER,
    state TEXT,
    reason_code TEXT,
    reason_text TEXT,
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE pipelines (
    name TEXT PRIMARY KEY,
    max_data_age_s REAL,
    enabled INTEGER NOT NULL,
    position INTEGER NOT NULL
) STRICT;
CREATE TABLE requests (
    run_id TEXT NOT NULL,
    what TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (run_id, what)
) STRICT, WITHOUT ROWID;
CREATE TABLE slots (
    schedule TEXT NOT NULL,
    slot TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    run_id TEXT,
    lateness_s REAL,
    PRIMARY KEY (schedule, slot)
) STRICT, WITHOUT ROWID;
CREATE TABLE pauses (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    since TEXT NOT NULL,
    until TEXT,
    reason TEXT,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE backfills (
    id TEXT PRIMARY KEY,
    mode TEXT NOT NULL,
    partition_start TEXT NOT NULL,
    partition_end TEXT NOT NULL,
    slices TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    rule TEXT NOT NULL,
    severity TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    raised_at TEXT NOT NULL,
    resolved_at TEXT,
    delivered_at TEXT
) STRICT;
CREATE TABLE metrics (
    run_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (run_id, task_id, number, name)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER terminal_runs_stay BEFORE UPDATE OF state ON runs
    WHEN old.state IN ({_words(RUN_TERMINAL)}) BEGIN SELECT RAISE(ABORT, 'a terminal run never changes'); END;
CREATE TRIGGER terminal_tasks_stay BEFORE UPDATE OF state ON task_runs
    WHEN old.state IN ({_words(TERMINAL)}) BEGIN SELECT RAISE(ABORT, 'a terminal task never changes'); END;
"""

#: One row per pipeline and run, in the documented columns and words.
VIEWS = f"""
CREATE VIEW pipeline_runs AS
SELECT
    min(t.id) AS run_id,
    t.pipeline AS pipeline_name,
    min(t.started_at) AS start_time,
    CASE WHEN sum(t.state NOT IN ({_words(TERMINAL)})) = 0 THEN max(t.finished_at) END AS end_time,
    CASE
        WHEN sum(t.state NOT IN ({_words(TERMINAL)})) > 0 THEN 'running'
        WHEN sum(t.state NOT IN ('succeeded', 'skipped', 'partial')) > 0 THEN 'failed'
        WHEN sum(t.state = 'partial') > 0 THEN 'partial'
        WHEN sum(t.state = 'succeeded') > 0 THEN 'success'
        ELSE 'skipped'
    END AS status,
    (SELECT sum(json_extract(o.value, '$')) FROM outputs o JOIN task_runs x USING (run_id, task_id)
        WHERE o.run_id = t.run_id AND x.pipeline = t.pipeline AND o.key = 'records_processed') AS records_processed,
    max(CASE WHEN t.state NOT IN ('succeeded', 'skipped', 'pending') THEN t.reason_text END) AS error_message,
    (SELECT max(a.log) FROM attempts a JOIN task_runs x USING (run_id, task_id)
        WHERE a.run_id = t.run_id AND x.pipeline = t.pipeline) AS log_file_path,
    json_object('run', t.run_id, 'mode', r.mode, 'trigger', r.trigger) AS metadata
FROM task_runs t JOIN runs r USING (run_id)
GROUP BY t.run_id, t.pipeline;

CREATE VIEW pipeline_state AS
SELECT
    p.name AS pipeline_name,
    l.start_time AS last_run_timestamp,
    l.status AS last_run_status,
    CAST(round((julianday(l.end_time) - julianday(l.start_time)) * 86400) AS INTEGER) AS last_run_duration_seconds,
    (SELECT min(s.slot) FROM slots s WHERE s.outcome = 'expected' AND s.schedule = p.name) AS next_scheduled_run,
    CASE
        WHEN EXISTS (SELECT 1 FROM pipeline_runs a
            WHERE a.pipeline_name = p.name AND a.status = 'running') THEN 'running'
        WHEN EXISTS (SELECT 1 FROM runs q JOIN task_runs x USING (run_id)
            WHERE q.state = 'queued' AND x.pipeline = p.name) THEN 'scheduled'
        ELSE 'idle'
    END AS current_status,
    l.metadata AS metadata
FROM pipelines p
LEFT JOIN pipeline_runs l ON l.run_id =
    (SELECT max(e.run_id) FROM pipeline_runs e WHERE e.pipeline_name = p.name AND e.status != 'running');
"""
