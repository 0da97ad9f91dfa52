"""What changed between two documents."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.config.difference import Change, difference
from tetra_orchestrator.config.values import Plain

TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.text(max_size=3)),
    lambda part: st.one_of(st.lists(part, max_size=3), st.dictionaries(st.text("abc", max_size=1), part, max_size=3)),
    max_leaves=12,
)


def changes(before, after):
    return list(difference(before, after))


def test_what_was_added_removed_and_changed_is_told_by_path_in_the_order_of_the_file():
    before = {"a": {"timeout": "1h", "cwd": "x"}, "b": {"shell": "true"}}
    after = {"a": {"timeout": "2h", "env": {"K": "v"}}, "c": {"shell": "false"}}
    assert changes(before, after) == [
        Change("changed", ("a", "timeout"), "1h", "2h"),
        Change("removed", ("a", "cwd"), "x", None),
        Change("added", ("a", "env"), None, {"K": "v"}),
        Change("removed", ("b",), {"shell": "true"}, None),
        Change("added", ("c",), None, {"shell": "false"}),
    ]


def test_a_list_of_plain_values_is_one_value():
    assert changes({"depends_on": ["a", "b"]}, {"depends_on": ["b"]}) == [
        Change("changed", ("depends_on",), ["a", "b"], ["b"])
    ]


def test_a_list_of_mappings_is_compared_item_by_item():
    before = [{"name": "slow", "for": "5m"}, "x"]
    after = [{"name": "slow", "for": "1m"}, "x", {"name": "new"}]
    assert changes(before, after) == [
        Change("changed", (0, "for"), "5m", "1m"),
        Change("added", (2,), None, {"name": "new"}),
    ]


def test_the_order_of_keys_makes_no_difference_and_quotes_around_a_number_do():
    assert changes({"a": "1", "b": "2"}, {"b": "2", "a": "1"}) == []
    assert changes({"a": Plain("1")}, {"a": "1"}) == [Change("changed", ("a",), Plain("1"), "1")]


@given(TREES)
def test_a_document_does_not_differ_from_itself(tree):
    assert changes(tree, copy.deepcopy(tree)) == []


@given(TREES, TREES)
def test_two_documents_differ_exactly_when_they_are_not_equal(one, other):
    assert bool(changes(one, other)) == (one != other)


@given(TREES, TREES)
def test_the_way_back_undoes_the_way_there(one, other):
    opposite = {"added": "removed", "removed": "added", "changed": "changed"}
    there = {(opposite[kind], path, after, before) for kind, path, before, after in map(frozen, changes(one, other))}
    assert {tuple(frozen(change)) for change in changes(other, one)} == there


def frozen(change):
    return change.kind, change.path, repr(change.before), repr(change.after)
