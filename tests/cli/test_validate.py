"""`validate`: the plan by parallel groups, every file, every warning, or every problem."""

from __future__ import annotations

import json

import pytest

FILE = """
    pipelines:
      data: {shell: "true", provides: [prices]}
      news: {shell: "true", enabled: false}
      report: {tasks: {draw: {shell: "true"}, send: {shell: "true", depends_on: [draw]}}, depends_on: [data, news]}
    modes: {daily: [data, news]}
"""


def test_the_plan_is_printed_by_groups_with_its_files_and_what_is_disabled(site):
    site.configure(FILE)
    site.write("prod.yaml", "title: Production\n")
    done = site.run("validate", "--overlay", "prod.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "files    config/orchestration.yaml, prod.yaml (native)\n"
        "project  demo (Production)\n"
        "  1. data, news (disabled)\n"
        "  2. report.draw\n"
        "  3. report.send\n"
        "mode     daily\n"
        "  1. data, news (disabled)\n"
        f"\n{site.root}/config/orchestration.yaml is valid: 3 pipelines, 4 tasks, 3 edges, 0 warnings\n"
    )


def test_the_json_has_the_published_shape_and_names_every_file(site):
    site.configure(FILE + "    include: [more/*.yaml]\n")
    site.write("prod.yaml", "title: Production\n")
    site.write("more/x.yaml", "pipelines: {x: {shell: 'true'}}\n")
    body = site.json("validate", "--overlay", "prod.yaml")
    assert list(body) == [
        *("schema", "ok", "project", "title", "dialect", "files", "errors", "warnings", "groups", "disabled"),
        *("modes", "summary"),
    ]
    assert (body["schema"], body["ok"], body["dialect"]) == ("tetra.validate/1", True, "native")
    root = str(site.root)
    assert body["files"] == [f"{root}/config/orchestration.yaml", "prod.yaml", f"{root}/more/x.yaml"]
    assert body["groups"] == [["x", "data", "news"], ["report.draw"], ["report.send"]]
    assert body["modes"] == {"daily": {"groups": [["data", "news"]]}}
    assert body["summary"] == {"pipelines": 4, "tasks": 5, "edges": 3}


def test_a_warning_is_told_and_the_file_is_valid_all_the_same(site):
    site.configure("pipelines: {a: {shell: 'true', requires: [prices]}}\n")
    file = site.root / "config/orchestration.yaml"
    done = site.run("validate")
    assert done.returncode == 0
    assert done.stderr == (
        f"warning: {file}:4:43: no pipeline before 'a' provides 'prices'\n"
        "  pipelines: {a: {shell: 'true', requires: [prices]}}\n"
        "                                            ^\n"
        "  hint: add it to the `provides` of the pipeline that makes it\n"
    )
    assert done.stdout.splitlines()[-1] == f"{file} is valid: 1 pipeline, 1 task, 0 edges, 1 warning"
    (warning,) = site.json("validate")["warnings"]
    assert warning == {
        "code": "unprovided",
        "file": str(file),
        "line": 4,
        "column": 43,
        "path": "pipelines.a.requires[0]",
        "message": "no pipeline before 'a' provides 'prices'",
        "hint": "add it to the `provides` of the pipeline that makes it",
    }


def test_the_json_of_a_file_with_problems_names_its_dialect_its_files_and_every_error(site):
    site.configure("pipelines: {a: {shell: 'true', timout: 5}, b: {depends_on: [c]}}\n")
    done = site.run("validate", "--json")
    body = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (78, "")
    assert (body["ok"], body["dialect"]) == (False, "native")
    assert body["files"] == [str(site.root / "config/orchestration.yaml")]
    assert [error["code"] for error in body["errors"]] == ["unknown_key", "no_program", "unknown_dependency"]
    assert (body["groups"], body["modes"], body["summary"]) == ([], {}, None)


def test_the_json_of_a_file_that_cannot_be_read_names_the_cause(site):
    done = site.run("validate", "nope.yaml", "--json")
    body = json.loads(done.stdout)
    assert (done.returncode, body["ok"], body["dialect"]) == (78, False, None)
    assert body["files"] == [f"{site.root}/nope.yaml"]
    assert body["errors"] == [
        {
            "code": "config",
            "file": f"{site.root}/nope.yaml",
            "line": None,
            "column": None,
            "path": None,
            "message": "cannot be read: No such file or directory",
            "hint": "check the path and its rights",
        }
    ]


def test_a_text_that_is_no_yaml_is_an_error_with_its_place(site):
    site.configure("pipelines: [\n")
    body = json.loads(site.run("validate", "--json").stdout)
    assert [(error["code"], error["line"]) for error in body["errors"]] == [("syntax", 5)]


def test_a_file_of_another_dialect_is_named_as_such(site):
    site.write(
        "flow.yaml",
        """\
        name: demo
        version: "1.0"
        stages:
          - {id: a, type: frame_extraction, config: {}}
          - {id: b, type: frame_extraction, config: {}, depends_on: [a]}
        """,
    )
    body = site.json("validate", "flow.yaml")
    assert (body["ok"], body["dialect"], body["groups"]) == (True, "stages", [["a"], ["b"]])
    first = site.run("validate", "flow.yaml").stdout.splitlines()[0]
    assert first == "files    flow.yaml (stages)"


def test_an_unknown_dialect_is_a_mistake_of_the_command_line(site):
    site.configure(FILE)
    done = site.run("validate", "--dialect", "tetris")
    assert (done.returncode, done.stderr) == (
        64,
        "error: Unknown dialect: tetris\n  hint: --dialect takes native, dativo, stages, recomart, tetra, tauro\n",
    )


@pytest.mark.long
def test_a_chain_of_100_000_tasks_is_valid(site):
    chain = [f"      t{n}: {{shell: ':', depends_on: [t{n - 1}]}}\n" for n in range(1, 100_000)]
    site.configure("pipelines:\n  work:\n    tasks:\n      t0: {shell: ':'}\n" + "".join(chain))
    done = site.run("validate")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" is valid: 1 pipeline, 100000 tasks, 99999 edges, 0 warnings\n")
    assert done.stdout.count("\n") == 100_000 + 4
    again = site.run("validate")
    assert (again.returncode, again.stdout) == (0, done.stdout)
