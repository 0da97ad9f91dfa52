"""What `backfill` does with its options: say what would be run, or order it and drive it."""

from __future__ import annotations

from tetra_orchestrator import wire
from tetra_orchestrator.backfilling import LINES, Way
from tetra_orchestrator.cli.backfill_rows import print_plan
from tetra_orchestrator.cli.backfill_story import drive
from tetra_orchestrator.cli.prose import sentence
from tetra_orchestrator.cli.running import adjusted, by_name, storable, values_of
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.core.backfill import PENDING, Backfill
from tetra_orchestrator.core.partition import check_dates
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.core.slices import CRON
from tetra_orchestrator.engine.backfill_order import Outlook, add, outlook, planned
from tetra_orchestrator.engine.reconcile import reconcile
from tetra_orchestrator.errors import Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.backfill import PartitionState
    from tetra_orchestrator.core.model import Mode
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.engine.start import World

OPTIONS = ("--from", "--to")


class Asked(Record):
    """What the command line asks for. `progress` is auto, lines, or a style of a run."""

    mode: str | None = None
    first: str | None = None
    last: str | None = None
    partition: str | None = None
    cron: str | None = None
    only: str = "missing"
    newest_first: bool = False
    parallel: int = 1
    params: tuple[str, ...] = ()
    max_parallel: int | None = None
    no_retry: bool = False
    force: bool = False
    dry_run: bool = False
    progress: str = "auto"
    config: str | None = None
    overlays: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    on: str | None = None
    dialect: str | None = None
    bindings: str | None = None
    as_json: bool = False


def begin(asked: Asked, options: tuple[str, str] = OPTIONS) -> int:
    """Do what is asked for and return the exit code. `options` are the names of those that give the dates."""
    if asked.mode is None:
        raise UsageError("a backfill runs a mode: --mode is missing", hint="`tetra backfill list` shows earlier ones")
    loaded = load(Source(asked.config, asked.overlays, asked.sets, asked.dialect, asked.bindings, asked.on))
    project = adjusted(loaded.project, asked.max_parallel, no_retry=asked.no_retry)
    loaded = loaded._replace(project=project)
    selection = select(project, asked.mode)
    assert selection.mode is not None
    given = by_name(asked.params)
    values_of(project, selection.mode, given)  # what cannot be run is not kept either
    start, end = _dates(selection.mode, asked, options)
    wanted = Backfill(
        "", asked.mode, start, end, _slice(selection.mode, asked), "", project.config_hash, wire.clock().now(),
        asked.newest_first, asked.parallel, storable(given, loaded.secrets) or None,
    )  # fmt: skip
    if asked.parallel > 1 and None in (wanted.params or {}).values():
        hint = "leave out --parallel, or put the secret into the configuration"
        raise UsageError("a parameter that is a secret cannot be handed on to other processes", hint=hint)
    if asked.dry_run:
        return _foretell(wanted, asked.only, loaded, selection, as_json=asked.as_json)
    way = way_of(asked.progress, asked.max_parallel, force=asked.force, no_retry=asked.no_retry, as_json=asked.as_json)
    return _order(wanted, asked, loaded, selection, way._replace(given=given))


def _dates(mode: Mode, asked: Asked, options: tuple[str, str]) -> tuple[str, str]:
    """The two dates as they were written. Raises `UsageError` where they are missing or wrong, or the mode has none."""
    if mode.partition is None:
        hint = "give the mode a `partition: day`, and its tasks {partition.start} and {partition.end}"
        raise UsageError(f"mode '{mode.name}' takes no dates", hint=hint)
    if asked.first is None or asked.last is None:
        missing = options[0] if asked.first is None else options[1]
        message = f"mode '{mode.name}' runs over a range of dates: {missing} is missing"
        raise UsageError(message, hint="give both as YYYY-MM-DD")
    check_dates(asked.first, asked.last, options)
    return asked.first, asked.last


def _slice(mode: Mode, asked: Asked) -> str:
    """How the range is cut, as `slices` takes it."""
    if asked.partition not in (None, CRON) and asked.cron is not None:
        message = f"--cron does not go with --partition {asked.partition}"
        raise UsageError(message, hint="leave out one of the two; --cron is `--partition cron` with its rule")
    if asked.cron is not None:
        return f"{CRON} {asked.cron}"
    if asked.partition == CRON:
        raise UsageError("--partition cron needs a rule", hint='give it as --cron "0 6 * * *"')
    return asked.partition or mode.partition or "range"


def way_of(progress: str, max_parallel: int | None, *, force: bool, no_retry: bool, as_json: bool) -> Way:
    """How the partitions are run by the words of the command line, which each of a crew is given again."""
    style = "silent" if as_json else LINES if progress == "auto" else progress
    options = ["--progress", style, *(["--force"] if force else []), *(["--no-retry"] if no_retry else [])]
    options += ["--max-parallel", str(max_parallel)] if max_parallel else []
    return Way(style, force, options=tuple(options))


def _foretell(wanted: Backfill, only: str, loaded: Loaded, selection: Selection, *, as_json: bool) -> int:
    """Say what would be run, and start nothing."""
    now, dates = wire.clock().now(), (wanted.start, wanted.end)
    with wire.scene(loaded.project.store_url, loaded.project.root) as scene:
        reconcile(scene, end_survivors=False)  # a run whose owner has died is not active
        partitions = planned(dates, wanted.slice, only, loaded.project, selection, scene.store, now)
        look = outlook(wanted, partitions, scene.store, now, (loaded.project, selection))
    print_plan(wanted, partitions, look, now, as_json=as_json)
    return Exit.OK


def _order(wanted: Backfill, asked: Asked, loaded: Loaded, selection: Selection, way: Way) -> int:
    """Keep it and drive it, where any partition is to be run."""
    left_out: list[PartitionState] = []

    def order(world: World) -> Backfill | None:
        reconcile(world.scene, end_survivors=True)
        now, dates = world.clock.now(), (wanted.start, wanted.end)
        partitions = planned(dates, wanted.slice, asked.only, loaded.project, selection, world.store, now)
        if any(one.state == PENDING for one in partitions):
            return add(wanted, partitions, loaded.document, world)
        left_out.extend(partitions)
        return None

    code = drive(loaded, way, order, as_json=asked.as_json)
    if left_out and asked.as_json:
        print_plan(wanted, left_out, Outlook(), wire.clock().now(), as_json=True)
    elif left_out:
        why = left_out[0].reason
        reason = why.text if why else "it is over"
        nothing = f"nothing is {asked.only} from {wanted.start} to {wanted.end}"
        print(sentence(f"{nothing}: {left_out[0].start} is left out, as {reason}"))
    return code
