"""Keys of kept results, and which of them count."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import utc
from tetra_orchestrator.core.fingerprint import changed, digest, not_succeeded, scope, too_old, unchanged
from tetra_orchestrator.core.history import Partition, Result, TaskRun
from tetra_orchestrator.core.model import Reason

AT = utc(2026, 3, 1, 20)
KEPT = Result("a", ":1", "r1", AT, {})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
PARTS = st.dictionaries(st.text(), VALUES, max_size=5)


@given(PARTS)
def test_the_order_in_which_parts_come_does_not_matter(parts):
    assert digest(dict(reversed(parts.items()))) == digest(parts)


@given(PARTS, PARTS)
def test_parts_that_differ_have_another_digest(one, other):
    from json import dumps

    same = dumps(one, sort_keys=True) == dumps(other, sort_keys=True)
    assert (digest(one) == digest(other)) == same


def test_a_digest_is_made_of_any_text_even_of_half_a_pair():
    assert digest({"a": "\ud800"}) != digest({"a": "\\ud800"})


def test_a_range_of_dates_stands_at_the_beginning_of_a_key():
    assert scope(Partition("2026-01-01", "2026-01-31")) == "2026-01-01..2026-01-31:"
    assert scope(None) == ":"


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (timedelta(0), None),
        (timedelta(seconds=3599.999), None),
        (timedelta(hours=1), "its result is 1 h 00 min old, max_age 1 h 00 min"),
        (timedelta(days=2), "its result is 48 h 00 min old, max_age 1 h 00 min"),
        (-timedelta(seconds=1), "its result is of 2026-03-01T20:00:00Z, which is yet to come by this clock"),
    ],
)
def test_a_result_counts_while_it_is_younger_than_its_limit(age, reason):
    assert too_old(KEPT, AT + age, 3600.0) == (Reason("expired", reason) if reason else None)


def test_without_a_limit_a_result_counts_for_ever_whatever_the_clock_shows():
    assert too_old(KEPT, utc(9999, 1, 1), None) is None
    assert too_old(KEPT, utc(1970, 1, 1), None) is None


@pytest.mark.parametrize("state", ["failed", "timed_out", "cancelled", "lost", "partial", "upstream_failed"])
def test_no_result_counts_of_a_task_that_has_not_succeeded_last(state):
    last = TaskRun("r2", "a", "a", 0, state)
    said = state.replace("_", " ")
    assert not_succeeded(last) == Reason("not_succeeded", f"in its last run, r2, it was {said}")
    assert not_succeeded(last._replace(state="succeeded")) is None
    assert not_succeeded(None) == Reason("no_result", "no result of it is kept yet")


def test_reasons_name_the_run_that_made_the_result():
    text = "unchanged since run r1 of 2026-03-01T20:00:00Z: its inputs are the same"
    assert unchanged(KEPT) == Reason("unchanged", text)
    assert changed(KEPT) == Reason("changed", "its inputs are not those of run r1 of 2026-03-01T20:00:00Z")
    assert changed(None) == Reason("no_result", "no result of it is kept yet")
