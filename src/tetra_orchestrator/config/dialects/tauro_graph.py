"""What runs after what in a tauro configuration: pipelines, dependencies, data sets, batch nodes and streams."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from tetra_orchestrator.config.dialects.tauro_dependencies import behind, cycles, describe_cycle, edges
from tetra_orchestrator.config.yaml_tree import Map, Scalar, Seq, find

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tetra_orchestrator.config.dialects.tauro_models import Node, Workspace
    from tetra_orchestrator.config.problems import Mark, Path, Problems

SHOWN = 20
STREAMING, BATCH, HYBRID = "streaming", "batch", "hybrid"


class Graph:
    """The nodes of a configuration and how they hang together.

    `pipelines` has the nodes of each pipeline, `kinds` its kind where it says one. `needs` has what each node depends
    on, `writes` its data sets; `streams` are the nodes that are streams.
    """

    def __init__(self, workspace: Workspace, lone: str):
        """`lone` is what the one pipeline is called where the files name none."""
        self.nodes = workspace.nodes
        kind = workspace.pipeline.type
        if workspace.pipelines:
            self.pipelines = {name: dict.fromkeys(each.nodes) for name, each in workspace.pipelines.items()}
            self.kinds = {name: each.type or kind for name, each in workspace.pipelines.items()}
        else:
            self.pipelines = {lone: dict.fromkeys(self.nodes)}
            self.kinds = {lone: kind}
        self.writes = {name: node.output or [name] for name, node in self.nodes.items()}
        explicit = {name: dependencies(node) for name, node in self.nodes.items()}
        reads = {name: node.input for name, node in self.nodes.items()}
        self.needs = edges(explicit, reads, self.writes)
        self._given = {name: tuple(needs) for name, needs in self.needs.items()}
        self._writers = {each: name for name, own in self.writes.items() for each in own}
        self.streams = {name for name in self.nodes if self._is_stream(name)}
        firsts = {own[0] for own in self.writes.values()}
        self._kept_as = {each: own[0] for own in self.writes.values() for each in own if each not in firsts}

    def reads(self, name: str) -> list[str]:
        """What a node is given: its input, or else what its dependencies write. Those for the order alone do not count.

        A node returns one object. It is kept under the first name in its output, and the others mean the same.
        """
        given = self.nodes[name].input
        return [self._kept_as.get(each, each) for each in given] or [self.writes[each][0] for each in self._given[name]]

    def writer(self, data_set: str) -> str | None:
        """The node that writes a data set, None where none does."""
        return self._writers.get(data_set)

    def wait_for_batch(self) -> None:
        """In a hybrid pipeline, have the first streams and what needs no stream run one after the other."""
        for name, kind in self.kinds.items():
            if kind == HYBRID:
                self._wait_for_batch({each: None for each in self.pipelines[name] if each in self.nodes})

    def is_needed(self, name: str) -> bool:
        """Whether another node depends on this one."""
        return any(name in needs for needs in self.needs.values())

    def _is_stream(self, name: str) -> bool:
        node = self.nodes[name]
        kinds = {self.kinds[pipeline] for pipeline, names in self.pipelines.items() if name in names}
        if node.type is not None:
            return node.type == STREAMING
        return kinds == {STREAMING} or (HYBRID in kinds and looks_streaming(name, node))

    def _wait_for_batch(self, names: dict[str, None]) -> None:
        inside = {name: [each for each in self.needs[name] if each in names] for name in names}
        streaming = behind(inside, self.streams.__contains__)
        followed = {each for name in names if name not in streaming for each in inside[name]}
        last = [name for name in names if name not in streaming and name not in followed]
        for name in names:
            if name in streaming and not streaming.intersection(inside[name]):
                self.needs[name] += [each for each in last if each not in self.needs[name]]


def dependencies(node: Node) -> list[str]:
    """The nodes that a node names itself."""
    return node.dependencies or node.depends_on or []


def looks_streaming(name: str, node: Node) -> bool:
    """Whether a node of a hybrid pipeline that does not say what it is is a stream, by its name or its output."""
    return name.startswith("stream_") or any(each.startswith("stream.") for each in node.output)


def check_graph(graph: Graph, workspace: Workspace, tree: Map, problems: Problems) -> None:
    """Report nodes without a function, names that are no nodes, nodes of the wrong kind, and cycles."""
    for name in graph.nodes:
        _check_node(name, graph, tree, problems)
    for name in workspace.pipelines:
        _check_pipeline(name, graph, tree, problems)
    _check_kinds(graph, tree, problems)
    for cycle in cycles(graph.needs):
        _report_cycle(cycle, graph, tree, problems)


def _report_cycle(cycle: list[str], graph: Graph, tree: Map, problems: Problems) -> None:
    """Report a cycle where its last dependency is written, or else where the data set is read that makes it."""
    waiting, awaited = cycle[-2:]
    path: Path = ("nodes", waiting)
    mark = _places(tree, path).get(awaited)
    hint = f"remove one of these dependencies, such as that of '{waiting}' on '{awaited}'"
    if mark is None:
        data_set = next(each for each in graph.nodes[waiting].input if each in graph.writes[awaited])
        mark = _places(tree, path, ("input",))[data_set]
        hint = f"'{waiting}' reads '{data_set}', which '{awaited}' writes: rename or remove one of the two"
    problems.error("cycle", mark, (*path, awaited), describe_cycle(cycle), hint)


def _check_node(name: str, graph: Graph, tree: Map, problems: Problems) -> None:
    node = graph.nodes[name]
    path: Path = ("nodes", name)
    if node.function is None:
        hint = "add the dotted path of its Python function: `function: my_pkg.etl.extract`"
        problems.error("missing_key", find(tree, path)[1], path, f"the node '{name}' has no 'function'", hint)
    known = _names(tree)
    unknown = [each for each in dependencies(node) if each not in known]
    for each in unknown:
        message = f"'{name}' depends on '{each}', and there is no such node"
        writer = graph.writer(each)
        written = f"'{each}' is written by '{writer}': depend on that, or read it as `input`"
        remedy = written if writer not in (None, name) else problems.guess(each, known, _one_of(known))
        problems.error("unknown_dependency", _places(tree, path)[each], (*path, each), message, remedy)


def _check_pipeline(name: str, graph: Graph, tree: Map, problems: Problems) -> None:
    known, listed, places = _names(tree), graph.pipelines[name], _places(tree, ("pipelines", name))
    for each in listed:
        path: Path = ("pipelines", name, "nodes", each)
        if each not in known:
            message = f"'{name}' lists '{each}', and there is no such node"
            problems.error("unknown_node", places[each], path, message, problems.guess(each, known, _one_of(known)))
        for needed in dependencies(graph.nodes[each]) if each in graph.nodes else ():
            if needed in known and needed not in listed:
                message = f"'{each}' depends on '{needed}', which the pipeline '{name}' does not list"
                hint = f"add '{needed}' to the nodes of '{name}'"
                problems.error("unknown_dependency", places[each], (*path, needed), message, hint)


def _check_kinds(graph: Graph, tree: Map, problems: Problems) -> None:
    for pipeline, kind in graph.kinds.items():
        for name in graph.pipelines[pipeline] if kind in (BATCH, STREAMING) else ():
            own = graph.nodes[name].type if name in graph.nodes else None
            if own not in (None, kind):
                node = find(tree, ("nodes", name, "type"))[0]
                message = f"'{name}' is a {own} node, and the pipeline '{pipeline}' is of the type {kind}"
                hint = f"give '{pipeline}' `type: hybrid`, or leave the type of '{name}' out"
                problems.error("wrong_kind", node.mark, ("nodes", name, "type"), message, hint)


def _names(tree: Map) -> Collection[str]:
    """The nodes as the files have them, faulty ones included."""
    nodes = find(tree, ("nodes",))[0]
    return nodes.entries.keys() if isinstance(nodes, Map) else ()


def _one_of(names: Collection[str]) -> str:
    shown = list(islice(names, SHOWN))
    return f"nodes: {', '.join(shown)}{' ...' if len(names) > len(shown) else ''}"


def _places(tree: Map, path: Path, keys: Sequence[str] = ("dependencies", "depends_on", "nodes")) -> dict[str, Mark]:
    """Where a node or pipeline names others, in whatever form."""
    found: dict[str, Mark] = {}
    for key in keys:
        node, _, existing = find(tree, (*path, key))
        for item in (node.items if isinstance(node, Seq) else (node,)) if existing == (*path, key) else ():
            if isinstance(item, Scalar):
                found.setdefault(item.text, item.mark)
            elif isinstance(item, Map):
                for name, entry in item.entries.items():
                    found.setdefault(name, entry.mark)
    return found
