"""Chooses who is told of a run where that is not only its own log and plain lines on the standard output."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import TextIO

    from tetra_orchestrator.adapters.report.outlet import Outlet
    from tetra_orchestrator.adapters.report.records import Sink
    from tetra_orchestrator.ports import Reporter, Subject

    #: A reporter, and what is incomplete when it fails.
    Named = tuple[Reporter, str]

SHOWN = "what is shown of the run"
PLAIN = "plain"
#: The dialect whose logs have words of their own.
DATIVO = "dativo"


def reporters(
    style: str, subject: Subject, outlet: Outlet, log: TextIO, environ: Mapping[str, str], warn: Callable[[str], None]
) -> list[Named]:
    """The run's own log, what is shown in that style, the further log of the project, and systemd's journal."""
    assert subject.project is not None
    logs = subject.project.logs
    own = _entries(subject, log, "debug", own=True) if logs.format == "json" else _lines(subject, log, own=True)
    named = [(own, f"the run's log {subject.log}")]
    # its lines would stand in the journal twice
    instead = _is_journal(outlet.fileno(), environ)
    journal = _journal(subject) if (style == PLAIN if instead else _is_service(environ)) else None
    if journal is None or not instead:
        named.append((_shown(style, subject, outlet, environ), SHOWN))
    if journal is not None:
        named.append((journal, "what systemd's journal has of the run"))
    if logs.file and (further := _further(subject, logs.file, warn)):
        named.append((further, f"the log {logs.file}"))
    return named


def _shown(style: str, subject: Subject, outlet: Outlet, environ: Mapping[str, str]) -> Reporter:
    if style == "json":
        from tetra_orchestrator.adapters.report.jsonl import JsonReporter

        return JsonReporter(outlet)
    if style == "silent":
        from tetra_orchestrator.adapters.report.fanout import Fanout

        return Fanout(())
    if style == "steps":
        from tetra_orchestrator.adapters.report.steps import StepReporter

        return StepReporter(subject, outlet)
    if style == "live":
        from tetra_orchestrator.adapters.report.canvas import Canvas, draws

        if draws(outlet, environ):
            from tetra_orchestrator import signals
            from tetra_orchestrator.adapters.report.live import LiveReporter

            # by then the shell has written
            signals.signal(signals.SIGCONT, lambda signum, frame: setattr(outlet, "disturbed", True))
            return LiveReporter(subject, Canvas(outlet, coloured=not environ.get("NO_COLOR")))
    assert subject.project is not None
    logs = subject.project.logs
    return _entries(subject, outlet, logs.level) if logs.format == "json" else _lines(subject, outlet)


def _lines(subject: Subject, stream: TextIO | Outlet, *, own: bool = False) -> Reporter:
    from tetra_orchestrator.adapters.report.plain import LineReporter

    return LineReporter(subject, stream, own=own)


def _entries(subject: Subject, stream: TextIO | Outlet, least: str, *, own: bool = False) -> Reporter:
    from tetra_orchestrator.adapters.report.records import StreamSink

    return _records(subject, StreamSink(stream, own=own), least)


def _records(subject: Subject, sink: Sink, least: str) -> Reporter:
    from tetra_orchestrator.adapters.report.entries import Scribe
    from tetra_orchestrator.adapters.report.forms import json_line, text_line
    from tetra_orchestrator.adapters.report.records import EntryReporter

    assert subject.project is not None
    as_json, mask = subject.project.logs.format == "json", masking(subject.secrets)
    line = json_line if as_json else text_line
    if as_json and subject.project.dialect == DATIVO:
        from tetra_orchestrator.adapters.report.dativo import DativoScribe

        return EntryReporter(DativoScribe(subject), lambda entry: line(entry, mask), sink, least)
    return EntryReporter(Scribe(subject), lambda entry: line(entry, mask), sink, least)


def _further(subject: Subject, path: str, warn: Callable[[str], None]) -> Reporter | None:
    """The further log of the project; None, after a warning, where it cannot be written."""
    from tetra_orchestrator.adapters.report.appended import AppendedFile

    assert subject.project is not None
    try:
        return _records(subject, AppendedFile(path), subject.project.logs.level)
    except OSError as error:
        warn(f"nothing is written to the log {path}: {error.strerror}")
        return None


def _journal(subject: Subject) -> Reporter | None:
    from tetra_orchestrator.adapters.report.entries import Scribe
    from tetra_orchestrator.adapters.report.journal import JournalReporter

    try:
        return JournalReporter(subject, Scribe(subject), masking(subject.secrets))
    except OSError:
        return None  # a sandbox without it: then everything is as it is without systemd


def _is_service(environ: Mapping[str, str]) -> bool:
    """Whether we are a service of systemd: its main process, or one whose errors go to the journal."""
    return environ.get("SYSTEMD_EXEC_PID") == str(os.getpid()) or _is_journal(2, environ)


def _is_journal(fd: int, environ: Mapping[str, str]) -> bool:
    """Whether what is written there is a line of the journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        found = os.fstat(fd)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def to_errors(text: str, level: int, environ: Mapping[str, str]) -> str:
    """A text for the standard error; where that is the journal, its first line says how bad it is (sd-daemon(3))."""
    return f"<{level}>{text}" if _is_journal(2, environ) else text


def service_line(text: str, now: datetime, level: str = "info") -> str:
    """What is said of no run, as a line of a JSON log; a warning or an error says so itself."""
    from tetra_orchestrator.adapters.report.entries import ERROR, WARNING, Entry
    from tetra_orchestrator.adapters.report.forms import json_line

    level = {"warning": WARNING, "error": ERROR}.get(text.partition(": ")[0], level)
    return json_line(Entry(now, level, "service", text, {}), str)


def plain_line(text: str, now: datetime) -> str:
    """The same as a line for people."""
    from tetra_orchestrator.adapters.report.narration import stamp

    return f"{stamp(now)} {text}\n"


def masking(secrets: tuple[str, ...]) -> Callable[[str], str]:
    """What takes the secrets out of a text, in every form in which they are known to turn up."""
    if not secrets:
        return str
    from tetra_orchestrator.adapters.runner.output.redaction import Redactor

    forms = tuple(secret.encode(errors="surrogateescape") for secret in secrets)

    def mask(text: str) -> str:
        redactor = Redactor(forms)
        data = text.encode(errors="surrogatepass")
        return (redactor.feed(data) + redactor.flush()).decode(errors="replace")

    return mask
