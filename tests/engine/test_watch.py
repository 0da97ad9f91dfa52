"""The loop that stands for a scheduler: it only wakes guards, each as often as it is owed, and ends them all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.builders import utc
from support.fakes import FakeClock, FakeInterrupts
from support.schedules import GuardStage, schedule, scheduled
from tetra_orchestrator.config.problems import Problem
from tetra_orchestrator.core.watching import Monitoring
from tetra_orchestrator.engine import ledger
from tetra_orchestrator.engine.foreground import LOOK_S, Watch, next_slot, recall
from tetra_orchestrator.errors import CannotWrite, ConfigError
from tetra_orchestrator.signals import SIGHUP, SIGINT, SIGTERM

#: Without the monitor, which would be woken beside all others.
UNWATCHED = Monitoring(timer=False)
SIX = utc(2026, 3, 2, 6)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class FakeGuards:
    """Guards that last as many seconds as `lasting` says for their schedules. `started` is who was woken, and when."""

    def __init__(self, clock, lasting):
        self.clock = clock
        self.lasting = lasting
        self.started = []
        self.stopped = False
        self.faults = []
        self._ends = []

    def start(self, name):
        if self.faults:
            raise self.faults.pop(0)
        self.started.append((name, self.clock.now()))
        self._ends.append((self.clock.monotonic() + self.lasting.get(name, 0.1), name))

    def ended(self):
        now = self.clock.monotonic()
        over = [one for one in self._ends if one[0] <= now]
        self._ends = [one for one in self._ends if one[0] > now]
        return [name for _, name in over]

    def running(self, name=None):
        return bool(self._ends) if name is None else name in [one for _, one in self._ends]

    def stop(self):
        self.stopped = True
        self._ends = [(min(end, self.clock.monotonic() + 5.0), name) for end, name in self._ends]

    def descriptors(self):
        return []

    def said(self):
        return []


class Bench:
    """A loop on fakes that begins an hour before six. `live` has time pass until then, and ends it by a signal."""

    def __init__(self, *schedules, lasting=None):
        self.project = scheduled(*schedules)._replace(monitor=UNWATCHED)
        self.clock = FakeClock()
        self.clock.show(SIX - HOUR)
        self.interrupts = FakeInterrupts()
        self.guards = FakeGuards(self.clock, lasting or {})
        self.told = []
        self.planned = []
        self.waiting = [one.name for one in schedules]
        self.clock.on_wait = self._happen
        self.loads = 0

    def load(self):
        self.loads += 1
        if isinstance(self.project, Exception):
            raise self.project
        return self.project

    def at(self, when, act):
        """Have something happen in the loop's first wait from that instant on."""
        self.planned.append((when, act))

    def live(self, until, signal=SIGTERM, **options):
        self.at(until, lambda: self.interrupts.numbers.append(signal))
        return Watch(
            self.project,
            self.load,
            self.guards,
            self.clock,
            self.interrupts,
            self.told.append,
            lambda: set(self.waiting),
            **options,
        ).keep()

    def wakes(self, name="nightly"):
        """When the guard of the schedule was started, without the one that each start of the loop wakes."""
        return [when for who, when in self.guards.started if who == name][1:]

    def _happen(self):
        due = [one for one in self.planned if one[0] <= self.clock.now()]
        for one in due:
            self.planned.remove(one)
            one[1]()
        return bool(self.interrupts.numbers)


def test_the_loop_settles_everything_first_and_then_looks_after_what_that_has_left() -> None:
    bench = Bench(schedule("low"), schedule("high", priority=3), schedule("off", enabled=False))
    assert bench.live(SIX - HOUR / 2) == 0
    assert [name for name, _ in bench.guards.started] == [None, "high", "low"]


def test_a_guard_is_woken_at_each_slot_once() -> None:
    bench = Bench(schedule())
    bench.live(SIX + timedelta(days=2))
    assert bench.wakes() == [SIX, SIX + timedelta(days=1), SIX + timedelta(days=2)]


def test_the_monitor_is_woken_as_often_as_the_file_says_also_without_a_schedule() -> None:
    bench = Bench()
    bench.project = bench.project._replace(schedules=(), monitor=Monitoring(interval_s=1200.0))
    bench.live(SIX)
    assert bench.guards.started == [
        (None, SIX - HOUR),
        *(("monitor", SIX - minutes * MINUTE) for minutes in (40, 20, 0)),
    ]


def test_of_two_schedules_that_are_due_at_once_the_one_with_the_higher_priority_is_woken_first() -> None:
    bench = Bench(schedule("low"), schedule("high", priority=3))
    bench.live(SIX + SECOND)
    assert [name for name, when in bench.guards.started if when == SIX] == ["high", "low"]


def test_a_guard_that_still_runs_is_owed_one_more_wake_however_many_slots_there_were() -> None:
    bench = Bench(schedule(cron="*/10 * * * *"), lasting={"nightly": 25 * 60.0})
    bench.live(SIX + timedelta(minutes=30))
    first = bench.guards.started[1][1]
    assert first < SIX - HOUR + timedelta(seconds=2 * LOOK_S)
    assert bench.wakes()[0] - first >= timedelta(minutes=25)
    gaps = [later - earlier for earlier, later in zip(bench.wakes(), bench.wakes()[1:], strict=False)]
    assert gaps
    assert all(timedelta(minutes=25) <= gap <= timedelta(minutes=25, seconds=LOOK_S) for gap in gaps)


def test_a_schedule_whose_runs_may_overlap_is_woken_while_its_guard_still_runs() -> None:
    bench = Bench(schedule(cron="*/10 5-6 * * *", overlap="allow"), lasting={"nightly": 25 * 60.0})
    bench.live(SIX - HOUR / 2 + SECOND)
    assert bench.wakes() == [SIX - timedelta(minutes=minutes) for minutes in (50, 40, 30)]


@pytest.mark.parametrize(("number", "code"), [(SIGTERM, 0), (SIGHUP, 0), (SIGINT, 130)])
def test_a_signal_ends_all_guards_and_waits_for_them(number: int, code: int) -> None:
    bench = Bench(schedule(), lasting={"nightly": 3600.0})
    assert bench.live(SIX + SECOND, number, on_terminal=number == SIGHUP) == code
    assert bench.guards.stopped
    assert not bench.guards.running()
    assert bench.told == ["stopping: the runs that are active are ended"]


def test_a_second_signal_while_guards_end_changes_nothing() -> None:
    bench = Bench(schedule(), lasting={"nightly": 3600.0})
    bench.at(SIX + timedelta(seconds=LOOK_S + 1), lambda: bench.interrupts.numbers.append(SIGINT))
    assert bench.live(SIX + SECOND) == 0
    assert bench.planned == bench.interrupts.numbers == []
    assert not bench.guards.running()


WRONG = Problem("unknown_key", "orchestration.yaml", 9, 5, "", "unknown key 'crom'", "did you mean 'cron'?", "")


@pytest.mark.parametrize(
    "broken",
    [
        ConfigError(WRONG.message, where="orchestration.yaml:9:5", hint=WRONG.hint, problems=(WRONG,)),
        ConfigError("2 problems in orchestration.yaml", problems=(WRONG, WRONG._replace(line=12))),
    ],
)
def test_a_file_that_breaks_is_told_of_once_with_its_first_fault_and_the_loop_goes_by_how_it_was(
    broken: ConfigError,
) -> None:
    bench = Bench(schedule())
    bench.at(SIX - HOUR / 2, lambda: setattr(bench, "project", broken))
    bench.live(SIX + timedelta(days=1))
    assert bench.loads > 100
    first = "orchestration.yaml:9:5: unknown key 'crom'"
    assert bench.told[:-1] == [f"warning: {first}; going by how the file was before"]
    assert bench.wakes() == [SIX, SIX + timedelta(days=1)]


def test_a_file_that_breaks_again_after_it_was_mended_is_told_of_again() -> None:
    bench = Bench(schedule())
    sound, broken = bench.project, ConfigError("broken")
    for minutes, given in ((10, broken), (20, sound), (30, broken)):
        bench.at(SIX - HOUR + timedelta(minutes=minutes), lambda given=given: setattr(bench, "project", given))
    bench.live(SIX)
    assert bench.told[:-1] == ["warning: broken; going by how the file was before"] * 2


def test_a_changed_file_counts_from_the_next_look_on() -> None:
    bench = Bench(schedule())
    changed = scheduled(schedule(cron="30 5 * * *"), schedule("new", "45 5 * * *"))
    bench.at(SIX - timedelta(minutes=50), lambda: setattr(bench, "project", changed))
    bench.live(SIX + HOUR)
    assert bench.wakes() == [SIX - HOUR / 2]
    assert [when for name, when in bench.guards.started if name == "new"] == [SIX - HOUR / 4]


def test_a_schedule_that_is_switched_off_is_woken_no_more() -> None:
    bench = Bench(schedule())
    bench.at(SIX - HOUR / 2, lambda: setattr(bench, "project", scheduled(schedule(enabled=False))))
    bench.live(SIX + HOUR)
    assert bench.wakes() == []


def test_a_guard_that_cannot_be_started_is_told_of_and_tried_again_at_the_next_look() -> None:
    bench = Bench(schedule())
    fault = CannotWrite("cannot start python in /project: Cannot allocate memory")
    bench.at(SIX - HOUR / 2, lambda: bench.guards.faults.append(fault))
    bench.live(SIX + HOUR)
    assert bench.wakes() == [SIX + timedelta(seconds=LOOK_S)]
    assert bench.told[:-1] == [f"warning: {fault}"]


def test_a_clock_that_jumps_ahead_wakes_once_for_all_that_it_jumped_over() -> None:
    bench = Bench(schedule(cron="*/10 * * * *"))
    bench.at(SIX - timedelta(minutes=55), lambda: bench.clock.show(SIX + timedelta(minutes=5)))
    bench.live(SIX + timedelta(minutes=9))
    assert len(bench.wakes()) == 1
    assert SIX + timedelta(minutes=5) <= bench.wakes()[0] <= SIX + timedelta(minutes=5, seconds=LOOK_S)


def test_a_clock_that_is_set_back_wakes_again_for_what_comes_again() -> None:
    bench = Bench(schedule())
    bench.at(SIX + timedelta(minutes=1), lambda: bench.clock.show(SIX - timedelta(minutes=1)))
    bench.live(SIX + HOUR)
    assert bench.wakes() == [SIX, SIX]  # the ledger knows that nothing is to be run


def test_a_machine_that_has_slept_is_noticed_within_one_look() -> None:
    bench = Bench(schedule())

    def sleep() -> bool:
        bench.clock.on_wait = bench._happen
        bench.clock.show(SIX + 3 * HOUR)
        return False

    bench.at(SIX - HOUR / 2, lambda: setattr(bench.clock, "on_wait", sleep))
    bench.live(SIX + 4 * HOUR)
    assert len(bench.wakes()) == 1
    assert bench.wakes()[0] <= SIX + 3 * HOUR + timedelta(seconds=LOOK_S)


def test_a_file_without_a_schedule_is_looked_at_all_the_same() -> None:
    bench = Bench(schedule(enabled=False))
    bench.live(SIX)
    assert bench.guards.started == [(None, SIX - HOUR)]
    assert bench.loads >= 3600 / LOOK_S


def test_the_next_slot_is_the_first_of_all_that_are_enabled() -> None:
    given = scheduled(schedule(), schedule("soon", "30 5 * * *"), schedule("off", "15 5 * * *", enabled=False))
    assert next_slot(given, SIX - HOUR) == (SIX - HOUR / 2, "soon")
    assert next_slot(scheduled(schedule(cron=None, on_startup=True)), SIX) is None


# -- what was left to processes of their own --------------------------------------------------------------------------


def left(**fields) -> GuardStage:
    """A stage at six, with a slot that a guard has left to a process of its own."""
    stage = GuardStage(scheduled(schedule(overlap="allow", **fields)))
    stage.look()
    stage.at(SIX)
    assert [slot.at for slot in ledger.claim(stage.project.schedules[0], stage.project, stage.scene, dispatched=True)]
    return stage


def test_a_slot_whose_process_has_yet_to_start_is_taken_back_and_not_begun_by_it() -> None:
    stage = left()
    recall(stage.scene, 60.0)
    assert stage.outcomes() == [("02 06:00", "expected", None)]
    assert ledger.adopt(stage.project.schedules[0], SIX, stage.scene) is None
    stage.wake()
    assert stage.outcomes() == [("02 06:00", "ran", None)]


def test_a_process_that_has_taken_its_slot_over_and_not_begun_is_told_to_end() -> None:
    stage = left()
    ledger.adopt(stage.project.schedules[0], SIX, stage.scene)
    stage.clock.on_wait = stage.processes.alive.clear
    recall(stage.scene, 60.0)
    assert stage.processes.signals == [("me", SIGTERM)]
    assert stage.outcomes() == [("02 06:00", "queued", None)]


def test_a_process_that_does_not_end_is_not_waited_for_for_ever() -> None:
    stage = left()
    ledger.adopt(stage.project.schedules[0], SIX, stage.scene)
    began = stage.clock.monotonic()
    recall(stage.scene, 60.0)
    assert 60 <= stage.clock.monotonic() - began < 61


def test_a_slot_that_nobody_has_taken_is_left_alone() -> None:
    stage = GuardStage(scheduled())
    stage.look()
    stage.at(SIX)
    stage.look()
    began = stage.clock.monotonic()
    recall(stage.scene, 60.0)
    assert (stage.outcomes(), stage.clock.monotonic()) == ([("02 06:00", "expected", None)], began)
