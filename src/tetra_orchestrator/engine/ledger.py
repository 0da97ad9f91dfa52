"""Keeps the ledger up to date: which slots have fallen due since it was last looked at, and what becomes of each.

Every command settles what can be settled without a run. Only the guard that a timer starts takes what is to be run.
"""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator import failpoints
from tetra_orchestrator.core import slots as words
from tetra_orchestrator.core.history import PIPELINE, SCHEDULE
from tetra_orchestrator.core.model import Reason, Schedule
from tetra_orchestrator.core.slots import Cursor, Scenery, Slot, by_rule, changed, judge, rule_text
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.errors import StateConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import Pause
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.slots import Span
    from tetra_orchestrator.engine.reconcile import Scene

#: How the `owner` of a slot begins that was left to a process which has yet to start; the time follows.
DISPATCHED = "dispatched "
#: Within this time such a process has started.
DISPATCH_S = 120.0
#: A cursor so far ahead of the clock was moved by a clock that was wrong.
WRONG_CLOCK = timedelta(hours=1)
#: So often the ledger is looked at again when somebody else has just changed it.
TRIES = 20


def settle_all(project: Project, scene: Scene) -> None:
    """Settle every schedule's slots as far as that needs no run, and those that the project has no more."""
    own = {schedule.name for schedule in project.schedules}
    for schedule in project.schedules:
        _retried(schedule, project, scene)
    for cursor in scene.store.ledger.cursors():
        if cursor.rule and cursor.source == project.file and cursor.name not in own:
            _retried(Schedule(cursor.name, None, None, "UTC", enabled=False), project, scene)
    from tetra_orchestrator.core.schedule import next_slots

    scene.store.ledger.announce(next_slots(project, scene.clock.now()))


def claim(schedule: Schedule, project: Project, scene: Scene, *, dispatched: bool = False) -> list[Slot]:
    """The slots of the schedule that are to be run now, oldest first; they are this process's own from here on.

    With `dispatched` they are those of processes which this one is going to start.
    """
    now = scene.clock.now().replace(microsecond=0)
    owner = f"{DISPATCHED}{now.isoformat()}" if dispatched else scene.processes.own()
    return _retried(schedule, project, scene, owner)


def waiting(scene: Scene) -> set[str]:
    """The schedules that have slots which nobody is about to run."""
    return {slot.schedule for slot in abandoned(scene)}


def abandoned(scene: Scene) -> list[Slot]:
    """The open slots that nobody is about to run, oldest first."""
    return [slot for slot in scene.store.ledger.slots(unsettled=True) if _is_free(slot, scene)]


def adopt(schedule: Schedule, at: datetime, scene: Scene) -> Slot | None:
    """Take over a slot that another process has left to this one; None where it is settled, or somebody else's."""
    ledger = scene.store.ledger
    for _ in range(TRIES):
        cursor = ledger.cursor(schedule.name)
        found = ledger.slots(schedule.name, since=at, until=at, unsettled=True)
        if cursor is None or not found or not found[0].owner or not found[0].owner.startswith(DISPATCHED):
            return None
        mine = found[0]._replace(owner=scene.processes.own())
        try:
            ledger.settle(cursor, cursor._replace(version=cursor.version + 1), [mine])
        except StateConflict:
            continue
        return mine
    return None


def close(slot: Slot, outcome: str, reason: Reason, scene: Scene) -> None:
    """Settle a slot of this process's own that was not run after all; nothing where it is settled already."""
    ledger = scene.store.ledger
    for _ in range(TRIES):
        cursor = ledger.cursor(slot.schedule)
        found = ledger.slots(slot.schedule, since=slot.at, until=slot.at, unsettled=True)
        if cursor is None or not found or found[0].run_id is not None:
            return None
        settled = slot._replace(outcome=outcome, reason=reason, settled_at=scene.clock.now(), owner=None)
        try:
            return ledger.settle(cursor, cursor._replace(version=cursor.version + 1), [settled])
        except StateConflict:
            continue


def miss_all(project: Project, why: str, scene: Scene) -> None:
    """Settle what is due of every schedule as `missed`, since the configuration cannot be used now, with why."""
    reason = Reason(words.CONFIG_ERROR, f"the configuration could not be used: {why}")
    for schedule in project.schedules:
        for slot in claim(schedule, project, scene):
            close(slot, words.MISSED, reason, scene)


def expect_startup(schedule: Schedule, scene: Scene) -> None:
    """Have a slot of this second be expected, as the machine has started."""
    ledger, now = scene.store.ledger, scene.clock.now().replace(microsecond=0)
    for _ in range(TRIES):
        was = ledger.cursor(schedule.name)
        if was is None:
            return None
        slot = Slot(schedule.name, now, words.EXPECTED, words.due_by(schedule, now), schedule.mode)
        after = was._replace(version=was.version + 1, judged=max(now, was.judged))
        if ledger.slots(schedule.name, since=now, until=now):
            return None  # it is due by its rule in the very same second
        try:
            return ledger.settle(was, after, [slot])
        except StateConflict:
            continue


def _retried(schedule: Schedule, project: Project, scene: Scene, owner: str | None = None) -> list[Slot]:
    for _ in range(TRIES - 1):
        try:
            return _settle(schedule, project, scene, owner)
        except StateConflict:
            continue  # another process has settled the same slots
    return _settle(schedule, project, scene, owner)


def _settle(schedule: Schedule, project: Project, scene: Scene, owner: str | None) -> list[Slot]:
    """One look at one schedule; the slots that `owner` is to run."""
    ledger, now, rule = scene.store.ledger, scene.clock.now(), rule_text(schedule)
    was = ledger.cursor(schedule.name)
    first = _first_sight(schedule.name, rule, now, project.file, woken=owner is not None)
    cursor = was._replace(source=project.file) if was else first
    if cursor.judged > now + WRONG_CLOCK:
        cursor = _set_back(cursor, scene)
    open_ = ledger.slots(schedule.name, unsettled=True)
    due = {slot.at for slot in open_ if slot.at <= now and _is_free(slot, scene)}
    due |= set(_fallen_due(by_rule(schedule, cursor.rule), cursor, now, scene))
    verdicts = []
    if cursor.rule != rule:
        new = set(_fallen_due(schedule, first, now, scene))
        verdicts, due = changed(schedule, sorted(due - new), now), new
        cursor = first._replace(version=cursor.version)
    if due:
        verdicts += judge(schedule, sorted(due), _scenery(schedule, project, now, scene, sorted(due), open_))
    if not verdicts and cursor == was:
        return []  # only time has passed: nothing is written
    after = cursor._replace(judged=max(now, cursor.judged), version=cursor.version + 1)
    taken = [_for(slot, owner) for slot in verdicts]
    failpoints.hit("slots.settle")
    ledger.settle(was, after, taken)
    failpoints.hit("slots.settle.commit")
    return [slot for slot in taken if slot.outcome == words.QUEUED]


def _first_sight(name: str, rule: str, now: datetime, source: str, *, woken: bool) -> Cursor:
    """Where the slots of a rule begin that is new: a timer that has woken us for it was not too early."""
    begin = now - timedelta(seconds=words.GRACE_S) if woken else now
    return Cursor(name, rule, begin, begin, source=source)


def _set_back(cursor: Cursor, scene: Scene) -> Cursor:
    """The cursor as it was before a clock that was far ahead moved it: what it settled then is judged again."""
    now = scene.clock.now()
    found = scene.store.ledger.slots(cursor.name, until=now)
    wrong = [slot.at for slot in found if slot.settled_at and slot.settled_at > now and slot.run_id is None]
    return cursor._replace(judged=min([now, *wrong]) - timedelta(microseconds=1))


def _for(slot: Slot, owner: str | None) -> Slot:
    """The slot as it is written: what nobody is there to run stays expected."""
    if slot.outcome != words.QUEUED:
        return slot
    return slot._replace(owner=owner) if owner else slot._replace(outcome=words.EXPECTED)


def _is_free(slot: Slot, scene: Scene) -> bool:
    """Whether an open slot is for anybody to judge: nobody has begun to run it, or who did has died before."""
    if slot.outcome == words.EXPECTED:
        return True
    if slot.outcome != words.QUEUED or slot.run_id is not None:
        return False
    owner = slot.owner or ""
    if not owner.startswith(DISPATCHED):
        return not scene.processes.is_alive(owner)
    left_at = type(slot.at).fromisoformat(owner.removeprefix(DISPATCHED))
    return abs((scene.clock.now() - left_at).total_seconds()) > DISPATCH_S


def _fallen_due(schedule: Schedule, cursor: Cursor, now: datetime, scene: Scene) -> list[datetime]:
    """The slots since the cursor that the ledger does not have.

    None before the schedule was known, unless the clock was ahead then.
    """
    begin = cursor.judged if cursor.since > now else max(cursor.judged, cursor.since)
    due = scene.due(schedule, begin, now)
    if not due:
        return []
    found = scene.store.ledger.slots(schedule.name, since=due[0], until=now)
    known = {slot.at for slot in found if not slot.settled_at or slot.settled_at <= now or slot.run_id}
    return [at for at in due if at not in known]


def _scenery(
    schedule: Schedule, project: Project, now: datetime, scene: Scene, due: Sequence[datetime], open_: Sequence[Slot]
) -> Scenery:
    pipelines = project.pipelines_of(schedule)
    held = scene.store.pauses()
    own = [pause for pause in held if (pause.kind, pause.name) == (SCHEDULE, schedule.name)]
    each = [pause for pause in held if pause.kind == PIPELINE and pause.name in pipelines]
    return Scenery(
        now,
        (*own, *([_together(each)] if pipelines and len(each) == len(pipelines) else ())),
        [span for span in scene.store.ledger.spans(schedule.name, pipelines, due[0]) if _end_was_seen(span, scene)],
        [slot.at for slot in open_ if slot.outcome == words.QUEUED and slot.at not in due],
        now - timedelta(seconds=scene.clock.elapsed()),
    )


def _together(pauses: Sequence[Pause]) -> Pause:
    """When all that a schedule runs is paused: while each of them is."""
    last = max(pauses, key=lambda pause: pause.since)
    ends = [pause.until for pause in pauses if pause.until is not None]
    return last._replace(until=min(ends, default=None))


def _end_was_seen(span: Span, scene: Scene) -> bool:
    """Whether a run was active all that time: of one that was lost only the beginning is known.

    The end that it was given is when somebody noticed, and the machine may have been off since the day before.
    """
    run = scene.store.run(span.run_id) if span.until is not None else None
    return run is None or run.state != RunState.LOST
