"""The one table of symbols and colours: whole, consistent, and in the documentation as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tetra_orchestrator.cli import paint
from tetra_orchestrator.core.backfill import PENDING, SKIPPED
from tetra_orchestrator.core.cells import cells
from tetra_orchestrator.core.diagnosis import SEVERITIES
from tetra_orchestrator.core.health import EXIT_CODES
from tetra_orchestrator.core.signs import GROUPS, SIGNS, STATES
from tetra_orchestrator.core.slots import FINAL, OPEN
from tetra_orchestrator.core.states import RunState, TaskState

PAGE = Path(__file__).parents[2] / "docs" / "words-and-looks.md"


def table(title):
    """The group as the page has it."""
    rows = [f"| {sign.symbol} | `{word}` | {sign.colour} | {sign.meaning} |" for word, sign in GROUPS[title].items()]
    return "\n".join([f"### {title}", "", "| | word | colour | meaning |", "|---|---|---|---|", *rows, ""])


def test_every_word_for_a_state_has_its_sign():
    words = {*TaskState, *RunState, *FINAL, *OPEN, *SEVERITIES, *EXIT_CODES, PENDING, SKIPPED}
    assert {str(word) for word in words} - set(SIGNS) == set()
    assert set(STATES) == {str(word) for word in (*TaskState, *RunState)}


def test_a_word_of_several_groups_looks_the_same_in_all_of_them():
    looks = {}
    for group in GROUPS.values():
        for word, sign in group.items():
            looks.setdefault(word, set()).add((sign.symbol, sign.colour))
    assert {word: found for word, found in looks.items() if len(found) > 1} == {}


def test_every_symbol_takes_one_column_and_has_a_colour_that_there_is():
    assert {sign.symbol for sign in SIGNS.values() if cells(sign.symbol) != 1} == set()
    assert {sign.colour for sign in SIGNS.values()} <= set(paint.CODES)


def test_the_page_has_the_tables_as_they_are():
    text = PAGE.read_text(encoding="utf-8")
    assert [title for title in GROUPS if table(title) not in text] == []


@pytest.mark.parametrize(
    ("environ", "terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_where_there_are_colours(environ, terminal, coloured, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(paint, "on_terminal", lambda: terminal)
    assert paint.is_coloured() == coloured
    assert paint.signed("failed") == ("\x1b[31m" * coloured + "✗ " * terminal + "failed" + "\x1b[0m" * coloured)
    assert paint.signed("no word of ours") == "no word of ours"
