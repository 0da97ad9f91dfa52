"""The locks of a project whose store is in PostgreSQL: on this host and, by the same names, in the database.

The local ones come first: they are fast, and tell at once that a process of this place has died. Those in the database
keep out other hosts. What is known of another host is its session, which may end although the host goes on. So the
owner of a run there counts as living until its lease is over: by then it has noticed, and ended what it had started.
"""

from __future__ import annotations

from contextlib import contextmanager

from tetra_orchestrator.adapters.locks import claims
from tetra_orchestrator.adapters.locks.link import Link, holder
from tetra_orchestrator.errors import NotNow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from tetra_orchestrator.adapters.locks.lease import Lease
    from tetra_orchestrator.adapters.locks.session import Session
    from tetra_orchestrator.adapters.locks.table import LockTable

RUN = "run-"
PROCESS = "process-"


class AdvisoryTable:
    """The `Locks` of a project in the database at `url`.

    The server, and whoever looks at the runs of this process, take it for dead when nothing has been heard of it for
    `lease_s` seconds. Of the pools in `shared` the runs of all hosts together take no more than there is.
    """

    def __init__(self, local: LockTable, url: str, lease_s: float, shared: Collection[str] = ()):
        self._local = local
        self._lease_s = lease_s
        self._shared = frozenset(shared)
        self._link = Link(url, local.folder, lease_s)

    @contextmanager
    def held(self, names: Sequence[str], holder: str, *, shared: bool = False) -> Iterator[None]:
        """Take all names until the end of the `with` block. `NotNow` naming the other holder when one is taken.

        Several may hold a name `shared` at the same time. `StoreError` where the server cannot be reached.
        """
        wanted = dict.fromkeys(names, shared)
        with self._local.held(names, holder, shared=shared):
            taken = self._link.take(wanted)
            if taken is not None:
                raise refusal(taken)
            try:
                yield
            finally:
                self._link.drop(wanted)

    def is_held(self, name: str) -> bool:
        """Whether anybody holds the lock, or of a run's lock: may do so again before its lease is over."""
        return self._local.is_held(name) or self._link.do(lambda session: self._is_held(session, name))

    def shares(self, run_id: str, parent: str | None = None) -> Lease:
        """The run's lock and its lease, and what it takes of what live runs share, until the end of the `with` block.

        `parent` is the run of whose task this one is a part.
        """
        from tetra_orchestrator.adapters.locks.lease import Lease

        return Lease(self._link, self._local.shares(run_id, parent), run_id, self._lease_s, self._shared)

    def nudge(self, run_id: str) -> None:
        """Have the owner of the run look at what it was asked for, on whichever host it is."""
        self._link.do(lambda session: session.ask("SELECT pg_notify($1, '')", channel(run_id)))

    def show(self, process: str) -> None:
        """Have other hosts see that this process of ours lives, as long as the session does."""
        self._link.take({f"{PROCESS}{process}": True})

    def is_shown(self, process: str) -> bool:
        """Whether a session is that of the process."""
        return self._link.do(lambda session: claims.is_held(session, f"{PROCESS}{process}"))

    def close(self) -> None:
        """End the session, if there is one."""
        self._link.end()

    def _is_held(self, session: Session, name: str) -> bool:
        owner = claims.owner(session, name.removeprefix(RUN), name) if name.startswith(RUN) else None
        if owner is None:
            return claims.is_held(session, name)
        # what became of an owner of this place the local lock has told already
        return owner.place != self._link.place and (owner.held or owner.within)


def channel(run_id: str) -> str:
    """Where the run's owner listens."""
    return f"tetra_{run_id}"


def refusal(taken: claims.Taken) -> NotNow:
    """The error for a lock that another session of the database has."""
    kind, _, name = taken.name.partition("-")
    who = holder(taken) or "another session of the database"
    hint = "wait until it ends, or end it with `tetra cancel RUN`"
    return NotNow(f"the {kind} {name!r} is already being run by {who}", hint=hint)
