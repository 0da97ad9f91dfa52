-- A store of version 5 as it was written: runs of two tasks, a pause, slots, a backfill of three days, a result.
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
INSERT INTO attempts VALUES(1,'a',1,'3bbc65961c2b8a24a0ffb490c56f30d1','succeeded','/home/me/demo/logs/runs/20261121T225959Z-nq4tez/a.1.log','local',NULL,'exited',0,NULL,'exited with code 0',1795301999672920,1795301999683314,0.0,NULL,0.0009289999999999999,NULL,NULL,'children',NULL,0.010349033997044899);
INSERT INTO attempts VALUES(1,'b',1,'5339bf25934165ffc8b1651c1ad581d7','failed','/home/me/demo/logs/runs/20261121T225959Z-nq4tez/b.1.log','local',NULL,'exited',3,NULL,'exited with code 3',1795301999683400,1795301999691972,0.0,'',0.000811,NULL,NULL,'children',NULL,0.00838704600755591);
INSERT INTO attempts VALUES(2,'a',1,'dad0e683d40c031b7c671d93545beea2','succeeded','/home/me/demo/logs/runs/20261121T225959Z-deictl/a.1.log','local',NULL,'exited',0,NULL,'exited with code 0',1795301999904870,1795301999913808,0.0,NULL,0.0009519999999999999,NULL,NULL,'children',NULL,0.008899651002138853);
INSERT INTO attempts VALUES(3,'a',1,'5a3c094e02f38cf70f15a50cc2ed74d7','succeeded','/home/me/demo/logs/runs/20261121T225959Z-eczac7/a.1.log','local',NULL,'exited',0,NULL,'exited with code 0',1795301999925139,1795301999933092,0.0,NULL,0.0009289999999999999,NULL,NULL,'children',NULL,0.007910123997135088);
INSERT INTO attempts VALUES(4,'a',1,'c4ec136413f2d9d6514e17871f78f58e','succeeded','/home/me/demo/logs/runs/20261121T225959Z-xq4wq2/a.1.log','local',NULL,'exited',0,NULL,'exited with code 0',1795301999943230,1795301999956261,0.0,NULL,0.0009419999999999999,NULL,NULL,'children',NULL,0.012994841992622241);
-- Triggers and indices on  attempts
CREATE INDEX durations ON attempts (task_id, run, number) WHERE state = 'succeeded';
CREATE TRIGGER final_attempt BEFORE UPDATE ON attempts WHEN OLD.kind IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an ended attempt never changes'); END;
CREATE TRIGGER one_live_attempt BEFORE INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM attempts WHERE run = NEW.run AND task_id = NEW.task_id AND kind IS NULL)
BEGIN SELECT RAISE(ABORT, 'an earlier attempt has not ended'); END;

CREATE TABLE backfills (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    backfill_id TEXT NOT NULL UNIQUE,
    mode TEXT NOT NULL,
    partition_start TEXT NOT NULL,
    partition_end TEXT NOT NULL,
    slice TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('cancelled', 'failed', 'paused', 'running', 'succeeded')),
    newest_first INTEGER NOT NULL CHECK (newest_first IN (0, 1)),
    parallel INTEGER NOT NULL CHECK (parallel >= 1),
    params TEXT,
    config_hash TEXT NOT NULL REFERENCES configs,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
INSERT INTO backfills VALUES(1,'bf-20261121T225959Z-llipci','days','2026-01-01','2026-01-03','day','succeeded',0,1,NULL,'9e17e0deb7f1f030',1795301999873082,1795301999957462);
-- Triggers and indices on  backfills
CREATE UNIQUE INDEX open_backfills ON backfills (mode) WHERE state IN ('paused', 'running');

CREATE TABLE configs (
    hash TEXT PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;
INSERT INTO configs VALUES('9e17e0deb7f1f030','{"version":1,"project":"demo","python":"/usr/bin/python3","pipelines":{"a":{"shell":"echo ''{\"rows\": 3}'' >>$TETRA_OUTPUT","outputs":{"rows":"int"}},"b":{"shell":"exit 3","depends_on":["a"]}},"modes":{"daily":["a","b"],"days":{"partition":"day","pipelines":["a"]}},"schedules":{"nightly":{"mode":"daily","cron":"* * * * *"}}}');

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
INSERT INTO events VALUES(1,1,'run.started',1795301999672798,NULL,NULL,'running',NULL,NULL);
INSERT INTO events VALUES(1,2,'attempt.started',1795301999673450,'a',1,'submitted','no_dependencies','it depends on nothing in this run');
INSERT INTO events VALUES(1,3,'attempt.finished',1795301999683828,'a',1,'succeeded','succeeded','exited with code 0');
INSERT INTO events VALUES(1,4,'task.finished',1795301999683831,'a',1,'succeeded','succeeded','exited with code 0');
INSERT INTO events VALUES(1,5,'attempt.started',1795301999683834,'b',1,'submitted','dependencies_succeeded','everything it depends on has succeeded');
INSERT INTO events VALUES(1,6,'attempt.finished',1795301999692082,'b',1,'failed','failed','exited with code 3');
INSERT INTO events VALUES(1,7,'task.finished',1795301999692084,'b',1,'failed','failed','exited with code 3');
INSERT INTO events VALUES(1,8,'run.finished',1795301999692104,NULL,NULL,'failed','task_failed','b failed');
INSERT INTO events VALUES(2,1,'run.started',1795301999904711,NULL,NULL,'running',NULL,NULL);
INSERT INTO events VALUES(2,2,'attempt.started',1795301999905210,'a',1,'submitted','no_dependencies','it depends on nothing in this run');
INSERT INTO events VALUES(2,3,'attempt.finished',1795301999913924,'a',1,'succeeded','succeeded','exited with code 0');
INSERT INTO events VALUES(2,4,'task.finished',1795301999913927,'a',1,'succeeded','succeeded','exited with code 0');
INSERT INTO events VALUES(2,5,'run.finished',1795301999913944,NULL,NULL,'succeeded','succeeded','every task succeeded or was skipped');
INSERT INTO events VALUES(3,1,'run.started',1795301999925026,NULL,NULL,'running',NULL,NULL);
INSERT INTO events VALUES(3,2,'attempt.started',1795301999925753,'a',1,'submitted','no_dependencies','it depends on nothing in this run');
INSERT INTO events VALUES(3,3,'attempt.finished',1795301999933206,'a',1,'succeeded','succeeded','exited with code 0');
INSERT INTO events VALUES(3,4,'task.finished',1795301999933209,'a',1,'succeeded','succeeded','exited with code 0');
INSERT INTO events VALUES(3,5,'run.finished',1795301999933224,NULL,NULL,'succeeded','succeeded','every task succeeded or was skipped');
INSERT INTO events VALUES(4,1,'run.started',1795301999943110,NULL,NULL,'running',NULL,NULL);
INSERT INTO events VALUES(4,2,'attempt.started',1795301999943637,'a',1,'submitted','no_dependencies','it depends on nothing in this run');
INSERT INTO events VALUES(4,3,'attempt.finished',1795301999956370,'a',1,'succeeded','succeeded','exited with code 0');
INSERT INTO events VALUES(4,4,'task.finished',1795301999956373,'a',1,'succeeded','succeeded','exited with code 0');
INSERT INTO events VALUES(4,5,'run.finished',1795301999956389,NULL,NULL,'succeeded','succeeded','every task succeeded or was skipped');
INSERT INTO events VALUES(5,1,'run.started',1795302061907616,NULL,NULL,'running',NULL,NULL);
INSERT INTO events VALUES(5,2,'task.skipped',1795302061907697,'a',NULL,'skipped','paused','the pipeline is paused since 2026-11-21T23:00:10Z: holidays');
INSERT INTO events VALUES(5,3,'task.skipped',1795302061907756,'b',NULL,'skipped','upstream_skipped','a was skipped');
INSERT INTO events VALUES(5,4,'run.finished',1795302061907775,NULL,NULL,'succeeded','succeeded','every task succeeded or was skipped');
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
INSERT INTO outputs VALUES(2,'a','{"rows":3}');
INSERT INTO outputs VALUES(3,'a','{"rows":3}');
INSERT INTO outputs VALUES(4,'a','{"rows":3}');

CREATE TABLE partitions (
    backfill INTEGER NOT NULL REFERENCES backfills ON DELETE CASCADE,
    position INTEGER NOT NULL,
    partition_start TEXT NOT NULL,
    partition_end TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('cancelled', 'failed', 'lost', 'partial', 'pending', 'queued', 'running', 'skipped', 'succeeded', 'timed_out')),
    run_id TEXT,
    reason_code TEXT,
    reason_text TEXT,
    PRIMARY KEY (backfill, partition_start, partition_end)
) STRICT, WITHOUT ROWID;
INSERT INTO partitions VALUES(1,0,'2026-01-01','2026-01-01','succeeded','20261121T225959Z-deictl','missing','it has not been run');
INSERT INTO partitions VALUES(1,1,'2026-01-02','2026-01-02','succeeded','20261121T225959Z-eczac7','missing','it has not been run');
INSERT INTO partitions VALUES(1,2,'2026-01-03','2026-01-03','succeeded','20261121T225959Z-xq4wq2','missing','it has not been run');
-- Triggers and indices on  partitions
CREATE INDEX partitions_of_runs ON partitions (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE pauses (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('schedule', 'pipeline', 'mode')),
    name TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    reason TEXT
) STRICT;
INSERT INTO pauses VALUES(1,'pipeline','a',1795302010000000,NULL,'holidays');

CREATE TABLE pipelines (
    name TEXT PRIMARY KEY,
    max_data_age_s REAL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    position INTEGER NOT NULL,
    metadata TEXT
, next_slot INTEGER) STRICT;
INSERT INTO pipelines VALUES('a',NULL,1,0,NULL,1795302120000000);
INSERT INTO pipelines VALUES('b',NULL,1,1,NULL,1795302120000000);

CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    what TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (run, what)
) STRICT;

CREATE TABLE results (
    task_id TEXT NOT NULL,
    key TEXT NOT NULL,
    run_id TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (task_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO results VALUES('a','0f3c9a','20261121T225959Z-nq4tez',1795302000000000,'{"rows":3}');

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
, params TEXT, schedule TEXT, tags TEXT, backfill TEXT) STRICT;
INSERT INTO runs VALUES(1,'20261121T225959Z-nq4tez','demo','daily','manual','failed','9e17e0deb7f1f030',1795301999658007,1795301999692100,0.019307040987769142,2,'/home/me/demo/logs/orchestrator_20261121_225959.log',NULL,NULL,NULL,NULL,'5195:6714152:9ba3eda4','task_failed','b failed',NULL,NULL,NULL,NULL);
INSERT INTO runs VALUES(2,'20261121T225959Z-deictl','demo','days','backfill','succeeded','9e17e0deb7f1f030',1795301999890239,1795301999913941,0.00923732500814367,0,'/home/me/demo/logs/orchestrator_20261121_225959_2.log',NULL,'2026-01-01','2026-01-01',NULL,'5203:6714166:9ba3eda4','succeeded','every task succeeded or was skipped',NULL,NULL,NULL,'bf-20261121T225959Z-llipci');
INSERT INTO runs VALUES(3,'20261121T225959Z-eczac7','demo','days','backfill','succeeded','9e17e0deb7f1f030',1795301999919295,1795301999933221,0.008198804993298836,0,'/home/me/demo/logs/orchestrator_20261121_225959_3.log',NULL,'2026-01-02','2026-01-02',NULL,'5203:6714166:9ba3eda4','succeeded','every task succeeded or was skipped',NULL,NULL,NULL,'bf-20261121T225959Z-llipci');
INSERT INTO runs VALUES(4,'20261121T225959Z-xq4wq2','demo','days','backfill','succeeded','9e17e0deb7f1f030',1795301999936450,1795301999956386,0.0132793969969498,0,'/home/me/demo/logs/orchestrator_20261121_225959_4.log',NULL,'2026-01-03','2026-01-03',NULL,'5203:6714166:9ba3eda4','succeeded','every task succeeded or was skipped',NULL,NULL,NULL,'bf-20261121T225959Z-llipci');
INSERT INTO runs VALUES(5,'20261121T230101Z-auwqsz','demo','daily','schedule','succeeded','9e17e0deb7f1f030',1795302061903631,1795302061907771,0.0001608400052646175,0,'/home/me/demo/logs/orchestrator_20261121_230101.log',1795302060000000,NULL,NULL,NULL,'8161:6720379:9ba3eda4','succeeded','every task succeeded or was skipped',NULL,'nightly',NULL,NULL);
-- Triggers and indices on  runs
CREATE INDEX active_runs ON runs (id) WHERE state IN ('queued', 'running');
CREATE TRIGGER final_run BEFORE UPDATE OF state ON runs WHEN OLD.state IN ('cancelled', 'failed', 'lost', 'partial', 'succeeded', 'timed_out')
BEGIN SELECT RAISE(ABORT, 'a terminal run never changes'); END;
CREATE TRIGGER partition_runs AFTER UPDATE OF state ON runs WHEN NEW.backfill IS NOT NULL
BEGIN UPDATE partitions SET state = CASE
        WHEN NEW.state = 'lost' THEN 'pending'
        WHEN NEW.state = 'cancelled' AND NEW.reason_code IN ('interrupted', 'replaced', 'stop_requested') THEN 'pending'
        ELSE NEW.state END
    WHERE run_id = NEW.run_id; END;
CREATE INDEX runs_of_partitions ON runs (mode, partition_start, partition_end) WHERE partition_start IS NOT NULL;
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
INSERT INTO schedules VALUES('nightly','* * * * *	UTC	shift	first',1795301999523438,1795302061891668,4,'/home/me/demo/orchestration.yaml');

CREATE TABLE schema_version (version INTEGER PRIMARY KEY, program TEXT NOT NULL) STRICT;
INSERT INTO schema_version VALUES(1,'0.1.0');
INSERT INTO schema_version VALUES(2,'0.1.0');
INSERT INTO schema_version VALUES(3,'0.1.0');
INSERT INTO schema_version VALUES(4,'0.1.0');
INSERT INTO schema_version VALUES(5,'0.1.0');

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
INSERT INTO slots VALUES('nightly',1795302000000000,'daily','skipped_policy','superseded','the later slot 2026-11-21T23:01:00Z runs instead',NULL,NULL,1795302061891668,1795302060000000,NULL);
INSERT INTO slots VALUES('nightly',1795302060000000,'daily','ran',NULL,NULL,'20261121T230101Z-auwqsz',1.903631,1795302061907771,1795302120000000,NULL);
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
INSERT INTO task_runs VALUES(1,1,'a','a',0,'succeeded',2,'succeeded','exited with code 0',1795301999673440,1795301999683814,1);
INSERT INTO task_runs VALUES(2,1,'b','b',1,'failed',2,'failed','exited with code 3',1795301999683814,1795301999692071,1);
INSERT INTO task_runs VALUES(3,2,'a','a',0,'succeeded',2,'succeeded','exited with code 0',1795301999905201,1795301999913912,1);
INSERT INTO task_runs VALUES(4,3,'a','a',0,'succeeded',2,'succeeded','exited with code 0',1795301999925743,1795301999933194,1);
INSERT INTO task_runs VALUES(5,4,'a','a',0,'succeeded',2,'succeeded','exited with code 0',1795301999943631,1795301999956358,1);
INSERT INTO task_runs VALUES(6,5,'a','a',0,'skipped',1,'paused','the pipeline is paused since 2026-11-21T23:00:10Z: holidays',NULL,1795302061907688,0);
INSERT INTO task_runs VALUES(7,5,'b','b',1,'skipped',1,'upstream_skipped','a was skipped',NULL,1795302061907688,0);
-- Triggers and indices on  task_runs
CREATE TRIGGER final_task BEFORE UPDATE OF state ON task_runs WHEN OLD.state IN ('cancelled', 'failed', 'lost', 'partial', 'skipped', 'succeeded', 'timed_out', 'upstream_failed')
BEGIN SELECT RAISE(ABORT, 'a terminal task never changes'); END;
CREATE INDEX task_runs_of_pipeline ON task_runs (pipeline, run);

CREATE VIEW pipeline_runs AS
WITH part AS (
    SELECT min(id) AS id, run, pipeline, (CASE WHEN max(CASE state WHEN 'skipped' THEN 0 WHEN 'succeeded' THEN 1 WHEN 'partial' THEN 2 WHEN 'upstream_failed' THEN 3 WHEN 'cancelled' THEN 4 WHEN 'lost' THEN 5 WHEN 'timed_out' THEN 6 WHEN 'failed' THEN 7 ELSE 8 END) = 1 AND max(CASE WHEN reason_code IN ('not_retried', 'not_selected') THEN 1 ELSE 0 END) = 1 THEN 2 ELSE max(CASE state WHEN 'skipped' THEN 0 WHEN 'succeeded' THEN 1 WHEN 'partial' THEN 2 WHEN 'upstream_failed' THEN 3 WHEN 'cancelled' THEN 4 WHEN 'lost' THEN 5 WHEN 'timed_out' THEN 6 WHEN 'failed' THEN 7 ELSE 8 END) END) AS rank, sum(attempts) AS attempts,
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
INSERT INTO main.sqlite_sequence VALUES ('backfills', 1);
INSERT INTO main.sqlite_sequence VALUES ('runs', 5);
INSERT INTO main.sqlite_sequence VALUES ('task_runs', 7);

-- Database header
pragma user_version=58;

COMMIT TRANSACTION;
