"""The parts of a `pipeline_config.yaml` that say when it runs, and who is told how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.dialects.recomart_schema import Channel

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.recomart_draft import Draft
    from tetra_orchestrator.config.dialects.recomart_schema import Notifications
    from tetra_orchestrator.config.problems import Path

ENDINGS = {"on_success": "notify_success", "on_failure": "notify_failure"}


def put_schedule(draft: Draft, mode: str) -> None:
    """The section `scheduling` as a schedule of the mode."""
    scheduling = draft.user.scheduling
    if scheduling is None:
        return
    if scheduling.cron is None:
        if scheduling.enabled:
            hint = 'add one such as cron: "0 2 * * *", or set enabled: false'
            draft.error("missing_key", ("scheduling",), "'scheduling' is enabled and has no 'cron'", hint)
        return
    schedule: Path = ("schedules", mode)
    draft.put(schedule, {"mode": mode}, ("scheduling",))
    for key in ("cron", "timezone", "enabled"):
        if key in scheduling.model_fields_set:
            draft.copy((*schedule, key), ("scheduling", key))
    if scheduling.run_on_startup:
        draft.copy((*schedule, "on_startup"), ("scheduling", "run_on_startup"))


def put_notifications(draft: Draft) -> None:
    """The section `notifications` as channels, and as who is told of which ending."""
    notifications = draft.user.notifications
    if notifications is None:
        return
    channels = _channels(notifications)
    if not channels:
        message = "'notifications' has no effect: it names no channel"
        draft.no_effect(("notifications",), message, "add `email:` or `slack:` to it")
    else:
        draft.put(("alerting", "channels"), {}, ("notifications",))
    for name, channel in channels.items():
        _put_channel(draft, name, channel, notifications.enabled and channel.enabled)
    on = {name: channel for name, channel in channels.items() if notifications.enabled and channel.enabled}
    for native, key in ENDINGS.items():
        told = [name for name, channel in on.items() if getattr(channel, key)]
        if told:
            draft.put(("notifications", native), told, ("notifications",))
    if channels:
        # who wants to hear of no failure did not ask for what is found besides
        told = [name for name, channel in on.items() if channel.notify_failure]
        draft.put(("alerting", "findings", "channels"), told, ("notifications",))


def _channels(notifications: Notifications) -> dict[str, Channel]:
    both = {"email": notifications.email, "slack": notifications.slack}
    return {name: channel for name, channel in both.items() if channel}


def _put_channel(draft: Draft, name: str, channel: Channel, enabled: bool) -> None:
    user: Path = ("notifications", name)
    native: Path = ("alerting", "channels", name)
    draft.put(native, {"enabled": enabled, "resolved": False}, user)
    for key in type(channel).model_fields:
        if key in channel.model_fields_set and key not in Channel.model_fields:
            draft.copy((*native, key), (*user, key))
    if enabled and not (channel.notify_success or channel.notify_failure):
        message = f"'{name}' is told of nothing: notify_success and notify_failure are false"
        draft.no_effect(user, message, "set one of the two, or enabled: false")
