"""Many simulated runs: what was found in each, and the smallest run that still shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from soak.invariants import Watcher, of_rows, of_simulation, signature
from soak.scenario import Scenario, scenario
from soak.simulated import Simulation


class Finding(NamedTuple):
    """A run that broke an invariant, made as small as it can be."""

    label: str
    violations: list[str]
    smallest: list[str]


def simulate(given: Scenario, counts: Counter[str] | None = None) -> list[str]:
    """What is wrong with this run; nothing, if all is well."""
    sim = Simulation(given)
    watcher = Watcher(sim)
    try:
        sim.perform()
    except Exception as error:
        return [*watcher.found, f"I3 the engine gave up: {type(error).__name__}: {error}"]
    graph = {task.id: task for task in given.tasks}
    found = [*watcher.found, *of_rows(sim.store, sim.last_run.run_id, sim.exit_code, graph), *of_simulation(sim)]
    again = Simulation(given, broken=True)
    try:
        again.perform()
    except Exception as error:
        return [*found, f"I10 a reporter that fails ended the engine: {type(error).__name__}: {error}"]
    if signature(again) != signature(sim):
        found.append("I10 the run went another way with a reporter that fails")
    if counts is not None:
        counts.update(_counted(sim))
    return list(dict.fromkeys(found))


def _counted(sim: Simulation) -> Iterator[str]:
    rows = sim.store.task_runs(sim.last_run.run_id)
    yield f"run {sim.last_run.state}"
    yield from (f"task {row.state}" for row in rows)
    yield from (f"attempt {attempt.kind}" for attempt in sim.store.attempts(sim.last_run.run_id))
    yield from ("signal" for _ in sim.given.signals)
    yield from ("clock jump" for _ in sim.given.jumps)
    yield from ("suspend" for _ in sim.given.sleeps)
    yield from ("service" for task in sim.given.tasks if task.service)


def examine(seed: int, number: int, counts: Counter[str] | None = None) -> Finding | None:
    """Perform one run; None if all is well."""
    given = scenario(seed, number)
    found = simulate(given, counts)
    return Finding(f"--seed {seed} --only {number}", found, _smallest(given, found[0]).describe()) if found else None


def _smallest(given: Scenario, violation: str) -> Scenario:
    """The run with as few tasks as possible in which the same invariant is still broken."""
    kind = violation.split()[0]
    for task in given.tasks:
        fewer = given.without(task.id)
        if fewer.tasks and any(one.split()[0] == kind for one in simulate(fewer)):
            return _smallest(fewer, violation)
    return given
