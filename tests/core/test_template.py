"""References: what is one, what becomes of it, and that a value never becomes syntax."""

import json
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tetra_orchestrator.core.template import Reference, as_text, references, render, render_shell, rewrite

NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,5}", fullmatch=True)
OWNERS = NAMES | st.builds("{}.{}".format, NAMES, NAMES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
BRACES = st.text(alphabet="{}ab.$ ", max_size=12)


def value(text: str, given: str) -> str:
    return render(text, lambda reference: given)


def literal(text: str) -> str:
    """The template that renders to `text`."""
    return text.replace("{", "{{").replace("}", "}}")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{extract.rows}", [("extract", "rows")]),
        ("--rows={extract.rows},{params.day}", [("extract", "rows"), ("params", "day")]),
        ("{a.x}{a.x}", [("a", "x"), ("a", "x")]),
        ("{features.build.rows}", [("features.build", "rows")]),
        ("{my-task.my_key}", [("my-task", "my_key")]),
        ("{{{a.x}}}", [("a", "x")]),
    ],
)
def test_a_name_a_dot_and_a_key_in_braces_are_a_reference(text: str, found: list[tuple[str, str]]) -> None:
    assert references(text) == [Reference(*one) for one in found]


@pytest.mark.parametrize(
    "text",
    [
        "", "plain", "{}", "{a}", "{.x}", "{a.}", "{a.b.c.d}", "{a b.c}", "{ a.x }", "{a.x", "a.x}", "{-a.x}", "{a.-x}",
        "${HOME}", "awk '{print $1}'", '{"a": 1}', "{a:b.c}", "{a.x!r}", "{ä.x}", "{a.x\n}",
    ],
)  # fmt: skip
def test_other_braces_stay_as_they_are(text: str) -> None:
    assert references(text) == []
    assert value(text, "never") == text


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{a.x}}", "{a.x}"),
        ("{{{a.x}}}", "{7}"),
        ("{{}}", "{}"),
        ("{{{{", "{{"),
        ("a}}b{{c", "a}b{c"),
        ("{{a.x}", "{a.x}"),
    ],
)
def test_doubled_braces_are_literal(text: str, rendered: str) -> None:
    assert value(text, "7") == rendered


@given(st.text() | BRACES)
def test_any_text_can_be_written_with_doubled_braces(text: str) -> None:
    assert references(literal(text)) == []
    assert value(literal(text), "never") == text


@given(st.text() | BRACES, OWNERS, NAMES, st.text() | BRACES, st.text() | BRACES)
def test_any_value_arrives_unchanged_and_is_not_expanded_again(
    before: str, owner: str, key: str, given: str, after: str
) -> None:
    reference = Reference(owner, key)
    template = f"{literal(before)}{reference}{literal(after)}"
    assert references(template) == [reference]
    assert render(template, {reference: given}.__getitem__) == before + given + after


@given(JSON)
def test_any_json_value_becomes_exactly_one_argument(given: object) -> None:
    argv = ["tool", "{a.x}", "--flag"]
    rendered = [value(word, as_text(given)) for word in argv]  # type: ignore[arg-type]
    assert (rendered[0], rendered[2], len(rendered)) == ("tool", "--flag", 3)
    assert (rendered[1] if isinstance(given, str) else json.loads(rendered[1])) == given


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("as it is", "as it is"), ("", ""), (7, "7"), (1.10, "1.1"), (True, "true"), (None, "null"),
        ([1, "ü"], '[1,"ü"]'), ({"a": [1]}, '{"a":[1]}'),
    ],
)  # fmt: skip
def test_a_value_is_written_as_its_string_or_as_compact_json(given: object, text: str) -> None:
    assert as_text(given) == text  # type: ignore[arg-type]


def test_a_reference_is_written_as_in_the_file() -> None:
    assert str(Reference("features.build", "rows")) == "{features.build.rows}"


def test_a_shell_line_gets_its_values_through_the_environment() -> None:
    values = {Reference("a", "x"): "$(rm -rf /)", Reference("params", "day"): "'; exit 1"}
    line, variables = render_shell("load {a.x} --day \"{params.day}\" {a.x} '{{}}' ${HOME}", values.__getitem__)
    assert line == "load ${TETRA_REF_1} --day \"${TETRA_REF_2}\" ${TETRA_REF_3} '{}' ${HOME}"
    assert variables == {"TETRA_REF_1": "$(rm -rf /)", "TETRA_REF_2": "'; exit 1", "TETRA_REF_3": "$(rm -rf /)"}


@given(st.text())
def test_the_text_of_a_shell_line_does_not_depend_on_the_value(given: str) -> None:
    line, variables = render_shell("run {a.x}", lambda reference: given)
    assert (line, variables) == ("run ${TETRA_REF_1}", {"TETRA_REF_1": given})


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.text(alphabet="$`\"'\\;&|*~{}() \n"))
def test_a_real_shell_hands_on_the_value_as_it_is(given: str) -> None:
    line, variables = render_shell('printf %s "{a.x}"', lambda reference: given)
    done = subprocess.run(["/bin/sh", "-c", line], env=variables, capture_output=True, check=True)
    assert done.stdout == given.encode()


def test_references_can_be_renamed_and_the_text_stays_a_template() -> None:
    renamed = rewrite("{{a.x}} {a.x} ${HOME} {b.y}", lambda one: one._replace(owner="new") if one.owner == "a" else one)
    assert renamed == "{{a.x}} {new.x} ${HOME} {b.y}"


@given(st.text() | BRACES)
def test_renaming_nothing_changes_nothing(text: str) -> None:
    assert rewrite(text, lambda reference: reference) == text
