"""The folders and commands that are timed: no-op tasks for us and for GNU make, and the commands that run nothing."""

from __future__ import annotations

import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

NO_OP = "/bin/true" if os.path.exists("/bin/true") else "/usr/bin/true"
ENTRY = (sys.executable, "-m", "tetra_orchestrator")
#: They would change what is measured, or where it is written.
FOREIGN = ("PYTHON", "TETRA_", "PIPELINE_CONFIG", "LOG_DIR", "MAKE", "MFLAGS", "COVERAGE")

BARE = "bare"


class Budget(NamedTuple):
    """The most that a command may take, in times of the bare interpreter."""

    gate: float
    aim: float


VERSION, STATUS, OTHER = Budget(1.5, 1.2), Budget(3, 1.6), Budget(8, 6)


class Case(NamedTuple):
    """A command to time. `peer` names the case that does the same work with make.

    One that takes long is timed only `times` times, and not once before; `without` is removed before each time.
    """

    name: str
    label: str
    argv: tuple[str, ...]
    folder: Path
    workload: str = ""
    budget: Budget | None = None
    peer: str | None = None
    times: int | None = None
    without: Path | None = None


class Chain(NamedTuple):
    """`length` no-op tasks, each after the one before, in one folder for us and one for make."""

    workload: str
    length: int
    ours: Path
    make: Path

    @property
    def store(self) -> Path:
        """The store that our runs write."""
        return self.ours / "state" / "tetra.db"

    def logs(self) -> tuple[int, int]:
        """How many logs of tasks there are: ours, make's."""
        return len(list(self.ours.glob("logs/runs/*/*.log"))), len(list(self.make.glob("logs/*.log")))


def make_chain(root: Path, workload: str, length: int) -> Chain:
    """Write the chain for both tools."""
    chain = Chain(workload, length, root / f"{workload} ours", root / f"{workload} make")
    chain.ours.mkdir()
    (chain.ours / "orchestration.yaml").write_text(_configuration(length))
    (chain.make / "logs").mkdir(parents=True)
    (chain.make / "Makefile").write_text(_makefile(length))
    return chain


def cases(chains: Sequence[Chain]) -> list[Case]:
    """Everything that is timed in one round."""
    folder = chains[0].ours
    found = [Case(BARE, "`python -c pass`", (sys.executable, "-c", "pass"), folder)]
    for chain in chains:
        name, peer = chain.workload, f"{chain.workload} make"
        found.append(Case(peer, "`make`", (program("make"), "--silent", "--jobs=1"), chain.make, name))
        found.append(Case(name, "`run`", (*ENTRY, "run", "--mode", "all"), chain.ours, name, OTHER, peer))
    found += [
        Case("version", "`--version`", (*ENTRY, "--version"), folder, "W9", VERSION),
        Case("tetra", "`tetra --version`, the script pip makes", (_script(), "--version"), folder, "W9", VERSION),
        Case("status", "`status`", (*ENTRY, "status"), folder, "W9", STATUS),
        Case("help", "`--help`", (*ENTRY, "--help"), folder, "W9", OTHER),
        Case("show", "`show`", (*ENTRY, "show"), folder, "W9", OTHER),
    ]
    return found


def environment() -> dict[str, str]:
    """Our environment without what steers interpreters, make or the program: bytecode is kept, defaults apply."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}


def _configuration(length: int) -> str:
    """Nothing but the tasks, so that every setting is the shipped default. JSON is YAML."""
    names = [f"t{number}" for number in range(length)]
    tasks = {
        name: {"command": [NO_OP], "depends_on": names[number - 1 : number] if number else []}
        for number, name in enumerate(names)
    }
    return json.dumps({"version": 1, "project": "bench", "pipelines": tasks, "modes": {"all": names}}, indent=1)


def _makefile(length: int) -> str:
    """One rule for each task; as with us, every attempt has a new file for its log."""
    lines = [f"all: t{length - 1}", f".PHONY: all {' '.join(f't{number}' for number in range(length))}"]
    for number in range(length):
        after = f" t{number - 1}" if number else ""
        lines += [f"t{number}:{after}", f"\t{NO_OP} >logs/t{number}.$$PPID.log 2>&1"]
    return "\n".join(lines) + "\n"


def program(name: str) -> str:
    """The path of a program that we cannot do without."""
    return shutil.which(name) or sys.exit(f"benchmarks: needs {name}, which is not on PATH")


def _script() -> str:
    path = os.path.join(sysconfig.get_path("scripts"), "tetra")
    return path if os.path.exists(path) else sys.exit(f"benchmarks: {path} is not there: install the project first")
