"""`monitor` as a user calls it: what it prints and publishes, its exit code, and what it goes on without."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.components import require
from support.http_server import HttpServer, Reply, closed_port

REPOSITORY = Path(__file__).parents[2]
FILE = """
    pipelines:
      load: {shell: "echo loaded", max_data_age: 1h}
      report: {shell: "exit $(cat code 2>/dev/null || echo 0)", depends_on: [load]}
"""


@pytest.fixture
def ran(site):
    site.configure(FILE)
    assert site.run("run").returncode == 0
    return site


def fail(site):
    site.write("code", "3")
    assert site.run("run").returncode == 2


def test_the_exit_code_is_the_verdict_T_198(ran):
    assert ran.run("monitor", "--once").returncode == 0
    log = next((ran.root / "logs/runs").glob("*/load.1.log"))
    os.utime(log, (1e9, 1e9))
    assert ran.run("monitor").returncode == 1
    fail(ran)
    assert ran.run("monitor").returncode == 2


def test_it_prints_pipelines_host_and_findings_with_what_looks_closer(ran):
    fail(ran)
    done = ran.run("monitor")
    run_id = ran.json("history")["runs"][0]["run_id"]
    lines = done.stdout.splitlines()
    assert lines[0] == "unhealthy"
    assert lines[1].split() == ["pipeline", "ran", "status", "data", "log", "errs", "mean", "next"]
    assert [line.split()[0] for line in lines[3:5]] == ["load", "report"]
    assert lines[6].startswith("database ok, memory ")
    assert lines[7].startswith("disk of state: ")
    assert done.stdout.endswith(
        f"\n\ncritical: report ended failed in its last run\n  look closer: tetra show {run_id}\n"
    )
    assert done.stderr == ""


def test_the_json_has_the_same_and_nothing_else_is_on_standard_output_T_199(ran):
    body = ran.json("monitor")
    assert body["schema"] == "tetra.monitor/1"
    assert (body["health"], body["findings"], list(body["pipelines"])) == ("healthy", [], ["load", "report"])
    assert body["pipelines"]["load"]["last_run"].endswith("Z")
    assert body["at"].endswith("Z")
    assert body["system"]["timers"] is None


def test_quiet_prints_nothing_and_the_exit_code_tells(ran):
    fail(ran)
    done = ran.run("monitor", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (("--once", "--watch"), "--once and --watch are two ways to look", "leave out one of them"),
        (("--every", "5"), "--every is for --watch", "add --watch, or leave it out"),
    ],
)
def test_options_that_do_not_go_together_are_refused(ran, options, message, hint):
    done = ran.run("monitor", *options)
    assert (done.returncode, done.stderr) == (64, f"error: {message}\n  hint: {hint}\n")


def test_a_damaged_store_is_a_finding_and_everything_else_is_looked_at(ran):
    with HttpServer(Reply(500)) as server:
        ran.configure(FILE + f"    monitor: {{endpoints: ['{server.url}/health']}}\n")
        for path in (ran.root / "state").glob("tetra.db*"):
            path.unlink()
        (ran.root / "state/tetra.db").write_text("no database at all, and long enough to be taken for one" * 99)
        done = ran.run("monitor", "--json")
    body = json.loads(done.stdout)
    assert (done.returncode, body["health"], body["system"]["database"]) == (2, "unhealthy", "down")
    assert [one["code"] for one in body["findings"]] == ["database_down", "endpoint_down"]
    assert body["findings"][0]["text"].startswith("the state store cannot be used: ")
    assert body["system"]["disk_space"] in ("ok", "low", "out")
    assert [body["pipelines"][name]["status"] for name in ("load", "report")] == [None, None]
    assert "Traceback" not in done.stderr


def test_a_file_that_was_broken_is_a_finding_and_what_it_last_said_holds(ran):
    fail(ran)
    (ran.root / "config/orchestration.yaml").write_text("version: 1\npipelines: [\n")
    done = ran.run("monitor", "--json")
    body = json.loads(done.stdout)
    assert (done.returncode, [one["code"] for one in body["findings"]]) == (2, ["config_error", "pipeline_failed"])
    assert list(body["pipelines"]) == ["load", "report"]


def test_of_a_file_that_was_broken_the_first_problem_is_named_with_its_place(ran):
    file = ran.root / "config/orchestration.yaml"
    file.write_text(file.read_text().replace("pipelines:", "pipelins:", 1))
    first, second = (line for line in ran.run("validate").stderr.splitlines() if line.startswith(str(file)))
    held = "the configuration cannot be used, and what it last said holds: "
    found = [one["text"] for one in ran.json("monitor")["findings"] if one["code"] == "config_error"]
    assert found == [f"{held}{first}, and 1 more"]
    assert second.endswith("unknown key 'pipelins'")


def test_a_file_that_never_could_be_used_is_refused(site):
    site.configure("pipelines: 5\n")
    assert site.run("monitor").returncode == 78


def test_a_file_that_is_not_there_is_refused_although_another_was_used_here_before(ran):
    assert ran.run("monitor", "--config", "config/none.yaml").returncode == 78


def test_a_file_that_was_there_and_is_gone_is_a_finding(ran):
    file = ran.root / "config/orchestration.yaml"
    assert ran.run("monitor", "--config", str(file)).returncode == 0
    file.unlink()
    done = ran.run("monitor", "--config", str(file), "--json")
    assert (done.returncode, [one["code"] for one in json.loads(done.stdout)["findings"]]) == (2, ["config_error"])


def test_what_looks_closer_names_the_file_that_was_named(ran):
    fail(ran)
    shown = ran.run("monitor", "--config", "config/orchestration.yaml").stdout
    assert shown.splitlines()[-1].endswith(" --config config/orchestration.yaml")


def test_it_works_before_anything_has_run(site):
    site.configure(FILE)
    done = site.run("monitor")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[1:3] for line in done.stdout.splitlines()[3:5]] == [["-", "never"]] * 2


def test_addresses_are_asked_and_a_secret_in_them_is_not_told(site):
    address = f"http://ann:s3cretword@127.0.0.1:{closed_port()}/x?token=0therword"
    site.configure(f"{FILE}    monitor: {{endpoints: ['{address}']}}\n")
    for options in ((), ("--json",)):
        done = site.run("monitor", *options)
        assert done.returncode == 2
        assert "Connection refused" in done.stdout
        assert "s3cretword" not in done.stdout + done.stderr
        assert "0therword" not in done.stdout + done.stderr


def test_watched_data_is_looked_at_from_the_project_s_root(site):
    site.configure("""
        pipelines:
          load:
            shell: "true"
            data: {files: {file: "in/*.csv", max_age: 1h}}
    """)
    assert [one["code"] for one in site.json("monitor")["findings"]] == ["data_unknown"]
    site.write("in/a.csv", "x")
    config = ("--config", "my project/config/orchestration.yaml")
    body = json.loads(site.run("monitor", "--json", *config, cwd=site.root.parent).stdout)
    assert (body["findings"], body["pipelines"]["load"]["data_freshness"]) == ([], "fresh")
    site.run("run")
    assert [one["code"] for one in site.json("monitor")["findings"]] == ["data_not_moved"]
    os.utime(site.root / "in/a.csv")
    assert site.json("monitor")["findings"] == []


def test_the_figures_for_prometheus_are_left_where_the_file_says(ran):
    ran.configure(FILE + "    monitor: {textfile: out/tetra.prom}\n")
    done = ran.run("monitor")
    assert done.returncode == 0, "that they could not be left is no fault of the pipelines"
    assert done.stderr == (
        f"warning: the figures for Prometheus are as they were: {ran.root}/out/tetra.prom: cannot be written: No such"
        " file or directory\n"
        "  hint: make the folder, and let the user of the monitor write to it, or change `monitor.textfile`\n"
    )
    (ran.root / "out").mkdir()
    assert ran.run("monitor").stderr == ""
    written = (ran.root / "out/tetra.prom").read_bytes()
    assert b'tetra_pipeline_status{project="demo",pipeline="load",status="succeeded"} 1\n' in written
    tool = require("promtool")
    subprocess.run([tool, "check", "metrics"], input=written, check=True, capture_output=True)


def test_watch_reports_again_and_again_until_a_signal_and_ends_with_the_last_verdict_T_196(ran):
    process = ran.start("monitor", "--watch", "--every", "1", "--json")
    first = json.loads(process.stdout.readline())
    fail(ran)
    bodies = [json.loads(process.stdout.readline()) for _ in range(3)]
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert first["health"] == "healthy"
    assert bodies[-1]["health"] == "unhealthy"
    assert (process.returncode, err) == (2, "")


def test_watch_survives_a_file_that_is_broken_meanwhile(ran):
    process = ran.start("monitor", "--watch", "--every", "1", "--json")
    process.stdout.readline()
    (ran.root / "config/orchestration.yaml").write_text("version: 1\npipelines: [\n")
    codes = [[one["code"] for one in json.loads(process.stdout.readline())["findings"]] for _ in range(3)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert codes[-1] == ["config_error"]
    assert process.returncode == 2


def test_watch_ends_at_once_where_nothing_can_ever_be_looked_at(site):
    site.configure("pipelines: 5\n")
    assert site.run("monitor", "--watch").returncode == 78


def test_two_looks_at_once_take_turns(ran):
    looks = [ran.start("monitor", "--json") for _ in range(4)]
    for look in looks:
        out, err = look.communicate(timeout=60)
        assert (look.returncode, json.loads(out)["health"], err) == (0, "healthy", "")


def test_a_look_that_a_timer_has_started_notes_its_wake(ran):
    assert ran.run("monitor", "--quiet", "--by", "systemd-user").returncode == 0
    assert (ran.root / "state/wakes/monitor").exists()


def test_the_shipped_file_gives_weekly_pipelines_more_than_a_week_T_194(site):
    shown = (REPOSITORY / "config/orchestration.yaml").read_text()
    from tetra_orchestrator.config.load import load_project

    project = load_project(str(REPOSITORY / "config/orchestration.yaml"), environ={}).project
    weekly = {entry.pipeline for entry in project.mode("weekly").entries} - {
        entry.pipeline for entry in project.mode("daily").entries
    }
    assert weekly, shown
    assert all(project.pipeline(name).max_data_age_s > 7 * 86400 for name in weekly)
