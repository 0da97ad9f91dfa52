"""What the configuration of a run has that the last success before it did not have."""

from __future__ import annotations

from tetra_orchestrator.core.history import RunFilter
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import RunState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.ports import Store

#: How many earlier successes are looked through for one of the same mode.
RECENT = 200
#: Lines that a person is shown.
SHOWN = 20


class Since(Record):
    """The last success before the run, in the same mode, and both configurations as JSON where they differ."""

    run_id: str
    before: str | None
    after: str | None


def since_success(run: Run, store: Store) -> Since | None:
    """The same for the run; None where nothing of that mode succeeded before."""
    wanted = RunFilter(mode=run.mode, states=(RunState.SUCCEEDED.value,), before=run.run_id)
    found = next((one for one in store.search(wanted, RECENT) if one.mode == run.mode), None)
    return since(found, run, store) if found else None


def since(found: Run, run: Run, store: Store) -> Since:
    """What the run has had since the other one, which came before it."""
    if found.config_hash == run.config_hash:
        return Since(found.run_id, None, None)
    return Since(found.run_id, store.config_text(found.run_id), store.config_text(run.run_id))


def changes(since: Since) -> list[dict[str, Any]]:
    """The changes as `config diff` publishes them, secrets masked."""
    if since.before is None or since.after is None:
        return []
    from tetra_orchestrator.cli.config_views import change_row
    from tetra_orchestrator.config.difference import difference
    from tetra_orchestrator.config.masking import declared
    from tetra_orchestrator.config.native_text import from_json

    old, new = from_json(since.before), from_json(since.after)
    secrets = {*declared(old), *declared(new)}
    return [change_row(change, secrets) for change in difference(old, new)]


def print_since(since: Since | None) -> None:
    """Say what changed since the last success; nothing where there is none, or nothing did."""
    rows = changes(since) if since else []
    if since is None or not rows:
        return
    from tetra_orchestrator.cli.config_views import print_changes

    print(f"\nconfiguration since the last success, run {since.run_id}")
    print_changes(rows[:SHOWN], "", "")
    if len(rows) > SHOWN:
        print(f"and {len(rows) - SHOWN} more, which --json shows")
