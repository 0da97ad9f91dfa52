"""`why-not`: causes that are brought about for real, and what the command says of each."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta

import pytest

from faults.clocks import wall_clock
from support.schedulers import CRON, Scheduler

FILE = """
    timezone: America/New_York
    pipelines:
      data: {shell: "true", max_data_age: 1h}
      load: {shell: "echo x >> runs", depends_on: [data]}
    schedules:
      nightly: {pipelines: [data], cron: "0 1 * * *"}
      report: {pipelines: [load], cron: "0 1 * * *"}
"""
SIX = datetime(2026, 3, 2, 6, tzinfo=UTC)  # 01:00 in New York
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def demo(site):
    """The evening before. Its crontab does not answer, as little can be asked under a clock that is set."""
    crontab = site.write("fake/crontab", "#!/bin/sh\necho out of order >&2; exit 9\n")
    crontab.chmod(0o755)
    site.env["PATH"] = f"{crontab.parent}:{site.env['PATH']}"
    site.configure(FILE)
    with wall_clock(site) as site.clock:
        site.clock.set(SIX - 6 * HOUR)
        site.run("schedule", "audit")
        yield site


def change(site, more):
    """Give the schedule these further keys."""
    site.configure(FILE.replace('cron: "0 1 * * *"', more, 1))


def fire_at(site, when, *args):
    site.clock.set(when + timedelta(seconds=1))
    return site.run("fire", "nightly", *args)


def cause(site, when="2026-03-02T01:00"):
    """The first line, without the schedule and the slot."""
    done = site.run("why-not", "nightly", when, "--by", "crontab")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[0].split(": ", 1)[1]


def test_a_time_at_which_it_is_not_due_is_told_with_those_before_and_after(demo):
    assert cause(demo, "2026-03-02T02:00") == (
        "the schedule is not due then; it was due at 2026-03-02 06:00:00 UTC; it is due at 2026-03-03 06:00:00 UTC"
    )


def test_a_slot_before_the_schedule_was_known(demo):
    told = cause(demo, "2026-02-20T01:00")
    assert re.fullmatch(r"the schedule, with this rule, is in the ledger only since 2026-03-02 00:00:\d\d UTC", told)


def test_a_pause_is_told_with_its_reason_which_cannot_drive_the_terminal(demo):
    demo.run("pause", "nightly", "--schedule", "--reason", "holi\x1bdays")
    fire_at(demo, SIX)
    assert re.fullmatch(r"schedule nightly was paused since 2026-03-02T00:00:\S+Z: holi\\x1bdays", cause(demo))


def test_a_machine_that_was_not_there_and_makes_up_for_nothing(demo):
    change(demo, 'cron: "0 1 * * *", catch_up: none')
    fire_at(demo, SIX + 2 * HOUR)
    told = cause(demo)
    assert told in (
        "nothing woke us in time, and `catch_up: none` makes up for nothing",
        "the machine was off then, and `catch_up: none` makes up for nothing",  # this one was started later
    )


def test_a_slot_that_a_later_one_has_taken_the_place_of(demo):
    fire_at(demo, SIX + DAY)
    assert cause(demo) == "the later slot 2026-03-03T06:00:00Z runs instead"


def test_a_file_that_was_broken_then(demo):
    fire_at(demo, SIX - HOUR)
    demo.configure(FILE.replace("cron:", "crom:"))
    assert fire_at(demo, SIX).returncode == 78
    demo.configure(FILE)
    file = demo.root / "config" / "orchestration.yaml"
    assert cause(demo) == (
        f"the configuration could not be used: {file}:10:3: the schedule 'nightly' does not say when it is due"
    )


def test_while_the_file_is_broken_it_goes_by_what_it_was(demo):
    demo.configure(FILE.replace("shell", "shel", 1))
    done = demo.run("why-not", "nightly", "2026-03-03T01:00", "--by", "crontab")
    file = demo.root / "config" / "orchestration.yaml"
    assert done.returncode == 0
    assert f"warning: {file}:7:3: 'data' has nothing to run; going by how the file was before\n" in done.stderr
    assert done.stdout == (
        "nightly 2026-03-03 06:00:00 UTC: it is due at 2026-03-03 06:00:00 UTC, which is still to come\n"
    )


def test_a_rule_that_has_changed_since(demo):
    demo.clock.set(SIX + HOUR)
    change(demo, 'cron: "0 9 * * *"')
    assert cause(demo) == "it was due by the rule as it was before it was changed"


def test_a_schedule_that_is_switched_off_in_the_file(demo):
    change(demo, 'cron: "0 1 * * *", enabled: false')
    demo.clock.set(SIX + HOUR)
    demo.run("schedule", "audit")
    assert cause(demo, "2026-03-03T01:00") == "`enabled: false` in the configuration"


@pytest.fixture
def crontab(site):
    """A schedule that has been due since a moment ago, and a crontab that is empty; its clock is right."""
    scheduler = Scheduler(site.root / "fake", CRON)
    site.env["PATH"] = f"{scheduler.path}:{site.env['PATH']}"
    change(site, "every: 1s, catch_up: all")
    site.run("schedule", "audit")
    site.slot = next_second(site)
    return site


def next_second(site):
    """The next slot of what is due in every second, which is over when this returns."""
    slot = f"{datetime.now(UTC) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"
    site.until(lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" > slot)
    return slot


def test_a_pipeline_that_somebody_ran_is_told_with_its_run(crontab):
    held = FILE.replace('"true"', '"while test ! -e go-on && kill -0 $PPID; do sleep 0.05; done"')
    crontab.configure(held.replace('cron: "0 1 * * *"', "every: 1s", 1))
    running = crontab.start("run", "--pipeline", "data")
    try:
        crontab.until(lambda: crontab.json("status")["active_runs"])
        run_id = crontab.json("status")["active_runs"][0]["run_id"]
        slot = next_second(crontab)
        crontab.run("fire", "nightly")
    finally:
        (crontab.root / "go-on").touch()
        running.communicate(timeout=60)
    assert cause(crontab, slot) == f"run {run_id} was active"


def test_a_timer_that_is_not_installed_waits_or_was_stopped(crontab):
    assert cause(crontab, crontab.slot) == "no timer of it is installed (crontab); `tetra schedule apply` does"
    crontab.run("start", "--by", "crontab")
    assert cause(crontab, crontab.slot) == "it is due, and nothing has woken us for it yet"
    crontab.run("stop", "--by", "crontab")
    assert cause(crontab, crontab.slot) == ("its timer is installed and disabled (crontab); `tetra start` has it wait")


def test_a_machine_without_a_scheduler(crontab):
    if os.path.isdir("/run/systemd/system"):
        pytest.skip("systemd runs here")
    (crontab.root / "fake" / "bin" / "crontab").unlink()
    crontab.env["PATH"] = f"{crontab.root}/fake/bin"
    done = crontab.run("why-not", "nightly", crontab.slot)
    assert (done.returncode, done.stderr) == (0, "")
    slot = f"{crontab.slot[:10]} {crontab.slot[11:19]} UTC"
    assert (
        done.stdout
        == f"nightly {slot}: there is no scheduler here that could wake us; `tetra start --foreground` does\n"
    )


def test_a_scheduler_that_does_not_answer_is_told_of_and_not_blamed(demo):
    demo.clock.set(SIX + HOUR)
    done = demo.run("why-not", "nightly", "2026-03-02T01:00", "--by", "crontab")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == (
        "nightly 2026-03-02 06:00:00 UTC: it is due, and nothing has woken us for it yet"
    )
    assert done.stderr.startswith("warning: cannot ")


def test_a_dependency_that_has_not_succeeded(demo):
    demo.clock.set(SIX + timedelta(seconds=1))
    demo.run("fire", "report")
    done = demo.run("why-not", "report", "2026-03-02T01:00", "--by", "crontab")
    assert done.stdout.splitlines()[0] == "report 2026-03-02 06:00:00 UTC: load cannot start: data has never run"


def test_it_did_run(demo):
    fire_at(demo, SIX)
    run_id = demo.json("show")["run"]["run_id"]
    assert re.fullmatch(rf"it did run: run {run_id}, [0-5]\d? s after its slot, succeeded", cause(demo))


def test_the_whole_answer_with_what_supports_it(demo):
    demo.run("pause", "nightly", "--schedule")
    fire_at(demo, SIX)
    done = demo.run("why-not", "nightly", "2026-03-02T06:00:00Z", "--by", "crontab")
    lines = [line for line in done.stdout.splitlines() if "the machine was started after that" not in line]
    assert len(lines) == 2
    assert re.fullmatch(r"nightly 2026-03-02 06:00:00 UTC: schedule nightly was paused since \S+Z", lines[0])
    assert re.fullmatch(r"  it was settled as paused at 2026-03-02 06:00:0\d UTC", lines[1])


def test_the_answer_for_programs(demo):
    body = demo.json("why-not", "nightly", "2026-03-02T01:00", "--by", "crontab")
    assert body == {
        "schema": "tetra.why-not/1",
        "schedule": "nightly",
        "slot": "2026-03-02T06:00:00Z",
        "cause": {"code": "not_yet", "text": "it is due at 2026-03-02T06:00:00Z, which is still to come"},
        "evidence": [],
    }


def test_of_slots_near_a_time_the_nearest_is_meant(demo):
    change(demo, "every: 2s")
    fire_at(demo, SIX)
    fire_at(demo, SIX + timedelta(seconds=10))
    for asked, slot in (("06:00:02Z", "06:00:02Z"), ("06:00:06.9Z", "06:00:06Z"), ("06:00:08Z", "06:00:08Z")):
        assert demo.json("why-not", "nightly", f"2026-03-02T{asked}")["slot"] == f"2026-03-02T{slot}"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (
            ("nightly", "now"),
            "error: 'now' is not a time\n  hint: write it like 2026-03-01T20:00, or with a Z in UTC\n",
        ),
        (
            ("weekly", "2026-03-02"),
            "error: Unknown schedule: weekly\n"
            "  hint: schedules: nightly, report; `tetra schedule prune` removes timers of schedules that are gone\n",
        ),
    ],
)
def test_what_it_does_not_know_is_refused(site, args, text):
    site.configure(FILE)
    done = site.run("why-not", *args)
    assert (done.returncode, done.stdout, done.stderr) == (64, "", text)
