"""Judges what has happened and tells who wants to know. Like `wire`, and beside it, this chooses adapters.

All of it comes when a command has done what it was called for, and takes ten seconds at most. Whatever goes wrong is
one warning on standard error, and changes nothing about a run or an exit code.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress

from tetra_orchestrator import wire
from tetra_orchestrator.errors import CannotWrite, ConfigError, Forbidden, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.adapters.report.outlet import Outlet
    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.findings import Finding
    from tetra_orchestrator.core.gauges import Gauge
    from tetra_orchestrator.core.health import Health
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.watching import Channel
    from tetra_orchestrator.engine.filing import Desk
    from tetra_orchestrator.engine.heartbeat import Heartbeat
    from tetra_orchestrator.engine.outbox import Outbox, Result
    from tetra_orchestrator.ports import Store
    from tetra_orchestrator.watch_ports import AlertStream, Courier

#: Seconds for judging and sending together, and the part of them after which no further run is judged.
WITHIN_S, JUDGING_S = 10.0, 5.0
_SECRET_FIELDS = ("webhook_url", "api_key", "password", "url")


def after_run(loaded: Loaded, store: Store, lines: AlertStream | None = None) -> None:
    """Judge the runs that are over, and send what has to be told. For projects that say who is told.

    What becomes of alerts also goes into the `lines`, if there are any.
    """
    with _only_a_warning("nobody was told of what has happened"):
        _judge_and_send(loaded.project, loaded.secrets, store, lines=lines)


def alert_lines(outlet: Outlet) -> AlertStream:
    """What tells of alerts behind the events of a run that are written as JSON."""
    from tetra_orchestrator.adapters.report.alert_lines import AlertLines

    return AlertLines(outlet)


def after_command(config: str | None) -> None:
    """The same for a command that knows no more than where its file is; nothing where nobody is told."""
    with _only_a_warning("nobody was told of what has happened"):
        from tetra_orchestrator.config.cache import last_good, load
        from tetra_orchestrator.config.find import find_config

        path = find_config(config, os.environ, os.getcwd())
        try:
            loaded: Loaded | None = load(path, environ=os.environ)
        except ConfigError:
            loaded = last_good(path, os.environ)
        if loaded is not None and loaded.project.alerting is not None:
            with _opened(loaded.project) as store:
                after_run(loaded, store)


def after_look(loaded: Loaded, health: Health, store: Store | None) -> None:
    """Judge what the monitor has seen, send what has to be told, and call the monitor's heartbeat.

    With its `store` None, as that cannot be used, that is judged aside.
    """
    project = loaded.project
    if project.alerting is not None:
        with _only_a_warning("nobody was told of what the monitor found"):
            if store is not None:
                _judge_and_send(project, loaded.secrets, store, _of_health(health))
        judge_aside(loaded, health)
    if project.monitor is not None and project.monitor.heartbeat is not None:
        with _only_a_warning("the heartbeat was not sent"):
            heartbeat(project.monitor.heartbeat).beat(health.health)


def judge_aside(loaded: Loaded, health: Health) -> None:
    """Judge in a store of its own whether the project's store is there: that one cannot keep that it is not."""
    from tetra_orchestrator.adapters.store import aside

    state = os.path.join(loaded.project.root, wire.STATE)
    finding = next((one for one in health.findings if one.code == "database_down"), None)
    with _only_a_warning("nobody was told that the store cannot be used"):
        if finding is not None:
            _tell_aside(loaded, finding, aside.places(state))
            return
        for place in aside.known(state):
            if _judge_store(loaded, None, place):
                aside.forget(place, state)


def _tell_aside(loaded: Loaded, finding: Finding, places: Iterable[str]) -> None:
    """Judge it in the first place that can be written. Who cannot keep what he has told tells it at every look."""
    for place in places:
        with suppress(StoreError, CannotWrite, Forbidden):
            _judge_store(loaded, finding, place)
            return
    _judge_store(loaded, finding, None)


def _judge_store(loaded: Loaded, finding: Finding | None, place: str | None) -> bool:
    """Judge it in the file at `place`, or for once in none; whether nothing is open there any more."""
    from tetra_orchestrator.adapters.store.memory import MemoryStore
    from tetra_orchestrator.adapters.store.sqlite import SqliteStore
    from tetra_orchestrator.engine.alerting import judge_store

    store: Store = SqliteStore(place) if place is not None else MemoryStore()
    try:
        judge_store(_desk(loaded.project, loaded.secrets, store), finding, wire.clock().now())
        _send(loaded.project, loaded.secrets, store, WITHIN_S)
        return not store.alerts.open() and not store.alerts.deliveries(unsent=True)
    finally:
        store.close()


def resend(box: Outbox, ids: Sequence[int]) -> list[Result]:
    """Try letters again now. Raises `StoreError`, and `NotNow` while somebody else sends."""
    from tetra_orchestrator.engine.outbox import resend

    return resend(box, ids, WITHIN_S)


def try_channels(loaded: Loaded, channels: Sequence[Channel]) -> dict[str, str | None]:
    """Send a test by each of them; what was wrong by channel, None where it has arrived."""
    from tetra_orchestrator.engine.channel_test import try_channels

    project, mask = loaded.project, mask_of(loaded.project, loaded.secrets)
    return try_channels(project, channels, _courier(project), mask, wire.clock().now(), WITHIN_S)


def outbox(loaded: Loaded, store: Store) -> Outbox:
    """What sends the project's letters."""
    return _outbox(loaded.project, loaded.secrets, store)


def heartbeat(url: str) -> Heartbeat:
    """What calls that address of a dead man's switch."""
    from tetra_orchestrator.adapters.notify.pinger import HttpPinger
    from tetra_orchestrator.engine.heartbeat import Heartbeat

    return Heartbeat(url, HttpPinger(), wire.warn)


def _judge_and_send(
    project: Project,
    secrets: Sequence[str],
    store: Store,
    judge: Callable[[Desk, datetime], None] | None = None,
    lines: AlertStream | None = None,
) -> None:
    """Judge the runs that are over, and what else there is, and send what has to be told.

    What goes wrong with one of them keeps none of the others back.
    """
    if judge is None and not _has_something_to_tell(store):
        return
    from tetra_orchestrator.engine.alerting import judge_time

    clock = wire.clock()
    began = clock.monotonic()
    desk = _desk(project, secrets, store)
    if lines is not None:
        desk = desk._replace(hear=lines.hear)
    with _only_a_warning("not every run that has ended was judged"):
        _judge_runs(desk, clock.now(), lambda: clock.monotonic() - began > JUDGING_S)
    with _only_a_warning("nobody was told of what is to be told now"):
        (judge or judge_time)(desk, clock.now())
    _send(project, secrets, store, WITHIN_S - (clock.monotonic() - began))


def _judge_runs(desk: Desk, now: datetime, enough: Callable[[], bool]) -> None:
    from tetra_orchestrator.engine.alerting import judge_runs

    for aloud in judge_runs(desk, now, enough):
        wire.warn(aloud.text)
        _note(aloud.log, aloud.text, desk.project)


def _has_something_to_tell(store: Store) -> bool:
    """Whether there is anything to do: most commands find nothing, and load nothing for it."""
    alerts = store.alerts
    return bool(alerts.untold(1) or alerts.open() or alerts.deliveries(unsent=True))


def _of_health(health: Health) -> Callable[[Desk, datetime], None]:
    from tetra_orchestrator.engine.alerting import judge_health

    return lambda desk, now: judge_health(desk, health, now)


def _send(project: Project, secrets: Sequence[str], store: Store, within_s: float) -> list[Result]:
    from tetra_orchestrator.engine.outbox import send

    results = send(_outbox(project, secrets, store), within_s)
    for result in results:
        if not result.posted.ok:
            then = "no further try would help" if result.posted.hopeless else "it is tried again later"
            wire.warn(f"an alert has not arrived, {then}: {result.posted.error}")
    return results


def _desk(project: Project, secrets: Sequence[str], store: Store) -> Desk:
    from tetra_orchestrator.engine.filing import Desk

    return Desk(project, store, _holds, mask_of(project, secrets))


def _holds(condition: str, values: Mapping[str, Gauge]) -> bool | None:
    from tetra_orchestrator.config.conditions import holds

    return holds(condition, values)


def _outbox(project: Project, secrets: Sequence[str], store: Store) -> Outbox:
    from tetra_orchestrator.engine.outbox import Outbox

    return Outbox(project, store.alerts, _courier(project), wire.clock(), mask_of(project, secrets))


def _courier(project: Project) -> Courier:
    from tetra_orchestrator.adapters.notify.courier import ChildCourier
    from tetra_orchestrator.adapters.runner.output.encodings import forms

    return ChildCourier(project.name, forms, project.root)


def mask_of(project: Project, secrets: Sequence[str]) -> Callable[[str], str]:
    """What keeps the project's secrets, and what its channels are reached by, out of a text, in whatever encoding."""
    from tetra_orchestrator.adapters.runner.output.redaction import Redactor

    channels = project.alerting.channels if project.alerting else ()
    known = {*secrets, *(value for channel in channels for value in _secrets_of(channel))}
    forms = tuple(sorted(each.encode(errors="surrogateescape") for each in known))
    patterns = tuple(pattern.encode() for pattern in project.logs.patterns)

    def mask(text: str) -> str:
        redactor = Redactor(forms, patterns)
        return (redactor.feed(text.encode(errors="replace")) + redactor.flush()).decode(errors="replace")

    return mask


def _secrets_of(channel: Channel) -> Iterator[str]:
    for name in _SECRET_FIELDS:
        value = getattr(channel, name)
        if value is not None:
            yield value
    for _, value in channel.headers:
        yield value


@contextmanager
def _opened(project: Project) -> Iterator[Store]:
    store = wire.store(project.store_url, project.name)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _only_a_warning(what: str) -> Iterator[None]:
    """Have whatever goes wrong be one warning; also an interrupt, as the exit code is known already."""
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        wire.warn(f"{what}: {text}")


def _note(log: str | None, text: str, project: Project) -> None:
    """Leave it in the log of the run that it is about."""
    if log is None or project.logs.format == "json":
        return
    from tetra_orchestrator.adapters.report.narration import stamp

    with suppress(OSError), open(log, "a", encoding="utf-8") as file:
        file.write(f"{stamp(wire.clock().now())} WARNING {text}\n")
