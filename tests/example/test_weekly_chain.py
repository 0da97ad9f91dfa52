"""The main job, on real data: from the wrapper to its logs, twice."""

from __future__ import annotations

import json
import sqlite3

import pytest

pytest.importorskip("polars", reason="needs polars: pip install -e '.[example]'")


def dump(root):
    with sqlite3.connect(root / "state" / "example" / "warehouse.db") as store:
        return "\n".join(store.iterdump())


def test_the_weekly_chain_runs_twice_and_the_second_run_leaves_the_store_byte_equal(shipped, tmp_path):
    link = tmp_path / "weekly now"
    link.symlink_to(shipped.root / "bin" / "pipelines" / "orchestrator.sh")
    first = shipped.wrapper("orchestrator.sh", "weekly", through=link)
    assert first.returncode == 0, first.stdout + first.stderr
    before = dump(shipped.root)
    report = (shipped.root / "state" / "example" / "assessment.md").read_bytes()
    second = shipped.wrapper("orchestrator.sh", "weekly")
    assert second.returncode == 0, second.stdout + second.stderr
    assert dump(shipped.root) == before
    assert (shipped.root / "state" / "example" / "assessment.md").read_bytes() == report
    assert [line[22:] for line in first.stdout.splitlines()][2:] == [
        line
        for name in ("data", "scenarios", "metrics", "assessment")
        for line in (f"Running {name}_pipeline (attempt 1)", f"{name}_pipeline completed successfully")
    ] + ["Orchestration completed"]
    logs = sorted((shipped.root / "logs").glob("orchestrator_*.log"))
    assert [log.read_text() for log in logs] == [first.stdout, second.stdout]

    status = json.loads(shipped.tetra("status", "--json").stdout)
    assert [(p["name"], p["last_run"]["state"], p["freshness"]) for p in status["pipelines"]] == [
        (f"{name}_pipeline", "succeeded", "fresh") for name in ("data", "scenarios", "metrics", "assessment")
    ]
    shown = json.loads(shipped.tetra("show", "--json").stdout)
    assert shown["tasks"][0]["outputs"]["as_of"] == "2020-04-17"
    followed = shipped.tetra("logs", "--follow", "--pipeline", "assessment_pipeline")
    assert followed.returncode == 0
    assert "report" in followed.stdout
    assert shipped.tetra("graph").stdout.startswith("data_pipeline\n")


def test_a_backfill_loads_just_the_days_it_was_asked_for(shipped):
    done = shipped.wrapper("run_backfill.sh", "2019-12-02", "2019-12-31")
    assert done.returncode == 0, done.stdout + done.stderr
    with sqlite3.connect(shipped.root / "state" / "example" / "warehouse.db") as store:
        days = store.execute("SELECT min(date), max(date), count(*) FROM market").fetchone()
    assert days == ("2019-12-02", "2019-12-31", 21)
    run = json.loads(shipped.tetra("show", "--json").stdout)["run"]
    assert (run["mode"], run["partition"]) == ("backfill", {"start": "2019-12-02", "end": "2019-12-31"})
