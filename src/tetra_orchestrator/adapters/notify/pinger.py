"""Calls an address of a dead man's switch, beside whatever else goes on."""

from __future__ import annotations

import threading

from tetra_orchestrator import __version__
from tetra_orchestrator.adapters.notify.causes import cause_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

AGENT = f"tetra-orchestrator/{__version__}"
#: What is read of an answer at most, and what is sent.
MOST = 10_000


class HttpPinger:
    """Calls by POST. Errors name the server and the cause, never the address: whoever knows it could call it, too."""

    def begin(self, url: str, text: str, within_s: float) -> Callable[[], str | None]:
        """Call the address with that text; what it gives waits for the end, and says what was wrong, None if nothing.

        That is over after so many seconds whatever the other side does.
        """
        faults: list[str | None] = []
        thread = threading.Thread(target=lambda: faults.append(_call(url, text, within_s)), daemon=True)
        thread.start()

        def end() -> str | None:
            thread.join(within_s)
            return faults[0] if faults else f"{_server(url)}: no answer within {within_s:.0f} s"

        return end


def _call(url: str, text: str, within_s: float) -> str | None:
    from http.client import HTTPException
    from urllib import request

    try:
        asked = request.Request(url, text.encode()[:MOST], {"User-Agent": AGENT, "Content-Type": "text/plain"})
        with request.urlopen(asked, timeout=within_s) as answer:
            answer.read(MOST)
    except (OSError, HTTPException) as error:
        return f"{_server(url)}: {_why(error)}"
    except ValueError:
        return f"{_server(url)}: the address cannot be called"
    return None


def _why(error: Exception) -> str:
    from urllib.error import HTTPError

    if isinstance(error, HTTPError):
        error.close()
        return f"answered {error.code}"
    return cause_of(error)


def _server(url: str) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "the address"
    except ValueError:
        return "the address"
