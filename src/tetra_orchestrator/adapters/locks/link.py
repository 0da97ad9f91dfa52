"""This process's session with the database: made when it is needed, made anew when it has ended, with all its locks."""

from __future__ import annotations

import os
import time

from tetra_orchestrator.adapters.locks import claims
from tetra_orchestrator.adapters.locks.place import host, place
from tetra_orchestrator.adapters.locks.seen import Seen
from tetra_orchestrator.adapters.locks.session import Gone, Session, Waited
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.errors import NotNow, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    T = TypeVar("T")

#: For so many seconds a command waits for a server that has just gone: it may be starting again.
PATIENCE_S = 5.0
_PAUSE_S = 0.1
_PREFIX = "tetra"
_END_SESSION = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1::int AND application_name = $2"


class Lost(Exception):
    """Another session has one of the locks that ours had."""


class Holder(Record):
    """Who a session belongs to, as its name on the server tells: the place, the host, and a run or process there."""

    place: str
    host: str
    label: str

    def __str__(self) -> str:
        return f"{self.label} on host {self.host}"


class Link:
    """The session, and what it is to hold: by name, whether shared. `folder` is that of the local locks.

    `label` says on the server what we are doing.
    """

    def __init__(self, url: str, folder: str, lease_s: float):
        self.host = host()
        self.seen = Seen(os.path.dirname(folder))
        self.label = f"pid {os.getpid()}"
        self._url = url
        self._folder = folder
        self._lease_s = lease_s
        self._names: dict[str, bool] = {}
        self._session: Session | None = None
        self._known_as = ""

    @property
    def place(self) -> str:
        """The place that we are at."""
        return place(self._folder)

    def session(self) -> Session:
        """The session with all its locks. Raises `Gone`, and `Lost` where another has one of them meanwhile."""
        if self._session is None:
            session = Session(self._url, self._name(), self._lease_s)
            try:
                self.seen.check(session)
                claims.make_table(session)
                self._retake(session)
            except BaseException:
                session.close()
                raise
            self._session = session
        return self._session

    def do(self, work: Callable[[Session], T]) -> T:
        """What `work` answers. Raises `StoreError` where the server stays away, `NotNow` where others hold it up."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return work(self.session())
            except Gone as why:
                self.end()
                if time.monotonic() >= until:
                    raise away(str(why)) from why
            except Lost as why:
                raise away(str(why)) from why
            except Waited as why:
                message = "the locks in the database are being changed by another session"
                raise NotNow(message, hint="try again") from why
            time.sleep(_PAUSE_S)

    def take(self, names: Mapping[str, bool]) -> claims.Taken | None:
        """Hold all of the locks from now on, or none: then the first that another session has.

        The local locks of these names are ours. So a session of this place that still has one of them belongs to a
        process that has died, and is ended.
        """
        until = time.monotonic() + PATIENCE_S
        while True:
            taken = self.do(lambda session: claims.take(session, names))
            if taken is None:
                self._names.update(names)
                return None
            who = holder(taken)
            if who is None or who.place != self.place or time.monotonic() >= until:
                return taken
            self.do(lambda session, of=taken: session.ask(_END_SESSION, str(of.pid), of.holder))  # type: ignore[misc]
            time.sleep(_PAUSE_S)

    def drop(self, names: Mapping[str, bool]) -> None:
        """Hold them no longer. A session that has ended has let them go already."""
        for name in names:
            self._names.pop(name, None)
        if self._session is not None:
            try:
                claims.release(self._session, names)
            except (Gone, StoreError):
                self.end()

    def rename(self, label: str) -> None:
        """Say on the server that we are doing this from now on."""
        self.label = label
        if self._session is not None:
            self.do(lambda session: session.ask("SELECT set_config('application_name', $1, false)", self._name()))

    def end(self) -> None:
        """End the session; what it is to hold stays so for the next."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _name(self) -> str:
        self._known_as = f"{_PREFIX}/{self.place}/{self.host}/{self.label}"
        return self._known_as

    def _retake(self, session: Session) -> None:
        taken = claims.take(session, self._names) if self._names else None
        if taken is None:
            return
        if taken.holder == self._known_as:  # our own session before this one: the server has not seen its end yet
            session.ask(_END_SESSION, str(taken.pid), taken.holder)
            raise Gone("the session before this one has not ended yet")
        raise Lost(f"{holder(taken) or 'another session'} has taken {taken.name} meanwhile")


def holder(taken: claims.Taken) -> Holder | None:
    """Who has the lock; None where its session has another name than ours have."""
    parts = taken.holder.split("/")
    return Holder(*parts[1:]) if len(parts) == 4 and parts[0] == _PREFIX else None


def away(why: str) -> StoreError:
    """The error for a server that does not answer."""
    message = f"the database cannot be reached: {why}"
    return StoreError(message, hint="see whether the server runs, then start the command again", code="store_away")
