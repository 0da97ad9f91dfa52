"""What `doctor` says of a project's timers, on a scheduler in memory."""

from __future__ import annotations

import pytest

from support.builders import mode, pipeline, project, utc
from support.timers import FakeTimers
from tetra_orchestrator.core.diagnosis import Diagnosis
from tetra_orchestrator.core.marker import marked
from tetra_orchestrator.core.model import Schedule
from tetra_orchestrator.core.units import Placement, UnitFile, timer_specs
from tetra_orchestrator.core.watching import Monitoring
from tetra_orchestrator.engine import timers
from tetra_orchestrator.engine.timer_health import timer_health

#: A project that leaves the monitor out: what holds of a timer does not depend on how many there are.
UNWATCHED = Monitoring(timer=False)
APPLY = "tetra schedule apply"


class Machine:
    """A project with a schedule `daily` on a machine where its timers are installed."""

    def __init__(self):
        self.backend = FakeTimers()
        self.marks = {}
        self.configure("daily")
        timers.apply(timers.survey(self.site()), self.site(), ())

    def configure(self, *names, python="/v/bin/python"):
        schedules = tuple(Schedule(name, "all", "0 19 * * *", "UTC") for name in names)
        whole = project(pipeline("a"), modes=(mode("all", "a"),), schedules=schedules, monitor=UNWATCHED)
        self.specs = timer_specs(whole, Placement(python, "systemd-user", "/usr/bin:/bin", "/home/ann"))

    def site(self):
        mark = lambda: lambda name: self.marks.__setitem__(name, utc(2026, 5, 1))  # noqa: E731
        looks = (lambda root: False, self.marks.get, mark)
        return timers.Site(self.backend, "demo", "/project", self.specs, utc(2026, 5, 1), *looks)

    def edit(self, name, text):
        self.backend.files[name] = UnitFile(name, text)

    def health(self, disabled=()):
        return timer_health(self.site(), disabled)


@pytest.fixture
def machine():
    return Machine()


def test_timers_that_wait_as_the_file_has_them_are_all_right(machine):
    assert machine.health() == [Diagnosis("timers", "ok", "2 timers are installed as the file has them")]


def test_the_timer_that_is_due_first_is_named(machine, monkeypatch):
    due = {"daily": utc(2026, 5, 1, 19), "orchestrator": None}
    of_backend = machine.backend.states

    def states(project, names):
        return {name: state._replace(next_at=due[name]) for name, state in of_backend(project, names).items()}

    monkeypatch.setattr(machine.backend, "states", states)
    assert machine.health()[0].message == (
        "2 timers are installed as the file has them; the next, daily, is due at 2026-05-01T19:00:00Z"
    )


def test_a_project_without_schedules_and_timers_has_nothing_to_tell(machine):
    machine.backend.files.clear()
    machine.configure()
    assert machine.health() == []


def test_each_timer_that_is_not_installed_is_told_once(machine):
    machine.configure("daily", "weekly")
    assert machine.health() == [
        Diagnosis(
            "units_missing",
            "warning",
            "demo-weekly.timer is not installed: nothing wakes what it is for",
            APPLY,
        )
    ]


def test_a_unit_that_is_no_longer_what_the_file_says_is_stale(machine):
    machine.configure("daily", python="/other/bin/python")
    assert machine.health() == [
        Diagnosis("units_stale", "warning", "demo-daily.timer has changed", APPLY),
        Diagnosis("units_stale", "warning", "demo-orchestrator.timer has changed", APPLY),
    ]


def test_a_stale_unit_whose_run_is_active_waits_for_its_end(machine):
    machine.configure("daily", python="/other/bin/python")
    machine.backend.active = {"daily"}
    assert machine.health()[0] == Diagnosis(
        "units_stale",
        "warning",
        "demo-daily.timer has changed, but its run is active",
        f"when the run has ended: {APPLY}",
    )


def test_a_unit_that_was_edited_by_hand_may_stay(machine):
    machine.edit("demo-daily.timer", machine.backend.files["demo-daily.timer"].text + "jitter\n")
    assert machine.health() == [
        Diagnosis(
            "units_edited",
            "warning",
            "demo-daily.timer was edited by hand",
            f"keep it as it is, or give up what was edited: {APPLY} --force",
        )
    ]


def test_a_unit_of_somebody_else_in_the_place_of_ours_is_an_error(machine):
    machine.edit("demo-daily.timer", "mine\n")
    assert machine.health() == [
        Diagnosis(
            "units_foreign",
            "error",
            "demo-daily.timer is not from us",
            f"rename the schedule, or take the file over: {APPLY} --force",
        )
    ]


def test_a_unit_that_no_schedule_asks_for_is_to_be_removed(machine):
    machine.edit("demo-old.timer", marked("old\n", "demo", "/project", "# {}"))
    assert machine.health()[0] == Diagnosis(
        "units_orphaned", "warning", "demo-old.timer is wanted no more", "tetra schedule prune"
    )


def test_a_timer_that_was_switched_off_by_the_scheduler_s_own_means_is_a_warning(machine):
    machine.backend.enabled.discard("daily")
    assert machine.health() == [
        Diagnosis(
            "timer_off",
            "warning",
            "the timer daily is switched off",
            "tetra schedule enable daily",
        )
    ]


def test_a_timer_that_is_meant_not_to_wait_is_all_right(machine):
    machine.backend.enabled.discard("daily")
    assert [each.code for each in machine.health(disabled=("daily",))] == ["timers"]


def test_a_timer_that_the_scheduler_has_not_loaded_is_an_error(machine, monkeypatch):
    of_backend = machine.backend.states

    def states(project, names):
        return {name: state._replace(known=name != "daily") for name, state in of_backend(project, names).items()}

    monkeypatch.setattr(machine.backend, "states", states)
    assert machine.health() == [
        Diagnosis(
            "timer_off",
            "error",
            "the timer daily is not known to the scheduler",
            "tetra schedule enable daily",
        )
    ]
