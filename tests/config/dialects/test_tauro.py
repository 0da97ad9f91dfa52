"""Nodes and pipelines as a native document: what each key becomes."""

from __future__ import annotations

import pytest

from config.dialects.tauro_folders import Tauro
from tetra_orchestrator.config.dialects.tauro_graph import looks_streaming
from tetra_orchestrator.config.dialects.tauro_models import Node

DATES = {"start_date": "{params.start_date}", "end_date": "{params.end_date}"}


@pytest.fixture
def tauro(tmp_path):
    return Tauro(tmp_path)


@pytest.fixture
def node(tauro):
    """The native pipeline that one node becomes, given the text of its keys."""

    def translated(keys, others=""):
        return tauro.write(f"a: {{function: p.a, {keys}}}\n{others}").native()["pipelines"]["a"]

    return translated


@pytest.fixture
def settings(tauro):
    """The native document of one node under these global settings."""

    def translated(text):
        return tauro.write(text, "global_settings.yaml").write("a: {function: p.a}\n").native()

    return translated


# -- nodes


def test_a_node_is_a_pipeline_of_one_function_in_the_session_of_all(tauro):
    native = tauro.write("extract: {function: p.etl.extract, output: bronze.events}\n").native()
    assert native["pipelines"] == {
        "extract": {
            "function": "p.etl.extract",
            "session": "tauro",
            "writes": ["bronze.events"],
            "config": DATES,
        }
    }
    assert native["sessions"] == {"tauro": {"threads": 4}}


def test_X_031_inputs_are_read_in_their_order(node):
    assert node("input: [b.two, a.one]")["reads"] == ["b.two", "a.one"]


def test_X_032_X_033_one_input_or_output_may_be_text(node):
    found = node("input: src_raw, output: silver.events")
    assert (found["reads"], found["writes"]) == (["src_raw"], ["silver.events"])


def test_without_an_output_the_result_is_kept_under_the_name_of_the_node(node):
    assert node("description: x")["writes"] == ["a"]


def test_without_an_input_a_node_reads_what_its_dependencies_write(node):
    found = node("dependencies: [c, b]", "b: {function: p.b, output: [b1, b2]}\nc: {function: p.c}\n")
    assert (found["depends_on"], found["reads"]) == (["c", "b"], ["c", "b1"])


def test_X_115_one_result_is_meant_by_every_name_in_the_output(tauro):
    tauro.write("""\
        split: {function: p.split, output: [left, right]}
        use: {function: p.use, input: [right, left]}
        """)
    pipelines = tauro.native()["pipelines"]
    assert pipelines["split"]["writes"] == ["left"]
    assert pipelines["use"]["reads"] == ["left", "left"]


def test_X_038_a_description_is_kept(node):
    assert node("description: Loads it")["description"] == "Loads it"


def test_X_037_metrics_are_kept_as_a_tag_where_a_node_is_given_no_context(node):
    assert node("metrics: [rows, bytes]")["tags"] == {"metrics": "rows, bytes"}


def test_X_083_a_node_may_have_a_time_limit(node):
    assert node("timeout_seconds: 90")["timeout"] == 90.0


def test_depends_on_is_another_word_for_dependencies(node):
    assert node("depends_on: b", "b: {function: p.b}\n")["depends_on"] == ["b"]


def test_braces_in_names_of_data_are_data(node):
    assert node("input: ['{x.y}']")["reads"] == ["{x.y}"]


# -- pipelines


def test_X_022_a_pipeline_is_a_mode_of_the_nodes_it_lists(tauro):
    tauro.write("daily:\n  description: Every day\n  nodes: [b, {a: {}}]\nother: {nodes: [c]}\n", "pipelines.yaml")
    tauro.write("a: {function: p.a}\nb: {function: p.b}\nc: {function: p.c}\n")
    assert tauro.native()["modes"] == {
        "daily": {"pipelines": ["a", "b"], "description": "Every day"},
        "other": {"pipelines": ["c"], "description": "batch pipeline"},
    }


def test_X_195_the_type_is_read_whatever_its_case(tauro):
    tauro.write("daily: {type: BATCH, nodes: [a]}\n", "pipelines.yaml").write("a: {function: p.a}\n")
    assert tauro.native()["modes"]["daily"]["description"] == "batch pipeline"


def test_a_pipeline_called_like_a_node_is_pointed_out(tauro):
    tauro.write("a: {nodes: [a, b]}\n", "pipelines.yaml").write("a: {function: p.a}\nb: {function: p.b}\n")
    assert tauro.warnings() == (
        "pipelines.yaml:1:1: 'a' is the name of a node and of a pipeline\n  a: {nodes: [a, b]}\n  ^\n"
        "  hint: `--pipeline a` runs the node alone, `--mode a` the pipeline; rename one of the two"
    )


# -- settings


def test_X_018_dates_are_parameters_with_the_settings_as_defaults(settings):
    assert settings("start_date: 2025-01-01\n")["params"] == {
        "start_date": {"type": "str", "default": "2025-01-01"},
        "end_date": {"type": "str"},
    }


def test_a_failed_node_is_tried_three_times_in_growing_waits(settings):
    retry = {"max_attempts": 3, "delay": 1, "backoff": 2, "max_delay": 60}
    assert settings("retry: {}\n")["defaults"]["task"] == {"retry": retry}


def test_X_122_how_often_can_be_set(settings):
    retry = settings("retry: {max_attempts: 5, delay: 10s}\n")["defaults"]["task"]["retry"]
    assert retry == {"max_attempts": 5, "delay": 10.0, "backoff": 2, "max_delay": 60}


def test_X_124_three_failed_nodes_open_the_breaker(settings):
    assert settings("retry: {}\n")["defaults"]["run"]["stop_after"] == 3
    assert settings("circuit_breaker_threshold: 1\n")["defaults"]["run"]["stop_after"] == 1


def test_X_116_X_120_four_nodes_run_at_a_time_or_as_many_as_set(settings):
    assert settings("retry: {}\n")["defaults"]["run"]["max_parallel"] == 4
    native = settings("max_workers: 2\n")
    assert native["defaults"]["run"]["max_parallel"] == native["sessions"]["tauro"]["threads"] == 2
    assert native["host"] == {"max_parallel": 2}


def test_X_272_very_many_workers_are_questioned(tauro):
    tauro.write("max_workers: 100\n", "global_settings.yaml").write("a: {function: p.a}\n")
    assert tauro.warnings() == (
        "global_settings.yaml:1:1: 'max_workers' is 100: so many threads get in each other's way\n"
        "  max_workers: 100\n  ^"
    )


def test_X_122_a_node_may_have_its_own(node):
    assert node("retry: {max_attempts: 1}")["retry"]["max_attempts"] == 1


def test_a_longer_wait_than_the_usual_longest_is_meant(node):
    assert node("retry: {delay: 5m}")["retry"] == {"max_attempts": 3, "delay": 300.0, "backoff": 2, "max_delay": 300.0}


# -- streams

HYBRID = """\
type: hybrid
extract: {function: p.extract, output: bronze}
clean: {function: p.clean, dependencies: extract}
stream_events: {function: p.stream}
join: {function: p.join, dependencies: [clean, stream_events]}
"""


def test_X_149_in_a_hybrid_pipeline_a_name_or_an_output_says_that_a_node_is_a_stream():
    assert looks_streaming("stream_events", Node())
    assert looks_streaming("events", Node(output=["stream.events"]))
    assert not looks_streaming("join_sources", Node(output=["gold.unified"]))


def test_X_150_what_needs_a_stream_starts_once_that_is_ready(tauro):
    join = tauro.write(HYBRID).native()["pipelines"]["join"]
    assert join["depends_on"] == ["clean", {"stream_events": "ready"}]


def test_a_stream_that_others_need_runs_until_they_have_ended_and_takes_no_worker_from_them(tauro):
    native = tauro.write(HYBRID).native()
    assert native["pipelines"]["stream_events"]["until"] == "stopped"
    assert native["pipelines"]["stream_events"]["ready_when"] == '"ready": true'
    assert native["pipelines"]["stream_events"]["tags"] == {"kind": "streaming"}
    assert native["sessions"]["tauro"]["threads"] == native["host"]["max_parallel"] == 5


def test_X_182_in_a_hybrid_pipeline_the_batch_nodes_come_first(tauro):
    assert tauro.write(HYBRID).native()["pipelines"]["stream_events"]["depends_on"] == ["clean"]


def test_a_stream_that_only_waits_for_batch_nodes_is_given_none_of_their_data(tauro):
    pipelines = tauro.write(HYBRID).native()["pipelines"]
    assert "reads" not in pipelines["stream_events"]
    assert pipelines["join"]["reads"] == ["clean", "stream_events"]


def test_a_stream_is_given_what_its_own_batch_nodes_return_and_nothing_else(tauro):
    tauro.write("""\
        type: hybrid
        extract: {function: p.extract}
        lookup: {function: p.lookup, output: [tables]}
        stream_events: {function: p.stream, dependencies: lookup}
        """)
    stream = tauro.native()["pipelines"]["stream_events"]
    assert stream["depends_on"] == ["lookup", "extract"]
    assert stream["reads"] == ["tables"]


def test_a_stream_that_nothing_needs_ends_by_itself(tauro):
    native = tauro.write("type: streaming\ningest: {function: p.ingest}\n").native()
    assert "until" not in native["pipelines"]["ingest"]
    assert native["pipelines"]["ingest"]["tags"] == {"kind": "streaming"}


def test_without_a_type_only_a_node_that_says_so_is_a_stream(tauro):
    tauro.write("stream_a: {function: p.a}\nb: {function: p.b, type: streaming}\n")
    pipelines = tauro.native()["pipelines"]
    assert [name for name, each in pipelines.items() if "tags" in each] == ["b"]


def test_X_196_another_type_is_refused(tauro):
    assert tauro.write("type: foo\na: {function: p.a}\n").problems() == (
        "nodes.yaml:1:7: 'type' must be 'batch', 'streaming' or 'hybrid': 'foo'\n  type: foo\n        ^"
    )


def test_a_stream_in_a_batch_pipeline_is_refused(tauro):
    assert tauro.write("type: batch\na: {function: p.a, type: streaming}\n").problems() == (
        "nodes.yaml:2:26: 'a' is a streaming node, and the pipeline 'nodes' is of the type batch\n"
        "  a: {function: p.a, type: streaming}\n"
        "                           ^\n"
        "  hint: give 'nodes' `type: hybrid`, or leave the type of 'a' out"
    )
