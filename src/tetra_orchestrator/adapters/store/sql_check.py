"""What holds in every store whatever has happened to it, asked of the rows: nothing here is repaired.

Each rule is a query for the rows that break it, with a text `who` that names each. It is SQL of SQLite and PostgreSQL.
"""

from __future__ import annotations

from tetra_orchestrator.adapters.store.sql_words import words
from tetra_orchestrator.core.alerts import SENT
from tetra_orchestrator.core.backfill import PENDING
from tetra_orchestrator.core.backfill import SKIPPED as SKIPPED_PARTITION
from tetra_orchestrator.core.diagnosis import ERROR, OK, Diagnosis
from tetra_orchestrator.core.slots import LATE, RAN, RUNNING
from tetra_orchestrator.core.states import RUN_ACTIVE, RUN_TERMINAL, TERMINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.store.database import Database

_AGREE = "runs, tasks, attempts, slots, partitions and letters agree with each other"
_REMEDY = "keep the store and please report it; `tetra state backup` makes a copy to send"

_OVER, _DONE, _LIVE = words(RUN_TERMINAL), words(TERMINAL), words(RUN_ACTIVE)
_TASK = "run_id || ' ' || task_id AS who"
_OF_RUN = "JOIN runs ON runs.id = run"
#: Code, what does not hold, and the query for the rows of which it does not. Numbers: reliability.md, section 5.
RULES = (
    (  # I1
        "store_attempts",
        "tasks with more than one attempt that has not ended",
        f"SELECT {_TASK} FROM attempts {_OF_RUN} WHERE kind IS NULL GROUP BY run_id, task_id HAVING count(*) > 1",
    ),
    (  # I2
        "store_successes",
        "attempts that succeeded and did not exit with 0",
        f"SELECT {_TASK} FROM attempts {_OF_RUN} WHERE attempts.state = 'succeeded'"
        " AND coalesce(kind, '') <> 'stopped' AND NOT (coalesce(kind, '') = 'exited' AND attempts.exit_code = 0)",
    ),
    (  # I2
        "store_successes",
        "tasks that succeeded without an attempt that did",
        f"SELECT {_TASK} FROM task_runs {_OF_RUN} WHERE task_runs.state = 'succeeded' AND NOT EXISTS (SELECT 1"
        " FROM attempts WHERE attempts.run = task_runs.run AND attempts.task_id = task_runs.task_id"
        " AND attempts.state = 'succeeded')",
    ),
    (  # I3
        "store_ends",
        "tasks or attempts that go on in runs that are over",
        f"SELECT {_TASK} FROM task_runs {_OF_RUN} WHERE runs.state IN ({_OVER}) AND task_runs.state NOT IN ({_DONE})"
        f" UNION SELECT {_TASK} FROM attempts {_OF_RUN} WHERE runs.state IN ({_OVER}) AND kind IS NULL",
    ),
    (  # I3
        "store_ends",
        "runs that are over without an end, or have an end and are not over",
        f"SELECT run_id AS who FROM runs WHERE (state IN ({_OVER})) <> (finished_at IS NOT NULL)",
    ),
    (  # I4
        "store_events",
        "runs that lack some of their events",
        f"SELECT run_id AS who FROM events {_OF_RUN} GROUP BY run_id HAVING count(*) <> max(seq)",
    ),
    (
        "store_slots",
        "slots that no run ran, or that a run still runs that is over",
        "SELECT slots.schedule || ' ' || slots.slot AS who FROM slots LEFT JOIN runs ON runs.run_id = slots.run_id"
        f" WHERE slots.outcome = '{RUNNING}' AND (runs.state IS NULL OR runs.state NOT IN ({_LIVE}))"
        f" OR slots.outcome IN ('{RAN}', '{LATE}') AND slots.run_id IS NULL",
    ),
    (
        "store_partitions",
        "partitions in another state than their runs",
        "SELECT partitions.run_id AS who FROM partitions JOIN runs ON runs.run_id = partitions.run_id"
        f" WHERE partitions.state NOT IN ('{PENDING}', '{SKIPPED_PARTITION}', runs.state)",
    ),
    (
        "store_letters",
        "letters that were sent at no time, or not sent and have one",
        f"SELECT channel || ' ' || id AS who FROM letters WHERE (state = '{SENT}') <> (sent_at IS NOT NULL)",
    ),
)


def check(db: Database) -> list[Diagnosis]:
    """What breaks a rule, or that nothing does."""
    found = [one for rule in RULES if (one := _broken(db, *rule))]
    return found or [Diagnosis("store_rows", OK, _AGREE)]


def _broken(db: Database, code: str, text: str, query: str) -> Diagnosis | None:
    [(number, first)] = db.rows(f"SELECT count(*), min(who) FROM ({query}) AS found")
    return Diagnosis(code, ERROR, f"{text}: {number}, such as {first}", _REMEDY) if number else None
