"""One graph, written as each tool's user would write it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

#: For each task the numbers of those it depends on, all of them smaller.
Graph = tuple[tuple[int, ...], ...]

NO_OP = "/bin/true"
GRAPH = "graph.json"
SEED = 7


def layered(tasks: int, edges: int, layers: int, seed: int = SEED) -> Graph:
    """A random graph: every task but those of the first layer depends on some of the layer before, others on any."""
    chance = random.Random(seed)
    width = tasks // layers
    upstream: list[set[int]] = [set() for _ in range(tasks)]
    for number in range(width, tasks):
        upstream[number].add(chance.randrange(_first(number, width) - width, _first(number, width)))
    missing = edges - (tasks - width)
    while missing:
        number = chance.randrange(width, tasks)
        before = chance.randrange(_first(number, width))
        missing -= before not in upstream[number]
        upstream[number].add(before)
    return tuple(tuple(sorted(some)) for some in upstream)


def chain(tasks: int) -> Graph:
    """Each task after the one before."""
    return tuple((number - 1,) if number else () for number in range(tasks))


def edges(graph: Graph) -> int:
    """How many dependencies there are."""
    return sum(map(len, graph))


def name(number: int) -> str:
    """What a task is called in every tool."""
    return f"task_{number:05}"


def native(graph: Graph) -> str:
    """Our file, in blocks: a pipeline of all tasks, and a mode that runs it."""
    lines = ["version: 1", "project: bench", "pipelines:", "  work:", "    tasks:"]
    for task, upstream in _named(graph):
        lines += [f"      {task}:", f"        command: [{NO_OP}]"]
        lines += ["        depends_on:", *(f"          - {other}" for other in upstream)] if upstream else []
    return "\n".join([*lines, "modes:", "  all: [work]", ""])


def makefile(graph: Graph) -> str:
    """Rules that are always to be made, as nothing here is a file."""
    everything = " ".join(task for task, _ in _named(graph))
    lines = [f"all: {everything}", f".PHONY: all {everything}"]
    for task, upstream in _named(graph):
        lines += [" ".join((f"{task}:", *upstream)), f"\t{NO_OP}"]
    return "\n".join([*lines, ""])


def ninja(graph: Graph) -> str:
    """Statements whose outputs never come into being."""
    lines = ["rule run", f"  command = {NO_OP}"]
    lines += [" ".join((f"build {task}: run", *upstream)) for task, upstream in _named(graph)]
    return "\n".join([*lines, ""])


def data(graph: Graph) -> str:
    """What the files in Python below read, each beside it."""
    return json.dumps(graph)


SNAKEFILE = f"""\
import json
GRAPH = json.load(open("{GRAPH}"))
rule all:
    input: [f"out/task_{{n:05}}" for n in range(len(GRAPH))]
rule task:
    input: lambda found: [f"out/task_{{n:05}}" for n in GRAPH[int(found.n)]]
    output: touch("out/task_{{n}}")
    shell: "{NO_OP}"
"""

DAGSTER = f"""\
import json
import subprocess
from dagster import Definitions, DependencyDefinition, GraphDefinition, In, Nothing, Out, op
GRAPH = json.load(open("{GRAPH}"))

def make(number, upstream):
    @op(name=f"task_{{number:05}}", ins={{f"in{{k}}": In(Nothing) for k in range(len(upstream))}}, out=Out(Nothing))
    def run():
        subprocess.run(["{NO_OP}"], check=True)
    return run

graph = GraphDefinition(
    name="work",
    node_defs=[make(number, upstream) for number, upstream in enumerate(GRAPH)],
    dependencies={{
        f"task_{{number:05}}": {{f"in{{k}}": DependencyDefinition(f"task_{{n:05}}") for k, n in enumerate(upstream)}}
        for number, upstream in enumerate(GRAPH)
    }},
)
definitions = Definitions(jobs=[graph.to_job(name="all")])
job = definitions.resolve_job_def("all")
print(len(job.graph.node_dict), sum(map(len, graph.dependencies.values())))
"""

AIRFLOW = f"""\
import json
from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator
GRAPH = json.load(open("{GRAPH}"))

with DAG("work", schedule=None, catchup=False) as dag:
    tasks = [BashOperator(task_id=f"task_{{n:05}}", bash_command="{NO_OP}") for n in range(len(GRAPH))]
    for number, upstream in enumerate(GRAPH):
        for n in upstream:
            tasks[n] >> tasks[number]
dag.check_cycle()
print(len(dag.tasks), sum(len(task.upstream_task_ids) for task in dag.tasks))
"""

#: What each tool is given: file name to its content.
FILES: dict[str, dict[str, Callable[[Graph], str]]] = {
    "ours": {"orchestration.yaml": native},
    "make": {"Makefile": makefile},
    "ninja": {"build.ninja": ninja},
    "snakemake": {"Snakefile": lambda graph: SNAKEFILE, GRAPH: data},
    "dagster": {"work.py": lambda graph: DAGSTER, GRAPH: data},
    "airflow": {"work.py": lambda graph: AIRFLOW, GRAPH: data},
}


def write(tool: str, graph: Graph, folder: Path) -> None:
    """Put the tool's files for the graph into a new folder."""
    folder.mkdir(parents=True)
    for file, text in FILES[tool].items():
        (folder / file).write_text(text(graph), encoding="utf-8")


def _named(graph: Graph) -> Iterator[tuple[str, list[str]]]:
    return ((name(number), list(map(name, upstream))) for number, upstream in enumerate(graph))


def _first(number: int, width: int) -> int:
    """The first task of the layer that a task is in."""
    return number // width * width
