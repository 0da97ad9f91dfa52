"""What one call in a session took, by the kernel's account of its process.

Standard library only, from Python 3.9 on: this runs in the tasks' own interpreter.
"""

from __future__ import annotations

import resource
import sys

_LINUX = sys.platform == "linux"
# `ru_maxrss` is in KiB, that of macOS in bytes: getrusage(2).
_UNIT = 1024 if _LINUX else 1
_BLOCK = 512


class Meter:
    """Measures the one call that there is in the process at a time, with the children that it waits for."""

    def __init__(self) -> None:
        self._can_forget = _forget_peak()
        self._before = _both()
        self._peaks = _peaks()

    def taken(self) -> dict[str, float | int | None]:
        """What was taken since the beginning, by the names of `Usage`."""
        cpu_s, read, written = _both()
        cpu_s_before, read_before, written_before = self._before
        found: dict[str, float | int | None] = {"cpu_s": cpu_s - cpu_s_before, "peak_rss_bytes": self._peak()}
        if _LINUX:
            found["read_bytes"] = (read - read_before) * _BLOCK
            found["write_bytes"] = (written - written_before) * _BLOCK
        return found

    def _peak(self) -> int | None:
        own, children = _peaks()
        known = [children] if children > self._peaks[1] else []
        if self._can_forget:
            known.append(_high_water() or 0)
        elif own > self._peaks[0]:  # else the peak may be that of an earlier call
            known.append(own)
        return max(known, default=None)


class ThreadMeter:
    """Measures one of several calls, each in a thread of its own: only processor time can be told apart."""

    def __init__(self) -> None:
        self._before = _thread()

    def taken(self) -> dict[str, float | int | None]:
        """What was taken since the beginning, by the names of `Usage`."""
        after = _thread()
        return {} if after is None or self._before is None else {"cpu_s": after - self._before}


def _both() -> tuple[float, int, int]:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (
        own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
        own.ru_inblock + children.ru_inblock,
        own.ru_oublock + children.ru_oublock,
    )


def _thread() -> float | None:
    who = getattr(resource, "RUSAGE_THREAD", None)
    if who is None:
        return None
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _peaks() -> tuple[int, int]:
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own * _UNIT, children * _UNIT


def _forget_peak() -> bool:
    """Have the kernel begin anew with `VmHWM`: proc(5), `clear_refs`. False where it cannot be had."""
    try:
        with open("/proc/self/clear_refs", "wb", buffering=0) as file:
            file.write(b"5")
    except OSError:
        return False
    return True


def _high_water() -> int | None:
    try:
        with open("/proc/self/status", "rb") as file:
            for line in file:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
