"""W15: a Dagster job of four no-op tasks that is made of our project, beside one of the same shape written by hand.

Both have the same executor, but for one case, and leave a log for each task. By hand an op either hands on nothing at
all, or is written without a word about that, and Dagster stores what it returns.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks import tools, written
from benchmarks.graphs import Graph, Work, chain, name
from benchmarks.results import Options, Part, part
from benchmarks.timing import Case, measure

ROUNDS = 15
DIAMOND: Graph = ((), (0,), (0,), (1, 2))
HOME = "telemetry: {enabled: false}\n"
ONE, MANY = "in_process_executor", "multiprocess_executor"
#: How a step's process is started, as Dagster has it, and as we set it; what does not say so has the first.
FORKED = '.configured({"start_method": {"forkserver": {"preload_modules": ["dagster._core.storage.sqlite_storage"]}}})'
OURS = """\
from tetra_orchestrator.dagster import definitions

defs = definitions("orchestration.yaml")
"""


def run(root: Path, options: Options) -> Part:
    """Measure both executors; nothing but the reason where Dagster is not installed beside us."""
    if find_spec("dagster") is None:
        return part([], {}, {}, {}, {"dagster": "pip install 'tetra-orchestrator[dagster]'"})
    alone, beside = Work(chain(4), 1), Work(DIAMOND, 2)
    cases = [
        _case(root, "hand", "a chain, by hand", by_hand(alone, ONE)),
        _case(root, "stored", "the same, each op with Dagster's default output", by_hand(alone, ONE, lean=False)),
        _case(root, "default", "the same, with the executor that Dagster takes by itself", by_hand(alone, MANY)),
        _case(root, "ours", "**a chain, of our project**", OURS, alone),
        _case(root, "hand many", "a diamond, by hand, a process for each op", by_hand(beside, MANY)),
        _case(root, "hand forked", "the same, forked from a process that has imported", by_hand(beside, MANY + FORKED)),
        _case(root, "ours many", "**a diamond, of our project**, a process for each op", OURS, beside),
    ]
    figures = measure(cases, options.most(ROUNDS))
    return part(cases, figures, {}, {"dagster in our environment": version("dagster")}, {})


def by_hand(work: Work, executor: str, *, lean: bool = True) -> str:
    """The file of somebody who has an op for each command."""
    out = "out=Out(Nothing)" if lean else ""
    lines = [
        "import os",
        "import subprocess",
        f"from dagster import In, Nothing, Out, {executor.partition('.')[0]}, job, op",
    ]
    lines += ["", "def perform(task, argv):", '    with open(f"{os.environ[\'LOGS\']}/{task}.log", "wb") as log:']
    lines += ["        subprocess.run(argv, stdout=log, stderr=log, check=True)", ""]
    wired = ["", f"@job(executor_def={executor})", "def all():"]
    for number, upstream in enumerate(work.graph):
        task, ins = name(number), ", ".join(f'"after_{before}": In(Nothing)' for before in upstream)
        words = ", ".join(filter(None, [f"ins={{{ins}}}" if ins else "", out]))
        lines += [f"@op({words})", f"def {task}():", f"    perform({task!r}, {list(work.argv(number))})", ""]
        given = ", ".join(f"after_{before}={name(before)}_over" for before in upstream)
        wired.append(f"    {task}_over = {task}({given})")
    return "\n".join([*lines, *wired, ""])


def _case(root: Path, case: str, label: str, text: str, ours: Work | None = None) -> Case:
    folder = root / case
    if ours:
        written.write(tools.OURS, ours, folder)
    home = folder / "home"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text(HOME, encoding="utf-8")
    (folder / "work.py").write_text(text, encoding="utf-8")
    argv = (sys.executable, "-m", "dagster", "job", "execute", "-f", "work.py", "-j", "all")
    environ = (("DAGSTER_HOME", str(home)), ("DAGSTER_DISABLE_TELEMETRY", "yes"))
    return Case(case, label, argv, folder, logs=0 if ours else 4, environ=environ)
