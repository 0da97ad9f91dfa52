"""The act of `run`: perform a mode or a selection now, or say what that would do.

A timer waits for it, so it imports next to nothing: the plain options are read here, Typer reads the others in `run`.
"""

from __future__ import annotations

import os
import sys

from tetra_orchestrator import failpoints, wire
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.config.find import FILES
from tetra_orchestrator.core.model import RetryPolicy
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import declared, select
from tetra_orchestrator.engine.overlap import OVERLAPS
from tetra_orchestrator.engine.start import Request
from tetra_orchestrator.errors import ConfigError, NotNow, TetraError, UsageError
from tetra_orchestrator.launch import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.history import Partition
    from tetra_orchestrator.core.model import Json, Mode, Project

#: Parameters that the options of the same names fill in, where a project has them.
DATES = ("start_date", "end_date")
PROGRESS = ("auto", "live", "plain", "steps")
#: The dialect whose runs leave checkpoints without being asked to.
STAGES = "stages"

# The plain options and the field of `Order` that each fills in.
_FLAGS = {"--force": "force", "--json": "as_json", "--no-retry": "no_retry", "--dry-run": "dry_run"}
_FLAGS |= {"--no-cache": "no_cache"}
_TEXTS = {"--mode": "mode", "-m": "mode", "--config": "config", "--start-date": "start_date", "--end-date": "end_date"}
_TEXTS |= {"--on": "on"}
_CHOICES = {"--progress": ("progress", PROGRESS), "--overlap": ("overlap", OVERLAPS)}
_NUMBERS = {"--max-parallel": "max_parallel", "--max-workers": "max_parallel"}
_LISTS = {"--pipeline": "pipelines", "-p": "pipelines", "--param": "params", "--overlay": "overlays", "--set": "sets"}
_LISTS |= {"--from": "first", "--until": "last", "--only": "only"}


class Order(Record):
    """What the command line asks for. `params` are texts such as `name=value`, `max_parallel` is at least 1.

    `first`, `last` and `only` name tasks and pipelines, as in `core.narrowing.Cut`.
    """

    mode: str | None = None
    pipelines: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    start_date: str | None = None
    end_date: str | None = None
    model_version: str | None = None
    params: tuple[str, ...] = ()
    max_parallel: int | None = None
    no_retry: bool = False
    force: bool = False
    dry_run: bool = False
    no_cache: bool = False
    overlap: str = "skip"
    progress: str = "auto"
    notify: str | None = None
    config: str | None = None
    overlays: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    dialect: str | None = None
    bindings: str | None = None
    on: str | None = None
    as_json: bool = False
    checkpoint_dir: str | None = None
    no_checkpoint: bool = False
    keep_checkpoints: int | None = None
    resume: bool = False


def quick_answer(argv: Sequence[str]) -> int | None:
    """Run what plain options ask for; None where Typer has to read them."""
    order = quick_order(argv)
    return None if order is None else run(order)


def quick_order(argv: Sequence[str]) -> Order | None:
    """What plain options ask for; None where there is any other word, which only Typer can read or explain."""
    fields = plain_fields(argv, _FLAGS, _TEXTS, _NUMBERS, _CHOICES, _LISTS)
    return None if fields is None else Order(**fields)


def plain_fields(
    argv: Sequence[str],
    flags: Mapping[str, str],
    texts: Mapping[str, str],
    numbers: Mapping[str, str],
    choices: Mapping[str, tuple[str, tuple[str, ...]]],
    lists: Mapping[str, str],
) -> dict[str, Any] | None:
    """The fields that the words fill in, by option the name of each; None for a word that is none of these."""
    fields: dict[str, Any] = {}
    words = iter(argv)
    for word in words:
        if word in flags:
            fields[flags[word]] = True
            continue
        value = next(words, "-")
        if value.startswith("-"):
            return None
        if word in texts:
            fields[texts[word]] = value
        elif word in lists:
            fields[lists[word]] = (*fields.get(lists[word], ()), value)
        elif word in choices and value in choices[word][1]:
            fields[choices[word][0]] = value
        elif word in numbers and len(value) < 10 and value.isdecimal() and int(value):
            fields[numbers[word]] = int(value)
        else:
            return None
    return fields


def run(order: Order) -> int:
    """Do what is asked for and return the exit code. What is refused is kept for `why`."""
    try:
        return _run(order)
    except (ConfigError, NotNow) as error:
        if not order.dry_run:
            from tetra_orchestrator.cli.refused import keep

            keep(error, _named(order), order.config, wire.clock().now())
        raise


def _named(order: Order) -> Sequence[str]:
    """The pipelines that are asked for; none where that is for all, or cannot be known."""
    try:
        return requested(order).selection.pipelines
    except TetraError:
        return order.pipelines


def _run(order: Order) -> int:
    loaded = _load(order)
    failpoints.hit("cfg.loaded")
    given = _given(order)
    style = style_of(order.progress, as_json=order.as_json)
    if _is_sliced(order, loaded.project):
        from tetra_orchestrator.cli.backfill_run import run_slices, several

        if several(order, loaded.project):
            return run_slices(order, loaded.project)
    try:
        request = _request(order, loaded, given)
    except UsageError as error:
        if not order.as_json:
            from tetra_orchestrator.cli.refused import log

            log(loaded.project, error.message, aloud=style == "plain")
        raise
    keeping = None
    if not _is_without_checkpoints(order, loaded.project):
        from tetra_orchestrator.cli import checkpoints

        choice = checkpoints.Choice(order.checkpoint_dir, order.no_checkpoint, order.keep_checkpoints, order.resume)
        request = checkpoints.resuming(request, choice) if order.resume else request
        if checkpoints.is_done(request):
            return checkpoints.nothing_left(request, as_json=order.as_json)
        keeping = checkpoints.keeping(request, choice)
    if order.dry_run:
        from tetra_orchestrator.cli.forecast import show_forecast

        return show_forecast(request, as_json=order.as_json)
    return start(request, loaded, style, order.notify, keeping)


def requested(order: Order) -> Request:
    """The run that is asked for, which nobody starts."""
    return _request(order, _load(order), _given(order))


def _is_sliced(order: Order, project: Project) -> bool:
    """Whether dates are given to a mode that cuts them into slices."""
    mode = project.mode(order.mode) if order.mode and (order.start_date or order.end_date) else None
    return mode is not None and mode.partition not in (None, "range")


def _is_without_checkpoints(order: Order, project: Project) -> bool:
    """Whether nothing is to be known of checkpoints."""
    asked = order.checkpoint_dir or order.keep_checkpoints or order.resume
    return not asked and (order.no_checkpoint or project.dialect != STAGES)


def _load(order: Order) -> Loaded:
    """The configuration, with what the command line changes about its project."""
    loaded = load(Source(order.config, order.overlays, order.sets, order.dialect, order.bindings, order.on))
    return loaded._replace(project=adjusted(loaded.project, order.max_parallel, no_retry=order.no_retry))


def adjusted(project: Project, max_parallel: int | None, *, no_retry: bool) -> Project:
    """The project with what a command line changes about it."""
    if max_parallel is not None:
        project = limited(project, max_parallel)
    return without_retries(project) if no_retry else project


def _given(order: Order) -> dict[str, str]:
    given = {} if order.model_version is None else {"model_version": order.model_version}
    return given | by_name(order.params)


def by_name(params: Sequence[str]) -> dict[str, str]:
    """The parameters by name; raises `UsageError` for one without `=`."""
    given = {}
    for text in params:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"--param {text!r} is not NAME=VALUE", hint="write it as --param name=value")
        given[name] = value
    return given


def style_of(progress: str, *, as_json: bool) -> str:
    """How the run is shown: `json`, `live`, `plain` or `steps`."""
    if as_json:
        return "json"
    if progress != "auto":
        return progress
    return "live" if sys.stdout.isatty() else "plain"


def _request(order: Order, loaded: Loaded, given: dict[str, str]) -> Request:
    project, names = loaded.project, order.pipelines
    selection = select(project, order.mode if order.mode is not None or names else project.default_mode, names)
    if order.first or order.last or order.only:
        from tetra_orchestrator.core.narrowing import Cut, narrowed

        selection = narrowed(project, selection, Cut(order.first, order.last, order.only))
    given, partition = dated(project, selection.mode, given, (order.start_date, order.end_date))
    params = values_of(project, selection.mode, given)
    return Request(
        project,
        selection,
        loaded.document,
        params,
        partition,
        force=order.force,
        config=to_name(project),
        secrets=loaded.secrets,
        given=storable(given, loaded.secrets),
        overlap=order.overlap,
        anew=[task.id for task in selection.tasks] if order.no_cache else (),
    )


def to_name(project: Project) -> str | None:
    """The configuration, where a command that goes on with a run has to name it, as it is not found by itself."""
    return None if os.path.basename(project.file) in map(os.path.basename, FILES) else project.file


def dated(
    project: Project, mode: Mode | None, given: dict[str, str], dates: tuple[str | None, str | None]
) -> tuple[dict[str, str], Partition | None]:
    """The parameters that are given, and the range of dates; most runs have neither."""
    if not any(dates) and not (mode and mode.partition):
        return given, None
    from tetra_orchestrator.core.partition import check_dates, partition_for

    if {param.name for param in project.params}.issuperset(DATES):
        check_dates(*dates)
        given = {**{name: text for name, text in zip(DATES, dates, strict=True) if text}, **given}
        dates = (None, None)
    return given, partition_for(mode, *dates)


def values_of(project: Project, mode: Mode | None, given: Mapping[str, str]) -> dict[str, Json]:
    """The run's parameters: those that are given, and the defaults of the others."""
    if not (project.params or given):
        return {}
    from tetra_orchestrator.core.params import resolve

    return resolve(declared(project, mode), given)


def storable(given: Mapping[str, str], secrets: Sequence[str]) -> dict[str, str | None]:
    """The parameters as they may be stored: None for a value that holds a secret."""
    return {name: None if any(each in text for each in secrets) else text for name, text in given.items()}


def limited(project: Project, tasks: int) -> Project:
    """The project with so many tasks of one run at the same time, whatever it says itself.

    The host gives no less to all runs together than it says, and for this one as much more as is needed.
    """
    modes = tuple(mode._replace(run=mode.run._replace(max_parallel=tasks)) for mode in project.modes)
    host = project.host._replace(max_parallel=max(tasks, project.host.max_parallel))
    return project._replace(run=project.run._replace(max_parallel=tasks), host=host, modes=modes)


def without_retries(project: Project) -> Project:
    """The project with one attempt for every task, whatever it says itself."""
    pipelines = tuple(
        pipeline._replace(tasks=tuple(task._replace(retry=RetryPolicy()) for task in pipeline.tasks))
        for pipeline in project.pipelines
    )
    return project._replace(pipelines=pipelines)
