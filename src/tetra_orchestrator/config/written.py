"""The arguments of a task as they are written in a native document, variables and references included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tetra_orchestrator.config.masking import MASK, declared, masked, veiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.model import Task


def without_secrets(argv: Sequence[str], task: Task, mode: str | None, document: dict[str, Any]) -> list[str]:
    """What would be started, with `***` for every argument that is made of a secret."""
    written = masked(_arguments(task, mode, document), (), declared(document))
    start = len(argv) - len(written)
    return [MASK if at >= start and written[at - start] == MASK else veiled(text) for at, text in enumerate(argv)]


def _arguments(task: Task, mode: str | None, document: dict[str, Any]) -> list[str]:
    pipeline = document["pipelines"][task.pipeline]
    short = task.id.removeprefix(task.pipeline).removeprefix(".")
    own = pipeline["tasks"][short] if short else pipeline
    parts = (own.get("command"), own.get("args"), _of_mode(task, short, mode, document))
    return [str(text) for part in parts for text in part or ()]


def _of_mode(task: Task, short: str, mode: str | None, document: dict[str, Any]) -> list[Any]:
    said = document["modes"][mode] if mode else []
    for entry in said["pipelines"] if isinstance(said, dict) else said:
        args = entry.get(task.pipeline) if isinstance(entry, dict) else None
        if args is not None:
            found = args if isinstance(args, list) else args.get(short, [])
            return list(found)
    return []
