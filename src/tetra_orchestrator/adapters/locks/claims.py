"""What sessions ask the database: advisory locks by name, and the owners of runs."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tetra_orchestrator.adapters.locks.session import Session

#: One lock of that name is taken while several others are; only so long as one statement lasts, or one turn.
GATE = "gate"
#: `proved_at` is when the run's owner has last shown that it has its lock, by the server's clock. Without it the owner
#: may live for `lease_s` seconds more, and no longer. `takes` are its amounts of pools that hosts share.
_TABLE = """
CREATE TABLE IF NOT EXISTS orchestration.run_owners (
    run_id text PRIMARY KEY,
    place text NOT NULL,
    host text NOT NULL,
    lease_s double precision NOT NULL,
    proved_at timestamptz NOT NULL,
    takes jsonb NOT NULL DEFAULT '{}'
)
"""
_MINE = "locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
_KEY = "(classid::bigint << 32 | objid::bigint)"
_HELD = f"EXISTS (SELECT FROM pg_locks WHERE {_MINE} AND objsubid = 1 AND granted AND {_KEY} = $1::bigint)"
_HOLDER = f"""
SELECT application_name, pid FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE {_MINE} AND objsubid = 1 AND granted AND {_KEY} = $1::bigint AND pid <> pg_backend_pid() LIMIT 1
"""
_WITHIN = "clock_timestamp() < proved_at + lease_s * interval '1 second'"
_OWNER = f"SELECT place, host, {_WITHIN}, {_HELD} FROM orchestration.run_owners WHERE run_id = $2"
_BEGIN = """
INSERT INTO orchestration.run_owners VALUES ($1, $2, $3, $4::float8, clock_timestamp(), $5::jsonb)
ON CONFLICT (run_id) DO UPDATE SET place = excluded.place, host = excluded.host, lease_s = excluded.lease_s,
    proved_at = excluded.proved_at, takes = excluded.takes
RETURNING pg_current_xact_id()
"""
_PROVE = """
UPDATE orchestration.run_owners SET proved_at = clock_timestamp() WHERE run_id = $1 RETURNING pg_current_xact_id()
"""
_TAKE = "UPDATE orchestration.run_owners SET takes = $2::jsonb WHERE run_id = $1"
_OTHERS = "SELECT run_id, takes FROM orchestration.run_owners WHERE place <> $1 AND takes <> '{}'"
_END = "DELETE FROM orchestration.run_owners WHERE run_id = $1 RETURNING pg_current_xact_id()"
_DROP = "DELETE FROM orchestration.run_owners WHERE proved_at < clock_timestamp() - interval '7 days'"


class Taken(Record):
    """The first lock that another session has, how the server shows that, and the pid there; 0 while it is unknown."""

    name: str
    holder: str = ""
    pid: int = 0


class Owner(Record):
    """The owner of a run: its place and host, whether its lease goes on, and whether its session has the lock."""

    place: str
    host: str
    within: bool
    held: bool


def key(name: str) -> str:
    """The number of a lock, 64 bits with sign. The same in every version."""
    from hashlib import sha256

    return str(int.from_bytes(sha256(f"tetra-orchestrator/{name}".encode()).digest()[:8], "big", signed=True))


def make_table(session: Session) -> None:
    """Make the table of owners where there is none yet."""
    if session.ask("SELECT to_regclass('orchestration.run_owners')") == [(None,)]:
        with Turn(session):
            if session.ask("SELECT to_regnamespace('orchestration')") == [(None,)]:
                session.ask("CREATE SCHEMA orchestration")  # IF NOT EXISTS would need the right to make one
            session.ask(_TABLE)


class Turn:
    """A transaction during which no other session takes locks or looks at what others take."""

    def __init__(self, session: Session):
        self._session = session

    def __enter__(self) -> None:
        self._session.ask("BEGIN")
        try:
            self._session.ask("SELECT pg_advisory_xact_lock($1::bigint)", key(GATE))
        except BaseException:
            self._session.ask("ROLLBACK")
            raise

    def __exit__(self, kind: object, *rest: object) -> None:
        self._session.ask("COMMIT" if kind is None else "ROLLBACK")


def take(session: Session, names: Mapping[str, bool]) -> Taken | None:
    """Take all the locks or none, each shared or not, without waiting for any. `Waited` where the gate stays shut."""
    with Turn(session):
        taken: list[str] = []
        for name, shared in sorted(names.items()):
            try_ = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
            if session.ask(f"SELECT {try_}($1::bigint)", key(name)) == [("f",)]:
                release(session, {each: names[each] for each in taken})
                return _taken(session, name)
            taken.append(name)
    return None


def release(session: Session, names: Mapping[str, bool]) -> None:
    """Let the locks go."""
    for name, shared in names.items():
        session.ask(f"SELECT pg_advisory_unlock{'_shared' if shared else ''}($1::bigint)", key(name))


def _taken(session: Session, name: str) -> Taken:
    for holder, pid in session.ask(_HOLDER, key(name)):
        return Taken(name, holder or "", int(pid or 0))
    return Taken(name)


def is_held(session: Session, name: str) -> bool:
    """Whether a session of the database has the lock."""
    return session.ask(f"SELECT {_HELD}", key(name)) == [("t",)]


def owner(session: Session, run_id: str, name: str) -> Owner | None:
    """The owner of the run, whose lock has this name; None where none has begun."""
    for place, host, within, held in session.ask(_OWNER, key(name), run_id):
        return Owner(place or "", host or "", within == "t", held == "t")
    return None


def begin(session: Session, run_id: str, place: str, host: str, lease_s: float, takes: str) -> int:
    """Say who owns the run, durably; the number of the transaction."""
    return _number(session.ask(_BEGIN, run_id, place, host, str(lease_s), takes))


def prove(session: Session, run_id: str) -> int | None:
    """Say that the owner has its lock, durably; the number of the transaction, None where nobody knows the owner."""
    found = session.ask(_PROVE, run_id)
    return _number(found) if found else None


def end(session: Session, run_id: str) -> int | None:
    """The run has no owner any more. Those that nobody has asked about for a week are forgotten, too."""
    session.ask(_DROP)
    found = session.ask(_END, run_id)
    return _number(found) if found else None


def put_takes(session: Session, run_id: str, takes: str) -> None:
    """Publish what the run takes of shared pools, as a JSON object."""
    session.ask(_TAKE, run_id, takes)


def taken_elsewhere(session: Session, place: str) -> Iterator[tuple[str, str]]:
    """Each run of another place that takes something, and what, as a JSON object."""
    for run_id, takes in session.ask(_OTHERS, place):
        yield run_id or "", takes or "{}"


def _number(found: list[tuple[str | None, ...]]) -> int:
    return int(found[0][0] or 0)
