"""Going on with a backfill that was ordered before, by the one that drives it and by each of its crew."""

from __future__ import annotations

import os

from tetra_orchestrator.backfilling import Way, work_on
from tetra_orchestrator.cli.backfill_start import way_of
from tetra_orchestrator.cli.backfill_story import drive
from tetra_orchestrator.cli.kept import as_kept, given, usable
from tetra_orchestrator.cli.known import settled_scene
from tetra_orchestrator.cli.running import adjusted
from tetra_orchestrator.config.find import find_config
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.engine.backfill import found, newest
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.backfill import Backfill


class Left(Record):
    """Which backfill is gone on with (None: the newest that is open), and the options that hold for this command.

    `driver` is the process that has started one of a crew.
    """

    backfill_id: str | None = None
    force: bool = False
    no_retry: bool = False
    max_parallel: int | None = None
    progress: str = "auto"
    config: str | None = None
    as_json: bool = False
    driver: int = 0


def go_on(left: Left) -> int:
    """Drive it and return the exit code. Raises `UsageError` where it is over for good."""
    left = left._replace(config=os.path.abspath(find_config(left.config, os.environ, os.getcwd())))
    backfill, loaded = _ordered(left)
    if backfill.state in (RunState.SUCCEEDED, RunState.CANCELLED):
        hint = "`tetra backfill --only missing` orders one of what is missing now"
        raise UsageError(f"backfill {backfill.backfill_id} is over: {backfill.state}", hint=hint)
    return drive(loaded, _way(left, backfill), lambda world: backfill, as_json=left.as_json)


def work(left: Left) -> int:
    """Work off partitions as one of the crew that `backfill --parallel` starts."""
    backfill, loaded = _ordered(left)
    return work_on(backfill.backfill_id, left.driver, loaded, _way(left, backfill))


def _way(left: Left, backfill: Backfill) -> Way:
    way = way_of(left.progress, left.max_parallel, force=left.force, no_retry=left.no_retry, as_json=left.as_json)
    hint = f"`tetra backfill cancel {backfill.backfill_id}`, and order another"
    return way._replace(given=given(backfill.params, backfill.backfill_id, hint))


def _ordered(left: Left) -> tuple[Backfill, Loaded]:
    """The backfill, and the configuration with which it was ordered."""
    with settled_scene(left.config) as scene:
        backfill = newest(scene.store) if left.backfill_id is None else found(left.backfill_id, scene.store)
        document = scene.store.backfills.config_text(backfill.backfill_id)
    loaded = as_ordered(backfill, document, left.config)
    return backfill, loaded._replace(project=adjusted(loaded.project, left.max_parallel, no_retry=left.no_retry))


def as_ordered(backfill: Backfill, document: str | None, config: str | None) -> Loaded:
    """The configuration with which the backfill was ordered, whatever the file says now."""
    return as_kept(
        usable(config),
        document or "{}",
        backfill.config_hash,
        config,
        f"what {backfill.backfill_id} was ordered with cannot be used any more",
        f"mend that, or `tetra backfill cancel {backfill.backfill_id}` and order another",
    )
