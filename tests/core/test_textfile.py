"""The figures for Prometheus: their names, and that its own tool takes them, whatever pipelines are called."""

from __future__ import annotations

import subprocess
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from support.builders import pipeline, utc
from support.components import require
from support.looks import HOUR, Lookout
from tetra_orchestrator.core.findings import Finding
from tetra_orchestrator.core.health import Health, PipelineHealth
from tetra_orchestrator.core.textfile import text

NAMES = {
    *("tetra_monitor_last_look_timestamp_seconds", "tetra_health", "tetra_store_up", "tetra_findings"),
    *("tetra_alerts_open", "tetra_pipeline_last_run_timestamp_seconds", "tetra_pipeline_running"),
    *("tetra_pipeline_last_success_timestamp_seconds", "tetra_pipeline_status", "tetra_pipeline_paused"),
    *("tetra_pipeline_duration_seconds", "tetra_pipeline_mean_duration_seconds", "tetra_pipeline_error_rate"),
    *("tetra_pipeline_failures", "tetra_pipeline_data_age_seconds", "tetra_pipeline_log_age_seconds"),
    *("tetra_pipeline_slots_missed", "tetra_host_disk_free_ratio", "tetra_host_memory_free_ratio"),
    *("tetra_host_cpu_load_ratio", "tetra_host_open_files_ratio", "tetra_disk_free_bytes"),
}


def samples(written: str) -> dict[str, float]:
    lines = [line for line in written.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def check(written: str) -> None:
    """Have Prometheus' own tool read and lint it."""
    tool = require("promtool")
    done = subprocess.run([tool, "check", "metrics"], input=written.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b""), written


def seen() -> Health:
    lookout = Lookout(pipeline("a", max_data_age_s=3600.0), pipeline("b"))
    lookout.ran("succeeded", "failed", took_s=20, ago=2 * HOUR)
    return lookout.look()


def test_one_look_becomes_these_figures() -> None:
    written = text("demo", seen(), 3)
    assert {name.partition("{")[0] for name in samples(written)} == NAMES
    found = samples(written)
    mine = 'project="demo",pipeline="a"'
    assert found[f"tetra_pipeline_data_age_seconds{{{mine}}}"] == 7200.0
    assert found[f"tetra_pipeline_last_run_timestamp_seconds{{{mine}}}"] == utc(2026, 3, 1, 18).timestamp()
    assert found[f'tetra_pipeline_status{{{mine},status="succeeded"}}'] == 1
    assert found[f'tetra_pipeline_status{{{mine},status="failed"}}'] == 0
    assert found[f"tetra_pipeline_duration_seconds{{{mine}}}"] == 20
    assert found['tetra_pipeline_error_rate{project="demo",pipeline="b"}'] == 1
    assert found['tetra_findings{project="demo",code="pipeline_failed",severity="critical"}'] == 1
    assert found['tetra_findings{project="demo",code="data_stale",severity="warning"}'] == 1
    assert (found['tetra_alerts_open{project="demo"}'], found['tetra_health{project="demo"}']) == (3, 2)


def test_each_metric_is_introduced_once_and_its_samples_follow() -> None:
    written = text("demo", seen(), 0).splitlines()
    introduced = [line.split()[2] for line in written if line.startswith("# TYPE")]
    assert len(introduced) == len(set(introduced))
    current = ""
    for line in written:
        if line.startswith("# HELP"):
            current = line.split()[2]
        assert line.split("{")[0].split()[-1] == current or line.startswith("#")


def test_what_is_not_known_is_left_out() -> None:
    nothing: dict[str, Any] = {
        "pipelines": (PipelineHealth("a"),),
        "system": {},
        "findings": (),
        "gauges": {},
        "host": {},
    }
    written = text("demo", Health(utc(2026, 3, 1), "healthy", **nothing), None)
    assert "alerts_open" not in written
    assert "data_age" not in written
    assert "None" not in written


def test_prometheus_takes_it() -> None:
    check(text("demo", seen(), 3))
    check(text("demo", Lookout().look(), 0))


@given(st.text())
def test_any_text_in_a_label_stays_in_its_quotes(subject: str) -> None:
    finding = Finding(subject, "warning", "a", "t")
    health = Lookout().look()._replace(findings=(finding,))
    written = text("demo", health, 0)
    (line,) = [line for line in written.split("\n") if line.startswith("tetra_findings")]
    value = line.partition('code="')[2].rpartition('",severity=')[0]
    back = value.replace("\\\\", "\0").replace('\\"', '"').replace("\\n", "\n").replace("\0", "\\")
    assert back == subject.encode("utf-8", "replace").decode() or "\0" in subject


def test_prometheus_takes_hostile_labels() -> None:
    hostile = 'a"} 1\n# TYPE x counter\\\n{x="ü☃'
    health = seen()._replace(findings=(Finding(hostile, "warning", "a", "t"),))
    check(text("demo", health, 1))
