"""A native document as YAML text: pleasant to read, and the same document again."""

from __future__ import annotations

import json
import textwrap

from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.config.native_text import comment, flow, from_json, to_text
from tetra_orchestrator.config.problems import Problems
from tetra_orchestrator.config.values import Plain
from tetra_orchestrator.config.yaml_tree import parse, to_json

NUMBERS = st.one_of(st.integers(-(10**9), 10**9).map(str), st.just("1.10"), st.just("0.5")).map(Plain)
WORDS = st.sampled_from(
    ["no", "012", "12:30", "1.10", "", " a", "a ", "a: b", "a #b", "- a", "---", "...", "--mode", "{a.b}", "${X}", "~"]
    + ["null", "1e5", "0x1f", "<<", "*", "&a", "!x", "%x", "@x", "`x", "a\nb", "a\nb\n", "\na\n", " a\nb\n", "a\n\n"]
    + [
        "a\n\nb",
        "a\tb",
        "a\n\tb",
        "'",
        '"',
        "\\",
        "a'b\"c",
        "[",
        "]",
        "a,b",
        "?",
        "? a",
        ":",
        "a:",
        "é",
        "😀",
        "\u2028",
    ]
)
TEXT = st.one_of(WORDS, st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
LEAVES = st.one_of(TEXT, NUMBERS, st.booleans(), st.none())
DOCUMENTS = st.dictionaries(
    TEXT,
    st.recursive(LEAVES, lambda part: st.one_of(st.lists(part, max_size=4), st.dictionaries(TEXT, part, max_size=6))),
    min_size=1,
    max_size=6,
)


def read(text):
    """The document in a YAML text, mappings compared without regard to their order."""
    problems = Problems("f.yaml")
    tree = parse(text.encode(), "f.yaml", problems)
    problems.raise_any()
    return from_json(to_json(tree))


@given(DOCUMENTS)
def test_a_document_reads_as_the_same_document_again(document):
    assert read(to_text(document)) == document


@given(DOCUMENTS, TEXT)
def test_a_comment_never_becomes_a_part_of_the_document(document, text):
    assert read(to_text(document, [text], [text])) == document


@given(TEXT)
def test_a_value_on_one_line_has_no_line_break(text):
    assert "\n" not in flow({text: [text]})
    assert read(f"key: {flow([text])}\n") == {"key": [text]}


def test_numbers_keep_the_spelling_that_they_have_in_the_kept_json():
    assert from_json('{"a":1.10,"b":"1.10","c":true}') == {"a": Plain("1.10"), "b": "1.10", "c": True}
    assert to_text(from_json('{"a":1.10,"b":"1.10"}')) == 'a: 1.10\nb: "1.10"\n'


def test_the_text_has_short_parts_on_one_line_and_sections_apart():
    document = {
        "pipelines": {
            "extract": {"command": ["python", "extract.py"], "retry": {"max_attempts": 3, "delay": "60s"}},
            "report": {"shell": 'echo "{extract.rows} rows"\ndate\n', "depends_on": ["extract"]},
        },
        "project": "shop",
        "version": 1,
        "modes": {"daily": [{"extract": ["--mode", "daily"]}, "report"]},
        "schedules": {"daily": {"mode": "daily", "cron": "0 19 * * *"}},
    }
    assert to_text(document, ["first"], ["last"]) == textwrap.dedent(
        """\
        # first
        version: 1
        project: shop

        pipelines:
          extract: {command: [python, extract.py], retry: {max_attempts: 3, delay: 60s}}
          report:
            shell: |
              echo "{extract.rows} rows"
              date
            depends_on: [extract]

        modes:
          daily: [{extract: [--mode, daily]}, report]

        schedules:
          daily: {mode: daily, cron: "0 19 * * *"}

        # last
        """
    )


def test_text_that_another_reader_would_take_for_something_else_is_quoted():
    words = ["no", "On", "null", "012", "12:30", "2026-01-01", "1_000", "0x1f", ".5", "60s", "a.b", "--mode", "1d"]
    assert [flow(word) for word in words] == [
        *('"no"', '"On"', '"null"', '"012"', '"12:30"', '"2026-01-01"', '"1_000"', '"0x1f"', '".5"'),
        *("60s", "a.b", "--mode", "1d"),
    ]


def test_a_comment_is_one_line_whatever_it_holds():
    assert comment("a\nb\x07\u2028\udcff") == "# a\\nb\\x07\\u2028\\udcff"
    assert json.dumps(comment("")) == '"#"'
