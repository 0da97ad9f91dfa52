from __future__ import annotations

import pytest

from tetra_orchestrator.config.problems import COMPARISONS, Mark, Problem, Problems, Source, dotted
from tetra_orchestrator.errors import ConfigError, UsageError

FILE = Source("f.yaml", ("version: 1", "\tproject: x", ""))
OPTION = Source("--set a=b", (), option=True)


def test_a_problem_shows_place_source_caret_and_hint() -> None:
    problem = Problem("unknown_key", "f.yaml", 3, 5, "a.b", "unknown key 'b'", "did you mean 'c'?", "    b: 1")
    assert problem.render() == (
        "f.yaml:3:5: unknown key 'b'\n"
        "      b: 1\n"
        "      ^\n"
        "  hint: did you mean 'c'?"
    )  # fmt: skip


def test_the_caret_stands_below_its_character_behind_tabs() -> None:
    problem = Problem("syntax", "f.yaml", 2, 2, "", "bad", None, "\tproject: x")
    assert problem.render() == "f.yaml:2:2: bad\n  \tproject: x\n  \t^"


def test_an_empty_source_line_is_not_shown() -> None:
    assert Problem("empty", "f.yaml", 1, 1, "", "empty", None, "").render() == "f.yaml:1:1: empty"


def test_a_long_source_line_is_shown_around_the_caret() -> None:
    line = "x" * 500 + "!" + "y" * 500
    shown, caret = Problem("syntax", "f.yaml", 1, 501, "", "bad", None, line).render().split("\n")[1:]
    assert len(shown) < 170
    assert shown[caret.index("^")] == "!"


def test_problems_are_raised_together_in_file_order() -> None:
    problems = Problems("f.yaml")
    problems.error("b", Mark(FILE, 2, 1), ("b",), "second")
    problems.error("a", Mark(FILE, 1, 4), ("a",), "first")
    with pytest.raises(ConfigError, match="2 problems in f.yaml") as caught:
        problems.raise_any()
    assert [problem.message for problem in caught.value.problems] == ["first", "second"]


def test_a_single_problem_is_the_error() -> None:
    problems = Problems("f.yaml")
    problems.error("a", Mark(FILE, 1, 4), ("a",), "wrong", "mend it")
    with pytest.raises(ConfigError) as caught:
        problems.raise_any()
    assert str(caught.value) == "f.yaml:1:4: wrong\n  hint: mend it"


def test_of_several_problems_at_one_place_and_path_the_first_counts() -> None:
    problems = Problems("f.yaml")
    problems.error("a", Mark(FILE, 1, 4), ("a",), "the cause")
    problems.error("a", Mark(FILE, 1, 4), ("a",), "what follows from it")
    with pytest.raises(ConfigError, match="the cause"):
        problems.raise_any()


def test_a_problem_in_an_option_is_a_usage_error() -> None:
    problems = Problems("f.yaml")
    problems.error("a", Mark(OPTION, 1, 1), ("a",), "wrong", "mend it")
    with pytest.raises(UsageError) as caught:
        problems.raise_any()
    assert str(caught.value) == "--set a=b: wrong\n  hint: mend it"


def test_without_problems_nothing_is_raised() -> None:
    problems = Problems("f.yaml")
    problems.warning("a", Mark(FILE, 1, 1), (), "look")
    problems.raise_any()
    assert [warning.message for warning in problems.warnings] == ["look"]


def test_a_message_does_not_quote_megabytes() -> None:
    problems = Problems("f.yaml")
    problems.warning("a", Mark(FILE, 1, 1), (), "x" * 10_000)
    assert len(problems.warnings[0].message) < 500


def test_guesses_stop_when_they_would_take_long() -> None:
    problems = Problems("f.yaml")
    assert problems.guess("extrct", ["extract"]) == "did you mean 'extract'?"
    assert problems.guess("zzz", ["extract"], "known: extract") == "known: extract"
    many = [f"name{i}" for i in range(COMPARISONS // 25)]
    assert len([g for g in (problems.guess("name", many) for _ in range(200)) if g]) == 25


def test_a_path_is_written_with_dots_and_brackets() -> None:
    assert dotted(("modes", "daily", 1, "a")) == "modes.daily[1].a"
    assert dotted(()) == ""
