"""What this project has seen of its database last: a copy that is older has lost what has happened since then.

A failover can promote such a copy, and a backup is one. What was done by what it has forgotten would be done twice.
"""

from __future__ import annotations

import os
from contextlib import suppress

from tetra_orchestrator import failpoints
from tetra_orchestrator.errors import CannotWrite, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.locks.session import Session

# The transactions of a cluster are numbered; those that are durable are never forgotten, whatever it survives.
_SERVER = "SELECT system_identifier, current_database(), pg_is_in_recovery() FROM pg_control_system()"
_NEXT = "SELECT pg_snapshot_xmax(pg_current_snapshot())"


class Seen:
    """The newest durable transaction that this project knows of, in a file in `folder` for each server."""

    def __init__(self, folder: str):
        self._folder = folder
        self._path = ""
        self._newest = 0

    def check(self, session: Session) -> None:
        """Raise `StoreError` where the database is a copy that can only be read, or is older than what we have seen."""
        from urllib.parse import quote

        [(system, database, standby)] = session.ask(_SERVER)
        if standby == "t":
            raise StoreError(
                "the server is a standby, which can only be read",
                hint="name the primary in `state:`, such as with target_session_attrs=read-write",
                code="store_standby",
            )
        self._path = f"{self._folder}/postgres-{system}-{quote(database or '', safe='')}.seen"
        self._newest = self._read()  # before the server is asked: others go on meanwhile
        [(following,)] = session.ask(_NEXT)
        if int(following or 0) <= self._newest:
            raise StoreError(
                f"the database is an older copy: it has forgotten transactions up to {self._newest}, which this"
                " project has seen",
                hint="restore the newer one; to go on with the copy all the same, end what still runs and remove"
                f" {self._path}",
                code="store_stale",
            )

    def note(self, transaction: int | None) -> None:
        """Remember a durable transaction. `CannotWrite` where that cannot be written."""
        if transaction is None or transaction <= self._newest:
            return
        self._newest = transaction
        failpoints.hit("seen.write")
        new = f"{self._path}.{os.getpid()}.new"
        try:
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(fd, "w", encoding="ascii") as file:
                file.write(f"{transaction}\n")
            os.replace(new, self._path)
        except OSError as error:
            with suppress(OSError):
                os.unlink(new)
            raise CannotWrite(f"cannot write {self._path}: {error.strerror}", hint="make room on that disk") from error
        failpoints.hit("seen.write.commit")

    def _read(self) -> int:
        try:
            with open(self._path, encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            return 0
