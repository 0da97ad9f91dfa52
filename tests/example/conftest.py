"""The shipped project in a folder with a space, run by its own wrappers as launchd and systemd would run them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

RECORDER = '''
"""Notes how it was called, and fails as often as a file beside it says."""
import json, os, pathlib, sys
root = pathlib.Path(os.environ["TETRA_HOME"])
name = os.environ["TETRA_PIPELINE"]
with open(root / "calls.jsonl", "a") as file:
    file.write(json.dumps([name, sys.argv[1:]]) + "\\n")
left = root / f"{name}.fails"
if left.exists() and int(left.read_text()) > 0:
    left.write_text(str(int(left.read_text()) - 1))
    sys.exit(1)
'''


class Shipped:
    """The project's folder and its wrappers."""

    def __init__(self, root):
        self.root = root

    def wrapper(self, name, *args, cwd="/", through=None, **env):
        """Run a wrapper under an empty environment, apart from `env`."""
        path = through or self.root / "bin" / "pipelines" / name
        command = ["env", "-i", f"HOME={self.root}", *(f"{k}={v}" for k, v in env.items()), str(path), *args]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)

    def tetra(self, *args):
        return subprocess.run([self.root / "bin" / "tetra", *args], cwd="/", capture_output=True, text=True, timeout=60)

    def calls(self):
        """Every call of a recorder since the start: (pipeline, arguments)."""
        return [tuple(json.loads(line)) for line in (self.root / "calls.jsonl").read_text().splitlines()]

    def fail(self, name, times):
        (self.root / f"{name}.fails").write_text(str(times))


def _copy(tmp_path, ignore):
    root = tmp_path / "a project"
    for name in ("bin", "config", "src"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=ignore)
    (root / ".venv").symlink_to(sys.prefix)
    return root


@pytest.fixture
def shipped(tmp_path):
    """The shipped project as it is."""
    return Shipped(_copy(tmp_path, shutil.ignore_patterns("__pycache__", "tetra_orchestrator", "*.egg-info")))


@pytest.fixture
def recorded(tmp_path):
    """The shipped configuration over pipelines that only note how they were called."""
    root = _copy(tmp_path, shutil.ignore_patterns("__pycache__", "tetra_orchestrator", "*.egg-info", "pipelines"))
    shutil.copytree(REPOSITORY / "bin" / "pipelines", root / "bin" / "pipelines")
    for name in ("data", "scenarios", "metrics", "assessment"):
        package = root / "src" / "pipelines" / f"{name}_pipeline"
        package.mkdir(parents=True)
        (package / "main.py").write_text(RECORDER)
        for folder in (package, package.parent):
            (folder / "__init__.py").touch()
    return Shipped(root)
