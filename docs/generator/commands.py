"""The command line as the program itself knows it: every command with its arguments and options."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from typer.main import get_command

from docs.generator.markdown import block, code, page, section, table
from tetra_orchestrator.cli.app import build
from tetra_orchestrator.cli.exit_codes import EVERY, codes_of
from tetra_orchestrator.cli.helping import SHORT, examples_of, prose_of

INTRO = """\
Every command with what it takes, as `--help` tells it. `tetra` is short for `tetra-orchestrator`: both are the same.
[Exit codes](exit-codes.md) are one table for all of them. `--json` is one object on standard output that begins with
`"schema": "tetra.<command>/1"`; keys are only added to it."""


class Command(NamedTuple):
    """One command: its words behind `tetra`, its text, examples and exit codes, its parameters as Typer has them."""

    path: tuple[str, ...]
    text: str
    examples: list[str]
    codes: str
    params: list[Any]
    group: bool

    @property
    def name(self) -> str:
        """As it is typed."""
        return " ".join([SHORT, *self.path])

    @property
    def options(self) -> list[Any]:
        """What begins with a dash."""
        return [param for param in self.params if param.param_type_name == "option" and not param.hidden]

    @property
    def arguments(self) -> list[Any]:
        """What is given by its place."""
        return [param for param in self.params if param.param_type_name == "argument" and not param.hidden]


def commands() -> list[Command]:
    """Every command that is not hidden, a group before its own."""
    return list(_walk(get_command(build()), ()))


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[Command]:
    examples = [f"{SHORT} {example}" for example in examples_of(command.help or "")]
    codes = codes_of(path) if path else EVERY
    yield Command(path, prose_of(command.help or ""), examples, codes, command.params, hasattr(command, "commands"))
    for name, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            yield from _walk(one, (*path, name))


def commands_page() -> str:
    """The text of `docs/reference/commands.md`."""
    return page("Commands", INTRO, *[_section(command) for command in commands()])


def _section(command: Command) -> str:
    arguments = [(code(metavar(param)), meaning(param)) for param in command.arguments]
    options = [(code(spelling(param)), meaning(param)) for param in command.options]
    return section(
        code(command.name),
        command.text.strip(),
        block(usage(command)),
        table(("argument", "meaning"), arguments) if arguments else "",
        table(("option", "meaning"), options) if options else "",
        block("\n".join(command.examples), "sh") if command.examples else "",
        f"Exit codes: {command.codes}." if command.path else "",
        level=2 + max(len(command.path) - 1, 0),
    )


def usage(command: Command) -> str:
    """How it is called."""
    words = [command.name, *["[OPTIONS]"] * bool(command.options), *map(metavar, command.arguments)]
    return " ".join([*words, *["COMMAND ..."] * command.group])


def spelling(option: Any) -> str:
    """All its names, and what follows them."""
    names = ", ".join([*option.opts, *option.secondary_opts])
    return names if option.is_flag else f"{names} {metavar(option)}"


def metavar(param: Any) -> str:
    """The word for its value: its own, its choices, or its name."""
    if param.metavar:
        return str(param.metavar)
    if choices := getattr(param.type, "choices", ()):
        return "|".join(map(str, choices))
    return str(param.name).upper()


def meaning(param: Any) -> str:
    """What its help says, with its default."""
    said = param.help or ""
    silent = param.param_type_name == "argument" or param.is_flag or param.default in (None, False, ())
    return said if silent or "[default" in said else f"{said} [default: {param.default}]"
