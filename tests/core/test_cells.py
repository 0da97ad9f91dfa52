"""How wide text is on a terminal, and how it is made to fit there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.core.cells import cells, cut, cut_middle, padded, wrapped

WORDS = st.text(st.characters(categories=("L", "N", "P", "M", "So")), max_size=30)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("rows", 4),
        ("数据", 4),
        ("e\u0301", 1),
        ("a\u200db", 2),
        ("1\ufe0f\u20e3", 2),
        ("❤\ufe0f", 2),
        ("ที่", 1),
        ("🚀", 2),
    ],
)
def test_a_wide_character_takes_two_columns_and_a_joining_one_none(text, columns):
    assert cells(text) == columns


@pytest.mark.parametrize(
    ("most", "shown"),
    [(9, "load_rows"), (8, "load_ro…"), (2, "l…"), (1, "…"), (0, "")],
)
def test_text_is_cut_at_its_end_and_says_so(most, shown):
    assert cut("load_rows", most) == shown


def test_a_name_is_cut_in_its_middle():
    assert cut_middle("load_orders_of_2026", 13) == "load_ord…2026"


def test_a_wide_name_is_cut_between_its_characters():
    assert cut_middle("数据管道数据管道", 9) == "数据管…道"


@given(WORDS, st.integers(1, 40))
def test_nothing_that_was_cut_is_too_wide(text, most):
    assert cells(cut(text, most)) <= most
    assert cells(cut_middle(text, most)) <= most
    assert cells(padded(cut(text, most), most)) == most


@given(st.lists(WORDS.filter(str.strip), max_size=8).map(" ".join), st.integers(2, 40))
def test_wrapped_text_loses_nothing_but_spaces_and_no_line_is_too_wide(text, most):
    lines = wrapped(text, most)
    assert all(cells(line) <= most for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_word_of_very_many_lines_takes_no_longer_for_each_of_them():
    assert wrapped("数" * 100_000, 80) == ["数" * 40] * 2500


def test_wrapping_goes_by_words_and_keeps_lines():
    assert wrapped("exited with code 1\nnext", 12) == ["exited with", "code 1", "next"]
