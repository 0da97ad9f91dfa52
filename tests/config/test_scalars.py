from __future__ import annotations

import pytest

from tetra_orchestrator.config import scalars


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("90s", 90),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86400),
        ("1h30m", 5400),
        ("1d2h3m4s", 93784),
        ("0.5s", 0.5),
        ("1.5h", 5400),
    ],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert scalars.duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "5 m", "-5", "1m1h", "1w", "5M", "1e3", "12:30", "9999999999", "１s"])
def test_anything_else_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        scalars.duration_s(text)
    assert caught.value.args == ("is not a duration", "write it like 90s, 5m, 2h, 1d or 1h30m")


@pytest.mark.parametrize("text", ["a", "A-1_b", "0", "_", "x" * 100])
def test_a_name_is_letters_digits_underscore_and_dash(text: str) -> None:
    assert scalars.name(text) == text


@pytest.mark.parametrize(
    "text", ["", "-rf", "../x", "a b", "a\n", "a\nb", "%h", "$(id)", "é", "e\u0301", "😀", "a.b", "a/b", "x" * 101]
)
def test_anything_else_is_not_a_name(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        scalars.name(text)
    assert caught.value.args == ("is not a name", "use letters, digits, _ and -, not - first, at most 100 of them")


@pytest.mark.parametrize("text", ["1A", "A-B", "A=B", "", "A\0"])
def test_a_variables_name_is_what_a_shell_accepts(text: str) -> None:
    assert scalars.variable_name("_A1") == "_A1"
    with pytest.raises(ValueError):
        scalars.variable_name(text)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [("int", "-3", -3), ("float", "1.10", 1.1), ("float", "2", 2.0), ("bool", "true", True), ("str", "012", "012")],
)
def test_a_value_is_read_by_its_type(kind: str, text: str, value: object) -> None:
    assert scalars.value(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [("int", "1.5"), ("int", "012"), ("int", "9" * 5000), ("float", "1e3"), ("float", "9" * 400), ("bool", "yes")],
)
def test_a_value_that_does_not_fit_its_type_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ValueError):
        scalars.value(kind, text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("5", "int"), ("-5.0", "float"), ("false", "bool"), ("no", "str"), ("012", "str"), ("1e3", "str")],
)
def test_the_type_of_plain_text_is_what_it_looks_like(text: str, kind: str) -> None:
    assert scalars.kind_of(text) == kind
