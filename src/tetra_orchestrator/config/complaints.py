"""What pydantic found wrong with the shape of a file, in our words and with a place."""

from __future__ import annotations

import re
from functools import cache
from json import dumps as quoted
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tetra_orchestrator.config.masking import is_secret
from tetra_orchestrator.config.problems import dotted
from tetra_orchestrator.config.values import Plain, kind, to_data
from tetra_orchestrator.config.yaml_tree import Map, Null, Scalar, Seq, find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

    from tetra_orchestrator.config.problems import Path, Problems
    from tetra_orchestrator.config.yaml_tree import Node

ROUNDS = 8
LISTED = 20  # more keys than that are no help
NO_LIMIT = "leave it out where nothing is to be limited"
STAND_INS = {"version": Plain("1"), "project": "unnamed"}
Model = TypeVar("Model", bound=BaseModel)
KEY = "[key]"  # how pydantic marks a fault in a mapping's key

_MESSAGES = {
    "dict_type": "must be a mapping, not {kind}",
    "model_type": "must be a mapping, not {kind}",
    "list_type": "must be a list, not {kind}",
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "too_short": "is empty",
    "literal_error": "must be {expected}",
    "string_unicode": "holds bytes that are not UTF-8",
}
SHARE = "it is a share from 0 to 1: 10 percent is 0.1"
_REMEDIES: dict[Path, str] = {
    ("version",): "add `version: 1` as the first line",
    ("project",): "add `project: NAME`",
    ("pipelines",): "add `pipelines:` with at least one pipeline",
}
_WORD = re.compile(r"[\w./-]+")
_REFERENCE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){1,2}")


def check_shape(tree: Node, problems: Problems, shape: type[Model]) -> Model | None:
    """The tree as `shape`. Faulty parts are reported and left out, so that the rest can be checked as well.

    None where nothing usable is left.
    """
    data = to_data(tree)
    for attempt in range(ROUNDS):
        try:
            return shape.model_validate(data)
        except ValidationError as error:
            faults = error.errors(include_url=False)
            for fault in faults:
                if attempt == 0:
                    _report(fault, tree, problems, shape)
                _leave_out(data, fault["loc"])
            if isinstance(data, dict):
                data = {**{key: text for key, text in STAND_INS.items() if key in shape.model_fields}, **data}
    return None


def _report(fault: ErrorDetails, tree: Node, problems: Problems, shape: type[BaseModel]) -> None:
    loc = fault["loc"]
    node, key, path = find(tree, loc)
    if fault["type"] == "extra_forbidden":
        known = _known_keys(loc, shape)
        listed = f"known here: {', '.join(known)}" if len(known) <= LISTED else "`tetra schema` prints all known keys"
        hint = _elsewhere(loc, shape) or problems.guess(str(loc[-1]), known, listed)
        problems.error("unknown_key", key, path, f"unknown key {loc[-1]!r}", hint)
    elif fault["type"] == "missing":
        owner = f"'{_label(path)}'" if path else "the file"
        hint = _REMEDIES.get(loc) or _described(loc, shape)
        problems.error("missing_key", key, (*path, str(loc[-1])), f"{owner} has no '{loc[-1]}'", hint)
    elif loc[-1:] == (KEY,):
        context = fault["ctx"]
        problems.error("bad_name", key, path, f"{path[-1]!r} {context['message']}", context["hint"])
    else:
        mark = key if isinstance(node, Null) else node.mark
        _report_value(fault, node, mark, path, problems, shape)


def _report_value(
    fault: ErrorDetails, node: Node, mark: Any, path: Path, problems: Problems, shape: type[BaseModel]
) -> None:
    label = f"'{_label(path)}'" if path else "the file"
    if isinstance(node, Null):
        problems.error("no_value", mark, path, f"{label} has no value", "give it one, or remove the key")
        return
    context: Mapping[str, Any] = fault.get("ctx", {})
    message = context.get("message") or _MESSAGES.get(fault["type"], fault["msg"]).format(
        kind=kind(fault["input"]), **context
    )
    shown = f": {_shown(node, path)!r}" if isinstance(node, Scalar) else ""
    hint = context.get("hint") or _hint(fault, node, shape)
    problems.error("bad_value", mark, path, f"{label} {message}{shown}", hint)


def _shown(node: Scalar, path: Path) -> str:
    """The text, or the variable that it comes from where that may be a secret."""
    return node.raw if node.raw and is_secret(path, node.raw) else node.text


def _hint(fault: ErrorDetails, node: Node, shape: type[BaseModel]) -> str | None:
    if isinstance(node, Map) and "must be text" in fault["msg"]:
        reference = next(iter(node.entries), "")
        return f'put it in quotes: "{{{reference}}}"' if _REFERENCE.fullmatch(reference) else "write one value after it"
    if fault["type"] == "list_type" and isinstance(node, Scalar):
        text = node.text[:40]
        if fault["loc"][-1] == "command":
            return f"write it in brackets, word by word: [{', '.join(text.split())}]"
        return f"write it in brackets: [{text if node.plain and _WORD.fullmatch(text) else quoted(text)}]"
    if fault["type"] == "model_type":
        known = list(_fields(_model_at((*fault["loc"], ""), shape)))
        if len(known) > LISTED and "shell" in known:
            return "write `command: [PROGRAM, ARGUMENT]` or `shell: LINE` under it"
        return f"write keys under it: {', '.join(known)}" if len(known) <= LISTED else None
    if fault["type"] == "dict_type" and isinstance(node, Seq):
        return "write `name: value` lines, without dashes and brackets"
    if fault["type"] == "too_short" and fault["loc"][-1] == "command":
        return "write the program and its arguments: [PROGRAM, ARGUMENT]"
    if fault["type"] == "less_than_equal" and fault.get("ctx", {}).get("le") == 1:
        return SHARE
    return NO_LIMIT if fault["type"] == "greater_than" else None


def _label(path: Path) -> str:
    """The last key of a path, with the indexes behind it."""
    start = max((i for i, part in enumerate(path) if isinstance(part, str)), default=0)
    return dotted(path[start:])


def _known_keys(loc: Path, root: type[BaseModel]) -> list[str]:
    """The keys of the model to which the last part of `loc` was given."""
    return list(_fields(_model_at(loc, root)))


def _elsewhere(loc: Path, root: type[BaseModel]) -> str | None:
    """Where an unknown key belongs, if a neighbour knows it: one of the keys beside it, or the mapping around."""
    name = str(loc[-1])
    owner = _owners(_model_at(loc, root)).get(name)
    if owner:
        return f"it belongs under `{owner}`"
    around = _model_at(loc[:-1], root) if len(loc) > 1 else None
    beside = isinstance(around, type) and issubclass(around, BaseModel) and name in _fields(around)
    return f"it belongs beside `{loc[-2]}`, not under it" if beside else None


@cache
def _owners(model: type[BaseModel]) -> Mapping[str, str]:
    """The first key of the model whose mapping knows a key, by that key. Kept: a file may have many unknown keys."""
    inner = {key: _bare(annotation) for key, annotation in _fields(model).items()}
    found: dict[str, str] = {}
    for key, shape in inner.items():
        for name in _fields(shape) if isinstance(shape, type) and issubclass(shape, BaseModel) else ():
            found.setdefault(name, key)
    return found


def _model_at(loc: Path, root: type[BaseModel]) -> type[BaseModel]:
    shape: Any = root
    for part in loc[:-1]:
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            shape = _fields(shape)[str(part)]
        else:
            shape = get_args(shape)[-1]
        shape = _bare(shape)
    return shape  # type: ignore[no-any-return]


def _described(loc: Path, root: type[BaseModel]) -> str | None:
    """What the missing key at `loc` is for, where its model says so."""
    field = next((f for name, f in _model_at(loc, root).model_fields.items() if (f.alias or name) == loc[-1]), None)
    return f"add `{loc[-1]}`: {field.description}" if field and field.description else None


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _bare(annotation: Any) -> Any:
    """The annotation without `Annotated` and `| None`."""
    while hasattr(annotation, "__metadata__") or type(None) in get_args(annotation):
        annotation = get_args(annotation)[0]
    return annotation if get_origin(annotation) in (dict, list) or isinstance(annotation, type) else Any


def _leave_out(data: Any, loc: Path) -> None:
    """Remove the innermost mapping entry along `loc` (for a missing key: the mapping that lacks it)."""
    holder: tuple[dict[str, Any], str] | None = None
    for part in loc:
        if isinstance(data, dict) and part in data:
            holder = data, str(part)
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
    if holder:
        holder[0].pop(holder[1], None)
