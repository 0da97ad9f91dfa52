"""Several files and values from outside become one document."""

from __future__ import annotations

import json

import pytest

from config.configs import Folder
from tetra_orchestrator.errors import UsageError

ONE = "version: 1\nproject: p\n"


def test_included_files_lie_under_the_file_that_names_them(folder: Folder) -> None:
    folder.write("pipelines: {a: {module: m, timeout: 1h}, b: {module: m}}", "parts/one.yaml")
    folder.write("pipelines: {c: {module: m}}\npools: {db: 2}", "parts/two.yaml")
    loaded = folder.native("include: [parts/*.yaml]\npipelines: {a: {timeout: 2h}}")
    assert [(task.id, task.timeout_s) for task in loaded.project.tasks()] == [("a", 7200.0), ("b", None), ("c", None)]
    assert [path.removeprefix(f"{folder.path}/") for path in loaded.files] == [
        "f.yaml", "parts/one.yaml", "parts/two.yaml",
    ]  # fmt: skip


def test_a_mistake_in_an_included_file_is_told_with_its_name(folder: Folder) -> None:
    folder.write("pipelines: {a: {modul: m}}", "parts/one.yaml")
    assert "parts/one.yaml:1:17: unknown key 'modul'" in folder.faults("include: [parts/one.yaml]")


def test_an_include_that_finds_nothing_is_an_error(folder: Folder) -> None:
    assert folder.faults("include: [nowhere/*.yaml]\npipelines: {a: {module: m}}") == (
        "f.yaml:3:11: no file is called 'nowhere/*.yaml'\n"
        "  include: [nowhere/*.yaml]\n"
        "            ^\n"
        "  hint: a path is taken from the project's root; * stands for any name"
    )


def test_secrets_come_from_a_file_or_a_program_and_stay_out_of_the_stored_document(folder: Folder) -> None:
    folder.write("s3cret\n", "keys/one")
    loaded = folder.native(
        "secrets: {ONE: {file: keys/one}, TWO: {command: [echo, hidden]}, UNUSED: {command: [false]}}\n"
        'pipelines: {a: {module: m, env: {A: "${ONE}", B: "x-${TWO}"}}}'
    )
    assert loaded.project.tasks()[0].env == (("A", "s3cret"), ("B", "x-hidden"))
    assert "s3cret" not in loaded.document
    assert json.loads(loaded.document)["pipelines"]["a"]["env"] == {"A": "${ONE}", "B": "x-${TWO}"}


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("{file: nowhere}", "nowhere: cannot be read: No such file or directory"),
        ("{command: [sh, -c, 'echo hidden; exit 3']}", "the command exited with code 3"),
        ("{command: [/no/program]}", "/no/program: No such file or directory"),
    ],
)
def test_a_secret_that_cannot_be_had_is_told_without_what_was_printed(folder: Folder, source: str, cause: str) -> None:
    text = f'secrets: {{ONE: {source}}}\npipelines: {{a: {{module: m, env: {{A: "${{ONE}}"}}}}}}'
    problem, _, _, hint = folder.faults(text).splitlines()
    assert problem == f"f.yaml:3:11: the secret ONE cannot be had: {cause}"
    assert hint.startswith("  hint: check the path" if "file" in source else "  hint: try the command by hand")


@pytest.mark.parametrize("used", ["", ', env: {A: "${ONE}"}'])
@pytest.mark.parametrize(
    ("source", "problem", "hint"),
    [
        ("{}", "'ONE' has neither 'file' nor 'command'", "add `file: PATH` or `command: [PROGRAM, ARGUMENT]`"),
        ("{file: f.yaml, command: [echo, hidden]}", "'ONE' has both 'file' and 'command'", "keep one of the two"),
        ("hidden", "'ONE' must be a mapping, not text: 'hidden'", "write keys under it: file, command"),
        ("{command: []}", "'command' is empty", "write the program and its arguments: [PROGRAM, ARGUMENT]"),
        ("{command: [[echo]]}", "'command[0]' must be text, not a list", None),
    ],
)
def test_a_secret_needs_one_source_whether_it_is_used_or_not(
    folder: Folder, source: str, problem: str, hint: str | None, used: str
) -> None:
    first, *rest = folder.faults(f"secrets: {{ONE: {source}}}\npipelines: {{a: {{module: m{used}}}}}").splitlines()
    assert first.split(": ", 1)[1] == problem
    assert rest[2:] == ([f"  hint: {hint}"] if hint else [])


def test_a_secret_that_no_task_is_given_is_told(folder: Folder) -> None:
    (warning,) = folder.native("secrets: {ONE: {file: keys/one}}\npipelines: {a: {shell: echo $ONE}}").warnings
    assert warning.render().replace(f"{folder.path}/", "") == (
        "f.yaml:3:11: 'ONE' is given to no task: nothing here names ${ONE}\n"
        "  secrets: {ONE: {file: keys/one}}\n"
        "            ^\n"
        '  hint: give it to a task in `env: {ONE: "${ONE}"}`'
    )


def test_an_unset_variable_of_a_channel_is_a_warning(folder: Folder) -> None:
    loaded = folder.native('pipelines: {a: {module: m}}\nalerting: {channels: {slack: {webhook_url: "${HOOK}"}}}')
    assert "the variable HOOK is not set" in [warning.message for warning in loaded.warnings]


def test_an_unknown_dialect_is_refused_with_those_there_are(folder: Folder) -> None:
    with pytest.raises(UsageError) as caught:
        folder.load(ONE, dialect="airflow")
    assert str(caught.value) == (
        "Unknown dialect: airflow\n  hint: --dialect takes native, dativo, stages, recomart, tetra, tauro"
    )


def test_an_included_file_cannot_include_others(folder: Folder) -> None:
    folder.write("pools: {db: 2}\ninclude: [two.yaml]", "one.yaml")
    assert folder.faults("include: [one.yaml]\npipelines: {a: {module: m}}") == (
        "one.yaml:2:1: an included file cannot include others\n"
        "  include: [two.yaml]\n"
        "  ^\n"
        "  hint: name that file in the `include` of the file that includes this one"
    )


def test_an_included_file_must_be_a_mapping(folder: Folder) -> None:
    folder.write("pools: {db: 2}", "one.yaml")
    folder.write("- db", "two.yaml")
    assert folder.faults("include: [one.yaml, two.yaml]\npipelines: {a: {module: m}}") == (
        "two.yaml:1:1: an included file must be a mapping\n  - db\n  ^"
    )
