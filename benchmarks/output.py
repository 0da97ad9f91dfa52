"""W10: one task that prints a gigabyte of lines into its log, beside a shell that redirects it into a new file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import tools
from benchmarks.results import Options, Part, part
from benchmarks.timing import Case, Figure, measure, once

SIZE = 1_000_000_000
ROUNDS = 5
LINE = 80
SECRET = "a-secret-of-25-characters"
#: Prints as many bytes as it is told, in lines, and then the secret that it was given, if any.
PROGRAM = f"""\
import os
import sys
block = (b"x" * {LINE - 1} + b"\\n") * 3200
left = int(sys.argv[1])
while left > 0:
    left -= os.write(1, block[:left])
os.write(1, os.environb.get(b"SECRET", b"none") + b"\\n")
"""


def write(root: Path, options: Options) -> Part:
    """Measure with all the output and with none, so that what starting takes can be taken off."""
    cases = [case for size in (SIZE, 0) for case in _cases(root / "W10", size)]
    facts: dict[str, Any] = {"bytes": SIZE, "line": LINE}
    masked = _masks(cases[2])
    if not masked:
        cases = [case for case in cases if not case.name.startswith("secret")]
    figures = measure(cases, options.most(ROUNDS))
    facts["megabytes_per_s"] = {
        name: megabytes_per_s(figures[name], figures[f"{name} nothing"])
        for name in ("redirect", "ours", "secret")
        if name in figures
    }
    missing = {} if masked else {"secret": "the secret is in the log: nothing is masked"}
    return part(cases, figures, facts, {}, missing)


def megabytes_per_s(full: Figure, nothing: Figure) -> float:
    """How fast the output came, without what the start of everything takes."""
    return SIZE / 1e6 / (full.wall_s - nothing.wall_s)


def _cases(root: Path, size: int) -> list[Case]:
    what = "" if size else " nothing"
    label = f"{size // 1_000_000:,} MB" if size else "nothing"
    plain, secret = root / f"ours{what}", root / f"secret{what}"
    shell = root / f"redirect{what}"
    shell.mkdir(parents=True)
    argv = _program(shell, size)
    redirect = ("/bin/sh", "-c", 'exec "$0" "$@" >"$LOGS/log" 2>&1', *argv)
    run = (*tools.ENTRY, "run", "--mode", "all")
    _project(plain, size, secret=False)
    _project(secret, size, secret=True)
    return [
        Case(f"redirect{what}", f"a shell's redirect, {label}", redirect, shell, leaves=shell / "logs of rounds"),
        Case(f"ours{what}", f"`run`, {label}", run, plain, leaves=plain / "logs"),
        Case(f"secret{what}", f"`run` with a secret to mask, {label}", run, secret, leaves=secret / "logs"),
    ]


def _program(folder: Path, size: int) -> list[str]:
    (folder / "lines.py").write_text(PROGRAM, encoding="utf-8")
    return [sys.executable, "-IS", str(folder / "lines.py"), str(size)]


def _project(folder: Path, size: int, *, secret: bool) -> None:
    """Our file; JSON is YAML."""
    folder.mkdir(parents=True)
    task = {"command": _program(folder, size)} | ({"env": {"SECRET": "${SECRET}"}} if secret else {})
    document = {"version": 1, "project": "bench", "pipelines": {"work": task}, "modes": {"all": ["work"]}}
    if secret:
        (folder / "key").write_text(SECRET, encoding="utf-8")
        (folder / "key").chmod(0o600)
        document["secrets"] = {"SECRET": {"file": "key"}}
    (folder / "orchestration.yaml").write_text(json.dumps(document, indent=1), encoding="utf-8")


def _masks(case: Case) -> bool:
    """Whether the secret stays out of a log."""
    once(case._replace(leaves=None))
    (log,) = case.folder.glob("logs/runs/*/*.log")
    with open(log, "rb") as file:
        file.seek(-2 * LINE, 2)
        end = file.read()
    return SECRET.encode() not in end and b"***" in end
