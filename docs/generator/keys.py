"""The page of configuration keys, from the JSON Schema that the checks of a file come from too."""

import json
from collections.abc import Iterator
from typing import Any

from docs.generator.markdown import code, codes, page, section, table
from tetra_orchestrator.config.json_schema import json_schema
from tetra_orchestrator.core.spoken import size

INTRO = """\
Every key of a native file with its type, its default and its meaning. [Configuration](../configuration.md) explains
them with examples, and `tetra schema` prints the JSON Schema that this page comes from.

Text may be written without quotes. A duration is `90` (seconds), `5m`, `2h`, `1d` or `1h30m`; a size is `4096` (bytes),
`64KB` or `1.5GB`, in steps of 1024; a name has letters, digits, `_` and `-`. Wherever a value stands, `${NAME}` may
stand for it. A key without a default is not set, or empty, unless its meaning says otherwise."""

Schema = dict[str, Any]


def keys_page() -> str:
    """The text of `docs/reference/keys.md`."""
    document = json.loads(json_schema())
    places = _places(document)
    parts = [_section("The file", "", document)]
    for name, schema in sorted(document["$defs"].items(), key=lambda item: min(places[item[0]])):
        stands = "; ".join(code(place) for place in sorted(places[name]))
        parts.append(_section(name, f"{schema['description']} At {stands}.", schema))
    return page("Configuration keys", INTRO, *parts)


def _section(title: str, about: str, schema: Schema) -> str:
    required = schema.get("required", [])
    rows = [
        (code(key), kind(value), _default(key, value, required), value["description"])
        for key, value in schema["properties"].items()
    ]
    return section(title, about, table(("key", "type", "default", "meaning"), rows))


def _places(document: Schema) -> dict[str, set[str]]:
    """Where each of the shapes stands in a file, such as `pipelines.NAME.retry`."""
    places: dict[str, set[str]] = {name: set() for name in document["$defs"]}

    def look(schema: Any, path: str) -> None:
        for name, place in _references(schema, path):
            if place not in places[name]:
                places[name].add(place)
                for key, value in document["$defs"][name]["properties"].items():
                    look(value, f"{place}.{key}")

    for key, value in document["properties"].items():
        look(value, key)
    return places


def _references(schema: Any, path: str) -> Iterator[tuple[str, str]]:
    if "$ref" in schema:
        yield schema["$ref"].rpartition("/")[2], path
    for value in schema.get("anyOf", ()):
        yield from _references(value, path)
    if "items" in schema:
        yield from _references(schema["items"], f"{path}[]")
    for value in (*schema.get("patternProperties", {}).values(), *_further(schema)):
        yield from _references(value, f"{path}.NAME")


def _further(schema: Schema) -> list[Schema]:
    """The shape of values whose keys the user chooses."""
    further = schema.get("additionalProperties")
    return [further] if isinstance(further, dict) else []


def kind(schema: Schema) -> str:
    """What a value must be, in words, with links to shapes that have keys of their own."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(filter(None, map(kind, schema["anyOf"]))))
    if "enum" in schema:
        return codes(schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_inner(kind(schema['items']))}"
    if schema.get("type") == "object":
        values = [kind(value) for value in (*schema.get("patternProperties", {}).values(), *_further(schema))]
        return f"mapping of {_inner(' or '.join(values) or 'anything')}"
    return _scalar(schema)


def _inner(kinds: str) -> str:
    return f"({kinds})" if " or " in kinds else kinds


def _scalar(schema: Schema) -> str:
    """A word for one value; nothing for the `${NAME}` that may stand for any."""
    message = schema.get("patternErrorMessage", "")
    if "true nor false" in message:
        return "`true`, `false`"
    if message:
        return str(message).partition(":")[0].removeprefix("is not ").removeprefix("a ").removeprefix("the ")
    return "" if schema.get("type") == "string" else "text"


def _default(key: str, schema: Schema, required: list[str]) -> str:
    if key in required:
        return "required"
    value = schema.get("default")
    if value is None:
        return ""
    if kind(schema) == "duration":
        return code(_duration(value))
    return code(size(value) if kind(schema) == "size" else json.dumps(value).strip('"'))


def _duration(seconds: float) -> str:
    """As a file has it: the largest unit that it is a whole number of."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length:g}{unit}"
    return f"{seconds:g}s"
