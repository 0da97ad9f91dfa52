"""What the cache keeps of a project, as lines of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.config.kept import from_lines, to_lines
from tetra_orchestrator.core.history import Partition
from tetra_orchestrator.core.model import Command, Mode, ModeEntry, Reason, RetryPolicy, Task

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(st.characters(), max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(tuple),
        st.builds(Reason, inner, inner),
        st.builds(RetryPolicy, st.integers(), st.floats(allow_nan=False), inner),
        st.builds(Mode, st.text(max_size=5), st.lists(st.builds(ModeEntry, inner), max_size=3).map(tuple)),
    ),
    max_leaves=12,
)


def typed(value):
    """The value with its types, as 1, 1.0 and True are equal; numbers as text, as NaN is never itself; -0.0 is 0.0."""
    written = repr(value + 0.0) if isinstance(value, float) else value
    return type(value), tuple(map(typed, value)) if isinstance(value, tuple) else written


@given(VALUES)
def test_a_value_comes_back_as_it_was_in_lines_that_a_text_file_can_hold(value):
    lines = to_lines(value)
    assert "\n".join(lines).splitlines() == lines
    "\n".join(lines).encode()
    assert typed(from_lines(lines)) == typed(value)


def test_a_record_is_written_without_the_defaults_at_its_end():
    task = Task("t", "p", Command(("ls", "-l")))
    assert to_lines(task) == ["@Task 3", "=t", "=p", "@Command 1", "(2", "=ls", "=-l"]
    assert from_lines(to_lines(task)) == task


def test_a_list_comes_back_as_a_tuple():
    assert from_lines(to_lines([1, ["a"]])) == (1, ("a",))


@pytest.mark.parametrize("value", [{"a": 1}, {1}, b"a", object()])
def test_what_has_no_lines_is_refused_by_its_type(value):
    with pytest.raises(TypeError, match=f"^{type(value).__name__} cannot be kept$"):
        to_lines([value])


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["?"],
        ["(2", "=a"],
        ["(x"],
        ["=a", "=b"],
        ["#one"],
        ["~"],
        ["@Nobody 0"],
        ["@Reason 1", "=a"],
        ["@Reason 3", "=a", "=b", "=c"],
        ["@Reason"],
        ['[1, {"Reason": []}]'],
    ],
)
def test_lines_that_are_not_ours_are_refused(lines):
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        from_lines(lines)


def test_only_records_of_the_model_come_back():
    with pytest.raises(AttributeError):
        from_lines(to_lines(Partition("2026-01-01", "2026-01-31")))
