"""Conditions of rules: which are sound, what is said of the others, and whether one holds."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tetra_orchestrator.config.conditions import holds, objection
from tetra_orchestrator.core.gauges import GAUGES, NUMBER, TEXT, TRUTH

EXAMPLE = "write it like error_rate > 0.1 and mode == 'daily'"
OF_KIND = {kind: [name for name, (own, _) in GAUGES.items() if own == kind] for kind in (TEXT, NUMBER, TRUTH)}


@pytest.mark.parametrize(
    "condition",
    [
        *("pipeline_status == 'failed'", "data_age_hours > 48", "error_rate > 0.1", "duration_minutes > 120"),
        *("retry_count > 2", "records_per_second < 10 and execution_time_seconds > 60"),
        *("paused", "not paused", "paused == true", "(error_rate) > (0.1)", "-error_rate < -0.1", "'failed' == state"),
        *("failures >= 3 or not running and mode != 'daily'", "duration_minutes / avg_duration_minutes > 2"),
        *("hours_since_run % 24 > 12", "disk_free * 100 < 5 or memory_free < .05", "runs > 1e3"),
    ],
)
def test_T_212_names_numbers_texts_comparisons_logic_and_arithmetic_make_a_condition(condition: str) -> None:
    assert objection(condition) is None


@pytest.mark.parametrize(
    ("condition", "message", "hint"),
    [
        ("error_rat > 1", "names 'error_rat', which nothing measures", "did you mean 'error_rate'?"),
        ("mode == daily", "names 'daily', which nothing measures", "write it in quotes: 'daily'"),
        ("failed != pipeline_status", "names 'failed', which nothing measures", "write it in quotes: 'failed'"),
        ("error_rate >", "ends too early", EXAMPLE),
        ("", "ends too early", EXAMPLE),
        ("0.1 < error_rate < 0.5", "cannot be read at '<'", EXAMPLE),
        ("(error_rate > 1", "ends too early", EXAMPLE),
        ("error_rate > 10 %", "ends too early", EXAMPLE),
        ("error_rate = 1", "cannot be read at '='", "write '=='"),
        (
            "error_rate",
            "is a number, which neither holds nor fails",
            "compare it with something, such as error_rate > 0.1",
        ),
        ("mode", "is a text, which neither holds nor fails", "compare it with something, such as error_rate > 0.1"),
        (
            "mode == 5",
            "compares a text with a number",
            "mode is a text: the mode of its last run",
        ),
        (
            "paused == 'true'",
            "compares true or false with a text",
            "paused is true or false: whether somebody has paused it",
        ),
        (
            "data_age_hours > '48'",
            "compares or computes what does not go together",
            "data_age_hours is a number",
        ),
        ("mode > 'daily'", "compares a text by size", "write == or != there"),
        ("error_rate and paused", "has a number beside 'and'", "compare it with something, such as error_rate > 0.1"),
        ("not error_rate", "has 'not' before a number", "it goes before what is true or false"),
        ("1 > 2", "is always the same: it names nothing that is measured", EXAMPLE),
        ("true", "is always the same: it names nothing that is measured", EXAMPLE),
        ("paused or 1 == 1", "has a part that is always the same", "leave that part out"),
        ("error_rate > 1 / 0", "computes what has no result, such as a division by zero", EXAMPLE),
        ("mode + 'x' == 'y'", "has a text in a computation", "only numbers can be computed with"),
    ],
)
def test_what_is_wrong_with_a_condition_is_told_with_what_to_do(condition: str, message: str, hint: str) -> None:
    assert objection(condition) == (message, hint)


def test_T_217_a_name_that_is_like_no_other_is_told_with_those_there_are() -> None:
    message, hint = objection("foo > 1") or ("", "")
    assert message == "names 'foo', which nothing measures"
    assert hint.startswith("there are pipeline, pipeline_status, state, reason, mode, tenant, error_rate, ")


@pytest.mark.parametrize(
    "condition", ["__import__('os').system('x')", "().__class__", "[x for x in mode]", "mode =~ '(a+)+'", "9 ** 9 ** 9"]
)
def test_T_212_what_is_no_condition_is_refused_unread(condition: str) -> None:
    assert objection(condition) is not None


@pytest.mark.parametrize(
    ("condition", "values", "answer"),
    [
        ("data_age_hours > 48", {"data_age_hours": 49}, True),
        ("data_age_hours > 48", {"data_age_hours": 48.0}, False),
        ("error_rate > 0.1", {"error_rate": 0.1}, False),
        ("error_rate > 0.1", {"error_rate": 0.1 + 1e-12}, True),
        ("error_rate == 0.3", {"error_rate": 0.1 + 0.2}, False),
        ("failures == 3", {"failures": 3}, True),
        ("disk_free * 100 < 5", {"disk_free": 0.04}, True),
        ("pipeline_status == 'failed'", {"pipeline_status": "failed"}, True),
        ("pipeline_status == 'failed'", {"pipeline_status": "success"}, False),
        ("mode == 'ü \"#'", {"mode": 'ü "#'}, True),
        ("slower > 2", {"slower": inf}, True),
        ("running and not paused", {"running": True, "paused": False}, True),
    ],
)
def test_T_213_to_T_216_a_condition_holds_for_the_values_that_were_measured(
    condition: str, values: dict[str, object], answer: bool
) -> None:
    assert holds(condition, values) is answer


@pytest.mark.parametrize(
    ("condition", "values"),
    [
        ("error_rate > 0.1", {}),
        ("error_rate > 0.1", {"error_rate": None}),
        ("error_rate != 0.1", {"error_rate": None}),
        ("not paused", {"paused": None}),
        ("slower > 2", {"slower": nan}),
        ("failures / runs > 0.5", {"failures": 0, "runs": 0}),
        ("error_rate > 0.1", {"error_rate": "much"}),
        ("error_rate * 0 == 0", {"error_rate": None}),
        ("this is none", {"error_rate": 1}),
    ],
)
def test_what_is_not_known_or_cannot_be_computed_neither_holds_nor_fails(
    condition: str, values: dict[str, object]
) -> None:
    assert holds(condition, values) is None


@pytest.mark.parametrize("left", [True, False, None])
@pytest.mark.parametrize("right", [True, False, None])
def test_what_is_known_of_one_side_settles_the_whole_where_the_other_does_not_matter(
    left: bool | None, right: bool | None
) -> None:
    values = {"running": left, "paused": right}
    both, sides = holds("running and paused", values), (left, right)
    either = holds("running or paused", values)
    assert both is (False if False in sides else None if None in sides else True)
    assert either is (True if True in sides else None if None in sides else False)
    assert holds("not (running and paused)", values) is (None if both is None else not both)


@settings(deadline=None)
@given(
    st.text(max_size=80) | st.lists(st.sampled_from([*GAUGES, *"<>=!()+-*/%.&|'\"1", "and", "or", "not"])).map(" ".join)
)
def test_any_text_is_a_sound_condition_or_is_refused_at_once_with_a_remedy(text: str) -> None:
    start = perf_counter()
    found = objection(text)
    assert perf_counter() - start < 1
    if found is not None:
        assert all(found)
        assert holds(text, {}) is None


def values_of(kind: str) -> st.SearchStrategy[object]:
    known = {TEXT: st.text(max_size=5), NUMBER: st.floats() | st.integers(-100, 10**30), TRUTH: st.booleans()}
    return st.none() | known[kind]


def numbers(depth: int) -> st.SearchStrategy[str]:
    leaf = st.sampled_from(OF_KIND[NUMBER]) | st.integers(0, 999).map(str) | st.sampled_from(["0.1", ".5", "1e9"])
    if not depth:
        return leaf
    inner = numbers(depth - 1)
    return leaf | st.tuples(inner, st.sampled_from("+-*/%"), inner).map(lambda parts: f"({' '.join(parts)})")


def truths(depth: int) -> st.SearchStrategy[str]:
    sizes = st.tuples(numbers(1), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers(1)).map(" ".join)
    texts = st.tuples(st.sampled_from(OF_KIND[TEXT]), st.sampled_from(["==", "!="]), st.just("'daily'")).map(" ".join)
    leaf = st.sampled_from(OF_KIND[TRUTH]) | texts | sizes
    if not depth:
        return leaf
    inner = truths(depth - 1)
    joined = st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})")
    return leaf | inner.map(lambda one: f"not {one}") | joined


@settings(deadline=None)
@given(truths(2), st.fixed_dictionaries({name: values_of(kind) for name, (kind, _) in GAUGES.items()}))
def test_any_sound_condition_holds_or_fails_or_is_unknown_for_any_values(
    condition: str, values: dict[str, object]
) -> None:
    answer = holds(condition, values)
    assert answer in (True, False, None)
    if objection(condition) is None:
        opposite = holds(f"not ({condition})", values)
        assert opposite is (None if answer is None else not answer)


def test_every_name_is_explained_where_the_keys_of_a_file_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    rows = [f"| `{name}` | {kind} | {meaning} |" for name, (kind, meaning) in GAUGES.items()]
    assert [row for row in rows if row not in page] == []
