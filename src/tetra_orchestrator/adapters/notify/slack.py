"""Slack, by the library's plugin for its webhooks, at whatever address one is."""

from __future__ import annotations

from html import escape

from apprise.plugins.slack import NotifySlack

from tetra_orchestrator.adapters.notify.fitting import SLACK, cut, subject
from tetra_orchestrator.adapters.notify.posting import checked
from tetra_orchestrator.adapters.notify.through_apprise import asset, taken, tell, watching

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tetra_orchestrator.adapters.notify.errand import Errand


class _Slack(NotifySlack):  # type: ignore[no-untyped-call]
    """The plugin, which would make the address of its own three tokens, and knows fewer names of channels than Slack.

    `heading` stands above what the plugin writes, and is what a telephone shows.
    """

    address = ""
    channel: str | None = None
    heading = ""

    def _send(self, url: str, payload: dict[str, Any], *args: Any, **options: Any) -> Any:
        own = {"text": escape(self.heading, quote=False), **({"channel": self.channel} if self.channel else {})}
        return super()._send(self.address, {**payload, **own}, *args, **options)  # type: ignore[no-untyped-call]


def deliver(errand: Errand) -> None:
    """Post it; raises `NotDelivered`."""
    options = {"include_image": False, "include_footer": False, "asset": asset()}
    plugin = _Slack(token_a="T", token_b="B", token_c="X", **options)  # type: ignore[no-untyped-call]
    plugin.address, plugin.channel = checked(errand.channel.webhook_url), errand.channel.channel
    plugin.heading = subject(errand)
    with watching(errand) as exchange:
        taken(exchange, tell(plugin, errand, "", cut(errand.letter.text, SLACK) or plugin.heading))
