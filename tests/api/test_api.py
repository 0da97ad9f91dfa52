"""The public Python interface, used as its documentation shows."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import tetra_orchestrator as tetra
from tetra_orchestrator.core.model import Reason

FILE = """\
version: 1
project: demo
params: {greeting: hello}
pipelines:
  extract: {shell: 'echo "{\\"rows\\": 3}" >> "$TETRA_OUTPUT"', outputs: {rows: int}}
  left: {command: [echo, "{extract.rows}"], depends_on: [extract]}
  right: {shell: 'test "$WORD" = hello', env: {WORD: "{params.greeting}"}, depends_on: [extract]}
  report: {command: [echo, done], depends_on: [left, right]}
modes: {quick: [extract, left]}
"""
FLAKY = """\
version: 1
project: demo
pipelines:
  flaky:
    shell: 'sleep 0.2; test "$TETRA_ATTEMPT" = 2'
    retry: {max_attempts: 2, delay: 0.3}
  after: {shell: "true", depends_on: [flaky]}
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "orchestration.yaml").write_text(FILE)
    return tetra.load(tmp_path / "orchestration.yaml")


def test_a_graph_can_be_asked_for_its_order_its_groups_and_its_tasks(project):
    assert project.name == "demo"
    assert project.dialect == "native"
    assert project.execution_order() == ["extract", "left", "right", "report"]
    assert project.parallel_groups() == [["extract"], ["left", "right"], ["report"]]
    assert project.parallel_groups("quick") == [["extract"], ["left"]]
    assert project.task("report").depends_on == ("left", "right")
    assert list(project.tasks("quick")) == ["extract", "left"]
    assert project.to_dict()["modes"] == {"quick": ["extract", "left"]}


def test_on_says_where_the_tasks_run_as_the_option_does(tmp_path):
    (tmp_path / "orchestration.yaml").write_text(FILE.replace("project: demo\n", "project: demo\nrunner: slurm\n"))
    assert {task.runner for task in tetra.load(tmp_path).tasks().values()} == {"slurm"}
    here = tetra.load(tmp_path, on="local")
    assert {task.runner for task in here.tasks().values()} == {"local"}
    assert here.run("quick").ok


def test_an_unknown_task_is_told_with_those_there_are(project):
    with pytest.raises(tetra.UsageError) as caught:
        project.task("x")
    assert str(caught.value) == "Unknown task: x\n  hint: tasks: extract, left, right, report"


def test_a_run_answers_with_states_outputs_and_reasons(project):
    result = project.run()
    assert (result.ok, result.state, result.exit_code) == (True, "succeeded", 0)
    assert result.tasks == dict.fromkeys(["extract", "left", "right", "report"], "succeeded")
    assert result.outputs["extract"] == {"rows": 3}
    assert result.duration_s > 0
    assert Path(result.log).read_text().count("\n") > 4


def test_a_failed_run_is_an_answer_and_no_exception(project):
    result = project.run(params={"greeting": "ahoi"})
    assert (result.ok, result.state, result.exit_code) == (False, "failed", 2)
    assert (result.tasks["right"], result.tasks["report"]) == ("failed", "upstream_failed")
    assert result.reasons["right"] == "exited with code 1"


def test_a_mode_and_single_pipelines_can_be_run(project):
    assert list(project.run("quick").tasks) == ["extract", "left"]
    assert list(project.run(pipelines=["left"]).tasks) == ["left"]
    assert list(project.run(pipelines="left").tasks) == ["left"]


def test_every_event_is_told_in_order_as_a_typed_value(project):
    seen = []
    result = project.run("quick", on_event=seen.append)
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert (seen[0].event, seen[-1].event) == ("run.started", "run.finished")
    assert [e.task for e in seen if e.event == "task.finished"] == ["extract", "left"]
    assert seen[1] == tetra.RunEvent(
        "attempt.started",
        2,
        seen[1].ts,
        result.run_id,
        "extract",
        1,
        "submitted",
        Reason("no_dependencies", "it depends on nothing in this run"),
    )
    assert seen[1].ts.utcoffset() == timedelta(0)
    assert seen[-1].reason.code == "succeeded"


def test_the_stream_is_enough_to_tell_durations_waits_and_retries(tmp_path):
    (tmp_path / "orchestration.yaml").write_text(FLAKY)
    seen = []
    result = tetra.load(tmp_path).run(on_event=seen.append)
    at = {(event.event, event.task, event.attempt): event.ts for event in seen}
    spans = {
        (task, attempt): (when - at["attempt.started", task, attempt]).total_seconds()
        for (name, task, attempt), when in at.items()
        if name == "attempt.finished"
    }
    assert [event.attempt for event in seen if event.event == "retry.scheduled"] == [1]
    assert list(spans) == [("flaky", 1), ("flaky", 2), ("after", 1)]
    assert spans["flaky", 2] >= 0.2
    assert (at["attempt.started", "flaky", 2] - at["retry.scheduled", "flaky", 1]).total_seconds() >= 0.3
    assert at["attempt.started", "after", 1] >= at["task.finished", "flaky", 2]
    assert result.duration_s >= sum(spans.values())


def test_what_a_listener_raises_changes_nothing_and_is_told_when_the_run_is_over(project):
    seen = []

    def refuse(event):
        seen.append(event.event)
        raise LookupError("enough")

    with pytest.warns(RuntimeWarning) as caught:
        result = project.run(on_event=refuse)
    assert result.ok
    assert seen == ["run.started"]
    told = "on_event raised LookupError('enough') at event 1 (run.started) and was called no more"
    assert [(str(one.message), one.filename) for one in caught] == [(told, __file__)]


def test_a_listener_that_cannot_be_called_is_refused_before_anything_runs(project):
    with pytest.raises(TypeError, match=r"^on_event must be a function of one event, not list$"):
        project.run(on_event=[])


def test_a_listener_that_is_slow_holds_up_nobody_and_misses_nothing(project):
    seen = []

    def dawdle(event):
        time.sleep(0.3)
        seen.append((datetime.now(UTC) - event.ts, event))

    result = project.run(on_event=dawdle)
    assert result.duration_s < 0.3 * len(seen)
    assert [event.seq for _, event in seen] == list(range(1, 15))
    assert seen[-1][0] > timedelta(seconds=0.3 * 5)  # it heard of the end long after it


def test_ctrl_c_in_a_listener_ends_the_run(project, tmp_path):
    def interrupt(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project.run(on_event=interrupt)
    again = tetra.load(tmp_path / "orchestration.yaml").run("quick")  # nothing of it is left behind
    assert again.ok


def test_a_result_and_a_project_say_in_a_line_what_they_are(project, tmp_path):
    assert repr(project) == f"<Project demo: 4 tasks, {tmp_path}/orchestration.yaml>"
    result = project.run(params={"greeting": "ahoi"})
    tasks = "2 succeeded, 1 failed, 1 upstream_failed"
    assert repr(result) == f"<RunResult {result.run_id}: failed, exit code 2; tasks: {tasks}>"
    assert set(tetra.__all__) <= set(dir(tetra))


def test_a_request_that_does_not_fit_is_refused_with_the_command_s_words(project):
    with pytest.raises(tetra.RunRefused) as caught:
        project.run("quik")
    assert str(caught.value) == "Unknown mode: quik\n  hint: did you mean 'quick'? modes: quick"
    assert caught.value.exit_code == 64


def test_a_broken_file_raises_all_of_its_problems(tmp_path):
    pipelines = "{a: {comand: [x]}, b: {shell: x, timout: 3}}"
    (tmp_path / "f.yaml").write_text(f"version: 1\nproject: p\npipelines: {pipelines}\n")
    with pytest.raises(tetra.ConfigError) as caught:
        tetra.load(str(tmp_path / "f.yaml"))
    assert [problem.code for problem in caught.value.problems] == ["no_program", "unknown_key", "unknown_key"]
