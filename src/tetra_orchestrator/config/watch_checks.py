"""What the shape cannot say of what is watched, of what stands in for a failed task, and of hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.addresses import WEB, check_url, is_open
from tetra_orchestrator.config.calendars import check_cron, check_zone
from tetra_orchestrator.config.problems import listed
from tetra_orchestrator.config.store_address import warn_of_password
from tetra_orchestrator.config.yaml_tree import Scalar, find
from tetra_orchestrator.core.model import SQLITE
from tetra_orchestrator.core.store_address import is_ambiguous, is_postgres, passwords
from tetra_orchestrator.core.template import references

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.schema_tasks import Pipeline
    from tetra_orchestrator.config.schema_watching import DataSource, Fallback, Hooks
    from tetra_orchestrator.config.sheet import Sheet

#: Names of fallbacks that are none of the user's own: the outputs of the latest success are taken.
CACHED, PREVIOUS = "use_cached_data", "use_previous_"
#: Where node_exporter's textfile collector looks.
COLLECTED = ".prom"
ONLY_OF_SQL = ("url", "counts")


def check_watching(sheet: Sheet) -> None:
    """Report addresses, times and names that cannot be, and warn of what has no effect."""
    for name, schedule in sheet.document.schedules.items():
        check_url(sheet, ("schedules", name, "heartbeat"), schedule.heartbeat)
    _check_monitor(sheet)
    for path, hooks in _hooks(sheet):
        _check_hooks(sheet, path, hooks)
    for name, pipeline in sheet.document.pipelines.items():
        for source, given in pipeline.data.items():
            _check_source(sheet, ("pipelines", name, "data", source), given, pipeline)
        if pipeline.on_failure is not None and pipeline.on_failure.fallback is not None:
            _check_fallback(sheet, name, pipeline.on_failure.fallback)


def _check_monitor(sheet: Sheet) -> None:
    monitor = sheet.document.monitor
    for index, endpoint in enumerate(monitor.endpoints):
        check_url(sheet, ("monitor", "endpoints", index), endpoint, (*WEB, "tcp"))
    check_url(sheet, ("monitor", "heartbeat"), monitor.heartbeat)
    if monitor.textfile is not None and not monitor.textfile.endswith(COLLECTED):
        message = f"'textfile' does not end in {COLLECTED}, and node_exporter reads no other files"
        sheet.warn("bad_name", ("monitor", "textfile"), message, "write it like metrics/tetra.prom")


def _hooks(sheet: Sheet) -> Iterator[tuple[Path, Hooks]]:
    if sheet.document.hooks is not None:
        yield ("hooks",), sheet.document.hooks
    for name, pipeline in sheet.document.pipelines.items():
        if pipeline.hooks is not None:
            yield ("pipelines", name, "hooks"), pipeline.hooks


def _check_hooks(sheet: Sheet, path: Path, hooks: Hooks) -> None:
    for key in type(hooks).model_fields:
        argv = getattr(hooks, key) if key.startswith("on_") else None
        if argv and not argv[0].strip():
            sheet.error("bad_value", (*path, key, 0), f"'{key}' names no program", "write the program first")
        for index, text in enumerate(argv or ()):
            node = find(sheet.tree, (*path, key, index))[0]
            written = node.raw or node.text if isinstance(node, Scalar) else text
            for reference in references(written):
                message = f"{reference} is not filled in here, and the hook gets it as it stands"
                hint = "a hook finds its run in TETRA_* and on its standard input"
                sheet.warn("not_filled_in", (*path, key, index), message, hint)


def _check_source(sheet: Sheet, path: Path, source: DataSource, pipeline: Pipeline) -> None:
    if source.sql is None:
        for key in ONLY_OF_SQL:
            if key in source.model_fields_set:
                sheet.error("misplaced_key", (*path, key), f"'{key}' is of `sql`", "remove it", key=True)
    elif source.url is not None:
        _check_database(sheet, (*path, "url"), source.url)
    check_url(sheet, (*path, "http"), source.http)
    if source.timezone is not None:
        check_zone(sheet, (*path, "timezone"), source.timezone)
    if source.due is not None:
        check_cron(sheet, (*path, "due"), source.due)
    _warn_of_source(sheet, path, source, pipeline)


def _check_database(sheet: Sheet, path: Path, url: str) -> None:
    for password in passwords(url):
        sheet.problems.hide(password)
    if is_open(url):
        return
    if is_postgres(url) and not is_ambiguous(url):
        warn_of_password(sheet, path, url, "the database")
    elif not url.startswith(SQLITE) or url.endswith("/"):
        sheet.problems.hide(url.rpartition("@")[0].partition(":")[2].lstrip("/"))  # a login, however it is misspelt
        hint = "write sqlite:///FILE, relative to the project's root, sqlite:////absolute/FILE, or postgresql://..."
        sheet.error("bad_address", path, "this is not the address of a database", hint)


def _warn_of_source(sheet: Sheet, path: Path, source: DataSource, pipeline: Pipeline) -> None:
    if source.due is None:
        for key in ("grace", "timezone"):
            if key in source.model_fields_set:
                message = f"'{key}' has no effect without 'due'"
                sheet.warn("no_effect", (*path, key), message, "add `due`, or remove it", key=True)
    if source.max_age is None and source.due is None and pipeline.max_data_age is None:
        if source.moves:
            message, hint = f"'{path[-1]}' is never stale: nothing says how old it may be", "add `max_age` or `due`"
        else:
            message, hint = f"'{path[-1]}' is watched for nothing", "add `max_age` or `due`, or remove it"
        sheet.warn("never_stale", path, message, hint, key=True)


def _check_fallback(sheet: Sheet, name: str, fallback: Fallback) -> None:
    path = ("pipelines", name, "on_failure", "fallback")
    if fallback.command and not fallback.command[0].strip():
        sheet.error("bad_value", (*path, "command", 0), "names no program", "write the program first")
    if fallback.args and fallback.module is None and fallback.command is None:
        sheet.error("misplaced_key", (*path, "args"), "'args' are of a module or a command", "remove them", key=True)
    use = fallback.use
    if use is None or use == CACHED or use.startswith(PREVIOUS):
        return
    known = tuple(sheet.names("pipelines", name, "tasks"))
    if use not in known:
        otherwise = f"write {CACHED}, one of its tasks ({listed(known) or 'none'}), or `{{command: [...]}}`"
        hint = sheet.problems.guess(use, (CACHED, *known), otherwise)
        sheet.error("unknown_fallback", path, f"'{name}' has no fallback '{use}'", hint)
