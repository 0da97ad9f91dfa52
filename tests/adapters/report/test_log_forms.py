"""The lines that logs hold of a run: their form, their values, from which level on, and whose file they go to."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import pipeline, project, task
from tetra_orchestrator import wire_reports
from tetra_orchestrator.adapters.report import appended
from tetra_orchestrator.adapters.report.appended import AppendedFile
from tetra_orchestrator.adapters.report.entries import LEVELS, Entry, Scribe
from tetra_orchestrator.adapters.report.forms import json_line, text_line
from tetra_orchestrator.adapters.report.narration import stamp
from tetra_orchestrator.adapters.report.records import EntryReporter, StreamSink
from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.history import Partition, Run
from tetra_orchestrator.core.model import Reason, Schedule
from tetra_orchestrator.ports import Subject
from tetra_orchestrator.wire_reports import masking

NOW = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
RUN_ID = "20260301T200000Z-abcdef"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ACME, BETA = (
    pipeline(name, tasks=(task(name, tenant=tenant, tags=(("team", tenant),)),))
    for name, tenant in (("load", "acme"), ("clean", "beta"))
)
NIGHTLY = Schedule("nightly", "daily", "0 20 * * *", "UTC", tags=(("environment", "production"),))
RUN = Run(
    RUN_ID, "shop", "daily", "schedule", "running", "c0ffee", NOW, schedule="nightly", slot=NOW,
    partition=Partition("2026-02-28", "2026-02-28"), log="/logs/run.log",
)  # fmt: skip


def subject(*pipelines, run=RUN, secrets=()):
    return Subject(
        RUN_ID, "in daily mode", tuple(one.name for one in pipelines), {}, "/logs/run.log",
        lambda name, attempt: f"/logs/{name}.{attempt}.log", lambda path: "",
        run=run, project=project(*pipelines, schedules=(NIGHTLY,)), secrets=secrets,
        trace=lambda: f"00-{TRACE}-0000000000000001-01",
    )  # fmt: skip


def events(*rows):
    """Events from (event, seconds since the start, task, attempt, state, reason text)."""
    return [
        RunEvent(name, seq, NOW + timedelta(seconds=at), RUN_ID, who, attempt, state, Reason("c", why) if why else None)
        for seq, (name, at, who, attempt, state, why) in enumerate(rows, 1)
    ]


FAILING = events(
    ("run.started", 0, None, None, "running", None),
    ("attempt.started", 1, "load", 1, "submitted", "it depends on nothing in this run"),
    ("attempt.finished", 3, "load", 1, "waiting_retry", "exited with code 1; next attempt in 60 s"),
    ("retry.scheduled", 3, "load", 1, "waiting_retry", "exited with code 1; next attempt in 60 s"),
    ("attempt.started", 63, "load", 2, "submitted", "attempt 2 of 2"),
    ("task.slow", 64, "load", 2, "failed", "took 1.5 s, more than the 1 s of `monitor: slow_task`"),
    ("attempt.finished", 64.5, "load", 2, "failed", "exited with code 1"),
    ("task.finished", 64.5, "load", 2, "failed", "exited with code 1"),
    ("task.finished", 64.5, "clean", None, "upstream_failed", "load failed"),
    ("run.finished", 65, None, None, "failed", "load failed"),
)


def written(form, happened=FAILING, least="debug", about=None):
    """The lines of a log in that form."""
    about, stream = about or subject(ACME, BETA), io.StringIO()
    mask = masking(about.secrets)
    reporter = EntryReporter(Scribe(about), lambda entry: form(entry, mask), StreamSink(stream), least)
    for event in happened:
        reporter.event(event)
    reporter.close()
    return stream.getvalue().splitlines()


def test_R_050_every_step_of_a_task_is_a_line_with_its_level():
    lines = [line[len(stamp(NOW)) :] for line in written(text_line)]
    assert lines == [
        f" INFO     {RUN_ID} the run in daily mode has started",
        f" INFO     {RUN_ID} load starts, attempt 1",
        f" WARNING  {RUN_ID} load, attempt 1, has ended after 2.0 s: exited with code 1; next attempt in 60 s",
        f" WARNING  {RUN_ID} load waits for its next attempt: exited with code 1; next attempt in 60 s",
        f" INFO     {RUN_ID} load starts, attempt 2",
        f" WARNING  {RUN_ID} load is slow: took 1.5 s, more than the 1 s of `monitor: slow_task`",
        f" ERROR    {RUN_ID} load, attempt 2, has ended after 1.5 s: exited with code 1",
        f" ERROR    {RUN_ID} load has failed after 63.5 s: exited with code 1",
        f" WARNING  {RUN_ID} clean is not started: load failed",
        f" ERROR    {RUN_ID} the run has failed after 65.0 s: load failed",
    ]


def test_a_json_line_has_its_run_its_slot_its_owner_its_trace_and_its_figures():
    assert json.loads(written(json_line)[6]) == {
        "timestamp": "2026-03-01T20:01:04.500000Z",
        "level": "ERROR",
        "event_type": "attempt_finished",
        "message": "load, attempt 2, has ended after 1.5 s: exited with code 1",
        "tenant_id": "acme",
        "job_name": "nightly",
        "run_id": RUN_ID,
        "project": "shop",
        "mode": "daily",
        "schedule": "nightly",
        "trigger": "schedule",
        "slot": "2026-03-01T20:00:00Z",
        "partition": {"start": "2026-02-28", "end": "2026-02-28"},
        "trace_id": TRACE,
        "pipeline": "load",
        "task": "load",
        "attempt": 2,
        "state": "failed",
        "reason": {"code": "c", "text": "exited with code 1"},
        "duration_s": 1.5,
        "log": "/logs/load.2.log",
        "tags": {"environment": "production", "team": "acme"},
        "seq": 7,
    }


def test_what_is_not_known_is_not_in_a_line():
    plain = subject(ACME, run=RUN._replace(schedule=None, slot=None, partition=None, mode=None))
    first = json.loads(written(json_line, about=plain)[0])
    assert first.keys().isdisjoint({"schedule", "slot", "partition", "mode", "task", "attempt", "reason", "tags"})
    assert first["job_name"] == "shop"


@pytest.mark.parametrize(
    ("least", "levels"),
    [("debug", 10), ("info", 10), ("warning", 7), ("error", 3), ("critical", 0)],
)
def test_R_047_a_level_leaves_out_what_matters_less(least, levels):
    found = [json.loads(line)["level"].lower() for line in written(json_line, least=least)]
    assert len(found) == levels
    assert all(LEVELS.index(each) >= LEVELS.index(least) for each in found)


@pytest.mark.parametrize(
    ("state", "level"),
    [
        ("succeeded", "INFO"),
        ("partial", "WARNING"),
        ("cancelled", "WARNING"),
        ("timed_out", "ERROR"),
        ("lost", "ERROR"),
    ],
)
def test_the_level_of_an_end_goes_by_how_it_ended(state, level):
    lines = [json.loads(each) for each in written(json_line, events(("run.finished", 1, None, None, state, None)))]
    assert [line["level"] for line in lines] == [level]


def test_an_event_that_is_new_has_a_line_all_the_same():
    [line] = written(json_line, events(("task.new", 1, "load", 1, "running", None)))
    assert (json.loads(line)["event_type"], json.loads(line)["message"]) == ("task_new", "load: task.new")


@given(st.text())
def test_a_text_line_is_one_line_and_drives_no_terminal(text):
    line = text_line(Entry(NOW, "info", "e", text, {"run_id": RUN_ID}), str)
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert not any(ord(each) < 32 or 127 <= ord(each) < 160 or 0xD800 <= ord(each) < 0xE000 for each in line[:-1])


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(_VALUES, st.text())
def test_a_json_line_is_one_line_of_ascii_that_every_reader_of_json_takes(value, text):
    line = json_line(Entry(NOW, "info", "e", text, {"value": value}), str)
    assert line.isascii()
    assert line.count("\n") == 1

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    json.loads(line, parse_constant=refuse)


@given(st.text(st.characters(codec="utf-8"), min_size=6), st.text(max_size=5), st.text(max_size=5))
def test_a_json_line_with_a_masked_secret_is_still_json(secret, before, after):
    text = f"{before}{secret}{after}"
    line = json_line(Entry(NOW, "info", "e", text, {"deep": [{text: text}]}), masking((secret,)))
    message = json.loads(line)["message"]
    assert secret.strip("\r\n") not in message or len(secret.strip("\r\n").encode()) < 6


# -- files ----------------------------------------------------------------------------------------------------------


def test_R_048_a_log_is_made_with_its_folder_for_its_owner_alone(tmp_path):
    path = tmp_path / "a b" / "c" / "run.log"
    before = os.umask(0)
    try:
        file = AppendedFile(str(path))
    finally:
        os.umask(before)
    file.write("one\n", None)
    assert path.read_text() == "one\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    file.close()


def test_each_tenant_has_a_file_of_its_own_and_what_is_nobodys_goes_to_shared(tmp_path):
    file = AppendedFile(str(tmp_path / "{tenant}" / "run.log"))
    assert list(tmp_path.iterdir()) == []
    for line, tenant in (("a\n", "acme"), ("b\n", "beta"), ("c\n", None), ("d\n", "acme")):
        file.write(line, tenant)
    file.close()
    texts = {path.parent.name: path.read_text() for path in tmp_path.glob("*/run.log")}
    assert texts == {"acme": "a\nd\n", "beta": "b\n", "shared": "c\n"}


def test_lines_of_several_processes_do_not_mix(tmp_path):
    path, length, lines = tmp_path / "run.log", 3000, 200
    code = (
        "import sys; from tetra_orchestrator.adapters.report.appended import AppendedFile as A\n"
        f"file = A(sys.argv[1])\nfor n in range({lines}): file.write(sys.argv[2] * {length} + '\\n', None)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), letter]) for letter in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    found = path.read_text().splitlines()
    assert len(found) == 3 * lines
    assert {line for line in found if line != line[:1] * length} == set()


def test_a_line_that_a_full_disk_cut_short_does_not_spoil_the_next(tmp_path):
    path = tmp_path / "run.log"
    path.write_text('{"message": "half')
    file = AppendedFile(str(path))
    file.write("{}\n", None)
    file.close()
    assert path.read_text() == '{"message": "half\n{}\n'


def test_a_line_that_somebody_is_just_writing_is_left_to_him(tmp_path, monkeypatch):
    path = tmp_path / "run.log"
    path.write_text("ha")

    def meanwhile(seconds):
        with path.open("a") as file:
            file.write("lf\n")

    monkeypatch.setattr(appended.time, "sleep", meanwhile)
    file = AppendedFile(str(path))
    file.write("next\n", None)
    file.close()
    assert path.read_text() == "half\nnext\n"


def test_a_pipe_that_nobody_reads_holds_up_nobody(tmp_path):
    os.mkfifo(tmp_path / "run.log")
    file = AppendedFile(str(tmp_path / "run.log"))
    with pytest.raises(BlockingIOError):
        file.write("x" * 1_000_000 + "\n", None)
    file.close()


def test_a_line_of_the_service_is_json_with_its_level():
    assert json.loads(wire_reports.service_line("no such mode", NOW, "error"))["level"] == "ERROR"
    assert json.loads(wire_reports.service_line("error: no such file", NOW))["level"] == "ERROR"
    assert json.loads(wire_reports.service_line("the next slot: tomorrow", NOW))["level"] == "INFO"
    line = json.loads(wire_reports.service_line("warning: no such file", NOW))
    assert line == {
        "timestamp": "2026-03-01T20:00:00.000000Z",
        "level": "WARNING",
        "event_type": "service",
        "message": "warning: no such file",
    }
