"""The words and signs of conditions, and what is not among them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.core.rule_text import LONGEST, MOST, NotUnderstood, compared, names_in, tokens


def words(condition: str) -> list[str]:
    return [token.text for token in tokens(condition)]


def refused(condition: str) -> tuple[str, str]:
    with pytest.raises(NotUnderstood) as caught:
        tokens(condition)
    return str(caught.value), caught.value.hint


def test_a_condition_is_words_and_signs_whatever_stands_between_them() -> None:
    assert words("error_rate>0.1 and\n not(mode=='daily')") == [
        *("error_rate", ">", "0.1", "and", "not", "(", "mode", "==", "'daily'", ")")
    ]


@pytest.mark.parametrize("number", ["0", "48", "0.1", ".5", "5.", "1e6", "2.5E-3", "123456789012345.6"])
def test_a_number_may_be_written_as_usual(number: str) -> None:
    assert [(token.kind, token.text) for token in tokens(number)] == [("number", number)]


def test_a_text_may_hold_the_other_quotes_and_any_sign() -> None:
    assert words("""mode == 'say "so"' or mode == "it's ü #1" """)[2::4] == ["""'say "so"'""", '''"it's ü #1"''']


@pytest.mark.parametrize(
    "condition",
    [
        *("a.b > 1", "a[0] > 1", "{a}", "a ? 1 : 2", "a ?? 1", "$a > 1", "a =~ 'x'", "a !~ 'x'", "a ** 9 > 1"),
        *("a // 2 > 1", "a << 1 > 2", "a >> 1 > 2", "a ^ 1", "a # b", "a, b", "0x10 > a", "1_000 > a", "2h > a"),
        *("é > 1", "a > ½", "'a\\n' == b", "'a\nb' == c", "1.2.3 > a", "12345678901234567 > a", "1e100 > a", "a\0"),
    ],
)
def test_T_212_what_could_call_look_into_search_or_blow_up_is_not_in_the_language(condition: str) -> None:
    assert refused(condition)


@pytest.mark.parametrize("condition", ["f(1)", "f ('x')", "(a)(b)", "5 (a)", "'x' (a)", "true (a)", "__import__('os')"])
def test_T_212_there_are_no_functions(condition: str) -> None:
    message, hint = refused(condition)
    assert message.startswith("cannot be read at '(' after ")
    assert hint.startswith("there are no functions")


@pytest.mark.parametrize(
    ("condition", "hint"),
    [
        ("a = 1", "write '=='"),
        ("a === 1", "write '=='"),
        ("a <> 1", "write '!='"),
        ("a > 1 && b", "write 'and'"),
        ("a > 1 || b", "write 'or'"),
        ("!a", "write 'not'"),
        ("a AND b", "write 'and'"),
        ("a == True", "write 'true'"),
    ],
)
def test_what_other_languages_write_is_told_as_it_is_written_here(condition: str, hint: str) -> None:
    assert refused(condition)[1] == hint


def test_a_text_without_an_end_is_told() -> None:
    assert refused("mode == 'daily")[0] == "has a text that does not end: 'daily"


def test_a_condition_has_a_greatest_length_in_characters_and_in_words() -> None:
    assert tokens("1" + " " * (LONGEST - 1)) == tokens("1")
    assert refused("1" + " " * LONGEST)[0] == "has 1,001 characters, and at most 1,000 are read"
    assert len(tokens("1 " * MOST)) == MOST
    assert refused("1 " * (MOST + 1))[0] == "has 101 words and signs, and at most 100 are read"


def test_the_names_of_a_condition_are_what_is_measured_for_it() -> None:
    assert names_in("error_rate > 0.1 and not paused or mode == 'failures'") == {"error_rate", "paused", "mode"}
    assert names_in("error_rate > (") == {"error_rate"}
    assert names_in("a.b") == frozenset()


def test_what_is_compared_with_a_text_is_found_on_either_side() -> None:
    found = list(compared(tokens("mode == 'daily' and 'failed' != state and runs == 3 and mode > 'x'")))
    assert found == [("mode", "daily"), ("state", "failed")]


@given(st.text(max_size=60) | st.text("aeorntf_ 01.'\"=<>!()+-*/%&|\n", max_size=60))
def test_any_text_is_words_that_give_the_same_words_again_or_is_refused(text: str) -> None:
    try:
        found = tokens(text)
    except NotUnderstood as error:
        remedy = error.hint
        assert remedy
    else:
        assert tokens(" ".join(token.text for token in found)) == found
