"""Where a fault is brought about: a project of its own, the real command line, and the means to look at the kernel."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

from cli.conftest import Site
from support.components import missing, require, require_root
from tetra_orchestrator.errors import Exit

TETRA = (sys.executable, "-m", "tetra_orchestrator")
CODES = {code for name, code in vars(Exit).items() if name.isupper()}


class Stand(Site):
    """A site whose every command ends with a published exit code and without a traceback."""

    def run(self, *args, **options):
        """The finished process; one that takes longer than a minute is killed and fails the test."""
        return self.finish(self.start(*args, **options))

    def finish(self, process, within_s=60):
        """Wait for a process that `start` has started."""
        try:
            out, err = process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise AssertionError(f"it was still running after {within_s} s") from None
        assert process.returncode in CODES, (process.returncode, err)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def command(self, *argv, **options):
        """The finished process of any other program, with our environment and folder."""
        options = {"cwd": self.root, "env": self.env, "stdin": subprocess.DEVNULL, "timeout": 60} | options
        done = subprocess.run(argv, capture_output=True, text=True, **options)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def traced(self, calls, *args):
        """The finished command, and its system calls of these names with those of its descendants, as strace tells."""
        trace = self.root.parent / "trace"
        strace = (require("strace"), "-f", "-q", "-s", "64", "-o", str(trace), "-e", f"trace={calls}")
        done = self.command(*strace, *TETRA, *args)
        return done, trace.read_text(errors="replace")

    def tasks(self):
        """The tasks of the latest run by id, as `show --json` has them."""
        return {task["id"]: task for task in self.json("show")["tasks"]}

    def run_state(self):
        return self.json("show")["run"]["state"]

    def states(self):
        return {name: task["state"] for name, task in self.tasks().items()}

    def outcome(self, task):
        """(kind, exit code, signal) of the task's last attempt."""
        return tuple(self.tasks()[task]["attempts"][-1]["outcome"].values())

    def reason(self, task):
        return self.tasks()[task]["reason"]["text"]

    def log(self, task, attempt=1):
        """The bytes of an attempt's log."""
        return Path(self.tasks()[task]["attempts"][attempt - 1]["log"]).read_bytes()

    def count(self, query):
        """The one number that the query finds in the store."""
        with sqlite3.connect(f"file:{self.root}/state/tetra.db?mode=ro", uri=True) as store:
            return store.execute(query).fetchone()[0]

    def note(self, name):
        """What a task has written into a file of this name in the project's folder, once it is there."""
        path = self.root / name
        return self.until(lambda: path.exists() and path.read_text().strip())

    def written(self):
        """Every file below the project's state and logs."""
        return [path for name in ("state", "logs") for path in (self.root / name).rglob("*")]


def alive(pid):
    """Whether such a process runs; a zombie does not."""
    return state_of(pid) not in (None, "Z", "X")


def state_of(pid):
    """The letter of the process's state in proc(5); None when there is no such process."""
    fields = stat_of(pid)
    return fields[0] if fields else None


def stat_of(pid):
    """Fields 3 and on of the process's line in proc(5): state, parent, group, session ..."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def status_of(pid, key):
    """One value of /proc/PID/status."""
    return re.search(rf"^{key}:\s*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1]


def has_signal(mask, number):
    """Whether a mask of /proc/PID/status holds the signal."""
    return bool(int(mask, 16) >> (number - 1) & 1)


class Cgroup:
    """A control group for one test. The controllers are mounted the old way each, or all together."""

    def __init__(self, controller, name):
        require_root()
        old, new = Path("/sys/fs/cgroup") / controller, Path("/sys/fs/cgroup")
        self.folder = (old if old.is_dir() else new) / f"tetra-test-{os.getpid()}-{name}"
        try:
            self.folder.mkdir()
        except OSError as error:
            missing(f"needs a {controller} control group: {error.strerror}")

    def set(self, name, value):
        try:
            (self.folder / name).write_text(str(value))
        except OSError as error:
            missing(f"needs the control group's {name}: {error.strerror}")

    def get(self, name):
        return (self.folder / name).read_text()

    def entered_by(self, *argv):
        """The command whose process goes into the group before it becomes `argv`."""
        return ("/bin/sh", "-c", f'echo $$ >"{self.folder}/cgroup.procs" && exec "$@"', "sh", *argv)

    def remove(self):
        self.folder.rmdir()
