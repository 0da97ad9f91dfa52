"""`init`: a file to start with, or one made from a crontab."""

from __future__ import annotations

import os
import re
import sys
from typing import Annotated

import typer

from tetra_orchestrator.cli.files import write_new
from tetra_orchestrator.cli.output import near
from tetra_orchestrator.cli.prose import sentence
from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.errors import ConfigError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.config.crontab import Untranslated

FILE = os.path.join("config", "orchestration.yaml")
LIMIT_S = 10
UNLIKE_CRON = (
    "`tetra schedule apply` installs the timers of these schedules: take the lines out of the crontab then.",
    "Unlike cron: what a job prints goes to its log, and a job that still runs is not started again beside itself.",
)
#: What to do with the file that was made.
STEPS = (
    "next: `tetra validate` checks it; `tetra run --pipeline NAME` does what the command in the crontab did",
    "then: `tetra schedule apply` installs its timers; take the lines out of your crontab, or both run them",
)


def command(
    path: Annotated[
        str | None,
        typer.Argument(metavar="[DIR|FILE]", help="Where to write; with --from-crontab the crontab to read."),
    ] = None,
    from_crontab: Annotated[
        bool, typer.Option("--from-crontab", help="Make it from a crontab: a file, - or, without one, `crontab -l`.")
    ] = False,
    out: Annotated[str | None, typer.Option(metavar="DIR|FILE", help="Where to write.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> int:
    """Write a configuration file to start with; it runs as it is.

    Examples: `init`, `init shop`, `init --from-crontab`, `init --from-crontab /etc/crontab --out shop`.
    """
    from tetra_orchestrator.config.shipped import starter_text

    target = _target(out if out is not None or from_crontab else path)
    if not force:
        _check_alone(target)
    if from_crontab:
        return _translate(path, target, force=force)
    written = near(write_new(target, starter_text(_project(target)), force=force))
    print(f"wrote {written}\nnext: `tetra validate` checks it and prints the plan, `tetra run` runs it")
    return 0


def _target(path: str | None) -> str:
    """The file that is meant: in a folder, the usual one."""
    path = os.path.abspath(path or "")
    return path if path.endswith((".yaml", ".yml")) else os.path.join(path, FILE)


def _check_alone(target: str) -> None:
    """Raises `UsageError` where a configuration is there that would no longer be found."""
    from tetra_orchestrator.config.find import FILES, project_root

    root = project_root(target)
    places = [os.path.join(root, name) for name in FILES]
    hidden = (
        [place for place in places[places.index(target) + 1 :] if os.path.exists(place)] if target in places else []
    )
    if hidden:
        made = f"`tetra config convert {near(hidden[0])} --out {near(target)}` makes the file from it"
        raise UsageError(
            f"{hidden[0]} is there, and would no longer be found", hint=f"{made}; --force writes a new one"
        )


def _project(target: str) -> str:
    """A project's name, from the folder that it is in."""
    from tetra_orchestrator.config.find import project_root

    folder = os.path.basename(project_root(target))
    return re.sub(r"[^A-Za-z0-9_-]+", "-", folder).strip("-")[:100] or "project"


def _translate(source: str | None, target: str, *, force: bool) -> int:
    from getpass import getuser

    from tetra_orchestrator.config.crontab import translate
    from tetra_orchestrator.config.native_text import to_text
    from tetra_orchestrator.config.shipped import modeline

    name = source or "crontab -l"
    found = translate(_crontab(source), _project(target), user=getuser(), where=name)
    left = [f"line {one.line}: {one.reason}: {' '.join(one.text.split())}" for one in found.untranslated]
    head = [modeline(), f"Made by `tetra init --from-crontab` from {name}.", *UNLIKE_CRON]
    tail = ["What did not translate, or not wholly:", *left] if left else []
    written = near(write_new(target, to_text(found.document, head, tail), force=force))
    _tell(written, len(found.document["pipelines"]), found.untranslated)
    return 0


def _tell(written: str, jobs: int, left: Sequence[Untranslated]) -> None:
    print(f"wrote {written} with {jobs} {'pipeline' if jobs == 1 else 'pipelines'}")
    if left:
        print("what did not translate, or not wholly (it is also told at the end of the file):")
    for one in left:
        print(sentence(f"line {one.line}: {one.reason}", "  "))
        print(f"    {printable(one.text)}")
    for step in STEPS:
        print(sentence(step))


def _crontab(source: str | None) -> str:
    """The text of the crontab; bytes that are not UTF-8 are kept as lone surrogates."""
    from tetra_orchestrator.config.find import read_bytes

    if source and os.path.isdir(source):
        hint = f"write `--out {source}` for where to write"
        raise UsageError(f"{source} is a folder, and --from-crontab reads a file", hint=hint)
    if source == "-":
        data = sys.stdin.buffer.read()
    elif source is not None:
        data = read_bytes(source)
    else:
        data = _own_crontab()
    return data.decode("utf-8", "surrogateescape")


def _own_crontab() -> bytes:
    import subprocess

    hint = "name a file: `tetra init --from-crontab FILE`"
    try:
        done = subprocess.run(["crontab", "-l"], capture_output=True, timeout=LIMIT_S, check=False)
    except FileNotFoundError:
        raise UsageError("there is no `crontab` program here", hint=hint) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"`crontab -l` failed: {error}", hint=hint) from None
    if done.returncode:
        cause = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise ConfigError(f"`crontab -l` failed: {cause}", hint=hint)
    return done.stdout
