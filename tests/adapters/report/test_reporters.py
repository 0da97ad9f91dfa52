"""What each reporter shows for the same events."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

from tetra_orchestrator.adapters.report.fanout import Fanout
from tetra_orchestrator.adapters.report.jsonl import JsonReporter
from tetra_orchestrator.adapters.report.narration import stamp
from tetra_orchestrator.adapters.report.plain import LineReporter
from tetra_orchestrator.adapters.report.steps import StepReporter
from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.ports import Subject

NOW = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
SUBJECT = Subject(
    "20260301T200000Z-abcdef",
    "in weekly mode",
    ("data_pipeline", "metrics_pipeline"),
    {"data_pipeline": 75.0},
    "/logs/orchestrator.log",
    lambda task, attempt: f"/logs/{task}.{attempt}.log",
    lambda path: "Traceback\nKeyError: 'date'\n",
)


def events(*rows):
    """Events from (event, task, attempt, state, reason text)."""
    return [
        RunEvent(name, seq, NOW, SUBJECT.run_id, task, attempt, state, Reason("code", text) if text else None)
        for seq, (name, task, attempt, state, text) in enumerate(rows, 1)
    ]


FAILING = events(
    ("run.started", None, None, "running", None),
    ("attempt.started", "data_pipeline", 1, "submitted", "it depends on nothing"),
    ("attempt.finished", "data_pipeline", 1, "waiting_retry", "exited with code 1; next attempt in 60 s"),
    ("retry.scheduled", "data_pipeline", 1, "waiting_retry", "exited with code 1; next attempt in 60 s"),
    ("attempt.started", "data_pipeline", 2, "submitted", "attempt 2 of 2"),
    ("attempt.finished", "data_pipeline", 2, "failed", "exited with code 1"),
    ("task.finished", "data_pipeline", 2, "failed", "exited with code 1"),
    ("task.finished", "metrics_pipeline", None, "upstream_failed", "data_pipeline failed"),
    ("run.finished", None, None, "failed", "data_pipeline failed"),
)


class Screen(io.StringIO):
    """An outlet in memory. While `full` it takes nothing; `behind` it has not handed on everything."""

    full = behind = False
    lost = 0

    def write(self, text):
        if self.full:
            self.lost += text.count("\n")
            return 0
        if self.lost:
            super().write(self.gap(self.lost))
            self.lost = 0
        return super().write(text)


def shown(make, happened=FAILING):
    stream = Screen()
    reporter = make(stream)
    for event in happened:
        reporter.event(event)
        reporter.tick()
    reporter.close()
    return stream.getvalue()


def test_the_lines_say_what_failed_why_and_where_all_of_it_is():
    text = shown(lambda stream: LineReporter(SUBJECT, stream))
    assert [line.removeprefix(f"{stamp(NOW)} ") for line in text.splitlines()] == [
        "Starting orchestration in weekly mode",
        "Run 20260301T200000Z-abcdef, log /logs/orchestrator.log",
        "Running data_pipeline (attempt 1)",
        "data_pipeline exited with code 1; next attempt in 60 s",
        "data_pipeline failed, retrying...",
        "Running data_pipeline (attempt 2)",
        "ERROR: data_pipeline failed after 2 attempts",
        "  exited with code 1",
        "  | Traceback",
        "  | KeyError: 'date'",
        "  full log: /logs/data_pipeline.2.log",
        "metrics_pipeline not started: data_pipeline failed",
        "Orchestration failed: data_pipeline failed",
        "Go on where it ended: tetra resume 20260301T200000Z-abcdef",
        "Look closer: tetra show 20260301T200000Z-abcdef",
    ]


def test_the_steps_name_the_stage_that_failed():
    assert shown(lambda stream: StepReporter(SUBJECT, stream)).splitlines() == [
        "Starting full pipeline execution...",
        "Step 1/2: Running Data Pipeline...",
        "Data Pipeline failed",
        "  full log: /logs/data_pipeline.2.log",
    ]


def test_json_lines_hold_every_field_and_times_in_utc():
    rows = [json.loads(line) for line in shown(JsonReporter).splitlines()]
    assert len(rows) == len(FAILING)
    assert rows[6] == {
        "schema": "tetra.run/1",
        "event": "task.finished",
        "seq": 7,
        "ts": "2026-03-01T20:00:00.000000Z",
        "run_id": "20260301T200000Z-abcdef",
        "task": "data_pipeline",
        "attempt": 2,
        "state": "failed",
        "reason": {"code": "code", "text": "exited with code 1"},
    }


def test_in_the_place_of_json_lines_that_nobody_read_stands_an_event_that_says_so():
    screen = Screen()
    reporter = JsonReporter(screen)
    for event in FAILING:
        screen.full = 3 <= event.seq <= 6
        reporter.event(event)
    rows = [json.loads(line) for line in screen.getvalue().splitlines()]
    assert [row["seq"] for row in rows] == [1, 2, 6, 7, 8, 9]
    assert rows[2] == {
        "schema": "tetra.run/1",
        "event": "stream.gap",
        "seq": 6,
        "ts": "2026-03-01T20:00:00.000000Z",
        "run_id": "20260301T200000Z-abcdef",
        "task": None,
        "attempt": None,
        "state": None,
        "reason": {
            "code": "reader_too_slow",
            "text": "4 events are left out here, because nobody read them in time",
        },
    }


def test_a_cancelled_task_is_said_to_be_so_once():
    event = events(("task.finished", "long", 1, "cancelled", "cancelled"))
    assert shown(lambda stream: LineReporter(SUBJECT, stream), event) == f"{stamp(NOW)} long cancelled\n"


class Broken:
    """A reporter whose screen is gone."""

    def event(self, event):
        raise BrokenPipeError

    tick = close = event


def test_a_reporter_that_fails_is_left_out_and_told_of_once_and_the_others_go_on():
    stream, told, broken = io.StringIO(), [], Broken()
    fanout = Fanout([broken, LineReporter(SUBJECT, stream)], lambda *failed: told.append(failed))
    shown(lambda _: fanout)
    assert "Look closer" in stream.getvalue()
    assert [(reporter, type(error)) for reporter, error in told] == [(broken, BrokenPipeError)]
