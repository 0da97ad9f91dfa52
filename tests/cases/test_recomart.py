"""RecoMart's users: their files, run as they are by the real command line in a folder of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cases.ledger import HERE, holds
from support.http_server import HttpServer
from tetra_orchestrator.config.read import read
from tetra_orchestrator.config.yaml_tree import to_json
from tetra_orchestrator.core.model import RetryPolicy
from tetra_orchestrator.core.retry import delay_s

LATER = {
    "recomart": {
        "pipeline_config.yaml.log_file": 8,
        "production_pipeline.yaml.log_file": 8,
    }
}
EXPECTED = yaml.safe_load((HERE / "recomart" / "expect.yaml").read_text())
#: Our states in the words of their document.
STATUS = {
    "succeeded": "SUCCESS",
    "failed": "FAILURE",
    "timed_out": "TIMEOUT",
    "skipped": "SKIPPED",
    "upstream_failed": "SKIPPED",
}
FAILING = "bindings: {ingestion: {command: ['false']}, validation: {command: ['false']}}\n"


class Shop:
    """A copy of the users' folder, and our command in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        }

    def python(self, *words: str, **env: str):
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def tetra(self, *words: str, **env: str):
        return self.python("-m", "tetra_orchestrator", *words, **env)

    def json(self, *words: str, **env: str):
        done = self.tetra(*words, "--json", **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def shown(self, file: str):
        """The tasks of the newest run."""
        return self.json("show", "--config", file)["tasks"]

    def statuses(self, file: str):
        return {task["id"]: STATUS[task["state"]] for task in self.shown(file)}


@pytest.fixture
def shop(tmp_path):
    shutil.copytree(HERE / "recomart", tmp_path / "shop")
    return Shop(tmp_path / "shop")


@holds("recomart", "pipeline_config.yaml.groups", "pipeline_config.yaml.order")
def test_R_109_and_R_110_the_order_and_the_groups(shop):
    groups = shop.json("validate", "--config", "pipeline_config.yaml")["groups"]
    assert groups == EXPECTED["pipeline_config.yaml"]["groups"]
    assert [name for group in groups for name in group] == EXPECTED["pipeline_config.yaml"]["order"]


@holds("recomart", "production_pipeline.yaml.order")
def test_R_125_the_production_file_has_the_same_order(shop):
    groups = shop.json("validate", "--config", "production_pipeline.yaml")["groups"]
    assert [name for group in groups for name in group] == EXPECTED["production_pipeline.yaml"]["order"]


@holds(
    "recomart",
    "pipeline_config.yaml.statuses",
    "pipeline_config.yaml.exit",
    "quick_data_check.yaml.statuses",
    "quick_data_check.yaml.exit",
    "toggle_tasks.yaml",
    "skip_cascade.yaml",
)
@pytest.mark.parametrize(
    "file", ["pipeline_config.yaml", "quick_data_check.yaml", "toggle_tasks.yaml", "skip_cascade.yaml"]
)
def test_R_120_to_R_122_statuses_and_exit_code_of_a_run(shop, file):
    done = shop.tetra("run", "--config", file)
    assert done.returncode == EXPECTED[file]["exit"], done.stderr
    assert shop.statuses(file) == EXPECTED[file]["statuses"]


@holds("recomart", "production_pipeline.yaml.exit")
def test_R_125_the_production_file_runs_unmodified(shop):
    assert shop.tetra("run", "--config", "production_pipeline.yaml").returncode == 0
    assert set(shop.statuses("production_pipeline.yaml").values()) == {"SUCCESS"}


@holds("recomart", "parallel_continue.yaml")
def test_R_019_past_a_failure_what_does_not_depend_on_it_runs(shop):
    assert shop.tetra("run", "--config", "parallel_continue.yaml").returncode == 2
    assert shop.statuses("parallel_continue.yaml") == EXPECTED["parallel_continue.yaml"]["statuses"]


def test_R_001_and_R_003_the_variable_names_the_file_for_every_command(shop):
    assert shop.tetra("run", PIPELINE_CONFIG="quick_data_check.yaml").returncode == 0
    run = shop.json("show", PIPELINE_CONFIG="quick_data_check.yaml")["run"]
    assert run["project"] == "quick_data_check"


def test_R_036_and_R_037_a_task_is_given_its_configuration_with_its_types(shop):
    assert shop.tetra("run", "--config", "pipeline_config.yaml").returncode == 0
    (log,) = (shop.folder / "dagster_data" / "logs" / "runs").glob("*/training.1.log")
    config = yaml.safe_load((shop.folder / "pipeline_config.yaml").read_text())["tasks"]["training"]["config"]
    assert log.read_text() == f"training config={config!r}\n"


def test_R_038_without_bindings_validate_warns_and_a_run_says_how_to_bind(shop):
    (shop.folder / "bindings.yaml").unlink()
    checked = shop.tetra("validate", "--config", "toggle_tasks.yaml")
    assert checked.returncode == 0
    assert checked.stderr.replace(f"{shop.folder}/", "") == (
        "warning: toggle_tasks.yaml:3:3: nothing says what runs for 'ingestion'\n"
        "    ingestion:\n"
        "    ^\n"
        '  hint: bind it in bindings.yaml: `bindings: {ingestion: {call: "module:function"}}`\n'
        "warning: toggle_tasks.yaml:9:3: nothing says what runs for 'training'\n"
        "    training:\n"
        "    ^\n"
        '  hint: bind it in bindings.yaml: `bindings: {training: {call: "module:function"}}`\n'
    )
    refused = shop.tetra("run", "--config", "toggle_tasks.yaml")
    assert refused.returncode == 78
    assert refused.stderr.replace(f"{shop.folder}/", "") == (
        "error: toggle_tasks.yaml: nothing says what runs for 'ingestion', 'training'\n"
        '  hint: bind it in bindings.yaml: `bindings: {ingestion: {call: "module:function"}}`\n'
    )


@holds("recomart", "pipeline_config.yaml.waits_if_always_failing")
def test_R_034_R_039_and_R_042_the_waits_of_tasks_that_always_fail(shop):
    program = (
        "import json, tetra_orchestrator as tetra\n"
        "project = tetra.load('pipeline_config.yaml')\n"
        "print(json.dumps({name: project.task(name).retry._asdict() for name in ('ingestion', 'validation')}))\n"
    )
    done = shop.python("-c", program)
    for name, waits in EXPECTED["pipeline_config.yaml"]["waits_if_always_failing"].items():
        policy = RetryPolicy(**json.loads(done.stdout)[name])
        assert [delay_s(policy, n) for n in range(1, policy.max_attempts)] == waits


@holds("recomart", "production_pipeline.yaml.attempts_if_always_failing")
def test_R_032_the_attempts_of_a_task_that_always_fails(shop):
    (shop.folder / "failing.yaml").write_text(FAILING)
    words = ("--bindings", "failing.yaml", "--set", "tasks.ingestion.retry_delay=0")
    assert shop.tetra("run", "--config", "production_pipeline.yaml", "--pipeline", "ingestion", *words).returncode == 2
    (task,) = shop.shown("production_pipeline.yaml")
    assert len(task["attempts"]) == EXPECTED["production_pipeline.yaml"]["attempts_if_always_failing"]["ingestion"]


@holds("recomart", "pipeline_config.yaml.task_info")
def test_R_111_to_R_114_what_python_says_of_a_task(shop):
    program = (
        "import json, tetra_orchestrator as tetra\n"
        "task = tetra.load('pipeline_config.yaml').task('training')\n"
        "info = {'name': task.id, 'dependencies': task.depends_on, 'timeout': task.timeout_s,\n"
        "        'retry_count': task.retry.max_attempts - 1}\n"
        "print(json.dumps(info))\n"
    )
    info = json.loads(shop.python("-c", program).stdout)
    assert info == EXPECTED["pipeline_config.yaml"]["task_info"]["training"]


@holds("recomart", "pipeline_config.yaml.next_fire_after_2026-11-20T12:00Z")
def test_R_057_the_next_time_it_is_due(shop):
    words = ("--from", "2026-11-20T12:00Z", "-n", "1")
    (slot,) = shop.json("schedule", "next", "--config", "pipeline_config.yaml", *words)["slots"]
    assert slot["slot"] == "2026-11-21T02:00:00Z"


@holds("recomart", "quick_data_check.yaml.timezone")
def test_R_055_without_a_zone_the_schedule_is_in_utc(shop):
    (slot,) = shop.json("schedule", "next", "--config", "quick_data_check.yaml", "-n", "1")["slots"]
    assert slot["zone"] == EXPECTED["quick_data_check.yaml"]["timezone"]


@holds("recomart", "quick_data_check.yaml.runs_at_daemon_start")
def test_R_056_a_start_of_the_service_makes_nothing_due_unless_the_file_says_so(shop):
    def due_at_start(file):
        assert shop.tetra("fire", "--boot", "--by", "foreground", "--config", file).returncode == 0
        return len(shop.json("schedule", "audit", "--config", file)["slots"])

    assert due_at_start("quick_data_check.yaml") == EXPECTED["quick_data_check.yaml"]["runs_at_daemon_start"]
    text = (shop.folder / "quick_data_check.yaml").read_text()
    (shop.folder / "at_start.yaml").write_text(
        text.replace("name: quick_data_check", "name: at_start") + "  run_on_startup: true\n"
    )
    assert due_at_start("at_start.yaml") == 1


def effective(folder, file):
    """Level, time limit of training and number of tasks, as the file stands in its folder."""
    document = json.loads(to_json(read(str(folder / file), environ={}).tree))
    return {
        "level": document["logs"]["level"].upper(),
        "training_timeout": document["pipelines"]["training"]["timeout"],
        "tasks": len(document["pipelines"]),
    }


@holds("recomart", "pipeline_config.dev.yaml.beside_base", "pipeline_config.prod.yaml")
@pytest.mark.parametrize("file", ["pipeline_config.dev.yaml", "pipeline_config.prod.yaml"])
def test_R_005_a_file_for_an_environment_is_merged_over_the_base_beside_it(shop, file):
    assert effective(shop.folder, file) == EXPECTED[file]["beside_base"]
    checked = shop.json("validate", PIPELINE_CONFIG=file)
    assert checked["summary"]["tasks"] == EXPECTED[file]["beside_base"]["tasks"]
    assert checked["warnings"][0]["message"] == f"{file} is merged over pipeline_config.yaml beside it"


@holds("recomart", "pipeline_config.dev.yaml.alone")
def test_R_005_without_a_base_it_stands_alone(shop):
    (shop.folder / "pipeline_config.yaml").unlink()
    assert effective(shop.folder, "pipeline_config.dev.yaml") == EXPECTED["pipeline_config.dev.yaml"]["alone"]
    assert shop.json("validate", "--config", "pipeline_config.dev.yaml")["groups"] == [["training"]]


def test_what_the_page_shows_in_python_works_as_it_stands(shop):
    page = (HERE.parents[1] / "docs/coming-from/recomart.md").read_text()
    (example,) = re.findall(r"```python\n(import tetra_orchestrator.*?)```", page, re.S)
    assert shop.python("-c", example).stdout == (
        "Execution order: ['ingestion', 'validation', 'preparation', 'features', 'training']\n"
        "Parallel groups: [['ingestion'], ['validation'], ['preparation'], ['features'], ['training']]\n"
        "Task: training\n"
        "Depends on: ('features',)\n"
        "Timeout: 900.0s\n"
        "Retries: 1\n"
    )


def test_R_099_a_run_from_python_says_whether_it_succeeded(shop):
    (shop.folder / "failing.yaml").write_text(FAILING)
    program = "import tetra_orchestrator as tetra; print(tetra.load({}).run().ok)"
    assert shop.python("-c", program.format("'quick_data_check.yaml'")).stdout == "True\n"
    failing = "'quick_data_check.yaml', bindings='failing.yaml'"
    assert shop.python("-c", program.format(failing)).stdout == "False\n"


KINDS_OF_ERROR = """\
execution: {mode: parallel, max_retries: 1, continue_on_error: true}
retry_policy: {retry_on_errors: [timeout, connection_error], no_retry_on: [file_not_found]}
tasks:
  late: {timeout_seconds: 0.3, retry_delay: 0}
  refused: {retry_delay: 0}
  lost: {retry_delay: 0}
  invalid: {retry_delay: 0}
  plain: {retry_delay: 0}
"""
KINDS_BOUND = """\
bindings:
  late: {command: [sleep, "9"]}
  refused: {call: "kinds:refused"}
  lost: {call: "kinds:lost"}
  invalid: {call: "kinds:invalid"}
  plain: {command: ["false"]}
"""
KINDS = """\
def refused():
    raise ConnectionRefusedError
def lost():
    open("/nowhere/at/all")
def invalid():
    int("x")
"""


def test_R_043_R_044_and_R_045_the_kind_of_error_decides_about_a_retry(shop):
    for name, text in (("kinds.yaml", KINDS_OF_ERROR), ("bindings.yaml", KINDS_BOUND), ("kinds.py", KINDS)):
        (shop.folder / name).write_text(text)
    assert shop.tetra("run", "--config", "kinds.yaml").returncode == 2
    attempts = {task["id"]: (task["state"], len(task["attempts"])) for task in shop.shown("kinds.yaml")}
    assert attempts == {
        "late": ("timed_out", 2),
        "refused": ("failed", 2),
        "lost": ("failed", 1),
        "invalid": ("failed", 1),
        "plain": ("failed", 2),
    }


def test_R_013_sequential_tasks_never_overlap(shop):
    text = "tasks: {a: {}, b: {}}\n"
    (shop.folder / "two.yaml").write_text(text)
    (shop.folder / "bindings.yaml").write_text('bindings: {a: {command: [sleep, "0.2"]}, b: {command: [sleep, "0.2"]}}')
    assert shop.tetra("run", "--config", "two.yaml").returncode == 0
    first, second = sorted(
        (attempt["started_at"], attempt["finished_at"])
        for task in shop.shown("two.yaml")
        for attempt in task["attempts"]
    )
    assert first[1] <= second[0]


@holds("recomart", "production_pipeline.yaml.notify_on_failure")
@pytest.mark.parametrize(
    ("bindings", "told"),
    [(("--bindings", "failing.yaml", "--pipeline", "ingestion"), 1), ((), 0)],
    ids=["fails", "succeeds"],
)
def test_R_072_R_074_R_077_R_079_the_production_file_tells_slack_of_a_failure_and_of_nothing_else(shop, bindings, told):
    (shop.folder / "failing.yaml").write_text(FAILING)
    assert EXPECTED["production_pipeline.yaml"]["notify_on_failure"] == ["slack"]
    with HttpServer() as slack:
        words = ("--set", f"notifications.slack.webhook_url={slack.url}/services/T/B/X", "--no-retry", *bindings)
        done = shop.tetra("run", "--config", "production_pipeline.yaml", *words)
        assert (done.returncode, len(slack.requests)) == (2 if told else 0, told)
        for request in slack.requests:
            assert "channel" not in request.json
            text = request.body.decode()
            for word in ("production", "failed after", "ingestion: exit code 1"):
                assert word in text
