"""`dagster dev` as a person uses it: its page in a browser, with our jobs and a run that is started there."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from support import components, npm
from support.dagster import DagsterHome
from support.dagster_home import require_dagster

DRIVER = Path(__file__).parent / "dev.js"
PROJECT = """\
version: 1
project: shop
pipelines:
  extract: {shell: 'echo read; echo "{\\"rows\\": 3}" >>"$TETRA_OUTPUT"'}
  report: {command: [echo, "{extract.rows} rows"], depends_on: [extract]}
"""
DEFINITIONS = """\
from tetra_orchestrator.dagster import definitions

defs = definitions("orchestration.yaml")
"""


@pytest.mark.long
def test_the_page_lists_automated_pipeline_job_and_a_run_started_there_shows_how_its_tasks_ended(tmp_path):
    node, _ = components.require("node"), components.require("chromium")
    packages = npm.modules("playwright-core@1.65.1", "axe-core@4.14.1")
    (tmp_path / "orchestration.yaml").write_text(PROJECT)
    (tmp_path / "jobs.py").write_text(DEFINITIONS)
    with DagsterHome(tmp_path) as home:
        dev = home.dev("-f", "jobs.py")
        environment = {**os.environ, "NODE_PATH": str(packages), "HOME": str(tmp_path)}
        done = subprocess.run(
            [node, str(DRIVER), f"http://127.0.0.1:{home.port}", "jobs.py"],
            capture_output=True,
            text=True,
            timeout=600,
            env=environment,
        )
        assert done.returncode == 0, done.stderr + dev.said
        seen = json.loads(done.stdout)
        (run,) = home.over()
    assert sorted(seen["jobs"]) == ["automated_pipeline_job", "extract", "report"]
    assert (seen["state"], run.dagster_run.status.value, run.dagster_run.job_name) == (
        "Success",
        "SUCCESS",
        "automated_pipeline_job",
    )
    assert "execution_time_seconds" in seen["told"]
    assert seen["elsewhere"] == []


def test_a_file_may_be_read_for_dagster_again_in_the_same_process(tmp_path):
    require_dagster()
    (tmp_path / "orchestration.yaml").write_text(PROJECT)
    from tetra_orchestrator.dagster import definitions

    definitions(tmp_path / "orchestration.yaml")
    from tetra_orchestrator.dagster import definitions as again

    job = again(tmp_path / "orchestration.yaml").resolve_job_def("automated_pipeline_job")
    assert sorted(node.name for node in job.nodes) == ["extract", "report"]
