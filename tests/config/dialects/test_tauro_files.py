"""Which files are recognised as tauro's, and how those of one folder come together."""

from __future__ import annotations

import pytest

from config.dialects.tauro_folders import Tauro
from tetra_orchestrator.config.dialects.tauro import recognises
from tetra_orchestrator.config.problems import Problems
from tetra_orchestrator.config.yaml_tree import parse

TWO_NODES = """\
extract: {function: p.extract, output: bronze}
load: {function: p.load, dependencies: extract}
"""


@pytest.fixture
def tauro(tmp_path):
    return Tauro(tmp_path)


# -- recognition


@pytest.mark.parametrize(
    ("text", "recognised"),
    [
        pytest.param("a: {function: p.a}", True, id="X-020 nodes without a wrapper"),
        pytest.param("nodes: {a: {function: p.a}}", True, id="X-019 nodes in a wrapper"),
        pytest.param("type: hybrid\na: {function: p.a}", True, id="X-021 a type beside nodes"),
        pytest.param("daily: {nodes: [a, b]}", True, id="X-022 pipelines"),
        pytest.param("pipelines: {daily: {nodes: [a]}}", True, id="pipelines in a wrapper"),
        pytest.param("name: p\ntype: batch\nnodes: {a: {function: p.a}}", True, id="X-025 a single file"),
        pytest.param("global_settings: g.yaml\nnodes_config: n.yaml", True, id="X-014 a file that names the parts"),
        pytest.param("mlops: {backend: local}", True, id="machine learning alone"),
        pytest.param("hyperparameters: {a: 1}", True, id="hyperparameters alone"),
        pytest.param("pipeline_name: p\npipeline_type: BATCH", True, id="X-232 the deprecated file"),
        pytest.param("a: {dependencies: [b]}\nb: {functon: p.b}", True, id="nodes with a slip"),
        pytest.param("a: {command: [x]}", False, id="something else"),
        pytest.param("name: x", False, id="a name alone"),
    ],
)
def test_a_file_is_recognised_by_what_is_in_it(text, recognised):
    assert recognises(parse(text.encode(), "f.yaml", Problems("f.yaml")), "/p/f.yaml") is recognised


@pytest.mark.parametrize("name", ["global_settings.yaml", "nodes.yml", "pipelines.yaml", "ml_info.yaml"])
def test_a_file_is_recognised_by_its_name_whatever_is_in_it(name):
    assert recognises(parse(b"some: thing", name, Problems(name)), f"/p/{name}")


# -- folders


@pytest.fixture
def folder(tauro):
    """Settings, a pipeline of two nodes, and a third node that it does not list."""
    tauro.write("start_date: 2025-01-01\nend_date: 2025-01-31\n", "config/global_settings.yaml")
    tauro.write("daily: {nodes: [extract, load]}\n", "config/pipelines.yaml")
    return tauro.write(f"{TWO_NODES}extra: {{function: p.extra}}\n", "config/nodes.yaml")


@pytest.mark.parametrize("given", ["nodes.yaml", "pipelines.yaml", "global_settings.yaml"])
def test_X_013_whichever_file_is_given_the_others_are_found_beside_it(folder, given):
    folder.given = str(folder.path / "config" / given)
    native = folder.native()
    assert native["modes"]["daily"]["pipelines"] == ["extract", "load"]
    assert native["params"]["start_date"]["default"] == "2025-01-01"
    assert list(native["pipelines"]) == ["extract", "load", "extra"]


def test_a_project_of_a_config_folder_finds_modules_in_both_its_root_and_that_folder(folder):
    assert folder.native()["pythonpath"] == [".", "config"]


def test_X_015_the_file_about_machine_learning_is_used_when_it_is_there(tauro):
    tauro.write("train: {function: p.train}\n")
    assert tauro.context("train")["hyperparams"] == {}
    tauro.write("hyperparameters: {depth: 6}\n", "ml_info.yaml").given = str(tauro.path / "nodes.yaml")
    assert tauro.context("train")["hyperparams"] == {"depth": "{params.depth}"}


def test_X_233_it_may_be_json(tauro):
    tauro.write('{"hyperparams": {"depth": 6}, "tags": {"team": "ds"}}', "ml_info.json")
    assert tauro.write("train: {function: p.train}\n").context("train")["tags"] == {"team": "ds"}


def test_another_file_about_machine_learning_can_be_given(tauro):
    tauro.write("train: {function: p.train}\n").write("tags: {team: a}\n", "ml_info.yaml")
    assert tauro.write("mlops: {backend: local}\ntags: {team: b}\n", "short.yaml").context("train")["tags"] == {
        "team": "b"
    }


def test_X_023_a_nodes_file_alone_is_one_pipeline_called_like_the_file(tauro):
    assert list(tauro.write(TWO_NODES, "nightly.yaml").native()["modes"]) == ["nightly"]


def test_a_nodes_file_of_another_name_stands_by_itself_but_for_the_settings(folder):
    native = folder.write(TWO_NODES, "config/nodes_2.yaml").native()
    assert list(native["modes"]) == ["nodes_2"]
    assert native["params"]["end_date"]["default"] == "2025-01-31"


def test_X_025_X_026_a_single_file_is_a_pipeline_with_settings_of_its_own(tauro):
    tauro.write("""\
        name: churn
        type: batch
        config: {hyperparams: {trees: 100}}
        nodes:
          prepare: {function: p.prepare}
          train_model: {function: p.train, dependencies: [prepare], hyperparams: {depth: 6}}
        """)
    assert tauro.native()["project"] == "churn"
    assert tauro.native()["modes"]["churn"]["pipelines"] == ["prepare", "train_model"]
    assert tauro.context("train_model")["hyperparams"] == {"trees": "{params.trees}", "depth": "{params.depth}"}


def test_X_014_one_file_may_hold_or_name_the_parts(tauro):
    tauro.write(TWO_NODES, "parts/n.yaml")
    tauro.write("""\
        global_settings: {start_date: 2025-01-01, end_date: 2025-01-02}
        pipelines_config: {daily: {nodes: [extract]}}
        nodes_config: parts/n.yaml
        """, "config.yaml")  # fmt: skip
    native = tauro.native()
    assert native["modes"]["daily"]["pipelines"] == ["extract"]
    assert list(native["pipelines"]) == ["extract", "load"]


@pytest.mark.parametrize("inline", [False, True], ids=["in files", "inline"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
def test_X_014_parts_may_stand_once_more_under_their_own_key(tauro, inline, wrapped):
    parts = {
        "nodes": "{extract: {function: p.extract}, load: {function: p.load, dependencies: extract}}",
        "pipelines": "{daily: {nodes: [extract, load]}, first: {nodes: [extract]}}",
    }
    lines = []
    for key, text in parts.items():
        part = f"{{{key}: {text}}}" if wrapped else text
        tauro.write(part, f"config/{key}.yaml")
        lines.append(f"{key}_config: {part if inline else f'config/{key}.yaml'}\n")
    native = tauro.write("".join(lines), "config.yaml").native()
    assert {name: mode["pipelines"] for name, mode in native["modes"].items()} == {
        "daily": ["extract", "load"],
        "first": ["extract"],
    }
    assert list(native["pipelines"]) == ["extract", "load"]


@pytest.mark.parametrize(
    "text", [f"type: hybrid\nname: clicks\n{TWO_NODES}", "type: hybrid\nname: clicks\nnodes: {a: {function: p.a}}\n"]
)
def test_a_nodes_file_that_is_named_says_of_its_pipeline_what_it_would_say_alone(tauro, text):
    tauro.write(text, "n.yaml")
    native = tauro.write("nodes_config: n.yaml\n", "config.yaml").native()
    assert native["modes"]["clicks"]["description"] == "hybrid pipeline"


def test_a_node_may_be_called_nodes_and_a_pipeline_pipelines(tauro):
    tauro.write("nodes: {function: p.a}\nload: {function: p.load}\n", "n.yaml")
    tauro.write("pipelines: {nodes: [nodes]}\nall: {nodes: [nodes, load]}\n", "p.yaml")
    native = tauro.write("nodes_config: n.yaml\npipelines_config: p.yaml\n", "config.yaml").native()
    assert native["modes"]["pipelines"]["pipelines"] == ["nodes"]
    assert list(native["pipelines"]) == ["nodes", "load"]


def test_a_part_that_is_no_file_is_told(tauro):
    assert tauro.write("nodes_config: n.yaml\n", "config.yaml").problems() == (
        "config.yaml:1:15: 'nodes_config': there is no file 'n.yaml'\n  nodes_config: n.yaml\n                ^\n"
        "  hint: write the parts here as a mapping, or the path of their file as seen from this one"
    )


def test_X_011_text_in_any_language_is_kept(tauro):
    tauro.write("# detección → ✅\nextract: {function: p.extract, description: señal → ✅}\n")
    assert tauro.native()["pipelines"]["extract"]["description"] == "señal → ✅"


def test_X_232_the_deprecated_file_is_used_with_a_warning(tauro):
    tauro.write("""\
        pipeline_name: daily_training
        pipeline_type: BATCH
        model_version: v1.0.0
        hyperparams: {depth: 6}
        metrics: [accuracy]
        tags: {team: ds}
        """, "ml_config.yml")  # fmt: skip
    tauro.write("train: {function: p.train}\n")
    assert list(tauro.native()["modes"]) == ["daily_training"]
    assert tauro.native()["params"]["model_version"]["default"] == "v1.0.0"
    context = tauro.context("train")
    assert (context["metrics"], context["tags"]) == (["accuracy"], {"team": "ds"})
    assert tauro.warnings() == (
        "ml_config.yml:1:1: a file with 'pipeline_name' and 'pipeline_type' is the deprecated form of ml_info.yaml\n"
        "  pipeline_name: daily_training\n"
        "  ^\n"
        "  hint: move its hyperparams, metrics, tags and model_version into ml_info.yaml, or into pipelines.yaml"
    )


def test_X_207_a_broken_file_about_machine_learning_matters_only_where_there_is_some(tauro):
    tauro.write("mlops: {backend: foo}\n", "ml_info.yaml")
    assert "extract" in tauro.write(TWO_NODES).native()["pipelines"]
    assert tauro.write(f"{TWO_NODES}train: {{function: p.train}}\n").problems() == (
        "ml_info.yaml:1:18: 'backend' must be 'local' or 'databricks': 'foo'\n  mlops: {backend: foo}\n"
        "                   ^"
    )


def test_a_setting_that_is_not_ours_is_told(tauro):
    tauro.write("input_path: /data\n", "global_settings.yaml").write(TWO_NODES)
    assert tauro.warnings() == (
        "global_settings.yaml:1:1: 'input_path' has no effect: it is no setting of ours\n"
        "  input_path: /data\n  ^\n"
        "  hint: settings: mlops, hyperparams, hyperparameters, metrics, tags, model_name, model_version, start_date, "
        "end_date, max_workers, circuit_breaker_threshold, retry"
    )
