"""When systemd itself says that values of OnCalendar= elapse: `systemd-analyze calendar`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from datetime import datetime

from support.components import require

_ELAPSE = re.compile(r"(?:Next elapse|Iter\. #\d+): (\w{3} .*)\n(?:\s+\(in UTC\): (.*)\n)?")


def elapses(lines: Sequence[str], zone: str, after: datetime, until: datetime, guess: int = 40) -> set[datetime]:
    """The instants (aware UTC) in `(after, until]` at which one of the lines elapses; each is in UTC or in `zone`.

    It is fastest when `guess` is a little more than there are. A line with a zone's name has systemd start a process
    for every instant: it is the same, and 50 times faster, to run the program in that zone and to leave the name away.
    """
    # an absolute line of another time would only be computed for nothing
    near = [line for line in lines if not line[:4].isdigit() or f"{after:%Y-%m-%d}" <= line[:10] <= f"{until:%Y-%m-%d}"]
    specs = [line.removesuffix(f" {zone}") if zone != "UTC" else line for line in near]
    most = int((until - after).total_seconds() // 60) + 1
    while near:
        rows = _iterate(specs, zone, after, guess)
        if guess >= most or all(len(row) < guess or row[-1] > until for row in rows):
            return {instant for row in rows for instant in row if after < instant <= until}
        guess *= 6
    return set()


def _iterate(specs: Sequence[str], zone: str, after: datetime, count: int) -> list[list[datetime]]:
    """The next so many instants of each of them."""
    command = [
        require("systemd-analyze"),
        "calendar",
        f"--iterations={count}",
        f"--base-time=@{int(after.timestamp())}",
    ]
    environ = {"TZ": zone, "LC_ALL": "C"}
    done = subprocess.run([*command, *specs], capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, (specs, done.stderr)
    return [[_instant(*row) for row in _ELAPSE.findall(block)] for block in done.stdout.split("\n\n")]


def _instant(shown: str, in_utc: str) -> datetime:
    return datetime.fromisoformat(f"{(in_utc or shown)[4:23]}+00:00")
