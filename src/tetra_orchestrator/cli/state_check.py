"""`state check`: whether the store is whole, complete, and says nothing that cannot be."""

from __future__ import annotations

from tetra_orchestrator import wire
from tetra_orchestrator.cli.findings import print_findings
from tetra_orchestrator.cli.known import glance
from tetra_orchestrator.cli.output import counted, print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.core.diagnosis import ERROR, OK, SEVERITIES, Diagnosis
from tetra_orchestrator.engine.reconcile import is_owned, reconcile, survivors
from tetra_orchestrator.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.config.glance import Glance
    from tetra_orchestrator.engine.reconcile import Scene


def command(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Check every page, table and row of the store.

    Example: `state check`.
    """
    findings = _findings(glance(config))
    if as_json:
        print_json("state.check", {"findings": [finding._asdict() for finding in findings]})
    else:
        print_findings(findings)
    return max(SEVERITIES.index(finding.severity) for finding in findings)


def _findings(seen: Glance) -> list[Diagnosis]:
    """What is to be said of the store; of one that cannot be opened, or that fails on the way, why."""
    try:
        with wire.scene(seen.store_url, seen.root) as scene:
            found = scene.store.diagnose()
            if any(one.severity == ERROR for one in found):
                return found  # what it says about runs is worth nothing then
            return [*found, _runs(scene), *scene.store.check()]
    except StoreError as error:
        return [Diagnosis(error.code, ERROR, f"{error.where}: {error.message}", error.hint)]


def _runs(scene: Scene) -> Diagnosis:
    """Whether every run that has not ended has a process that lives, after those whose owners died were settled."""
    settled = len(reconcile(scene, end_survivors=False))
    active = scene.store.runs(active=True, limit=1000)
    # what outlives its run's owner keeps the run going until somebody takes it up
    stranded = [run.run_id for run in active if not is_owned(run, scene) and not survivors(run.run_id, scene)]
    if stranded:
        remedy = "`tetra stop` ends what is left of it"
        message = f"runs without an owner: {len(stranded)}, such as {stranded[0]}"
        return Diagnosis("store_active", ERROR, message, remedy)
    also = f"; settled, as its owner had died: {counted(settled)}" if settled else ""
    return Diagnosis("store_active", OK, f"active: {counted(len(active))}, each with a process that lives{also}")
