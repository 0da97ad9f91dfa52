"""The files of RecoMart's and dativo's users in the real Dagster, by the names and commands of their documents."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import yaml

from support.dagster import DagsterHome
from support.dagster_home import instance_in, require_dagster
from support.documentation import REPOSITORY, blocks
from tetra_orchestrator import load, wire
from tetra_orchestrator.errors import ConfigError

dg = require_dagster()

from tetra_orchestrator.dagster import definitions  # noqa: E402

CASES = Path(__file__).parent.parent / "cases"
RECOMART = yaml.safe_load((CASES / "recomart" / "expect.yaml").read_text())
DATIVO = yaml.safe_load((CASES / "dativo" / "expect.yaml").read_text())
PIPELINE = "src/orchestration/automated_pipeline.py"
#: Every name that the document has, and what comes of it.
SCRIPT = """\
import os
from dagster import DagsterInstance, execute_job
from src.orchestration.automated_pipeline import automated_pipeline_job, execute_pipeline_programmatically

result = execute_job(automated_pipeline_job, instance=DagsterInstance.ephemeral())
print("R-102", result.success, sorted(e.step_key for e in result.filter_events(lambda e: e.is_step_success)))
print("R-099", execute_pipeline_programmatically())
print("R-103", os.path.exists("state/tetra.db"))
"""


def write_documented(folder: Path) -> None:
    """The files that the page has, where it says that they are."""
    for block in blocks("docs/coming-from/recomart.md"):
        first = block.text.partition("\n")[0]
        if first.startswith("# ") and first.endswith(".py"):
            path = folder / first[2:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A copy of RecoMart's folder with the files of the page, and a home of Dagster."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(CASES / "recomart", folder, dirs_exist_ok=True)
    write_documented(folder)
    with instance_in(folder / "instance") as instance:
        yield folder, instance


def statuses(result, tasks):
    """In the words of the document."""
    words = {"STEP_SUCCESS": "SUCCESS", "STEP_FAILURE": "FAILURE"}
    found = {e.step_key: words[e.event_type_value] for e in result.all_events if e.event_type_value in words}
    emitted = {e.step_key for e in result.all_events if e.event_type_value == "STEP_OUTPUT"}
    return {
        task: "SKIPPED" if found.get(task) == "SUCCESS" and task not in emitted else found.get(task, "SKIPPED")
        for task in tasks
    }


@pytest.mark.parametrize("file", ["skip_cascade.yaml", "toggle_tasks.yaml", "quick_data_check.yaml"])
def test_R_120_to_R_122_toggles_and_cascades_are_in_dagster_as_at_home(shop, file):
    folder, instance = shop
    job = definitions(folder / file).resolve_job_def("automated_pipeline_job")
    result = job.execute_in_process(instance=instance)
    assert result.success
    assert statuses(result, RECOMART[file]["statuses"]) == RECOMART[file]["statuses"]


def test_a_failing_task_fails_the_job_and_what_is_independent_of_it_runs(shop):
    folder, instance = shop
    job = definitions(folder / "parallel_continue.yaml").resolve_job_def("automated_pipeline_job")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    assert statuses(result, "abc") == RECOMART["parallel_continue.yaml"]["statuses"]


def test_R_097_dagster_job_execute_runs_the_whole_pipeline_by_the_documented_file(shop, tmp_path):
    folder, _ = shop
    with DagsterHome(tmp_path, folder) as home:
        done = home.run("job", "execute", "-f", PIPELINE, "-j", "automated_pipeline_job")
        steps = re.findall(r'STEP_SUCCESS - Finished execution of step "(\w+)"', done.stderr)
    assert steps == RECOMART["pipeline_config.yaml"]["order"]


@pytest.mark.long
def test_dagster_job_execute_runs_the_production_pipeline(shop, tmp_path):
    folder, _ = shop
    with DagsterHome(tmp_path, folder, environ={"PIPELINE_CONFIG": "production_pipeline.yaml"}) as home:
        done = home.run("job", "execute", "-f", PIPELINE, "-j", "automated_pipeline_job")
        steps = re.findall(r'STEP_SUCCESS - Finished execution of step "(\w+)"', done.stderr)
    assert steps == RECOMART["production_pipeline.yaml"]["order"]


@pytest.mark.long
def test_dagster_schedule_list_has_the_schedule_of_the_documented_file(shop, tmp_path):
    folder, _ = shop
    with DagsterHome(tmp_path, folder) as home:
        listed = home.run("schedule", "list", "-f", PIPELINE).stdout
    assert "Schedule: recomart_pipeline [RUNNING]\nCron Schedule: 0 2 * * *\n" in listed


def test_R_099_to_R_103_what_python_calls_by_the_names_of_the_document(shop):
    folder, _ = shop
    (folder / "script.py").write_text(SCRIPT)
    (folder / "custom.yaml").write_text("execution: {mode: parallel}\ntasks: {b: {}, c: {}}\n")
    shutil.rmtree(folder / "state", ignore_errors=True)
    done = python(folder, "script.py", PIPELINE_CONFIG="custom.yaml")
    assert done.stdout.splitlines() == ["R-102 True ['b', 'c']", "R-099 True", "R-103 False"], done.stderr


@pytest.mark.long
def test_R_098_the_documented_script_ends_with_1_when_a_task_fails(shop):
    folder, _ = shop
    done = python(folder, "run_dagster_pipeline.py", PIPELINE_CONFIG="parallel_continue.yaml")
    assert done.returncode == 1, done.stderr


def python(folder, *words, **more):
    environ = {**os.environ, "DAGSTER_DISABLE_TELEMETRY": "yes", **more}
    environ["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, sys.path)])
    environ.pop("DAGSTER_HOME", None)
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


# -- dativo ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ingest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ingest")
    shutil.copytree(CASES / "dativo", folder, dirs_exist_ok=True)
    with instance_in(folder / "instance") as instance:
        yield folder, instance


def of_runner(folder, name):
    return definitions(folder / "app/configs" / name, bindings=folder / "bindings.yaml")


def test_D_142_to_D_146_a_schedules_job_has_the_documented_tags_and_metadata(ingest):
    folder, instance = ingest
    defs = of_runner(folder, "runner_enhanced.yaml")
    [hourly] = [one for one in defs.schedules if one.name == "stripe_customers_hourly"]
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=datetime.now(UTC)) as context:
        [request] = hourly.evaluate_tick(context).run_requests
    assert {name: request.tags[name] for name in DATIVO["tags"]} == DATIVO["tags"]

    job = defs.resolve_job_def("stripe_customers_hourly")
    result = job.execute_in_process(instance=instance, tags=request.tags)
    assert result.success
    [output] = result.filter_events(lambda event: event.event_type_value == "STEP_OUTPUT")
    told = {name: value.value for name, value in output.event_specific_data.metadata.items()}
    documented = ("tenant_id", "connector_type", "status")
    assert {name: told[name] for name in documented} == {
        "tenant_id": "acme",
        "connector_type": "stripe",
        "status": "partial",
    }
    assert told["execution_time_seconds"] > 0


@pytest.mark.long
def test_D_142_dagster_job_execute_runs_a_schedules_job_and_is_told_no_secret(ingest, tmp_path):
    folder, _ = ingest
    file = 'definitions("app/configs/runner.yaml", bindings="bindings.yaml")'
    (folder / "jobs.py").write_text(f"from tetra_orchestrator.dagster import definitions\n\ndefs = {file}\n")
    [secret] = (folder / "app/secrets/acme/stripe.env").read_text().strip().partition("=")[2:]
    with DagsterHome(tmp_path, folder) as home:
        done = home.run("job", "execute", "-f", "jobs.py", "-j", "stripe_customers_hourly")
    assert 'Finished execution of run for "stripe_customers_hourly"' in done.stderr
    assert secret not in done.stdout + done.stderr
    kept = [path for path in home.folder.rglob("*") if path.is_file()]
    assert kept
    assert [path for path in kept if secret.encode() in path.read_bytes()] == []


def test_D_035_to_D_060_schedules_have_rule_zone_and_state(ingest):
    folder, _ = ingest
    found = {
        one.name: (one.cron_schedule, one.execution_timezone, one.default_status.value)
        for one in of_runner(folder, "runner_enhanced.yaml").schedules
    }
    expected = DATIVO["runner_enhanced.yaml"]["enabled"]
    assert [status == "RUNNING" for _, _, status in found.values()] == expected
    assert found["hubspot_contacts_daily"][:2] == ("0 */6 * * *", "UTC")
    assert [one.default_status.value for one in of_runner(folder, "runner.yaml").schedules] == ["RUNNING", "RUNNING"]


def test_a_runner_file_that_cannot_be_used_is_refused_with_its_problems(ingest):
    folder, _ = ingest
    with pytest.raises(ConfigError) as wrong:
        of_runner(folder, "runner_bad.yaml")
    for word in DATIVO["runner_bad.yaml"]["mentions"]:
        assert word in str(wrong.value)


# -- the shipped chain ----------------------------------------------------------------------------------------------


def test_the_shipped_weekly_chain_has_the_same_states_and_outputs_in_dagster_as_at_home(tmp_path):
    pytest.importorskip("polars", reason="needs polars: pip install -e '.[example]'")
    homes = [tmp_path / "home", tmp_path / "dagster"]
    for home in homes:
        for name in ("config", "src/pipelines"):
            shutil.copytree(REPOSITORY / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
        (home / ".venv").symlink_to(sys.prefix)
    at_home = load(str(homes[0] / "config/orchestration.yaml")).run(mode="weekly")
    with instance_in(tmp_path / "instance") as instance:
        job = definitions(homes[1] / "config/orchestration.yaml").resolve_job_def("weekly")
        result = job.execute_in_process(instance=instance)
    states = {event.step_key: "succeeded" for event in result.filter_events(lambda event: event.is_step_success)}
    handed_on = {}
    for event in result.filter_events(lambda event: event.event_type_value == "STEP_OUTPUT"):
        handed_on[event.step_key] = event.event_specific_data.metadata["outputs"].value
    assert (states, handed_on) == (dict(at_home.tasks), dict(at_home.outputs))


# -- ends -----------------------------------------------------------------------------------------------------------

SLOW = """\
version: 1
project: slow
host: {max_parallel: 2}
pipelines:
  one: {shell: "trap 'touch one.asked; exit 1' TERM; touch one.on; while :; do sleep 0.1; done"}
  two: {shell: "trap 'touch two.asked; exit 1' TERM; touch two.on; while :; do sleep 0.1; done"}
modes: {both: [one, two]}
"""


@pytest.mark.long
@pytest.mark.parametrize("how", ["the run is cancelled", "the processes of its steps are killed"])
def test_tasks_that_run_side_by_side_end_with_their_run_or_their_steps(tmp_path, how):
    (tmp_path / "orchestration.yaml").write_text(SLOW)
    (tmp_path / "jobs.py").write_text(
        'from tetra_orchestrator.dagster import definitions\n\ndefs = definitions("orchestration.yaml")\n'
    )
    with DagsterHome(tmp_path) as home:
        job = home.start("dagster", "job", "execute", "-f", "jobs.py", "-j", "both")
        job.until(lambda: (tmp_path / "one.on").exists() and (tmp_path / "two.on").exists())
        engines = [one for one in home.left() if "__task" in one.cmdline()]
        assert len(engines) == 2
        if how == "the run is cancelled":
            job.process.terminate()
        else:
            for engine in engines:
                engine.parent().kill()
        assert job.process.wait(60) == 1
        psutil.wait_procs(engines, timeout=60)
    assert (tmp_path / "one.asked").exists()
    assert (tmp_path / "two.asked").exists()
    store = wire.store(f"sqlite:///{tmp_path}/state/tetra.db")
    try:
        assert [run.state for run in store.runs()] == ["cancelled", "cancelled"]
    finally:
        store.close()
