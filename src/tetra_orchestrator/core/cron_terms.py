"""Terms of a cron rule that one cron takes and another refuses or reads differently, and what says the same."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MINUTE, HOUR, DAY, MONTH, WEEKDAY = range(5)
#: The first and the last value of each field. A 7 is Sunday, too.
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
LONGEST_LIST = 12


def objection(fields: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with the first such term of the five fields, and what to do. None where there is none."""
    for place, field in enumerate(fields):
        for term in field.upper().split(","):
            found = _of_sign(place, term) or _of_step(place, term) or _of_range(place, term)
            if found:
                return found
    return None


def _of_sign(place: int, term: str) -> tuple[str, str] | None:
    if "?" in term:
        return "'?' is not a crontab's", "write * for any value"
    if "~" in term:
        return f"'{term}' is another time whenever it is read", "choose a value; `jitter: 10m` spreads starts"
    if place == DAY and "W" in term and term != "LW":
        return f"'{term}' is not a crontab's", "LW is the last workday of the month; otherwise name days"
    return None


def _of_step(place: int, term: str) -> tuple[str, str] | None:
    start, slash, step = term.partition("/")
    if slash and not step.strip("0"):
        return f"'{term}' has no step", "write a step of 1 or more"
    first, last = _number(place, start), BOUNDS[place][1]
    if not slash or first is None:
        return None
    first = first if first <= last else 0
    values = _listed(range(first, last + 1), step)
    hint = f"write {_span(first, last)}/{step}" + (f" or {values}" if values else "")
    return f"'{term}' is a step without a range, which not every cron takes", hint


def _of_range(place: int, term: str) -> tuple[str, str] | None:
    span, _, step = term.partition("/")
    first, last = (_number(place, name) for name in (span.partition("-")[0], span.partition("-")[2]))
    if first is None or last is None or first <= last:
        return None
    low, high = BOUNDS[place]
    spans = [_span(*ends) for ends in ((first, high), (low, last)) if ends[0] <= ends[1]]
    values = _listed([*range(first, high + 1), *range(low, last + 1)], step) if step else ",".join(spans)
    return f"'{span}' goes backwards", f"write {values}" if values else "list the values"


def _number(place: int, text: str) -> int | None:
    """The value in this field, as a number or a name; None for what is neither, or out of bounds."""
    names = {MONTH: MONTHS, WEEKDAY: WEEKDAYS}.get(place, ())
    if text in names:
        return names.index(text) + BOUNDS[place][0]
    low, high = BOUNDS[place]
    if not (text.isascii() and text.isdecimal() and len(text) < 4):
        return None
    return int(text) if low <= int(text) <= high + (place == WEEKDAY) else None


def _listed(values: Sequence[int], step: str) -> str:
    """Every so manieth of the values, if these are few."""
    size = step.lstrip("0")[:4]
    found = values[:: int(size)] if size.isascii() and size.isdecimal() else ()
    return ",".join(map(str, found)) if len(found) <= LONGEST_LIST else ""


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
