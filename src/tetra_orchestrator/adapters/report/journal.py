"""Entries for systemd's journal, with fields to look for: `journalctl TETRA_RUN_ID=...`.

The protocol is https://systemd.io/JOURNAL_NATIVE_PROTOCOL: a datagram for each entry.
"""

from __future__ import annotations

import socket

from tetra_orchestrator.adapters.report.narration import texts
from tetra_orchestrator.core.spoken import instant, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tetra_orchestrator.adapters.report.entries import Entry, Scribe
    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.ports import Subject

SOCKET = "/run/systemd/journal/socket"
IDENTIFIER = "tetra"
#: syslog(3).
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
#: Seconds after which a journal that takes nothing is given up.
PATIENCE_S = 1.0
#: Bytes of a message; a datagram of more than the socket's buffer is refused.
LONGEST = 32_000
#: Fields of an entry and what the journal calls them.
_FIELDS = {
    **{name: f"TETRA_{name.upper()}" for name in ("run_id", "project", "mode", "schedule", "slot", "pipeline", "task")},
    **{name: f"TETRA_{name.upper()}" for name in ("attempt", "state", "trace_id", "duration_s")},
    "tenant_id": "TETRA_TENANT",
}


class JournalReporter:
    """Tells the journal what people are told of a run. Raises `OSError` where there is no journal."""

    def __init__(self, subject: Subject, scribe: Scribe, mask: Callable[[str], str], address: str = SOCKET):
        self._subject = subject
        self._scribe = scribe
        self._mask = mask
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.settimeout(PATIENCE_S)
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise

    def event(self, event: RunEvent) -> None:
        """Send the event, unless it is one that people need not read."""
        lines = texts(event, self._subject)
        for entry in self._scribe.entries(event) if lines else ():
            self._socket.send(self._datagram(entry, "\n".join(lines)))

    def flush(self) -> None:
        """Nothing waits."""

    def tick(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _datagram(self, entry: Entry, message: str) -> bytes:
        fields = {
            "MESSAGE": printable(self._mask(message)).encode()[:LONGEST].decode(errors="ignore"),
            "PRIORITY": str(PRIORITIES[entry.level]),
            "SYSLOG_IDENTIFIER": IDENTIFIER,
            "TETRA_EVENT": entry.event_type,
            "TETRA_TIME": instant(entry.ts),
        }
        own = {name: str(entry.fields[key]) for key, name in _FIELDS.items() if key in entry.fields}
        return b"".join(_field(name, value) for name, value in {**fields, **own}.items())


def _field(name: str, value: str) -> bytes:
    data = value.encode(errors="backslashreplace")
    if b"\n" not in data:
        return b"%s=%s\n" % (name.encode(), data)
    return b"%s\n%s%s\n" % (name.encode(), len(data).to_bytes(8, "little"), data)
