"""Why a slot did not run: the first reason is the cause, the others are what supports it."""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator.core import slots as words
from tetra_orchestrator.core.failed_how import BAD_RUNS
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import duration, to_second
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.core.why_support import why_begun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Schedule
    from tetra_orchestrator.core.slots import Cursor, Slot
    from tetra_orchestrator.core.why_support import Said

#: Outcomes that say by themselves why, as those of the ledger give a reason.
SETTLED = (words.MISSED, words.SKIPPED_OVERLAP, words.SKIPPED_POLICY, words.PAUSED)
#: A sleep that is worth a word, in seconds.
SLEPT_S = 60.0


class Timer(Record):
    """How the scheduler sees the timer: `scheduler` is its kind, None where there is none; instants are aware UTC."""

    scheduler: str | None
    known: bool = False
    enabled: bool = False
    waiting: bool = False
    last_at: datetime | None = None
    failed: str | None = None
    masked: bool = False


class Case(Record):
    """All that is known of a slot: its row in the ledger, how far that is, the run for it, and the timer.

    `other` is the run that stood in its way; the machine has slept for `slept_s` seconds since it was booted. `said`
    writes an instant for who asks.
    """

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
    other: Run | None = None
    slept_s: float = 0.0
    said: Said = to_second


def explain(case: Case) -> list[Reason]:
    """Why the slot did not run, the cause first, then what else is known; that it did run, where it did."""
    cause = _cause(case)
    return [cause, *(reason for reason in _evidence(case) if reason.code != cause.code)]


def _cause(case: Case) -> Reason:
    row = case.row
    if row is not None and row.outcome in SETTLED:
        return _settled(case, row)
    if row is not None and row.run_id is not None:
        return _run(case, row)
    if not case.is_due:
        return _not_due(case)
    if not case.schedule.enabled:
        return Reason("disabled", "`enabled: false` in the configuration")
    if case.at > case.now:
        return Reason("not_yet", f"it is due at {case.said(case.at)}, which is still to come")
    if case.cursor is None or case.at < case.cursor.since:
        known = f"in the ledger only since {case.said(case.cursor.since)}" if case.cursor else "not in the ledger yet"
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
    near = [f"it was due at {case.said(case.before)}"] if case.before else []
    near += [f"it is due at {case.said(case.after)}"] if case.after else []
    near += ["it is due when the machine starts"] if case.schedule.on_startup else []
    return Reason("not_due", "; ".join(["the schedule is not due then", *near]))


def _timer_fault(case: Case) -> Reason | None:
    timer = case.timer
    if timer.scheduler is None:
        return Reason("no_scheduler", "there is no scheduler here that could wake us; `tetra start --foreground` does")
    if timer.masked:
        text = f"its timer is masked ({timer.scheduler}): `systemctl unmask` it, then `tetra schedule apply`"
        return Reason("timer_masked", text)
    if not timer.known:
        return Reason("not_installed", f"no timer of it is installed ({timer.scheduler}); `tetra schedule apply` does")
    if not timer.enabled or not timer.waiting:
        how = "stopped" if timer.enabled else "disabled"
        text = f"its timer is installed and {how} ({timer.scheduler}); `tetra start` has it wait"
        return Reason("timer_disabled", text)
    if timer.failed:
        text = f"what its timer starts does not work ({timer.failed}); `tetra doctor` looks at what it needs"
        return Reason("unit_failed", text)
    return None


def _evidence(case: Case) -> list[Reason]:
    found = [fault] if case.at <= case.now and (fault := _timer_fault(case)) else []
    if case.is_due and case.at < case.booted_at and case.now - case.at < timedelta(days=366):
        found.append(Reason("booted_since", f"the machine was started after that, at {case.said(case.booted_at)}"))
    elif case.slept_s >= SLEPT_S and case.at <= case.now:
        found.append(Reason("slept", f"the machine has slept for {duration(case.slept_s)} since it was started"))
    if case.other is not None:
        found.append(Reason("other_run", _told(case.other, case.said)))
    if case.timer.last_at is not None:
        found.append(Reason("timer_elapsed", f"the timer elapsed last at {case.said(case.timer.last_at)}"))
    if case.row is not None and case.row.settled_at is not None:
        found.append(Reason("settled", f"it was settled as {case.row.outcome} at {case.said(case.row.settled_at)}"))
    if case.run is not None and case.run.state in (*BAD_RUNS, RunState.PARTIAL):
        found.append(Reason("next", f"what to do: `tetra why {case.run.run_id}` says what became of that run"))
    return found


def _told(run: Run, said: Said) -> str:
    """What another run was, and how it is now."""
    ended = f"; it is {run.state}" + (f" since {said(run.finished_at)}" if run.finished_at else "")
    return f"run {run.run_id} began at {said(run.started_at) if run.started_at else '-'}: {why_begun(run, said)}{ended}"
