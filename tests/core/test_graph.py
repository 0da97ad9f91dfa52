"""Order, cycles and levels, against their definitions on small random graphs."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.core.graph import (
    critical_path,
    dependants,
    find_cycle,
    levels,
    order,
    remaining_s,
    upstream_of,
)

Graph = dict[str, tuple[str, ...]]

DIAMOND: Graph = {"load": ("left", "right"), "left": ("extract",), "right": ("extract",), "extract": ()}


@st.composite
def graphs(draw: st.DrawFn, acyclic: bool = False) -> Graph:
    names = draw(st.permutations([f"n{i}" for i in range(draw(st.integers(0, 9)))]))
    pool = {name: names[:i] if acyclic else names for i, name in enumerate(names)}
    graph = {n: tuple(draw(st.lists(st.sampled_from(pool[n]), max_size=3))) if pool[n] else () for n in names}
    return {name: graph[name] for name in draw(st.permutations(names))}


def chains(graph: Graph) -> Iterator[list[str]]:
    """Every path that cannot be made longer in front, first to last, by brute force."""
    behind = dependants(graph)
    stack = [[name] for name in graph if not graph[name]]
    while stack:
        path = stack.pop()
        yield path
        stack.extend([*path, child] for child in set(behind[path[-1]]))


def test_levels_hold_what_may_run_side_by_side_in_file_order() -> None:
    assert levels(DIAMOND) == [["extract"], ["left", "right"], ["load"]]
    assert order(DIAMOND) == ["extract", "left", "right", "load"]


def test_an_empty_graph_has_no_levels_no_cycle_and_no_path() -> None:
    assert (levels({}), order({}), find_cycle({}), critical_path({}, {})) == ([], [], None, [])


def test_a_dependency_named_twice_counts_once() -> None:
    assert levels({"a": (), "b": ("a", "a")}) == [["a"], ["b"]]


def test_dependants_are_in_file_order() -> None:
    assert dependants(DIAMOND) == {"load": [], "left": ["load"], "right": ["load"], "extract": ["left", "right"]}


@given(graphs(acyclic=True))
def test_a_node_is_one_level_after_the_last_it_depends_on(graph: Graph) -> None:
    level = {name: i for i, group in enumerate(levels(graph)) for name in group}
    assert level == {name: 1 + max((level[d] for d in graph[name]), default=-1) for name in graph}


@given(graphs())
def test_the_order_holds_each_sound_node_once_after_all_it_depends_on(graph: Graph) -> None:
    found = order(graph)
    at = {name: i for i, name in enumerate(found)}
    assert len(at) == len(found)
    assert all(at[d] < at[name] for name in found for d in graph[name])
    on_a_cycle = {name for name in graph if name in upstream_of(graph, name)}
    assert set(graph) - set(found) == {n for n in graph if ({n} | upstream_of(graph, n)) & on_a_cycle}


@given(graphs())
def test_levels_keep_the_order_of_the_file(graph: Graph) -> None:
    position = {name: i for i, name in enumerate(graph)}
    assert all(position[a] < position[b] for group in levels(graph) for a, b in pairwise(group))


@given(graphs())
def test_a_cycle_is_found_exactly_when_a_node_depends_on_itself(graph: Graph) -> None:
    cycle = find_cycle(graph)
    if cycle is None:
        assert not any(name in upstream_of(graph, name) for name in graph)
    else:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        assert all(b in graph[a] for a, b in pairwise(cycle))


@pytest.mark.parametrize(
    ("graph", "text"),
    [
        ({"a": ("a",)}, "a -> a"),
        ({"a": ("b",), "b": ("a",)}, "a -> b -> a"),
        ({"top": ("a",), "a": ("b",), "b": ("c",), "c": ("a",), "free": ()}, "a -> b -> c -> a"),
        ({"behind": ("x", "a"), "x": (), "a": ("b",), "b": ("x", "a")}, "a -> b -> a"),
    ],
)
def test_a_cycle_is_written_from_a_node_back_to_itself(graph: Graph, text: str) -> None:
    assert " -> ".join(find_cycle(graph) or ()) == text


@given(graphs())
def test_upstream_is_what_repeated_steps_reach(graph: Graph) -> None:
    for name in graph:
        reached = set(graph[name])
        for _ in graph:
            reached |= {d for n in reached for d in graph[n]}
        assert upstream_of(graph, name) == reached


@given(graphs(acyclic=True), st.data())
def test_the_critical_path_is_the_longest_of_all_paths(graph: Graph, data: st.DataObject) -> None:
    seconds = {name: data.draw(st.integers(0, 9)) for name in graph}
    path = critical_path(graph, seconds)
    lengths = [sum(seconds[name] for name in chain) for chain in chains(graph)]
    assert sum(seconds[name] for name in path) == max(lengths, default=0)
    assert all(a in graph[b] for a, b in pairwise(path))


@given(graphs(acyclic=True), st.data())
def test_what_remains_is_the_longest_path_from_there_to_an_end(graph: Graph, data: st.DataObject) -> None:
    seconds = {name: data.draw(st.integers(0, 9)) for name in graph}
    expected = dict.fromkeys(graph, 0)
    for chain in chains(graph):
        for i, name in enumerate(chain):
            expected[name] = max(expected[name], sum(seconds[n] for n in chain[i:]))
    assert remaining_s(graph, seconds) == expected


def test_a_chain_of_100_000_needs_no_recursion() -> None:
    names = [f"t{i}" for i in range(100_000)]
    chain: Graph = {name: (names[i - 1],) if i else () for i, name in enumerate(names)}
    assert order(chain) == names
    assert find_cycle(chain) is None
    assert len(upstream_of(chain, names[-1])) == 99_999
    assert critical_path(chain, dict.fromkeys(names, 1.0)) == names
    ring = chain | {names[0]: (names[-1],)}
    assert len(find_cycle(ring) or ()) == 100_001
