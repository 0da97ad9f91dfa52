"""`doctor`: whether what a project rests on keeps its promises."""

from __future__ import annotations

from tetra_orchestrator.cli.known import glance
from tetra_orchestrator.cli.output import print_json, print_table
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.core.diagnosis import ERROR, SEVERITIES, Diagnosis
from tetra_orchestrator.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def command(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Check the store and what the machine gives us. Exit code 0 all right, 1 with warnings, 2 with errors."""
    from tetra_orchestrator import wire

    seen = glance(config)
    findings = [*_store(seen.store_url), *wire.abilities()]
    if as_json:
        print_json("doctor", {"findings": [finding._asdict() for finding in findings]})
    else:
        _print(findings)
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


def _print(findings: Sequence[Diagnosis]) -> None:
    print_table(("", "about", "found"), [(one.severity, one.code, one.message) for one in findings])
    for one in findings:
        if one.remedy:
            print(f"\n{one.code}: {one.remedy}")
