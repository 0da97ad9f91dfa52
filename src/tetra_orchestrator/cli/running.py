"""The act of `run`: perform a mode or a selection now, or say what that would do.

A timer waits for it, so it imports next to nothing: the plain options are read here, Typer reads the others in `run`.
"""

from __future__ import annotations

import gc
import os
import sys

from tetra_orchestrator import wire
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.config.cache import remember
from tetra_orchestrator.config.find import FILES
from tetra_orchestrator.core.model import RetryPolicy, Typed
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import declared, select
from tetra_orchestrator.engine.start import Request, perform
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.history import Partition
    from tetra_orchestrator.core.model import Json, Mode, Project

#: The loader's word for a task type that nobody has registered. What has types never comes from the cache.
UNREGISTERED = "unregistered_type"
#: Parameters that the options of the same names fill in, where a project has them.
DATES = ("start_date", "end_date")
PROGRESS = ("auto", "live", "plain", "steps")

# The plain options and the field of `Order` that each fills in.
_FLAGS = {"--force": "force", "--json": "as_json", "--no-retry": "no_retry", "--dry-run": "dry_run"}
_TEXTS = {"--mode": "mode", "-m": "mode", "--config": "config", "--start-date": "start_date", "--end-date": "end_date"}
_LISTS = {"--pipeline": "pipelines", "-p": "pipelines", "--param": "params", "--overlay": "overlays", "--set": "sets"}


class Order(Record):
    """What the command line asks for. `params` are texts such as `name=value`, `max_parallel` is at least 1."""

    mode: str | None = None
    pipelines: tuple[str, ...] = ()
    start_date: str | None = None
    end_date: str | None = None
    model_version: str | None = None
    params: tuple[str, ...] = ()
    max_parallel: int | None = None
    no_retry: bool = False
    force: bool = False
    dry_run: bool = False
    progress: str = "auto"
    notify: str | None = None
    config: str | None = None
    overlays: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    dialect: str | None = None
    bindings: str | None = None
    as_json: bool = False


def quick_answer(argv: Sequence[str]) -> int | None:
    """Run what plain options ask for; None where Typer has to read them."""
    order = quick_order(argv)
    return None if order is None else run(order)


def quick_order(argv: Sequence[str]) -> Order | None:
    """What plain options ask for; None where there is any other word, which only Typer can read or explain."""
    fields: dict[str, Any] = {}
    words = iter(argv)
    for word in words:
        if word in _FLAGS:
            fields[_FLAGS[word]] = True
            continue
        value = next(words, "-")
        if value.startswith("-"):
            return None
        if word in _TEXTS:
            fields[_TEXTS[word]] = value
        elif word in _LISTS:
            fields[_LISTS[word]] = (*fields.get(_LISTS[word], ()), value)
        elif word == "--progress" and value in PROGRESS:
            fields["progress"] = value
        elif word in ("--max-parallel", "--max-workers") and len(value) < 10 and value.isdecimal() and int(value):
            fields["max_parallel"] = int(value)
        else:
            return None
    return Order(**fields)


def run(order: Order) -> int:
    """Do what is asked for and return the exit code."""
    loaded = _load(order)
    given = _given(order)
    style = _style(order)
    try:
        request = _request(order, loaded, given)
    except UsageError as error:
        if not order.as_json:
            wire.log_refusal(loaded.project, error.message, aloud=style == "plain")
        raise
    if order.dry_run:
        from tetra_orchestrator.cli.forecast import show_forecast

        return show_forecast(request, as_json=order.as_json)
    _refuse_unregistered(loaded, request)
    return _perform(request, style, order.notify)


def _load(order: Order) -> Loaded:
    """The configuration, with what the command line changes about its project."""
    loaded = load(Source(order.config, order.overlays, order.sets, order.dialect, order.bindings))
    project = loaded.project
    if order.max_parallel is not None:
        project = limited(project, order.max_parallel)
    if order.no_retry:
        project = without_retries(project)
    return loaded._replace(project=project)


def _given(order: Order) -> dict[str, str]:
    """The parameters by name; raises `UsageError` for one without `=`."""
    given = {} if order.model_version is None else {"model_version": order.model_version}
    for text in order.params:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"--param {text!r} is not NAME=VALUE", hint="write it as --param name=value")
        given[name] = value
    return given


def _style(order: Order) -> str:
    if order.as_json:
        return "json"
    if order.progress != "auto":
        return order.progress
    return "live" if sys.stdout.isatty() else "plain"


def _request(order: Order, loaded: Loaded, given: dict[str, str]) -> Request:
    project, names = loaded.project, order.pipelines
    selection = select(project, order.mode if order.mode or names else project.default_mode, names)
    params, partition = _values(project, selection.mode, (order.start_date, order.end_date), given)
    named = None if os.path.basename(project.file) in map(os.path.basename, FILES) else project.file
    asked = Request(project, selection, loaded.document, params, partition, force=order.force, config=named)
    return asked._replace(secrets=loaded.secrets)


def _values(
    project: Project, mode: Mode | None, dates: tuple[str | None, str | None], given: dict[str, str]
) -> tuple[dict[str, Json], Partition | None]:
    """What the run is given: its parameters and its range of dates. Most have neither."""
    if not (project.params or given or any(dates) or (mode and mode.partition)):
        return {}, None
    from tetra_orchestrator.core.params import resolve
    from tetra_orchestrator.core.partition import check_dates, partition_for

    if {param.name for param in project.params}.issuperset(DATES):
        check_dates(*dates)
        given = {**{name: text for name, text in zip(DATES, dates, strict=True) if text}, **given}
        dates = (None, None)
    return resolve(declared(project, mode), given), partition_for(mode, *dates)


def _refuse_unregistered(loaded: Loaded, request: Request) -> None:
    """Raise `ConfigError` where it is not known what runs for a task; the loader has asked, and warned if so."""
    if not any(warning.code == UNREGISTERED for warning in loaded.warnings):
        return
    typed = [task.id for task in request.selection.tasks if isinstance(task.program, Typed) and task.enabled]
    if typed:
        from tetra_orchestrator.config.task_types import refuse_unregistered

        refuse_unregistered(request.project, typed, os.environ)


def _perform(request: Request, style: str, notify: str | None) -> int:
    project = request.project
    remember(project)
    notifier = wire.notifier(notify) if notify else None
    gc.freeze()  # what is there now stays
    gc.enable()  # and the run may last for days
    with wire.screen() as screen, wire.world(project, os.environ) as world:
        code = perform(request, world, wire.reporters(style, screen))
        screen.settled = True
        wire.prune(project, world)
    if code == 0 and notifier:
        notifier.notify(project.title or project.name.title(), "Pipeline completed")
    return code


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
