"""The health of pipelines, as a program asks for it (T-172 to T-193)."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta

import psutil
import pytest

import tetra_orchestrator as tetra
from support.http_server import HttpServer, closed_port
from tetra_orchestrator import PipelineHealthMonitor
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.history import PipelineState, Run, TaskRun

NAMES = ("a", "b", "c")


class Bench:
    """A project whose history a test writes."""

    def __init__(self, root):
        self.root = root
        self.count = 0
        self.configure("")

    def configure(self, more):
        lines = "".join(f"  {name}: {{shell: 'true'}}\n" for name in NAMES)
        head = f"version: 1\nproject: demo\npython: {sys.executable}\n"
        (self.root / "orchestration.yaml").write_text(f"{head}pipelines:\n{lines}{more}")
        self.monitor = PipelineHealthMonitor(self.root / "orchestration.yaml")

    def ran(self, state, took_s=2.0, name="a", ago=timedelta(0)):
        """A run of one pipeline that has ended so long ago."""
        self.count += 1
        ended = datetime.now(UTC) - ago
        began = ended - timedelta(seconds=took_s)
        end = "succeeded" if state == "succeeded" else "failed"
        run = Run(f"r{self.count}", "demo", None, "manual", end, "0", began, ended, took_s)
        (self.root / "state").mkdir(exist_ok=True)
        store = SqliteStore(str(self.root / "state/tetra.db"))
        rows = [TaskRun(run.run_id, name, name, 0, state, 3, None, began, ended, 1)]
        store.open_run(run, rows, [PipelineState(name)], "{}")
        store.close()
        return ended

    def ask(self, method, *args):
        return asyncio.run(getattr(self.monitor, method)(*args))


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_a_check_has_a_time_the_pipelines_and_the_host_T_172(bench):
    ended = bench.ran("succeeded")
    found = bench.ask("health_check")
    assert {"timestamp", "pipelines", "system"} <= set(found)
    assert abs(found["timestamp"] - datetime.now(UTC)) < timedelta(minutes=1)
    row = found["pipelines"]["a"]
    assert {"last_run", "status", "data_freshness", "error_rate", "avg_duration"} <= set(row)
    assert abs(row["last_run"] - ended) < timedelta(milliseconds=1), "T-173"
    assert (row["status"], row["data_freshness"]) == ("success", "fresh")
    assert {"database", "disk_space", "memory", "api_endpoints"} <= set(found["system"])
    assert found["system"]["database"] == "ok"


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("succeeded", "success"),
        ("failed", "failed"),
        ("partial", "partial"),
        ("timed_out", "failed"),
        ("lost", "failed"),
    ],
)
def test_the_status_is_in_the_words_of_the_document_T_174_T_183(bench, state, status):
    bench.ran(state)
    assert bench.ask("get_pipeline_status", "a") == status
    assert bench.ask("health_check")["pipelines"]["a"]["status"] == status


def test_a_pipeline_that_never_ran_is_unknown_T_182_T_184_T_190(bench):
    assert bench.ask("get_pipeline_status", "a") == "unknown"
    assert bench.ask("get_last_run_time", "a") is None
    assert bench.ask("get_error_rate", "a") is None
    assert bench.ask("get_avg_duration", "a") is None
    assert bench.ask("check_data_freshness", "a") == "unknown"


def test_the_error_rate_and_the_mean_are_of_its_last_runs_T_176_T_177_T_184_T_185(bench):
    for state, took_s in (("succeeded", 2.0), ("succeeded", 4.0)):
        bench.ran(state, took_s)
    assert bench.ask("get_avg_duration", "a") == 3.0
    bench.ran("failed", 3.0)
    bench.ran("succeeded", 3.0)
    assert bench.ask("get_error_rate", "a") == 0.25
    row = bench.ask("health_check")["pipelines"]["a"]
    assert (row["error_rate"], row["avg_duration"]) == (0.25, 3.0)


@pytest.mark.parametrize(("hours", "expected"), [(1, "fresh"), (23.99, "fresh"), (25, "stale")])
def test_without_a_limit_of_its_own_data_is_stale_after_a_day_T_175_T_191_T_192(bench, hours, expected):
    bench.ran("succeeded", ago=timedelta(hours=hours))
    assert bench.ask("check_data_freshness", "a") == expected
    assert bench.ask("health_check")["pipelines"]["a"]["data_freshness"] == expected


def test_a_limit_of_its_own_holds_T_193(tmp_path):
    bench = Bench(tmp_path)
    head = f"version: 1\nproject: demo\npython: {sys.executable}\n"
    (tmp_path / "orchestration.yaml").write_text(f"{head}pipelines: {{a: {{shell: 'true', max_data_age: 200h}}}}\n")
    bench.monitor = PipelineHealthMonitor(tmp_path / "orchestration.yaml")
    bench.ran("succeeded", ago=timedelta(hours=25))
    assert bench.ask("check_data_freshness", "a") == "fresh"


def test_a_store_that_cannot_be_used_is_told_and_raises_nothing_T_178_T_186(bench):
    bench.ran("succeeded")
    assert bench.ask("check_database_connection") == "ok"
    for path in (bench.root / "state").glob("tetra.db*"):
        path.unlink()
    (bench.root / "state/tetra.db").write_text("no database at all, and long enough to be taken for one" * 99)
    assert bench.ask("check_database_connection").startswith("error: ")
    found = bench.ask("health_check")
    assert (found["system"]["database"], found["health"]) == ("error", "unhealthy")


def test_disk_and_memory_are_as_psutil_says_T_179_T_180_T_187_T_188_T_195(bench):
    disk, usage = bench.monitor.check_disk_space(), psutil.disk_usage(str(bench.root))
    assert disk["free"] == pytest.approx(usage.free, rel=0.05)
    assert disk["percent"] == pytest.approx(usage.percent, rel=0.05)
    memory, used = bench.monitor.check_memory_usage(), psutil.virtual_memory()
    assert memory["used"] == pytest.approx(used.used, rel=0.2)
    assert memory["percent"] == pytest.approx(used.percent, rel=0.2)
    bench.configure("monitor: {disk_free: 1.0, memory_free: 1.0}\n")
    assert bench.monitor.check_disk_space()["status"] == "low"
    assert bench.monitor.check_memory_usage()["status"] == "low"


def test_addresses_answer_or_do_not_T_181_T_189(bench):
    with HttpServer() as server:
        gone = f"http://127.0.0.1:{closed_port()}"
        bench.configure(f"monitor: {{endpoints: ['{server.url}', '{gone}']}}\n")
        expected = {server.url: "ok", gone: "error: Connection refused"}
        assert bench.ask("check_api_endpoints") == expected
        assert bench.ask("health_check")["system"]["api_endpoints"] == expected
    bench.configure("")
    assert bench.ask("check_api_endpoints") == {}


def test_an_unknown_pipeline_is_told_with_those_there_are(bench):
    with pytest.raises(tetra.UsageError) as caught:
        bench.ask("get_error_rate", "x")
    assert str(caught.value) == "Unknown pipeline: x\n  hint: pipelines: a, b, c"


def test_a_loaded_project_will_do_and_its_pipelines_are_named(bench):
    monitor = PipelineHealthMonitor(tetra.load(bench.root / "orchestration.yaml"))
    assert monitor.pipelines == ["a", "b", "c"]


def test_the_caller_s_loop_goes_on_meanwhile(bench):
    async def both():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        await bench.monitor.health_check()
        ticking.cancel()
        return ticks

    assert asyncio.run(both()) > 1


def test_asking_leaves_no_mark_and_tells_nobody(bench):
    bench.ran("failed")
    before = sorted(os.listdir(bench.root / "state"))
    bench.ask("get_pipeline_status", "a")
    bench.ask("check_data_freshness", "a")
    assert [name for name in sorted(os.listdir(bench.root / "state")) if name not in before] in ([], ["locks"])
