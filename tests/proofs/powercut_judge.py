"""What a power cut has left, looked at as the next command would: was anything lost that had been told?"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw

from proofs import sweep_checks
from proofs.disk import File
from proofs.sweep_checks import of_pairs
from support.fakes import FakeClock
from support.schedules import GuardStage, scheduled
from tetra_orchestrator import wire
from tetra_orchestrator.adapters.runner.wrapped.record import read_record
from tetra_orchestrator.adapters.store.sqlite_backup import folder_of
from tetra_orchestrator.adapters.store.sqlite_file import RESERVE_BYTES
from tetra_orchestrator.adapters.store.sqlite_upkeep import look_into
from tetra_orchestrator.adapters.store.standing import rank, word
from tetra_orchestrator.config.cache import read
from tetra_orchestrator.config.glance import last_known
from tetra_orchestrator.config.kept import from_lines
from tetra_orchestrator.core.history import Run
from tetra_orchestrator.core.model import SQLITE, Schedule
from tetra_orchestrator.core.slots import FINAL, by_rule
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.core.states import RUN_TERMINAL, TERMINAL, TaskState
from tetra_orchestrator.engine.reconcile import Scene, reconcile
from tetra_orchestrator.errors import TetraError

Left = Mapping[str, tuple[File, bytes]]
Outputs = Mapping[str, dict[str, Any]]
#: The run in the store that is upgraded, and the version of that.
OLD_RUN, OLD_VERSION = "20261121T113744Z-a4ui76", 1
_REFUSALS = (TypeError, ValueError, LookupError, AttributeError)


class Told:
    """What commands have printed so far into files below `place`, as JSON objects one after the other."""

    def __init__(self, place: str) -> None:
        self._place = place
        self.events: list[tuple[str, int, tuple[Any, ...]]] = []
        self.runs: dict[str, str] = {}
        self.tasks: dict[tuple[str, str], tuple[str, Any]] = {}
        self.pipelines: dict[tuple[str, str], str] = {}
        self.pauses: list[tuple[str, str]] = []
        self.slots: dict[tuple[str, str], tuple[str, str | None]] = {}
        self._unread: dict[str, str] = {}

    def __len__(self) -> int:
        return sum(map(len, (self.events, self.runs, self.tasks, self.pipelines, self.pauses, self.slots)))

    def states(self) -> set[str]:
        """Every state of a task or of a run that was told, such as `task failed`."""
        told = {f"{'task' if task else 'run'} {state}" for _, _, (_, task, _, state) in self.events}
        told |= {f"{kind} paused" for kind, _ in self.pauses}
        told |= {f"slot {outcome}" for outcome, _ in self.slots.values()}
        return told | {f"run {state}" for state in self.runs.values()} | {f"task {s}" for s, _ in self.tasks.values()}

    def take(self, path: str, data: bytes) -> None:
        """Add what was written into the file at `path`; half an object waits for the rest."""
        if not path.startswith(self._place):
            return
        text = self._unread.get(path, "") + data.decode(errors="replace")
        while text.startswith("{"):
            try:
                said, end = json.JSONDecoder().raw_decode(text)
            except ValueError:
                break
            self._take(said)
            text = text[end:].lstrip()
        self._unread[path] = text

    def _take(self, said: dict[str, Any]) -> None:
        match said["schema"]:
            case "tetra.run/1":
                row = tuple(said[name] for name in ("event", "task", "attempt", "state"))
                self.events.append((said["run_id"], said["seq"], row))
            case "tetra.show/1" | "tetra.cancel/1":
                self._take_run(said["run"], said.get("tasks", ()))
            case "tetra.stop/1":
                for run in said["runs"]:
                    self._take_run(run, ())
            case "tetra.pause/1":
                self.pauses += [(row["kind"], row["name"]) for row in said["paused"]]
            case "tetra.schedule.audit/1":
                final = [row for row in said["slots"] if row["outcome"] in FINAL]
                self.slots |= {(row["schedule"], row["slot"]): (row["outcome"], row["run_id"]) for row in final}
            case "tetra.status/1":
                for row in said["pipelines"]:
                    if row["state"] == "idle" and row["last_run"]:
                        self.pipelines[row["last_run"]["run_id"], row["name"]] = row["last_run"]["state"]

    def _take_run(self, run: dict[str, Any], tasks: Iterable[dict[str, Any]]) -> None:
        """What is over stays as it is."""
        if run["state"] in RUN_TERMINAL:
            self.runs[run["run_id"]] = run["state"]
            for task in tasks:
                self.tasks[run["run_id"], task["id"]] = task["state"], task["outputs"]


def complaints(left: Left, told: Told, outputs: Outputs, folder: Path) -> list[str]:
    """What is wrong with the files that are left. They are written below `folder`, which is empty.

    `outputs` are what the tasks hand on when they succeed.
    """
    for name, (_, content) in left.items():
        _write(folder / name, content)
    found = list(_torn(left, folder))
    try:
        with wire.scene(f"{SQLITE}{folder}/state/tetra.db", str(folder)) as scene:
            found += _of_scene(scene._replace(clock=FakeClock()), told, outputs)
            found += _of_reserve(folder / "state" / "tetra.db.reserve")
            found += _of_copies(scene.store)
    except (TetraError, apsw.Error) as error:
        found.append(f"the store: {error}")
    return found


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def _of_scene(scene: Scene, told: Told, outputs: Outputs) -> Iterator[str]:
    store = scene.store
    checked = store.connection.execute("PRAGMA integrity_check; PRAGMA foreign_key_check").fetchall()
    if checked != [("ok",)]:
        yield f"the store is damaged: {checked[:3]}"
        return
    yield from _of_ends(store, told)  # before reconcile ends what had not ended
    yield from _of_slots(store, told)
    reconcile(scene, end_survivors=False)
    yield from _of_events(store, told)
    paused = [(one.kind, one.name) for one in store.pauses()]
    yield from (f"{kind} {name} was told to be paused" for kind, name in told.pauses if (kind, name) not in paused)
    for run in store.runs(limit=1_000_000):
        yield from _of_run(store, run, outputs)
    yield from _of_wakes(store)


def _of_reserve(path: Path) -> Iterator[str]:
    """The space that is kept beside a store is all there, or whoever opens the store next keeps it anew."""
    if path.exists() and path.stat().st_size != RESERVE_BYTES:
        yield f"the reserve has {path.stat().st_size} bytes"


def _of_copies(store: Any) -> Iterator[str]:
    """Every copy that has its name is whole, and one of the store as it was is there once it is upgraded."""
    folder = Path(folder_of(store.path))
    versions = set()
    for copy in folder.glob("*.db"):
        try:
            versions.add(look_into(str(copy), store.path).version)
        except TetraError as error:
            yield f"a copy: {error}"
    if store.run(OLD_RUN) is not None and OLD_VERSION not in versions:
        yield "the old store was upgraded without a copy"


def _of_ends(store: Any, told: Told) -> Iterator[str]:
    for run_id, state in told.runs.items():
        run = store.run(run_id)
        if run is None or run.state != state:
            yield f"run {run_id} was told to be {state}, and is {run and run.state}"
    rows = {(run_id, task.task_id): task for run_id in told.runs for task in store.task_runs(run_id)}
    for key, said in told.tasks.items():
        found = (rows[key].state, rows[key].outputs or {}) if key in rows else None
        if found != said:
            yield f"task {key} was told to be {said}, and is {found}"
    for (run_id, pipeline), state in told.pipelines.items():
        tasks = [task for task in store.task_runs(run_id) if task.pipeline == pipeline]
        if not tasks or word(rank(tasks)) != state:
            states = [task.state for task in tasks]
            yield f"pipeline {pipeline} of run {run_id} was told to be {state}, and its tasks are {states}"


def _of_slots(store: Any, told: Told) -> Iterator[str]:
    """What was told of a slot is so, and none has run without its run."""
    yield from of_pairs(store)
    slots = {(slot.schedule, instant(slot.at)): (slot.outcome, slot.run_id) for slot in store.ledger.slots()}
    for key, said in told.slots.items():
        if slots.get(key) != said:
            yield f"slot {key} was told to be {said}, and is {slots.get(key)}"


def _of_wakes(store: Any) -> Iterator[str]:
    """One more wake of each timer, a second after it was last looked at, leaves each slot settled once."""
    for cursor in store.ledger.cursors():
        given = by_rule(Schedule(cursor.name, "all", None, "UTC"), cursor.rule)
        stage = GuardStage(scheduled(given)._replace(file=cursor.source), store=store)
        stage.at(cursor.judged + timedelta(seconds=1))
        stage.wake(given.name)
    yield from (complaint.text for complaint in sweep_checks.of_slots(store))


def _of_events(store: Any, told: Told) -> Iterator[str]:
    kept = {
        (run_id, event.seq): (event.event, event.task, event.attempt, event.state)
        for run_id in {run_id for run_id, _, _ in told.events}
        for event in store.events(run_id)
    }
    for run_id, seq, row in told.events:
        if kept.get((run_id, seq)) != row:
            yield f"event {seq} of run {run_id} was told as {row}, and is {kept.get((run_id, seq))}"


def _of_run(store: Any, run: Run, outputs: Outputs) -> Iterator[str]:
    """Everything of the run can be read, has an end, and its events have no gap; a success has its outputs."""
    if run.state not in RUN_TERMINAL:
        yield f"run {run.run_id} is {run.state} although nobody lives"
    if store.config_text(run.run_id) is None:
        yield f"run {run.run_id} has no configuration"
    numbers = [event.seq for event in store.events(run.run_id)]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the events of run {run.run_id} have a gap: {numbers}"
    tasks = store.task_runs(run.run_id)
    yield from (f"task {task.task_id} is {task.state}" for task in tasks if task.state not in TERMINAL)
    good = [task for task in tasks if task.state == TaskState.SUCCEEDED and task.task_id in outputs]
    wrong = [task for task in good if task.outputs != outputs[task.task_id]]
    yield from (f"task {task.task_id} succeeded with the outputs {task.outputs}" for task in wrong)
    open_ones = [one for one in store.attempts(run.run_id) if one.kind is None]
    yield from (f"attempt {one.number} of {one.task_id} is open" for one in open_ones)


def _torn(left: Left, folder: Path) -> Iterator[str]:
    """Files of ours besides the store that are there in part and that their reader takes for good."""
    for name, (file, content) in left.items():
        whole = bytes(file.now)
        if content == whole or not name.startswith("state/"):
            continue
        taken = _reading(folder, name, whole)
        _write(folder / name, whole)
        if taken is not None and taken != _reading(folder, name, whole):
            yield f"{name} is torn, and is read nevertheless"
        _write(folder / name, content)


def _reading(folder: Path, name: str, whole: bytes) -> object:
    """What our reader makes of the file; None where it refuses it, or where nobody reads such a file."""
    path = str(folder / name)
    if name.endswith(".record.json"):
        return read_record(path, json.loads(whole)["token"])
    if name == "state/cache/glance":
        return last_known(str(folder / "orchestration.yaml"))
    if name.startswith("state/cache/project-") and name.count(".") == 0:
        return _cached(path, whole)
    return None


def _cached(path: str, whole: bytes) -> object:
    """The kept project, read by whoever finds that the files it was made of are still the same."""
    key, more, *_ = whole.decode().split("\n")
    lines = read(path, lambda found: key if "\0".join(found) == more else None)
    try:
        return from_lines(lines) if lines else None
    except _REFUSALS:
        return None
