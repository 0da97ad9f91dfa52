"""A native document as YAML that people like to read, and that reads as the same document again.

A document is what `from_json` gives: mappings, lists, text, `Plain` for what stands without quotes, truth values, None.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tetra_orchestrator.config.schema import Document
from tetra_orchestrator.config.values import Plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

WIDTH = 100
MOST_KEYS = 4  # of a mapping on one line
STEP = "  "

#: What a reader looks for on lines of its own.
_SECTIONS = {"pipelines", "tasks", "modes", "schedules"}
_BARE = re.compile(r"(?:--?)?[\w./+][\w ./+=^()%@&<>|;!~$'\"-]*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_NUMBER = re.compile(r"[-+]?\.?[0-9][0-9_.-]*([eE][-+]?[0-9]+)?|0[xX][0-9a-fA-F]+|0[oO][0-7]+|[-+]?\.(inf|nan)", re.I)
_UNPRINTABLE = re.compile("[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def from_json(text: str) -> Any:
    """A document from the JSON in which configurations are kept, numbers as they are spelt there."""
    return json.loads(text, parse_int=Plain, parse_float=Plain)


def to_text(document: Mapping[str, Any], head: Iterable[str] = (), tail: Iterable[str] = ()) -> str:
    """The document as a YAML file, with lines of comment before and after it."""
    known = [field.alias or name for name, field in Document.model_fields.items()]
    order = {name: index for index, name in enumerate(known)}
    lines = [comment(line) for line in head]
    gap = False
    for key in sorted(document, key=lambda key: order.get(key, len(order))):
        part = _entry(key, document[key], "")
        if len(part) > 1 or gap:
            lines.append("")
        gap = len(part) > 1
        lines += part
    end = [comment(line) for line in tail]
    return "\n".join([*lines, *([""] if end else []), *end, ""])


def comment(text: str) -> str:
    """One line of comment, whatever the text holds."""
    return f"# {_escaped(text)}".replace("\n", "\\n").rstrip()


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return _scalar(value)


def _entry(key: str, value: Any, indent: str) -> list[str]:
    """The lines of one key of a mapping."""
    start = f"{indent}{_scalar(key)}:"
    if isinstance(value, str) and _is_block_of_text(value):
        lines = value.removesuffix("\n").split("\n")
        sign = "|" if value.endswith("\n") else "|-"
        return [f"{start} {sign}", *(line and f"{indent}{STEP}{line}" for line in lines)]
    if not isinstance(value, (dict, list)) or not value or _is_short(key, value, start):
        return [f"{start} {flow(value)}"]
    return [start, *_block(value, indent + STEP)]


def _block(value: Any, indent: str) -> list[str]:
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in _entry(key, item, indent)]
    return [line for item in value for line in _item(item, indent)]


def _item(item: Any, indent: str) -> list[str]:
    """The lines of one item of a list."""
    if not isinstance(item, (dict, list)) or not item or _is_short("", item, f"{indent}-"):
        return [f"{indent}- {flow(item)}"]
    first, *rest = _block(item, indent + STEP)
    return [f"{indent}- {first.lstrip()}", *rest]


def _is_short(key: str, value: Any, start: str) -> bool:
    """Whether a collection reads well on the line that begins with `start`."""
    if key in _SECTIONS and not isinstance(value, list):
        return False
    fits = len(start) + len(flow(value)) < WIDTH
    return fits and (isinstance(value, list) or (len(value) <= MOST_KEYS and not any(map(_is_long, value.values()))))


def _is_block_of_text(text: str) -> bool:
    """Whether the text can stand as it is, on lines of its own: `|` counts the first line's spaces as indent."""
    whole = not text.startswith((" ", "\n")) and not text.endswith("\n\n")
    return "\n" in text and whole and not _UNPRINTABLE.search(text)


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and "\n" in value


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (Plain, int, float)):
        return str(value)
    text = str(value)
    bare = _BARE.fullmatch(text) and text == text.strip() and not _NUMBER.fullmatch(text)
    return text if bare and text.lower() not in _WORDS and not text.startswith("...") else _quoted(text)


def _quoted(text: str) -> str:
    if ('"' in text or "\\" in text) and "'" not in text and "\n" not in text and not _UNPRINTABLE.search(text):
        return f"'{text}'"
    body = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_escaped(body)}"'.replace("\n", "\\n")


def _escaped(text: str) -> str:
    """The text with `\\xNN`, `\\uNNNN` or `\\UNNNNNNNN` for what a YAML file cannot hold."""

    def escape(match: re.Match[str]) -> str:
        code = ord(match[0])
        if code < 0x100:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return _UNPRINTABLE.sub(escape, text)
