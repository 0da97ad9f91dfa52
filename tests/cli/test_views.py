"""status, show, logs, graph, validate, schedule, version, monitor: the published shapes and what people see."""

from __future__ import annotations

import json
import re
from contextlib import closing

import pytest

from support.builders import utc
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.alerts import Alert, Filed

AT = utc(2026, 3, 1, 20)

FILE = """
    timezone: Europe/Paris
    pipelines:
      data:
        shell: 'printf "one\\ntwo\\n\\033[31mred\\n"; echo "{\\"rows\\": 2}" >> $TETRA_OUTPUT'
        max_data_age: 1h
      report: {tasks: {draw: {shell: "true"}, send: {shell: "echo sent", depends_on: [draw]}}, depends_on: [data]}
    modes: {daily: [data], all: [data, report]}
    schedules: {daily: {mode: daily, cron: "0 19 * * *"}, off: {mode: all, cron: "@daily", enabled: false}}
"""


@pytest.fixture
def ran(site):
    site.configure(FILE)
    assert site.run("run", "--mode", "all").returncode == 0
    return site


def test_status_has_the_published_shape(ran):
    body = ran.json("status")
    assert list(body) == ["schema", "pipelines", "active_runs", "alerts_open", "letters_waiting", "pauses", "tenants"]
    assert body["schema"] == "tetra.status/1"
    data, report = body["pipelines"]
    assert list(data) == ["name", "state", "last_run", "freshness", "next_slot"]
    assert list(data["last_run"]) == ["run_id", "state", "started_at", "finished_at", "duration_s"]
    assert (data["name"], data["state"], data["freshness"]) == ("data", "idle", "fresh")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT1[78]:00:00Z", data["next_slot"])
    assert (report["last_run"]["state"], report["freshness"], report["next_slot"]) == ("succeeded", "unknown", None)


def test_status_before_the_first_run_lists_every_pipeline_as_never_run(site):
    site.configure(FILE)
    body = site.json("status")
    assert [(p["name"], p["state"], p["last_run"], p["freshness"]) for p in body["pipelines"]] == [
        ("data", "idle", None, "unknown"),
        ("report", "idle", None, "unknown"),
    ]


def test_status_for_people_fits_80_columns(ran):
    lines = ran.run("status").stdout.splitlines()
    assert lines[0].split() == ["PIPELINE", "STATE", "LAST", "RUN", "WHEN", "TOOK", "DATA", "NEXT"]
    assert [line.split()[0] for line in lines[1:]] == ["data", "report"]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(("number", "line"), [(1, "1 alert is open"), (2, "2 alerts are open")])
def test_status_tells_how_many_alerts_are_open_and_what_lists_them(ran, number, line):
    before = ran.run("status").stdout
    raise_alerts(ran, number)
    assert ran.json("status")["alerts_open"] == number
    assert ran.run("status").stdout.splitlines()[-2:] == ["", f"{line}: tetra alerts list"]
    assert "alert" not in before


@pytest.mark.parametrize(("number", "line"), [(1, "1 letter has not arrived"), (2, "2 letters have not arrived")])
def test_status_counts_the_letters_that_no_channel_has_taken(ran, number, line):
    """Fault 102."""
    with closing(SqliteStore(str(ran.root / "state" / "tetra.db"))) as store:
        one = Alert(0, "disk_low:/", "disk_low", "low", "/", "disk", "", "", (), AT, raised_at=AT)
        store.alerts.file([Filed(one, tuple((f"channel{n}", "raised", AT) for n in range(number)))])
    assert ran.json("status")["letters_waiting"] == number
    assert ran.run("status").stdout.splitlines()[-1] == f"1 alert is open, {line}: tetra alerts list"


def raise_alerts(site, number):
    """Puts so many alerts into the store that somebody was told of, one that nobody was, and one that is over."""
    with closing(SqliteStore(str(site.root / "state" / "tetra.db"))) as store:
        for place in range(number + 2):
            one = Alert(0, f"disk_low:/{place}", "disk_low", "low", f"/{place}", "disk", "", "", (), AT, raised_at=AT)
            changed = {number: {"raised_at": None}, number + 1: {"resolved_at": AT}}.get(place, {})
            store.alerts.file([Filed(one._replace(**changed))])


def test_status_notices_a_changed_file_at_once(ran):
    ran.configure(FILE.replace("      data:\n", "      extra: {shell: 'true'}\n      data:\n"))
    assert [p["name"] for p in ran.json("status")["pipelines"]] == ["extra", "data", "report"]


def test_show_has_the_published_shape(ran):
    body = ran.json("show")
    assert list(body) == ["schema", "run", "tasks", "resumed_by", "config_diff"]
    assert list(body["run"]) == [
        *("run_id", "project", "mode", "trigger", "state", "config_hash", "started_at", "finished_at", "duration_s"),
        *("exit_code", "log", "slot", "partition", "resumes", "params", "schedule", "tags", "backfill", "usage"),
    ]
    assert [task["id"] for task in body["tasks"]] == ["data", "report.draw", "report.send"]
    task = body["tasks"][0]
    assert list(task) == ["id", "state", "reason", "outputs", "attempts"]
    assert task["outputs"] == {"rows": 2}
    assert set(task["attempts"][0]) == {
        *(
            "n",
            "state",
            "outcome",
            "started_at",
            "finished_at",
            "waited_s",
            "duration_s",
            "runner",
            "handle",
            "log",
            "limits",
            "usage",
            "tree_gone_by",
            "note",
        ),
    }
    assert ran.json("show", body["run"]["run_id"]) == body


def test_show_for_people_names_states_logs_and_outputs(ran):
    text = ran.run("show").stdout
    assert "report.send" in text
    assert "exited 0" in text
    assert "data outputs" in text


def test_show_for_people_tells_what_is_noted_of_an_attempt(site):
    site.configure("pipelines: {loud: {shell: 'seq 1 1000', log_limit: 1KB}}")
    site.run("run")
    (attempt,) = site.json("show")["tasks"][0]["attempts"]
    assert attempt["limits"] == {"log_limit": "enforced"}
    assert f"\nloud 1: {attempt['note']}\n" in site.run("show").stdout


def test_logs_prints_the_run_s_log_or_a_pipeline_s_and_only_its_tail(ran):
    assert ran.run("logs").stdout == (ran.root / "logs" / "latest").read_text()
    assert ran.run("logs", "--pipeline", "data").stdout == "one\ntwo\n\\x1b[31mred\n"
    assert ran.run("logs", "--pipeline", "data", "--tail", "2").stdout == "two\n\\x1b[31mred\n"
    assert ran.run("logs", "--pipeline", "data", "--tail", "0").stdout == ""
    run_id = ran.json("show")["run"]["run_id"]
    both = ran.run("logs", "--run", run_id, "--pipeline", "report").stdout
    assert both == (
        f"==> {ran.root}/logs/runs/{run_id}/report.draw.1.log <==\n"
        f"==> {ran.root}/logs/runs/{run_id}/report.send.1.log <==\nsent\n"
    )


def test_logs_follow_prints_each_line_as_it_comes_and_ends_with_the_run(site):
    site.configure("""
        pipelines:
          slow: {shell: 'echo first; touch up; while ! test -e go; do sleep 0.05; done; echo last'}
    """)
    run = site.start("run")
    site.until((site.root / "up").exists)
    follower = site.start("logs", "--pipeline", "slow", "--follow")
    assert follower.stdout.readline() == "first\n"
    (site.root / "go").touch()
    assert follower.stdout.readline() == "last\n"
    assert follower.wait(timeout=10) == 0
    assert run.wait(timeout=10) == 0
    for process in (run, follower):
        process.communicate()


def test_graph_draws_ascii_mermaid_dot_and_json(ran):
    assert ran.run("graph").stdout == ("data\n   report.draw  <- data\n      report.send  <- report.draw\n")
    assert ran.run("graph", "--format", "mermaid", "--mode", "all").stdout.splitlines() == [
        "graph LR",
        '    t0["data"]',
        '    t1["report.draw"]',
        '    t2["report.send"]',
        "    t0 --> t1",
        "    t1 --> t2",
    ]
    assert ran.run("graph", "--format", "dot").stdout.splitlines()[-2:] == [
        '    "report.draw" -> "report.send";',
        "}",
    ]
    assert ran.json("graph")["edges"] == [["data", "report.draw"], ["report.draw", "report.send"]]


def test_validate_prints_groups_per_mode_and_a_summary(ran):
    body = ran.json("validate")
    assert list(body) == [
        *("schema", "ok", "project", "title", "dialect", "files", "errors", "warnings", "groups", "disabled"),
        *("modes", "summary"),
    ]
    assert (body["ok"], body["dialect"], body["errors"], body["warnings"]) == (True, "native", [], [])
    assert body["groups"] == [["data"], ["report.draw"], ["report.send"]]
    assert body["modes"]["daily"] == {"groups": [["data"]]}
    assert body["summary"] == {"pipelines": 2, "tasks": 3, "edges": 2}
    assert ran.run("validate").stdout.splitlines()[-1] == (
        f"{ran.root}/config/orchestration.yaml is valid: 2 pipelines, 3 tasks, 2 edges, 0 warnings"
    )


def test_validate_json_lists_every_error_with_its_place(site):
    site.configure("pipelines: {data: {shell: 'true', timout: 5}}\n")
    done = site.run("validate", "--json")
    body = json.loads(done.stdout)
    assert (done.returncode, body["ok"]) == (78, False)
    (error,) = body["errors"]
    assert {key: error[key] for key in ("code", "line", "message", "hint")} == {
        "code": "unknown_key",
        "line": 4,
        "message": "unknown key 'timout'",
        "hint": "did you mean 'timeout'?",
    }


def test_schedule_next_lists_the_enabled_schedules_of_the_file(ran):
    body = ran.json("schedule", "next", "--from", "2026-03-28T00:00:00Z", "-n", "2")
    assert body["slots"] == [
        {"schedule": "daily", "mode": "daily", "slot": slot, "local": local, "zone": "Europe/Paris", "paused": False}
        for slot, local in (
            ("2026-03-28T18:00:00Z", "2026-03-28 19:00 CET"),
            ("2026-03-29T17:00:00Z", "2026-03-29 19:00 CEST"),
        )
    ]


def test_schedule_next_reads_any_cron_rule_and_refuses_one_that_can_never_be_due(ran):
    args = ("schedule", "next", "--cron", "0 0 13 * 5", "--from", "2026-02-01", "-n", "3")
    assert [slot["slot"] for slot in ran.json(*args)["slots"]] == [
        "2026-02-06T00:00:00Z",
        "2026-02-13T00:00:00Z",
        "2026-02-20T00:00:00Z",
    ]
    done = ran.run("schedule", "next", "--cron", "0 0 31 2 *")
    assert done.returncode == 64
    assert done.stderr.startswith("error: the rule '0 0 31 2 *' is never due\n")


def test_version_is_printed_three_ways(site):
    assert site.run("--version").stdout == site.run("version").stdout
    assert site.json("version") == {"schema": "tetra.version/1", "version": site.run("--version").stdout.split()[1]}


def test_monitor_is_healthy_after_a_good_run_and_unhealthy_after_a_bad_one(ran):
    body = ran.json("monitor")
    assert list(body) == ["schema", "health", "pipelines", "system", "findings", "at", "renewed"]
    assert set(body["pipelines"]["data"]) == {
        *("last_run", "status", "data_freshness", "log_freshness", "error_rate", "avg_duration_s", "next_slot"),
        *("last_duration_s", "data_at", "last_success", "running", "paused"),
        *("cpu_s", "memory_bytes"),
    }
    assert (body["pipelines"]["data"]["data_freshness"], body["pipelines"]["data"]["error_rate"]) == ("fresh", 0.0)
    assert set(body["system"]) == {
        *("database", "disk_space", "memory", "cpu", "api_endpoints", "timers"),
        *("disks", "memory_free", "cpu_busy", "open_files"),
    }
    ran.configure("pipelines: {data: {shell: 'exit 1'}}\n")
    ran.run("run")
    done = ran.run("monitor", "--json")
    body = json.loads(done.stdout)
    assert (done.returncode, body["health"]) == (2, "unhealthy")
    assert body["findings"][0]["code"] == "pipeline_failed"
    assert body["pipelines"]["data"]["error_rate"] == 0.5


def test_the_reader_of_a_long_table_may_leave(ran):
    process = ran.start("show")
    process.stdout.close()
    assert process.wait(timeout=10) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_completion_is_generated_for_the_shell(site):
    done = site.run(
        "--show-completion", env={"SHELL": "/bin/bash", "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    )
    assert done.returncode in (0, 64), done.stderr


def test_an_output_that_utf_8_cannot_carry_is_shown_all_the_same(site):
    site.configure("""
        pipelines:
          odd: {shell: 'echo "{\\"x\\": \\"\\\\ud800\\"}" >> $TETRA_OUTPUT'}
    """)
    assert site.run("run").returncode == 0
    assert site.json("show")["tasks"][0]["outputs"] == {"x": "\ud800"}
    assert site.run("show").returncode == 0
