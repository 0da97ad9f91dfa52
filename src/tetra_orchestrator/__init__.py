"""Runs chains of data pipelines with nothing resident between runs.

The names below are the public Python interface. They are loaded when they are first used: every timer imports this
module, and a task's own interpreter may have none of our dependencies.
"""

__version__ = "0.1.0"

_HOMES = {
    "ConfigError": "errors",
    "PipelineCache": "pipeline_cache",
    "PipelineHealthMonitor": "health_monitor",
    "Project": "api",
    "RunEvent": "core.events",
    "RunRefused": "api",
    "RunResult": "api",
    "TaskType": "task_types",
    "TetraError": "errors",
    "UsageError": "errors",
    "load": "api",
}
__all__ = [
    "ConfigError",
    "PipelineCache",
    "PipelineHealthMonitor",
    "Project",
    "RunEvent",
    "RunRefused",
    "RunResult",
    "TaskType",
]
__all__ += ["TetraError", "UsageError", "load"]


def __dir__() -> list[str]:
    return [*globals(), *__all__]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
