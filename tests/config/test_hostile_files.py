"""Files that mean harm, in every form: each ends in exit code 78 with its place, in two seconds and 50 MB.

The numbers are those of the catalogue of faults.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from config.hostile import FORMS, KINDS, assert_refused, document, measured, written
from support.samples import pairs
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.core.template import references
from tetra_orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from tetra_orchestrator.config.load import Loaded
    from tetra_orchestrator.config.problems import Problem
    from tetra_orchestrator.core.template import Reference

WITH_GRAPH = FORMS[:-1]
ENVIRON = {"PATH": "/usr/bin:/bin"}
RENDERED = re.compile(r"(.+):(\d+):(\d+): (.+)")


def loaded(path: str, **environ: str) -> Loaded:
    return load_project(path, environ={**ENVIRON, **environ}, check_modules=False)


def problems(path: str, **environ: str) -> list[Problem]:
    """Every problem of a file, each with its place in it and shown with a line of it."""
    with pytest.raises(ConfigError) as caught:
        loaded(path, **environ)
    assert caught.value.exit_code == 78
    found = list(caught.value.problems)
    assert found
    for problem in found:
        assert RENDERED.match(problem.render().split("\n")[0])
    return found


def first(path: str, **environ: str) -> str:
    return problems(path, **environ)[0].render().replace(f"{os.path.dirname(path)}/", "")


def alias_bomb() -> str:
    names = "abcdefghi"
    lines = [f"z{n}: &{n} [{', '.join([f'*{p}'] * 10)}]" for p, n in zip(names, names[1:], strict=False)]
    return "\n".join(["za: &a [x, x, x, x, x, x, x, x, x, x]", *lines, ""])


def merge_bomb() -> str:
    names = "abcdefghi"
    lines = [f"z{n}: &{n} {{<<: [{', '.join([f'*{p}'] * 10)}]}}" for p, n in zip(names, names[1:], strict=False)]
    return "\n".join(["za: &a {k: 1}", *lines, ""])


#: What stands behind a sound document, and a part of what is said.
BEHIND = {
    "78_a_tab": ("zz:\n\t- b\n", "this line is indented with a tab"),
    "78_broken_syntax": ("zz: [1\nyy: 2\n", "not valid YAML"),
    "78_a_nul": ("zz: x\0y\n", "the character U+0000 is not allowed here"),
    "79_a_doubled_key": ("zz: 1\nzz: 2\n", "the key 'zz' is here a second time, first on line "),
    "82_a_bomb_of_aliases": (alias_bomb(), "aliases expand to more than 100,000 values here"),
    "82_a_bomb_of_one_long_text": (
        f"za: &a '{'x' * 100_000}'\nzb: [{', '.join(['*a'] * 50_000)}]\n",
        "aliases expand to more than 1,000,000 characters here",
    ),
    "82_a_bomb_of_merge_keys": (merge_bomb(), ""),
    "82_deep_lists": (f"zz: {'[' * 100_000}", "more than 64 levels are nested here"),
    "82_deep_mappings": (f"zz: {'{a: ' * 100_000}", "more than 64 levels are nested here"),
    "82_a_key_without_end": (f"? {'x' * 1_000_000}\n: 1\n", "a key has at most 1,024 characters"),
    "82_variables_without_end": (f"zz: {'${A:-' * 200_000}\n", "does not name a variable"),
    "83_fifty_megabytes": (f"# {'x' * (50 << 20)}\n", "the file has 50 MB, and at most 10 MB are read"),
}


@pytest.mark.parametrize(("fault", "form"), pairs(BEHIND, FORMS, 3))
def test_fault(fault: str, form: str, tmp_path: Path) -> None:
    behind, message = BEHIND[fault]
    path = written(tmp_path, form, document(form) + behind)
    said = assert_refused(measured(tmp_path, "validate", path))
    assert message in said
    assert "  hint: " in said or "82" in fault


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", ["bom", "utf-16", "crlf", "cr", "latin-1", "empty"])
def test_fault_78_an_encoding_is_read_with_right_places_or_refused_with_one(
    how: str, form: str, tmp_path: Path
) -> None:
    text = document(form, more=KINDS[form].typo[0]) + "# é\n"
    plain = first(written(tmp_path, form, text))
    data = {
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "utf-16": text.encode("utf-16"),
        "crlf": text.replace("\n", "\r\n").encode(),
        "cr": text.replace("\n", "\r").encode(),
        "latin-1": text.encode("latin-1"),
        "empty": b"\n# nothing\n",
    }[how]
    said = first(written(tmp_path, form, data))
    refusals = {"latin-1": "this is not UTF-8 text", "empty": "the file is empty"}
    assert refusals[how] in said if how in refusals else said == plain


@pytest.mark.parametrize("form", FORMS)
def test_fault_79_both_lines_of_a_doubled_key_are_told(form: str, tmp_path: Path) -> None:
    text = document(form)
    last = text.count("\n")
    head = next(line for line in text.split("\n") if line.endswith(":")) if ":\n" in text else None
    doubled = text + (f"{head}\n  zz: 1\n" if head else text.split("\n")[0])
    said = first(written(tmp_path, form, doubled))
    assert re.search(rf"^\S+:{last + 1}:1: the key '\w+' is here a second time, first on line \d+\n", said), said


@pytest.mark.parametrize("form", FORMS)
def test_fault_80_a_misspelt_key_is_told_with_the_right_one(form: str, tmp_path: Path) -> None:
    typo, meant = KINDS[form].typo
    said = assert_refused(measured(tmp_path, "validate", written(tmp_path, form, document(form, more=typo))))
    assert f"unknown key '{typo.split(':')[0]}'" in said
    assert f"did you mean '{meant}'?" in said
    assert f" {typo.split(':')[0]}" in said.split("\n")[1]
    assert said.split("\n")[2].strip() == "^"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "value", ["no", "on", "012", "12:30", "'true'", "[true]", "nan", "0x1F", "1_000", "=", "1e400"]
)
def test_fault_81_a_word_that_yaml_would_read_otherwise_is_refused_where_it_does_not_fit(
    value: str, form: str, tmp_path: Path
) -> None:
    said = first(written(tmp_path, form, document(form, more=KINDS[form].switch.format(value))))
    assert re.match(r"\S+:\d+:\d+: '\w+(\[\d+\]\.\w+)?' (must be|is) ", said), said


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", ["no", "on", "1.10", "012", "12:30", "0x1F", "1_000"])
def test_fault_81_a_word_that_yaml_would_read_otherwise_stays_text_where_text_is_due(
    value: str, form: str, tmp_path: Path
) -> None:
    text = loaded(written(tmp_path, form, document(form, more=KINDS[form].odd.format(value)))).document
    if (form, value) == ("tauro", "1.10"):
        value = "1.1"  # a hyperparameter is a number where it looks like one
    assert f'"{value}"' in text or f":{value}" in text


@pytest.mark.parametrize("form", FORMS)
def test_fault_82_what_stays_just_below_the_limits_costs_little(form: str, tmp_path: Path) -> None:
    values = f"za: &a [{', '.join('x' * 990)}]\nzb: [{', '.join(['*a'] * 99)}]\n"
    assert_refused(measured(tmp_path, "validate", written(tmp_path, form, document(form) + values)))


GRAPHS = {
    "a cycle": ({"a": ("c",), "b": ("a",), "c": ("b",)}, r"[Cc]ycle|Circular|circle"),
    "a self-edge": ({"a": (), "b": ("b",)}, r"itself|b -> b|b <-> b"),
    "a missing dependency": ({"a": (), "b": ("nobody",)}, r"'nobody'"),
}


@pytest.mark.parametrize("form", WITH_GRAPH)
@pytest.mark.parametrize("graph", GRAPHS)
def test_fault_84_a_graph_that_cannot_run_is_told_with_all_of_it(graph: str, form: str, tmp_path: Path) -> None:
    units, message = GRAPHS[graph]
    said = "\n".join(problem.render() for problem in problems(written(tmp_path, form, document(form, units))))
    assert re.search(message, said), said
    if graph == "a cycle":
        assert all(f"{name}" in said.split("\n")[0] for name in units), said


def test_fault_84_a_job_file_that_is_missing_and_a_schedule_of_the_same_name_are_told(tmp_path: Path) -> None:
    text = document("dativo", {"a": ()}, "config: nowhere.yaml").replace("config: job.yaml, ", "")
    assert "there is no such file" in first(written(tmp_path, "dativo", text))
    twice = document("dativo") + KINDS["dativo"].unit.format(name="b", needs="[]", more="")
    assert "there is a second schedule 'b'" in first(written(tmp_path, "dativo", twice))


@pytest.mark.parametrize("form", FORMS)
def test_fault_84_names_that_differ_only_in_case_are_refused(form: str, tmp_path: Path) -> None:
    assert "'Aa'" in first(written(tmp_path, form, document(form, {"aa": (), "Aa": ()})))


def sized(form: str, count: int, *, wide: bool) -> str:
    return document(form, {f"t{i}": () if wide or not i else (f"t{i - 1}",) for i in range(count)})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", ["85 a chain", "86 side by side"])
def test_fault_85_and_86_two_thousand_units_are_read_without_recursion(shape: str, form: str, tmp_path: Path) -> None:
    start = time.perf_counter()
    project = loaded(written(tmp_path, form, sized(form, 2000, wide="86" in shape))).project
    assert len(project.tasks()) == 2000
    assert time.perf_counter() - start < 10


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", ["85 a chain", "86 side by side"])
def test_fault_85_and_86_a_hundred_thousand_units_are_read(shape: str, form: str, tmp_path: Path) -> None:
    path = written(tmp_path, form, sized(form, 100_000, wide="86" in shape))
    found = measured(tmp_path, "config", "convert", path, "--out", "made.yaml", cpu_s=120)
    assert found.code == 0, found
    print(shape, form, found.cpu_s, found.resident_mb)


NAMES = {
    "up": "../x", "absolute": "/etc/passwd", "line": "a\nb", "percent": "%h", "shell": "$(id)", "option": "-rf",
    "emoji": "\U0001f600", "composed": "\u00e9", "decomposed": "e\u0301", "long": "x" * 300, "dots": "..", "dot": "a.b",
    "space": "a b", "quote": "a'b", "sql": "a;--", "empty": "", "brace": "{a.b}", "backslash": "a\\b", "nul": "a\0b",
    "glob": "a*", "tilde": "~x", "ideograph": "\u4e00", "digit": "\u0661", "newline": "a\n",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", NAMES)
def test_fault_87_a_name_that_could_be_a_path_an_option_or_a_command_is_refused(
    kind: str, form: str, tmp_path: Path
) -> None:
    text = document(form, {"a": (), NAMES[kind]: ()})
    said = [one.message for one in problems(written(tmp_path, form, text))]
    assert any("is not a name" in one or "holds a NUL" in one for one in said), said


@pytest.mark.parametrize("form", FORMS)
def test_fault_87_a_hostile_name_is_shown_on_one_line(form: str, tmp_path: Path) -> None:
    path = written(tmp_path, form, document(form, {"a": (), "x\n\x1b[31m%h": ()}))
    said = assert_refused(measured(tmp_path, "validate", path))
    assert "\x1b" not in said
    assert len(said.strip().split("\n")) == 4


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["CON", "nul", "x" * 100, "9", "_", "a-", "a--b"])
def test_fault_87_a_name_that_is_accepted_is_harmless_as_a_path_and_as_an_argument(
    name: str, form: str, tmp_path: Path
) -> None:
    project = loaded(written(tmp_path, form, document(form, {name: ()}))).project
    for made in (*(task.id for task in project.tasks()), *(mode.name for mode in project.modes), project.name):
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", made)
        assert ".." not in made
        assert not made.startswith((".", "-"))
        assert len(made.encode()) <= 201


ODD = "{a.x} {a.{b.c}} {{x}} {params.y} {partition.start} {} $(id) `id` %h"


def texts_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value for text in texts_of(item)] if isinstance(value, (list, tuple)) else []


def references_in(found: Loaded) -> list[Reference]:
    """What would be filled in anywhere in what the tasks are given, but for parameters that a form puts in itself."""
    given = [[task.program, task.args, task.env, task.config] for task in found.project.tasks()]
    made = [parameter.name for parameter in found.project.params]
    every = [one for text in texts_of(given) for one in references(text)]
    return [one for one in every if one.owner != "params" or one.key not in made]


@pytest.mark.parametrize("form", FORMS)
def test_fault_88_braces_in_the_value_of_a_variable_are_never_a_reference(form: str, tmp_path: Path) -> None:
    path = written(tmp_path, form, document(form, more=KINDS[form].odd.format('"<${V}>"')))
    found = loaded(path, V=f"{ODD} ${{V}} ${{HOME}}")
    assert "${V}" in found.document
    assert not references_in(found)


@pytest.mark.parametrize("form", ["native", "stages"])
@pytest.mark.parametrize("reference", ["{nobody.x}", "{nobody.x.y}"])
def test_fault_88_a_reference_to_what_does_not_exist_is_told_where_braces_are_references(
    reference: str, form: str, tmp_path: Path
) -> None:
    said = first(written(tmp_path, form, document(form, more=KINDS[form].odd.format(json.dumps(reference)))))
    assert "nobody" in said


@pytest.mark.parametrize("form", ["tetra", "recomart", "tauro", "dativo"])
def test_fault_88_braces_are_text_in_a_form_without_references(form: str, tmp_path: Path) -> None:
    found = loaded(written(tmp_path, form, document(form, more=KINDS[form].odd.format(json.dumps(ODD)))))
    assert not references_in(found)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop", "nowhere"])
def test_fault_91_what_is_not_a_file_is_refused_without_hanging(kind: str, form: str, tmp_path: Path) -> None:
    text = document(form, more=KINDS[form].odd.format("'${X:-1}'"))
    if form == "native":
        text = text.replace("project: p\n", "project: p\ninclude: [more.yaml]\n")
    path = written(tmp_path, form, text)
    odd = tmp_path / KINDS[form].misplaced
    odd.unlink(missing_ok=True)
    make = {
        "pipe": lambda: os.mkfifo(odd),
        "device": lambda: odd.symlink_to("/dev/zero"),
        "folder": odd.mkdir,
        "loop": lambda: odd.symlink_to(odd.name),
        "nowhere": lambda: None,
    }[kind]
    make()
    if kind in ("pipe", "device"):
        said = assert_refused(measured(tmp_path, "validate", path))
        assert "regular file" in said or "outside of the project" in said
        return
    try:
        loaded(path)
    except ConfigError as error:
        assert error.exit_code == 78  # noqa: PT017 - a file that may be there need not


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_fault_91_a_configuration_that_is_no_file_is_refused_without_hanging(
    kind: str, form: str, tmp_path: Path
) -> None:
    path = tmp_path / KINDS[form].file
    {"pipe": lambda: os.mkfifo(path), "device": lambda: path.symlink_to("/dev/zero"), "folder": path.mkdir}[kind]()
    with pytest.raises(ConfigError, match="this is not a regular file"):
        loaded(str(path))


@pytest.mark.parametrize("pattern", ["../x.yaml", "/etc/*.conf", "a/../../x.yaml", "link.yaml", "**/a/**/x.yaml"])
def test_fault_91_an_include_does_not_leave_the_projects_folder(pattern: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("title: t\n")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "link.yaml").symlink_to("../x.yaml")
    text = document("native").replace("project: p\n", f"project: p\ninclude: ['{pattern}']\n")
    said = first(written(folder, "native", text))
    assert re.match(r"orchestration.yaml:3:11: .*(folder|more than once)\n  include: ", said), said


def test_fault_91_an_include_follows_no_circle_of_links(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).symlink_to(".")
    (tmp_path / "real/deep").mkdir(parents=True)
    (tmp_path / "real/deep/x.yaml").write_text("title: found\n")
    text = document("native").replace("project: p\n", "project: p\ninclude: ['**/x.yaml']\n")
    start = time.perf_counter()
    assert loaded(written(tmp_path, "native", text)).project.title == "found"
    assert time.perf_counter() - start < 1


def test_fault_83_files_that_are_too_large_together_are_refused(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"m{number}.yaml").write_text(f"# {'x' * (4 << 20)}\ntitle: t\n")
    text = document("native").replace("project: p\n", "project: p\ninclude: ['m*.yaml']\n")
    assert "with this file there are 12 MB, and at most 10 MB are read" in first(written(tmp_path, "native", text))


@pytest.mark.parametrize("form", FORMS)
def test_fault_92_a_variable_that_is_missing_is_told_before_anything_runs(form: str, tmp_path: Path) -> None:
    path = written(tmp_path, form, document(form, more=KINDS[form].odd.format("'${SECRET}'")))
    said = assert_refused(measured(tmp_path, "validate", path))
    assert "the variable SECRET is not set" in said
    assert "${SECRET}" in said


@pytest.mark.parametrize("form", FORMS)
def test_fault_92_a_secret_with_a_nul_is_refused_and_never_shown(form: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRET=hush\0hush\n")
    path = written(tmp_path, form, document(form, more=KINDS[form].odd.format("'${SECRET}'")))
    said = "\n".join(problem.render() for problem in problems(path))
    assert "NUL" in said
    assert "hush" not in said


@pytest.mark.parametrize("content", ["", "\n", "hush\0hush\n"])
def test_fault_92_a_declared_secret_that_is_empty_or_no_text_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(content)
    text = document("native", more="env: {K: '${KEY}'}") + "secrets: {KEY: {file: key}}\n"
    said = "\n".join(problem.render() for problem in problems(written(tmp_path, "native", text)))
    assert "the secret KEY cannot be had: it " in said
    assert "hush" not in said


def test_a_crontab_that_means_harm_takes_no_time(tmp_path: Path) -> None:
    (tmp_path / "crontab").write_text(f"#{' dom' * 200_000}\n* * * * * {'x ' * 200_000}\n")
    found = measured(tmp_path, "init", "--from-crontab", "crontab", "--out", "made.yaml", cpu_s=5)
    assert found.code == 0, found
    assert found.cpu_s < 2


def test_no_hint_grows_with_the_file(tmp_path: Path) -> None:
    units = {f"unit_{i}": (f"unknown_{i}",) for i in range(3000)}
    for form in WITH_GRAPH:
        start = time.perf_counter()
        found = problems(written(tmp_path, form, document(form, units)))
        assert max(len(one.hint or "") for one in found) < 500, form
        assert time.perf_counter() - start < 8, form


#: What runs the unit `a`: it spoils the file that it was started from.
SPOIL = "import pathlib\n\ndef f(*_, **__):\n    pathlib.Path({file!r}).write_text('[')\n\nmain = f\n"
BINDINGS = "bindings: {a: {command: [python, m.py]}, b: {command: ['true']}}\n"
RUNNING = {
    "native": ("", ["--pipeline", "a", "--pipeline", "b"]),
    "tetra": ("", ["--pipeline", "a", "--pipeline", "b"]),
    "recomart": (BINDINGS, []),
    "stages": (BINDINGS, []),
    "tauro": ("", ["--start-date", "2025-01-01", "--end-date", "2025-01-02"]),
    "dativo": (BINDINGS, ["--mode", "a"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_fault_89_and_90_a_run_keeps_the_configuration_that_it_was_started_with(form: str, tmp_path: Path) -> None:
    bindings, chosen = RUNNING[form]
    text = document(form)
    if form == "native":
        text = text.replace("a: {command: ['true']", "a: {command: [python, m.py]")
    further = {"bindings.yaml": bindings} if bindings else {}
    path = written(tmp_path, form, text, further)
    call = "" if form == "tauro" else "\nif __name__ == '__main__':\n    f()\n"
    (tmp_path / "m.py").write_text(SPOIL.format(file=path) + call)
    ran = measured(tmp_path, "run", "--config", path, *chosen, "--progress", "plain", cpu_s=20)
    assert ran.code == 0, ran.said
    assert Path(path).read_text() == "["
    shown = measured(tmp_path, "show", "--config", path)
    assert (shown.code, "going by how the file was before" in shown.said) == (0, True)
    written(tmp_path, form, document(form, {"other": ()}), further)
    shown = measured(tmp_path, "show", "--config", path)
    assert shown.code == 0, shown.said
    assert "a " in shown.said
    changed = measured(tmp_path, "config", "diff", "--run", "latest", "--config", path, cpu_s=5)
    assert changed.code == 0, changed.said
    assert "pipelines.a" in changed.said
    gone = measured(tmp_path, "run", "--config", path, "--pipeline", "a", cpu_s=5)
    assert gone.code == 64, gone.said
    assert "Unknown pipeline: a\n" in gone.said
