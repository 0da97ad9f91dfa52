"""W12: a backfill of a year's days, each a run of one no-op task, beside one run of as many tasks in a row."""

from __future__ import annotations

from pathlib import Path

from benchmarks import tools
from benchmarks.graphs import NO_OP, Work, chain
from benchmarks.results import Options, Part, part
from benchmarks.timing import Case, measure
from benchmarks.tools import ENTRY

ROUNDS = 9
DAYS = 365
CONFIG = f"""\
version: 1
project: bench
pipelines:
  one: {{command: [{NO_OP}]}}
modes:
  daily: {{partition: day, pipelines: [one]}}
"""
WORDS = ("backfill", "--mode", "daily", "--from", "2025-01-01", "--to", "2025-12-31", "--only", "all")


def work_off(root: Path, options: Options) -> Part:
    """Measure the backfill, by one process and by two, and the engine's own time for such a chain."""
    chained = tools.run_ours(Work(chain(DAYS), 1), root / "chain", f"`run` of a chain of {DAYS}")._replace(name="chain")
    alone = _backfill(root / "alone", "alone", "**`backfill`**", ())
    crew = _backfill(root / "crew", "crew", "**`backfill --parallel 2`**", ("--parallel", "2"))
    cases = [tools.bare(root), chained, alone, crew]
    figures = measure(cases, options.most(ROUNDS))
    each = {case.name: figures[case.name].wall_s / DAYS * 1e3 for case in cases[1:]}
    return part(cases, figures, {"days": DAYS, "each_ms": each}, {}, {})


def _backfill(folder: Path, name: str, label: str, options: tuple[str, ...]) -> Case:
    folder.mkdir()
    (folder / "orchestration.yaml").write_text(CONFIG, encoding="utf-8")
    return Case(name, label, (*ENTRY, *WORDS, *options), folder)
