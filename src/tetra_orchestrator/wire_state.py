"""What of the adapters concerns the store as a whole: upgrades, copies, restores. Like `wire`, it chooses adapters."""

from __future__ import annotations

import os

from tetra_orchestrator import wire
from tetra_orchestrator.core.model import SQLITE
from tetra_orchestrator.core.store_address import is_postgres
from tetra_orchestrator.errors import NotNow, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.upkeep import Holding, Restored, UpgradePlan
    from tetra_orchestrator.ports import Store


def to_read(url: str) -> Store | None:
    """The store that a project's `store_url` names, only to be read, as it is; None for a server's."""
    if is_postgres(url):
        return None
    from tetra_orchestrator.adapters.store.sqlite import SqliteStore

    return SqliteStore(url.removeprefix(SQLITE), readonly=True)


def upgrade_plan(url: str) -> UpgradePlan:
    """What an upgrade of the store would do. Raises `StoreError` where there is no store, or a newer one."""
    if is_postgres(url):
        return _postgres_plan(url)
    from tetra_orchestrator.adapters.store.sqlite_upkeep import plan

    return plan(_path(url, ""))


def _postgres_plan(url: str) -> UpgradePlan:
    try:
        from tetra_orchestrator.adapters.store.postgres_upkeep import plan
    except ModuleNotFoundError as error:
        if error.name == "psycopg":
            wire.store(url)  # which says what to install
        raise
    return plan(url)


def upgrade(url: str) -> UpgradePlan:
    """Upgrade the store, as opening it does; what was done."""
    planned = upgrade_plan(url)
    if planned.steps:
        wire.store(url).close()
        if planned.backup is not None:
            from tetra_orchestrator.adapters.store.sqlite_backup import newest_before_upgrade

            return planned._replace(backup=newest_before_upgrade(planned.path, planned.found))
    return planned


def back_up(url: str, place: str | None, *, replace: bool) -> Holding:
    """Copy the store to `place`, or to a name of its own below the state folder."""
    path = _path(url, "pg_dump --schema=orchestration makes a copy while runs go on")
    from tetra_orchestrator.adapters.store.sqlite_upkeep import back_up

    return back_up(path, place, replace=replace)


def restore(url: str, root: str, source: str, *, force: bool) -> Restored:
    """Put the copy in the store's place. Raises `NotNow` while a run of the project in `root` is active."""
    path = _path(url, "pg_restore, or psql with what pg_dump has written, restores it")
    from tetra_orchestrator.adapters.locks.live import live_runs
    from tetra_orchestrator.adapters.locks.table import LockTable
    from tetra_orchestrator.adapters.store.sqlite_restore import restore

    live = live_runs(LockTable(os.path.join(root, wire.STATE, "locks")))
    if live and not force:
        hint = "wait until it ends, end it with `tetra cancel RUN`, or add --force: it then stops at its next commit"
        raise NotNow(f"run {live[0]} is going on", hint=hint)
    return restore(path, os.path.abspath(source), force=force)


def _path(url: str, instead: str) -> str:
    """The file of a store; raises `UsageError` for one on a server."""
    if is_postgres(url):
        raise UsageError("the store is a database on a server, which has tools of its own for this", hint=instead)
    return os.path.abspath(url.removeprefix(SQLITE))
