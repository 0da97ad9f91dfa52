"""Runs of different pipelines side by side: what they share is shared over all of them."""

from __future__ import annotations

import pytest

#: Notes in the journal when it begins and ends; the ends of two that overlap come one after the other.
WORK = """
import os, sys, time
note = os.open("journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(note, f"begin {sys.argv[1]}\\n".encode())
time.sleep(0.2)
os.write(note, f"end {sys.argv[1]}\\n".encode())
"""
#: Waits until all that it names have begun, too.
MEET = """
import os, sys, time
open(f"{sys.argv[1]}.begun", "w").close()
while not all(os.path.exists(f"{name}.begun") for name in sys.argv[2:]):
    time.sleep(0.01)
"""

SHARED = {
    "a pool": ("host: {max_parallel: 4}\npools: {warehouse: 1}", "pool: warehouse"),
    "a tenant": ("host: {max_parallel: 4}\ntenants: {acme: {concurrency: 1}}", "tenant: acme"),
    "places": ("host: {max_parallel: 1}", "priority: 0"),
    "a gpu": ("host: {max_parallel: 4, gpu: 1}", "resources: {gpu: 1}"),
    "processors": ("host: {max_parallel: 4, cpu: 1}", "resources: {cpu: 1}"),
}


@pytest.mark.parametrize(("head", "each"), SHARED.values(), ids=SHARED)
def test_tasks_of_several_runs_never_take_more_than_there_is(site, head, each):
    site.write("work.py", WORK)
    tasks = [f"{run}{n}" for run in "ab" for n in (1, 2)]
    site.configure(f"{head}\npipelines:\n" + "".join(
        f"  {name}: {{command: [python, work.py, {name}], {each}}}\n" for name in tasks
    ))  # fmt: skip
    running = [site.start("run", "-p", f"{run}1", "-p", f"{run}2") for run in "ab"]
    ended = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0], ended
    journal = (site.root / "journal").read_text().split("\n")[:-1]
    names = [line.split()[1] for line in journal[::2]]
    assert journal == [f"{what} {name}" for name in names for what in ("begin", "end")]
    assert sorted(names) == tasks


def test_what_is_not_shared_out_runs_side_by_side(site):
    site.write("meet.py", MEET)
    site.configure("""
        host: {max_parallel: 2}
        pools: {warehouse: 2}
        pipelines:
          a: {command: [python, meet.py, a, b], pool: warehouse}
          b: {command: [python, meet.py, b, a], pool: warehouse}
    """)
    running = [site.start("run", "-p", name) for name in "ab"]
    ended = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0], ended


def test_a_limit_of_one_run_is_none_for_the_others(site):
    site.write("meet.py", MEET)
    site.configure("""
        host: {max_parallel: 3}
        pipelines:
          a: {command: [python, meet.py, a, b, c]}
          b: {command: [python, meet.py, b, a, c]}
          c: {command: [python, meet.py, c, a, b]}
    """)
    running = [site.start("run", "-p", "a", "--max-parallel", "1"), site.start("run", "-p", "b", "-p", "c")]
    ended = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0], ended


def test_a_run_may_give_itself_more_places_than_the_host(site):
    site.write("meet.py", MEET)
    site.configure("""
        host: {max_parallel: 1}
        pipelines:
          a: {command: [python, meet.py, a, b]}
          b: {command: [python, meet.py, b, a]}
    """)
    assert site.run("run", "--max-parallel", "2").returncode == 0


@pytest.mark.parametrize("head", ["host: {max_parallel: 1}", "pools: {warehouse: 1}"])
def test_a_run_within_a_task_does_not_wait_for_the_run_that_waits_for_it(site, head):
    inner = "python -m tetra_orchestrator run -p"
    site.configure(f"""
        {head}
        defaults: {{task: {{timeout: 50s}}}}
        pipelines:
          top: {{shell: "{inner} middle", {"pool: warehouse" if "pools" in head else "priority: 0"}}}
          middle: {{shell: "{inner} bottom", {"pool: warehouse" if "pools" in head else "priority: 0"}}}
          bottom: {{shell: "echo done >done", {"pool: warehouse" if "pools" in head else "priority: 0"}}}
    """)
    done = site.run("run", "-p", "top")
    assert done.returncode == 0, done.stdout
    assert (site.root / "done").exists()
