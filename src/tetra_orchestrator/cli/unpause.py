"""`unpause`: end pauses."""

from __future__ import annotations

from tetra_orchestrator import failpoints
from tetra_orchestrator.cli.known import glance, settled, whole
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.pause import Names, ScheduleOption
from tetra_orchestrator.cli.pauses import chosen, pause_row
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.errors import Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.ports import Store


def command(
    names: Names, schedule: ScheduleOption = False, config: ConfigOption = None, as_json: JsonOption = False
) -> int:
    """Let pipelines or schedules run again.

    Examples: `unpause data_pipeline`, `unpause weekly --schedule`.
    """
    seen = glance(config)
    with settled(seen, project=whole(seen, config)) as scene:
        pauses, now = scene.store.pauses(), scene.clock.now()
        wanted = chosen(names, seen, schedules_only=schedule, paused=pauses)
        removed = {each for each in wanted if _removed(each, scene.store)}
    ended = {(one.kind, one.name): one for one in pauses if one.holds(now) and (one.kind, one.name) in removed}
    if as_json:
        print_json("unpause", {"unpaused": [pause_row(one) for one in ended.values()]})
    else:
        for kind, name in wanted:
            print(f"{name}: the {kind} {'is no longer' if (kind, name) in ended else 'was not'} paused")
    return Exit.OK


def _removed(pause: tuple[str, str], store: Store) -> bool:
    failpoints.hit("pause.write")
    removed = store.unpause(*pause)
    failpoints.hit("pause.write.commit")
    return removed
