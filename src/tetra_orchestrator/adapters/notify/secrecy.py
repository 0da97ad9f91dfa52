"""What of a channel is secret, and how it is kept out of a text."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from tetra_orchestrator.core.watching import Channel

    #: Every form in which a secret may turn up in a text.
    Forms = Callable[[bytes], Collection[bytes]]

MASK = "***"
#: Shorter values are not looked for, they would be found in everything; nor are shorter pieces of an address.
_SHORTEST, SHORTEST_PIECE = 6, 8


def mask(text: str, channels: Sequence[Channel], forms: Forms) -> str:
    """The text without the channels' secrets, in whatever form."""
    found = {
        form.decode("utf-8", "replace")
        for each in channels
        for secret in secrets_of(each)
        for form in forms(secret.encode())
    }
    for form in sorted(found, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def values_of(channel: Channel) -> Iterator[str]:
    """The values of a channel that nobody else may see."""
    found = [channel.password, channel.api_key, channel.webhook_url, channel.url]
    found += [each for _, value in channel.headers for each in (value, *value.split(" ")[1:])]
    yield from (each for each in found if each and len(each) >= _SHORTEST)


def secrets_of(channel: Channel) -> Iterator[str]:
    """Those, and what is secret of its addresses by itself."""
    yield from values_of(channel)
    for url in (channel.webhook_url, channel.url):
        if url and "${" not in url:  # the name of a variable that is not set is no secret
            yield from _pieces(url, of_library=channel.type == "apprise")


def _pieces(url: str, *, of_library: bool) -> Iterator[str]:
    """All but the host; where that can be none, as in many addresses of the library, it is a secret, too."""
    try:
        parts = urlsplit(url)
        user, _, host = parts.netloc.rpartition("@")
    except ValueError:
        return
    token = host if of_library and "." not in host else ""
    rest = " ".join((user, token, parts.path, parts.query, parts.fragment))
    pieces = {parts.path.strip("/"), parts.query, *re.split(r"[^A-Za-z0-9_.~%+-]+", rest)}
    yield from (each for piece in pieces for each in (piece, unquote(piece)) if len(each) >= SHORTEST_PIECE)
