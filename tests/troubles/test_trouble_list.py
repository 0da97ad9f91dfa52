"""The list itself: every row has its test, every test its row, and each row says all there is to say."""

from __future__ import annotations

import re
from collections import Counter

from tetra_orchestrator.core.findings import FINDINGS
from troubles.drill import HERE, LOOK, RULE, RUN_END, rows

KEYS = ["name", "injection", "code", "subject", "alerts", "found by", "resolves by"]


def _tests():
    """The names of all tests here that go through a trouble, as the list has them."""
    texts = [path.read_text() for path in HERE.glob("test_*.py")]
    names = [name for text in texts for name in re.findall(r"^def test_(\w+)\(\s*trouble\b", text, re.MULTILINE)]
    return [name.replace("_", " ") for name in names]


def test_each_trouble_of_the_list_has_one_test_and_each_test_is_on_the_list():
    assert Counter(_tests()) == Counter(row["name"] for row in rows())


def test_there_are_at_least_thirty_of_them():
    assert len(rows()) >= 30


def test_each_row_says_all_there_is_to_say():
    assert [row["name"] for row in rows() if list(row) != KEYS] == []
    assert {row["code"] for row in rows()} <= {*FINDINGS, RULE}
    assert {row["found by"] for row in rows()} <= {LOOK, RUN_END}
    assert {type(row["alerts"]) for row in rows()} == {int}
