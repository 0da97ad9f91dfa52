"""What attempts took, as `show`, `history` and `monitor` tell it."""

from __future__ import annotations

import csv
import io
import sys

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of disks and of shared memory")
KEYS = ["cpu_s", "peak_rss_bytes", "peak_pss_bytes", "read_bytes", "write_bytes"]
FILE = """
    pipelines:
      big: {command: [python, -c, "import time; x = bytearray(100_000_000); time.sleep(1.7)"]}
      busy: {shell: 'i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done'}
    modes: {all: [big, busy]}
"""


@pytest.fixture
def ran(site):
    site.configure(FILE)
    assert site.run("run", "--mode", "all").returncode == 0
    return site


@linux
def test_an_attempt_and_its_run_have_what_they_took(ran):
    body = ran.json("show")
    big, busy = (task["attempts"][0]["usage"] for task in body["tasks"])
    assert [list(each) for each in (big, busy, body["run"]["usage"])] == [KEYS] * 3
    assert big["peak_rss_bytes"] == pytest.approx(110_000_000, rel=0.1)
    assert big["peak_pss_bytes"] == pytest.approx(105_000_000, rel=0.1)
    assert 0.01 < busy["cpu_s"] < 5
    assert body["run"]["usage"] == {
        **big,
        "cpu_s": pytest.approx(big["cpu_s"] + busy["cpu_s"]),
        "read_bytes": big["read_bytes"] + busy["read_bytes"],
        "write_bytes": big["write_bytes"] + busy["write_bytes"],
    }
    lines = [line.split() for line in ran.run("show").stdout.splitlines()]
    (row,) = (line for line in lines if line[:3] == ["big", "1", "exited"])
    (head,) = (line for line in lines if line[:1] == ["attempt"])
    assert head == ["attempt", "outcome", "took", "cpu", "memory", "log"]
    assert row[8:10] in (["105", "MB"], ["106", "MB"], ["107", "MB"], ["108", "MB"], ["104", "MB"])


@linux
def test_history_has_what_each_run_took(ran):
    assert ran.run("run", "--mode", "all", "--pipeline", "busy").returncode in (0, 64)
    body = ran.json("history")
    shown = ran.json("show", body["runs"][-1]["run_id"])["run"]
    assert body["runs"][-1] == shown
    rows = list(csv.DictReader(io.StringIO(ran.run("history", "--csv").stdout)))
    assert {name: rows[-1][name] for name in KEYS} == {name: str(shown["usage"][name]) for name in KEYS}


def test_what_is_not_known_is_null(site):
    site.configure("pipelines: {missing: {command: [/no/such/program]}}")
    assert site.run("run").returncode == 2
    assert site.json("history")["runs"][0]["usage"] == dict.fromkeys(KEYS)
    assert site.json("show")["tasks"][0]["attempts"][0]["usage"] == dict.fromkeys(KEYS)
    assert "spawn_error" in site.run("show").stdout


def test_T_259_the_monitor_tells_what_each_running_pipeline_takes(site):
    site.configure(FILE.replace("1.7", "30"))
    process = site.start("run", "--mode", "all")
    try:
        rows = site.until(lambda: taking(site), seconds=30.0)
        assert rows["big"]["memory_bytes"] == pytest.approx(110_000_000, rel=0.1)
        assert rows["big"]["cpu_s"] >= 0
        assert (rows["busy"]["cpu_s"], rows["busy"]["memory_bytes"]) == (None, None)
        (line,) = (line for line in site.run("monitor").stdout.splitlines() if line.startswith("big: "))
        assert line.startswith("big: cpu ")
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert site.json("monitor")["pipelines"]["big"]["memory_bytes"] is None


def taking(site):
    """What the monitor says of the pipelines, once the large one has its memory and the other one is over."""
    rows = site.json("monitor")["pipelines"]
    return rows if (rows["big"]["memory_bytes"] or 0) > 100_000_000 and not rows["busy"]["running"] else None
