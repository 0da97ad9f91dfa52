"""The connection to PostgreSQL whose server process holds our advisory locks.

The locks live as long as that process. It ends when we do, and when the server does not hear from our host for a while.
So every answer on this connection proves that we still have them, and no answer is waited for without limit.
"""

from __future__ import annotations

import select
import time

from tetra_orchestrator.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.pq.abc import PGconn, PGresult

    Row = tuple[str | None, ...]

#: Seconds within which the server answers, or is taken to be gone.
ANSWER_S = 5
#: Seconds for which a session waits for another that is taking locks.
GATE_S = 5
#: A process that was stopped amid taking locks loses its session after so many seconds: nobody else could take any.
TURN_S = 10
_LOCK_TIMEOUT = "55P03"

# What the session needs of the server, where it knows it: 13 has no idle_session_timeout. The keepalives are the
# server's own, so that it drops us when our host has vanished without a word.
_SETTINGS = """
SELECT set_config(name, wanted, false) FROM pg_settings JOIN (VALUES
    ('tcp_keepalives_idle', $1::text), ('tcp_keepalives_interval', $1), ('tcp_keepalives_count', '2'),
    ('tcp_user_timeout', $2), ('lock_timeout', $3), ('statement_timeout', '0'), ('idle_session_timeout', '0'),
    ('idle_in_transaction_session_timeout', $4), ('client_min_messages', 'error')
) AS wish (name, wanted) USING (name)
UNION ALL SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""


class Gone(Exception):
    """The session has ended, or the server does not answer; with that all its locks are gone, or will be."""


class Waited(Exception):
    """Another session has kept a lock for longer than we wait."""


class Session:
    """A connection to the database at `url`, shown there as `name`. Raises `Gone` where there is no server.

    `vanish_s`: so long after it has heard from our host last, the server drops us. What gives each transaction another
    session, the store has refused before.
    """

    def __init__(self, url: str, name: str, vanish_s: float):
        import psycopg

        try:
            self._connection: Connection = psycopg.connect(
                url,
                autocommit=True,
                application_name=name,
                connect_timeout=ANSWER_S,
                tcp_user_timeout=ANSWER_S * 1000,
                keepalives_idle=ANSWER_S,
            )
        except psycopg.OperationalError as error:
            raise Gone(_first_line(error)) from error
        self._pg: PGconn = self._connection.pgconn
        self._pg.nonblocking = 1
        try:
            third_s = max(int(vanish_s / 4), 1)
            self.ask(_SETTINGS, str(third_s), str(int(vanish_s * 750)), str(GATE_S * 1000), str(TURN_S * 1000))
        except BaseException:
            self.close()
            raise

    @property
    def fd(self) -> int:
        """A descriptor that becomes readable when there is news, such as the session's end."""
        return self._pg.socket

    def ask(self, query: str, *values: str | None) -> list[Row]:
        """The rows of one statement, as texts. `Gone` where there is no answer, `Waited` where a lock was not free."""
        from psycopg.pq import ExecStatus

        result = self._answer(query, values)
        if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            return [
                tuple(_text(result.get_value(row, column)) for column in range(result.nfields))
                for row in range(result.ntuples)
            ]
        raise self._fault(result)

    def notified(self) -> bool:
        """Whether a notification has come since the last call. `Gone` where the session has ended."""
        from psycopg import OperationalError

        try:
            self._pg.consume_input()
        except OperationalError as error:
            raise Gone(_first_line(error)) from error
        heard = False
        while self._pg.notifies() is not None:
            heard = True
        return heard

    def close(self) -> None:
        """End the session, and with it all of its locks."""
        self._pg.finish()

    def _answer(self, query: str, values: Sequence[str | None]) -> PGresult:
        from psycopg import OperationalError

        until = time.monotonic() + ANSWER_S + GATE_S
        try:
            self._pg.send_query_params(query.encode(), [None if one is None else one.encode() for one in values])
            while self._pg.flush():
                self._wait(select.POLLIN | select.POLLOUT, until)
                self._pg.consume_input()
            found: list[PGresult] = []
            while True:
                while self._pg.is_busy():
                    self._wait(select.POLLIN, until)
                    self._pg.consume_input()
                result = self._pg.get_result()
                if result is None:
                    return found[-1]
                found.append(result)
        except (OperationalError, IndexError) as error:
            raise Gone(_first_line(error)) from error

    def _wait(self, events: int, until: float) -> None:
        poll = select.poll()
        poll.register(self._pg.socket, events)
        if not poll.poll(max(until - time.monotonic(), 0.0) * 1000):
            raise Gone(f"the server has not answered within {ANSWER_S + GATE_S} s")

    def _fault(self, result: PGresult) -> Exception:
        from psycopg.pq import ConnStatus, DiagnosticField

        said = _text(result.error_field(DiagnosticField.MESSAGE_PRIMARY)) or "an error without a message"
        state = _text(result.error_field(DiagnosticField.SQLSTATE)) or ""
        if state == _LOCK_TIMEOUT:
            return Waited(said)
        # 57P: the server shuts down, or somebody has ended the session
        if self._pg.status != ConnStatus.OK or state.startswith(("57P", "08")):
            return Gone(said)
        return StoreError(f"the locks in the database cannot be used: {said}", hint=_RIGHTS, code="store_locks")


_RIGHTS = "the role of `state:` needs the rights that docs/postgresql.md lists"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
