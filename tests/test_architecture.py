"""The layers of DESIGN.md section 3, read from the imports of every module.

Imports inside functions and under `if TYPE_CHECKING:` count for the direction of the layers: they show what knows
what. For cycles only what runs while a module is imported counts.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

SRC = Path(__file__).resolve().parent.parent / "src"
PACKAGE = "tetra_orchestrator"

#: A module imports only from its own group and the groups before it.
LAYERS = (
    *(
        "__init__",
        "task_types",
        "stages",
        "worker",
        "errors",
        "signals",
        "failpoints",
        "pipeline_cache",
        "core",
        "store_parts",
        "process_port",
        "ports",
        "file_ports",
        "watch_ports",
        "timer_port",
        "config",
        "engine",
        "report",
        "adapters",
    ),
    *(
        "wire_reports",
        "wire_remote",
        "wire",
        "wire_timers",
        "wire_state",
        "wire_watch",
        "wire_hooks",
        "wire_monitor",
        "timers",
        "launch",
        "scheduled",
        "backfilling",
        "fire",
        "foreground",
        "api",
        "health_monitor",
        "dagster",
        "cli",
        "__main__",
    ),
)
#: What runs in the tasks' own interpreter, where neither our dependencies nor this Python version may be there.
CHILD_SIDE = {"task_types", "stages", "worker"}
CHILD_PYTHON = (3, 9)
#: What the order alone would allow, and is forbidden all the same.
FORBIDDEN = {
    "adapters": {"config", "engine", "report"},
    "engine": {"config"},
    "report": {"config"},
    "timers": {"adapters"},
    "launch": {"adapters"},
    "scheduled": {"adapters"},
    "backfilling": {"adapters"},
    "fire": {"adapters"},
    "foreground": {"adapters"},
    "cli": {"adapters"},
    "api": {"adapters", "engine"},
    "health_monitor": {"adapters", "engine"},
    "dagster": {"adapters"},
    "__main__": {"adapters"},
}
CORE_MAY_IMPORT = {"__future__", "bisect", "collections", "datetime", "difflib", "enum", "functools", "heapq"}
CORE_MAY_IMPORT |= {"_blake2", "itertools", "json", "math", "re", "typing", "unicodedata", "zoneinfo"}
#: Where alone these may be imported.
HOMES = {"pydantic": "config/", "typer": "cli/", "apsw": "adapters/store/"}
UNSAFE_MODULES = {"marshal", "pickle", "shelve"}
UNSAFE_CALLS = {"eval", "exec"}
IMPORTERS = {"__import__", "import_module"}
MOST_LINES = 400


class Import(NamedTuple):
    """`when` is `load`, `call` (inside a function) or `typing` (under TYPE_CHECKING)."""

    target: str
    line: int
    when: str


class Module(NamedTuple):
    name: str
    path: str
    text: str
    tree: ast.Module
    imports: tuple[Import, ...]

    @property
    def layer(self) -> str:
        return layer(self.name)

    @property
    def inside(self) -> str:
        """The path within the package."""
        return self.path.partition(f"{PACKAGE}/")[2]


Package = dict[str, Module]


def layer(name: str) -> str:
    """The group of a module of the package."""
    return name.split(".")[1] if "." in name else "__init__"


def port(name: str) -> str:
    """The folder or the single file under adapters that a module belongs to."""
    return name.split(".")[2] if name.count(".") > 1 else ""


def read(src: Path) -> Package:
    """Every module of the package below `src`, by dotted name."""
    paths = {}
    for path in sorted((src / PACKAGE).rglob("*.py")):
        parts = path.relative_to(src).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    package = {}
    for name, path in paths.items():
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        here = name if path.name == "__init__.py" else name.rpartition(".")[0]
        imports = tuple(dict.fromkeys(_imports(tree, "load", here, set(paths))))
        package[name] = Module(name, str(path.relative_to(src.parent)), text, tree, imports)
    return package


def _imports(node: ast.AST, when: str, here: str, known: set[str]) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, when) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            above = here.rsplit(".", child.level - 1)[0] if child.level else ""
            base = ".".join(part for part in (above, child.module) if part)
            for alias in child.names:
                full = f"{base}.{alias.name}"
                yield Import(full if full in known else base, child.lineno, when)
        elif isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            yield from _imports(ast.Module(child.body, []), "typing", here, known)
            yield from _imports(ast.Module(child.orelse, []), when, here, known)
        elif isinstance(child, ast.Call) and ast.unparse(child.func).split(".")[-1] in IMPORTERS:
            yield from (Import(str(a.value), child.lineno, "call") for a in child.args if isinstance(a, ast.Constant))
        else:
            inner = "call" if when == "load" and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else when
            yield from _imports(child, inner, here, known)


def arrows(package: Package) -> Iterator[tuple[Module, Import]]:
    """Every import of one of our own modules."""
    for module in package.values():
        for one in module.imports:
            if one.target.split(".")[0] == PACKAGE:
                yield module, one


def place(module: Module, line: int) -> str:
    return f"{module.path}:{line}"


# The rules. Each returns one message per offence, with file and line.


def layers_are_known(package: Package) -> list[str]:
    return [f"{m.path}:1: '{m.layer}' is no layer" for m in package.values() if m.layer not in LAYERS]


def arrows_point_up(package: Package) -> list[str]:
    return [
        f"{place(module, one.line)}: {module.layer} imports {layer(one.target)} ({one.target})"
        for module, one in arrows(package)
        if {module.layer, layer(one.target)} <= set(LAYERS)
        and LAYERS.index(layer(one.target)) > LAYERS.index(module.layer)
    ]


def layers_keep_apart(package: Package) -> list[str]:
    return [
        f"{place(module, one.line)}: {module.layer} must not know {layer(one.target)} ({one.target})"
        for module, one in arrows(package)
        if layer(one.target) in FORBIDDEN.get(module.layer, ())
    ]


def adapters_keep_apart(package: Package) -> list[str]:
    return [
        f"{place(module, one.line)}: adapters/{port(module.name)} imports adapters/{port(one.target)} ({one.target})"
        for module, one in arrows(package)
        if module.layer == layer(one.target) == "adapters" and port(one.target) not in ("", port(module.name))
    ]


def imports_have_no_cycle(package: Package) -> list[str]:
    lines = {
        (m.name, one.target): one.line for m, one in arrows(package) if one.when == "load" and one.target in package
    }
    graph: dict[str, list[str]] = {name: [] for name in package}
    for name, target in lines:
        graph[name].append(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle = error.args[1][::-1]
        steps = [place(package[a], lines[a, b]) for a, b in zip(cycle, cycle[1:], strict=False)]
        return [f"import cycle: {' -> '.join([*steps, package[cycle[-1]].path])}"]
    return []


def core_is_pure(package: Package) -> list[str]:
    found = []
    for module in package.values():
        allowed = CORE_MAY_IMPORT | {PACKAGE} | ({"cronsim"} if module.inside == "core/schedule.py" else set())
        for one in module.imports:
            if module.layer == "core" and one.when != "typing" and one.target.split(".")[0] not in allowed:
                found.append(f"{place(module, one.line)}: core imports {one.target}")
    return found


def libraries_stay_at_home(package: Package) -> list[str]:
    found = []
    for module in package.values():
        for one in module.imports:
            home = HOMES.get(one.target.split(".")[0])
            if home and not module.inside.startswith(home):
                found.append(f"{place(module, one.line)}: {one.target} is imported outside {home}")
    return found


def children_need_nothing(package: Package) -> list[str]:
    found = []
    for module in package.values():
        if module.layer in CHILD_SIDE:
            for one in module.imports:
                if one.when != "typing" and one.target.split(".")[0] not in sys.stdlib_module_names | {PACKAGE}:
                    found.append(f"{place(module, one.line)}: {one.target} may not be there")
            try:
                ast.parse(module.text, feature_version=CHILD_PYTHON)
            except SyntaxError as error:
                found.append(f"{place(module, error.lineno or 1)}: {error.msg}")
    return found


def only_the_cli_prints(package: Package) -> list[str]:
    return [
        f"{place(module, line)}: print outside cli"
        for module in package.values()
        if module.layer != "cli"
        for line in _calls(module, {"print"})
    ]


def nothing_is_unsafe(package: Package) -> list[str]:
    found = []
    for module in package.values():
        for one in module.imports:
            if one.target.split(".")[0] in UNSAFE_MODULES:
                found.append(f"{place(module, one.line)}: {one.target} is imported")
        found += [f"{place(module, line)}: text is run as code" for line in _calls(module, UNSAFE_CALLS)]
    return found


def modules_are_short(package: Package) -> list[str]:
    lengths = [(module, len(module.text.splitlines())) for module in package.values()]
    return [
        f"{place(m, MOST_LINES + 1)}: {length} lines, over {MOST_LINES}" for m, length in lengths if length > MOST_LINES
    ]


def _calls(module: Module, names: set[str]) -> list[int]:
    calls = (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    return [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id in names]


@cache
def ours() -> Package:
    return read(SRC)


def check(rule: Callable[[Package], list[str]]) -> None:
    package = ours()
    assert len(package) > 20, f"the package was not found below {SRC}"
    found = rule(package)
    assert not found, "\n" + "\n".join(found)


def test_every_module_belongs_to_a_layer() -> None:
    check(layers_are_known)


def test_every_import_points_to_a_layer_above() -> None:
    check(arrows_point_up)


def test_adapters_do_not_know_engine_or_config_and_only_wire_knows_adapters() -> None:
    check(layers_keep_apart)


def test_adapters_of_different_ports_do_not_know_each_other() -> None:
    check(adapters_keep_apart)


def test_no_import_comes_back_to_where_it_started() -> None:
    check(imports_have_no_cycle)


def test_the_core_imports_only_value_modules() -> None:
    check(core_is_pure)


def test_pydantic_typer_and_apsw_stay_where_they_belong() -> None:
    check(libraries_stay_at_home)


def test_what_runs_in_the_tasks_interpreter_needs_only_an_older_standard_library() -> None:
    check(children_need_nothing)


def test_only_the_cli_prints() -> None:
    check(only_the_cli_prints)


def test_nothing_unpickles_or_evaluates() -> None:
    check(nothing_is_unsafe)


def test_no_module_is_longer_than_400_lines() -> None:
    check(modules_are_short)


# Every rule can fail: the same rules on a small package with one fault.

RULES = (
    layers_are_known, arrows_point_up, layers_keep_apart, adapters_keep_apart, imports_have_no_cycle, core_is_pure,
    libraries_stay_at_home, children_need_nothing, only_the_cli_prints, nothing_is_unsafe, modules_are_short,
)  # fmt: skip

SOUND = {
    "__init__.py": "",
    "errors.py": "",
    "core/__init__.py": "",
    "core/model.py": "from __future__ import annotations\nfrom tetra_orchestrator.errors import TetraError\n",
    "core/schedule.py": "import zoneinfo\ndef f():\n    import cronsim\n",
    "ports.py": "from tetra_orchestrator.core import model\n",
    "config/check.py": "import pydantic\nimport yaml\n",
    "engine/loop.py": "import os\nfrom tetra_orchestrator.ports import Store\nfrom . import attempt\n",
    "engine/attempt.py": "from tetra_orchestrator.core.model import Task\n",
    "adapters/__init__.py": "",
    "adapters/clock.py": "import time\n",
    "adapters/store/sqlite.py": "import apsw\nfrom tetra_orchestrator.adapters.store.schema import TABLES\n",
    "adapters/store/schema.py": "TABLES = ()\n",
    "wire.py": "from tetra_orchestrator.adapters.clock import SystemClock\n",
    "fire.py": "from tetra_orchestrator import wire\n",
    "cli/__init__.py": "",
    "cli/app.py": "import typer\nfrom tetra_orchestrator import fire, wire\nprint('hello')\n",
    "__main__.py": "from tetra_orchestrator.cli.app import main\n",
}

UNDER_TYPE_CHECKING = "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    "
IN_A_FUNCTION = "def f():\n    "
OF = "from tetra_orchestrator."

FAULTS = {
    "a module outside the layers": ("utils.py", "", layers_are_known, "utils.py:1: 'utils' is no layer"),
    "a library in the tasks' interpreter": (
        "worker/bad.py", "import yaml", children_need_nothing, "worker/bad.py:1: yaml may not be there",
    ),
    "new syntax in the tasks' interpreter": (
        "worker/bad.py", "match 1:\n    case _: pass", children_need_nothing,
        "worker/bad.py:2: Pattern matching is only supported in Python 3.10 and greater",
    ),
    "an arrow to a later layer": (
        "core/bad.py", OF + "ports import Store", arrows_point_up,
        "core/bad.py:1: core imports ports (tetra_orchestrator.ports)",
    ),
    "the same written with dots": (
        "core/bad.py", "from ..engine import loop", arrows_point_up,
        "core/bad.py:1: core imports engine (tetra_orchestrator.engine.loop)",
    ),
    "the same for types only": (
        "core/bad.py", UNDER_TYPE_CHECKING + OF + "wire import World", arrows_point_up,
        "core/bad.py:3: core imports wire (tetra_orchestrator.wire)",
    ),
    "the same inside a function": (
        "engine/bad.py", IN_A_FUNCTION + OF + "adapters.clock import SystemClock", arrows_point_up,
        "engine/bad.py:2: engine imports adapters (tetra_orchestrator.adapters.clock)",
    ),
    "the same by name": (
        "engine/bad.py", "import importlib\nimportlib.import_module('tetra_orchestrator.wire')", arrows_point_up,
        "engine/bad.py:2: engine imports wire (tetra_orchestrator.wire)",
    ),
    "an adapter that knows the command line": (
        "adapters/bad.py", "import tetra_orchestrator.cli.app", arrows_point_up,
        "adapters/bad.py:1: adapters imports cli (tetra_orchestrator.cli.app)",
    ),
    "an adapter that knows the engine": (
        "adapters/bad.py", OF + "engine.loop import Execution", layers_keep_apart,
        "adapters/bad.py:1: adapters must not know engine (tetra_orchestrator.engine.loop)",
    ),
    "an engine that knows the configuration": (
        "engine/bad.py", OF + "config import check", layers_keep_apart,
        "engine/bad.py:1: engine must not know config (tetra_orchestrator.config.check)",
    ),
    "a command that chooses an adapter": (
        "cli/bad.py", IN_A_FUNCTION + OF + "adapters.clock import SystemClock", layers_keep_apart,
        "cli/bad.py:2: cli must not know adapters (tetra_orchestrator.adapters.clock)",
    ),
    "a runner that knows a store": (
        "adapters/runner/bad.py", OF + "adapters.store import sqlite", adapters_keep_apart,
        "adapters/runner/bad.py:1: adapters/runner imports adapters/store (tetra_orchestrator.adapters.store.sqlite)",
    ),
    "a single-file adapter that knows another": (
        "adapters/bad.py", OF + "adapters import clock", adapters_keep_apart,
        "adapters/bad.py:1: adapters/bad imports adapters/clock (tetra_orchestrator.adapters.clock)",
    ),
    "a module that imports itself by way of another": (
        "errors.py", OF + "core.model import Reason", imports_have_no_cycle,
        "import cycle: src/tetra_orchestrator/core/model.py:2 -> src/tetra_orchestrator/errors.py:1"
        " -> src/tetra_orchestrator/core/model.py",
    ),
    "a clock in the core": ("core/bad.py", "import time", core_is_pure, "core/bad.py:1: core imports time"),
    "a file in the core": (
        "core/bad.py", IN_A_FUNCTION + "from pathlib import Path", core_is_pure, "core/bad.py:2: core imports pathlib",
    ),
    "cron outside the schedule": ("core/bad.py", "import cronsim", core_is_pure, "core/bad.py:1: core imports cronsim"),
    "pydantic in the engine": (
        "engine/bad.py", "from pydantic import BaseModel", libraries_stay_at_home,
        "engine/bad.py:1: pydantic is imported outside config/",
    ),
    "typer in wire": (
        "wire.py", IN_A_FUNCTION + "import typer.main", libraries_stay_at_home,
        "wire.py:2: typer.main is imported outside cli/",
    ),
    "apsw in a runner": (
        "adapters/runner/bad.py", "import apsw", libraries_stay_at_home,
        "adapters/runner/bad.py:1: apsw is imported outside adapters/store/",
    ),
    "print in the engine": (
        "engine/bad.py", "'print()'\nprint('x')", only_the_cli_prints, "engine/bad.py:2: print outside cli",
    ),
    "pickle": ("config/bad.py", "import pickle", nothing_is_unsafe, "config/bad.py:1: pickle is imported"),
    "eval": ("cli/bad.py", "\nx = eval('1')", nothing_is_unsafe, "cli/bad.py:2: text is run as code"),
    "a long module": (
        "cli/bad.py", "\n" * 401, modules_are_short, "cli/bad.py:401: 401 lines, over 400",
    ),
}  # fmt: skip


def write(folder: Path, files: dict[str, str]) -> Package:
    for name, text in files.items():
        path = folder / "src" / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read(folder / "src")


def test_a_sound_package_breaks_no_rule(tmp_path: Path) -> None:
    package = write(tmp_path, SOUND)
    assert [message for rule in RULES for message in rule(package)] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rule_finds_its_fault_and_names_the_line(fault: str, tmp_path: Path) -> None:
    name, text, rule, message = FAULTS[fault]
    found = rule(write(tmp_path, SOUND | {name: text}))
    assert [one.removeprefix(f"src/{PACKAGE}/") for one in found] == [message]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_fault_that_it_finds(rule: Callable[[Package], list[str]]) -> None:
    assert rule in [fault[2] for fault in FAULTS.values()]


def test_a_module_of_400_lines_is_not_too_long(tmp_path: Path) -> None:
    assert modules_are_short(write(tmp_path, {"cli/bad.py": "\n" * 400})) == []


def test_a_type_only_import_makes_no_cycle(tmp_path: Path) -> None:
    files = {"errors.py": UNDER_TYPE_CHECKING + "from tetra_orchestrator.core.model import Reason\n"}
    assert imports_have_no_cycle(write(tmp_path, SOUND | files)) == []


# What the hot commands must not import.

LOADED = """
import sys
before = set(sys.modules)
from tetra_orchestrator.cli import main
code = main.run(sys.argv[1:])
print(code, *sorted(set(sys.modules) - before), file=sys.stderr)
"""

NEVER = ["asyncio", "dataclasses", "importlib.metadata", "inspect", "jinja2", "logging", "psutil", "pydantic", "rich"]
NEVER += ["click", "sqlite3", "subprocess", "tabulate", "typer", "yaml"]
#: What only some runs need, and what costs a tenth of a bare interpreter or more each.
SELDOM = ["concurrent", "cronsim", "difflib", "glob", "hashlib", "importlib.resources", "json", "pathlib", "platform"]
SELDOM += ["random", "re", "shlex", "shutil", "socket", "ssl", "string", "tempfile", "textwrap", "threading"]
SELDOM += ["traceback", "zoneinfo"]

PROJECT = """\
version: 1
project: demo
pipelines:
  first: {command: ["true"]}
  second: {command: ["true"], depends_on: [first]}
modes:
  daily: [first, second]
schedules:
  daily: {mode: daily, cron: "0 6 * * *"}
"""


def loaded_by(folder: Path, *argv: str) -> list[str]:
    """The modules that the command imports beyond those of a bare interpreter in the same environment."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *argv],
        cwd=folder,
        env=environ | {"PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    code, *modules = done.stderr.splitlines()[-1].split(" ")
    assert (done.returncode, code) == (0, "0"), done.stderr
    return modules


def banned(modules: list[str], names: list[str]) -> list[str]:
    return [module for module in modules if any(module == name or module.startswith(f"{name}.") for name in names)]


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("--version", [*NEVER, "apsw", "typing"]),
        ("run", [*NEVER, *SELDOM, "enum", "signal", "typing"]),
        ("status", [*NEVER, *SELDOM, "enum", "signal", "typing"]),
        ("fire daily --by crontab", [*NEVER, *SELDOM, "enum", "signal", "typing"]),
        ("validate", [*NEVER, "apsw", "datetime", "typing"]),
        ("--help", ["apsw", "pydantic", "yaml"]),
    ],
)
def test_a_hot_command_imports_nothing_heavy(command: str, names: list[str], tmp_path: Path) -> None:
    argv = command.split()
    if not command.startswith("-"):
        file = tmp_path / "orchestration.yaml"
        file.write_text(PROJECT, encoding="utf-8")
        argv += ["--config", str(file)]
        loaded_by(tmp_path, *argv)  # the first call reads the file and keeps what it found
    modules = loaded_by(tmp_path, *argv)
    assert "tetra_orchestrator.cli.main" in modules
    assert banned(modules, names) == []


def test_a_heavy_import_is_found(tmp_path: Path) -> None:
    assert banned(loaded_by(tmp_path, "--help"), ["typer"])[:1] == ["typer"]
