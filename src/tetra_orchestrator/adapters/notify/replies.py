"""What the reply of an HTTP server means for a letter. At most 64 KB of one are ever read."""

from __future__ import annotations

import math
import re
from http import HTTPStatus
from urllib.parse import urlsplit

from tetra_orchestrator.adapters.notify.errand import NotDelivered
from tetra_orchestrator.adapters.notify.fitting import one_line
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_BYTES = 65536
#: A server that asks for more is asked again after a day.
LONGEST_S = 86400.0
#: What no other time and no change of the channel mends: this letter is too large for whoever is asked.
HOPELESS = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE,)
_EXCERPT = 200


class Reply(Record):
    """A status, header fields by their lower-case names, and the first 64 KB of the body, read when asked for."""

    status: int
    headers: Mapping[str, str]
    read: Callable[[], bytes]


def judge(server: str, reply: Reply) -> None:
    """Nothing where the letter was taken; raises `NotDelivered` otherwise. `server` is how the error names it."""
    if 200 <= reply.status < 300:
        return
    if 300 <= reply.status < 400:
        raise NotDelivered(f"{server}: it sends on to {_origin(reply.headers.get('location', ''))}; write that address")
    raise NotDelivered(
        f"{server}: HTTP {reply.status}{_phrase(reply.status)}{_excerpt(reply)}",
        retry_after_s=retry_after(reply.headers.get("retry-after")),
        hopeless=reply.status in HOPELESS,
    )


def retry_after(text: str | None) -> float | None:
    """Seconds until the server wants to be asked again: a number, or a date (RFC 9110, section 10.2.3)."""
    if text is None:
        return None
    seconds = _seconds(text.strip())
    return None if seconds is None or math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_S)


def _seconds(text: str) -> float | None:
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    if re.fullmatch(r"[0-9]{1,300}(\.[0-9]*)?", text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
        return (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _origin(location: str) -> str:
    """Where it leads, without the path: that may be a secret."""
    try:
        parts = urlsplit(location)
        place = f"{parts.scheme}://{parts.hostname}" if parts.scheme and parts.hostname else f"{parts.scheme}:"
    except ValueError:
        place = ":"
    return "another path" if place == ":" else one_line(place, _EXCERPT)


def _excerpt(reply: Reply) -> str:
    """What the server has to say, where that is text for people."""
    if "html" in reply.headers.get("content-type", "").lower():
        return ""
    try:
        body = reply.read()
    except OSError:
        return ""
    text = one_line(body.decode("utf-8", "replace"), _EXCERPT)
    return f": {text}" if text else ""
