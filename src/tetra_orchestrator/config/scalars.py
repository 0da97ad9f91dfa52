"""Short texts with a meaning: durations, names, numbers, parameter values.

Every reader takes text and raises `ValueError(message, hint)`; the message completes "'timeout' ...".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tetra_orchestrator.core.model import Json

NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
#: RFC 9110, section 5.6.2.
HEADER = r"[A-Za-z0-9!#\$%&'*+.^_`|~-]{1,100}"
SIZE = r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?(?:([kKMGT])i?)?B?"
_AMOUNT = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)"
DURATION = rf"{_AMOUNT}|(?=.)(?:{_AMOUNT}d)?(?:{_AMOUNT}h)?(?:{_AMOUNT}m)?(?:{_AMOUNT}s)?"
WHOLE = r"-?(0|[1-9][0-9]*)"
NUMBER = rf"{WHOLE}(\.[0-9]+)?"
MAX_DIGITS = 15  # what a double holds exactly; also keeps int() from refusing

_NAME = re.compile(NAME)
_VARIABLE = re.compile(VARIABLE)
_HEADER = re.compile(HEADER)
_WHOLE = re.compile(WHOLE)
_NUMBER = re.compile(NUMBER)
_FLOAT = re.compile(rf"{NUMBER}([eE][-+]?[0-9]{{1,2}})?")
_STEPS = ("", "K", "M", "G", "T")
_SIZE = re.compile(SIZE)
_DURATION = re.compile(DURATION)
_UNIT_S = (1, 86400, 3600, 60, 1)


def name(text: str) -> str:
    """A name of ours: safe in a path, a unit file and SQL."""
    if not _NAME.fullmatch(text):
        raise ValueError("is not a name", "use letters, digits, _ and -, not - first, at most 100 of them")
    return text


def variable_name(text: str) -> str:
    """The name of an environment variable."""
    if not _VARIABLE.fullmatch(text):
        raise ValueError("is not the name of a variable", "use letters, digits and _, no digit first")
    return text


def header_name(text: str) -> str:
    """The name of a header of HTTP."""
    if not _HEADER.fullmatch(text):
        raise ValueError("is not the name of a header", "write it like X-Api-Key")
    return text


def duration_s(text: str) -> float:
    """`90`, `90s`, `5m`, `2h`, `1d`, `1h30m` in seconds."""
    match = _DURATION.fullmatch(text)
    if not match:
        raise ValueError("is not a duration", "write it like 90s, 5m, 2h, 1d or 1h30m")
    return sum(float(amount) * unit for amount, unit in zip(match.groups(), _UNIT_S, strict=True) if amount)


def size_bytes(text: str) -> int:
    """`4096`, `64KB`, `1.5GB` or `8 GiB` in bytes; every unit counts in steps of 1024."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError("is not a size", "write it like 512MB or 8GB")
    return int(float(match[1]) * 1024 ** _STEPS.index((match[2] or "").upper()))


def typed(text: str) -> Json:
    """What `text` is without quotes: true, false, a decimal number, or text."""
    if text in ("true", "false"):
        return text == "true"
    if len(text) > MAX_DIGITS:
        return text
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def whole(text: str) -> int:
    """A plain decimal whole number."""
    if not _WHOLE.fullmatch(text):
        raise ValueError("is not a whole number", "write it like 3 or -10")
    return int(_bounded(text))


def number(text: str) -> float:
    """A plain decimal number."""
    if not _NUMBER.fullmatch(text):
        percent = _NUMBER.fullmatch(text.removesuffix("%").rstrip()) if text.endswith("%") else None
        hint = f"write it as a share: {float(percent[0]) / 100:g}" if percent else "write it like 2 or 0.5"
        raise ValueError("is not a number", hint)
    return float(_bounded(text))


def boolean(text: str) -> bool:
    """`true` or `false`."""
    if text not in ("true", "false"):
        raise ValueError("is neither true nor false", "write true or false, in small letters")
    return text == "true"


def value(kind: str, text: str) -> Json:
    """`text` as a value of the type `kind`: str, int, float or bool."""
    if kind == "int":
        return whole(text)
    if kind == "float":
        return number(text)
    return boolean(text) if kind == "bool" else text


def kind_of(text: str) -> str:
    """The type that `text` has when it stands without quotes."""
    if text in ("true", "false"):
        return "bool"
    if _WHOLE.fullmatch(text):
        return "int"
    return "float" if _NUMBER.fullmatch(text) else "str"


def _bounded(text: str) -> str:
    if len(text) > MAX_DIGITS:
        raise ValueError("is out of range", f"use at most {MAX_DIGITS} characters")
    return text
