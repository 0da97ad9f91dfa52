"""`bindings.yaml`: what runs for the names that a user's file leaves open."""

from __future__ import annotations

import textwrap
from types import SimpleNamespace

import pytest

from tetra_orchestrator.config.dialects.bindings import Bindings
from tetra_orchestrator.config.dialects.source import Translation
from tetra_orchestrator.config.problems import Problems
from tetra_orchestrator.config.yaml_tree import parse, to_json
from tetra_orchestrator.errors import ConfigError


def source(text):
    """As much of a source as bindings need: their tree, and where faults go."""
    problems = Problems("bindings.yaml")
    tree = parse(textwrap.dedent(text).encode(), "bindings.yaml", problems) if text else None
    return SimpleNamespace(bindings=tree, problems=problems)


def problems_of(text):
    given = source(text)
    Bindings(given)
    with pytest.raises(ConfigError) as caught:
        given.problems.raise_any()
    return "\n".join(problem.render() for problem in caught.value.problems)


def test_R_038_a_call_is_a_function_of_the_native_file():
    bindings = Bindings(source('bindings: {ingestion: {call: "shop.tasks:ingest"}}'))
    assert to_json(bindings.program("ingestion")) == '{"function":"shop.tasks.ingest"}'


def test_any_program_of_the_native_file_can_be_bound_with_what_it_is_started_with():
    text = "bindings: {a: {command: [sh, a.sh], args: [-v], env: {LEVEL: 3}, cwd: jobs}}"
    assert to_json(Bindings(source(text)).program("a")) == (
        '{"command":["sh","a.sh"],"args":["-v"],"env":{"LEVEL":3},"cwd":"jobs"}'
    )


def test_a_bound_value_keeps_its_place_in_the_bindings_file():
    bindings = Bindings(source("bindings:\n  a:\n    command: [sh, a.sh]\n"))
    mark = bindings.program("a").entries["command"].value.mark
    assert (mark.source.name, mark.line, mark.column) == ("bindings.yaml", 3, 14)


@pytest.mark.parametrize("text", ["", "bindings: {b: {command: [ls]}}"])
def test_what_is_not_bound_has_no_program(text):
    assert Bindings(source(text)).program("a") is None


def test_task_types_are_registered_from_modules_and_by_name():
    given = source('plugins: [shop.types]\ntypes: {resize: "shop.images:Resize"}')
    translation = Translation(given.bindings)
    Bindings(given).put_plugins(translation)
    assert to_json(translation.tree) == '{"plugins":["shop.types",{"resize":"shop.images:Resize"}]}'


def test_without_task_types_nothing_is_registered():
    given = source("bindings: {a: {command: [ls]}}")
    translation = Translation(given.bindings)
    Bindings(given).put_plugins(translation)
    assert to_json(translation.tree) == "{}"


def test_connectors_and_the_path_map_are_kept_for_the_dialect_that_knows_them():
    text = "path_map: {/app: ./app}\nconnectors: {stripe: {builtin: fake, records: 1000}}"
    document = Bindings(source(text)).document
    assert document.path_map == {"/app": "./app"}
    assert document.connectors == {"stripe": {"builtin": "fake", "records": 1000}}


def test_a_call_names_a_module_and_what_is_in_it():
    assert problems_of("bindings: {a: {call: shop.tasks.ingest}}") == (
        "bindings.yaml:1:22: 'call' does not name something in a module: 'shop.tasks.ingest'\n"
        "  bindings: {a: {call: shop.tasks.ingest}}\n"
        "                       ^\n"
        "  hint: write it like package.module:name"
    )


def test_an_unknown_key_is_told_with_a_guess():
    assert problems_of("binding: {a: {comand: [ls]}}\nbindings: {a: {comand: [ls]}}") == (
        "bindings.yaml:1:1: unknown key 'binding'\n"
        "  binding: {a: {comand: [ls]}}\n"
        "  ^\n"
        "  hint: did you mean 'bindings'?\n"
        "bindings.yaml:2:16: unknown key 'comand'\n"
        "  bindings: {a: {comand: [ls]}}\n"
        "                 ^\n"
        "  hint: did you mean 'command'?"
    )
