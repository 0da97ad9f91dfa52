"""The graphs of jobs in the real Dagster: names that clash, levels that wait for each other, modes of other systems."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from cases.test_own_files import CASES as OWN
from support.dagster_home import instance_in, require_dagster
from support.samples import pairs
from tetra_orchestrator import load
from tetra_orchestrator.errors import UsageError

dg = require_dagster()

from dagster._core.definitions.utils import DISALLOWED_NAMES  # noqa: E402

from tetra_orchestrator.dagster import definitions  # noqa: E402
from tetra_orchestrator.dagster.plan import RESERVED  # noqa: E402

CASES = Path(__file__).parent.parent / "cases"
ON = "version: 1\nproject: p\n"


@pytest.fixture
def written(tmp_path):
    """Writes a project and returns its file."""

    def write(text):
        (tmp_path / "orchestration.yaml").write_text(ON + text)
        return tmp_path / "orchestration.yaml"

    return write


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    with instance_in(tmp_path_factory.mktemp("dagster") / "home") as made:
        yield made


def perform(defs, name, instance, **config):
    run_config = {"resources": {"run": {"config": config}}}
    job = defs.resolve_job_def(name)
    return job.execute_in_process(instance=instance, raise_on_error=False, run_config=run_config)


def ended(result):
    """By step how it has ended in Dagster: what began nothing behind it was skipped."""
    words = {"STEP_SUCCESS": "skipped", "STEP_FAILURE": "failed", "STEP_SKIPPED": "skipped"}
    found = {e.step_key: words[e.event_type_value] for e in result.all_events if e.event_type_value in words}
    outputs = [e for e in result.all_events if e.event_type_value == "STEP_OUTPUT"]
    told = {
        e.step_key: e.event_specific_data.metadata["state"].value for e in outputs if e.event_specific_data.metadata
    }
    return {**found, **told}


# -- names ----------------------------------------------------------------------------------------------------------


def test_names_that_are_the_same_to_dagster_are_told_apart(written):
    file = written(
        "pipelines:\n"
        "  x: {command: ['true']}\n"
        "  x_succeeded: {command: ['true']}\n"
        "  always: {command: ['true'], depends_on: [{x: finished}]}\n"
        "  a__x: {command: ['true']}\n"
        "modes: {a: [x], a__a: [x, x_succeeded], a__x__a: [a__x]}\n"
        "schedules:\n"
        "  by-hour: {pipelines: [x], cron: '0 * * * *'}\n"
        "  by_hour: {pipelines: [x], every: 7m}\n"
    )
    defs = definitions(file)
    dg.Definitions.validate_loadable(defs)
    nodes = {node.name for node in defs.resolve_job_def("automated_pipeline_job").nodes}
    assert nodes == {"x", "x_succeeded", "x_succeeded_", "always", "a__x"}
    assert [*(one.name for one in defs.schedules), *(one.name for one in defs.sensors)] == ["by_hour", "by_hour_"]


def test_a_pipeline_may_be_called_by_a_word_that_dagster_keeps_for_itself(written, instance):
    assert RESERVED == DISALLOWED_NAMES
    file = written("pipelines:\n  import: {command: ['true']}\n  config: {command: ['true'], depends_on: [import]}\n")
    defs = definitions(file)
    dg.Definitions.validate_loadable(defs)
    assert [job.name for job in defs.resolve_all_job_defs()] == ["automated_pipeline_job", "config_", "import_"]
    assert ended(perform(defs, "automated_pipeline_job", instance)) == {"import_": "succeeded", "config_": "succeeded"}


# -- levels ---------------------------------------------------------------------------------------------------------

BY_LEVELS = """\
defaults: {run: {barriers: true}}
pipelines:
  early: {command: [sh, -c, "exit 4"], continue_on: {exit_codes: [4]}}
  slow: {shell: 'sleep 0.3; touch done'}
  off: {command: ["true"], enabled: false}
  unmet: {command: ["true"], depends_on: [early], run_if: {early: {exit_codes: [0]}}}
  quick: {shell: 'test -e done', depends_on: [early]}
  behind_unmet: {command: ["true"], depends_on: [unmet]}
  behind_off: {command: ["true"], depends_on: [off]}
  third: {command: ["true"], depends_on: [quick]}
"""


def test_a_level_waits_for_the_one_before_and_starts_though_some_of_that_was_skipped(written, instance):
    file = written(BY_LEVELS)
    result = perform(definitions(file), "automated_pipeline_job", instance)
    at_home = load(str(file)).run()
    assert result.success
    assert ended(result) == dict(at_home.tasks)


def test_after_a_failure_no_later_level_starts(written, instance):
    file = written(
        "defaults: {run: {barriers: true}}\n"
        "pipelines:\n"
        "  broken: {command: ['false']}\n"
        "  first: {command: ['true']}\n"
        "  second: {command: ['true'], depends_on: [first]}\n"
        "  tidy: {command: ['true'], depends_on: [{broken: finished}]}\n"
    )
    result = perform(definitions(file), "automated_pipeline_job", instance)
    at_home = load(str(file)).run()
    begun = {name: state for name, state in at_home.tasks.items() if state != "cancelled"}
    assert ended(result) == begun == {"broken": "failed", "first": "succeeded"}


# -- what a run is told ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("slices", "dates"), [("day", ["2026-02-03"] * 2), ("month", ["2026-02-01", "2026-02-28"])])
def test_a_mode_is_told_its_slice_and_the_parameters_reach_the_task_as_they_are(written, instance, slices, dates):
    file = written(
        "params: {who: {type: str}, n: {type: int}, loud: {type: bool, default: false}}\n"
        "pipelines:\n"
        "  days: {command: [echo, '{partition.start} {partition.end} {params.who} {params.n} {params.loud}']}\n"
        f"modes: {{span: {{partition: {slices}, pipelines: [days]}}}}\n"
    )
    told = {"who": """it's "$(me)" {n}""", "n": 5, "loud": True}
    result = perform(definitions(file), "span", instance, params=told, start_date=dates[0], end_date=dates[1])
    assert result.success
    [log] = (file.parent / "logs/runs").glob("*/days.1.log")
    assert log.read_text() == f"""{" ".join(dates)} it's "$(me)" {{n}} 5 true\n"""


def test_several_slices_are_refused_as_one_job_is_one_run(written, instance):
    file = written("pipelines: {a: {command: ['true']}}\nmodes: {days: {partition: day, pipelines: [a]}}\n")
    result = perform(definitions(file), "days", instance, start_date="2026-02-01", end_date="2026-02-03")
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert failure.event_specific_data.user_failure_data.description == (
        "mode 'days' is run slice by slice (day), and the dates are 3 of them\n"
        "hint: start a job for each, or have `tetra run` or `tetra backfill` run them all"
    )


# -- other systems --------------------------------------------------------------------------------------------------


def test_the_stages_of_a_file_are_steps_that_are_given_each_others_outputs(tmp_path, instance, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    folder = tmp_path / "stages"
    shutil.copytree(CASES / "stages", folder)
    (folder / ".venv").symlink_to(sys.prefix)
    package = folder / "scripts/scenarios/data_pipeline_automation"
    package.mkdir(parents=True)
    for module in ("common", "stage_executors"):
        (package / f"{module}.py").write_text("from tetra_orchestrator.stages import *\n")
    (folder / "bindings.yaml").write_text("plugins: [stub_executors]\n")
    result = perform(definitions(folder / "diamond.yaml"), "diamond", instance)
    assert ended(result) == dict.fromkeys("abcd", "succeeded")


def test_a_mode_of_a_tetra_file_calls_its_modules_with_the_documented_arguments(tmp_path, instance, monkeypatch):
    folder = tmp_path / "tetra"
    shutil.copytree(CASES / "tetra", folder)
    (folder / ".venv").symlink_to(sys.prefix)
    monkeypatch.setenv("TETRA_HOME", str(folder))
    monkeypatch.setenv("TETRA_STUB_LOG", str(folder / "calls"))
    assert perform(definitions(folder / "config/orchestration.yaml"), "daily", instance).success
    calls = [json.loads(line) for line in (folder / "calls").read_text().splitlines()]
    assert calls == [{"pipeline": "data_pipeline", "argv": ["--mode", "daily"]}]


@pytest.mark.parametrize(("case", "_"), pairs(OWN, [""], 4), ids=lambda one: one and f"{one.parent.name}-{one.name}")
def test_a_file_of_any_system_is_read_for_dagster_or_refused_with_what_to_do(case, _, tmp_path, monkeypatch):
    for folder in (case.parent / "shared", case):
        if folder.exists():
            shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    expected = yaml.safe_load((case / "expect.yaml").read_text())
    for name, value in expected.get("env", {}).items():
        monkeypatch.setenv(name, value)
    try:
        dg.Definitions.validate_loadable(definitions(tmp_path / expected["file"]))
    except UsageError as error:
        hint = error.hint
    else:
        hint = "none is needed"
    assert hint
