"""The JSON lines that collectors of a dativo user read: its events, its metrics, and what each line has."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from cases.test_dativo import (
    BETA,
    ENHANCED,
    EXPECTED,
    HERE,
    HUBSPOT,
    MAINTENANCE,
    RUNNER,
    STRIPE,
    failing,
    ingest,
    told,
)

__all__ = ["ingest"]

LEVELS = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
FAMILIES = ["extraction", "validation", "writing", "errors", "retries", "execution", "complete"]
SECRET = "test-secret-value"


def retried(ingest, *, retries=2):
    """A job that fails twice and then works."""
    text = f"\nretry_config: {{max_retries: {retries}, initial_delay_seconds: 0}}"
    ingest.change(MAINTENANCE, "tenant_id: acme", f"tenant_id: acme{text}")
    source = "import os\n    if int(os.environ['TETRA_ATTEMPT']) < 3: raise ConnectionError('reset by peer')"
    return told(ingest, MAINTENANCE, bindings=ingest.bind(source))


# -- lines ----------------------------------------------------------------------------------------------------------


def test_D_109_to_D_113_each_line_has_its_event_its_time_its_level_its_tenant_its_job_and_its_run(ingest):
    lines = told(ingest, MAINTENANCE, code=1)
    [run_id] = {line["run_id"] for line in lines}
    for line in lines:
        assert (line["tenant_id"], line["job_name"]) == ("acme", "maintenance")
        assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None
        assert line["level"] in LEVELS
        assert line["event_type"]
        assert line["run_id"] == run_id


def test_D_109_the_lines_of_every_command_of_the_service_are_json(ingest):
    lines = told(ingest, ENHANCED, code=1)
    assert {line["job_name"] for line in lines} == {"stripe_customers_hourly", "hubspot_contacts_daily"}


def test_D_109_what_is_refused_is_a_json_line_too(ingest):
    [line] = told(ingest, HUBSPOT, "--mode", "daily", code=64)
    assert (line["level"], line["event_type"], line["message"]) == ("ERROR", "service", "Unknown mode: daily")


def test_D_063_the_service_tells_each_schedule_in_a_json_line(ingest):
    started = ingest.begin("start", "orchestrated", "--runner-config", ENHANCED)
    _, *lines = [json.loads(started.stdout.readline()) for _ in range(4)]
    started.terminate()
    rest = [json.loads(line) for line in started.communicate(timeout=30)[0].splitlines()]
    assert [line["message"] for line in lines] == [
        "schedule stripe_customers_hourly: 0 * * * * UTC, enabled",
        "schedule hubspot_contacts_daily: every 6 h 00 min America/New_York, enabled",
        "schedule maintenance_job: 0 2 * * * UTC, switched off",
    ]
    assert {line["event_type"] for line in lines + rest} == {"service"}
    assert {line["level"] for line in lines} == {"INFO"}


def test_D_061_the_tags_of_a_schedule_are_on_the_lines_of_its_job(ingest):
    lines = told(ingest, ENHANCED, "--mode", "stripe_customers_hourly", code=1)
    assert {tuple(sorted(line["tags"].items())) for line in lines} == {tuple(sorted(EXPECTED["tags"].items()))}


def test_the_runs_own_log_has_the_same_lines_as_the_output(ingest):
    done = ingest.run(MAINTENANCE)
    assert (ingest.folder / "app" / "logs" / "latest").read_text() == done.stdout


# -- events ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "tenant"), [(MAINTENANCE, "acme"), (BETA, "beta")])
def test_D_070_D_117_the_tenant_is_told_whether_it_is_named_or_inferred(ingest, file, tenant):
    line = told(ingest, file, code=1).one("tenant_inferred")
    assert (line["tenant_id"], line["message"]) == (tenant, f"the job is {tenant}'s")


@pytest.mark.parametrize("redaction", ["true", "false"])
def test_D_073_D_118_names_and_number_of_the_secrets_are_told_and_never_a_value(ingest, redaction):
    ingest.change(MAINTENANCE, "tenant_id: acme", f"tenant_id: acme\nlogging: {{redaction: {redaction}}}")
    lines = told(ingest, MAINTENANCE, code=1)
    assert (lines.one("secrets_loaded")["secrets"], lines.one("secrets_loaded")["count"]) == (["STRIPE_API_KEY"], 1)
    assert SECRET not in json.dumps(lines)
    assert told(ingest, BETA, code=1).of("secrets_loaded") == []  # it has none


def test_D_071_a_secret_in_an_error_is_masked_and_is_plain_without_redaction(ingest):
    bindings = ingest.bind("import os; raise KeyError(os.environ['STRIPE_API_KEY'])")
    masked = told(ingest, MAINTENANCE, code=2, bindings=bindings).one("job_error")
    assert masked["message"] == "the job failed: KeyError: '***'"
    ingest.change(MAINTENANCE, "tenant_id: acme", "tenant_id: acme\nlogging: {redaction: false}")
    plain = told(ingest, MAINTENANCE, code=2, bindings=bindings).one("job_error")
    assert SECRET in plain["message"]


def test_D_079_what_is_not_there_fails_the_job_before_a_record_is_read(ingest):
    source = "raise AssertionError('a record was read')"
    bindings = ingest.bind(source)
    (ingest.folder / "app" / "lake.py").write_text(
        "def reachable(job):\n    raise ConnectionError('the catalog does not answer')\n"
    )
    bound = "{builtin: null_writer}"
    ingest.change(bindings, bound, '{call: "lake:reachable", check: "lake:reachable"}')
    lines = told(ingest, MAINTENANCE, code=2, bindings=bindings)
    assert lines.one("job_error")["message"] == "the job failed: ConnectionError: the catalog does not answer"
    assert lines.of("infra_validated") == []


def test_D_120_each_retry_is_told_with_its_attempt_its_wait_and_the_exit_code(ingest):
    ingest.change(STRIPE, "initial_delay_seconds: 10", "initial_delay_seconds: 0.1")
    bindings = ingest.bind("raise RuntimeError('API rate limit')")
    lines = told(ingest, STRIPE, code=2, bindings=bindings).of("retry_attempt")
    assert [(line["attempt"], line["delay_seconds"], line["exit_code"]) for line in lines] == [
        (1, 0.1, 2),
        (2, 0.2, 2),
        (3, 0.4, 2),
    ]
    assert {line["level"] for line in lines} == {"WARNING"}


@pytest.mark.parametrize(
    ("block", "error", "why"),
    [
        ("", "KeyError('x')", "not tried again: the job has no retry_config"),
        (
            "retry_config: {max_retries: 1, initial_delay_seconds: 0, retryable_exit_codes: [1]}",
            "KeyError('x')",
            "exited with code 2; it is not tried again: `retryable_exit_codes` has only 1",
        ),
        (
            "retry_config: {max_retries: 1, initial_delay_seconds: 0, retryable_error_patterns: [TimeoutError]}",
            "KeyError('x')",
            "exited with code 2; it is not tried again: nothing of `retryable_error_patterns` is in its log",
        ),
        (
            "retry_config: {max_retries: 1, initial_delay_seconds: 0}",
            "KeyError('x')",
            "not tried again: all 1 retries are used up",
        ),
    ],
)
def test_D_161_the_log_tells_why_a_retry_did_not_happen(ingest, block, error, why):
    ingest.change(MAINTENANCE, "tenant_id: acme", f"tenant_id: acme\n{block}")
    lines = told(ingest, MAINTENANCE, code=2, bindings=ingest.bind(f"raise {error}"))
    assert lines.one("job_error")["retry"] == why


# -- metrics --------------------------------------------------------------------------------------------------------


def test_D_121_to_D_130_metrics_complete_has_the_documented_fields(ingest):
    documented = json.loads((HERE / "dativo" / "metrics_complete.json").read_text())
    line = told(ingest, ENHANCED, "--mode", "stripe_customers_hourly", code=1).one("metrics_complete")
    of_each_line = {"timestamp", "level", "message", "run_id", "mode", "attempt", "trace_id", "tags"}
    assert line.keys() - of_each_line == documented.keys()
    counts = ("job_name", "tenant_id", "records_extracted", "records_valid", "records_invalid", "files_written")
    assert {key: line[key] for key in counts} == {key: documented[key] for key in counts}


@pytest.mark.parametrize(
    ("file", "code", "status"), [(HUBSPOT, 0, "success"), (MAINTENANCE, 1, "partial")], ids=["good", "partial"]
)
def test_D_121_D_124_D_150_the_status_of_a_job_is_on_its_end_and_its_metrics_and_in_its_record(
    ingest, file, code, status
):
    lines = told(ingest, file, code=code)
    assert (lines.one("metrics_complete")["status"], lines.one("job_finished")["status"]) == (status, status)
    assert ingest.task(file)["outputs"]["metrics"]["status"] == status


def test_D_121_D_124_D_147_to_D_150_a_failed_job_leaves_its_metrics_and_its_record_too(ingest):
    lines = failing(ingest)
    assert lines.one("metrics_complete")["status"] == "failure"
    metrics = ingest.task(MAINTENANCE)["outputs"]["metrics"]
    assert metrics["status"] == "failure"
    assert metrics["execution_time_seconds"] >= 0
    tags = {"tenant=acme", "connector_type=stripe", "job_name=maintenance"}
    assert set(ingest.shown(MAINTENANCE)["run"]["tags"]) == tags


def test_D_122_the_job_is_called_like_its_schedule_and_alone_like_its_file(ingest):
    assert told(ingest, HUBSPOT).one("metrics_complete")["job_name"] == "hubspot_contacts_to_iceberg"
    scheduled = told(ingest, RUNNER, "--mode", "hubspot_contacts_daily").one("metrics_complete")
    assert scheduled["job_name"] == "hubspot_contacts_daily"


def test_D_132_a_job_with_bad_records_is_partial_in_its_metrics_as_in_its_exit_code(ingest):
    line = told(ingest, MAINTENANCE, code=1).one("metrics_complete")
    assert (line["records_valid"], line["records_invalid"], line["status"]) == (995, 5, "partial")


def test_D_134_to_D_137_each_family_has_its_figures(ingest):
    lines = told(ingest, MAINTENANCE, code=1)
    assert [each for each in lines.types() if each.startswith("metrics_")] == [f"metrics_{one}" for one in FAMILIES]
    extraction = lines.one("metrics_extraction")
    assert (extraction["records_extracted"], extraction["files_processed"]) == (1000, 2)
    validation = lines.one("metrics_validation")
    assert [validation[key] for key in ("records_valid", "records_invalid", "validation_rate")] == [995, 5, 0.995]
    writing = lines.one("metrics_writing")
    assert (writing["files_written"], len(writing["file_sizes"])) == (2, 2)
    assert sum(writing["file_sizes"]) == writing["total_bytes"] > 0


def test_D_138_calls_of_an_api_are_told_of_jobs_that_make_some(ingest):
    source = "for page in range(10):\n        job.api_calls += 1\n        yield [{}]"
    assert told(ingest, MAINTENANCE, bindings=ingest.bind(source)).one("metrics_api")["api_calls"] == 10
    assert told(ingest, HUBSPOT).of("metrics_api") == []


def test_D_139_errors_are_told_by_type_with_their_counts(ingest):
    source = "yield [ValueError('v')] * 3 + [KeyError('k')] * 2 + [{}]"
    lines = told(ingest, MAINTENANCE, code=1, bindings=ingest.bind(source))
    assert lines.one("metrics_errors")["errors"] == {"ValueError": 3, "KeyError": 2}


def test_D_140_retries_are_told_with_the_codes_that_led_to_them(ingest):
    lines = retried(ingest)
    line = lines.one("metrics_retries")
    assert (line["retry_count"], line["exit_codes"]) == (2, [2, 2])
    assert len(lines.of("job_started")) == len(lines.of("job_finished")) == len(lines.of("secrets_loaded")) == 1


def test_D_072_D_141_a_job_of_the_level_warning_tells_no_metrics(ingest):
    ingest.change(MAINTENANCE, "tenant_id: acme", "tenant_id: acme\nlogging: {level: WARNING}")
    assert told(ingest, MAINTENANCE, code=1).types() == ["job_finished"]
    assert told(ingest, STRIPE, code=1).one("metrics_complete")["level"] == "INFO"


def test_D_164_the_configuration_in_effect_shows_the_level_and_that_the_log_is_json(ingest):
    shown = ingest.tetra("config", "show", "--config", MAINTENANCE).stdout
    values = dict(line.split("#")[0].split(":", 1) for line in shown.splitlines() if ":" in line)
    assert [values[key].strip() for key in ("logs.format", "pipelines.maintenance.config.level")] == ["json", "INFO"]


def test_a_program_that_stands_for_a_job_tells_what_it_has_reported_and_null_for_the_rest(ingest):
    (ingest.folder / "app" / "line.json").write_text('{"records_processed": 12, "metrics": {"files_written": 3}}\n')
    program = "bindings: {maintenance: {shell: 'cp line.json \"$TETRA_OUTPUT\"'}}\n"
    (ingest.folder / "own.yaml").write_text(f"path_map: {{/app: ./app}}\n{program}")
    lines = told(ingest, MAINTENANCE, bindings="own.yaml")
    complete = lines.one("metrics_complete")
    assert [complete[key] for key in ("records_extracted", "records_valid", "files_written")] == [12, None, 3]
    assert complete["execution_time_seconds"] > 0
