"""The crash sweep with the store in PostgreSQL: the same scenarios, without what only a file has, with what it adds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from proofs import sweep_project
from proofs.sweep_scenarios import SCENARIOS, Scenario
from support.postgres import Server

#: Connections for all commands of all cases at once.
CONNECTIONS = "max_connections=200"
#: These places are a file's.
OF_A_FILE = ("store.make", "migrate.step", "reserve.make", "backup.write", "restore.write")
#: Here the past is a file, or the files of a past run are copied.
WITH_A_FILE = ("an old store", "a younger store", "a backup", "a restore", "old runs")
#: A run says who owns it when it begins, and at its end that nobody does.
OWNERS = {f"{name}{end}": (1, 2) for name in ("owner.write", "seen.write") for end in ("", ".commit")}


def _on_postgres(scenario: Scenario) -> Scenario:
    places = {name: hits for name, hits in scenario.places.items() if name.removesuffix(".commit") not in OF_A_FILE}
    return scenario._replace(places=places)


POSTGRES = {f"{name}, on PostgreSQL": _on_postgres(one) for name, one in SCENARIOS.items() if name not in WITH_A_FILE}
POSTGRES["a run with an owner, on PostgreSQL"] = SCENARIOS["a run"]._replace(places=OWNERS)


@contextmanager
def server() -> Iterator[None]:
    """Have every project made meanwhile keep its store in a new database of one server."""
    started = Server(settings=(CONNECTIONS,))
    before, sweep_project.new_database = sweep_project.new_database, started.store
    try:
        yield
    finally:
        sweep_project.new_database = before
        started.remove()
