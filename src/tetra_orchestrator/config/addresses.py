"""Whether a text is an address that we can ask, post to or write to. What is secret of it is not shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tetra_orchestrator.config.masking import MASK, is_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.sheet import Sheet

WEB = ("http", "https")
#: RFC 5321 allows more, such as quoted local parts with blanks; nobody means that.
_MAILBOX = re.compile(r"[^\s@<>,;:\"()\[\]]+@[^\s@<>,;:\"()\[\]]+")
_NAMED_MAILBOX = re.compile(r"[^<>\r\n\0]*<([^<>]*)>")
_SERVER = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")


def is_open(text: str) -> bool:
    """Whether a variable in the text has no value, which has been told, or the text was kept without its secret."""
    return "${" in text or text == MASK


def is_readable(url: str | None) -> bool:
    """Whether what goes to the address can be read on its way to another host."""
    if url is None or is_open(url) or not url.startswith("http://"):
        return False
    try:
        return urlsplit(url).hostname not in ("localhost", "127.0.0.1", "::1")
    except ValueError:
        return False  # told already


def check_url(sheet: Sheet, path: Path, url: str | None, schemes: Sequence[str] = WEB) -> None:
    """Report what is no address of one of these kinds."""
    if url is None or is_open(url):
        return
    cause = _cause(url, schemes)
    if cause is not None:
        if is_secret(path, url):
            sheet.problems.hide(url)
        shown = "" if is_secret(path, url) else f" {url!r}"
        sheet.error("bad_address", path, f"the address{shown} {cause}", f"write {_listed(schemes)}")


def _cause(url: str, schemes: Sequence[str]) -> str | None:
    if any(sign.isspace() or not sign.isprintable() for sign in url):
        return "has a blank in it"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"cannot be read: {error}"
    if parts.scheme not in schemes:
        return f"does not begin with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    if not parts.hostname:
        return "names no host"
    return "names no port" if parts.scheme == "tcp" and port is None else None


def _listed(schemes: Sequence[str]) -> str:
    examples = {"http": "http://host/path", "https": "https://host/path", "tcp": "tcp://host:port"}
    return " or ".join(examples[scheme] for scheme in schemes)


def check_mailbox(sheet: Sheet, path: Path, text: str, *, local: bool = False) -> None:
    """Report what is no address of mail: `name@host`, or `Somebody <name@host>`; `local`: or a name on one line."""
    named = _NAMED_MAILBOX.fullmatch(text)
    known = local and text.isprintable()
    if not known and not is_open(text) and not _MAILBOX.fullmatch(named[1] if named else text):
        sheet.error("bad_address", path, f"{text!r} is no address of mail", "write it like ops@example.com")


def check_server(sheet: Sheet, path: Path, text: str) -> None:
    """Report what is no host, with or without a port."""
    found = _SERVER.fullmatch(text)
    if not is_open(text) and (found is None or not 0 < int(found[1] or 1) < 65536):
        hint = "write its name alone, such as smtp.example.com, or with its port: smtp.example.com:587"
        sheet.error("bad_address", path, f"{text!r} is no server", hint)
