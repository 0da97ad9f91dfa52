"""The main job without us: what `export` writes for the shipped project has the same results."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess

import pytest

from support.making import make_words

pytest.importorskip("polars", reason="needs polars: pip install -e '.[example]'")


def results(root):
    """All of the warehouse, and the report; taken away for the next to make anew."""
    folder = root / "state" / "example"
    with sqlite3.connect(folder / "warehouse.db") as store:
        dumped = "\n".join(store.iterdump())
    report = (folder / "assessment.md").read_bytes()
    shutil.rmtree(folder)
    return dumped, report


def test_the_makefile_has_the_results_of_the_run(shipped):
    done = shipped.wrapper("orchestrator.sh", "weekly")
    assert done.returncode == 0, done.stdout + done.stderr
    ours = results(shipped.root)
    assert shipped.tetra("export", "make", "--output", shipped.root / "ejected").returncode == 0
    shutil.rmtree(shipped.root / "config")
    words = make_words("-j2", "-f", str(shipped.root / "ejected" / "Makefile"))
    made = subprocess.run([*words, "weekly"], cwd="/", capture_output=True, text=True, timeout=120)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert results(shipped.root) == ours
    days = ("START=2019-12-02", "END=2019-12-31")
    made = subprocess.run([*words, "backfill", *days], cwd="/", capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stderr
    with sqlite3.connect(shipped.root / "state" / "example" / "warehouse.db") as store:
        found = store.execute("SELECT min(date), max(date), count(*) FROM market").fetchone()
    assert found == ("2019-12-02", "2019-12-31", 21)


@pytest.mark.long
def test_the_jobs_of_dagster_have_the_results_of_the_run(shipped, tmp_path):
    pytest.importorskip("dagster", reason="needs dagster: pip install 'tetra-orchestrator[dagster]'")
    from support.dagster import DagsterHome

    assert shipped.wrapper("orchestrator.sh", "weekly").returncode == 0
    ours = results(shipped.root)
    file = shipped.root / "ejected" / "jobs.py"
    assert shipped.tetra("export", "dagster", "--output", file.parent).returncode == 0
    os.rename(shipped.root / "config", shipped.root / "gone")
    with DagsterHome(tmp_path) as home:
        home.run("job", "execute", "-f", str(file), "-j", "weekly_job")
    assert results(shipped.root) == ours
