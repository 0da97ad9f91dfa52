"""The short form of `make soak`, and that it finds an engine that breaks an invariant."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from soak.campaign import examine
from soak.growth import DESCRIPTORS, FEWEST, MEMORY_BYTES, Growth
from soak.real import examine as examine_really
from soak.scenario import scenario
from soak.simulated import SimRunner
from tetra_orchestrator.adapters.report.fanout import Fanout
from tetra_orchestrator.adapters.store.memory import MemoryStore
from tetra_orchestrator.core import endings
from tetra_orchestrator.core import plan as plan_module
from tetra_orchestrator.core.plan import Plan
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.engine import loop, start
from tetra_orchestrator.engine.conclusion import EXIT_CODES
from tetra_orchestrator.engine.journal import Journal

SEED = 1
TESTS = Path(__file__).parents[1]


def shown(found):
    return "\n".join([found.label, *found.violations, *found.smallest]) if found else ""


def test_six_hundred_simulated_runs_keep_every_invariant():
    counts = Counter()
    for number in range(600):
        found = examine(SEED, number, counts)
        assert not found, shown(found)
    met = {what for what in counts if what.startswith("run ")}
    assert met == {"run succeeded", "run partial", "run failed", "run timed_out", "run cancelled"}
    assert min(counts[what] for what in ("signal", "clock jump", "suspend", "service", "attempt timed_out")) > 30


@pytest.mark.parametrize("number", range(4))
def test_real_runs_keep_every_invariant(number):
    found = examine_really(SEED, number)
    assert not found, shown(found)


def test_a_run_can_be_repeated_alone_from_its_seed_and_number():
    assert scenario(5, 7) == scenario(5, 7)
    assert len({scenario(5, number) for number in range(20)}) == 20
    once, again = scenario(5, 7), scenario(5, 7).without("t00")
    assert [once.act(task.id, 1) for task in again.tasks] == [again.act(task.id, 1) for task in again.tasks]


# An engine that is broken is found


def unlimited(monkeypatch):
    limits = start.limits
    monkeypatch.setattr(start, "limits", lambda *args: limits(*args)._replace(max_parallel=99, places=99, pools=(("db", 99), ("api", 99))))  # fmt: skip # noqa: E501


def impatient(monkeypatch):
    monkeypatch.setattr(plan_module, "delay_s", lambda *args: 0.0)


def untiring(monkeypatch):
    refusal = endings.refusal

    def forgiving(policy, attempts, *rest, **named):
        return refusal(policy, min(attempts, 1), *rest, **named)

    monkeypatch.setattr(endings, "refusal", forgiving)


def eager(monkeypatch):
    tied = plan_module.tied

    def loose(*args):
        nodes = tied(*args)
        for node in nodes.values():
            node.unmet = 0
        return nodes

    monkeypatch.setattr(plan_module, "tied", loose)


def hasty(monkeypatch):
    finished = Plan.finished.fget
    monkeypatch.setattr(Plan, "finished", property(lambda plan: finished(plan) or plan.cancelled is not None))


def deaf(monkeypatch):
    monkeypatch.setattr(Plan, "cancel", lambda plan, reason: None)


def unwatched(monkeypatch):
    decide = Plan.decide
    monkeypatch.setattr(Plan, "decide", lambda plan, *times: decide(plan, *times)._replace(stops=()))


def sleepless(monkeypatch):
    decide = Plan.decide
    monkeypatch.setattr(Plan, "decide", lambda plan, now, elapsed=None, *others: decide(plan, now, now, *others))


def forgetful(monkeypatch):
    record = MemoryStore.record

    def without_ends(store, changes):
        kept = [c for c in changes if getattr(getattr(c, "event", None), "event", None) != "task.finished"]
        record(store, kept)

    monkeypatch.setattr(MemoryStore, "record", without_ends)


def flattering(monkeypatch):
    monkeypatch.setitem(EXIT_CODES, RunState.FAILED, 0)


def trusting(monkeypatch):
    monkeypatch.setattr(loop, "checked_outputs", lambda task, outcome, files, workspace: (outcome, {}))


def late_to_write(monkeypatch):
    submit, commit = loop.Execution._submit, Journal.commit
    monkeypatch.setattr(
        Journal, "commit", lambda journal: None if journal.__dict__.pop("late", True) else commit(journal)
    )
    monkeypatch.setattr(loop.Execution, "_submit", submit)


def fragile(monkeypatch):
    def each(fanout, act):
        for reporter in fanout._reporters:
            act(reporter)

    monkeypatch.setattr(Fanout, "_each", each)


def leaving(monkeypatch):
    poll = SimRunner.poll
    monkeypatch.setattr(SimRunner, "poll", lambda runner, handles: poll(runner, runner.over))
    monkeypatch.setattr(SimRunner, "_end", _half_ended)


def _half_ended(runner, handle, outcome):
    from tetra_orchestrator.ports import Ended

    if handle not in runner.live or handle in runner.over:
        return False
    runner.over[handle] = Ended(handle, outcome)  # told, and still there
    return True


@pytest.mark.parametrize(
    ("broken", "invariant"),
    [
        (unlimited, "L"),
        (impatient, "L"),
        (untiring, "L"),
        (eager, "I6"),
        (hasty, "I8"),
        (deaf, "I6"),
        (unwatched, "I14"),
        (sleepless, "I14"),
        (forgetful, "I4"),
        (flattering, "I12"),
        (trusting, "I2"),
        (late_to_write, "I6"),
        (fragile, "I10"),
        (leaving, "I8"),
    ],
)
def test_an_engine_that_is_broken_is_found_and_the_run_made_small(broken, invariant, monkeypatch):
    broken(monkeypatch)
    for number in range(300):
        found = examine(SEED, number)
        if found and any(one.split()[0] == invariant for one in found.violations):
            assert found.label == f"--seed 1 --only {number}"
            assert len(found.smallest) <= 1 + len(scenario(SEED, number).tasks)
            return
    pytest.fail("it was not found")


@pytest.mark.parametrize(
    ("memory", "descriptors", "told"),
    [
        (0, 0, []),
        (2 * MEMORY_BYTES, 0, ["I16 memory rose by 34 MB from the second third to the last"]),
        (0, 2 * DESCRIPTORS, ["I16 descriptors rose by 4 from the second third to the last"]),
    ],
)
def test_growth_is_told(memory, descriptors, told):
    growth = Growth()
    for look in range(FEWEST):
        late = look >= FEWEST * 2 // 3
        growth._memory.append(10**8 + memory * late)
        growth._descriptors.append(20 + descriptors * late)
    assert growth.violations() == told


def test_the_command_prints_its_seed_and_a_table_and_ends_with_0():
    command = [sys.executable, "-m", "soak", "--kind", "simulated", "--seed", "3", "--minutes", "0.005"]
    path = f"{TESTS}:{TESTS.parent / 'src'}"
    done = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr, lines[0]) == (0, "", "seed 3")
    assert any(line.startswith("run succeeded") for line in lines)
