"""Whether what a list names is in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.problems import listed
from tetra_orchestrator.config.yaml_tree import Map, Seq, find

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.sheet import Sheet


def check_names(sheet: Sheet, path: Path, names: Sequence[str], kind: str, *group: str) -> None:
    """Report those of the names at `path` that the mapping at `group` does not have; `kind` is what they name."""
    known = sheet.names(*group)
    node = find(sheet.tree, path)[0]
    by_key = isinstance(node, Map)
    for index, name in enumerate(names):
        if name not in known:
            hint = sheet.problems.guess(name, known, f"{kind}s: {listed(known) or 'none'}")
            place = (*path, name if by_key else index) if isinstance(node, (Map, Seq)) else path
            sheet.error(f"unknown_{kind}", place, f"there is no {kind} '{name}'", hint, key=by_key)
