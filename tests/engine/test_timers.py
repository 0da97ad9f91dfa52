"""Installing, arming and removing timers, on a scheduler in memory."""

from __future__ import annotations

from datetime import datetime

import pytest

from support.builders import mode, pipeline, project, utc
from support.timers import FakeTimers
from tetra_orchestrator.core.marker import marked
from tetra_orchestrator.core.model import Schedule
from tetra_orchestrator.core.unit_plan import BUSY, CHANGE, EDITED, FOREIGN, MOVED, ORPHAN
from tetra_orchestrator.core.units import BOOT_SWEEP, Placement, UnitFile, timer_specs
from tetra_orchestrator.core.watching import Monitoring
from tetra_orchestrator.engine import timers
from tetra_orchestrator.errors import NotNow

PLACE = Placement("/opt/venv/bin/python", "systemd-user", "/usr/bin:/bin", "/home/ann")
FAILURE = "demo-failure@.service"
#: A project that leaves the monitor out: what holds of a timer does not depend on how many there are.
UNWATCHED = Monitoring(timer=False)
EVERY = ["daily", "weekly", BOOT_SWEEP]


class Machine:
    """A project on a machine. `configure` says which schedules its file has; `apply` and the others are the commands.

    Roots in `roots` are still there. `disabled` are the schedules that `schedule disable` was called for.
    """

    def __init__(self, backend=None):
        self.backend = backend or FakeTimers()
        self.now = utc(2026, 5, 1)
        self.root = "/project"
        self.roots = set()
        self.marks = {}
        self.disabled = set()
        self.configure("daily", "weekly")

    def configure(self, *names, python="/opt/venv/bin/python"):
        schedules = tuple(Schedule(name, "all", "0 19 * * *", "UTC") for name in names)
        self.project = project(pipeline("a"), modes=(mode("all", "a"),), schedules=schedules, monitor=UNWATCHED)
        self.specs = timer_specs(self.project, PLACE._replace(python=python))

    def site(self):
        mark = lambda: lambda name: self.marks.__setitem__(name, self.now)  # noqa: E731
        fields = (self.specs, self.now, self.roots.__contains__, self.marks.get, mark)
        return timers.Site(self.backend, "demo", self.root, *fields)

    def survey(self):
        return timers.survey(self.site(), self.disabled)

    def apply(self, **options):
        found = self.survey()
        return timers.apply(found, self.site(), {*found.stopped, *self.disabled}, **options)

    def start(self):
        return timers.apply(self.survey(), self.site(), self.disabled)

    def stop(self):
        found = self.survey()
        return timers.disarm(timers.of_ours(found, self.site()), found, self.site())

    def prune(self, **options):
        return timers.prune(self.survey(), self.site(), **options)

    def renew(self):
        found = self.survey()
        return timers.renew(found, self.site(), {*found.stopped, *self.disabled}, until)

    def put(self, name, body="mine\n", owner="demo", root="/project"):
        self.backend.files[name] = UnitFile(name, marked(body, owner, root, "# {}"))

    def edit(self, name):
        file = self.backend.files[name]
        self.backend.files[name] = file._replace(text=file.text + "# by hand\n")


def until(text):
    """Until when a file of the fake wakes us at the right times."""
    years = [line.split()[1] for line in text.splitlines() if line.startswith("until ")]
    return datetime.fromisoformat(f"{years[0]}-01-01T00:00:00Z") if years else None


def kinds(actions):
    return [(action.kind, action.file) for action in actions]


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def applied(machine):
    machine.apply()
    machine.backend.calls.clear()
    return machine


def test_apply_installs_every_timer_at_once_and_then_arms_them(machine):
    done = machine.apply()
    files = ["demo-daily.timer", "demo-weekly.timer", "demo-orchestrator.timer", FAILURE]
    assert machine.backend.calls == [("change", files, []), ("arm", EVERY)]
    assert done.armed == EVERY
    assert done.left == done.disarmed == []
    assert machine.marks == dict.fromkeys(EVERY, machine.now)


def test_applying_twice_changes_nothing(applied):
    before = dict(applied.marks)
    applied.now = utc(2026, 12, 31)
    done = applied.apply()
    assert (done.done, done.armed, applied.backend.calls, applied.marks) == ([], [], [], before)


def test_a_new_year_alone_changes_nothing_and_the_one_after_it_does(applied):
    applied.now = utc(2027, 1, 1)
    assert applied.apply().done == []
    applied.now = utc(2028, 1, 1)
    assert {action.kind for action in applied.apply().done} == {CHANGE}


def test_what_has_changed_is_written_for_that_timer_alone_and_armed_again(applied):
    applied.configure("daily", "weekly", "monthly")
    applied.put("demo-daily.timer", "as it was\n")
    applied.now = utc(2026, 5, 2)
    done = applied.apply()
    assert applied.backend.calls == [
        ("change", ["demo-daily.timer", "demo-monthly.timer"], []),
        ("arm", ["daily", "monthly"]),
    ]
    assert done.armed == ["daily", "monthly"]
    assert [name for name, at in applied.marks.items() if at == applied.now] == ["daily", "monthly"]


def test_what_the_scheduler_starts_at_once_finds_the_mark_of_before(applied):
    first = applied.marks["daily"]
    applied.backend.starts_at_once = {"daily"}
    applied.configure("daily", "weekly", python="/usr/bin/python3")
    applied.now = utc(2026, 5, 2)
    assert "daily" in applied.apply().armed
    assert (applied.marks["daily"], applied.marks["weekly"]) == (first, applied.now)


def test_a_timer_that_somebody_has_disarmed_stays_so_even_if_its_unit_changes(applied):
    applied.backend.enabled.remove("daily")
    assert applied.apply().disarmed == ["daily"]
    applied.configure("daily", "weekly", python="/usr/bin/python3")
    done = applied.apply()
    assert (done.armed, done.disarmed) == (["weekly", BOOT_SWEEP], ["daily"])
    assert "daily" not in applied.backend.enabled


def test_a_timer_that_was_never_armed_is_armed_by_the_next_apply(applied):
    applied.backend.enabled.remove("daily")
    del applied.marks["daily"]
    assert applied.apply().armed == ["daily"]
    assert applied.backend.calls == [("arm", ["daily"])]


def test_a_disabled_schedule_is_installed_but_not_armed(machine):
    machine.disabled = {"weekly"}
    done = machine.apply()
    assert (done.armed, done.disarmed) == (["daily", BOOT_SWEEP], ["weekly"])
    assert "demo-weekly.timer" in machine.backend.files
    assert machine.backend.enabled == {"daily", BOOT_SWEEP}


def test_a_disabled_schedule_whose_timer_waits_all_the_same_is_disarmed(applied):
    applied.disabled = {"weekly"}
    applied.configure("daily", "weekly", python="/usr/bin/python3")
    applied.apply()
    assert ("disarm", ["weekly"]) in applied.backend.calls
    assert applied.backend.enabled == {"daily", BOOT_SWEEP}


def test_stop_disarms_every_timer_and_start_arms_all_but_the_disabled(applied):
    applied.disabled = {"weekly"}
    assert applied.stop() == EVERY
    assert applied.backend.enabled == set()
    assert applied.stop() == []
    assert applied.apply().disarmed == EVERY
    assert applied.start().armed == ["daily", BOOT_SWEEP]
    assert applied.backend.enabled == {"daily", BOOT_SWEEP}


def test_stop_disarms_what_nothing_wants_any_more_and_nothing_of_another_s(applied):
    applied.roots = {"/another"}
    applied.put("demo-weekly.timer", root="/another")
    applied.configure("weekly")
    assert applied.stop() == [BOOT_SWEEP, "daily"]
    assert applied.backend.enabled == {"weekly"}


def test_apply_leaves_what_is_another_s_and_does_not_arm_it(machine):
    machine.roots = {"/another"}
    machine.put("demo-daily.timer", root="/another")
    done = machine.apply()
    assert kinds(done.left) == [(FOREIGN, "demo-daily.timer")]
    assert "mine" in machine.backend.files["demo-daily.timer"].text
    assert done.armed == ["weekly", BOOT_SWEEP]


def test_apply_takes_over_what_was_of_a_checkout_that_has_gone(applied):
    applied.root = "/moved"
    done = applied.apply()
    assert {action.kind for action in done.done} == {MOVED}
    assert all("root=/moved " in file.text for file in applied.backend.files.values())


def test_apply_leaves_what_was_edited_and_what_nothing_wants(applied):
    applied.edit("demo-daily.timer")
    applied.configure("daily", python="/usr/bin/python3")
    done = applied.apply()
    assert kinds(done.left) == [
        *[(EDITED, "demo-daily.timer"), ("keep", FAILURE), (ORPHAN, "demo-weekly.timer")],
    ]
    assert applied.backend.files["demo-daily.timer"].text.endswith("# by hand\n")


def test_apply_by_force_writes_over_what_is_in_the_way_and_removes_what_nothing_wants(applied):
    applied.edit("demo-daily.timer")
    applied.roots = {"/another"}
    applied.put("demo-orchestrator.timer", root="/another")
    applied.configure("daily")
    applied.apply(force=True)
    assert sorted(applied.backend.files) == ["demo-daily.timer", FAILURE, "demo-orchestrator.timer"]
    assert not any("by hand" in file.text or "/another" in file.text for file in applied.backend.files.values())


def test_a_unit_whose_run_is_active_is_neither_changed_nor_removed(applied):
    applied.backend.active = {"daily", "weekly"}
    applied.configure("daily", python="/usr/bin/python3")
    before = dict(applied.backend.files)
    left = kinds(applied.apply(force=True).left)
    assert left[:1] + left[2:] == [(BUSY, "demo-daily.timer"), (BUSY, "demo-weekly.timer")]
    assert kinds(applied.prune(force=True).left)[-1] == (BUSY, "demo-weekly.timer")
    assert {name: applied.backend.files[name] for name in ("demo-daily.timer", "demo-weekly.timer")} == {
        name: before[name] for name in ("demo-daily.timer", "demo-weekly.timer")
    }


def test_prune_removes_what_nothing_wants_and_what_was_edited_only_by_force(applied):
    applied.configure("daily")
    applied.edit("demo-weekly.timer")
    assert applied.prune().done == []
    assert kinds(applied.prune(force=True).done) == [(EDITED, "demo-weekly.timer")]
    assert sorted(applied.backend.files) == ["demo-daily.timer", FAILURE, "demo-orchestrator.timer"]
    assert applied.backend.enabled == {"daily", BOOT_SWEEP}


def test_prune_of_a_project_without_timers_removes_all_of_its_files(applied):
    applied.put("demo-x-daily.timer", owner="demo-x")
    applied.specs = []
    applied.prune()
    assert list(applied.backend.files) == ["demo-x-daily.timer"]


def test_a_schedule_whose_name_changes_its_case_keeps_its_file_where_case_does_not_count():
    machine = Machine(FakeTimers(any_case=True))
    machine.configure("Daily")
    machine.apply()
    machine.configure("daily")
    machine.apply()
    assert [file.name for file in machine.backend.files.values()] == [
        *["demo-orchestrator.timer", FAILURE, "demo-daily.timer"],
    ]
    machine.prune()
    machine.backend.calls.clear()
    machine.apply()
    assert machine.backend.calls == []
    assert "daily" in machine.backend.enabled


def test_a_scheduler_that_refuses_is_told_and_leaves_everything_as_it_was(machine):
    machine.backend.refuses = True
    with pytest.raises(NotNow, match="^no scheduler answers$"):
        machine.apply()
    assert (machine.backend.files, machine.marks) == ({}, {})


def test_looking_and_applying_nothing_need_no_scheduler_that_answers(applied):
    applied.backend.refuses = True
    assert applied.apply().done == []


def test_what_wakes_us_at_the_right_times_for_less_than_a_year_is_renewed(applied):
    applied.now = utc(2027, 12, 31)
    assert applied.renew() == timers.Applied([], [], [], [])
    applied.now = utc(2028, 2, 1)
    applied.edit("demo-weekly.timer")
    applied.configure("daily", "weekly", "monthly")
    done = applied.renew()
    assert kinds(done.done) == [(CHANGE, "demo-daily.timer"), (CHANGE, "demo-orchestrator.timer")]
    assert until(applied.backend.files["demo-daily.timer"].text) == utc(2031, 1, 1)
    assert "demo-monthly.timer" not in applied.backend.files


def test_a_renewed_timer_that_was_disarmed_stays_so(applied):
    applied.backend.enabled.remove("daily")
    applied.now = utc(2028, 2, 1)
    assert applied.renew().disarmed == ["daily"]
    assert "daily" not in applied.backend.enabled


def test_arming_and_disarming_by_name_touch_only_what_is_installed_and_ours(applied):
    applied.roots = {"/another"}
    applied.put("demo-weekly.timer", root="/another")
    found = applied.survey()
    assert timers.disarm(["daily", "weekly", "monthly"], found, applied.site()) == ["daily"]
    found = applied.survey()
    assert timers.arm(["daily", "weekly", "monthly"], found, applied.site()) == ["daily"]
    assert applied.backend.calls == [("disarm", ["daily"]), ("arm", ["daily"])]
