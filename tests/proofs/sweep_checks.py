"""What must hold once a crash and the commands after it are over, by the store and by what the tasks wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from soak.invariants import of_rows
from tetra_orchestrator.core.history import Run
from tetra_orchestrator.core.model import Task
from tetra_orchestrator.core.reasons import CARRIED_OVER, UNCHANGED
from tetra_orchestrator.core.slots import FINAL, LATE, MADE_UP, ON_TIME, OPEN, RAN, RUNNING, Slot
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.core.states import RUN_TERMINAL, TaskState
from tetra_orchestrator.errors import Exit

#: The kinds of complaints: a task did not get done, was done twice, something is left behind, something else is wrong.
KINDS = LOST, DOUBLED, STRANDED, WRONG = "lost", "doubled", "stranded", "wrong"
UNKNOWN = "ends that nobody could know of"
#: What the invariants say of a run whose owner died, or was made to end, before its first commit.
#: And of one that its owner has ended because the store took no more.
GIVEN_UP = [f"I12 a failed run has the exit code {code}" for code in (Exit.UNAVAILABLE, Exit.CANNOT_WRITE)]
NEVER_BEGUN = "I3 the events of the run itself are ['run.finished']"


class Complaint(NamedTuple):
    """What does not hold."""

    kind: str
    text: str


class Line(NamedTuple):
    """What a task wrote: it starts, it is at its end with a code, or somebody else is at the same task (overlap)."""

    what: str
    task: str
    run_id: str
    attempt: int
    code: int = 0


def roots(store) -> dict[str, str]:
    """Each run with the first one of its chain: the one that was resumed, or what that had resumed; newest first."""
    before = {run.run_id: run.resumes for run in store.runs(limit=1000)}
    found = {}
    for run_id in before:
        first = run_id
        while before.get(first):
            first = before[first]
        found[run_id] = first
    return found


def chain(store, head: str) -> list[str]:
    """The run and those that resume it, oldest first."""
    return [run_id for run_id, first in reversed(roots(store).items()) if first == head]


def of_chain(store, head: str, tasks: Iterable[str]) -> Iterator[Complaint]:
    """Each task has succeeded exactly once in the chain of runs, or was unchanged since another run."""
    rows = [row for run_id in chain(store, head) for row in store.task_runs(run_id)]
    won = Counter(row.task_id for row in rows if row.state == TaskState.SUCCEEDED)
    kept = {row.task_id for row in rows if row.reason and row.reason.code == UNCHANGED}
    for name in tasks:
        if won[name] != 1 and not (name in kept and not won[name]):
            text = f"{name} has succeeded {won[name]} times in the chain of run {head}"
            yield Complaint(DOUBLED if won[name] else LOST, text)


def of_runs(store, graph: Mapping[str, Task]) -> Iterator[Complaint]:
    """Every run is over and its rows, attempts and events agree."""
    for run_id in _ours(store, graph):
        for text in of_rows(store, run_id, None, _left_of(store.task_runs(run_id), graph)):
            never_begun = text == NEVER_BEGUN and not store.attempts(run_id)
            if never_begun or text in GIVEN_UP:
                continue
            yield Complaint(STRANDED if text.startswith("I3") else WRONG, f"{run_id}: {text}")


def of_slots(store) -> Iterator[Complaint]:
    """Every slot is settled exactly once: one that ran by the one run that is for it, any other with a reason."""
    slots = store.ledger.slots()
    yield from (Complaint(STRANDED, f"{_name(slot)} is {slot.outcome}") for slot in slots if slot.outcome in OPEN)
    yield from (Complaint(WRONG, text) for text in of_pairs(store))
    runs = Counter((run.schedule, run.slot) for run in fired(store))
    yield from (Complaint(DOUBLED, f"{_name(slot)} has {runs[slot[:2]]} runs") for slot in slots if runs[slot[:2]] > 1)


def fired(store) -> list[Run]:
    """The runs that have begun for slots, oldest first; those that resume one of them are for none themselves."""
    runs = reversed(store.runs(limit=1000))
    return [run for run in runs if run.slot and run.started_at and run.trigger in (ON_TIME, MADE_UP)]


def of_pairs(store) -> Iterator[str]:
    """What holds of slots and runs at any time: no run of a schedule without its slot, and the other way round."""
    runs = {run.run_id: run for run in store.runs(limit=1000)}
    slots = {(slot.schedule, slot.at): slot for slot in store.ledger.slots()}
    for slot in slots.values():
        run = runs.get(slot.run_id)
        if slot.outcome in (RUNNING, RAN, LATE) and (run is None or (run.schedule, run.slot) != slot[:2]):
            yield f"{_name(slot)} is {slot.outcome}, and its run is {run}"
        if slot.outcome in FINAL and slot.outcome not in (RAN, LATE) and slot.reason is None:
            yield f"{_name(slot)} is {slot.outcome} for no reason"
        if run is not None and (slot.outcome in FINAL) != (run.state in RUN_TERMINAL):
            yield f"{_name(slot)} is {slot.outcome}, and its run is {run.state}"
    for run in fired(store):
        own = slots.get((run.schedule, run.slot))
        if own is None or own.run_id != run.run_id:
            yield f"run {run.run_id} is for the slot {instant(run.slot)} of {run.schedule}, which is {own}"


def _name(slot: Slot) -> str:
    return f"the slot {instant(slot.at)} of {slot.schedule}"


def _ours(store, graph: Mapping[str, Task]) -> list[str]:
    """The runs of these tasks; a store of an older version has others."""
    runs = [run.run_id for run in store.runs(limit=1000)]
    return [run_id for run_id in runs if all(row.task_id in graph for row in store.task_runs(run_id))]


def _left_of(rows, graph: Mapping[str, Task]) -> dict[str, Task]:
    """The graph without what an earlier run has done."""
    done = {row.task_id for row in rows if row.reason and row.reason.code in CARRIED_OVER}
    needs = {name: tuple(each for each in one.depends_on if each not in done) for name, one in graph.items()}
    return {name: one._replace(depends_on=needs[name]) for name, one in graph.items()}


def of_journal(store, graph: Mapping[str, Task], lines: Sequence[Line], counts: Counter[str]) -> Iterator[Complaint]:
    """No two attempts of a task overlap, and none starts after its success is recorded.

    Ends with the code 0 whose success nobody could record are counted: such a task is allowed to run again.
    """
    first = roots(store)
    won = {
        (row.run_id, row.task_id, row.attempts)
        for run_id in _ours(store, graph)
        for row in store.task_runs(run_id)
        if row.state == TaskState.SUCCEEDED
    }
    begun: dict[str, Line] = {}
    over: set[tuple[str, str]] = set()
    ended = set()
    for line in lines:
        key = line.run_id, line.task, line.attempt
        place = first.get(line.run_id, line.run_id), line.task
        text = f"attempt {line.attempt} of {line.task} in run {line.run_id}"
        if line.what == "overlap":
            yield Complaint(DOUBLED, f"{text} has met another one that was not gone")
        elif line.what == "start":
            if place in over:
                yield Complaint(DOUBLED, f"{text} has started after the success of the task was recorded")
            begun[line.task] = line
        else:
            if begun[line.task] != line._replace(what="start", code=0):
                yield Complaint(DOUBLED, f"{text} has ended after another one had started")
            ended.add(key)
            over |= {place} if key in won else set()
            counts[UNKNOWN] += line.code == 0 and line.run_id in first and key not in won
    for run_id, task, attempt in sorted(won - ended):
        yield Complaint(LOST, f"attempt {attempt} of {task} in run {run_id} is said to have succeeded and did not")
