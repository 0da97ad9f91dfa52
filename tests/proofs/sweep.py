"""`python -m proofs sweep`: every named place of the program is hit by every fault, and what a user does then helps.

A case is one place, one of its hits, and what happens there: `kill`, `raise`, `enospc` or `stop`. On SQLite a command
of a small real project is hit; in memory the engine is. One other command comes after it, then `resume` until it
succeeds; where a slot was due, the next wake of its timer comes in between. Nothing may be lost, done twice or left
behind then. Linux only.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from proofs.sweep_checks import DOUBLED, KINDS, LOST, STRANDED, WRONG, Complaint, chain, fired, of_chain
from proofs.sweep_memory import memory_cases, perform_in_memory
from proofs.sweep_postgres import POSTGRES, server
from proofs.sweep_project import MODES, Project, stopped
from proofs.sweep_scenarios import SCENARIOS, TIMER, Scenario
from tetra_orchestrator import failpoints
from tetra_orchestrator.core.backfill import Backfill
from tetra_orchestrator.core.history import Partition, RunFilter
from tetra_orchestrator.core.slots import LATE, MISSED, RAN
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.errors import Exit

#: What comes first after the fault, in turn.
LOOKS = (("status", "--json"), ("show", "--json"), ("logs",), ("run",))
ALL = {**SCENARIOS, **POSTGRES}
#: How often a run is resumed at most.
TRIES = 3
IN_FLIGHT = 6
GOOD = (RunState.SUCCEEDED.value,)
#: Between these the locks are held, so that nobody else gets in.
BEFORE_LOCKS = (
    "cfg.loaded",
    "cache.write",
    "store.make",
    "migrate.step",
    "reserve.make",
    "lock.file",
    "reconcile.each",
    "owner.write",
    "seen.write",
)
AFTER_LOCKS = ("lock.release", "prune.files", "prune.rows", "alert.")
#: Here a run that is to wait for another one does not wait yet.
BEFORE_WAITING = "run.insert"


class Case(NamedTuple):
    """One fault of one command. `look` is what comes after it."""

    scenario: str
    place: str
    nth: int
    action: str
    look: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.scenario}, {self.place}:{self.nth}={self.action}, then {' '.join(self.look)}"


class Verdict(NamedTuple):
    """What is wrong after a case, and whether its fault has come about as far as that can be seen."""

    case: object
    complaints: list[Complaint]
    seen: bool


def main(argv: list[str]) -> int:
    """Try all cases, or those whose names hold the words; 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proofs sweep", description="Faults at every named place.")
    parser.add_argument("--jobs", type=int, default=IN_FLIGHT, help=f"real cases at once (default: {IN_FLIGHT})")
    parser.add_argument("--postgres", action="store_true", help="real cases with PostgreSQL instead of SQLite")
    parser.add_argument("words", nargs="*", help="only cases whose descriptions have all of these")
    given = parser.parse_args(argv)
    began, counts, wrong, cases = time.monotonic(), Counter[str](), Counter[str](), 0
    scenarios = POSTGRES if given.postgres else SCENARIOS
    unseen = {place for scenario in scenarios.values() for place in scenario.places}
    for verdict in _on(given, scenarios, counts):
        cases += 1
        wrong.update({complaint.kind for complaint in verdict.complaints})
        unseen -= {verdict.case.place} if verdict.seen else set()
        if verdict.complaints:
            print(verdict.case, *sorted(set(verdict.complaints)), sep="\n  ", flush=True)
    print(*(f"{text}: {number}" for text, number in sorted(counts.items())), sep="\n")
    print(f"{time.monotonic() - began:.0f} s")
    if unseen and not given.words:
        print(f"nothing is proved of {', '.join(sorted(unseen))}")
    print(f"cases {cases}", *(f"{kind} {wrong[kind]}" for kind in KINDS))
    return int(bool(wrong) or (bool(unseen) and not given.words) or not cases)


def _on(given: argparse.Namespace, scenarios: Mapping[str, Scenario], counts: Counter[str]) -> Iterator[Verdict]:
    if given.postgres:
        with server():
            yield from real_verdicts(real_cases(scenarios), given.words, given.jobs, counts)
        return
    for case in memory_cases():
        if all(word in str(case) for word in given.words):
            yield Verdict(case, *perform_in_memory(case, counts))
    yield from real_verdicts(real_cases(), given.words, given.jobs, counts)


def real_verdicts(cases: Iterable[Case], words: Iterable[str], jobs: int, counts: Counter[str]) -> Iterator[Verdict]:
    """The verdict on every case that has these words, as they come."""
    chosen = [case for case in cases if all(word in str(case) for word in words)]
    memory = "/dev/shm"
    place = memory if os.path.isdir(memory) else None
    with tempfile.TemporaryDirectory(prefix="tetra sweep ", dir=place) as above, ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda each: perform(each[1], Path(above) / str(each[0]), counts), enumerate(chosen))


def real_cases(scenarios: Mapping[str, Scenario] = SCENARIOS) -> Iterator[Case]:
    """Every hit that a scenario names, with every action."""
    for name, scenario in scenarios.items():
        for place, hits in scenario.places.items():
            for number, nth in enumerate(hits):
                for turn, action in enumerate(failpoints.ACTIONS):
                    yield Case(name, place, nth, action, LOOKS[(turn + number + len(place)) % len(LOOKS)])


def perform(case: Case, folder: Path, counts: Counter[str]) -> Verdict:
    """Bring the fault about, do what a user would do, and look at what is there then."""
    folder.mkdir()
    scenario = ALL[case.scenario]
    project = scenario.prepare(folder)
    try:
        seen = _hit(case, scenario, project)
        found = list(_mended(case, scenario, project))
        scenario.afterwards(project)
        return Verdict(case, [*found, *project.violations(counts)], seen)
    finally:
        project.close()


def _hit(case: Case, scenario: Scenario, project: Project) -> bool:
    """Let the command run into its fault; whether that was seen."""
    there = set(project.states())
    project.known = there if scenario.fresh else set()
    armed = f"{case.place}:{case.nth}={case.action}"
    process = project.start(*scenario.words, failpoint=armed)
    waits = not case.place.startswith(BEFORE_WAITING)
    project.until(lambda: _is_hit(process) or (waits and scenario.due(project)))
    if waits and scenario.due(project):
        project.go()
        project.until(lambda: _is_hit(process))
    pids = stopped(process) if process.poll() is None else []
    if pids:
        _look_at_the_stopped(case, scenario, project, there)
        project.go()
        project.until(lambda: _goes_on(process))
    code = project.finish(process, killed=case.action == "kill")
    if pids and code != scenario.code:
        project.complaints.append(Complaint(STRANDED, f"having gone on it ended with {code}"))
    return bool(pids) or code == -signal.SIGKILL


def _is_hit(process: subprocess.Popen[str]) -> bool:
    """Whether it has ended or is stopped."""
    return process.poll() is not None or bool(stopped(process))


def _goes_on(process: subprocess.Popen[str]) -> bool:
    """Let whatever is stopped of it go on; whether it has ended."""
    for pid in stopped(process):
        os.kill(pid, signal.SIGCONT)
    return process.poll() is not None


def _look_at_the_stopped(case: Case, scenario: Scenario, project: Project, there: set[str]) -> None:
    """While it is stopped, nobody settles what it does, and nobody does it as well."""
    mine = {name: state for name, state in project.states().items() if name not in there}
    project.run("status")
    if not mine.items() <= project.states().items():
        project.complaints.append(Complaint(WRONG, f"{mine} became {project.states()} while its owner was stopped"))
    if project.due and (code := project.run("fire", TIMER)) != Exit.OK:
        project.complaints.append(Complaint(WRONG, f"beside the stopped one, `fire` ended with {code}"))
    if scenario.words[0] in ("run", "resume") and not case.place.startswith(AFTER_LOCKS):
        code = project.run("run", "--mode", scenario.mode)
        allowed = {Exit.OK, Exit.FAILED, Exit.NOT_NOW} if case.place.startswith(BEFORE_LOCKS) else {Exit.NOT_NOW}
        if code not in allowed:
            project.complaints.append(Complaint(WRONG, f"beside the stopped one, `run` ended with {code}"))


def _mended(case: Case, scenario: Scenario, project: Project) -> Iterator[Complaint]:
    """One command, then `resume` until all is done; what did not get done."""
    project.go()
    words = (*case.look, "--mode", scenario.mode) if case.look == ("run",) else case.look
    project.run(*words)
    for holder in project.holders:
        project.finish(holder)
    if scenario.words[0] == "backfill":
        yield from _backfilled(scenario, project)
        return
    if scenario.words[0] in ("pause", "unpause"):
        project.run("unpause", "rows", "reads")
        project.known = set(project.states())
    if project.due:
        project.run("fire", TIMER)
        yield from _unfired(case, project)
    elif _head(scenario.mode, project) is None:
        project.run("run", "--mode", scenario.mode)
    for head in _heads(scenario, project):
        yield from _resumed(head, scenario.mode, project)


def _backfilled(scenario: Scenario, project: Project) -> Iterator[Complaint]:
    """`backfill continue` until it is over; what did not succeed, or did so twice."""
    for _ in range(TRIES):
        states = [one.state for one in _backfills(project)]
        if states != [RunState.SUCCEEDED]:
            project.run(*(("backfill", "continue") if states else scenario.words))
    with project.store() as store:
        for one in store.backfills.all():
            runs = Counter(run.partition for run in store.search(RunFilter(backfill=one.backfill_id, states=GOOD), 100))
            for row in store.backfills.partitions(one.backfill_id):
                if (times := runs[Partition(row.start, row.end)]) != 1:
                    yield Complaint(DOUBLED if times else LOST, f"{row.start} has succeeded {times} times")
    if [one.state for one in _backfills(project)] != [RunState.SUCCEEDED]:
        yield Complaint(STRANDED, f"of the backfill there is {_backfills(project)}")


def _backfills(project: Project) -> list[Backfill]:
    if not project.has_store():
        return []
    with project.store() as store:
        return list(store.backfills.all())


def _unfired(case: Case, project: Project) -> Iterator[Complaint]:
    """The slots that were due and have no run. That the disk was full when it should begin is a reason."""
    allowed = {RAN, LATE, MISSED} if case.action == "enospc" else {RAN, LATE}
    with project.store() as store:
        outcomes = {slot.at: slot.outcome for slot in store.ledger.slots()}
    for at in project.due:
        if outcomes.get(at) not in allowed:
            yield Complaint(LOST, f"the slot {instant(at)} was due, and is {outcomes.get(at)}")


def _heads(scenario: Scenario, project: Project) -> list[str | None]:
    """The runs whose tasks have to get done: those of slots, where some were due."""
    if not project.due:
        return [_head(scenario.mode, project)]
    with project.store() as store:
        return [run.run_id for run in fired(store)]


def _resumed(head: str | None, mode: str, project: Project) -> Iterator[Complaint]:
    """`resume` until what the run was for is done; what did not get done."""
    if head is None:
        yield Complaint(WRONG, "there is no run of it")
        return
    for _ in range(TRIES):
        with project.store() as store:
            newest = store.run(chain(store, head)[-1])
        if newest.state == RunState.SUCCEEDED:
            break
        project.run("resume", newest.run_id)
    with project.store() as store:
        yield from of_chain(store, head, MODES[mode])


def _head(mode: str, project: Project) -> str | None:
    """The first run of the mode that was not there before the command."""
    if not project.has_store():
        return None
    with project.store() as store:
        runs = [run.run_id for run in reversed(store.runs(limit=1000)) if run.mode == mode]
    return next((name for name in runs if name not in project.known), None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
