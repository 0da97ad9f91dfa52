"""Tasks whose runner is on other machines: what they take here, what they are given, and when their time begins."""

from __future__ import annotations

from support.worlds import Stage, project, task
from tetra_orchestrator.core.model import Environment, Host, Resources, RunPolicy, Service
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.runners import Remote
from tetra_orchestrator.ports import Wants

AWAY = {"runner": "slurm", "pool": (("runner slurm", 1),)}


def stage(*tasks, jobs=1000, seconds=1.0, **fields):
    fields = {"runners": (Remote("slurm"),), "pools": (("runner slurm", jobs),), **fields}
    return Stage(project(*tasks, **fields), lambda task_id, number: (seconds, Exited(0), {}))


def passed(given):
    """Seconds that the last run took."""
    return (given.last_run.finished_at - given.last_run.started_at).total_seconds()


def spans(given):
    """By task, the seconds from its job's begin to the run's clock at its end."""
    return {one.task_id: one.duration_s for one in given.store.attempts(given.last_run.run_id)}


def test_they_take_no_place_of_this_machine_and_run_beside_what_does() -> None:
    away = [task(f"away{n}", **AWAY, resources=Resources(cpu=64)) for n in range(9)]
    given = stage(*away, task("a"), task("b"), max_parallel=1, seconds=10.0)
    given.project = given.project._replace(host=Host(1, cpu=2))
    assert given.run() == 0
    assert passed(given) == 20.0


def test_no_more_jobs_wait_or_run_there_than_may() -> None:
    given = stage(*[task(f"away{n}", **AWAY) for n in range(6)], jobs=2, seconds=10.0)
    assert given.run() == 0
    assert passed(given) == 30.0


def test_what_a_run_may_have_under_way_counts_on_all_runners_together() -> None:
    tasks = [*(task(f"away{n}", **AWAY) for n in range(4)), task("a"), task("b")]
    given = stage(*tasks, run=RunPolicy(max_parallel=2), seconds=10.0)
    assert given.run() == 0
    assert passed(given) == 30.0


def test_a_time_limit_counts_from_the_begin_and_so_does_how_long_it_took() -> None:
    given = stage(task("away", **AWAY, timeout_s=15.0), seconds=10.0)
    given.runner.queued_s = 3600.0
    assert given.run() == 0
    assert given.states() == {"away": "succeeded"}
    assert spans(given) == {"away": 10.0}


def test_where_its_runner_knows_how_long_it_took_that_counts() -> None:
    given = stage(task("away", **AWAY), seconds=10.0)
    given.runner.lasted_s = 7.0
    assert given.run() == 0
    assert spans(given) == {"away": 7.0}


def test_an_attempt_that_takes_longer_than_its_limit_is_ended_there() -> None:
    given = stage(task("away", **AWAY, timeout_s=15.0), seconds=20.0)
    given.runner.queued_s = 100.0
    assert given.run() == 2
    assert given.states() == {"away": "timed_out"}
    assert passed(given) == 115.0


def test_until_it_begins_it_is_submitted_and_then_running() -> None:
    given = stage(task("away", **AWAY), seconds=10.0)
    given.runner.queued_s = 5.0
    seen, over = {}, given.clock.on_wait

    def look():
        seen.setdefault(*given.states().values(), given.clock.seconds)
        return over()

    given.clock.on_wait = look
    began = given.clock.seconds
    given.run()
    assert {state: round(at - began) for state, at in seen.items()} == {"submitted": 0, "running": 5}


def test_a_service_here_is_needed_while_a_task_elsewhere_runs() -> None:
    service = task("s", service=Service())
    away = task("away", "s", **AWAY, conditions=(("s", "ready"),))
    given = stage(service, away, max_parallel=1, seconds=10.0)
    given.workspace.written = {}
    given.run()
    assert given.states()["away"] == "succeeded"


def test_its_row_says_where_and_its_launch_what_the_engine_is_asked_for() -> None:
    wanted = Resources(cpu=4, memory_bytes=1 << 30, gpu=1)
    given = stage(task("away", **AWAY, resources=wanted, timeout_s=60.0, wall_timeout_s=90.0, kill_grace_s=10.0))
    given.run()
    (attempt,), (launch,) = given.store.attempts(given.last_run.run_id), given.runner.launches
    assert attempt.runner == "slurm"
    assert launch.runner == "slurm"
    assert launch.record is not None
    assert launch.wants == Wants(4, 1 << 30, 1, 190.0, "away")


def test_it_inherits_only_what_the_file_names_and_what_every_process_has() -> None:
    given = stage(task("away", **AWAY), task("here"))
    given.environ = {"PATH": "/bin", "HOME": "/home/u", "SLURM_JOB_ID": "7", "SHELL_ONLY": "x", "TOKEN": "t"}
    given.project = given.project._replace(environment=Environment("all", ("TOKEN",)))
    given.run()
    away, here = ({*launch.env} & {*given.environ} for launch in given.runner.launches)
    assert away == {"PATH", "HOME", "TOKEN"}
    assert here == {*given.environ}
