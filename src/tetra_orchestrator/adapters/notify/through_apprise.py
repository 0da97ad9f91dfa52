"""The notification library, apprise, with a transport of ours beneath it.

apprise answers with yes or no. What the outbox has to know, why and when it is worth another try, is in the reply of
the server, so every request of the library's plugins goes through `_Watched`: it keeps time, follows no redirect, reads
64 KB of a reply at most, and notes what the reply means (docs/adr/0012).
"""

from __future__ import annotations

import logging
import ssl
import threading
from contextlib import contextmanager

import apprise
import requests
from requests import sessions
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from tetra_orchestrator.adapters.notify.causes import behind, cause_of
from tetra_orchestrator.adapters.notify.errand import NotDelivered
from tetra_orchestrator.adapters.notify.fitting import MAIL, cut, one_line, subject
from tetra_orchestrator.adapters.notify.posting import server_of
from tetra_orchestrator.adapters.notify.replies import MOST_BYTES, Reply, judge
from tetra_orchestrator.core.alerts import NOTICE, RESOLVED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tetra_orchestrator.adapters.notify.errand import Errand

_EXCERPT = 200
#: What goes wrong before there is a connection.
_UNSENT = (NewConnectionError, ConnectTimeoutError)
#: What an alert is in the library's words, which makes its colour.
_KINDS = {
    "critical": apprise.NotifyType.FAILURE,
    "high": apprise.NotifyType.FAILURE,
    "medium": apprise.NotifyType.WARNING,
    "low": apprise.NotifyType.INFO,
}


class Exchange(threading.local):
    """What this thread's requests have come to: how many were answered well, and the latest that was not."""

    errand: Errand | None = None
    taken = 0
    refused: NotDelivered | None = None
    said = ""


_here = Exchange()


class _Watched(HTTPAdapter):
    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        if _here.errand is None:
            return super().send(request, **options)
        server = server_of(request.url or "")
        options |= {"stream": True, "timeout": _here.errand.left()}
        if options.get("verify", True):  # requests knows variables of its own, and other authorities
            options["verify"] = _authorities()
        try:
            answer = super().send(request, **options)
            _cut(answer)
        except (OSError, HTTPError) as error:  # those of requests are OSErrors
            sent = not any(isinstance(each, _UNSENT) for each in behind(error))
            _here.refused = NotDelivered(f"{server}: {cause_of(error, sent=sent)}")
            raise
        self._note(server, answer)
        return answer

    def _note(self, server: str, answer: requests.Response) -> None:
        try:
            judge(server, _reply(answer))
            _here.taken += 1
        except NotDelivered as error:
            _here.refused = error
            if answer.is_redirect:
                raise requests.TooManyRedirects(error.cause) from None


class _Listener(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _here.said = record.getMessage()


def deliver(errand: Errand) -> None:
    """Send to any address that the library knows; raises `NotDelivered`."""
    url = errand.channel.url or ""
    scheme = one_line(url.partition("://")[0], 40)
    with watching(errand) as exchange:
        plugin = apprise.Apprise.instantiate(url, asset=asset(), suppress_exceptions=True)
        if plugin is None:
            raise NotDelivered(f"{scheme}: {_said(exchange) or 'the library knows no such address'}")
        if not tell(plugin, errand, subject(errand), cut(errand.letter.text, MAIL)):
            raise exchange.refused or NotDelivered(f"{scheme}: {_said(exchange) or 'the library could not send it'}")


def asset() -> Any:
    """How the library calls us."""
    return apprise.AppriseAsset(
        app_id="tetra-orchestrator",
        app_desc="tetra-orchestrator",
        app_url="https://pypi.org/project/tetra-orchestrator/",
        async_mode=False,
    )


def tell(plugin: Any, errand: Errand, title: str, body: str) -> bool:
    """Send by one of the library's plugins, in one message of plain text; whether the library thinks it was taken."""
    plugin.socket_connect_timeout = plugin.socket_read_timeout = errand.left()
    told = plugin.notify(
        body=body or title,
        title=title,
        notify_type=kind_of(errand),
        body_format=apprise.NotifyFormat.TEXT,
        overflow=apprise.OverflowMode.TRUNCATE,
    )
    return bool(told)


def kind_of(errand: Errand) -> apprise.NotifyType:
    """What the letter is in the library's words."""
    if errand.letter.what == RESOLVED:
        return apprise.NotifyType.SUCCESS
    if errand.letter.what == NOTICE:
        return apprise.NotifyType.INFO
    return _KINDS.get(errand.letter.severity, apprise.NotifyType.WARNING)


@contextmanager
def watching(errand: Errand) -> Iterator[Exchange]:
    """While this lasts, what this thread's requests come to is noted."""
    _install()
    _here.errand, _here.taken, _here.refused, _here.said = errand, 0, None, ""
    try:
        yield _here
    finally:
        _here.errand = None


def taken(exchange: Exchange, said: bool) -> None:
    """Raise `NotDelivered` unless a server has taken the letter, whatever the library makes of its words."""
    if exchange.refused is not None:
        raise exchange.refused
    if not said and not exchange.taken:
        raise NotDelivered(_said(exchange) or "the library could not send it")


def _install() -> None:
    if sessions.HTTPAdapter is not _Watched:  # type: ignore[attr-defined]
        sessions.HTTPAdapter = _Watched  # type: ignore[attr-defined]
        apprise.logger.addHandler(_Listener(logging.WARNING))
        apprise.logger.propagate = False


def _authorities() -> str | bool:
    """Those of the system, or of SSL_CERT_FILE, as every other channel has them."""
    known = ssl.get_default_verify_paths()
    return known.cafile or known.capath or True


def _cut(answer: requests.Response) -> None:
    """Take what is read of the reply for all of it."""
    answer._content = answer.raw.read(MOST_BYTES, decode_content=True)
    answer._content_consumed = True
    answer.raw.close()


def _reply(answer: requests.Response) -> Reply:
    names = {name.lower(): value for name, value in answer.headers.items()}
    return Reply(answer.status_code, names, lambda: answer.content)


def _said(exchange: Exchange) -> str:
    return one_line(exchange.said, _EXCERPT)
