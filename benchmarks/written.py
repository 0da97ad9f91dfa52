"""One graph, written as each tool's user would write it; each task has a log of its own, which `LOGS` has room for."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.graphs import Work, name

#: What the files in Python read: for each task what it depends on, and its command.
DATA = "graph.json"


def native(work: Work) -> str:
    """Our file, in blocks: a pipeline of all tasks, and a mode that runs it. Logs are what we do by ourselves."""
    lines = ["version: 1", "project: bench", f"host: {{max_parallel: {work.slots}}}"]
    lines += ["pipelines:", "  work:", "    tasks:"]
    for task, upstream, argv in _tasks(work):
        lines += [f"      {task}:", f"        command: {json.dumps(argv)}"]
        lines += ["        depends_on:", *(f"          - {other}" for other in upstream)] if upstream else []
    return "\n".join([*lines, "modes:", "  all: [work]", ""])


def makefile(work: Work) -> str:
    """Rules that are always to be made, as nothing here is a file."""
    everything = " ".join(task for task, *_ in _tasks(work))
    lines = [f"all: {everything}", f".PHONY: all {everything}"]
    for task, upstream, argv in _tasks(work):
        lines += [" ".join((f"{task}:", *upstream)), f"\t{shlex.join(argv)} >$$LOGS/{task}.log 2>&1"]
    return "\n".join([*lines, ""])


def ninja(work: Work) -> str:
    """Statements whose outputs never come into being."""
    lines = ["rule run", "  command = $argv >$$LOGS/$out.log 2>&1"]
    for task, upstream, argv in _tasks(work):
        lines += [" ".join((f"build {task}: run", *upstream)), f"  argv = {shlex.join(argv)}"]
    return "\n".join([*lines, ""])


def data(work: Work) -> str:
    """What the files in Python below read, each beside it."""
    return json.dumps([(upstream, work.argv(number)) for number, upstream in enumerate(work.graph)])


_HEAD = f"""\
import json
import os
import subprocess
GRAPH = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "{DATA}")))
LOGS = os.environ.get("LOGS", ".")

def perform(number):
    with open(f"{{LOGS}}/task_{{number:05}}.log", "wb") as log:
        subprocess.run(GRAPH[number][1], stdout=log, stderr=log, check=True)

"""

DOIT = f"""\
import json
import shlex
GRAPH = json.load(open("{DATA}"))

def task_work():
    for number, (upstream, argv) in enumerate(GRAPH):
        action = f"{{shlex.join(argv)}} >$LOGS/task_{{number:05}}.log 2>&1"
        yield {{"name": f"{{number:05}}", "actions": [action], "task_dep": [f"work:{{n:05}}" for n in upstream]}}
"""

LUIGI = f"""\
import luigi
{_HEAD}
class Task(luigi.Task):
    number = luigi.IntParameter()

    def requires(self):
        return [Task(number=n) for n in GRAPH[self.number][0]]

    def output(self):
        return luigi.LocalTarget(f"{{LOGS}}/task_{{self.number:05}}.log")

    def run(self):
        perform(self.number)

class All(luigi.WrapperTask):
    def requires(self):
        return [Task(number=n) for n in range(len(GRAPH))]
"""

SNAKEMAKE = f"""\
import json
import os
import shlex
GRAPH = json.load(open("{DATA}"))
LOGS = os.environ.get("LOGS", ".")
rule all:
    input: [f"{{LOGS}}/out/task_{{n:05}}" for n in range(len(GRAPH))]
rule task:
    input: lambda found: [f"{{LOGS}}/out/task_{{n:05}}" for n in GRAPH[int(found.n)][0]]
    output: touch(f"{{LOGS}}/out/task_{{{{n}}}}")
    log: f"{{LOGS}}/task_{{{{n}}}}.log"
    params: argv=lambda found: shlex.join(GRAPH[int(found.n)][1])
    shell: "{{params.argv}} >{{log}} 2>&1"
"""

DAGSTER = f"""\
from dagster import Definitions, DependencyDefinition, GraphDefinition, In, Nothing, Out, in_process_executor, op
{_HEAD}
def make(number, upstream):
    @op(name=f"task_{{number:05}}", ins={{f"in{{k}}": In(Nothing) for k in range(len(upstream))}}, out=Out(Nothing))
    def run():
        perform(number)
    return run

graph = GraphDefinition(
    name="work",
    node_defs=[make(number, upstream) for number, (upstream, _) in enumerate(GRAPH)],
    dependencies={{
        f"task_{{number:05}}": {{f"in{{k}}": DependencyDefinition(f"task_{{n:05}}") for k, n in enumerate(upstream)}}
        for number, (upstream, _) in enumerate(GRAPH)
    }},
)
definitions = Definitions(jobs=[graph.to_job(name="all", executor_def=in_process_executor)])
job = definitions.resolve_job_def("all")
print(len(job.graph.node_dict), sum(map(len, graph.dependencies.values())))
"""

PREFECT = f"""\
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner
{_HEAD}
run = task(perform)

@flow(task_runner=ThreadPoolTaskRunner(max_workers=int(os.environ["SLOTS"])))
def work():
    futures = []
    for number, (upstream, _) in enumerate(GRAPH):
        futures.append(run.submit(number, wait_for=[futures[n] for n in upstream]))
    for future in futures:
        future.result()

work()
"""

AIRFLOW = f"""\
import json
import shlex
from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator
GRAPH = json.load(open("{DATA}"))

with DAG("work", schedule=None, catchup=False) as dag:
    tasks = [BashOperator(task_id=f"task_{{n:05}}", bash_command=shlex.join(GRAPH[n][1])) for n in range(len(GRAPH))]
    for number, (upstream, _) in enumerate(GRAPH):
        for n in upstream:
            tasks[n] >> tasks[number]
dag.check_cycle()
print(len(dag.tasks), sum(len(task.upstream_task_ids) for task in dag.tasks))
"""

#: What each tool is given: file name to its content.
FILES: dict[str, dict[str, Callable[[Work], str]]] = {
    "ours": {"orchestration.yaml": native},
    "make": {"Makefile": makefile},
    "ninja": {"build.ninja": ninja},
    "doit": {"dodo.py": lambda work: DOIT, DATA: data},
    "luigi": {"work.py": lambda work: LUIGI, DATA: data},
    "snakemake": {"Snakefile": lambda work: SNAKEMAKE, DATA: data},
    "dagster": {"work.py": lambda work: DAGSTER, DATA: data},
    "prefect": {"work.py": lambda work: PREFECT, DATA: data},
    "airflow": {"work.py": lambda work: AIRFLOW, DATA: data},
}


def write(tool: str, work: Work, folder: Path) -> None:
    """Put the tool's files for the work into a new folder."""
    folder.mkdir(parents=True)
    for file, text in FILES[tool].items():
        (folder / file).write_text(text(work), encoding="utf-8")


def _tasks(work: Work) -> Iterator[tuple[str, list[str], tuple[str, ...]]]:
    for number, upstream in enumerate(work.graph):
        yield name(number), list(map(name, upstream)), work.argv(number)
