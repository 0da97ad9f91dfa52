"""What every Store must do, held against each of them: one sentence, one test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.store.history import A_PIPELINE, AT, DAY, Diary, attempt, event, later, moved, run, task
from contracts.stores import STORES
from tetra_orchestrator.adapters.store.standing import STILL_TO_RUN
from tetra_orchestrator.core.changes import (
    AttemptClosed,
    AttemptOpened,
    AttemptRunning,
    EventLogged,
    OutputsSaved,
    RunMoved,
)
from tetra_orchestrator.core.facts import NO_FACTS, Facts, Usage
from tetra_orchestrator.core.history import Attempt, Partition, Pause, PipelineState, TaskRun
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.narrowing import NOT_SELECTED
from tetra_orchestrator.core.outcome import (
    Cancelled,
    Exited,
    Lost,
    OutputsInvalid,
    Signalled,
    SpawnFailed,
    TimedOut,
)
from tetra_orchestrator.core.states import (
    RUN_ACTIVE,
    RUN_TERMINAL,
    RUN_TRANSITIONS,
    TERMINAL,
    TRANSITIONS,
    RunState,
    TaskState,
)
from tetra_orchestrator.engine.again import NOT_RETRIED
from tetra_orchestrator.errors import StateConflict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tetra_orchestrator.core.changes import Change
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import PipelineSummary, Store

_T, _R = TaskState, RunState
SEE = "\n  hint: another process has recorded something else; see `tetra show r1`"


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def diary(store: Store) -> Diary:
    """The store with a run `r1` of the tasks `a` and `b`, both pending."""
    written = Diary(store)
    written.open("r1", "a", "b")
    return written


def refused(store: Store, *changes: Change) -> str:
    """The whole text with which the store refuses the changes, of which nothing may stay."""
    before = everything(store)
    with pytest.raises(StateConflict) as caught:
        store.record(changes)
    assert everything(store) == before
    return str(caught.value).removesuffix(SEE)


def everything(store: Store) -> list[object]:
    """All answers of the store."""
    runs = store.runs(limit=1000)
    each = [
        (store.run(one.run_id), store.task_runs(one.run_id), store.attempts(one.run_id), store.events(one.run_id))
        for one in runs
    ]
    return [runs, each, store.summaries(), dict(store.expected_s()), store.runs(active=True)]


# -- runs ---------------------------------------------------------------------------------------------------------


def test_a_run_comes_back_as_it_was_given(store: Store) -> None:
    whole = run("r1")._replace(
        state="queued", finished_at=later(9), duration_s=9.5, exit_code=2, log="/logs/x.log", slot=later(-60),
        partition=Partition("2020-01-01", "2020-01-31"), resumes="r0", owner="1:2:3", mode=None, trigger="schedule",
    )  # fmt: skip
    store.open_run(whole, [], [], "version: 1\n")
    assert store.run("r1") == whole


def test_a_run_with_nothing_more_than_it_must_have_comes_back(store: Store) -> None:
    store.open_run(run("r1")._replace(started_at=None), [], [], "")
    assert store.run("r1") == run("r1")._replace(started_at=None)


def test_an_instant_keeps_its_microseconds_and_is_utc(store: Store) -> None:
    early = datetime(1969, 7, 20, 20, 17, 40, 123457, tzinfo=UTC)
    there = timezone(timedelta(hours=5, minutes=30))
    store.open_run(run("r1")._replace(started_at=early, slot=later(1).astimezone(there)), [], [], "")
    found = store.run("r1")
    assert found is not None
    assert (found.started_at, found.slot) == (early, later(1))


def test_an_unknown_run_has_nothing(diary: Diary) -> None:
    store = diary.store
    assert store.run("r9") is None
    answers = store.task_runs("r9"), store.attempts("r9"), store.events("r9"), store.requests("r9")
    assert answers == ([], [], [], [])
    assert store.runs(pipeline="nobody") == []


def test_an_empty_store_answers_with_nothing(store: Store) -> None:
    assert everything(store) == [[], [], [], {}, []]


def test_a_run_that_is_there_already_is_refused_and_the_first_one_stays(diary: Diary) -> None:
    before = everything(diary.store)
    with pytest.raises(StateConflict) as caught:
        diary.store.open_run(run("r1", mode="other"), [task("r1", "c", 0)], [A_PIPELINE], "")
    assert str(caught.value) == "run r1: it is in the store already, or names a task twice" + SEE
    assert everything(diary.store) == before


def test_a_run_that_names_a_task_twice_is_refused_whole(store: Store) -> None:
    with pytest.raises(StateConflict):
        store.open_run(run("r1"), [task("r1", "a", 0), task("r1", "a", 1)], [A_PIPELINE], "")
    assert everything(store) == [[], [], [], {}, []]


def test_two_runs_may_share_a_configuration(store: Store) -> None:
    for name in ("r1", "r2"):
        store.open_run(run(name), [], [], "version: 1\n")
    assert [one.run_id for one in store.runs()] == ["r2", "r1"]


def test_a_run_keeps_the_configuration_that_it_was_started_with(store: Store) -> None:
    for run_id, text in (("r1", '{"version":1}'), ("r2", '{"title":"Größe"}')):
        store.open_run(run(run_id)._replace(config_hash=run_id), [], [], text)
    assert store.config_text("r1") == '{"version":1}'
    assert store.config_text("r2") == '{"title":"Größe"}'
    assert store.config_text("r9") is None


def test_runs_are_newest_first_in_the_order_they_were_opened(store: Store) -> None:
    names = ["r3", "r1", "r2"]
    for name in names:
        store.open_run(run(name), [], [], "")
    assert [one.run_id for one in store.runs()] == names[::-1]
    assert [one.run_id for one in store.runs(limit=2)] == ["r2", "r1"]


@pytest.mark.parametrize("state", list(RunState))
def test_only_queued_and_running_runs_are_active(store: Store, state: RunState) -> None:
    store.open_run(run("r1")._replace(state=state.value), [], [], "")
    assert bool(store.runs(active=True)) is (state in RUN_ACTIVE)


def test_the_runs_of_a_pipeline_are_those_with_a_task_of_it(diary: Diary) -> None:
    diary.open("r2", "b")
    diary.open("r3", "a")
    assert [one.run_id for one in diary.store.runs(pipeline="a")] == ["r3", "r1"]
    assert [one.run_id for one in diary.store.runs(pipeline="a", limit=1)] == ["r3"]
    assert [one.run_id for one in diary.store.runs(pipeline="b", active=True)] == ["r2", "r1"]


def test_a_finished_run_has_its_end_its_duration_and_its_code(diary: Diary) -> None:
    end = RunMoved("r1", _R.RUNNING, _R.FAILED, later(5), 4.75, 2, Reason("task_failed", "failed: a"))
    diary.store.record([end])
    expected = run("r1")._replace(state="failed", finished_at=later(5), duration_s=4.75, exit_code=2)
    assert diary.store.run("r1") == expected


def test_a_queued_run_starts_when_it_begins_to_run(store: Store) -> None:
    store.open_run(run("r1")._replace(state="queued", started_at=None), [], [], "")
    store.record([RunMoved("r1", _R.QUEUED, _R.RUNNING, later(3))])
    assert store.run("r1") == run("r1")._replace(started_at=later(3))


def test_a_run_in_another_state_than_expected_does_not_move(diary: Diary) -> None:
    text = refused(diary.store, RunMoved("r1", _R.QUEUED, _R.RUNNING, later(1)))
    assert text == "run r1: it is running, not queued"


def test_a_run_that_is_not_there_does_not_move(diary: Diary) -> None:
    text = refused(diary.store, RunMoved("r9", _R.RUNNING, _R.LOST, later(1)))
    assert text.splitlines()[0] == "run r9: it is not in the store"


@pytest.mark.parametrize("state", sorted(RUN_TERMINAL))
def test_a_terminal_run_never_changes(diary: Diary, state: RunState) -> None:
    diary.store.record([RunMoved("r1", _R.RUNNING, state, later(1))])
    for after in (_R.RUNNING, _R.SUCCEEDED, _R.FAILED):
        text = refused(diary.store, RunMoved("r1", state, after, later(2)))
        assert text == f"run r1: it is {state}, which is final, and cannot become {after}"


# -- tasks --------------------------------------------------------------------------------------------------------


def test_tasks_come_back_in_the_order_of_the_plan(store: Store) -> None:
    given = [
        task("r1", "b", 0),
        task("r1", "a", 1)._replace(
            state="skipped", version=3, reason=Reason("already_succeeded", "in run r0"), started_at=AT,
            finished_at=later(1), attempts=2, outputs={"rows": 5, "nested": {"x": [1, None]}},
        ),
        task("r1", "c", 2)._replace(outputs={}),
    ]  # fmt: skip
    store.open_run(run("r1"), [given[2], given[0], given[1]], [], "")
    assert store.task_runs("r1") == given


def test_a_task_moves_with_its_version_its_attempts_and_its_reason(diary: Diary) -> None:
    why = Reason("no_dependencies", "it depends on nothing in this run")
    diary.store.record([moved("a", _T.PENDING, _T.SUBMITTED, 0, 1, later(2), why)])
    expected = TaskRun("r1", "a", "a", 0, "submitted", 1, why, later(2), None, 1)
    assert diary.store.task_runs("r1")[0] == expected


def test_a_task_may_move_several_times_in_one_batch(diary: Diary) -> None:
    diary.store.record(
        [
            moved("a", _T.PENDING, _T.SUBMITTED, 0, 1, later(1)),
            moved("a", _T.SUBMITTED, _T.RUNNING, 1, 1, later(2)),
            moved("a", _T.RUNNING, _T.SUCCEEDED, 2, 1, later(3)),
        ]
    )
    assert diary.store.task_runs("r1")[0] == TaskRun("r1", "a", "a", 0, "succeeded", 3, None, later(1), later(3), 1)


def test_a_task_started_when_it_was_first_submitted_whatever_its_retries(diary: Diary) -> None:
    diary.store.record(
        [
            moved("a", _T.PENDING, _T.SUBMITTED, 0, 1, later(1)),
            moved("a", _T.SUBMITTED, _T.WAITING_RETRY, 1, 1, later(2)),
            moved("a", _T.WAITING_RETRY, _T.SUBMITTED, 2, 2, later(3)),
        ]
    )
    assert diary.store.task_runs("r1")[0] == TaskRun("r1", "a", "a", 0, "submitted", 3, None, later(1), None, 2)


def test_a_task_that_never_started_still_has_its_end(diary: Diary) -> None:
    diary.store.record([moved("b", _T.PENDING, _T.UPSTREAM_FAILED, 0, 0, later(4), Reason("upstream", "a failed"))])
    found = diary.store.task_runs("r1")[1]
    assert (found.started_at, found.finished_at, found.reason) == (None, later(4), Reason("upstream", "a failed"))


def test_a_task_in_another_state_than_expected_does_not_move(diary: Diary) -> None:
    text = refused(diary.store, moved("a", _T.SUBMITTED, _T.RUNNING, 0, 1))
    assert text == "run r1: task a is pending (version 0), not submitted (version 0)"


def test_a_task_at_another_version_than_expected_does_not_move(diary: Diary) -> None:
    text = refused(diary.store, moved("a", _T.PENDING, _T.SUBMITTED, 4, 1))
    assert text == "run r1: task a is pending (version 0), not pending (version 4)"


def test_a_task_that_is_not_there_does_not_move(diary: Diary) -> None:
    assert refused(diary.store, moved("z", _T.PENDING, _T.SUBMITTED)) == "run r1: task z is not in the store"
    elsewhere = moved("a", _T.PENDING, _T.SUBMITTED)._replace(run_id="r9")
    assert refused(diary.store, elsewhere).splitlines()[0] == "run r9: task a is not in the store"


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_terminal_task_never_changes(diary: Diary, state: TaskState) -> None:
    diary.store.record([moved("a", _T.PENDING, state, 0, 0, later(1))])
    for after in (_T.PENDING, _T.RUNNING, _T.SUCCEEDED, _T.FAILED):
        text = refused(diary.store, moved("a", state, after, 1))
        assert text == f"run r1: task a is {state}, which is final, and cannot become {after}"


def test_a_conflict_leaves_nothing_of_its_batch_behind(diary: Diary) -> None:
    diary.store.record([AttemptOpened(attempt("b", 1))])
    refused(
        diary.store,
        moved("a", _T.PENDING, _T.SUBMITTED, 0, 1),
        EventLogged(event(1)),
        AttemptOpened(attempt("a", 1)),
        AttemptRunning("r1", "a", 1, "4711"),
        AttemptClosed("r1", "b", 1, Exited(0), later(1)),
        OutputsSaved("r1", "a", {"rows": 1}),
        moved("a", _T.SUBMITTED, _T.RUNNING, 1, 1),
        RunMoved("r1", _R.RUNNING, _R.SUCCEEDED, later(2)),
        moved("b", _T.RUNNING, _T.SUCCEEDED, 7, 1),
    )
    assert diary.store.task_runs("r1")[0].state == "pending"


def test_a_fault_of_the_caller_leaves_nothing_of_its_batch_behind(diary: Diary) -> None:
    def changes() -> Iterator[Change]:
        yield moved("a", _T.PENDING, _T.SUBMITTED, 0, 1)
        raise RuntimeError("the caller's own")

    before = everything(diary.store)
    with pytest.raises(RuntimeError, match="the caller's own"):
        diary.store.record(changes())
    assert everything(diary.store) == before
    diary.store.record([moved("a", _T.PENDING, _T.SUBMITTED, 0, 1)])


def test_no_changes_are_no_changes(diary: Diary) -> None:
    before = everything(diary.store)
    diary.store.record([])
    assert everything(diary.store) == before


# -- attempts -----------------------------------------------------------------------------------------------------


def test_an_attempt_is_opened_runs_and_is_closed(diary: Diary) -> None:
    opened = attempt("a", 1)
    diary.store.record([AttemptOpened(opened)])
    assert diary.store.attempts("r1") == [opened]
    diary.store.record([AttemptRunning("r1", "a", 1, "4711")])
    assert diary.store.attempts("r1") == [opened._replace(state="running", handle="4711")]
    diary.store.record([AttemptClosed("r1", "a", 1, Exited(3), later(7), "the end\n")])
    closed = opened._replace(
        state="failed", handle="4711", kind="exited", exit_code=3, text="exited with code 3", finished_at=later(7),
        tail="the end\n",
    )  # fmt: skip
    assert diary.store.attempts("r1") == [closed]


def test_an_attempt_keeps_what_is_known_of_how_it_ran(diary: Diary) -> None:
    usage = Usage(1.5, 7 << 30, 5 << 30, 1 << 40, 0)
    facts = Facts(usage, (("memory", "enforced"), ("cpu", "watched")), "cgroup", "odd")
    diary.store.record([AttemptOpened(attempt("a", 1))])
    assert [one.facts for one in diary.store.attempts("r1")] == [NO_FACTS]
    diary.store.record([AttemptClosed("r1", "a", 1, Exited(0), later(7), facts=facts)])
    assert [one.facts for one in diary.store.attempts("r1")] == [facts]


def test_what_the_attempts_of_runs_took_is_added_up_and_of_peaks_the_highest_counts(diary: Diary) -> None:
    diary.open("r2", "a")
    diary.open("r3", "a")
    for run_id, task_id, usage in (
        ("r1", "a", Usage(1.5, 7 << 30, None, 1 << 40, None)),
        ("r1", "b", Usage(0.25, 1 << 30, 5, 1 << 61, None)),
        ("r2", "a", Usage()),
    ):
        diary.store.record([AttemptOpened(attempt(task_id, 1, run_id))])
        diary.store.record([AttemptClosed(run_id, task_id, 1, Exited(0), later(7), facts=Facts(usage))])
    used = diary.store.used(["r1", "r2", "r3", "unknown"])
    assert used == {"r1": Usage(1.75, 7 << 30, 5, (1 << 40) + (1 << 61), None)}
    assert {type(value) for value in used["r1"]} == {float, int, type(None)}
    assert diary.store.used([]) == {}


OUTCOMES: list[tuple[Outcome, tuple[object, ...]]] = [
    (Exited(0), ("succeeded", "exited", 0, None, "exited with code 0")),
    (Exited(1), ("failed", "exited", 1, None, "exited with code 1")),
    (Signalled(9), ("failed", "signalled", None, 9, "killed by signal 9 (KILL)")),
    (TimedOut(2.5), ("timed_out", "timed_out", None, None, "ended by its time limit of 2.5 s")),
    (Cancelled(), ("cancelled", "cancelled", None, None, "cancelled")),
    (
        SpawnFailed("ENOENT", "no such program"),
        ("failed", "spawn_error", None, None, "could not start: no such program (ENOENT)"),
    ),
    (
        OutputsInvalid("line 2"),
        ("failed", "outputs_invalid", 0, None, "exited with code 0, but its outputs cannot be read: line 2"),
    ),
    (Lost("its owner died"), ("lost", "lost", None, None, "lost: its owner died")),
]


@pytest.mark.parametrize(("outcome", "expected"), OUTCOMES, ids=lambda one: type(one).__name__)
def test_an_attempt_ends_in_the_words_of_its_outcome(
    diary: Diary, outcome: Outcome, expected: tuple[object, ...]
) -> None:
    diary.store.record([AttemptOpened(attempt("a", 1)), AttemptClosed("r1", "a", 1, outcome, later(1))])
    (found,) = diary.store.attempts("r1")
    assert (found.state, found.kind, found.exit_code, found.signal, found.text) == expected


def test_an_attempt_comes_back_as_it_was_given(diary: Diary) -> None:
    whole = Attempt(
        "r1", "b", 2, "token", "failed", "/logs/b.2.log", "slurm", "77", "signalled", None, 15, "killed", AT, later(1),
        0.5, "tail",
    )  # fmt: skip
    diary.store.record([AttemptOpened(whole)])
    assert diary.store.attempts("r1") == [whole]


def test_attempts_are_in_the_order_of_the_plan_and_then_of_their_numbers(diary: Diary) -> None:
    for number in range(1, 12):
        for name in ("b", "a"):
            diary.try_once("r1", name, number, Exited(1))
    found = [(one.task_id, one.number) for one in diary.store.attempts("r1")]
    assert found == [(name, number) for name in ("a", "b") for number in range(1, 12)]


def test_an_attempt_is_not_opened_while_an_earlier_one_lives(diary: Diary) -> None:
    diary.store.record([AttemptOpened(attempt("a", 1))])
    text = refused(diary.store, AttemptOpened(attempt("a", 2)))
    assert text == "run r1: attempt 2 of task a cannot be opened: attempt 1 is submitted"


def test_an_attempt_is_not_opened_twice(diary: Diary) -> None:
    diary.try_once("r1", "a", 1, Exited(1))
    text = refused(diary.store, AttemptOpened(attempt("a", 1)))
    assert text == "run r1: attempt 1 of task a cannot be opened: attempt 1 is failed"


def test_an_attempt_of_a_task_that_is_not_there_is_not_opened(diary: Diary) -> None:
    text = refused(diary.store, AttemptOpened(attempt("z", 1)))
    assert text == "run r1: attempt 1 of task z cannot be opened: its task is not in the store"


def test_an_ended_attempt_never_changes(diary: Diary) -> None:
    diary.try_once("r1", "a", 1, Exited(0))
    text = refused(diary.store, AttemptClosed("r1", "a", 1, Exited(1), later(2)))
    assert text == "run r1: attempt 1 of task a cannot be closed: it is succeeded"
    text = refused(diary.store, AttemptRunning("r1", "a", 1, "4711"))
    assert text == "run r1: attempt 1 of task a cannot start running: it is succeeded"


def test_an_attempt_that_is_not_there_is_not_closed(diary: Diary) -> None:
    text = refused(diary.store, AttemptClosed("r1", "a", 1, Exited(0), later(1)))
    assert text == "run r1: attempt 1 of task a cannot be closed: it is not in the store"


# -- outputs and texts --------------------------------------------------------------------------------------------


def test_outputs_are_the_tasks_own(diary: Diary) -> None:
    values = {"text": "ünï → 字 \U0001f600", "n": 2**70, "f": 0.1, "none": None, "list": [True, {"k": []}], "": "empty"}
    diary.store.record([OutputsSaved("r1", "b", values)])
    assert [one.outputs for one in diary.store.task_runs("r1")] == [None, values]


def test_later_outputs_replace_earlier_ones(diary: Diary) -> None:
    diary.store.record([OutputsSaved("r1", "a", {"rows": 1, "old": True}), OutputsSaved("r1", "a", {"rows": 2})])
    assert diary.store.task_runs("r1")[0].outputs == {"rows": 2}


def test_outputs_of_a_task_that_is_not_there_are_refused(diary: Diary) -> None:
    assert refused(diary.store, OutputsSaved("r1", "z", {"rows": 1})) == "run r1: task z is not in the store"


def test_outputs_do_not_change_with_the_mapping_they_came_from(diary: Diary) -> None:
    values = {"list": [1]}
    diary.store.record([OutputsSaved("r1", "a", values)])
    values["list"].append(2)
    assert diary.store.task_runs("r1")[0].outputs == {"list": [1]}


def test_a_megabyte_of_outputs_and_of_tail_is_kept(diary: Diary) -> None:
    large = "é" * 1_000_000
    diary.store.record([OutputsSaved("r1", "a", {"large": large}), AttemptOpened(attempt("a", 1)._replace(tail=large))])
    assert diary.store.task_runs("r1")[0].outputs == {"large": large}
    assert diary.store.attempts("r1")[0].tail == large


@pytest.mark.parametrize("text", ["", "a\x01b", "'; DROP TABLE runs; --", "ünï → 字 \U0001f600", "\r\n\t\x1b[0m"])
def test_any_text_is_kept(diary: Diary, text: str) -> None:
    diary.store.record(
        [
            moved("a", _T.PENDING, _T.FAILED, 0, 0, AT, Reason("failed", text)),
            AttemptOpened(attempt("b", 1)._replace(tail=text, text=text)),
            EventLogged(event(1, reason=Reason("failed", text))),
        ]
    )
    (one,) = diary.store.attempts("r1")
    assert diary.store.task_runs("r1")[0].reason == Reason("failed", text)
    assert (one.tail, one.text) == (text, text)
    assert diary.store.events("r1")[0].reason == Reason("failed", text)


def test_what_no_database_can_carry_is_kept_as_an_escape(diary: Diary) -> None:
    odd = b"caf\xe9\x00.csv".decode("utf-8", "surrogateescape")
    diary.store.record(
        [
            moved("a", _T.PENDING, _T.FAILED, 0, 0, AT, Reason("failed", odd)),
            AttemptOpened(attempt("b", 1)._replace(log=odd)),
            AttemptClosed("r1", "b", 1, SpawnFailed("ENOENT", odd), later(1), odd),
            OutputsSaved("r1", "a", {"file": odd}),
        ]
    )
    (one,) = diary.store.attempts("r1")
    shown = r"caf\udce9\x00.csv"
    assert (one.log, one.tail, one.text) == (shown, shown, f"could not start: {shown} (ENOENT)")
    first = diary.store.task_runs("r1")[0]
    assert (first.reason, first.outputs) == (Reason("failed", shown), {"file": odd})


# -- events and requests ------------------------------------------------------------------------------------------


def test_events_come_back_by_their_numbers(diary: Diary) -> None:
    whole = event(2)._replace(task="a", attempt=1, state="failed", reason=Reason("failed", "exited with code 1"))
    diary.store.record([EventLogged(event(10)), EventLogged(whole)])
    diary.store.record([EventLogged(event(1))])
    assert diary.store.events("r1") == [event(1), whole, event(10)]


def test_an_event_is_recorded_once(diary: Diary) -> None:
    diary.store.record([EventLogged(event(1))])
    assert refused(diary.store, EventLogged(event(1))) == "run r1: event 1 is recorded already"


def test_an_event_of_a_run_that_is_not_there_is_refused(diary: Diary) -> None:
    text = refused(diary.store, EventLogged(event(1)._replace(run_id="r9")))
    assert text.splitlines()[0] == "run r9: it is not in the store"


def test_asking_twice_is_asking_once(diary: Diary) -> None:
    diary.store.request("r1", "cancel", later(1))
    diary.store.request("r1", "another", AT)
    diary.store.request("r1", "cancel", later(2))
    assert diary.store.requests("r1") == ["cancel", "another"]


def test_a_run_that_is_not_there_cannot_be_asked(diary: Diary) -> None:
    with pytest.raises(StateConflict, match="^run r9: it is not in the store\n"):
        diary.store.request("r9", "cancel", AT)


# -- durations ----------------------------------------------------------------------------------------------------


def durations(diary: Diary, *seconds: float) -> None:
    """A further run for each, in which the task `a` took so long and succeeded."""
    for lasted in seconds:
        name = diary.fresh("a")
        diary.try_once(name, "a", 1, Exited(0), lasted)


@pytest.mark.parametrize(
    ("seconds", "median"), [([3.0], 3.0), ([5.0, 1.0], 3.0), ([9.0, 1.0, 2.0], 2.0), ([1e-6, 2e-6], 1.5e-6)]
)
def test_the_expected_duration_is_the_median(diary: Diary, seconds: list[float], median: float) -> None:
    durations(diary, *seconds)
    assert diary.store.expected_s() == {"a": median}


def test_only_the_last_ten_successes_count(diary: Diary) -> None:
    durations(diary, *[1000.0] * 20, *[float(n) for n in range(10, 0, -1)])
    assert diary.store.expected_s() == {"a": 5.5}
    assert diary.store.durations_s() == {"a": [float(n) for n in range(1, 11)]}


def test_the_last_attempts_of_one_run_count_first(diary: Diary) -> None:
    diary.try_once("r1", "a", 1, Exited(0), 100.0)
    for number in range(2, 12):
        diary.try_once("r1", "a", number, Exited(0), 2.0)
    assert diary.store.expected_s() == {"a": 2.0}


def test_failures_and_open_attempts_teach_nothing_about_durations(diary: Diary) -> None:
    diary.try_once("r1", "a", 1, Exited(1), 9.0)
    diary.try_once("r1", "a", 2, TimedOut(9.0), 9.0)
    diary.store.record([AttemptOpened(attempt("b", 1))])
    assert diary.store.expected_s() == {}


def test_a_success_without_a_start_teaches_nothing_about_durations(diary: Diary) -> None:
    opened = AttemptOpened(attempt("a", 1)._replace(started_at=None))
    diary.store.record([opened, AttemptClosed("r1", "a", 1, Exited(0), AT)])
    assert diary.store.expected_s() == {}


# -- summaries ----------------------------------------------------------------------------------------------------


def the(store: Store, pipeline: str = "a") -> PipelineSummary:
    return next(one for one in store.summaries() if one.pipeline.name == pipeline)


def test_a_pipeline_that_never_ran_is_known_by_name(store: Store) -> None:
    known = PipelineState("a", 86400.0, False, 3)
    store.open_run(run("r1"), [], [known], "")
    (found,) = store.summaries()
    assert found == type(found)(known, active=False)


def test_pipelines_are_in_the_order_of_the_last_file_that_named_them(store: Store) -> None:
    store.open_run(run("r1"), [], [PipelineState("a", position=0), PipelineState("b", position=1)], "")
    store.open_run(run("r2"), [], [PipelineState("b", 60.0, True, 0), PipelineState("a", None, False, 1)], "")
    found = [one.pipeline for one in store.summaries()]
    assert found == [PipelineState("b", 60.0, True, 0), PipelineState("a", None, False, 1)]


def test_a_pipeline_is_active_until_its_own_tasks_have_ended(diary: Diary) -> None:
    waiting = the(diary.store)
    assert (waiting.active, waiting.last_run_id, waiting.last_state) == (True, "r1", "running")
    assert (waiting.last_started_at, waiting.last_finished_at, waiting.last_success_at) == (None, None, None)
    diary.store.record([moved("a", _T.PENDING, _T.SUBMITTED, 0, 1, later(1))])
    assert the(diary.store).last_started_at == later(1)
    diary.store.record([moved("a", _T.SUBMITTED, _T.SUCCEEDED, 1, 1, later(5))])
    done = the(diary.store)
    assert (done.active, done.last_state, done.last_success_at) == (False, "succeeded", later(5))
    assert (done.last_started_at, done.last_finished_at) == (later(1), later(5))
    assert the(diary.store, "b").active


def test_a_failed_run_says_nothing_against_a_pipeline_that_succeeded_in_it(diary: Diary) -> None:
    diary.end("r1", a=_T.SUCCEEDED, b=_T.FAILED)
    diary.store.record([RunMoved("r1", _R.RUNNING, _R.FAILED, later(9))])
    assert (the(diary.store, "a").last_state, the(diary.store, "b").last_state) == ("succeeded", "failed")


def test_the_last_success_stays_when_later_runs_fail(diary: Diary) -> None:
    diary.end("r1", a=_T.SUCCEEDED, b=_T.SKIPPED)
    diary.open("r2", "a")
    diary.end("r2", at=later(DAY), a=_T.FAILED)
    found = the(diary.store)
    assert (found.last_run_id, found.last_state, found.last_success_at) == ("r2", "failed", AT)


def test_a_run_that_skipped_a_pipeline_is_not_its_last_run(diary: Diary) -> None:
    diary.end("r1", a=_T.SUCCEEDED, b=_T.SKIPPED)
    diary.open("r2", "a", "b")
    diary.end("r2", at=later(DAY), a=_T.SKIPPED, b=_T.SKIPPED)
    assert (the(diary.store).last_run_id, the(diary.store).last_finished_at) == ("r1", AT)
    assert the(diary.store, "b").last_run_id is None


WORST: list[tuple[list[TaskState], str]] = [
    ([_T.SUCCEEDED, _T.SUCCEEDED], "succeeded"),
    ([_T.SUCCEEDED, _T.SKIPPED], "succeeded"),
    ([_T.SUCCEEDED, _T.PARTIAL], "partial"),
    ([_T.PARTIAL, _T.FAILED], "failed"),
    ([_T.FAILED, _T.UPSTREAM_FAILED], "failed"),
    ([_T.TIMED_OUT, _T.UPSTREAM_FAILED], "timed_out"),
    ([_T.LOST, _T.TIMED_OUT], "timed_out"),
    ([_T.LOST, _T.CANCELLED], "lost"),
    ([_T.CANCELLED, _T.SUCCEEDED], "cancelled"),
    ([_T.SUCCEEDED, _T.UPSTREAM_FAILED], "upstream_failed"),
    ([_T.FAILED, _T.RUNNING], "running"),
    ([_T.FAILED, _T.WAITING_RETRY], "running"),
]


@pytest.mark.parametrize(("states", "word"), WORST)
def test_a_pipeline_stands_as_the_worst_of_its_tasks(store: Store, states: list[TaskState], word: str) -> None:
    diary = Diary(store)
    diary.open("r1", "p.one", "p.two")
    diary.end("r1", **dict(zip(("p.one", "p.two"), states, strict=True)))
    found = the(store, "p")
    assert (found.last_state, found.active) == (word, word == "running")
    assert found.last_success_at == (AT if word == "succeeded" else None)


@pytest.mark.parametrize("code", STILL_TO_RUN)
def test_a_pipeline_of_which_tasks_have_still_to_run_is_partial_though_all_that_ran_succeeded(
    store: Store, code: str
) -> None:
    Diary(store).open("r0", "p.one", "p.two")
    Diary(store).end("r0", **{"p.one": _T.SUCCEEDED, "p.two": _T.SUCCEEDED})
    rows = [task("r1", "p.one", 0), task("r1", "p.two", 1)._replace(reason=Reason(code, "left out"))]
    store.open_run(run("r1"), rows, [PipelineState("p")], "")
    store.record([moved("p.one", _T.PENDING, _T.SUCCEEDED, 0, 1, later(9))])
    store.record([moved("p.two", _T.PENDING, _T.SKIPPED, 0, 0, later(9))._replace(reason=Reason(code, "left out"))])
    found = the(store, "p")
    assert (found.last_run_id, found.last_state, found.last_success_at) == ("r1", "partial", AT)


def test_a_pipeline_of_which_no_task_ran_did_not_run_whatever_has_still_to_run(store: Store) -> None:
    rows = [task("r1", "p.one", 0), task("r1", "p.two", 1)]
    store.open_run(run("r1"), rows, [PipelineState("p")], "")
    for name in ("p.one", "p.two"):
        reason = Reason("not_retried", "left out")
        store.record([moved(name, _T.PENDING, _T.SKIPPED, 0, 0, later(9))._replace(reason=reason)])
    assert the(store, "p").last_run_id is None


def test_the_codes_of_what_has_still_to_run_are_those_that_runs_give() -> None:
    assert {NOT_RETRIED.code, NOT_SELECTED.code} == set(STILL_TO_RUN)


# -- the latest row of a task -------------------------------------------------------------------------------------


def test_the_latest_row_of_a_task_is_that_of_the_newest_run_in_which_it_is_in_one_of_the_states(diary: Diary) -> None:
    diary.store.record([OutputsSaved("r1", "a", {"rows": 7})])
    diary.end("r1", a=_T.SUCCEEDED, b=_T.FAILED)
    diary.open("r2", "a", "b")
    diary.end("r2", a=_T.SKIPPED, b=_T.SUCCEEDED)
    [a, b], [_, newest] = diary.store.task_runs("r1"), diary.store.task_runs("r2")
    assert diary.store.latest("a", "a", {"succeeded", "partial"}) == a
    assert a.outputs == {"rows": 7}
    assert diary.store.latest("b", "b", set(TaskState) - {_T.SKIPPED}) == newest
    assert diary.store.latest("b", "b", {"failed"}) == b


def test_a_task_that_was_never_in_such_a_state_has_no_latest_row(diary: Diary) -> None:
    assert diary.store.latest("a", "a", {"succeeded"}) is None
    assert diary.store.latest("b", "a", {"pending"}) is None
    assert diary.store.latest("zzz", "zzz", set(TaskState)) is None


# -- pauses -------------------------------------------------------------------------------------------------------


def test_a_pause_comes_back_as_it_was_given(store: Store) -> None:
    assert store.pauses() == []
    store.pause("pipeline", "data", AT, later(DAY), "maintenance")
    store.pause("schedule", "data", later(1), None, None)
    assert store.pauses() == [
        Pause("pipeline", "data", AT, later(DAY), "maintenance"),
        Pause("schedule", "data", later(1)),
    ]


def test_what_is_paused_twice_stays_paused_since_the_first_time_with_the_new_end_and_reason(store: Store) -> None:
    store.pause("pipeline", "a", AT, later(60), "first")
    store.pause("pipeline", "b", later(1), None, None)
    store.pause("pipeline", "a", later(59), None, "second")
    assert store.pauses() == [Pause("pipeline", "a", AT, None, "second"), Pause("pipeline", "b", later(1))]


def test_what_is_paused_after_its_pause_has_ended_is_paused_anew(store: Store) -> None:
    store.pause("pipeline", "a", AT, later(60), "first")
    store.pause("pipeline", "b", later(1), None, None)
    store.pause("pipeline", "a", later(60), later(90), None)
    assert store.pauses() == [Pause("pipeline", "b", later(1)), Pause("pipeline", "a", later(60), later(90))]


def test_a_pause_that_has_ended_by_itself_is_still_told(store: Store) -> None:
    store.pause("schedule", "daily", AT, later(60), None)
    store.pause("schedule", "weekly", later(DAY), None, None)
    assert [one.name for one in store.pauses()] == ["daily", "weekly"]


def test_a_pause_that_is_ended_is_gone_and_only_that_one(store: Store) -> None:
    for kind, name in (("pipeline", "a"), ("schedule", "a"), ("pipeline", "b")):
        store.pause(kind, name, AT, None, None)
    assert store.unpause("pipeline", "a") is True
    assert store.unpause("pipeline", "a") is False
    assert [(one.kind, one.name) for one in store.pauses()] == [("schedule", "a"), ("pipeline", "b")]


def test_a_reason_that_utf_8_cannot_carry_is_kept_with_an_escape(store: Store) -> None:
    store.pause("pipeline", "a", AT, None, "Wartung \udcff")
    assert store.pauses()[0].reason == "Wartung \\udcff"


# -- forgetting ---------------------------------------------------------------------------------------------------


def ended_run(diary: Diary, run_id: str, **states: TaskState) -> str:
    """A run of these tasks that has ended, each after one attempt."""
    diary.open(run_id, *states)
    diary.end(run_id, **states)
    for name, state in states.items():
        if state is not _T.SKIPPED:
            diary.try_once(run_id, name, 1, Exited(0 if state is _T.SUCCEEDED else 1))
    diary.store.record([RunMoved(run_id, _R.RUNNING, _R.SUCCEEDED, AT)])
    return run_id


def test_a_run_that_is_forgotten_goes_with_all_that_belongs_to_it(store: Store) -> None:
    diary = Diary(store)
    for run_id in ("r1", "r2"):
        ended_run(diary, run_id, a=_T.SUCCEEDED)
        store.record([OutputsSaved(run_id, "a", {"rows": 3}), EventLogged(event(1)._replace(run_id=run_id))])
        store.request(run_id, "cancel", AT)
    kept = (store.run("r2"), store.task_runs("r2"), store.attempts("r2"), store.events("r2"), store.requests("r2"))
    store.forget("r1")
    assert store.run("r1") is store.config_text("r1") is None
    assert store.task_runs("r1") == store.attempts("r1") == store.events("r1") == store.requests("r1") == []
    assert [one.run_id for one in store.runs()] == ["r2"]
    assert kept == (
        store.run("r2"), store.task_runs("r2"), store.attempts("r2"), store.events("r2"), store.requests("r2")
    )  # fmt: skip
    assert store.config_text("r2") == "version: 1\n"


@pytest.mark.parametrize("state", [_R.RUNNING, _R.QUEUED])
def test_a_run_that_is_active_is_not_forgotten(store: Store, state: RunState) -> None:
    store.open_run(run("r1")._replace(state=state.value), [task("r1", "a", 0)], [A_PIPELINE], "")
    before = everything(store)
    store.forget("r1")
    store.forget("nobody")
    assert everything(store) == before


def test_what_is_learned_and_how_pipelines_stand_rests_on_the_runs_that_are_needed(store: Store) -> None:
    diary = Diary(store)
    for number in range(3):
        ended_run(diary, f"old-{number}", **{"p.one": _T.SUCCEEDED, "p.two": _T.SUCCEEDED, "a": _T.SUCCEEDED})
    ended_run(diary, "half", **{"p.one": _T.SUCCEEDED, "p.two": _T.FAILED})
    ended_run(diary, "bad-1", **{"p.one": _T.FAILED, "p.two": _T.FAILED, "b": _T.FAILED})
    ended_run(diary, "bad-2", **{"p.one": _T.FAILED, "p.two": _T.FAILED})
    ended_run(diary, "idle", **{"p.one": _T.SKIPPED, "p.two": _T.SKIPPED})
    assert store.needed() == {"old-2", "half", "bad-1", "bad-2"}
    before = store.summaries(), dict(store.expected_s())
    for run_id in {one.run_id for one in store.runs()} - store.needed():
        store.forget(run_id)
    assert [one.run_id for one in store.runs()] == ["bad-2", "bad-1", "half", "old-2"]
    assert (store.summaries(), dict(store.expected_s())) == before
    assert set(before[1]) == {"a", "p.one", "p.two"}


def test_an_empty_store_needs_nothing(store: Store) -> None:
    assert store.needed() == set()


# -- all together -------------------------------------------------------------------------------------------------

TASKS = ("a", "b", "p.one", "p.two")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
@pytest.mark.parametrize("durable", [name for name in STORES if name != "memory"])
def test_any_legal_history_reads_the_same_in_every_store(
    tmp_path_factory: pytest.TempPathFactory, durable: str, data: st.DataObject
) -> None:
    stores = [STORES[name](tmp_path_factory.mktemp("store")) for name in ("memory", durable)]
    try:
        _live(stores, data)
    finally:
        for one in stores:
            one.close()


def _live(stores: list[Store], data: st.DataObject) -> None:
    for one in stores:
        Diary(one).open("r1", *TASKS)
        Diary(one).open("r2", *TASKS[::-1])
    for step in range(data.draw(st.integers(0, 20), "steps")):
        change = _legal(stores[0], data, later(step))
        stale = data.draw(st.booleans(), "stale")
        verdicts = {_verdict(one, [change, change] if stale else [change]) for one in stores}
        assert len(verdicts) == 1
    assert everything(stores[0]) == everything(stores[1])


def _legal(store: Store, data: st.DataObject, at: datetime) -> Change:
    """A change that the tables of states allow, as things stand."""
    run_id = data.draw(st.sampled_from(["r1", "r2"]), "run")
    found = store.run(run_id)
    open_tasks = [one for one in store.task_runs(run_id) if one.state not in TERMINAL]
    assert found is not None
    if not open_tasks:
        before = RunState(found.state)
        after = data.draw(st.sampled_from(sorted(RUN_TRANSITIONS.get(before, {}).values()) or [_R.LOST]))
        return RunMoved(run_id, before, after, at, 1.5, 2)
    chosen = data.draw(st.sampled_from(open_tasks), "task")
    state = TaskState(chosen.state)
    after_task = data.draw(st.sampled_from(sorted(set(TRANSITIONS[state].values()))), "after")
    change = moved(chosen.task_id, state, after_task, chosen.version, chosen.attempts, at)
    return change._replace(run_id=run_id)


def _verdict(store: Store, changes: list[Change]) -> str:
    try:
        store.record(changes)
    except StateConflict as conflict:
        return str(conflict)
    return "applied"


def test_a_store_that_has_refused_much_takes_what_fits(diary: Diary) -> None:
    for _ in range(10):  # a driver may take for prepared what came behind a fault
        run_id = diary.fresh("x", "y")
        told = EventLogged(event(1)._replace(run_id=run_id))
        fits = moved("x", _T.PENDING, _T.SUBMITTED, 0, 1)._replace(run_id=run_id)
        with pytest.raises(StateConflict):
            diary.store.record([told, told, fits])
        diary.store.record([told, fits])
        assert [one.state for one in diary.store.task_runs(run_id)] == ["submitted", "pending"]


def test_what_was_recorded_agrees_with_itself(diary: Diary) -> None:
    run_id = diary.fresh("x", "y")
    diary.try_once(run_id, "x", 1, Exited(0))
    diary.end(run_id, x=TaskState.SUCCEEDED, y=TaskState.SKIPPED)
    assert [one for one in diary.store.check() if one.severity != "ok"] == []
