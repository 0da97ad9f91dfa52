"""What the guard and the generated units rely on, asked of a real systemd.

Above all: can it be told whether a timer or somebody's hand has started a service? The guard compares the timer's
last trigger with its own mark, the time of its last wake. These tests say when the last trigger changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from rig.machine import Machine, until

_SECOND = timedelta(seconds=1)
LIMIT_S = 10.0
_numbers = count()


class Probe:
    """A timer on the hour, and a service that notes each start and waits while it is held."""

    def __init__(self, machine: Machine, name: str, *settings: str) -> None:
        self.name, self._machine, self._settings = name, machine, settings
        noting = f"""echo "$$(date +%%s) trigger=$$TRIGGER_UNIT at=$$TRIGGER_TIMER_REALTIME_USEC" >>{self._noted}"""
        waiting = f"while [ -e {self._hold} ]; do sleep 0.02; done"
        self._write("service", "[Service]", "Type=oneshot", f"ExecStart=/bin/sh -c '{noting}; {waiting}'")
        self.calendar("*:00:00")
        machine.run("systemctl", "enable", "--now", f"{name}.timer")

    @property
    def _noted(self) -> str:
        return f"/var/log/{self.name}"

    @property
    def _hold(self) -> str:
        return f"/run/{self.name}.hold"

    def _write(self, ending: str, *lines: str) -> None:
        self._machine.path(f"/etc/systemd/system/{self.name}.{ending}").write_text("\n".join((*lines, "")))

    def calendar(self, rule: str) -> None:
        """Have the timer elapse at other times, as after `schedule apply`."""
        timer = ("[Timer]", f"OnCalendar={rule}", "AccuracySec=1us", *self._settings)
        self._write("timer", *timer, "[Install]", "WantedBy=timers.target")
        self._machine.run("systemctl", "daemon-reload")

    def hold(self) -> None:
        self._machine.path(self._hold).touch()

    def let_go(self) -> None:
        self._machine.path(self._hold).unlink(missing_ok=True)

    def start(self, *options: str) -> None:
        """By hand."""
        self._machine.run("systemctl", "start", *options, f"{self.name}.service")

    def timer(self, verb: str) -> None:
        self._machine.run("systemctl", verb, f"{self.name}.timer")

    def starts(self) -> list[tuple[datetime, str, str]]:
        """When it was started, and what TRIGGER_UNIT and TRIGGER_TIMER_REALTIME_USEC said then."""
        noted = self._machine.path(self._noted)
        lines = noted.read_text().splitlines() if noted.exists() else []
        told = [line.split(" ") for line in lines]
        return [(_instant(int(at)), by.partition("=")[2], usec.partition("=")[2]) for at, by, usec in told]

    def started(self, times: int) -> list[tuple[datetime, str, str]]:
        """The same, as soon as there are so many starts."""
        assert until(lambda: len(self.starts()) >= times, LIMIT_S), self.starts()
        return self.starts()

    def is_active(self) -> bool:
        return self._machine.run("systemctl", "is-active", f"{self.name}.service").stdout == "activating\n"

    def last_trigger(self) -> datetime | None:
        """LastTriggerUSec, to the microsecond."""
        unit = f"/org/freedesktop/systemd1/unit/{self.name}_2etimer"
        timer = ("org.freedesktop.systemd1", unit, "org.freedesktop.systemd1.Timer")
        told = self._machine.run("busctl", "get-property", *timer, "LastTriggerUSec").stdout.split()
        return _instant(int(told[1]) / 1e6) if told[1] != "0" else None

    def stamp(self) -> datetime:
        """The time of the file in which a persistent timer keeps its last trigger."""
        file = f"/var/lib/systemd/timers/stamp-{self.name}.timer"
        return _instant(self._machine.path(file).stat().st_mtime)

    def remove(self) -> None:
        self.let_go()
        self._machine.run("systemctl", "disable", "--now", f"{self.name}.timer")
        self._machine.run("systemctl", "stop", f"{self.name}.service")
        self._machine.run("systemctl", "clean", "--what=state", f"{self.name}.timer")


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def at(time: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-02T{time}+00:00")


@pytest.fixture
def probe(clocked: Machine) -> Iterator[Callable[..., Probe]]:
    """Makes probes at 12:10; their timers keep their last trigger over reboots unless it is said otherwise."""
    clocked.clock.set(at("12:10:00"))
    made: list[Probe] = []

    def make(*settings: str) -> Probe:
        made.append(Probe(clocked, f"probe{next(_numbers)}", *(settings or ("Persistent=yes",))))
        return made[-1]

    yield make
    for each in made:
        each.remove()


def elapse(machine: Machine, hour: str) -> None:
    """Have the clock pass the hour, as it does by itself."""
    machine.clock.set(at(f"{hour}:00") - 2 * _SECOND)
    assert until(lambda: machine.clock.now() > at(f"{hour}:00") + _SECOND, LIMIT_S)


# Whether a service can tell by itself what has started it


def test_a_service_is_told_which_timer_has_started_it(clocked: Machine, probe) -> None:
    one = probe()
    elapse(clocked, "13:00")
    ((_, by, usec),) = one.started(1)
    assert by == f"{one.name}.timer"
    assert _instant(int(usec) / 1e6) == one.last_trigger()


def test_a_service_that_was_started_by_hand_first_is_told_nothing(probe) -> None:
    one = probe()
    one.start()
    assert [start[1:] for start in one.started(1)] == [("", "")]


def test_a_service_that_is_started_by_hand_later_is_told_of_the_timer_all_the_same(clocked: Machine, probe) -> None:
    one = probe()
    elapse(clocked, "13:00")
    ((_, _, first),) = one.started(1)
    one.start()
    elapse(clocked, "14:00")
    assert [start[1:] for start in one.started(3)] == 3 * [(f"{one.name}.timer", first)]


# When the last trigger changes


def test_a_new_timer_has_not_triggered_and_does_not_trigger_at_once(probe) -> None:
    one = probe()
    assert one.last_trigger() is None
    assert abs(one.stamp() - at("12:10:00")) < timedelta(minutes=5)
    assert one.starts() == []


def test_a_start_by_hand_is_not_a_trigger(clocked: Machine, probe) -> None:
    one = probe()
    one.start()
    assert one.last_trigger() is None
    elapse(clocked, "13:00")
    one.started(2)
    triggered = one.last_trigger()
    one.start()
    assert len(one.starts()) == 3
    assert one.last_trigger() == triggered


def test_the_last_trigger_is_when_the_timer_has_elapsed_and_no_later_than_the_start(clocked: Machine, probe) -> None:
    one = probe()
    elapse(clocked, "13:00")
    ((started, _, _),) = one.started(1)
    assert at("13:00:00") <= one.last_trigger() <= started + _SECOND
    assert abs(one.stamp() - one.last_trigger()) < timedelta(microseconds=2)


def test_a_reload_of_the_units_keeps_the_last_trigger(clocked: Machine, probe) -> None:
    one, other = probe(), probe("Persistent=no")
    elapse(clocked, "13:00")
    triggered = [each.started(1) and each.last_trigger() for each in (one, other)]
    clocked.run("systemctl", "daemon-reload")
    assert [each.last_trigger() for each in (one, other)] == triggered
    clocked.run("systemctl", "daemon-reexec")
    assert [each.last_trigger() for each in (one, other)] == triggered


def test_systemctl_shows_the_last_trigger_without_the_fraction_of_the_second(clocked: Machine, probe) -> None:
    one = probe()
    elapse(clocked, "13:00")
    one.started(1)
    shown = clocked.run("systemctl", "--timestamp=us+utc", "show", f"{one.name}.timer", "--property=LastTriggerUSec")
    assert shown.stdout == f"LastTriggerUSec={one.last_trigger():%a %Y-%m-%d %H:%M:%S} UTC\n"


def test_a_persistent_timer_keeps_its_last_trigger_over_a_reboot_and_another_forgets_it(
    clocked: Machine, probe
) -> None:
    one, other = probe(), probe("Persistent=no")
    elapse(clocked, "13:00")
    triggered = [each.started(1) and each.last_trigger() for each in (one, other)]
    clocked.reboot(off_s=600)
    assert [each.last_trigger() for each in (one, other)] == [triggered[0], None]
    assert [len(each.starts()) for each in (one, other)] == [1, 1]


def test_after_a_reboot_a_timer_that_has_never_triggered_says_when_it_was_first_armed(clocked: Machine, probe) -> None:
    one = probe()
    armed = one.stamp()
    clocked.reboot()
    assert abs(one.last_trigger() - armed) < timedelta(microseconds=2)
    assert one.starts() == []


def test_a_persistent_timer_triggers_once_for_all_it_has_missed_while_the_machine_was_off(
    clocked: Machine, probe
) -> None:
    one, other = probe(), probe("Persistent=no")
    clocked.reboot(off_s=3 * 3600)
    one.started(1)
    assert at("15:10:00") < one.last_trigger() < at("16:00:00")
    assert (len(one.starts()), other.starts(), other.last_trigger()) == (1, [], None)


def test_a_timer_that_slept_through_its_time_triggers_when_the_clock_jumps_persistent_or_not(
    clocked: Machine, probe
) -> None:
    both = [probe(), probe("Persistent=no")]
    clocked.clock.set(at("15:30:00"))
    assert [len(each.started(1)) for each in both] == [1, 1]
    assert all(each.last_trigger() >= at("15:30:00") for each in both)


def test_a_clock_that_is_set_back_takes_the_last_trigger_with_it(clocked: Machine, probe) -> None:
    one = probe()
    elapse(clocked, "13:00")
    one.started(1)
    before = one.stamp()
    clocked.clock.set(at("12:20:00"))
    assert until(lambda: one.last_trigger() < at("12:30:00"), LIMIT_S)
    assert one.stamp() == before
    assert len(one.starts()) == 1


# What a timer does while its service runs


def test_a_timer_that_elapses_while_it_runs_what_it_has_started_starts_it_once_more_right_after(
    clocked: Machine, probe
) -> None:
    one = probe()
    one.hold()
    elapse(clocked, "13:00")
    one.started(1)
    triggered = one.last_trigger()
    elapse(clocked, "14:00")
    elapse(clocked, "15:00")
    assert one.last_trigger() == triggered
    one.let_go()
    one.started(2)
    assert until(lambda: not one.is_active(), LIMIT_S)
    assert one.last_trigger() > at("15:00:00")
    assert len(one.starts()) == 2


def test_a_timer_that_elapses_while_its_service_runs_by_hand_has_triggered_and_starts_nothing(
    clocked: Machine, probe
) -> None:
    one = probe()
    one.hold()
    one.start("--no-block")
    one.started(1)
    elapse(clocked, "13:00")
    assert at("13:00:00") <= one.last_trigger() < at("13:10:00")
    one.let_go()
    assert until(lambda: not one.is_active(), LIMIT_S)
    assert not until(lambda: len(one.starts()) > 1, 0.5)


# What changing and restarting a timer does


def test_a_changed_timer_triggers_at_once_if_it_would_have_elapsed_since_the_last_trigger(
    clocked: Machine, probe
) -> None:
    one = probe("Persistent=no")
    elapse(clocked, "13:00")
    one.started(1)
    clocked.clock.set(at("13:30:00"))
    one.calendar("*:45:00")
    assert not until(lambda: len(one.starts()) > 1, 0.3)
    one.calendar("*:20:00")
    one.started(2)
    assert one.last_trigger() > at("13:30:00")


def test_a_stopped_timer_triggers_when_it_is_started_after_its_time(clocked: Machine, probe) -> None:
    both = [probe(), probe("Persistent=no")]
    elapse(clocked, "13:00")
    assert [len(each.started(1)) for each in both] == [1, 1]
    for each in both:
        each.timer("stop")
    clocked.clock.set(at("14:30:00"))
    for each in both:
        each.timer("start")
    assert [len(each.started(2)) for each in both] == [2, 2]


def test_a_timer_whose_state_is_cleaned_begins_anew(clocked: Machine, probe) -> None:
    one = probe()
    elapse(clocked, "13:00")
    one.started(1)
    one.remove()
    assert not clocked.path(f"/var/lib/systemd/timers/stamp-{one.name}.timer").exists()
    clocked.clock.set(at("14:30:00"))
    clocked.run("systemctl", "enable", "--now", f"{one.name}.timer")
    assert not until(lambda: len(one.starts()) > 1, 0.3)
    assert one.last_trigger() is None
