from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel

from tetra_orchestrator.config.json_schema import json_schema
from tetra_orchestrator.config.schema import Document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo


def test_the_shipped_schema_is_current() -> None:
    shipped = files("tetra_orchestrator.config").joinpath("schema.json").read_text(encoding="utf-8")
    assert shipped == json_schema(), "write config/schema.json again with json_schema()"


def test_the_schema_is_closed_at_every_level() -> None:
    schema = json.loads(json_schema())
    shapes = [schema, *schema["$defs"].values()]
    assert all(shape["additionalProperties"] is False for shape in shapes)


def test_the_schema_knows_every_key_and_no_null() -> None:
    schema = json.loads(json_schema())
    assert set(schema["properties"]) == set(Document.model_fields)
    assert '"null"' not in json_schema()


def test_a_plain_scalar_keeps_its_spelling_where_text_is_due() -> None:
    # what the YAML library itself would make of the same text
    assert yaml.safe_load("[1.10, 012, no, 12:30]") == [1.1, 10, False, 750]


def models(shape: Any = Document, found: dict[str, type[BaseModel]] | None = None) -> dict[str, type[BaseModel]]:
    """Every model below one, by its name in the schema."""
    found = {} if found is None else found
    if isinstance(shape, type) and issubclass(shape, BaseModel) and shape.__name__ not in found:
        found[shape.__name__] = shape
        for field in shape.model_fields.values():
            models(field.annotation, found)
    for part in get_args(shape):
        models(part, found)
    return found


def described() -> Iterator[tuple[str, FieldInfo, dict[str, Any]]]:
    """Every key, as its model has it and as editors see it."""
    schema = json.loads(json_schema())
    for name, model in models().items():
        properties = (schema if model is Document else schema["$defs"][name])["properties"]
        for key, field in model.model_fields.items():
            yield f"{name}.{key}", field, properties[field.alias or key]


def test_every_key_has_a_description() -> None:
    assert [key for key, _, shown in described() if not shown.get("description")] == []


def test_every_default_is_shown() -> None:
    plain = (str, int, float, bool)
    shown = {key: shape.get("default") for key, field, shape in described() if isinstance(field.default, plain)}
    assert shown == {key: field.default for key, field, _ in described() if isinstance(field.default, plain)}
    assert shown["Schedule.overlap"] == "skip"


def test_every_word_of_a_choice_is_listed() -> None:
    listed = {key: _listed(shape) for key, _, shape in described()}
    assert listed["Schedule.overlap"] == ["skip", "queue", "replace", "allow"]
    assert listed["Schedule.catch_up"] == ["none", "latest", "all"]
    assert listed["Document.version"] == [1]
    choices = {key: field.annotation for key, field, _ in described() if _words(field.annotation)}
    assert {key: listed[key] for key in choices} == {key: _words(choice) for key, choice in choices.items()}


def _listed(shape: Any) -> list[Any]:
    """Every word in the choices of a part of the schema."""
    if isinstance(shape, list):
        return [word for part in shape for word in _listed(part)]
    return [*shape.get("enum", []), *_listed(list(shape.values()))] if isinstance(shape, dict) else []


def _words(annotation: Any) -> list[str]:
    """Every word that the choices of an annotation have."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [word for part in get_args(annotation) for word in _words(part)]
