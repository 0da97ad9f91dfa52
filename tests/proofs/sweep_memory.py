"""The crash sweep in memory: the engine is hit in this process, among fakes, and its world is left as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

from proofs.sweep_checks import (
    LOST,
    STRANDED,
    WRONG,
    Complaint,
    chain,
    fired,
    of_chain,
    of_journal,
    of_runs,
    of_slots,
)
from proofs.sweep_machine import GRAPH, HOURLY, Armed, Machine
from support.fakes import START
from support.schedules import GuardStage
from tetra_orchestrator import failpoints
from tetra_orchestrator.core.backfill import RUNNING, Backfill, PartitionState
from tetra_orchestrator.core.history import PipelineState, Run, TaskRun
from tetra_orchestrator.core.model import Keep
from tetra_orchestrator.core.slots import LATE, MISSED, RAN
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.engine import ledger
from tetra_orchestrator.engine.again import Again
from tetra_orchestrator.engine.backfill import move
from tetra_orchestrator.engine.backfill_order import add
from tetra_orchestrator.engine.cancel import cancel
from tetra_orchestrator.engine.reconcile import reconcile
from tetra_orchestrator.engine.retention import prune
from tetra_orchestrator.errors import NotNow

GOOD, BAD = ("rows", "reads", "flaky", "kept"), ("fails", "behind")
TRIES = 3
#: When the timer is due: half past the hours since the machine was started.
SLOTS = tuple(START + timedelta(hours=hours, minutes=30) for hours in range(3))


class Scenario(NamedTuple):
    """`act` is hit. Before it `prepare`, afterwards the tasks of `names` get done, in a run that is new if `fresh`.

    Of `due` are the slots that each get a run.
    """

    act: Callable[[Machine], object]
    names: tuple[str, ...]
    places: Mapping[str, tuple[int, ...]]
    answer: object = 0
    prepare: Callable[[Machine], object] = lambda machine: None
    fresh: bool = False
    due: tuple[datetime, ...] = ()


def _run(names: tuple[str, ...]) -> Callable[[Machine], object]:
    return lambda machine: machine.run(None, names)


def _queue(machine: Machine) -> object:
    """A run that waits until another one lets go."""
    machine.locks.taken.add("pipeline-rows")

    def wait() -> bool:
        machine.locks.taken.discard("pipeline-rows") if len(machine.locks.taken) < 3 else None
        return machine.runner.something_ended()

    machine.clock.on_wait = wait
    return machine.run(None, GOOD, overlap="queue")


def _die(names: tuple[str, ...]) -> Callable[[Machine], None]:
    """A run of these has died."""

    def prepare(machine: Machine) -> None:
        with Armed("spawn.before:1=kill", machine):
            machine.does(_run(names))

    return prepare


def _fall_short(machine: Machine) -> None:
    """A run of which only the first tasks have succeeded."""
    with Armed("spawn.before:2=kill", machine):
        machine.does(_run(GOOD))
    machine.does(_settle)


def _resume(machine: Machine) -> object:
    return machine.run(None, GOOD, again=Again(machine.last_run.run_id), trigger="resume")


def _make(number: int) -> Callable[[Machine], object]:
    """A run whose parameter is another with every number."""
    return lambda machine: machine.run(None, ("made",), params={"number": number})


def _two_dead(machine: Machine) -> None:
    _die(GOOD)(machine)
    before = machine.last_run
    run_id = "20260301T000000Z-aaaaaa"
    run = Run(run_id, "tetra", None, "manual", "running", "c0ffee", before.started_at, owner="nobody")
    machine.store.open_run(run, [TaskRun(run_id, "behind", "behind", 0, "pending")], [PipelineState("behind")], "{}")


def _past(machine: Machine) -> None:
    for _ in range(4):
        machine.does(_run(("rows",)))


def _settle(machine: Machine) -> int:
    reconcile(machine.scene, end_survivors=True)
    return 0


def _cancel(machine: Machine) -> int:
    cancel(machine.last_run.run_id, machine.scene, 1.0)
    return 0


def _prune(machine: Machine) -> int:
    prune(Keep(runs=1), machine.store, machine.workspace, machine.clock)
    return 0


def _backfill(machine: Machine) -> int:
    """Order a backfill, or find the one that is there, and end it; a run of it is like any other."""
    asked = Backfill("", "days", "2026-01-01", "2026-01-01", "day", "", "c0ffee", machine.clock.now())
    kept = add(asked, [PartitionState("2026-01-01", "2026-01-01", 0)], "{}", machine.world())
    move(kept.backfill_id, RUNNING, RunState.CANCELLED.value, machine.scene)
    return 0


def _is_due(after_s: float) -> Callable[[Machine], None]:
    """The timer was looked at last when the machine was started; since then time has passed."""

    def prepare(machine: Machine) -> None:
        machine.look()
        machine.clock.show(SLOTS[0] + timedelta(seconds=after_s))

    return prepare


def _fire(machine: Machine) -> object:
    return machine.wake(HOURLY.name)


def _leave(machine: Machine) -> int:
    """Leave the slots to processes of their own, which never start."""
    ledger.claim(HOURLY, machine.project, machine.scene, dispatched=True)
    return 0


def _writes(*names: str, nth: tuple[int, ...] = (1,)) -> dict[str, tuple[int, ...]]:
    return {each: nth for name in names for each in (name, f"{name}.commit")}


_RUN = {
    **dict.fromkeys(("lock.taken", "lock.release", "outputs.read"), (1,)),
    **dict.fromkeys(("spawn.before", "child.exited"), (1, 2)),
    **_writes("run.insert", "retry.scheduled", "outputs.insert", "run.finish", "attempt.running"),
    **_writes("attempt.insert", "attempt.finish", nth=(1, 2)),
}
_FIRE = {
    **dict.fromkeys(("lock.taken", "lock.release", "spawn.before", "child.exited"), (1,)),
    **_writes("slots.settle", "run.insert", "attempt.insert", "attempt.finish", "run.finish"),
}
SCENARIOS = {
    "a run": Scenario(_run(GOOD), GOOD, _RUN, fresh=True),
    "a run that fails": Scenario(_run(BAD), BAD, _writes("downstream.skip", "run.finish"), 2, fresh=True),
    "a run that waits": Scenario(_queue, GOOD, _writes("run.insert", "run.start"), fresh=True),
    "a resume": Scenario(_resume, GOOD, _writes("run.insert", "attempt.insert"), prepare=_fall_short),
    "a dead run": Scenario(_run(GOOD), GOOD, _writes("reconcile.each"), prepare=_die(GOOD)),
    "two dead runs": Scenario(_settle, GOOD, _writes("reconcile.each", nth=(1, 2)), prepare=_two_dead),
    "a cancel": Scenario(_cancel, GOOD, _writes("request.insert", "reconcile.each"), prepare=_die(GOOD)),
    "old runs": Scenario(
        _prune, ("rows",), _writes("prune.files", "prune.rows", nth=(1, 2)), prepare=_past, fresh=True
    ),
    "a backfill": Scenario(_backfill, GOOD, _writes("backfill.insert", "backfill.move"), fresh=True),
    "a result": Scenario(
        _make(2), ("made",), _writes("result.drop", "result.keep"), prepare=lambda m: m.does(_make(1)), fresh=True
    ),
    "a slot": Scenario(_fire, GOOD, _FIRE, prepare=_is_due(1), due=SLOTS[:1]),
    "slots that are made up for": Scenario(
        _fire, GOOD, _writes("run.insert", "run.finish", nth=(1, 3)), prepare=_is_due(9000), due=SLOTS
    ),
    "slots that are looked at": Scenario(
        GuardStage.look, GOOD, _writes("slots.settle"), None, prepare=_is_due(9000), due=SLOTS
    ),
    "slots that are left to others": Scenario(_leave, GOOD, _writes("slots.settle"), prepare=_is_due(1), due=SLOTS[:1]),
}


class MemoryCase(NamedTuple):
    """One fault of the engine in memory. `run` is whether a run comes after it, or only a look."""

    scenario: str
    place: str
    nth: int
    action: str
    run: bool

    def __str__(self) -> str:
        return (
            f"in memory: {self.scenario}, {self.place}:{self.nth}={self.action}, then a {'run' if self.run else 'look'}"
        )


def memory_cases() -> Iterator[MemoryCase]:
    """Every hit that a scenario names, with every action."""
    for name, scenario in SCENARIOS.items():
        for place, hits in scenario.places.items():
            for nth in hits:
                for action in failpoints.ACTIONS:
                    yield MemoryCase(name, place, nth, action, (len(place) + nth) % 2 == 0)


def perform_in_memory(case: MemoryCase, counts: Counter[str]) -> tuple[list[Complaint], bool]:
    """What is wrong after the case, and whether its fault came about."""
    scenario, machine = SCENARIOS[case.scenario], Machine()
    scenario.prepare(machine)
    known = {run.run_id for run in machine.store.runs()} if scenario.fresh else set()
    found: list[Complaint] = []
    with Armed(f"{case.place}:{case.nth}={case.action}", machine) as armed:
        armed.on_stop = lambda: found.extend(_beside_the_stopped(case, scenario, machine))
        answer = machine.does(scenario.act)
    if case.action == "stop" and answer != scenario.answer:
        found.append(Complaint(STRANDED, f"having gone on it ended with {answer!r}"))
    found += _mended(case, scenario, machine, known)
    found += _unfired(case, scenario, machine)
    found += of_slots(machine.store)
    found += of_runs(machine.store, GRAPH)
    found += of_journal(machine.store, GRAPH, machine.lines, counts)
    found += [Complaint(STRANDED, f"{line} is left") for line in machine.living.values()]
    return found, armed.reached


def _unfired(case: MemoryCase, scenario: Scenario, machine: Machine) -> Iterator[Complaint]:
    """The slots that were due and have no run. That the disk was full when it should begin is a reason."""
    allowed = {RAN, LATE, MISSED} if case.action == "enospc" else {RAN, LATE}
    outcomes = {slot.at: slot.outcome for slot in machine.store.ledger.slots()}
    for at in scenario.due:
        if outcomes.get(at) not in allowed:
            yield Complaint(LOST, f"the slot {at} was due, and is {outcomes.get(at)}")


def _beside_the_stopped(case: MemoryCase, scenario: Scenario, machine: Machine) -> Iterator[Complaint]:
    """While it is stopped, nobody settles what it does, and nobody does it as well."""
    mine = {run.run_id: run.state for run in machine.store.runs() if run.owner == machine.owner}
    reconcile(machine.scene, end_survivors=False)
    if {name: machine.store.run(name).state for name in mine} != mine:
        yield Complaint(WRONG, f"{mine} was settled while its owner was stopped")
    if scenario.due and (code := machine.wake(HOURLY.name)):
        yield Complaint(WRONG, f"another wake beside it ended with {code}")
    if any(name.startswith("pipeline-") for name in machine.locks.taken):
        with suppress(NotNow):
            yield Complaint(WRONG, f"a second run ended with {machine.run(None, scenario.names)}")


def _mended(case: MemoryCase, scenario: Scenario, machine: Machine, known: set[str]) -> Iterator[Complaint]:
    """A look or a run, then `resume` until all is done; what did not get done."""
    machine.does(_run(scenario.names) if case.run else lambda m: reconcile(m.scene, end_survivors=False))
    heads = _fired(machine) if scenario.due else [_head(scenario, machine, known)]
    if heads == [None]:
        machine.does(_run(scenario.names))
        heads = [_head(scenario, machine, known)]
    for head in heads:
        yield from _resumed(head, scenario, machine)


def _fired(machine: Machine) -> list[str]:
    """The runs of slots, oldest first, when the timer has woken us again."""
    machine.clock.show(machine.clock.now() + timedelta(seconds=ledger.DISPATCH_S + 1))
    machine.does(_fire)
    return [run.run_id for run in fired(machine.store)]


def _resumed(head: str | None, scenario: Scenario, machine: Machine) -> Iterator[Complaint]:
    """`resume` until what the run was for is done; what did not get done."""
    for _ in range(TRIES):
        newest = machine.store.run(chain(machine.store, head)[-1])
        if newest.state == RunState.SUCCEEDED:
            break
        again = Again(newest.run_id)
        machine.does(lambda m: m.run(None, scenario.names, again=again, trigger="resume"))  # noqa: B023 - called here
    yield from of_chain(machine.store, head, scenario.names)


def _head(scenario: Scenario, machine: Machine, known: set[str]) -> str | None:
    """The first run of these tasks that was not there before."""
    for run in reversed(machine.store.runs()):
        tasks = {row.task_id for row in machine.store.task_runs(run.run_id)}
        if run.run_id not in known and tasks == set(scenario.names):
            return run.run_id
    return None
