"""The types of channels, and what delivers to each. A type's module is imported when a letter goes there."""

from __future__ import annotations

import re
from importlib import import_module

from tetra_orchestrator.adapters.notify.errand import NotDelivered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.notify.errand import Errand
    from tetra_orchestrator.core.watching import Channel

_HOME = "tetra_orchestrator.adapters.notify"
#: The module and the function of each type; the function takes an `Errand`.
TYPES = {
    "email": ("mail", "deliver"),
    "slack": ("slack", "deliver"),
    "pagerduty": ("pagerduty", "deliver"),
    "webhook": ("webhook", "deliver"),
    "command": ("command", "deliver"),
    "sms": ("command", "deliver_sms"),
    "desktop": ("desktop", "deliver"),
    "apprise": ("through_apprise", "deliver"),
}
INSTALL = "pip install 'tetra-orchestrator[alerts]'"
#: A variable without a value stays in the text, and must not go out as a password.
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def deliver(errand: Errand) -> str | None:
    """Deliver it by its channel; what is to be known of a letter that was taken all the same. Raises `NotDelivered`."""
    kind = errand.channel.type
    if unset := _unset(errand.channel):
        raise NotDelivered(f"the variable {unset} is not set")
    if kind not in TYPES:
        raise NotDelivered(f"there is no type of channels called '{kind}'")
    module, function = TYPES[kind]
    try:
        found = import_module(f"{_HOME}.{module}")
    except ModuleNotFoundError as error:
        raise NotDelivered(f"{kind} needs the library {error.name}: {INSTALL}") from None
    note: str | None = getattr(found, function)(errand)
    return note


def _unset(channel: Channel) -> str | None:
    """A variable that the channel needs and that has no value."""
    values = [
        getattr(channel, name) for name in ("webhook_url", "url", "api_key", "smtp_server", "username", "password")
    ]
    found = _VARIABLE.search(" ".join([each for each in (*values, *dict(channel.headers).values()) if each]))
    return found and found[1]
