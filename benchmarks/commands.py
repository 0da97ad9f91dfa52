"""W9: the commands that run nothing, and a timer's guard that runs one task, from cold."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from benchmarks import tools
from benchmarks.graphs import Work, chain
from benchmarks.results import Options, Part, part
from benchmarks.timing import Case, measure, once
from benchmarks.tools import ENTRY

ROUNDS = 25
SCHEDULES = """
schedules:
  never: {mode: all, cron: "0 0 29 2 *"}
  always: {mode: all, cron: "* * * * *"}
"""
#: Has the minute that has just begun be due again.
FORGET = """
import apsw
store = apsw.Connection("state/tetra.db")
store.execute("DELETE FROM slots; DELETE FROM schedules")
"""


def answer(root: Path, options: Options) -> Part:
    """Measure them beside a bare interpreter, in a folder where one run has been."""
    folder = root / "W9"
    once(tools.run_ours(Work(chain(4)), folder))
    cases = [
        tools.bare(folder),
        Case("version", "`--version`", (*ENTRY, "--version"), folder),
        Case("script", "`tetra --version`, the script pip makes", (_script(), "--version"), folder),
        Case("status", "`status`", (*ENTRY, "status"), folder),
        Case("help", "`--help`", (*ENTRY, "--help"), folder),
        Case("show", "`show`", (*ENTRY, "show"), folder),
        Case("logs", "`logs`", (*ENTRY, "logs"), folder),
        *guards(root / "W9 guard"),
    ]
    return part(cases, measure(cases, options.most(ROUNDS)), {}, {}, {})


def guards(folder: Path) -> list[Case]:
    """What a timer starts, in a new folder: with nothing due, and with one no-op task due."""
    once(tools.run_ours(Work(chain(1)), folder))
    with (folder / "orchestration.yaml").open("a") as file:
        file.write(SCHEDULES)
    return [
        Case("idle", "`fire`, nothing due", (*ENTRY, "fire", "never"), folder),
        Case(
            "fire", "`fire`, one no-op task", (*ENTRY, "fire", "always"), folder, before=(sys.executable, "-c", FORGET)
        ),
    ]


def _script() -> str:
    path = os.path.join(sysconfig.get_path("scripts"), "tetra")
    return path if os.path.exists(path) else sys.exit(f"benchmarks: {path} is not there: install the project first")
