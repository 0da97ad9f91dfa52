-- A store of version 4 as it was written: a run of two tasks, of which one failed, a pause, and a slot that ran.
BEGIN TRANSACTION;

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
-- Triggers and indices on  alerts
CREATE UNIQUE INDEX open_alerts ON alerts (key, channel) WHERE resolved_at IS NULL;

CREATE TABLE attempts (
    run INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    token TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('cancelled', 'failed', 'lost', 'partial', 'pending', 'ready', 'running', 'skipped', 'submitted', 'succeeded', 'timed_out', 'upstream_failed', 'waiting_retry')),
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
    tail TEXT, cpu_s REAL, peak_rss_bytes INTEGER, limits TEXT, gone TEXT, note TEXT, duration_s REAL,
    PRIMARY KEY (run, task_id, number),
    FOREIGN KEY (run, task_id) REFERENCES task_runs (run, task_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
INSERT INTO attempts VALUES(1,'a',1,'6c1d9e4ec11b3cc676fa5513de7f0c60','succeeded','/home/me/demo/logs/runs/20261121T221720Z-ke7cvg/a.1.log','local',NULL,'exited',0,NULL,'exited with code 0',1795299440166893,1795299440169959,0.0,NULL,0.000719,NULL,NULL,'children',NULL,0.0030326849955599755);
INSERT INTO attempts VALUES(1,'b',1,'ccbcaef6a9b7d61f32c54dc34d8ee801','failed','/home/me/demo/logs/runs/20261121T221720Z-ke7cvg/b.1.log','local',NULL,'exited',3,NULL,'exited with code 3',1795299440170029,1795299440172849,0.0,'',0.0006709999999999999,NULL,NULL,'children',NULL,0.0026688729994930327);
-- Triggers and indices on  attempts
CREATE INDEX durations ON attempts (task_id, run, number) WHERE state = 'succeeded';
CREATE TRIGGER final_attempt BEFORE UPDATE ON attempts WHEN OLD.kind IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an ended attempt never changes'); END;
CREATE TRIGGER one_live_attempt BEFORE INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM attempts WHERE run = NEW.run AND task_id = NEW.task_id AND kind IS NULL)
BEGIN SELECT RAISE(ABORT, 'an earlier attempt has not ended'); END;

CREATE TABLE backfills (
    id INTEGER PRIMARY KEY,
    mode TEXT NOT NULL,
    partition_start TEXT NOT NULL,
    partition_end TEXT NOT NULL,
    slice TEXT NOT NULL CHECK (slice IN ('range', 'day', 'week', 'month')),
    state TEXT NOT NULL CHECK (state IN ('cancelled', 'failed', 'lost', 'partial', 'queued', 'running', 'succeeded', 'timed_out')),
    created_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;

CREATE TABLE configs (
    hash TEXT PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;
INSERT INTO configs VALUES('ab14803a7252681a','{"version":1,"project":"demo","python":"/usr/bin/python3","pipelines":{"a":{"shell":"echo ''{\"rows\": 3}'' >>$TETRA_OUTPUT","outputs":{"rows":"int"}},"b":{"shell":"exit 3","depends_on":["a"]}},"modes":{"daily":["a","b"]},"schedules":{"nightly":{"mode":"daily","cron":"* * * * *"}}}');

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
INSERT INTO events VALUES(1,1,'run.started',1795299440166760,NULL,NULL,'running',NULL,NULL);
INSERT INTO events VALUES(1,2,'attempt.started',1795299440167263,'a',1,'submitted','no_dependencies','it depends on nothing in this run');
INSERT INTO events VALUES(1,3,'attempt.finished',1795299440170301,'a',1,'succeeded','succeeded','exited with code 0');
INSERT INTO events VALUES(1,4,'task.finished',1795299440170303,'a',1,'succeeded','succeeded','exited with code 0');
INSERT INTO events VALUES(1,5,'attempt.started',1795299440170306,'b',1,'submitted','dependencies_succeeded','everything it depends on has succeeded');
INSERT INTO events VALUES(1,6,'attempt.finished',1795299440172925,'b',1,'failed','failed','exited with code 3');
INSERT INTO events VALUES(1,7,'task.finished',1795299440172927,'b',1,'failed','failed','exited with code 3');
INSERT INTO events VALUES(1,8,'run.finished',1795299440172943,NULL,NULL,'failed','task_failed','b failed');
INSERT INTO events VALUES(2,1,'run.started',1795299501374027,NULL,NULL,'running',NULL,NULL);
INSERT INTO events VALUES(2,2,'task.skipped',1795299501374073,'a',NULL,'skipped','paused','the pipeline is paused since 2026-11-21T22:17:20Z: holidays');
INSERT INTO events VALUES(2,3,'task.skipped',1795299501374076,'b',NULL,'skipped','upstream_skipped','a was skipped');
INSERT INTO events VALUES(2,4,'run.finished',1795299501374086,NULL,NULL,'succeeded','succeeded','every task succeeded or was skipped');
-- Triggers and indices on  events
CREATE TRIGGER kept_events BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are only added'); END;

CREATE TABLE metrics (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    run INTEGER REFERENCES runs ON DELETE CASCADE,
    task_id TEXT,
    name TEXT NOT NULL,
    value REAL NOT NULL
) STRICT;

CREATE TABLE outputs (
    run INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (run, task_id),
    FOREIGN KEY (run, task_id) REFERENCES task_runs (run, task_id) ON DELETE CASCADE
) STRICT;
INSERT INTO outputs VALUES(1,'a','{"rows":3}');

CREATE TABLE pauses (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('schedule', 'pipeline', 'mode')),
    name TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    reason TEXT
) STRICT;
INSERT INTO pauses VALUES(1,'pipeline','a',1795299440000000,NULL,'holidays');

CREATE TABLE pipelines (
    name TEXT PRIMARY KEY,
    max_data_age_s REAL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    position INTEGER NOT NULL,
    metadata TEXT
, next_slot INTEGER) STRICT;
INSERT INTO pipelines VALUES('a',NULL,1,0,NULL,1795299540000000);
INSERT INTO pipelines VALUES('b',NULL,1,1,NULL,1795299540000000);

CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    what TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (run, what)
) STRICT;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    mode TEXT,
    trigger TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('cancelled', 'failed', 'lost', 'partial', 'queued', 'running', 'succeeded', 'timed_out')),
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
, params TEXT, schedule TEXT) STRICT;
INSERT INTO runs VALUES(1,'20261121T221720Z-ke7cvg','demo','daily','manual','failed','ab14803a7252681a',1795299440158961,1795299440172940,0.006187382998177782,2,'/home/me/demo/logs/orchestrator_20261121_221720.log',NULL,NULL,NULL,NULL,'1038:6458169:9ba3eda4','task_failed','b failed',NULL,NULL);
INSERT INTO runs VALUES(2,'20261121T221821Z-eypi3k','demo','daily','schedule','succeeded','ab14803a7252681a',1795299501370836,1795299501374084,5.906799924559891e-05,0,'/home/me/demo/logs/orchestrator_20261121_221821.log',1795299480000000,NULL,NULL,NULL,'3514:6464327:9ba3eda4','succeeded','every task succeeded or was skipped',NULL,'nightly');
-- Triggers and indices on  runs
CREATE INDEX active_runs ON runs (id) WHERE state IN ('queued', 'running');
CREATE TRIGGER final_run BEFORE UPDATE OF state ON runs WHEN OLD.state IN ('cancelled', 'failed', 'lost', 'partial', 'succeeded', 'timed_out')
BEGIN SELECT RAISE(ABORT, 'a terminal run never changes'); END;
CREATE TRIGGER slot_runs AFTER UPDATE OF state ON runs WHEN NEW.schedule IS NOT NULL AND NEW.state = 'running'
BEGIN UPDATE slots SET outcome = 'running', lateness_s = (NEW.started_at - slot) / 1e6
    WHERE run_id = NEW.run_id AND outcome = 'queued'; END;
CREATE TRIGGER slot_settled AFTER UPDATE OF state ON runs
WHEN NEW.schedule IS NOT NULL AND NEW.state IN ('cancelled', 'failed', 'lost', 'partial', 'succeeded', 'timed_out')
BEGIN UPDATE slots SET outcome = 'expected', run_id = NULL
    WHERE run_id = NEW.run_id AND outcome = 'queued' AND NEW.state = 'lost';
UPDATE slots SET settled_at = NEW.finished_at, outcome = CASE
        WHEN outcome = 'queued' THEN 'missed'
        WHEN slot + lateness_s * 1e6 > due_by THEN 'late'
        ELSE 'ran' END,
    reason_code = CASE WHEN outcome = 'queued' THEN NEW.reason_code ELSE reason_code END,
    reason_text = CASE WHEN outcome = 'queued' THEN NEW.reason_text ELSE reason_text END
    WHERE run_id = NEW.run_id AND outcome IN ('queued', 'running'); END;

CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    since INTEGER NOT NULL,
    judged INTEGER NOT NULL,
    version INTEGER NOT NULL,
    source TEXT NOT NULL
) STRICT;
INSERT INTO schedules VALUES('nightly','* * * * *	UTC	shift	first',1795299440178452,1795299501364035,2,'/home/me/demo/orchestration.yaml');

CREATE TABLE schema_version (version INTEGER PRIMARY KEY, program TEXT NOT NULL) STRICT;
INSERT INTO schema_version VALUES(1,'0.1.0');
INSERT INTO schema_version VALUES(2,'0.1.0');
INSERT INTO schema_version VALUES(3,'0.1.0');
INSERT INTO schema_version VALUES(4,'0.1.0');

CREATE TABLE slots (
    schedule TEXT NOT NULL,
    slot INTEGER NOT NULL,
    mode TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('expected', 'late', 'missed', 'paused', 'queued', 'ran', 'running', 'skipped_overlap', 'skipped_policy')),
    reason_code TEXT,
    reason_text TEXT,
    run_id TEXT,
    lateness_s REAL,
    settled_at INTEGER, due_by INTEGER NOT NULL DEFAULT 0, owner TEXT,
    PRIMARY KEY (schedule, slot)
) STRICT, WITHOUT ROWID;
INSERT INTO slots VALUES('nightly',1795299480000000,'daily','ran',NULL,NULL,'20261121T221821Z-eypi3k',21.370836,1795299501374084,1795299540000000,NULL);
-- Triggers and indices on  slots
CREATE INDEX slots_by_time ON slots (slot);
CREATE INDEX slots_of_runs ON slots (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX unsettled_slots ON slots (schedule, slot) WHERE outcome IN ('expected', 'queued', 'running');

CREATE TABLE task_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    task_id TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('cancelled', 'failed', 'lost', 'partial', 'pending', 'ready', 'running', 'skipped', 'submitted', 'succeeded', 'timed_out', 'upstream_failed', 'waiting_retry')),
    version INTEGER NOT NULL,
    reason_code TEXT,
    reason_text TEXT,
    started_at INTEGER,
    finished_at INTEGER,
    attempts INTEGER NOT NULL,
    UNIQUE (run, task_id)
) STRICT;
INSERT INTO task_runs VALUES(1,1,'a','a',0,'succeeded',2,'succeeded','exited with code 0',1795299440167255,1795299440170293,1);
INSERT INTO task_runs VALUES(2,1,'b','b',1,'failed',2,'failed','exited with code 3',1795299440170293,1795299440172918,1);
INSERT INTO task_runs VALUES(3,2,'a','a',0,'skipped',1,'paused','the pipeline is paused since 2026-11-21T22:17:20Z: holidays',NULL,1795299501374068,0);
INSERT INTO task_runs VALUES(4,2,'b','b',1,'skipped',1,'upstream_skipped','a was skipped',NULL,1795299501374068,0);
-- Triggers and indices on  task_runs
CREATE TRIGGER final_task BEFORE UPDATE OF state ON task_runs WHEN OLD.state IN ('cancelled', 'failed', 'lost', 'partial', 'skipped', 'succeeded', 'timed_out', 'upstream_failed')
BEGIN SELECT RAISE(ABORT, 'a terminal task never changes'); END;
CREATE INDEX task_runs_of_pipeline ON task_runs (pipeline, run);

CREATE VIEW pipeline_runs AS
WITH part AS (
    SELECT min(id) AS id, run, pipeline, max(CASE state WHEN 'skipped' THEN 0 WHEN 'succeeded' THEN 1 WHEN 'partial' THEN 2 WHEN 'upstream_failed' THEN 3 WHEN 'cancelled' THEN 4 WHEN 'lost' THEN 5 WHEN 'timed_out' THEN 6 WHEN 'failed' THEN 7 ELSE 8 END) AS rank, sum(attempts) AS attempts,
        min(started_at) AS started_at, max(finished_at) AS finished_at
    FROM task_runs GROUP BY run, pipeline HAVING rank > 0
)
SELECT
    part.id AS run_id,
    part.pipeline AS pipeline_name,
    strftime('%Y-%m-%dT%H:%M:%fZ', part.started_at / 1e6, 'unixepoch') AS start_time,
    CASE WHEN part.rank < 8 THEN strftime('%Y-%m-%dT%H:%M:%fZ', part.finished_at / 1e6, 'unixepoch') END AS end_time,
    CASE part.rank WHEN 8 THEN 'running' WHEN 1 THEN 'success' WHEN 2 THEN 'partial'
        ELSE 'failed' END AS status,
    (SELECT CAST(sum(json_extract(outputs.document, '$.records_processed')) AS INTEGER)
        FROM task_runs JOIN outputs USING (run, task_id)
        WHERE task_runs.run = part.run AND task_runs.pipeline = part.pipeline) AS records_processed,
    (SELECT task_id || ': ' || coalesce(reason_text, state) FROM task_runs
        WHERE run = part.run AND pipeline = part.pipeline AND state IN ('cancelled', 'failed', 'lost', 'timed_out', 'upstream_failed')
        ORDER BY position LIMIT 1) AS error_message,
    coalesce((SELECT attempts.log FROM task_runs JOIN attempts USING (run, task_id)
        WHERE task_runs.run = part.run AND task_runs.pipeline = part.pipeline
        ORDER BY attempts.started_at DESC, task_runs.position DESC LIMIT 1), runs.log) AS log_file_path,
    json_object('run_id', runs.run_id, 'mode', runs.mode, 'trigger', runs.trigger, 'attempts', part.attempts,
        'config_version', runs.config_hash) AS metadata
FROM part JOIN runs ON runs.id = part.run;
CREATE VIEW pipeline_state AS
SELECT
    pipelines.name AS pipeline_name,
    last.end_time AS last_run_timestamp,
    last.status AS last_run_status,
    CAST(round((julianday(last.end_time) - julianday(last.start_time)) * 86400) AS INTEGER)
        AS last_run_duration_seconds,
    strftime('%Y-%m-%dT%H:%M:%fZ', pipelines.next_slot / 1e6, 'unixepoch') AS next_scheduled_run,
    coalesce((SELECT CASE runs.state WHEN 'running' THEN 'running' ELSE 'scheduled' END
        FROM task_runs JOIN runs ON runs.id = task_runs.run
        WHERE pipeline = pipelines.name AND runs.state IN ('queued', 'running')
            AND task_runs.state NOT IN ('cancelled', 'failed', 'lost', 'partial', 'skipped', 'succeeded', 'timed_out', 'upstream_failed')
        ORDER BY runs.state DESC LIMIT 1), 'idle') AS current_status,
    pipelines.metadata AS metadata
FROM pipelines LEFT JOIN pipeline_runs AS last ON last.run_id =
    (SELECT max(run_id) FROM pipeline_runs WHERE pipeline_name = pipelines.name AND status <> 'running');

-- For primary key autoincrements the next id to use is stored in
-- sqlite_sequence
INSERT INTO main.sqlite_sequence VALUES ('runs', 2);
INSERT INTO main.sqlite_sequence VALUES ('task_runs', 4);

COMMIT TRANSACTION;
