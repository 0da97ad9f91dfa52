"""The tables and views of a SQLite store, as SQL.

An instant is an integer, microseconds since 1970 UTC, so that it sorts and subtracts exactly; the views show RFC 3339.
A state is its word. `run` refers to `runs.id`; `runs.run_id` is the name people see.
"""

from __future__ import annotations

from tetra_orchestrator.adapters.store import sqlite_watching
from tetra_orchestrator.adapters.store.sql_words import words
from tetra_orchestrator.adapters.store.standing import PARTIAL, SKIPPED, SUCCEEDED, UNFINISHED, rank_sql
from tetra_orchestrator.core.backfill import BACKFILL_OPEN, BACKFILL_STATES, ENDED_EARLY, PENDING
from tetra_orchestrator.core.backfill import SKIPPED as SKIPPED_PARTITION
from tetra_orchestrator.core.slots import FINAL, OPEN
from tetra_orchestrator.core.states import RUN_ACTIVE, RUN_TERMINAL, TERMINAL, RunState, TaskState

_GOOD = (TaskState.SUCCEEDED, TaskState.PARTIAL, TaskState.SKIPPED)
#: Written so wherever it is asked for: only then does SQLite use the index of active runs.
ACTIVE_RUN = f"state IN ({words(RUN_ACTIVE)})"

_RUNS = f"""
CREATE TABLE configs (
    hash TEXT PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    mode TEXT,
    trigger TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ({words(RunState)})),
    config_hash TEXT NOT NULL REFERENCES configs,
    started_at INTEGER,
    finished_at INTEGER,
    duration_s REAL,
    exit_code INTEGER,
    log TEXT,
    slot INTEGER,
    partition_start TEXT,
    partition_end TEXT,
    resumes TEXT,
    owner TEXT,
    reason_code TEXT,
    reason_text TEXT
) STRICT;
CREATE INDEX active_runs ON runs (id) WHERE {ACTIVE_RUN};

CREATE TABLE task_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    task_id TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ({words(TaskState)})),
    version INTEGER NOT NULL,
    reason_code TEXT,
    reason_text TEXT,
    started_at INTEGER,
    finished_at INTEGER,
    attempts INTEGER NOT NULL,
    UNIQUE (run, task_id)
) STRICT;
CREATE INDEX task_runs_of_pipeline ON task_runs (pipeline, run);

CREATE TABLE attempts (
    run INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    token TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ({words(TaskState)})),
    log TEXT NOT NULL,
    runner TEXT NOT NULL,
    handle TEXT,
    kind TEXT,
    exit_code INTEGER,
    signal INTEGER,
    text TEXT,
    started_at INTEGER,
    finished_at INTEGER,
    waited_s REAL,
    tail TEXT,
    PRIMARY KEY (run, task_id, number),
    FOREIGN KEY (run, task_id) REFERENCES task_runs (run, task_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX durations ON attempts (task_id, run, number) WHERE state = 'succeeded';

CREATE TABLE outputs (
    run INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (run, task_id),
    FOREIGN KEY (run, task_id) REFERENCES task_runs (run, task_id) ON DELETE CASCADE
) STRICT;

CREATE TABLE events (
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    seq INTEGER NOT NULL CHECK (seq >= 1),
    event TEXT NOT NULL,
    ts INTEGER NOT NULL,
    task TEXT,
    attempt INTEGER,
    state TEXT,
    reason_code TEXT,
    reason_text TEXT,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE pipelines (
    name TEXT PRIMARY KEY,
    max_data_age_s REAL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    position INTEGER NOT NULL,
    metadata TEXT
) STRICT;

CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    what TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (run, what)
) STRICT;
"""

_SCHEDULES = f"""
CREATE TABLE slots (
    schedule TEXT NOT NULL,
    slot INTEGER NOT NULL,
    mode TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ({words((*OPEN, *FINAL))})),
    reason_code TEXT,
    reason_text TEXT,
    run_id TEXT,
    lateness_s REAL,
    settled_at INTEGER,
    PRIMARY KEY (schedule, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE pauses (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('schedule', 'pipeline', 'mode')),
    name TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    reason TEXT
) STRICT;

CREATE TABLE backfills (
    id INTEGER PRIMARY KEY,
    mode TEXT NOT NULL,
    partition_start TEXT NOT NULL,
    partition_end TEXT NOT NULL,
    slice TEXT NOT NULL CHECK (slice IN ('range', 'day', 'week', 'month')),
    state TEXT NOT NULL CHECK (state IN ({words(RunState)})),
    created_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;

CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    code TEXT NOT NULL,
    severity TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    channel TEXT NOT NULL,
    run_id TEXT,
    raised_at INTEGER NOT NULL,
    sent_at INTEGER,
    resolved_at INTEGER,
    tries INTEGER NOT NULL DEFAULT 0,
    error TEXT
) STRICT;
CREATE UNIQUE INDEX open_alerts ON alerts (key, channel) WHERE resolved_at IS NULL;

CREATE TABLE metrics (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    run INTEGER REFERENCES runs ON DELETE CASCADE,
    task_id TEXT,
    name TEXT NOT NULL,
    value REAL NOT NULL
) STRICT;
"""

_TRIGGERS = f"""
CREATE TRIGGER final_run BEFORE UPDATE OF state ON runs WHEN OLD.state IN ({words(RUN_TERMINAL)})
BEGIN SELECT RAISE(ABORT, 'a terminal run never changes'); END;

CREATE TRIGGER final_task BEFORE UPDATE OF state ON task_runs WHEN OLD.state IN ({words(TERMINAL)})
BEGIN SELECT RAISE(ABORT, 'a terminal task never changes'); END;

CREATE TRIGGER final_attempt BEFORE UPDATE ON attempts WHEN OLD.kind IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an ended attempt never changes'); END;

CREATE TRIGGER one_live_attempt BEFORE INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM attempts WHERE run = NEW.run AND task_id = NEW.task_id AND kind IS NULL)
BEGIN SELECT RAISE(ABORT, 'an earlier attempt has not ended'); END;

CREATE TRIGGER kept_events BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
"""


def _shown(instant: str) -> str:
    return f"strftime('%Y-%m-%dT%H:%M:%fZ', {instant} / 1e6, 'unixepoch')"


#: The tables of the tetra document: one row per pipeline in a run, in its words. Who was only skipped did not run.
_VIEWS = f"""
CREATE VIEW pipeline_runs AS
WITH part AS (
    SELECT min(id) AS id, run, pipeline, {rank_sql("state")} AS rank, sum(attempts) AS attempts,
        min(started_at) AS started_at, max(finished_at) AS finished_at
    FROM task_runs GROUP BY run, pipeline HAVING rank > {SKIPPED}
)
SELECT
    part.id AS run_id,
    part.pipeline AS pipeline_name,
    {_shown("part.started_at")} AS start_time,
    CASE WHEN part.rank < {UNFINISHED} THEN {_shown("part.finished_at")} END AS end_time,
    CASE part.rank WHEN {UNFINISHED} THEN 'running' WHEN {SUCCEEDED} THEN 'success' WHEN {PARTIAL} THEN 'partial'
        ELSE 'failed' END AS status,
    (SELECT CAST(sum(json_extract(outputs.document, '$.records_processed')) AS INTEGER)
        FROM task_runs JOIN outputs USING (run, task_id)
        WHERE task_runs.run = part.run AND task_runs.pipeline = part.pipeline) AS records_processed,
    (SELECT task_id || ': ' || coalesce(reason_text, state) FROM task_runs
        WHERE run = part.run AND pipeline = part.pipeline AND state IN ({words(TERMINAL.difference(_GOOD))})
        ORDER BY position LIMIT 1) AS error_message,
    coalesce((SELECT attempts.log FROM task_runs JOIN attempts USING (run, task_id)
        WHERE task_runs.run = part.run AND task_runs.pipeline = part.pipeline
        ORDER BY attempts.started_at DESC, task_runs.position DESC LIMIT 1), runs.log) AS log_file_path,
    json_object('run_id', runs.run_id, 'mode', runs.mode, 'trigger', runs.trigger, 'attempts', part.attempts,
        'config_version', runs.config_hash) AS metadata
FROM part JOIN runs ON runs.id = part.run;
"""


def _pipeline_state(next_scheduled_run: str) -> str:
    return f"""
CREATE VIEW pipeline_state AS
SELECT
    pipelines.name AS pipeline_name,
    last.end_time AS last_run_timestamp,
    last.status AS last_run_status,
    CAST(round((julianday(last.end_time) - julianday(last.start_time)) * 86400) AS INTEGER)
        AS last_run_duration_seconds,
    {next_scheduled_run} AS next_scheduled_run,
    coalesce((SELECT CASE runs.state WHEN 'running' THEN 'running' ELSE 'scheduled' END
        FROM task_runs JOIN runs ON runs.id = task_runs.run
        WHERE pipeline = pipelines.name AND runs.{ACTIVE_RUN}
            AND task_runs.state NOT IN ({words(TERMINAL)})
        ORDER BY runs.state DESC LIMIT 1), 'idle') AS current_status,
    pipelines.metadata AS metadata
FROM pipelines LEFT JOIN pipeline_runs AS last ON last.run_id =
    (SELECT max(run_id) FROM pipeline_runs WHERE pipeline_name = pipelines.name AND status <> 'running');
"""


_VERSIONS = "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, program TEXT NOT NULL) STRICT;"

_FACTS = """
ALTER TABLE attempts ADD COLUMN cpu_s REAL;
ALTER TABLE attempts ADD COLUMN peak_rss_bytes INTEGER;
ALTER TABLE attempts ADD COLUMN limits TEXT;
ALTER TABLE attempts ADD COLUMN gone TEXT;
ALTER TABLE attempts ADD COLUMN note TEXT;
"""

_AGAIN = "ALTER TABLE runs ADD COLUMN params TEXT; ALTER TABLE attempts ADD COLUMN duration_s REAL;"

#: A slot goes with the run that is for it: it runs when the run begins, and is settled when the run ends. It is free
#: again where whoever waited with it has died.
_LEDGER = f"""
ALTER TABLE runs ADD COLUMN schedule TEXT;
ALTER TABLE slots ADD COLUMN due_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE slots ADD COLUMN owner TEXT;
ALTER TABLE pipelines ADD COLUMN next_slot INTEGER;
CREATE INDEX unsettled_slots ON slots (schedule, slot) WHERE outcome IN ({words(OPEN)});
CREATE INDEX slots_by_time ON slots (slot);
CREATE INDEX slots_of_runs ON slots (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    since INTEGER NOT NULL,
    judged INTEGER NOT NULL,
    version INTEGER NOT NULL,
    source TEXT NOT NULL
) STRICT;

CREATE TRIGGER slot_runs AFTER UPDATE OF state ON runs WHEN NEW.schedule IS NOT NULL AND NEW.state = 'running'
BEGIN UPDATE slots SET outcome = 'running', lateness_s = (NEW.started_at - slot) / 1e6
    WHERE run_id = NEW.run_id AND outcome = 'queued'; END;

CREATE TRIGGER slot_settled AFTER UPDATE OF state ON runs
WHEN NEW.schedule IS NOT NULL AND NEW.state IN ({words(RUN_TERMINAL)})
BEGIN UPDATE slots SET outcome = 'expected', run_id = NULL
    WHERE run_id = NEW.run_id AND outcome = 'queued' AND NEW.state = 'lost';
UPDATE slots SET settled_at = NEW.finished_at, outcome = CASE
        WHEN outcome = 'queued' THEN 'missed'
        WHEN slot + lateness_s * 1e6 > due_by THEN 'late'
        ELSE 'ran' END,
    reason_code = CASE WHEN outcome = 'queued' THEN NEW.reason_code ELSE reason_code END,
    reason_text = CASE WHEN outcome = 'queued' THEN NEW.reason_text ELSE reason_text END
    WHERE run_id = NEW.run_id AND outcome IN ('queued', 'running'); END;

DROP VIEW pipeline_state;
{_pipeline_state(_shown("pipelines.next_slot"))}
"""

#: A partition goes with the run that is for it, as a slot does; that of a lost run is to be run again, and that of one
#: which nobody wanted to be over for good.
_PARTITIONS = f"""
ALTER TABLE runs ADD COLUMN tags TEXT;
ALTER TABLE runs ADD COLUMN backfill TEXT;

DROP TABLE backfills;
CREATE TABLE backfills (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    backfill_id TEXT NOT NULL UNIQUE,
    mode TEXT NOT NULL,
    partition_start TEXT NOT NULL,
    partition_end TEXT NOT NULL,
    slice TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ({words(BACKFILL_STATES)})),
    newest_first INTEGER NOT NULL CHECK (newest_first IN (0, 1)),
    parallel INTEGER NOT NULL CHECK (parallel >= 1),
    params TEXT,
    config_hash TEXT NOT NULL REFERENCES configs,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE UNIQUE INDEX open_backfills ON backfills (mode) WHERE state IN ({words(BACKFILL_OPEN)});

CREATE TABLE partitions (
    backfill INTEGER NOT NULL REFERENCES backfills ON DELETE CASCADE,
    position INTEGER NOT NULL,
    partition_start TEXT NOT NULL,
    partition_end TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ({words((PENDING, SKIPPED_PARTITION, *RunState))})),
    run_id TEXT,
    reason_code TEXT,
    reason_text TEXT,
    PRIMARY KEY (backfill, partition_start, partition_end)
) STRICT, WITHOUT ROWID;
CREATE INDEX partitions_of_runs ON partitions (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX runs_of_partitions ON runs (mode, partition_start, partition_end) WHERE partition_start IS NOT NULL;

CREATE TRIGGER partition_runs AFTER UPDATE OF state ON runs WHEN NEW.backfill IS NOT NULL
BEGIN UPDATE partitions SET state = CASE
        WHEN NEW.state = 'lost' THEN '{PENDING}'
        WHEN NEW.state = 'cancelled' AND NEW.reason_code IN ({words(ENDED_EARLY)}) THEN '{PENDING}'
        ELSE NEW.state END
    WHERE run_id = NEW.run_id; END;

CREATE TABLE results (
    task_id TEXT NOT NULL,
    key TEXT NOT NULL,
    run_id TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (task_id, key)
) STRICT, WITHOUT ROWID;

DROP VIEW pipeline_state;
DROP VIEW pipeline_runs;
{_VIEWS}
{_pipeline_state(_shown("pipelines.next_slot"))}
"""

#: The script that leads to each version: a store of version n is upgraded by all scripts after the first n.
SCRIPTS = (
    _VERSIONS + _RUNS + _SCHEDULES + _TRIGGERS + _VIEWS + _pipeline_state("NULL"),
    _FACTS,
    _AGAIN,
    _LEDGER,
    _PARTITIONS,
    sqlite_watching.SCRIPT,
)
#: What each of them does, in a clause.
TEXTS = (
    "the tables of runs, tasks, attempts, events, pauses and alerts, and the views",
    "what each attempt used, the limits it had, and how it was seen to be gone",
    "the parameters of a run, and how long an attempt took by a clock that never jumps",
    "the slots of schedules, and when each pipeline is due next",
    "backfills with their partitions, results that are kept, and the tags of runs",
    sqlite_watching.TEXT,
)
