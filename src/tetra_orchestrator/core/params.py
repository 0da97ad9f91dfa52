"""A run's parameters: declared with type and default in the file, given as text on the command line."""

from __future__ import annotations

from math import isfinite

from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.model import Json, Param

#: Parameters with an option of their own, where both are declared.
DATES = ("start_date", "end_date")
_TRUTH = {"true": True, "false": False}


def resolve(declared: Sequence[Param], given: Mapping[str, str]) -> dict[str, Json]:
    """Every declared parameter with its value. Raises `UsageError` for an unknown, missing or ill-typed one."""
    known = [param.name for param in declared]
    for name in given:
        if name not in known:
            from tetra_orchestrator.core.selection import suggest

            raise UsageError(f"Unknown parameter: {name}", hint=suggest(name, known, "parameters"))
    missing = [param.name for param in declared if param.required and param.name not in given]
    if missing:
        raise UsageError(f"the parameter '{missing[0]}' has no value", hint=_remedy(missing[0], known))
    return {p.name: _convert(p, given[p.name]) if p.name in given else p.default for p in declared}


def _remedy(name: str, known: Sequence[str]) -> str:
    if name not in DATES or not set(DATES).issubset(known):
        return f"give it with --param {name}=VALUE"
    option = f"--{name.replace('_', '-')}"
    return f"give it with {option} DATE, or for every run as `{name}: DATE` in global_settings.yaml (tauro)"


def _convert(param: Param, text: str) -> Json:
    try:
        if param.type == "int":
            return int(text)
        if param.type == "float":
            return _finite(float(text))
        if param.type == "bool":
            return _TRUTH[text.lower()]
    except (ValueError, KeyError):
        raise UsageError(f"the parameter '{param.name}' is {text!r}, not of type {param.type}") from None
    return text


def _finite(number: float) -> float:
    """JSON knows neither infinity nor NaN."""
    if not isfinite(number):
        raise ValueError
    return number
