"""What every store must do with searches, backfills and results: one sentence, one test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.store.history import AT, DAY, Diary, later, run, task
from contracts.stores import STORES
from tetra_orchestrator.core.backfill import Backfill, PartitionState
from tetra_orchestrator.core.changes import RunMoved, TaskMoved
from tetra_orchestrator.core.history import Partition, PipelineState, Result, RunFilter
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.states import RunState, TaskState
from tetra_orchestrator.errors import NotNow, StateConflict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.ports import Store

_R = RunState
DAYS = [PartitionState(f"2026-01-{day:02}", f"2026-01-{day:02}", day) for day in (1, 2, 3)]
BACKFILL = Backfill(
    "bf-1", "daily", "2026-01-01", "2026-01-03", "day", "running", "abc", AT, params={"x": "1", "y": None}
)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


def kept(store: Store, one: Run, pipelines: str = "a") -> None:
    """Records a run with a task for each of the pipelines."""
    tasks = [task(one.run_id, name, place) for place, name in enumerate(pipelines.split())]
    known = [PipelineState(each.pipeline, position=each.position) for each in tasks]
    store.open_run(one, tasks, known, "version: 1\n")


def named(store: Store, **wanted: object) -> list[str]:
    return [one.run_id for one in store.search(RunFilter(**wanted), 50)]  # type: ignore[arg-type]


# -- search -------------------------------------------------------------------------------------------------------


def test_a_search_for_nothing_in_particular_finds_all_runs_newest_first(store: Store) -> None:
    for number in range(3):
        kept(store, run(f"r{number}"))
    assert named(store) == ["r2", "r1", "r0"]
    assert [one.run_id for one in store.search(RunFilter(), 2)] == ["r2", "r1"]


def test_every_condition_of_a_search_has_to_hold(store: Store) -> None:
    kept(store, run("early")._replace(mode="daily", started_at=AT))
    kept(store, run("late")._replace(mode="daily", started_at=later(DAY)), "a b")
    kept(store, run("weekly")._replace(mode="weekly", started_at=later(DAY), state="succeeded"), "b")
    assert named(store, mode="daily") == ["late", "early"]
    assert named(store, pipeline="b") == ["weekly", "late"]
    assert named(store, pipeline="b", mode="daily") == ["late"]
    assert named(store, states=("succeeded", "failed")) == ["weekly"]
    assert named(store, since=later(DAY)) == ["weekly", "late"]
    assert named(store, until=later(DAY)) == ["early"]
    assert named(store, mode="nobody's") == []


def test_the_latest_runs_of_a_pipeline_are_counted_by_runs_and_not_by_tasks(store: Store) -> None:
    for number in range(4):
        kept(store, run(f"r{number}"), "a.x a.y b" if number % 3 else "b")
    assert [one.run_id for one in store.search(RunFilter(pipeline="a"), 2)] == ["r2", "r1"]
    assert [one.run_id for one in store.runs(limit=1, pipeline="a")] == ["r2"]
    assert [one.run_id for one in store.search(RunFilter(pipeline="b", before="r3"), 2)] == ["r2", "r1"]
    assert named(store, pipeline="a", before="nobody") == named(store, pipeline="c") == []


def test_a_run_that_waits_was_not_started_at_any_time(store: Store) -> None:
    kept(store, run("waits")._replace(state="queued", started_at=None))
    assert (named(store, since=AT), named(store, until=AT), named(store)) == ([], [], ["waits"])


def test_runs_are_found_by_the_beginning_of_their_ids(store: Store) -> None:
    for run_id in ("20260301T200000Z-aaaaaa", "20260301T200000Z-ab_aaa", "20260302T200000Z-aaaaaa"):
        store.open_run(run(run_id), [], [], "{}")

    def named(beginning: str, limit: int = 9) -> list[str]:
        return [one.run_id[-9:] for one in store.named(beginning, limit)]

    assert named("20260301T200000Z-a") == ["0Z-ab_aaa", "0Z-aaaaaa"]
    assert named("2026", 2) == ["0Z-aaaaaa", "0Z-ab_aaa"]
    assert named("20260302") == ["0Z-aaaaaa"]
    for stranger in ("2027", "20260301T200000z", "%", "20260301T200000Z-a__", "T20"):
        assert named(stranger) == []


def test_a_search_goes_on_before_a_run(store: Store) -> None:
    for number in range(4):
        kept(store, run(f"r{number}"))
    assert named(store, before="r2") == ["r1", "r0"]
    assert named(store, before="r0") == []
    assert named(store, before="gone") == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(["a=%", "a=b", "a=_", 'a="x"', "a=b!", "ä=ö", "a=b,c", "tenant=x", "a=\\"]), unique=True)
)
@pytest.mark.parametrize("name", STORES)
def test_tags_are_kept_and_found_whole(tmp_path_factory: pytest.TempPathFactory, name: str, tags: list[str]) -> None:
    store = STORES[name](tmp_path_factory.mktemp("tags"))
    kept(store, run("tagged")._replace(tags=tuple(tags)))
    kept(store, run("other")._replace(tags=("a=bb",)))
    assert store.run("tagged").tags == tuple(tags)  # type: ignore[union-attr]
    for tag in tags:
        assert named(store, tags=(tag,)) == ["tagged"]
    assert named(store, tags=(*tags, "a=bbb")) == []
    store.close()


def test_runs_in_some_states_are_found_among_the_latest(store: Store) -> None:
    for number, state in enumerate((_R.LOST, _R.SUCCEEDED, _R.CANCELLED, _R.LOST)):
        kept(store, run(f"r{number}"))
        ended(store, f"r{number}", state)
    kept(store, run("r4"))
    assert store.among(5, ("lost", "cancelled")) == ["r3", "r2", "r0"]
    assert store.among(3, ("lost", "cancelled")) == ["r3", "r2"]
    assert store.among(1, ("lost",)) == []


# -- backfills ----------------------------------------------------------------------------------------------------


def for_day(run_id: str, day: int, backfill: str | None = "bf-1") -> Run:
    date = f"2026-01-{day:02}"
    return run(run_id)._replace(mode="daily", partition=Partition(date, date), backfill=backfill)


def ended(store: Store, run_id: str, state: RunState, at: datetime = AT) -> None:
    store.record([RunMoved(run_id, _R.RUNNING, state, at)])


def states(store: Store) -> list[tuple[str, str | None]]:
    return [(each.state, each.run_id) for each in store.backfills.partitions("bf-1")]


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with a backfill of three days."""
    store.backfills.add(BACKFILL, DAYS[::-1], "version: 1\n")
    return store


def test_a_backfill_is_kept_as_it_was_given_with_its_partitions_by_their_places(filled: Store) -> None:
    assert filled.backfills.get("bf-1") == BACKFILL
    assert filled.backfills.all() == [BACKFILL]
    assert filled.backfills.partitions("bf-1") == DAYS
    assert (filled.backfills.get("bf-2"), filled.backfills.partitions("bf-2")) == (None, [])


def test_the_reason_of_a_partition_is_kept(store: Store) -> None:
    left_out = DAYS[0]._replace(state="skipped", reason=Reason("done", "it succeeded in run r0 \udcff"))
    store.backfills.add(BACKFILL, [left_out], "version: 1\n")
    [found] = store.backfills.partitions("bf-1")
    assert (found.state, found.reason) == ("skipped", Reason("done", "it succeeded in run r0 \\udcff"))


def test_a_mode_has_one_open_backfill(filled: Store) -> None:
    with pytest.raises(NotNow) as caught:
        filled.backfills.add(BACKFILL._replace(backfill_id="bf-2"), DAYS, "version: 1\n")
    assert str(caught.value) == (
        "mode 'daily' is being backfilled already, by bf-1\n  hint: `tetra backfill continue bf-1` goes on with it,"
        " `tetra backfill cancel bf-1` ends it"
    )
    filled.backfills.add(BACKFILL._replace(backfill_id="bf-3", mode="weekly"), DAYS, "version: 1\n")
    filled.backfills.move("bf-1", "running", "succeeded", AT)
    filled.backfills.add(BACKFILL._replace(backfill_id="bf-2"), DAYS, "version: 1\n")
    assert [one.backfill_id for one in filled.backfills.all()] == ["bf-2", "bf-3", "bf-1"]


def test_a_backfill_moves_from_the_state_that_it_is_in(filled: Store) -> None:
    filled.backfills.move("bf-1", "running", "paused", AT)
    with pytest.raises(StateConflict) as caught:
        filled.backfills.move("bf-1", "running", "cancelled", AT)
    assert str(caught.value) == (
        "backfill bf-1 is not running any more\n  hint: `tetra backfill status bf-1` tells how each stands"
    ).replace("each", "it")
    filled.backfills.move("bf-1", "paused", "cancelled", later(5))
    found = filled.backfills.get("bf-1")
    assert found is not None
    assert (found.state, found.finished_at) == ("cancelled", later(5))


def test_a_run_takes_its_partition_when_it_is_opened_and_settles_it_with_its_end(filled: Store) -> None:
    kept(filled, for_day("r1", 1))
    assert states(filled) == [("running", "r1"), ("pending", None), ("pending", None)]
    ended(filled, "r1", _R.SUCCEEDED)
    kept(filled, for_day("r2", 2)._replace(state="queued", started_at=None))
    assert states(filled) == [("succeeded", "r1"), ("queued", "r2"), ("pending", None)]
    filled.record([RunMoved("r2", _R.QUEUED, _R.RUNNING, AT)])
    assert states(filled)[1] == ("running", "r2")
    ended(filled, "r2", _R.FAILED)
    assert states(filled)[1] == ("failed", "r2")


def test_a_partition_is_taken_once(filled: Store) -> None:
    kept(filled, for_day("r1", 1))
    for _ in range(2):
        with pytest.raises(StateConflict) as caught:
            kept(filled, for_day("r2", 1))
        assert str(caught.value) == (
            "backfill bf-1: the partition 2026-01-01 to 2026-01-01 is taken by another run, or done"
            "\n  hint: `tetra backfill status bf-1` tells how each stands"
        )
        assert filled.run("r2") is None, "and nothing of the other run is there"
        if filled.backfills.partitions("bf-1")[0].state == "running":
            ended(filled, "r1", _R.SUCCEEDED)


def test_the_partition_of_a_lost_run_waits_again_and_names_that_run(filled: Store) -> None:
    kept(filled, for_day("r1", 1))
    ended(filled, "r1", _R.LOST)
    assert states(filled)[0] == ("pending", "r1")
    kept(filled, for_day("r2", 1))
    assert states(filled)[0] == ("running", "r2")


def test_a_run_for_the_same_dates_beside_the_backfill_takes_nothing_of_it(filled: Store) -> None:
    kept(filled, for_day("r1", 1, backfill=None))
    ended(filled, "r1", _R.SUCCEEDED)
    assert states(filled)[0] == ("pending", None)


def test_a_change_that_does_not_fit_moves_no_partition(filled: Store) -> None:
    kept(filled, for_day("r1", 1))
    with pytest.raises(StateConflict):
        filled.record([RunMoved("r1", _R.RUNNING, _R.SUCCEEDED, AT), RunMoved("r1", _R.RUNNING, _R.FAILED, AT)])
    assert states(filled)[0] == ("running", "r1")


@pytest.mark.parametrize(("newest_first", "order"), [(False, [1, 2, 3]), (True, [3, 2, 1])])
def test_partitions_have_their_turns_by_time(store: Store, newest_first: bool, order: list[int]) -> None:
    store.backfills.add(BACKFILL._replace(newest_first=newest_first), DAYS, "version: 1\n")
    store.backfills.add(BACKFILL._replace(backfill_id="bf-2", mode="weekly"), DAYS, "version: 1\n")
    for day in order:
        assert store.backfills.next("bf-1") == DAYS[day - 1]
        kept(store, for_day(f"r{day}", day))
        if day == order[0]:
            ended(store, f"r{day}", _R.FAILED)
    assert store.backfills.next("bf-1") is None
    ended(store, "r2", _R.LOST)
    assert store.backfills.next("bf-1") == DAYS[1]._replace(run_id="r2")
    store.backfills.move("bf-1", "running", "paused", AT)
    assert store.backfills.next("bf-1") is None


def test_the_partition_of_a_run_that_was_ended_early_waits_again(filled: Store) -> None:
    for day, code in enumerate(("interrupted", "stop_requested", "cancel_requested"), start=1):
        kept(filled, for_day(f"r{day}", day))
        why = Reason(code, "ended by somebody")
        filled.record([RunMoved(f"r{day}", _R.RUNNING, _R.CANCELLED, AT, reason=why)])
    assert states(filled) == [("pending", "r1"), ("pending", "r2"), ("cancelled", "r3")]


def test_a_backfill_that_is_over_goes_on_with_what_has_not_succeeded(filled: Store) -> None:
    for day, state in enumerate((_R.SUCCEEDED, _R.FAILED, _R.PARTIAL), start=1):
        kept(filled, for_day(f"r{day}", day))
        ended(filled, f"r{day}", state)
    filled.backfills.move("bf-1", "running", "failed", later(5))
    filled.backfills.reopen("bf-1", "failed", later(6))
    assert filled.backfills.get("bf-1") == BACKFILL
    assert states(filled) == [("succeeded", "r1"), ("pending", "r2"), ("pending", "r3")]
    with pytest.raises(StateConflict):
        filled.backfills.reopen("bf-1", "failed", later(7))


def test_a_backfill_that_is_over_does_not_go_on_beside_another_of_its_mode(filled: Store) -> None:
    filled.backfills.move("bf-1", "running", "failed", later(5))
    filled.backfills.add(BACKFILL._replace(backfill_id="bf-2"), DAYS, "version: 1\n")
    with pytest.raises(NotNow) as caught:
        filled.backfills.reopen("bf-1", "failed", later(6))
    assert str(caught.value) == (
        "mode 'daily' is being backfilled already, by bf-2\n  hint: `tetra backfill continue bf-2` goes on with it,"
        " `tetra backfill cancel bf-2` ends it"
    )
    found = filled.backfills.get("bf-1")
    assert found is not None
    assert found.state == "failed"


def test_the_configuration_of_a_backfill_stays_whatever_runs_are_forgotten(filled: Store) -> None:
    kept(filled, for_day("r1", 1))
    ended(filled, "r1", _R.SUCCEEDED)
    filled.forget("r1")
    assert filled.backfills.config_text("bf-1") == "version: 1\n"
    assert filled.backfills.config_text("bf-2") is None


def test_how_partitions_ended_is_known_after_their_runs_are_forgotten(filled: Store) -> None:
    for day, state in enumerate((_R.SUCCEEDED, _R.FAILED), start=1):
        kept(filled, for_day(f"r{day}", day))
        ended(filled, f"r{day}", state)
        filled.forget(f"r{day}")
    filled.backfills.move("bf-1", "running", "failed", later(5))
    filled.backfills.add(BACKFILL._replace(backfill_id="bf-2", created_at=later(6)), DAYS, "version: 1\n")
    kept(filled, for_day("r3", 2, backfill="bf-2"))
    ended(filled, "r3", _R.SUCCEEDED)
    assert filled.backfills.settled("daily") == {
        ("2026-01-01", "2026-01-01"): (DAYS[0]._replace(state="succeeded", run_id="r1"), AT),
        ("2026-01-02", "2026-01-02"): (DAYS[1]._replace(state="succeeded", run_id="r3"), later(6)),
    }
    assert filled.backfills.settled("weekly") == {}


def test_the_latest_run_of_each_partition_of_a_mode_is_known(filled: Store) -> None:
    kept(filled, for_day("r1", 1))
    ended(filled, "r1", _R.FAILED)
    kept(filled, for_day("again", 1, backfill=None))
    kept(filled, for_day("r2", 2))
    kept(filled, for_day("weekly", 3)._replace(mode="weekly", backfill=None))
    kept(filled, run("whole")._replace(mode="daily"))
    found = filled.backfills.latest("daily")
    assert {dates: one.run_id for dates, one in found.items()} == {
        ("2026-01-01", "2026-01-01"): "again",
        ("2026-01-02", "2026-01-02"): "r2",
    }


@pytest.mark.parametrize("code", ["not_selected", "not_retried", "paused"])
def test_a_success_that_left_out_a_task_is_not_the_latest_of_the_whole_partition(filled: Store, code: str) -> None:
    def left_out(run_id: str, why: str, state: RunState) -> None:
        moved = TaskMoved(run_id, "b", TaskState.PENDING, TaskState.SKIPPED, 0, 0, AT, Reason(why, "why"))
        filled.record([moved, RunMoved(run_id, _R.RUNNING, state, AT)])

    for run_id, day in (("r1", 1), ("part", 1), ("r2", 2), ("failed", 3)):
        kept(filled, for_day(run_id, day, backfill=None), "a b")
    ended(filled, "r1", _R.SUCCEEDED)
    left_out("part", code, _R.SUCCEEDED)
    left_out("r2", "disabled", _R.SUCCEEDED)
    left_out("failed", code, _R.FAILED)
    found = filled.backfills.latest_whole("daily", "abc", 2)
    assert [one.run_id for _, one in sorted(found.items())] == ["r1", "r2", "failed"]
    assert [one.run_id for _, one in sorted(filled.backfills.latest("daily").items())] == ["part", "r2", "failed"]


def test_a_success_without_a_pipeline_that_its_configuration_has_is_not_the_latest_of_the_whole(filled: Store) -> None:
    kept(filled, for_day("part", 1, backfill=None), "a")
    kept(filled, for_day("before", 2, backfill=None)._replace(config_hash="older"), "a")
    kept(filled, for_day("both", 3, backfill=None), "a b")
    for run_id in ("part", "before", "both"):
        ended(filled, run_id, _R.SUCCEEDED)
    found = filled.backfills.latest_whole("daily", run("r").config_hash, 2)
    assert [one.run_id for _, one in sorted(found.items())] == ["before", "both"]


# -- results ------------------------------------------------------------------------------------------------------


def result(task_id: str, key: str, minutes: int = 0) -> Result:
    return Result(task_id, key, "r1", later(60 * minutes), {"rows": minutes, "path": "/x"})


def test_a_result_is_found_by_its_task_and_key(store: Store) -> None:
    store.results.put(result("a", "k1", 1), 10)
    assert store.results.get("a", "k1") == result("a", "k1", 1)
    assert (store.results.get("a", "k2"), store.results.get("b", "k1")) == (None, None)


def test_a_newer_result_takes_the_place_of_one_with_the_same_key(store: Store) -> None:
    store.results.put(result("a", "k1", 1), 10)
    store.results.put(result("a", "k1", 2), 10)
    assert store.results.all() == [result("a", "k1", 2)]


def test_of_each_task_the_newest_results_stay(store: Store) -> None:
    store.results.put(result("b", "k0"), 2)
    for number in (3, 1, 2):
        store.results.put(result("a", f"k{number}", number), 2)
    assert store.results.all("a") == [result("a", "k3", 3), result("a", "k2", 2)]
    assert store.results.all() == [result("a", "k3", 3), result("a", "k2", 2), result("b", "k0")]


def test_results_are_cleared_by_task_or_all(store: Store) -> None:
    for task_id in "abc":
        store.results.put(result(task_id, "k"), 10)
    assert store.results.clear("a") == 1
    assert [each.task_id for each in store.results.all()] == ["b", "c"]
    assert (store.results.clear(), store.results.clear(), store.results.all()) == (2, 0, [])


def test_a_single_result_is_cleared_by_its_key(store: Store) -> None:
    for task_id, key in (("a", "k1"), ("a", "k2"), ("b", "k1")):
        store.results.put(result(task_id, key), 10)
    assert (store.results.clear("a", "k1"), store.results.clear("a", "k1")) == (1, 0)
    assert [(each.task_id, each.key) for each in store.results.all()] == [("a", "k2"), ("b", "k1")]


def test_a_result_outlives_its_run(store: Store) -> None:
    Diary(store).open("r1", "a")
    ended(store, "r1", _R.SUCCEEDED)
    store.results.put(result("a", "k"), 10)
    store.forget("r1")
    assert store.results.get("a", "k") == result("a", "k")
