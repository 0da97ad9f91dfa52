"""Commands of crontab(5), so that every cron hands /bin/sh what was meant.

Crons differ in what they take away: before `%` a backslash (Debian's, cronie), before a backslash too (FreeBSD's and
macOS's), or none (Vixie's of 1993). So a `%` stands outside of quotes behind a backslash, where the shell takes away
what cron has left, and no backslash has another behind it.
"""

from __future__ import annotations

import re
import shlex

from tetra_orchestrator.errors import ConfigError

_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
#: What ends a line, for cron or for a reader of Unicode, and other control characters.
_UNSAYABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def word(text: str, field: str) -> str:
    """One word of a command. Raises `ConfigError` for what no line can hold; `field` names the text in it."""
    found = _UNSAYABLE.search(text)
    if found:
        message = f"{field} has the character {found[0]!r} in it, which no line of a crontab can hold"
        raise ConfigError(message, hint="take it out")
    if _PLAIN.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\"'\"'").replace("\\", "\\''").replace("%", "'\\%'") + "'"


def name(text: str, field: str) -> str:
    """A project's or a timer's name, as it stands in a comment."""
    if not _NAME.fullmatch(text):
        raise ConfigError(f"{field} is {text!r}", hint="use letters, digits, '_' and '-'")
    return text


def variable(name: str, field: str) -> str:
    """The name of an environment variable, as sh(1) takes one in front of a command."""
    if not _VARIABLE.fullmatch(name):
        raise ConfigError(f"{field} has the name {name!r}", hint="use letters, digits and '_', no digit first")
    return name


def split(command: str) -> list[str]:
    """The words that /bin/sh finds in a command of ours after cron has read it.

    Reads what `word` writes, nothing else: the shell's operators are words as well. Raises `ValueError` where cron
    would end the command early.
    """
    ended = re.sub(r"\\.", "", command)
    if "%" in ended:
        raise ValueError("a % is not escaped")
    return shlex.split(command.replace("\\%", "%"))
