"""What was measured, part by part, and the file that keeps it: a part measured anew replaces the one before."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import machine
from benchmarks.timing import Case, Figure
from tetra_orchestrator import __version__

SCHEMA = "tetra.benchmarks/1"
#: A part as it is in the file: `figures` by case, `facts` that are no times, `versions` and what is `missing` and why.
Part = dict[str, Any]
Parts = Mapping[str, Part]


class Options(NamedTuple):
    """What the command line says: at most `rounds` of each case, no slow peers where `quick`, and where things are."""

    rounds: int | None
    quick: bool
    peers: Path
    workflows: Path | None

    def most(self, rounds: int) -> int:
        """How many rounds there are to be."""
        return rounds if self.rounds is None else min(rounds, self.rounds)


def part(
    cases: list[Case],
    figures: Mapping[str, Figure],
    facts: Mapping[str, Any],
    versions: Mapping[str, str],
    missing: Mapping[str, str],
) -> Part:
    """One part, in the order of its cases."""
    rows = {case.name: {"label": case.label, **figures[case.name]._asdict()} for case in cases}
    return {"figures": rows, "facts": dict(facts), "versions": dict(versions), "missing": dict(missing)}


def stamped(make: Callable[[], Part]) -> Part:
    """The part with when and where it was measured, and how loaded the machine was before."""
    stamp = {"measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "load": round(os.getloadavg()[0], 2)}
    return {**stamp, "machine": machine.describe(), "tetra_orchestrator": __version__, **make()}


def load(file: Path) -> dict[str, Part]:
    """The parts of a file; none where there is no file."""
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise SystemExit(f"benchmarks: {file} is not of {SCHEMA}: remove it, or name another with --out")
    parts: dict[str, Part] = content["parts"]
    return parts


def save(file: Path, parts: Parts) -> None:
    """Write the parts."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"schema": SCHEMA, "parts": parts}, indent=1, ensure_ascii=False)
    file.write_text(f"{text}\n", encoding="utf-8")
