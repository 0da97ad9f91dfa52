"""Why a slot did not run: the first reason is the cause, the others are what supports it."""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator.core import slots as words
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import to_second

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Schedule
    from tetra_orchestrator.core.slots import Cursor, Slot

#: Outcomes that say by themselves why, as those of the ledger give a reason.
_SETTLED = (words.MISSED, words.SKIPPED_OVERLAP, words.SKIPPED_POLICY, words.PAUSED)


class Timer(Record):
    """How the scheduler sees the timer: `scheduler` is its kind, None where there is none; instants are aware UTC."""

    scheduler: str | None
    known: bool = False
    enabled: bool = False
    waiting: bool = False
    last_at: datetime | None = None


class Case(Record):
    """All that is known of a slot: its row in the ledger, how far that is, the run for it, and the timer."""

    schedule: Schedule
    at: datetime
    now: datetime
    is_due: bool
    before: datetime | None
    after: datetime | None
    row: Slot | None
    cursor: Cursor | None
    run: Run | None
    timer: Timer
    booted_at: datetime


def explain(case: Case) -> list[Reason]:
    """Why the slot did not run, the cause first, then what else is known; that it did run, where it did."""
    cause = _cause(case)
    return [cause, *(reason for reason in _evidence(case) if reason.code != cause.code)]


def _cause(case: Case) -> Reason:
    row = case.row
    if row is not None and row.outcome in _SETTLED:
        return _settled(case, row)
    if row is not None and row.run_id is not None:
        return _run(case, row)
    if not case.is_due:
        return _not_due(case)
    if not case.schedule.enabled:
        return Reason("disabled", "`enabled: false` in the configuration")
    if case.at > case.now:
        return Reason("not_yet", f"it is due at {to_second(case.at)}, which is still to come")
    if case.cursor is None or case.at < case.cursor.since:
        known = f"in the ledger only since {to_second(case.cursor.since)}" if case.cursor else "not in the ledger yet"
        return Reason("not_known", f"the schedule, with this rule, is {known}")
    if row is None and case.at <= case.cursor.judged:
        return Reason("forgotten", "it was settled so long ago that `logs.keep` has let go of what became of it")
    return _timer_fault(case) or Reason("waiting", "it is due, and nothing has woken us for it yet")


def _run(case: Case, row: Slot) -> Reason:
    if case.run is not None and case.run.started_at is None:
        return Reason("waiting_for_turn", f"its run {row.run_id} waits for its turn")
    state = case.run.state if case.run else "no longer in the store"
    late = "" if row.lateness_s is None else f", {row.lateness_s:.0f} s after its slot"
    return Reason("ran", f"it did run: run {row.run_id}{late}, {state}")


def _settled(case: Case, row: Slot) -> Reason:
    reason = row.reason or Reason(row.outcome, "no reason was recorded")
    if reason.code == words.LATE_WAKE.code and (fault := _timer_fault(case)):
        return fault
    return reason


def _not_due(case: Case) -> Reason:
    near = [f"it was due at {to_second(case.before)}"] if case.before else []
    near += [f"it is due at {to_second(case.after)}"] if case.after else []
    near += ["it is due when the machine starts"] if case.schedule.on_startup else []
    return Reason("not_due", "; ".join(["the schedule is not due then", *near]))


def _timer_fault(case: Case) -> Reason | None:
    timer = case.timer
    if timer.scheduler is None:
        return Reason("no_scheduler", "there is no scheduler here that could wake us")
    if not timer.known:
        return Reason("not_installed", f"no timer of it is installed ({timer.scheduler}); `tetra schedule apply` does")
    if not timer.enabled or not timer.waiting:
        text = f"its timer is installed and does not wait ({timer.scheduler}); `tetra start` has it wait"
        return Reason("timer_disabled", text)
    return None


def _evidence(case: Case) -> list[Reason]:
    found = [fault] if case.at <= case.now and (fault := _timer_fault(case)) else []
    if case.is_due and case.at < case.booted_at and case.now - case.at < timedelta(days=366):
        found.append(Reason("booted_since", f"the machine was started after that, at {to_second(case.booted_at)}"))
    if case.timer.last_at is not None:
        found.append(Reason("timer_elapsed", f"the timer elapsed last at {to_second(case.timer.last_at)}"))
    if case.row is not None and case.row.settled_at is not None:
        found.append(Reason("settled", f"it was settled as {case.row.outcome} at {to_second(case.row.settled_at)}"))
    return found
