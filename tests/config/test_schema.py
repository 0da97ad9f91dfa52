from __future__ import annotations

import json
from importlib.resources import files

import yaml

from tetra_orchestrator.config.json_schema import json_schema
from tetra_orchestrator.config.schema import Document


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
