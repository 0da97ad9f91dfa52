"""Which dialect a document is written in: as said, or by its shape."""

from __future__ import annotations

from difflib import SequenceMatcher
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING

from tetra_orchestrator.config.yaml_tree import Map, Scalar
from tetra_orchestrator.errors import UsageError

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.source import Dialect
    from tetra_orchestrator.config.yaml_tree import Node

#: In the order in which they are asked: a file of a later one may look like one of an earlier, not the reverse.
DIALECTS = ("dativo", "stages", "recomart", "tetra", "tauro")
NATIVE = "native"
#: From where on two keys are alike: letters that differ, and the ratio of `difflib`.
NEAR, ALIKE = 4, 0.75
#: What only a native pipeline has.
OURS = ("command", "shell", "tasks")
LOOKED_AT = 50  # keys of a document
#: Keys by which a document is told that no dialect recognises; of several that fit alike the first is taken.
KEYS = {
    NATIVE: ("version", "project", "title", "state", "env", "logs", "host", "pools", "pipelines", "modes", "schedules"),
    "stages": ("name", "version", "stages"),
    "recomart": ("pipeline", "execution", "storage", "tasks", "logging", "scheduling", "notifications", "resources"),
    "dativo": ("runner", "orchestrator", "source_connector", "target_connector", "tenant_id", "asset", "retry_config"),
    "tetra": ("pipelines", "pipeline_dependencies", "recovery_procedures", "alerting", "resource_management"),
    "tauro": ("name", "type", "config", "nodes", "pipelines", "mlops", "hyperparams"),
}


def recognise(tree: Node, path: str, said: str | None = None) -> Dialect | None:
    """The dialect of a document, None for a native one. Raises `UsageError` for a name that is none."""
    if said is not None:
        return None if said == NATIVE else _dialect(said)
    if not isinstance(tree, Map) or _is_native(tree):
        return None
    found = next((each for each in map(_dialect, DIALECTS) if each.recognises(tree, path)), None)
    return found or _nearest(tree)


def _nearest(tree: Map) -> Dialect | None:
    """The dialect whose first keys the document's resemble most: a misspelt key should be told in its user's words."""
    best = max(KEYS, key=lambda name: sum(_likeness(key, KEYS[name]) for key in islice(tree.entries, LOOKED_AT)))
    return None if best == NATIVE else _dialect(best)


def _likeness(key: str, known: tuple[str, ...]) -> float:
    ratios = (SequenceMatcher(None, key, other).ratio() for other in known if abs(len(key) - len(other)) < NEAR)
    return max((ratio for ratio in ratios if ratio > ALIKE), default=0.0)


def _dialect(name: str) -> Dialect:
    if name not in DIALECTS:
        raise UsageError(f"Unknown dialect: {name}", hint=f"--dialect takes {', '.join((NATIVE, *DIALECTS))}")
    module: Dialect = import_module(f"tetra_orchestrator.config.dialects.{name}")
    return module


def _is_native(tree: Map) -> bool:
    """A native file names its project; one that forgot to has the number of its version, or programs of ours."""
    version, pipelines = tree.entries.get("version"), tree.entries.get("pipelines")
    numbered = version is not None and isinstance(version.value, Scalar) and version.value.text.isdecimal()
    inner = pipelines.value.entries.values() if pipelines and isinstance(pipelines.value, Map) else ()
    keys = {key for entry in inner if isinstance(entry.value, Map) for key in entry.value.entries}
    return "project" in tree.entries or (numbered and pipelines is not None) or not keys.isdisjoint(OURS)
