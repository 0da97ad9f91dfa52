"""A machine's wall clock, which can be set and runs at any rate: the file that clock.c reads in every program."""

from __future__ import annotations

import struct
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
#: Where the programs of the machine find the file and what reads it.
INSIDE = "/etc/rig-clock"
LIBRARY = "/usr/lib/rig-clock.so"
_SIZE = 65536
_COUNT, _SETTING = struct.Struct("=Q"), struct.Struct("=3d")


class Clock:
    """Shows `start`, such as `2026-11-01 04:40:00` (UTC), from now on, and runs `rate` times as fast as the real one.

    The monotonic clocks stay real: durations and time limits are. The programs find what they read at `inside`: where
    no machine of its own has it there, that is `folder / "clock"`, and they have `library` in their LD_PRELOAD.
    """

    def __init__(self, folder: Path, start: str, rate: float = 1.0, inside: str | Path = INSIDE) -> None:
        self.rate = rate
        self._count = 0
        self._path = folder / "clock"
        self._path.write_bytes(bytes(_SIZE))
        self.library = folder / "clock.so"
        compiler = ("gcc", "-O2", "-Wall", "-shared", "-fPIC", f'-DCLOCK_FILE="{inside}"')
        subprocess.run([*compiler, "-o", str(self.library), str(SOURCE)], check=True)
        self.set(start)

    def go(self, rate: float = 1.0) -> None:
        """Have it run at another rate from what it shows now."""
        shown = self.now()
        self.rate = rate
        self.set(shown)

    def set(self, to: str | datetime) -> None:
        """Have it show another time at once, as after clock_settime(2) or a night in which the lid was closed."""
        self._anchor, self._base = time.time(), _instant(to).timestamp()
        place = _COUNT.size + self._count * _SETTING.size
        assert place < _SIZE - _SETTING.size, "the clock has been set too often"
        with self._path.open("r+b") as file:
            file.seek(place)
            file.write(_SETTING.pack(self._anchor, self._base, self.rate))
            file.flush()
            # The number goes last, so that nobody sees half a setting.
            self._count += 1
            file.seek(0)
            file.write(_COUNT.pack(self._count))

    def advance(self, by_s: float) -> None:
        """Set it forward by so many of its seconds."""
        self.set(self.now() + timedelta(seconds=by_s))

    def now(self) -> datetime:
        """What it shows."""
        return datetime.fromtimestamp(self._base + (time.time() - self._anchor) * self.rate, UTC)


def _instant(given: str | datetime) -> datetime:
    return given if isinstance(given, datetime) else datetime.fromisoformat(given).replace(tzinfo=UTC)
