"""The options that choose what of a project is run, or planned."""

from __future__ import annotations

from typing import Annotated

import typer

ModeOption = Annotated[
    str | None, typer.Option("--mode", "-m", metavar="MODE", help="Mode of the file: daily, weekly ...")
]
PipelineOption = Annotated[
    list[str] | None, typer.Option("--pipeline", "-p", metavar="PIPELINE", help="Only this pipeline. Repeatable.")
]
FromOption = Annotated[
    list[str] | None,
    typer.Option("--from", metavar="TASK", help="Only this task, or pipeline, and all that depends on it."),
]
UntilOption = Annotated[
    list[str] | None,
    typer.Option("--until", metavar="TASK", help="Only this task, or pipeline, and all that it depends on."),
]
OnlyOption = Annotated[
    list[str] | None, typer.Option("--only", metavar="TASK", help="Only this task, or pipeline. Repeatable.")
]
ParamOption = Annotated[list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="Repeatable.")]
