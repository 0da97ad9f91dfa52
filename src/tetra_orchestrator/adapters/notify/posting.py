"""One POST by the standard library: no redirect is followed, certificates are verified, replies are cut."""

from __future__ import annotations

import json
import ssl
from http.client import HTTPException
from urllib import request as urllib_request
from urllib.error import URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from tetra_orchestrator import __version__
from tetra_orchestrator.adapters.notify.causes import cause_of
from tetra_orchestrator.adapters.notify.errand import NotDelivered
from tetra_orchestrator.adapters.notify.replies import MOST_BYTES, Reply, judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

AGENT = f"tetra-orchestrator/{__version__}"
_SAFE = "/:?#[]@!$&'()*+,;=%-._~"


def post(url: str, content: Any, headers: Mapping[str, str], timeout_s: float) -> None:
    """Post the content as JSON; raises `NotDelivered`."""
    server, body = server_of(checked(url)), json.dumps(content).encode()
    try:
        asked = urllib_request.Request(_bare(url), body, {**_defaults(url), **headers}, method="POST")
        with _opener(url).open(asked, timeout=timeout_s) as answer:
            names = {name.lower(): value for name, value in answer.headers.items()}
            judge(server, Reply(answer.status, names, lambda: answer.read(MOST_BYTES)))
    except (OSError, HTTPException) as error:
        # urllib wraps what goes wrong up to the end of the request, and not what comes behind
        cause = cause_of(error, sent=not isinstance(error, URLError))
        raise NotDelivered(f"{server}: {cause}") from None
    except ValueError:
        raise NotDelivered(f"{server}: a header or the address has a sign that cannot be sent") from None


def checked(url: str | None) -> str:
    """The address, where something can be posted to it; raises `NotDelivered`."""
    try:
        parts = urlsplit(url or "")
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts.geturl()
    except ValueError:
        pass
    raise NotDelivered("its address is none that begins with http:// or https://")


def server_of(url: str) -> str:
    """The host, with the port where one is written: all of an address that an error may show."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "somewhere"


def _bare(url: str) -> str:
    """Without user and password, which go into a header, and with what is not ASCII escaped."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].encode("idna").decode()
    return urlunsplit((parts.scheme, host, *(quote(each, _SAFE) for each in parts[2:4]), ""))


def _defaults(url: str) -> dict[str, str]:
    """What is said of every POST. Names are as `urllib` writes them, so that a user's own take their place."""
    from base64 import b64encode

    found = {"Content-type": "application/json", "User-agent": AGENT}
    parts = urlsplit(url)
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        found["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    return found


def _opener(url: str) -> urllib_request.OpenerDirector:
    """Knows HTTP alone, by a proxy where the environment names one, and takes every reply as it is."""
    opener = urllib_request.OpenerDirector()
    opener.add_handler(urllib_request.ProxyHandler())
    opener.add_handler(urllib_request.HTTPHandler())
    if url.startswith("https:"):  # what to trust is much to read
        opener.add_handler(urllib_request.HTTPSHandler(context=ssl.create_default_context()))
    return opener
