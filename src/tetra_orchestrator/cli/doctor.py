"""`doctor`: whether what a project rests on keeps its promises."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator.cli.findings import print_findings
from tetra_orchestrator.cli.known import glance
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.cli.timers import ByOption, SystemOption
from tetra_orchestrator.core.diagnosis import ERROR, SEVERITIES, Diagnosis
from tetra_orchestrator.errors import ConfigError, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass

InJobOption = Annotated[
    bool, typer.Option("--in-job", help="Have the scheduler start a job, too, and compare what it finds with this.")
]


def command(
    config: ConfigOption = None,
    in_job: InJobOption = False,
    by: ByOption = None,
    system: SystemOption = False,
    as_json: JsonOption = False,
) -> int:
    """Check the store, the machine and the timers.

    Examples: `doctor`, `doctor --in-job`.
    """
    from tetra_orchestrator import wire

    seen = glance(config)
    findings = [*_store(seen.store_url), *wire.abilities(), *_project(config, in_job, by, system)]
    if as_json:
        print_json("doctor", {"findings": [finding._asdict() for finding in findings]})
    else:
        print_findings(findings)
    return max(SEVERITIES.index(finding.severity) for finding in findings)


def _store(url: str) -> list[Diagnosis]:
    """What is to be said of the store; of one that cannot be opened, why."""
    from tetra_orchestrator import wire

    try:
        opened = wire.store(url)
    except StoreError as error:
        return [Diagnosis(error.code, ERROR, f"{error.where}: {error.message}", error.hint)]
    try:
        return opened.diagnose()
    finally:
        opened.close()


def _project(config: str | None, in_job: bool, by: str | None, system: bool) -> list[Diagnosis]:
    """What is to be said of what the project needs; of a file that cannot be used, why."""
    from tetra_orchestrator.cli.checkup import Checkup

    try:
        loaded = load(Source(config))
    except ConfigError as error:
        place = f"{error.where}: " if error.where else ""
        remedy = "tetra validate shows each problem with its place"
        return [Diagnosis("configuration", ERROR, f"{place}{error.message}", remedy)]
    checkup = Checkup(loaded, by, system)
    return [*checkup.here(), *checkup.runners(), *checkup.timers(), *(checkup.in_job() if in_job else ())]
