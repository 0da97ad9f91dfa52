"""Group B, what runs share: who holds it when a run is killed, and what becomes of runs that want it crosswise."""

from __future__ import annotations

import signal

from faults.stand import alive

#: Says that it has begun, and ends as soon as there is a file of the second name.
HOLD = """
import os, sys, time
open(f"{sys.argv[1]}.begun", "w").close()
while not os.path.exists(sys.argv[2]):
    time.sleep(0.01)
"""


def shares(site):
    """What each live run takes, by run id, as their files tell."""
    found = {}
    for path in (site.root / "state" / "locks").glob("run-*.lock"):
        lines = [line.rpartition("=") for line in path.read_text().splitlines()[1:]]
        found[path.stem[4:]] = {name: int(amount) for name, _, amount in lines if amount.isdecimal()}
    return found


def begun(site, *names):
    return all((site.root / f"{name}.begun").exists() for name in names)


def test_fault_31_what_a_killed_run_took_is_free_for_another_and_what_it_left_is_ended_by_the_next(site, observed):
    site.configure("""
        host: {max_parallel: 4}
        pools: {warehouse: 1}
        pipelines:
          held: {shell: "echo $$ >pid; exec sleep 600", pool: warehouse}
          waits: {shell: touch done, pool: warehouse}
          next: {shell: "true"}
    """)
    holder = site.start("run", "-p", "held")
    pid = int(site.note("pid"))
    waiter = site.start("run", "-p", "waits")
    site.until(lambda: {"wanted warehouse": 1} in shares(site).values())
    assert waiter.poll() is None
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    observed("the run was killed, and its task lives", holder.returncode == -9 and alive(pid))
    assert site.finish(waiter).returncode == 0
    assert site.run("run", "-p", "next").returncode == 0
    assert not alive(pid)
    assert shares(site) == {}


def test_fault_37_two_runs_of_which_each_has_what_the_other_wants_both_end(site, observed):
    site.write("hold.py", HOLD)
    site.configure("""
        host: {max_parallel: 8}
        pools: {warehouse: 1}
        tenants: {acme: {concurrency: 1}}
        pipelines:
          a_pool: {command: [python, hold.py, a_pool, go], pool: warehouse}
          a_later: {command: [python, hold.py, a_later, later]}
          a_tenant: {command: [python, hold.py, a_tenant, go], tenant: acme, depends_on: [a_later]}
          b_tenant: {command: [python, hold.py, b_tenant, go], tenant: acme}
          b_later: {command: [python, hold.py, b_later, later]}
          b_pool: {command: [python, hold.py, b_pool, go], pool: warehouse, depends_on: [b_later]}
    """)
    names = [("a_pool", "a_later", "a_tenant"), ("b_tenant", "b_later", "b_pool")]
    running = [site.start("run", *(word for name in each for word in ("-p", name))) for each in names]
    site.until(lambda: begun(site, "a_pool", "b_tenant"))
    (site.root / "later").touch()
    crosswise = [
        {"host.places": 1, "tenant acme": 1, "wanted warehouse": 1},
        {"host.places": 1, "warehouse": 1, "wanted tenant acme": 1},
    ]
    site.until(lambda: sorted(shares(site).values(), key=str) == sorted(crosswise, key=str))
    observed("each of two runs wants what the other has, as their locked files tell")
    assert not begun(site, "a_tenant")
    assert not begun(site, "b_pool")
    (site.root / "go").touch()
    assert [site.finish(run).returncode for run in running] == [0, 0]


def test_fault_37_of_runs_that_name_the_same_pipelines_in_another_order_one_gets_them_all(site, observed):
    site.write("hold.py", HOLD)
    site.configure("""
        host: {max_parallel: 2}
        pipelines:
          one: {command: [python, hold.py, one, go]}
          two: {command: [python, hold.py, two, go]}
    """)
    orders = [("one", "two"), ("two", "one")] * 3
    running = [site.start("run", "-p", first, "-p", second) for first, second in orders]
    site.until(lambda: begun(site, "one", "two"))
    site.until(lambda: sum(run.poll() is None for run in running) == 1)
    (site.root / "go").touch()
    codes = [site.finish(run).returncode for run in running]
    refused = {order for order, code in zip(orders, codes, strict=True) if code == 75}
    observed("runs of both orders were refused while one had both pipelines", len(refused) == 2)
    assert sorted(codes) == [0, 75, 75, 75, 75, 75]
