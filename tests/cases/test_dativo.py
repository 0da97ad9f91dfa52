"""Files of a dativo user, unmodified, through our command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from cases.ledger import holds
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.core.retry import delay_s
from tetra_orchestrator.worker.transfer import rate

HERE = Path(__file__).parent
EXPECTED = yaml.safe_load((HERE / "dativo" / "expect.yaml").read_text())
RUNNER = "app/configs/runner.yaml"
ENHANCED = "app/configs/runner_enhanced.yaml"
STRIPE = "app/jobs/acme/stripe_customers_to_iceberg.yaml"
HUBSPOT = "app/jobs/acme/hubspot_contacts_to_iceberg.yaml"
MAINTENANCE = "app/jobs/acme/maintenance.yaml"
BETA = "app/jobs/beta/stripe_customers_to_iceberg.yaml"


class Ingest:
    """A copy of the user's folder."""

    def __init__(self, folder):
        self.folder = folder
        # nothing of ours is in a task's environment but what we hand over
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}

    def tetra(self, *words, bindings="bindings.yaml"):
        command = [sys.executable, "-m", "tetra_orchestrator", *words, "--bindings", bindings]
        return subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=60, check=False
        )

    def begin(self, *words):
        command = [sys.executable, "-m", "tetra_orchestrator", *words]
        return subprocess.Popen(command, cwd=self.folder, env=self.environ, stdout=subprocess.PIPE, text=True)

    def run(self, file, *words, **options):
        return self.tetra("run", "--config", file, *words, **options)

    def validated(self, file):
        done = self.tetra("validate", "--config", file, "--json")
        return json.loads(done.stdout)

    def native(self, file):
        """The native document that a file becomes."""
        done = self.tetra("config", "convert", "--config", file)
        assert done.returncode == 0, done.stderr
        return yaml.safe_load(done.stdout)

    def shown(self, file):
        """What is known of the newest run of a file."""
        command = [sys.executable, "-m", "tetra_orchestrator", "show", "--config", file, "--json"]
        shown = subprocess.run(command, cwd=self.folder, env=self.environ, capture_output=True, timeout=60, check=True)
        return json.loads(shown.stdout)

    def tasks(self, file):
        """Its tasks, with their attempts."""
        return self.shown(file)["tasks"]

    def task(self, file):
        """The one task of the newest run of a job file."""
        [task] = self.tasks(file)
        return task

    def due(self, *words):
        """The slots that `schedule next` lists."""
        command = [sys.executable, "-m", "tetra_orchestrator", "schedule", "next", *words, "--json"]
        listed = subprocess.run(command, cwd=self.folder, env=self.environ, capture_output=True, timeout=60, check=True)
        return json.loads(listed.stdout)["slots"]

    def change(self, file, old, new):
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def bind(self, source):
        """A source of the user's own for every job: the body of a generator."""
        (self.folder / "app" / "shop.py").write_text(f"def read(job):\n    {source}\n    yield []\n")
        bound = '{call: "shop:read"}'
        text = f"path_map: {{/app: ./app}}\nconnectors: {{stripe: {bound}, iceberg: {{builtin: null_writer}}}}\n"
        (self.folder / "shop.yaml").write_text(text)
        return "shop.yaml"


class Told(list):
    """The lines that a command has written, in order."""

    def types(self):
        return [line["event_type"] for line in self]

    def of(self, event_type):
        return [line for line in self if line["event_type"] == event_type]

    def one(self, event_type):
        [line] = self.of(event_type)
        return line


def told(ingest, file, *words, code=0, **options):
    """Every line of the output of a run that ends with that code: `json.loads` refuses what is no JSON."""
    done = ingest.run(file, *words, **options)
    assert done.returncode == code, done.stderr
    return Told(json.loads(line) for line in done.stdout.splitlines())


def failing(ingest, **options):
    return told(ingest, MAINTENANCE, code=2, bindings=ingest.bind("raise KeyError('id')"), **options)


class Span:
    """When an attempt ran."""

    def __init__(self, attempt):
        self.start, self.end = attempt["started_at"], attempt["finished_at"]

    def overlaps(self, other):
        return self.start < other.end and other.start < self.end


@pytest.fixture
def ingest(tmp_path):
    shutil.copytree(HERE / "dativo", tmp_path / "ingest")
    return Ingest(tmp_path / "ingest")


# -- runner files ---------------------------------------------------------------------------------------------------


@holds(
    "dativo",
    "runner.yaml.schedules",
    "runner.yaml.enabled",
    "runner.yaml.timezone",
    "runner.yaml.concurrency_per_tenant",
)
def test_D_035_the_basic_runner_file_has_two_enabled_schedules_in_UTC(ingest):
    native = ingest.native(RUNNER)
    schedules = native["schedules"].values()
    expected = EXPECTED["runner.yaml"]
    assert len(schedules) == expected["schedules"]
    assert [schedule["enabled"] for schedule in schedules] == expected["enabled"]
    assert [native.get("timezone", "UTC"), *(s["timezone"] for s in schedules if "timezone" in s)] == [
        expected["timezone"]
    ]
    assert native["tenants"] == {"acme": {"concurrency": expected["concurrency_per_tenant"]}}


@holds("dativo", "runner.yaml.mode", "runner_enhanced.yaml.mode")
@pytest.mark.parametrize("file", [RUNNER, ENHANCED])
def test_D_028_orchestrated_is_the_mode_and_the_default_and_lets_schedules_be_due(ingest, file):
    assert EXPECTED[os.path.basename(file)]["mode"] == "orchestrated"
    as_written = ingest.native(file)["schedules"]
    text = yaml.safe_load((ingest.folder / file).read_text())
    text["runner"]["mode"] = "orchestrated"
    (ingest.folder / file).write_text(yaml.safe_dump(text))
    assert ingest.native(file)["schedules"] == as_written
    text["runner"]["mode"] = "oneshot"
    (ingest.folder / file).write_text(yaml.safe_dump(text))
    assert not any(schedule["enabled"] for schedule in ingest.native(file)["schedules"].values())


@holds("dativo", "runner.yaml.type", "runner_enhanced.yaml.type")
def test_D_029_D_030_dagster_is_the_type_and_the_default_and_nothing_of_it_is_needed(ingest):
    assert EXPECTED["runner.yaml"]["type"] == EXPECTED["runner_enhanced.yaml"]["type"] == "dagster"
    [warning] = [each for each in ingest.validated(RUNNER)["warnings"] if each["code"] == "engine"]
    assert warning["message"] == "'type: dagster' means our own engine, too: Dagster is neither needed nor started"
    assert [each for each in ingest.validated(ENHANCED)["warnings"] if each["code"] == "engine"] == []
    ingest.change(ENHANCED, "  orchestrator:\n", "  orchestrator:\n    type: airflow\n")
    [error] = ingest.validated(ENHANCED)["errors"]
    assert error["message"] == "'type' must be 'dagster': 'airflow'"


@holds("dativo", "runner_enhanced.yaml.schedules", "runner_enhanced.yaml.enabled")
def test_D_036_the_enhanced_runner_file_has_three_schedules_and_one_is_disabled(ingest):
    schedules = ingest.native(ENHANCED)["schedules"].values()
    assert len(schedules) == EXPECTED["runner_enhanced.yaml"]["schedules"]
    assert [schedule["enabled"] for schedule in schedules] == EXPECTED["runner_enhanced.yaml"]["enabled"]


@holds("dativo", "runner_enhanced.yaml.fires_in_24h")
def test_D_046_D_052_the_enhanced_runner_file_is_due_so_often_in_a_day(ingest):
    since, until = "2026-11-20T03:00:00Z", "2026-11-21T03:00:00Z"
    slots = ingest.due("--config", ENHANCED, "--from", since, "-n", "30")
    due = Counter(slot["schedule"] for slot in slots if slot["slot"] <= until)
    expected = EXPECTED["runner_enhanced.yaml"]["fires_in_24h"]
    assert expected.keys() == ingest.native(ENHANCED)["schedules"].keys()
    # counted from 1970, an interval has no slot at the start
    assert {name: due[name] for name in expected} == expected | {"hubspot_contacts_daily": 4}
    assert expected["hubspot_contacts_daily"].startswith("4 ")


@holds("dativo", "next_fire_after_2026-11-20T03:00Z")
@pytest.mark.parametrize("rule", EXPECTED["next_fire_after_2026-11-20T03:00Z"])
def test_D_040_to_D_045_D_054_a_rule_is_due_next_as_cron_reads_it_in_its_zone(ingest, rule):
    fields = rule.split()
    zone = fields[5] if len(fields) > 5 else "UTC"
    expected = EXPECTED["next_fire_after_2026-11-20T03:00Z"][rule]
    expected = expected if isinstance(expected, list) else [expected]
    words = ("--cron", " ".join(fields[:5]), "--tz", zone, "--from", "2026-11-20T03:00Z", "-n", str(len(expected)))
    assert [slot["slot"].replace(":00Z", "Z") for slot in ingest.due(*words)] == [_written(one) for one in expected]


def _written(instant):
    """An instant as the expectations have it, which YAML may have read as a time."""
    return instant if isinstance(instant, str) else instant.strftime("%Y-%m-%dT%H:%MZ")


@holds("dativo", "runner_bad.yaml")
def test_D_048_a_schedule_that_is_never_due_is_refused_by_name(ingest):
    done = ingest.run("app/configs/runner_bad.yaml")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.replace(f"{ingest.folder}/", "") == (
        "app/configs/runner_bad.yaml:7:15: the schedule 'no_trigger' has neither 'cron' nor 'interval_seconds'\n"
        "        - name: no_trigger\n"
        "                ^\n"
        '  hint: write one of the two, such as `cron: "0 * * * *"` or `interval_seconds: 3600`\n'
    )
    assert all(word in done.stderr for word in EXPECTED["runner_bad.yaml"]["mentions"])


@holds("dativo", "tags")
def test_D_142_to_D_145_a_run_carries_the_automatic_tags_and_the_schedules_own(ingest):
    native = ingest.native(ENHANCED)
    assert native["pipelines"]["stripe_customers_hourly"]["tags"] == EXPECTED["tags"]
    assert native["schedules"]["stripe_customers_hourly"]["tags"] == EXPECTED["tags"]


def test_D_152_a_runner_file_runs_its_enabled_jobs_and_skips_the_others(ingest):
    done = ingest.run(ENHANCED, "--json")
    assert done.returncode == 1, done.stderr
    ended = [json.loads(line) for line in done.stdout.splitlines() if '"task.finished"' in line]
    assert {event["task"]: event["state"] for event in ended} == {
        "stripe_customers_hourly": "partial",
        "hubspot_contacts_daily": "succeeded",
    }


def test_D_151_D_152_jobs_of_one_tenant_run_one_after_the_other_and_those_of_two_together(ingest):
    entry = 'name: {0}, config: /app/jobs/{1}, cron: "0 * * * *"'
    jobs = {"one": "acme/maintenance.yaml", "two": "acme/maintenance.yaml", "three": f"beta/{os.path.basename(BETA)}"}
    schedules = ", ".join("{" + entry.format(name, job) + "}" for name, job in jobs.items())
    (ingest.folder / RUNNER).write_text(f"runner: {{orchestrator: {{schedules: [{schedules}]}}}}\n")
    bindings = ingest.bind("import time; time.sleep(0.5)")
    assert ingest.run(RUNNER, "--set", "runner.mode=oneshot", bindings=bindings).returncode == 0
    one, two, three = (Span(task["attempts"][0]) for task in ingest.tasks(RUNNER))
    assert not one.overlaps(two)
    assert one.overlaps(three) or two.overlaps(three)


def test_a_schedule_can_be_run_by_its_name(ingest):
    assert ingest.run(RUNNER, "--mode", "hubspot_contacts_daily").returncode == 0


# -- job files ------------------------------------------------------------------------------------------------------


@holds("dativo", "retry_waits")
@pytest.mark.parametrize("job", EXPECTED["retry_waits"])
def test_D_088_to_D_096_waits_between_the_attempts_of_a_job(ingest, job):
    file = str(ingest.folder / "app/jobs/acme" / f"{job}.yaml")
    [task] = load_project(file, environ=ingest.environ, check_modules=False).project.tasks()
    waits = [delay_s(task.retry, retry) for retry in range(1, task.retry.max_attempts)]
    assert waits == EXPECTED["retry_waits"][job]


@holds("dativo", "inferred_tenant")
@pytest.mark.parametrize("job", EXPECTED["inferred_tenant"])
def test_D_070_a_tenant_is_inferred_from_the_folder_of_the_job(ingest, job):
    [pipeline] = ingest.native(f"app/{job}")["pipelines"].values()
    assert pipeline["tenant"] == EXPECTED["inferred_tenant"][job]


@holds("dativo", "exit_codes.all_valid")
def test_D_080_a_job_whose_records_are_all_good_ends_with_0(ingest):
    done = ingest.run(HUBSPOT, "--mode", "self_hosted")
    assert done.returncode == EXPECTED["exit_codes"]["all_valid"], done.stderr
    outputs = ingest.task(HUBSPOT)["outputs"]
    assert outputs["records_extracted"] == outputs["records_valid"] == 10
    assert outputs["status"] == "success"


@holds("dativo", "exit_codes.some_invalid_warn")
def test_D_081_bad_records_make_a_job_partial(ingest):
    done = ingest.run(MAINTENANCE, "--mode", "self_hosted")
    assert done.returncode == EXPECTED["exit_codes"]["some_invalid_warn"], done.stderr
    task = ingest.task(MAINTENANCE)
    assert (task["state"], len(task["attempts"])) == ("partial", 1)
    metrics = json.loads((HERE / "dativo" / "metrics_complete.json").read_text())
    counts = ("records_extracted", "records_valid", "records_invalid", "files_written")
    assert {key: task["outputs"][key] for key in counts} == {key: metrics[key] for key in counts}


@holds("dativo", "exit_codes.some_invalid_strict")
def test_D_082_bad_records_fail_a_job_in_strict_mode(ingest):
    ingest.change(MAINTENANCE, "tenant_id: acme", "tenant_id: acme\nschema_validation_mode: strict")
    done = ingest.run(MAINTENANCE, "--mode", "self_hosted")
    assert done.returncode == EXPECTED["exit_codes"]["some_invalid_strict"], done.stderr
    task = ingest.task(MAINTENANCE)
    assert (task["state"], task["attempts"][0]["outcome"]["code"]) == ("failed", 2)


@holds("dativo", "exit_codes.any_error")
def test_D_083_any_error_fails_a_job(ingest):
    bindings = ingest.bind("raise KeyError('id')")
    done = ingest.run(MAINTENANCE, "--mode", "self_hosted", bindings=bindings)
    assert done.returncode == EXPECTED["exit_codes"]["any_error"], done.stderr
    assert ingest.task(MAINTENANCE)["attempts"][0]["outcome"] == {"kind": "exited", "code": 2, "signal": None}


def test_D_006_mode_may_be_left_out_for_a_job_file(ingest):
    assert ingest.run(HUBSPOT).returncode == 0


def test_D_005_a_mode_that_a_job_file_does_not_have_is_refused_with_those_that_it_has(ingest):
    done = ingest.run(HUBSPOT, "--mode", "daily", "--json")
    assert done.returncode == 64
    refused = json.loads(done.stdout)
    assert refused["message"] == "Unknown mode: daily"
    assert refused["hint"] == "modes: hubspot_contacts_to_iceberg, self_hosted"


def test_D_106_a_partial_job_is_retried_if_its_code_is_listed_and_is_partial_in_the_end(ingest):
    block = "\nretry_config: {max_retries: 2, initial_delay_seconds: 0}"
    ingest.change(MAINTENANCE, "tenant_id: acme", f"tenant_id: acme{block}")
    assert ingest.run(MAINTENANCE).returncode == 1
    task = ingest.task(MAINTENANCE)
    assert (task["state"], len(task["attempts"])) == ("partial", 3)


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        ("raise RuntimeError('HTTP 429: API rate limit exceeded')", 2),
        ("raise KeyError('x')", 1),
    ],
)
def test_D_101_only_an_error_that_matches_a_pattern_is_retried(ingest, error, attempts):
    ingest.change(STRIPE, "max_retries: 3", "max_retries: 1")
    ingest.change(STRIPE, "initial_delay_seconds: 10", "initial_delay_seconds: 0")
    assert ingest.run(STRIPE, bindings=ingest.bind(error)).returncode == 2
    assert len(ingest.task(STRIPE)["attempts"]) == attempts


def test_D_073_a_job_has_its_tenants_secrets_and_its_log_has_none(ingest):
    bindings = ingest.bind("import os; print('key', os.environ['STRIPE_API_KEY'])")
    assert ingest.run(MAINTENANCE, bindings=bindings).returncode == 0
    log = Path(ingest.task(MAINTENANCE)["attempts"][0]["log"]).read_text()
    assert "INFO secrets of 'acme': STRIPE_API_KEY\n" in log
    assert "key ***\n" in log
    for root, _, files in os.walk(ingest.folder):
        kept = [Path(root, file) for file in files if not file.endswith(".env")]
        assert [path for path in kept if b"test-secret-value" in path.read_bytes()] == []


def test_D_074_a_secret_of_another_tenant_is_missing(ingest):
    bindings = ingest.bind("import os; print('key', os.environ['STRIPE_API_KEY'])")
    assert ingest.run(BETA, bindings=bindings).returncode == 2
    assert "KeyError: 'STRIPE_API_KEY'" in Path(ingest.task(BETA)["attempts"][0]["log"]).read_text()


def test_D_077_a_connector_without_a_binding_is_warned_of_and_does_not_run(ingest):
    (ingest.folder / "none.yaml").write_text("path_map: {/app: ./app}\n")
    checked = ingest.tetra("validate", "--config", MAINTENANCE, bindings="none.yaml")
    assert checked.returncode == 0
    assert (
        "nothing says what runs for 'maintenance': no connector 'stripe' and no connector 'iceberg' is bound"
        in checked.stderr
    )
    assert ":3:19: " in checked.stderr  # where the connector stands
    done = ingest.run(MAINTENANCE, bindings="none.yaml")
    assert done.returncode == 78
    assert (
        'hint: bind it in bindings.yaml: `connectors: {stripe: {call: "module:function"}, '
        'iceberg: {call: "module:function"}}`' in done.stderr
    )


# -- what is told ----------------------------------------------------------------------------------------------------


def in_order(wanted, types):
    """The wanted events as they stand among the others."""
    return [each for each in types if each in wanted]


@holds("dativo", "events")
def test_D_114_D_115_D_117_to_D_119_a_job_tells_its_events_once_and_in_order(ingest):
    types = told(ingest, MAINTENANCE, code=1).types()
    assert in_order(EXPECTED["events"], types) == EXPECTED["events"]
    assert types[0] == "job_started"
    assert types[-1] == "metrics_complete"
    assert types.index("infra_validated") < types.index("metrics_extraction")
    assert all(each.startswith("metrics_") for each in types[types.index("job_finished") + 1 :])


@holds("dativo", "events_on_failure")
def test_D_114_D_116_a_failing_job_tells_its_error_once_and_never_that_it_finished(ingest):
    lines = failing(ingest)
    assert in_order(EXPECTED["events_on_failure"], lines.types()) == EXPECTED["events_on_failure"]
    error = lines.one("job_error")
    assert (error["level"], error["message"]) == ("ERROR", "the job failed: KeyError: 'id'")
    assert (error["exit_code"], error["status"]) == (2, "failure")
    assert lines.of("job_finished") == []


@holds("dativo", "rate")
def test_D_125_D_131_D_133_the_rate_is_records_by_the_seconds_that_the_job_took(ingest):
    expected = EXPECTED["rate"]
    assert rate(expected["records"], expected["seconds"]) == expected["per_second"]
    source = "import time; time.sleep(0.5)\n    yield [{}] * 100"
    line = told(ingest, MAINTENANCE, bindings=ingest.bind(source)).one("metrics_complete")
    assert 0.5 <= line["execution_time_seconds"] < 5
    assert line["records_per_second"] == round(100 / line["execution_time_seconds"], 1)
    empty = told(ingest, MAINTENANCE, bindings=ingest.bind("pass")).one("metrics_complete")
    assert (empty["records_extracted"], empty["records_per_second"]) == (0, 0)
