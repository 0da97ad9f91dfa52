"""Running a registered task type in a child process, in an interpreter that does not have our package installed."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tetra_orchestrator import stages, task_types
from tetra_orchestrator.worker import start, task_type

TYPES = """\
import pathlib
from tetra_orchestrator.task_types import Result, TaskType

class Count(TaskType):
    def validate(self):
        if self.get("limit", 10, required=True) < 0:
            raise ValueError("'limit' is below 0")

    def execute(self, inputs):
        print("working on", self.task_id)
        rows = sum(outputs["rows"] for outputs in inputs.values())
        return self.succeed({"rows": rows, "file": pathlib.Path("a/b")}, {"seconds": 2})

class Refuse(TaskType):
    def execute(self, inputs):
        return self.fail("the source is empty")

class SourceError(Exception):
    pass

class Raise(TaskType):
    def execute(self, inputs):
        raise SourceError("no rows")

class Leave(TaskType):
    def execute(self, inputs):
        return self.succeed({"what": object()})

class Forget(TaskType):
    def execute(self, inputs):
        pass

class Program(TaskType):
    def execute(self, inputs):
        return self.run(self.config["argv"])

class Duck:
    "No base class at all."
    def __init__(self, stage, config):
        self.config = config
    def validate_config(self):
        return "key" in self.config
    def execute(self, inputs):
        return type("R", (), {"success": self.config["key"], "outputs": {"n": 1}, "metrics": {}, "error": "asked to"})

TASK_TYPES = {name.lower(): kind for name, kind in list(globals().items()) if isinstance(kind, type)}
TASK_TYPES["by_name"] = "types_here:Count"
"""


class Bench:
    """One task in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.python = sys.executable
        self.plugins = ["types_here"]
        (folder / "types_here.py").write_text(TYPES)

    def run(self, *argv: str, given: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a type with the content of its input file."""
        (self.folder / "input.json").write_text(json.dumps(given or {}))
        (self.folder / "output.jsonl").unlink(missing_ok=True)
        env = {
            "TETRA_TASK": "extract",
            "TETRA_INPUT": "input.json",
            "TETRA_OUTPUT": "output.jsonl",
            "TETRA_PLUGINS": json.dumps(self.plugins),
        }
        return self._start(argv, env, None)

    def check(self, *asked: dict[str, Any]) -> list[Any]:
        """The answers about types: first the faults of plugins, then a verdict each."""
        whole = [{"target": None, "id": "extract", "config": {}} | each for each in asked]
        done = self._start(("--check",), {"TETRA_PLUGINS": json.dumps(self.plugins)}, json.dumps(whole))
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def outputs(self) -> dict[str, Any]:
        return json.loads((self.folder / "output.jsonl").read_text())

    def _start(self, argv: tuple[str, ...], env: dict[str, str], given: str | None) -> subprocess.CompletedProcess[str]:
        command = [self.python, "-S", start.__file__, "type", *argv]
        return subprocess.run(
            command, cwd=self.folder, env=env, input=given, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_type_is_given_its_configuration_and_what_came_before_and_hands_on_outputs_and_metrics(bench: Bench) -> None:
    done = bench.run("count", given={"config": {"limit": 5}, "upstream": {"a": {"rows": 3}, "b": {"rows": 4}}})
    assert (done.returncode, done.stdout, done.stderr) == (0, "working on extract\n", "")
    assert bench.outputs() == {"rows": 7, "file": "a/b", "metrics": {"seconds": 2}}


def test_a_class_can_be_named_by_its_module_in_the_file_or_in_a_plugin(bench: Bench) -> None:
    given = {"config": {"limit": 5}}
    assert bench.run("by_name", given=given).returncode == 0
    bench.plugins = []
    assert bench.run("whatever", "types_here:Count", given=given).returncode == 0


@pytest.mark.parametrize(
    ("config", "reason"),
    [({}, "the configuration has no 'limit'"), ({"limit": -1}, "'limit' is below 0")],
)
def test_A_046_a_configuration_that_is_refused_fails_before_execute(
    bench: Bench, config: dict[str, Any], reason: str
) -> None:
    done = bench.run("count", given={"config": config})
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{reason}\n")


def test_a_failure_result_is_its_reason_without_a_traceback(bench: Bench) -> None:
    done = bench.run("refuse")
    assert (done.returncode, done.stderr) == (1, "the source is empty\n")
    assert not (bench.folder / "output.jsonl").exists()


def test_A_045_what_is_raised_is_told_from_the_class_on_and_its_class_is_left_for_retry_rules(bench: Bench) -> None:
    done = bench.run("raise")
    assert done.returncode == 1
    assert done.stderr == (
        "Traceback (most recent call last):\n"
        f'  File "{bench.folder}/types_here.py", line 23, in execute\n'
        '    raise SourceError("no rows")\n'
        "types_here.SourceError: no rows\n"
    )
    assert bench.outputs() == {
        "error_class": "SourceError",
        "error_classes": ["SourceError", "Exception", "BaseException"],
    }


def test_what_json_cannot_hold_is_told(bench: Bench) -> None:
    done = bench.run("leave")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "TypeError: an output or metric is of type object, which JSON cannot hold"


def test_execute_has_to_answer(bench: Bench) -> None:
    done = bench.run("forget")
    assert (done.returncode, done.stderr) == (1, "Forget.execute() returned NoneType, which is no result\n")


def test_any_class_of_that_shape_will_do(bench: Bench) -> None:
    assert bench.run("duck", given={"config": {"key": True}}).returncode == 0
    assert bench.outputs() == {"n": 1}
    failed = bench.run("duck", given={"config": {"key": False}})
    assert (failed.returncode, failed.stderr) == (1, "asked to\n")
    refused = bench.run("duck")
    assert (refused.returncode, refused.stderr) == (1, "validate_config() answered False\n")


def test_A_156_a_type_that_is_not_registered_ends_with_78_and_tells_what_is(bench: Bench) -> None:
    bench.plugins = ["few", "no_such_module", "empty"]
    (bench.folder / "few.py").write_text("TASK_TYPES = {'b': 'm:B', 'a': 'm:A'}")
    (bench.folder / "empty.py").write_text("")
    done = bench.run("nope")
    assert done.returncode == 78
    assert done.stderr == (
        "No executor registered for stage type 'nope' (registered: a, b)"
        "; plugin empty: AttributeError: it has no TASK_TYPES"
        "; plugin no_such_module: ModuleNotFoundError: No module named 'no_such_module'\n"
    )


def test_A_119_an_installed_package_registers_types_by_an_entry_point_and_a_plugin_wins(bench: Bench) -> None:
    package = bench.folder / "theirs-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(f"[{task_type.GROUP}]\nsteps = types_here:Refuse\ncount = nowhere:X\n")
    assert bench.run("steps").stderr == "the source is empty\n"
    assert bench.run("count", given={"config": {"limit": 1}}).returncode == 0


def test_of_two_plugins_the_first_wins(bench: Bench) -> None:
    (bench.folder / "other.py").write_text("import types_here\nTASK_TYPES = {'count': types_here.Refuse}")
    bench.plugins = ["other", "types_here"]
    assert bench.run("count").stderr == "the source is empty\n"


def test_A_110_all_types_of_a_file_are_judged_at_once_and_one_without_execute_is_none(bench: Bench) -> None:
    (bench.folder / "noisy.py").write_text(
        "print('hello')\n"
        "class Late:\n"
        "    def __init__(self, task, config): pass\n"
        "    def estimate_duration(self): return 90\n"
        "    def execute(self, inputs): pass\n"
        "class Lost(Late):\n"
        "    def estimate_duration(self): raise RuntimeError\n"
        "TASK_TYPES = {'late': Late, 'lost': Lost}"
    )
    bench.plugins = ["noisy", "gone"]
    assert bench.check(
        {"type": "late"},
        {"type": "lost"},
        {"type": "nope"},
        {"type": "x", "target": "nowhere:X"},
        {"type": "x", "target": "types_here:SourceError"},
        {"type": "x", "target": "types_here:Count", "config": {"limit": -1}},
        {"type": "x", "target": "types_here:Count", "config": {"limit": "many"}},
    ) == [
        {"gone": "ModuleNotFoundError: No module named 'gone'"},
        {"state": "sound", "estimate_s": 90.0},
        {"state": "sound", "estimate_s": None},
        {"state": "missing", "registered": ["late", "lost"]},
        {"state": "broken", "text": "ModuleNotFoundError: No module named 'nowhere'"},
        {"state": "broken", "text": "TypeError: types_here:SourceError is no task type: it has no execute()"},
        {"state": "refused", "text": "'limit' is below 0"},
        {"state": "refused", "text": "TypeError: '<' not supported between instances of 'str' and 'int'"},
    ]


def test_A_108_a_program_is_run_with_its_output_captured_and_its_exit_code_checked(bench: Bench) -> None:
    assert bench.run("program", given={"config": {"argv": ["/bin/echo", "x"]}}).returncode == 0
    assert bench.outputs() == {"stdout": "x\n", "stderr": "", "exit_code": 0}
    failed = bench.run("program", given={"config": {"argv": ["/bin/sh", "-c", "echo bad >&2; exit 3"]}})
    assert (failed.returncode, failed.stderr) == (1, "/bin/sh ended with exit code 3: bad\n")
    missing = bench.run("program", given={"config": {"argv": ["/no/such/script.py"]}})
    assert (missing.returncode, missing.stderr) == (
        1,
        "/no/such/script.py cannot be started: No such file or directory\n",
    )


class Sleep(stages.StageExecutor):
    """As the guide teaches them."""

    def validate_config(self) -> bool:
        return bool(self._get_config_value("input_dir", required=True))

    def execute(self, inputs: Any) -> stages.StageResult:
        self._mark_started()
        result = self._run_subprocess(["sleep", "0.1"], timeout=10)
        self._mark_completed()
        return self._create_success_result(metrics={"code": result.outputs["exit_code"]})

    def estimate_duration(self) -> float:
        return 300.0


def test_A_099_a_stage_executor_needs_all_three_methods() -> None:
    with pytest.raises(TypeError, match="abstract"):
        stages.StageExecutor("s", {})  # type: ignore[abstract]
    partial = type("Partial", (stages.StageExecutor,), {"execute": lambda self, inputs: None})
    with pytest.raises(TypeError, match="estimate_duration.*validate_config"):
        partial("s", {})


def test_A_103_a_required_value_that_is_missing_is_named_and_A_104_an_optional_one_is_none() -> None:
    executor = Sleep("s", {"a": 1})
    assert (executor._get_config_value("a"), executor._get_config_value("b")) == (1, None)
    assert executor._get_config_value("b", 2) == 2
    with pytest.raises(ValueError, match="the configuration has no 'input_dir'"):
        executor.validate()


def test_A_105_the_marks_give_the_duration_and_A_106_success_keeps_outputs_and_metrics() -> None:
    result = Sleep("s", {}).execute({})
    assert result.duration is not None
    assert result.duration >= 0.1
    assert (result.status, result.stage_id) == (stages.ExecutionStatus.SUCCESS, "s")
    assert (result.success, result.error, result.outputs, result.metrics) == (True, None, {}, {"code": 0})


def test_A_107_a_failure_result_keeps_the_message() -> None:
    result = Sleep("s", {})._create_failure_result("boom")
    assert (result.status, result.success, result.error) == (stages.ExecutionStatus.FAILED, False, "boom")


def test_a_program_that_takes_too_long_is_a_failure() -> None:
    result = Sleep("s", {})._run_subprocess(["sleep", "10"], timeout=0.1)
    assert result.error == "sleep did not end within 0.1 s"


@pytest.mark.parametrize("module", [task_types, stages, task_type])
def test_what_runs_in_the_tasks_interpreter_needs_python_3_9_and_the_standard_library_only(module: Any) -> None:
    source = Path(module.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 9))
    named = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    named += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    roots = {name.split(".")[0] for name in named}
    assert roots <= {*sys.stdlib_module_names, "tetra_orchestrator"}
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))


@pytest.mark.skipif(not os.path.exists("/usr/bin/python3"), reason="needs python3 in /usr/bin")
def test_another_interpreter_without_our_package_runs_a_type(bench: Bench) -> None:
    bench.python = "/usr/bin/python3"
    assert bench.run("count", given={"config": {"limit": 5}}).returncode == 0
