"""The kinds of values that files hold, as annotations for closed pydantic models.

Every scalar arrives as text (`Plain` where it stood without quotes) and each field says what it must be, so that
`1.10` stays `1.10` where text is due. Faults are raised with `fault`; `complaints` gives them a place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from tetra_orchestrator.config import scalars
from tetra_orchestrator.config.yaml_tree import Map, Null, Scalar, Seq

if TYPE_CHECKING:
    from tetra_orchestrator.config.yaml_tree import Node


class Plain(str):
    """Text that stood without quotes, and so may also be a number or true or false."""

    __slots__ = ()


class Nothing:
    """An empty value. Not None, which the models have for "not given" and would let pass."""


def to_data(node: Node) -> Any:
    """The tree as what the models take: mappings, lists, text and `Nothing`."""
    match node:
        case Map():
            return {key: to_data(entry.value) for key, entry in node.entries.items()}
        case Seq():
            return [to_data(item) for item in node.items]
        case Scalar():
            return Plain(node.text) if node.plain else node.text
        case Null():
            return Nothing()


def fault(message: str, hint: str = "") -> PydanticCustomError:
    """A wrong value; `message` completes "'timeout' ..."."""
    return PydanticCustomError("fault", "{message}", {"message": message, "hint": hint})


def text_of(value: Any) -> str:
    """The value, which has to be text."""
    if not isinstance(value, str):
        raise fault(f"must be text, not {kind(value)}")
    if "\0" in value:
        raise fault("holds a NUL character, which no program can be given")
    return str(value)


def _filled(value: Any) -> str:
    text = text_of(value)
    if not text.strip():
        raise fault("is empty")
    return text


def _unquoted(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise fault(f"must be {what}, not {kind(value)}")
    if not isinstance(value, Plain):
        raise fault(f"must be {what}, not text in quotes", "remove the quotes")
    return value


def kind(value: Any) -> str:
    """What a value is, in the words of a message."""
    return {dict: "a mapping", list: "a list", Nothing: "nothing"}.get(type(value), "text")


def read(value: str, parse: Any) -> Any:
    """The text as `parse` reads it; its `ValueError` becomes a fault."""
    try:
        return parse(value)
    except ValueError as error:
        raise fault(*error.args) from None


_VARIABLE = {"type": "string", "pattern": r"\$\{"}


def _pattern(value: Any) -> str:
    text = _filled(value)
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise fault(
            f"is not a regular expression: {error}", "write \\\\ before a character that is meant as it is"
        ) from None
    return text


def _free(value: Any) -> Any:
    """Any YAML value as JSON has it: numbers, true and false where they stand without quotes."""
    if isinstance(value, dict):
        return {text_of(key): _free(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_free(item) for item in value]
    if isinstance(value, Nothing):
        return None
    if isinstance(value, Plain):
        return scalars.typed(value)
    return text_of(value)


def _free_map(value: Any) -> Any:
    if not isinstance(value, dict):
        raise fault(f"must be a mapping, not {kind(value)}")
    return _free(value)


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _or_variable(schema: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [schema, _VARIABLE]})


#: The JSON Schema of text, where a number or a truth value without quotes is text, too.
ANY_TEXT: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_SIZE = {
    "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^[0-9][0-9.]* ?[kKMGT]?i?B?$|\$\{"}]
}
_DURATION = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^[0-9][0-9.dhms]*$|\$\{"}]}

Text = Annotated[str, BeforeValidator(text_of), WithJsonSchema(ANY_TEXT)]
Filled = Annotated[str, BeforeValidator(_filled), WithJsonSchema(ANY_TEXT)]
Name = Annotated[
    str,
    BeforeValidator(lambda value: read(text_of(value), scalars.name)),
    WithJsonSchema({"type": "string", "pattern": f"^{scalars.NAME}$"}),
]
VariableName = Annotated[
    str,
    BeforeValidator(lambda value: read(text_of(value), scalars.variable_name)),
    WithJsonSchema({"type": "string", "pattern": f"^{scalars.VARIABLE}$"}),
]
Seconds = Annotated[
    float, BeforeValidator(lambda value: read(text_of(value), scalars.duration_s)), WithJsonSchema(_DURATION)
]
Limit = Annotated[Seconds, Field(gt=0)]
Whole = Annotated[
    int,
    BeforeValidator(lambda value: read(_unquoted(value, "a whole number"), scalars.whole)),
    _or_variable({"type": "integer"}),
]
Count = Annotated[Whole, Field(ge=1)]
Number = Annotated[
    float,
    BeforeValidator(lambda value: read(_unquoted(value, "a number"), scalars.number)),
    _or_variable({"type": "number"}),
]
Switch = Annotated[
    bool,
    BeforeValidator(lambda value: read(_unquoted(value, "true or false"), scalars.boolean)),
    _or_variable({"type": "boolean"}),
]
Size = Annotated[
    int, BeforeValidator(lambda value: read(text_of(value), scalars.size_bytes)), WithJsonSchema(_SIZE), Field(gt=0)
]
Share = Annotated[Number, Field(ge=0, le=1)]
Pattern = Annotated[str, BeforeValidator(_pattern), WithJsonSchema({"type": "string"})]
Free = Annotated[Any, BeforeValidator(_free), WithJsonSchema({})]
FreeMap = Annotated[dict[str, Any], BeforeValidator(_free_map), WithJsonSchema({"type": "object"})]
Names = list[Name]
Codes = list[Annotated[Whole, Field(ge=0, le=255)]]
Patterns = Annotated[list[Pattern], BeforeValidator(_one_or_more, json_schema_input_type=Pattern | list[Pattern])]
Variables = dict[VariableName, Text]
Tags = dict[Filled, Text]
ValueType = Literal["str", "int", "float", "bool"]
OutputType = Literal["str", "int", "float", "bool", "list", "map"]


class Closed(BaseModel):
    """A mapping that knows all of its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
