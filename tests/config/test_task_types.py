"""What the project's interpreter says of registered task types when a file is checked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config.configs import HEAD, Folder
from tetra_orchestrator.config import task_types
from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.config.read import read
from tetra_orchestrator.config.schema import Document
from tetra_orchestrator.config.sheet import Sheet
from tetra_orchestrator.config.task_types import check_task_types, refuse_unregistered
from tetra_orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from tetra_orchestrator.config.problems import Problems
    from tetra_orchestrator.core.model import Project

PYTHON = f"python: {sys.executable}\n"
TYPES = """\
class Limited:
    def __init__(self, task, config):
        self.config = config
    def validate(self):
        if self.config["limit"] != "5":
            raise ValueError(f"'limit' is\\n  {self.config['limit']!r}")
    def execute(self, inputs):
        pass
    def estimate_duration(self):
        return 90

TASK_TYPES = {"limited": Limited}
"""


def checked(folder: Folder, text: str) -> tuple[Project, Problems]:
    """The project after the check, and what was found."""
    path = folder.write(text)
    found = read(path, environ=folder.environ)
    document = check_shape(found.tree, found.problems, Document)
    assert document is not None
    project = load_project(path, environ=folder.environ, check_modules=False).project
    return check_task_types(project, Sheet(document, found.tree, found.problems), folder.environ), found.problems


def errors(folder: Folder, text: str) -> str:
    _, problems = checked(folder, text)
    with pytest.raises(ConfigError) as caught:
        problems.raise_any()
    return "\n".join(problem.render() for problem in caught.value.problems).replace(f"{folder.path}/", "")


def warnings(folder: Folder, text: str) -> str:
    _, problems = checked(folder, text)
    problems.raise_any()
    return "\n".join(problem.render() for problem in problems.warnings).replace(f"{folder.path}/", "")


def test_a_file_without_types_asks_nobody(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_types, "_ask", None)
    project, problems = checked(folder, HEAD + "pipelines: {a: {command: [x]}, b: {type: x, enabled: false}}\n")
    assert (len(project.tasks()), problems.warnings) == (2, ())


def test_a_registered_type_is_silent_and_its_estimate_serves_where_the_file_has_none(folder: Folder) -> None:
    folder.write(TYPES, "kinds.py")
    text = f"""\
{PYTHON}plugins: [kinds]
pipelines:
  a: {{type: limited, config: {{limit: "5"}}}}
  b: {{type: limited, config: {{limit: "5"}}, expected: 10s}}
  c: {{tasks: {{d: {{type: named, config: {{limit: "5"}}}}}}}}
"""
    project, problems = checked(folder, HEAD + text.replace("[kinds]", '[kinds, {named: "kinds:Limited"}]'))
    problems.raise_any()
    assert problems.warnings == ()
    assert [(task.id, task.expected_s) for task in project.tasks()] == [("a", 90.0), ("b", 10.0), ("c.d", 90.0)]


def test_the_interpreter_is_asked_once_and_of_its_own_modules(folder: Folder) -> None:
    folder.write(TYPES + "open('asked', 'a').write('x')\n", "src/kinds.py")
    tasks = "".join(f'  t{n}: {{type: limited, config: {{limit: "5"}}}}\n' for n in range(20))
    _, problems = checked(folder, f"{HEAD}{PYTHON}pythonpath: [src]\nplugins: [kinds]\npipelines:\n{tasks}")
    assert (problems.warnings, bool(problems)) == ((), False)
    assert (folder.path / "asked").read_text() == "x"


def test_A_018_a_type_that_is_not_registered_is_a_warning_that_says_what_to_do(folder: Folder) -> None:
    text = f"{HEAD}{PYTHON}pipelines:\n  a: {{type: frame_extraction}}\n"
    assert warnings(folder, text) == (
        "f.yaml:5:13: No executor registered for stage type 'frame_extraction'\n"
        "    a: {type: frame_extraction}\n"
        "              ^\n"
        "  hint: install the package that provides it, or name its class: "
        '`plugins: [{frame_extraction: "module:Class"}]`'
    )


def test_a_misspelt_type_is_guessed_and_A_156_others_are_told(folder: Folder) -> None:
    folder.write(TYPES, "kinds.py")
    text = f"{HEAD}{PYTHON}plugins: [kinds]\npipelines:\n  a: {{type: limitd}}\n  b: {{type: other}}\n"
    assert warnings(folder, text) == (
        "f.yaml:6:13: No executor registered for stage type 'limitd'\n"
        "    a: {type: limitd}\n"
        "              ^\n"
        "  hint: did you mean 'limited'?\n"
        "f.yaml:7:13: No executor registered for stage type 'other'\n"
        "    b: {type: other}\n"
        "              ^\n"
        "  hint: install the package that provides it, or name its class: "
        '`plugins: [{other: "module:Class"}]`; registered: limited'
    )


def test_another_dialect_is_told_to_bind_its_tasks(folder: Folder) -> None:
    text = "pipeline: {name: p}\ntasks:\n  a: {enabled: true}\n"
    _, problems = checked(folder, text)
    hint = 'bind it in bindings.yaml: `bindings: {a: {call: "module:function"}}`'
    assert [(w.message, w.hint) for w in problems.warnings] == [("nothing says what runs for 'a'", hint)]


def test_a_configuration_that_its_class_refuses_is_an_error_naming_the_task(folder: Folder) -> None:
    folder.write(TYPES, "kinds.py")
    tasks = "  a: {type: limited, config: {limit: 4}}\n  b: {type: limited}\n"
    text = f"{HEAD}{PYTHON}plugins: [kinds]\npipelines:\n{tasks}"
    assert errors(folder, text) == (
        "f.yaml:6:30: 'a': the type 'limited' does not accept this configuration: 'limit' is 4\n"
        "    a: {type: limited, config: {limit: 4}}\n"
        "                               ^\n"
        "f.yaml:7:6: 'b': the type 'limited' does not accept this configuration: KeyError: 'limit'\n"
        "    b: {type: limited}\n"
        "       ^"
    )


def test_references_are_handed_over_as_they_are_and_their_refusal_is_only_a_warning(folder: Folder) -> None:
    folder.write(TYPES, "kinds.py")
    text = f"""\
{HEAD}{PYTHON}plugins: [kinds]
pipelines:
  a: {{command: [x]}}
  b: {{type: limited, depends_on: [a], config: {{limit: "{{a.rows}}"}}}}
"""
    assert warnings(folder, text) == (
        "f.yaml:7:47: 'b': the type 'limited' does not accept this configuration: 'limit' is '{a.rows}'\n"
        '    b: {type: limited, depends_on: [a], config: {limit: "{a.rows}"}}\n'
        "                                                ^\n"
        "  hint: it holds references, so it is checked again when the task starts"
    )


def test_literal_braces_reach_the_class_single(folder: Folder) -> None:
    folder.write(TYPES.replace('"5"', '"{}"'), "kinds.py")
    text = f'{HEAD}{PYTHON}plugins: [kinds]\npipelines:\n  a: {{type: limited, config: {{limit: "{{{{}}}}"}}}}\n'
    assert warnings(folder, text) == ""


def test_a_plugin_and_a_class_that_cannot_be_loaded_are_errors(folder: Folder) -> None:
    text = f"""\
{HEAD}{PYTHON}plugins: [json, gone, {{x: "json:Nothing"}}]
pipelines:
  a: {{type: x}}
"""
    hint = "  hint: check its name, `pythonpath` and what is installed there"
    assert errors(folder, text) == (
        f"f.yaml:4:11: {sys.executable} cannot import the plugin 'json': AttributeError: it has no TASK_TYPES\n"
        '  plugins: [json, gone, {x: "json:Nothing"}]\n'
        f"            ^\n{hint}\n"
        f"f.yaml:4:17: {sys.executable} cannot import the plugin 'gone': ModuleNotFoundError: No module named 'gone'\n"
        '  plugins: [json, gone, {x: "json:Nothing"}]\n'
        f"                  ^\n{hint}\n"
        "f.yaml:6:13: the class of the type 'x' cannot be loaded: "
        "AttributeError: module 'json' has no attribute 'Nothing'\n"
        "    a: {type: x}\n"
        f"              ^\n{hint}"
    )


def test_a_class_that_ends_the_interpreter_spoils_only_what_was_not_yet_answered(folder: Folder) -> None:
    folder.write(TYPES, "kinds.py")
    folder.write("import os, sys\nsys.stderr.write('no licence')\nsys.stderr.flush()\nos._exit(3)\n", "fatal.py")
    text = f"""\
{HEAD}{PYTHON}plugins: [kinds, {{x: "fatal:X"}}]
pipelines:
  a: {{type: limited, config: {{limit: "5"}}}}
  b: {{type: x}}
"""
    assert errors(folder, text) == (
        f"f.yaml:7:13: the class of the type 'x' cannot be loaded: {sys.executable}: no licence\n"
        "    b: {type: x}\n"
        "              ^\n"
        "  hint: check its name, `pythonpath` and what is installed there"
    )


def test_an_interpreter_that_does_not_answer_is_told(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_types, "LIMIT_S", 0.2)
    slow = folder.write("#!/bin/sh\nexec sleep 60\n", "slow")
    (folder.path / "slow").chmod(0o755)
    text = f"{HEAD}python: {slow}\npipelines: {{a: {{type: x}}}}\n"
    assert "the class of the type 'x' cannot be loaded: slow did not answer within 0.2 s" in errors(folder, text)


def test_an_interpreter_that_is_none_is_told(folder: Folder) -> None:
    odd = folder.write("#!/bin/sh\necho hello\n", "odd")
    (folder.path / "odd").chmod(0o755)
    text = f"{HEAD}python: {odd}\npipelines: {{a: {{type: x}}}}\n"
    assert "the class of the type 'x' cannot be loaded: odd: it ended without an answer" in errors(folder, text)


def refuse(folder: Folder, text: str, *task_ids: str) -> None:
    project = load_project(folder.write(text), environ=folder.environ, check_modules=False).project
    refuse_unregistered(project, task_ids, folder.environ)


def refusal(folder: Folder, text: str, *task_ids: str) -> str:
    with pytest.raises(ConfigError) as caught:
        refuse(folder, text, *task_ids)
    assert caught.value.exit_code == 78
    return str(caught.value).replace(f"{folder.path}/", "")


def test_A_018_what_is_about_to_run_is_refused_unless_its_type_is_registered_by_then(folder: Folder) -> None:
    tasks = "  a: {type: nope}\n  b: {type: limited}\n  c: {type: mine}\n"
    text = f"{HEAD}{PYTHON}plugins: [kinds]\npipelines:\n{tasks}"
    folder.write(TYPES, "kinds.py")
    refuse(folder, text, "b")
    assert refusal(folder, text, "a", "b") == (
        "f.yaml: No executor registered for stage type 'nope'\n"
        "  hint: install the package that provides it, or name its class: "
        '`plugins: [{nope: "module:Class"}]`; registered: limited'
    )
    assert refusal(folder, text, "a", "b", "c") == (
        "f.yaml: No executor registered for stage types 'nope', 'mine'\n"
        "  hint: install the package that provides it, or name its class: "
        '`plugins: [{nope: "module:Class"}]`; registered: limited'
    )
    folder.write(TYPES + "TASK_TYPES['nope'] = Limited\n", "kinds.py")
    refuse(folder, text, "a", "b")


def test_a_plugin_that_fails_is_the_cause_of_a_refusal(folder: Folder) -> None:
    text = f"{HEAD}{PYTHON}plugins: [gone]\npipelines: {{a: {{type: nope}}}}\n"
    assert refusal(folder, text, "a") == (
        "f.yaml: No executor registered for stage type 'nope'\n"
        "  hint: the plugin 'gone' cannot be imported: ModuleNotFoundError: No module named 'gone'; "
        'install the package that provides it, or name its class: `plugins: [{nope: "module:Class"}]`'
    )


def test_the_example_of_the_documentation_is_valid(folder: Folder) -> None:
    page = (Path(__file__).parents[2] / "docs" / "task-types.md").read_text()
    code, file = (re.findall(rf"```{language}\n(.*?)```", page, re.S)[0] for language in ("python", "yaml"))
    folder.write(code, "src/faces.py")
    assert warnings(folder, file + PYTHON).splitlines()[:2] == [
        "f.yaml:10:11: No executor registered for stage type 'segmentation'",
        "      type: segmentation",
    ]


def test_disabled_tasks_and_those_that_are_not_selected_are_not_refused(folder: Folder) -> None:
    text = f"{HEAD}{PYTHON}pipelines: {{a: {{type: x}}, b: {{type: y, enabled: false}}, c: {{command: [z]}}}}\n"
    refuse(folder, text, "b", "c")
    assert "'x'" in refusal(folder, text, "a")


def test_a_run_of_registered_types_has_each_plugin_imported_once_to_check_and_once_to_run(folder: Folder) -> None:
    folder.write(TYPES + "open('imports', 'a').write('x')\n", "kinds.py")
    file = folder.write(
        f"{HEAD}{PYTHON}plugins: [kinds]\npipelines: {{a: {{type: limited, config: {{limit: '5'}}}}}}\n"
    )
    command = [sys.executable, "-m", "tetra_orchestrator", "run", "--config", file]
    subprocess.run(command, cwd=folder.path, capture_output=True, check=False)
    assert (folder.path / "imports").read_text() == "xx"
