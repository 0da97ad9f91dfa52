"""Many wakes of one timer at the same moment: one runs what is due, the others find nothing to do and say nothing."""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from proofs.crowd import Crowd
from proofs.race_site import Kind, Result, Site, until_left, until_out
from proofs.sweep_checks import fired, of_slots
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.errors import Exit

WAKES = 50
COMMAND = ("fire", "timer")
SCHEDULE = "schedules: {{timer: {{pipelines: [work], at: '{at:%Y-%m-%dT%H:%M:%S}'}}}}\n"
#: Those that are killed live so many seconds at most: some have looked for the slot then, some run it.
LIFE_S = 0.2

FULL = (
    Kind("wakes at once", 500),
    Kind("wakes, no state folder yet", 100, fresh=True),
    Kind("wakes after KILL of others", 200, killed=True),
    Kind("separate interpreters that are woken", 20, cold=True),
)
SHORT = tuple(kind._replace(rounds=max(1, kind.rounds // 200)) for kind in FULL[:-1])


def rounds(kind: Kind, folder: Path) -> Result:
    """All rounds of the kind, in a new project each or in one whose ledger forgets the slot every time."""
    result = Result(kind)
    root = folder / re.sub(r"\W+", "-", kind.name)
    root.mkdir()
    site = None
    for number in range(kind.rounds):
        if site is None or kind.fresh:
            site = _site(root / str(number))
            result.violations += [] if kind.fresh else _judged(site, site.starts(1, *COMMAND), Result(kind))
        if not kind.fresh:
            forget(site.database)
        result.violations += _round(site, kind, result)
        result.crowds += 1
    return result


def _site(root: Path) -> Site:
    """A project with a timer, one slot of which has just fallen due."""
    at = datetime.now(UTC) - timedelta(seconds=1)
    return Site(root, SCHEDULE.format(at=at))


def forget(path: str) -> None:
    """Have it be in that store as if nobody had looked at the timer since its slot, nor run anything for that."""
    with closing(SqliteStore(path)) as store:
        store.connection.execute("DELETE FROM slots")
        store.connection.execute("UPDATE schedules SET since = 0, judged = 0")
        store.connection.execute("UPDATE runs SET schedule = NULL, slot = NULL")


def _round(site: Site, kind: Kind, result: Result) -> Iterator[str]:
    if kind.killed:
        crowd = site.starts(WAKES, *COMMAND)
        crowd.release()
        time.sleep(random.uniform(0, LIFE_S))
        crowd.signal(signal.SIGKILL)
        list(until_left(crowd, 0))
    yield from _judged(site, site.starts(WAKES, *COMMAND, cold=kind.cold), result)


def _judged(site: Site, crowd: Crowd, result: Result) -> Iterator[str]:
    """Let the crowd go, and say what does not hold: of one slot there is one run, and nobody speaks of another."""
    before, uptime = len(site.lines()), time.clock_gettime(time.CLOCK_BOOTTIME)
    crowd.release()
    idle = list(until_left(crowd, 1))
    others = list(until_out(site, crowd))
    lines = site.lines()[before:]
    result.turned_away += [one.seconds for one in idle]
    result.won += [float(words[2]) - uptime for words in lines if words[0] == "start"]
    for one in idle:
        if (one.code, one.out, one.err) != (Exit.OK, "", ""):
            yield f"a wake with nothing to do ended with {one.code}: {one.out}{one.err}"
    yield from (f"the last wake ended with {one.code}: {one.out}{one.err}" for one in others if one.code or one.err)
    with closing(SqliteStore(site.database)) as store:
        yield from (complaint.text for complaint in of_slots(store))
        runs = [(run.run_id, run.state) for run in fired(store)]
    if not _fits(runs, [(words[0], words[1]) for words in lines], killed=result.kind.killed):
        yield f"the runs are {runs}, and the tasks wrote {lines}"


def _fits(runs: list[tuple[str, str]], said: list[tuple[str, str]], *, killed: bool) -> bool:
    """Whether there is one run, and one task said that it began and ended; less where its guard was killed."""
    if len(runs) != 1:
        return False
    [(run_id, state)] = runs
    whole = [("start", run_id), ("end", run_id)]
    if state == RunState.LOST:
        return killed and said == whole[: len(said)]
    return (state, said) == (RunState.SUCCEEDED, whole)
