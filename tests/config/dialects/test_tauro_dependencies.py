"""The five forms of dependencies, the edges that data sets add, and how a cycle is told."""

from __future__ import annotations

import pytest

from tetra_orchestrator.config.dialects.tauro_dependencies import (
    behind,
    cycles,
    dependency_name,
    describe_cycle,
    edges,
    normalise,
)
from tetra_orchestrator.config.values import Nothing, Plain

# -- names


@pytest.mark.parametrize(
    ("written", "names"),
    [
        pytest.param("extract", ["extract"], id="X-045 text"),
        pytest.param({"extract": {}}, ["extract"], id="X-046 a mapping of one"),
        pytest.param(["extract", "transform"], ["extract", "transform"], id="X-047 a list of texts"),
        pytest.param([{"extract": {}}, {"transform": {}}], ["extract", "transform"], id="X-048 a list of mappings"),
        pytest.param(["extract", {"transform": {}}], ["extract", "transform"], id="X-049 mixed"),
        pytest.param([{"extract": {}}, "transform"], ["extract", "transform"], id="X-049 mixed the other way"),
        pytest.param({"extract": None}, ["extract"], id="X-051 a key without a value"),
        pytest.param({"extract": Nothing()}, ["extract"], id="X-051 as the parser has it"),
        pytest.param(["a", "a", "b"], ["a", "b"], id="X-054 duplicates, order kept"),
    ],
)
def test_every_form_comes_to_the_same_list_of_names(written, names):
    assert normalise(written) == names


@pytest.mark.parametrize("nothing", [None, [], {}, "", Nothing()])
def test_X_050_nothing_is_an_empty_list(nothing):
    assert normalise(nothing) == []


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ([{"a": {}, "b": {}}], "has a mapping of 2 nodes", "write them as a list: [a, b]"),
        ({"a": {}, "b": {}}, "has a mapping of 2 nodes", "write them as a list: [a, b]"),
        ([{}], "has a mapping of 0 nodes", "write them as a list: [extract]"),
        ([3], "must hold names of nodes, not 3", "write it like [extract, transform]"),
        ([Plain("3")], "must hold names of nodes, not 3", "a node whose name looks like that needs quotes"),
        ([" "], "must hold names of nodes, not ' '", "write it like [extract, transform]"),
        ([["a"]], "must hold names of nodes, not a list", "write it like [extract, transform]"),
        ({"a": {"timeout": 5}}, "gives 'a' options, and a dependency has none", "write only a"),
    ],
)
def test_X_052_X_053_what_is_no_list_of_names_is_refused_with_what_to_write(written, message, hint):
    with pytest.raises(ValueError) as caught:
        normalise(written)
    assert caught.value.args == (message, hint)


def test_X_058_one_item_is_a_name_or_a_mapping_with_it_as_its_key():
    assert [dependency_name(item) for item in ("a", {"a": {}})] == ["a", "a"]


# -- edges


def test_X_040_reading_what_another_node_writes_is_a_dependency():
    explicit = {"extract": [], "transform": []}
    found = edges(explicit, {"extract": [], "transform": ["bronze"]}, {"extract": ["bronze"], "transform": ["silver"]})
    assert found == {"extract": [], "transform": ["extract"]}


def test_X_041_an_edge_that_is_also_said_counts_once():
    explicit = {"extract": [], "transform": ["extract"]}
    found = edges(explicit, {"extract": [], "transform": ["bronze"]}, {"extract": ["bronze"], "transform": ["silver"]})
    assert found["transform"] == ["extract"]


def test_X_043_data_that_no_node_writes_adds_no_edge():
    assert edges({"extract": []}, {"extract": ["src_raw"]}, {"extract": ["bronze"]}) == {"extract": []}


def test_a_node_that_reads_what_it_writes_does_not_wait_for_itself():
    assert edges({"merge": []}, {"merge": ["gold"]}, {"merge": ["gold"]}) == {"merge": []}


def test_names_that_are_no_nodes_make_no_edge():
    assert edges({"a": ["nope"]}, {"a": []}, {"a": []}) == {"a": []}


def test_behind_a_node_is_all_that_depends_on_it_and_itself():
    graph = {"a": [], "b": ["a"], "c": ["b"], "d": []}
    assert behind(graph, lambda name: name == "b") == {"b", "c"}


# -- cycles


@pytest.mark.parametrize(
    ("graph", "text"),
    [
        pytest.param(
            {"node1": ["node2"], "node2": ["node1"]}, "Circular dependency detected: node1 <-> node2", id="X-066"
        ),
        pytest.param(
            {"a": ["b"], "b": ["c"], "c": ["a"]}, "Circular dependency detected: a -> b -> c -> a", id="X-067"
        ),
        pytest.param({"a": ["a"]}, "Circular dependency detected: a -> a", id="X-068"),
    ],
)
def test_a_cycle_is_told_with_all_its_members(graph, text):
    assert [describe_cycle(cycle) for cycle in cycles(graph)] == [text]


def test_separate_cycles_are_all_found():
    graph = {"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"], "e": []}
    assert [cycle[:2] for cycle in cycles(graph)] == [["a", "b"], ["c", "d"]]
