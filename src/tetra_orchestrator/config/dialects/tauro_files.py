"""The files of a tauro configuration: whichever is given, the others are found beside it by their names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tetra_orchestrator.config.dialects.tauro_models import Whole
from tetra_orchestrator.config.problems import Mark
from tetra_orchestrator.config.problems import Source as Text
from tetra_orchestrator.config.yaml_tree import Entry, Map, Scalar
from tetra_orchestrator.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Collection

    from tetra_orchestrator.config.dialects.source import Source
    from tetra_orchestrator.config.yaml_tree import Node

ENDINGS = (".yaml", ".yml", ".json")
#: The names of files by what is in them, in the order in which they are looked for.
NAMES = {
    "nodes": ("nodes", "nodes_config"),
    "pipelines": ("pipelines", "pipelines_config"),
    "global_settings": ("global_settings",),
    "ml_info": ("ml_info", "ml_config"),
}
#: Keys under which one file may hold or name the others.
PARTS = {
    "nodes": "nodes",
    "nodes_config": "nodes",
    "pipelines": "pipelines",
    "pipelines_config": "pipelines",
    "global_settings": "global_settings",
    "ml_info": "ml_info",
}
#: Keys under which the file of a part may hold all of it.
WRAPPERS = {"nodes": ("nodes", "nodes_config"), "pipelines": ("pipelines", "pipelines_config")}
LEGACY = ("pipeline_name", "pipeline_type")
ABOUT_NODES = ("function", "dependencies", "input", "output")
ABOUT_ML = ("mlops", "hyperparameters", "hyperparams")
OF_A_NODES_FILE = ("name", "type", "description")


class Files(Record):
    """What was found. `workspace` holds the settings, the nodes, and the pipelines or what the one pipeline says.

    `ml_info` is the tree of that file where it is the given one or part of it.
    """

    workspace: Map
    ml_info: Map | None


def content_of(tree: Map, path: str) -> str | None:
    """What a file holds: a key of `NAMES`, `all` for one that holds or names several parts, or None."""
    stem = _stem(path)
    named = next((content for content, names in NAMES.items() if stem in names), None)
    if named in ("global_settings", "ml_info"):
        return named
    if "nodes" in tree.entries or "nodes_config" in tree.entries or _is_wrapped(tree) or _lacks_nodes(tree):
        return "all"
    inner = [entry.value for entry in tree.entries.values()]
    if named == "pipelines" or _most(inner, ("nodes",)):
        return "pipelines"
    if named == "nodes" or _most(inner, ABOUT_NODES):
        return "nodes"
    is_ml = any(key in tree.entries for key in ABOUT_ML) or all(key in tree.entries for key in LEGACY)
    return "ml_info" if is_ml else None


def gather(source: Source) -> Files:
    """The given file and those beside it that belong to it, but for the one about machine learning."""
    content = content_of(source.tree, source.path) or "nodes"
    parts = _parts(source, source.tree, content)
    siblings = ("nodes", "pipelines", "global_settings") if _has_siblings(source, parts) else ("global_settings",)
    for missing in siblings:
        path = None if missing in parts else _beside(source, missing)
        if path is not None:
            tree = _read(source, path)
            parts = {**_parts(source, tree, content_of(tree, path) or missing), **parts}
    ml_info = parts.pop("ml_info", None)
    entries = {key: Entry(part.mark, part) for key, part in parts.items()}
    return Files(Map(source.tree.mark, entries), ml_info if isinstance(ml_info, Map) else None)


def ml_info_beside(source: Source) -> Map | None:
    """The tree of the file about machine learning beside the given one."""
    path = _beside(source, "ml_info")
    return _read(source, path) if path else None


def mark_of(path: str) -> Mark:
    """The first character of a file."""
    return Mark(Text(path, ()), 1, 1)


def _parts(source: Source, tree: Map, content: str) -> dict[str, Node]:
    """What a file says, by parts; what it says about its one pipeline is the part `pipeline`."""
    if content == "all":
        return _named_parts(source, tree)
    if content != "nodes":
        return {content: tree}
    about = _about_pipeline(tree)
    return {"nodes": _without(tree, about), **({"pipeline": _only(tree, about)} if about else {})}


def _about_pipeline(tree: Map) -> list[str]:
    """The keys among nodes that say something about the pipeline."""
    return [key for key in OF_A_NODES_FILE if key in tree.entries and isinstance(tree.entries[key].value, Scalar)]


def _named_parts(source: Source, tree: Map) -> dict[str, Node]:
    parts: dict[str, Node] = {}
    about: dict[str, Entry] = {}
    for key, content in PARTS.items():
        if key in tree.entries:
            value = tree.entries[key].value
            part = _named(source, key, value) if isinstance(value, Scalar) else value
            parts[content], rest = _unwrapped(part, content)
            about.update(rest.entries)
    about.update(_known(source, _without(tree, PARTS)).entries)
    return {**parts, "pipeline": Map(tree.mark, about)} if about else parts


def _unwrapped(part: Node, content: str) -> tuple[Node, Map]:
    """A part, and what stands beside it about the pipeline. In a file of its own a part may stand under its key."""
    if not isinstance(part, Map):
        return part, Map(part.mark, {})
    wrapper = next((key for key in WRAPPERS.get(content, ()) if _wraps(part.entries.get(key))), None)
    if wrapper is not None:
        return part.entries[wrapper].value, _without(part, (wrapper,))
    about = _about_pipeline(part) if content == "nodes" else ()
    return _without(part, about), _only(part, about)


def _wraps(entry: Entry | None) -> bool:
    """Whether the value holds nodes or pipelines; a node or pipeline that has this name holds other things."""
    inner = entry.value.entries.values() if entry and isinstance(entry.value, Map) else ()
    return bool(inner) and all(isinstance(each.value, Map) for each in inner)


def _known(source: Source, tree: Map) -> Map:
    """What one file says about its pipeline, without the keys that mean neither that nor a part: they are faults."""
    known = [*PARTS, *Whole.model_fields]
    unknown = [key for key in tree.entries if key not in known]
    for key in unknown:
        hint = source.problems.guess(key, known, f"known here: {', '.join(known)}")
        source.problems.error("unknown_key", tree.entries[key].mark, (key,), f"unknown key {key!r}", hint)
    return _without(tree, unknown)


def _named(source: Source, key: str, value: Scalar) -> Map:
    """The file that the user names, from the folder of the given one or from the project's root."""
    places = (os.path.join(folder, value.text) for folder in (os.path.dirname(source.path), source.root))
    path = next(filter(source.exists, places), None)
    if path is not None:
        return _read(source, path)
    hint = "write the parts here as a mapping, or the path of their file as seen from this one"
    source.problems.error("no_file", value.mark, (key,), f"'{key}': there is no file {value.text!r}", hint)
    return Map(value.mark, {})


def _only(tree: Map, keys: Collection[str]) -> Map:
    return Map(tree.mark, {key: tree.entries[key] for key in keys})


def _without(tree: Map, keys: Collection[str]) -> Map:
    return Map(tree.mark, {key: entry for key, entry in tree.entries.items() if key not in keys})


def _is_wrapped(tree: Map) -> bool:
    """Whether a file of pipelines has them under the key `pipelines`, or names the file that has them."""
    return any(key in tree.entries for key in ("pipelines", "pipelines_config", "global_settings"))


def _lacks_nodes(tree: Map) -> bool:
    """Whether this is a pipeline with settings of its own whose nodes have been forgotten."""
    config = tree.entries.get("config")
    settings = config.value if config else None
    named = any(key in tree.entries and isinstance(tree.entries[key].value, Scalar) for key in OF_A_NODES_FILE)
    return named and isinstance(settings, Map) and not any(key in settings.entries for key in ABOUT_NODES)


def _most(nodes: Collection[Node], keys: Collection[str]) -> bool:
    """Whether at least half of the mappings among the nodes have one of the keys."""
    mappings = [node for node in nodes if isinstance(node, Map)]
    having = [node for node in mappings if any(key in node.entries for key in keys)]
    return bool(mappings) and 2 * len(having) >= len(mappings)


def _has_siblings(source: Source, parts: dict[str, Node]) -> bool:
    """A nodes file with a name of its own is a pipeline by itself, even where its folder holds others."""
    return "nodes" not in parts or (_stem(source.path) in NAMES["nodes"] and "name" not in source.tree.entries)


def _beside(source: Source, content: str) -> str | None:
    folder = os.path.dirname(source.path)
    paths = (os.path.join(folder, name + ending) for name in NAMES[content] for ending in ENDINGS)
    return next(filter(source.exists, paths), None)


def _read(source: Source, path: str) -> Map:
    """The mapping in a file; an empty one after reporting why there is none."""
    before = bool(source.problems)
    tree = source.read(path)
    if tree is None and not before and not source.problems:
        source.problems.error("bad_value", mark_of(path), (), "the file must be a mapping", "write it as `key: value`")
    return tree or Map(mark_of(path), {})


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]
