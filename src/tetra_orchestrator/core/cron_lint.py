"""What a cron rule does that its author may not expect, in one clause each."""

from __future__ import annotations

from tetra_orchestrator.core.cron_terms import BOUNDS, DAY, HOUR, MINUTE, MONTH, WEEKDAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tetra_orchestrator.core.cron import Rule

#: For each field the period with which its steps begin anew, one value, and the letter of durations.
WORDS = {
    MINUTE: ("hour", "minute", "m"),
    HOUR: ("day", "hour", "h"),
    DAY: ("month", "day", "d"),
    MONTH: ("year", "month", ""),
    WEEKDAY: ("week", "day", ""),
}
MONTH_LENGTHS = range(28, 32)
LONGEST = MONTH_LENGTHS[-1]
#: So many entries are as many as we give to launchd: see its backend.
MOST_ENTRIES = 256


def uneven_steps(fields: Sequence[str], rule: Rule) -> Iterator[tuple[str, str]]:
    """(what happens, what to do) for each step of the five fields that is not the distance which it seems to be."""
    values = (rule.minutes, rule.hours, rule.days, rule.months, rule.weekdays)
    for place, field in enumerate(fields):
        star, _, step = field.partition("/")
        if star != "*" or not step.isdecimal() or (place == MINUTE and len(rule.hours) == 1):
            continue
        gaps = _gaps(place, values[place])
        if gaps != {int(step)}:
            period, unit, letter = WORDS[place]
            shortest, longest = min(gaps), max(gaps)
            real = str(longest) if shortest == longest else f"{shortest} to {longest}"
            text = (
                f"'{field}' begins anew every {period}, {real} {unit}{'s' if longest != 1 else ''} after the last one"
            )
            hint = f"`every: {step}{letter}` keeps the distance" if letter else "list the values that you mean"
            yield text, hint


def _gaps(place: int, values: Sequence[int]) -> set[int]:
    """How far it can be from the last value of a period to the first of the next one."""
    if place != DAY:
        low, high = BOUNDS[place]
        return {high - low + 1 - values[-1] + values[0]}
    return {length - max(day for day in values if day <= length) + values[0] for length in MONTH_LENGTHS}


def beyond_launchd(rule: Rule) -> Iterator[str]:
    """What of the rule launchd.plist(5) cannot say exactly, and when it starts us instead."""
    any_day, any_weekday = len(rule.days) == LONGEST, len(rule.weekdays) == 7
    if rule.both_days and not any_day and not any_weekday:
        yield "a day and a weekday that must both fit: it starts us on days that fit one of them"
    if len(rule.months) < 12 and not any_weekday:
        yield "a month beside a weekday: it may start us in every month"
    if rule.last_day or rule.last_workday:
        yield "the last day of a month: it starts us on each that can be the last"
    if rule.nth_weekdays:
        yield "the n-th weekday of a month: it starts us on more of these weekdays"
    if not any_day and rule.days and rule.days[-1] > MONTH_LENGTHS[0]:
        yield f"day {rule.days[-1]}: where a month has none, it may start us in the next one"
    count = _entries(rule)
    if count > MOST_ENTRIES:
        yield f"so many times: {count} entries, where it gets {MOST_ENTRIES} at most and starts us more often"


def _entries(rule: Rule) -> int:
    """How many combinations of month, day, hour and minute the rule has, where all values of a field count as one."""
    clock = (1 if len(rule.hours) == 24 else len(rule.hours)) * (1 if len(rule.minutes) == 60 else len(rule.minutes))
    days = 0 if len(rule.days) == LONGEST and rule.both_days else len(rule.days)
    weekdays = 0 if len(rule.weekdays) == 7 and rule.both_days else len(rule.weekdays)
    months = 1 if len(rule.months) == 12 else len(rule.months)
    return clock * months * max(days + weekdays, 1)
