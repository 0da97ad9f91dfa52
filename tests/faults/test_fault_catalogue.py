"""The catalogue itself: no row of a complete group is without a test, and no test is of a row that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from faults.catalogue import COMPLETE, COVERED, FAULTS, group_of, numbers_in, shown_elsewhere

HERE = Path(__file__).parent
TESTS_HERE = [
    name for path in HERE.glob("test_*.py") for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.M)
]


def test_there_are_120_faults_in_9_groups():
    assert list(FAULTS) == list(range(1, 121))
    assert "".join(dict.fromkeys(map(group_of, FAULTS))) == "ABCDEFGHI"
    assert [group_of(number) for number in (24, 25, 99, 100, 120)] == ["A", "B", "G", "H", "I"]


def test_every_fault_of_a_complete_group_is_brought_about_here():
    shown = {number for name in TESTS_HERE for number in numbers_in(name)}
    assert [number for number in FAULTS if group_of(number) in COMPLETE and number not in shown] == []


def test_every_fault_of_a_covered_group_is_brought_about_somewhere():
    shown = {number for name in TESTS_HERE for number in numbers_in(name)} | set(shown_elsewhere())
    assert [number for number in FAULTS if group_of(number) in COVERED and number not in shown] == []


def test_every_number_in_a_test_name_is_one_of_the_catalogue():
    here = {number for name in TESTS_HERE for number in numbers_in(name)}
    assert (here | set(shown_elsewhere())) <= set(FAULTS)


def test_a_test_may_show_two_faults():
    assert numbers_in("test_fault_85_and_86_two_thousand") == [85, 86]
    assert numbers_in("test_fault_07_a_grandchild") == [7]
    assert numbers_in("test_30_bits_of_entropy") == []
