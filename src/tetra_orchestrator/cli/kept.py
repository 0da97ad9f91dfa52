"""What is kept of a configuration with what was started with it, whatever the file says now."""

from __future__ import annotations

import os

from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.config.find import find_config
from tetra_orchestrator.errors import ConfigError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.ports import Store


def usable(config: str | None) -> Loaded | None:
    """The file as it is now; None where it cannot be used, as what was started before had something else."""
    try:
        return load(Source(config))
    except ConfigError:
        return None


def as_kept(now: Loaded | None, document: str, config_hash: str, config: str | None, message: str, hint: str) -> Loaded:
    """The configuration of that hash: the file as it is `now` where it is that, else what was kept of it."""
    if now is not None and now.project.config_hash == config_hash:
        return now
    loaded = snapshot(document, config, message, hint)
    project = loaded.project._replace(config_hash=config_hash)
    if now is not None:  # who is told, and how, is as it is said today; what was kept lacks the secrets
        project = project._replace(alerting=now.project.alerting, monitor=now.project.monitor)
        loaded = loaded._replace(secrets=type(now.secrets)((*loaded.secrets, *now.secrets)))
    return loaded._replace(project=project)


def snapshot(document: str, config: str | None, message: str, hint: str, *, check_modules: bool = True) -> Loaded:
    """What was kept, read again. Raises `ConfigError` with that message and the first reason where it is of no use."""
    from tetra_orchestrator.config.load import load_project

    path = find_config(config, os.environ, os.getcwd())
    try:
        return load_project(path, environ=os.environ, snapshot=document, check_modules=check_modules)
    except ConfigError as error:
        first = getattr(error.problems[0], "message", "") if error.problems else error.message
        raise ConfigError(f"{message}: {first}", hint=hint, where=path) from None


def of_run(run: Run, store: Store, config: str | None) -> Project | None:
    """The configuration that the run had; None where it cannot be read any more."""
    document = store.config_text(run.run_id)
    try:
        return snapshot(document, config, "", "", check_modules=False).project if document else None
    except ConfigError:
        return None


def given(params: Mapping[str, str | None] | None, owner: str, hint: str) -> dict[str, str]:
    """The parameters that the owner was given. Raises `UsageError` for a secret; `hint` may name it, as `{name}`."""
    values = {}
    for name, value in (params or {}).items():
        if value is None:
            message = f"the parameter '{name}' of {owner} was a secret, which is not kept"
            raise UsageError(message, hint=hint.format(name=name))
        values[name] = value
    return values
