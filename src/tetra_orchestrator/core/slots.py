"""What becomes of the instants at which a schedule is due: every slot ends in exactly one of the final outcomes.

Pure: the ledger's rows, the runs and the time come in, verdicts go out. `catch_up` and `overlap` are decided here, the
same on every system, whatever its scheduler makes up for by itself.
"""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import duration, instant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import Pause
    from tetra_orchestrator.core.model import Schedule

#: Open: due and not settled; somebody is about to run it or waits for its turn; it runs.
EXPECTED, QUEUED, RUNNING = "expected", "queued", "running"
#: Final. `late` is a run that began more than the grace after its slot.
RAN, LATE, MISSED = "ran", "late", "missed"
SKIPPED_OVERLAP, SKIPPED_POLICY, PAUSED = "skipped_overlap", "skipped_policy", "paused"
OPEN = (EXPECTED, QUEUED, RUNNING)
FINAL = (RAN, LATE, MISSED, SKIPPED_OVERLAP, SKIPPED_POLICY, PAUSED)
#: What starts a run for a slot, which has just fallen due, or was missed.
ON_TIME, MADE_UP = "schedule", "catch_up"
#: Seconds after its slot within which a run counts as on time.
GRACE_S = 60.0

LATE_WAKE = Reason("late_wake", "nothing woke us in time, and `catch_up: none` makes up for nothing")
MACHINE_OFF = Reason("machine_off", "the machine was off then, and `catch_up: none` makes up for nothing")
RULE_CHANGED = Reason("rule_changed", "it was due by the rule as it was before it was changed")
#: The code of the reason of a slot that a later one stands in for.
SUPERSEDED = "superseded"
#: The code of the reason of a slot that could not be run, as the configuration had mistakes.
CONFIG_ERROR = "config_error"


class Slot(Record):
    """A row of the ledger. `at` and `settled_at` are aware UTC; up to `due_by` a run begins on time.

    `owner` is the process that is about to run a slot which is queued without a run.
    """

    schedule: str
    at: datetime
    outcome: str
    due_by: datetime
    mode: str | None = None
    reason: Reason | None = None
    run_id: str | None = None
    lateness_s: float | None = None
    settled_at: datetime | None = None
    owner: str | None = None


class Cursor(Record):
    """How far a schedule's slots are in the ledger: all of those after `since` up to `judged`, by this rule.

    `rule` is that of `rule_text`; `version` counts the changes, so that two judges cannot both go on from the same. It
    is of the schedule in the file `source`.
    """

    name: str
    rule: str
    since: datetime
    judged: datetime
    version: int = 0
    source: str = ""


class Span(Record):
    """A run of one of the schedule's pipelines; `until` is None while it is active. Its `own` it has started itself."""

    run_id: str
    since: datetime
    until: datetime | None
    own: bool

    def covers(self, at: datetime) -> bool:
        """Whether it was active at that instant."""
        return self.since <= at and (self.until is None or at < self.until)


class Scenery(Record):
    """What a judge knows besides the slots. `waiting` are slots of the schedule that live processes wait with.

    The machine was started last at `booted_at`.
    """

    now: datetime
    pauses: Sequence[Pause] = ()
    spans: Sequence[Span] = ()
    waiting: Sequence[datetime] = ()
    booted_at: datetime | None = None


def due_by(schedule: Schedule, at: datetime) -> datetime:
    """Until when a run for the slot begins on time: the grace, and what the wakes are spread over."""
    return at + timedelta(seconds=GRACE_S + schedule.jitter_s)


def judge(schedule: Schedule, due: Sequence[datetime], scenery: Scenery) -> list[Slot]:
    """A verdict on each of the slots, given ascending: final, or `queued` where it is to be run now, in this order."""
    verdicts = {at: _held(schedule, at, scenery) for at in due}
    free = [at for at in due if verdicts[at] is None]
    verdicts |= _with_room(schedule, _by_policy(schedule, free, scenery), scenery)
    return [_settled(schedule, at, verdicts[at], scenery.now) for at in due]


def changed(schedule: Schedule, due: Sequence[datetime], now: datetime) -> list[Slot]:
    """Verdicts on slots that were due by a rule which the schedule has no more."""
    return [_settled(schedule, at, (SKIPPED_POLICY, RULE_CHANGED), now) for at in due]


#: An outcome with its reason; None where nothing speaks against running it.
Verdict = tuple[str, Reason | None] | None


def _held(schedule: Schedule, at: datetime, scenery: Scenery) -> Verdict:
    """What speaks against the slot by itself: a pause, or a run that was active."""
    for pause in scenery.pauses:
        if any(pause.since <= when and pause.holds(when) for when in (at, scenery.now)):
            why = f": {pause.reason}" if pause.reason else ""
            return PAUSED, Reason("paused", f"{pause.kind} {pause.name} was paused since {instant(pause.since)}{why}")
    over = [span for span in scenery.spans if span.covers(at)]
    own, most = [span for span in over if span.own], _at_once(schedule)
    if most != 1 or schedule.overlap == "allow":
        if most is not None and len(own) >= most:
            return SKIPPED_OVERLAP, Reason("max_concurrent_runs", f"{len(own)} runs of it were active, the most it may")
        return None
    if over and schedule.overlap == "skip":
        return SKIPPED_OVERLAP, Reason("run_active", f"run {over[0].run_id} was active")
    if over and schedule.overlap == "queue" and scenery.waiting and schedule.catch_up != "all":
        return SKIPPED_OVERLAP, Reason("queue_full", f"{instant(scenery.waiting[0])} is waiting for its turn already")
    return None


def dispatches(schedule: Schedule) -> bool:
    """Whether its runs are left to processes of their own, so that a slot is judged while another one's run lasts."""
    return schedule.overlap in ("allow", "replace") or _at_once(schedule) != 1


def _at_once(schedule: Schedule) -> int | None:
    """How many runs of it may be active at the same time; None is any number."""
    if schedule.max_concurrent_runs is None:
        return None if schedule.overlap == "allow" else 1
    return schedule.max_concurrent_runs


def _by_policy(schedule: Schedule, free: Sequence[datetime], scenery: Scenery) -> dict[datetime, Verdict]:
    """What `catch_up` says of the slots that nothing else holds back."""
    now = scenery.now
    verdicts: dict[datetime, Verdict] = {}
    waited = [at for at in free if schedule.overlap == "queue" and any(span.covers(at) for span in scenery.spans)]
    kept = []
    for at in free:
        late = now > due_by(schedule, at) and at not in waited
        if late and schedule.catch_up == "none":
            off = scenery.booted_at is not None and at < scenery.booted_at
            verdicts[at] = MISSED, MACHINE_OFF if off else LATE_WAKE
        elif late and _too_old(schedule, at, now):
            verdicts[at] = MISSED, Reason("too_old", f"longer ago than {duration(schedule.catch_up_window_s)}")
        else:
            kept.append(at)
    most = _most(schedule)
    for at in kept[:-most] if most is not None else ():
        verdicts[at] = SKIPPED_POLICY, Reason(SUPERSEDED, f"the later slot {instant(kept[-1])} runs instead")
    return {at: verdicts.get(at, (QUEUED, None)) for at in free}


def _with_room(schedule: Schedule, verdicts: dict[datetime, Verdict], scenery: Scenery) -> dict[datetime, Verdict]:
    """The same, but with no more runs than may be active at the same time: the later ones stay expected.

    Whoever ends one of those runs takes the next.
    """
    most = _at_once(schedule)
    if most in (None, 1):
        return verdicts  # any number, or one after the other in one process
    room = most - sum(span.own and span.until is None for span in scenery.spans) - len(scenery.waiting)
    queued = [at for at, verdict in verdicts.items() if verdict == (QUEUED, None)]
    return verdicts | dict.fromkeys(queued[max(room, 0) :], (EXPECTED, None))


def _too_old(schedule: Schedule, at: datetime, now: datetime) -> bool:
    window = schedule.catch_up_window_s
    return window is not None and now - at > timedelta(seconds=window)


def _most(schedule: Schedule) -> int | None:
    """How many slots are run at most of those that are due at once; None is all of them."""
    if schedule.catch_up != "all" or schedule.overlap == "replace":
        return 1
    return schedule.catch_up_count


def _settled(schedule: Schedule, at: datetime, verdict: Verdict, now: datetime) -> Slot:
    outcome, reason = verdict or (QUEUED, None)
    ended = now if outcome in FINAL else None
    return Slot(schedule.name, at, outcome, due_by(schedule, at), schedule.mode, reason, settled_at=ended)


def between(schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    """The slots (aware UTC) after one instant and up to another."""
    from itertools import takewhile

    from tetra_orchestrator.core.schedule import slots_of

    return list(takewhile(lambda at: at <= until, slots_of(schedule, after)))


def rule_text(schedule: Schedule) -> str:
    """When the schedule is due, as text that two schedules share only if they are due alike; empty if never."""
    if not schedule.enabled:
        return ""
    cron = " ".join((schedule.cron or "").split())
    when = cron or (f"every {schedule.every_s!r}" if schedule.every_s else f"at {schedule.at}")
    return "\t".join((when, schedule.timezone, schedule.dst_gap, schedule.dst_fold))


def by_rule(schedule: Schedule, rule: str) -> Schedule:
    """The schedule with the rule that `rule_text` gave at another time; the empty one is never due."""
    when, zone, gap, fold = (rule or "at None\tUTC\tshift\tfirst").split("\t")
    cron = at = every = None
    if when.startswith("every "):
        every = float(when.removeprefix("every "))
    elif when.startswith("at "):
        at = when.removeprefix("at ").replace("None", "") or None
    else:
        cron = when
    return schedule._replace(cron=cron, every_s=every, at=at, timezone=zone, dst_gap=gap, dst_fold=fold)
