"""Which nodes are taken for machine learning, and what the levels of `mlops` come to."""

from __future__ import annotations

import pytest

from tetra_orchestrator.config.dialects.tauro_ml import (
    DEFAULTS,
    canonical,
    detect,
    effective_mlops,
    from_environment,
    is_enabled,
    merged,
)

LIKE_ML = ["train_model", "predict", "batch_predict", "inference_job", "ml_x", "model", "fit"]
LIKE_ML += ["prepare_training_data", "html_export", "yaml_loader", "constraint_check", "fitness_report"]
UNLIKE_ML = ["extract", "transform", "evaluate_model", "remodel", "prepare_features", "feature_engineering"]
UNLIKE_ML += ["join_sources", "stream_events"]

# -- detection


@pytest.mark.parametrize(
    "name",
    [
        "train_model",
        "predict",
        "batch_predict",
        "inference_job",
        "ml_x",
        "model",
        "fit",
        "prepare_training_data",
        "html_export",
        "yaml_loader",
        "constraint_check",
        "fitness_report",
    ],
)
def test_X_200_X_203_X_204_a_name_that_matches_a_pattern_from_its_start_is_detected(name):
    assert detect(name) == f"name {name}"


@pytest.mark.parametrize(
    "name",
    [
        "extract",
        "transform",
        "evaluate_model",
        "remodel",
        "prepare_features",
        "feature_engineering",
        "join_sources",
        "stream_events",
    ],
)
def test_X_200_other_names_are_not(name):
    assert detect(name) is None


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("models.train_xgboost", "function train_xgboost"),
        ("x.fit_it", "function fit_it"),
        ("train_model", "function train_model"),
        ("my_pkg.ml.join", None),
        ("my_pkg.ml.prepare_data", None),
        ("predict_all.extract", None),
    ],
)
def test_X_201_of_a_function_the_last_part_counts(function, reason):
    assert detect("s1", function) == reason


@pytest.mark.parametrize("ending", ["pkl", "joblib", "h5", "pt", "pth", "onnx"])
def test_X_202_a_data_set_with_the_ending_of_a_model_counts(ending):
    assert detect("s1", "f", ["raw", f"s3://models/m.{ending}"]) == f"data set s3://models/m.{ending}"


def test_X_202_an_ending_in_the_middle_does_not():
    assert detect("s1", "f", ["m.pkl.csv"]) is None


# -- enabled


def test_X_211_a_level_above_that_says_no_beats_detection():
    for level in range(3):
        above = [None, None, None]
        above[level] = False
        assert is_enabled(None, above, looks_like=True) is False


def test_the_more_specific_level_has_the_say():
    assert is_enabled(None, [False, True], looks_like=True) is True
    assert is_enabled(None, [True, False], looks_like=True) is False
    assert is_enabled(True, [False, False], looks_like=True) is True


def test_X_212_a_node_that_says_yes_need_not_look_like_it():
    assert is_enabled(True, [], looks_like=False) is True


def test_a_level_above_that_says_yes_turns_on_only_what_looks_like_it():
    assert is_enabled(None, [True], looks_like=False) is False


def test_X_263_without_automatic_start_only_what_is_said_counts():
    assert is_enabled(None, [None], looks_like=True, automatic=False) is False
    assert is_enabled(None, [True], looks_like=True, automatic=False) is True
    assert is_enabled(True, [None], looks_like=True, automatic=False) is True


# -- levels


def test_X_209_the_more_specific_level_wins_key_by_key():
    levels = [{"backend": "databricks", "path": "a"}, {"path": "b", "auto_log": False}, {"enabled": True}]
    assert effective_mlops(levels) == {"enabled": True, "backend": "databricks", "path": "b", "auto_log": False}


def test_X_208_with_nothing_said_there_are_defaults():
    assert effective_mlops([]) == DEFAULTS


def test_X_210_X_229_a_short_name_overrides_the_name_alone():
    info = {"experiment": {"name": "churn", "description": "text"}}
    found = effective_mlops([info, {"experiment_name": "tuning"}])
    assert found["experiment"] == {"name": "tuning", "description": "text"}


def test_X_226_a_short_catalog_and_schema_mean_registry_and_tracking():
    both = {"catalog": "main", "schema": "ml"}
    assert canonical({"catalog": "main", "schema": "ml"}) == {"model_registry": both, "tracking": both}


def test_X_226_what_is_said_in_full_beside_them_stays():
    found = canonical({"schema": "ml", "tracking": {"schema": "runs"}})
    assert found == {"model_registry": {"schema": "ml"}, "tracking": {"schema": "runs"}}


def test_merging_leaves_both_sides_as_they_are():
    base, over = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merged(base, over) == {"a": {"b": 1, "c": 2}}
    assert (base, over) == ({"a": {"b": 1}}, {"a": {"c": 2}})


def test_X_257_to_X_260_the_environment_is_a_level_and_empty_variables_are_none():
    environ = {
        "TAURO_MLOPS_BACKEND": "databricks",
        "TAURO_MLOPS_PATH": "",
        "TAURO_MLOPS_CATALOG": "ml_catalog",
        "TAURO_MLOPS_SCHEMA": "experiments",
    }
    assert from_environment(environ) == {"backend": "databricks", "catalog": "ml_catalog", "schema": "experiments"}
