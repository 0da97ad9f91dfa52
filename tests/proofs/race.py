"""Many starts of one pipeline at the same moment: one wins, the others are told who has it, and nobody else is refused.

The starts are forked from a process that has imported the command, and call its entry: on two cores, fifty
interpreters that come up would hardly overlap. What follows is real: files, locks, store, the task's process.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from statistics import median
from typing import NamedTuple

from tabulate import tabulate

import tetra_orchestrator
from proofs.crowd import Crowd, Ended
from tetra_orchestrator import wire
from tetra_orchestrator.cli.main import run
from tetra_orchestrator.errors import Exit

STARTS = 50
#: What a refusal may take, in seconds. On a machine that others keep busy, half of them may take longer.
PROMPT_S = 1.0
#: A process that lives longer, though nothing holds it up, is stuck.
STUCK_S = 60.0
COMMAND = ("run", "--pipeline", "work")
FILE = "version: 1\nproject: race\npython: {python}\npipelines: {{work: {{command: [sh, work.sh]}}}}\n"
# The task says that it has started, and when, and lives until somebody opens the door's other side.
TASK = """
read up _ </proc/uptime
echo "start $TETRA_RUN_ID $up" >>journal
read _ <door
echo "end $TETRA_RUN_ID" >>journal
"""
REFUSAL = (
    "error: the pipeline 'work' is already being run by pid {pid}, run {run}\n"
    "  hint: wait until it ends, or end it with `tetra cancel RUN`\n"
)


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


FULL = (
    Kind("starts at once", 1000),
    Kind("beside `status`", 100, watchers=2),
    Kind("no state folder yet", 100, fresh=True),
    Kind("no state folder yet, beside `status`", 50, watchers=2, fresh=True),
    Kind("after KILL of the winner", 100, killed=True),
    Kind("separate interpreters", 20, cold=True),
    Kind("separate interpreters, no state folder yet", 5, fresh=True, cold=True),
)
#: Without the last one, in which fifty interpreters read the file for the first time: seconds, whatever the locks do.
SHORT = tuple(kind._replace(rounds=max(1, kind.rounds // 200)) for kind in FULL[:-1])


class Site:
    """A project with one pipeline, whose task lives until it is let out."""

    def __init__(self, root: Path):
        self.root, self.journal = root, root / "journal"
        root.mkdir()
        (root / "orchestration.yaml").write_text(FILE.format(python=sys.executable))
        (root / "work.sh").write_text(TASK)
        self.journal.touch()
        os.mkfifo(root / "door")
        paths = os.pathsep.join(path for path in sys.path if path)
        given = {name: os.environ[name] for name in ("PATH", "TETRA_WAITER") if name in os.environ}
        self._environ = given | {"HOME": str(root), "PYTHONPATH": paths}

    def starts(self, count: int, *, cold: bool = False) -> Crowd:
        """Starts that wait for each other."""
        return Crowd(count, self.root, self._environ, _exec if cold else _start)

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
        with closing(wire.store(f"sqlite:///{self.root}/state/tetra.db")) as store:
            return [one.state for one in reversed(store.runs(limit=100_000))]


def _start() -> int:
    return run(COMMAND)


def _exec() -> int:
    os.execv(sys.executable, [sys.executable, "-m", "tetra_orchestrator", *COMMAND])


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
        self.refused: list[float] = []
        self.won: list[float] = []
        self.violations: list[str] = []

    @property
    def late(self) -> int:
        """How many refusals took longer than they may, be it only for want of processors."""
        return sum(seconds > PROMPT_S for seconds in self.refused)

    def row(self) -> tuple[str, ...]:
        """The line of the table."""
        refused = [f"{seconds * 1000:.0f}" for seconds in spread(self.refused)]
        won = [f"{seconds * 1000:.0f}" for seconds in spread(self.won)]
        return (self.kind.name, str(self.crowds), *refused, str(self.late), *won, str(self.answers))


def spread(values: list[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and maximum; zeros of nothing."""
    ranked = sorted(values) or [0.0]
    return median(ranked), ranked[len(ranked) * 99 // 100], ranked[-1]


def rounds(kind: Kind, folder: Path) -> Result:
    """All rounds of the kind, in a new project each or in one in which there has been a run."""
    result = Result(kind)
    root = folder / re.sub(r"\W+", "-", kind.name)
    root.mkdir()
    sites = [Site(root / str(number)) for number in range(kind.rounds if kind.fresh else 1)]
    first = [] if kind.fresh else ["succeeded"]
    if first:
        result.violations += _judged(sites[0], sites[0].starts(1), Result(kind), fatal=False)
    for number in range(kind.rounds):
        _round(sites[number % len(sites)], kind, result)
    expected = first + ["lost", "succeeded"][not kind.killed :] * (kind.rounds // len(sites))
    result.violations += [f"the store has {found}" for found in (site.states() for site in sites) if found != expected]
    return result


def _round(site: Site, kind: Kind, result: Result) -> None:
    watchers = site.watchers(kind.watchers)
    watchers.release()
    crowds = [site.starts(STARTS, cold=kind.cold) for _ in range(1 + kind.killed)]
    for crowd in crowds:
        fatal = kind.killed and crowd is not crowds[-1]
        result.violations += _judged(site, crowd, result, fatal)
        result.crowds += 1
    watchers.signal(signal.SIGKILL)
    while watchers.pids:
        for watcher in watchers.ended(STUCK_S):
            result.answers += len(watcher.err)
            if watcher.code != -signal.SIGKILL or watcher.err.strip("."):
                result.violations.append(f"`status` ended with {watcher.code}: {watcher.err}")


def _judged(site: Site, crowd: Crowd, result: Result, fatal: bool) -> Iterator[str]:
    """Let the crowd go, and say what does not hold. With `fatal` the winner is killed when the others are gone."""
    before, uptime = len(site.lines()), time.clock_gettime(time.CLOCK_BOOTTIME)
    crowd.release()
    losers = list(_until(crowd, left=1))
    if fatal:
        _wait_for(lambda: len(site.lines()) > before)
        crowd.signal(signal.SIGKILL)
    winners = list(_until(crowd, left=0) if fatal else _until_out(site, crowd))
    lines = site.lines()[before:]
    names = [words[1] for words in lines if words[0] == "start"]
    result.refused += [one.seconds for one in losers]
    result.won += [float(words[2]) - uptime for words in lines if words[0] == "start"]
    if [one.code for one in winners] != [-signal.SIGKILL if fatal else Exit.OK]:
        yield f"the last to end were {[(one.code, one.err) for one in winners]}"
    if [words[0] for words in lines] != ["start", "end"][: 2 - fatal] or len({words[1] for words in lines}) != 1:
        yield f"the tasks wrote {lines}"
    for loser in losers:
        wanted = REFUSAL.format(pid=winners[0].pid if winners else None, run=names[0] if names else None)
        if (loser.code, loser.out, loser.err) != (Exit.NOT_NOW, "", wanted):
            yield f"a start ended with {loser.code}: {loser.out}{loser.err}"


def _until(crowd: Crowd, left: int) -> Iterator[Ended]:
    """Those that end by themselves, until so many are left or nothing more happens."""
    limit = time.monotonic() + STUCK_S
    while len(crowd.pids) > left and time.monotonic() < limit:
        yield from crowd.ended(STUCK_S)


def _until_out(site: Site, crowd: Crowd) -> Iterator[Ended]:
    """Those that are left, while the door is opened for their tasks. What is stuck is killed."""
    limit = time.monotonic() + STUCK_S
    while crowd.pids:
        if time.monotonic() > limit:
            crowd.signal(signal.SIGKILL)
        site.open_door()
        yield from crowd.ended(0.01)


def _wait_for(condition) -> None:
    limit = time.monotonic() + STUCK_S
    while not condition() and time.monotonic() < limit:
        time.sleep(0.005)


def import_everything() -> None:
    """Import the whole program, so that no start pays for it."""
    for module in walk_packages(tetra_orchestrator.__path__, "tetra_orchestrator."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


def main(argv: list[str]) -> int:
    """Perform all rounds and print a table; 1 when in one of them something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m proofs race", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few rounds of each kind")
    kinds = SHORT if parser.parse_args(argv).short else FULL
    import_everything()
    with tempfile.TemporaryDirectory(prefix="tetra race ") as folder:
        results = []
        for kind in kinds:
            print(f"{kind.rounds} rounds: {kind.name}", flush=True)
            results.append(rounds(kind, Path(folder)))
    violations = [f"{result.kind.name}: {text}" for result in results for text in result.violations]
    warm = [result for result in results if not result.kind.cold]
    violations += [f"{each.kind.name}: most refusals were late" for each in warm if median(each.refused) > PROMPT_S]
    for text, times in Counter(violations).most_common(20):
        print(f"{times} x {text}")
    spreads = [f"{what} {of} ms" for what in ("refused", "started") for of in ("median", "p99", "max")]
    headers = ("what", "times", *spreads[:3], f"over {PROMPT_S:g} s", *spreads[3:], "`status` answers")
    print(tabulate([result.row() for result in results], headers=headers))
    crowds, refused = sum(result.crowds for result in results), sum(len(result.refused) for result in results)
    late = sum(result.late for result in warm)
    print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.0f}")
    print(
        f"{crowds} times {STARTS} starts at once: {len(violations)} violations; {refused} refusals, {late} of them late"
    )
    return int(bool(violations))
