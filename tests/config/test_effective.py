"""The values in effect, and where each comes from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.effective import Origin, Sources, Variable, effective
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.config.problems import dotted
from tetra_orchestrator.config.read import read
from tetra_orchestrator.config.schema import Document

if TYPE_CHECKING:
    from config.configs import Folder

HEAD = "version: 1\nproject: p\n"


@pytest.fixture
def values(folder: Folder):
    """The values in effect of a native file, by dotted path."""

    def of(text: str, **environ: str):
        path = folder.write(HEAD + text)
        env = {**folder.environ, **environ}
        project = load_project(path, environ=env, check_modules=False).project
        found = read(path, environ=env)
        document = check_shape(found.tree, found.problems, Document)
        listed = effective(found.tree, document, project, Sources((), env, {}))
        return {dotted(value.path): value for value in listed}

    return of


def test_what_belongs_to_a_task_is_told_of_the_tasks_only(values):
    found = values("pipelines: {p: {tasks: {a: {shell: 'true'}}}}\n")
    assert "pipelines.p.priority" not in found
    assert "pipelines.p.kill_grace" not in found
    assert found["pipelines.p.enabled"].origin.kind == "default"
    assert found["pipelines.p.tasks.a.kill_grace"].value == 10


def test_a_task_inherits_field_by_field(values):
    found = values(
        "defaults: {task: {retry: {max_attempts: 3, delay: 5}, resources: {cpu: 2}}}\n"
        "pipelines: {p: {tasks: {a: {shell: 'true', retry: {delay: 1}}}}}\n"
    )
    shown = {path: (one.value, one.origin.line) for path, one in found.items() if path.startswith("pipelines.p.tasks")}
    assert shown["pipelines.p.tasks.a.retry.delay"] == ("1", 4)
    assert shown["pipelines.p.tasks.a.retry.max_attempts"] == ("3", 3)
    assert shown["pipelines.p.tasks.a.resources.cpu"] == ("2", 3)


def test_what_a_task_says_hides_the_default(values):
    found = values("defaults: {task: {timeout: 2h}}\npipelines: {p: {shell: 'true', timeout: 1m, kill_grace: 2s}}\n")
    assert (found["pipelines.p.timeout"].value, found["pipelines.p.kill_grace"].value) == ("1m", "2s")
    assert len([path for path in found if path.endswith("timeout") and path != "host.timeout"]) == 2


def test_a_secret_is_masked_where_it_is_declared_and_where_it_is_used(values, folder):
    folder.write("s3cret\n", "code")
    found = values(
        'secrets: {CODE: {file: code}}\ntitle: "${CODE}"\n'
        "pipelines: {p: {shell: 'echo $GIVEN', env: {GIVEN: '${CODE}'}, config: {rows: ['--code', '${CODE}', x]}}}\n"
    )
    assert found["title"].value == found["secrets.CODE.file"].value == found["pipelines.p.env.GIVEN"].value == "***"
    assert found["pipelines.p.config.rows"].value == ["--code", "***", "x"]
    assert found["title"].origin.variables == (Variable("CODE", "secret"),)
    assert "s3cret" not in repr(found)


def test_a_value_from_the_environment_names_its_variable_and_its_place(values):
    found = values("title: ${A}${B:-b}\npipelines: {p: {shell: 'true'}}\n", A="x")
    (file,) = {found["project"].origin.file}
    assert (found["title"].value, found["title"].origin) == (
        "xb",
        Origin("file", file, 3, (Variable("A", "environment"), Variable("B", "default"))),
    )


def test_a_variable_that_wins_over_the_file_is_the_origin(values):
    found = values("logs: {dir: here}\npipelines: {p: {shell: 'true'}}\n", LOG_DIR="/there")
    assert (found["logs.dir"].value, found["logs.dir"].origin) == (
        "/there",
        Origin("environment", variables=(Variable("LOG_DIR", "environment"),)),
    )


def test_what_the_machine_decides_is_told(values):
    found = values("pipelines: {p: {shell: 'true'}}\n")
    assert found["host.max_parallel"].value == os.cpu_count()
    assert found["python"].origin == Origin("default")


def test_the_parts_come_in_their_usual_order_with_what_belongs_together(values):
    paths = list(values("modes: {m: [b]}\npipelines: {b: {shell: 'true'}, a: {shell: 'true'}}\nhost: {cpu: 1}\n"))
    tops = list(dict.fromkeys(path.partition(".")[0] for path in paths))
    assert tops == [key for key in Document.model_fields if key in tops]
    named = list(dict.fromkeys(path.split(".")[1] for path in paths if path.startswith("pipelines.")))
    assert named == ["b", "a"]
