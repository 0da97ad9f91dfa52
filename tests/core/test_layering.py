"""Where the nodes of a drawing stand."""

from __future__ import annotations

from itertools import combinations, pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.core.layering import PASSING, effort, layout


@st.composite
def graphs(draw):
    """Graphs of up to 14 nodes without a cycle: each depends on some of those before it."""
    names = [f"n{number}" for number in range(draw(st.integers(1, 14)))]
    return {
        name: draw(st.lists(st.sampled_from(names[:at]), max_size=3)) if at else [] for at, name in enumerate(names)
    }


def crossings(found):
    """How many pairs of lines cross between two columns."""
    steps = [step for points in found.lines.values() for step in pairwise(points)]
    pairs = combinations(steps, 2)
    return sum(a[0][0] == b[0][0] and (a[0][1] - b[0][1]) * (a[1][1] - b[1][1]) < 0 for a, b in pairs)


@given(graphs())
def test_a_node_stands_right_of_all_that_it_depends_on(graph):
    found = layout(graph)
    assert set(found.places) == set(graph)
    assert all(found.places[name][0] < found.places[node][0] for node in graph for name in graph[node])


@given(graphs())
def test_no_two_nodes_of_a_column_overlap_and_none_leaves_the_drawing(graph):
    found = layout(graph)
    for (column, row), (other, below) in combinations(found.places.values(), 2):
        assert column != other or abs(row - below) > 0.999
    assert all(-1e-9 <= row <= found.rows - 1 + 1e-9 for _, row in found.places.values())


@given(graphs())
def test_a_line_leads_from_column_to_column_from_what_is_needed_to_what_needs_it(graph):
    found = layout(graph)
    for (name, node), points in found.lines.items():
        assert (points[0], points[-1]) == (found.places[name], found.places[node])
        assert [column for column, _ in points] == list(range(points[0][0], points[-1][0] + 1))


def test_lines_that_need_not_cross_do_not():
    twisted = {"a": [], "b": [], "c": [], "x": ["c"], "y": ["b"], "z": ["a"], "end": ["x", "y", "z"]}
    assert crossings(layout(twisted)) == 0


def test_a_chain_is_a_straight_line():
    assert layout({"a": [], "b": ["a"], "c": ["b"]}).places == {"a": (0, 0.0), "b": (1, 0.0), "c": (2, 0.0)}


def test_a_line_that_passes_a_column_keeps_off_its_nodes():
    found = layout({"a": [], "b": ["a"], "c": ["a", "b"]})
    passing = found.lines["a", "c"][1]
    assert abs(passing[1] - found.places["b"][1]) >= PASSING


def test_a_drawing_of_many_nodes_is_little_higher_than_its_fullest_column():
    chance, columns, wide = Random(1), 12, 10
    graph = {f"n{at}": [] for at in range(wide)}
    for at in range(wide, columns * wide):
        first = at // wide * wide - wide
        graph[f"n{at}"] = [f"n{one}" for one in chance.sample(range(first, first + wide), 2)]
    for at in range(4 * wide, columns * wide, wide):
        graph[f"n{at}"].append(f"n{at % 40}")  # lines that pass many columns
    assert layout(graph).rows < 2 * wide


def test_the_effort_counts_nodes_and_the_columns_that_lines_cross():
    assert effort({"a": [], "b": ["a"], "c": ["a", "b"]}) == 3 + 1 + 2 + 1
