"""What a configuration says of failures, of who is told of what, and of what the monitor looks at. Durations are
seconds."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.model import Program

#: How bad something is, least first.
SEVERITIES = ("low", "medium", "high", "critical")
#: Who is called so is whichever channel of PagerDuty there is.
PAGE_ON_CALL, PAGER = "page_oncall", "pagerduty"


class Channel(Record):
    """A way to tell somebody; which fields matter is a matter of the `type`. Values of variables are filled in.

    `security` of email is `auto` (TLS where the server offers it, and always before a password), `starttls`, `tls` or
    `none`. Without `resolved` nobody is told by it that something is over.
    """

    name: str
    type: str
    enabled: bool = True
    recipients: tuple[str, ...] = ()
    smtp_server: str | None = None
    smtp_port: int | None = None
    security: str = "auto"
    sender: str | None = None
    username: str | None = None
    password: str | None = None
    webhook_url: str | None = None
    channel: str | None = None
    api_key: str | None = None
    service_id: str | None = None
    url: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    resolved: bool = True


class AlertRule(Record):
    """A condition that is looked at for each pipeline (`pipelines`: only those), and who is told while it holds."""

    name: str
    condition: str
    severity: str = "medium"
    channels: tuple[str, ...] = ()
    pipelines: tuple[str, ...] | None = None
    for_s: float = 0.0


class Maintenance(Record):
    """A time in which nobody is told: `length_s` from each slot of `cron` in `timezone`, or from one local time to
    another (`since`, `until`, as the user wrote them). `pipelines`: only of those; None is everything."""

    name: str
    timezone: str
    cron: str | None = None
    length_s: float = 0.0
    since: str | None = None
    until: str | None = None
    pipelines: tuple[str, ...] | None = None


class Alerting(Record):
    """Who is told, and of what.

    Findings of the monitor go to `finding_channels` (None: all that are switched on), but those in `ignored`. An alert
    is over once its cause has been away for `resolve_after_s`. One that nobody has acknowledged is told again every
    `remind_s` (None: never). Of each channel at most `rate` messages an hour go out.
    """

    channels: tuple[Channel, ...] = ()
    rules: tuple[AlertRule, ...] = ()
    finding_channels: tuple[str, ...] | None = None
    ignored: tuple[str, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    resolve_after_s: float = 600.0
    remind_s: float | None = None
    rate: int = 30
    on_success: tuple[str, ...] = ()
    on_failure: tuple[str, ...] = ()

    def channel(self, name: str) -> Channel | None:
        """The channel called `name`, or None."""
        return next((one for one in self.channels if one.name == name), None)

    def on_call(self, name: str) -> Channel | None:
        """The channel that is told in the end where the file names `name` for that; None where it is off, or none."""
        pagers = [one for one in self.channels if one.type == PAGER] if name == PAGE_ON_CALL else []
        named = [one for one in self.channels if one.name == name]
        return next((one for one in (*named, *pagers) if one.enabled), None)


class DataSource(Record):
    """Where the age of a pipeline's data shows, whether or not it has run.

    One of: `file` (a glob pattern from the project's root: the newest time of what fits), `sql` (a query of one value:
    a time, or with `counts` a number) in the database `url`, `http` (an address that answers with `Last-Modified`).
    It is stale when older than `max_age_s`, or when it was not renewed since the last slot of `due` (cron in
    `timezone`) that is longer ago than `grace_s`. With `moves`, a run that succeeds has to change it.
    """

    name: str
    file: str | None = None
    sql: str | None = None
    url: str | None = None
    http: str | None = None
    counts: bool = False
    max_age_s: float | None = None
    due: str | None = None
    timezone: str = "UTC"
    grace_s: float = 0.0
    moves: bool = True


class Monitoring(Record):
    """What the monitor looks at, and from where on it complains. Shares are from 0 to 1; None is nothing said.

    It is started every `interval_s` by a timer of its own, unless it is switched off. `textfile` (absolute) is where
    it leaves its figures for Prometheus, `heartbeat` an address that is asked for after each look.
    """

    timer: bool = True
    interval_s: float = 300.0
    slow_task_s: float | None = None
    log_age_s: float | None = None
    error_window: int = 20
    endpoints: tuple[str, ...] = ()
    disk_free: float = 0.10
    memory_free: float = 0.05
    cpu_load: float | None = None
    open_files: float = 0.90
    textfile: str | None = None
    heartbeat: str | None = None


class Hooks(Record):
    """Commands that are started when something happens to a run: an argument list each, empty is none.

    Each is ended after `timeout_s`.
    """

    on_start: tuple[str, ...] = ()
    on_success: tuple[str, ...] = ()
    on_partial: tuple[str, ...] = ()
    on_failure: tuple[str, ...] = ()
    on_late: tuple[str, ...] = ()
    on_recovered: tuple[str, ...] = ()
    on_exit: tuple[str, ...] = ()
    timeout_s: float = 60.0


class Fallback(Record):
    """What stands in for a task of the pipeline that has failed for good; its success makes the task partial.

    A `program` is run as the task's last attempt. Without one, the outputs of the task's latest success are taken.
    """

    name: str
    program: Program | None = None
    args: tuple[str, ...] = ()


class OnFailure(Record):
    """What is done when a pipeline fails.

    The channels in `notify` are told; `escalate` is told when nothing has helped, after `escalate_failures` runs in a
    row that failed, or when nobody has acknowledged the alert for `escalate_s`.
    """

    notify: tuple[str, ...] = ()
    fallback: Fallback | None = None
    escalate: str | None = None
    partial: bool = False
    checkpoint: bool = False
    escalate_failures: int = 1
    escalate_s: float | None = None
