"""PagerDuty, by the library's plugin for its Events API v2: one event for each alert, resolved by the same key."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from apprise.plugins.pagerduty import PAGERDUTY_API_LOOKUP, NotifyPagerDuty

from tetra_orchestrator.adapters.notify.fitting import DETAILS, SUMMARY, cut, one_line
from tetra_orchestrator.adapters.notify.posting import checked
from tetra_orchestrator.adapters.notify.through_apprise import asset, taken, tell, watching
from tetra_orchestrator.core.alerts import RESOLVED
from tetra_orchestrator.core.spoken import instant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tetra_orchestrator.adapters.notify.errand import Errand
    from tetra_orchestrator.core.alerts import Alert

#: Our severities in the words of the service.
SEVERITIES = {"critical": "critical", "high": "error", "medium": "warning", "low": "info"}
#: The longest key that the service takes.
LONGEST_KEY = 255
_PATH = "/v2/enqueue"


def deliver(errand: Errand) -> None:
    """Trigger or resolve every alert that the letter tells of; raises `NotDelivered` at the first that is not taken."""
    for alert in errand.letter.alerts or (None,):
        plugin = _plugin(errand, alert)
        summary = one_line(f"{errand.project}: {alert.title if alert else errand.letter.title}", SUMMARY)
        with watching(errand) as exchange:
            taken(exchange, tell(plugin, errand, "", summary))


def dedup_key(project: str, key: str) -> str:
    """What the service knows the alert by, from its first event to its last."""
    from hashlib import sha256

    name = f"{project}/{key}"
    return name if len(name) <= LONGEST_KEY else f"{name[:180]}/{sha256(name.encode()).hexdigest()}"


def _plugin(errand: Errand, alert: Alert | None) -> Any:
    channel, letter = errand.channel, errand.letter
    severity = alert.severity if alert else letter.severity
    plugin = NotifyPagerDuty(
        apikey=channel.api_key or "-",
        integrationkey=channel.api_key or "-",
        source=socket.gethostname(),
        component=channel.service_id or errand.project,
        group=errand.project,
        class_id=alert.code if alert else letter.what,
        severity=SEVERITIES.get(severity, "warning"),
        action="resolve" if letter.what == RESOLVED else "trigger",
        dedup=dedup_key(errand.project, alert.key if alert else letter.key),
        details=_details(errand, alert),
        include_image=False,
        asset=asset(),
    )
    if channel.url:
        # the plugin takes its address from a table by the name of a region
        PAGERDUTY_API_LOOKUP[channel.url] = _address(checked(channel.url))
        plugin.region_name = channel.url
    return plugin


def _address(url: str) -> str:
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + _PATH


def _details(errand: Errand, alert: Alert | None) -> dict[str, str]:
    known = {
        "service_id": errand.channel.service_id,
        "subject": alert.subject if alert else None,
        "what": errand.letter.what,
        "since": instant(alert.seen_at) if alert else None,
        "run": alert.run_id if alert else None,
        "look_closer": alert.command if alert else None,
        "text": cut(errand.letter.text, DETAILS),
    }
    return {name: value for name, value in known.items() if value}
