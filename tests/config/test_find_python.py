"""Which interpreter the tasks get."""

from __future__ import annotations

import os
import shutil

import pytest

from tetra_orchestrator.config.find import find_python


@pytest.fixture
def programs(tmp_path):
    """Folders with what is called `python3` in each of them."""
    for folder in ("one", "two", "folder"):
        (tmp_path / folder).mkdir()
    for folder, mode in (("one", 0o644), ("two", 0o755)):
        program = tmp_path / folder / "python3"
        program.touch()
        program.chmod(mode)
    (tmp_path / "folder" / "python3").mkdir()
    return tmp_path


@pytest.mark.parametrize("given", [None, "python3", "./two/python3", "two/python3", "one/python3", "none"])
@pytest.mark.parametrize(
    "folders", [("one", "two"), ("two", "one"), ("folder", "none", "two"), ("one", "folder"), ("", "two"), ("",), ()]
)
def test_a_program_is_found_where_which_finds_it(given, folders, programs, monkeypatch):
    monkeypatch.chdir(programs)
    path = os.pathsep.join(folder and str(programs / folder) for folder in folders)
    name = os.path.join(programs, given) if given and "/" in given else given
    assert find_python(given, str(programs), {"PATH": path}) == shutil.which(name or "python3", path=path)


def test_the_project_s_own_environment_comes_before_the_active_one_and_the_path(programs):
    environ = {"PATH": str(programs / "two"), "VIRTUAL_ENV": str(programs / "venv")}
    assert find_python(None, str(programs), environ) == str(programs / "two" / "python3")
    for place in ("venv", ".venv"):
        (programs / place / "bin").mkdir(parents=True)
        (programs / place / "bin" / "python").touch()
        assert find_python(None, str(programs), environ) == str(programs / place / "bin" / "python")
