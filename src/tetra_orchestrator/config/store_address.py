"""What is checked of `state: postgresql://...`, and its password kept out of everything that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from tetra_orchestrator.config.hidden import Secrets
from tetra_orchestrator.config.problems import SHORTEST
from tetra_orchestrator.config.yaml_tree import Scalar, find
from tetra_orchestrator.core.store_address import is_ambiguous, passwords

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.sheet import Sheet

_PATH: Path = ("state",)


def check_address(sheet: Sheet, url: str) -> None:
    """Report an address of which part of the password would be taken for the host, and warn of one in the file."""
    for form in _forms(url):
        sheet.problems.hide(form)
    if is_ambiguous(url):
        sheet.problems.hide(url.partition("://")[2].partition(":")[2].rpartition("@")[0])
        hint = "write such a sign of the password by its number: %40 for @, %2F for /, %3F for ?, %25 for %"
        sheet.error("bad_state", _PATH, "the login in the address of the store cannot be told from the host", hint)
        return
    warn_of_password(sheet, _PATH, url, "the store")


def warn_of_password(sheet: Sheet, path: Path, url: str, whose: str) -> None:
    """Warn where the password of a database is written in the file itself."""
    node = find(sheet.tree, path)[0]
    written = (node.raw or node.text) if isinstance(node, Scalar) else ""
    if any(password in written for password in passwords(url)):
        hint = "leave it to ~/.pgpass, or write ${VARIABLE} in its place"
        sheet.warn("password_in_file", path, f"the password of {whose} stands in the file", hint)


def login_secrets(url: str, secrets: Iterable[str]) -> Secrets:
    """The secrets with those in the address, as they are written there and as they are sent."""
    found = (form for form in _forms(url) if len(form) >= SHORTEST)
    return Secrets(dict.fromkeys((*secrets, *found)))


def _forms(url: str) -> list[str]:
    return [form for password in passwords(url) for form in (password, unquote(password))]
