"""What only the backend of launchd does."""

from __future__ import annotations

import os
import plistlib
import pwd
from pathlib import Path

import pytest

from support.components import require_root
from support.schedulers.bench import NOW, PROJECT, LaunchdBench, spec
from tetra_orchestrator.adapters.timer.launchd import launchctl
from tetra_orchestrator.adapters.timer.launchd.manager import LaunchdTimers
from tetra_orchestrator.core.diagnosis import WARNING, Diagnosis
from tetra_orchestrator.errors import CannotWrite, Forbidden, NotNow
from tetra_orchestrator.timer_port import TimerState

LABEL = "com.demo.daily"
UID = os.geteuid()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LaunchdBench:
    return LaunchdBench(tmp_path, monkeypatch)


def armed(bench: LaunchdBench) -> None:
    bench.install("daily")
    bench.backend.arm(PROJECT, ["daily"])


def read_by_launchd(bench: LaunchdBench) -> dict[str, object]:
    """What launchd has read of the job when it was loaded."""
    loaded = bench.scheduler.known("loaded")
    assert isinstance(loaded, dict)
    found = plistlib.loads(loaded[LABEL]["text"].encode())
    assert isinstance(found, dict)
    return found


def test_who_is_not_logged_in_at_the_screen_has_another_domain(bench: LaunchdBench) -> None:
    bench.scheduler.know("domains", [f"user/{UID}"])
    armed(bench)
    assert ["launchctl", "enable", f"user/{UID}/{LABEL}"] in bench.scheduler.calls()
    assert bench.waiting("daily") == ["daily"]


def test_a_changed_job_is_read_anew(bench: LaunchdBench) -> None:
    armed(bench)
    assert read_by_launchd(bench)["StartCalendarInterval"] == {"Hour": 19, "Minute": 0}
    bench.install("daily", daily="0 7 * * *")
    assert read_by_launchd(bench)["StartCalendarInterval"] == {"Hour": 7, "Minute": 0}


def test_a_job_that_does_not_leave_keeps_its_file(bench: LaunchdBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launchctl, "LEAVE_LIMIT_S", 0.1)
    armed(bench)
    disk = bench.disk()
    bench.scheduler.know("stays", True)
    with pytest.raises(NotNow) as caught:
        bench.install()
    message = f"launchd still has {LABEL}, 0.1 s after it was told to let go of it"
    hint = f"`launchctl print gui/{UID}/{LABEL}` tells why; then try again"
    assert str(caught.value) == f"{message}\n  hint: {hint}"
    assert bench.disk() == disk


def test_a_job_that_runs_is_not_changed(bench: LaunchdBench) -> None:
    armed(bench)
    disk = bench.disk()
    bench.scheduler.know("running", [LABEL])
    assert bench.backend.states(PROJECT, ["daily"])["daily"].active
    with pytest.raises(NotNow) as caught:
        bench.install("daily", daily="0 7 * * *")
    hint = "wait for its run to end, or cancel it"
    assert str(caught.value) == f"{LABEL} is running, and changing it would end it\n  hint: {hint}"
    assert bench.disk() == disk
    assert bench.scheduler.known("running") == [LABEL]


def test_disarming_a_job_that_runs_does_not_end_it(bench: LaunchdBench) -> None:
    armed(bench)
    bench.scheduler.know("running", [LABEL])
    bench.backend.disarm(PROJECT, ["daily"])
    assert bench.scheduler.known("running") == [LABEL]
    assert bench.backend.states(PROJECT, ["daily"])["daily"] == TimerState(True, False, True, True)


def test_a_job_that_was_not_armed_is_not_loaded_at_a_login(bench: LaunchdBench) -> None:
    bench.install("daily")
    assert bench.scheduler.known("disabled") == {LABEL: True}


def test_launchd_forgets_that_a_removed_job_was_disabled(bench: LaunchdBench) -> None:
    armed(bench)
    bench.backend.disarm(PROJECT, ["daily"])
    bench.install()
    assert bench.scheduler.known("disabled") == {LABEL: False}


def test_a_job_that_is_loaded_in_spite_of_an_error_is_loaded(bench: LaunchdBench) -> None:
    bench.install("daily")
    backend = bench.backend
    backend.arm(PROJECT, ["daily"])
    other = LaunchdTimers("user", str(bench.machine), local_zone="UTC")
    launchctl.find("user").load(LABEL, str(bench.folder() / f"{LABEL}.plist"))  # 5: it is there already
    assert other.states(PROJECT, ["daily"])["daily"].waiting


def test_a_job_that_launchd_refuses_is_told_with_its_words(bench: LaunchdBench) -> None:
    bench.install("daily")
    place = bench.folder() / f"{LABEL}.plist"
    place.chmod(0o664)
    with pytest.raises(CannotWrite) as caught:
        bench.backend.arm(PROJECT, ["daily"])
    said = f"`launchctl bootstrap gui/{UID} {place}` failed: Bootstrap failed: 122: Path had bad ownership/permissions"
    assert str(caught.value) == f"{said}\n  hint: mend what it says, then try again"


def test_before_os_x_10_10_jobs_are_loaded_by_the_old_words(bench: LaunchdBench) -> None:
    bench.scheduler.know("old", True)
    armed(bench)
    assert bench.backend.states(PROJECT, ["daily"])["daily"] == TimerState(True, True, True)
    bench.install("daily", daily="0 7 * * *")
    assert read_by_launchd(bench)["StartCalendarInterval"] == {"Hour": 7, "Minute": 0}
    bench.scheduler.know("running", [LABEL])
    assert bench.backend.states(PROJECT, ["daily"])["daily"].active
    bench.scheduler.know("running", [])
    bench.backend.wake(spec(bench.root, "daily"))
    assert bench.scheduler.known("started") == [LABEL]
    bench.backend.disarm(PROJECT, ["daily"])
    assert not bench.backend.states(PROJECT, ["daily"])["daily"].waiting
    bench.install()
    assert bench.disk() == {}
    assert bench.backend.diagnose() == []


def test_jobs_of_the_system_run_as_the_one_who_owns_the_project(bench: LaunchdBench) -> None:
    require_root()
    owner = pwd.getpwnam("nobody")
    os.chown(bench.root, owner.pw_uid, -1)
    backend = LaunchdTimers("system", str(bench.machine), local_zone="UTC")
    backend.change(backend.render([spec(bench.root, "daily")], str(bench.root), NOW), [])
    backend.arm(PROJECT, ["daily"])
    assert (bench.machine / f"Library/LaunchDaemons/{LABEL}.plist").is_file()
    assert read_by_launchd(bench)["UserName"] == "nobody"
    assert ["launchctl", "enable", f"system/{LABEL}"] in bench.scheduler.calls()


def test_only_root_installs_jobs_of_the_system(bench: LaunchdBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 501)
    with pytest.raises(Forbidden) as caught:
        LaunchdTimers("system", str(bench.machine)).check()
    hint = "use sudo, or leave out --system"
    assert str(caught.value) == f"only root can install timers of the system\n  hint: {hint}"


def test_elsewhere_than_on_macos_there_is_no_launchd(bench: LaunchdBench) -> None:
    (bench.scheduler.bin / "launchctl").unlink()
    with pytest.raises(CannotWrite) as caught:
        bench.backend.check()
    hint = "launchd is macOS's; elsewhere use another --by"
    assert str(caught.value) == f"there is no launchctl on the PATH\n  hint: {hint}"
    assert [each.code for each in bench.backend.diagnose()] == ["no_launchd"]


def test_a_job_that_somebody_has_disabled_is_found(bench: LaunchdBench) -> None:
    armed(bench)
    bench.scheduler.know("disabled", {LABEL: True, "com.other.thing": True})
    message = f"{LABEL} is disabled in launchd: it is not started"
    remedy = "`tetra schedule enable` with its name, unless it is meant to be"
    assert bench.backend.diagnose() == [Diagnosis("launchd_disabled_by_user", WARNING, message, remedy)]


def test_a_folder_that_is_a_file_is_found(bench: LaunchdBench) -> None:
    bench.folder().parent.mkdir()
    bench.folder().touch()
    assert [each.code for each in bench.backend.diagnose()] == ["unit_folder_unwritable"]


def test_a_list_belongs_to_the_timer_of_its_label(bench: LaunchdBench) -> None:
    assert bench.backend.timer_of(PROJECT, f"{LABEL}.plist") == "daily"
    assert bench.backend.timer_of(PROJECT, "com.other.daily.plist") is None
