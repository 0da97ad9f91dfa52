"""The loop of `start --foreground`: when it reads the file, and what it tells of that and of its guards."""

from __future__ import annotations

from datetime import timedelta

from support.fakes import FakeClock, FakeInterrupts
from support.schedules import schedule, scheduled
from tetra_orchestrator.engine.foreground import LOOK_S, Watch
from tetra_orchestrator.errors import ConfigError
from tetra_orchestrator.signals import SIGHUP, SIGTERM

NIGHTLY = schedule("nightly", "0 6 * * *")
OFTEN = schedule("often", None, every_s=5.0)


class Guards:
    """Guards that end at once, and what they say meanwhile."""

    def __init__(self):
        self.started = []
        self._ended = []
        self.to_say = []

    def start(self, name):
        self.started.append(name)
        self._ended.append(name)

    def ended(self):
        ended, self._ended = self._ended, []
        return ended

    def running(self, name=None):
        return False

    def stop(self):
        pass

    def descriptors(self):
        return []

    def said(self):
        said, self.to_say = self.to_say, []
        return said


class Loop:
    """A loop over a file that is `now`; of `script`, each wait takes one action, and the last of them is a TERM."""

    def __init__(self, *schedules):
        self.now = scheduled(*schedules)
        self.clock, self.interrupts, self.guards = FakeClock(), FakeInterrupts(), Guards()
        self.reads = 0
        self.told = []

    def keep(self, *script):
        actions = [*script, lambda: self.send(SIGTERM)]
        waited = iter(actions)

        def wait(fds, timeout_s):
            next(waited)()
            return True

        self.clock.wait = wait
        return Watch(self.now, self.read, self.guards, self.clock, self.interrupts, self.told.append, set).keep()

    def read(self):
        self.reads += 1
        if isinstance(self.now, ConfigError):
            raise self.now
        return self.now

    def send(self, number):
        self.interrupts.numbers.append(number)

    def hup(self):
        self.send(SIGHUP)

    def pass_by(self, seconds):
        return lambda: self.clock.show(self.clock.now() + timedelta(seconds=seconds))

    def hear(self, *texts):
        return lambda: self.guards.to_say.extend(texts)

    def change(self, now):
        def change():
            self.now = now
            self.hup()

        return change


def nothing():
    """A wake for nothing, as when a child of ours has ended."""


def test_a_wake_for_nothing_is_no_reason_to_read_the_file_again():
    loop = Loop(NIGHTLY)
    loop.keep(*[nothing] * 20)
    assert loop.reads == 0


def test_the_file_is_read_again_every_half_minute_and_where_a_slot_is_due():
    loop = Loop(NIGHTLY)
    loop.keep(loop.pass_by(LOOK_S - 1), loop.pass_by(1), nothing, loop.pass_by(LOOK_S))
    assert loop.reads == 2
    often = Loop(OFTEN)
    often.keep(*[often.pass_by(5), nothing] * 3)
    assert (often.reads, often.guards.started) == (3, [None, "often", "often", "often"])


def test_a_clock_that_is_set_back_has_the_file_be_read_again():
    loop = Loop(NIGHTLY)
    loop.keep(loop.pass_by(-3600), nothing)
    assert loop.reads == 1


def test_D_053_after_HUP_the_file_is_read_again_at_once_and_what_is_other_than_before_is_told():
    loop = Loop(NIGHTLY, OFTEN)
    code = loop.keep(loop.change(scheduled(NIGHTLY._replace(enabled=False), schedule("weekly", "0 6 * * 0"))), nothing)
    assert (code, loop.reads) == (0, 1)
    assert loop.told == [
        "schedule nightly: 0 6 * * * UTC, switched off",
        "schedule weekly: 0 6 * * 0 UTC, enabled",
        "schedule often: gone from the file",
        "stopping: the runs that are active are ended",
    ]


def test_who_was_woken_while_the_file_was_broken_is_woken_once_more_when_it_is_mended():
    loop = Loop(NIGHTLY, OFTEN)
    broken, mended = loop.change(ConfigError("no such file")), loop.change(loop.now)
    loop.keep(broken, loop.pass_by(5), nothing, mended, nothing, nothing)
    assert loop.guards.started == [None, "often", "often"]


def test_D_109_what_guards_say_is_told_and_what_does_not_say_how_bad_it_is_is_an_error():
    loop = Loop(NIGHTLY)
    loop.keep(loop.hear("warning: old runs are left", "error: it is busy", "f.yaml:3: unknown key"))
    assert loop.told == [
        "warning: old runs are left",
        "error: it is busy",
        "error: f.yaml:3: unknown key",
        "stopping: the runs that are active are ended",
    ]
