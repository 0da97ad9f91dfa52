"""The benchmark's job by hand is a job that a person could have written: it runs, in order, and leaves its logs."""

from __future__ import annotations

import importlib.util

import pytest

from benchmarks import graphs, in_dagster
from benchmarks.graphs import Work
from support.dagster_home import require_dagster

DIAMOND = Work(in_dagster.DIAMOND, 2)


@pytest.mark.parametrize("lean", [True, False])
def test_the_job_by_hand_has_the_graph_of_ours_and_leaves_a_log_for_each_task(lean, tmp_path, monkeypatch):
    require_dagster()
    file = tmp_path / "work.py"
    file.write_text(in_dagster.by_hand(DIAMOND, in_dagster.ONE, lean=lean))
    spec = importlib.util.spec_from_file_location("work_by_hand", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("LOGS", str(tmp_path))
    assert module.all.execute_in_process().success
    waits = module.all.graph.dependencies
    found = {node.name: sorted(one.node for one in own.values()) for node, own in waits.items()}
    wanted = {
        graphs.name(at): [graphs.name(before) for before in upstream] for at, upstream in enumerate(in_dagster.DIAMOND)
    }
    assert found == wanted
    assert sorted(path.stem for path in tmp_path.glob("*.log")) == list(wanted)
