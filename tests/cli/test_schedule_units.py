"""schedule list, plan, apply, prune, enable, disable and lint; start and stop: in the process, on fake schedulers."""

from __future__ import annotations

import json
import os
import plistlib
import re
import sys
from datetime import UTC, datetime, timedelta

import pytest

from support.schedulers.bench import BENCHES
from support.timers import SHARED, FakeTimers
from tetra_orchestrator import wire_timers
from tetra_orchestrator.cli import main
from tetra_orchestrator.core.marker import marked
from tetra_orchestrator.core.units import BOOT_SWEEP, MONITOR, UnitFile
from tetra_orchestrator.errors import NotNow, UsageError

FILE = f"""\
version: 1
project: demo
python: {sys.executable}
timezone: Europe/Berlin
pipelines: {{a: {{shell: "true"}}, b: {{shell: "true"}}}}
modes: {{all: [a, b]}}
schedules:
  daily: {{mode: all, cron: "0 19 * * *"}}
  often: {{pipelines: [a], every: 15m, timezone: UTC}}
"""
ONE_LESS = FILE.replace("  often:", "  # often:")
FILES = ["demo-daily.timer", "demo-often.timer", "demo-orchestrator.timer", "demo-monitor.timer", f"demo-{SHARED}"]
#: Its timers.
EVERY = ["daily", "often", BOOT_SWEEP, MONITOR]


class Console:
    """A project's folder in which commands are called, and the scheduler that they find."""

    def __init__(self, root, capture, backend):
        self.root = root
        self.capture = capture
        self.backend = backend
        (root / "config").mkdir(parents=True)
        self.configure(FILE)

    def configure(self, text):
        (self.root / "config/orchestration.yaml").write_text(text)

    def run(self, *args):
        """Exit code, standard output and standard error of a command."""
        self.capture.readouterr()
        code = main.run(args)
        return (code, *self.capture.readouterr())

    def json(self, *args):
        _, out, _ = self.run(*args, "--json")
        return json.loads(out)


def console_in(tmp_path, patch, capture, backend):
    for name in ("PIPELINE_CONFIG", "TETRA_HOME", "TETRA_STATE", "LOG_DIR"):
        patch.delenv(name, raising=False)
    patch.setattr(wire_timers, "timers", lambda by=None, system=False: backend)
    patch.setattr(wire_timers, "kinds_here", lambda: [backend.kind])
    console = Console(tmp_path / "my project", capture, backend)
    patch.chdir(console.root)
    return console


@pytest.fixture
def console(tmp_path, monkeypatch, capsys):
    return console_in(tmp_path, monkeypatch, capsys, FakeTimers())


@pytest.fixture(params=BENCHES)
def bench(request, tmp_path, monkeypatch):
    return BENCHES[request.param](tmp_path, monkeypatch)


@pytest.fixture
def real(bench, tmp_path, monkeypatch, capsys):
    """A console on a backend as it is, with programs that behave as the scheduler's own."""
    return console_in(tmp_path, monkeypatch, capsys, bench.backend)


@pytest.fixture
def alone(console, monkeypatch):
    """Where there is no scheduler."""

    def none(by=None, system=False):
        raise UsageError("there is no scheduler here: neither systemd, launchd nor cron")

    monkeypatch.setattr(wire_timers, "timers", none)
    monkeypatch.setattr(wire_timers, "kinds_here", list)
    return console


# On every backend.


def test_what_was_applied_waits_and_applying_it_again_changes_nothing(real, bench):
    code, out, err = real.run("schedule", "apply")
    assert (code, err) == (0, "")
    assert out.endswith(f"armed: daily, often, {BOOT_SWEEP}, {MONITOR}\n")
    assert bench.waiting(*EVERY) == EVERY
    disk, calls = bench.disk(), len(bench.scheduler.calls())
    assert real.run("schedule", "apply") == (0, "nothing to do: all timers are as they should be\n", "")
    assert bench.disk() == disk
    changing = {"enable", "disable", "daemon-reload", "bootstrap", "bootout", "-"}
    assert changing.isdisjoint(word for call in bench.scheduler.calls()[calls:] for word in call)


def test_uninstalling_leaves_nothing_behind(real, bench):
    before = bench.disk()
    real.run("schedule", "apply")
    code, out, _ = real.run("schedule", "prune", "--all")
    assert (code, bench.waiting(*EVERY)) == (0, [])
    assert {line.partition(":")[0] for line in out.splitlines()} == {"removed"}
    assert {name: text for name, text in bench.disk().items() if text.strip()} == before


def test_stop_and_start_hold_every_timer_and_let_it_go(real, bench):
    real.run("schedule", "apply")
    assert real.run("stop")[:2] == (0, "timer daily is disarmed\ntimer often is disarmed\n"
        f"timer {BOOT_SWEEP} is disarmed\ntimer {MONITOR} is disarmed\nno run is active\n")  # fmt: skip
    assert bench.waiting(*EVERY) == []
    assert "disarmed: daily, often, orchestrator, monitor" in real.run("schedule", "apply")[1]
    assert real.run("start")[1] == f"armed: daily, often, {BOOT_SWEEP}, {MONITOR}\n"
    assert bench.waiting(*EVERY) == EVERY


def test_a_disabled_schedule_stays_so_through_start_until_it_is_enabled(real, bench):
    real.run("schedule", "apply")
    assert real.run("schedule", "disable", "often")[:2] == (
        0,
        "often: the schedule is disabled, its timer is disarmed\n",
    )
    real.run("stop")
    assert real.run("start")[1] == f"armed: daily, {BOOT_SWEEP}, {MONITOR}\ndisarmed: often\n"
    assert bench.waiting("daily", "often") == ["daily"]
    assert real.run("schedule", "enable", "often")[1] == "often: the schedule is enabled, its timer is armed\n"
    assert bench.waiting("daily", "often") == ["daily", "often"]
    assert real.json("status")["pauses"] == []


@pytest.mark.parametrize("bench", ["systemd"], indirect=True)
def test_systemd_is_given_units_that_start_the_guard_from_this_interpreter(real, bench):
    real.run("schedule", "apply")
    service = (bench.folder() / "demo-daily.service").read_text()
    assert (
        f'ExecStart=:"{sys.executable}" "-P" "-m" "tetra_orchestrator" "fire" "daily" "--by" "systemd-user"' in service
    )
    assert f'Environment="TETRA_HOME={real.root}"\n' in service
    assert f"StandardOutput=append:{real.root}/logs/demo_daily.log\n" in service
    timer = (bench.folder() / "demo-daily.timer").read_text()
    assert "OnCalendar=*-*-* 19:00:00 Europe/Berlin\n" in timer
    assert (real.root / "logs").is_dir()


@pytest.mark.parametrize("bench", ["launchd"], indirect=True)
def test_launchd_is_given_lists_that_start_the_guard_from_this_interpreter(real, bench):
    real.run("schedule", "apply")
    job = plistlib.loads((bench.folder() / "com.demo.daily.plist").read_bytes())
    assert job["Label"] == "com.demo.daily"
    assert job["ProgramArguments"][0] == sys.executable
    assert job["ProgramArguments"][4:] == ["fire", "daily", "--by", "launchd-user"]
    assert job["WorkingDirectory"] == str(real.root)


def test_every_unit_says_until_when_it_wakes_us_at_the_right_times(real, bench):
    real.configure(FILE.replace("0 19 * * *", "30 2 * * *").replace("Europe/Berlin", "America/New_York"))
    real.run("schedule", "apply")
    read = wire_timers.valid_until(bench.backend.kind)
    ends = [end for end in (read(file.text) for file in bench.backend.installed("demo")) if end]
    assert len(ends) == 1
    assert timedelta(days=3 * 365) <= ends[0] - datetime.now(UTC) <= timedelta(days=4 * 366)


# What is told, on a scheduler in memory.


def test_plan_shows_what_apply_would_do_and_changes_nothing(console):
    assert console.run("schedule", "plan") == (
        0,
        "     unit                     it\n"
        "---  -----------------------  ------\n"
        "add  demo-daily.timer         is new\n"
        "add  demo-often.timer         is new\n"
        "add  demo-orchestrator.timer  is new\n"
        "add  demo-monitor.timer       is new\n"
        "add  demo-failure@.service    is new\n"
        "\n"
        "0 of 5 units are as they should be\n",
        "",
    )
    assert console.backend.calls == []
    console.run("schedule", "apply")
    assert console.run("schedule", "plan")[:2] == (0, "5 of 5 units are as they should be\n")


def test_plan_publishes_every_action(console):
    console.run("schedule", "apply")
    console.configure(ONE_LESS.replace("19", "18"))
    body = console.json("schedule", "plan")
    assert list(body) == ["schema", "by", "actions"]
    assert (body["schema"], body["by"]) == ("tetra.schedule.plan/1", "systemd-user")
    assert list(body["actions"][0]) == ["kind", "file", "text", "wanted"]
    assert [(one["kind"], one["file"], one["wanted"]) for one in body["actions"]][-1] == (
        *("orphan", "demo-often.timer", False),
    )


def test_apply_tells_what_it_did_and_what_it_left(console):
    console.backend.files["demo-often.timer"] = UnitFile("demo-often.timer", "mine\n")
    code, out, err = console.run("schedule", "apply")
    assert (code, out, err) == (
        1,
        "added: demo-daily.timer\n"
        "added: demo-orchestrator.timer\n"
        "added: demo-monitor.timer\n"
        "added: demo-failure@.service\n"
        "left: demo-often.timer is not from us\n"
        "armed: daily, orchestrator, monitor\n"
        "  hint: rename the schedule, or take the file over: `tetra schedule apply --force`\n",
        "",
    )
    assert console.run("schedule", "apply", "--force")[:2] == (0, "written over: demo-often.timer\narmed: often\n")


def test_apply_publishes_what_it_did_and_what_it_left(console):
    body = console.json("schedule", "apply")
    assert list(body) == ["schema", "by", "done", "left", "armed", "disarmed"]
    assert body["schema"] == "tetra.schedule.apply/1"
    assert [(one["kind"], one["file"]) for one in body["done"]] == [("add", name) for name in FILES]
    assert (body["left"], body["armed"], body["disarmed"]) == ([], EVERY, [])
    assert [one["kind"] for one in console.json("schedule", "apply")["left"]] == ["keep"] * 5


def test_what_was_edited_by_hand_stays_and_is_told_with_exit_code_1(console):
    console.run("schedule", "apply")
    file = console.backend.files["demo-daily.timer"]
    console.backend.files["demo-daily.timer"] = file._replace(text=file.text + "# mine\n")
    assert console.run("schedule", "apply")[:2] == (
        1,
        "left: demo-daily.timer was edited by hand\n"
        "  hint: to give up what was edited: `tetra schedule apply --force`\n",
    )


def test_a_run_that_is_in_the_way_ends_apply_with_75(console):
    console.run("schedule", "apply")
    file = console.backend.files["demo-daily.timer"]
    old = marked("as it was\n", "demo", str(console.root), "# {}")
    console.backend.files["demo-daily.timer"] = file._replace(text=old)
    console.backend.active = {"daily"}
    assert console.run("schedule", "apply")[:2] == (
        75,
        "left: demo-daily.timer has changed, but its run is active\n"
        "  hint: when the run has ended: `tetra schedule apply`\n",
    )


def test_what_nothing_wants_is_left_by_apply_and_removed_by_prune(console):
    console.run("schedule", "apply")
    console.configure(ONE_LESS)
    code, out, _ = console.run("schedule", "apply")
    assert code == 0
    assert out == (
        "left: demo-often.timer is wanted no more\n  hint: to remove what nothing wants: `tetra schedule prune`\n"
    )
    assert console.run("schedule", "prune")[:2] == (0, "removed: demo-often.timer\n")
    assert console.run("schedule", "prune")[:2] == (0, "nothing to do\n")


def test_uninstalling_leaves_what_runs_and_what_was_edited_and_says_so(console):
    console.run("schedule", "apply")
    file = console.backend.files["demo-often.timer"]
    console.backend.files["demo-often.timer"] = file._replace(text=file.text + "# mine\n")
    console.backend.active = {"daily"}
    code, out, _ = console.run("schedule", "prune", "--all")
    assert (code, sorted(console.backend.files)) == (75, ["demo-daily.timer", "demo-often.timer"])
    assert out.splitlines()[-4:] == [
        "left: demo-daily.timer is wanted no more, but its run is active",
        "left: demo-often.timer is wanted no more, but was edited by hand",
        "  hint: when the run has ended: `tetra schedule prune --all`",
        "  hint: to give up what was edited: `tetra schedule prune --all --force`",
    ]
    console.backend.active = set()
    assert console.run("schedule", "prune", "--all", "--force")[0] == 0
    assert console.backend.files == {}


def test_units_of_another_checkout_that_is_still_there_are_left(console, tmp_path):
    console.run("schedule", "apply")
    other = tmp_path / "other"
    other.mkdir()
    text = marked("x\n", "demo", str(other), "# {}")
    console.backend.files["demo-daily.timer"] = UnitFile("demo-daily.timer", text)
    assert f"left: demo-daily.timer is of the same project in {other}\n" in console.run("schedule", "apply")[1]
    assert "demo-daily.timer" not in console.run("schedule", "prune", "--all")[1]
    other.rmdir()
    assert console.run("schedule", "apply")[0] == 0
    assert "taken over: demo-daily.timer\n" not in console.run("schedule", "apply")[1]


def test_a_checkout_that_is_reached_by_another_path_is_the_same(console, tmp_path):
    os.symlink(console.root, tmp_path / "link")
    text = marked("x\n", "demo", str(tmp_path / "link"), "# {}")
    console.backend.files["demo-daily.timer"] = UnitFile("demo-daily.timer", text)
    assert "taken over: demo-daily.timer\n" in console.run("schedule", "apply")[1]


def test_a_file_that_is_not_found_by_itself_is_named_in_the_units(console):
    (console.root / "prod.yaml").write_text(FILE)
    console.run("schedule", "apply", "--config", "prod.yaml")
    assert f"--config {console.root}/prod.yaml" in console.backend.files["demo-daily.timer"].text
    console.configure(FILE)


def test_a_folder_for_logs_that_cannot_be_made_is_told_before_anything_is_written(console):
    (console.root / "logs").write_text("")
    code, out, err = console.run("schedule", "apply")
    assert (code, out, console.backend.calls) == (73, "", [])
    assert err == (
        f"error: {console.root}/logs: cannot make the folder: File exists\n"
        "  hint: make the folder writable, or set `logs.dir`\n"
    )


def test_a_scheduler_that_refuses_is_told(console):
    console.backend.refuses = True
    assert console.run("schedule", "apply") == (75, "", "error: no scheduler answers\n")


# list


def test_list_shows_what_runs_when_and_whether_its_timer_waits(console):
    assert [line.split("  ")[-1] for line in console.run("schedule", "list")[1].splitlines()[2:]] == [
        *["not installed"] * 2,
        *["", "the monitor looks every 5 min: not installed"],
    ]
    console.run("schedule", "apply")
    console.run("schedule", "disable", "often")
    lines = console.run("schedule", "list")[1].splitlines()
    assert re.split(" {2,}", lines[0]) == ["schedule", "runs", "when", "zone", "next (UTC)", "timer"]
    rows = [re.split(" {2,}", line) for line in lines[2:4]]
    assert [row[:4] for row in rows] == [
        ["daily", "all", "0 19 * * *", "Europe/Berlin"],
        ["often", "a", "every 15 min", "UTC"],
    ]
    assert [row[5] for row in rows] == ["waiting", "disarmed (disabled)"]


def test_list_publishes_all_of_a_schedule(console):
    console.configure(FILE.replace('cron: "0 19 * * *"', 'cron: "0 19 * * *", on_startup: true, enabled: false'))
    console.run("schedule", "apply")
    console.run("pause", "often", "--schedule", "--reason", "new disk")
    body = console.json("schedule", "list")
    assert (body["schema"], body["by"]) == ("tetra.schedule.list/1", "systemd-user")
    daily, often = body["schedules"]
    assert list(daily) == [
        *("schedule", "mode", "pipelines", "enabled", "cron", "every_s", "at", "on_startup", "timezone"),
        *("tags", "next_slot", "pause", "timer"),
    ]
    assert (daily["enabled"], daily["cron"], daily["timezone"], daily["on_startup"], daily["next_slot"]) == (
        *(False, "0 19 * * *", "Europe/Berlin", True, None),
    )
    assert (often["mode"], often["pipelines"], often["every_s"]) == (None, ["a"], 900.0)
    assert often["pause"]["reason"] == "new disk"
    assert often["timer"] == {
        "known": True,
        "enabled": True,
        "waiting": True,
        "active": False,
        "next_at": None,
        "last_at": None,
        "failed": None,
        "masked": False,
    }
    assert console.json("schedule", "list")["monitor"] == {"every_s": 300.0, "timer": often["timer"]}
    shown = console.run("schedule", "list")[1]
    assert "off in the file" in shown
    assert shown.endswith("\nthe monitor looks every 5 min: waiting\n")
    console.configure(f"{FILE}monitor: {{enabled: false}}\n")
    assert console.json("schedule", "list")["monitor"] is None


def test_list_says_that_a_schedule_without_times_is_left_to_the_boot_sweep(console):
    console.configure(FILE.replace("every: 15m, timezone: UTC", "on_startup: true"))
    console.run("schedule", "apply")
    line = console.run("schedule", "list")[1].splitlines()[3]
    assert re.split(" {2,}", line) == ["often", "a", "at startup", "Europe/Berlin", "-", "boot sweep"]


def test_list_works_where_there_is_no_scheduler(alone):
    body = alone.json("schedule", "list")
    assert (body["by"], [one["timer"] for one in body["schedules"]]) == (None, [None, None])
    assert alone.run("schedule", "list")[0] == 0


def test_list_says_that_the_scheduler_does_not_answer(console, monkeypatch):
    console.run("schedule", "apply")

    def refuse(*args):
        raise NotNow("no user bus", hint="log in")

    monkeypatch.setattr(console.backend, "states", refuse)
    code, out, err = console.run("schedule", "list")
    assert (code, err) == (0, "warning: no user bus\n  hint: log in\n")
    assert "daily" in out


# enable and disable


def test_disable_and_enable_say_what_became_of_each(console):
    console.run("schedule", "apply")
    assert console.json("schedule", "disable", "daily", "daily") == {
        "schema": "tetra.schedule.disable/1", "disabled": ["daily"], "disarmed": ["daily"]
    }  # fmt: skip
    (pause,) = console.json("status")["pauses"]
    assert (pause["kind"], pause["name"], pause["reason"], pause["until"]) == ("schedule", "daily", "disabled", None)
    assert console.json("schedule", "enable", "daily") == {
        "schema": "tetra.schedule.enable/1", "enabled": ["daily"], "armed": ["daily"]
    }  # fmt: skip


def test_disable_holds_where_no_timer_waits_and_where_there_is_no_scheduler(alone):
    assert alone.run("schedule", "disable", "daily")[:2] == (
        *(0, "daily: the schedule is disabled, and no timer waits for it\n"),
    )
    assert len(alone.json("status")["pauses"]) == 1
    assert alone.run("schedule", "enable", "daily")[:2] == (
        0,
        "daily: the schedule is enabled, but no timer of ours is installed: see `tetra schedule apply`\n",
    )
    assert alone.json("status")["pauses"] == []


def test_enable_ends_no_pause_that_was_made_for_another_reason(console):
    console.run("schedule", "apply")
    console.run("pause", "daily", "--schedule", "--reason", "new disk")
    console.run("schedule", "enable", "daily")
    assert [one["reason"] for one in console.json("status")["pauses"]] == ["new disk"]


def test_a_schedule_that_the_file_does_not_have_is_refused_before_any_is_disabled(console):
    code, out, err = console.run("schedule", "disable", "daily", "oftn")
    assert (code, out) == (64, "")
    assert err == "error: Unknown schedule: oftn\n  hint: did you mean 'often'? schedules: daily, often\n"
    assert console.json("status")["pauses"] == []


def test_a_schedule_that_is_off_in_the_file_is_enabled_there(console):
    console.configure(FILE.replace("every: 15m", "every: 15m, enabled: false"))
    assert console.run("schedule", "enable", "often") == (
        *(64, "", "error: the schedule often is off in the file\n  hint: set `enabled: true` there\n"),
    )


# start and stop


def test_start_installs_arms_and_publishes(console):
    body = console.json("start")
    assert (body["schema"], body["armed"]) == ("tetra.start/1", EVERY)


def test_stop_disarms_by_the_file_as_it_was_while_it_is_broken(console):
    console.run("schedule", "apply")
    console.configure(FILE.replace("pipelines", "pipelins"))
    code, out, _ = console.run("stop")
    assert (code, out.splitlines()[-1]) == (0, "no run is active")
    assert console.backend.enabled == set()


def test_stop_publishes_the_timers_that_it_disarmed(console):
    console.run("schedule", "apply")
    assert console.json("stop") == {
        "schema": "tetra.stop/1", "runs": [], "disarmed": EVERY
    }  # fmt: skip


def test_stop_ends_runs_where_timers_cannot_be_disarmed_and_says_so_by_its_exit_code(console):
    console.run("schedule", "apply")
    console.backend.refuses = True
    code, out, err = console.run("stop")
    assert (code, out) == (75, "no run is active\n")
    assert err == "warning: the timers are not disarmed: no scheduler answers\n"


def test_stop_works_where_there_is_no_scheduler(alone):
    assert alone.run("stop") == (0, "no run is active\n", "")


# lint


def test_lint_tells_what_may_be_other_than_expected(console):
    console.configure(FILE.replace("0 19 * * *", "*/7 * * * *"))
    code, out, _ = console.run("schedule", "lint", "daily")
    assert code == 1
    assert out.startswith("warning: daily: ")
    body = console.json("schedule", "lint", "daily")
    assert body["schema"] == "tetra.schedule.lint/1"
    assert list(body["findings"][0]) == ["code", "severity", "schedule", "text", "hint"]
    assert "uneven_step" in {one["code"] for one in body["findings"]}


def test_lint_has_nothing_to_say_of_a_plain_schedule(console):
    console.configure(FILE.replace("0 19 * * *", "*/15 * * * *").replace("timezone: Europe/Berlin", "timezone: UTC"))
    code, out, _ = console.run("schedule", "lint", "often")
    assert (code, out) == (0, "nothing to say\n")
    assert console.run("schedule", "lint", "nope")[2] == (
        "error: Unknown schedule: nope\n  hint: schedules: daily, often\n"
    )


# Which scheduler


@pytest.mark.parametrize(
    ("by", "system", "kind"),
    [
        ("systemd", False, "systemd-user"),
        ("systemd", True, "systemd-system"),
        ("systemd-system", False, "systemd-system"),
        ("launchd-user", False, "launchd-user"),
        ("launchd", True, "launchd-system"),
        ("crontab", False, "crontab"),
    ],
)
def test_the_scheduler_that_is_asked_for_is_taken(by, system, kind):
    assert wire_timers.timers(by, system).kind == kind


@pytest.mark.parametrize(("by", "system", "named"), [("at", False, "at"), ("crontab", True, "crontab --system")])
def test_a_scheduler_that_there_is_not_is_refused(by, system, named):
    with pytest.raises(UsageError) as told:
        wire_timers.timers(by, system)
    assert str(told.value) == (
        f"Unknown scheduler: {named}\n"
        "  hint: --by takes systemd, launchd, crontab; --system goes with systemd and launchd"
    )


def test_where_there_is_no_scheduler_the_foreground_is_offered(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os.path, "isdir", lambda path: False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(UsageError) as told:
        wire_timers.timers()
    assert str(told.value) == (
        "there is no scheduler here: neither systemd, launchd nor cron\n"
        "  hint: `tetra start --foreground` waits for the times itself, as long as it runs"
    )
