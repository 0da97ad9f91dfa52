"""What must hold where several hosts share a database: pools that they share, and how long one may be silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.build_task import KILL_GRACE_S
from tetra_orchestrator.core.store_address import is_postgres

if TYPE_CHECKING:
    from tetra_orchestrator.config.sheet import Sheet

#: A session, a statement and a restart of the server have to fit in several times.
SHORTEST_S = 10.0
#: Until a run notices that its host is cut off, at most, beyond half of the time: it may be waiting for an answer.
UNNOTICED_S = 13.0


def check_hosts(sheet: Sheet) -> None:
    """Report what only a database can give where the store is none, and a host that would be given up too soon."""
    document = sheet.document
    if document.host.timeout < SHORTEST_S:
        message = f"'timeout' is {document.host.timeout:g} s, and a server takes longer to be restarted"
        sheet.error("host_timeout", ("host", "timeout"), message, f"write {SHORTEST_S:g}s or more")
    if is_postgres(document.state):
        return _warn_of_slow_ends(sheet)
    for name, pool in document.pools.items():
        if pool.scope == "shared":
            message = f"the pool '{name}' cannot be shared: the store is a file of this host, which no other host sees"
            hint = "write `scope: host`, or name a PostgreSQL database in `state:`"
            sheet.error("shared_pool", ("pools", name, "scope"), message, hint)


def _warn_of_slow_ends(sheet: Sheet) -> None:
    """A host that is cut off has to have ended its tasks before others take them over."""
    document = sheet.document
    common = document.defaults.task.kill_grace
    given = [task.kill_grace for _, task in sheet.tasks() if task.kill_grace is not None]
    grace = max([KILL_GRACE_S if common is None else common, *given])
    longest = document.host.timeout / 2 + UNNOTICED_S + grace
    if longest > document.host.timeout:
        message = (
            f"a host that is cut off may need {longest:g} s to end its tasks, and others take its runs over after"
            f" {document.host.timeout:g} s"
        )
        hint = f"write {2 * (UNNOTICED_S + grace):g}s or more, or a shorter `kill_grace`"
        place = ("host", "timeout") if "timeout" in sheet.names("host") else ("state",)
        sheet.warn("host_timeout", place, message, hint)
