"""Dependencies between nodes: the five forms in which they are written, the graph they make, and its cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tetra_orchestrator.config.scalars import kind_of
from tetra_orchestrator.config.values import Nothing, Plain, kind
from tetra_orchestrator.core.graph import find_cycle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Graph = Mapping[str, Sequence[str]]

MAX_CYCLES = 20
AS_LIST = "write them as a list: [{}]"


def normalise(value: Any) -> list[str]:
    """The names in a dependency list, each once and in order.

    A name stands as text or as a mapping with it as the only key; one of these alone is a list of one, nothing is an
    empty list. Raises `ValueError(message, hint)`, whose message completes "'dependencies' ...".
    """
    items = value if isinstance(value, list) else [] if _is_empty(value) else [value]
    return list(dict.fromkeys(map(dependency_name, items)))


def dependency_name(item: Any) -> str:
    """The name in one item of a dependency list: `extract`, or `{extract: {}}`. Raises as `normalise` does."""
    if isinstance(item, dict):
        return _only_key(item)
    if isinstance(item, Plain) and kind_of(item) != "str":
        raise ValueError(f"must hold names of nodes, not {item}", "a node whose name looks like that needs quotes")
    if not isinstance(item, str) or not item.strip():
        shown = repr(item) if isinstance(item, str | int | float) else kind(item)
        raise ValueError(f"must hold names of nodes, not {shown}", "write it like [extract, transform]")
    return str(item)


def edges(explicit: Graph, reads: Graph, writes: Graph) -> dict[str, list[str]]:
    """Per node what it depends on: what it names itself, then the writers of the data sets it reads, each once.

    Names that are no nodes are left out. A node that reads what it writes does not wait for itself.
    """
    writers: dict[str, list[str]] = {}
    for name, data_sets in writes.items():
        for data_set in data_sets:
            writers.setdefault(data_set, []).append(name)
    return {
        name: list(
            dict.fromkeys(
                [each for each in needs if each in explicit]
                + [each for data_set in reads[name] for each in writers.get(data_set, ()) if each != name]
            )
        )
        for name, needs in explicit.items()
    }


def cycles(graph: Graph) -> Iterator[list[str]]:
    """The cycles of a graph as `[a, b, a]`, one by one, each without the last edge of those before."""
    rest = {name: list(needs) for name, needs in graph.items()}
    for _ in range(MAX_CYCLES):
        cycle = find_cycle(rest)
        if cycle is None:
            return
        yield cycle
        rest[cycle[-2]].remove(cycle[-1])


def describe_cycle(cycle: Sequence[str]) -> str:
    """A cycle as text: `Circular dependency detected: a <-> b`, or `a -> b -> c -> a` for a longer one."""
    path = " <-> ".join(cycle[:2]) if len(cycle) == 3 else " -> ".join(cycle)
    return f"Circular dependency detected: {path}"


def behind(graph: Graph, starts: Callable[[str], bool]) -> set[str]:
    """The nodes for which `starts` holds, and all that depend on one of them, directly or not."""
    dependants: dict[str, list[str]] = {}
    for name, needs in graph.items():
        for each in needs:
            dependants.setdefault(each, []).append(name)
    stack = [name for name in graph if starts(name)]
    found = set(stack)
    while stack:
        new = [each for each in dependants.get(stack.pop(), ()) if each not in found]
        found.update(new)
        stack += new
    return found


def _only_key(item: Mapping[str, Any]) -> str:
    if len(item) != 1:
        raise ValueError(f"has a mapping of {len(item)} nodes", AS_LIST.format(", ".join(item) or "extract"))
    ((name, options),) = item.items()
    if not _is_empty(options):
        raise ValueError(f"gives '{name}' options, and a dependency has none", f"write only {name}")
    return str(name)


def _is_empty(value: Any) -> bool:
    return value is None or isinstance(value, Nothing) or value in ("", {}, [])
