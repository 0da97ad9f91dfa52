"""What `doctor` and `state check` have found, as people read it."""

from __future__ import annotations

from tetra_orchestrator.cli.output import print_table
from tetra_orchestrator.cli.paint import cell
from tetra_orchestrator.cli.prose import sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.diagnosis import Diagnosis


def print_findings(findings: Sequence[Diagnosis]) -> None:
    """Print each, and below them what to do about those that are to be mended."""
    print_table(("", "about", "found"), [(cell(one.severity), one.code, one.message) for one in findings])
    for one in findings:
        if one.remedy:
            print("\n" + sentence(f"{one.code}: {one.remedy}"))
