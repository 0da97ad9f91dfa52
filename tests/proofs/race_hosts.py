"""Many starts of one pipeline at the same moment on two hosts with one database: one wins, all others are told who."""

from __future__ import annotations

import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from proofs.crowd import Crowd, Ended
from proofs.race_site import STUCK_S, Kind, Result, Site, until_out
from support.postgres import Server
from tetra_orchestrator.errors import Exit

COMMAND = ("run", "--pipeline", "work")
#: Two for each start.
CONNECTIONS = "max_connections=150"
#: On each of the two.
STARTS = 25
FULL = (Kind("on two hosts", 100), Kind("on two hosts, separate interpreters", 5, cold=True))
SHORT = (FULL[0]._replace(rounds=2),)
REFUSAL = re.compile(
    r"error: the pipeline 'work' is already being run by (pid \d+, )?run (?P<run>\S+)( on host \S+)?\n"
    r"  hint: wait until it ends, or end it with `tetra cancel RUN`\n"
)


def rounds(kind: Kind, folder: Path, url: str) -> Result:
    """All rounds of the kind, in two folders, each of which is a place of its own."""
    result = Result(kind)
    root = folder / re.sub(r"\W+", "-", kind.name)
    root.mkdir()
    sites = [Site(root / name, f"state: {url}\nhost: {{timeout: 10s}}\n") for name in ("here", "there")]
    for _ in range(kind.rounds):
        crowds = [site.starts(STARTS, *COMMAND, cold=kind.cold) for site in sites]
        result.violations += _judged(sites, crowds, result)
        result.crowds += 1
    return result


def _judged(sites: list[Site], crowds: list[Crowd], result: Result) -> Iterator[str]:
    before, uptime = [len(site.lines()) for site in sites], time.clock_gettime(time.CLOCK_BOOTTIME)
    for crowd in crowds:
        crowd.release()
    losers = list(_until_one_is_left(crowds))
    left = sum(len(crowd.pids) for crowd in crowds)
    winners = [one for site, crowd in zip(sites, crowds, strict=True) for one in until_out(site, crowd)]
    lines = [line for site, known in zip(sites, before, strict=True) for line in site.lines()[known:]]
    result.turned_away += [one.seconds for one in losers]
    result.won += [float(words[2]) - uptime for words in lines if words[0] == "start"]
    if left != 1 or [one.code for one in winners] != [Exit.OK]:
        yield f"{left} were left, and they ended with {[(one.code, one.err) for one in winners]}"
    if [words[0] for words in lines] != ["start", "end"] or len({words[1] for words in lines}) != 1:
        yield f"the tasks wrote {lines}"
    for loser in losers:
        told = REFUSAL.fullmatch(loser.err)
        if (loser.code, loser.out) != (Exit.NOT_NOW, "") or told is None:
            yield f"a start ended with {loser.code}: {loser.out}{loser.err}"


def _until_one_is_left(crowds: list[Crowd]) -> Iterator[Ended]:
    limit = time.monotonic() + STUCK_S
    while sum(len(crowd.pids) for crowd in crowds) > 1 and time.monotonic() < limit:
        for crowd in crowds:
            yield from crowd.ended(0.01)
    if time.monotonic() >= limit:
        for crowd in crowds:
            crowd.signal(signal.SIGKILL)


def main(kinds: tuple[Kind, ...]) -> int:
    """Perform all rounds on a server of their own and print the figure; 1 when something did not hold."""
    results = []
    server = Server(settings=(CONNECTIONS,))
    try:
        with tempfile.TemporaryDirectory(prefix="tetra race ") as folder:
            for kind in kinds:
                print(f"{kind.rounds} rounds: {kind.name}", flush=True)
                results.append(rounds(kind, Path(folder), server.store()))
    finally:
        server.remove()
    violations = [f"{result.kind.name}: {text}" for result in results for text in result.violations]
    for text, times in Counter(violations).most_common(20):
        print(f"{times} x {text}")
    crowds, turned_away = sum(each.crowds for each in results), [one for each in results for one in each.turned_away]
    half = median(turned_away)
    print(
        f"{crowds} times {2 * STARTS} starts at once on two hosts: {len(violations)} violations;"
        f" {len(turned_away)} turned away, half of them within {half:.1f} s"
    )
    return int(bool(violations))
