"""How the file as it is now differs from what an earlier run had, and going on with it as it is now."""

from __future__ import annotations

import sys

from tetra_orchestrator.cli.again import given_to, prepared, selection_of
from tetra_orchestrator.cli.kept import snapshot
from tetra_orchestrator.cli.running import values_of
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.engine.redefined import Version, redefined
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.cli.again import Earlier, Options
    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.model import Json, Project
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.engine.again import Again

#: Changes that are shown; `config diff --run` has all of them.
SHOWN = 8


def tell_difference(found: Earlier, now: Loaded | None) -> None:
    """Say on standard error what has changed since the run, if anything, and that this makes no difference to it.

    Of a file that cannot be used (None) that has been said already.
    """
    if now is not None and now.project.config_hash != found.run.config_hash:
        _tell(found, now, "going on with what it had; --with-current-config takes the file as it is now")


def as_it_is(found: Earlier, again: Again, options: Options) -> tuple[Again, Loaded, Selection]:
    """What is left of the run by the file as it is now, with the tasks that mean something else by now.

    Says on standard error what has changed, and what of the run is left out as the file does not have it any more.
    Raises `ConfigError` for a file that cannot be used, `UsageError` where nothing of the run is in it.
    """
    loaded = prepared(found, load(Source(options.config)), options)
    if loaded.project.config_hash == found.run.config_hash:
        return again, loaded, selection_of(found, loaded.project, again)
    _tell(found, loaded, "going on with the file as it is now")
    before = _before(found, options.config)
    selection = _selection(found, before, loaded.project, again)
    then = Version(before, selection_of(found, before, again), _params(found, before))
    changed = redefined(then, Version(loaded.project, selection, _params(found, loaded.project)))
    present = {task.id for task in (*selection.tasks, *selection.left_out)}
    gone = [row.task_id for row in found.rows if row.task_id not in present]
    if gone:
        print(f"  left out, as the file does not have them any more: {', '.join(gone)}", file=sys.stderr)
    return again._replace(redefined=changed), loaded, selection


def _tell(found: Earlier, loaded: Loaded, what: str) -> None:
    from tetra_orchestrator.cli.config_views import change_line, change_row
    from tetra_orchestrator.config.difference import difference
    from tetra_orchestrator.config.masking import declared
    from tetra_orchestrator.config.native_text import from_json

    old, new = from_json(found.document), from_json(loaded.document)
    secrets = {*declared(old), *declared(new)}
    lines = [f"  {change_line(change_row(change, secrets))}" for change in difference(old, new)]
    if len(lines) > SHOWN:
        more = f"  and {len(lines) - SHOWN} more: `tetra config diff --run {found.run.run_id}` shows all"
        lines = [*lines[:SHOWN], more]
    head = f"note: the configuration has changed since run {found.run.run_id}"
    print(head, *lines, f"  {what}", sep="\n", file=sys.stderr)


def _before(found: Earlier, config: str | None) -> Project:
    """The project as the run had it, to be compared and not to be run."""
    message = f"what run {found.run.run_id} was started with cannot be compared with the file any more"
    return snapshot(found.document, config, message, "start a new run", check_modules=False).project


def _selection(found: Earlier, before: Project, now: Project, again: Again) -> Selection:
    """What the run is of by the file as it is now: of a whole mode all that the mode has now, new tasks included."""
    run = found.run
    names = dict.fromkeys(row.pipeline for row in found.rows)
    if names.keys() >= set(select(before, run.mode).pipelines):
        selection = select(now, run.mode)
    else:
        there = set(select(now, run.mode).pipelines)
        selection = select(now, run.mode, tuple(name for name in names if name in there) or _nothing(found))
    if not found.not_selected:
        return selection
    from tetra_orchestrator.core.narrowing import reduced

    part = {row.task_id for row in found.rows} - found.not_selected.difference(again.tasks)
    return reduced(now, selection, part.intersection(task.id for task in selection.tasks) or _nothing(found))


def _nothing(found: Earlier) -> tuple[str, ...]:
    raise UsageError(f"the file has nothing any more of what run {found.run.run_id} did", hint="start a new run")


def _params(found: Earlier, project: Project) -> dict[str, Json]:
    mode = project.mode(found.run.mode) if found.run.mode else None
    return values_of(project, mode, given_to(found.run))
