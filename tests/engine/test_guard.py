"""The ledger and the guard: what is woken, looked at, left or broken ends with every slot settled exactly once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.builders import utc
from support.schedules import GuardStage, schedule, scheduled
from support.worlds import project, task
from tetra_orchestrator.core.history import PIPELINE, SCHEDULE
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.reasons import STOP_REQUEST
from tetra_orchestrator.engine import ledger
from tetra_orchestrator.errors import ConfigError, NotNow
from tetra_orchestrator.signals import SIGTERM

DAY = timedelta(days=1)
SIX = utc(2026, 3, 2, 6)


def known(*schedules, script=None, **fields) -> GuardStage:
    """A stage whose schedules have been in the ledger since the evening of 1 March."""
    stage = GuardStage(scheduled(*schedules, **fields), script)
    stage.look()
    return stage


def lasting(seconds: float):
    return lambda task_id, number: (seconds, Exited(0), {})


def test_a_timer_that_wakes_us_at_its_slot_runs_it_once() -> None:
    stage = known()
    stage.at(SIX + timedelta(seconds=0.3))
    assert stage.wake() == 0
    assert stage.outcomes() == [("02 06:00", "ran", None)]
    run = stage.last_run
    assert (run.trigger, run.schedule, run.slot, run.state) == ("schedule", "nightly", SIX, "succeeded")
    assert stage.wake() == 0
    assert len(stage.store.runs()) == 1


def test_a_wake_when_nothing_is_due_writes_nothing() -> None:
    stage = known()
    before = stage.store.ledger.cursors()
    stage.at(SIX - timedelta(seconds=1))
    assert stage.wake() == 0
    assert (stage.store.ledger.cursors(), stage.outcomes(), stage.store.runs()) == (before, [], [])


def test_a_timer_of_a_schedule_that_nobody_has_seen_yet_is_not_too_early() -> None:
    stage = GuardStage(scheduled())
    stage.at(SIX + timedelta(seconds=2))
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "ran", None)]


def test_slots_before_a_schedule_was_seen_first_were_never_expected() -> None:
    stage = GuardStage(scheduled(schedule(catch_up="all")))
    stage.at(SIX + timedelta(hours=1))
    stage.wake()
    assert stage.outcomes() == []


def test_the_exit_code_of_a_wake_is_that_of_its_run() -> None:
    stage = known(script=lambda task_id, number: (1.0, Exited(3), {}))
    stage.at(SIX)
    assert stage.wake() == 2
    assert stage.outcomes() == [("02 06:00", "ran", None)]


def test_a_run_that_begins_more_than_a_minute_after_its_slot_is_late_and_was_made_up_for() -> None:
    stage = known()
    stage.at(SIX + timedelta(seconds=61))
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "late", None)]
    assert stage.last_run.trigger == "catch_up"


def test_three_slots_missed_while_the_machine_was_off() -> None:
    found = {}
    for policy in ("latest", "none", "all"):
        stage = known(schedule(catch_up=policy))
        stage.at(SIX + 2 * DAY + timedelta(hours=1))
        stage.wake()
        found[policy] = ([outcome for _, outcome, _ in stage.outcomes()], len(stage.store.runs()))
    assert found == {
        "latest": (["skipped_policy", "skipped_policy", "late"], 1),
        "none": (["missed", "missed", "missed"], 0),
        "all": (["late", "late", "late"], 3),
    }


def test_runs_that_are_made_up_for_come_in_the_order_of_their_slots() -> None:
    stage = known(schedule(catch_up="all"))
    stage.at(SIX + 2 * DAY)
    stage.wake()
    assert [run.slot for run in reversed(stage.store.runs())] == [SIX, SIX + DAY, SIX + 2 * DAY]


def test_other_commands_expect_what_is_due_and_leave_it_to_the_guard() -> None:
    stage = known()
    stage.at(SIX + timedelta(minutes=30))
    stage.look()
    assert stage.outcomes() == [("02 06:00", "expected", None)]
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "late", None)]


def test_other_commands_settle_what_needs_no_run() -> None:
    stage = known(schedule(catch_up="none"))
    stage.at(SIX + timedelta(seconds=30))
    stage.look()
    assert stage.outcomes() == [("02 06:00", "expected", None)]
    stage.at(SIX + timedelta(seconds=61))
    stage.look()
    assert stage.outcomes() == [("02 06:00", "missed", "late_wake")]


def test_slots_that_fall_while_a_run_lasts_are_judged_by_the_run_that_ends() -> None:
    minutely = schedule(cron="* * * * *")
    stage = known(minutely, script=lasting(150.0))
    stage.at(SIX)
    stage.store.pause(SCHEDULE, "nightly", utc(2026, 3, 1), SIX, None)  # the night before is nobody's concern here
    stage.wake()
    assert stage.outcomes()[-3:] == [
        ("02 06:00", "ran", None),
        ("02 06:01", "skipped_overlap", "run_active"),
        ("02 06:02", "skipped_overlap", "run_active"),
    ]


def test_queue_runs_what_fell_while_a_run_lasted_before_the_process_ends() -> None:
    script = iter([150.0, 1.0])
    stage = known(
        schedule(cron="*/2 * * * *", overlap="queue"), script=lambda task_id, number: (next(script), Exited(0), {})
    )
    stage.store.pause(SCHEDULE, "nightly", utc(2026, 3, 1), SIX, None)
    stage.at(SIX)
    stage.wake()
    assert stage.outcomes()[-2:] == [("02 06:00", "ran", None), ("02 06:02", "ran", None)]
    assert [run.trigger for run in stage.store.runs()] == ["schedule", "schedule"]


def test_a_pipeline_that_somebody_else_runs_skips_the_slot_with_the_reason() -> None:
    stage = known()
    stage.locks.taken.add("pipeline-load")
    stage.at(SIX)
    assert stage.wake() == 0
    [slot] = stage.store.ledger.slots()
    assert (slot.outcome, slot.reason, slot.run_id) == (
        "skipped_overlap", Reason("busy", "pipeline-load is taken"), None,
    )  # fmt: skip
    assert stage.told == ["nightly: the slot 2026-03-02T06:00:00Z is not run: pipeline-load is taken"]


def test_a_dependency_that_is_not_there_skips_the_slot_by_policy() -> None:
    stage = known()

    def refuse(*_):
        raise NotNow("load cannot start: data is stale", code="stale")

    stage.perform = refuse
    stage.at(SIX)
    assert stage.wake() == 0
    assert stage.outcomes() == [("02 06:00", "skipped_policy", "stale")]


def test_a_configuration_that_cannot_be_used_misses_the_slot() -> None:
    stage = known()

    def refuse(*_):
        raise ConfigError("there is no interpreter")

    stage.perform = refuse
    stage.at(SIX)
    with pytest.raises(ConfigError):
        stage.wake()
    assert stage.outcomes() == [("02 06:00", "missed", "config")]


def test_a_broken_file_misses_what_is_due_of_every_schedule() -> None:
    stage = known(schedule(), schedule("other", "30 5 * * *", catch_up="all"))
    stage.at(SIX)
    ledger.miss_all(stage.project, "a mistake", stage.scene)
    assert stage.outcomes() == [("02 06:00", "missed", "config_error")]
    assert stage.outcomes("other") == [("02 05:30", "missed", "config_error")]


def test_a_paused_schedule_settles_its_slots_as_paused_and_goes_on_afterwards() -> None:
    stage = known()
    stage.store.pause(SCHEDULE, "nightly", SIX - DAY, SIX + timedelta(hours=1), "holidays")
    for day in range(2):
        stage.at(SIX + day * DAY)
        stage.wake()
    assert stage.outcomes() == [("02 06:00", "paused", "paused"), ("03 06:00", "ran", None)]


def test_a_schedule_all_of_whose_pipelines_are_paused_is_paused() -> None:
    stage = known()
    stage.store.pause(PIPELINE, "load", SIX - DAY, None, None)
    stage.at(SIX)
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "paused", "paused")]


def test_a_changed_rule_counts_from_when_it_is_seen_and_says_so_of_what_was_due_before() -> None:
    stage = known()
    stage.project = scheduled(schedule(cron="0 9 * * *"))
    stage.at(SIX + timedelta(hours=1))
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "skipped_policy", "rule_changed")]
    stage.at(SIX + timedelta(hours=3))
    stage.wake()
    assert stage.outcomes()[1:] == [("02 09:00", "ran", None)]


def test_a_schedule_that_was_off_for_a_month_has_missed_nothing() -> None:
    stage = known(schedule(enabled=False))
    stage.at(SIX + 30 * DAY)
    stage.look()
    stage.project = scheduled(schedule(catch_up="all"))
    stage.look()
    stage.at(SIX + 31 * DAY)
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "ran", None)]  # of April


def test_a_schedule_that_was_taken_out_and_put_back_has_missed_nothing() -> None:
    stage = known(schedule(), schedule("other"))
    stage.project = scheduled(schedule("other"))
    stage.look()
    stage.at(SIX + 10 * DAY + timedelta(hours=1))
    stage.project = scheduled(schedule(catch_up="all"), schedule("other"))
    stage.look()
    assert stage.outcomes() == []


def test_what_a_process_has_claimed_and_not_begun_is_free_when_it_has_died() -> None:
    stage = known()
    stage.at(SIX)
    stage.processes.own = lambda: "another"
    assert [slot.at for slot in ledger.claim(schedule(), stage.project, stage.scene)] == [SIX]
    stage.processes.own = lambda: "me"
    stage.processes.alive.add("another")
    assert ledger.claim(schedule(), stage.project, stage.scene) == []
    stage.processes.alive.remove("another")
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "ran", None)]


def test_a_slot_that_was_left_to_a_process_of_its_own_is_adopted_once() -> None:
    side_by_side = schedule(overlap="allow")
    stage = known(side_by_side)
    stage.at(SIX)
    [left] = ledger.claim(side_by_side, stage.project, stage.scene, dispatched=True)
    assert ledger.claim(side_by_side, stage.project, stage.scene) == []
    mine = ledger.adopt(side_by_side, left.at, stage.scene)
    assert mine is not None
    assert mine.owner == "me"
    assert ledger.adopt(side_by_side, left.at, stage.scene) is None
    assert ledger.adopt(side_by_side, SIX + DAY, stage.scene) is None


def test_a_process_that_never_started_leaves_its_slot_to_the_next_wake() -> None:
    side_by_side = schedule(overlap="allow")
    stage = known(side_by_side)
    stage.at(SIX)
    ledger.claim(side_by_side, stage.project, stage.scene, dispatched=True)
    stage.at(SIX + timedelta(seconds=121))
    assert [slot.at for slot in ledger.claim(side_by_side, stage.project, stage.scene)] == [SIX]


def test_a_clock_that_was_a_year_ahead_for_a_while_takes_no_slot_away() -> None:
    stage = known()
    stage.at(SIX + 365 * DAY)
    stage.look()
    stage.at(SIX + timedelta(seconds=1))
    stage.wake()
    stage.at(SIX + DAY)
    stage.wake()
    assert stage.outcomes()[:2] == [("02 06:00", "ran", None), ("03 06:00", "ran", None)]


def test_a_clock_that_is_years_behind_for_a_while_makes_nothing_due_again() -> None:
    for policy in ("latest", "all"):
        stage = known(schedule(catch_up=policy))
        for day in range(3):
            stage.at(SIX + day * DAY)
            stage.wake()
        stage.at(utc(2020, 1, 1))
        stage.look()
        stage.wake()
        stage.at(SIX + 2 * DAY + timedelta(hours=1))
        stage.look()
        stage.wake()
        assert stage.outcomes() == [(f"{day:02} 06:00", "ran", None) for day in (2, 3, 4)]
        assert len(stage.store.runs()) == 3


def test_a_schedule_that_was_first_seen_by_a_clock_that_was_ahead_is_due_all_the_same() -> None:
    stage = GuardStage(scheduled())
    stage.at(SIX + 365 * DAY)
    stage.look()
    stage.at(SIX - timedelta(hours=1))
    stage.look()
    stage.at(SIX)
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "ran", None)]


def test_slots_that_are_not_run_after_all_stay_settled_while_the_clock_goes_on() -> None:
    stage = known(schedule(catch_up="all"))
    stage.locks.taken.add("pipeline-load")
    stage.at(SIX + 2 * DAY)
    told = stage.told.append
    stage.world = lambda of=stage.world: of()._replace(tell=lambda text: (told(text), stage.clock.wait((), 5.0)))
    stage.wake()
    assert [outcome for _, outcome, _ in stage.outcomes()] == ["skipped_overlap"] * 3


def test_a_slot_of_a_rule_that_was_just_changed_is_run_when_its_timer_wakes_us() -> None:
    stage = known()
    stage.at(SIX + timedelta(hours=2))
    stage.project = scheduled(schedule(cron="0 8 * * *"))
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "skipped_policy", "rule_changed"), ("02 08:00", "ran", None)]


def test_another_file_with_the_same_state_switches_no_schedule_off() -> None:
    stage = known()
    mine = stage.project
    stage.project = mine._replace(file="/project/experiment.yaml", schedules=(schedule("other"),))
    stage.look()
    stage.project = mine
    stage.at(SIX)
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "ran", None)]


def test_a_pause_that_is_made_during_a_run_holds_the_slots_that_come_after_it() -> None:
    stage = known(schedule(catch_up="all"))

    def paused(task_id, number):
        stage.store.pause(SCHEDULE, "nightly", stage.clock.now(), None, None)
        return 60.0, Exited(0), {}

    stage.runner.script = paused
    stage.at(SIX + 2 * DAY)
    stage.wake()
    assert [outcome for _, outcome, _ in stage.outcomes()] == ["late", "paused", "paused"]


def test_whoever_stops_all_runs_stops_those_that_would_have_followed() -> None:
    stage = known(schedule(catch_up="all"))

    def stopped(task_id, number):
        stage.store.request(stage.last_run.run_id, STOP_REQUEST, stage.clock.now())
        return 60.0, Exited(1), {}

    stage.runner.script = stopped
    stage.at(SIX + 2 * DAY)
    assert stage.wake() == 2
    assert [outcome for _, outcome, _ in stage.outcomes()] == ["late", "queued", "queued"]


def test_when_each_of_two_pipelines_was_paused_at_another_time_both_have_to_be() -> None:
    stage = GuardStage(project(task("a"), task("b"))._replace(schedules=(schedule(),)))
    stage.look()
    stage.store.pause(PIPELINE, "a", SIX - timedelta(hours=2), None, None)
    stage.store.pause(PIPELINE, "b", SIX + timedelta(hours=2), SIX + timedelta(hours=3), None)
    stage.at(SIX + timedelta(hours=4))
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "late", None)]


def test_a_clock_that_was_set_back_a_little_runs_no_slot_twice() -> None:
    stage = known()
    stage.at(SIX)
    stage.wake()
    stage.at(SIX - timedelta(minutes=30))
    stage.wake()
    stage.at(SIX)
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "ran", None)]
    assert len(stage.store.runs()) == 1


def test_a_start_of_the_machine_is_a_slot_of_a_schedule_that_says_so() -> None:
    stage = known(schedule(cron=None, on_startup=True))
    stage.at(SIX)
    ledger.expect_startup(stage.project.schedules[0], stage.scene)
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "ran", None)]


def test_a_signal_leaves_what_has_not_begun_to_the_next_wake() -> None:
    stage = known(schedule(catch_up="all"))

    def interrupted(task_id, number):
        stage.interrupts.numbers.append(SIGTERM)
        return 60.0, Exited(0), {}

    stage.runner.script = interrupted
    stage.at(SIX + DAY)
    assert stage.wake() == 143
    assert [outcome for _, outcome, _ in stage.outcomes()] == ["late", "queued"]
    stage.processes.alive = set()
    stage.runner.script = lasting(1.0)
    stage.wake()
    assert [outcome for _, outcome, _ in stage.outcomes()] == ["late", "ran"]


def test_the_view_of_pipelines_knows_when_they_are_due_next() -> None:
    stage = known()
    assert stage.store.ledger.next_slots == {"load": SIX}


def test_of_schedules_that_are_made_up_for_the_one_with_the_higher_priority_goes_first() -> None:
    low, high = schedule("low"), schedule("high", priority=5)
    stage = known(low, high)
    stage.at(SIX + timedelta(hours=1))
    began = stage.clock.seconds
    stage.wake("low")
    assert stage.clock.seconds - began > 55  # nothing woke the other one meanwhile
    stage.at(SIX + DAY + timedelta(hours=1))
    stage.wake("high")
    began = stage.clock.seconds
    stage.wake("low")
    assert stage.clock.seconds - began < 10


def test_a_slot_on_time_waits_for_no_place_and_one_that_is_made_up_for_does() -> None:
    stage = known(timers=scheduled().timers._replace(at_once=1))
    stage.locks.taken.add("made-up-0")
    stage.at(SIX)
    assert stage.wake() == 0
    stage.at(SIX + DAY + timedelta(hours=1))
    stage.clock.on_wait = lambda: stage.locks.taken.discard("made-up-0") or stage.runner.something_ended()
    assert stage.wake() == 0
    assert [outcome for _, outcome, _ in stage.outcomes()] == ["ran", "late"]


def test_starts_that_are_made_up_for_are_spread_in_the_order_of_priority() -> None:
    names = ["a", "b", "c", "d"]
    given = [schedule(name, priority=-index) for index, name in enumerate(names)]
    stage = known(*given, timers=scheduled().timers._replace(spread_s=400.0))
    stage.at(SIX + timedelta(hours=1))
    waits = {}
    for name in names:
        began = stage.clock.seconds
        stage.wake(name)
        waits[name] = stage.clock.seconds - began
    assert waits["a"] < 5
    assert stage.outcomes("d")[0][1] == "late"
