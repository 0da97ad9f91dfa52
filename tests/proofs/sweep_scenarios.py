"""The real workloads of the crash sweep: what has happened before a command is hit, and which places it comes by."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from proofs.sweep_project import DATED, Project, copy

STORES = Path(__file__).parents[1] / "adapters" / "store"
#: A run dies here with an attempt under way: with one that lasts a while, and with any.
LATE_DEATH, EARLY_DEATH = "attempt.running.commit=kill", "spawn.after_fork=kill"
TIMER = "timer"
BACKUP = "copy.db"
#: Where a project that tells tells it.
TOLD = "told.jsonl"
Nth = tuple[int, ...]


class Scenario(NamedTuple):
    """`words` are the command that is hit, `mode` the one whose tasks have to get done, in a new run if `fresh`.

    `places` says which hits of which place are tried. `prepare` makes the project in the folder. `code` is how the
    command ends when nothing happens to it. Tasks that wait are let go while it runs once they are `due`, or after it.
    `afterwards` has a last look.
    """

    words: tuple[str, ...]
    mode: str
    places: Mapping[str, Nth]
    prepare: Callable[[Path], Project]
    code: int = 0
    fresh: bool = True
    due: Callable[[Project], bool] = lambda project: False
    afterwards: Callable[[Project], object] = lambda project: None


def _new(folder: Path) -> Project:
    return Project(folder / "new")


def _old(version: int, folder: Path) -> Project:
    """A project with the store of an older version."""
    project = Project(folder / "old")
    (project.root / "state").mkdir(mode=0o700)
    with sqlite3.connect(project.root / "state" / "tetra.db") as store:
        store.executescript((STORES / f"version_{version}.sql").read_text())
    store.close()
    return project


def _holding(*modes: str) -> Callable[[Path], Project]:
    """A project in which a run of each mode goes on until it may end."""

    def prepare(folder: Path) -> Project:
        project = Project(folder / "busy")
        project.holders = [project.start("run", "--mode", mode) for mode in modes]
        for mode in modes:
            project.until(partial(project.begun, mode))
        return project

    return prepare


def _backed_up(folder: Path) -> Project:
    """A project of which there is a copy from before its last run."""
    project = Project(folder / "backed up")
    project.run("run", "--mode", "tiny")
    project.run("state", "backup", BACKUP)
    project.run("run", "--mode", "tiny")
    return project


def _paused(folder: Path) -> Project:
    project = Project(folder / "paused")
    project.run("pause", "rows", "reads")
    return project


def _dead(mode: str, death: str) -> Callable[[Path], Project]:
    """A project in which a run of the mode has died."""

    def prepare(folder: Path) -> Project:
        project = Project(folder / "dead")
        project.finish(project.start("run", "--mode", mode, failpoint=death), killed=True)
        return project

    return prepare


def _changed(folder: Path) -> Project:
    """A project with a result whose input has changed since."""
    project = Project(folder / "changed")
    (project.root / "input").write_text("1")
    project.run("run", "--mode", "made")
    (project.root / "input").write_text("2")
    return project


def _told(folder: Path) -> Project:
    """A project that tells a file what has failed."""
    tells = {"type": "command", "command": ["sh", "-c", 'cat >> "$0"; echo >> "$0"', str(folder / TOLD)]}
    return Project(folder / "told", more={"alerting": {"channels": {"file": tells}}})


def _watched(folder: Path) -> Project:
    """A project whose monitor leaves its figures in a file. What the machine is short of is nothing to it."""
    calm = {"disk_free": 0, "memory_free": 0, "open_files": 1}
    return Project(folder / "watched", more={"monitor": {"textfile": "state/tetra.prom", **calm}})


def _look_again(project: Project) -> None:
    """The next look leaves nothing behind of one that was killed."""
    project.run("monitor")


def _is_told_once(project: Project) -> None:
    """After the lease of whoever has died, the next command has told it, as the same message however often."""
    with project.store() as store:
        rows = store.alerts._db
        rows.commit(lambda: rows.change("UPDATE letters SET due_at = due_at - 120000000", ()))
    project.run("run", "--mode", "tiny")
    told = [json.loads(line) for line in (project.root.parent / TOLD).read_text().splitlines()]
    for what in ("raised", "resolved"):
        same = [each for each in told if each["what"] == what]
        assert len({each["key"] for each in same}) == 1, told
        assert all(each["again"] for each in same[1:]), told
    with project.store() as opened:
        assert [(one.what, one.state) for one in opened.alerts.deliveries()] == [
            ("raised", "sent"),
            ("resolved", "sent"),
        ]
        assert len(opened.alerts.all()) == 1


def _due_now(folder: Path) -> Project:
    """A project of which a slot is due, on time."""
    now = datetime.now(UTC).replace(microsecond=0)
    return _due({"at": f"{now:%Y-%m-%dT%H:%M:%S}"}, [now], folder)


def _missed(policy: str, folder: Path) -> Project:
    """A project of which three slots were missed, an hour between them. `latest` runs the last of them, `all` each."""
    minute = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    slots = [minute - timedelta(hours=hours) for hours in (2, 1, 0)]
    return _due({"cron": f"{minute.minute} * * * *", "catch_up": policy}, slots, folder)


def _due(rule: Mapping[str, str], slots: list[datetime], folder: Path) -> Project:
    """A project whose schedule by that rule was looked at right before the first of the slots."""
    project = Project(folder / "due", schedules={TIMER: {"mode": "tiny", **rule}})
    project.run("status")
    begin = slots[0] - timedelta(seconds=1)
    with project.store() as store:
        [seen] = store.ledger.cursors()
        store.ledger.settle(seen, seen._replace(since=begin, judged=begin, version=seen.version + 1), [])
    project.due = slots if rule.get("catch_up") == "all" else slots[-1:]
    return project


class Template:
    """A project with a past, made once and copied."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[Path, Project] = {}

    def prepare(self, folder: Path) -> Project:
        """A project with three runs before, of which one is to stay from now on."""
        with self._lock:
            if folder.parent not in self._made:
                self._made[folder.parent] = self._make(folder.parent / "template")
        return copy(self._made[folder.parent], folder / "past", keep=1)

    def _make(self, root: Path) -> Project:
        project = Project(root)
        for _ in range(3):
            project.run("run", "--mode", "tiny")
        return project


def _is_waiting(project: Project) -> bool:
    return "queued" in project.states().values()


def _only_the_newest_is_left(project: Project) -> None:
    project.run("run", "--mode", "tiny")
    runs, folders = list(project.states()), [path.name for path in (project.root / "logs" / "runs").iterdir()]
    assert runs[-1:] == runs == folders, (runs, folders)


def _a_copy_is_there(project: Project) -> None:
    copies = sorted(path.name for path in (project.root / "state" / "backups").iterdir())
    assert copies, "the store was upgraded without a copy"
    assert all(name.endswith(".db") for name in copies), copies


def _writes(*names: str, nth: Nth = (1,)) -> dict[str, Nth]:
    return {each: nth for name in names for each in (name, f"{name}.commit")}


def _run(mode: str, *more: str) -> tuple[str, ...]:
    return ("run", "--mode", mode, *more)


_TWICE = (1, 3)
_MAIN = {
    "cfg.loaded": (1,),
    "lock.taken": (1,),
    "lock.release": (1,),
    "spawn.before": (1, 2),
    "spawn.after_fork": _TWICE,
    "child.exited": _TWICE,
    "outputs.read": _TWICE,
    **_writes("cache.write", "store.make", "migrate.step", "reserve.make", "log.open", "run.insert", "outputs.insert"),
    **_writes("attempt.running", "retry.scheduled", "run.finish"),
    **_writes("input.write", "lock.file", nth=_TWICE),
    **_writes("attempt.insert", "attempt.finish", nth=(1, 2)),
}
_WRAPPED = {
    "spawn.after_fork": (1,),
    "child.exited": (1,),
    **_writes("record.write", "attempt.running", "attempt.finish"),
}
_FIRE = {
    **dict.fromkeys(("lock.taken", "lock.release", "spawn.after_fork", "child.exited"), (1,)),
    **_writes("slots.settle", "run.insert", "attempt.insert", "attempt.finish", "run.finish"),
}
_RESUME = {"spawn.after_fork": (1,), **_writes("reconcile.each", "run.insert", "attempt.insert", "attempt.finish")}
_RESUME |= _writes("checkpoint.carry")
SCENARIOS = {
    "a run": Scenario(_run("all"), "all", _MAIN, _new),
    "a run that fails": Scenario(_run("bad"), "bad", _writes("downstream.skip", "run.finish"), _new, code=2),
    "a run that tells": Scenario(
        _run("bad"),
        "bad",
        {
            "alert.sent": (1,),
            **_writes("alert.enqueue", "alert.claim", "alert.ack"),
            **_writes("alert.group", nth=(1, 2)),
        },
        _told,
        code=2,
        afterwards=_is_told_once,
    ),
    "a look": Scenario(
        ("monitor",), "tiny", _writes("marks.write", "textfile.write"), _watched, afterwards=_look_again
    ),
    "a wrapped task": Scenario(_run("wrapped"), "wrapped", _WRAPPED, _new),
    "a run that waits": Scenario(
        _run("held", "--overlap", "queue"),
        "held",
        _writes("run.insert", "run.start"),
        _holding("held"),
        due=_is_waiting,
    ),
    "a cancel": Scenario(("cancel", "latest"), "held", _writes("request.insert"), _holding("held"), fresh=False),
    "a stop": Scenario(("stop",), "held", _writes("request.insert", nth=(2,)), _holding("held", "also"), fresh=False),
    "a pause": Scenario(("pause", "rows", "reads"), "all", _writes("pause.write", nth=(1, 2)), _new),
    "the end of a pause": Scenario(("unpause", "rows", "reads"), "all", _writes("pause.write", nth=(1, 2)), _paused),
    "old runs": Scenario(
        _run("tiny"),
        "tiny",
        _writes("prune.files", "prune.rows", nth=(1, 2)),
        Template().prepare,
        afterwards=_only_the_newest_is_left,
    ),
    "a run that leaves checkpoints": Scenario(
        _run("all", "--checkpoint-dir", "state/left"), "all", _writes("checkpoint.write", nth=_TWICE), _new
    ),
    "a backfill": Scenario(
        ("backfill", "--mode", DATED, "--from", "2026-01-01", "--to", "2026-01-02"),
        DATED,
        {
            **_writes("backfill.insert", "backfill.move"),
            **_writes("run.insert", "attempt.insert", "attempt.finish", "run.finish", nth=(1, 2)),
        },
        _new,
    ),
    "a result": Scenario(_run("made"), "made", _writes("result.drop", "result.keep"), _changed),
    "an old store": Scenario(
        _run("tiny"),
        "tiny",
        {**_writes("migrate.step", nth=(1, 2, 4)), **_writes("backup.write")},
        partial(_old, 1),
        afterwards=_a_copy_is_there,
    ),
    "a younger store": Scenario(("status",), "tiny", _writes("migrate.step", "backup.write"), partial(_old, 2)),
    "a backup": Scenario(("state", "backup"), "tiny", _writes("backup.write"), _backed_up),
    # what KILL leaves where it keeps the store to itself, so that nobody else can look, the store's own tests see
    "a restore": Scenario(("state", "restore", BACKUP), "tiny", _writes("restore.write"), _backed_up),
    "a dead run": Scenario(("resume",), "all", _RESUME, _dead("all", LATE_DEATH), fresh=False),
    "a dead run that is looked at": Scenario(
        ("show",), "bad", _writes("reconcile.each"), _dead("bad", EARLY_DEATH), fresh=False
    ),
    "a slot": Scenario(("fire", TIMER), "tiny", _FIRE, _due_now),
    "slots that are made up for": Scenario(
        ("fire", TIMER), "tiny", _writes("run.insert", "run.finish", nth=_TWICE), partial(_missed, "all")
    ),
    "slots that are looked at": Scenario(
        ("schedule", "audit"), "tiny", _writes("slots.settle"), partial(_missed, "latest")
    ),
    "a task that outlives its run": Scenario(
        ("resume",), "wrapped", _writes("reconcile.each", "run.insert"), _dead("wrapped", LATE_DEATH), fresh=False
    ),
}
