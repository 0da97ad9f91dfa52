"""An interval as values of OnCalendar=, so that it stays in step and outlives a boot, as monotonic timers do not."""

from __future__ import annotations

from math import gcd

from tetra_orchestrator.adapters.timer.systemd.ranges import gathered, numbers

_DAY_S = 24 * 3600
#: A grid that has slots of others' in it is no finer than this, or it would wake us too often.
_FINEST_S = 60


def interval_lines(every_s: float) -> list[str]:
    """The instants that are multiples of the interval since 1970-01-01T00:00Z.

    For an interval that does not divide a day, the coarsest grid that has them all; none where that is too fine.
    """
    step = gcd(int(every_s), _DAY_S)
    if every_s != int(every_s) or (step != every_s and step < _FINEST_S):
        return []
    instants = range(0, _DAY_S, step)
    hours = gathered(((instant // 60 % 60, instant % 60), instant // 3600) for instant in instants)
    minutes = gathered(((second, found), minute) for (minute, second), found in hours)
    seconds = gathered(((each_hour, found), second) for (second, each_hour), found in minutes)
    return [
        f"*-*-* {numbers(hour, range(24))}:{numbers(minute, range(60))}:{numbers(second, range(60))} UTC"
        for (hour, minute), second in seconds
    ]
