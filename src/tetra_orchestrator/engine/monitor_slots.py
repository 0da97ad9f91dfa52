"""What the ledger tells of schedules that nothing has woken: slots that were missed, late, or are open and nobody's."""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator.core.findings import finding
from tetra_orchestrator.core.slots import LATE, MISSED, RAN, RUNNING, SUPERSEDED
from tetra_orchestrator.core.spoken import duration, instant
from tetra_orchestrator.engine.ledger import abandoned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.findings import Finding
    from tetra_orchestrator.core.model import Project, Schedule
    from tetra_orchestrator.core.slots import Slot
    from tetra_orchestrator.engine.past import Past
    from tetra_orchestrator.engine.reconcile import Scene

#: A guard that was woken in time has claimed its slot within this.
CLAIM = timedelta(minutes=2)


def of_slots(project: Project, scene: Scene, past: Past, now: datetime, *, awake: bool) -> list[Finding]:
    """What is to be said of each enabled schedule's slots of the last seven days. Raises `StoreError`.

    Unless the machine is `awake` for a while, guards may yet be woken for what is due.
    """
    schedules = [one for one in project.schedules if one.enabled]
    open_ = abandoned(scene) if schedules and awake else []
    found = []
    for schedule in schedules:
        slots = past.slots(schedule.name, now)
        found += [*_missed(schedule, slots), *_late(schedule, slots)]
        if not any(slot.outcome == RUNNING for slot in slots):  # what it runs may have to end before
            found += _overdue(schedule, slots, [slot for slot in open_ if slot.schedule == schedule.name], now)
    return found


def _missed(schedule: Schedule, slots: Sequence[Slot]) -> Iterator[Finding]:
    """Those after which none was run: the next that is makes up for them."""
    missed = [slot for slot in _since_the_last_run(slots) if slot.outcome == MISSED]
    if missed:
        last = missed[-1]
        count = "a slot" if len(missed) == 1 else f"{len(missed)} slots"
        why = f": {last.reason.text}" if last.reason else ""
        text = f"{schedule.name} missed {count}, the last at {instant(last.at)}{why}"
        yield finding("slot_missed", schedule.name, text, f"tetra schedule audit {schedule.name}")


def _since_the_last_run(slots: Sequence[Slot]) -> Sequence[Slot]:
    ran = [place for place, slot in enumerate(slots) if slot.outcome in (RAN, LATE, RUNNING)]
    return slots[ran[-1] + 1 if ran else 0 :]


def _late(schedule: Schedule, slots: Sequence[Slot]) -> Iterator[Finding]:
    begun = [slot for slot in slots if slot.outcome in (RAN, LATE, RUNNING) and slot.lateness_s is not None]
    if not begun:
        return
    last = begun[-1]
    late_s = last.lateness_s or 0.0
    if last.at + timedelta(seconds=late_s) > last.due_by:
        text = f"{schedule.name} began {duration(late_s)} after its slot at {instant(last.at)}"
        yield finding("slot_late", schedule.name, text, f"tetra schedule audit {schedule.name}")


def _overdue(schedule: Schedule, slots: Sequence[Slot], open_: Sequence[Slot], now: datetime) -> Iterator[Finding]:
    """With nobody there to run them, each slot stands in for the one before it: that one counts as well."""
    replaced = [slot for slot in _since_the_last_run(slots) if slot.reason and slot.reason.code == SUPERSEDED]
    overdue = [slot for slot in (*replaced, *open_) if slot.due_by + CLAIM < now]
    if open_ and overdue:
        count = "a slot is" if len(overdue) == 1 else f"{len(overdue)} slots are"
        text = f"{schedule.name}: {count} due since {instant(overdue[0].at)}, and nothing has begun to run it"
        yield finding("slot_overdue", schedule.name, text, f"tetra fire {schedule.name}")
