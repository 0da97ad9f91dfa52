"""Unit files are read as systemd reads them, and a unit that does not say what was meant is found."""

from __future__ import annotations

import pytest

from support.builders import utc
from support.systemd_specs import timer_spec
from tetra_orchestrator.adapters.timer.systemd import parse, text
from tetra_orchestrator.adapters.timer.systemd.calendar import lines
from tetra_orchestrator.errors import ConfigError

NOW = utc(2026, 3, 1, 20)
SPEC = timer_spec("30 2 * * *", "America/New_York", env=(("A", 'x "y" $z 5% \\'), ("B", "")))


def rendered() -> tuple[str, str]:
    timer, service, _ = text.units([SPEC], "/srv/demo", NOW, "user")
    return timer.text, service.text


def test_a_unit_is_its_lines_by_section() -> None:
    unit = parse.read("# a remark\n; another\n[Unit]\n\nDescription = a  b \n[Service]\nExecStart=:x\n")
    assert unit.lines == (("Unit", "Description", "a  b"), ("Service", "ExecStart", ":x"))
    assert unit.value("Unit", "Description") == "a  b"
    assert unit.value("Unit", "Documentation") is None


def test_a_backslash_at_the_end_has_the_next_line_belong_to_it() -> None:
    unit = parse.read("[Service]\nExecStart=:a \\\n# a remark in between\n  b\\\n c\nType=oneshot\n")
    assert unit.argv == ("a", "b", "c")
    assert unit.value("Service", "Type") == "oneshot"


def test_two_backslashes_at_the_end_are_no_such_thing() -> None:
    assert parse.read('[Service]\nExecStart=:"a" b\\\\\nType=oneshot\n').argv == ("a", "b\\")


def test_quotes_and_escapes_are_resolved() -> None:
    assert parse.split("""a "b c" 'd "e' f"g h"i "\\"\\\\\\n\\t" \\s''""") == [
        "a",
        "b c",
        'd "e',
        "fg hi",
        '"\\\n\t',
        " ",
    ]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('"a', "the value '\"a' has a quote without its end\n  hint: close it"),
        ("\\q", "the value '\\\\q' has the escape '\\q'\n  hint: write a backslash as two"),
        ("a\\", "the value 'a\\\\' has the escape '\\'\n  hint: write a backslash as two"),
    ],
)
def test_what_cannot_be_read_is_refused(value: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse.split(value)
    assert str(caught.value) == problem


@pytest.mark.parametrize("word", ["%n", "100%", "%%%"])
def test_a_specifier_is_refused(word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse.unspecified(word)
    assert str(caught.value) == f"the value {word!r} has a specifier\n  hint: write a percent sign as two"


@pytest.mark.parametrize("values", [[], ["/bin/true"], [":a", ":b"], [":a ; b"]])
def test_what_is_not_one_command_without_variables_is_refused(values: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse.command(values)
    assert str(caught.value) == f"ExecStart= is {values!r}\n  hint: have one command with a colon in front"


@pytest.mark.parametrize("content", ["Type=oneshot\n", "[Service]\nnonsense\n"])
def test_a_line_outside_the_syntax_is_refused(content: str) -> None:
    line = content.split("\n")[-2]
    with pytest.raises(ConfigError) as caught:
        parse.read(content)
    assert str(caught.value) == (
        f"the line {line!r} is not one of a unit file\n  hint: write `KEY=VALUE` below a section"
    )


def test_a_rendered_unit_says_what_was_meant() -> None:
    timer, service = rendered()
    parse.require_same(SPEC, lines(SPEC, NOW), timer, service)
    assert parse.read(service).argv == SPEC.argv
    assert parse.read(service).env == SPEC.env
    assert parse.read(timer).calendar == lines(SPEC, NOW)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('"fire"', '"fire" "more"', "the command"),
        ('"fire"', '"$fire"', "the command"),
        ('"B="', '"B=" "C=1"', "the environment"),
        ("WorkingDirectory=/srv/demo", "WorkingDirectory=/srv", "the folder"),
        ("StandardError=append:/srv/demo", "StandardError=append:/", "the log"),
        ("Unit=demo-daily.service", "Unit=other.service", "the service"),
        ("Description=demo", "Description=other", "the description"),
        ("SourcePath=/srv", "SourcePath=/etc", "the source"),
        ("02:30:00", "03:30:00", "the calendar"),
        ("[Install]", "OnCalendar=*:*:*\n[Install]", "the calendar"),
    ],
)
def test_a_unit_that_says_something_else_is_found(old: str, new: str, what: str) -> None:
    timer, service = rendered()
    assert old in timer + service
    with pytest.raises(ConfigError) as caught:
        parse.require_same(SPEC, lines(SPEC, NOW), timer.replace(old, new), service.replace(old, new))
    assert caught.value.message.startswith(f"the unit of the timer 'daily' would have {what} ")
    assert caught.value.where == SPEC.source
