"""Some tests of the command line again with a faulty store, and that its faults and its judge are real."""

from __future__ import annotations

import ast
import os
import re
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from cli.conftest import Site
from proofs.storefaults_judge import Command, of_command, of_project
from proofs.storefaults_store import KINDS, PARTS, SURE, FaultyStore
from support.worlds import Stage, project, task
from tetra_orchestrator import ports, store_parts
from tetra_orchestrator.adapters.store.memory import MemoryStore
from tetra_orchestrator.core.slots import Cursor
from tetra_orchestrator.errors import CannotWrite, StoreError

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
TESTS = Path(__file__).parents[1]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: A handful of tests in which much is recorded.
HANDFUL = "test_three_nights or test_A_063 or test_retry_does_one_task or test_I15 or flaky or test_on_lost"
FIGURE = re.compile(r"tests \d+, tests with a fault \d+, commands with a store \d+, faults [1-9]\d*, violations 0\n")


def proof(*words: str) -> subprocess.CompletedProcess[str]:
    """The proof as a process: pytest does not run within itself."""
    paths = [str(TESTS), *(path for path in sys.path if path)]
    command = [sys.executable, "-m", "proofs.storefaults", *words]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(command, capture_output=True, text=True, env=environ, stdin=subprocess.DEVNULL)


@linux
def test_with_faults_in_the_store_nothing_of_some_tests_is_lost_doubled_or_left_behind() -> None:
    done = proof("--seeds", "2", "--only", HANDFUL)
    assert done.returncode == 0, done.stdout
    assert FIGURE.fullmatch(done.stdout.splitlines(keepends=True)[-1])


@linux
@pytest.mark.long
def test_with_faults_in_the_store_nothing_of_all_tests_is_lost_doubled_or_left_behind() -> None:
    done = proof()
    assert done.returncode == 0, done.stdout
    assert FIGURE.fullmatch(done.stdout.splitlines(keepends=True)[-1])


# The faults


class Scripted(Random):
    """Chance that gives these numbers one after the other, and then the last one for ever."""

    def __init__(self, *numbers: float):
        super().__init__(0)
        self.numbers = list(numbers)

    def random(self) -> float:
        return self.numbers.pop(0) if len(self.numbers) > 1 else self.numbers[0]


def faulty(*numbers: float) -> tuple[FaultyStore, MemoryStore, list[str]]:
    """A store that can be opened, what is behind it, and what is noted of its faults."""
    told: list[str] = []
    behind = MemoryStore()
    return FaultyStore(lambda: behind, "/state/tetra.db", Scripted(1.0, *numbers), told.append), behind, told


def methods_of_the_port(called: str, where: ModuleType = store_parts) -> list[str]:
    assert where.__file__
    tree = ast.parse(Path(where.__file__).read_text())
    [port] = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == called]
    return [node.name for node in port.body if isinstance(node, ast.FunctionDef) and not node.decorator_list]


FAILING = [name for name in methods_of_the_port("Store", ports) if name not in SURE]
OF_PARTS = [f"{part}.{name}" for part in PARTS for name in methods_of_the_port(part.title())]


@pytest.mark.parametrize("name", [*FAILING, *OF_PARTS])
def test_every_method_of_the_store_fails_now_and_then(name: str) -> None:
    store, _, told = faulty(0.0, 0.0, 1.0)
    with pytest.raises((StoreError, CannotWrite)):
        attrgetter(name)(store)()
    assert told == [f"locked {name} refused"]


def test_what_never_fails_in_the_real_store_does_not_fail() -> None:
    store, _, told = faulty(0.0)
    for name in SURE:
        getattr(store, name)()
    assert told == []


def test_an_error_is_the_one_that_the_real_store_raises() -> None:
    store, _, _ = faulty(0.0, 0.5, 1.0)
    with pytest.raises(CannotWrite) as caught:
        store.runs()
    assert str(caught.value) == (
        "/state/tetra.db: the disk is full\n  hint: free some space on the disk of /state, then start again"
    )


def test_an_error_may_come_although_the_commit_was_made() -> None:
    stage = Stage(project(task("a")))
    assert stage.run() == 0
    run, rows = stage.last_run, stage.store.task_runs(stage.last_run.run_id)
    store, behind, told = faulty(0.0, 0.0, 0.0, 1.0)
    with pytest.raises(StoreError):
        store.open_run(run, rows, [], "version: 1")
    assert behind.run(run.run_id) == run
    assert told == ["locked open_run made"]


def test_a_slot_may_be_settled_although_an_error_came() -> None:
    store, behind, told = faulty(0.0, 0.0, 0.0, 1.0)
    with pytest.raises(StoreError):
        store.ledger.settle(None, Cursor("nightly", "0 6 * * *", NOON, NOON), [])
    assert [cursor.name for cursor in behind.ledger.cursors()] == ["nightly"]
    assert told == ["locked ledger.settle made"]


def test_what_is_broken_may_stay_so() -> None:
    store, _, told = faulty(0.0, 0.5, 0.0, 1.0)
    for _ in range(3):
        with pytest.raises(CannotWrite):
            store.runs()
    assert told == ["full runs refused"] * 3


def test_the_kinds_share_a_hundred() -> None:
    assert sum(weight for _, weight, _ in KINDS.values()) == 100


# The judge


def ended(code: str) -> list[str]:
    """What is said of a command that does this."""
    command = Command([sys.executable, "-c", code, "tetra_orchestrator"], stderr=subprocess.PIPE, text=True)
    command.communicate()
    assert command.ours
    return list(of_command(command))


def test_a_command_that_ends_in_another_way_than_is_published_is_found() -> None:
    assert ended("raise SystemExit(2)") == []
    assert ended("raise SystemExit(3)") == ["`tetra_orchestrator` ended with 3: "]
    [found] = ended("raise SystemExit(70)")
    assert found == "`tetra_orchestrator` is at fault: "
    assert all("ZeroDivisionError" in text for text in ended("1 / 0"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A project in which a run has ended."""
    site = Site(tmp_path / "my project")
    site.configure("pipelines: {a: {shell: 'true'}, b: {shell: 'true', depends_on: [a]}}")
    assert site.run("run").returncode == 0
    return site


@linux
def test_a_store_that_contradicts_itself_is_found(site: Site) -> None:
    assert list(of_project(site.root, site.env)) == []
    run_id = site.json("show")["run"]["run_id"]
    with sqlite3.connect(site.root / "state" / "tetra.db") as store:
        store.execute("DELETE FROM events WHERE event = 'attempt.started' AND task = 'a'")
    found = list(of_project(site.root, site.env))
    assert f"{run_id}: I4 a has 1 attempts, and 0 events of a start" in found


@linux
def test_a_process_that_is_left_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proofs.storefaults_judge.GONE_S", 0)
    environ = {"TETRA_ATTEMPT_TOKEN": "abc", "TETRA_HOME": f"{site.root}/"}
    with subprocess.Popen(["sleep", "60"], env=environ) as left:
        assert list(of_project(site.root, site.env)) == [f"process {left.pid} of an attempt is left"]
        left.kill()
