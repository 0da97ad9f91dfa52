"""The manual page `tetra-orchestrator(1)` as Markdown, from which Sphinx makes it."""

from collections.abc import Iterable

from docs.generator import meanings
from docs.generator.commands import Command, commands, meaning, metavar, spelling, usage
from docs.generator.markdown import code, codes, section
from docs.generator.words import exit_codes

DESCRIPTION = """\
tetra-orchestrator runs chains of data pipelines on the machine you have, with nothing resident between runs. One YAML
file says which pipelines exist, what depends on what, which mode runs which part, and when. systemd, launchd or cron
wake the command; it walks the chain, runs each task as a real process with retries and time limits, keeps a log for
each attempt and the state of every run, and exits. `tetra` is short for it."""


def manual() -> str:
    """The text of the page."""
    root, *rest = commands()
    exits = {f"{value}": meanings.EXITS[name] for name, value in exit_codes().items()}
    tasks = [
        f"A task finds {codes(meanings.OF_TASKS)}.",
        f"A hook finds besides {codes(meanings.OF_HOOKS)}.",
    ]
    return "\n\n".join(
        [
            "# tetra-orchestrator",
            section(
                "SYNOPSIS",
                f"{code('tetra-orchestrator')} *COMMAND* [*OPTIONS*] ...\n\n{code('tetra')} *COMMAND* [*OPTIONS*] ...",
            ),
            section("DESCRIPTION", DESCRIPTION, definitions((spelling(one), one.help) for one in root.options)),
            section("COMMANDS", *map(_command, rest)),
            section("EXIT STATUS", definitions(exits.items())),
            section("ENVIRONMENT", definitions(meanings.READ.items()), *tasks),
            section("FILES", "Paths start at the project's root.", definitions(meanings.FILES.items())),
            section("SEE ALSO", "crontab(5), systemd.timer(5), launchd.plist(5)"),
        ]
    )


def _command(command: Command) -> str:
    examples = ["Examples:", *map(code, command.examples)] if command.examples else []
    named = [(metavar(param), meaning(param)) for param in command.arguments]
    named += [(spelling(param), meaning(param)) for param in command.options]
    title = usage(command).removeprefix("tetra ")
    return section(title, command.text, definitions(named), *examples, f"Exit codes: {command.codes}.", level=3)


def definitions(pairs: Iterable[tuple[str, str | None]]) -> str:
    """A list of words with what each means."""
    return "\n\n".join(f"{code(word)}\n: {' '.join((text or '').split()) or '-'}" for word, text in pairs)
