"""How the four programs behave as a chain."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"


def test_a_second_full_run_leaves_the_store_and_the_report_as_they_were(full_store, run_chain, dump):
    report = full_store.with_name("assessment.md")
    before = dump(), report.read_bytes()
    assert run_chain() == [0, 0, 0, 0]
    assert (dump(), report.read_bytes()) == before


def test_a_fresh_run_gives_the_same_store_and_report(full_store, run_chain, dump):
    report = full_store.with_name("assessment.md")
    before = dump(), report.read_bytes()
    full_store.unlink()
    report.unlink()
    assert run_chain() == [0, 0, 0, 0]
    assert (dump(), report.read_bytes()) == before


def test_each_stage_reports_one_line_of_outputs(run_chain, store, monkeypatch):
    output = store.with_name("output.jsonl")
    monkeypatch.setenv("TETRA_OUTPUT", str(output))
    assert run_chain() == [0, 0, 0, 0]
    assert [json.loads(line) for line in output.read_text().splitlines()] == [
        {"records_processed": 5308, "market_rows": 5105, "macro_rows": 203, "as_of": "2020-04-17"},
        {"records_processed": 11200, "scenarios": 13, "as_of": "2020-04-17"},
        {"records_processed": 11200, "scenarios": 13, "skipped": 0},
        {"records_processed": 52, "scenarios": 13, "best_strategy": "rsi_reversion"},
    ]
    assert stat.S_IMODE(store.with_name("assessment.md").stat().st_mode) == 0o600


def test_a_program_runs_as_a_module_and_ends_with_its_exit_code(store):
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-m", "pipelines.data_pipeline.main", "--mode", "backfill"]
    good = subprocess.run([*command, "--days", "7"], env=environment, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout == "backfill ingest as of 2020-04-17: 5 market rows, 0 macro rows\n"
    bad = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert bad.stderr == "data_pipeline: error: --mode backfill needs a period; give --days or --start-date\n"
