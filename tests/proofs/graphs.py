"""`python -m proofs graphs`: workflows of other people, killed at random moments and resumed until they succeed.

Each task of a workflow performs `sweep_task.sh`, which notes its start, its end and whoever else is at the same task.
By turns the orchestrator alone is killed, and all that it has started with it. Linux only.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

import psutil

from core.test_makespan import WORKFLOWS
from proofs.sweep_checks import (
    DOUBLED,
    LOST,
    STRANDED,
    WRONG,
    Complaint,
    Line,
    chain,
    of_chain,
    of_journal,
    of_runs,
    roots,
)
from proofs.sweep_project import SCRIPT, Project
from tetra_orchestrator.core.model import Command, Task
from tetra_orchestrator.core.states import RunState, TaskState
from tetra_orchestrator.engine.again import ALREADY_SUCCEEDED

KILLS = 10
#: How often a run is resumed at most once nobody kills it any more.
TRIES = 3
PARALLEL = 4
#: Of so many moments one is soon after the command has begun, at most so many seconds; the others are when tasks run.
EARLY, EARLY_S = 4, 0.4
#: At most so many seconds pass between a line of the journal and the kill that it was waited for.
LATER_S = 0.05
ALONE, WITH_ALL = "kills of the orchestrator alone", "kills with all that was started"
MISSING = "the graphs of real workflows are not here: name their folder in WFINSTANCES"

Graph = Mapping[str, Sequence[str]]


def read(name: str) -> Graph:
    """What each task of the workflow needs."""
    given = json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))["tasks"]
    return {task: tuple(fields["after"]) for task, fields in given.items()}


def document(graph: Graph, chance: random.Random) -> str:
    """The configuration, as JSON, which is YAML too: some of the tasks last for a while."""
    pipelines = {
        task: {"command": ["sh", str(SCRIPT), chance.choice(("quick", "lasts"))], "depends_on": list(needs)}
        for task, needs in graph.items()
    }
    head = {"version": 1, "project": "graph", "python": sys.executable, "host": {"max_parallel": PARALLEL}}
    return json.dumps({**head, "pipelines": pipelines})


def perform(graph: Graph, root: Path, kills: int, seed: str, counts: Counter[str]) -> list[Complaint]:
    """Run the graph in a new folder, kill it so many times, and say what does not hold in the end."""
    chance, project = random.Random(seed), Project(root)
    (root / "orchestration.yaml").write_text(document(graph, chance))
    try:
        for left in range(kills, 0, -1):
            _killed(project, graph, left, chance, counts)
        for _ in range(TRIES):
            code = project.run(*_words(project))
            counts["resumes that went through"] += 1
            if code == 0:
                break
        return [*project.complaints, *judged(project, graph, counts)]
    finally:
        project.close()


def _words(project: Project) -> tuple[str, ...]:
    """Resume the newest run, or start the first one."""
    return ("resume",) if project.states() else ("run",)


def _killed(project: Project, graph: Graph, left: int, chance: random.Random, counts: Counter[str]) -> None:
    """Start the command and kill it, unless it ends before; for the `left` kills to come some tasks are to be left."""
    before = len(project.lines())
    done = sum(line.what == "end" for line in project.lines())
    more = chance.randint(1, max(1, 2 * (len(graph) - done) // (left + 1)))
    process = project.start(*_words(project))
    if chance.randrange(EARLY):
        project.until(lambda: len(project.lines()) >= before + more or process.poll() is not None)
        time.sleep(chance.uniform(0, LATER_S))
    else:
        time.sleep(chance.uniform(0, EARLY_S))
    if process.poll() is None:
        _kill(process, with_all=left % 2 == 0)
        counts[ALONE if left % 2 else WITH_ALL] += 1
    project.finish(process, killed=True)


def _kill(process: Popen[str], with_all: bool) -> None:
    """KILL it; with all that it has started, none of which can start more meanwhile."""
    process.send_signal(signal.SIGSTOP)
    victims = psutil.Process(process.pid).children(recursive=True) if with_all else []
    process.kill()
    for victim in victims:
        with suppress(psutil.NoSuchProcess):
            victim.kill()


def judged(project: Project, graph: Graph, counts: Counter[str]) -> Iterator[Complaint]:
    """What does not hold once the last command is over."""
    lines = project.lines()
    tasks = {name: Task(name, name, Command(("sh",)), depends_on=tuple(needs)) for name, needs in graph.items()}
    if not project.states():
        yield Complaint(LOST, "there is no run of it")
        return
    with project.store() as store:
        first = list(roots(store).values())[-1]
        yield from of_chain(store, first, graph)
        yield from of_runs(store, tasks)
        yield from of_journal(store, tasks, lines, counts)
        yield from of_order(store, lines, graph)
        yield from of_the_last(store, chain(store, first)[-1])
    project.until_gone()
    yield from (Complaint(STRANDED, f"process {name} is left") for name in project.processes())
    counts["attempts"] += sum(line.what == "start" for line in lines)


def of_order(store, lines: Sequence[Line], graph: Graph) -> Iterator[Complaint]:
    """No attempt starts before the success of all that it needs."""
    won = {
        (row.run_id, row.task_id, row.attempts)
        for run_id in roots(store)
        for row in store.task_runs(run_id)
        if row.state == TaskState.SUCCEEDED
    }
    done: set[str] = set()
    for line in lines:
        if line.what == "start":
            missing = sorted(set(graph[line.task]) - done)
            text = f"attempt {line.attempt} of {line.task} in run {line.run_id} has started before the success of"
            yield from (Complaint(WRONG, f"{text} {need}") for need in missing)
        elif line.what == "end" and (line.run_id, line.task, line.attempt) in won:
            done.add(line.task)


def of_the_last(store, run_id: str) -> Iterator[Complaint]:
    """The last run has succeeded; what it did not do had been done."""
    if (state := store.run(run_id).state) != RunState.SUCCEEDED:
        yield Complaint(LOST, f"run {run_id} is {state}")
    for row in store.task_runs(run_id):
        code = row.reason.code if row.reason else None
        if row.state != TaskState.SUCCEEDED and (row.state, code) != (TaskState.SKIPPED, ALREADY_SUCCEEDED):
            yield Complaint(LOST, f"{row.task_id} is {row.state} ({code}) in run {run_id}")
        if row.state == TaskState.SKIPPED and row.attempts:
            yield Complaint(DOUBLED, f"{row.task_id} is skipped in run {run_id}, and has {row.attempts} attempts")


def main(argv: list[str]) -> int:
    """Kill and resume all workflows, or those that are named; 1 where something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m proofs graphs", description="Real workflows, killed at random.")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default: 1)")
    parser.add_argument("--kills", type=int, default=KILLS, help=f"of each workflow (default: {KILLS})")
    parser.add_argument("names", nargs="*", help="of workflows; all of the folder without them")
    given = parser.parse_args(argv)
    names = given.names or [path.stem for path in sorted(WORKFLOWS.glob("*.json"))]
    if not names:
        print(MISSING)
        return 0
    counts, violations = Counter[str](), 0
    with tempfile.TemporaryDirectory(prefix="tetra graphs ") as above:
        for name in names:
            graph, began, before = read(name), time.monotonic(), counts[ALONE] + counts[WITH_ALL]
            complaints = perform(graph, Path(above) / name, given.kills, f"{given.seed} {name}", counts)
            counts["tasks"] += len(graph)
            violations += len(complaints)
            kills = counts[ALONE] + counts[WITH_ALL] - before
            facts = f"{len(graph)} tasks, {kills} kills, {time.monotonic() - began:.0f} s"
            print(f"{name}: {facts}", *complaints, sep="\n  ", flush=True)
    print(*(f"{text}: {number}" for text, number in sorted(counts.items())), sep="\n")
    kills = counts[ALONE] + counts[WITH_ALL]
    print(f"graphs {len(names)}, tasks {counts['tasks']}, kills {kills}, violations {violations}")
    return int(bool(violations))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
