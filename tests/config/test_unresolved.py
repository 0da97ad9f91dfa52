"""Values of variables stay out of what is stored, also where a dialect makes new text of them."""

from __future__ import annotations

import json

import pytest

from config.configs import Folder

RECOMART = 'storage: {db: {password: "${SECRET}"}}\ntasks: {a: {config: {key: "${SECRET}"}}}\n'
TAURO = """
nodes:
  train: {function: m.f, hyperparams: {key: "${SECRET}"}, mlops: {experiment_name: "x-${SECRET}"}}
"""
STAGES = 'name: n\nversion: "${SECRET}"\nstages: [{id: a, type: t, config: {key: "${SECRET}"}}]\n'
TETRA = 'pipelines: {p: {module: "m.${SECRET}"}}\n'


@pytest.mark.parametrize("text", [RECOMART, TAURO, STAGES, TETRA], ids=["recomart", "tauro", "stages", "tetra"])
@pytest.mark.parametrize("secret", ["hunter2x", 'with "quotes" and {braces} {{twice}}'])
def test_a_translated_document_holds_references_and_no_values(folder: Folder, text: str, secret: str) -> None:
    folder.environ["SECRET"] = secret
    document = folder.load(text).document
    assert "hunter2x" not in document
    assert "quotes" not in document
    assert "${SECRET}" in document


def test_what_the_user_wrote_is_left_as_it_is(folder: Folder) -> None:
    folder.environ.update(SECRET="pipeline", SHORT="full")
    text = 'name: pipeline\nversion: "1"\nstages: [{id: a, type: t, config: {key: "${SECRET}", mode: "${SHORT}"}}]\n'
    document = json.loads(folder.load(text).document)
    assert (document["title"], list(document["modes"])) == ("pipeline 1", ["pipeline"])


def test_the_values_themselves_reach_the_task(folder: Folder) -> None:
    folder.environ["SECRET"] = secret = '{"a": {"b": "${a.b} {a.b} }}"}}'
    project = folder.load(RECOMART, modules=False).project
    assert json.loads(dict(project.environment.extra)["PIPELINE_STORAGE"]) == {"db": {"password": secret}}
    (task,) = project.tasks()
    assert json.loads(task.config or "") == {"key": secret.replace("{", "{{").replace("}", "}}")}


def test_no_message_shows_a_secret(folder: Folder) -> None:
    folder.write("hunter2'x", "key")
    folder.environ.update(DB_PASSWORD="hunter2y", PLAIN="elsewhere")
    problems = folder.faults(
        "secrets: {GIVEN: {file: key}}\n"
        'timezone: "${GIVEN}"\n'
        'state: "mysql://user:${DB_PASSWORD}@host/db"\n'
        'pipelines: {a: {module: m, pool: ["${DB_PASSWORD}", "${PLAIN}"]}}\n'
    )
    assert "hunter2" not in problems
    assert [line.partition(": ")[2] for line in problems.splitlines() if line.startswith("f.yaml")] == [
        'there is no time zone "***"',
        "'mysql://user:***@host/db' is not the address of a store",
        "there is no pool '***'",
        "there is no pool 'elsewhere'",
    ]
    assert "add it: `pools: {***: 1}`" in problems
