"""The jobs of a crontab as pipelines and schedules that do what cron does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tetra_orchestrator.config.job_names import job_name
from tetra_orchestrator.core.template import escaped, references

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.config.crontab import Job

#: Variables that say something to cron; a job has no use for them.
_TO_CRON = ("CRON_TZ", "MAILTO", "RANDOM_DELAY")
_PLAIN_SHELLS = ("", "sh", "dash")
_END = "END_OF_INPUT"
#: Where a host's own mail is taken; what certificate is shown there, nobody has ever looked at.
_OWN_SERVER = {"smtp_server": "localhost", "smtp_port": 25, "security": "none"}


def document_of(jobs: Sequence[Job], project: str) -> dict[str, Any]:
    """The native document of the jobs. The variables that all of them have are the project's."""
    common = _common([_variables(job) for job in jobs])
    channels = _channels(jobs)
    names = _names(jobs)
    return {
        "version": 1,
        "project": project,
        "timezone": "local",
        "env": {"inherit": "base", **({"set": _literal(common)} if common else {})},
        "pipelines": {name: _pipeline(job, common, channels) for name, job in zip(names, jobs, strict=True)},
        "schedules": {name: _schedule(name, job) for name, job in zip(names, jobs, strict=True)},
        **({"alerting": {"channels": dict(channels.values())}} if channels else {}),
    }


def _names(jobs: Sequence[Job]) -> list[str]:
    found: dict[str, str] = {}
    for job in jobs:
        base = name = job_name(job.command)
        number = 1
        while name.lower() in found:
            number += 1
            name = f"{base}_{number}"
        found[name.lower()] = name
    return list(found.values())


def _variables(job: Job) -> dict[str, str]:
    return {name: value for name, value in job.settings.items() if name not in _TO_CRON}


def _common(all_of_them: Sequence[dict[str, str]]) -> dict[str, str]:
    """What every job has alike; without braces, which mean something only in a task."""
    first, *others = all_of_them
    return {
        name: value
        for name, value in first.items()
        if all(one.get(name) == value for one in others) and not references(value)
    }


def _channels(jobs: Sequence[Job]) -> dict[str, tuple[str, dict[str, Any]]]:
    """For each MAILTO a channel: its name and its settings."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for job in jobs:
        to = job.settings.get("MAILTO", "")
        recipients = [address.strip() for address in to.split(",") if address.strip()]
        if recipients and to not in found:
            name = f"email_{len(found) + 1}" if found else "email"
            found[to] = name, {**_literal({"type": "email", "recipients": recipients}), **_OWN_SERVER}
    return found


def _pipeline(job: Job, common: dict[str, str], channels: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    own = {name: value for name, value in _variables(job).items() if name not in common}
    channel = channels.get(job.settings.get("MAILTO", ""))
    return {
        **({"description": _literal(job.description)} if job.description else {}),
        **_program(job),
        "cwd": _literal(job.settings["HOME"]) if "HOME" in job.settings else "${HOME:-/}",
        **({"env": _template(own)} if own else {}),
        **({"on_failure": {"notify": [channel[0]]}} if channel else {}),
    }


def _program(job: Job) -> dict[str, Any]:
    line = job.command
    if job.stdin is not None:
        lines = job.stdin.split("\n")
        end = _END
        while end in lines:
            end += "_"
        line = "\n".join(["{", line, f"}} <<'{end}'", *lines, end])
    shell = job.settings.get("SHELL", "")
    if os.path.basename(shell) in _PLAIN_SHELLS:
        return {"shell": _template(line)}
    return {"command": _template([shell, "-c", line])}


def _schedule(name: str, job: Job) -> dict[str, Any]:
    if job.rule == "@reboot":
        return {"pipelines": [name], "on_startup": True}
    settings = job.settings
    return {
        "pipelines": [name],
        "cron": " ".join(job.rule.split()),
        **({"timezone": settings["CRON_TZ"]} if "CRON_TZ" in settings else {}),
        **({"jitter": f"{settings['RANDOM_DELAY']}m"} if "RANDOM_DELAY" in settings else {}),
        "catch_up": "none",
    }


def _template(value: Any) -> Any:
    """The value as it has to be written where `{task.key}` is filled in."""
    if isinstance(value, dict):
        return {key: _template(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_template(item) for item in value]
    braces = references(value) or "{{" in value or "}}" in value
    return _literal(escaped(value) if braces else value)


def _literal(value: Any) -> Any:
    """The value as it has to be written so that no `${VAR}` is filled in."""
    if isinstance(value, dict):
        return {key: _literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    return value.replace("${", "$${")
