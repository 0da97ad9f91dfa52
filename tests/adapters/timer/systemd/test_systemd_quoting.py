"""Text in unit files comes back as it was meant, or is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.adapters.timer.systemd import quoting
from tetra_orchestrator.adapters.timer.systemd.parse import command, split, unspecified
from tetra_orchestrator.errors import ConfigError

NASTY = (
    *("plain", "a b", "", "it's", 'dq"x', "back\\slash", "\\x41", "${HOME}", "$HOME", "$$", "100%", "%n %i %%", "%"),
    *("; rm -rf /", ";", "\\;", "é ü 日本", "-x", "@a", "+!", ":", "*?[a]", "a=b", "#c", "`id`", "trail\\", "'", '\\"'),
    *("\u202e", "\x85", "\u2028", "{a,b}", "~", "  lead", " ", "%%%", "$(id)", "a\\", "\\n", "\\\\"),
)
WORDS = st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs"))) | st.sampled_from(NASTY) | st.text("\\\"'%$; ")
CONTROLS = st.sampled_from([chr(code) for code in (*range(32), 127)]) | st.just("\udc80")


@given(st.lists(WORDS, min_size=1))
def test_a_command_comes_back_word_for_word(argv: list[str]) -> None:
    assert command([quoting.command(argv, "the command")]) == tuple(argv)


@given(WORDS)
def test_a_word_of_a_list_comes_back(text: str) -> None:
    assert [unspecified(word) for word in split(quoting.word(text, "the word"))] == [text]


@given(WORDS)
def test_a_value_without_quotes_comes_back_or_is_refused_for_its_blanks_or_its_last_backslash(text: str) -> None:
    if text != text.strip() or text.endswith("\\"):
        with pytest.raises(ConfigError):
            quoting.line(text, "the text")
    else:
        assert unspecified(quoting.line(text, "the text")) == text


@given(WORDS, CONTROLS, WORDS)
def test_a_control_character_is_refused_everywhere(before: str, control: str, after: str) -> None:
    text = before + control + after
    for said in (quoting.word, quoting.line, lambda word, field: quoting.command([word], field)):
        with pytest.raises(ConfigError) as caught:
            said(text, "the text")
        assert caught.value.message == f"the text has the character {control!r} in it, which no unit can hold"


@given(st.from_regex("[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", fullmatch=True))
def test_a_name_is_itself(text: str) -> None:
    assert quoting.name(text, "the name") == text


@given(st.text(' -%/.;\n"') | st.from_regex("[a-z]{101}") | st.just("é") | st.just("a\n"))
def test_a_name_that_could_say_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        quoting.name(text, "the name")
    hint = "use letters, digits, '_' and '-', not '-' first, at most 100 of them"
    assert str(caught.value) == f"the name is {text!r}, which cannot be part of a unit's name\n  hint: {hint}"


@pytest.mark.parametrize("text", ["relative", "", "/a//b", "/a/../b", "/a/.", "/a/", "//a", "~/a"])
def test_a_path_that_is_not_absolute_and_plain_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        quoting.path(text, "the log")
    hint = "use an absolute path without '.', '..' and doubled slashes"
    assert str(caught.value) == f"the log is {text!r}\n  hint: {hint}"


@pytest.mark.parametrize("text", ["/a'b", '/a"b', "/a\\b"])
def test_a_program_that_systemd_would_refuse_is_refused_before(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        quoting.program(text, "the program")
    hint = "use an interpreter whose path has neither quotes nor backslashes"
    assert str(caught.value) == f"the program is {text!r}, which systemd refuses to start\n  hint: {hint}"


@pytest.mark.parametrize("text", ['/a"b', "/a\\b"])
def test_a_folder_that_a_sandbox_cannot_name_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        quoting.path_word(text, "the folder")
    hint = "use a folder without a quote or a backslash in its name, or take away `sandbox: strict`"
    assert (
        str(caught.value) == f"the folder is {text!r}, which cannot be opened for writing in a sandbox\n  hint: {hint}"
    )


@pytest.mark.parametrize("text", ["", "1A", "A-B", "A B", "A=B", "Ä", "A\n"])
def test_a_variable_that_has_no_proper_name_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        quoting.variable(text, "the environment")
    hint = "use letters, digits and '_', no digit first"
    assert str(caught.value) == f"the environment has the name {text!r}\n  hint: {hint}"
