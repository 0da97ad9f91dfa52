"""Why a slot did not run: of all that is known, the one thing to be told first, and what supports it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.builders import utc
from support.schedules import schedule
from tetra_orchestrator.core import slots as words
from tetra_orchestrator.core.history import Run
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.slots import Cursor, Slot, rule_text
from tetra_orchestrator.core.why_not import Case, Timer, explain

SIX = utc(2026, 3, 2, 6)
DAY = timedelta(days=1)
ARMED = Timer("systemd-user", known=True, enabled=True, waiting=True)
SETTLED_AT = SIX + timedelta(minutes=5, microseconds=250)
NIGHTLY = schedule()
KNOWN = Cursor("nightly", rule_text(NIGHTLY), SIX - 30 * DAY, SIX - timedelta(hours=1), 7)


def case(**fields) -> Case:
    """Six o'clock was due in the night, five hours ago; all is as it should be, and the ledger has no row of it."""
    given = {
        "schedule": NIGHTLY,
        "at": SIX,
        "now": SIX + timedelta(hours=5),
        "is_due": True,
        "before": SIX - DAY,
        "after": SIX + DAY,
        "row": None,
        "cursor": KNOWN,
        "run": None,
        "timer": ARMED,
        "booted_at": SIX - 10 * DAY,
    }
    return Case(**(given | fields))


def row(outcome: str, reason: Reason | None = None, **fields) -> Slot:
    return Slot("nightly", SIX, outcome, SIX + timedelta(seconds=60), "all", reason, settled_at=SETTLED_AT, **fields)


def run(**fields) -> Run:
    given = {
        "run_id": "r1",
        "project": "tetra",
        "mode": "all",
        "trigger": "schedule",
        "state": "succeeded",
        "config_hash": "0",
        "started_at": SIX,
    }
    return Run(**(given | fields))


def story(given: Case) -> list[str]:
    """All that is told, the cause first."""
    return [reason.text for reason in explain(given)]


AT = "it was settled as {} at 2026-03-02T06:05:00Z"
BUSY = Reason("busy", "the pipeline 'load' is already being run by pid 7, run r0")
STALE = Reason("stale", "load cannot start: data is stale")
OVERLAP = Reason("run_active", "run r0 was active")
PAUSED = Reason("paused", "schedule nightly was paused since 2026-03-01T00:00:00Z: holidays")
SUPERSEDED = Reason("superseded", "the later slot 2026-03-03T06:00:00Z runs instead")
OLD = Reason("too_old", "longer ago than 2 h 00 min")
OFF = "the machine was off then, and `catch_up: none` makes up for nothing"
ASLEEP = "nothing woke us in time, and `catch_up: none` makes up for nothing"
GONE = "no timer of it is installed (systemd-user); `tetra schedule apply` does"
DISABLED = "its timer is installed and disabled (launchd-user); `tetra start` has it wait"
IDLE = "its timer is installed and stopped (launchd-user); `tetra start` has it wait"
MASKED = "its timer is masked (systemd-user): `systemctl unmask` it, then `tetra schedule apply`"
BROKEN = "what its timer starts does not work (exit code 203); `tetra doctor` looks at what it needs"
NONE = "there is no scheduler here that could wake us; `tetra start --foreground` does"

CAUSES = {
    "another time than its own": (
        case(at=SIX + timedelta(hours=1), is_due=False),
        ["the schedule is not due then; it was due at 2026-03-01T06:00:00Z; it is due at 2026-03-03T06:00:00Z"],
    ),
    "a schedule that is due no more": (
        case(at=SIX + DAY, is_due=False, after=None),
        ["the schedule is not due then; it was due at 2026-03-01T06:00:00Z"],
    ),
    "one that only a start of the machine makes due": (
        case(schedule=schedule(cron=None, on_startup=True), is_due=False, before=None, after=None),
        ["the schedule is not due then; it is due when the machine starts"],
    ),
    "a slot to come": (
        case(now=SIX - timedelta(hours=1)),
        ["it is due at 2026-03-02T06:00:00Z, which is still to come"],
    ),
    "a schedule that came later": (
        case(cursor=KNOWN._replace(since=SIX + timedelta(seconds=1, microseconds=5))),
        ["the schedule, with this rule, is in the ledger only since 2026-03-02T06:00:01Z"],
    ),
    "a schedule that nobody has seen yet": (
        case(cursor=None),
        ["the schedule, with this rule, is not in the ledger yet"],
    ),
    "a pause": (case(row=row(words.PAUSED, PAUSED)), [PAUSED.text, AT.format("paused")]),
    "a run of its own that was active": (
        case(row=row(words.SKIPPED_OVERLAP, OVERLAP)), [OVERLAP.text, AT.format("skipped_overlap")],
    ),
    "a pipeline that somebody else ran": (
        case(row=row(words.SKIPPED_OVERLAP, BUSY)), [BUSY.text, AT.format("skipped_overlap")],
    ),
    "data that were not fresh": (
        case(row=row(words.SKIPPED_POLICY, STALE)), [STALE.text, AT.format("skipped_policy")],
    ),
    "a later slot": (
        case(row=row(words.SKIPPED_POLICY, SUPERSEDED)), [SUPERSEDED.text, AT.format("skipped_policy")],
    ),
    "a slot too old to be made up for": (case(row=row(words.MISSED, OLD)), [OLD.text, AT.format("missed")]),
    "a broken file": (
        case(row=row(words.MISSED, Reason(words.CONFIG_ERROR, "it could not be used"))),
        ["it could not be used", AT.format("missed")],
    ),
    "a changed rule": (
        case(row=row(words.SKIPPED_POLICY, words.RULE_CHANGED)),
        ["it was due by the rule as it was before it was changed", AT.format("skipped_policy")],
    ),
    "a machine that was off": (
        case(row=row(words.MISSED, words.MACHINE_OFF), booted_at=SIX + timedelta(minutes=4, microseconds=9)),
        [OFF, "the machine was started after that, at 2026-03-02T06:04:00Z", AT.format("missed")],
    ),
    "a machine that was asleep": (case(row=row(words.MISSED, words.LATE_WAKE)), [ASLEEP, AT.format("missed")]),
    "no timer, though the ledger only knows that nothing came": (
        case(row=row(words.MISSED, words.LATE_WAKE), timer=Timer("systemd-user")), [GONE, AT.format("missed")],
    ),
    "no timer, and nobody has looked yet": (case(timer=Timer("systemd-user")), [GONE]),
    "a timer that does not wait": (
        case(row=row(words.EXPECTED)._replace(settled_at=None), timer=Timer("launchd-user", known=True, waiting=True)),
        [DISABLED],
    ),
    "a run that was in its way, as it is now": (
        case(row=row(words.SKIPPED_OVERLAP, OVERLAP), other=run(run_id="r0", trigger="manual", state="running")),
        [
            "run r0 was active",
            "run r0 began at 2026-03-02T06:00:00Z: somebody started it by hand; it is running",
            AT.format("skipped_overlap"),
        ],
    ),
    "a machine that has slept since it was started": (
        case(row=row(words.MISSED, words.LATE_WAKE), slept_s=7200.0),
        [ASLEEP, "the machine has slept for 2 h 00 min since it was started", AT.format("missed")],
    ),
    "a timer that is masked": (case(timer=Timer("systemd-user", masked=True)), [MASKED]),
    "a service that does not work": (case(timer=ARMED._replace(failed="exit code 203")), [BROKEN]),
    "a timer that was stopped": (case(timer=Timer("launchd-user", known=True, enabled=True)), [IDLE]),
    "no scheduler": (case(timer=Timer(None)), [NONE]),
    "a schedule that is switched off": (
        case(schedule=schedule(enabled=False)), ["`enabled: false` in the configuration"],
    ),
    "a schedule that is switched off, of a slot to come": (
        case(schedule=schedule(enabled=False), now=SIX - DAY), ["`enabled: false` in the configuration"],
    ),
    "settled, and forgotten since": (
        case(cursor=KNOWN._replace(judged=SIX)),
        [
            "it was settled so long ago that `logs.keep` has let go of what became of it",
        ],
    ),
    "nothing but time": (
        case(now=SIX + timedelta(seconds=1), timer=ARMED._replace(last_at=SIX - DAY + timedelta(microseconds=3))),
        [
            "it is due, and nothing has woken us for it yet",
            "the timer elapsed last at 2026-03-01T06:00:00Z",
        ],
    ),
    "that it did run": (
        case(row=row(words.LATE, run_id="r1", lateness_s=600.4), run=run(state="failed")),
        [
            "it did run: run r1, 600 s after its slot, failed",
            AT.format("late"),
            "what to do: `tetra why r1` says what became of that run",
        ],
    ),
    "that it did run, long ago": (
        case(row=row(words.RAN, run_id="r1", lateness_s=0.2)),
        ["it did run: run r1, 0 s after its slot, no longer in the store", AT.format("ran")],
    ),
    "that it is running": (
        case(row=row(words.RUNNING, run_id="r1", lateness_s=1.0)._replace(settled_at=None), run=run(state="running")),
        ["it did run: run r1, 1 s after its slot, running"],
    ),
    "a run that waits": (
        case(
            row=row(words.QUEUED, run_id="r1")._replace(settled_at=None), run=run(state="queued", started_at=None)
        ),
        ["its run r1 waits for its turn"],
    ),
    "a run that never got its turn": (
        case(row=row(words.MISSED, Reason("interrupted", "interrupted while it waited"), run_id="r1"), run=run()),
        ["interrupted while it waited", AT.format("missed")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CAUSES)
def test_the_cause_comes_first_and_then_what_else_is_known(name: str) -> None:
    given, told = CAUSES[name]
    assert story(given) == told


def test_a_fault_of_the_timer_is_told_of_beside_another_cause() -> None:
    given = case(row=row(words.PAUSED, PAUSED), timer=Timer(None))
    assert story(given) == [PAUSED.text, NONE, AT.format("paused")]


def test_of_a_slot_to_come_no_timer_is_at_fault() -> None:
    given = case(now=SIX - DAY, timer=Timer(None))
    assert story(given) == ["it is due at 2026-03-02T06:00:00Z, which is still to come"]


def test_a_start_of_the_machine_years_later_explains_nothing() -> None:
    given = case(row=row(words.PAUSED, PAUSED), now=SIX + 400 * DAY, booted_at=SIX + 399 * DAY)
    assert story(given) == [PAUSED.text, AT.format("paused")]


def test_a_row_without_a_reason_says_that_none_was_recorded() -> None:
    assert story(case(row=row(words.MISSED))) == ["no reason was recorded", AT.format("missed")]
