from __future__ import annotations

import json
import time

import pytest

from tetra_orchestrator.config.problems import Problems
from tetra_orchestrator.config.yaml_tree import find, parse, to_json
from tetra_orchestrator.errors import ConfigError


def read(data: bytes | str) -> str:
    """The document as JSON, or its problems."""
    problems = Problems("f.yaml")
    node = parse(data.encode() if isinstance(data, str) else data, "f.yaml", problems)
    try:
        problems.raise_any()
    except ConfigError as error:
        return "\n".join(problem.render() for problem in error.problems)  # type: ignore[attr-defined]
    assert node is not None
    return to_json(node)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("no", '"no"'),
        ("off", '"off"'),
        ("on", '"on"'),
        ("yes", '"yes"'),
        ("True", '"True"'),
        ("012", '"012"'),
        ("0x1F", '"0x1F"'),
        ("0o17", '"0o17"'),
        ("1_000", '"1_000"'),
        ("+5", '"+5"'),
        ("12:30", '"12:30"'),
        ("1e3", "1e3"),
        (".5", '".5"'),
        (".inf", '".inf"'),
        (".nan", '".nan"'),
        ("2026-01-01", '"2026-01-01"'),
        ("2026-01-01T10:00:00Z", '"2026-01-01T10:00:00Z"'),
        ("=", '"="'),
        ("Null", '"Null"'),
        ("1.10", "1.10"),
        ("-3", "-3"),
        ("007.5", '"007.5"'),
        ("true", "true"),
        ("false", "false"),
        ("null", "null"),
        ("~", "null"),
        ("", "null"),
        ('"5"', '"5"'),
        ("'true'", '"true"'),
        ("é", '"\\u00e9"'),
    ],
)
def test_a_value_stays_what_was_typed(written: str, read_as: str) -> None:
    assert read(f"k: {written}\n") == f'{{"k":{read_as}}}'


def test_the_json_of_a_tree_reads_as_the_same_tree() -> None:
    text = '{"a":[1.10,"012",null,true,"true","x\\ny"],"no":{"~":"\\u2028"}}'
    assert read(text) == text


@pytest.mark.parametrize("text", ["on: 1", "no: 1", "1.10: 1", "~: 1", "null: 1"])
def test_a_key_is_text_as_written(text: str) -> None:
    assert read(text) == f'{{"{text[:-3]}":1}}'


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfa: \xc3\xa9\n",
        "a: é\n".encode("utf-16"),
        b"\xfe\xff" + "a: é\n".encode("utf-16-be"),
        "a: é\r\n".encode(),
        "a: é\r".encode(),
        "a: é".encode(),
    ],
)
def test_byte_order_marks_and_line_ends_of_all_systems_are_read(data: bytes) -> None:
    assert read(data) == '{"a":"\\u00e9"}'


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (
            b"",
            "f.yaml:1:1: the file is empty\n"
            "  hint: start it with `version: 1`, `project: NAME` and `pipelines:`",
        ),
        (
            b"# only a comment\n",
            "f.yaml:1:1: the file is empty\n"
            "  # only a comment\n"
            "  ^\n"
            "  hint: start it with `version: 1`, `project: NAME` and `pipelines:`",
        ),
        (
            b"a:\n\t- b\n",
            "f.yaml:2:1: this line is indented with a tab\n"
            "  \t- b\n"
            "  ^\n"
            "  hint: YAML is indented with spaces only",
        ),
        (
            b"a: b: c\n",
            "f.yaml:1:5: not valid YAML: mapping values are not allowed in this context\n"
            "  a: b: c\n"
            "      ^\n"
            "  hint: text that holds `: ` needs quotes",
        ),
        (
            b"a: %h\n",
            "f.yaml:1:4: not valid YAML: found character that cannot start any token while scanning for the next "
            "token from line 1\n"
            "  a: %h\n"
            "     ^\n"
            "  hint: text that starts with % needs quotes",
        ),
        (
            b"a: [1\nb: 2\n",
            "f.yaml:2:2: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence from line 1\n"
            "  b: 2\n"
            "   ^\n"
            "  hint: text that holds `: ` needs quotes",
        ),
        (
            b"ok: 1\na: caf\xe9\n",
            "f.yaml:2:7: this is not UTF-8 text\n"
            "  a: caf\n"
            "        ^\n"
            "  hint: save the file as UTF-8",
        ),
        (
            b"a: x\0y\n",
            "f.yaml:1:5: the character U+0000 is not allowed here\n"
            "  a: x\n"
            "      ^\n"
            '  hint: save the file as UTF-8; inside "double quotes" such a character is written \\uXXXX',
        ),
        (
            b"a: 1\nb: 2\na: 3\n",
            "f.yaml:3:1: the key 'a' is here a second time, first on line 1\n"
            "  a: 3\n"
            "  ^\n"
            "  hint: keep one of the two",
        ),
        (
            b"a: 1\n---\nb: 2\n",
            "f.yaml:2:1: a second document starts here\n"
            "  ---\n"
            "  ^\n"
            "  hint: one file holds one document: remove `---`",
        ),
        (
            b"a: *b\n",
            "f.yaml:1:4: the anchor 'b' is not defined above\n"
            "  a: *b\n"
            "     ^\n"
            "  hint: a `*` is text only in quotes",
        ),
        (
            b"a: &a [*a]\n",
            "f.yaml:1:8: the anchor 'a' is used inside itself\n"
            "  a: &a [*a]\n"
            "         ^\n"
            "  hint: a `*` is text only in quotes",
        ),
        (
            b"a: !!python/object:os.system x\n",
            "f.yaml:1:4: YAML tags such as tag:yaml.org,2002:python/object:os.system are not supported\n"
            "  a: !!python/object:os.system x\n"
            "     ^\n"
            "  hint: a `!` is text only in quotes",
        ),
        (
            b"b:\n  <<: 3\n",
            "f.yaml:2:7: `<<` takes a mapping, or a list of them\n"
            "    <<: 3\n"
            "        ^\n"
            "  hint: write it like <<: *name",
        ),
        (
            b"a: 'x\nb: 2\n",
            "f.yaml:3:1: not valid YAML: found unexpected end of stream while scanning a quoted scalar from line 1\n"
            "  hint: a quote that opens on line 1 is not closed",
        ),
        (
            b"a:\n  b\n  c: 3\n",
            "f.yaml:3:4: not valid YAML: mapping values are not allowed in this context\n"
            "    c: 3\n"
            "     ^\n"
            "  hint: does line 2 lack its colon?",
        ),
        (
            b"a: {{x.y}}\n",
            "f.yaml:1:5: a key must be text\n"
            "  a: {{x.y}}\n"
            "      ^\n"
            '  hint: text in braces needs quotes: "{name.key}"',
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_place_cause_and_remedy(data: bytes, problem: str) -> None:
    assert read(data) == problem


def test_an_alias_stands_for_the_value_of_its_anchor() -> None:
    assert read("a: &x [1, 2]\nb: *x\n") == '{"a":[1,2],"b":[1,2]}'


def test_a_bomb_of_aliases_is_refused_quickly() -> None:
    names = "abcdefghi"
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{n}: &{n} [{', '.join([f'*{p}'] * 10)}]" for p, n in zip(names, names[1:], strict=False)]
    start = time.perf_counter()
    assert read("\n".join(lines)).startswith("f.yaml:5:36: aliases expand to more than 100,000 values here\n")
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000])
def test_deep_nesting_is_refused_quickly(text: str) -> None:
    start = time.perf_counter()
    assert "more than 64 levels are nested here" in read(text)
    assert time.perf_counter() - start < 0.5


def test_a_place_is_found_along_a_path_skipping_what_does_not_exist() -> None:
    node = parse(b"a:\n  b: [x, y]\n", "f.yaml", Problems("f.yaml"))
    assert node is not None
    found, key, path = find(node, ("a", "made up", "b", 1, "other"))
    assert (found.mark.line, found.mark.column, path) == (2, 10, ("a", "b", 1))
    assert key.column == 10
    assert find(node, ("a", "b"))[1].column == 3


def test_a_merge_key_adds_what_the_mapping_does_not_say_itself() -> None:
    text = b'a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {y: 9, <<: *a}\nd: {<<: [*a, *b], w: 0}\n"<<": 5\n'
    problems = Problems("f.yaml")
    tree = parse(text, "f.yaml", problems)
    assert not problems
    assert json.loads(to_json(tree)) == {
        "a": {"x": 1, "y": 2},
        "b": {"y": 3, "z": 4},
        "c": {"y": 9, "x": 1},
        "d": {"w": 0, "x": 1, "y": 2, "z": 4},
        "<<": 5,
    }
