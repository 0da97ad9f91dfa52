"""The tools: where they are found, in which version, and how each is asked to run or to plan a graph."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks import written
from benchmarks.graphs import Work
from benchmarks.timing import Case
from tetra_orchestrator import __version__

ENTRY = (sys.executable, "-m", "tetra_orchestrator")
#: Where peers in Python are looked for, each in an environment of its own.
PEERS = Path(".venv/peers")
OURS, BARE = "ours", "bare"


class Tool(NamedTuple):
    """How to `run` and to `plan`: what its program is given, where `{slots}` and `{home}` are filled in.

    One in Python has the `packages` that pip installs, the first being the tool, and its program is the interpreter of
    its environment.
    """

    label: str
    run: tuple[str, ...] = ()
    plan: tuple[str, ...] = ()
    plan_label: str = ""
    packages: tuple[str, ...] = ()
    environ: tuple[tuple[str, str], ...] = ()


TOOLS = {
    "make": Tool("make", ("--silent", "--jobs={slots}"), ("-n",), "`make -n`"),
    "ninja": Tool("ninja", ("--quiet", "-j{slots}"), ("-n",), "`ninja -n`"),
    "doit": Tool(
        "doit, in threads",
        ("-m", "doit", "run", "-n", "{slots}", "-P", "thread"),
        packages=("doit==0.37.0",),
    ),
    "luigi": Tool(
        "luigi",
        ("-m", "luigi", "--module=work", "All", "--local-scheduler", "--workers={slots}", "--log-level=WARNING"),
        packages=("luigi==3.8.1",),
    ),
    "snakemake": Tool(
        "snakemake",
        ("-m", "snakemake", "--quiet", "all", "--cores", "{slots}"),
        ("-m", "snakemake", "-n", "--quiet", "rules", "--cores", "1"),
        "`snakemake -n`",
        packages=("snakemake==9.27.1",),
    ),
    "dagster": Tool(
        "Dagster, in one process",
        ("-m", "dagster", "job", "execute", "-f", "work.py", "-j", "all"),
        ("work.py",),
        "Dagster: a job of ops and its `Definitions`",
        packages=("dagster==1.13.27",),
        environ=(("DAGSTER_HOME", "{home}"), ("DAGSTER_DISABLE_TELEMETRY", "yes")),
    ),
    "prefect": Tool(
        "Prefect, with its own server",
        ("work.py",),
        packages=("prefect==3.8.8", "fastapi==0.150"),
        environ=(
            ("PREFECT_HOME", "{home}"),
            ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"),
            ("DO_NOT_TRACK", "1"),
            ("SLOTS", "{slots}"),
        ),
    ),
    "airflow": Tool(
        "Airflow",
        plan=("work.py",),
        plan_label="Airflow: a DAG of operators",
        packages=("apache-airflow==3.3.2",),
        environ=(("AIRFLOW_HOME", "{home}"),),
    ),
}


class Found(NamedTuple):
    """The tools that are here, each with its program and version, and why others are not."""

    programs: Mapping[str, str]
    versions: Mapping[str, str]
    missing: Mapping[str, str]


def find(names: Iterable[str], peers: Path) -> Found:
    """Look for tools. `sys.exit` where make is not there, which everything is measured by."""
    programs, versions, missing = {}, {}, {}
    for name in names:
        tool = TOOLS[name]
        if tool.packages:
            program, version = _peer(peers / name / "bin" / "python", tool.packages[0].partition("==")[0])
            why = f"`{PEERS / name}` has no {tool.packages[0].partition('==')[0]}"
        else:
            program = shutil.which(name) or ""
            version = _version(program) if program else ""
            why = f"{name} is not on PATH"
        if version:
            programs[name], versions[name] = program, version
        elif name == "make":
            sys.exit("benchmarks: needs make, which is not on PATH")
        else:
            missing[name] = why
    return Found(programs, {OURS: __version__, **versions}, missing)


def bare(folder: Path) -> Case:
    """An interpreter that does nothing, in our environment."""
    return Case(BARE, "`python -c pass`", (sys.executable, "-c", "pass"), folder)


def run_ours(work: Work, folder: Path, label: str = "**`run`**") -> Case:
    """Our run of the work, written into a new folder."""
    written.write(OURS, work, folder)
    return Case(OURS, label, (*ENTRY, "run", "--mode", "all"), folder)


def run(name: str, program: str, work: Work, folder: Path, times: int | None) -> Case:
    """Another tool's run of the work, written into a new folder."""
    tool = TOOLS[name]
    case = _case(name, tool.label, (program, *tool.run), work, folder)
    return case._replace(times=times, logs=len(work.graph))


def plan(name: str, program: str, work: Work, folder: Path, times: int | None) -> Case:
    """Another tool's plan of the work, written into a new folder."""
    tool = TOOLS[name]
    return _case(name, tool.plan_label, (program, *tool.plan), work, folder)._replace(times=times)


def _case(name: str, label: str, argv: tuple[str, ...], work: Work, folder: Path) -> Case:
    written.write(name, work, folder)
    (folder / "home").mkdir()
    fill = {"slots": str(work.slots), "home": str(folder / "home")}
    environ = tuple((key, value.format(**fill)) for key, value in TOOLS[name].environ)
    return Case(name, label, tuple(word.format(**fill) for word in argv), folder, environ=environ)


def _peer(python: Path, package: str) -> tuple[str, str]:
    """The interpreter of another environment, and the version of a package there; "" where there is none."""
    if not os.path.exists(python):
        return "", ""
    ask = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    return str(python.absolute()), done.stdout.strip()


def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0].split()[-1]
