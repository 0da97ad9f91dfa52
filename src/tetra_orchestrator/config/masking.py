"""Which values of a configuration are secret: judged by the key they stand under and the variables they name.

A value is what `json.loads` gives: a mapping, a list, text, a number, a truth value or None.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tetra_orchestrator.config.problems import Path

MASK = "***"

_WORDS = {
    "apikey", "auth", "authorization", "cookie", "credential", "credentials", "dsn", "passphrase", "passwd", "password",
    "passwords", "pwd", "secret", "secrets", "token", "webhook", "webhooks",
}  # fmt: skip
#: What makes a `key` secret in a file, where `sort_key` and `primary_key` are none.
_OF_KEYS = {
    "access", "account", "api", "auth", "encryption", "integration", "private", "secret", "service", "signing", "ssh",
}  # fmt: skip
#: Below these stand names that the user chose, which say nothing of what is in them.
_NAMED = {
    "channels", "depends_on", "modes", "outputs", "pipelines", "pool", "pools", "run_if", "schedules", "sessions",
    "tasks", "tenants",
}  # fmt: skip
#: Below these stand keys of the user's own making again, which do.
_FREE = {"config", "env", "headers", "params"}

_SECRET_WORD = r"[\w-]{0,60}(?:passw(?:or)?d|passphrase|token|secret|(?:api|access|private)[-_]?key)[\w-]{0,60}"
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")
_OPTION = re.compile(rf"--?{_SECRET_WORD}", re.IGNORECASE)
_INSIDE = re.compile(rf"((?<![\w-])(?:{_SECRET_WORD}=|--?{_SECRET_WORD}\s+))(?!\s)\S+", re.IGNORECASE)
_LOGIN = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def declared(document: Any) -> tuple[str, ...]:
    """The variables that the `secrets` of a native document give."""
    secrets = document.get("secrets") if isinstance(document, dict) else None
    return tuple(secrets) if isinstance(secrets, dict) else ()


def masked(value: Any, path: Path = (), secrets: Collection[str] = ()) -> Any:
    """The value at `path` of a native document with `***` for all that is secret in it.

    `secrets` are the variables that the document's `secrets` give.
    """
    if isinstance(value, dict):
        return {key: masked(item, (*path, key), secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [
            MASK if _follows_option(value, index) else masked(item, (*path, index), secrets)
            for index, item in enumerate(value)
        ]
    if value in (None, "") or isinstance(value, bool):
        return value
    if is_secret(path, str(value), secrets):
        return MASK
    return veiled(value) if isinstance(value, str) else value


def is_secret(path: Path, written: str, secrets: Collection[str] = ()) -> bool:
    """Whether a value is secret as a whole; `written` is its text with `${VAR}` as it stands in the file."""
    if path[:1] == ("secrets",) or _is_hook(path):
        return True
    if any(name in secrets or _is_secret_variable(name) for name in _REFERENCE.findall(written)):
        return True
    return any(key in secrets or _is_secret_key(key) for key in _keys(path))


def veiled(text: str) -> str:
    """The text without the passwords of addresses and the values of options and variables that look secret."""
    return type(text)(_LOGIN.sub(rf"\1{MASK}@", _INSIDE.sub(rf"\1{MASK}", text)))


def _follows_option(items: list[Any], index: int) -> bool:
    """Whether an argument is the value of the option before it, such as --password."""
    before = items[index - 1] if index else None
    return isinstance(before, str) and _OPTION.fullmatch(before) is not None and isinstance(items[index], str)


def _is_hook(path: Path) -> bool:
    """The address of a webhook or a heartbeat lets whoever knows it post there, and a header may be what lets us in."""
    if path[-1:] == ("heartbeat",):
        return path[:1] == ("monitor",) or (path[:1] == ("schedules",) and len(path) == 3)
    return path[:2] == ("alerting", "channels") and path[3:4] in (("url",), ("headers",))


def _keys(path: Path) -> Iterator[str]:
    """The keys of a path that are not names of the user's own things."""
    above: str | None = None
    free = False
    for part in path:
        if isinstance(part, int):
            continue
        if free or not (above in _NAMED or (path[0] == "modes" and part != "params")):
            yield part
        free = free or part in _FREE
        above = part


def _is_secret_key(key: str) -> bool:
    words = _words(key)
    if key.isupper():
        return _is_secret_variable(key)
    pairs = zip(words, words[1:], strict=False)
    return not _WORDS.isdisjoint(words) or any(a in _OF_KEYS and b in ("key", "keys") for a, b in pairs)


def _is_secret_variable(name: str) -> bool:
    words = _words(name)
    return not _WORDS.isdisjoint(words) or "key" in words or "keys" in words


def _words(name: str) -> list[str]:
    return re.split(r"[^a-z0-9]+", _HUMP.sub("_", name).lower())
