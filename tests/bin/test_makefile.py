"""The Makefile, in a project whose Python only pretends: nothing is downloaded."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.components import require

MAKEFILE = Path(__file__).parents[2] / "Makefile"

# Pretends to be a Python 3.X: `lacks`, `venv_fails` and `offline` are files beside it that make a step fail.
PYTHON = """\
#!/bin/sh
here=$(dirname "$0")
echo "$*" >>"{calls}"
case "$*" in
*"sys.version_info <"*) [ ! -e "$here/old" ] ;;
*"import ensurepip"*) [ ! -e "$here/lacks" ] ;;
*-venv*) echo python3.12-venv ;;
"-m venv "*)
    mkdir -p .venv/bin
    if [ -e "$here/venv_fails" ]; then echo "no space left" >&2; exit 1; fi
    cp "$0" .venv/bin/python
    if [ -e "$here/offline" ]; then touch .venv/bin/offline; fi ;;
"-m pip install "*) if [ -e "$here/offline" ]; then echo "ERROR: no network" >&2; exit 1; fi ;;
esac
"""


class Project:
    def __init__(self, folder: Path):
        self.folder = folder / "my project"
        self.python = folder / "my python" / "python3"
        self.log = folder / "calls"
        self.folder.mkdir()
        self.python.parent.mkdir()
        shutil.copy(MAKEFILE, self.folder)
        (self.folder / "pyproject.toml").touch()
        self.python.write_text(PYTHON.format(calls=self.log))
        self.python.chmod(0o755)

    def given(self, fault: str) -> None:
        (self.python.parent / fault).touch()

    def make(self, *arguments: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
        """Run make on the folder from outside, without what a make above us would hand down."""
        return subprocess.run(
            [require("make"), "--no-print-directory", "-C", self.folder, *arguments, f"PYTHON={self.python}"],
            env={"PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def calls(self, part: str) -> list[str]:
        return [call for call in self.log.read_text().splitlines() if part in call]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_help_is_the_default_and_lists_every_target(project: Project):
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE.read_text(), re.MULTILINE)
    outcome = project.make()
    assert outcome.returncode == 0, outcome.stderr
    assert [line.split()[1] for line in outcome.stdout.splitlines()] == phony.split()
    assert outcome.stdout == project.make("help").stdout


def test_run_installs_once_and_then_runs_the_weekly_chain(project: Project):
    first = project.make("run")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == "Installing tetra-orchestrator[example] into .venv\n"
    second = project.make("run")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert len(project.calls("-m venv")) == 1
    assert project.calls("pip install") == [
        "-m pip install --quiet --disable-pip-version-check --editable .[example]",
    ]
    assert project.calls("-m tetra_orchestrator") == ["-m tetra_orchestrator run --mode weekly"] * 2


def test_schedules_are_installed_and_removed_by_the_environment_s_own_command(project: Project):
    for target in ("install-schedules", "uninstall-schedules", "golden", "verify"):
        assert project.make(target, "ARGS=--system").returncode == 0
    assert project.calls("-m tetra_orchestrator") == [
        "-m tetra_orchestrator schedule apply --system",
        "-m tetra_orchestrator schedule prune --all --system",
        "-m tetra_orchestrator schedule verify --write",
        "-m tetra_orchestrator schedule verify",
    ]
    assert len(project.calls("pip install")) == 1


def test_test_installs_its_own_needs_and_serves_run_too(project: Project):
    assert project.make("test", "ARGS=-k one").returncode == 0
    assert project.make("run").returncode == 0
    assert len(project.calls("-m venv")) == 1
    assert [call.split()[-1] for call in project.calls("pip install")] == [".[dagster,docs,example,test]"]
    assert project.calls("-m pytest") == ["-m pytest -n auto -m not long -k one"]
    assert project.calls("-m mypy") == ["-m mypy"]


def test_a_changed_pyproject_is_installed_anew_into_the_same_environment(project: Project):
    project.make("install")
    os.utime(project.folder / "pyproject.toml", (2**31, 2**31))
    project.make("install")
    assert len(project.calls("-m venv")) == 1
    assert len(project.calls("pip install")) == 2


def test_a_moved_project_is_installed_anew(project: Project):
    project.make("install")
    project.folder = project.folder.rename(project.folder.with_name("moved"))
    assert project.make("install").returncode == 0
    assert len(project.calls("pip install")) == 2


def test_an_environment_whose_python_has_gone_is_made_anew(project: Project):
    project.make("install")
    (project.folder / ".venv/bin/python").unlink()
    assert project.make("run").returncode == 0
    assert len(project.calls("-m venv")) == 2
    assert len(project.calls("pip install")) == 2


def test_a_python_without_venv_names_the_package(project: Project):
    project.given("lacks")
    outcome = project.make("run")
    assert outcome.returncode != 0
    assert outcome.stderr.splitlines()[:2] == [
        f"make: {project.python} has no venv, which Debian and Ubuntu package apart",
        "  hint: apt-get install python3-venv (or python3.12-venv), then make again",
    ]
    assert not (project.folder / ".venv").exists()


def test_a_failed_venv_leaves_nothing_behind(project: Project):
    project.given("venv_fails")
    outcome = project.make("install")
    assert outcome.returncode != 0
    assert outcome.stderr.splitlines()[:2] == [
        "no space left",
        f"make: {project.python} could not make .venv; its reason is above",
    ]
    assert not (project.folder / ".venv").exists()


def test_without_network_the_install_says_so_and_is_tried_again(project: Project):
    project.given("offline")
    outcome = project.make("run")
    assert outcome.returncode != 0
    assert outcome.stderr.splitlines()[:3] == [
        "ERROR: no network",
        "make: pip could not install tetra-orchestrator[example]; its reason is above",
        "  hint: the first install needs the package index; make again once it can be reached",
    ]
    (project.folder / ".venv/bin/offline").unlink()
    assert project.make("run").returncode == 0
    assert len(project.calls("pip install")) == 2


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A folder to stand as PATH, with what the Makefile calls and without any Python."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("cat", "cp", "dirname", "mkdir", "rm", "sh", "touch"):
        (tools / tool).symlink_to(require(tool))
    return tools


def test_without_a_new_enough_python_it_says_which_is_needed(project: Project, bare_path: Path):
    project.given("old")
    outcome = project.make("install", path=str(bare_path))
    assert outcome.returncode != 0
    assert outcome.stderr.splitlines()[:2] == [
        f"make: Python 3.11 or newer is needed, and {project.python} is not",
        "  hint: install one; if it is not on PATH, name it: make install PYTHON=/path/to/python3",
    ]
    assert not (project.folder / ".venv").exists()


def test_an_old_python3_gives_way_to_a_newer_one_beside_it(project: Project, bare_path: Path):
    project.given("old")
    newer = bare_path / "python3.12"
    newer.write_text(PYTHON.format(calls=project.log))
    newer.chmod(0o755)
    outcome = project.make("install", path=str(bare_path))
    assert outcome.returncode == 0, outcome.stderr
    assert (project.folder / ".venv/bin/python").exists()


def test_clean_removes_the_environment_and_caches_but_no_state(project: Project):
    project.make("install")
    keep = [project.folder / name / "__pycache__" / "x" for name in ("state", "logs")]
    drop = [project.folder / name / "x" for name in ("src/__pycache__", "tests/a b/__pycache__", ".pytest_cache")]
    for file in keep + drop:
        file.parent.mkdir(parents=True)
        file.touch()
    assert project.make("clean").returncode == 0
    assert all(file.exists() for file in keep)
    assert not any(file.parent.exists() for file in [*drop, project.folder / ".venv/x"])
