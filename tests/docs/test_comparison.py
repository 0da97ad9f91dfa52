"""Pages that speak of speed say what docs/benchmarks.json holds."""

from __future__ import annotations

import json
import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "comparison.md").read_text()
WAKE = (DOCS / "explanation" / "nothing-resident.md").read_text()
PARTS = json.loads((DOCS / "benchmarks.json").read_text())["parts"]


def _rounded(value: float) -> str:
    return f"{value:.2f}" if value < 5 else f"{value:.1f}"


def _measured(tool: str) -> tuple[str, str, str]:
    figures = PARTS["W4"]["figures"]
    seconds, ours = figures[tool]["wall_s"], figures["ours"]["wall_s"]
    times = seconds / ours
    told = "1" if tool == "ours" else f"{times:.2f}" if times < 1 else f"{times:.1f}" if times < 10 else f"{times:.0f}"
    return _rounded(seconds), told, f"{figures[tool]['memory_bytes'] / 1e6:.1f}"


def test_the_table_of_speed_has_the_figures_and_versions_of_the_benchmarks() -> None:
    rows = re.findall(r"^\| (\S+)(?: ([\d.]+))?[^|]*\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
    versions = PARTS["W4"]["versions"]
    told = {name.lower().replace("**this", "ours"): (version, *figures) for name, version, *figures in rows}
    measured = {name: (versions[name] if name != "ours" else "", *_measured(name)) for name in told}
    assert told == measured
    assert set(versions) == set(told)


def test_the_figures_in_the_sentences_are_those_of_the_benchmarks() -> None:
    reading, fire = PARTS["W7"]["figures"], PARTS["W9"]["figures"]
    first = reading["first"]["wall_s"]
    assert f"{reading['airflow']['wall_s']:.1f} s of it beside our {first:.2f} s" in PAGE
    assert f"takes {fire['fire']['wall_s'] / fire['bare']['wall_s']:.1f} times a bare interpreter" in PAGE
    assert f"for the first time {first / reading['make']['wall_s']:.1f} times as long as `make -n`" in PAGE


def test_the_figures_of_a_wake_are_those_of_the_benchmarks() -> None:
    run, wake = PARTS["W1"]["figures"], PARTS["W9"]["figures"]
    idle, one = wake["idle"]["wall_s"] / wake["bare"]["wall_s"], run["ours"]["wall_s"] / run["bare"]["wall_s"]
    said = f"takes {idle:.1f} times as long as `python -c pass`, a run of one task {one:.1f} times"
    assert said in " ".join(WAKE.split())
