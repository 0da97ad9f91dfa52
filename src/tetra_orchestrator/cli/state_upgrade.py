"""`state upgrade`: bring the store to the version of this program, or say what that would do."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator import wire_state
from tetra_orchestrator.cli.known import glance
from tetra_orchestrator.cli.output import near, print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.errors import Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.upkeep import UpgradePlan


def command(
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be done.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Bring the store to this program's version.

    Every command that opens it does so, too. A copy is kept before.

    Examples: `state upgrade --plan`, `state upgrade`.
    """
    url = glance(config).store_url
    found = wire_state.upgrade_plan(url) if plan else wire_state.upgrade(url)
    if as_json:
        steps = [step._asdict() for step in found.steps]
        print_json("state.upgrade", {**found._asdict(), "steps": steps, "done": not plan})
    else:
        _print(found, done=not plan)
    return Exit.OK


def _print(found: UpgradePlan, *, done: bool) -> None:
    if not found.steps:
        print(f"{near(found.path)} has version {found.found}, which is the newest: there is nothing to do")
        return
    has = f"version {found.found} (by {found.program})" if found.found else "no version yet"
    print(f"{near(found.path)} has {has}, the newest is {found.newest}")
    if found.backup:
        print(f"copy {'made before' if done else 'to be made before'}: {near(found.backup)}")
        print(f"size: {found.size_bytes} bytes, free: {found.free_bytes} bytes")
    for step in found.steps:
        print(f"{'done' if done else 'to do'}: {step.version}, {step.text}")
