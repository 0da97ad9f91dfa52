"""The script that leads a SQLite store to version 6: alerts and their letters, and what is known of watched data.

Nothing has ever written into the table `alerts` of the versions before.
"""

from __future__ import annotations

from tetra_orchestrator.adapters.store.sql_alerts import UNSENT_LETTER, UNTOLD_RUN
from tetra_orchestrator.adapters.store.sql_words import words
from tetra_orchestrator.core.alerts import DELIVERY_STATES, WHATS

SCRIPT = f"""
ALTER TABLE attempts ADD COLUMN peak_pss_bytes INTEGER;
ALTER TABLE attempts ADD COLUMN read_bytes INTEGER;
ALTER TABLE attempts ADD COLUMN write_bytes INTEGER;

ALTER TABLE runs ADD COLUMN tells INTEGER NOT NULL DEFAULT 0 CHECK (tells IN (0, 1));
CREATE INDEX untold_runs ON runs (finished_at, id) WHERE {UNTOLD_RUN};

DROP TABLE alerts;
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    code TEXT NOT NULL,
    severity TEXT NOT NULL,
    subject TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    command TEXT NOT NULL,
    channels TEXT,
    seen_at INTEGER NOT NULL,
    run_id TEXT,
    raised_at INTEGER,
    cleared_at INTEGER,
    resolved_at INTEGER,
    acked_at INTEGER,
    acked_by TEXT,
    told_at INTEGER,
    times INTEGER NOT NULL CHECK (times >= 1),
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX open_alerts ON alerts (key) WHERE resolved_at IS NULL;
CREATE INDEX alerts_of_causes ON alerts (key, id);
CREATE INDEX ended_alerts ON alerts (resolved_at, id) WHERE resolved_at IS NOT NULL;

CREATE TABLE letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alert INTEGER NOT NULL REFERENCES alerts ON DELETE CASCADE,
    channel TEXT NOT NULL,
    what TEXT NOT NULL CHECK (what IN ({words(WHATS)})),
    state TEXT NOT NULL CHECK (state IN ({words(DELIVERY_STATES)})),
    due_at INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    error TEXT,
    sent_at INTEGER,
    since INTEGER NOT NULL
) STRICT;
CREATE INDEX unsent_letters ON letters (due_at, id) WHERE {UNSENT_LETTER};
CREATE INDEX letters_of_alerts ON letters (alert);
CREATE INDEX sent_letters ON letters (channel, sent_at) WHERE sent_at IS NOT NULL;

CREATE TABLE marks (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
#: What it does, in a clause.
TEXT = "alerts with their letters, what was last seen of data, and the memory and disk traffic of attempts"
