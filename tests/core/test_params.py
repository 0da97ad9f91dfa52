"""A run's parameters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.core.model import Param
from tetra_orchestrator.core.params import resolve
from tetra_orchestrator.errors import UsageError

DECLARED = (
    Param("region", "str", "eu"),
    Param("rows", "int", 10),
    Param("rate", "float", 0.5),
    Param("full", "bool", False),
)


def refusal(declared: tuple[Param, ...], given: dict[str, str]) -> tuple[str, str | None]:
    with pytest.raises(UsageError) as caught:
        resolve(declared, given)
    return caught.value.message, caught.value.hint


def test_what_is_not_given_has_its_default() -> None:
    assert resolve(DECLARED, {}) == {"region": "eu", "rows": 10, "rate": 0.5, "full": False}
    assert resolve((Param("free", "str"),), {}) == {"free": None}
    assert resolve((), {}) == {}


def test_what_is_given_is_read_as_its_type() -> None:
    given = {"full": "true", "rate": "1e3", "rows": "-7", "region": "12"}
    found = resolve(DECLARED, given)
    assert found == {"region": "12", "rows": -7, "rate": 1000.0, "full": True}
    assert list(found) == ["region", "rows", "rate", "full"]


@given(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())
def test_values_arrive_as_they_were_written(rows: int, rate: float, region: str) -> None:
    found = resolve(DECLARED, {"rows": str(rows), "rate": repr(rate), "region": region})
    assert found == {"region": region, "rows": rows, "rate": rate, "full": False}


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("FALSE", False), ("false", False)])
def test_a_truth_value_is_true_or_false_in_any_case(text: str, value: bool) -> None:
    assert resolve(DECLARED, {"full": text})["full"] is value


def test_an_empty_text_is_a_value() -> None:
    assert resolve((Param("region", "str", required=True),), {"region": ""}) == {"region": ""}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rows", "many", "the parameter 'rows' is 'many', not of type int"),
        ("rows", "1.5", "the parameter 'rows' is '1.5', not of type int"),
        ("rows", "", "the parameter 'rows' is '', not of type int"),
        ("rate", "nan", "the parameter 'rate' is 'nan', not of type float"),
        ("rate", "half", "the parameter 'rate' is 'half', not of type float"),
        ("full", "yes", "the parameter 'full' is 'yes', not of type bool"),
        ("full", "1", "the parameter 'full' is '1', not of type bool"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, text: str, message: str) -> None:
    assert refusal(DECLARED, {name: text}) == (message, None)


def test_an_unknown_parameter_is_refused() -> None:
    assert refusal(DECLARED, {"reigon": "eu"}) == (
        "Unknown parameter: reigon",
        "did you mean 'region'? parameters: region, rows, rate, full",
    )
    assert refusal((), {"x": "1"}) == ("Unknown parameter: x", "parameters: none")


def test_a_parameter_that_must_be_given_is_asked_for() -> None:
    declared = (Param("region", "str", "eu"), Param("day", "str", required=True))
    assert refusal(declared, {"region": "us"}) == (
        "the parameter 'day' has no value",
        "give it with --param day=VALUE",
    )
    assert resolve(declared, {"day": "monday"}) == {"region": "eu", "day": "monday"}


@pytest.mark.parametrize(("name", "option"), [("start_date", "--start-date"), ("end_date", "--end-date")])
def test_a_date_is_asked_for_with_its_own_option(name: str, option: str) -> None:
    dates = (Param("start_date", "str", required=True), Param("end_date", "str", required=True))
    given = {each.name: "2025-01-31" for each in dates if each.name != name}
    assert refusal(dates, given) == (
        f"the parameter '{name}' has no value",
        f"give it with {option} DATE, or for every run as `{name}: DATE` in global_settings.yaml (tauro)",
    )


def test_a_date_without_its_counterpart_is_a_parameter_like_any_other() -> None:
    assert refusal((Param("start_date", "str", required=True),), {}) == (
        "the parameter 'start_date' has no value",
        "give it with --param start_date=VALUE",
    )
