"""A backfill being performed: its partitions one after the other, whatever happens in between."""

from __future__ import annotations

from signal import SIGINT, SIGTERM

import pytest

from support.fakes import FakeRunner
from support.worlds import Stage, project, succeed, task
from tetra_orchestrator.core.backfill import Backfill
from tetra_orchestrator.core.history import Partition, Run, RunFilter, TaskRun
from tetra_orchestrator.core.model import Mode, ModeEntry
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.engine import backfill as engine
from tetra_orchestrator.engine.backfill_order import add, before, outlook, planned
from tetra_orchestrator.engine.overlap import TOGETHER
from tetra_orchestrator.engine.start import Request, perform
from tetra_orchestrator.errors import NotNow, StateConflict, StoreError, UsageError

DAYS = ("2026-01-01", "2026-01-04")


class Yard:
    """A stage whose mode `daily` is run for four days; `script(day, task, number)` tells what a task does."""

    def __init__(self, script=None, only="missing", **fields):
        given = project(task("a"), task("b", "a"))
        daily = Mode("daily", (ModeEntry("a"), ModeEntry("b")), partition="day")
        self.stage = Stage(given._replace(modes=(*given.modes, daily)))
        self.script = script or (lambda day, name, number: succeed(name, number))
        self.world = self.stage.world()
        self.selection = select(self.stage.project, "daily")
        self.days_run = []
        self.on_end = lambda day: None
        self.asked = Backfill("", "daily", *DAYS, "day", "", "c0ffee", self.stage.clock.now(), **fields)
        self.id = self.order(only).backfill_id

    def order(self, only="missing", dates=DAYS):
        now = self.stage.clock.now()
        rows = planned(dates, "day", only, self.stage.project, self.selection, self.store, now)
        return add(self.asked, rows, "{}", self.world)

    def before(self, now):
        return before(self.stage.project, self.selection, self.store, now)

    @property
    def store(self):
        return self.stage.store

    def run(self, partition, again):
        day = partition.start
        self.days_run.append(day)
        clock, workspace = self.stage.clock, self.stage.workspace
        runner = FakeRunner(clock, workspace, lambda name, number: self.script(day, name, number))
        clock.on_wait = lambda: runner.something_ended() or bool(self.stage.interrupts.numbers)
        request = Request(
            self.stage.project,
            self.selection,
            "{}",
            {},
            Partition(day, partition.end),
            "backfill",
            overlap=TOGETHER,
            again=again,
            backfill=self.id,
        )
        code = perform(request, self.world._replace(runner=runner), lambda subject: self.stage.reporter)
        self.on_end(day)
        return code

    def work(self, is_left_alone=lambda: False):
        engine.work_off(self.id, self.world, self.run, is_left_alone)

    def drive(self):
        return engine.drive(self.id, self.world, self.work)

    @property
    def state(self):
        return engine.found(self.id, self.store).state

    def states(self):
        return " ".join(one.state for one in self.store.backfills.partitions(self.id))

    def runs(self):
        """State by state of every run, oldest first."""
        found = self.store.search(RunFilter(backfill=self.id), 100)
        return [f"{run.partition.start[-2:]} {run.state}" for run in reversed(found)]


def fail_on(*days):
    """The task `b` fails on these days."""
    return lambda day, name, number: (1.0, Exited(3 if name == "b" and day[-2:] in days else 0), {})


def test_every_partition_gets_a_run_of_its_own_and_then_the_backfill_has_succeeded():
    yard = Yard()
    assert (yard.drive(), yard.state, yard.states()) == (0, "succeeded", " ".join(["succeeded"] * 4))
    assert yard.runs() == ["01 succeeded", "02 succeeded", "03 succeeded", "04 succeeded"]
    run = yard.stage.last_run
    assert (run.trigger, run.backfill, run.mode) == ("backfill", yard.id, "daily")
    assert yard.id.startswith("bf-")


def test_the_newest_may_go_first():
    yard = Yard(newest_first=True)
    assert yard.drive() == 0
    assert [day[-2:] for day in yard.days_run] == ["04", "03", "02", "01"]


def test_a_failed_partition_does_not_stop_the_others_and_is_the_exit_code():
    yard = Yard(fail_on("02"))
    assert (yard.drive(), yard.state) == (2, "failed")
    assert yard.states() == "succeeded failed succeeded succeeded"


def test_a_backfill_that_has_failed_goes_on_where_its_partitions_have_failed():
    yard = Yard(fail_on("02"))
    yard.drive()
    yard.script, yard.days_run = lambda day, name, number: succeed(name, number), []
    engine.reopen(yard.id, yard.stage.scene)
    assert (yard.drive(), yard.state, yard.days_run) == (0, "succeeded", ["2026-01-02"])
    assert yard.stage.states() == {"a": "skipped", "b": "succeeded"}, "what had succeeded is not done again"


def test_ctrl_c_ends_the_partition_that_runs_and_leaves_it_to_be_gone_on_with():
    yard = Yard()
    yard.on_end = lambda day: day[-2:] == "02" and yard.stage.interrupts.numbers.append(SIGINT)
    assert (yard.drive(), yard.state, yard.states()) == (130, "running", "succeeded succeeded pending pending")
    yard.on_end = lambda day: None
    assert (yard.drive(), yard.runs()) == (0, ["01 succeeded", "02 succeeded", "03 succeeded", "04 succeeded"])


def test_the_partition_of_a_run_that_was_interrupted_is_run_again_and_only_what_is_left_of_it():
    yard = Yard()

    def interrupted(day, name, number):
        if name == "b" and day.endswith("03"):
            yard.stage.interrupts.numbers.append(SIGTERM)
            return 60.0, Exited(0), {}
        return succeed(name, number)

    yard.script = interrupted
    assert (yard.drive(), yard.states()) == (143, "succeeded succeeded pending pending")
    yard.script = lambda day, name, number: succeed(name, number)
    assert yard.drive() == 0
    assert yard.runs()[2:] == ["03 cancelled", "03 succeeded", "04 succeeded"]
    again = yard.store.search(RunFilter(backfill=yard.id), 2)[1]
    assert {row.task_id: row.state for row in yard.store.task_runs(again.run_id)} == {"a": "skipped", "b": "succeeded"}


def test_a_backfill_whose_driver_has_died_goes_on_with_the_partition_that_ran():
    yard = Yard()
    dead = Run("20200101T000000Z-aaaaaa", "tetra", "daily", "backfill", "running", "c0ffee", yard.stage.clock.now())
    rows = [TaskRun(dead.run_id, "a", "a", 0, "pending"), TaskRun(dead.run_id, "b", "b", 1, "pending")]
    dead = dead._replace(partition=Partition("2026-01-01", "2026-01-01"), owner="dead", backfill=yard.id)
    yard.store.open_run(dead, rows, (), "{}")
    assert yard.states() == "running pending pending pending"
    assert (yard.drive(), yard.runs()[:2]) == (0, ["01 lost", "01 succeeded"])
    assert yard.store.search(RunFilter(backfill=yard.id), 100)[-2].resumes == dead.run_id


def test_a_lost_run_that_was_removed_meanwhile_is_not_gone_on_with():
    yard = Yard()
    test_run = Run("20200101T000000Z-aaaaaa", "tetra", "daily", "backfill", "running", "c0ffee", owner="dead")
    test_run = test_run._replace(partition=Partition("2026-01-01", "2026-01-01"), backfill=yard.id)
    yard.store.open_run(test_run, [TaskRun(test_run.run_id, "a", "a", 0, "pending")], (), "{}")
    engine.reconcile(yard.stage.scene, end_survivors=True)
    yard.store.forget(test_run.run_id)
    assert (yard.drive(), yard.runs()) == (0, ["01 succeeded", "02 succeeded", "03 succeeded", "04 succeeded"])


def test_a_paused_backfill_lets_the_running_partition_end_and_begins_no_other():
    yard = Yard()
    yard.on_end = lambda day: day[-2:] == "02" and engine.move(yard.id, "running", "paused", yard.stage.scene)
    assert (yard.drive(), yard.state, yard.states()) == (75, "paused", "succeeded succeeded pending pending")
    engine.move(yard.id, "paused", "running", yard.stage.scene)
    yard.on_end = lambda day: None
    assert (yard.drive(), yard.state) == (0, "succeeded")


def test_a_cancelled_backfill_begins_no_other_partition_and_has_failed():
    yard = Yard()
    yard.on_end = lambda day: day[-2:] == "02" and engine.move(yard.id, "running", "cancelled", yard.stage.scene)
    assert (yard.drive(), yard.state, yard.states()) == (2, "cancelled", "succeeded succeeded pending pending")


def test_a_run_that_is_cancelled_by_itself_is_a_failed_partition_of_a_backfill_that_goes_on():
    yard = Yard()

    def cancelled(day, name, number):
        if day.endswith("02") and name == "a":
            yard.store.request(yard.stage.last_run.run_id, "cancel", yard.stage.clock.now())
            yard.stage.interrupts.numbers.append(SIGTERM)
            return 60.0, Exited(0), {}
        return succeed(name, number)

    yard.script = cancelled
    assert (yard.drive(), yard.states()) == (2, "succeeded cancelled succeeded succeeded")


def test_where_all_runs_are_ended_a_backfill_begins_no_other_and_stays_to_be_gone_on_with():
    yard = Yard()

    def stopped(day, name, number):
        if day.endswith("02") and name == "a":
            yard.store.request(yard.stage.last_run.run_id, "stop", yard.stage.clock.now())
            yard.stage.interrupts.numbers.append(SIGTERM)
            return 60.0, Exited(0), {}
        return succeed(name, number)

    yard.script = stopped
    assert (yard.drive(), yard.state, yard.states()) == (143, "running", "succeeded pending pending pending")


def test_whoever_is_left_alone_finishes_the_partition_and_begins_no_other():
    yard = Yard()
    with pytest.raises(engine.Ended) as end:
        yard.work(is_left_alone=lambda: len(yard.days_run) == 2)
    assert (end.value.code, yard.states()) == (143, "succeeded succeeded pending pending")


def test_a_partition_that_somebody_else_takes_first_is_left_to_him():
    yard = Yard()

    def run(partition, again):
        if partition.start.endswith("02"):
            yard.run(partition, again)  # somebody else
        return yard.run(partition, again)

    engine.work_off(yard.id, yard.world, run, lambda: False)
    assert yard.runs() == ["01 succeeded", "02 succeeded", "03 succeeded", "04 succeeded"]


def test_a_partition_that_somebody_else_goes_on_with_first_is_left_to_him():
    yard = Yard()
    dead = Run("20200101T000000Z-aaaaaa", "tetra", "daily", "backfill", "running", "c0ffee", owner="dead")
    dead = dead._replace(partition=Partition("2026-01-01", "2026-01-01"), backfill=yard.id)
    yard.store.open_run(dead, [TaskRun(dead.run_id, "a", "a", 0, "pending")], (), "{}")
    engine.reconcile(yard.stage.scene, end_survivors=True)

    def run(partition, again):
        if again and len(yard.days_run) == 0:
            yard.run(partition, again)  # somebody else
        return yard.run(partition, again)

    engine.work_off(yard.id, yard.world, run, lambda: False)
    assert yard.runs() == ["01 lost", *(f"0{day} succeeded" for day in (1, 2, 3, 4))]


def test_another_conflict_is_not_taken_for_that():
    def run(partition, again):
        raise StateConflict("the run is settled")

    yard = Yard()
    with pytest.raises(StoreError, match="the run is settled"):
        engine.work_off(yard.id, yard.world, run, lambda: False)


def test_partitions_that_others_are_at_are_waited_for():
    yard = Yard()
    other = Run("20200101T000000Z-aaaaaa", "tetra", "daily", "backfill", "running", "c0ffee", owner="worker")
    other = other._replace(partition=Partition("2026-01-01", "2026-01-01"), backfill=yard.id)
    yard.store.open_run(other, [TaskRun(other.run_id, "a", "a", 0, "pending")], (), "{}")
    yard.stage.processes.alive.add("worker")

    until = yard.stage.clock.seconds + 20

    def work():
        yard.work()
        yard.stage.clock.on_wait = lambda: yard.stage.clock.seconds >= until and yard.stage.processes.alive.clear()

    assert engine.drive(yard.id, yard.world, work) == 0
    assert yard.runs() == ["01 lost", *(f"0{day} succeeded" for day in (2, 3, 4, 1))]


def test_one_at_a_time_drives_a_backfill():
    yard = Yard()
    with engine.driven(yard.id, yard.stage.locks), pytest.raises(NotNow) as caught:
        engine.driven(yard.id, yard.stage.locks).__enter__()
    assert str(caught.value) == (
        f"backfill-{yard.id} is taken\n  hint: `tetra backfill status {yard.id}` tells how far it is, `tetra backfill "
        f"pause {yard.id}` holds it"
    )
    with engine.driven(yard.id, yard.stage.locks):
        pass


def test_a_backfill_that_nobody_knows_is_refused_with_those_there_are():
    yard = Yard()
    with pytest.raises(UsageError) as caught:
        engine.found("bf-1", yard.store)
    assert str(caught.value) == f"there is no backfill 'bf-1'\n  hint: the latest are: {yard.id}"


# -- ordering -------------------------------------------------------------------------------------------------------


def test_who_asks_for_the_same_while_it_is_open_goes_on_with_it():
    yard = Yard()
    assert yard.order().backfill_id == yard.id
    yard.asked = yard.asked._replace(end="2026-01-05")
    with pytest.raises(NotNow, match=f"mode 'daily' is being backfilled already, by {yard.id}"):
        yard.order()


def test_who_asks_for_what_the_open_one_leaves_out_is_refused():
    yard = Yard()
    yard.drive()
    yard.asked = yard.asked._replace(end="2026-01-05")
    yard.id = yard.order(dates=("2026-01-01", "2026-01-05")).backfill_id
    assert yard.states() == "skipped skipped skipped skipped pending"
    assert yard.order(dates=("2026-01-01", "2026-01-05")).backfill_id == yard.id
    with pytest.raises(NotNow, match=f"mode 'daily' is being backfilled already, by {yard.id}"):
        yard.order("all", ("2026-01-01", "2026-01-05"))


def test_what_has_succeeded_is_known_by_its_run_and_when_that_is_removed_by_its_backfill():
    yard = Yard(fail_on("02"))
    yard.drive()
    now = yard.stage.clock.now()
    known = yard.before(now)
    assert {dates[0][-2:]: one.state for dates, one in known.items()} == {
        "01": "succeeded",
        "02": "failed",
        "03": "succeeded",
        "04": "succeeded",
    }
    for run in yard.store.search(RunFilter(backfill=yard.id), 100):
        yard.store.forget(run.run_id)
    assert {dates: (one.state, one.run_id) for dates, one in known.items()} == {
        dates: (one.state, one.run_id) for dates, one in yard.before(now).items()
    }


def test_a_later_run_by_hand_counts_more_than_the_backfill():
    yard = Yard(fail_on("02"))
    yard.drive()
    yard.stage.clock.seconds += 3600
    dates = Partition("2026-01-02", "2026-01-02")
    assert yard.stage.run("daily", partition=dates) == 0
    assert yard.before(yard.stage.clock.now())[tuple(dates)].state == "succeeded"


def test_the_time_left_is_by_this_backfill_else_by_earlier_ones_else_by_the_tasks():
    def look(yard):
        rows = yard.store.backfills.partitions(yard.id)
        plan = yard.stage.project, yard.selection
        return tuple(outlook(engine.found(yard.id, yard.store), rows, yard.store, yard.stage.clock.now(), plan))

    yard = Yard()
    assert look(yard) == (None, None, None)
    assert yard.stage.run("all") == 0
    assert look(yard) == (2.0, "expected durations of the tasks", 8.0)
    assert yard.stage.run("daily", partition=Partition("2025-12-31", "2025-12-31")) == 0
    assert look(yard) == (2.0, "earlier runs", 8.0)
    yard.on_end = lambda day: engine.move(yard.id, "running", "paused", yard.stage.scene)
    yard.drive()
    assert look(yard) == (2.0, "this backfill", 6.0)


# -- beside others --------------------------------------------------------------------------------------------------


def test_a_partition_waits_for_another_run_of_its_pipelines():
    yard = Yard()
    yard.stage.locks.taken.add("pipeline-a")

    def waited():
        yard.stage.locks.taken.discard("pipeline-a")

    def run(partition, again):
        if not yard.days_run:
            yard.stage.clock.on_wait = waited
            request = Request(
                yard.stage.project, yard.selection, "{}", {}, Partition(partition.start, partition.end), "backfill",
                overlap=TOGETHER, backfill=yard.id,
            )  # fmt: skip
            runner = FakeRunner(yard.stage.clock, yard.stage.workspace, succeed)
            code = perform(request, yard.world._replace(runner=runner), report(runner))
            yard.days_run.append(partition.start)
            return code
        return yard.run(partition, again)

    def report(runner):
        def begin(subject):
            yard.stage.clock.on_wait = runner.something_ended
            return yard.stage.reporter

        return begin

    engine.work_off(yard.id, yard.world, run, lambda: False)
    assert yard.states() == "succeeded succeeded succeeded succeeded"
    assert yard.stage.told == ["waiting: pipeline-a is taken"]


def test_partitions_go_beside_each_other_and_nobody_else_goes_beside_them():
    yard = Yard()
    with yard.stage.locks.held(["pipeline-a", "pipeline-b"], "another partition", shared=True):
        assert yard.drive() == 0
        with pytest.raises(NotNow, match="pipeline-a is taken"):
            yard.stage.run("all")


# -- a crew ---------------------------------------------------------------------------------------------------------


class FakeCrew:
    """Processes that work when they are looked at; `codes` are how they end."""

    def __init__(self, yard, codes, partitions):
        self.yard, self.codes, self.partitions = yard, list(codes), partitions
        self.started, self.stopped = [], 0

    def start(self, number):
        self.started.append(number)

    def running(self):
        return bool(self.codes)

    def ended(self):
        for _ in range(self.partitions):
            found = self.yard.store.backfills.next(self.yard.id)
            if found:
                self.yard.run(found, None)
        codes, self.codes = self.codes, []
        return codes

    def stop(self):
        self.stopped += 1


def with_crew(yard, crew, number=3):
    return engine.drive(yard.id, yard.world, lambda: engine.have_worked_off(yard.id, yard.world, crew, number))


def test_a_crew_works_off_the_partitions():
    yard = Yard()
    crew = FakeCrew(yard, (0, 0, 0), 4)
    assert (with_crew(yard, crew), yard.states(), crew.started) == (0, " ".join(["succeeded"] * 4), [3])


def test_a_crew_is_no_larger_than_what_there_is_to_do():
    yard = Yard()
    crew = FakeCrew(yard, (0,), 4)
    with_crew(yard, crew, number=9)
    assert crew.started == [4]


def test_one_of_the_crew_that_is_killed_is_replaced_when_the_others_are_through():
    yard = Yard()
    crew = FakeCrew(yard, (-9, 0), 2)
    start = crew.start
    crew.start = lambda number: (start(number), crew.codes.extend([0] * (len(crew.started) > 1)))
    assert (with_crew(yard, crew), crew.started) == (0, [3, 2])


def test_a_crew_that_is_killed_again_and_again_without_getting_anywhere_is_given_up():
    yard = Yard()
    assert with_crew(yard, FakeCrew(yard, (-9, -9, -9), 0)) == 2
    assert yard.state == "running"


def test_an_error_that_keeps_the_crew_from_working_is_the_exit_code():
    yard = Yard()
    assert (with_crew(yard, FakeCrew(yard, (0, 78, 75), 1)), yard.state) == (78, "running")


def test_a_signal_ends_the_crew_and_is_the_exit_code():
    yard = Yard()
    crew = FakeCrew(yard, (130, 130, 143), 0)
    yard.stage.interrupts.numbers.append(SIGINT)
    assert (with_crew(yard, crew), crew.stopped, yard.state) == (130, 1, "running")
