"""What `config show` and `config diff` print, for people and as JSON."""

from __future__ import annotations

from typing import Any

from tetra_orchestrator.cli.output import near
from tetra_orchestrator.config.masking import masked
from tetra_orchestrator.config.native_text import flow
from tetra_orchestrator.config.problems import dotted
from tetra_orchestrator.core.spoken import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tetra_orchestrator.config.difference import Change
    from tetra_orchestrator.config.effective import Origin, Value, Variable

WIDEST = 60  # what is longer pushes its origin to the right
_SOURCES = {
    "environment": "environment variable {}",
    ".env": ".env {}",
    "secret": "secret {}",
    "default": "default of {}",
}


def value_row(value: Value) -> dict[str, Any]:
    """A value as `config show --json` publishes it."""
    origin = {**value.origin._asdict(), "variables": [variable._asdict() for variable in value.origin.variables]}
    return {"path": dotted(value.path), "value": _typed(value.value), "origin": origin}


def print_values(values: Sequence[Value]) -> None:
    """One line for each value, with where it comes from behind it."""
    lines = [f"{_line(dotted(value.path))}: {flow(value.value)}" for value in values]
    width = max((len(line) for line in lines if len(line) <= WIDEST), default=0)
    for line, value in zip(lines, values, strict=True):
        print(f"{line.ljust(width)}  # {_told(value.origin)}")


def change_row(change: Change, secrets: Collection[str]) -> dict[str, Any]:
    """A change as `config diff --json` publishes it."""
    before, after = (masked(value, change.path, secrets) for value in (change.before, change.after))
    return {"kind": change.kind, "path": dotted(change.path), "before": _typed(before), "after": _typed(after)}


def print_changes(rows: Sequence[Mapping[str, Any]], before: str, after: str) -> None:
    """One line for each change, or that there is none."""
    for row in rows:
        print(change_line(row))
    if not rows:
        print(f"no difference between {before} and {after}")


def change_line(row: Mapping[str, Any]) -> str:
    """A change, such as `~ title: old -> new`."""
    path, old, new = _line(row["path"]), flow(row["before"]), flow(row["after"])
    told = {"added": f"+ {path}: {new}", "removed": f"- {path}: {old}", "changed": f"~ {path}: {old} -> {new}"}
    return told[row["kind"]]


def _told(origin: Origin) -> str:
    places = {"default": "default", "option": "--set", "environment": ""}
    place = places.get(origin.kind, f"{near(origin.file)}:{origin.line}")
    told = f"overlay {place}" if origin.kind == "overlay" else place
    return ", ".join(filter(None, [told, *map(_variable, origin.variables)]))


def _variable(variable: Variable) -> str:
    return _SOURCES[variable.source].format(variable.name)


def _line(text: str) -> str:
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _typed(value: Any) -> Any:
    """The value with its numbers as JSON has them."""
    from tetra_orchestrator.config.scalars import typed
    from tetra_orchestrator.config.values import Plain

    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return typed(value) if isinstance(value, Plain) else value
