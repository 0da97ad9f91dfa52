"""The environment and the command line of one attempt."""

from __future__ import annotations

from support.worlds import Stage, project, task
from tetra_orchestrator.core.model import Command, Environment, Partition


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
