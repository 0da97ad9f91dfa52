"""A value from the environment never becomes syntax, in whichever dialect it is named."""

from __future__ import annotations

import json

import pytest

from config.configs import Folder
from tetra_orchestrator.core.model import Command, Shell
from tetra_orchestrator.core.template import render

RECOMART = 'tasks: {a: {config: {x: "${VALUE}"}}}\n'
TETRA = 'pipelines: {p: {module: m.n, config: {x: "${VALUE}"}}}\n'
STAGES = """
name: n
version: "1"
stages: [{id: a, type: t}, {id: b, type: t, depends_on: [a], config: {x: "${VALUE}"}}]
"""
VALUES = ["{a.rows}", "{{a.rows}}", "${a.rows}", '{"a": {"b": 1}}', "}}{", "; id $(id) `id`"]


@pytest.mark.parametrize("text", [RECOMART, TETRA, STAGES], ids=["recomart", "tetra", "stages"])
@pytest.mark.parametrize("value", VALUES)
def test_a_value_in_a_configuration_is_handed_over_as_it_is(folder: Folder, text: str, value: str) -> None:
    folder.environ["VALUE"] = value
    config = json.loads(folder.load(text).project.tasks()[-1].config or "")
    while "x" not in config:
        config = config["config"]
    assert render(config["x"], str) == value


def test_a_reference_to_a_stage_stays_one_beside_a_value(folder: Folder) -> None:
    folder.environ["VALUE"] = "{a.b}"
    text = STAGES.replace("${VALUE}", "{c}${VALUE}{{a.rows}}$${d}{a.rows}")
    loaded = folder.load(text)
    (_, task) = loaded.project.tasks()
    assert json.loads(task.config or "") == {"x": "{c}{{a.b}}{{a.rows}}${d}{a.rows}"}
    assert '"config":{"x":"{c}${VALUE}{{a.rows}}$${d}{a.rows}"}' in loaded.document


@pytest.mark.parametrize("value", VALUES)
def test_a_value_in_what_is_bound_to_a_task_is_no_part_of_its_program(folder: Folder, value: str) -> None:
    folder.environ["VALUE"] = value
    folder.write(
        'bindings: {a: {shell: "echo ${VALUE}"}, b: {command: [echo, "${VALUE}"], env: {X: "${VALUE}"}}}',
        "bindings.yaml",
    )
    shell, command = folder.load("tasks: {a: {}, b: {}}\n").project.tasks()
    assert shell.program == Shell("echo ${VALUE}")
    assert isinstance(command.program, Command)
    given = [dict(shell.env)["VALUE"], command.program.argv[1], dict(command.env)["X"]]
    assert [render(text, str) for text in given] == [value] * 3


def test_braces_beside_a_variable_of_a_dativo_job_are_doubled_in_its_native_form_too(folder: Folder) -> None:
    folder.environ["VALUE"] = "{c}"
    folder.write("connectors: {fake: {builtin: fake}, none: {builtin: null_writer}}", "bindings.yaml")
    loaded = folder.load(
        'tenant_id: acme\nsource_connector: fake\ntarget_connector: none\nasset: x\nsource: {query: "{a.b} ${VALUE}"}\n'
    )
    (task,) = loaded.project.tasks()
    assert json.loads(task.config or "")["source"]["options"] == {"query": "{{a.b}} {{c}}"}
    assert '"query":"{{a.b}} ${VALUE}"' in loaded.document
