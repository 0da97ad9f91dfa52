"""A fortnight of a machine that is switched off, sleeps, loses its power and wakes us twice: each slot is settled once.

One seed is one fortnight of up to three schedules on fakes. The specification counts the slots; nothing of what the
guard decides by is used for that.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import count

import pytest

from support.builders import utc
from support.schedules import GuardStage, schedule, scheduled
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.schedule import slots_of
from tetra_orchestrator.core.slots import FINAL, LATE, RAN
from tetra_orchestrator.core.states import RUN_ACTIVE
from tetra_orchestrator.engine import ledger, loop
from tetra_orchestrator.engine.reconcile import reconcile

RULES = ["0 6 * * *", "30 2 * * *", "15 */3 * * *", "*/30 8-11 * * 1-5", "0 * * * *", "0 20 * * 0", "45 1-3 * * *"]
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"]
BEGIN = [utc(2026, 3, 1), utc(2026, 3, 22), utc(2026, 10, 19), utc(2026, 10, 28)]
DAYS = 14


@pytest.fixture(autouse=True)
def _a_tick_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn here, and runs take hours: with four ticks a second they would do little else."""
    monkeypatch.setattr(loop, "TICK_S", 10.0)


class PowerCut(BaseException):
    """The machine is gone in the middle of a run."""


class Fortnight:
    def __init__(self, seed: int):
        self.dice = random.Random(seed)
        self.begin = self.dice.choice(BEGIN)
        self.end = self.begin + timedelta(days=DAYS)
        self.stage = GuardStage(scheduled(*self._schedules()), self._script)
        self.names = count(1)
        self.rivals = 0
        self._be_somebody_new()
        self.stage.at(self.begin)
        self.stage.look()
        self._settle = self.stage.store.ledger.settle
        self.stage.store.ledger.settle = self._raced

    def _schedules(self):
        pick = self.dice.choice
        return [
            schedule(
                f"s{number}",
                pick(RULES),
                pick(ZONES),
                catch_up=pick(["none", "latest", "all"]),
                catch_up_count=pick([None, None, 3]),
                catch_up_window_s=pick([None, None, 86400.0]),
                overlap=pick(["skip", "queue", "replace", "allow"]),
                jitter_s=pick([0.0, 0.0, 300.0]),
                dst_gap=pick(["shift", "skip"]),
                dst_fold=pick(["first", "second", "both"]),
            )
            for number in range(self.dice.randint(1, 3))
        ]

    def _script(self, task_id, number):
        if self.stage.clock.now() >= self.end:
            return 1.0, Exited(0), {}  # or there would always be a slot that has just fallen due
        if self.dice.random() < 0.05:
            raise PowerCut
        return self.dice.choice([1.0, 40.0, 700.0, 7200.0]), Exited(self.dice.choice([0, 0, 1])), {}

    def _be_somebody_new(self) -> None:
        name = f"guard-{next(self.names)}"
        self.stage.processes.alive = {name}
        self.stage.processes.own = lambda: name

    def _raced(self, was, cursor, slots) -> None:
        """Now and then another trigger is faster than the one that is about to write."""
        if slots and self.dice.random() < 0.1 and not self.rivals:
            self.rivals += 1
            given = next(one for one in self.stage.project.schedules if one.name == cursor.name)
            ledger.claim(given, self.stage.project, self.stage.scene)
            self.rivals -= 1
        self._settle(was, cursor, slots)

    def wake(self, name: str) -> None:
        try:
            self.stage.wake(name)
        except PowerCut:
            self.stage.locks.taken.clear()
            self.stage.locks.sharers.clear()
            self.stage.runner.jobs.clear()
            self.stage.clock.show(self.stage.clock.now() + timedelta(seconds=self.dice.choice([60, 7200, 90000])))
        self._be_somebody_new()
        reconcile(self.stage.scene, end_survivors=True)

    def live(self) -> None:
        """Wake by wake to the end."""
        while (now := self.stage.clock.now()) < self.end:
            upcoming = [
                (at, one.name) for one in self.stage.project.schedules for at in [next(slots_of(one, now), self.end)]
            ]
            at, name = min(upcoming)
            if at >= self.end:
                break
            self.stage.at(max(now, at + timedelta(seconds=self.dice.choice([0.2, 0.2, 5.0, 45.0]))))
            luck = self.dice.random()
            if luck < 0.06:  # off or asleep: what was due is up to whoever wakes first afterwards
                self.stage.at(self.stage.clock.now() + timedelta(hours=self.dice.choice([0.1, 1, 5, 30, 80])))
            elif luck < 0.08:  # nothing woke us, and somebody looks
                self.stage.look()
                continue
            for _ in range(2 if self.dice.random() < 0.1 else 1):
                self.wake(name)
            if self.dice.random() < 0.1:
                self.wake(self.dice.choice(self.stage.project.schedules).name)
        self.stage.at(max(self.stage.clock.now(), self.end))
        for _ in range(50):
            for one in self.stage.project.schedules:
                self.wake(one.name)
            self.stage.look()
            if not self.stage.store.ledger.slots(unsettled=True):
                return

    def faults(self) -> list[str]:
        now = self.stage.clock.now()
        found = []
        for one in self.stage.project.schedules:
            expected = _until(one, self.begin, now)
            rows = self.stage.store.ledger.slots(one.name)
            if [row.at for row in rows] != expected:
                found.append(f"{one}: {len(rows)} slots instead of {len(expected)}")
            runs = [run for run in self.stage.store.runs(limit=10**6) if run.schedule == one.name]
            if len({run.slot for run in runs}) != len(runs):
                found.append(f"{one}: a slot was run twice")
            if any(run.state in RUN_ACTIVE for run in runs):
                found.append(f"{one}: a run goes on for ever")
            by_id = {run.run_id: run for run in runs}
            for row in rows:
                found += [f"{one}: {row}: {text}" for text in _faults_of(row, by_id, one)]
            if {row.run_id for row in rows if row.run_id} != set(by_id):
                found.append(f"{one}: runs and slots differ")
        return found


def _until(one, begin: datetime, now: datetime) -> list[datetime]:
    due = []
    for at in slots_of(one, begin):
        if at > now:
            return due
        due.append(at)
    return due


def _faults_of(row, runs, one) -> list[str]:
    faults = []
    if row.outcome not in FINAL:
        faults.append("is not settled")
    if (row.outcome in (RAN, LATE)) != (row.run_id is not None):
        faults.append("says that it ran, or that it did not, and that is not so")
    if row.run_id is None and row.reason is None:
        faults.append("does not say why")
    if row.run_id is not None:
        started = runs[row.run_id].started_at
        if (started > row.due_by) != (row.outcome == LATE):
            faults.append("was late, or not, and says otherwise")
        if one.catch_up == "none" and started > row.due_by and one.overlap != "queue":
            faults.append("was made up for, against `catch_up: none`")
    return faults


def check(seeds: range) -> None:
    faults = {}
    for seed in seeds:
        fortnight = Fortnight(seed)
        fortnight.live()
        if found := fortnight.faults():
            faults[seed] = found[:3]
    assert faults == {}


def test_every_slot_of_a_fortnight_is_settled_exactly_once_and_none_is_run_twice() -> None:
    check(range(15))


@pytest.mark.long
def test_the_same_for_a_thousand_fortnights() -> None:
    check(range(1000))
