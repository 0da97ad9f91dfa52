"""The names that complete a command line: those of the project in the current folder, read and never changed."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.ports import Store

    _Names = Iterable[tuple[str, str]]

FILES = ":files"
#: So many of the latest runs, backfills and alerts are offered.
LATEST = 50
#: What an option's value is, by the option.
BY_OPTION = {
    "--pipeline": "pipelines",
    "--mode": "modes",
    "--backfill": "backfills",
    "--tenant": "tenants",
    "--task": "tasks",
    "--checkpoint-dir": FILES,
}
#: What a value is, by how the help calls it.
BY_METAVAR = {
    "TASK": "tasks",
    "RUN": "runs",
    "SCHEDULE": "schedules",
    "CHANNEL": "channels",
    "KIND": "schedulers",
    "STATE": "states",
    "FILE": FILES,
    "DIR": FILES,
    "DIR|FILE": FILES,
    "A": FILES,
    "B": FILES,
    "RUN|TASK": "runs",
}
#: The same by the first word of the command, where one word of the help means something else there.
BY_COMMAND = {
    "schedule": {"NAME": "schedules"},
    "backfill": {"ID": "backfills"},
    "alerts": {"ID": "alerts"},
    "pause": {"NAME": "pausable"},
    "unpause": {"NAME": "pausable"},
}
#: What a name may hold besides letters and digits, so that no shell takes it for more than a word.
_PLAIN = "._-:@+"


def kind_of(command: Sequence[str], param: Any) -> str | None:
    """What the values of an option or argument are; None where only its user knows."""
    metavar = (param.metavar or "").strip("[]").removesuffix("...")
    own = BY_COMMAND.get(command[0] if command else "", {})
    return BY_OPTION.get(param.opts[0]) or own.get(metavar) or BY_METAVAR.get(metavar)


def names(kind: str, config: str | None) -> _Names:
    """The names of a kind, each with what it means, by the configuration in `config` or the one that is found.

    Raises `TetraError` where that, or the store, cannot be used.
    """
    found = FIXED[kind]() if kind in FIXED else _of_project(kind, config)
    return ((name, meaning) for name, meaning in found if all(one.isalnum() or one in _PLAIN for one in name))


def _states() -> _Names:
    from tetra_orchestrator.cli.history import WORDS

    return [(word, "") for word in WORDS]


def _schedulers() -> _Names:
    from tetra_orchestrator.wire_timers import SCHEDULERS

    return [(name, "") for name in SCHEDULERS]


def _of_project(kind: str, config: str | None) -> _Names:
    from tetra_orchestrator.config.cache import load
    from tetra_orchestrator.config.find import find_config

    project = load(find_config(config, os.environ, os.getcwd()), environ=os.environ).project
    if kind in OF_FILE:
        return OF_FILE[kind](project)
    from tetra_orchestrator.wire_state import to_read

    store = to_read(project.store_url)
    try:
        return list(OF_STORE[kind](store)) if store else ()
    finally:
        if store:
            store.close()


def _pipelines(project: Project) -> _Names:
    return [(one.name, "pipeline") for one in project.pipelines]


def _schedules(project: Project) -> _Names:
    return [(one.name, "schedule") for one in project.schedules]


def _pausable(project: Project) -> _Names:
    return [*_pipelines(project), *_schedules(project)]


def _tasks(project: Project) -> _Names:
    return dict([*_pipelines(project), *((task.id, "task") for task in project.tasks())]).items()


def _modes(project: Project) -> _Names:
    return [(one.name, "mode") for one in project.modes]


def _channels(project: Project) -> _Names:
    return [(one.name, "channel") for one in project.alerting.channels] if project.alerting else []


def _tenants(project: Project) -> _Names:
    return [(name, "tenant") for name in dict.fromkeys(task.tenant for task in project.tasks()) if name]


def _runs(store: Store) -> _Names:
    return [("latest", "the newest run"), *((one.run_id, one.state) for one in store.runs(limit=LATEST))]


def _backfills(store: Store) -> _Names:
    return [(one.backfill_id, one.state) for one in list(store.backfills.all())[:LATEST]]


def _alerts(store: Store) -> _Names:
    return [(str(one.id), one.severity) for one in store.alerts.all(LATEST)]


FIXED: Mapping[str, Callable[[], _Names]] = {"states": _states, "schedulers": _schedulers}
OF_FILE: Mapping[str, Callable[[Project], _Names]] = {
    "pipelines": _pipelines,
    "schedules": _schedules,
    "pausable": _pausable,
    "tasks": _tasks,
    "modes": _modes,
    "channels": _channels,
    "tenants": _tenants,
}
OF_STORE: Mapping[str, Callable[[Store], _Names]] = {"runs": _runs, "backfills": _backfills, "alerts": _alerts}
