"""Installed as users do, used, and taken away: each installer with a home of its own, and without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from support.packages import built, packed, required_by
from support.schedulers import CRON, Scheduler

EXTRAS = re.compile(r"extra == '(alerts|postgres)'")
PYTHON_OF_UV = ".local/share/uv/tools/tetra-orchestrator/bin/python"
LINES = "15 3 * * * /usr/bin/true\n"
#: What installers keep of their own, whatever was installed; a cache goes by `uv cache clean` and `pip cache purge`.
OF_INSTALLERS = (".cache", ".local/share/uv", ".local/share/pipx", ".local/state/pipx", ".config/pipx")
#: An empty file with which pipx keeps two of its kind apart, and which it does not remove.
LOCK_OF_PIPX = ".local/share/pipx/venvs/.tetra-orchestrator.lock"
#: Imports everything that was installed of ours, and prints what other packages were missed.
IMPORT_ALL = """
import importlib, pkgutil, tetra_orchestrator
missing = set()
for module in pkgutil.walk_packages(tetra_orchestrator.__path__, "tetra_orchestrator."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        missing.add(error.name)
print(*sorted(missing))
"""


class Machine:
    """A user's home with a crontab, in which only the packages of the wheelhouse can be had."""

    def __init__(self, folder: Path, wheelhouse: Path) -> None:
        self.home, self.project = folder / "home", folder / "shop"
        for each in (self.home, self.project):
            each.mkdir()
        self.scheduler = Scheduler(folder / "system", CRON)
        self.crontab = self.scheduler.state / "tab"
        self.crontab.write_text(LINES)
        self.wheelhouse, self.commands = str(wheelhouse), self.home / ".local" / "bin"
        self.environ = {
            "HOME": str(self.home),
            "PATH": f"{self.commands}:{self.scheduler.path}:/usr/bin:/bin",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.wheelhouse,
            "PIP_CONFIG_FILE": os.devnull,
            "UV_OFFLINE": "1",
            "UV_NO_INDEX": "1",
            "UV_FIND_LINKS": self.wheelhouse,
            "UV_NO_CONFIG": "1",
        }

    def ran(self, *argv: object) -> subprocess.CompletedProcess[str]:
        command = [str(word) for word in argv]
        return subprocess.run(
            command,
            cwd=self.project,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def run(self, *argv: object) -> str:
        done = self.ran(*argv)
        assert done.returncode == 0, f"{argv}\n{done.stdout}{done.stderr}"
        return done.stdout

    def tetra(self, *argv: str) -> str:
        return self.run(self.commands / "tetra", *argv)

    def left(self) -> set[str]:
        """The files in the home, but for what installers keep of their own, and of that what names us."""
        names = {str(path.relative_to(self.home)) for path in self.home.rglob("*") if not path.is_dir()}
        return {
            name for name in names if not name.startswith(OF_INSTALLERS) or ("tetra" in name and name[:6] != ".cache")
        }


@pytest.fixture
def machine(tmp_path: Path, wheelhouse: Path) -> Machine:
    return Machine(tmp_path, wheelhouse)


class Pip:
    """Into an environment that is the user's own and stays, with what other packages of it may need."""

    def install(self, machine: Machine) -> None:
        machine.run(sys.executable, "-m", "venv", machine.home / "venv")
        self.before = machine.left()
        machine.run(machine.home / "venv/bin/pip", "install", "--only-binary=:all:", "tetra-orchestrator")
        machine.commands = machine.home / "venv" / "bin"

    def uninstall(self, machine: Machine) -> None:
        machine.run(machine.home / "venv/bin/pip", "uninstall", "--yes", "tetra-orchestrator")


class Uv:
    def __init__(self) -> None:
        self.before: set[str] = set()

    def install(self, machine: Machine) -> None:
        machine.run(program("uv"), "tool", "install", "--python", sys.executable, "--no-build", "tetra-orchestrator")

    def uninstall(self, machine: Machine) -> None:
        machine.run(program("uv"), "tool", "uninstall", "tetra-orchestrator")


class Pipx:
    def __init__(self) -> None:
        self.before: set[str] = set()

    def install(self, machine: Machine) -> None:
        machine.run(program("pipx"), "install", "--python", sys.executable, "tetra-orchestrator")

    def uninstall(self, machine: Machine) -> None:
        machine.run(program("pipx"), "uninstall", "tetra-orchestrator")


def program(name: str) -> Path:
    """One that was installed beside the tests."""
    return Path(sys.executable).with_name(name)


@pytest.mark.parametrize("installer", [pytest.param(Pip, marks=pytest.mark.long), Uv, Pipx])
def test_it_is_installed_without_a_compiler_used_and_taken_away_with_nothing_left(installer, machine):
    means = installer()
    means.install(machine)
    assert machine.tetra("--version").startswith("tetra-orchestrator ")
    machine.tetra("init")
    assert "2 tasks" in machine.tetra("validate")
    assert "Orchestration completed" in machine.tetra("run", "--mode", "daily")
    machine.tetra("schedule", "apply", "--by", "crontab")
    assert " fire daily " in machine.crontab.read_text()
    machine.tetra("schedule", "prune", "--all", "--by", "crontab")
    assert machine.crontab.read_text() == LINES
    means.uninstall(machine)
    assert {name for name in machine.left() - means.before if not of_a_dependency(name)} <= {LOCK_OF_PIPX}
    assert not machine.home.joinpath(".local/bin").is_dir() or not any(machine.commands.glob("tetra*"))
    assert {path.name for path in machine.project.iterdir()} == {"config", "logs", "state"}
    assert working_in(machine.project) == []


def of_a_dependency(name: str) -> bool:
    """`pip uninstall` leaves those, as other packages of the environment may need them."""
    return name.startswith("venv/") and "tetra" not in name


def working_in(folder: Path) -> list[str]:
    """The processes whose working folder is the project's."""
    found = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        if process.info["cwd"] == str(folder):
            found.append(" ".join(process.info["cmdline"] or []))
    return found


# -- without extras ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base(tmp_path_factory, wheelhouse) -> Machine:
    """An installation without any extra."""
    machine = Machine(tmp_path_factory.mktemp("base"), wheelhouse)
    Uv().install(machine)
    machine.tetra("init")
    return machine


def test_without_extras_only_libraries_of_extras_are_missed(base):
    assert set(base.run(base.home / PYTHON_OF_UV, "-c", IMPORT_ALL).split()) == {"apprise", "dagster", "psycopg"}


@pytest.mark.parametrize(
    "command", ["status", "history", "monitor", "list", "graph", "schedule list", "doctor", "schema"]
)
def test_without_extras_commands_do_their_work(base, command):
    done = base.ran(base.commands / "tetra", *command.split())
    assert done.returncode in (0, 1), done.stderr
    assert "pip install" not in done.stdout + done.stderr
    assert done.stderr == ""


def test_what_needs_postgresql_tells_the_install_line(base):
    base.environ["TETRA_STATE"] = "postgresql://localhost/shop"
    done = base.ran(base.commands / "tetra", "status")
    del base.environ["TETRA_STATE"]
    assert (done.returncode, done.stdout, done.stderr) == (
        64,
        "",
        "error: a store in PostgreSQL needs psycopg, which is not installed\n"
        "  hint: pip install 'tetra-orchestrator[postgres]'\n",
    )


def test_what_needs_apprise_tells_the_install_line(base, tmp_path):
    file = tmp_path / "orchestration.yaml"
    starter = (base.project / "config" / "orchestration.yaml").read_text()
    file.write_text(
        starter + "\nalerting: {channels: {slack: {webhook_url: https://hooks.slack.com/services/T0/B0/X}}}\n"
    )
    done = base.ran(base.commands / "tetra", "validate", "--config", file)
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr
    assert "the channel 'slack' needs the library apprise, which is not installed here" in told
    assert "pip install 'tetra-orchestrator[alerts]'" in told
    shutil.rmtree(tmp_path / "state", ignore_errors=True)


# -- extras and upgrades ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def richer(wheelhouse, unpacked, metadata, tmp_path_factory) -> Path:
    """A wheelhouse that also has what the extras need, and a newer version of ours."""
    folder = tmp_path_factory.mktemp("richer")
    shutil.copytree(wheelhouse, folder, dirs_exist_ok=True)
    wanted = [one.partition(";")[0] for one in metadata.get_all("Requires-Dist") if EXTRAS.search(one)]
    for one in required_by(wanted).values():
        packed(one, folder)
    newer = tmp_path_factory.mktemp("newer") / "source"
    shutil.copytree(
        unpacked, newer, ignore=shutil.ignore_patterns("PKG-INFO", "tests")
    )  # it would tell the old version
    file = newer / "src" / "tetra_orchestrator" / "__init__.py"
    file.write_text(file.read_text().replace('__version__ = "', '__version__ = "99.'))
    built(newer, newer / "dist", kinds=("--wheel",))
    shutil.copy(next((newer / "dist").glob("*.whl")), folder)
    return folder


def test_the_small_extras_are_installed_with_what_they_need(machine, richer):
    machine.environ |= {"UV_FIND_LINKS": str(richer)}
    machine.run(program("uv"), "tool", "install", "--python", sys.executable, "tetra-orchestrator[alerts,postgres]")
    assert machine.run(machine.home / PYTHON_OF_UV, "-c", IMPORT_ALL).split() == ["dagster"]


@pytest.mark.parametrize("name", ["uv", pytest.param("pipx", marks=pytest.mark.long)])
def test_an_upgrade_goes_on_with_the_same_project(name, tmp_path, wheelhouse, richer):
    index = shutil.copytree(wheelhouse, tmp_path / "index", copy_function=os.link)
    machine, means = Machine(tmp_path, index), {"uv": Uv, "pipx": Pipx}[name]()
    means.install(machine)
    before = machine.tetra("--version")
    machine.tetra("init")
    machine.tetra("run", "--mode", "daily")
    shutil.copy(next(richer.glob("tetra_orchestrator-99.*")), index)
    machine.run(program(name), *(["tool"] if name == "uv" else []), "upgrade", "tetra-orchestrator")
    assert machine.tetra("--version") == before.replace("orchestrator ", "orchestrator 99.")
    machine.tetra("run", "--mode", "daily")
    assert machine.tetra("history").count("succeeded") == 2
