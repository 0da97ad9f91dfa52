"""The environment and the command line of one attempt."""

from __future__ import annotations

import json
import os

import pytest

from support.worlds import Stage, project, task
from tetra_orchestrator.core.history import Partition
from tetra_orchestrator.core.model import Command, Environment, Function, Module, Resources, Session, Typed
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.engine.attempt import check_outputs, referenced
from tetra_orchestrator.engine.environment import OURS
from tetra_orchestrator.engine.inputs import read_from, writers
from tetra_orchestrator.worker import START


def environment_of(stage, **fields):
    stage.run(**fields)
    return stage.runner.launches[0].env


def test_a_task_gets_its_identity_and_files_through_the_environment():
    stage = Stage(project(task("a")), environ={"PATH": "/bin", "LANG": "C"})
    env = environment_of(stage, partition=Partition("2020-01-01", "2020-02-01"))
    run_id = stage.last_run.run_id
    ours = {name: value for name, value in env.items() if name.startswith("TETRA_")}
    token = ours.pop("TETRA_ATTEMPT_TOKEN")
    assert len(token) == 32
    assert ours == {
        "TETRA_HOME": "/project",
        "TETRA_RUN_ID": run_id,
        "TETRA_PIPELINE": "a",
        "TETRA_TASK": "a",
        "TETRA_ATTEMPT": "1",
        "TETRA_MODE": "all",
        "TETRA_OUTPUT": f"/{run_id}/a.1.output",
        "TETRA_INPUT": f"/{run_id}/a.1.input",
        "TETRA_CHECKPOINT": f"/{run_id}/a",
        "TETRA_PARTITION_START": "2020-01-01",
        "TETRA_PARTITION_END": "2020-02-01",
    }


def test_the_project_s_interpreter_comes_first_on_the_path():
    env = environment_of(Stage(project(task("a")), environ={"PATH": "/usr/bin:/bin"}))
    assert env["PATH"] == "/venv/bin:/usr/bin:/bin"


def test_an_empty_environment_still_gets_a_path():
    assert environment_of(Stage(project(task("a"))))["PATH"] == "/venv/bin:/usr/local/bin:/usr/bin:/bin"


def test_everything_is_inherited_by_default_except_our_own_names():
    env = environment_of(Stage(project(task("a")), environ={"FOO": "1", "TETRA_TASK": "outer", "TETRA_SLOT": "x"}))
    assert env["FOO"] == "1"
    assert env["TETRA_TASK"] == "a"
    assert "TETRA_SLOT" not in env


def test_base_inherits_the_usual_names_and_those_that_are_passed():
    rule = Environment(inherit="base", passed=("TOKEN",))
    environ = {"HOME": "/h", "TOKEN": "t", "OTHER": "o", "PATH": "/bin"}
    env = environment_of(Stage(project(task("a"), environment=rule), environ=environ))
    assert (env["HOME"], env["TOKEN"]) == ("/h", "t")
    assert "OTHER" not in env


def test_a_task_s_variables_win_over_the_project_s():
    rule = Environment(extra=(("A", "project"), ("B", "project")))
    env = environment_of(Stage(project(task("a", env=(("B", "task"),)), environment=rule)))
    assert (env["A"], env["B"]) == ("project", "task")


def test_python_paths_are_absolute_and_come_before_the_inherited_ones():
    given = project(task("a"), pythonpath=("src", "/opt/lib"))
    assert environment_of(Stage(given, environ={"PYTHONPATH": "/old"}))["PYTHONPATH"] == "/project/src:/opt/lib:/old"


def test_a_relative_working_folder_starts_at_the_root():
    stage = Stage(project(task("a", cwd="sub"), task("b", cwd="/abs"), task("c")))
    stage.run()
    assert {one.env["TETRA_TASK"]: one.cwd for one in stage.runner.launches} == {
        "a": "/project/sub",
        "b": "/abs",
        "c": "/project",
    }


def test_references_and_doubled_braces_are_filled_in_in_the_environment_of_a_task():
    stage = Stage(project(task("a", env=(("WHO", "{params.who}"), ("RAW", "{{x}}"), ("PLAIN", "{x}")))))
    env = environment_of(stage, params={"who": "$(id) {params.who}"})
    assert (env["WHO"], env["RAW"], env["PLAIN"]) == ("$(id) {params.who}", "{x}", "{x}")


def test_python_as_the_program_of_a_command_is_the_project_s():
    stage = Stage(
        project(task("a", program=Command(("python", "x.py"))), task("b", program=Command(("./python", "x.py"))))
    )
    stage.run()
    assert {one.argv[0] for one in stage.runner.launches} == {"/venv/bin/python", "./python"}


# What a child does not inherit


def test_of_the_names_that_begin_like_ours_only_ours_are_kept_from_a_task():
    environ = dict.fromkeys((*OURS, "TETRA_STUB_LOG"), "x")
    env = environment_of(Stage(project(task("a")), environ=environ))
    assert env["TETRA_STUB_LOG"] == "x"
    assert sorted(name for name in OURS if env.get(name) == "x") == []


def test_an_identity_cannot_be_set_by_a_task():
    env = environment_of(Stage(project(task("a", env=(("TETRA_RUN_ID", "mine"), ("TETRA_TASK", "mine"))))))
    assert (env["TETRA_RUN_ID"][-7:-6], env["TETRA_TASK"]) == ("-", "a")


def test_a_task_knows_its_workers_and_its_tenant():
    env = environment_of(Stage(project(task("a", resources=Resources(workers=4), tenant="acme"))))
    assert (env["TETRA_WORKERS"], env["TETRA_TENANT"]) == ("4", "acme")


# Programs of a Python of their own


def launched(*tasks, outputs=None, secrets=(), **fields):
    """The stage of a run, and what the runner was given for each task, by its id."""
    stage = Stage(project(*tasks, **fields), lambda name, n: (1.0, Exited(0), (outputs or {}).get(name, {})))
    found, submit = {}, stage.runner.submit

    def look(launches):
        envs = [{**one.env, **(one.call.env if one.call else {})} for one in launches]
        found.update({env["TETRA_TASK"]: one for env, one in zip(envs, launches, strict=True)})
        return submit([one._replace(env=env) for env, one in zip(envs, launches, strict=True)])

    stage.runner.submit = look
    stage.run(params={"days": 3}, secrets=secrets)
    return stage, found


def test_a_function_and_a_task_type_run_by_the_worker_of_this_package():
    _, found = launched(
        task("f", program=Function("etl.load")),
        task("t", program=Typed("ocr")),
        task("u", program=Typed("ocr", "stages:Ocr")),
    )
    assert found["f"].argv == ("/venv/bin/python", START, "function", "etl.load")
    assert found["t"].argv == ("/venv/bin/python", START, "type", "ocr")
    assert found["u"].argv == ("/venv/bin/python", START, "type", "ocr", "stages:Ocr")
    assert os.path.isfile(START)


def test_a_task_type_is_told_the_plugin_modules_and_nobody_else():
    _, found = launched(task("t", program=Typed("ocr")), task("a"), plugins=("stages", "more.stages"))
    assert found["t"].env["TETRA_PLUGINS"] == '["stages", "more.stages"]'
    assert "TETRA_PLUGINS" not in found["a"].env


@pytest.mark.parametrize(
    "program", [Function("etl.load"), Typed("ocr"), Module("etl"), Command(("python", "x.py"))], ids=lambda p: p[0]
)
def test_a_task_s_own_interpreter_runs_it_and_comes_first_on_its_path(program):
    _, found = launched(task("a", program=program, python="envs/ml/bin/python"))
    assert found["a"].argv[0] == "/project/envs/ml/bin/python"
    assert found["a"].env["PATH"].split(":")[0] == "/project/envs/ml/bin"


def test_an_interpreter_without_a_folder_is_looked_for_on_the_path():
    _, found = launched(task("a", program=Module("etl"), python="python3.12"))
    assert found["a"].argv[0] == "python3.12"


# What is in TETRA_INPUT


def test_configuration_is_filled_in_and_a_whole_value_keeps_its_type():
    config = {
        "rows": "{a.rows}",
        "text": "{a.rows} of {params.days}",
        "deep": [{"list": "{a.names}"}, 1.5, None, True],
        "literal": "{{a.rows}} {x}",
        "{a.rows}": "keys stay",
    }
    stage, _ = launched(
        task("a"),
        task("b", "a", program=Function("etl.load"), config=json.dumps(config)),
        outputs={"a": {"rows": 7, "names": ["x"]}},
    )
    assert stage.workspace.given["b.1"]["config"] == {
        "rows": 7,
        "text": "7 of 3",
        "deep": [{"list": ["x"]}, 1.5, None, True],
        "literal": "{a.rows} {x}",
        "{a.rows}": "keys stay",
    }


def test_references_within_the_configuration_count_as_references_of_the_task():
    one = task("b", config=json.dumps({"x": ["{a.rows}", {"y": "to {partition.end}"}], "z": "{{no.reference}}"}))
    assert [str(each) for each in referenced(one)] == ["{a.rows}", "{partition.end}"]


def test_a_missing_output_in_the_configuration_is_a_failure_that_names_it():
    stage, _ = launched(task("a"), task("b", "a", config='{"x": "{a.rows}"}'))
    assert stage.store.attempts(stage.last_run.run_id)[1].text == (
        "could not start: {a.rows} has no value: a left no output 'rows' (outputs: none) (template)"
    )


def test_a_function_reads_outputs_by_the_name_of_the_data_set_and_other_names_as_text():
    stage, _ = launched(
        task("a", program=Function("etl.load", writes=("rows",))),
        task("b", "a"),
        task("c", "b", program=Function("etl.show", reads=("rows", "size", "prices.csv"), writes=("report",))),
        outputs={"a": {"rows": [1]}, "b": {"size": 3}},
    )
    assert stage.workspace.given["c.1"] == {
        "params": {"days": 3},
        "upstream": {"b": {"size": 3}},
        "reads": ["rows", "size", "prices.csv"],
        "inputs": [[1], 3, "prices.csv"],
        "writes": ["report"],
        "output_limit": 1048576,
    }


def test_a_name_that_only_the_reader_itself_writes_is_text():
    stage, _ = launched(task("a", program=Function("f.a", reads=("rows",), writes=("rows",))))
    assert stage.workspace.given["a.1"]["inputs"] == ["rows"]


def test_a_data_set_that_its_task_has_not_left_is_never_taken_for_text():
    tasks = (
        task("a", program=Function("f.a", writes=("rows",))),
        task("b", "a", program=Function("f.b", reads=("rows",))),
    )
    stage, _ = launched(*tasks)
    assert stage.store.attempts(stage.last_run.run_id)[1].text == (
        "could not start: b reads 'rows', and a left no output of that name (template)"
    )


def test_what_a_function_reads_is_an_output_of_the_nearest_task_that_writes_it():
    tasks = (
        task("a", program=Function("f.a", writes=("rows", "day"))),
        task("b", program=Function("f.b", reads=("rows",), writes=("rows",))),
        task("c", "b", program=Function("f.c", reads=("rows", "day", "prices.csv"))),
        task("d", args=("{a.rows}",)),
    )
    written = writers(project(*tasks))
    assert written == {"rows": ("a", "b"), "day": ("a",)}
    read = {one.id: [str(each) for each in read_from(one, written)] for one in tasks}
    assert read == {"a": [], "b": ["{a.rows}"], "c": ["{b.rows}", "{a.day}"], "d": []}


KEPT = {"type": "Frame", "repr": "<Frame>", "session": "s"}


def test_what_stays_in_a_session_is_not_handed_to_a_task_outside_it():
    stage, _ = launched(
        task("a", program=Function("f.a", "s", writes=("frame",))),
        task("b", "a", program=Function("f.b", reads=("frame",))),
        outputs={"a": {"frame": KEPT}},
        sessions=(Session("s"),),
    )
    assert stage.store.attempts(stage.last_run.run_id)[1].text == (
        "could not start: b reads 'frame', a Frame that stays in the session 's'\n"
        "  hint: give b the same session, or let a write plain values (template)"
    )


def test_a_call_of_a_session_is_described_apart_from_the_worker_that_it_needs():
    stage, found = launched(
        task("a", program=Function("f.a", "s", writes=("frame",)), env=(("MINE", "1"),), cwd="sub"),
        task("b", "a", program=Function("f.b", "s", reads=("frame",))),
        outputs={"a": {"frame": KEPT}},
        sessions=(Session("s", threads=3, python="/opt/python"),),
    )
    launch, call = found["a"], found["a"].call
    assert (launch.argv, launch.cwd) == (("/opt/python", START, "session"), "/project")
    assert (call.session, call.threads, call.function, call.cwd) == ("s", 3, "f.a", "/project/sub")
    assert (call.env["MINE"], call.env["TETRA_TASK"]) == ("1", "a")
    assert launch.env["TETRA_RUN_ID"] == call.env["TETRA_RUN_ID"]
    assert not {"MINE", "TETRA_TASK", "TETRA_OUTPUT"} & set(launch.env)
    assert stage.workspace.given["b.1"]["inputs"] == [KEPT]


def test_a_process_is_masked_by_the_secrets_it_is_given_and_a_call_by_all_since_calls_share_a_worker():
    _, found = launched(
        task("p", env=(("PASSWORD", "first-1"),)),
        task("f", program=Function("f.a", "s")),
        secrets=("first-1", "second-2"),
        sessions=(Session("s"),),
    )
    assert found["p"].redact == (b"first-1",)
    assert found["f"].redact == (b"first-1", b"second-2")


# Outputs


def test_more_outputs_than_the_task_may_leave_are_refused():
    with pytest.raises(ValueError) as refused:
        check_outputs(task("a", output_limit_bytes=20), {"text": "ü" * 10})
    assert str(refused.value) == "32 bytes are more than the limit of 20"
    check_outputs(task("a", output_limit_bytes=32), {"text": "ü" * 10})
