"""The options that choose and change a configuration, and loading it."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.config.loaded import Loaded

ConfigOption = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE", help="Configuration file. [env: PIPELINE_CONFIG; default: found upwards]"),
]
OverlayOption = Annotated[
    list[str] | None,
    typer.Option("--overlay", metavar="FILE", help="Merge this file deeply over the configuration. Repeatable."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value, such as host.max_parallel=2. Repeatable."),
]
DialectOption = Annotated[
    str | None,
    typer.Option("--dialect", metavar="NAME", help="native, tetra, recomart, stages, tauro or dativo, or by shape."),
]
BindingsOption = Annotated[
    str | None,
    typer.Option("--bindings", metavar="FILE", help="What runs for names left open. [default: bindings.yaml beside]"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


class Source(Record):
    """Where a configuration comes from, as the command line said."""

    config: str | None = None
    overlays: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    dialect: str | None = None
    bindings: str | None = None


def load(source: Source) -> Loaded:
    """Load the configuration, from the cache if nothing changed; raises `ConfigError` with every problem in it."""
    from tetra_orchestrator.config.cache import load
    from tetra_orchestrator.config.find import find_config

    path = find_config(source.config, os.environ, os.getcwd())
    return load(path, environ=os.environ, **options(source))


def options(source: Source) -> dict[str, Any]:
    """What the command line says of how to read the file, as keywords of the loader."""
    return {
        "overlays": source.overlays,
        "sets": source.sets,
        "dialect": source.dialect,
        "bindings": source.bindings,
    }


def pairs(option: str, values: list[str] | None) -> dict[str, str]:
    """`NAME=VALUE` options as a mapping; raises `UsageError` for one without `=`."""
    found = {}
    for value in values or ():
        name, sign, text = value.partition("=")
        if not sign or not name:
            raise UsageError(f"{option} {value!r} is not NAME=VALUE", hint=f"write it as {option} name=value")
        found[name] = text
    return found
