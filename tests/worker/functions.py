"""Runs functions of a module that a test writes, the way a task does: `start.py` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tetra_orchestrator.worker import START


class Done(NamedTuple):
    """How it ended: its exit code, the merged outputs, and what it printed."""

    code: int
    outputs: dict[str, Any]
    stdout: str
    stderr: str


def call(
    folder: Path, source: str, path: str = "tasks.main", *, python: str = sys.executable, env: Any = None, **given: Any
) -> Done:
    """Write `source` as the module `tasks` and call the function at `path`; `given` is the content of TETRA_INPUT."""
    (folder / "tasks.py").write_text(source)
    (folder / "input.json").write_text(json.dumps(given))
    output = folder / "output.jsonl"
    output.unlink(missing_ok=True)
    files = {"TETRA_INPUT": str(folder / "input.json"), "TETRA_OUTPUT": str(output)}
    done = subprocess.run(
        [python, START, "function", path],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **files, **(env or {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    lines = output.read_text().splitlines() if output.exists() else []
    merged: dict[str, Any] = {}
    for line in filter(None, lines):
        merged |= json.loads(line)
    return Done(done.returncode, merged, done.stdout, done.stderr)
