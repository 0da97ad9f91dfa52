"""`start --foreground`: the real loop in a real folder, ended by real signals, also as process 1 of a container."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.components import require, require_root

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
OFTEN = """
    pipelines: {load: {shell: "echo x >> runs"}}
    modes: {all: [load]}
    schedules:
      often: {mode: all, every: 1s}
      off: {mode: all, cron: "30 3 * * *", timezone: Europe/Berlin, enabled: false, on_startup: true}
"""
HELD = OFTEN.replace("echo x >> runs", "echo x >> runs; exec sleep 60")
AT_START = """
    pipelines: {load: {shell: "echo x >> runs"}}
    modes: {all: [load]}
    schedules: {once: {mode: all, on_startup: true}}
"""


def begun(site):
    path = site.root / "runs"
    return path.read_text().count("x") if path.exists() else 0


def ended(process, number=signal.SIGTERM):
    """Exit code, output and errors after that signal."""
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def plain(out):
    """Lines without their stamps."""
    return [re.sub(r"^\[[^]]*\] ", "", line) for line in out.splitlines()]


def ours(site):
    """The processes that work in the project's folder."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            folder = os.readlink(f"/proc/{name}/cwd")
        except OSError:
            continue
        if folder == str(site.root) and int(name) != os.getpid():
            found.append(int(name))
    return found


def states(site):
    rows = site.json("schedule", "audit", "--since", "2026-01-01")["slots"]
    return [site.json("show", row["run_id"])["run"]["state"] for row in rows if row["run_id"]]


@linux
def test_what_is_due_is_run_again_and_again_until_term_ends_the_loop_and_nothing_is_left(site):
    site.configure(OFTEN)
    loop = site.start("start", "--foreground")
    site.until(lambda: begun(site) >= 2, 30)
    code, out, err = ended(loop)
    assert (code, err) == (0, "")
    assert ours(site) == []
    lines = plain(out)
    assert lines[:2] == [
        "schedule often: every 1.0 s UTC, enabled",
        "schedule off: 30 3 * * *, at startup Europe/Berlin, switched off",
    ]
    assert re.fullmatch(r"the next slot is 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ \(often\)", lines[2])
    assert "stopping: the runs that are active are ended" in lines
    assert lines.count("Running load (attempt 1)") - begun(site) in (0, 1)  # the last may end before it has said so
    assert len(states(site)) - begun(site) in (0, 1)


@linux
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_the_runs_that_are_active_with_the_loop(site, number, code):
    site.configure(HELD)
    loop = site.start("start", "--foreground")
    site.until(lambda: begun(site), 30)
    assert ended(loop, number)[0] == code
    assert ours(site) == []
    assert (states(site), begun(site)) == (["cancelled"], 1)


@linux
def test_runs_in_processes_of_their_own_end_with_the_loop_too(site):
    site.configure(HELD.replace("every: 1s", "every: 1s, overlap: allow"))
    loop = site.start("start", "--foreground")
    site.until(lambda: begun(site) >= 2, 30)
    assert ended(loop)[0] == 0
    site.until(lambda: ours(site) == [])  # a process ends a moment after its run
    assert set(states(site)) == {"cancelled"}
    assert len(states(site)) - begun(site) in (0, 1)


def test_a_second_loop_for_the_same_project_is_refused(site):
    site.configure(AT_START)
    with site.start("start", "--foreground") as loop:
        site.until(lambda: begun(site), 30)
        second = site.run("start", "--foreground")
        assert (second.returncode, second.stdout, second.stderr) == (
            75,
            "",
            f"error: {site.root}: another `start --foreground` waits for the times of this project already\n"
            "  hint: end that one first; a signal TERM does\n",
        )
        assert ended(loop)[0] == 0


def test_what_a_start_makes_due_runs_at_each_start_of_the_loop(site):
    site.configure(AT_START)
    for number in (1, 2):
        loop = site.start("start", "--foreground")
        site.until(lambda number=number: begun(site) == number, 30)
        assert ended(loop)[0] == 0
        second = int(time.time())
        site.until(lambda second=second: time.time() > second + 1)  # a slot is a whole second
    assert states(site)[-1] in ("succeeded", "cancelled")  # the signal may have been faster than the end


def test_the_list_and_why_not_know_that_a_loop_waits(site):
    site.configure(OFTEN.replace("every: 1s", 'cron: "0 6 * * *"').replace("enabled: false", "enabled: true"))
    with site.start("start", "--foreground", stdout=subprocess.DEVNULL) as loop:
        site.until(lambda: begun(site), 30)  # `off` is due at startup
        listed = site.json("schedule", "list")
        why = site.json("why-not", "often", "2026-03-02T06:00:00Z")
        assert ended(loop)[0] == 0
    assert listed["by"] == "foreground"
    assert {row["timer"]["waiting"] for row in listed["schedules"]} == {True}
    assert why["cause"]["code"] == "not_known"
    assert [reason["code"] for reason in why["evidence"] if reason["code"] != "booted_since"] == []
    assert site.json("schedule", "list")["by"] != "foreground"


def test_a_file_that_breaks_is_told_of_once_and_the_loop_goes_on_when_it_is_mended(site):
    site.configure(OFTEN)
    out, err = site.root / "out", site.root / "err"
    with open(out, "w") as shown, open(err, "w") as complaints:
        loop = site.start("start", "--foreground", stdout=shown, stderr=complaints)
        site.until(lambda: begun(site), 30)
        site.configure(OFTEN.replace("every:", "evry:"))
        # the guards that are woken meanwhile say so each, and miss what is due
        site.until(lambda: err.read_text().count("unknown key 'evry'") >= 2, 30)
        site.until(lambda: "; going by how the file was before" in out.read_text(), 30)
        seen = begun(site)
        site.configure(OFTEN)
        site.until(lambda: begun(site) > seen, 30)
        assert ended(loop)[0] == 0
    assert out.read_text().count("; going by how the file was before") == 1
    assert "Traceback" not in out.read_text() + err.read_text()
    slots = site.json("schedule", "audit")["slots"]
    assert "config_error" in [row["reason"]["code"] for row in slots if row["reason"]]


def test_a_file_in_another_folder_may_be_named_from_here(site, tmp_path):
    site.configure(AT_START)
    loop = site.start("start", "--foreground", "--config", f"{site.root.name}/config/orchestration.yaml", cwd=tmp_path)
    site.until(lambda: begun(site), 30)
    assert ended(loop)[0] == 0


def test_a_broken_file_is_refused_before_anything_waits(site):
    site.configure("pipelines: 7\n")
    done = site.run("start", "--foreground")
    assert (done.returncode, done.stdout) == (78, "")


def test_another_word_than_orchestrated_is_refused(site):
    site.configure(AT_START)
    done = site.run("start", "oneshot")
    assert (done.returncode, done.stdout, done.stderr) == (
        64,
        "",
        "error: start does not know 'oneshot'\n"
        "  hint: `start` installs the timers, `start --foreground` (or `start orchestrated`) waits for their times\n",
    )


# -- as the first process of a container ------------------------------------------------------------------------------


@linux
def test_as_process_1_it_buries_orphans_and_ends_on_term(site):
    require_root()
    orphan = "(setsid sh -c 'sleep 0.2; echo y >> orphans' &) ; echo x >> runs"
    site.configure(AT_START.replace('shell: "echo x >> runs"', f'shell: "{orphan}", background: true'))
    watch = 'ps -o stat=,comm= > "$0/seen.new"; mv "$0/seen.new" "$0/seen"'
    command = (require("unshare"), "--pid", "--fork", "--mount-proc", "--kill-child=TERM")
    loop = subprocess.Popen(
        [*command, sys.executable, "-m", "tetra_orchestrator", "start", "--foreground"],
        cwd=site.root,
        env=site.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first = site.until(lambda: children(loop.pid))[0]
    try:
        site.until((site.root / "orphans").exists, 30)
        enter = [require("nsenter"), f"--target={first}", "--pid", "--mount", "/bin/sh", "-c", watch, str(site.root)]
        site.until(lambda: subprocess.run(enter, check=True) and zombies(site) == [], 30)
        assert "python" in (site.root / "seen").read_text()
    finally:
        os.kill(first, signal.SIGTERM)
    out, err = loop.communicate(timeout=60)
    assert (loop.returncode, err) == (0, "")
    assert plain(out)[-1] == "stopping: the runs that are active are ended"


def children(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def zombies(site):
    return [line for line in (site.root / "seen").read_text().splitlines() if line.startswith("Z")]


# -- the service of the document of dativo ----------------------------------------------------------------------------

DATIVO = Path(__file__).resolve().parent.parent / "cases" / "dativo"


def test_D_001_D_002_D_009_D_063_D_109_the_service_tells_its_schedules_and_runs_their_jobs(site):
    app = site.root / "app"
    shutil.copytree(DATIVO / "app", app)
    bindings = (DATIVO / "bindings.yaml").read_text().replace("/app: ./app", f"/app: {app}")
    (app / "configs" / "bindings.yaml").write_text(bindings)
    runner = app / "configs" / "runner.yaml"
    runner.write_text(runner.read_text().replace('cron: "0 * * * *"', "interval_seconds: 1"))
    loop = site.start("start", "orchestrated", "--runner-config", "app/configs/runner.yaml")

    def ran():
        body = site.json("schedule", "audit", "--config", str(runner))["slots"]
        return [row["schedule"] for row in body if row["outcome"] == "ran"]

    site.until(ran, 30)
    code, out, err = ended(loop)
    assert (code, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]  # D-109: of the service and of its jobs
    assert lines[0]["message"].startswith("nothing is served on a port: ")
    assert [line["message"] for line in lines[1:3]] == [
        "schedule stripe_customers_hourly: every 1.0 s UTC, enabled",
        "schedule hubspot_contacts_daily: 15 2 * * * UTC, enabled",
    ]
    assert {"service", "job_started", "metrics_complete"} <= {line["event_type"] for line in lines}
    assert set(ran()) == {"stripe_customers_hourly"}
