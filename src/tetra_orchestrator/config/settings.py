"""What the shape cannot say of channels, rules, parameters and plugins, and which settings have no effect yet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from tetra_orchestrator.config.problems import listed
from tetra_orchestrator.config.resource_checks import warn_of_resources
from tetra_orchestrator.config.schema_operations import ChannelType
from tetra_orchestrator.config.yaml_tree import Map, Seq, find

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.schema_operations import Channel
    from tetra_orchestrator.config.sheet import Sheet

CHANNEL_TYPES = get_args(ChannelType)
#: What a channel that is switched on cannot do without.
NEEDED = {
    "email": ("recipients", "smtp_server"),
    "slack": ("webhook_url",),
    "pagerduty": ("api_key",),
    "webhook": ("url",),
    "command": ("command",),
    "sms": ("command",),
}
#: Settings that are checked and kept, and that this version does not act upon.
NOT_YET = (
    *(("alerting",), ("notifications",), ("monitor",)),
    *(("logs", "format"), ("logs", "level"), ("logs", "file")),
)
NOT_YET_OF_A_TASK = {"on_failure"}
_KEY = re.compile(r"[\"']?([A-Za-z_]+)[\"']?\s*:")
NO_EFFECT = "is checked and kept, and has no effect in this version yet"
NOT_MASKED = "values of secrets stand in the logs of tasks as they are"


def check_settings(sheet: Sheet) -> None:
    """Report what is wrong, and warn of what has no effect."""
    for name, channel in sheet.document.alerting.channels.items():
        _check_channel(sheet, ("alerting", "channels", name), name, channel)
    for index, rule in enumerate(sheet.document.alerting.rules):
        path: Path = ("alerting", "rules", index)
        _check_names(sheet, (*path, "channels"), rule.channels, "channel", *("alerting", "channels"))
        _check_names(sheet, (*path, "pipelines"), rule.pipelines or (), "pipeline", "pipelines")
    for key in ("on_success", "on_failure"):
        names = getattr(sheet.document.notifications, key)
        _check_names(sheet, ("notifications", key), names, "channel", *("alerting", "channels"))
    for name, mode in sheet.document.modes.items():
        _check_names(sheet, ("modes", name, "params"), tuple(mode.params), "parameter", "params")
    if sheet.document.default_mode is not None:
        _check_names(sheet, ("default_mode",), (sheet.document.default_mode,), "mode", "modes")
    _warn_channels(sheet)
    warn_of_resources(sheet)
    _warn_of_no_effect(sheet)


def _check_channel(sheet: Sheet, path: Path, name: str, channel: Channel) -> None:
    kind = channel.type or name
    if kind not in CHANNEL_TYPES:
        hint = sheet.problems.guess(kind, CHANNEL_TYPES, f"add `type:` with one of {', '.join(CHANNEL_TYPES)}")
        sheet.error("bad_value", path, f"the channel '{name}' has no type", hint, key=True)
    for key in NEEDED.get(kind, ()) if channel.enabled else ():
        if not getattr(channel, key):
            message = f"the channel '{name}' is switched on and has no '{key}'"
            sheet.error("missing_key", path, message, "add it, or write `enabled: false`", key=True)


def _check_names(sheet: Sheet, path: Path, names: Sequence[str], kind: str, *group: str) -> None:
    known = sheet.names(*group)
    node = find(sheet.tree, path)[0]
    by_key = isinstance(node, Map)
    for index, name in enumerate(names):
        if name not in known:
            hint = sheet.problems.guess(name, known, f"{kind}s: {listed(known) or 'none'}")
            place = (*path, name if by_key else index) if isinstance(node, (Map, Seq)) else path
            sheet.error(f"unknown_{kind}", place, f"there is no {kind} '{name}'", hint, key=by_key)


def _warn_channels(sheet: Sheet) -> None:
    """Whom a failing pipeline tells is no reason not to run it."""
    known = sheet.names("alerting", "channels")
    for name, pipeline in sheet.document.pipelines.items():
        for index, channel in enumerate(pipeline.on_failure.notify if pipeline.on_failure else ()):
            if channel not in known:
                path = ("pipelines", name, "on_failure", "notify", index)
                hint = f"add it to `alerting: channels:`, where there is {listed(known) or 'none'}"
                sheet.warn("unknown_channel", path, f"there is no channel '{channel}'", hint)


def _warn_of_no_effect(sheet: Sheet) -> None:
    """One warning for each key, where it stands first."""
    for place in NOT_YET:
        if find(sheet.tree, place)[2] == place:
            _warn_no_effect(sheet, place)
    if not sheet.document.logs.redact:
        sheet.warn("not_masked", ("logs", "redact"), NOT_MASKED, "leave `redact` out to have them masked", key=True)
    seen: set[str] = set()
    for path, key in _without_effect(sheet):
        if key not in seen:
            seen.add(key)
            _warn_no_effect(sheet, (*path, key))


def _warn_no_effect(sheet: Sheet, path: Path) -> None:
    mark = find(sheet.tree, path)[1]
    written = _KEY.match(mark.source.lines[mark.line - 1][mark.column - 1 :]) if mark.source.lines else None
    name = written[1] if written and written[1] not in path else path[-1]  # what another dialect calls it
    sheet.warn("no_effect_yet", path, f"'{name}' {NO_EFFECT}", key=True)


def _without_effect(sheet: Sheet) -> Iterator[tuple[Path, str]]:
    """(path of a mapping, its key) of every setting that is not acted upon."""
    for path, task in sheet.tasks():
        yield from ((path, key) for key in task.model_fields_set & NOT_YET_OF_A_TASK)
