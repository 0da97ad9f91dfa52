"""Text in unit files, so that systemd reads what was meant (systemd.syntax(7), systemd.service(5), systemd.unit(5)).

Every function raises `ConfigError` for what cannot be said; `field` names the text in the error: `the log of ...`.
"""

from __future__ import annotations

import re
from posixpath import normpath

from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNSAYABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def name(text: str, field: str) -> str:
    """A project's or a schedule's name as a part of a unit's name; two and a word fit into systemd's 255 bytes."""
    if not _NAME.fullmatch(text):
        hint = "use letters, digits, '_' and '-', not '-' first, at most 100 of them"
        raise ConfigError(f"{field} is {text!r}, which cannot be part of a unit's name", hint=hint)
    return text


def variable(text: str, field: str) -> str:
    """The name of an environment variable, as environ(7) has them."""
    if not _VARIABLE.fullmatch(text):
        raise ConfigError(f"{field} has the name {text!r}", hint="use letters, digits and '_', no digit first")
    return text


def word(text: str, field: str) -> str:
    """One word of a list, such as an assignment of Environment=. There `$` stands for itself."""
    escaped = _said(text, field).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def command(argv: Sequence[str], field: str) -> str:
    """A command of ExecStart=. The colon in front (systemd 244) has every `$` stand for itself, the path's included."""
    return ":" + " ".join([word(argument, field) for argument in argv])


def line(text: str, field: str) -> str:
    """A value that goes to the end of its line, without quotes, such as that of Description=."""
    _said(text, field)
    if text != text.strip() or text.endswith("\\"):
        hint = "take away the blank at its beginning or end, or the backslash at its end"
        raise ConfigError(f"{field} is {text!r}, which a unit file cannot hold", hint=hint)
    return text.replace("%", "%%")


def path(text: str, field: str) -> str:
    """An absolute path as a whole value, such as that of WorkingDirectory=."""
    if not text.startswith("/") or normpath(text) != text or text.startswith("//"):
        raise ConfigError(f"{field} is {text!r}", hint="use an absolute path without '.', '..' and doubled slashes")
    return line(text, field)


def program(text: str, field: str) -> str:
    """The path of a program to start: systemd refuses one with a quote or a backslash in it, however it is written."""
    if {*text} & {*"'\"\\"}:
        hint = "use an interpreter whose path has neither quotes nor backslashes"
        raise ConfigError(f"{field} is {text!r}, which systemd refuses to start", hint=hint)
    return path(text, field)


def path_word(text: str, field: str) -> str:
    """An absolute path in a list of paths, such as ReadWritePaths=, where a backslash does not escape anything."""
    path(text, field)
    if '"' in text or "\\" in text:
        hint = "use a folder without a quote or a backslash in its name, or take away `sandbox: strict`"
        raise ConfigError(f"{field} is {text!r}, which cannot be opened for writing in a sandbox", hint=hint)
    return f'"{line(text, field)}"'


def _said(text: str, field: str) -> str:
    found = _UNSAYABLE.search(text)
    if found:
        raise ConfigError(f"{field} has the character {found[0]!r} in it, which no unit can hold", hint="take it out")
    return text
