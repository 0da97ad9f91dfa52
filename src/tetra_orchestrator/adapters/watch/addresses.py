"""Asks addresses: whether they answer, and from when what they have is."""

from __future__ import annotations

import socket
from base64 import b64encode
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from ssl import SSLError
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from tetra_orchestrator.core.data_age import Seen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.client import HTTPMessage, HTTPResponse
    from typing import IO
    from urllib.parse import SplitResult

#: Codes of a server that is there, and wants something else from us.
_ALIVE = frozenset((401, 403, 405, 429))
#: Codes of one that does not know HEAD.
_NO_HEAD = frozenset((400, 403, 404, 405, 501))
_AGENT = "tetra-orchestrator"
#: What no proxy can reach for us.
_HERE = frozenset(("localhost", "127.0.0.1", "::1"))


class _SameHost(HTTPRedirectHandler):
    """Follows a redirection within the host alone, and never out of TLS: who asks would be told to somebody else."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.hostname != old.hostname or (old.scheme, new.scheme) == ("https", "http"):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fault(address: str, limit_s: float) -> str | None:
    """What is wrong with the address (http, https or tcp://host:port); None for one that answers.

    Any answer below 400 will do, a redirection that leads elsewhere too; and codes that only a live server gives.
    """
    try:
        parts = urlsplit(address)
        if parts.scheme == "tcp":
            with socket.create_connection((parts.hostname or "", parts.port or 0), limit_s):
                return None
        with _opened(address, "GET", limit_s):
            return None
    except HTTPError as error:
        error.close()
        return None if error.code < 400 or error.code in _ALIVE else f"HTTP {error.code} {error.reason}"
    except Exception as error:  # an address of the user's may be anything
        return _reason(error)


def last_modified(address: str, limit_s: float) -> Seen:
    """What the address says of when that was changed which it has."""
    try:
        try:
            said = _header(address, "HEAD", limit_s)
        except HTTPError as error:
            error.close()
            if error.code not in _NO_HEAD:
                raise
            said = _header(address, "GET", limit_s)
    except HTTPError as error:
        error.close()
        return Seen(error=f"it answers with HTTP {error.code} {error.reason}")
    except Exception as error:
        return Seen(error=_reason(error))
    if said is None:
        return Seen(error="its answer has no Last-Modified")
    try:
        return Seen(parsedate_to_datetime(said).astimezone(UTC), said)
    except ValueError:
        return Seen(error=f"its Last-Modified is {said[:40]!r}, which is no time")


def _header(address: str, method: str, limit_s: float) -> str | None:
    with _opened(address, method, limit_s) as answer:
        value: str | None = answer.headers.get("Last-Modified")
        return value


def _opened(address: str, method: str, limit_s: float) -> HTTPResponse:
    opener = OpenerDirector()
    parts = urlsplit(address)
    here = (parts.hostname or "") in _HERE
    for handler in (
        ProxyHandler({} if here else None),
        *(HTTPHandler(), HTTPSHandler(), HTTPDefaultErrorHandler(), HTTPErrorProcessor(), _SameHost()),
    ):
        opener.add_handler(handler)
    request = Request(_without_login(parts), method=method, headers={"User-Agent": _AGENT, **_login(parts)})
    answer: HTTPResponse | None = opener.open(request, None, limit_s)
    if answer is None:
        raise ValueError("it is neither http, https nor tcp")
    return answer


def _login(parts: SplitResult) -> dict[str, str]:
    """What an address says of who asks, as the header that HTTP has for it (RFC 7617)."""
    if parts.username is None:
        return {}
    words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {b64encode(words.encode()).decode()}"}


def _without_login(parts: SplitResult) -> str:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _reason(error: Exception) -> str:
    """Why there was no answer, without the address, which may hold secrets."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, SSLError):
        return f"its certificate or TLS is at fault: {cause.reason or cause}"
    if isinstance(cause, OSError):
        return (cause.strerror or str(cause)).strip() or type(cause).__name__
    if isinstance(cause, HTTPException):
        return f"what it answers is no HTTP: {type(cause).__name__}"
    return str(cause)
