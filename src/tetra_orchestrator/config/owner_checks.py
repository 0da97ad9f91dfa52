"""What the shape cannot say of tenants: tags by the name of the automatic one, and files that are theirs alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.sheet import Sheet

AUTOMATIC = "tenant"
#: What a file's name may hold besides what is meant as it stands.
PLACES = ("{tenant}",)
_PLACE = re.compile(r"\{\w*\}")


def warn_of_places(sheet: Sheet) -> None:
    """Warn of what looks as if something were filled in in `logs.file`."""
    for found in _PLACE.findall(sheet.document.logs.file or ""):
        if found not in PLACES:
            message = f"nothing is filled in for {found}: it stands so in the file's name"
            sheet.warn("unknown_place", ("logs", "file"), message, f"what there is: {', '.join(PLACES)}")


def warn_of_owner_tags(sheet: Sheet) -> None:
    """Warn of a tag `tenant` that says something else than whose the task is: the automatic one stays."""
    for path, tags, tenant in _tagged(sheet):
        if AUTOMATIC in tags and tags[AUTOMATIC] != tenant:
            message = f"the tag '{AUTOMATIC}' is automatic and stays '{tenant}'"
            sheet.warn("automatic_tag", (*path, "tags", AUTOMATIC), message, "choose another name", key=True)


def _tagged(sheet: Sheet) -> Iterator[tuple[Path, Mapping[str, str], str]]:
    for name, pipeline in sheet.document.pipelines.items():
        if pipeline.tenant:
            yield ("pipelines", name), pipeline.tags, pipeline.tenant
    for path, task in sheet.tasks():
        tenant = task.tenant or sheet.document.pipelines[str(path[1])].tenant
        if tenant and len(path) > len(("pipelines", "name")):
            yield path, task.tags, tenant
