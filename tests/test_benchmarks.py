"""The graphs of the benchmarks: what is compared is the same for every tool. Nothing is timed here."""

from __future__ import annotations

import json
import os
import re

import pytest

from benchmarks import graphs
from tetra_orchestrator.config.load import load_project

TASKS, EDGES, LAYERS = 200, 600, 10
GRAPH = graphs.layered(TASKS, EDGES, LAYERS)
WANTED = {graphs.name(number): sorted(map(graphs.name, upstream)) for number, upstream in enumerate(GRAPH)}


@pytest.fixture
def written(tmp_path):
    """The folder into which the files of a tool are written."""

    def write(tool):
        graphs.write(tool, GRAPH, tmp_path / tool)
        return tmp_path / tool

    return write


def read_ours(folder):
    project = load_project(str(folder / "orchestration.yaml"), environ=os.environ).project
    return {
        task.id.removeprefix("work."): [n.removeprefix("work.") for n in task.depends_on] for task in project.tasks()
    }


def read_make(folder):
    rules = re.findall(r"^(task_\w+):(.*)$", (folder / "Makefile").read_text(), re.MULTILINE)
    return {name: upstream.split() for name, upstream in rules}


def read_ninja(folder):
    rules = re.findall(r"^build (\w+): run(.*)$", (folder / "build.ninja").read_text(), re.MULTILINE)
    return {name: upstream.split() for name, upstream in rules}


def read_data(folder):
    found = json.loads((folder / graphs.GRAPH).read_text())
    return {graphs.name(number): list(map(graphs.name, upstream)) for number, upstream in enumerate(found)}


READ = {"ours": read_ours, "make": read_make, "ninja": read_ninja}


@pytest.mark.parametrize("tool", graphs.FILES)
def test_every_tool_is_given_the_same_graph(tool, written):
    found = READ.get(tool, read_data)(written(tool))
    assert (len(found), sum(map(len, found.values()))) == (TASKS, EDGES)
    assert {name: sorted(upstream) for name, upstream in found.items()} == WANTED


@pytest.mark.parametrize("tool", ["snakemake", "dagster", "airflow"])
def test_what_is_written_in_python_reads_the_graph_beside_it(tool, written):
    folder = written(tool)
    (program,) = [path for path in folder.iterdir() if path.name != graphs.GRAPH]
    assert f'GRAPH = json.load(open("{graphs.GRAPH}"))' in program.read_text()


def test_a_graph_is_the_same_every_time_and_nothing_comes_before_what_it_depends_on():
    assert graphs.layered(TASKS, EDGES, LAYERS) == GRAPH
    assert all(before < number for number, upstream in enumerate(GRAPH) for before in upstream)


def test_every_task_behind_the_first_layer_depends_on_some_of_the_layer_before():
    width = TASKS // LAYERS
    layers = [{before // width for before in upstream} for upstream in GRAPH]
    assert not any(layers[:width])
    assert all(number // width - 1 in found for number, found in enumerate(layers) if number >= width)


def test_a_chain_has_each_task_after_the_one_before():
    assert graphs.chain(4) == ((), (0,), (1,), (2,))
