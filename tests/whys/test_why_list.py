"""The list itself: every row has its test, every test its row, and each row says all there is to say."""

from __future__ import annotations

import re
from collections import Counter

from whys.list import HERE, RIG, rows

KEYS = ["name", "fault", "command", "code"]


def _tests() -> list[str]:
    """The names of all tests that bring a fault about, as the list has them."""
    texts = [(HERE / "test_why_faults.py").read_text(), RIG.read_text()]
    names = [name for text in texts for name in re.findall(r"^def test_(\w+)\(", text, re.MULTILINE)]
    return [name.replace("_", " ") for name in names]


def test_each_fault_of_the_list_has_one_test_and_each_test_is_on_the_list() -> None:
    assert Counter(_tests()) == Counter(row["name"] for row in rows())


def test_there_are_twelve_of_them() -> None:
    assert len(rows()) == 12


def test_each_row_says_all_there_is_to_say() -> None:
    assert [row["name"] for row in rows() if list(row) != KEYS] == []
    assert {row["command"] for row in rows()} == {"why", "why-not"}
