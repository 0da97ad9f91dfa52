"""Which hyperparameters can be given with a run, and what protects the others from being filled in."""

from __future__ import annotations

import pytest

from tetra_orchestrator.config.dialects.tauro_params import Tunable, literal, tunables


@pytest.mark.parametrize(
    ("value", "kind", "default"),
    [
        (0.01, "float", "0.01"),
        (1e-05, "float", "0.00001"),
        (6, "int", "6"),
        (True, "bool", "true"),
        ("gini", "str", "gini"),
        ("", "str", ""),
    ],
)
def test_a_plain_value_is_the_default_of_a_parameter(value, kind, default):
    assert tunables({"train": {"lr": value}}) == {("train", "lr"): Tunable("lr", kind, default)}


@pytest.mark.parametrize("value", [None, [1, 2], {"a": 1}, 1e-30])
def test_any_other_value_is_none(value):
    assert tunables({"train": {"lr": value}}) == {}


def test_nodes_that_agree_share_a_parameter():
    assert {each.name for each in tunables({"a": {"lr": 1}, "b": {"lr": 1}}).values()} == {"lr"}


def test_nodes_that_do_not_agree_have_one_each():
    found = tunables({"a": {"lr": 1}, "b": {"lr": 1.0}})
    assert found == {("a", "lr"): Tunable("a-lr", "int", "1"), ("b", "lr"): Tunable("b-lr", "float", "1.0")}


def test_a_hyperparameter_called_like_a_date_is_named_after_its_node():
    assert tunables({"a": {"start_date": "x"}})["a", "start_date"].name == "a-start_date"


def test_a_key_that_is_no_name_cannot_be_given():
    assert tunables({"a": {"learning rate": 1}}) == {}


def test_braces_in_data_are_no_references():
    assert literal({"a.b": ["{x.y}", 1, None]}) == {"a.b": ["{{x.y}}", 1, None]}
