"""`validate`: every problem of the configuration at once, or the plan it describes."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Annotated

import typer

from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import (
    BindingsOption,
    ConfigOption,
    DialectOption,
    JsonOption,
    OverlayOption,
    SetOption,
)
from tetra_orchestrator.cli.source import Source, options
from tetra_orchestrator.cli.verdict import answer_anew, answer_of, rows, show
from tetra_orchestrator.errors import ConfigError, Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tetra_orchestrator.config.loaded import Configuration


def command(
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="Configuration file.")] = None,
    config: ConfigOption = None,
    overlay: OverlayOption = None,
    set_: SetOption = None,
    dialect: DialectOption = None,
    bindings: BindingsOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check the configuration, and print the plan.

    The plan is in groups that may run side by side.

    Examples: `validate`, `validate pipeline_config.yaml`, `validate --overlay prod.yaml --json`.
    """
    from tetra_orchestrator.config.find import find_config
    from tetra_orchestrator.config.load import load_project

    source = Source(file or config, tuple(overlay or ()), tuple(set_ or ()), dialect, bindings)
    path = find_config(source.config, os.environ, os.getcwd())
    plain = source == Source(source.config)
    try:
        answer = answer_anew(path) if plain else answer_of(load_project(path, environ=os.environ, **options(source)))
    except ConfigError as error:
        if not as_json:
            raise
        print_json("validate", _faulty(error, path, source))
        return Exit.CONFIG
    show(answer, as_json=as_json)
    return Exit.OK


def _faulty(error: ConfigError, path: str, source: Source) -> dict[str, Any]:
    """What is known of a configuration with problems."""
    from tetra_orchestrator.config.read import read

    found: Configuration | None = None
    with suppress(ConfigError):
        found = read(path, environ=os.environ, **options(source))
    return {
        "ok": False,
        "dialect": found.dialect if found else None,
        "files": list(found.files if found else (path, *source.overlays)),
        "errors": rows(error.problems) or [_whole(error)],
        "warnings": rows(found.problems.warnings if found else ()),
        "groups": [],
        "modes": {},
        "summary": None,
    }


def _whole(error: ConfigError) -> dict[str, Any]:
    """An error that stands at no place in a file, as a row among those that do."""
    nowhere = dict.fromkeys(("line", "column", "path"))
    return {"code": error.code, "file": error.where, **nowhere, "message": error.message, "hint": error.hint}
