"""Secrets that stand in the file itself where it says who is told: they are shown nowhere, and kept nowhere else."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from tetra_orchestrator.config.masking import MASK, is_secret
from tetra_orchestrator.config.problems import SHORTEST, Problems
from tetra_orchestrator.config.yaml_tree import Entry, Map, Scalar, Seq, parse, scalars, to_json

if TYPE_CHECKING:
    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.yaml_tree import Node


#: The sections that they stand in: a large file has most of its lines in others.
SECTIONS = ("alerting", "monitor", "schedules")


def own_secrets(tree: Node) -> tuple[str, ...]:
    """The passwords, keys and addresses that are written in a native document, long enough to be masked."""
    entries = tree.entries if isinstance(tree, Map) else {}
    texts = (each for key in SECTIONS if key in entries for each in scalars(entries[key].value, (key,)))
    found = (node.text for node, path in texts if _is_own(node, path))
    return tuple(dict.fromkeys(text for text in found if len(text) >= SHORTEST))


def without_own_secrets(document: str) -> str:
    """The native document, as JSON, with `***` for each of them."""
    tree = parse(document.encode(), "", Problems(""))
    assert isinstance(tree, Map), "it was written by us"
    entries = {
        key: Entry(entry.mark, _veiled(entry.value, (key,)) if key in SECTIONS else entry.value)
        for key, entry in tree.entries.items()
    }
    return to_json(Map(tree.mark, entries))


def with_own_secrets(document: str, tree: Node) -> str:
    """The native document, as JSON, with what stands in `tree` at the places where it says `***`.

    Raises `LookupError` where nothing stands there.
    """
    kept = parse(document.encode(), "", Problems(""))
    assert kept is not None, "it was written by us"
    return to_json(_filled(kept, tree))


def _veiled(node: Node, path: Path) -> Node:
    match node:
        case Map():
            entries = {key: Entry(e.mark, _veiled(e.value, (*path, key))) for key, e in node.entries.items()}
            return Map(node.mark, entries)
        case Seq():
            return Seq(node.mark, [_veiled(item, (*path, index)) for index, item in enumerate(node.items)])
        case Scalar() if _is_own(node, path):
            return Scalar(node.mark, MASK, False)
    return node


def _filled(node: Node, other: Node | None) -> Node:
    match node:
        case Map():
            there = other.entries if isinstance(other, Map) else {}
            known = {key: there[key].value if key in there else None for key in node.entries}
            entries = {key: Entry(e.mark, _filled(e.value, known[key])) for key, e in node.entries.items()}
            return Map(node.mark, entries)
        case Seq():
            items = other.items if isinstance(other, Seq) else []
            pairs = zip_longest(node.items, items[: len(node.items)])
            return Seq(node.mark, [_filled(item, found) for item, found in pairs])
        case Scalar() if node.text == MASK:
            if not isinstance(other, Scalar) or other.text == MASK:
                raise LookupError("the secret is not there any more")
            return other
    return node


def _is_own(node: Scalar, path: Path) -> bool:
    """Whether it tells somebody, is secret, and comes from no variable."""
    tells = path[:2] == ("alerting", "channels") or path[-1:] == ("heartbeat",)
    return tells and "${" not in (node.raw or node.text) and is_secret(path, "")
