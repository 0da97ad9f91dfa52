"""What the nodes of machine learning are given: one `ml_context` each, out of every level of a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.dialects import tauro_ml
from tetra_orchestrator.config.dialects.tauro_files import mark_of, ml_info_beside
from tetra_orchestrator.config.dialects.tauro_models import MlInfo
from tetra_orchestrator.config.problems import listed
from tetra_orchestrator.config.yaml_tree import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tetra_orchestrator.config.dialects.source import Source
    from tetra_orchestrator.config.dialects.tauro_files import Files
    from tetra_orchestrator.config.dialects.tauro_graph import Graph
    from tetra_orchestrator.config.dialects.tauro_models import Node, Tagged, Tuning, Workspace
    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.yaml_tree import Map

UNKNOWN_VERSION = "unknown"
OF_A_PIPELINE = ("hyperparams", "hyperparameters", "metrics", "tags", "model_name", "model_version")
_SWITCH = {"true": True, "1": True, "false": False, "0": False}


class Learning:
    """The machine learning of a configuration. Its own file is read and checked only where a node is of that kind.

    `pipeline_name` is what that file calls the pipeline.
    """

    def __init__(self, workspace: Workspace, files: Files, source: Source):
        """Detect the nodes and read what concerns them; faults go to the source's problems."""
        self._workspace = workspace
        self._tree = files.workspace
        self._problems = source.problems
        self._reasons = {name: reason for name, node in workspace.nodes.items() if (reason := _reason(name, node))}
        self._info = MlInfo()
        self._info_tree: Map | None = None
        self._environment: dict[str, str] = {}
        self._automatic = True
        if self._reasons:
            self._info_tree = files.ml_info or ml_info_beside(source)
            self._info = self._read_info(self._info_tree)
            self._read_environment(source.environ)
        self.pipeline_name = self._info.pipeline_name

    def contexts(self, graph: Graph) -> dict[str, dict[str, Any]]:
        """The `ml_context` of each node of machine learning, but for what is known only when it runs."""
        if self.pipeline_name not in (None, *graph.pipelines):
            self._report_no_such_pipeline(graph)
        found = {}
        for name in self._reasons:
            homes = [each for each, names in graph.pipelines.items() if name in names]
            candidates = [self._context(name, home) for home in homes or [""]]
            if any(each != candidates[0] for each in candidates):
                self._report_conflict(name, homes)
            if candidates[0] is not None:
                found[name] = candidates[0]
        self._warn_of_no_effect(graph)
        if found:
            self._warn_of_no_tracking(found)
        return found

    def versions(self, graph: Graph) -> dict[str, str]:
        """The version of the model that each pipeline says, where it says one."""
        said = {name: [level.model_version for level in self._levels(name)] for name in graph.pipelines}
        return {name: [v for v in each if v][-1] for name, each in said.items() if any(each)}

    def _context(self, name: str, home: str) -> dict[str, Any] | None:
        node = self._workspace.nodes[name]
        above = self._levels(home)
        settings, *rest = [_mlops(level) for level in (*above, node)]
        own = node.mlops.enabled if node.mlops else None
        said = [level.mlops.enabled for level in above if level.mlops]
        automatic = self._automatic or _annotation(node) is not None
        if not tauro_ml.is_enabled(own, said, looks_like=True, automatic=automatic):
            return None
        metrics = [level.metrics for level in (*above, node) if level.metrics]
        names = [level.model_name for level in above if level.model_name]
        return {
            "hyperparams": {k: v for level in (*above, node) for k, v in _hyperparams(level).items()},
            "metrics": metrics[-1] if metrics else [],
            "mlops": tauro_ml.effective_mlops([settings, self._environment, *rest]),
            "tags": {k: v for level in above for k, v in level.tags.items()},
            "detected_by": self._reasons[name],
            **({"model_name": names[-1]} if names else {}),
        }

    def _levels(self, home: str) -> list[Tagged]:
        """What is said above the nodes of a pipeline, the most general first."""
        whole = self._workspace.pipeline
        own = self._workspace.pipelines.get(home)
        levels = [
            self._workspace.global_settings,
            self._info if self._info.pipeline_name in (None, home) else None,
            *(whole, whole.config),
            *((own, own.config) if own else ()),
        ]
        return [level for level in levels if level is not None]

    def _read_info(self, tree: Map | None) -> MlInfo:
        info = check_shape(tree, self._problems, MlInfo) if tree else None
        if tree and info and (info.pipeline_name or info.pipeline_type):
            message = "a file with 'pipeline_name' and 'pipeline_type' is the deprecated form of ml_info.yaml"
            hint = "move its hyperparams, metrics, tags and model_version into ml_info.yaml, or into pipelines.yaml"
            self._problems.warning("deprecated", tree.mark, (), message, hint)
        return info or MlInfo()

    def _read_environment(self, environ: Mapping[str, str]) -> None:
        self._environment = tauro_ml.from_environment(environ)
        backend = self._environment.get("backend", tauro_ml.BACKENDS[0])
        if backend not in tauro_ml.BACKENDS:
            message = f"'TAURO_MLOPS_BACKEND' must be 'local' or 'databricks': {backend!r}"
            self._problems.error("bad_value", mark_of("environment"), ("backend",), message, "change the variable")
        automatic = environ.get(tauro_ml.AUTO_INIT, "true").lower()
        if automatic not in _SWITCH:
            message = f"'{tauro_ml.AUTO_INIT}' must be true or false: {automatic!r}"
            self._problems.error("bad_value", mark_of("environment"), ("auto_init",), message, "change the variable")
        self._automatic = _SWITCH.get(automatic, True)

    def _report_no_such_pipeline(self, graph: Graph) -> None:
        assert self._info_tree is not None
        name = str(self.pipeline_name)
        node = find(self._info_tree, ("pipeline_name",))[0]
        hint = self._problems.guess(name, graph.pipelines, f"pipelines: {listed(graph.pipelines)}")
        message = f"this file is for the pipeline '{name}', and there is none"
        self._problems.error("unknown_pipeline", node.mark, ("pipeline_name",), message, hint)

    def _report_conflict(self, name: str, homes: list[str]) -> None:
        path = ("nodes", name)
        message = f"the pipelines {' and '.join(homes)} differ in what they say about machine learning for '{name}'"
        hint = f"say it in '{name}' itself, or in ml_info.yaml"
        self._problems.error("conflict", find(self._tree, path)[1], path, message, hint)

    def _warn_of_no_effect(self, graph: Graph) -> None:
        for path, reason, which in self._idle(graph):
            mark = find(self._tree, path)[1]
            message = f"'{path[-1]}' has no effect: {reason} taken for machine learning"
            self._problems.warning("no_effect", mark, path, message, f"give {which} `mlops: {{enabled: true}}`")

    def _warn_of_no_tracking(self, given: Iterable[str]) -> None:
        """Say once, where the files first speak of it, that experiments and models are not recorded."""
        trees = [self._info_tree or self._tree, self._tree]
        levels: list[Path] = [(), ("global_settings",), ("pipeline",), ("pipeline", "config")]
        levels += [("pipelines", name) for name in self._workspace.pipelines]
        levels += [("nodes", name) for name in given]
        for tree, path in ((tree, (*level, "mlops")) for tree in trees for level in levels):
            _, mark, existing = find(tree, path)
            if existing == path:
                message = "'mlops' is checked and handed to the functions in `ml_context`; nothing is tracked yet"
                hint = "experiments and models are recorded from a later version on"
                self._problems.warning("no_effect_yet", mark, path, message, hint)
                return

    def _idle(self, graph: Graph) -> Iterator[tuple[Path, str, str]]:
        """Where something is said for machine learning, and there is none, not even one that is turned off; and why."""
        for name, node in graph.nodes.items():
            if name not in self._reasons and node.mlops and node.mlops.enabled is None:
                yield ("nodes", name, "mlops"), f"'{name}' is not", "the node"
        for name, names in graph.pipelines.items():
            if not any(each in self._reasons for each in names):
                level, path = self._workspace.pipelines.get(name), ("pipelines", name)
                said = _said(level or self._workspace.pipeline, path if level else ("pipeline",))
                yield from ((each, f"no node of '{name}' is", "one of its nodes") for each in said)


def _said(level: Any, path: Path) -> Iterator[Path]:
    yield from ((*path, key) for key in OF_A_PIPELINE if key in level.model_fields_set)
    if level.config is not None:
        yield from ((*path, "config", key) for key in OF_A_PIPELINE if key in level.config.model_fields_set)


def _reason(name: str, node: Node) -> str | None:
    if node.mlops and node.mlops.enabled:
        return "mlops.enabled"
    return tauro_ml.detect(name, node.function or "", (*node.input, *node.output)) or _annotation(node)


def _annotation(node: Node) -> str | None:
    """The hyperparameters that a node has itself, whatever it is called: they are for its function."""
    return next((f"its {key}" for key in ("hyperparams", "hyperparameters") if getattr(node, key)), None)


def _mlops(level: Tuning) -> dict[str, Any]:
    return level.mlops.model_dump(by_alias=True, exclude_unset=True) if level.mlops else {}


def _hyperparams(level: Tuning) -> dict[str, Any]:
    return level.hyperparams or level.hyperparameters or {}
