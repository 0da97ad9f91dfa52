"""The stages dialect: what each key of such a file becomes, and what its mistakes are told."""

from __future__ import annotations

import json
from time import process_time
from typing import TYPE_CHECKING, Any

import pytest

from tetra_orchestrator.config.read import read
from tetra_orchestrator.core.graph import levels
from tetra_orchestrator.core.model import Command, Function, RunPolicy, Typed
from tetra_orchestrator.core.template import render

if TYPE_CHECKING:
    from config.configs import Folder
    from tetra_orchestrator.core.model import Project, Task

HEAD = "name: faces\nversion: 1.0.0\nstages:\n"
TWO = """\
  - id: extract
    type: frame_extraction
    depends_on: []
    config: {input_video: /data/luca.mp4, mode: scene, every: 5, gray: false, ratio: "0.5"}
  - id: segment
    type: segmentation
    depends_on:
      - extract
    config: {input_dir: "{extract.output_dir}"}
"""


def load(folder: Folder, stages: str, bindings: str | None = None) -> Project:
    if bindings:
        folder.write(bindings, "bindings.yaml")
    return folder.load(HEAD + stages).project


def tasks(project: Project) -> dict[str, Task]:
    return {task.id: task for task in project.tasks()}


def config(task: Task) -> Any:
    return json.loads(task.config or "null")


def groups(project: Project) -> list[list[str]]:
    return levels({task.id: task.depends_on for task in project.tasks()})


def test_A_001_a_file_becomes_a_project_and_a_mode_of_its_name_and_its_version_stays_text(folder: Folder) -> None:
    project = folder.load(f"name: faces\nversion: 1.10\nstages:\n{TWO}").project
    assert (project.dialect, project.name, project.title) == ("stages", "faces", "faces 1.10")
    assert [(mode.name, [entry.pipeline for entry in mode.entries]) for mode in project.modes] == [
        ("faces", ["extract", "segment"])
    ]


def test_a_name_of_several_words_becomes_the_title(folder: Folder) -> None:
    project = folder.load(f"name: Faces of Luca (2)\nstages:\n{TWO}").project
    assert (project.name, project.title) == ("Faces_of_Luca_2_", "Faces of Luca (2)")
    assert project.modes[0].name == "Faces_of_Luca_2_"


def test_A_002_A_003_A_005_a_stage_is_a_task_of_its_id_and_type_with_its_configuration(folder: Folder) -> None:
    found = tasks(load(folder, TWO))
    assert [(name, task.program, task.depends_on) for name, task in found.items()] == [
        ("extract", Typed("frame_extraction"), ()),
        ("segment", Typed("segmentation"), ("extract",)),
    ]
    assert config(found["extract"]) == {
        "input_video": "/data/luca.mp4",
        "mode": "scene",
        "every": 5,
        "gray": False,
        "ratio": "0.5",
    }


def test_A_004_dependencies_in_block_and_flow_style_are_the_same(folder: Folder) -> None:
    flow = TWO.replace("depends_on:\n      - extract", "depends_on: [extract]")
    assert load(folder, TWO).pipelines == load(folder, flow).pipelines


def test_A_006_without_dependencies_a_stage_is_in_the_first_group_and_A_037_groups_are_levels(folder: Folder) -> None:
    stages = """\
  - {id: a, type: x}
  - {id: b, type: x, depends_on: [a]}
  - {id: c, type: x, depends_on: []}
  - {id: d, type: x, depends_on: [b, c]}
"""
    assert groups(load(folder, stages)) == [["a", "c"], ["b"], ["d"]]


def test_A_042_A_043_A_044_level_by_level_four_stages_at_once_and_nothing_starts_after_a_failure(
    folder: Folder,
) -> None:
    project = load(folder, TWO)
    assert (project.host.max_parallel, project.run) == (4, RunPolicy(barriers=True))


def test_A_038_a_chain_of_5000_is_read_without_recursion_in_seconds(folder: Folder) -> None:
    line = '  - {{id: s{}, type: x, depends_on: [s{}], config: {{dir: "{{s{}.dir}}"}}}}\n'
    stages = "  - {id: s0, type: x}\n" + "".join(line.format(n, n - 1, n - 1) for n in range(1, 5000))
    before = process_time()
    assert len(load(folder, stages).tasks()) == 5000
    assert process_time() - before < 5


def test_A_028_references_are_kept_wherever_they_stand(folder: Folder) -> None:
    stages = (
        TWO + '    enabled: true\n  - {id: c, type: x, depends_on: [segment], config: {a: [{b: "{extract.d}/s"}]}}\n'
    )
    assert config(tasks(load(folder, stages))["c"]) == {"a": [{"b": "{extract.d}/s"}]}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{extract.dir}", "<dir>"),
        ("{extract.dir}/sub", "<dir>/sub"),
        ('{"a": 1}', '{"a": 1}'),
        ('{"a": {"b": {"c": 1}}}', '{"a": {"b": {"c": 1}}}'),
        (r"\d{3}", r"\d{3}"),
        ("{{ jinja }}", "{{ jinja }}"),
        ("frame_{:04d}.png", "frame_{:04d}.png"),
        ("{{extract.dir}}", "{extract.dir}"),
        ("{{other.name}}", "{other.name}"),
        ("{{{extract.dir}}}", "{{<dir>}}"),
        ("}}{{", "}}{{"),
        ("{a.b.c.d}", "{a.b.c.d}"),
    ],
)
def test_A_032_only_what_names_a_stage_is_a_reference_and_other_braces_stay(
    folder: Folder, written: str, meant: str
) -> None:
    stages = f"{TWO}  - {{id: c, type: x, depends_on: [extract], config: {{text: {json.dumps(written)}}}}}\n"
    text = config(tasks(load(folder, stages))["c"])["text"]
    assert render(text, lambda reference: f"<{reference.key}>") == meant


def test_values_of_variables_stay_out_of_the_kept_document_and_its_braces_are_escaped_too(folder: Folder) -> None:
    folder.environ["WHERE"] = "/secret/{{x}}"
    stages = '  - {id: a, type: x, config: {at: "${WHERE}/{{y}}"}}\n'
    loaded = folder.load(HEAD + stages)
    assert config(tasks(loaded.project)["a"]) == {"at": "/secret/{{{{x}}}}/{{{{y}}}}"}
    assert json.loads(loaded.document)["pipelines"]["a"]["config"] == {"at": "${WHERE}/{{{{y}}}}"}


def test_A_119_bindings_name_the_classes_of_types_and_the_modules_that_hold_them(folder: Folder) -> None:
    project = load(folder, TWO, 'types: {frame_extraction: "stubs:Frames"}\nplugins: [stubs]\n')
    assert [task.program for task in project.tasks()] == [
        Typed("frame_extraction", "stubs:Frames"),
        Typed("segmentation"),
    ]
    assert project.plugins == ("stubs",)


def test_bindings_may_name_a_program_for_a_stage(folder: Folder) -> None:
    found = tasks(load(folder, TWO, 'bindings: {extract: {command: [python, frames.py]}, segment: {call: "a.b:c"}}\n'))
    assert found["extract"].program == Command(("python", "frames.py"))
    assert found["segment"].program == Function("a.b.c")
    assert config(found["segment"]) == {"input_dir": "{extract.output_dir}"}


def test_A_024_a_custom_stage_runs_the_command_or_function_of_its_configuration(folder: Folder) -> None:
    stages = """\
  - {id: a, type: custom, config: {command: [echo, "{{}}"], x: 1}}
  - {id: b, type: custom, depends_on: [a], config: {function: mine.make, rows: "{a.rows}"}}
  - {id: c, type: custom}
  - {id: d, type: other, config: {command: [echo]}}
"""
    found = tasks(load(folder, stages))
    assert (found["a"].program, config(found["a"])) == (Command(("echo", "{{{{}}}}")), {"x": 1})
    assert (found["b"].program, config(found["b"])) == (Function("mine.make"), {"rows": "{a.rows}"})
    assert found["c"].program == Typed("custom")
    assert (found["d"].program, config(found["d"])) == (Typed("other"), {"command": ["echo"]})


def test_a_class_bound_to_custom_is_given_the_whole_configuration(folder: Folder) -> None:
    stages = "  - {id: a, type: custom, config: {command: [echo]}}\n"
    task = tasks(load(folder, stages, 'types: {custom: "mine:Custom"}\n'))["a"]
    assert (task.program, config(task)) == (Typed("custom", "mine:Custom"), {"command": ["echo"]})


def test_A_144_A_146_a_stage_may_have_the_retry_limits_and_resources_of_a_task(folder: Folder) -> None:
    stages = """\
  - id: a
    type: x
    retry: {max_attempts: 3, delay: 10s, backoff: 2}
    timeout: 2h
    resources: {gpu: 1, memory: 8GB}
    env: {CUDA: "1"}
  - {id: b, type: x, enabled: false, retry: {max_attempts: 2}}
"""
    a, b = load(folder, stages).tasks()
    assert (a.retry.max_attempts, a.retry.delay_s, a.retry.backoff, a.timeout_s) == (3, 10.0, 2.0, 7200.0)
    assert a.resources is not None
    assert (a.resources.gpu, a.resources.memory_bytes, a.env) == (1, 8 << 30, (("CUDA", "1"),))
    assert (b.enabled, b.retry.max_attempts) == (False, 2)


def test_every_fault_of_a_native_key_is_told_where_the_user_wrote_it(folder: Folder) -> None:
    assert folder.problems(HEAD + "  - {id: a, type: x, retry: {max_attempts: 0}}\n") == (
        "f.yaml:4:44: 'max_attempts' must be at least 1: '0'\n"
        "    - {id: a, type: x, retry: {max_attempts: 0}}\n"
        "                                             ^"
    )


def test_the_translation_says_where_everything_came_from(folder: Folder) -> None:
    found = read(folder.write(HEAD + TWO), environ={})
    stage = found.tree.entries["pipelines"].value.entries["segment"]  # type: ignore[union-attr]
    assert (stage.mark.line, stage.mark.column) == (8, 5)


# Files that are wrong in ways such users get them wrong.


def test_A_034_A_155_a_cycle_is_told_with_its_stages(folder: Folder) -> None:
    stages = """\
  - {id: a, type: x, depends_on: [c]}
  - {id: b, type: x, depends_on: [a]}
  - {id: c, type: x, depends_on: [b]}
  - {id: self, type: x, depends_on: [self]}
"""
    assert folder.problems(HEAD + stages) == (
        "f.yaml:5:35: Circular dependency detected: a -> c -> b -> a\n"
        "    - {id: b, type: x, depends_on: [a]}\n"
        "                                    ^\n"
        "  hint: remove one of these dependencies\n"
        "f.yaml:7:38: Circular dependency detected: self -> self\n"
        "    - {id: self, type: x, depends_on: [self]}\n"
        "                                       ^\n"
        "  hint: remove one of these dependencies"
    )


def test_A_007_A_035_doubled_ids_and_unknown_dependencies_are_told(folder: Folder) -> None:
    stages = """\
  - {id: extract, type: x}
  - {id: extract, type: y}
  - {id: segment, type: z, depends_on: [extrct, ghost]}
"""
    assert folder.problems(HEAD + stages) == (
        "f.yaml:5:10: there are two stages 'extract'\n"
        "    - {id: extract, type: y}\n"
        "           ^\n"
        "  hint: give one of them another id\n"
        "f.yaml:6:41: the stage 'segment' depends on 'extrct', and there is no such stage\n"
        "    - {id: segment, type: z, depends_on: [extrct, ghost]}\n"
        "                                          ^\n"
        "  hint: did you mean 'extract'?\n"
        "f.yaml:6:49: the stage 'segment' depends on 'ghost', and there is no such stage\n"
        "    - {id: segment, type: z, depends_on: [extrct, ghost]}\n"
        "                                                  ^\n"
        "  hint: stages: extract, segment"
    )


def test_A_008_missing_and_misspelt_keys_are_told_with_the_stage(folder: Folder) -> None:
    stages = """\
  - {id: extract, type: x, dependson: []}
  - {id: segment, depends_on: extract, config: [1]}
  - {type: z, conifg: {}}
"""
    assert folder.problems(HEAD + stages) == (
        "f.yaml:4:28: unknown key 'dependson'\n"
        "    - {id: extract, type: x, dependson: []}\n"
        "                             ^\n"
        "  hint: did you mean 'depends_on'?\n"
        "f.yaml:5:5: 'stages[1]' has no 'type'\n"
        "    - {id: segment, depends_on: extract, config: [1]}\n"
        "      ^\n"
        "f.yaml:5:31: 'depends_on' must be a list, not text: 'extract'\n"
        "    - {id: segment, depends_on: extract, config: [1]}\n"
        "                                ^\n"
        "  hint: write it in brackets: [extract]\n"
        "f.yaml:5:48: 'config' must be a mapping, not a list\n"
        "    - {id: segment, depends_on: extract, config: [1]}\n"
        "                                                 ^\n"
        "f.yaml:6:5: 'stages[2]' has no 'id'\n"
        "    - {type: z, conifg: {}}\n"
        "      ^\n"
        "f.yaml:6:15: unknown key 'conifg'\n"
        "    - {type: z, conifg: {}}\n"
        "                ^\n"
        "  hint: did you mean 'config'?"
    )


def test_A_029_A_031_a_reference_must_name_a_stage_that_was_there_before(folder: Folder) -> None:
    assert folder.problems(
        f'{HEAD}{TWO}  - {{id: c, type: x, config: {{a: "{{extrakt.dir}}", b: ["{{nope.x}}"]}}}}\n'
    ) == (
        "f.yaml:13:34: {extrakt.dir}: there is no stage 'extrakt'\n"
        '    - {id: c, type: x, config: {a: "{extrakt.dir}", b: ["{nope.x}"]}}\n'
        "                                   ^\n"
        "  hint: did you mean 'extract'?\n"
        "f.yaml:13:55: {nope.x}: there is no stage 'nope'\n"
        '    - {id: c, type: x, config: {a: "{extrakt.dir}", b: ["{nope.x}"]}}\n'
        "                                                        ^\n"
        "  hint: to have these braces as they are, write {{nope.x}}"
    )
    assert folder.problems(f'{HEAD}{TWO}  - {{id: c, type: x, config: {{a: "{{extract.dir}}"}}}}\n') == (
        "f.yaml:13:34: {extract.dir}: 'c' does not depend on 'extract'\n"
        '    - {id: c, type: x, config: {a: "{extract.dir}"}}\n'
        "                                   ^\n"
        "  hint: add the dependency, or for literal braces write {{ and }}"
    )


def test_A_009_a_file_without_stages_and_names_that_are_none_are_told(folder: Folder) -> None:
    assert folder.problems("name: p\nversion: 1.0.0\nstages: []\n") == (
        "f.yaml:3:9: 'stages' is empty\n"
        "  stages: []\n"
        "          ^"
    )  # fmt: skip
    assert folder.problems("stages:\n  - {id: ../x, type: t}\n") == (
        "f.yaml:1:1: the file has no 'name'\n"
        "  stages:\n"
        "  ^\n"
        "f.yaml:2:10: 'id' is not a name: '../x'\n"
        "    - {id: ../x, type: t}\n"
        "           ^\n"
        "  hint: use letters, digits, _ and -, not - first, at most 100 of them"
    )
