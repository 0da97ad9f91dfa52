"""What a run may cost, counted instead of timed: commits, calls that wait for the disk, processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.components import require
from support.worlds import Stage, project, task
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.outcome import Exited

SRC = Path(__file__).parents[1] / "src"
RUN = (sys.executable, "-m", "tetra_orchestrator", "run")
LENGTH = 4
SYNCS = {"fsync", "fdatasync"}
FORKS = {"clone", "clone3", "fork", "vfork"}
CALL = re.compile(r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<first>[^,)]*)")

# Commits of a run of the chain: its opening, the turn that starts the first task, one for each end of a task (which
# starts the next one or ends the run), and at most one more for each task that takes longer than a moment.
COMMITS = 1 + 1 + LENGTH
LINGERING = LENGTH
#: The head of the write-ahead log and its entry in the folder; at the end the log and the file, to put it away.
BOOKKEEPING = 2 + 2
#: Calls of a run of one task beyond those of a bare interpreter. Most of them find and read modules.
MOST_CALLS = 2150
#: What making the store adds: the journal of an empty file (head, entry, body, file), the commit that makes the tables
#: in a log of its own (head, entry, commit; log and file, to put it away), and the entry of the whole store.
MAKING = 4 + 5 + 1


def chain(length):
    return [task(f"t{n}", *([f"t{n - 1}"] if n else [])) for n in range(length)]


def commits(folder, tasks, seconds, **fields):
    """How many commits a run of the tasks makes when each of them takes so many seconds."""
    store = SqliteStore(str(folder / "state" / "tetra.db"))
    made = []
    store.connection.set_commit_hook(lambda: bool(made.append(1)))  # False: let it commit
    stage = Stage(project(*tasks, **fields), lambda name, number: (seconds, Exited(0), {}), store=store)
    assert stage.run() == 0
    store.close()
    return len(made)


@pytest.mark.parametrize("length", [1, 10, 40])
def test_a_chain_makes_one_commit_per_turn_of_the_loop_and_one_to_open_the_run(length, tmp_path):
    # turns: one that starts the first task, then one for each end
    assert commits(tmp_path, chain(length), seconds=0.0) == 1 + 1 + length


def test_a_task_that_takes_longer_than_a_moment_adds_one_commit_that_saves_its_handle(tmp_path):
    assert commits(tmp_path, chain(10), seconds=60.0) == 1 + 1 + 10 + 10


@pytest.mark.parametrize(("slots", "turns"), [(10, 2), (5, 3), (2, 6), (1, 11)])
def test_tasks_that_end_together_share_a_commit(slots, turns, tmp_path):
    tasks = [task(f"t{n}") for n in range(10)]
    assert commits(tmp_path, tasks, seconds=0.0, max_parallel=slots) == 1 + turns


@pytest.fixture
def traced(tmp_path):
    """Runs the chain as a user would, and returns its calls: (made by our own process, name, first argument)."""
    strace = require("strace")
    tasks = {one.id: {"command": ["/bin/true"], "depends_on": list(one.depends_on)} for one in chain(LENGTH)}
    document = {"version": 1, "project": "demo", "pipelines": tasks, "modes": {"all": list(tasks)}}
    (tmp_path / "orchestration.yaml").write_text(json.dumps(document))
    wanted = ",".join(sorted(SYNCS | FORKS | {"execve"}))
    return lambda *args: trace(strace, tmp_path, wanted, *RUN, *(args or ("--mode", "all")))


def trace(strace, folder, wanted, *command):
    """The calls of these kinds that the command makes: (by its own process, name, first argument)."""
    subprocess.run(
        [strace, "-f", "-qq", "-e", f"trace={wanted}", "-e", "signal=none", "-o", folder / "calls", *command],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SRC)},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )
    calls = [found for line in (folder / "calls").read_text().splitlines() if (found := CALL.match(line))]
    return [(call["pid"] == calls[0]["pid"], call["name"], call["first"].strip('"')) for call in calls]


def test_a_run_waits_for_the_disk_once_per_commit_and_a_fixed_number_of_times_more(traced):
    made, existing = (sum(name in SYNCS for _, name, _ in traced()) for _ in range(2))
    assert 0 <= made - MAKING - BOOKKEEPING - COMMITS <= LINGERING
    assert 0 <= existing - BOOKKEEPING - COMMITS <= LINGERING


def test_each_task_is_one_process_and_no_shell(traced):
    ourselves, *calls = traced()
    assert ourselves[:2] == (True, "execve")
    assert [own for own, name, _ in calls if name in FORKS] == [True] * LENGTH
    assert [(own, path) for own, name, path in calls if name == "execve"] == [(False, "/bin/true")] * LENGTH


def test_a_run_of_one_task_is_one_process_three_commits_and_few_calls_more_than_a_bare_interpreter_makes(
    traced, tmp_path
):
    one = ("--pipeline", "t0")
    traced(*one)  # the first call reads the file and makes the store
    traced(*one)  # the second has compiled what only reads the cache
    # a traced process on a busy machine may last so long that what it uses is looked at, which short runs are spared
    calls = min((trace(require("strace"), tmp_path, "all", *RUN, *one) for _ in range(3)), key=len)
    bare = trace(require("strace"), tmp_path, "all", sys.executable, "-c", "pass")
    assert sum(name in FORKS for _, name, _ in calls) == 1
    assert 0 <= sum(name in SYNCS for _, name, _ in calls) - BOOKKEEPING - (1 + 1 + 1) <= 1
    assert sum(own for own, _, _ in calls) - len(bare) <= MOST_CALLS
