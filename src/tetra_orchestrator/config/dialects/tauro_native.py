"""A tauro configuration in the words of a native file."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from tetra_orchestrator.config import scalars
from tetra_orchestrator.config.dialects.source import Translation
from tetra_orchestrator.config.dialects.tauro_graph import BATCH
from tetra_orchestrator.config.dialects.tauro_learning import UNKNOWN_VERSION
from tetra_orchestrator.config.dialects.tauro_params import literal, tunables
from tetra_orchestrator.config.yaml_tree import find

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.source import Source
    from tetra_orchestrator.config.dialects.tauro_graph import Graph
    from tetra_orchestrator.config.dialects.tauro_models import Retry, Workspace
    from tetra_orchestrator.config.yaml_tree import Map

SESSION = "tauro"
WORKERS = 4
TOO_MANY_WORKERS = 64
BREAKER = 3
RETRY = {"max_attempts": 3, "delay": 1, "backoff": 2, "max_delay": 60}
#: A stream that others need. Its function may return, or print that it is ready and go on.
SERVICE = {"until": "stopped", "ready_when": '"ready": true'}
DATES = ("start_date", "end_date")
#: What a backend is told in the environment, and no log.
SECRETS = ("DATABRICKS_TOKEN",)


class Native:
    """The native document, put together from what was found."""

    def __init__(
        self,
        source: Source,
        tree: Map,
        workspace: Workspace,
        graph: Graph,
        contexts: dict[str, dict[str, Any]],
        versions: dict[str, str],
    ):
        self._source = source
        self._tree = tree
        self._out = Translation(tree)
        self._workspace = workspace
        self._settings = workspace.global_settings
        self._graph = graph
        self._contexts = contexts
        self._versions = versions
        self._tunables = tunables({name: context["hyperparams"] for name, context in contexts.items()})

    def document(self) -> Map:
        """All of it."""
        self._head()
        self._params()
        for name in self._graph.nodes:
            self._pipeline(name)
        for name in self._graph.pipelines:
            self._mode(name)
        return self._out.tree

    def _head(self) -> None:
        out, root = self._out, self._source.root
        folder = os.path.relpath(os.path.dirname(self._source.path), root)
        title = self._workspace.pipeline.name or os.path.basename(root)
        workers = self._workers()
        out.put(("version",), 1)
        out.put(("project",), as_name(title))
        out.put(("pythonpath",), list(dict.fromkeys([".", folder])))
        out.put(("sessions", SESSION, "threads"), workers)
        out.put(("host", "max_parallel"), workers)
        out.put(("defaults", "run", "max_parallel"), workers)
        out.put(("defaults", "run", "stop_after"), self._settings.circuit_breaker_threshold or BREAKER)
        out.put(("defaults", "task", "retry"), _with_defaults(_given(self._settings.retry)))

    def _workers(self) -> int:
        """A stream keeps its thread while others go on, so each has one of its own."""
        workers = self._settings.max_workers or WORKERS
        if workers > TOO_MANY_WORKERS:
            path = ("global_settings", "max_workers")
            self._warn(path, f"'max_workers' is {workers}: so many threads get in each other's way")
        return workers + sum(map(self._graph.is_needed, self._graph.streams))

    def _params(self) -> None:
        for key in DATES:
            given = getattr(self._settings, key)
            default = {} if given is None else {"default": given}
            self._out.put(("params", key), {"type": "str", **default}, ("global_settings", key))
        if not self._contexts:
            return
        self._out.put(("env", "pass"), list(SECRETS))
        version = self._common_version() or UNKNOWN_VERSION
        self._out.put(("params", "model_version"), {"type": "str", "default": version})
        for (node, key), tunable in self._tunables.items():
            origin = ("nodes", node, "hyperparams", key)
            self._out.put(("params", tunable.name), {"type": tunable.type, "default": tunable.default}, origin)

    def _common_version(self) -> str | None:
        """The version of the model that all pipelines say."""
        said = {self._versions.get(name) for name in self._graph.pipelines}
        return said.pop() if len(said) == 1 else None

    def _pipeline(self, name: str) -> None:
        node = self._graph.nodes[name]
        origin = ("nodes", name)
        program = {
            "description": node.description,
            "function": node.function,
            "session": SESSION,
            "reads": self._graph.reads(name),
            "writes": self._graph.writes[name][:1],
            "timeout": node.timeout_seconds,
            "retry": _with_defaults({**_given(self._settings.retry), **_given(node.retry)}) if node.retry else None,
            **(SERVICE if name in self._graph.streams and self._graph.is_needed(name) else {}),
            "tags": self._tags(name),
        }
        for key, value in program.items():
            if value:
                self._out.put(("pipelines", name, key), value, (*origin, key))
        waits = [{each: "ready"} if each in self._graph.streams else each for each in self._graph.needs[name]]
        if waits:
            self._out.put(("pipelines", name, "depends_on"), waits, (*origin, "dependencies"))
        self._out.put(("pipelines", name, "config"), self._config(name), origin)

    def _tags(self, name: str) -> dict[str, str]:
        metrics = self._graph.nodes[name].metrics
        return {
            **(self._contexts[name]["tags"] if name in self._contexts else {}),
            **({"metrics": ", ".join(metrics)} if metrics else {}),
            **({"kind": "streaming"} if name in self._graph.streams else {}),
        }

    def _config(self, name: str) -> dict[str, Any]:
        config: dict[str, Any] = {key: f"{{params.{key}}}" for key in DATES}
        context = self._contexts.get(name)
        if context is not None:
            hyperparams = {key: self._hyperparam(name, key, value) for key, value in context["hyperparams"].items()}
            ready = {**literal({**context, "hyperparams": {}}), "hyperparams": hyperparams}
            config["ml_context"] = {**ready, "model_version": "{params.model_version}", "spark": None}
        return config

    def _hyperparam(self, node: str, key: str, value: Any) -> Any:
        tunable = self._tunables.get((node, key))
        return f"{{params.{tunable.name}}}" if tunable else literal(value)

    def _mode(self, name: str) -> None:
        said = self._workspace.pipelines.get(name)
        pipeline = said or self._workspace.pipeline
        origin = ("pipelines", name) if said else ("pipeline",)
        inside = self._graph.pipelines[name]
        order = [each for each in self._graph.nodes if each in inside]
        kind = self._graph.kinds[name] or BATCH
        self._out.put(("modes", name, "pipelines"), order, (*origin, "nodes"))
        self._out.put(("modes", name, "description"), pipeline.description or f"{kind} pipeline", origin)
        if self._contexts and name in self._versions and not self._common_version():
            self._out.put(("modes", name, "params", "model_version"), self._versions[name], origin)
        if name in self._graph.nodes and order != [name]:
            hint = f"`--pipeline {name}` runs the node alone, `--mode {name}` the pipeline; rename one of the two"
            self._warn(origin, f"'{name}' is the name of a node and of a pipeline", hint)

    def _warn(self, path: tuple[str, ...], message: str, hint: str | None = None) -> None:
        mark = find(self._tree, path)[1]
        self._source.problems.warning("doubtful", mark, path, message, hint)


def _given(retry: Retry | None) -> dict[str, Any]:
    return retry.model_dump(exclude_unset=True) if retry else {}


def _with_defaults(retry: dict[str, Any]) -> dict[str, Any]:
    """A wait that is longer than the usual longest is meant."""
    longest = max(RETRY["max_delay"], retry.get("delay", 0))
    return {**RETRY, "max_delay": longest, **retry}


def as_name(text: str) -> str:
    """Free text as a name."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")[:100]
    return scalars.name(name or "tauro")
