"""What a tetra file says about failures, and about what its pipelines take of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.dialects.tetra_schema import Action, Connections

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.tetra_file import TetraFile
    from tetra_orchestrator.config.problems import Path

ORDER = tuple(Action.model_fields)
#: Actions by the keys of `on_failure`.
ON_FAILURE = {
    "notify": "notify",
    "partial_recovery": "partial",
    "checkpoint_recovery": "checkpoint",
    "fallback": "fallback",
    "escalation": "escalate",
}
#: `resource_management` by the keys of `resources`.
RESOURCES = {"cpu": "cpu", "memory": "memory", "parallelism": "workers"}


def put_recovery(file: TetraFile) -> None:
    """Retries and `on_failure` of the pipelines in `recovery_procedures`."""
    for name, recovery in file.document.recovery_procedures.items():
        if file.is_pipeline(("recovery_procedures", name)):
            _put_actions(file, name, recovery.failure_actions)


def _put_actions(file: TetraFile, name: str, actions: list[Action]) -> None:
    given: dict[str, Path] = {}
    for index, action in enumerate(actions):
        path: Path = ("recovery_procedures", name, "failure_actions", index)
        keys = [key for key in ORDER if key in action.model_fields_set]
        for key in keys[:1]:
            _put_action(file, (*path, key), action, given)
        for key in keys[1:]:
            message = f"'{keys[0]}' and '{key}' are two actions"
            file.problems.error("two_actions", file.key((*path, key)), (*path, key), message, "put a `- ` before each")


def _put_action(file: TetraFile, path: Path, action: Action, given: dict[str, Path]) -> None:
    name, key = str(path[1]), str(path[-1])
    if key in given:
        message = f"'{key}' is here a second time, first on line {file.key(given[key]).line}"
        file.problems.error("duplicate_key", file.key(path), path, message, "keep one of the two")
        return
    _check_order(file, key, list(given), path)
    given[key] = path
    if action.retry_count is not None:
        # counts the tries after the first one
        file.native.put(("pipelines", name, "retry", "max_attempts"), action.retry_count + 1, path)
    else:
        file.native.copy(("pipelines", name, "on_failure", ON_FAILURE[key]), path)


def _check_order(file: TetraFile, key: str, before: list[str], path: Path) -> None:
    late = [other for other in before if ORDER.index(other) > ORDER.index(key)]
    if late:
        message = f"'{key}' is done before '{late[0]}', whatever their order here"
        file.problems.warning("order", file.key(path), path, message, f"the order is {', '.join(ORDER)}")


def put_resources(file: TetraFile) -> None:
    """What each pipeline takes, and for all of them the limits of the database in `TETRA_DB_*`."""
    management = file.document.resource_management
    for kind, key in RESOURCES.items():
        for name in getattr(management, kind):
            path: Path = ("resource_management", kind, name)
            if file.is_pipeline(path):
                file.native.copy(("pipelines", name, "resources", key), path)
    for key in Connections.model_fields:
        path = ("resource_management", "db_connections", key)
        if key in management.db_connections.model_fields_set:
            file.native.put(("env", "set", f"TETRA_DB_{key.upper()}"), file.text(path), path)
