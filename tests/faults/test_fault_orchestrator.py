"""Group B, the orchestrator itself: it is killed wherever that hurts, and its tasks with it or without it."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from faults.stand import alive
from proofs import sweep
from tetra_orchestrator import failpoints

#: Says who it is and whether another of its kind is there, and stays until it may go.
LINGER = """
exec 9>here
flock -n 9 || : >twice
echo $$ >pid
while [ ! -e go ]; do sleep 0.05; done
echo done >>ends
"""


def lingering(site, **more):
    """A task that stays, and one that waits for it."""
    site.write("linger.sh", LINGER)
    fields = "".join(f", {name}: {value}" for name, value in more.items())
    site.configure(f"""
        pipelines:
          lingers: {{command: [sh, linger.sh]{fields}}}
          next: {{shell: touch next, depends_on: [lingers]}}
    """)


def killed(site, place, *words):
    """The command, which has died there."""
    process = site.start(*words, env={failpoints.VARIABLE: f"{place}=kill"})
    process.communicate(timeout=60)
    return process.returncode == -signal.SIGKILL


#: One place of each part of a run; `python -m proofs sweep` has all of them.
SOME = ("store.make.commit", "run.insert.commit", "attempt.insert.commit", "attempt.finish", "run.finish")


@pytest.mark.parametrize("place", SOME)
def test_fault_25_whichever_step_it_is_killed_at_nothing_is_lost_or_done_twice(place, observed, tmp_path):
    case = sweep.Case("a run", place, 1, "kill", ("status", "--json"))
    verdict = sweep.perform(case, tmp_path / "case", Counter())
    observed(f"killed at {place}", verdict.seen)
    assert verdict.complaints == []


def test_fault_26_a_task_whose_start_was_not_recorded_is_found_by_its_token_and_not_started_beside_itself(
    site, observed
):
    lingering(site)
    dead = killed(site, "spawn.after_fork", "run")
    orphan = site.note("pid")
    handles = site.count("SELECT count(*) FROM attempts WHERE handle IS NOT NULL")
    observed("the task lives, and no attempt has a handle", dead and alive(orphan) and handles == 0)
    assert site.run("status").returncode == 0
    assert alive(orphan), "a command that only reads ends nobody"
    assert site.states() == {"lingers": "lost", "next": "cancelled"}
    again = site.start("resume")
    site.until(lambda: site.note("pid") != orphan)
    assert not alive(orphan)
    assert not (site.root / "twice").exists()
    (site.root / "go").touch()
    assert site.finish(again).returncode == 0
    assert site.states() == {"lingers": "succeeded", "next": "succeeded"}


ONCE = "{shell: 'echo done >>ends'%s}"


def test_fault_27_a_task_that_ended_unseen_is_lost_and_what_is_left_is_done_only_when_asked_for(site, observed):
    site.configure(f"pipelines: {{one: {ONCE % ''}, next: {{shell: touch next, depends_on: [one]}}}}")
    dead = killed(site, "child.exited", "run")
    open_ = site.count("SELECT count(*) FROM attempts WHERE finished_at IS NULL")
    observed(
        "the task has come to its end, and its attempt is open", dead and site.note("ends") == "done" and open_ == 1
    )
    assert site.run("status").returncode == 0
    assert site.states() == {"one": "lost", "next": "cancelled"}
    assert site.reason("one") == "the process that ran it died"
    assert site.note("ends") == "done", "nobody has started it again"
    assert site.run("resume").returncode == 0
    assert site.note("ends") == "done\ndone", "nobody could know that it had succeeded"


def test_fault_27_a_wrapped_task_that_ended_unseen_has_left_how_and_is_not_done_again(site, observed):
    site.configure(f"pipelines: {{one: {ONCE % ', survive: true'}, next: {{shell: touch next, depends_on: [one]}}}}")
    dead = killed(site, "child.exited", "run")
    open_ = site.count("SELECT count(*) FROM attempts WHERE finished_at IS NULL")
    observed(
        "the task has come to its end, and its attempt is open", dead and site.note("ends") == "done" and open_ == 1
    )
    assert site.run("resume").returncode == 0
    assert site.note("ends") == "done"
    assert (site.root / "next").exists()


def members(site):
    """Every process that was started in the project."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                found += [int(pid)] * (f"HOME={site.root}/home".encode() in file.read().split(b"\0"))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("way", ["", "true"], ids=["bare", "wrapped"])
def test_fault_28_a_run_that_is_killed_with_all_its_tasks_is_settled_and_resumed(site, observed, way):
    lingering(site, **({"survive": way} if way else {}))
    process = site.start("run", start_new_session=True)
    task = site.note("pid")
    everybody = members(site)
    for pid in everybody:
        os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)
    site.until(lambda: not members(site))
    observed(
        f"{len(everybody)} processes were killed, the run and its task among them",
        {process.pid, int(task)} <= {*everybody},
    )
    assert site.run("status").returncode == 0
    assert site.states() == {"lingers": "lost", "next": "cancelled"}
    (site.root / "go").touch()
    assert site.run("resume").returncode == 0
    assert site.note("ends") == "done"


def test_fault_28_the_kill_of_a_session_leaves_tasks_that_the_next_run_ends(site, observed):
    lingering(site)
    process = site.start("run", start_new_session=True)
    task = site.note("pid")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    observed("its task has a session of its own and lives", process.returncode == -signal.SIGKILL and alive(task))
    (site.root / "pid").unlink()
    again = site.start("run")
    assert site.note("pid") != task
    assert not alive(task)
    (site.root / "go").touch()
    assert site.finish(again).returncode == 0
    assert site.run_state() == "succeeded"
    assert site.count("SELECT count(*) FROM runs WHERE state = 'lost'") == 1
