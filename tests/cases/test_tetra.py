"""Files of a tetra user, unmodified, through our command line and the wrappers of `bin/`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from cases.ledger import holds
from support.worlds import Stage
from tetra_orchestrator.adapters.timer.systemd.calendar import lines
from tetra_orchestrator.config.conditions import holds as is_true
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.core.freshness import freshness
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.retry import delay_s
from tetra_orchestrator.core.units import timer_specs
from tetra_orchestrator.timer_port import SYSTEMD_USER
from tetra_orchestrator.wire_timers import placement

HERE = Path(__file__).parent / "tetra"
WRAPPERS = Path(__file__).parents[2] / "bin" / "pipelines"
EXPECTED = yaml.safe_load((HERE / "expect.yaml").read_text())
CHAIN = ["data_pipeline", "scenarios_pipeline", "metrics_pipeline", "assessment_pipeline"]
ZONE = "Europe/Paris"

LATER: dict[str, dict[str, int]] = {"tetra": {}}


class Checkout:
    """A copy of the user's folder, whose pipelines note how they were called."""

    def __init__(self, root):
        self.root = root
        self.log = root / "calls.jsonl"
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "TZ": ZONE,
            "TETRA_HOME": str(root),
            "TETRA_STUB_LOG": str(self.log),
        }

    def tetra(self, *args):
        return self._run([sys.executable, "-m", "tetra_orchestrator", *args])

    def wrapper(self, name, *args):
        return self._run([WRAPPERS / name, *args])

    def _run(self, command):
        return subprocess.run(
            command, cwd=self.root, env=self.environ, capture_output=True, text=True, timeout=120, check=False
        )

    def calls(self):
        """Every call since the start as `[pipeline, argument, ...]`."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [[call["pipeline"], *call["argv"]] for call in map(json.loads, lines)]

    def project(self, name="orchestration.yaml"):
        return load_project(str(self.root / "config" / name), environ=self.environ, check_modules=False).project


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "a checkout"
    shutil.copytree(HERE, root)
    (root / ".venv").symlink_to(sys.prefix)
    return Checkout(root)


def expected_calls(mode):
    today = datetime.now(ZoneInfo(ZONE)).date().isoformat()  # the wrapper asks date(1), which answers in local time
    return [[word.format(today=today) for word in call] for call in EXPECTED["modes"][mode]]


@pytest.mark.parametrize("mode", ["daily", "weekly", "full"])
@holds("tetra", "modes.daily", "modes.weekly", "modes.full")
def test_T_241_a_mode_calls_its_modules_in_order_with_the_documented_arguments(checkout, mode):
    done = checkout.tetra("run", "--mode", mode)
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.calls() == expected_calls(mode)


@pytest.mark.parametrize(
    ("wrapper", "mode"), [("run_daily.sh", "daily"), ("run_weekly.sh", "weekly"), ("run_backfill.sh", "backfill")]
)
@holds("tetra", "modes.daily", "modes.weekly", "modes.backfill")
def test_T_083_to_T_085_the_wrappers_run_the_modes_of_their_names(checkout, wrapper, mode):
    assert checkout.wrapper(wrapper).returncode == 0
    assert checkout.calls() == expected_calls(mode)


@holds("tetra", "modes.backfill 2021-01-01 2021-12-31")
def test_T_055_a_backfill_takes_both_dates(checkout):
    assert checkout.wrapper("orchestrator.sh", "backfill", "2021-01-01", "2021-12-31").returncode == 0
    assert checkout.calls() == expected_calls("backfill 2021-01-01 2021-12-31")


@holds("tetra", "default_mode")
def test_T_051_without_an_argument_the_orchestrator_runs_the_default_mode(checkout):
    done = checkout.wrapper("orchestrator.sh")
    assert done.returncode == 0
    assert f"Starting orchestration in {EXPECTED['default_mode']} mode" in done.stdout
    assert checkout.calls() == expected_calls("full")


@holds("tetra", "run_full_pipeline.sh")
def test_T_077_T_079_run_full_pipeline_is_the_weekly_chain(checkout):
    done = checkout.wrapper("run_full_pipeline.sh")
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.calls() == expected_calls("weekly")
    assert done.stdout.splitlines()[-1] == "Full pipeline execution completed successfully!"


@holds("tetra", "run_full_pipeline.sh")
def test_T_077_T_080_run_full_pipeline_tries_once_whatever_the_recovery_says(checkout):
    checkout.environ["TETRA_STUB_FAIL_DATA_PIPELINE"] = "1"
    done = checkout.wrapper("run_full_pipeline.sh")
    assert done.returncode == 2
    assert checkout.calls() == expected_calls("weekly")[:1]
    assert done.stdout.splitlines()[:3] == [
        "Starting full pipeline execution...",
        "Step 1/4: Running Data Pipeline...",
        "Data Pipeline failed",
    ]


@holds("tetra", "unknown_mode")
def test_T_056_an_unknown_mode_is_told_and_nothing_is_called(checkout):
    expected = EXPECTED["unknown_mode"]
    done = checkout.wrapper("orchestrator.sh", expected["argument"])
    assert done.returncode == expected["exit"]
    (line,) = done.stdout.splitlines()
    assert line.endswith(f"] {expected['log']}")
    assert checkout.calls() == []


@holds("tetra", "log")
def test_T_062_T_069_each_run_has_a_log_of_the_lines_that_it_prints(checkout):
    done = checkout.wrapper("orchestrator.sh", "daily")
    assert done.returncode == 0
    (log,) = (checkout.root / "logs").glob("orchestrator_*.log")
    assert re.fullmatch(EXPECTED["log"]["file_regex"], str(log.relative_to(checkout.root)))
    assert log.read_text() == done.stdout
    assert all(re.fullmatch(EXPECTED["log"]["line_regex"], line) for line in done.stdout.splitlines())


# -- retries


def waits(policy):
    return [delay_s(policy, failures) for failures in range(1, policy.max_attempts)]


@holds("tetra", "retry.shell")
def test_T_059_T_060_without_recovery_three_attempts_with_a_minute_between_them(checkout):
    expected = EXPECTED["retry"]["shell"]
    (task,) = checkout.project("dependencies_only.yaml").pipeline("data_pipeline").tasks
    assert (task.retry.max_attempts, waits(task.retry)) == (expected["attempts"], expected["waits"])


@holds("tetra", "retry.RetryStrategy_defaults", "retry.RetryStrategy_8")
def test_T_148_T_149_the_arguments_of_the_retry_strategy_as_a_native_retry(tmp_path):
    file = tmp_path / "orchestration.yaml"
    file.write_text(
        "version: 1\nproject: strategy\npipelines:\n"
        "  defaults: {shell: 'false', retry: {max_attempts: 3, delay: 60s, backoff: 2, max_delay: 1h}}\n"
        "  eight: {shell: 'false', retry: {max_attempts: 8, delay: 60s, backoff: 2, max_delay: 1h}}\n"
    )
    project = load_project(str(file), environ=os.environ).project
    defaults, eight = (project.pipeline(name).tasks[0].retry for name in ("defaults", "eight"))
    expected = EXPECTED["retry"]["RetryStrategy_defaults"]
    assert (defaults.max_attempts, waits(defaults)) == (expected["attempts"], expected["waits"])
    assert waits(eight) == EXPECTED["retry"]["RetryStrategy_8"]["waits"]


@pytest.mark.parametrize("failing", CHAIN)
@holds("tetra", "retry.recovery_attempts")
def test_T_057_T_169_a_pipeline_that_always_fails_is_retried_as_its_recovery_says_and_ends_the_chain(checkout, failing):
    stage = Stage(checkout.project(), lambda task, number: (1.0, Exited(int(task == failing)), {}))
    assert stage.run("weekly") == 2
    started = [task for task, *_ in stage.attempts()]
    before = CHAIN[: CHAIN.index(failing)]
    assert started == [*before, *[failing] * EXPECTED["retry"]["recovery_attempts"][failing]]
    own = [attempt for attempt in stage.store.attempts(stage.last_run.run_id) if attempt.task_id == failing]
    pauses = [(b.started_at - a.finished_at).total_seconds() for a, b in zip(own, own[1:], strict=False)]
    assert pauses == [60.0] * (len(own) - 1)


# -- schedules and freshness


@pytest.mark.parametrize("name", CHAIN)
@holds("tetra", *(f"schedule.{name}.cron" for name in CHAIN))
def test_T_008_to_T_011_each_pipeline_is_due_by_its_rule_in_the_zone_of_the_machine(checkout, name):
    cron = EXPECTED["schedule"][name]["cron"]
    since = ("--from", "2026-03-20T00:00:00Z", "--json")
    own = json.loads(checkout.tetra("schedule", "next", name, *since).stdout)["slots"]
    rule = json.loads(checkout.tetra("schedule", "next", "--cron", cron, "--tz", ZONE, *since).stdout)["slots"]
    assert [slot["slot"] for slot in own] == [slot["slot"] for slot in rule]
    assert {slot["zone"] for slot in own} == {ZONE}


@pytest.mark.parametrize("name", CHAIN)
@holds("tetra", *(f"schedule.{name}.OnCalendar" for name in CHAIN))
def test_T_008_to_T_011_systemd_is_told_the_same_time_in_that_zone(checkout, name, monkeypatch):
    monkeypatch.setenv("TZ", ZONE)
    project = checkout.project()
    specs = {spec.name: spec for spec in timer_specs(project, placement(project, SYSTEMD_USER))}
    wanted = EXPECTED["schedule"][name]["OnCalendar"]
    assert lines(specs[name], datetime(2026, 3, 20, tzinfo=UTC)) == [f"{wanted} {ZONE}"]


@holds("tetra", "freshness.no state")
def test_T_190_what_never_ran_has_no_known_freshness(checkout):
    done = checkout.tetra("status", "--json")
    assert done.returncode == 0
    assert [row["freshness"] for row in json.loads(done.stdout)["pipelines"]] == [EXPECTED["freshness"]["no state"]] * 4


@pytest.mark.parametrize("age", [25, 24, 1])
@holds("tetra", "freshness.25h", "freshness.24h", "freshness.1h")
def test_T_191_T_192_data_are_fresh_for_a_day(checkout, age):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    for pipeline in checkout.project().pipelines:
        found = freshness(now - timedelta(hours=age), pipeline.max_data_age_s, now)
        assert found == EXPECTED["freshness"][f"{age}h"]


# -- rules of alerts


@pytest.mark.parametrize("alert", EXPECTED["alerts"], ids=lambda alert: str(alert["given"]))
@holds("tetra", "alerts")
def test_T_207_to_T_216_the_rules_that_hold_and_whom_they_tell(checkout, alert):
    alerting = checkout.project().alerting
    holding = [rule for rule in alerting.rules if is_true(rule.condition, alert["given"])]
    assert [rule.name for rule in holding] == alert["fires"]
    told = [name for rule in holding for name in rule.channels if alerting.channel(name).enabled]
    assert told == alert.get("to", [])


def test_T_210_the_channel_of_a_rule_that_is_switched_off_is_kept_as_such(checkout):
    alerting = checkout.project().alerting
    assert alerting.rules[2].channels == ("email", "slack", "pagerduty")
    assert [channel.name for channel in alerting.channels if not channel.enabled] == ["pagerduty"]


def test_T_115_only_the_variable_of_a_channel_that_is_on_is_missed(checkout):
    _, found = validated(checkout, "orchestration.yaml")
    assert [warning["message"] for warning in found["warnings"] if warning["code"] == "missing_variable"] == [
        "the variable SLACK_WEBHOOK_URL is not set"
    ]


# -- validation


def validated(checkout, name):
    done = checkout.tetra("validate", "--json", "--config", f"config/{name}")
    return done.returncode, json.loads(done.stdout)


@holds("tetra", "validation.orchestration.yaml")
def test_T_002_T_013_T_170_the_whole_file_is_valid_and_what_nobody_provides_is_named_once(checkout):
    code, found = validated(checkout, "orchestration.yaml")
    expected = EXPECTED["validation"]["orchestration.yaml"]
    assert (code, found["ok"], found["dialect"]) == (expected["exit"], True, "tetra")
    assert found["groups"] == [[name] for name in CHAIN]
    assert found["summary"] == {"pipelines": 4, "tasks": 4, "edges": 3}
    messages = [warning["message"] for warning in found["warnings"]]
    assert [sum(name in message for message in messages) for name in expected["warnings"]] == [1, 1]


@holds("tetra", "validation.conflicting_dependencies.yaml", "validation.cycle.yaml")
@pytest.mark.parametrize("name", ["conflicting_dependencies.yaml", "cycle.yaml"])
def test_T_089_T_104_sections_that_differ_and_cycles_are_refused(checkout, name):
    code, found = validated(checkout, name)
    assert code == 78
    (error,) = found["errors"]
    for mentioned in EXPECTED["validation"][name]["mentions"]:
        assert mentioned in error["message"]


def test_a_file_that_only_has_the_dependency_rules_runs_as_it_is(checkout):
    code, found = validated(checkout, "dependencies_only.yaml")
    assert (code, found["groups"]) == (0, [["data_pipeline"], ["scenarios_pipeline"]])
    checkout.environ["PIPELINE_CONFIG"] = "config/dependencies_only.yaml"
    assert checkout.wrapper("orchestrator.sh", "weekly").returncode == 0
    assert checkout.calls() == expected_calls("weekly")[:2]


# -- the document's own command lines


@pytest.mark.parametrize(
    "line",
    [
        "status",
        "run --pipeline data_pipeline --mode daily",
        "run --mode full",
        "run --mode full --dry-run",
        "run --pipeline metrics_pipeline --force",
        "graph",
        "schedule",
    ],
)
def test_T_237_to_T_251_the_documented_commands_work_as_written(checkout, line):
    done = checkout.tetra(*line.split())
    assert (done.returncode, done.stderr) == (0, "")


def test_T_243_a_pipeline_alone_waits_for_what_it_depends_on_unless_forced(checkout):
    done = checkout.tetra("run", "--pipeline", "metrics_pipeline")
    assert done.returncode == 75
    assert checkout.calls() == []
    assert checkout.tetra("run", "--pipeline", "metrics_pipeline", "--force").returncode == 0
    assert checkout.calls() == [["metrics_pipeline"]]


def test_T_249_the_last_lines_of_a_pipeline_s_log(checkout):
    module = checkout.root / "src" / "pipelines" / "data_pipeline" / "main.py"
    module.write_text("for number in range(150): print(number)\n")
    assert checkout.tetra("run", "--mode", "daily").returncode == 0
    done = checkout.tetra("logs", "--pipeline", "data_pipeline", "--tail", "100")
    assert done.stdout.splitlines() == [str(number) for number in range(50, 150)]


def test_T_224_to_T_226_every_task_finds_the_limits_of_the_database(checkout):
    module = checkout.root / "src" / "pipelines" / "data_pipeline" / "main.py"
    module.write_text(
        "import os\nprint(*(f'{k}={v}' for k, v in sorted(os.environ.items()) if k.startswith('TETRA_DB')))\n"
    )
    assert checkout.tetra("run", "--mode", "daily").returncode == 0
    done = checkout.tetra("logs", "--pipeline", "data_pipeline")
    assert done.stdout == "TETRA_DB_MAX_OVERFLOW=10 TETRA_DB_POOL_SIZE=20 TETRA_DB_POOL_TIMEOUT=30\n"


def test_T_097_T_098_a_pipeline_of_another_name_is_called_with_its_config_and_what_it_returns_is_kept(checkout):
    (checkout.root / "config" / "orchestration.yaml").write_text(
        "pipelines:\n"
        "  fetch: {module: src.pipelines.data_pipeline.main, config: {source: '{not.filled}', days: 3}}\n"
        "  report: {module: src.pipelines.metrics_pipeline.main, dependencies: [fetch]}\n"
    )
    assert checkout.tetra("run", "--mode", "full").returncode == 0
    calls = [json.loads(line) for line in checkout.log.read_text().splitlines()]
    assert calls == [
        {"pipeline": "data_pipeline", "config": {"source": "{not.filled}", "days": 3}},
        {"pipeline": "metrics_pipeline", "config": {}},
    ]
    shown = json.loads(checkout.tetra("show", "--json").stdout)
    assert [task["outputs"] for task in shown["tasks"]] == [{"records": 5}, {"records": 5}]


def test_the_config_of_a_pipeline_with_arguments_is_in_the_file_that_tetra_input_names(checkout):
    module = checkout.root / "src" / "pipelines" / "data_pipeline" / "main.py"
    module.write_text("import json, os\nprint(json.load(open(os.environ['TETRA_INPUT']))['config'])\n")
    (checkout.root / "config" / "orchestration.yaml").write_text(
        "pipelines: {data_pipeline: {module: src.pipelines.data_pipeline.main, config: {source: yahoo}}}\n"
    )
    assert checkout.tetra("run", "--mode", "daily").returncode == 0
    assert checkout.tetra("logs", "--pipeline", "data_pipeline").stdout == "{'source': 'yahoo'}\n"
