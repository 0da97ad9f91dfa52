"""`fire`, as timers start it: real processes in a real folder, several at once, killed, and by a clock that is set."""

from __future__ import annotations

import os
import re
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from faults.clocks import wall_clock

NIGHTLY = """
    pipelines: {load: {shell: "echo x >> runs"}}
    modes: {all: [load]}
    schedules:
      nightly: {mode: all, cron: "0 6 * * *"}
"""
#: Due in every second, so that a wake finds something whatever the time.
SECONDLY = NIGHTLY.replace('cron: "0 6 * * *"', "every: 1s")
#: Each of its tasks waits until the test lets go on.
HELD = SECONDLY.replace(
    "echo x >> runs", "echo x >> runs; while test ! -e go-on && kill -0 $PPID 2>&-; do sleep 0.05; done"
)
SIX = datetime(2026, 3, 2, 6, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def clock(site):
    """The evening before the first slot that the tests speak of."""
    with wall_clock(site) as clock:
        clock.set(SIX - 10 * timedelta(hours=1))
        yield clock


def slots(site, *names):
    """The rows of the ledger, by a command that only looks."""
    return site.json("schedule", "audit", *names, "--since", "2026-01-01", "--until", "2100-01-01")["slots"]


def outcomes(site, *names):
    return [(row["slot"], row["outcome"], (row["reason"] or {}).get("code")) for row in slots(site, *names)]


def runs(site, *names):
    """The runs of all slots, oldest first."""
    return [site.json("show", row["run_id"])["run"] for row in slots(site, *names) if row["run_id"]]


def tasks_begun(site):
    path = site.root / "runs"
    return path.read_text().count("x") if path.exists() else 0


def a_moment_ago():
    """A local time two seconds ago."""
    return f"{datetime.now(UTC) - timedelta(seconds=2):%Y-%m-%dT%H:%M:%S}"


def until_next_second(site):
    """Wait until what is due in every second is due once more."""
    now = int(time.time())
    site.until(lambda: time.time() > now + 1)


def refused(site, *args):
    """Exit code and the whole text of a call that is refused."""
    done = site.run("fire", *args)
    assert done.stdout == ""
    return done.returncode, done.stderr


# -- one wake ---------------------------------------------------------------------------------------------------------


def test_a_wake_in_time_runs_the_slot_and_shows_the_run_and_a_second_one_says_nothing(site, clock):
    site.configure(NIGHTLY)
    clock.set(SIX + timedelta(seconds=1))
    done = site.run("fire", "nightly", "--by", "crontab")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line[22:] for line in done.stdout.splitlines() if "Run 2" not in line] == [
        "Starting orchestration in all mode",
        "Running load (attempt 1)",
        "load completed successfully",
        "Orchestration completed",
    ]
    again = site.run("fire", "nightly", "--by", "crontab")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    [row] = slots(site)
    assert row["lateness_s"] < 60
    assert row == {
        "schedule": "nightly",
        "slot": "2026-03-02T06:00:00Z",
        "outcome": "ran",
        "reason": None,
        "run_id": runs(site)[0]["run_id"],
        "lateness_s": row["lateness_s"],
    }
    assert [(run["trigger"], run["slot"]) for run in runs(site)] == [("schedule", "2026-03-02T06:00:00Z")]
    assert tasks_begun(site) == 1


def test_a_wake_when_nothing_is_due_runs_nothing(site, clock):
    site.configure(NIGHTLY)
    done = site.run("fire", "nightly", "--by", "crontab")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (slots(site), runs(site), tasks_begun(site)) == ([], [], 0)


def test_three_nights_without_a_wake_are_made_up_for_by_one_late_run(site, clock):
    site.configure(NIGHTLY)
    site.run("fire", "nightly")
    clock.set(SIX + 2 * DAY + 90 * MINUTE)
    assert site.run("fire", "nightly").returncode == 0
    assert outcomes(site) == [
        ("2026-03-02T06:00:00Z", "skipped_policy", "superseded"),
        ("2026-03-03T06:00:00Z", "skipped_policy", "superseded"),
        ("2026-03-04T06:00:00Z", "late", None),
    ]
    assert [run["trigger"] for run in runs(site)] == ["catch_up"]


def test_the_exit_code_is_that_of_the_run(site):
    site.configure(SECONDLY.replace("echo x >> runs", "exit 7"))
    done = site.run("fire", "nightly")
    assert done.returncode == 2
    assert "load failed" in done.stdout
    assert {row["outcome"] for row in slots(site) if row["run_id"]} == {"ran"}


def test_the_configuration_may_be_elsewhere_than_where_a_timer_starts_us(site, tmp_path):
    site.configure(SECONDLY)
    file = site.root / "config" / "orchestration.yaml"
    assert site.run("fire", "nightly", "--by", "crontab", "--config", str(file), cwd=tmp_path).returncode == 0
    assert tasks_begun(site) >= 1


# -- held back --------------------------------------------------------------------------------------------------------


def test_a_paused_schedule_is_settled_as_paused_and_runs_when_the_pause_is_over(site, clock):
    site.configure(NIGHTLY)
    site.run("pause", "nightly", "--schedule", "--reason", "holidays")
    clock.set(SIX + timedelta(seconds=1))
    assert site.run("fire", "nightly").returncode == 0
    assert (outcomes(site), tasks_begun(site)) == ([("2026-03-02T06:00:00Z", "paused", "paused")], 0)
    [row] = slots(site)
    assert re.fullmatch(r"schedule nightly was paused since 2026-03-01T20:00:\S+Z: holidays", row["reason"]["text"])
    site.run("unpause", "nightly", "--schedule")
    clock.set(SIX + DAY + timedelta(seconds=1))
    site.run("fire", "nightly")
    assert [outcome for _, outcome, _ in outcomes(site)] == ["paused", "ran"]


def test_a_schedule_that_is_switched_off_in_the_file_is_never_due(site):
    site.configure(SECONDLY.replace("every: 1s", "every: 1s, enabled: false"))
    done = site.run("fire", "nightly", "--by", "crontab")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (slots(site), tasks_begun(site)) == ([], 0)


def test_a_pipeline_that_somebody_runs_skips_the_slot_and_names_who(site):
    site.configure(HELD)
    running = site.start("run")
    try:
        site.until(lambda: tasks_begun(site))
        until_next_second(site)
        done = site.run("fire", "nightly")
    finally:
        (site.root / "go-on").touch()
        running.communicate(timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
    assert "run_active" in [code for _, outcome, code in outcomes(site) if outcome == "skipped_overlap"]
    assert (runs(site), tasks_begun(site)) == ([], 1)


# -- what cannot be used ----------------------------------------------------------------------------------------------


def test_a_broken_file_ends_with_78_and_what_was_due_is_missed_for_that_reason(site, clock):
    site.configure(NIGHTLY)
    site.run("fire", "nightly")
    site.configure(NIGHTLY.replace("cron:", "crom:"))
    clock.set(SIX + timedelta(seconds=1))
    code, text = refused(site, "nightly", "--by", "crontab")
    assert (code, "Traceback" in text) == (78, False)
    assert "unknown key 'crom'" in text
    site.configure(NIGHTLY)
    assert outcomes(site) == [("2026-03-02T06:00:00Z", "missed", "config_error")]
    clock.set(SIX + DAY + timedelta(seconds=1))
    assert site.run("fire", "nightly").returncode == 0
    assert [outcome for _, outcome, _ in outcomes(site)] == ["missed", "ran"]


def test_a_broken_file_that_was_never_a_good_one_ends_with_78(site):
    site.configure("pipelines: 7\n")
    code, text = refused(site, "nightly")
    assert (code, "Traceback" in text, "slots" in text) == (78, False, False)
    assert not (site.root / "state" / "tetra.db").exists()


def test_an_unknown_schedule_is_refused_with_those_that_there_are(site):
    site.configure(NIGHTLY)
    assert refused(site, "nightli", "--by", "crontab") == (
        64,
        "error: Unknown schedule: nightli\n"
        "  hint: did you mean 'nightly'? schedules: nightly; "
        "`tetra schedule prune` removes timers of schedules that are gone\n",
    )


@pytest.mark.parametrize("text", ["noon", "2026-03-02", "2026-03-02T06:00:00"])
def test_a_slot_that_cannot_be_read_is_refused(site, text):
    site.configure(NIGHTLY)
    assert refused(site, "nightly", "--slot", text) == (
        64,
        f"error: --slot '{text}' is not a time\n  hint: write it like 2026-03-01T20:00:00Z\n",
    )


@pytest.mark.parametrize("args", [(), ("nightly", "--boot")])
def test_either_a_schedule_or_all_of_them_must_be_meant(site, args):
    site.configure(NIGHTLY)
    assert refused(site, *args) == (
        64,
        "error: fire takes a schedule or --boot\n  hint: `tetra schedule list` names the schedules\n",
    )


def test_a_slot_that_nobody_has_left_to_us_is_not_run(site):
    site.configure(SECONDLY)
    done = site.run("fire", "nightly", "--slot", "2026-03-02T06:00:00Z")
    assert (done.returncode, done.stdout, tasks_begun(site)) == (0, "", 0)


# -- several at once --------------------------------------------------------------------------------------------------


def test_of_twelve_wakes_at_once_one_runs_the_slot(site):
    site.configure(NIGHTLY.replace('cron: "0 6 * * *"', f"at: {a_moment_ago()}"))
    racers = [site.start("fire", "nightly", "--by", "crontab") for _ in range(12)]
    ends = [(*racer.communicate(timeout=60), racer.returncode) for racer in racers]
    assert [code for *_, code in ends] == [0] * 12
    assert {text for _, text, _ in ends} == {""}
    assert len([out for out, *_ in ends if "Orchestration completed" in out]) == 1
    assert ([outcome for _, outcome, _ in outcomes(site)], tasks_begun(site)) == (["ran"], 1)


def test_a_guard_that_is_killed_in_the_middle_of_a_run_leaves_a_lost_run_and_a_slot_that_ran(site):
    site.configure(HELD)
    with site.start("fire", "nightly") as killed:
        site.until(lambda: tasks_begun(site))
        killed.kill()
    (site.root / "go-on").touch()
    until_next_second(site)
    done = site.run("fire", "nightly")
    assert done.returncode == 0
    lost, *others = runs(site)
    assert (lost["state"], [run["state"] for run in others]) == ("lost", ["succeeded"] * len(others))
    assert len(others) >= 1
    assert {row["outcome"] for row in slots(site) if row["run_id"]} == {"ran"}
    assert tasks_begun(site) == len(others) + 1


def test_a_wake_that_is_told_to_end_leaves_its_run_cancelled_and_exits_as_signals_do(site):
    site.configure(HELD)
    told = site.start("fire", "nightly")
    site.until(lambda: tasks_begun(site))
    told.send_signal(signal.SIGTERM)
    told.communicate(timeout=60)
    assert told.returncode == 143
    [run] = runs(site)
    assert run["state"] == "cancelled"
    assert [row["outcome"] for row in slots(site) if row["run_id"]] == ["ran"]


# -- runs in processes of their own -----------------------------------------------------------------------------------

BESIDE = HELD.replace("every: 1s", "every: 1s, overlap: allow")


@pytest.mark.parametrize("by", ["crontab", "foreground"])
def test_a_schedule_whose_runs_may_overlap_leaves_each_to_a_process_of_its_own(site, by):
    site.configure(BESIDE)
    shown, complaints = site.root / "shown", site.root / "complaints"
    for number in (1, 2):
        # no pipes: without a scheduler, whoever is left with a slot has them open for as long as it runs
        with open(shown, "a") as out, open(complaints, "a") as err:
            assert site.start("fire", "nightly", "--by", by, stdout=out, stderr=err).wait(60) == 0
        site.until(lambda number=number: tasks_begun(site) == number)
        until_next_second(site)
    both = {run["run_id"]: run["state"] for run in runs(site)}
    assert list(both.values()) == ["running", "running"]
    (site.root / "go-on").touch()  # whoever ends goes on with the next slot, if another has fallen due
    site.until(lambda: [row["outcome"] for row in slots(site) if row["run_id"] in both] == ["ran", "ran"], 30)
    if by == "foreground":  # each of them tells of its run where we were to
        site.until(lambda: shown.read_text().count("Orchestration completed") >= 2)
    else:
        assert shown.read_text() == ""
    assert complaints.read_text() == ""


# -- after the machine has started ------------------------------------------------------------------------------------

AT_START = NIGHTLY.replace('cron: "0 6 * * *"', "on_startup: true")


def test_the_boot_sweep_runs_what_a_start_makes_due_once_in_each_boot(site):
    site.configure(AT_START)
    for _ in range(2):
        done = site.run("fire", "--boot", "--by", "crontab")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        site.until(lambda: [row["outcome"] for row in slots(site)] == ["ran"], 30)
    site.until(lambda: "Orchestration completed" in (site.root / "logs" / "demo_orchestrator.log").read_text())
    assert tasks_begun(site) == 1


NEVER = """
      never: {mode: all, cron: "30 5 * * *", catch_up: none}
"""


def test_the_boot_sweep_wakes_what_was_missed_and_settles_the_rest(site, clock):
    site.configure(NIGHTLY + NEVER)
    site.run("fire", "--boot")
    clock.set(SIX + DAY + 90 * MINUTE)
    assert site.run("fire", "--boot").returncode == 0
    log = site.root / "logs" / "demo_nightly.log"  # whoever waits for a store under a clock that is set fails
    site.until(lambda: log.exists() and "Orchestration completed" in log.read_text(), 30)
    assert [outcome for _, outcome, _ in outcomes(site, "nightly")] == ["skipped_policy", "late"]
    assert {outcome for _, outcome, _ in outcomes(site, "never")} == {"missed"}
    assert tasks_begun(site) == 1


def test_the_boot_sweep_of_a_loop_in_the_foreground_wakes_nobody_and_counts_every_start_of_that(site):
    site.configure(AT_START)
    for _ in range(2):
        assert site.run("fire", "--boot", "--by", "foreground").returncode == 0
        until_next_second(site)
    assert [outcome for _, outcome, _ in outcomes(site)] == ["skipped_policy", "expected"]
    assert site.run("fire", "nightly", "--by", "foreground").returncode == 0
    assert [outcome for _, outcome, _ in outcomes(site)] == ["skipped_policy", "ran"]
    assert tasks_begun(site) == 1


def test_a_wake_notes_when_it_was_so_that_a_start_by_hand_can_be_told_from_it(site):
    site.configure(NIGHTLY)
    before = datetime.now(UTC).timestamp()
    site.run("fire", "nightly")
    assert not (site.root / "state" / "wakes").exists()
    site.run("fire", "nightly", "--by", "crontab")
    assert os.stat(site.root / "state" / "wakes" / "nightly").st_mtime >= before - 1
