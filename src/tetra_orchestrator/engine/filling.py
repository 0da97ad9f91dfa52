"""References filled in with what is known: in text as text, and as a whole value of a configuration with their type."""

from __future__ import annotations

from tetra_orchestrator.errors import TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tetra_orchestrator.core.model import Json
    from tetra_orchestrator.core.template import Reference

    ValueOf = Callable[[Reference], Json]


class TemplateError(TetraError):
    """Something a task needs has no value: what should have left it ended without."""

    code = "template"


def values_in(known: Mapping[str, Mapping[str, Json]]) -> ValueOf:
    """The value of a reference; raises `TemplateError` where there is none."""

    def value_of(reference: Reference) -> Json:
        try:
            return known[reference.owner][reference.key]
        except KeyError:
            left = ", ".join(known.get(reference.owner, ())) or "none"
            raise TemplateError(
                f"{reference} has no value: {reference.owner} left no output '{reference.key}' (outputs: {left})"
            ) from None

    return value_of


def fill(text: str, value_of: ValueOf) -> str:
    """The text with every reference replaced and doubled braces made single."""
    if "{" not in text and "}" not in text:
        return text
    from tetra_orchestrator.core.template import as_text, render

    return render(text, lambda reference: as_text(value_of(reference)))


def fill_shell(line: str, value_of: ValueOf) -> tuple[str, Mapping[str, str]]:
    """The line whose references have become variables, and the variables that hold their values."""
    if "{" not in line and "}" not in line:
        return line, {}
    from tetra_orchestrator.core.template import as_text, render_shell

    return render_shell(line, lambda reference: as_text(value_of(reference)))


def fill_value(value: Json, value_of: ValueOf) -> Json:
    """The value with every text in it filled in; a text that is one reference becomes that value, type and all."""
    if isinstance(value, dict):
        return {key: fill_value(each, value_of) for key, each in value.items()}
    if isinstance(value, list):
        return [fill_value(each, value_of) for each in value]
    if not isinstance(value, str) or "{" not in value and "}" not in value:
        return value
    from tetra_orchestrator.core.template import references

    found = references(value)
    return value_of(found[0]) if found and value == str(found[0]) else fill(value, value_of)


def texts_in(value: Json) -> list[str]:
    """Every text within the value, except the keys of mappings."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for each in value for text in texts_in(each)] if isinstance(value, list) else []
