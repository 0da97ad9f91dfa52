"""Runs that were refused before they were one: the last of them is kept, so that `why` can tell of it."""

from __future__ import annotations

import os
import sys
from datetime import datetime

from tetra_orchestrator import wire, wire_reports
from tetra_orchestrator.cli.records import began
from tetra_orchestrator.config import cache
from tetra_orchestrator.config.find import find_config, project_root
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.errors import ConfigError, TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.why_support import Said

#: What is kept, beside the projects: when, the code, the pipelines (none: all), the text and the hint.
FILE = "refused"


def keep(error: TetraError, pipelines: Sequence[str], config: str | None, now: datetime) -> None:
    """Remember that these pipelines could not be run. A project that has never run anything leaves nothing."""
    file = _file(config)
    if not os.path.isdir(os.path.dirname(os.path.dirname(file))):
        return
    lines = [
        instant(now),
        error.code,
        ",".join(pipelines),
        _line(error.first if isinstance(error, ConfigError) else error.message),
        _line(error.hint or ""),
    ]
    cache.write(file, "", (), lines)


def log(project: Project, text: str, *, aloud: bool) -> None:
    """Leave a refused request in a log of its own and, `aloud`, on standard output, as a wrapper's user expects it."""
    now = wire.clock().now()
    as_json = project.logs.format == "json"
    line = wire_reports.service_line(text, now, "error") if as_json else wire_reports.plain_line(text, now)
    with open(wire.workspace(project).open_log(now), "a", encoding="utf-8") as file:
        file.write(line)
    if aloud:
        sys.stdout.write(line)
        sys.stdout.flush()


def refused(pipeline: str | None, run: Run | None, config: str | None, said: Said) -> list[Reason]:
    """Why the last request for the pipeline (None: for any) was refused, where nothing of it has run since."""
    kept = cache.read(_file(config), None)
    if kept is None or len(kept) != 5:
        return []
    at, code, names, text, hint = kept
    if pipeline is not None and names and pipeline not in names.split(","):
        return []
    when = datetime.fromisoformat(at)
    if run is not None and began(run) > when:
        return []
    subject = pipeline or names.replace(",", ", ")
    what = f"{subject} was not run" if subject else "the last run was refused"
    found = [Reason(code, f"{what}: {text}"), Reason("refused", f"that was at {said(when)}")]
    hint = hint or ("mend the file: tetra validate shows each mistake" if code == ConfigError.code else "")
    return [*found, *([Reason("next", hint)] if hint else [])]


def _file(config: str | None) -> str:
    return os.path.join(project_root(find_config(config, os.environ, os.getcwd())), cache.FOLDER, FILE)


def _line(text: str) -> str:
    return " ".join(text.split())
