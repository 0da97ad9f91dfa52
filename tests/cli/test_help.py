"""`--help` of every command: what it does in a line, examples that parse, and the exit codes."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.main import get_command

from tetra_orchestrator.cli import exit_codes, main
from tetra_orchestrator.cli.app import build
from tetra_orchestrator.cli.commands import COMMANDS, SECTIONS
from tetra_orchestrator.cli.helping import examples_of, prose_of
from tetra_orchestrator.core.cells import cells
from tetra_orchestrator.errors import Exit

ROOT = get_command(build())


def commands(command, path=()):
    """Every command by its words, those that have commands included."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


ALL = dict(commands(ROOT))
NAMED = {" ".join(path): command for path, command in ALL.items() if path}


def help_of(capsys, *path):
    assert main.run([*path, "--help"]) == 0
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def of_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def parses(words):
    """Whether the words are a command with options and arguments that there are."""
    command, context = ROOT, None
    while True:
        context = command.make_context(command.name, list(words), parent=context)
        if not context._protected_args:
            return True
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])


def test_every_command_says_in_one_line_what_it_does():
    summaries = {name: command.get_short_help_str(78 - 16) for name, command in NAMED.items()}
    assert {name: text for name, text in summaries.items() if not text or text.endswith("..")} == {}


def test_every_command_has_an_example_of_itself():
    missing = [name for name, one in NAMED.items() if not any(e.startswith(name) for e in examples_of(one.help or ""))]
    assert missing == []


@pytest.mark.parametrize("name", ["", *NAMED])
def test_every_example_parses(name):
    command = NAMED.get(name, ROOT)
    examples = examples_of(command.help)
    assert examples
    assert all(parses(shlex.split(example)) for example in examples)


def test_an_example_of_what_there_is_not_does_not_parse():
    with pytest.raises(Exception, match="No such option"):
        parses(["run", "--mod", "daily"])
    with pytest.raises(Exception, match="No such command"):
        parses(["schedule", "lst"])


def test_help_has_the_examples_one_per_line_and_the_codes_that_the_command_gives(capsys):
    assert help_of(capsys, "schedule", "lint").endswith(
        "Examples:\n"
        "  tetra schedule lint\n"
        "  tetra schedule lint weekly\n\n"
        "Exit codes:\n"
        "  0 all right, 1 with warnings, 2 with errors, 64 usage, 78 configuration;\n"
        "  `tetra --help` has all.\n"
    )


def test_the_programs_help_has_the_commands_in_sections_and_every_exit_code(capsys):
    text = help_of(capsys)
    places = [text.index(f"\n{title}:\n") for title in SECTIONS]
    assert places == sorted(places)
    assert text.index("  run ") < text.index("\nLook:\n") < text.index("  status ")
    assert " ".join(text.split()).endswith(exit_codes.EVERY)


def test_every_command_is_in_one_section():
    assert len(COMMANDS) == len(set(COMMANDS))
    assert sorted(ROOT.commands) == sorted(COMMANDS)


def test_help_is_found_in_each_way_that_people_try(capsys):
    for words in (["help"], ["-h"], []):
        assert main.run(words) == 0
        assert capsys.readouterr().out == help_of(capsys)
    for words in (["help", "schedule", "lint"], ["schedule", "lint", "-h"]):
        assert main.run(words) == 0
        assert capsys.readouterr().out == help_of(capsys, "schedule", "lint")
    assert main.run(["help", "histroy"]) == 64
    assert capsys.readouterr().err == (
        "error: No such command 'histroy'. Did you mean 'history'?\n  hint: `tetra --help` lists what it takes\n"
    )


def test_what_a_missing_argument_may_be_is_told_in_one_line(capsys):
    assert main.run(["completion"]) == 64
    assert capsys.readouterr().err == (
        "error: Missing argument 'SHELL'. Choose from: bash, zsh, fish\n"
        "  hint: `tetra completion --help` lists what it takes\n"
    )


def test_every_value_of_an_option_is_called_by_what_it_is(capsys):
    assert [path for path in ALL if "<str>" in help_of(capsys, *path)] == []


def test_the_programs_help_leaves_no_exit_code_out():
    every = {value for name, value in vars(Exit).items() if name.isupper()}
    assert {int(number) for number in re.findall(r"\d+", exit_codes.EVERY)} == every


def test_the_codes_of_a_command_are_those_of_a_command_that_there_is():
    assert [name for name in exit_codes.OWN if name not in NAMED] == []


def test_no_help_is_wider_than_a_terminal(capsys):
    lines = [line for path in ALL for line in help_of(capsys, *path).splitlines()]
    assert [line for line in lines if cells(line) > 80 and not line.startswith("  tetra ")] == []


def test_the_prose_of_a_text_is_what_is_not_examples():
    text = "Do it.\n\nMore of it.\n\nExamples: `do this`,\n`do that --now`."
    assert (prose_of(text), examples_of(text)) == ("Do it.\n\nMore of it.", ["do this", "do that --now"])
    assert (prose_of("Do `it`."), examples_of("Do `it`.")) == ("Do `it`.", [])
