"""Why something could not be reached, in words. Never the text of an exception, which may hold an address's secret."""

from __future__ import annotations

import socket
import ssl

from tetra_orchestrator.core.letters import SILENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Names a file of further authorities, as OpenSSL has it.
CA_VARIABLE = "SSL_CERT_FILE"


def cause_of(error: BaseException, *, sent: bool = False) -> str:
    """What was behind the error, such as `connection refused`.

    With `sent` the letter may have arrived all the same, and the text says `no answer` (core/letters.py `SILENCE`).
    """
    for each in behind(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({each.verify_message}); {CA_VARIABLE} may name its authority"
        if isinstance(each, ssl.SSLError) and each.reason:
            plain = "; the other side speaks no TLS at this port" if each.reason == "WRONG_VERSION_NUMBER" else ""
            return f"TLS failed ({each.reason.replace('_', ' ').lower()}){plain}"
        if isinstance(each, socket.gaierror):
            return "nobody knows its name"
        if isinstance(each, ConnectionRefusedError):
            return "connection refused"
    cause = _broken_off(error)
    return f"{SILENCE}: {cause}" if sent else cause


def _broken_off(error: BaseException) -> str:
    for each in behind(error):
        if isinstance(each, TimeoutError):
            return "it took too long"
        if isinstance(each, ConnectionError):  # http.client.RemoteDisconnected is one, too
            return "it hung up"
        if isinstance(each, OSError) and each.strerror and each.errno:
            return each.strerror
    return f"it cannot be understood ({type(error).__name__})"


def behind(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it; libraries wrap it several times."""
    todo, seen = [error], set[int]()
    while todo:
        each = todo.pop()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            around = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
            todo += [one for one in around if isinstance(one, BaseException)]
