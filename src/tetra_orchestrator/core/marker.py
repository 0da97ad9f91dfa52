"""Whose a generated unit is: one comment in its text, the same on every backend."""

from __future__ import annotations

import re
from _blake2 import blake2b  # hashlib, which has it too, loads OpenSSL

from tetra_orchestrator.core.units import Marker

#: Bytes that stand for themselves. None can end a comment, nor begin a value or a specifier of a scheduler.
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_.-")
_LINE = re.compile(r"^.*\btetra-orchestrator: project=(\S*) root=(\S*) digest=([0-9a-f]{32})(?![0-9a-f]).*\n?", re.M)
_CODED = re.compile(rb"%([0-9A-F]{2})")


def marked(text: str, project: str, root: str, comment: str) -> str:
    """The text with its marker in front, behind an XML declaration where it begins with one.

    `comment` is how the file writes a comment, with `{}` where the marker goes: `# {}`, `<!-- {} -->`.
    """
    words = f"tetra-orchestrator: project={_coded(project)} root={_coded(root)} digest={body_digest(text)}"
    head, newline, rest = text.partition("\n") if text.startswith("<?xml") else ("", "", text)
    return f"{head}{newline}{comment.format(words)}\n{rest}"


def read_marker(text: str) -> Marker | None:
    """Whose the text is; None where it does not say. A hand edit shows: `digest` is not that of `body_digest`."""
    found = _LINE.search(text)
    return Marker(_decoded(found[1]), _decoded(found[2]), found[3]) if found else None


def body_digest(text: str) -> str:
    """32 hex digits (BLAKE2b) for the text as it is without its marker."""
    body = _LINE.sub("", text, count=1)
    return blake2b(body.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _coded(name: str) -> str:
    """In ASCII and without a blank; two dashes in a row, which no XML comment may have, are coded like the rest."""
    data = name.encode("utf-8", "surrogateescape")
    coded = "".join([chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in data])
    return coded.replace("--", "%2D%2D")


def _decoded(coded: str) -> str:
    data = _CODED.sub(lambda found: bytes.fromhex(found[1].decode()), coded.encode("utf-8", "surrogateescape"))
    return data.decode("utf-8", "surrogateescape")
