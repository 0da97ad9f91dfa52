"""What the shape cannot say of channels: what each type needs, and whether its addresses can be ones."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, get_args

from tetra_orchestrator.config.addresses import check_mailbox, check_server, check_url, is_open, is_readable
from tetra_orchestrator.config.schema_watching import ChannelType
from tetra_orchestrator.config.yaml_tree import Scalar, find

if TYPE_CHECKING:
    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.schema_watching import Channel
    from tetra_orchestrator.config.sheet import Sheet

CHANNELS = ("alerting", "channels")
CHANNEL_TYPES = get_args(ChannelType)
#: What a channel that is switched on cannot do without.
NEEDED = {
    "email": ("recipients", "smtp_server"),
    "slack": ("webhook_url",),
    "pagerduty": ("api_key",),
    "webhook": ("url",),
    "command": ("command",),
    "sms": ("command",),
    "apprise": ("url",),
}
#: What else each of them looks at; every one has the common keys.
COMMON = {"type", "enabled", "resolved"}
OWN = {
    "email": {"smtp_port", "security", "sender", "username", "password"},
    "slack": {"channel"},
    "pagerduty": {"service_id", "url"},
    "webhook": {"headers"},
    "sms": {"recipients"},
}
#: Where a recipient may be the name of a user, as in a crontab's MAILTO.
LOCAL_SERVERS = ("localhost", "127.0.0.1", "[::1]")
#: Types that are sent by a library of the extra.
OF_LIBRARY = ("slack", "pagerduty", "apprise")
LIBRARY, INSTALL = "apprise", "pip install 'tetra-orchestrator[alerts]'"


def check_channels(sheet: Sheet) -> None:
    """Report channels that can tell nobody, and warn of what has no effect on one."""
    for name, channel in sheet.document.alerting.channels.items():
        kind = channel.type or name
        if "type" in sheet.names(*CHANNELS, name) and channel.type is None:
            continue  # what is wrong with it was told
        if kind not in CHANNEL_TYPES:
            hint = sheet.problems.guess(kind, CHANNEL_TYPES, f"add `type:` with one of {', '.join(CHANNEL_TYPES)}")
            message = f"the channel '{name}' has no type"
            sheet.error("bad_value", (*CHANNELS, name), message, hint, key=True)
        else:
            _check_keys(sheet, name, kind, channel)
            _check_addresses(sheet, (*CHANNELS, name), kind, channel)
    _warn_of_library(sheet)


def _check_keys(sheet: Sheet, name: str, kind: str, channel: Channel) -> None:
    path = (*CHANNELS, name)
    needed = NEEDED.get(kind, ())
    broken = set(sheet.names(*path)) - channel.model_fields_set  # what is wrong with those was told
    for key in sorted(set(needed) - broken, key=needed.index) if channel.enabled else ():
        if not getattr(channel, key):
            message = f"the channel '{name}' is switched on and has no '{key}'"
            sheet.error("missing_key", path, message, "add it, or write `enabled: false`", key=True)
    for key in sorted(channel.model_fields_set - COMMON - set(needed) - OWN.get(kind, set())):
        sheet.warn(
            "no_effect", (*path, key), f"'{key}' has no effect on a channel of type {kind}", "remove it", key=True
        )


def _check_addresses(sheet: Sheet, path: Path, kind: str, channel: Channel) -> None:
    check_url(sheet, (*path, "webhook_url"), channel.webhook_url)
    if kind != "apprise":
        check_url(sheet, (*path, "url"), channel.url)
    elif channel.url is not None and "://" not in channel.url and not is_open(channel.url):
        sheet.problems.hide(channel.url)
        hint = "write one that apprise knows, such as ntfy://topic"
        sheet.error("bad_address", (*path, "url"), "the address has no scheme", hint)
    for key, value in (channel.headers or {}).items():
        if not value.isprintable():
            hint = "write it on one line"
            sheet.error("bad_value", (*path, "headers", key), f"the header '{key}' has a sign that none can have", hint)
    if channel.command and not channel.command[0].strip():
        sheet.error("bad_value", (*path, "command", 0), "names no program", "write the program first")
    if kind == "email":
        _check_email(sheet, path, channel)
    _warn_of_readers(sheet, path, channel)


def _warn_of_readers(sheet: Sheet, path: Path, channel: Channel) -> None:
    """Warn of what others than the other side can read: passwords in the file, and messages on their way."""
    for key in ("password", "api_key"):
        node, value = find(sheet.tree, (*path, key))[0], getattr(channel, key)
        if value and isinstance(node, Scalar) and value in (node.raw or node.text) and not is_open(value):
            hint = "write ${VARIABLE} in its place, and set that in the environment or in .env"
            sheet.warn("password_in_file", (*path, key), f"the '{key}' stands in the file", hint)
    for key in ("webhook_url", "url"):
        if is_readable(getattr(channel, key)):
            message = "what is sent there can be read on the way: the address begins with http://"
            sheet.warn("not_encrypted", (*path, key), message, "write https://, if the other side has it")


def _check_email(sheet: Sheet, path: Path, channel: Channel) -> None:
    local = channel.smtp_server in LOCAL_SERVERS
    for index, recipient in enumerate(channel.recipients):
        check_mailbox(sheet, (*path, "recipients", index), recipient, local=local)
    if channel.sender is not None:
        check_mailbox(sheet, (*path, "sender"), channel.sender)
    if channel.smtp_server is not None:
        check_server(sheet, (*path, "smtp_server"), channel.smtp_server)
        port = channel.smtp_server.rpartition("]")[2].partition(":")[2]
        if channel.smtp_port is not None and port and port != str(channel.smtp_port):
            message = f"the server has the port {port}, and 'smtp_port' is {channel.smtp_port}"
            sheet.error("two_values", (*path, "smtp_port"), message, "keep one of the two")
    if (channel.username is None) != (channel.password is None):
        here, there = ("username", "password") if channel.username is not None else ("password", "username")
        sheet.error("missing_key", (*path, here), f"there is a '{here}' and no '{there}'", f"add `{there}`", key=True)
    elif channel.password is not None and channel.security == "none":
        message = "the password would be sent for all to read"
        sheet.error("bad_value", (*path, "security"), message, "write `security: auto`, or remove the password")


def _warn_of_library(sheet: Sheet) -> None:
    channels = sheet.document.alerting.channels.items()
    needing = [name for name, one in channels if one.enabled and (one.type or name) in OF_LIBRARY]
    if needing and find_spec(LIBRARY) is None:
        message = f"the channel '{needing[0]}' needs the library {LIBRARY}, which is not installed here"
        sheet.warn("no_library", (*CHANNELS, needing[0]), message, INSTALL, key=True)
