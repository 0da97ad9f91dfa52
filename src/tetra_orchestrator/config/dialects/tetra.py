"""The tetra dialect: an `orchestration.yaml` whose pipelines are modules, chained by dependency rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.dialects.source import in_parts
from tetra_orchestrator.config.dialects.tetra_chain import CHAIN, put_modes, put_schedules
from tetra_orchestrator.config.dialects.tetra_file import TetraFile
from tetra_orchestrator.config.dialects.tetra_recovery import put_recovery, put_resources
from tetra_orchestrator.config.dialects.tetra_schema import Document
from tetra_orchestrator.config.yaml_tree import Entry, Map, Scalar, Seq
from tetra_orchestrator.core.template import escaped

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.source import Source
    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.yaml_tree import Node

NAME = "tetra"
SECTIONS = ("pipeline_dependencies", "recovery_procedures", "resource_management", "alerting")
RETRY = {"max_attempts": 3, "delay": "60s", "backoff": 1}
WORKERS = 4
MAX_AGE = "24h"


def recognises(tree: Map, path: str) -> bool:
    """True where there is a section that only this dialect has, or a pipeline with a module or with dependencies."""
    section = tree.entries.get("pipelines")
    entries = section.value.entries.values() if section and isinstance(section.value, Map) else ()
    keys = {key for entry in entries if isinstance(entry.value, Map) for key in entry.value.entries}
    if any(each in tree.entries for each in SECTIONS) or "module" in keys:
        return True
    return "dependencies" in keys and "nodes" not in keys


def translate(source: Source) -> Map | None:
    """The native document, or None after reporting that there is no pipeline to run."""
    document = check_shape(source.tree, source.problems, Document)
    if document is None:
        return None
    file = TetraFile(source, document)
    if not file.names:
        _report_no_pipeline(source)
        return None
    _put_settings(file)
    for name in file.names:
        _put_pipeline(file, name)
    put_modes(file)
    put_schedules(file)
    put_recovery(file)
    put_resources(file)
    return file.native.tree


def _report_no_pipeline(source: Source) -> None:
    if not source.problems:  # else there may be one, and faulty
        message = "the file has no pipeline, neither under 'pipelines' nor under 'pipeline_dependencies'"
        source.problems.error("missing_key", source.tree.mark, ("pipelines",), message, "add at least one")


def _put_settings(file: TetraFile) -> None:
    put = file.native.put
    put(("version",), 1)
    put(("project",), NAME)
    put(("timezone",), "local")
    put(("host", "max_parallel"), WORKERS)
    put(("defaults", "task", "retry"), RETRY)
    put(("defaults", "run", "stop_after"), 1)
    put(("defaults", "run", "barriers"), True)
    file.native.copy(("alerting",), ("alerting",))


def _put_pipeline(file: TetraFile, name: str) -> None:
    at: Path = ("pipelines", name)
    origin = file.entries(name)[0][0]
    file.native.put(at, {}, origin)
    _put_program(file, name)
    dependencies = _agreed(file, name, "dependencies", "depends_on")
    if dependencies:
        file.native.copy((*at, "depends_on"), dependencies)
    hours = _agreed(file, name, "max_data_age_hours")
    file.native.put((*at, "max_data_age"), f"{file.text(hours)}h" if hours else MAX_AGE, hours or origin)
    for key in ("requires", "provides"):
        if key in file.rule(name).model_fields_set:
            file.native.copy((*at, key), ("pipeline_dependencies", name, key))


def _put_program(file: TetraFile, name: str) -> None:
    """As the scripts do, `python -m` with arguments; pipelines that they do not know are called `main(config)`."""
    at: Path = ("pipelines", name)
    pipeline = file.document.pipelines.get(name)
    if pipeline is None or pipeline.module is None:
        if pipeline is not None:
            _report_no_module(file, name)
        file.native.put((*at, "module"), _usual_module(name), file.entries(name)[0][0])
    elif name in CHAIN:
        file.native.put((*at, "module"), pipeline.module, (*at, "module"))
        if pipeline.config:
            _put_config(file, (*at, "config"), (*at, "config"))
            _warn_of_config(file, name)
    else:
        file.native.put((*at, "function"), f"{pipeline.module}.main", (*at, "module"))
        file.native.put((*at, "config", "config"), {}, at)
        _put_config(file, (*at, "config", "config"), (*at, "config"))


def _usual_module(name: str) -> str:
    return f"src.pipelines.{name}.main"


def _report_no_module(file: TetraFile, name: str) -> None:
    path = ("pipelines", name)
    if file.node((*path, "module")) is None:  # else it is there, and faulty
        message = f"the pipeline '{name}' has no 'module'"
        hint = f"add `module: {_usual_module(name)}`, or what runs it"
        file.problems.error("missing_key", file.key(path), (*path, "module"), message, hint)


def _put_config(file: TetraFile, at: Path, origin: Path) -> None:
    node = file.node(origin)
    if isinstance(node, Map):
        file.native.put(at, _literal(node), origin)


def _literal(node: Node) -> Node:
    """The node with doubled braces: `{a.b}` is a reference in the native form, and plain text in this dialect."""
    if isinstance(node, Map):
        return Map(node.mark, {key: Entry(entry.mark, _literal(entry.value)) for key, entry in node.entries.items()})
    if isinstance(node, Seq):
        return Seq(node.mark, [_literal(item) for item in node.items])
    # braces in a value of a variable are doubled already
    return in_parts(node, escaped) if isinstance(node, Scalar) else node


def _warn_of_config(file: TetraFile, name: str) -> None:
    path = ("pipelines", name, "config")
    message = f"'{name}' is run with the arguments of its mode; its 'config' is handed over in a file"
    hint = "the program finds it as `config` in the JSON file that TETRA_INPUT names"
    file.problems.warning("config_in_file", file.key(path), path, message, hint)


def _agreed(file: TetraFile, name: str, *keys: str) -> Path | None:
    """Where the file says this of a pipeline, or None. Where it says it twice, both have to be the same."""
    said = [
        ((*path, key), getattr(entry, key))
        for path, entry in file.entries(name)
        for key in keys
        if getattr(entry, key) is not None
    ]
    for path, value in said[1:]:
        if _unordered(value) != _unordered(said[0][1]):
            _report_conflict(file, name, path, said[0][0])
    return said[0][0] if said else None


def _unordered(value: object) -> object:
    return set(value) if isinstance(value, list) else value


def _report_conflict(file: TetraFile, name: str, path: Path, first: Path) -> None:
    here, there = (f"`{place[-1]}: {file.text(place)}`" for place in (path, first))
    message = f"'{name}' has {here} here, and {there} on line {file.key(first).line}"
    file.problems.error("conflict", file.key(path), path, message, "make the two say the same, or remove one of them")
