"""How much longer a task could take without the whole taking longer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.test_layering import graphs
from tetra_orchestrator.core.graph import critical_path, slack_s

DIAMOND = {"a": [], "long": ["a"], "short": ["a"], "end": ["long", "short"]}
SECONDS = {"a": 1.0, "long": 10.0, "short": 4.0, "end": 2.0}


def whole_s(graph, seconds):
    return sum(seconds[node] for node in critical_path(graph, seconds))


def test_beside_a_longer_branch_there_is_the_difference():
    assert slack_s(DIAMOND, SECONDS) == {"a": 0.0, "long": 0.0, "short": 6.0, "end": 0.0}


def test_nothing_has_slack_in_a_chain():
    assert slack_s({"a": [], "b": ["a"]}, {"a": 1.0, "b": 2.0}) == {"a": 0.0, "b": 0.0}


@given(graphs(), st.data())
def test_with_its_slack_a_task_leaves_the_whole_as_long_and_with_more_it_does_not(graph, data):
    seconds = {node: float(data.draw(st.integers(1, 9))) for node in graph}
    slack = slack_s(graph, seconds)
    before = whole_s(graph, seconds)
    for node in graph:
        assert whole_s(graph, {**seconds, node: seconds[node] + slack[node]}) == before
        assert whole_s(graph, {**seconds, node: seconds[node] + slack[node] + 1}) == before + 1
