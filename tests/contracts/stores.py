"""The stores that the contracts are held against, by name: each made in an empty folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.postgres import passing_store
from tetra_orchestrator.adapters.store.memory import MemoryStore
from tetra_orchestrator.adapters.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tetra_orchestrator.ports import Store

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(str(folder / "state" / "tetra.db")),
    "postgres": lambda folder: passing_store(),
}
