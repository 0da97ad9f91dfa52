"""What a node of machine learning is given as `ml_context`, level by level, and what has no effect without one."""

from __future__ import annotations

import pytest

from config.dialects.tauro_folders import Tauro
from tetra_orchestrator.config.read import read

TRAIN = "train_model: {function: ml.train}\n"


@pytest.fixture
def tauro(tmp_path):
    return Tauro(tmp_path)


@pytest.fixture
def levels(tauro):
    """A node of machine learning in a pipeline, with something said at every level."""

    def written(settings="", info="", pipeline="", node=""):
        tauro.write(f"{{{settings}}}", "global_settings.yaml")
        tauro.write(f"{{{info}}}", "ml_info.yaml")
        tauro.write(f"daily: {{nodes: [train_model], {pipeline}}}", "pipelines.yaml")
        return tauro.write(f"train_model: {{function: ml.train, {node}}}")

    return written


def mlops(tauro):
    return tauro.context("train_model")["mlops"]


# -- the context


def test_a_node_that_looks_like_machine_learning_is_given_a_context_with_defaults(tauro):
    assert tauro.write(TRAIN).context("train_model") == {
        "hyperparams": {},
        "metrics": [],
        "mlops": {"enabled": True, "backend": "local", "path": "./mlops_data", "auto_log": True},
        "tags": {},
        "detected_by": "name train_model",
        "model_version": "{params.model_version}",
        "spark": None,
    }


def test_X_216_other_nodes_are_given_none(tauro):
    assert tauro.write("extract: {function: p.extract}\n").context("extract") is None


def test_X_095_the_version_of_the_model_is_a_parameter(tauro):
    assert tauro.write(TRAIN).native()["params"]["model_version"] == {"type": "str", "default": "unknown"}


def test_the_name_of_a_model_is_handed_over_where_one_is_said(levels):
    tauro = levels("model_name: tree", pipeline="model_name: gbt_classifier")
    assert tauro.context("train_model")["model_name"] == "gbt_classifier"


def test_the_version_of_a_pipeline_is_that_of_its_mode(tauro):
    tauro.write("a: {nodes: [train_model], model_version: v2}\nb: {nodes: [train_model]}\n", "pipelines.yaml")
    native = tauro.write(TRAIN).native()
    assert native["params"]["model_version"]["default"] == "unknown"
    assert native["modes"]["a"]["params"] == {"model_version": "v2"}
    assert "params" not in native["modes"]["b"]


def test_the_version_that_all_pipelines_have_is_the_default(levels):
    assert levels(info="model_version: v1").native()["params"]["model_version"]["default"] == "v1"


def test_X_098_to_X_101_hyperparameters_are_merged_from_the_general_to_the_specific(levels):
    tauro = levels(
        "hyperparams: {a: 1, b: 1, c: 1, d: 1}",
        "hyperparameters: {b: 2, c: 2, d: 2}",
        "hyperparams: {c: 3, d: 3}",
        "hyperparams: {d: 4}",
    )
    found = {name: tauro.native()["params"][name]["default"] for name in "abcd"}
    assert found == {"a": "1", "b": "2", "c": "3", "d": "4"}
    assert tauro.context("train_model")["hyperparams"] == {name: f"{{params.{name}}}" for name in "abcd"}


def test_text_needs_no_quotes(levels):
    tauro = levels("hyperparams: {split: gini}", node="hyperparams: {split: 'gini', loss: log}")
    params = tauro.native()["params"]
    assert [params[name] for name in ("split", "loss")] == [
        {"type": "str", "default": "gini"},
        {"type": "str", "default": "log"},
    ]


def test_what_is_no_plain_value_is_handed_over_as_it_is(levels):
    tauro = levels(node="hyperparams: {layers: [64, 32], seed: null, note: {text: '{a.b}'}}")
    assert tauro.context("train_model")["hyperparams"] == {
        "layers": [64, 32],
        "seed": None,
        "note": {"text": "{{a.b}}"},
    }


def test_the_metrics_of_the_node_replace_those_above_and_are_a_tag_of_it(levels):
    tauro = levels(pipeline="config: {metrics: [auc, f1]}", node="metrics: [accuracy]")
    assert tauro.context("train_model")["metrics"] == ["accuracy"]
    assert tauro.native()["pipelines"]["train_model"]["tags"] == {"metrics": "accuracy"}


def test_X_228_tags_of_all_levels_are_those_of_the_task(levels):
    tauro = levels("tags: {team: a, env: dev}", "tags: {env: prod}", "tags: {owner: me}")
    tags = {"team": "a", "env": "prod", "owner": "me"}
    assert tauro.context("train_model")["tags"] == tags
    assert tauro.native()["pipelines"]["train_model"]["tags"] == tags


# -- mlops


def test_X_209_node_over_pipeline_over_ml_info_over_environment_over_settings_over_defaults(levels):
    five = [f"mlops: {{path: p{n}, experiment: {{name: n{n}}}}}" for n in range(4)]
    tauro = levels(*five)
    tauro.environ["TAURO_MLOPS_PATH"] = "from_environment"
    assert mlops(tauro)["path"] == "p3"
    assert mlops(levels(*five[:3]))["path"] == "p2"
    assert mlops(levels(*five[:2]))["path"] == "p1"
    assert mlops(levels(five[0]))["path"] == "from_environment"
    del tauro.environ["TAURO_MLOPS_PATH"]
    assert mlops(levels(five[0]))["path"] == "p0"
    assert mlops(levels())["path"] == "./mlops_data"


def test_X_210_X_229_the_node_renames_the_experiment_and_inherits_the_rest(levels):
    tauro = levels(
        info="mlops: {backend: databricks, experiment: {name: churn, description: text}}",
        node="mlops: {experiment_name: tuning}",
    )
    assert mlops(tauro)["experiment"] == {"name": "tuning", "description": "text"}
    assert mlops(tauro)["backend"] == "databricks"


@pytest.mark.parametrize("level", ["settings", "info", "pipeline", "node"])
def test_X_211_said_to_be_off_at_any_level_it_is_off(levels, level):
    assert levels(**{level: "mlops: {enabled: false}"}).context("train_model") is None


def test_X_212_a_node_that_does_not_look_like_it_can_be_turned_on(tauro):
    tauro.write("evaluate: {function: p.e, mlops: {enabled: true}}\n")
    assert tauro.context("evaluate")["detected_by"] == "mlops.enabled"


def test_X_263_without_automatic_start_no_node_is_detected(tauro):
    tauro.environ["TAURO_MLOPS_AUTO_INIT"] = "false"
    assert tauro.write(TRAIN).context("train_model") is None


def test_X_259_X_260_the_environment_may_say_where_models_are_kept(tauro):
    tauro.environ.update(TAURO_MLOPS_CATALOG="ml_catalog", TAURO_MLOPS_SCHEMA="experiments")
    both = {"catalog": "ml_catalog", "schema": "experiments"}
    found = mlops(tauro.write(TRAIN))
    assert (found["model_registry"], found["tracking"]) == (both, both)


def test_X_262_credentials_in_the_environment_are_in_no_context(tauro):
    tauro.environ.update(DATABRICKS_HOST="https://w.example", DATABRICKS_TOKEN="dapi-secret")
    assert "dapi-secret" not in str(tauro.write(TRAIN).native())


def test_X_262_the_token_is_masked_where_there_are_models(tauro):
    tauro.environ.update(DATABRICKS_TOKEN="dapi-secret")
    assert read(tauro.write(TRAIN).given, environ=tauro.environ).secrets == ("dapi-secret",)


# -- faults and warnings


def test_X_215_a_backend_that_does_not_exist_is_told_with_its_variable(tauro):
    tauro.environ.update(TAURO_MLOPS_BACKEND="foo", TAURO_MLOPS_AUTO_INIT="maybe")
    assert tauro.write(TRAIN).problems() == (
        "environment:1:1: 'TAURO_MLOPS_BACKEND' must be 'local' or 'databricks': 'foo'\n"
        "  hint: change the variable\n"
        "environment:1:1: 'TAURO_MLOPS_AUTO_INIT' must be true or false: 'maybe'\n"
        "  hint: change the variable"
    )


def test_X_207_the_environment_matters_only_where_there_is_machine_learning(tauro):
    tauro.environ["TAURO_MLOPS_BACKEND"] = "foo"
    assert tauro.write("extract: {function: p.extract}\n").context("extract") is None


def test_pipelines_that_differ_about_a_node_they_share_are_refused(tauro):
    tauro.write("""\
        a: {nodes: [train_model], hyperparams: {depth: 1}}
        b: {nodes: [train_model], hyperparams: {depth: 2}}
        """, "pipelines.yaml")  # fmt: skip
    assert tauro.write(TRAIN).problems() == (
        "nodes.yaml:1:1: the pipelines a and b differ in what they say about machine learning for 'train_model'\n"
        "  train_model: {function: ml.train}\n"
        "  ^\n"
        "  hint: say it in 'train_model' itself, or in ml_info.yaml"
    )


def test_the_deprecated_file_names_a_pipeline_that_is_not_there(tauro):
    tauro.write("pipeline_name: dayly\npipeline_type: BATCH\n", "ml_config.yml")
    tauro.write("daily: {nodes: [train_model]}\n", "pipelines.yaml")
    assert tauro.write(TRAIN).problems() == (
        "ml_config.yml:1:16: this file is for the pipeline 'dayly', and there is none\n"
        "  pipeline_name: dayly\n"
        "                 ^\n"
        "  hint: did you mean 'daily'?"
    )


def test_what_is_said_for_machine_learning_where_there_is_none_has_no_effect(tauro):
    tauro.write("""\
        daily: {nodes: [extract], config: {metrics: [rows]}}
        ml: {nodes: [train_model], hyperparams: {depth: 6}}
        """, "pipelines.yaml")  # fmt: skip
    tauro.write(f"extract: {{function: p.extract, mlops: {{path: here}}}}\n{TRAIN}")
    assert tauro.warnings() == (
        "nodes.yaml:1:32: 'mlops' has no effect: 'extract' is not taken for machine learning\n"
        "  extract: {function: p.extract, mlops: {path: here}}\n"
        "                                 ^\n"
        "  hint: give the node `mlops: {enabled: true}`\n"
        "pipelines.yaml:1:36: 'metrics' has no effect: no node of 'daily' is taken for machine learning\n"
        "  daily: {nodes: [extract], config: {metrics: [rows]}}\n"
        "                                     ^\n"
        "  hint: give one of its nodes `mlops: {enabled: true}`"
    )


@pytest.mark.parametrize("key", ["hyperparams", "hyperparameters"])
def test_a_node_with_hyperparameters_of_its_own_is_given_them_whatever_it_is_called(tauro, key):
    tauro.environ["TAURO_MLOPS_AUTO_INIT"] = "false"
    tauro.write(f"score: {{function: p.score, {key}: {{depth: 6}}}}\n")
    assert tauro.context("score")["hyperparams"] == {"depth": "{params.depth}"}
    assert tauro.context("score")["detected_by"] == f"its {key}"
    assert tauro.warnings() == ""


def test_metrics_alone_are_a_tag_and_make_no_machine_learning_of_a_node(tauro):
    tauro.write("evaluate: {function: p.evaluate, metrics: [accuracy]}\n")
    assert tauro.context("evaluate") is None
    assert tauro.native()["pipelines"]["evaluate"]["tags"] == {"metrics": "accuracy"}
    assert tauro.warnings() == ""


def test_that_nothing_is_tracked_yet_is_told_once(levels):
    tauro = levels("mlops: {backend: local}", "mlops: {backend: databricks}", node="mlops: {experiment_name: e}")
    assert tauro.warnings() == (
        "ml_info.yaml:1:2: 'mlops' is checked and handed to the functions in `ml_context`; nothing is tracked yet\n"
        "  {mlops: {backend: databricks}}\n"
        "   ^\n"
        "  hint: experiments and models are recorded from a later version on"
    )


def test_what_a_level_above_turns_off_is_not_pointed_out(levels):
    assert levels("mlops: {enabled: false}", node="hyperparams: {a: 1}").warnings() == ""


def test_X_203_what_is_turned_off_on_purpose_is_not_pointed_out(tauro):
    tauro.write("html_export: {function: p.export, hyperparams: {a: 1}, mlops: {enabled: false}}\n")
    assert tauro.warnings() == ""
    assert tauro.context("html_export") is None
