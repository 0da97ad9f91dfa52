"""What the commands about timers share: which scheduler, whose timers, and what was found and done."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from tetra_orchestrator import wire, wire_timers
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.config.cache import remember
from tetra_orchestrator.core.history import DISABLED, SCHEDULE
from tetra_orchestrator.core.unit_plan import ADD, BUSY, CHANGE, EDITED, FOREIGN, KEEP, MOVED, ORPHAN
from tetra_orchestrator.errors import CannotWrite, Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.unit_plan import Action
    from tetra_orchestrator.engine.timers import Applied, Site
    from tetra_orchestrator.timer_port import TimerBackend

#: See `wire_timers`.
site_of = wire_timers.site_of

SystemOption = Annotated[bool, typer.Option("--system", help="Timers of the system, which run as root.")]
ByOption = Annotated[
    str | None, typer.Option("--by", metavar="KIND", help="systemd, launchd or crontab. [default: what runs here]")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Also what was edited by hand, or is somebody else's.")]

#: What was done to a file, by what the plan had said of it.
_DONE = {ADD: "added", CHANGE: "changed", MOVED: "taken over", ORPHAN: "removed"}
_APPLY, _PRUNE = "tetra schedule apply", "tetra schedule prune"
#: What is to be done about what is left.
_REMEDIES = {
    EDITED: "to give up what was edited: `{} --force`",
    FOREIGN: "rename the schedule, or take the file over: `{} --force`",
    BUSY: "when the run has ended: `{}`",
    ORPHAN: "to remove what nothing wants: `{}`",
}


def any_backend(by: str | None, system: bool) -> TimerBackend | None:
    """The scheduler that was asked for; without that, the one that runs here, or None where there is none."""
    try:
        return wire_timers.timers(by, system)
    except UsageError:
        if by or system:
            raise
        return None


def disabled(project: Project) -> set[str]:
    """The schedules that `schedule disable` has switched off. From here on the ledger knows of all of them."""
    with wire.settled(project.store_url, project.root, project=project) as scene:
        return {one.name for one in scene.store.pauses() if one.kind == SCHEDULE and one.reason == DISABLED}


def prepare(project: Project) -> None:
    """Have what units need: the folder of their logs, which is opened before we are started, and a way to `stop`."""
    remember(project)
    try:
        os.makedirs(project.logs.dir, mode=0o700, exist_ok=True)
    except OSError as error:
        hint = "make the folder writable, or set `logs.dir`"
        raise CannotWrite(f"cannot make the folder: {error.strerror}", hint=hint, where=project.logs.dir) from None


def action_rows(actions: Sequence[Action]) -> list[dict[str, Any]]:
    """Actions as `schedule plan` publishes them."""
    return [{name: getattr(action, name) for name in ("kind", "file", "text", "wanted")} for action in actions]


def tell(command: str, site: Site, applied: Applied, *, as_json: bool) -> None:
    """Print what was done, and what was left."""
    if as_json:
        body = {"done": action_rows(applied.done), "left": action_rows(applied.left)}
        print_json(command, {"by": site.backend.kind, **body, **_timers(applied)})
    else:
        _print(applied, _PRUNE if site.specs else f"{_PRUNE} --all")


def code_for(left: Iterable[Action]) -> int:
    """The exit code where these were to be changed: 75 while a run is in the way, 1 where somebody's file is."""
    kinds = {action.kind for action in left}
    if BUSY in kinds:
        return Exit.NOT_NOW
    return Exit.PARTIAL if kinds & {EDITED, FOREIGN} else Exit.OK


def _timers(applied: Applied) -> dict[str, list[str]]:
    return {"armed": list(applied.armed), "disarmed": list(applied.disarmed)}


def _print(applied: Applied, prune: str) -> None:
    for action in applied.done:
        words = _DONE | dict.fromkeys((EDITED, FOREIGN), "written over" if action.wanted else "removed")
        print(f"{words[action.kind]}: {action.file}")
    left = [action for action in applied.left if action.kind != KEEP]
    for action in left:
        print(f"left: {action.file} {action.text}")
    for word, names in _timers(applied).items():
        if names:
            print(f"{word}: {', '.join(names)}")
    for hint in dict.fromkeys(_REMEDIES[one.kind].format(_APPLY if one.wanted else prune) for one in left):
        print(f"  hint: {hint}")
    if not applied.done and not applied.armed and not left:
        print("nothing to do: all timers are as they should be" if applied.left else "nothing to do")
