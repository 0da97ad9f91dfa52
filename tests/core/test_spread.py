"""What is usual among durations."""

from __future__ import annotations

from tetra_orchestrator.core.spread import spread


def test_nothing_is_known_of_no_values():
    assert spread([]) is None


def test_the_median_is_the_middle_value_or_between_the_two():
    assert [spread(values).middle_s for values in ([3.0], [1.0, 9.0, 2.0], [1.0, 9.0, 2.0, 4.0])] == [3.0, 2.0, 3.0]


def test_what_takes_several_times_the_median_or_next_to_nothing_is_unusual():
    found = spread([10.0, 10.5, 9.5, 10.2, 9.9, 40.0])
    assert [found.is_odd(seconds) for seconds in (40.0, 1.0, 12.0, 8.0)] == [True, True, False, False]


def test_values_that_scatter_make_more_usual():
    assert not spread([10.0, 20.0, 30.0, 40.0, 50.0]).is_odd(70.0)


def test_among_fewer_than_five_nothing_is_unusual():
    assert not spread([1.0, 1.0, 1.0, 90.0]).is_odd(90.0)


def test_half_a_second_more_or_less_is_never_unusual():
    assert not spread([0.1] * 9).is_odd(0.6)
