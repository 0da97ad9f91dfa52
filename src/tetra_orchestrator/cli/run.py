"""`run`: perform a mode or a selection now, or say what that would do."""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated, Literal

import typer

from tetra_orchestrator.cli.project import (
    BindingsOption,
    ConfigOption,
    DialectOption,
    JsonOption,
    OverlayOption,
    SetOption,
    Source,
    load,
    pairs,
)
from tetra_orchestrator.core.model import RetryPolicy, Typed
from tetra_orchestrator.core.params import resolve
from tetra_orchestrator.core.partition import check_dates, partition_for
from tetra_orchestrator.core.selection import declared, select
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.engine.start import Request

#: The loader's word for a task type that nobody has registered. What has types never comes from the cache.
UNREGISTERED = "unregistered_type"
#: Parameters that the options of the same names fill in, where a project has them.
DATES = ("start_date", "end_date")
Progress = Literal["auto", "live", "plain", "steps"]


def command(
    mode: Annotated[str | None, typer.Option("--mode", "-m", help="Mode of the file: daily, weekly ...")] = None,
    pipeline: Annotated[
        list[str] | None, typer.Option("--pipeline", "-p", help="Only this pipeline. Repeatable.")
    ] = None,
    start_date: Annotated[str | None, typer.Option(metavar="DATE", help="First day of a mode with a range.")] = None,
    end_date: Annotated[str | None, typer.Option(metavar="DATE", help="Last day of a mode with a range.")] = None,
    model_version: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Value of a parameter that is called so.")
    ] = None,
    param: Annotated[list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="Repeatable.")] = None,
    max_parallel: Annotated[
        int | None, typer.Option("--max-parallel", "--max-workers", min=1, metavar="N", help="Tasks at the same time.")
    ] = None,
    checkpoint_dir: Annotated[str | None, typer.Option(metavar="DIR", hidden=True)] = None,
    no_checkpoint: Annotated[bool, typer.Option("--no-checkpoint", help="Accepted: no checkpoint is written.")] = False,
    resume: Annotated[bool, typer.Option("--resume", hidden=True)] = False,
    no_retry: Annotated[bool, typer.Option("--no-retry", help="Try every task once, whatever the file says.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run although what it depends on is not there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and why; start nothing.")] = False,
    progress: Annotated[Progress, typer.Option(help="auto: live on a terminal, else plain lines.")] = "auto",
    notify: Annotated[str | None, typer.Option(metavar="desktop", help="Tell the desktop at the end.")] = None,
    config: ConfigOption = None,
    overlay: OverlayOption = None,
    set_: SetOption = None,
    dialect: DialectOption = None,
    bindings: BindingsOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run a mode, or single pipelines, in the order of their dependencies.

    Examples: `run --mode weekly`, `run --mode full --dry-run`, `run --pipeline metrics_pipeline --force`.
    """
    from tetra_orchestrator import wire
    from tetra_orchestrator.config.cache import remember
    from tetra_orchestrator.engine.start import perform

    if not no_checkpoint:
        _refuse_checkpoints("--resume" if resume else "--checkpoint-dir" if checkpoint_dir else None)
    loaded = load(Source(config, tuple(overlay or ()), tuple(set_ or ()), dialect, bindings))
    if max_parallel is not None:
        loaded = loaded._replace(project=limited(loaded.project, max_parallel))
    if no_retry:
        loaded = loaded._replace(project=without_retries(loaded.project))
    given = {**({} if model_version is None else {"model_version": model_version}), **pairs("--param", param)}
    try:
        request = _request(loaded, mode, tuple(pipeline or ()), (start_date, end_date), given, force)
    except UsageError as error:
        if not as_json:
            wire.log_refusal(loaded.project, error.message, aloud=_style(progress) == "plain")
        raise
    if dry_run:
        from tetra_orchestrator.cli.forecast import show_forecast

        return show_forecast(request, as_json=as_json)
    _refuse_unregistered(loaded, request)
    remember(loaded.project)
    style = "json" if as_json else _style(progress)
    notifier = wire.notifier(notify) if notify else None
    gc.enable()  # a run may last for days
    with wire.world(loaded.project, os.environ) as world:
        code = perform(request, world, wire.reporters(style))
    if code == 0 and notifier:
        notifier.notify(loaded.project.title or loaded.project.name.title(), "Pipeline completed")
    return code


def _request(
    loaded: Loaded,
    mode: str | None,
    names: tuple[str, ...],
    dates: tuple[str | None, str | None],
    given: dict[str, str],
    force: bool,
) -> Request:
    from tetra_orchestrator.config.find import FILES
    from tetra_orchestrator.engine.start import Request

    selection = select(loaded.project, mode if mode or names else loaded.project.default_mode, names)
    if {param.name for param in loaded.project.params}.issuperset(DATES):
        check_dates(*dates)
        given = {**{name: text for name, text in zip(DATES, dates, strict=True) if text}, **given}
        dates = (None, None)
    params = resolve(declared(loaded.project, selection.mode), given)
    partition = partition_for(selection.mode, *dates)
    file = loaded.project.file
    named = None if os.path.basename(file) in map(os.path.basename, FILES) else file
    return Request(loaded.project, selection, loaded.document, params, partition, force=force, config=named)


def _refuse_unregistered(loaded: Loaded, request: Request) -> None:
    """Raise `ConfigError` where it is not known what runs for a task; the loader has asked, and warned if so."""
    if not any(warning.code == UNREGISTERED for warning in loaded.warnings):
        return
    typed = [task.id for task in request.selection.tasks if isinstance(task.program, Typed) and task.enabled]
    if typed:
        from tetra_orchestrator.config.task_types import refuse_unregistered

        refuse_unregistered(request.project, typed, os.environ)


def _refuse_checkpoints(option: str | None) -> None:
    if option:
        message = f"{option} is for checkpoints, which this version does not write yet"
        raise UsageError(message, hint="leave it out; `tetra show` shows what every task handed on")


def limited(project: Project, tasks: int) -> Project:
    """The project with so many tasks at the same time, whatever it says itself."""
    modes = tuple(mode._replace(run=mode.run._replace(max_parallel=tasks)) for mode in project.modes)
    run, host = project.run._replace(max_parallel=tasks), project.host._replace(max_parallel=tasks)
    return project._replace(run=run, host=host, modes=modes)


def without_retries(project: Project) -> Project:
    """The project with one attempt for every task, whatever it says itself."""
    pipelines = tuple(
        pipeline._replace(tasks=tuple(task._replace(retry=RetryPolicy()) for task in pipeline.tasks))
        for pipeline in project.pipelines
    )
    return project._replace(pipelines=pipelines)


def _style(progress: Progress) -> str:
    if progress != "auto":
        return progress
    return "live" if sys.stdout.isatty() else "plain"
