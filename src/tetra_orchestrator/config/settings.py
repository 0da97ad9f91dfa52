"""What the shape cannot say of parameters, modes, alerts and what is watched, and what in the file has no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.alert_checks import check_alerting
from tetra_orchestrator.config.name_checks import check_names
from tetra_orchestrator.config.owner_checks import warn_of_owner_tags, warn_of_places
from tetra_orchestrator.config.resource_checks import warn_of_resources
from tetra_orchestrator.config.runner_checks import check_runners
from tetra_orchestrator.config.watch_checks import check_watching

if TYPE_CHECKING:
    from tetra_orchestrator.config.sheet import Sheet

NOT_MASKED = "values of secrets stand in the logs of tasks as they are"


def check_settings(sheet: Sheet) -> None:
    """Report what is wrong, and warn of what deserves a look."""
    check_alerting(sheet)
    check_watching(sheet)
    check_runners(sheet)
    for name, mode in sheet.document.modes.items():
        check_names(sheet, ("modes", name, "params"), tuple(mode.params), "parameter", "params")
    if sheet.document.default_mode is not None:
        check_names(sheet, ("default_mode",), (sheet.document.default_mode,), "mode", "modes")
    warn_of_owner_tags(sheet)
    warn_of_places(sheet)
    warn_of_resources(sheet)
    if not sheet.document.logs.redact:
        sheet.warn("not_masked", ("logs", "redact"), NOT_MASKED, "leave `redact` out to have them masked", key=True)
