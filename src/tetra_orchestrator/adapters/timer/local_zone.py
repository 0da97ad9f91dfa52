"""The machine's own time zone."""

from __future__ import annotations

import os

LINK = "/etc/localtime"


def local_zone(link: str = LINK) -> str:
    """The IANA name of the machine's zone, UTC where it cannot be told.

    TZ says it (a leading colon is allowed, TZ(3)), else where /etc/localtime leads to (localtime(5)).
    """
    from zoneinfo import available_timezones

    named = os.environ.get("TZ", "").lstrip(":") or os.path.realpath(link).partition("zoneinfo/")[2]
    known = available_timezones()
    return named if named and (named in known or not known) else "UTC"
