from __future__ import annotations

import sys
from pathlib import Path

import pytest

from config.configs import Folder
from tetra_orchestrator.config import modules
from tetra_orchestrator.config.find import find_python


def executable(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_interpreter_is_the_one_beside_the_file_then_the_active_one_then_the_one_on_the_path(
    tmp_path: Path,
) -> None:
    environ = {"PATH": str(tmp_path / "bin"), "VIRTUAL_ENV": str(tmp_path / "active")}
    root = str(tmp_path / "project")
    assert find_python(None, root, environ) is None
    on_path = executable(tmp_path / "bin/python3")
    assert find_python(None, root, environ) == on_path
    active = executable(tmp_path / "active/bin/python")
    assert find_python(None, root, environ) == active
    own = executable(tmp_path / "project/.venv/bin/python")
    assert find_python(None, root, environ) == own


def test_a_named_interpreter_is_a_path_from_the_root_or_a_name_on_the_path(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path / "bin")}
    special = executable(tmp_path / "bin/python3.99")
    own = executable(tmp_path / "project/env/python")
    assert find_python("python3.99", str(tmp_path / "project"), environ) == special
    assert find_python("env/python", str(tmp_path / "project"), environ) == own
    assert find_python(special, str(tmp_path / "project"), environ) == special
    assert find_python("env/nothing", str(tmp_path / "project"), environ) is None


def test_a_missing_interpreter_is_told(folder: Folder) -> None:
    folder.environ = {"PATH": ""}
    text = "version: 1\nproject: p\npipelines: {a: {module: m}}\n"
    assert folder.problems(text + "python: env/python\n", modules=True) == (
        "f.yaml:4:9: the interpreter 'env/python' cannot be executed\n"
        "  python: env/python\n"
        "          ^\n"
        f"  hint: a path is taken from {folder.path}, a bare name from PATH"
    )
    assert folder.problems(text, modules=True) == (
        "f.yaml:1:1: there is no interpreter for the tasks: no .venv/bin/python, no $VIRTUAL_ENV, no python3 on PATH\n"
        "  version: 1\n"
        "  ^\n"
        "  hint: create one: python3 -m venv .venv"
    )


def test_modules_on_disk_are_found_without_starting_the_interpreter(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules, "_ask", None)
    folder.write("", "src/a/b.py")
    folder.write("", "src/c/__main__.py")
    folder.write("", "top.py")
    folder.write("", "work/inner.py")
    text = f"""\
version: 1
project: p
python: {sys.executable}
pythonpath: [src]
pipelines:
  x: {{module: a.b}}
  y: {{module: c}}
  z: {{module: top}}
  w: {{module: inner, cwd: work}}
"""
    assert len(folder.load(text, modules=True).project.tasks()) == 4


def test_the_interpreter_is_asked_once_about_all_others(folder: Folder) -> None:
    folder.write("import sys; print('noise'); print('noise', file=sys.stderr)\n", "noisy/__init__.py")
    folder.write("raise RuntimeError('broken')\n", "broken/__init__.py")
    text = f"""\
version: 1
project: p
python: {sys.executable}
pipelines:
  a: {{module: json.tool}}
  b: {{module: nowhere}}
  c: {{module: no.where}}
  d: {{module: json}}
  e: {{module: noisy.other}}
  f: {{module: broken.part}}
  g: {{tasks: {{h: {{module: nowhere}}}}}}
"""
    hint = "  hint: check its name, `pythonpath` and what is installed there"
    python = sys.executable
    assert folder.problems(text, modules=True) == (
        f"f.yaml:6:15: {python} cannot run the module 'nowhere': there is no such module\n"
        f"    b: {{module: nowhere}}\n                ^\n{hint}\n"
        f"f.yaml:7:15: {python} cannot run the module 'no.where': No module named 'no'\n"
        f"    c: {{module: no.where}}\n                ^\n{hint}\n"
        f"f.yaml:8:15: {python} cannot run the module 'json': it is a package without __main__.py\n"
        f"    d: {{module: json}}\n                ^\n{hint}\n"
        f"f.yaml:9:15: {python} cannot run the module 'noisy.other': there is no such module\n"
        f"    e: {{module: noisy.other}}\n                ^\n{hint}\n"
        f"f.yaml:10:15: {python} cannot run the module 'broken.part': RuntimeError: broken\n"
        f"    f: {{module: broken.part}}\n                ^\n{hint}\n"
        f"f.yaml:11:27: {python} cannot run the module 'nowhere': there is no such module\n"
        f"    g: {{tasks: {{h: {{module: nowhere}}}}}}\n                            ^\n{hint}"
    )


def test_an_interpreter_that_does_not_answer_is_told(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "LIMIT_S", 0.2)
    slow = folder.path / "slow"
    executable(slow)
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    text = f"version: 1\nproject: p\npython: {slow}\npipelines: {{a: {{module: nowhere}}}}\n"
    assert "cannot run the module 'nowhere': it did not answer within 0.2 s" in folder.problems(text, modules=True)


def test_an_interpreter_that_fails_is_quoted(folder: Folder) -> None:
    failing = folder.path / "failing"
    executable(failing)
    failing.write_text("#!/bin/sh\necho no luck >&2\nexit 3\n")
    text = f"version: 1\nproject: p\npython: {failing}\npipelines: {{a: {{module: nowhere}}}}\n"
    assert "cannot run the module 'nowhere': no luck" in folder.problems(text, modules=True)
