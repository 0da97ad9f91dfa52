"""What an upgrade of a PostgreSQL store would do, told without doing it."""

from __future__ import annotations

from contextlib import closing

import psycopg

from tetra_orchestrator.adapters.store import postgres_faults as faults
from tetra_orchestrator.adapters.store.postgres_schema import SCRIPTS
from tetra_orchestrator.adapters.store.postgres_server import connect
from tetra_orchestrator.adapters.store.postgres_upgrade import check_version
from tetra_orchestrator.adapters.store.postgres_watching import TEXT
from tetra_orchestrator.core.store_address import without_password
from tetra_orchestrator.core.upkeep import UpgradePlan, UpgradeStep

#: What the script that leads to each version does, in a clause.
TEXTS = ("all tables, indices, triggers and views", TEXT)
_PROGRAM = "SELECT program FROM schema_version ORDER BY version DESC LIMIT 1"


def plan(url: str) -> UpgradePlan:
    """What an upgrade of the store behind `url` would do. Raises `StoreError` for a newer or a foreign one."""
    with closing(connect(url)) as db:
        try:
            version = check_version(db, url)
            found = db.execute(_PROGRAM).fetchall() if version else []
            [(size,)] = db.execute("SELECT pg_database_size(current_database())").fetchall()
        except psycopg.Error as error:
            raise faults.explained(error, url) from error
    steps = tuple(UpgradeStep(number, TEXTS[number - 1]) for number in range(version + 1, len(SCRIPTS) + 1))
    return UpgradePlan(without_password(url), version, len(SCRIPTS), found[0][0] if found else None, steps, size)
