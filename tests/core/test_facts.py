"""What attempts took: how two accounts of it become one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.core.facts import UNKNOWN, Usage, together

sizes = st.none() | st.integers(0, 1 << 50)
usages = st.builds(Usage, st.none() | st.integers(0, 1 << 30).map(float), sizes, sizes, sizes, sizes)


def test_of_two_accounts_of_the_same_processes_each_figure_is_the_higher_one_that_is_known() -> None:
    assert Usage(1.0, 20, None, 5, None).at_least(Usage(2.0, 10, 7, None, None)) == Usage(2.0, 20, 7, 5, None)


def test_of_two_attempts_sums_are_added_up_and_of_peaks_the_higher_counts() -> None:
    assert Usage(1.0, 20, None, 5, None).with_more(Usage(2.0, 10, 7, 1, None)) == Usage(3.0, 20, 7, 6, None)


def test_nothing_took_nothing_that_is_known() -> None:
    assert together([]) == UNKNOWN == Usage(None, None, None, None, None)


@given(usages, usages)
def test_in_which_order_two_accounts_come_does_not_matter(one: Usage, other: Usage) -> None:
    assert one.at_least(other) == other.at_least(one)
    assert one.with_more(other) == other.with_more(one)


@given(usages)
def test_an_account_of_nothing_changes_nothing(usage: Usage) -> None:
    assert usage.at_least(UNKNOWN) == usage.at_least(usage) == usage == usage.with_more(UNKNOWN)


@given(st.lists(usages, max_size=5), st.lists(usages, max_size=5))
def test_a_total_is_the_total_of_its_parts(some: list[Usage], others: list[Usage]) -> None:
    assert together([*some, *others]) == together([together(some), together(others)])
