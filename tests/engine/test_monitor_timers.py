"""Whether the scheduler will wake us, by one in memory: files, states, next fires and when timers last woke us."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.builders import mode, pipeline, utc
from support.looks import HOUR, Lookout
from support.timers import FakeTimers
from tetra_orchestrator.core.history import DISABLED, SCHEDULE
from tetra_orchestrator.core.marker import marked
from tetra_orchestrator.core.model import Schedule
from tetra_orchestrator.core.units import Placement, UnitFile, timer_specs
from tetra_orchestrator.core.watching import Monitoring
from tetra_orchestrator.engine import timers
from tetra_orchestrator.engine.monitor import check_without
from tetra_orchestrator.errors import NotNow, StoreError

DAILY = Schedule("daily", "all", "0 21 * * *", "UTC")
OFTEN = Schedule("often", "all", None, "UTC", every_s=900.0)
NEXT = {"daily": utc(2026, 3, 1, 21), "often": utc(2026, 3, 1, 20, 15), "monitor": utc(2026, 3, 1, 20, 5)}
ALL_OK = dict.fromkeys(("daily", "often", "orchestrator", "monitor"), "ok")


class Timers(FakeTimers):
    """As a real one tells, too: when each is due next, and what could not be run."""

    def __init__(self, kind="systemd-user"):
        super().__init__()
        self.kind = kind
        self.next = dict(NEXT)
        self.failed = {}
        self.waiting = {}
        self.silent = False

    def installed(self, project):
        if self.silent:
            raise NotNow("no bus answers")
        return super().installed(project)

    def _state(self, project, name):
        state = super()._state(project, name)
        given = {"next_at": self.next.get(name), "failed": self.failed.get(name)}
        return state._replace(**given, waiting=self.waiting.get(name, state.waiting))


class Post(Lookout):
    """A project whose timers are installed at such a scheduler."""

    def __init__(self, kind="systemd-user", **fields):
        given = {"modes": (mode("all", "a"),), "schedules": (DAILY, OFTEN), "monitor": Monitoring()}
        super().__init__(pipeline("a"), **(given | fields))
        self.clock.slept = 10_000.0
        self.backend = Timers(kind)
        self.marks = {}
        specs = timer_specs(self.project, Placement("/v/python", kind, "/bin", "/home/ann"))
        note = lambda: lambda name: self.marks.__setitem__(name, self.now)  # noqa: E731
        self.site = timers.Site(
            self.backend, "demo", "/project", specs, self.now, lambda root: False, self.marks.get, note
        )
        self.sites = [self.site]

    def apply(self):
        timers.apply(timers.survey(self.site), self.site, ())
        return self

    def timers(self):
        """How they fare in a word each, and what was found of them."""
        health = self.look()
        found = [(one.code, one.subject) for one in health.findings if one.code.startswith(("timer", "unit"))]
        return health.system["timers"], found


@pytest.fixture
def post():
    return Post().apply()


def test_timers_that_wait_for_what_the_ledger_expects_are_all_right(post):
    assert post.timers() == (ALL_OK, [])


def test_where_nothing_was_ever_installed_that_is_one_word_and_no_finding():
    assert Post().timers() == ("none installed", [])


def test_a_project_without_schedules_waits_for_nothing():
    assert Lookout().look().system["timers"] is None


def test_a_loop_in_the_foreground_stands_for_all_of_them():
    post = Post()
    post.watched = True
    assert post.timers() == ("foreground", [])


def test_a_unit_that_was_deleted_is_missing(post):
    del post.backend.files["demo-daily.timer"]
    assert post.timers() == (ALL_OK | {"daily": "missing"}, [("timer_missing", "daily")])


@pytest.mark.parametrize(
    "change",
    [lambda backend: backend.enabled.discard("daily"), lambda backend: backend.waiting.update(daily=False)],
)
def test_a_timer_that_is_disabled_or_stopped_does_not_wait(post, change):
    change(post.backend)
    assert post.timers() == (ALL_OK | {"daily": "disarmed"}, [("timer_off", "daily")])


def test_one_whose_run_is_on_need_not_wait_and_has_no_next_time(post):
    post.backend.waiting["daily"] = False
    post.backend.active = {"daily"}
    post.backend.next["daily"] = None
    assert post.timers() == (ALL_OK, [])


def test_a_schedule_that_was_disabled_is_not_meant_to_wait(post):
    post.store.pause(SCHEDULE, "daily", post.now, None, DISABLED)
    post.backend.enabled.discard("daily")
    assert post.timers() == (ALL_OK | {"daily": "off"}, [])


def test_a_schedule_that_is_only_paused_has_a_timer_that_waits(post):
    post.store.pause(SCHEDULE, "daily", post.now, None, "a holiday")
    post.backend.enabled.discard("daily")
    assert post.timers()[1] == [("timer_off", "daily")]


def test_with_the_store_away_nobody_knows_which_are_meant_to_wait(post):
    post.backend.enabled.discard("daily")
    health = check_without(post.sight, StoreError("is away"))
    assert (health.system["timers"], [one.code for one in health.findings]) == (ALL_OK, ["database_down"])


def test_a_unit_with_another_text_is_stale(post):
    post.backend.files["demo-often.timer"] = UnitFile("demo-often.timer", marked("other\n", "demo", "/project", "# {}"))
    assert post.timers() == (ALL_OK | {"often": "stale"}, [("timer_stale", "often")])


def test_a_unit_that_no_schedule_wants_any_more_is_stale(post):
    post.backend.files["demo-old.timer"] = UnitFile("demo-old.timer", marked("old\n", "demo", "/project", "# {}"))
    assert post.timers() == (ALL_OK | {"old": "stale"}, [("timer_stale", "old")])


@pytest.mark.parametrize(
    ("next_at", "text"),
    [
        (None, "the timer daily has no next time; the next slot is at 2026-03-01T21:00:00Z"),
        (utc(2026, 3, 1, 19), "the timer daily is due at 2026-03-01T19:00:00Z, the next slot at 2026-03-01T21:00:00Z"),
        (utc(2026, 3, 1, 23), "the timer daily is due at 2026-03-01T23:00:00Z, the next slot at 2026-03-01T21:00:00Z"),
    ],
)
def test_a_timer_whose_next_fire_does_not_agree_with_the_ledger_is_astray(post, next_at, text):
    post.backend.next["daily"] = next_at
    assert post.timers() == (ALL_OK | {"daily": "astray"}, [("timer_astray", "daily")])
    assert post.texts("timer_astray") == [text]


def test_a_wake_more_than_the_schedule_needs_is_all_right(post):
    post.backend.next["daily"] = utc(2026, 3, 1, 20, 30)
    assert post.timers() == (ALL_OK, [])


def test_a_scheduler_that_does_not_tell_the_next_fire_is_believed():
    post = Post("launchd-user").apply()
    post.backend.next = {}
    assert post.timers() == (ALL_OK, [])


@pytest.mark.parametrize("kind", ["systemd-user", "launchd-user", "crontab"])
def test_a_timer_that_has_slept_through_a_slot_is_astray_whatever_the_scheduler(kind):
    post = Post(kind).apply()
    post.passes(2 * HOUR)
    post.marks |= dict.fromkeys(("often", "monitor"), post.now)
    post.backend.next = {name: at + 2 * HOUR for name, at in NEXT.items()} | {"daily": utc(2026, 3, 2, 21)}
    assert post.timers()[1] == [("timer_astray", "daily")]
    assert post.texts("timer_astray") == ["the timer daily has not woken us for the slot at 2026-03-01T21:00:00Z"]
    post.marks["daily"] = post.now
    assert post.timers()[1] == []


def test_a_machine_that_was_off_owes_no_wake_to_a_schedule_that_makes_up_for_nothing():
    post = Post(schedules=(DAILY._replace(catch_up="none"),)).apply()
    post.passes(3 * HOUR)
    post.backend.next = {"daily": utc(2026, 3, 2, 21), "monitor": post.now + timedelta(minutes=5)}
    post.clock.slept -= 10_000.0 + 3 * 3600  # it was started an hour or so ago
    assert post.timers()[1] == []


def test_a_program_that_could_not_be_started_is_told_by_its_timer(post):
    post.backend.failed["daily"] = "exit code 203"
    assert post.timers() == (ALL_OK | {"daily": "failed"}, [("unit_failed", "daily")])
    assert post.texts("unit_failed") == [
        "the scheduler could not run what the timer daily starts: exit code 203",
    ]


def test_a_scheduler_that_does_not_answer_is_a_finding_and_no_crash(post):
    post.backend.silent = True
    assert post.timers() == ("unknown", [("timers_unknown", "timers")])


def test_a_monitor_that_is_switched_off_has_no_timer_to_check():
    assert Post(monitor=Monitoring(timer=False)).apply().timers()[0] == {
        name: word for name, word in ALL_OK.items() if name != "monitor"
    }
