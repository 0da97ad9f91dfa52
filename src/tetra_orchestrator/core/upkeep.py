"""What the `state` commands tell: what an upgrade would do, what a copy of the store holds, what a restore has done."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record


class UpgradeStep(Record):
    """The step that leads to a version, and what it does in a clause."""

    version: int
    text: str


class UpgradePlan(Record):
    """What an upgrade of the store at `path` would do. `found` and `newest` are versions, `program` wrote the store.

    A file with steps to do is copied to `backup` first, on a disk that has `free_bytes`. A server makes no such copy.
    """

    path: str
    found: int
    newest: int
    program: str | None
    steps: tuple[UpgradeStep, ...]
    size_bytes: int
    backup: str | None = None
    free_bytes: int | None = None


class Holding(Record):
    """What a file with a store holds: so many runs, the last of them called `last_run`."""

    path: str
    version: int
    size_bytes: int
    runs: int
    last_run: str | None


class Restored(Record):
    """What is in the store's place now, and where what was there before is kept (None where there was nothing)."""

    store: str
    source: Holding
    kept: str | None
