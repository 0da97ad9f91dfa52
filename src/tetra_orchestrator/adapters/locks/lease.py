"""The lease of one run: as long as its owner can show the server that it has the run's lock, it may start attempts.

It shows that before each decision. When it cannot, nothing new starts and what runs goes on, while it tries to get its
session back. After half of the lease it gives up, so that what it had started is over before others take its place.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager, suppress

from tetra_orchestrator import failpoints
from tetra_orchestrator.adapters.locks import claims
from tetra_orchestrator.adapters.locks.advisory import RUN, channel, refusal
from tetra_orchestrator.adapters.locks.link import Lost, away
from tetra_orchestrator.adapters.locks.session import Gone, Waited
from tetra_orchestrator.errors import CannotWrite, StoreError, TetraError
from tetra_orchestrator.ports import Wakeup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tetra_orchestrator.adapters.locks.link import Link
    from tetra_orchestrator.adapters.locks.session import Session
    from tetra_orchestrator.adapters.locks.shares import RunShares

#: So many proofs are written in the time of a lease.
PROOFS = 12
#: Seconds between two tries to get a session back.
RETRY_S = 0.25
_WANTED = "wanted "
# It goes on while the machine sleeps, and so does the server's.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Lease:
    """The `Shares` of one run in the database; `local` are those among the runs of this place."""

    def __init__(self, link: Link, local: RunShares, run_id: str, lease_s: float, pools: frozenset[str]):
        self._link = link
        self._local = local
        self._run_id = run_id
        self._lease_s = lease_s
        self._pools = pools
        self._lock = {f"{RUN}{run_id}": False}
        self._takes: Mapping[str, int] = {}
        self._session: Session | None = None
        self._written = self._tried = 0.0
        self._heard = self._in_turn = False

    def __enter__(self) -> Lease:
        self._local.__enter__()
        try:
            self._link.rename(f"run {self._run_id}")
            taken = self._link.take(self._lock)
            if taken is not None:
                raise refusal(taken)
            self._link.do(self._introduce)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            if self._session is not None:
                failpoints.hit("owner.write")
                self._link.seen.note(claims.end(self._session, self._run_id))
                failpoints.hit("owner.write.commit")
        except (Gone, TetraError):
            self._link.end()  # the row says until when the lease was
        finally:
            self._link.drop(self._lock)
            self._local.__exit__()

    @contextmanager
    def turn(self) -> Iterator[Mapping[str, int] | None]:
        """What the other runs take; None where we cannot show that the run is still ours, or cannot look.

        Raises `StoreError` when that has been so for half of the lease.
        """
        if not self._prove():
            yield None
            return
        with self._local.turn() as mine:
            if mine is None or not self._pools:
                yield mine
                return
            others = self._begin_turn()
            try:
                yield None if others is None else _sum(mine, others)
            finally:
                self._end_turn()

    def take(self, amounts: Mapping[str, int]) -> None:
        """Publish what this run takes; within a turn."""
        self._local.take(amounts)
        takes = {name: n for name, n in amounts.items() if name.removeprefix(_WANTED) in self._pools}
        if takes != self._takes and self._in_turn:
            self._takes = takes
            self._publish()

    def wakeup(self) -> Wakeup:
        """When the next turn is due for the sake of the lease, and what becomes readable when there is news."""
        if self._session is None:
            return Wakeup(None, RETRY_S)
        return Wakeup(self._session.fd, self._lease_s / PROOFS)

    def asked(self) -> bool:
        """Whether somebody may have asked this run for something since the last call."""
        heard, self._heard = self._heard, False
        return heard

    # -- the proof ----------------------------------------------------------------------------------------------

    def _prove(self) -> bool:
        """Whether the run's lock is ours now."""
        now = _now()
        if self._session is None and now - self._tried < RETRY_S:
            return self._missed(now, "")
        self._tried = now
        try:
            session = self._link.session()
            if session is not self._session:
                self._introduce(session)
            elif now - self._written >= self._lease_s / PROOFS:
                self._write(session)
            else:
                session.ask("SELECT")
            self._heard = session.notified() or self._heard
        except (Gone, Lost, Waited) as why:
            self._link.end()
            self._session = None
            return self._missed(now, str(why))
        return True

    def _missed(self, now: float, why: str) -> bool:
        lasted = now - self._written  # that is what others count from
        if lasted < self._lease_s / 2:
            return False
        fault = away(why or "it was not there at the last try")
        raise StoreError(
            f"for {lasted:.0f} s nothing could show that run {self._run_id} is still ours; {fault.message}",
            hint="see whether the server runs; `host: {timeout: ...}` says for how long it may be away",
            code="store_lost",
        )

    def _introduce(self, session: Session) -> None:
        """Make this session known as the owner's, and have it hear of requests; some may have come before it."""
        now = _now()
        session.ask(f'LISTEN "{channel(self._run_id)}"')
        self._heard = True
        failpoints.hit("owner.write")
        whose = (self._link.place, self._link.host, self._lease_s, json.dumps(self._takes))
        self._link.seen.note(claims.begin(session, self._run_id, *whose))
        failpoints.hit("owner.write.commit")
        self._session, self._written = session, now

    def _write(self, session: Session) -> None:
        now = _now()
        failpoints.hit("owner.write")
        transaction = claims.prove(session, self._run_id)
        failpoints.hit("owner.write.commit")
        if transaction is None:
            return self._introduce(session)
        self._written = now
        with suppress(CannotWrite):  # at the next proof there may be room
            self._link.seen.note(transaction)

    # -- pools that hosts share ---------------------------------------------------------------------------------

    def _begin_turn(self) -> list[Mapping[str, int]] | None:
        assert self._session is not None
        self._gate = claims.Turn(self._session)
        try:
            self._gate.__enter__()
            self._in_turn = True
            found = claims.taken_elsewhere(self._session, self._link.place)
            return [json.loads(takes) for run_id, takes in found if self._lives(self._session, run_id)]
        except (Gone, Waited):
            return None

    def _lives(self, session: Session, run_id: str) -> bool:
        owner = claims.owner(session, run_id, f"{RUN}{run_id}")
        return owner is not None and (owner.held or owner.within)

    def _publish(self) -> None:
        """Durably, as others rely on it. Where the session ends just now, its successor tells them."""
        assert self._session is not None
        try:
            failpoints.hit("owner.write")
            claims.put_takes(self._session, self._run_id, json.dumps(self._takes))
            self._gate.__exit__(None)
            failpoints.hit("owner.write.commit")
            self._in_turn = False
        except Gone:
            self._in_turn = False
            while not self._prove():
                time.sleep(RETRY_S)

    def _end_turn(self) -> None:
        if self._in_turn:
            self._in_turn = False
            try:
                self._gate.__exit__(None)
            except Gone:
                self._link.end()
                self._session = None


def _sum(mine: Mapping[str, int], others: list[Mapping[str, int]]) -> dict[str, int]:
    total = dict(mine)
    for each in others:
        for name, amount in each.items():
            total[name] = total.get(name, 0) + amount
    return total


def _now() -> float:
    return time.clock_gettime(_CLOCK)
