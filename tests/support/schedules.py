"""A project with schedules on a stage of fakes, and a guard that is woken for them."""

from __future__ import annotations

from datetime import datetime

from support.worlds import Stage, project, task
from tetra_orchestrator.core.model import Schedule
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.core.slots import Slot
from tetra_orchestrator.engine import ledger
from tetra_orchestrator.engine.fire import overlap_of, perform_due, trigger
from tetra_orchestrator.engine.start import Request, perform
from tetra_orchestrator.errors import Exit


def schedule(name: str = "nightly", cron: str | None = "0 6 * * *", timezone: str = "UTC", **fields) -> Schedule:
    return Schedule(name, "all", cron, timezone, **fields)


def scheduled(*schedules: Schedule, **fields):
    """A project of one task `load`, run by these schedules."""
    return project(task("load"), **fields)._replace(schedules=schedules or (schedule(),))


class GuardStage(Stage):
    """A stage on which the guard is woken."""

    def __init__(self, given, script=None, **fields):
        super().__init__(given, script, **fields)
        self.codes: list[int] = []

    def at(self, when: datetime) -> None:
        """Have the clock show that instant; it goes on from there."""
        self.clock.show(when)

    def wake(self, name: str = "nightly") -> int:
        """What `fire NAME` does, in this process."""
        world = self.world()
        given = next(one for one in self.project.schedules if one.name == name)
        mine = ledger.claim(given, self.project, world.scene)
        code = (
            perform_due(given, self.project, mine, world, lambda slot: self.perform(given, slot)) if mine else Exit.OK
        )
        self.codes.append(code)
        return code

    def perform(self, given: Schedule, slot: Slot) -> int:
        request = Request(
            self.project,
            select(self.project, given.mode, given.pipelines),
            "{}",
            {},
            trigger=trigger(slot, self.clock.now()),
            overlap=overlap_of(given),
            schedule=given.name,
            slot=slot.at,
        )
        return perform(request, self.world(), lambda subject: self.reporter)

    def look(self) -> None:
        """What every other command does about slots."""
        ledger.settle_all(self.project, self.scene)

    def outcomes(self, name: str = "nightly") -> list[tuple[str, str, str | None]]:
        """The ledger: slot, outcome, code of the reason."""
        return [
            (f"{slot.at:%d %H:%M}", slot.outcome, slot.reason.code if slot.reason else None)
            for slot in self.store.ledger.slots(name)
        ]
