"""A project whose one task lives until it is let out, what many processes do there at once, and what was seen of it.

The starts are forked from a process that has imported the command, and call its entry: on two cores, fifty
interpreters that come up would hardly overlap. What follows is real: files, locks, store, the task's process.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from statistics import median
from typing import NamedTuple

import tetra_orchestrator
from proofs.crowd import Crowd, Ended
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.cli.main import run
from tetra_orchestrator.errors import Exit

#: Seconds until a start is turned away. On a machine that others keep busy, half of them may take longer.
PROMPT_S = 1.0
#: A process that lives longer, though nothing holds it up, is stuck.
STUCK_S = 60.0
FILE = "version: 1\nproject: race\npython: {python}\npipelines: {{work: {{command: [sh, work.sh]}}}}\n"
# The task says that it has started, and when, and lives until somebody opens the door's other side.
TASK = """
read up _ </proc/uptime
echo "start $TETRA_RUN_ID $up" >>journal
read _ <door
echo "end $TETRA_RUN_ID" >>journal
"""


class Kind(NamedTuple):
    """One sort of round: so many of them, and what is different about it.

    `watchers` processes ask for `status` all the time; `fresh`: nothing has ever run in the project; `killed`: the
    winner is killed, and the next starts come at once; `cold`: every start is an interpreter of its own.
    """

    name: str
    rounds: int
    watchers: int = 0
    fresh: bool = False
    killed: bool = False
    cold: bool = False


class Site:
    """A project with one pipeline, whose task lives until it is let out."""

    def __init__(self, root: Path, more: str = ""):
        """A new folder at `root`; `more` is what else its configuration says."""
        self.root, self.journal = root, root / "journal"
        self.database = str(root / "state" / "tetra.db")
        root.mkdir()
        (root / "orchestration.yaml").write_text(FILE.format(python=sys.executable) + more)
        (root / "work.sh").write_text(TASK)
        self.journal.touch()
        os.mkfifo(root / "door")
        paths = os.pathsep.join(path for path in sys.path if path)
        given = {name: os.environ[name] for name in ("PATH", "TETRA_WAITER") if name in os.environ}
        self._environ = given | {"HOME": str(root), "PYTHONPATH": paths}

    def starts(self, count: int, *words: str, cold: bool = False) -> Crowd:
        """Starts of the command that wait for each other; if `cold`, each is an interpreter of its own."""
        return Crowd(count, self.root, self._environ, partial(_exec if cold else run, words))

    def watchers(self, count: int) -> Crowd:
        """Processes that ask for `status` again and again."""
        return Crowd(count, self.root, self._environ, _watch)

    def lines(self) -> list[list[str]]:
        """What the tasks have said: `start RUN UPTIME` or `end RUN`."""
        return [line.split() for line in self.journal.read_text().splitlines()]

    def open_door(self) -> None:
        """Let out every task that waits there; nothing where none does."""
        with suppress(OSError):
            os.close(os.open(self.root / "door", os.O_WRONLY | os.O_NONBLOCK))

    def states(self) -> list[str]:
        """The states of all runs in the store, oldest first."""
        with closing(SqliteStore(self.database)) as store:
            return [one.state for one in reversed(store.runs(limit=100_000))]


def _exec(words: Sequence[str]) -> int:
    os.execv(sys.executable, [sys.executable, "-m", "tetra_orchestrator", *words])


def _watch() -> int:
    """Say a dot for every answer; ends with the code of the first that is not 0."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    while (code := run(["status"])) == Exit.OK:
        os.write(2, b".")
    return code


class Result:
    """What was seen of one kind of round. Times are in seconds since the starts were let go."""

    def __init__(self, kind: Kind):
        self.kind = kind
        self.crowds = self.answers = 0
        self.turned_away: list[float] = []
        self.won: list[float] = []
        self.violations: list[str] = []

    @property
    def late(self) -> int:
        """How many that were turned away waited longer for that than they may, be it only for want of processors."""
        return sum(seconds > PROMPT_S for seconds in self.turned_away)

    def row(self) -> tuple[str, ...]:
        """The line of the table."""
        turned_away = [f"{seconds * 1000:.0f}" for seconds in spread(self.turned_away)]
        won = [f"{seconds * 1000:.0f}" for seconds in spread(self.won)]
        return (self.kind.name, str(self.crowds), *turned_away, str(self.late), *won, str(self.answers))


def spread(values: list[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and maximum; zeros of nothing."""
    ranked = sorted(values) or [0.0]
    return median(ranked), ranked[len(ranked) * 99 // 100], ranked[-1]


def until_left(crowd: Crowd, left: int) -> Iterator[Ended]:
    """Those that end by themselves, until so many are left or nothing more happens."""
    limit = time.monotonic() + STUCK_S
    while len(crowd.pids) > left and time.monotonic() < limit:
        yield from crowd.ended(STUCK_S)


def until_out(site: Site, crowd: Crowd) -> Iterator[Ended]:
    """Those that are left, while the door is opened for their tasks. What is stuck is killed."""
    limit = time.monotonic() + STUCK_S
    while crowd.pids:
        if time.monotonic() > limit:
            crowd.signal(signal.SIGKILL)
        site.open_door()
        yield from crowd.ended(0.01)


def wait_for(condition) -> None:
    limit = time.monotonic() + STUCK_S
    while not condition() and time.monotonic() < limit:
        time.sleep(0.005)


def import_everything() -> None:
    """Import the whole program, so that no start pays for it."""
    for module in walk_packages(tetra_orchestrator.__path__, "tetra_orchestrator."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
