"""The tauro dialect: nodes, pipelines of nodes, global settings and what concerns machine learning.

Every node becomes a pipeline with one function, all in one session, so that objects pass between them; every pipeline
becomes a mode.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.dialects.tauro_files import content_of, gather
from tetra_orchestrator.config.dialects.tauro_graph import Graph, check_graph
from tetra_orchestrator.config.dialects.tauro_learning import Learning
from tetra_orchestrator.config.dialects.tauro_models import Settings, Workspace
from tetra_orchestrator.config.dialects.tauro_native import Native, as_name
from tetra_orchestrator.config.yaml_tree import Entry, Map, Scalar, find

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.source import Source
    from tetra_orchestrator.config.problems import Problems

NAME = "tauro"


def recognises(tree: Map, path: str) -> bool:
    """Whether the document looks like nodes, pipelines of nodes, or a file that belongs to them."""
    return content_of(tree, path) is not None


def translate(source: Source) -> Map | None:
    """The native document of a nodes, pipelines, settings or single file and those beside it."""
    problems = source.problems
    files = gather(source)
    tree = _without_foreign_settings(files.workspace, problems)
    workspace = check_shape(tree, problems, Workspace)
    if workspace is None:
        return None
    if not workspace.nodes:
        _report_no_nodes(source, tree)
        return None
    learning = Learning(workspace, files, source)
    lone = workspace.pipeline.name or learning.pipeline_name or as_name(_stem(source.path))
    graph = Graph(workspace, lone)
    check_graph(graph, workspace, tree, problems)
    graph.wait_for_batch()
    contexts = learning.contexts(graph)
    if problems:
        return None
    return Native(source, tree, workspace, graph, contexts, learning.versions(graph)).document()


def _without_foreign_settings(tree: Map, problems: Problems) -> Map:
    """The tree without settings that are not ours, each with a warning; one that looks misspelt stays, as a fault."""
    entry = tree.entries.get("global_settings")
    if entry is None or not isinstance(entry.value, Map):
        return tree
    known = list(Settings.model_fields)
    kept = {}
    for key, item in entry.value.entries.items():
        if key in known or problems.guess(key, known):
            kept[key] = item
            continue
        message = f"'{key}' has no effect: it is no setting of ours"
        hint = f"settings: {', '.join(known)}"
        problems.warning("no_effect", item.mark, ("global_settings", key), message, hint)
    settings = Entry(entry.mark, Map(entry.value.mark, kept))
    return Map(tree.mark, {**tree.entries, "global_settings": settings})


def _report_no_nodes(source: Source, tree: Map) -> None:
    """Say that nothing runs, unless what was wrong with the nodes has been told."""
    entry = tree.entries.get("nodes")
    if entry is not None and (source.problems or not isinstance(entry.value, Map)):
        return
    name, mark, path = find(tree, ("pipeline", "name"))
    if entry is None and isinstance(name, Scalar):
        message = f"the pipeline '{name.text}' has no 'nodes'"
        hint = "say what each of them runs: `nodes: {extract: {function: my_pkg.etl.extract}}`"
        source.problems.error("missing_key", mark, (*path, "nodes"), message, hint)
        return
    reason = "'nodes' is empty" if entry else f"no file with nodes is beside {os.path.basename(source.path)}"
    hint = "nodes.yaml beside it says what each node runs: `extract: {function: my_pkg.etl.extract}`"
    mark = entry.mark if entry else source.tree.mark
    source.problems.error("no_nodes", mark, (), f"there is nothing to run: {reason}", hint)


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]
