"""`export`: the project as files that run it without us."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Literal

import typer

from tetra_orchestrator.cli.files import write_new
from tetra_orchestrator.cli.output import near, print_json
from tetra_orchestrator.cli.project import (
    BindingsOption,
    ConfigOption,
    DialectOption,
    JsonOption,
    OverlayOption,
    SetOption,
)
from tetra_orchestrator.cli.prose import sentence
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.core.export.job import DAGSTER, MAKE
from tetra_orchestrator.core.export.seal import is_as_made, sealed
from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.errors import ConfigError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.config.problems import Problem
    from tetra_orchestrator.core.export.job import Exported, File, Rendered
    from tetra_orchestrator.core.model import Project

To = Annotated[Literal["make", "systemd", "dagster"], typer.Argument(metavar="TO", help="make, systemd or dagster.")]
ModesOption = Annotated[
    list[str] | None, typer.Option("--mode", "-m", metavar="MODE", help="Only this mode. Repeatable. [all that can be]")
]
#: What is done with the files next.
NEXT = {
    "make": "next: `make -f {first}` lists what it runs",
    "systemd": "next: copy them to ~/.config/systemd/user, then `systemctl --user daemon-reload`",
    "dagster": "next: `dagster dev -f {first}`",
}


def command(
    to: To,
    mode: ModesOption = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="DIR", help="Folder to write to. [a single file: printed]")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over files that are not ours, or were changed.")
    ] = False,
    config: ConfigOption = None,
    overlay: OverlayOption = None,
    set_: SetOption = None,
    dialect: DialectOption = None,
    bindings: BindingsOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write the project as files that run without us.

    A Makefile, units of systemd, or a Python file of Dagster: they start the tasks' own programs. What of the file is
    lost is told as warnings, and at the top of what is written. Secrets are never written.

    Examples: `export make --output ejected`, `export systemd --mode weekly --output ejected`,
    `export dagster --output ejected`.
    """
    from tetra_orchestrator.engine.export import exported

    loaded = load(Source(config, tuple(overlay or ()), tuple(set_ or ()), dialect, bindings))
    _refuse_short(loaded.warnings)
    made = exported(loaded.project, to, tuple(dict.fromkeys(mode or ())), loaded.secrets)
    found = _rendered(to, made, loaded.project)
    files = found.files
    if output is None and len(files) > 1 and not as_json:
        names = ", ".join(file.name for file in files[:2])
        raise UsageError(f"these are {len(files)} files: {names} ...", hint="name a folder: --output DIR")
    paths = _write(files, output, force=force) if output is not None else []
    if as_json:
        _print_json(to, made, found, paths)
        return 0
    for note in found.notes:
        print(sentence(f"warning: {printable(str(note))}"), file=sys.stderr)
    if output is None:
        sys.stdout.write(files[0].text)
        return 0
    for path in paths:
        print(f"wrote {near(path)}")
    print(NEXT[to].format(first=near(paths[0])))
    return 0


def _refuse_short(warnings: Sequence[Problem]) -> None:
    """Raise `ConfigError` for a secret that no file could be searched for."""
    short = next((one.message for one in warnings if one.code == "short_secret"), None)
    if short:
        message = f"{short.partition(' to be ')[0]} to be told from other text, and it might be written"
        raise ConfigError(message, hint="take it out of the environment for this command")


def _rendered(to: str, made: Exported, project: Project) -> Rendered:
    """The files with their seals."""
    if to == MAKE:
        from tetra_orchestrator.core.export.make import makefile

        found = makefile(made)
    elif to == DAGSTER:
        from tetra_orchestrator.core.export.dagster import definitions

        found = definitions(made)
    else:
        from tetra_orchestrator.wire_timers import ejected_units

        found = ejected_units(made, project)
    return found._replace(files=tuple(file._replace(text=sealed(file.text, to)) for file in found.files))


def _write(files: Sequence[File], folder: str, *, force: bool) -> list[str]:
    """The paths of the files, all or none of which are written over what is not as we made it."""
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise UsageError(f"{folder} is no folder", hint="name one, there or not: --output DIR")
    paths = [os.path.join(folder, file.name) for file in files]
    changed = [path for path in paths if os.path.lexists(path) and not _is_as_made(path)]
    if changed and not force:
        hint = "add --force to write over it, or name another folder"
        raise UsageError(f"{changed[0]} is there already, and is not as `tetra export` made it", hint=hint)
    return [write_new(path, file.text, force=True) for path, file in zip(paths, files, strict=True)]


def _is_as_made(path: str) -> bool:
    try:
        with open(path, encoding="utf-8") as file:
            return is_as_made(file.read())
    except (OSError, UnicodeDecodeError):
        return False


def _print_json(to: str, made: Exported, found: Rendered, paths: Sequence[str]) -> None:
    """The files with their texts, or with where they were written."""
    texts: list[dict[str, str | None]] = [{"path": path} for path in paths] or [
        {"path": None, "text": file.text} for file in found.files
    ]
    body = {
        "to": to,
        "modes": [chain.name for chain in made.chains],
        "files": [{"name": file.name, **rest} for file, rest in zip(found.files, texts, strict=True)],
        "warnings": [note._asdict() for note in found.notes],
    }
    print_json("export", body)
