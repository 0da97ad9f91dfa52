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
from tetra_orchestrator.config.yaml_tree import Map, Scalar, Seq

if TYPE_CHECKING:
    from tetra_orchestrator.config.yaml_tree import Node


class Plain(str):
    """Text that stood without quotes, and so may also be a number or true or false."""

    __slots__ = ()


class Nothing:
    """An empty value. Not None, which the models have for "not given" and would let pass."""


def to_data(node: Node) -> Any:
    """The tree as what the models take: mappings, lists, text and `Nothing`."""
    if isinstance(node, Scalar):
        return Plain(node.text) if node.plain else node.text
    if isinstance(node, Map):
        return {key: to_data(value) for key, (_, value) in node.entries.items()}
    return [to_data(item) for item in node.items] if isinstance(node, Seq) else Nothing()


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


def _pattern(value: Any) -> str:
    text = _filled(value)
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise fault(
            f"is not a regular expression: {error}", "write \\\\ before a character that is meant as it is"
        ) from None
    return text


def _mask_pattern(value: Any) -> str:
    """A pattern for the bytes of a log, line by line."""
    text = _pattern(value)
    try:
        matches_nothing = re.compile(text.encode()).search(b"") is not None
    except (re.error, ValueError) as error:
        raise fault(f"is no regular expression for bytes: {error}", "leave out what is only for text") from None
    if matches_nothing:
        raise fault("matches nothing at all, and so everywhere", "write + for *, or what stands around it")
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
        return scalars.typed(text_of(value))
    return text_of(value)


def _free_map(value: Any) -> Any:
    if not isinstance(value, dict):
        raise fault(f"must be a mapping, not {kind(value)}")
    return _free(value)


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


#: How the pattern of every text ends that a `${NAME}` may stand for. A key is no place for one.
OR_VARIABLE = r"|\$\{"


def scalar(pattern: str, *types: str, parse: Any = None, **bounds: float) -> WithJsonSchema:
    """The JSON Schema of text that fits `pattern` or holds a `${NAME}`, and of values of other `types` within `bounds`.

    With `parse`, which refuses the empty text, editors say what that says.
    """
    schema = {"type": [*types, "string"], **bounds, "pattern": pattern + OR_VARIABLE if pattern else r"\$\{"}
    return WithJsonSchema({**schema, **_message(parse)} if parse else schema)


def _message(parse: Any) -> dict[str, str]:
    try:
        parse("")
    except ValueError as error:
        return {"patternErrorMessage": ": ".join(error.args)}
    raise AssertionError("takes an empty text")


def one_of(*words: Any) -> dict[str, Any]:
    """The JSON Schema of one of some words, or a `${NAME}` that stands for one."""
    return {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": r"\$\{"}]}


def _numeric(parse: Any, **bounds: float) -> WithJsonSchema:
    kind = "integer" if parse is scalars.whole else "number"
    return scalar("", kind, parse=parse, **{**IN_RANGE, **bounds})


def size(**bounds: float) -> WithJsonSchema:
    """The JSON Schema of a size; what a text comes to is the check's business, but for nothing at all."""
    some = r"^(?=0*[1-9]|[0-9.]*[1-9][0-9.]* ?[kKMGT])"
    bounds = {"minimum": 1, "exclusiveMaximum": 10**scalars.MAX_DIGITS, **bounds}
    return scalar(f"{some}{scalars.SIZE}$", "number", parse=scalars.size_bytes, **bounds)


#: Of a number of at most so many characters.
IN_RANGE = {"minimum": 1 - 10 ** (scalars.MAX_DIGITS - 1), "maximum": 10**scalars.MAX_DIGITS - 1}
_SECONDS = {"parse": scalars.duration_s, "exclusiveMaximum": 10**9}

#: The JSON Schema of text, where a number or a truth value without quotes is text, too.
ANY_TEXT: dict[str, Any] = {"type": ["string", "number", "boolean"]}
#: The same of text that is not blank.
SOME_TEXT: dict[str, Any] = {**ANY_TEXT, "pattern": r"\S"}

Text = Annotated[str, BeforeValidator(text_of), WithJsonSchema(ANY_TEXT)]
Filled = Annotated[str, BeforeValidator(_filled), WithJsonSchema(SOME_TEXT)]
Name = Annotated[
    str,
    BeforeValidator(lambda value: read(text_of(value), scalars.name)),
    scalar(f"^{scalars.NAME}$", "integer", "boolean", parse=scalars.name, minimum=0),
]
VariableName = Annotated[
    str,
    BeforeValidator(lambda value: read(text_of(value), scalars.variable_name)),
    scalar(f"^{scalars.VARIABLE}$", "boolean", parse=scalars.variable_name),
]
Seconds = Annotated[
    float,
    BeforeValidator(lambda value: read(text_of(value), scalars.duration_s)),
    scalar(f"^(?:{scalars.DURATION})$", "number", minimum=0, **_SECONDS),
]
Limit = Annotated[
    Seconds, Field(gt=0), scalar(f"^(?=.*[1-9])(?:{scalars.DURATION})$", "number", exclusiveMinimum=0, **_SECONDS)
]
Whole = Annotated[
    int, BeforeValidator(lambda value: read(_unquoted(value, "a whole number"), scalars.whole)), _numeric(scalars.whole)
]
Count = Annotated[Whole, Field(ge=1), _numeric(scalars.whole, minimum=1)]
Natural = Annotated[Whole, Field(ge=0), _numeric(scalars.whole, minimum=0)]
Code = Annotated[Whole, Field(ge=0, le=255), _numeric(scalars.whole, minimum=0, maximum=255)]
Port = Annotated[Whole, Field(ge=1, le=65535), _numeric(scalars.whole, minimum=1, maximum=65535)]
Number = Annotated[
    float, BeforeValidator(lambda value: read(_unquoted(value, "a number"), scalars.number)), _numeric(scalars.number)
]
Amount = Annotated[Number, Field(gt=0), _numeric(scalars.number, minimum=0, exclusiveMinimum=0)]
Factor = Annotated[Number, Field(ge=1), _numeric(scalars.number, minimum=1)]
Share = Annotated[Number, Field(ge=0, le=1), _numeric(scalars.number, minimum=0, maximum=1)]
Switch = Annotated[
    bool,
    BeforeValidator(lambda value: read(_unquoted(value, "true or false"), scalars.boolean)),
    scalar("", "boolean", parse=scalars.boolean),
]
Size = Annotated[int, BeforeValidator(lambda value: read(text_of(value), scalars.size_bytes)), Field(gt=0), size()]
Pattern = Annotated[str, BeforeValidator(_pattern), WithJsonSchema(SOME_TEXT)]
MaskPattern = Annotated[str, BeforeValidator(_mask_pattern), WithJsonSchema(SOME_TEXT)]
Free = Annotated[Any, BeforeValidator(_free), WithJsonSchema({})]
FreeMap = Annotated[dict[str, Any], BeforeValidator(_free_map), WithJsonSchema({"type": "object"})]
Names = list[Name]
Codes = list[Code]
Patterns = Annotated[list[Pattern], BeforeValidator(_one_or_more, json_schema_input_type=Pattern | list[Pattern])]
MaskPatterns = Annotated[
    list[MaskPattern], BeforeValidator(_one_or_more, json_schema_input_type=MaskPattern | list[MaskPattern])
]
Variables = dict[VariableName, Text]
Tags = dict[Filled, Text]
ValueType = Literal["str", "int", "float", "bool"]
OutputType = Literal["str", "int", "float", "bool", "list", "map"]


class Closed(BaseModel):
    """A mapping that knows all of its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
