"""What the ledger tells of schedules that nothing has woken."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.builders import mode, pipeline
from support.looks import HOUR, Lookout
from tetra_orchestrator.core.model import Reason, Schedule
from tetra_orchestrator.core.slots import SUPERSEDED, Cursor, Slot

NIGHTLY = Schedule("nightly", "all", "0 * * * *", "UTC")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def lookout():
    lookout = Lookout(pipeline("a"), modes=(mode("all", "a"),), schedules=(NIGHTLY,))
    lookout.clock.slept = 10_000.0  # the machine has been up for long
    return lookout


def settle(lookout, *slots):
    """Put slots into the ledger: (hours ago, outcome, further fields)."""
    was = lookout.store.ledger.cursor("nightly")
    rows = []
    for hours, outcome, *more in slots:
        at = lookout.now - hours * HOUR
        is_over = outcome not in ("expected", "queued", "running")
        given = {"due_by": at + MINUTE, "mode": "all", "settled_at": at if is_over else None}
        rows.append(Slot("nightly", at, outcome, **(given | (more[0] if more else {}))))
    cursor = Cursor("nightly", "x", lookout.now, lookout.now) if was is None else was._replace(version=was.version + 1)
    lookout.store.ledger.settle(was, cursor, rows)


def test_slots_that_ran_in_time_are_no_finding(lookout):
    settle(lookout, (2, "ran", {"lateness_s": 5.0}), (1, "ran", {"lateness_s": 60.0}))
    assert lookout.found() == []


def test_missed_slots_are_told_once_for_their_schedule_until_the_next_one_runs(lookout):
    why = {"reason": Reason("machine_off", "the machine was off then")}
    settle(lookout, (3, "ran", {"lateness_s": 0.0}), (2, "missed"), (1, "missed", why))
    (found,) = lookout.look().findings
    assert (found.code, found.subject, found.command) == ("slot_missed", "nightly", "tetra schedule audit nightly")
    assert found.text == "nightly missed 2 slots, the last at 2026-03-01T19:00:00Z: the machine was off then"
    lookout.passes(HOUR)
    settle(lookout, (0.5, "ran", {"lateness_s": 0.0}))
    assert lookout.found() == []


@pytest.mark.parametrize("outcome", ["skipped_overlap", "skipped_policy", "paused"])
def test_what_was_decided_is_not_missed(lookout, outcome):
    settle(lookout, (1, outcome))
    assert lookout.found() == []


def test_what_was_missed_more_than_a_week_ago_is_of_the_past(lookout):
    settle(lookout, (7 * 24 + 1, "missed"))
    assert lookout.found() == []


def test_a_run_that_began_late_is_told_until_one_is_in_time(lookout):
    settle(lookout, (2, "late", {"lateness_s": 4000.0}))
    assert lookout.texts("slot_late") == ["nightly began 1 h 06 min after its slot at 2026-03-01T18:00:00Z"]
    settle(lookout, (1, "ran", {"lateness_s": 1.0}))
    assert lookout.found() == []


def test_a_late_run_is_told_while_it_runs(lookout):
    settle(lookout, (1, "running", {"lateness_s": 1000.0}))
    assert lookout.found() == [("slot_late", "nightly")]


@pytest.mark.parametrize("fields", [{"outcome": "expected"}, {"outcome": "queued", "owner": "dead"}])
def test_a_slot_that_nobody_has_begun_to_run_is_overdue(lookout, fields):
    settle(lookout, (1, fields.pop("outcome"), fields))
    health = lookout.look()
    assert health.health == "unhealthy"
    assert [(one.code, one.text) for one in health.findings] == [
        ("slot_overdue", "nightly: a slot is due since 2026-03-01T19:00:00Z, and nothing has begun to run it"),
    ]


def test_a_slot_that_a_live_process_is_about_to_run_is_not_overdue(lookout):
    settle(lookout, (1, "queued", {"owner": "me"}))
    assert lookout.found() == []


def test_a_guard_is_given_two_minutes_beyond_the_grace(lookout):
    settle(lookout, (0, "expected"))
    lookout.passes(3 * MINUTE)
    assert lookout.found() == []
    lookout.passes(timedelta(seconds=1))
    assert lookout.found() == [("slot_overdue", "nightly")]


def test_a_slot_that_waits_for_a_run_of_its_schedule_is_not_overdue(lookout):
    settle(lookout, (2, "running", {"lateness_s": 0.0}), (1, "expected"))
    assert lookout.found() == []


def test_after_a_start_of_the_machine_whoever_wakes_guards_is_given_five_minutes(lookout):
    settle(lookout, (1, "expected"))
    lookout.clock.slept, lookout.clock.seconds = -900.0, 1000.0
    assert lookout.clock.elapsed() < 300
    assert lookout.found() == []


def test_after_a_sleep_guards_are_given_until_the_next_look(lookout):
    assert lookout.found() == []
    lookout.passes(MINUTE)
    lookout.clock.slept += 3600.0
    settle(lookout, (1, "expected"))
    assert lookout.found() == [], "they are being woken just now"
    assert lookout.found() == [("slot_overdue", "nightly")]


def test_where_each_slot_stands_in_for_the_one_before_it_they_are_overdue_all_the_same(lookout):
    why = {"reason": Reason(SUPERSEDED, "the later slot runs instead")}
    settle(lookout, (0.1, "skipped_policy", why), (0.01, "expected"))
    assert lookout.texts("slot_overdue") == [
        "nightly: a slot is due since 2026-03-01T19:54:00Z, and nothing has begun to run it",
    ]


def test_what_a_run_has_stood_in_for_is_of_the_past(lookout):
    why = {"reason": Reason(SUPERSEDED, "the later slot runs instead")}
    settle(lookout, (3, "skipped_policy", why), (2, "ran", {"lateness_s": 0.0}), (0.01, "expected"))
    assert lookout.found() == []


def test_slots_of_a_schedule_that_is_switched_off_are_nobody_s_concern():
    lookout = Lookout(pipeline("a"), modes=(mode("all", "a"),), schedules=(NIGHTLY._replace(enabled=False),))
    lookout.clock.slept = 10_000.0
    settle(lookout, (1, "expected"), (2, "missed"))
    assert lookout.found() == []
