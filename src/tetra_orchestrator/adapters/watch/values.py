"""What the one value of a query tells: a time, or a number of rows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from tetra_orchestrator.core.data_age import Seen

#: From here on a number is of milliseconds since 1970, and no time before the year 5138 in seconds.
_MILLISECONDS = 1e11


def dated(value: object) -> Seen:
    """A time, also as text (ISO 8601) or a number of (milli)seconds since 1970; without a zone it is in UTC."""
    if value is None:
        return Seen(error="the query gives no value")
    try:
        at = _instant(value)
    except (ValueError, TypeError, OverflowError, OSError):
        return Seen(error=f"the query gives {str(value)[:40]!r}, which is no time")
    return Seen(at, at.isoformat())


def counted(value: object) -> Seen:
    """A number; when it changed shows from look to look."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return Seen(error=f"the query gives {str(value)[:40]!r}, which is no number")
    return Seen(None, str(value))


def _instant(value: object) -> datetime:
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, date):
        found = datetime(value.year, value.month, value.day, tzinfo=UTC)
    elif isinstance(value, str) and not value.replace(".", "", 1).isdigit():
        found = datetime.fromisoformat(value.strip())
    else:
        seconds = float(str(value))
        found = datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS else seconds, UTC)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
