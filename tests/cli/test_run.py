"""`run` as a user meets it: what it prints, what it leaves, and its exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from shlex import quote

import pytest

from tetra_orchestrator.adapters.runner.process import identity, is_alive

CHAIN = """
    pipelines:
      one: {shell: "echo first; echo '{\\"records_processed\\": 3}' >> $TETRA_OUTPUT"}
      two: {shell: "echo second", depends_on: [one]}
      three: {command: [echo, "{one.records_processed}"], depends_on: [two]}
    modes:
      all: [one, two, three]
      first: [one]
"""
STAMP = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] ")


def test_T_062_the_same_stamped_lines_appear_on_standard_output_and_in_the_run_s_log(site):
    site.configure(CHAIN)
    done = site.run("run", "--mode", "all")
    assert done.returncode == 0, done.stderr
    assert all(STAMP.match(line) for line in done.stdout.splitlines())
    assert (site.root / "logs" / "latest").read_text() == done.stdout
    lines = site.lines_of_log()
    run_id = lines[1].split()[1].rstrip(",")
    log = os.readlink(site.root / "logs" / "latest")
    assert re.fullmatch(r"orchestrator_\d{8}_\d{6}\.log", log)
    assert lines == [
        "Starting orchestration in all mode",
        f"Run {run_id}, log {site.root}/logs/{log}",
        *(
            line
            for name in ("one", "two", "three")
            for line in (f"Running {name} (attempt 1)", f"{name} completed successfully")
        ),
        "Orchestration completed",
    ]
    assert (site.root / "logs" / "runs" / run_id / "three.1.log").read_text() == "3\n"


def test_two_runs_in_the_same_second_have_a_log_each(site):
    site.configure(CHAIN)
    for _ in range(3):
        assert site.run("run", "--mode", "first").returncode == 0
    logs = list((site.root / "logs").glob("orchestrator_*.log"))
    assert len(logs) == 3
    assert all(path.read_text().count("Starting orchestration") == 1 for path in logs)


def test_a_task_that_fails_twice_and_then_succeeds_shows_the_retries_in_log_status_and_state(site):
    site.configure("""
        pipelines:
          flaky:
            shell: 'echo try $TETRA_ATTEMPT; test $TETRA_ATTEMPT -ge 3'
            retry: {max_attempts: 3, delay: 0.05s}
    """)
    assert site.run("run").returncode == 0
    assert site.lines_of_log()[2:] == [
        "Running flaky (attempt 1)",
        "flaky exited with code 1; next attempt in 0.05 s",
        "flaky failed, retrying...",
        "Running flaky (attempt 2)",
        "flaky exited with code 1; next attempt in 0.05 s",
        "flaky failed, retrying...",
        "Running flaky (attempt 3)",
        "flaky completed successfully",
        "Orchestration completed",
    ]
    (task,) = site.json("show")["tasks"]
    assert [(a["n"], a["outcome"]["kind"], a["outcome"]["code"]) for a in task["attempts"]] == [
        (1, "exited", 1),
        (2, "exited", 1),
        (3, "exited", 0),
    ]
    assert site.json("status")["pipelines"][0]["last_run"]["state"] == "succeeded"


def test_T_067_a_task_that_fails_for_good_ends_the_run_with_2_the_tail_of_its_log_and_the_path_to_all_of_it(site):
    site.configure("""
        pipelines:
          bad:
            shell: 'echo "starting"; echo "cannot open ledger" >&2; exit 3'
            retry: {max_attempts: 3, delay: 0}
          after: {shell: "true", depends_on: [bad]}
    """)
    done = site.run("run")
    assert done.returncode == 2
    lines = site.lines_of_log()
    run_id = lines[1].split()[1].rstrip(",")
    log = f"{site.root}/logs/runs/{run_id}/bad.3.log"
    assert lines[-9:] == [
        "ERROR: bad failed after 3 attempts",
        "  exited with code 3",
        "  | starting",
        "  | cannot open ledger",
        f"  full log: {log}",
        "after not started: bad failed",
        "Orchestration failed: bad failed",
        f"Go on where it ended: tetra resume {run_id}",
        f"Look closer: tetra show {run_id}",
    ]
    assert "Orchestration completed" not in done.stdout
    states = {task["id"]: task["state"] for task in site.json("show")["tasks"]}
    assert states == {"bad": "failed", "after": "upstream_failed"}
    assert site.json("status")["pipelines"][0]["last_run"]["state"] == "failed"


def test_a_time_limit_ends_the_whole_process_tree(site):
    site.configure("""
        pipelines:
          slow:
            shell: '(setsid sleep 300 & echo $! > far.pid); sleep 300 & echo $! > near.pid; wait'
            timeout: 2s
            kill_grace: 0.5s
    """)
    assert site.run("run").returncode == 2
    (task,) = site.json("show")["tasks"]
    assert (task["state"], task["reason"]["text"]) == ("timed_out", "ended by its time limit of 2 s")
    for name in ("near", "far"):
        pid = int((site.root / f"{name}.pid").read_text())
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_run_json_prints_one_event_per_line(site):
    site.configure(CHAIN)
    done = site.run("run", "--mode", "first", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == [
        "run.started",
        "attempt.started",
        "attempt.finished",
        "task.finished",
        "run.finished",
    ]
    assert [event["seq"] for event in events] == [1, 2, 3, 4, 5]
    keys = ["schema", "event", "seq", "ts", "run_id", "task", "attempt", "state", "reason"]
    assert all(list(event) == keys and event["schema"] == "tetra.run/1" for event in events)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["ts"]) for event in events)
    assert (events[3]["task"], events[3]["state"], events[3]["reason"]["code"]) == ("one", "succeeded", "succeeded")


def test_a_dry_run_gives_a_reason_per_task_and_starts_nothing(site):
    site.configure(CHAIN)
    body = site.json("run", "--mode", "all", "--dry-run")
    assert body["schema"] == "tetra.run/1"
    assert [(t["id"], t["decision"], t["reason"]["code"], t["expected_s"]) for t in body["tasks"]] == [
        ("one", "run", "no_dependencies", None),
        ("two", "run", "dependencies_succeeded", None),
        ("three", "run", "dependencies_succeeded", None),
    ]
    assert body["critical_path"] == ["one", "two", "three"]
    assert body["expected_finish"] is None
    assert not (site.root / "logs").exists()
    site.run("run", "--mode", "all")
    body = site.json("run", "--mode", "all", "--dry-run")
    assert all(task["expected_s"] > 0 for task in body["tasks"])
    assert body["expected_finish"].endswith("Z")


def test_a_dry_run_refuses_what_the_run_would_refuse_as_it_could_never_end(site):
    site.configure("""
        pipelines:
          s: {command: [sleep, "9"], until: stopped}
          x: {command: ["true"], depends_on: [{s: ready}]}
          b: {command: ["true"], depends_on: [s]}
          t: {command: ["true"], depends_on: [x, b]}
        modes: {some: [x]}
    """)
    given = [word for name in ("s", "b", "t") for word in ("--pipeline", name)]
    refused = site.run("run", *given)
    assert refused.returncode == 64
    assert refused.stderr.startswith("error: this run could not end: 'b' waits for the end of the service 's', ")
    assert site.run("run", *given, "--dry-run").stderr == refused.stderr


def test_T_242_a_dry_run_prints_the_exact_commands_in_order(site):
    site.configure("""
        params: {days: 5}
        pipelines:
          one: {module: jobs.one, args: [--days, "{params.days}"]}
          two: {shell: 'echo "$HOME"', depends_on: [one]}
          three: {command: [echo, "{one.rows}", a b], depends_on: [two]}
        modes: {all: [{one: [--fast]}, two, three]}
    """)
    site.write("jobs/one.py", "")
    done = site.run("run", "--mode", "all", "--dry-run", "--param", "days=7")
    assert done.stdout.partition("commands:\n")[2].partition("\n\n")[0].splitlines() == [
        f"  one: {quote(sys.executable)} -m jobs.one --days 7 --fast",
        "  two: /bin/sh -c 'echo \"$HOME\"'",
        "  three: echo '{one.rows}' 'a b'",
    ]
    assert site.json("run", "--mode", "all", "--dry-run")["tasks"][2]["command"] == ["echo", "{one.rows}", "a b"]


def test_A_084_a_run_without_checkpoints_is_accepted(site):
    site.configure(CHAIN)
    assert site.run("run", "--no-checkpoint", "--max-parallel", "4").returncode == 0


def test_R_017_a_run_can_be_told_to_try_every_task_once_and_how_many_at_a_time(site):
    site.configure("""
        pipelines:
          a: {shell: "echo x >> tries; exit 1", retry: {max_attempts: 3}}
          b: {shell: "mkdir only && sleep 0.1 && rmdir only"}
          c: {shell: "mkdir only && sleep 0.1 && rmdir only"}
    """)
    assert site.run("run", "--no-retry", "--max-parallel", "1").returncode == 2
    assert (site.root / "tries").read_text() == "x\n"
    assert [t["state"] for t in site.json("show")["tasks"]] == ["failed", "succeeded", "succeeded"]


def test_a_pipeline_alone_needs_force_until_what_it_depends_on_has_succeeded(site):
    site.configure(CHAIN)
    done = site.run("run", "--pipeline", "two")
    assert (done.returncode, done.stdout) == (75, "")
    assert done.stderr == (
        "error: two cannot start: one has never run\n"
        "  hint: run that first, or run the mode that holds both, or go ahead regardless with --force\n"
    )
    assert site.json("run", "-p", "two", "--dry-run")["tasks"][0]["decision"] == "wait"
    assert site.run("run", "--pipeline", "two", "--force").returncode == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_cancelled_and_leaves_no_process(site, number, code):
    site.configure("pipelines: {long: {shell: 'echo $$ > pid; sleep 300'}}\n")
    process = site.start("run")
    pid = int(site.until(lambda: (site.root / "pid").exists() and (site.root / "pid").read_text().strip()))
    process.send_signal(number)
    assert process.wait(timeout=15) == code
    process.communicate()
    assert site.json("show")["run"]["state"] == "cancelled"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_fault_38_a_second_ctrl_c_ends_at_once_what_ignores_the_first(site):
    site.configure("""
        pipelines:
          stubborn: {shell: 'trap "" TERM; echo up > up; while true; do sleep 0.05; done', kill_grace: 10m}
    """)
    process = site.start("run")
    site.until((site.root / "up").exists)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130
    process.communicate()
    assert site.json("show")["run"]["state"] == "cancelled"


def test_cancel_ends_a_run_of_another_process_which_exits_with_2(site):
    site.configure("pipelines: {long: {shell: 'echo up > up; sleep 300'}}\n")
    process = site.start("run")
    site.until((site.root / "up").exists)
    (active,) = site.json("status")["active_runs"]
    done = site.run("cancel", active["run_id"])
    assert (done.returncode, done.stdout) == (0, f"run {active['run_id']} is cancelled\n")
    assert process.wait(timeout=15) == 2
    process.communicate()
    shown = site.json("show")
    assert shown["run"]["state"] == "cancelled"
    assert shown["tasks"][0]["state"] == "cancelled"


def test_cancel_latest_ends_the_newest_active_run_even_when_a_later_one_is_over(site):
    site.configure("pipelines: {long: {shell: 'echo up > up; sleep 300'}, other: {shell: 'true'}}\n")
    process = site.start("run", "--pipeline", "long")
    site.until((site.root / "up").exists)
    assert site.run("run", "--pipeline", "other").returncode == 0
    (active,) = site.json("status")["active_runs"]
    done = site.run("cancel", "latest")
    assert (done.returncode, done.stdout) == (0, f"run {active['run_id']} is cancelled\n")
    process.communicate(timeout=15)


def test_after_kill_9_the_next_status_says_lost(site):
    site.configure("pipelines: {long: {shell: 'echo $$ > pid; sleep 300'}}\n")
    process = site.start("run")
    site.until(lambda: (site.root / "pid").exists() and (site.root / "pid").read_text().strip())
    process.kill()
    process.communicate()
    body = site.json("status")
    assert body["active_runs"] == []
    assert (body["pipelines"][0]["state"], body["pipelines"][0]["last_run"]["state"]) == ("idle", "lost")
    assert site.run("run", "--pipeline", "long", "--dry-run").returncode == 0
    site.configure("pipelines: {long: {shell: 'true'}}\n")
    assert site.run("run").returncode == 0  # ends what survived


def test_a_second_run_of_the_same_pipeline_is_refused_with_75_and_names_the_first(site):
    site.configure("pipelines: {long: {shell: 'echo up > up; sleep 300'}, other: {shell: 'true'}}\n")
    process = site.start("run", "--pipeline", "long")
    site.until((site.root / "up").exists)
    (active,) = site.json("status")["active_runs"]
    done = site.run("run", "--pipeline", "long")
    assert done.returncode == 75
    assert f"the pipeline 'long' is already being run by pid {process.pid}, run {active['run_id']}" in done.stderr
    assert site.run("run", "--pipeline", "other").returncode == 0
    process.terminate()
    process.communicate(timeout=15)


def test_a_reader_that_leaves_does_not_end_the_run(site):
    site.configure(CHAIN)
    process = site.start("run", "--mode", "all")
    process.stdout.close()
    assert process.wait(timeout=20) == 0
    process.stderr.close()
    assert site.lines_of_log()[-1] == "Orchestration completed"


def test_steps_are_counted_for_run_full_pipeline(site):
    site.configure("""
        pipelines:
          data_pipeline: {shell: "true"}
          metrics_pipeline: {shell: "exit 1", depends_on: [data_pipeline]}
    """)
    done = site.run("run", "--progress", "steps")
    assert done.returncode == 2
    assert done.stdout.splitlines()[:4] == [
        "Starting full pipeline execution...",
        "Step 1/2: Running Data Pipeline...",
        "Step 2/2: Running Metrics Pipeline...",
        "Metrics Pipeline failed",
    ]
    assert "completed successfully" not in done.stdout


def test_a_run_works_under_an_empty_environment_and_in_the_C_locale(site):
    site.configure("pipelines: {ünïcode: {shell: 'true'}}\n".replace("ünïcode", "plain"))
    site.env = {"PYTHONPATH": site.env["PYTHONPATH"]}
    done = site.run("run", env={"LC_ALL": "C"})
    assert done.returncode == 0, done.stderr


def test_the_whole_suite_of_ends_holds_with_the_portable_waiter(site):
    site.configure(CHAIN)
    assert site.run("run", "--mode", "all", env={"TETRA_WAITER": "portable"}).returncode == 0
    done = site.run("run", "--mode", "all", env={"TETRA_WAITER": "telepathy"})
    assert done.returncode == 64
    assert done.stderr.startswith("error: TETRA_WAITER: no waiter is called 'telepathy'")


@pytest.mark.parametrize("looks_first", [True, False])
def test_a_survivor_of_kill_9_is_gone_before_the_pipeline_runs_again(site, looks_first):
    site.configure("pipelines: {long: {shell: 'echo $$ > pid; sleep 300'}}\n")
    process = site.start("run")
    pid = int(site.until(lambda: (site.root / "pid").exists() and (site.root / "pid").read_text().strip()))
    process.kill()
    process.communicate()
    survivor = identity(pid)
    if looks_first:
        assert site.run("status").returncode == 0
        assert is_alive(survivor)  # a command that only reads does not signal
    looks = f'case $(cat /proc/{pid}/stat 2> /dev/null) in *") Z "* | "") ;; *) exit 9 ;; esac'
    site.configure(f"pipelines: {{long: {{shell: '{looks}'}}}}\n")
    assert site.run("run").returncode == 0
    assert not is_alive(survivor)


def test_a_dry_run_shows_no_secrets(site):
    site.write("token", "hunter2hunter2\n")
    site.env["MY_TOKEN"] = "another-hunter2"
    site.configure(
        "secrets: {GIVEN: {file: token}}\n"
        "pipelines:\n"
        "  one: {command: [echo, 'a-${MY_TOKEN}', '${PLACE:-here}'], args: ['${MY_TOKEN}']}\n"
        "  two: {tasks: {a: {command: [echo]}}, depends_on: [one]}\n"
        "  three: {shell: 'echo \"$GIVEN\"', env: {GIVEN: '${GIVEN}'}, depends_on: [one]}\n"
        "modes: {all: [one, {two: {a: ['${MY_TOKEN}']}}, three]}\n"
    )
    commands = [task["command"] for task in site.json("run", "--mode", "all", "--dry-run")["tasks"]]
    assert commands == [["echo", "***", "here", "***"], ["echo", "***"], ["/bin/sh", "-c", 'echo "$GIVEN"']]
    assert "hunter2" not in site.run("run", "--dry-run").stdout


def test_a_run_that_needs_dates_and_has_none_is_refused_before_it_starts(site):
    site.configure("""
        pipelines: {a: {shell: 'test {partition.start} = 2026-01-01'}}
        modes: {range: {partition: range, pipelines: [a]}}
    """)
    done = site.run("run")
    assert (done.returncode, done.stderr) == (
        64,
        "error: a needs {partition.start}, and this run is for no range of dates\n"
        "  hint: run a mode with `partition: range`, with --start-date and --end-date\n",
    )
    assert site.run("run", "-m", "range", "--start-date", "2026-01-01", "--end-date", "2026-01-02").returncode == 0


def test_a_run_can_be_ended_although_its_file_has_been_broken_meanwhile(site):
    site.configure("pipelines: {long: {shell: 'touch began; sleep 300'}}\n")
    process = site.start("run")
    site.until((site.root / "began").exists)
    site.write("config/orchestration.yaml", "pipelines: [")
    done = site.run("cancel", "latest")
    assert done.returncode == 0, done.stderr
    assert "going by how the file was before" in done.stderr
    assert process.wait(20) == 2


def test_the_line_that_says_how_to_look_closer_names_a_file_that_is_not_found_by_itself(site):
    file = site.write("my file.yaml", "version: 1\nproject: p\npipelines: {a: {shell: exit 3}}\n")
    done = site.run("run", "--config", str(file))
    assert f" --config '{file}'" in done.stdout.splitlines()[-1]


def test_a_pattern_that_takes_for_ever_holds_up_neither_time_limits_nor_other_tasks(site):
    site.configure(
        """
        logs: {redact_patterns: ["(a+)+b"]}
        pipelines:
          stuck: {shell: "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac; sleep 60", timeout: 2s, kill_grace: 1s}
          other: {shell: "sleep 0.2; echo done"}
        modes: {all: [stuck, other]}
        """
    )
    assert site.run("run", "--mode", "all").returncode == 2
    stuck, other = site.json("show")["tasks"]
    assert (stuck["state"], other["state"]) == ("timed_out", "succeeded")
