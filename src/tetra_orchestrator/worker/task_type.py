"""Registered task types in the project's interpreter: running one, or telling which of those asked for would run.

Standard library only, Python 3.9 or newer. A type is a class registered by an installed package, by a plugin module or
by the file itself; any class of the shape of `task_types.TaskType` or `stages.StageExecutor` will do.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

GROUP = "tetra_orchestrator.task_types"
HOLDERS = ("TASK_TYPES", "REGISTRY")
#: What we ship ourselves; a dialect refers to it, and users need not know its name.
BUILT_IN = {"dativo_job": "tetra_orchestrator.worker.connectors:DativoJob"}
FAILED = 1
NOT_REGISTERED = 78


def main(argv: Sequence[str]) -> int:
    """Run the task type `NAME`, or `NAME module:Class`, and return the exit code; `--check` answers `check_types`."""
    registry = Registry(json.loads(os.environ.get("TETRA_PLUGINS") or "[]"))
    if argv[0] == "--check":
        return _answer(registry)
    found = argv[1] if len(argv) > 1 else registry.find(argv[0])
    if found is None:
        return _fail(registry.missing(argv[0]), NOT_REGISTERED)
    try:
        return _run(_load(found))
    except Exception as error:
        return _raised(error)


class Registry:
    """The classes that are registered by name. Plugins come before installed packages, the first before the second."""

    def __init__(self, plugins: Sequence[str]):
        """Import the plugins; `faults` says of each that failed, why."""
        self.faults: dict[str, str] = {}
        self._plugged: dict[str, Any] = {}
        for module in reversed(plugins):
            try:
                self._plugged.update(_types_in(module))
            except (Exception, SystemExit) as error:
                self.faults[module] = _told(error)

    def find(self, name: str) -> Any:
        """A class, or `module:Class`, or None."""
        return self._plugged[name] if name in self._plugged else {**BUILT_IN, **_installed()}.get(name)

    def names(self) -> list[str]:
        """What is registered."""
        return sorted({*self._plugged, *_installed()})

    def missing(self, name: str) -> str:
        """That a type is not registered, and what is."""
        causes = "".join(f"; plugin {module}: {cause}" for module, cause in self.faults.items())
        registered = ", ".join(self.names()) or "nothing"
        return f"No executor registered for stage type '{name}' (registered: {registered}){causes}"


def _types_in(module: str) -> Mapping[str, Any]:
    held = importlib.import_module(module)
    for name in HOLDERS:
        if hasattr(held, name):
            return dict(getattr(held, name))
    raise AttributeError(f"it has no {HOLDERS[0]}")


def _installed() -> dict[str, str]:
    from importlib.metadata import entry_points

    points: Any = entry_points()
    # up to Python 3.9 a mapping of groups
    group = points.select(group=GROUP) if hasattr(points, "select") else points.get(GROUP, ())
    return {point.name: point.value.partition("[")[0].strip() for point in group}


def _load(found: Any) -> Any:
    """The class itself; raises what its import raises, and `TypeError` for what has no `execute`."""
    kind = found
    if isinstance(found, str):
        module, _, path = found.partition(":")
        kind = importlib.import_module(module)
        for name in path.split("."):
            kind = getattr(kind, name)
    if not hasattr(kind, "execute"):
        raise TypeError(f"{getattr(found, '__name__', found)} is no task type: it has no execute()")
    return kind


def _run(kind: Any) -> int:
    with open(os.environ["TETRA_INPUT"], encoding="utf-8") as file:
        given = json.load(file)
    executor = kind(os.environ["TETRA_TASK"], given.get("config") or {})
    refusal = _refusal(executor)
    failed = getattr(kind, "failure_code", FAILED)
    if refusal is not None:
        return _fail(refusal, failed)
    result = executor.execute(given.get("upstream") or {})
    if not hasattr(result, "outputs"):
        return _fail(f"{kind.__name__}.execute() returned {type(result).__name__}, which is no result", failed)
    error, metrics = getattr(result, "error", None), getattr(result, "metrics", None)
    figures = {"metrics": metrics} if metrics else {}
    if not getattr(result, "success", error is None):
        _hand_on(figures)
        reason = str(error or f"{kind.__name__}.execute() failed without a reason")
        return _fail(reason, getattr(result, "exit_code", None) or failed)
    _hand_on({**(result.outputs or {}), **figures})
    return getattr(result, "exit_code", None) or 0


def _refusal(executor: Any) -> str | None:
    """Why the executor does not accept its configuration, or None; what is no `ValueError` is raised."""
    validate = getattr(executor, "validate_config", None) or getattr(executor, "validate", None)
    try:
        return f"{validate.__name__}() answered False" if validate and validate() is False else None
    except ValueError as error:
        return str(error)


def _hand_on(outputs: Mapping[str, Any]) -> None:
    if outputs:
        line = json.dumps(outputs, default=_plain, allow_nan=False)
        with open(os.environ["TETRA_OUTPUT"], "a", encoding="utf-8") as file:
            file.write(line + "\n")


def _plain(value: Any) -> Any:
    """A path as text, a number of NumPy as a number."""
    if hasattr(value, "__fspath__"):
        return os.fspath(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"an output or metric is of type {type(value).__name__}, which JSON cannot hold")


def _raised(error: Exception) -> int:
    """Print the traceback from the class on, and leave the names of the error's classes, which retry rules know."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)
    classes = [each.__name__ for each in type(error).__mro__[:-1]]
    _hand_on({"error_class": classes[0], "error_classes": classes})
    return FAILED


def _fail(reason: str, code: int = FAILED) -> int:
    sys.stderr.write(f"{reason}\n")
    return code


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _answer(registry: Registry) -> int:
    """Per `{type, target, id, config}` on standard input one line of JSON, after one with the faults of plugins.

    What the classes print goes to standard error.
    """
    with os.fdopen(os.dup(1), "w") as answer:
        os.dup2(2, 1)
        answer.write(json.dumps(registry.faults) + "\n")
        for asked in json.load(sys.stdin):
            answer.flush()  # the next class may end us
            answer.write(json.dumps(_verdict(registry, asked)) + "\n")
    sys.stderr.flush()
    os._exit(0)  # a thread that a class started must not keep us


def _verdict(registry: Registry, asked: Mapping[str, Any]) -> dict[str, Any]:
    found = asked["target"] or registry.find(asked["type"])
    if found is None:
        return {"state": "missing", "registered": registry.names()}
    try:
        kind = _load(found)
    except (Exception, SystemExit) as error:
        return {"state": "broken", "text": _told(error)}
    try:
        executor = kind(asked["id"], asked["config"])
        refusal = _refusal(executor)
    except (Exception, SystemExit) as error:
        refusal = _told(error)
    if refusal is not None:
        return {"state": "refused", "text": refusal}
    return {"state": "sound", "estimate_s": _estimate_s(executor)}


def _estimate_s(executor: Any) -> float | None:
    """The executor's own estimate, None where it has no sensible one: it may need what is not there yet."""
    try:
        seconds = float(executor.estimate_duration())
    except (Exception, SystemExit):
        return None
    return seconds if 0 < seconds < float("inf") else None
