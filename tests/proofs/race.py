"""Many starts of one pipeline at the same moment: one wins, the others are told who has it, and nobody else is refused.

So with wakes of one timer: one runs what is due, and the others find nothing to do.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tabulate import tabulate

from proofs import race_hosts, race_wakes
from proofs.crowd import Crowd
from proofs.race_site import PROMPT_S, STUCK_S, Kind, Result, Site, import_everything, until_left, until_out, wait_for
from tetra_orchestrator.errors import Exit

STARTS = 50
COMMAND = ("run", "--pipeline", "work")
REFUSAL = (
    "error: the pipeline 'work' is already being run by pid {pid}, run {run}\n"
    "  hint: wait until it ends, or end it with `tetra cancel RUN`\n"
)


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


def rounds(kind: Kind, folder: Path) -> Result:
    """All rounds of the kind, in a new project each or in one in which there has been a run."""
    result = Result(kind)
    root = folder / re.sub(r"\W+", "-", kind.name)
    root.mkdir()
    sites = [Site(root / str(number)) for number in range(kind.rounds if kind.fresh else 1)]
    first = [] if kind.fresh else ["succeeded"]
    if first:
        result.violations += _judged(sites[0], sites[0].starts(1, *COMMAND), Result(kind), fatal=False)
    for number in range(kind.rounds):
        _round(sites[number % len(sites)], kind, result)
    expected = first + ["lost", "succeeded"][not kind.killed :] * (kind.rounds // len(sites))
    result.violations += [f"the store has {found}" for found in (site.states() for site in sites) if found != expected]
    return result


def _round(site: Site, kind: Kind, result: Result) -> None:
    watchers = site.watchers(kind.watchers)
    watchers.release()
    crowds = [site.starts(STARTS, *COMMAND, cold=kind.cold) for _ in range(1 + kind.killed)]
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
    losers = list(until_left(crowd, left=1))
    if fatal:
        wait_for(lambda: len(site.lines()) > before)
        crowd.signal(signal.SIGKILL)
    winners = list(until_left(crowd, left=0) if fatal else until_out(site, crowd))
    lines = site.lines()[before:]
    names = [words[1] for words in lines if words[0] == "start"]
    result.turned_away += [one.seconds for one in losers]
    result.won += [float(words[2]) - uptime for words in lines if words[0] == "start"]
    if [one.code for one in winners] != [-signal.SIGKILL if fatal else Exit.OK]:
        yield f"the last to end were {[(one.code, one.err) for one in winners]}"
    if [words[0] for words in lines] != ["start", "end"][: 2 - fatal] or len({words[1] for words in lines}) != 1:
        yield f"the tasks wrote {lines}"
    for loser in losers:
        wanted = REFUSAL.format(pid=winners[0].pid if winners else None, run=names[0] if names else None)
        if (loser.code, loser.out, loser.err) != (Exit.NOT_NOW, "", wanted):
            yield f"a start ended with {loser.code}: {loser.out}{loser.err}"


def main(argv: list[str]) -> int:
    """Perform all rounds and print a table; 1 when in one of them something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m proofs race", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few rounds of each kind")
    parser.add_argument("--postgres", action="store_true", help="on two hosts with one PostgreSQL database instead")
    given = parser.parse_args(argv)
    short = given.short
    import_everything()
    if given.postgres:
        return race_hosts.main(race_hosts.SHORT if short else race_hosts.FULL)
    results = []
    with tempfile.TemporaryDirectory(prefix="tetra race ") as folder:
        for perform, kinds in (
            (rounds, SHORT if short else FULL),
            (race_wakes.rounds, race_wakes.SHORT if short else race_wakes.FULL),
        ):
            for kind in kinds:
                print(f"{kind.rounds} rounds: {kind.name}", flush=True)
                results.append(perform(kind, Path(folder)))
    violations = [f"{result.kind.name}: {text}" for result in results for text in result.violations]
    warm = [result for result in results if not result.kind.cold]
    violations += [
        f"{each.kind.name}: most were turned away late" for each in warm if median(each.turned_away) > PROMPT_S
    ]
    for text, times in Counter(violations).most_common(20):
        print(f"{times} x {text}")
    spreads = [f"{what} {of} ms" for what in ("turned away", "started") for of in ("median", "p99", "max")]
    headers = ("what", "times", *spreads[:3], f"over {PROMPT_S:g} s", *spreads[3:], "`status` answers")
    print(tabulate([result.row() for result in results], headers=headers))
    crowds, turned_away = sum(each.crowds for each in results), sum(len(each.turned_away) for each in results)
    late = sum(result.late for result in warm)
    print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.0f}")
    figure = f"{crowds} times {STARTS} starts at once: {len(violations)} violations"
    print(f"{figure}; {turned_away} turned away, {late} of them late")
    return int(bool(violations))
