"""What becomes of a slot: pauses, overlap and catch-up, decided from the ledger alone.

Times are minutes of one morning (UTC).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import utc
from tetra_orchestrator.core.history import PIPELINE, SCHEDULE, Pause
from tetra_orchestrator.core.model import Schedule
from tetra_orchestrator.core.slots import (
    EXPECTED,
    FINAL,
    QUEUED,
    Scenery,
    Slot,
    Span,
    by_rule,
    changed,
    dispatches,
    due_by,
    judge,
    rule_text,
)

POLICIES = ("none", "latest", "all")
OVERLAPS = ("skip", "queue", "replace", "allow")


def schedule(**fields) -> Schedule:
    return Schedule("nightly", "daily", "*/10 * * * *", "UTC", **fields)


def at(minute: int, second: int = 0) -> datetime:
    return utc(2026, 3, 1, 6) + timedelta(minutes=minute, seconds=second)


def verdicts(given: Schedule, due: list[int], now: datetime, **scenery) -> list[tuple[str, str | None]]:
    slots = judge(given, [at(minute) for minute in due], Scenery(now, **scenery))
    return [(slot.outcome, slot.reason and slot.reason.code) for slot in slots]


def test_a_slot_that_is_due_now_is_run() -> None:
    [slot] = judge(schedule(), [at(10)], Scenery(at(10, 1)))
    assert slot == Slot("nightly", at(10), QUEUED, at(11), "daily")


def test_a_slot_is_on_time_for_a_minute_and_for_what_its_wakes_are_spread_over() -> None:
    assert due_by(schedule(), at(10)) == at(11)
    assert due_by(schedule(jitter_s=300.0), at(10)) == at(16)


def test_of_three_missed_slots_latest_runs_the_newest() -> None:
    assert verdicts(schedule(catch_up="latest"), [0, 10, 20], at(25)) == [
        ("skipped_policy", "superseded"), ("skipped_policy", "superseded"), ("queued", None),
    ]  # fmt: skip


def test_latest_runs_no_missed_slot_where_another_one_is_due_now() -> None:
    assert verdicts(schedule(catch_up="latest"), [0, 10], at(10, 5)) == [
        ("skipped_policy", "superseded"), ("queued", None),
    ]  # fmt: skip


def test_the_reason_of_a_slot_that_was_passed_over_names_the_later_one() -> None:
    first, _ = judge(schedule(), [at(0), at(10)], Scenery(at(25)))
    assert first.reason
    assert first.reason.text == "the later slot 2026-03-01T06:10:00Z runs instead"
    assert first.settled_at == at(25)


def test_none_makes_up_for_nothing_whoever_wakes_it() -> None:
    assert verdicts(schedule(catch_up="none"), [0, 10, 20], at(25)) == [("missed", "late_wake")] * 3
    assert verdicts(schedule(catch_up="none"), [10, 20], at(20, 59)) == [("missed", "late_wake"), ("queued", None)]


def test_a_slot_before_the_machine_was_started_says_that_it_was_off() -> None:
    given = schedule(catch_up="none")
    assert verdicts(given, [0, 10], at(15), booted_at=at(5)) == [("missed", "machine_off"), ("missed", "late_wake")]


def test_all_runs_every_missed_slot_in_order() -> None:
    slots = judge(schedule(catch_up="all"), [at(0), at(10), at(20)], Scenery(at(25)))
    assert [(slot.at, slot.outcome) for slot in slots] == [(at(0), QUEUED), (at(10), QUEUED), (at(20), QUEUED)]


def test_all_runs_the_newest_of_as_many_as_are_counted() -> None:
    given = schedule(catch_up="all", catch_up_count=2)
    assert [code for code, _ in verdicts(given, [0, 10, 20, 30], at(35))] == [
        "skipped_policy", "skipped_policy", "queued", "queued",
    ]  # fmt: skip


@pytest.mark.parametrize("policy", ["latest", "all"])
def test_what_was_missed_longer_ago_than_the_window_is_not_made_up_for(policy: str) -> None:
    given = schedule(catch_up=policy, catch_up_window_s=600.0)
    slots = judge(given, [at(0), at(20)], Scenery(at(25)))
    assert [(slot.outcome, slot.reason and slot.reason.text) for slot in slots] == [
        ("missed", "longer ago than 10 min 00 s"), ("queued", None),
    ]  # fmt: skip


def test_a_paused_slot_is_paused_with_its_reason() -> None:
    pauses = [Pause(SCHEDULE, "nightly", at(5), at(15), "holidays")]
    slots = judge(schedule(catch_up="all"), [at(0), at(10), at(20)], Scenery(at(20), pauses))
    assert [slot.outcome for slot in slots] == ["queued", "paused", "queued"]
    reason = slots[1].reason
    assert reason
    assert reason.text == "schedule nightly was paused since 2026-03-01T06:05:00Z: holidays"


def test_a_slot_of_which_the_only_pipeline_is_paused_is_paused() -> None:
    pauses = [Pause(PIPELINE, "load", at(5))]
    assert verdicts(schedule(), [10], at(10), pauses=pauses) == [("paused", "paused")]


ACTIVE = Span("r1", at(0, 1), None, own=True)
ENDED = Span("r1", at(0, 1), at(22), own=True)


def test_slots_that_fell_while_a_run_was_active_are_skipped_also_when_nobody_looked() -> None:
    assert verdicts(schedule(), [10, 20], at(22), spans=[ENDED]) == [("skipped_overlap", "run_active")] * 2
    assert verdicts(schedule(), [10], at(10), spans=[ACTIVE]) == [("skipped_overlap", "run_active")]


def test_a_run_that_began_after_the_slot_or_ended_with_it_was_not_active_then() -> None:
    assert verdicts(schedule(), [0], at(0, 30), spans=[ACTIVE]) == [("queued", None)]
    assert verdicts(schedule(), [10], at(10), spans=[Span("r1", at(0), at(10), own=True)]) == [("queued", None)]


def test_a_run_of_somebody_else_with_the_same_pipelines_counts_too() -> None:
    assert verdicts(schedule(), [10], at(10), spans=[Span("r9", at(5), None, own=False)]) == [
        ("skipped_overlap", "run_active")
    ]


def test_queue_runs_the_newest_slot_that_fell_while_a_run_was_active_however_late_it_is_now() -> None:
    for policy in ("none", "latest"):
        given = schedule(overlap="queue", catch_up=policy)
        assert verdicts(given, [10, 20], at(22), spans=[ENDED]) == [("skipped_policy", "superseded"), ("queued", None)]


def test_queue_with_all_runs_every_slot_that_fell_while_a_run_was_active() -> None:
    given = schedule(overlap="queue", catch_up="all")
    assert verdicts(given, [10, 20], at(22), spans=[ENDED]) == [("queued", None)] * 2


def test_one_slot_waits_in_a_queue_and_the_next_is_skipped() -> None:
    given = schedule(overlap="queue")
    slots = judge(given, [at(20)], Scenery(at(20), spans=[ACTIVE], waiting=[at(10)]))
    assert [(slot.outcome, slot.reason and slot.reason.text) for slot in slots] == [
        ("skipped_overlap", "2026-03-01T06:10:00Z is waiting for its turn already")
    ]


@pytest.mark.parametrize("overlap", ["allow", "replace"])
def test_what_may_go_beside_or_replaces_is_run_whatever_is_active(overlap: str) -> None:
    assert verdicts(schedule(overlap=overlap), [10], at(10), spans=[ACTIVE]) == [("queued", None)]


def test_replace_runs_only_the_newest_of_what_it_makes_up_for() -> None:
    given = schedule(overlap="replace", catch_up="all")
    assert verdicts(given, [0, 10], at(15)) == [("skipped_policy", "superseded"), ("queued", None)]


def test_D_059_as_many_runs_of_a_schedule_go_beside_each_other_as_it_says() -> None:
    two = schedule(max_concurrent_runs=2)
    second = Span("r2", at(5), None, own=True)
    assert verdicts(two, [10], at(10), spans=[ACTIVE]) == [("queued", None)]
    assert verdicts(two, [10], at(10), spans=[ACTIVE, second]) == [("skipped_overlap", "max_concurrent_runs")]
    assert verdicts(schedule(overlap="allow"), [10], at(10), spans=[ACTIVE, second]) == [("queued", None)]


def test_no_more_runs_are_begun_at_once_than_may_be_active_and_the_others_stay_expected() -> None:
    two = schedule(max_concurrent_runs=2, catch_up="all")
    assert [outcome for outcome, _ in verdicts(two, [0, 10, 20, 30], at(35))] == [
        "queued",
        "queued",
        "expected",
        "expected",
    ]
    assert [outcome for outcome, _ in verdicts(two, [20, 30], at(35), spans=[Span("r1", at(32), None, own=True)])] == [
        "queued", "expected",
    ]  # fmt: skip
    assert [outcome for outcome, _ in verdicts(two, [30], at(35), waiting=[at(0), at(10)])] == ["expected"]


def test_nothing_is_run_while_the_schedule_is_paused_whenever_it_was_due() -> None:
    pauses = [Pause(SCHEDULE, "nightly", at(15))]
    assert verdicts(schedule(catch_up="all"), [0, 10], at(20), pauses=pauses) == [("paused", "paused")] * 2


def test_spaces_and_tabs_in_a_rule_mean_nothing() -> None:
    odd = schedule()._replace(cron="0\t6  *\t* *")
    assert rule_text(odd) == rule_text(schedule()._replace(cron="0 6 * * *"))
    assert by_rule(odd, rule_text(odd)).cron == "0 6 * * *"


def test_an_odd_interval_comes_back_whole() -> None:
    odd = Schedule("s", None, None, "UTC", every_s=1036801.0)
    assert by_rule(odd, rule_text(odd)) == odd


def test_a_schedule_leaves_its_runs_to_others_where_its_next_slot_has_to_be_seen_to_meanwhile() -> None:
    assert [dispatches(schedule(overlap=one)) for one in OVERLAPS] == [False, False, True, True]
    assert dispatches(schedule(max_concurrent_runs=2))
    assert not dispatches(schedule(max_concurrent_runs=1))


def test_slots_of_a_rule_that_was_changed_are_settled_by_that() -> None:
    [slot] = changed(schedule(), [at(10)], at(12))
    assert (slot.outcome, slot.reason and slot.reason.code) == ("skipped_policy", "rule_changed")


@pytest.mark.parametrize(
    "given",
    [
        schedule(),
        schedule(dst_gap="skip", dst_fold="both"),
        Schedule("s", None, None, "UTC", every_s=900.0),
        Schedule("s", None, None, "Europe/Paris", at="2026-12-01T02:00"),
        Schedule("s", None, None, "UTC", on_startup=True),
    ],
)
def test_a_rule_comes_back_from_its_text(given: Schedule) -> None:
    assert (
        by_rule(given._replace(cron="1 1 1 1 *", every_s=None, at=None, timezone="Asia/Tokyo"), rule_text(given))
        == given
    )


def test_a_schedule_that_is_off_has_no_rule() -> None:
    off = by_rule(schedule(), rule_text(schedule(enabled=False)))
    assert (off.cron, off.every_s, off.at) == (None, None, None)


spans = st.builds(
    lambda start, length, own: Span("r", at(start), None if length is None else at(start + length), own),
    st.integers(-30, 60), st.none() | st.integers(1, 40), st.booleans(),
)  # fmt: skip


@given(
    st.builds(
        schedule,
        catch_up=st.sampled_from(POLICIES),
        overlap=st.sampled_from(OVERLAPS),
        catch_up_count=st.none() | st.integers(1, 3),
        catch_up_window_s=st.none() | st.integers(60, 3000).map(float),
        max_concurrent_runs=st.none() | st.integers(1, 3),
    ),
    st.lists(st.integers(0, 60), unique=True, min_size=1).map(sorted),
    st.integers(0, 40),
    st.lists(spans, max_size=3),
)
def test_every_slot_gets_one_verdict_that_is_final_or_a_run_and_final_ones_say_why(
    given: Schedule, due: list[int], wait: int, spans: list[Span]
) -> None:
    slots = judge(given, [at(minute) for minute in due], Scenery(at(due[-1] + wait), spans=spans))
    assert [slot.at for slot in slots] == [at(minute) for minute in due]
    for slot in slots:
        open_ = slot.outcome == QUEUED or (slot.outcome == EXPECTED and (given.max_concurrent_runs or 1) > 1)
        assert open_ or slot.outcome in FINAL
        assert (slot.reason is None, slot.settled_at is None) == (open_, open_)
    queued = sum(slot.outcome == QUEUED for slot in slots)
    if given.catch_up != "all" or given.overlap == "replace":
        assert queued <= 1
    elif given.catch_up_count:
        assert queued <= given.catch_up_count
