"""The options that choose and change a configuration."""

from __future__ import annotations

from typing import Annotated

import typer

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
OnOption = Annotated[
    str | None,
    typer.Option("--on", metavar="RUNNER", help="Run tasks there: local, slurm, or one of `runners`."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
