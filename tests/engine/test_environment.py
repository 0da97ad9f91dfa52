"""What a child really sees: the environment of a process that our command has started."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from support.worlds import Stage, project, task
from tetra_orchestrator.core.history import Run
from tetra_orchestrator.engine.environment import of_run

OURS = "TETRA_HOME RUN_ID PIPELINE TASK ATTEMPT ATTEMPT_TOKEN OUTPUT INPUT CHECKPOINT".replace(" ", " TETRA_").split()
#: What a task is told in addition to what it inherits and what the file says.
ADDED = {*OURS, "TRACEPARENT", "PATH", "PYTHONUNBUFFERED"}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


@pytest.fixture
def child(tmp_path):
    """A function that runs a task under exactly `environ`, and gives the environment that the task has seen."""
    # a wrapper stands for the installed script: no variable has to say where our modules are
    paths = [path for path in sys.path if path]
    script = tmp_path / "tetra"
    main = f"import sys; sys.path[:0] = {paths!r}; from tetra_orchestrator.cli.main import main; main()"
    script.write_text(f"{main}\n")

    def run(environ, text=""):
        file = tmp_path / "orchestration.yaml"
        head = f"version: 1\nproject: p\npython: {sys.executable}\n"
        file.write_text(f"{head}{text}\npipelines: {{a: {{command: [/usr/bin/env]}}}}\n", encoding="utf-8")
        command = [sys.executable, str(script), "run", "--config", str(file)]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        (log,) = (tmp_path / "logs" / "runs").glob("*/a.1.log")
        return dict(line.split("=", 1) for line in log.read_text(encoding="utf-8").splitlines())

    return run


def test_with_base_a_child_has_the_usual_names_what_is_passed_and_what_the_file_sets(child):
    usual = {"HOME": "/h", "LANG": "C", "LC_ALL": "C.UTF-8", "LOGNAME": "me", "SHELL": "/bin/sh", "TMPDIR": "/tmp"}
    usual |= {"TZ": "UTC", "USER": "me"}
    other = {"FOO": "1", "EMPTY": "", "VIRTUAL_ENV": "/v", "PYTHONDONTWRITEBYTECODE": "1", "LD_DEBUG_OUTPUT": "/x"}
    seen = child(
        {**usual, **other, "PATH": "/usr/bin:/bin"}, "env: {inherit: base, pass: [EMPTY, ABSENT], set: {NAME: é x}}"
    )
    assert {name: seen.pop(name) for name in usual} == usual
    assert (seen.pop("EMPTY"), seen.pop("NAME")) == ("", "é x")
    assert seen.keys() == ADDED
    assert seen["PATH"] == f"{os.path.dirname(sys.executable)}:/usr/bin:/bin"


def test_with_all_a_child_has_what_we_were_given_and_nothing_that_is_ours(child):
    given = {"FOO": "1", "EMPTY": "", "LANG": "C", "PYTHONPATH": "/p", "TETRA_OTHER": "x", "NO_COLOR": "1"}
    ours = {"TETRA_WAITER": "portable", "TETRA_SLOT": "2020-01-01T00:00:00Z", "TETRA_TENANT": "outer"}
    seen = child({**given, **ours, "PATH": "/usr/bin:/bin"})
    assert {name: seen.pop(name) for name in given} == given
    assert seen.keys() == ADDED


@pytest.mark.parametrize("inherit", ["all", "base"])
def test_with_no_environment_at_all_a_child_has_what_it_is_told_and_no_locale_of_our_interpreter(child, inherit):
    assert child({}, f"env: {{inherit: {inherit}}}").keys() == ADDED


def test_a_child_is_a_span_of_its_own_in_the_trace_that_we_were_started_in(child):
    seen = child({"TRACEPARENT": TRACE}, "env: {inherit: base}")
    version, trace, span, flags = seen["TRACEPARENT"].split("-")
    assert (version, trace, flags) == tuple(TRACE.split("-")[i] for i in (0, 1, 3))
    assert span == seen["TETRA_ATTEMPT_TOKEN"][-16:]


@pytest.mark.parametrize("given", ["", "nonsense", TRACE.replace("4bf9", "4BF9"), f"00-{'0' * 32}-{'1' * 16}-01"])
def test_without_a_sound_trace_every_run_has_its_own_and_every_attempt_a_span(given):
    stage = Stage(project(task("a"), task("b", "a")), environ={"TRACEPARENT": given})
    stage.run()
    stage.run()
    found = [launch.env["TRACEPARENT"] for launch in stage.runner.launches]
    assert all(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", text) for text in found)
    assert len(set(found)) == 4
    assert len({text.split("-")[1] for text in found}) == 2


def test_a_task_of_a_run_for_a_slot_knows_the_instant():
    run = Run("r", "p", None, "schedule", "running", "c", NOW, slot=NOW)
    assert of_run(project(task("a")), run)["TETRA_SLOT"] == "2026-01-02T03:04:05Z"
