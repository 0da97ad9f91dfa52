from __future__ import annotations

import pytest

from config.configs import Folder
from tetra_orchestrator.core.model import Module
from tetra_orchestrator.errors import UsageError

BASE = """\
version: 1
project: p
host: {max_parallel: 2}
pipelines:
  a: {module: m, args: [x, y], timeout: 1h}
  b: {module: m, depends_on: [a]}
"""


def usage(folder: Folder, *sets: str) -> str:
    with pytest.raises(UsageError) as caught:
        folder.load(BASE, sets=list(sets))
    return str(caught.value)


def test_an_overlay_replaces_values_and_lists_and_merges_mappings(folder: Folder) -> None:
    first = folder.write("pipelines: {a: {args: [z], timeout: 5m}}\n", "prod.yaml")
    second = folder.write("pipelines: {a: {timeout: 6m}, c: {module: n}}\n", "site.yaml")
    loaded = folder.load(BASE, overlays=[first, second])
    a, b, c = loaded.project.tasks()
    assert (a.program, a.args, a.timeout_s) == (Module("m"), ("z",), 360)
    assert (b.depends_on, c.id) == (("a",), "c")
    assert loaded.files == (str(folder.path / "f.yaml"), first, second)


def test_a_problem_in_an_overlay_points_into_the_overlay(folder: Folder) -> None:
    over = folder.write("pipelines:\n  b:\n    timeout: soon\n    depends_on: [z]\n", "prod.yaml")
    assert folder.problems(BASE, overlays=[over]) == (
        "prod.yaml:3:14: 'timeout' is not a duration: 'soon'\n"
        "      timeout: soon\n"
        "               ^\n"
        "  hint: write it like 90s, 5m, 2h, 1d or 1h30m\n"
        "prod.yaml:4:18: 'b' depends on 'z', and there is no such pipeline\n"
        "      depends_on: [z]\n"
        "                   ^\n"
        "  hint: pipelines depend on pipelines, and a task on tasks of its own pipeline, by their short names"
    )


def test_a_broken_overlay_is_told_as_such(folder: Folder) -> None:
    over = folder.write("a: [\n", "prod.yaml")
    assert folder.problems(BASE, overlays=[over]).startswith("prod.yaml:2:1: not valid YAML: ")
    assert folder.problems(BASE, overlays=[str(folder.path / "none.yaml")]) == (
        "none.yaml: cannot be read: No such file or directory\n  hint: check the path and its rights"
    )


def test_set_replaces_one_value_over_all_overlays(folder: Folder) -> None:
    over = folder.write("host: {max_parallel: 3}\n", "prod.yaml")
    sets = ["host.max_parallel=5", "pipelines.a.args=[1.10, 012]", "title=no = yes", "logs.dir=x"]
    project = folder.load(BASE, overlays=[over], sets=sets).project
    assert (project.host.max_parallel, project.title) == (5, "no = yes")
    assert project.tasks()[0].args == ("1.10", "012")
    assert project.logs.dir == str(folder.path / "x")


def test_set_changes_the_hash_of_the_configuration(folder: Folder) -> None:
    plain, changed = folder.load(BASE), folder.load(BASE, sets=["host.max_parallel=5"])
    assert plain.project.config_hash == folder.load("# comment\n" + BASE).project.config_hash
    assert plain.project.config_hash != changed.project.config_hash
    assert len(plain.project.config_hash) == 16


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "hosts.max_parallel=3",
            "--set hosts.max_parallel=3: unknown key 'hosts'\n  hint: did you mean 'host'?",
        ),
        (
            "host.max_paralel=3",
            "--set host.max_paralel=3: unknown key 'max_paralel'\n  hint: did you mean 'max_parallel'?",
        ),
        (
            "host.max_parallel=x",
            "--set host.max_parallel=x: 'max_parallel' is not a whole number: 'x'\n  hint: write it like 3 or -10",
        ),
        (
            "pipelines.a.module.x=3",
            "--set pipelines.a.module.x=3: 'pipelines.a.module' is not a mapping, so it has no 'x'\n"
            "  hint: set 'pipelines.a.module' as a whole",
        ),
        (
            "pipelines.c.timeout=3",
            "--set pipelines.c.timeout=3: 'c' has nothing to run\n"
            "  hint: add one of `module`, `command`, `shell`, `function`, `type` or `tasks`",
        ),
        ("title", "--set title: this is not KEY=VALUE\n  hint: write it like --set host.max_parallel=2"),
        ("=3", "--set =3: this is not KEY=VALUE\n  hint: write it like --set host.max_parallel=2"),
        ("a..b=3", "--set a..b=3: this is not KEY=VALUE\n  hint: write it like --set host.max_parallel=2"),
        ("title=", "--set title=: 'title' has no value\n  hint: write --set 'title=\"\"' for empty text"),
        (
            "title=[x",
            "--set title=[x: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence "
            "from line 1",
        ),
        (
            "title={a.b}",
            "--set title={a.b}: 'title' must be text, not a mapping\n  hint: put it in quotes: \"{a.b}\"",
        ),
    ],
)
def test_a_set_that_does_not_fit_is_named(folder: Folder, assignment: str, message: str) -> None:
    assert usage(folder, assignment) == message
