from __future__ import annotations

import pytest

from config.configs import Folder
from tetra_orchestrator.core.model import Cache, Command, Shell

CHAIN = """\
params: {{days: 5}}
pipelines:
  fetch: {{command: [get], outputs: {{rows: int}}}}
  other: {{command: [get]}}
  features:
    depends_on: [fetch]
    tasks:
      extract: {{command: [x]}}
      build: {{command: [make, {0}], depends_on: [extract]}}
"""


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{extract.rows}", "{features.extract.rows}"),
        ("{features.extract.rows}", "{features.extract.rows}"),
        ("{fetch.rows}", "{fetch.rows}"),
        ("{fetch.records_processed}", "{fetch.records_processed}"),
        ("a{fetch.rows}-{extract.n}b", "a{fetch.rows}-{features.extract.n}b"),
        ("{params.days}", "{params.days}"),
        ("{{nobody.rows}}", "{{nobody.rows}}"),
        ("{{{extract.rows}}}", "{{{features.extract.rows}}}"),
        ("{extract.rows}}", "{features.extract.rows}}"),
        ("{a} {a.b c} {.} {}", "{a} {a.b c} {.} {}"),
        ('{"a.b": 1}', '{"a.b": 1}'),
    ],
)
def test_an_owner_becomes_a_full_task_id_and_braces_stay(folder: Folder, written: str, meant: str) -> None:
    tasks = {task.id: task for task in folder.native(CHAIN.format(f"'{written}'")).project.tasks()}
    assert tasks["features.build"].program == Command(("make", meant))


@pytest.mark.parametrize(
    ("written", "problem", "hint"),
    [
        ("{extrct.rows}", "{extrct.rows}: there is no task 'extrct'", "did you mean 'extract'?"),
        ("{nobody.rows}", "{nobody.rows}: there is no task 'nobody'", "for literal braces write {{ and }}"),
        ("{run.id}", "{run.id}: there is no task 'run'", "for literal braces write {{ and }}"),
        ("{features.rows}", "{features.rows}: there is no task 'features'", "did you mean 'features.extract'?"),
        (
            "{other.rows}",
            "{other.rows}: 'features.build' does not depend on 'other'",
            "add the dependency, or for literal braces write {{ and }}",
        ),
        (
            "{build.rows}",
            "{build.rows}: 'features.build' does not depend on 'features.build'",
            "add the dependency, or for literal braces write {{ and }}",
        ),
        ("{fetch.row}", "{fetch.row}: 'fetch' has no output 'row'", "did you mean 'rows'?"),
        ("{fetch.zzz}", "{fetch.zzz}: 'fetch' has no output 'zzz'", "it declares rows"),
        ("{params.day}", "{params.day}: there is no parameter 'day'", "did you mean 'days'?"),
        (
            "{partition.start}",
            "{partition.start} has a value only in a mode with a partition",
            "run it in a mode with `partition: range`",
        ),
    ],
)
def test_a_reference_that_can_never_have_a_value_is_told(folder: Folder, written: str, problem: str, hint: str) -> None:
    line = f"      build: {{command: [make, '{written}'], depends_on: [extract]}}"
    assert folder.faults(CHAIN.format(f"'{written}'")) == (
        f"f.yaml:11:31: {problem}\n  {line}\n{' ' * 32}^\n  hint: {hint}"
    )


def test_references_are_resolved_wherever_they_are_filled_in(folder: Folder) -> None:
    text = """\
        pipelines:
          p:
            tasks:
              a: {command: [x]}
              b: {shell: "echo {a.n}", args: ["{a.n}"], env: {N: "{a.n}"}, depends_on: [a]}
        modes:
          m: [{p: {b: ["{a.n}"]}}]
        """
    project = folder.native(text).project
    task = project.tasks()[1]
    assert (task.program, task.args, task.env) == (Shell("echo {p.a.n}"), ("{p.a.n}",), (("N", "{p.a.n}"),))
    assert project.modes[0].entries[0].args == (("p.b", ("{p.a.n}",)),)


def test_the_name_of_a_pipeline_stands_for_its_only_task(folder: Folder) -> None:
    text = "pipelines: {p: {tasks: {a: {command: [x]}}}, q: {command: [y, '{p.n}'], depends_on: [p]}}"
    assert folder.native(text).project.tasks()[1].program == Command(("y", "{p.a.n}"))


def test_the_partition_is_known_to_the_arguments_of_a_mode_that_has_one(folder: Folder) -> None:
    text = """\
        pipelines: {a: {command: [x]}}
        modes:
          good: {partition: range, pipelines: [{a: ["{partition.start}", "{partition.end}"]}]}
          bad: {partition: range, pipelines: [{a: ["{partition.stop}"]}]}
          ugly: [{a: ["{partition.start}"]}]
        """
    assert folder.faults(text) == (
        "f.yaml:6:44: {partition.stop} does not exist\n"
        '    bad: {partition: range, pipelines: [{a: ["{partition.stop}"]}]}\n'
        "                                             ^\n"
        "  hint: there are {partition.start} and {partition.end}\n"
        "f.yaml:7:15: {partition.start} has a value only in a mode with a partition\n"
        '    ugly: [{a: ["{partition.start}"]}]\n'
        "                ^\n"
        "  hint: give the mode `partition: range`"
    )


def test_an_owner_in_the_inputs_of_a_task_becomes_a_full_task_id(folder: Folder) -> None:
    text = CHAIN.format("x").replace("depends_on: [extract]", "depends_on: [extract], cache: {inputs: ['{extract.p}']}")
    tasks = {task.id: task for task in folder.native(text).project.tasks()}
    assert tasks["features.build"].cache == Cache(("{features.extract.p}",))


def test_an_input_that_refers_to_what_is_not_there_is_told_in_its_place(folder: Folder) -> None:
    assert folder.faults("pipelines: {a: {command: [x], cache: {inputs: [data, '{params.day}']}}}") == (
        "f.yaml:3:54: {params.day}: there is no parameter 'day'\n"
        "  pipelines: {a: {command: [x], cache: {inputs: [data, '{params.day}']}}}\n"
        "                                                       ^\n"
        "  hint: declare it under `params`, or for literal braces write {{ and }}"
    )


def test_a_reference_where_none_is_filled_in_is_told(folder: Folder) -> None:
    text = "params: {x: 1}\nenv: {set: {A: '{params.x}'}}\npipelines: {a: {command: [x], cwd: '{params.x}'}}\n"
    assert folder.faults(text) == (
        "f.yaml:4:16: {params.x} is not filled in here, only in arguments, commands and `env` of a task\n"
        "  env: {set: {A: '{params.x}'}}\n"
        "                 ^\n"
        "  hint: for literal braces write {{ and }}\n"
        "f.yaml:5:36: {params.x} is not filled in here, only in arguments, commands and `env` of a task\n"
        "  pipelines: {a: {command: [x], cwd: '{params.x}'}}\n"
        "                                     ^\n"
        "  hint: for literal braces write {{ and }}"
    )


def test_the_dates_of_a_range_can_be_used_by_every_task_that_a_mode_with_one_runs(folder: Folder) -> None:
    text = """
        pipelines:
          a: {command: [echo, "{partition.start}"], config: {end: "{partition.end}"}}
          b: {shell: "echo {partition.start}"}
        modes: {bf: {partition: range, pipelines: [a]}}
        """
    assert folder.faults(text) == (
        "f.yaml:6:14: {partition.start} has a value only in a mode with a partition\n"
        '    b: {shell: "echo {partition.start}"}\n'
        "               ^\n"
        "  hint: run it in a mode with `partition: range`"
    )
