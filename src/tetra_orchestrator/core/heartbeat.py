"""The addresses of a dead man's switch, as healthchecks.io has them: one for each thing that can be told."""

from __future__ import annotations

#: What stands behind the address (https://healthchecks.io/docs/http_api/).
START, SUCCESS, FAIL = "start", "", "fail"


def address(url: str, what: str) -> str:
    """Where that is told; what stands behind a `?` or `#` stays behind it."""
    if not what:
        return url
    at = min((found for sign in "?#" if (found := url.find(sign)) >= 0), default=len(url))
    return f"{url[:at].rstrip('/')}/{what}{url[at:]}"
