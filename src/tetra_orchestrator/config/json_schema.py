"""The JSON Schema of native files, for editors and other programs; it comes from the models that check them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic.json_schema import GenerateJsonSchema

from tetra_orchestrator.config.schema import Document
from tetra_orchestrator.config.values import OR_VARIABLE, one_of

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import core_schema


class _WithoutNull(GenerateJsonSchema):
    """None is how our models say "not given"; a file cannot say it."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        value = super().default_schema(schema)
        if value.get("default") in (None, [], {}) or isinstance(value["default"], dict):
            value.pop("default", None)
        return value

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """With every key that is no name refused."""
        shape = super().dict_schema(schema)
        keys = shape.pop("patternProperties", None)
        if keys:
            ((pattern, value),) = keys.items()
            shape |= {"patternProperties": {pattern.removesuffix(OR_VARIABLE): value}, "additionalProperties": False}
        return shape

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        return one_of(*schema["expected"])

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def json_schema() -> str:
    """The text of `schema.json` (draft 2020-12), which editors complete and check native files with."""
    schema = Document.model_json_schema(by_alias=True, schema_generator=_WithoutNull)
    marked = {"$schema": _WithoutNull.schema_dialect, "$comment": "generated from schema.py", **schema}
    return json.dumps(marked, indent=2) + "\n"
