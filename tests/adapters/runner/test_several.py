"""One runner for this machine and those of others: each attempt goes where it is to run, and is found there again."""

from __future__ import annotations

import pytest

from support.fakes import FakeClock, FakeRunner, FakeWorkspace
from tetra_orchestrator.adapters.runner.several import Several
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.ports import Launch, Wakeup


class Named(FakeRunner):
    """One whose handles begin as those of its kind do, and whose attempts all take so many seconds."""

    def __init__(self, clock: FakeClock, prefix: str, seconds: float, fd: int | None = None) -> None:
        super().__init__(clock, FakeWorkspace(), lambda task, number: (seconds, Exited(0), {}))
        self.prefix, self.fd = prefix, fd

    def _start(self, launch):
        handle = super()._start(launch)
        self.begins[self.prefix + handle] = self.begins.pop(handle)
        self.jobs[self.prefix + handle] = self.jobs.pop(handle)
        return self.prefix + handle

    def find(self, token):
        return [self.prefix + token]

    def lasting(self, handle):
        return f"{handle} of {self.prefix}"

    def wakeup(self):
        return super().wakeup()._replace(fd=self.fd)


def launch(runner: str) -> Launch:
    env = {"TETRA_TASK": "a", "TETRA_ATTEMPT": "1", "TETRA_OUTPUT": "out"}
    return Launch("token", ("x",), env, "/", "/log", 1.0, runner=runner)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def made(clock: FakeClock) -> dict[str, Named]:
    return {"": Named(clock, "7:", 5.0, fd=3)}


@pytest.fixture
def several(clock: FakeClock, made: dict[str, Named]) -> Several:
    def make(name: str) -> Named:
        assert name not in made
        made[name] = Named(clock, f"{name}:", 2.0)
        return made[name]

    return Several(made[""], make, ["far", "wide"])


def test_answers_come_in_the_order_of_what_was_submitted(several: Several) -> None:
    handles = several.submit([launch(name) for name in ("far", "local", "wide", "far", "local")])
    assert handles == ["far:job-1", "7:job-1", "wide:job-1", "far:job-2", "7:job-2"]


def test_a_runner_to_which_nothing_goes_is_not_made_to_start_or_wait(several: Several, made: dict[str, Named]) -> None:
    several.submit([launch("local")])
    assert several.poll([]) == []
    assert several.wakeup() == Wakeup(3, 5.0)
    several.close()
    assert [*made] == [""]


def test_each_handle_is_for_the_runner_that_gave_it(several: Several, made: dict[str, Named]) -> None:
    here, far = several.submit([launch("local"), launch("far")])
    several.cancel(far)
    several.kill(here)
    assert (made["far"].cancelled, made["far"].killed) == ([far], [])
    assert (made[""].cancelled, made[""].killed) == ([], [here])
    assert [several.lasting(each) for each in (here, far)] == ["7:job-1 of 7:", "far:job-1 of far:"]


def test_what_has_begun_and_what_has_ended_is_told_of_all(several: Several, made: dict[str, Named], clock) -> None:
    handles = several.submit([launch("local"), launch("far"), launch("wide")])
    made["far"].begins[handles[1]] = clock.seconds + 1.0
    assert sorted(several.begun(handles)) == sorted([handles[0], handles[2]])
    assert several.wakeup() == Wakeup(3, 1.0)
    clock.seconds += 5.0
    assert {ended.handle for ended in several.poll(handles)} == {*handles}


def test_a_job_that_somebody_else_has_handed_in_is_looked_for_everywhere(several: Several) -> None:
    assert sorted(several.find("token")) == ["7:token", "far:token", "wide:token"]


def test_all_are_closed(several: Several, made: dict[str, Named]) -> None:
    several.submit([launch("local"), launch("far")])
    several.close()
    assert [runner.jobs for runner in made.values()] == [{}, {}]
