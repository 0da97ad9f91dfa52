"""The crash sweep in memory: the engine is hit in this process, among fakes, and its world is left as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from proofs.sweep_checks import STRANDED, WRONG, Complaint, chain, of_chain, of_journal, of_runs
from proofs.sweep_machine import GRAPH, Armed, Machine
from tetra_orchestrator import failpoints
from tetra_orchestrator.core.history import PipelineState, Run, TaskRun
from tetra_orchestrator.core.model import Keep
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.engine.again import Again
from tetra_orchestrator.engine.cancel import cancel
from tetra_orchestrator.engine.reconcile import reconcile
from tetra_orchestrator.engine.retention import prune
from tetra_orchestrator.errors import NotNow

GOOD, BAD = ("rows", "reads", "flaky", "kept"), ("fails", "behind")
TRIES = 3


class Scenario(NamedTuple):
    """`act` is hit. Before it `prepare`, afterwards the tasks of `names` get done, in a run that is new if `fresh`."""

    act: Callable[[Machine], object]
    names: tuple[str, ...]
    places: Mapping[str, tuple[int, ...]]
    answer: object = 0
    prepare: Callable[[Machine], object] = lambda machine: None
    fresh: bool = False


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


def _writes(*names: str, nth: tuple[int, ...] = (1,)) -> dict[str, tuple[int, ...]]:
    return {each: nth for name in names for each in (name, f"{name}.commit")}


_RUN = {
    **dict.fromkeys(("lock.taken", "lock.release", "outputs.read"), (1,)),
    **dict.fromkeys(("spawn.before", "child.exited"), (1, 2)),
    **_writes("run.insert", "retry.scheduled", "outputs.insert", "run.finish", "attempt.running"),
    **_writes("attempt.insert", "attempt.finish", nth=(1, 2)),
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
    found += of_runs(machine.store, GRAPH)
    found += of_journal(machine.store, GRAPH, machine.lines, counts)
    found += [Complaint(STRANDED, f"{line} is left") for line in machine.living.values()]
    return found, armed.reached


def _beside_the_stopped(case: MemoryCase, scenario: Scenario, machine: Machine) -> Iterator[Complaint]:
    """While it is stopped, nobody settles what it does, and nobody does it as well."""
    mine = {run.run_id: run.state for run in machine.store.runs() if run.owner == machine.owner}
    reconcile(machine.scene, end_survivors=False)
    if {name: machine.store.run(name).state for name in mine} != mine:
        yield Complaint(WRONG, f"{mine} was settled while its owner was stopped")
    if any(name.startswith("pipeline-") for name in machine.locks.taken):
        with suppress(NotNow):
            yield Complaint(WRONG, f"a second run ended with {machine.run(None, scenario.names)}")


def _mended(case: MemoryCase, scenario: Scenario, machine: Machine, known: set[str]) -> Iterator[Complaint]:
    """A look or a run, then `resume` until all is done; what did not get done."""
    machine.does(_run(scenario.names) if case.run else lambda m: reconcile(m.scene, end_survivors=False))
    head = _head(scenario, machine, known)
    if head is None:
        machine.does(_run(scenario.names))
        head = _head(scenario, machine, known)
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
