"""A project in a folder with a space, and the real command line run on it as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time

import pytest

HEAD = "version: 1\nproject: demo\npython: {python}\n"


class Site:
    """A project's folder. `run` starts the command there and waits; `start` does not wait."""

    def __init__(self, root):
        self.root = root
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(root / "home"),
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            "TZ": "UTC",
            **{name: os.environ[name] for name in ("TETRA_WAITER",) if name in os.environ},
        }
        (root / "home").mkdir(parents=True)
        (root / "config").mkdir()

    def configure(self, text):
        """Write the configuration behind the usual first lines."""
        head = HEAD.format(python=sys.executable)
        draft = self.root / "config" / "draft"
        draft.write_text(head + textwrap.dedent(text))
        draft.replace(self.root / "config" / "orchestration.yaml")  # a loop may read it at any moment

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def start(self, *args, **options):
        command = [sys.executable, "-m", "tetra_orchestrator", *args]
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("cwd", self.root)
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(command, text=True, env={**self.env, **options.pop("env", {})}, **options)

    def run(self, *args, **options):
        """The finished process with `returncode`, `stdout` and `stderr`."""
        process = self.start(*args, **options)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def json(self, *args):
        """The one object that the command prints with `--json`."""
        done = self.run(*args, "--json")
        assert done.returncode in (0, 1, 2, 78), done.stderr
        return json.loads(done.stdout)

    def until(self, condition, seconds=30.0):
        """Wait until `condition()` is true; fails after `seconds`."""
        limit = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < limit, "it did not happen in time"
            time.sleep(0.02)
        return found

    def lines_of_log(self):
        """The run's own log without the stamps."""
        return [line[22:] for line in (self.root / "logs" / "latest").read_text().splitlines()]


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "my project")
