"""What a child really sees: the environment of a process that our command has started."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from support.worlds import Stage, fail_first, project, task
from tetra_orchestrator.core.history import Run
from tetra_orchestrator.core.model import RetryPolicy
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


TRACE_ID, SPAN_ID = TRACE.split("-")[1:3]
#: By https://www.w3.org/TR/trace-context/: what is no trace context, and with which a new trace begins.
UNSOUND = {
    "nothing": "",
    "nonsense": "nonsense",
    "upper case": TRACE.replace("4bf9", "4BF9"),
    "a trace of zeros": f"00-{'0' * 32}-{SPAN_ID}-01",
    "a span of zeros": f"00-{TRACE_ID}-{'0' * 16}-01",
    "the forbidden version": f"ff-{TRACE_ID}-{SPAN_ID}-01",
    "a version of one digit": f"0-{TRACE_ID}-{SPAN_ID}-01",
    "a version that is no number": f"0g-{TRACE_ID}-{SPAN_ID}-01",
    "a trace too short": f"00-{TRACE_ID[1:]}-{SPAN_ID}-01",
    "a trace too long": f"00-{TRACE_ID}0-{SPAN_ID}-01",
    "a span too short": f"00-{TRACE_ID}-{SPAN_ID[1:]}-01",
    "flags of one digit": f"00-{TRACE_ID}-{SPAN_ID}-1",
    "flags that are no number": f"00-{TRACE_ID}-{SPAN_ID}-0x",
    "no flags": f"00-{TRACE_ID}-{SPAN_ID}",
    "more than our version has": f"00-{TRACE_ID}-{SPAN_ID}-01-more",
    "a line's end": f"00-{TRACE_ID}-{SPAN_ID}-01\n",
    "more without a dash, of a later version": f"01-{TRACE_ID}-{SPAN_ID}-01more",
    "other dashes": f"00_{TRACE_ID}_{SPAN_ID}_01",
    "digits of another script": f"00-{TRACE_ID}-{SPAN_ID}-0\N{ARABIC-INDIC DIGIT ONE}",
}


def contexts(given, **environ):
    """The environments of the tasks of two runs of two tasks each, started in that context."""
    stage = Stage(project(task("a"), task("b", "a")), environ={"TRACEPARENT": given, **environ})
    stage.run()
    stage.run()
    return [launch.env for launch in stage.runner.launches]


@pytest.mark.parametrize("given", UNSOUND.values(), ids=UNSOUND)
def test_without_a_sound_trace_every_run_has_its_own_and_every_attempt_a_span(given):
    found = [env["TRACEPARENT"] for env in contexts(given, TRACESTATE="vendor=1")]
    assert all(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", text) for text in found)
    assert len(set(found)) == 4
    assert len({text.split("-")[1] for text in found}) == 2


def test_what_else_is_told_of_a_trace_goes_on_with_it_and_not_without_it():
    assert [env.get("TRACESTATE") for env in contexts(TRACE, TRACESTATE="vendor=1")] == ["vendor=1"] * 4
    assert [env.get("TRACESTATE") for env in contexts("nonsense", TRACESTATE="vendor=1")] == [None] * 4
    assert [env.get("TRACESTATE") for env in contexts(TRACE)] == [None] * 4


def test_what_else_is_told_of_a_trace_is_passed_on_with_base_too(child):
    assert child({"TRACEPARENT": TRACE, "TRACESTATE": "v=1"}, "env: {inherit: base}")["TRACESTATE"] == "v=1"


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        (f"00-{TRACE_ID}-{SPAN_ID}-00", "00"),
        (f"00-{TRACE_ID}-{SPAN_ID}-01", "01"),
        (f"00-{TRACE_ID}-{SPAN_ID}-03", "03"),
        (f"00-{TRACE_ID}-{SPAN_ID}-fd", "01"),
        (f"01-{TRACE_ID}-{SPAN_ID}-03", "01"),
        (f"cc-{TRACE_ID}-{SPAN_ID}-00-what-the-future-will-be-like", "00"),
    ],
)
def test_of_a_sound_trace_the_id_and_the_flags_that_are_known_go_on_in_our_version(given, flags):
    found = [env["TRACEPARENT"].split("-") for env in contexts(given)]
    assert {(version, trace, after) for version, trace, _, after in found} == {("00", TRACE_ID, flags)}
    spans = {span for _, _, span, _ in found}
    assert len(spans) == 4
    assert SPAN_ID not in spans


def test_a_second_attempt_is_a_second_span_of_the_same_trace():
    stage = Stage(
        project(task("a", retry=RetryPolicy(max_attempts=2))), fail_first(1, "a"), environ={"TRACEPARENT": TRACE}
    )
    stage.run()
    first, second = [launch.env["TRACEPARENT"].split("-") for launch in stage.runner.launches]
    assert first[:2] == second[:2]
    assert first[2] != second[2]


KINDS = {
    "bare": "{command: [/usr/bin/env]}",
    "shell": "{shell: /usr/bin/env}",
    "wrapped": "{command: [/usr/bin/env], survive: true}",
    "limited": "{command: [/usr/bin/env], resources: {open_files: 100}}",
    "module": "{module: seen}",
    "function": "{function: seen.tell}",
    "call": "{function: seen.tell, session: s}",
}


def test_every_kind_of_task_is_told_the_trace_of_the_run_and_its_own_span(tmp_path):
    (tmp_path / "seen.py").write_text(
        "import os\ndef tell():\n    print(*(f'{k}={v}' for k, v in os.environ.items()), sep='\\n')\n"
        "if __name__ == '__main__': tell()\n"
    )
    lines = [f"version: 1\nproject: p\npython: {sys.executable}\npythonpath: [.]\nsessions: {{s: {{}}}}\npipelines:"]
    lines += [f"  {name}: {text}" for name, text in KINDS.items()]
    (tmp_path / "orchestration.yaml").write_text("\n".join(lines))
    environ = {"TRACEPARENT": TRACE, "TRACESTATE": "v=1", "PATH": os.environ["PATH"]}
    environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-m", "tetra_orchestrator", "run"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    spans = {}
    for name in KINDS:
        (log,) = (tmp_path / "logs" / "runs").glob(f"*/{name}.1.log")
        seen = dict(line.split("=", 1) for line in log.read_text().splitlines() if "=" in line)
        version, trace, span, flags = seen["TRACEPARENT"].split("-")
        assert (version, trace, flags, seen["TRACESTATE"]) == ("00", TRACE_ID, "00", "v=1"), name
        assert span == seen["TETRA_ATTEMPT_TOKEN"][-16:], name
        spans[name] = span
    assert len({*spans.values(), SPAN_ID}) == len(KINDS) + 1


def test_a_task_of_a_run_for_a_slot_knows_the_instant():
    run = Run("r", "p", None, "schedule", "running", "c", NOW, slot=NOW)
    assert of_run(project(task("a")), run)["TETRA_SLOT"] == "2026-01-02T03:04:05Z"
