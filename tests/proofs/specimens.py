"""Files of ours as a run leaves them, each with its real reader, which says what it makes of one that was cut short."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from tetra_orchestrator.adapters.checkpoints import files
from tetra_orchestrator.adapters.kept_slots import KeptSlots
from tetra_orchestrator.adapters.locks.table import Busy, Held, LockTable
from tetra_orchestrator.adapters.runner.wrapped.record import read_record, write_record
from tetra_orchestrator.adapters.workspace import Workspace
from tetra_orchestrator.config import cache, glance
from tetra_orchestrator.config import load as loading
from tetra_orchestrator.core.checkpoint import Checkpoint
from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.model import Schedule
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.slots import between
from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.worker.function import Exchange, perform
from tetra_orchestrator.worker.position import Position

NOW = datetime(2026, 3, 1, 20, tzinfo=UTC)
PROJECT = f"""
version: 1
project: demo
python: {sys.executable}
pipelines:
  alpha: {{shell: "echo alpha", outputs: {{rows: int}}}}
  beta: {{command: [echo, "{{alpha.rows}}"], depends_on: [alpha]}}
schedules:
  nightly: {{mode: nightly, cron: "0 3 * * *"}}
modes:
  nightly: [alpha, beta]
"""


class Specimen(NamedTuple):
    """A file to cut. `judge(size)` reads it when it has so many bytes left: what is wrong with the answer, or None.

    `beside` are the files that lie there with it, each whole and new for every cut.
    """

    name: str
    path: Path
    whole: bytes
    judge: Callable[[int], str | None]
    beside: dict[Path, bytes]

    def cut(self, size: int) -> str | None:
        """Lay the file out anew with so many bytes, and have it judged."""
        for stale in self.path.parent.glob("tetra.db*"):
            stale.unlink()
        for path, content in {**self.beside, self.path: self.whole[:size]}.items():
            path.write_bytes(content)
        try:
            return self.judge(size)
        except Exception as error:
            return f"{type(error).__name__} instead of a clear word: {error}"


def difference(found: object, expected: object) -> str | None:
    """What is found instead of what is expected, in so many words; None where it is that."""
    return None if found == expected else f"{str(found)[:200]} instead of {str(expected)[:200]}"


# -- what can be made anew ----------------------------------------------------------------------------------------


def projects(folder: Path) -> Iterator[Specimen]:
    """A project in the cache."""
    file = folder / "orchestration.yaml"
    file.write_text(PROJECT)
    whole = cache.load(str(file), environ={})
    path = next((folder / "state" / "cache").glob("project-*"))

    def parsed(*_: object, **__: object) -> Any:
        return whole

    def judge(_: int) -> str | None:
        real, loading.load_project = loading.load_project, parsed
        try:
            return difference(cache.load(str(file), environ={}), whole)
        finally:
            loading.load_project = real

    yield Specimen("cache of a project", path, path.read_bytes(), judge, {})


def glances(folder: Path) -> Iterator[Specimen]:
    """A glance in the cache, which is there also while the configuration cannot be read."""
    file = folder / "orchestration.yaml"
    file.write_text(PROJECT)

    def look() -> Any:
        return glance.look(str(file), {}, NOW)._replace(project=None)  # only with what was looked at anew

    seen = look()
    path = folder / "state" / "cache" / cache.GLANCE

    def judge(_: int) -> str | None:
        return difference(glance.last_known(str(file)) or look(), seen)

    yield Specimen("cache of a glance", path, path.read_bytes(), judge, {})


def slots(folder: Path) -> Iterator[Specimen]:
    """The next slots of a schedule in the cache: as many as are kept, and all that there will ever be."""
    (folder / "state" / "cache").mkdir(parents=True, mode=0o700)
    kept, until = KeptSlots(str(folder)), NOW + timedelta(days=99)
    zone, at = "America/New_York", "2026-05-01T02:00"
    for schedule in (
        Schedule("daily", "all", None, zone, every_s=86_400.0),
        Schedule("once", "all", None, zone, at=at),
    ):
        expected = between(schedule, NOW, until)
        kept(schedule, NOW, until)
        path = folder / "state" / "cache" / f"slots-{schedule.name}"

        def judge(_: int, schedule: Schedule = schedule, expected: Any = expected) -> str | None:
            return difference(kept(schedule, NOW, until), expected)

        yield Specimen(f"cache of the slots of a schedule, {schedule.name}", path, path.read_bytes(), judge, {})


def locks(folder: Path) -> Iterator[Specimen]:
    table, path = LockTable(str(folder)), folder / "pipeline-alpha.lock"
    with table.held(["pipeline-alpha"], "run 20260301T200000Z-abcdef"):
        whole = path.read_bytes()

    def judge(size: int) -> str | None:
        first = table.acquire(["pipeline-alpha"], "run")
        if not isinstance(first, Held):
            return "a free lock could not be taken"
        with first:
            path.write_bytes(whole[:size])
            second = table.acquire(["pipeline-alpha"], "run")
        return None if second == Busy("pipeline-alpha", whole[:size].decode().strip()) else f"taken twice: {second}"

    yield Specimen("lock", path, whole, judge, {})


# -- what attempts leave --------------------------------------------------------------------------------------------


def attempts(folder: Path) -> Iterator[Specimen]:
    workspace = Workspace(str(folder / "logs"), str(folder / "state"))
    given = {"inputs": [[1, 2, 3]], "reads": ["rows"], "writes": ["text"], "config": {"sort_keys": True}}
    files = workspace.prepare("r1", "alpha", 1, given)
    left = Path(files.output)

    def judge_input(_: int) -> str | None:
        left.write_bytes(b"")
        with redirect_stderr(io.StringIO()):
            code = perform("json.dumps", files.input, files.output, Exchange())
        called = workspace.outputs(files).get("text")
        return None if code and called is None else difference(called, "[1, 2, 3]")

    yield Specimen("input of an attempt", Path(files.input), Path(files.input).read_bytes(), judge_input, {})
    lines = [b'{"rows": 3, "metrics": {"seconds": 1.5}}\n', b'{"rows": 4}\n', b'{"text": "\xc3\xa9"}\n']
    yield Specimen("outputs of an attempt", left, b"".join(lines), _judge_outputs(workspace, files, lines), {})
    record, ended = Path(files.record), (Exited(3), NO_FACTS)
    write_record(files.record, "token", *ended)
    content = record.read_bytes()

    def judge_record(size: int) -> str | None:
        return difference(read_record(files.record, "token"), ended if size == len(content) else None)

    yield Specimen("record of a wrapper", record, content, judge_record, {})


def _judge_outputs(workspace: Workspace, files: Any, lines: list[bytes]) -> Callable[[int], str | None]:
    """Whole lines count, as the task may have been ended between two; half a line is refused."""
    stages: list[dict[str, Any]] = [{}, {"rows": 3, "metrics": {"seconds": 1.5}}]
    stages += [{**stages[1], "rows": 4}, {**stages[1], "rows": 4, "text": "é"}]
    ends = list(accumulate(map(len, lines)))

    def judge(size: int) -> str | None:
        whole = sum(size >= end - 1 for end in ends)  # a line without its newline is one, too
        try:
            return difference(workspace.outputs(files), stages[whole])
        except ValueError:
            between = size == 0 or any(size in (end - 1, end) for end in ends)
            return "whole lines were refused" if between else None

    return judge


def positions(folder: Path) -> Iterator[Specimen]:
    config = {"source_connector": "orders", "target_connector": "lake", "asset": "daily"}
    for name, value in (("number", 12345), ("text", "2026-03-01"), ("map", {"page": 17, "after": "x"})):
        place = folder / name
        Position(str(place), config).keep(value)
        (path,) = place.iterdir()

        def judge(_: int, place: Path = place, value: Any = value) -> str | None:
            try:
                return difference(Position(str(place), config).value, value)
            except ValueError:
                return None

        yield Specimen(f"position, a {name}", path, path.read_bytes(), judge, {})


def checkpoints(folder: Path) -> Iterator[Specimen]:
    left = Checkpoint("20260301T200000Z-abcdef", "demo", ("alpha", "b\u00eata"), {"alpha": {"rows": 3}}, 1701619200.5)
    path = Path(files.save(str(folder), left, 1))
    whole = path.read_bytes()

    def judge(size: int) -> str | None:
        found = files.look(str(folder))
        kept, broken = [each.checkpoint for each in found.kept], [broken for broken, _ in found.broken]
        good = size >= len(whole.rstrip())
        return difference((kept, broken), ([left], []) if good else ([], [str(path)]))

    yield Specimen("checkpoint", path, whole, judge, {})
    files.settle_in(str(folder), "demo", "/x/demo.yaml")
    homes = folder / files.HOMES
    noted = homes.read_bytes()

    def judge_homes(size: int) -> str | None:
        wanted = {"demo": "/x/demo.yaml"} if size >= len(noted.rstrip()) else {}
        return difference(files.look(str(folder)).homes, wanted)

    yield Specimen("whose checkpoints they are", homes, noted, judge_homes, {})


def logs(folder: Path) -> Iterator[Specimen]:
    workspace = Workspace(str(folder), str(folder))
    path = folder / "alpha.1.log"
    whole = "the first line\nthe second, ü\r\n\x1b[1mthe last\n".encode()

    def judge(size: int) -> str | None:
        return difference(workspace.tail(str(path)), printable(whole[:size].decode(errors="replace")))

    yield Specimen("log", path, whole, judge, {})
    latest = folder / "latest"
    target = os.path.basename(workspace.open_log(NOW)).encode()

    def judge_link(size: int) -> str | None:
        latest.unlink()
        latest.symlink_to(target[:size].decode() or ".")
        log = workspace.open_log(NOW)
        fault = difference(os.readlink(latest), os.path.basename(log))
        os.unlink(log)
        return fault

    yield Specimen("link to the latest log", latest, target, judge_link, {})
