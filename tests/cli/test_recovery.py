"""Fallbacks and hooks as a user sees them: real processes, real files, kills in the middle."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tetra_orchestrator.config.load import load_project

FALLBACK = """
pipelines:
  a:
    shell: 'exit 3'
    on_failure:
      fallback:
        shell: 'echo "$TETRA_FALLBACK $TETRA_FAILED_REASON"; echo "{\\"rows\\": 1}" >> $TETRA_OUTPUT'
  b: {command: [echo, "rows {a.rows}"], depends_on: [a]}
modes: {all: [a, b]}
"""


def newest(site):
    return site.json("history")["runs"][0]


def tasks_of(site):
    return {task["id"]: task for task in site.json("show", newest(site)["run_id"])["tasks"]}


def hook_log(site, name):
    return (site.root / "logs" / "runs" / newest(site)["run_id"] / f"hook.{name}.log").read_text()


DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", (DOCS / "recovery.md").read_text(), re.S))
def test_what_the_page_on_recovery_shows_is_valid(text, tmp_path):
    (tmp_path / "orchestration.yaml").write_text(text)
    load_project(str(tmp_path / "orchestration.yaml"), environ={"PAGERDUTY_API_KEY": "abcdefgh"}, check_modules=False)


# Fallbacks


def test_a_fallback_stands_in_as_one_attempt_more_with_a_log_of_its_own(site):
    site.configure(FALLBACK)
    done = site.run("run", "--mode", "all")
    assert (done.returncode, done.stderr) == (1, "")
    assert site.lines_of_log()[2:-2] == [
        "Running a (attempt 1)",
        "a exited with code 3; its fallback shell stands in",
        "Running a (attempt 2)",
        "a: shell stands in for it: exited with code 3",
        "a partial: exited with code 3; its fallback shell stood in",
        "Running b (attempt 1)",
        "b completed successfully",
        "Orchestration partial: some tasks ended partial",
    ]
    found = tasks_of(site)
    assert [(one["n"], one["outcome"]["code"]) for one in found["a"]["attempts"]] == [(1, 3), (2, 0)]
    assert (found["a"]["state"], found["a"]["outputs"]) == ("partial", {"rows": 1})
    folder = site.root / "logs" / "runs" / newest(site)["run_id"]
    assert (folder / "a.2.log").read_text() == "1 exited with code 3\n"
    assert (folder / "b.1.log").read_text() == "rows 1\n"


def test_another_task_of_the_pipeline_can_be_the_fallback_and_need_not_run_by_itself(site):
    site.configure(
        """
        pipelines:
          prices:
            on_failure: {fallback: from_disk}
            tasks:
              fetch: {shell: 'exit 1'}
              from_disk: {enabled: false, command: [echo, "from disk"]}
        """
    )
    assert site.run("run").returncode == 1
    found = tasks_of(site)
    assert {name: task["state"] for name, task in found.items()} == {
        "prices.fetch": "partial",
        "prices.from_disk": "skipped",
    }
    assert (site.root / "logs" / "runs" / newest(site)["run_id"] / "prices.fetch.2.log").read_text() == "from disk\n"


@pytest.mark.parametrize(
    "place", ["attempt.insert:2", "attempt.insert.commit:2", "spawn.after_fork:2", "child.exited:2"]
)
def test_a_kill_in_the_middle_of_a_fallback_leaves_a_task_that_a_resume_does_again(site, place):
    site.configure(FALLBACK)
    assert site.run("run", "--mode", "all", env={"TETRA_FAILPOINT": f"{place}=kill"}).returncode == -9
    assert tasks_of(site)["a"]["state"] in ("lost", "cancelled")
    assert site.run("resume").returncode == 1
    found = tasks_of(site)
    assert {name: task["state"] for name, task in found.items()} == {"a": "partial", "b": "succeeded"}
    assert len(found["a"]["attempts"]) == 2


def test_a_resume_of_a_partial_run_does_the_task_itself_again(site):
    site.configure(FALLBACK.replace("exit 3", "test -e mended"))
    assert site.run("run", "--mode", "all").returncode == 1
    (site.root / "mended").touch()
    assert site.run("resume").returncode == 0
    assert {name: task["state"] for name, task in tasks_of(site).items()} == {"a": "succeeded", "b": "skipped"}


# Hooks

HOOKED = """
pipelines:
  a: {{shell: '{task}'}}
hooks:
  on_start: [sh, -c, 'echo started']
  on_success: [python, -c, 'import json, sys; print(json.load(sys.stdin)["run"]["state"])']
  on_failure: [sh, -c, 'echo "$TETRA_RUN_STATE $TETRA_EXIT_CODE $TETRA_FAILED_TASKS"; cat "$TETRA_RUN_LOG"']
  on_recovered: [sh, -c, 'echo back']
  on_exit: [sh, -c, 'echo over']
  timeout: 5s
"""


def test_hooks_tell_of_a_failure_and_of_the_recovery_from_it(site):
    site.configure(HOOKED.format(task="test -e mended"))
    assert site.run("run").returncode == 2
    state, *log = hook_log(site, "on_failure").splitlines()
    assert state == "failed 2 a"
    assert log[-3].endswith("Orchestration failed: a failed"), "the verdict is in the log by then"
    assert (hook_log(site, "on_start"), hook_log(site, "on_exit")) == ("started\n", "over\n")
    (site.root / "mended").touch()
    assert site.run("run").returncode == 0
    assert (hook_log(site, "on_success"), hook_log(site, "on_recovered")) == ("succeeded\n", "back\n")


def test_a_hook_may_run_the_same_pipeline_as_all_locks_are_free(site):
    site.configure(
        f"""
        pipelines: {{a: {{shell: 'true'}}}}
        modes: {{one: [a]}}
        hooks:
          on_exit:
            - sh
            - -c
            - 'test "$TETRA_MODE" != one || "$0" -m tetra_orchestrator run --pipeline a'
            - {sys.executable}
        """
    )
    assert site.run("run", "--mode", "one").returncode == 0
    runs = site.json("history")["runs"]
    assert [(run["mode"], run["state"]) for run in runs] == [(None, "succeeded"), ("one", "succeeded")]


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("[nosuch]", "the hook on_exit could not be started: nosuch: No such file or directory"),
        ("[sh, -c, 'exit 3']", "the hook on_exit exited with code 3; its output is in {log}"),
        ("[sh, -c, 'sleep 60']", "the hook on_exit was ended by its limit of 0.3 s; its output is in {log}"),
    ],
)
def test_a_hook_that_is_missing_fails_or_hangs_is_one_warning_and_changes_nothing(site, command, fault):
    site.configure(f"pipelines: {{a: {{shell: 'true'}}}}\nhooks: {{on_exit: {command}, timeout: 0.3s}}")
    done = site.run("run")
    assert (done.returncode, done.stderr) == (0, "")
    run = newest(site)
    assert (run["state"], run["exit_code"]) == ("succeeded", 0)
    log = site.root / "logs" / "runs" / run["run_id"] / "hook.on_exit.log"
    assert site.lines_of_log()[-2:] == ["Orchestration completed", f"WARNING: {fault.format(log=log)}"]


def test_a_hook_that_hangs_at_the_start_holds_no_task_up(site):
    site.configure("pipelines: {a: {shell: 'date +%s.%N > ran'}}\nhooks: {on_start: [./hook], timeout: 8s}")
    site.write("hook", "#!/bin/sh\ndate +%s.%N > hooked\nexec sleep 60\n").chmod(0o755)
    assert site.run("run").returncode == 0
    assert float((site.root / "ran").read_text()) - float((site.root / "hooked").read_text()) < 7


def test_a_signal_while_hooks_are_waited_for_ends_them_and_not_the_run_s_success(site):
    site.configure("pipelines: {a: {shell: 'true'}}\nhooks: {on_exit: [sh, -c, 'touch hook; sleep 60']}")
    process = site.start("run")
    site.until((site.root / "hook").exists)
    process.terminate()
    assert process.wait(10) == 0
    assert "was ended by a signal" in site.lines_of_log()[-1]


def test_secrets_in_every_form_are_kept_out_of_what_a_hook_says(site):
    site.write(
        "say.py",
        """
        import base64, json, os, shlex, urllib.parse
        token = os.environ["TOKEN"]
        print(token, urllib.parse.quote(token, safe=""), json.dumps(token), shlex.quote(token))
        print(base64.b64encode(token.encode()).decode(), base64.urlsafe_b64encode(token.encode()).decode())
        """,
    )
    site.write("token", "canary/'secret'+1?")
    site.configure(
        """
        pipelines: {a: {shell: 'true'}}
        secrets: {TOKEN: {file: token}}
        env: {set: {TOKEN: "${TOKEN}"}}
        hooks: {on_exit: [python, say.py]}
        """
    )
    done = site.run("run")
    assert (done.returncode, done.stderr) == (0, "")
    assert hook_log(site, "on_exit") == """*** *** "***" '***'\n*** ***\n"""


def test_every_partition_of_a_backfill_has_its_hooks(site):
    site.configure(
        """
        pipelines: {a: {shell: 'true'}}
        modes: {days: {partition: day, pipelines: [a]}}
        hooks: {on_exit: [sh, -c, 'echo $TETRA_PARTITION_START >> days']}
        """
    )
    assert site.run("backfill", "--mode", "days", "--from", "2026-01-01", "--to", "2026-01-03").returncode == 0
    assert (site.root / "days").read_text().split() == ["2026-01-01", "2026-01-02", "2026-01-03"]


@pytest.mark.parametrize("rest", ["", "hooks: {on_exit: ['true']}"], ids=["without", "with"])
def test_only_a_project_with_hooks_pays_for_their_import(site, rest):
    site.configure(f"pipelines: {{a: {{shell: 'true'}}}}\n{rest}")
    command = [sys.executable, "-X", "importtime", "-m", "tetra_orchestrator", "run"]
    done = subprocess.run(command, cwd=site.root, env=site.env, capture_output=True, text=True, timeout=60, check=True)
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    ours = {f"tetra_orchestrator.{name}" for name in ("wire_hooks", "adapters.hooks", "engine.hooks")}
    assert names & ours == (ours if rest else set())
    assert not names & {f"tetra_orchestrator.{name}" for name in ("core.recovery", "engine.rescue", "engine.going_on")}
    assert os.path.exists(site.root / "logs" / "latest")
