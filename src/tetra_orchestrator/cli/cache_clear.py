"""`cache clear`: forget kept results, so that their tasks run next time."""

from __future__ import annotations

from tetra_orchestrator import failpoints
from tetra_orchestrator.cli.cache_tasks import TaskOption, check_task
from tetra_orchestrator.cli.known import glance, settled
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.errors import Exit


def command(task: TaskOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Forget kept results, of one task or all.

    Next time the tasks run. What they have made stays where it is.

    Examples: `cache clear --task features.build`, `cache clear`.
    """
    seen = glance(config)
    with settled(seen) as scene:
        check_task(task, seen, config, scene.store.results)
        failpoints.hit("result.drop")
        removed = scene.store.results.clear(task)
        failpoints.hit("result.drop.commit")
    if as_json:
        print_json("cache.clear", {"removed": removed})
    else:
        print(f"{removed} {'result' if removed == 1 else 'results'} forgotten")
    return Exit.OK
