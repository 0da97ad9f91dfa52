"""The crash sweep in short, that its places are all there are, and that its checks can find something."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from types import ModuleType

import pytest

from proofs import sweep, sweep_memory, sweep_project
from proofs.sweep import Case
from proofs.sweep_checks import DOUBLED, LOST, STRANDED, UNKNOWN, WRONG, Line, of_chain, of_journal, of_slots
from proofs.sweep_postgres import POSTGRES
from proofs.sweep_scenarios import SCENARIOS
from proofs.sweep_trace import Step, trace_of, unguarded
from support.builders import utc
from support.components import require
from support.postgres import Server
from support.schedules import GuardStage, scheduled
from support.worlds import Stage, project, task
from tetra_orchestrator import failpoints
from tetra_orchestrator.core.slots import EXPECTED, LATE, MISSED, QUEUED, RAN
from tetra_orchestrator.engine import again, ledger, reconcile

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc, and follows system calls")

# The sweep


@pytest.mark.parametrize("scenario", sweep_memory.SCENARIOS)
def test_whatever_happens_to_the_engine_in_memory_what_a_user_does_then_helps(scenario: str) -> None:
    cases = [case for case in sweep_memory.memory_cases() if case.scenario == scenario]
    verdicts = {case: sweep_memory.perform_in_memory(case, Counter()) for case in cases}
    assert {case: found for case, (found, seen) in verdicts.items() if found or not seen} == {}


def some(cases: Iterable[Case]) -> list[Case]:
    """One case of each scenario, and more of long ones: each time somewhere else, and with another action.

    `python -m proofs sweep [--postgres]` tries them all.
    """
    scenarios = [list(own) for _, own in groupby(cases, key=lambda case: case.scenario)]
    return [case for number, own in enumerate(scenarios) for case in own[number * 13 % len(own) :: 61]]


def test_some_are_of_each_scenario_and_of_each_action() -> None:
    for scenarios in (SCENARIOS, POSTGRES):
        chosen = some(sweep.real_cases(scenarios))
        assert {case.scenario for case in chosen} == {*scenarios}
        assert {case.action for case in chosen} == {*failpoints.ACTIONS}


@linux
@pytest.mark.parametrize("case", some(sweep.real_cases()), ids=str)
def test_whatever_happens_to_a_command_what_a_user_does_then_helps(case: Case, tmp_path: Path) -> None:
    assert sweep.perform(case, tmp_path / "case", Counter()).complaints == []


@linux
@pytest.mark.parametrize("case", some(sweep.real_cases(POSTGRES)), ids=str)
def test_whatever_happens_to_a_command_with_postgresql_what_a_user_does_then_helps(
    case: Case, tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_project, "new_database", postgres.store)
    assert sweep.perform(case, tmp_path / "case", Counter()).complaints == []


@linux
@pytest.mark.long
def test_the_whole_sweep_with_postgresql_loses_nothing_and_does_nothing_twice() -> None:
    require("initdb")
    assert sweep.main(["--postgres"]) == 0


@linux
@pytest.mark.long
def test_the_whole_sweep_loses_nothing_and_does_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep.main([]) == 0
    figure = capsys.readouterr().out.splitlines()[-1].split()
    assert int(figure[1]) >= 200


# Its places


@pytest.fixture(scope="module", params=SCENARIOS)
def traced(request: pytest.FixtureRequest) -> str:
    """The scenarios one by one: all tests of the one come before those of the next, which has a trace of its own."""
    return request.param


@pytest.fixture(scope="module")
def trace(traced: str, tmp_path_factory: pytest.TempPathFactory) -> list[Step]:
    """What the scenario does, undisturbed."""
    require("strace")
    return trace_of(SCENARIOS[traced], tmp_path_factory.mktemp("traces") / "trace")


@linux
def test_a_command_comes_by_each_place_as_often_as_the_sweep_counts_on(traced: str, trace: list[Step]) -> None:
    reached = Counter(step.mark for step in trace if step.mark)
    assert {place: hits for place, hits in SCENARIOS[traced].places.items() if max(hits) > reached[place]} == {}


def test_every_failpoint_is_hit_with_every_action() -> None:
    hit = {(case.place, case.action) for case in sweep.real_cases(sweep.ALL)}
    # where the project's store cannot be used there is nothing to resume: `test_aside` has the kills at these
    aside = {name for name in failpoints.NAMES if name.startswith("aside.")}
    assert hit == {(name, action) for name in {*failpoints.NAMES} - aside for action in failpoints.ACTIONS}


def test_every_place_of_the_engine_is_hit_in_memory_too() -> None:
    source = Path(failpoints.__file__).parent / "engine"
    text = "".join(path.read_text() for path in source.glob("*.py"))
    named = {name for name in failpoints.NAMES if f'"{name}"' in text or f'"{name.removesuffix(".commit")}"' in text}
    # these come when a run is over and its locks are free, or in a look of the monitor
    others = {name for name in named if name.startswith(("alert.", "marks."))}
    assert {case.place for case in sweep_memory.memory_cases()} == named - others


@linux
def test_every_write_stands_between_two_failpoints(trace: list[Step]) -> None:
    assert any(step.write for step in trace)
    assert list(unguarded(trace)) == []


# What finds nothing has to be able to


@pytest.mark.parametrize(
    ("place", "name", "broken"),
    [
        (reconcile, "is_owned", lambda run, scene: True),
        (reconcile, "is_owned", lambda run, scene: False),
        (reconcile, "_sweep", lambda scene: None),
        (again, "_success", lambda row: None),
        (ledger, "_is_free", lambda slot, scene: slot.outcome == EXPECTED),
        (ledger, "_fallen_due", lambda *_: []),
    ],
)
def test_an_engine_that_is_wrong_about_what_is_over_is_found_out(
    place: ModuleType, name: str, broken: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, name, broken)
    assert any(sweep_memory.perform_in_memory(case, Counter())[0] for case in sweep_memory.memory_cases())


def marks(*words: str) -> list[Step]:
    """The steps of one process: `a.b` is a failpoint, what has no dot is a write."""
    return [Step(1, mark=word) if "." in word else Step(1, write=word) for word in words]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("a.before", "one file", "a.commit"), []),
        (("a.before", "one file", "one file", "a.commit"), []),
        (("one file", "a.before", "a.commit"), ["one file after the start stands outside"]),
        (("a.before", "a.commit", "one file"), ["one file after a.commit stands outside"]),
        (("a.before", "a log", "one file", "a.commit"), ["a log, one file between a.before and a.commit"]),
        (("a.before", "a commit", "a commit", "a.commit"), ["a commit between a.before and a.commit"]),
    ],
)
def test_a_write_without_failpoints_around_it_is_found(words: tuple[str, ...], found: list[str]) -> None:
    assert list(unguarded(marks(*words))) == found


A = {"a": task("a")}


def a_finished_run() -> tuple[Stage, str]:
    stage = Stage(project(task("a")))
    assert stage.run() == 0
    return stage, stage.last_run.run_id


def test_a_task_that_starts_after_its_success_is_found() -> None:
    stage, run_id = a_finished_run()
    once = [Line("start", "a", run_id, 1), Line("end", "a", run_id, 1)]
    assert list(of_journal(stage.store, A, once, Counter())) == []
    found = list(of_journal(stage.store, A, [*once, Line("start", "a", run_id, 2)], Counter()))
    text = f"attempt 2 of a in run {run_id} has started after the success of the task was recorded"
    assert found == [(DOUBLED, text)]


def test_attempts_that_overlap_are_found() -> None:
    stage, run_id = a_finished_run()
    both = [Line("start", "a", "another", 1), Line("start", "a", run_id, 1)]
    late = [Line("end", "a", "another", 1, 1), Line("end", "a", run_id, 1)]
    found = list(of_journal(stage.store, A, [*both, *late], Counter()))
    assert found == [(DOUBLED, "attempt 1 of a in run another has ended after another one had started")]
    met = [Line("overlap", "a", run_id, 1), *both[1:], *late[1:]]
    found = list(of_journal(stage.store, A, met, Counter()))
    assert found == [(DOUBLED, f"attempt 1 of a in run {run_id} has met another one that was not gone")]


def test_a_success_that_never_was_is_found() -> None:
    stage, run_id = a_finished_run()
    found = list(of_journal(stage.store, A, [Line("start", "a", run_id, 1)], Counter()))
    assert found == [(LOST, f"attempt 1 of a in run {run_id} is said to have succeeded and did not")]


def test_an_end_that_nobody_recorded_is_counted() -> None:
    stage, run_id = a_finished_run()
    ended = [Line(what, "a", run_id, number) for number in (1, 2) for what in ("start", "end")]
    counts: Counter[str] = Counter()
    list(of_journal(stage.store, A, ended, counts))
    assert counts == {UNKNOWN: 1}


def test_a_task_that_did_not_get_done_is_found() -> None:
    stage, run_id = a_finished_run()
    assert list(of_chain(stage.store, run_id, ["a"])) == []
    found = list(of_chain(stage.store, run_id, ["a", "b"]))
    assert found == [(LOST, f"b has succeeded 0 times in the chain of run {run_id}")]


SIX = utc(2026, 3, 2, 6)
THE_SLOT = "the slot 2026-03-02T06:00:00Z of nightly"


def a_slot_that_ran() -> GuardStage:
    stage = GuardStage(scheduled())
    stage.at(SIX)
    assert stage.wake() == 0
    assert list(of_slots(stage.store)) == []
    return stage


def of_changed(stage: GuardStage, **fields) -> list[tuple[str, str]]:
    """What is found when these fields of the slot are others."""
    rows = stage.store.ledger.rows
    rows["nightly", SIX] = rows["nightly", SIX]._replace(**fields)
    return list(of_slots(stage.store))


def test_a_slot_that_is_left_open_is_found() -> None:
    stage = GuardStage(scheduled())
    stage.at(SIX)
    ledger.claim(stage.project.schedules[0], stage.project, stage.scene)
    assert list(of_slots(stage.store)) == [(STRANDED, f"{THE_SLOT} is {QUEUED}")]


@pytest.mark.parametrize("outcome", [RAN, LATE])
def test_a_slot_that_ran_without_its_run_is_found_and_so_is_the_run(outcome: str) -> None:
    stage = a_slot_that_ran()
    found = of_changed(stage, outcome=outcome, run_id=None)
    slot = stage.store.ledger.rows["nightly", SIX]
    assert found == [
        (WRONG, f"{THE_SLOT} is {outcome}, and its run is None"),
        (WRONG, f"run {stage.last_run.run_id} is for {THE_SLOT}, which is {slot}"),
    ]


def test_a_slot_that_was_missed_for_no_reason_is_found() -> None:
    stage = a_slot_that_ran()
    assert (WRONG, f"{THE_SLOT} is {MISSED} for no reason") in of_changed(stage, outcome=MISSED)


def test_a_slot_that_ran_twice_is_found() -> None:
    stage = a_slot_that_ran()
    [slot] = stage.store.ledger.slots()
    of_changed(stage, outcome=QUEUED, run_id=None)
    stage.perform(stage.project.schedules[0], slot)
    assert (DOUBLED, f"{THE_SLOT} has 2 runs") in list(of_slots(stage.store))
