"""What only the backend of systemd does."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.components import require_root
from support.schedulers.bench import NOW, PROJECT, SystemdBench, spec
from tetra_orchestrator.adapters.timer.systemd.manager import SystemdTimers
from tetra_orchestrator.adapters.timer.systemd.session import Session, user_name
from tetra_orchestrator.core.diagnosis import ERROR, WARNING, Diagnosis
from tetra_orchestrator.core.units import UnitFile
from tetra_orchestrator.errors import CannotWrite, Forbidden, NotNow
from tetra_orchestrator.timer_port import TimerState

ME = user_name()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SystemdBench:
    return SystemdBench(tmp_path, monkeypatch)


def runtime(bench: SystemdBench) -> Path:
    return bench.machine / f"run/user/{os.geteuid()}"


def told(bench: SystemdBench) -> dict[str, str]:
    """Where the programs are told that the user's manager listens."""
    environ = Session("user", str(bench.machine)).environment()
    return {name: environ[name] for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS") if name in environ}


def test_without_a_login_programs_are_told_where_the_manager_listens(bench: SystemdBench) -> None:
    place = str(runtime(bench))
    assert told(bench) == {"XDG_RUNTIME_DIR": place, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={place}/bus"}


def test_after_su_the_folder_of_somebody_else_is_not_used(
    bench: SystemdBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_root()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "bus").touch()
    os.chown(theirs, 4711, -1)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(theirs))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={theirs}/bus")
    place = str(runtime(bench))
    assert told(bench) == {"XDG_RUNTIME_DIR": place, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={place}/bus"}


def test_the_address_that_a_login_has_set_is_used(
    bench: SystemdBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bus").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=mine")
    assert told(bench) == {"XDG_RUNTIME_DIR": str(tmp_path), "DBUS_SESSION_BUS_ADDRESS": "unix:abstract=mine"}


def test_without_a_manager_of_the_user_nothing_is_installed(bench: SystemdBench) -> None:
    (runtime(bench) / "bus").unlink()
    with pytest.raises(NotNow) as caught:
        bench.install("daily")
    hint = f"`loginctl enable-linger {ME}` has it run always; `machinectl shell {ME}@` starts it for now"
    message = f"no systemd is running for the user {ME}: there is no {runtime(bench)}/bus"
    assert str(caught.value) == f"{message}\n  hint: {hint}"
    assert list(bench.home.iterdir()) == []
    with pytest.raises(NotNow):
        bench.backend.states(PROJECT, ["daily"])


def test_where_systemd_is_not_process_1_nothing_is_installed(bench: SystemdBench) -> None:
    shutil.rmtree(bench.machine / "run/systemd")
    with pytest.raises(CannotWrite) as caught:
        bench.backend.check()
    hint = "use cron with --by crontab, or `tetra start --foreground`"
    assert str(caught.value) == f"this system was not started by systemd\n  hint: {hint}"


def test_only_root_installs_timers_of_the_system(bench: SystemdBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Forbidden) as caught:
        SystemdTimers("system", str(bench.machine)).check()
    hint = "use sudo, or leave out --system"
    assert str(caught.value) == f"only root can install timers of the system\n  hint: {hint}"


def test_timers_of_the_system_go_where_the_system_has_its_own(bench: SystemdBench) -> None:
    require_root()
    place = bench.machine / "etc/systemd/system"
    bench.scheduler.know("folder", str(place))
    backend = SystemdTimers("system", str(bench.machine))
    backend.change(backend.render([spec(bench.root, "daily")], str(bench.root), NOW), [])
    backend.arm(PROJECT, ["daily"])
    assert sorted(path.name for path in place.iterdir() if path.is_file()) == [
        *("demo-daily.service", "demo-daily.timer", "demo-failure@.service"),
    ]
    assert {call[1] for call in bench.scheduler.calls()} == {"--system"}
    assert list(bench.home.iterdir()) == []


def test_what_systemd_would_not_take_is_not_installed(bench: SystemdBench) -> None:
    bad = UnitFile("demo-daily.timer", "[Timer]\nBogus=1\nOnCalendar=bogus\n")
    with pytest.raises(CannotWrite) as caught:
        bench.backend.change([bad], [])
    fault = "demo-daily.timer:3: Failed to parse calendar specification, ignoring: bogus"
    hint = "nothing was installed; mend what it names in the configuration"
    assert str(caught.value) == f"systemd would not take the timers: {fault}\n  hint: {hint}"
    assert bench.disk() == {}


def test_a_key_that_an_older_systemd_does_not_know_is_no_fault(bench: SystemdBench) -> None:
    bench.backend.change([UnitFile("demo-daily.timer", "[Timer]\nBogus=1\n")], [])
    assert bench.disk() == {"demo-daily.timer": b"[Timer]\nBogus=1\n"}


def test_without_systemd_analyze_units_are_installed_all_the_same(bench: SystemdBench) -> None:
    (bench.scheduler.bin / "systemd-analyze").unlink()
    bench.install("daily")
    assert bench.backend.states(PROJECT, ["daily"])["daily"].known


def test_a_unit_that_systemd_cannot_use_is_taken_back(bench: SystemdBench) -> None:
    with pytest.raises(CannotWrite) as caught:
        bench.backend.change([UnitFile("demo-daily.timer", "nothing\n")], [])
    place = bench.folder() / "demo-daily.timer"
    hint = "see `systemctl --user status demo-daily.timer`"
    assert str(caught.value) == f"systemd cannot use {place}: it is bad-setting\n  hint: {hint}"
    assert bench.disk() == {}


def test_a_folder_that_the_manager_does_not_know_is_found_out(
    bench: SystemdBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    backend = SystemdTimers("user", str(bench.machine))
    with pytest.raises(CannotWrite) as caught:
        backend.change([UnitFile("demo-daily.timer", "[Timer]\n")], [])
    place = tmp_path / "settings/systemd/user"
    hint = "unset XDG_CONFIG_HOME: the systemd that is running does not know of it"
    assert str(caught.value) == f"systemd does not look for demo-daily.timer in {place}\n  hint: {hint}"
    assert not place.exists()


def test_a_unit_that_another_one_hides_is_found_out(
    bench: SystemdBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = bench.folder() / "demo-daily.timer"
    other.parent.mkdir(parents=True)
    other.write_text("[Timer]\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    backend = SystemdTimers("user", str(bench.machine))
    with pytest.raises(CannotWrite) as caught:
        backend.change([UnitFile("demo-daily.timer", "[Timer]\n# ours\n")], [])
    place = tmp_path / "settings/systemd/user/demo-daily.timer"
    message = f"systemd does not take demo-daily.timer from {place} but from {other}"
    assert str(caught.value) == f"{message}\n  hint: remove {other}"
    assert (other.read_text(), place.exists()) == ("[Timer]\n", False)


def test_the_users_own_settings_folder_is_used(
    bench: SystemdBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    bench.scheduler.know("folder", str(tmp_path / "settings/systemd/user"))
    SystemdTimers("user", str(bench.machine)).change([UnitFile("demo-daily.timer", "[Timer]\n")], [])
    assert (tmp_path / "settings/systemd/user/demo-daily.timer").is_file()


def test_a_settings_folder_that_is_not_absolute_is_passed_over(
    bench: SystemdBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "settings")
    SystemdTimers("user", str(bench.machine)).change([UnitFile("demo-daily.timer", "[Timer]\n")], [])
    assert (bench.folder() / "demo-daily.timer").is_file()


def test_when_removing_is_refused_the_timers_are_armed_as_before(bench: SystemdBench) -> None:
    bench.install("daily", "weekly")
    bench.backend.arm(PROJECT, ["daily"])
    bench.scheduler.fail("daemon-reload", "No.")
    with pytest.raises(CannotWrite):
        bench.install()
    assert bench.waiting("daily", "weekly") == ["daily"]


def test_the_link_of_a_timer_that_was_removed_by_hand_goes_with_its_service(bench: SystemdBench) -> None:
    bench.install("daily")
    bench.backend.arm(PROJECT, ["daily"])
    (bench.folder() / "demo-daily.timer").unlink()
    bench.install()
    assert bench.disk() == {}
    assert not any(path.is_symlink() for path in bench.folder().rglob("*"))


def test_a_masked_unit_is_somebody_elses(bench: SystemdBench) -> None:
    bench.folder().mkdir(parents=True)
    (bench.folder() / "demo-daily.timer").symlink_to(os.devnull)
    assert bench.backend.installed(PROJECT) == [UnitFile("demo-daily.timer", "")]
    assert bench.backend.states(PROJECT, ["daily"]) == {"daily": TimerState(masked=True)}


def test_a_unit_under_another_name_is_ours_by_its_marker(bench: SystemdBench) -> None:
    bench.install("daily")
    (bench.folder() / "demo-daily.timer").rename(bench.folder() / "copy.timer")
    names = [file.name for file in bench.backend.installed(PROJECT)]
    assert names == ["copy.timer", "demo-daily.service", "demo-failure@.service"]
    assert [bench.backend.timer_of(PROJECT, name) for name in names] == [None, "daily", None]


def test_instants_are_told_by_the_microsecond(bench: SystemdBench) -> None:
    bench.install("daily")
    bench.backend.arm(PROJECT, ["daily"])
    bench.scheduler.know("last", {"demo-daily.timer": 1795288606285997})
    bench.scheduler.know("running", ["demo-daily.service"])
    next_at = datetime(2026, 11, 22, tzinfo=UTC)
    last_at = datetime(2026, 11, 21, 19, 16, 46, 285997, tzinfo=UTC)
    assert bench.backend.states(PROJECT, ["daily"])["daily"] == TimerState(True, True, True, True, next_at, last_at)


def test_instants_are_told_by_the_second_where_systemd_is_old(bench: SystemdBench) -> None:
    bench.scheduler.know("version", 245)
    bench.install("daily")
    bench.backend.arm(PROJECT, ["daily"])
    bench.scheduler.know("last", {"demo-daily.timer": 1795288606285997})
    state = bench.backend.states(PROJECT, ["daily"])["daily"]
    assert state.next_at == datetime(2026, 11, 22, tzinfo=UTC)
    assert state.last_at == datetime(2026, 11, 21, 19, 16, 46, tzinfo=UTC)


def test_all_timers_are_asked_for_at_once(bench: SystemdBench) -> None:
    bench.install("daily", "weekly")
    before = len(bench.scheduler.calls())
    bench.backend.states(PROJECT, ["daily", "weekly"])
    assert bench.scheduler.verbs()[before:] == ["show", "list-timers"]
    assert bench.backend.states(PROJECT, []) == {}
    assert len(bench.scheduler.calls()) == before + 2


def test_what_a_dispatched_command_is_given_is_not_told_when_it_fails(bench: SystemdBench) -> None:
    log = str(bench.root / "run.log")
    with pytest.raises(CannotWrite) as caught:
        bench.backend.dispatch("demo-daily-1", ["/nowhere/python"], {"TOKEN": "secret"}, str(bench.root), log)
    reason = "Failed to find executable /nowhere/python: No such file or directory"
    message = f"systemd does not start demo-daily-1: {reason}"
    assert str(caught.value) == f"{message}\n  hint: mend what it says, then try again"


def test_a_timer_that_is_not_installed_cannot_be_woken(bench: SystemdBench) -> None:
    with pytest.raises(CannotWrite) as caught:
        bench.backend.wake(spec(bench.root, "daily"))
    said = "Failed to start demo-daily.service: Unit demo-daily.service not found."
    message = f"`systemctl --user start --no-block -- demo-daily.service` failed: {said}"
    assert str(caught.value) == f"{message}\n  hint: mend what it says, then try again"


def no_linger() -> Diagnosis:
    message = f"the timers of {ME} end with the last login, and wait for the next one after a restart"
    return Diagnosis("no_linger", WARNING, message, f"loginctl enable-linger {ME}")


@pytest.mark.parametrize("known", [{ME: "no"}, {}])
def test_a_user_whose_manager_ends_with_the_login_is_found(bench: SystemdBench, known: dict[str, str]) -> None:
    bench.scheduler.know("linger", known)
    assert bench.backend.diagnose() == [no_linger()]


def test_a_user_whom_logind_does_not_know_lingers_by_a_file(bench: SystemdBench) -> None:
    (bench.machine / "var/lib/systemd/linger").mkdir(parents=True)
    (bench.machine / f"var/lib/systemd/linger/{ME}").touch()
    assert bench.backend.diagnose() == []


def test_all_that_is_in_the_way_is_found(bench: SystemdBench) -> None:
    (runtime(bench) / "bus").unlink()
    bench.folder().parent.mkdir(parents=True)
    bench.folder().symlink_to(bench.home / "nowhere")
    bench.scheduler.know("version", 237)
    (bench.home / ".identity").touch()
    found = {each.code: each for each in bench.backend.diagnose()}
    assert list(found) == ["no_user_bus", "unit_folder_link", "old_systemd", "no_linger", "encrypted_home"]
    assert [each.severity for each in found.values()] == [ERROR, ERROR, WARNING, WARNING, WARNING]
    assert found["old_systemd"].message == "systemd 237 does not know all that the units of the timers say"
    assert found["encrypted_home"] == Diagnosis(
        "encrypted_home",
        WARNING,
        f"{bench.home} is encrypted (systemd-homed): after a restart nothing starts before {ME} logs in",
        "keep the project elsewhere, with timers of the system",
    )


def test_where_there_is_no_systemd_nothing_else_is_told(bench: SystemdBench) -> None:
    shutil.rmtree(bench.machine / "run/systemd")
    assert [each.code for each in bench.backend.diagnose()] == ["no_systemd"]
