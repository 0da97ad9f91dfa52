"""`plan --workers`: what the run would take on other machines."""

from __future__ import annotations

import json

import pytest

from tetra_orchestrator.cli.plan_workers import worker_of
from tetra_orchestrator.core.workers import Worker
from tetra_orchestrator.errors import UsageError

FILE = """
    timezone: UTC
    host: {max_parallel: 2, cpu: 2, memory: 8GB}
    pipelines:
      extract: {command: ["true"], expected: 10m}
      left: {command: ["true"], depends_on: [extract], expected: 30m, resources: {cpu: 2, memory: 6GB}}
      right: {command: ["true"], depends_on: [extract], expected: 30m, resources: {cpu: 1, memory: 6GB}}
      load: {command: ["true"], depends_on: [left, right], expected: 5m}
    modes: {all: [extract, left, right, load], slow: {run: {max_parallel: 1}, pipelines: [extract, left, right, load]}}
"""
CHOICE = "describe larger workers with --worker, or let the tasks ask for less in `resources`"


@pytest.fixture
def shop(site):
    site.configure(FILE)
    return site


def test_workers_like_this_host_are_meant_where_none_are_described(shop):
    done = shop.run("plan", "-m", "all", "--workers", "1,2,4")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stdout == (
        "Tasks in all mode on workers with 2 CPUs, 8.0 GB of memory and 2 places each:\n"
        "\n"
        "workers  takes        at least     used most   hours  bounded by\n"
        "-------  -----------  -----------  ----------  -----  -----------------\n"
        "1        1 h 15 min   45 min 00 s  60% of cpu  1.2    the critical path\n"
        "2        45 min 00 s  45 min 00 s  50% of cpu  1.5    the critical path\n"
        "4        45 min 00 s  45 min 00 s  25% of cpu  3.0    the critical path\n"
        "\n"
        "at least: no order of the tasks is quicker. hours: of all workers, idle or not.\n"
        "2 workers are enough: the run takes 45 min 00 s, and no number of them takes\n"
        "  less than 45 min 00 s.\n"
    )


def test_workers_are_described_and_each_task_takes_the_overhead_besides(shop):
    body = shop.json(
        "plan", "-m", "all", "--simulate", "--workers", "1", "--worker", "memory=12GB,cpu=2.5", "--overhead", "30s"
    )
    answer = body["workers"]
    assert answer["worker"] == {"cpu": 2.5, "memory_bytes": 12 * 1024**3, "gpu": 0, "max_parallel": 2}
    assert answer["overhead_s"] == 30.0
    (row,) = answer["scenarios"]
    finish = row.pop("finish")
    assert finish.endswith("Z")
    assert row == {
        "workers": 1,
        "makespan_s": 4620.0,  # 2.5 CPUs have room for left or right, so four tasks run in a row
        "least_s": 2790.0,
        "utilisation": {"places": 0.5, "cpu": 0.4753, "memory": 0.3961},
        "worker_hours": 4620 / 3600,
        "bottleneck": {"code": "critical_path", "text": "the critical path"},
    }
    assert answer["enough"] == {"workers": 2, "makespan_s": 2790.0, "least_makespan_s": 2790.0, "within": 0.05}
    assert (body["expected_s"], "scenarios" in body) == (4500.0, False)


def test_1_2_4_and_8_of_a_described_worker_are_tried_where_nobody_says_how_many(shop):
    rows = shop.json("plan", "--worker", "cpu=8")["workers"]["scenarios"]
    assert [row["workers"] for row in rows] == [1, 2, 4, 8]


def test_what_the_mode_says_of_the_run_holds_on_other_machines_too(shop):
    (row,) = shop.json("plan", "-m", "slow", "--workers", "8")["workers"]["scenarios"]
    assert (row["makespan_s"], row["bottleneck"]["text"]) == (4500.0, "the places")


def test_the_overhead_counts_for_more_tasks_at_a_time_too(shop):
    found = shop.json("plan", "-m", "all", "--simulate", "--parallel", "1", "--overhead", "1m")["scenarios"]
    assert [(row["parallel"], row["makespan_s"]) for row in found] == [(1, 4740.0), (2, 4740.0)]


def test_what_nobody_knows_is_said_instead_of_a_table(site):
    site.configure('pipelines: {a: {command: ["true"]}, b: {command: ["true"], expected: 1m}}')
    assert site.run("plan", "-p", "a", "--workers", "2").stdout == (
        "Nobody knows yet how long any task of a takes. Run it once, or write `expected` for its tasks.\n"
    )
    assert site.run("plan", "--workers", "2").stdout.endswith(
        "counted as nothing, as nobody knows how long they take: a\n"
    )


def test_tasks_that_fit_on_no_worker_are_named_with_what_they_ask_for(shop):
    done = shop.run("plan", "-m", "all", "--workers", "99", "--worker", "cpu=1.5,memory=4GB", "--json")
    assert done.returncode == 64
    error = json.loads(done.stdout)
    assert (error["exit"], error["message"], error["hint"]) == (
        64,
        "2 tasks fit on no worker: left asks for 2 CPUs and 6.0 GB of memory, right asks for 6.0 GB of memory; "
        "a worker has 1.5 CPUs, 4.0 GB of memory, no GPU and 1 place",
        CHOICE,
    )


EXAMPLE = "\n  hint: write it like cpu=8,memory=32GB,gpu=1,max_parallel=4"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (
            ("--workers", "0"),
            "error: --workers '0' is not a number of workers\n  hint: 1 to 10000, such as 1,2,4,8\n",
        ),
        (
            ("--workers", "2", "--parallel", "2"),
            "error: --parallel asks about this machine, --workers about others\n  hint: ask for one of them\n",
        ),
        (("--overhead", "1s"), "error: --overhead is added to what is simulated\n  hint: say also --simulate\n"),
        (
            ("--simulate", "--overhead", "soon"),
            "error: --overhead 'soon' is not a duration\n  hint: write it like 90s, 5m, 2h, 1d or 1h30m\n",
        ),
        (
            ("--workers", "1", "--set", "pipelines.left.expected=1500000d", "--overhead", "1500000d"),
            "error: this run would not end before the year 10000\n"
            "  hint: give shorter times, with `expected` or --slower\n",
        ),
    ],
)
def test_mistakes_are_told_with_what_to_write(shop, args, text):
    done = shop.run("plan", *args)
    assert (done.returncode, done.stdout, done.stderr) == (64, "", text)


@pytest.mark.parametrize(
    ("worker", "text"),
    [
        (
            "cpus=2",
            "--worker 'cpus=2': 'cpus=2' is not one thing that it has\n"
            "  hint: did you mean 'cpu'? parts of a worker: cpu, memory, gpu, max_parallel",
        ),
        ("8", f"--worker '8': '8' is not one thing that it has{EXAMPLE}"),
        ("cpu=2,cpu=3", f"--worker 'cpu=2,cpu=3': 'cpu=3' is not one thing that it has{EXAMPLE}"),
        ("cpu=0", f"--worker cpu='0' is nothing to work with{EXAMPLE}"),
        ("gpu=-1", f"--worker gpu='-1' is nothing to work with{EXAMPLE}"),
        ("memory=much", "--worker memory='much' is not a size\n  hint: write it like 512MB or 8GB"),
    ],
)
def test_a_worker_that_cannot_be_is_refused(worker, text):
    with pytest.raises(UsageError) as caught:
        worker_of(worker)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("text", "worker"),
    [
        ("cpu=2.5", Worker(2, 2.5, None, 0)),
        ("cpu=0.5, memory=1GB", Worker(1, 0.5, 1024**3, 0)),
        ("memory=1GB,gpu=2,max_parallel=3", Worker(3, None, 1024**3, 2)),
        ("gpu=0", Worker(1, None, None, 0)),
    ],
)
def test_a_worker_has_a_place_for_each_cpu_and_only_the_gpus_that_are_told(text, worker):
    assert worker_of(text) == worker
