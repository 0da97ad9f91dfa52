"""Every command that the documentation mentions exists, with its options and as many arguments."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.exceptions import TyperException
from typer.main import get_command

from support.documentation import PAGES, REPOSITORY, commands
from tetra_orchestrator.cli.app import build

ROOT = get_command(build())
MENTIONED = [command for page in PAGES for command in commands(page)]
#: Command lines of other systems' documents that are accepted as they are written there.
AS_WRITTEN_THERE = {"start orchestrated --runner-config configs/runner.yaml"}


def words_of(text: str) -> list[str]:
    """The words behind our program, up to a comment, a pipe or a redirection; `[FILE]` and `FILE...` are FILE."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if word[0] in "|&;<>":
            # the number of a redirection stands before it
            return [each for each in words[1:] if word[0] not in "<>" or each != words[-1] or not each.isdigit()]
        words.append(word)
    return [re.sub(r"^\[|\]$|\.\.\.$", "", re.sub(r"\]$", "", word)) for word in words[1:]]


def fault_of(words: list[str]) -> str | None:
    """What the real parser says against these words; None where it has nothing to say. `help` stands before any."""
    command, context = ROOT, None
    words = words[words[:1] == ["help"] :]
    while True:
        context = command.context_class(command, info_name=command.name, parent=context)
        try:
            _, left, _ = command.make_parser(context).parse_args(list(words))
        except TyperException as error:
            return error.format_message()
        if not left:
            return None
        if not hasattr(command, "commands"):
            return f"too many arguments: {' '.join(left)}"
        name, *words = left
        if name == "COMMAND":
            return None  # any of them
        if name not in command.commands:
            return f"no such command: {name}"
        command = command.commands[name]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_on_a_page_can_be_typed(page):
    found = [(one.line, one.text, fault_of(words_of(one.text))) for one in MENTIONED if one.page == page]
    assert [each for each in found if each[2] and " ".join(words_of(each[1])) not in AS_WRITTEN_THERE] == []


def test_commands_are_found_at_all():
    assert len(MENTIONED) > 300
    assert {"docs/configuration.md", "README.md"} <= {command.page for command in MENTIONED}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tetra run --mode weekly --dry-run # says why", None),
        ("tetra schedule prune [--all]", None),
        ("tetra monitor --quiet; echo $?", None),
        ("tetra run >run.txt 2>&1 & echo $! >pid", None),
        ("tetra history | head -n 2", None),
        ("bin/tetra status", None),
        ("tetra help run", None),
        ("tetra rum", "no such command: rum"),
        ("tetra help rum", "no such command: rum"),
        ("tetra run --mood weekly", "No such option: --mood"),
        ("tetra schedule list nightly", "too many arguments: nightly"),
        ("tetra run --mode", "Option '--mode' requires an argument."),
    ],
)
def test_what_counts_as_a_mistake(text, fault):
    said = fault_of(words_of(text))
    assert said is None if fault is None else said is not None and said.startswith(fault)


def test_every_command_is_mentioned_somewhere():
    mentioned = {words_of(command.text)[0] for command in MENTIONED if words_of(command.text)}
    assert [name for name in ROOT.commands if name not in mentioned and not ROOT.commands[name].hidden] == []


#: What was written into units and crontabs stays as it is there: other words would be a change to install.
WRITTEN = ("adapters/timer/crontab/text.py", "adapters/timer/launchd/text.py", "adapters/timer/systemd/text.py")


def test_what_is_to_be_typed_is_told_by_the_short_name():
    command = re.compile(rf"tetra-orchestrator (?:{'|'.join(ROOT.commands)})\b[^\n]*")
    package = REPOSITORY / "src" / "tetra_orchestrator"
    sources = {file.relative_to(package).as_posix(): file.read_text() for file in package.rglob("*.py")}
    found = [(name, match) for name, text in sources.items() for match in command.findall(text)]
    assert [each for each in found if each[0] not in WRITTEN] == []
