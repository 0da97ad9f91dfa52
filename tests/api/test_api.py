"""The public Python interface, used as its documentation shows."""

from __future__ import annotations

from pathlib import Path

import pytest

import tetra_orchestrator as tetra

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


def test_every_event_is_told_in_order(project):
    seen = []
    project.run("quick", on_event=seen.append)
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    assert (seen[0]["event"], seen[-1]["event"]) == ("run.started", "run.finished")
    assert [e["task"] for e in seen if e["event"] == "task.finished"] == ["extract", "left"]


def test_what_a_listener_raises_ends_the_run_and_reaches_the_caller(project, tmp_path):
    def refuse(event):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        project.run(on_event=refuse)
    assert tetra.load(tmp_path / "orchestration.yaml").run("quick").ok


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
