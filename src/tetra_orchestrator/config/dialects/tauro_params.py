"""Hyperparameters that can be given anew with each run: which become parameters, and under which names."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tetra_orchestrator.config.scalars import MAX_DIGITS, NAME
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.template import escaped

if TYPE_CHECKING:
    from collections.abc import Mapping

RESERVED = ("start_date", "end_date", "model_version")
_TYPES = ((bool, "bool"), (int, "int"), (float, "float"), (str, "str"))  # true is an int, too


class Tunable(Record):
    """A parameter of the project: its name, its type and its default as text."""

    name: str
    type: str
    default: str


def tunables(hyperparams: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], Tunable]:
    """The parameter of each `(node, key)` whose value is text, a number or a truth value.

    It is called like the key where all nodes agree on the value, else `node-key`.
    """
    by_key: dict[str, list[Any]] = {}
    for own in hyperparams.values():
        for key, value in own.items():
            by_key.setdefault(key, []).append(value)
    shared = {key for key, values in by_key.items() if key not in RESERVED and _agree(values)}
    found = {}
    for node, own in hyperparams.items():
        for key, value in own.items():
            name, default = key if key in shared else f"{node}-{key}", _default(value)
            if default is not None and re.fullmatch(NAME, name):
                found[node, key] = Tunable(name, _type(value), default)
    return found


def literal(value: Any) -> Any:
    """The value with its braces doubled, so that nothing in it is filled in."""
    if isinstance(value, dict):
        return {key: literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [literal(item) for item in value]
    return escaped(value) if isinstance(value, str) else value


def _agree(values: list[Any]) -> bool:
    return all((_type(each), each) == (_type(values[0]), values[0]) for each in values)


def _type(value: Any) -> str:
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "")


def _default(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        text = format(Decimal(repr(value)), "f")
        return text if len(text) <= MAX_DIGITS else None
    return value if isinstance(value, str) else None
