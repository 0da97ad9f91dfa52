"""What every backend of timers must do, held against programs that behave as systemd's, launchd's and cron's do."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from support.schedulers.bench import BENCHES, PROJECT, Bench, CrontabBench, mode, spec
from tetra_orchestrator.adapters.timer import program
from tetra_orchestrator.errors import CannotWrite, NotNow
from tetra_orchestrator.timer_port import TimerState

WITH_FILES = [name for name in BENCHES if name != "crontab"]
#: Says who it is, and then that it has outlived the one who started it.
CHILD = """
import json, os, sys, time
facts = {"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(), "input": sys.stdin.read()}
facts |= {"leads": os.getsid(0) == os.getpid(), "open": sorted(os.listdir("/dev/fd"))}
print(json.dumps(facts), flush=True)
print("an error", file=sys.stderr, flush=True)
"""


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return BENCHES[request.param](tmp_path, monkeypatch)


@pytest.fixture
def files_bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return BENCHES[request.param](tmp_path, monkeypatch)


only_files = pytest.mark.parametrize("files_bench", WITH_FILES, indirect=True)


def test_nothing_is_installed_at_first(bench: Bench) -> None:
    bench.backend.check()
    assert bench.backend.installed(PROJECT) == []
    assert bench.backend.states(PROJECT, ["daily"]) == {"daily": TimerState()}
    assert bench.disk() == {}


def test_what_was_installed_is_read_back(bench: Bench) -> None:
    files = bench.install("daily", "weekly")
    assert bench.backend.installed(PROJECT) == sorted(files)


def test_what_is_installed_belongs_to_its_timer(bench: Bench) -> None:
    names = {bench.backend.timer_of(PROJECT, file.name) for file in bench.install("daily", "weekly")}
    assert names - {None} in ({"daily", "weekly"}, set())


def test_a_timer_waits_only_when_it_is_armed(bench: Bench) -> None:
    bench.install("daily", "weekly")
    states = bench.backend.states(PROJECT, ["daily", "weekly"])
    assert [(state.known, state.waiting, state.active) for state in states.values()] == [(True, False, False)] * 2
    bench.backend.arm(PROJECT, ["daily"])
    states = bench.backend.states(PROJECT, ["daily", "weekly"])
    assert [(state.known, state.waiting) for state in states.values()] == [(True, True), (True, False)]
    assert states["daily"].enabled


def test_a_timer_that_was_disarmed_does_not_wait_until_it_is_armed_again(bench: Bench) -> None:
    bench.install("daily", "weekly")
    bench.backend.arm(PROJECT, ["daily", "weekly"])
    bench.backend.disarm(PROJECT, ["daily"])
    assert bench.waiting("daily", "weekly") == ["weekly"]
    assert bench.backend.states(PROJECT, ["daily"])["daily"] == TimerState(known=True)
    bench.backend.arm(PROJECT, ["daily"])
    assert bench.waiting("daily", "weekly") == ["daily", "weekly"]


def test_arming_and_disarming_what_is_so_already_is_no_fault(bench: Bench) -> None:
    bench.install("daily")
    for method in (bench.backend.arm, bench.backend.arm, bench.backend.disarm, bench.backend.disarm):
        method(PROJECT, ["daily"])
    assert bench.waiting("daily") == []


def test_disarming_what_is_not_installed_is_no_fault(bench: Bench) -> None:
    bench.install("daily")
    bench.backend.arm(PROJECT, ["daily"])
    bench.backend.disarm(PROJECT, ["gone"])
    assert bench.waiting("daily", "gone") == ["daily"]


def test_arming_what_is_not_installed_is_refused(bench: Bench) -> None:
    bench.install("daily")
    with pytest.raises(CannotWrite):
        bench.backend.arm(PROJECT, ["gone"])


def test_disarming_changes_no_file_that_is_read_back(bench: Bench) -> None:
    files = bench.install("daily", "weekly")
    bench.backend.arm(PROJECT, ["daily", "weekly"])
    bench.backend.disarm(PROJECT, ["daily"])
    assert bench.backend.installed(PROJECT) == sorted(files)


def test_installing_again_asks_nothing_of_the_scheduler(bench: Bench) -> None:
    bench.install("daily", "weekly")
    bench.backend.arm(PROJECT, ["daily"])
    disk, calls = bench.disk(), len(bench.scheduler.calls())
    bench.backend.change([], [])
    assert (bench.disk(), len(bench.scheduler.calls())) == (disk, calls)
    bench.install("daily", "weekly")
    assert bench.disk() == disk
    assert bench.waiting("daily", "weekly") == ["daily"]


def test_a_changed_timer_is_as_armed_as_it_was(bench: Bench) -> None:
    bench.install("daily", "weekly")
    bench.backend.arm(PROJECT, ["daily"])
    files = bench.install("daily", "weekly", daily="0 7 * * *", weekly="0 8 * * 0")
    assert bench.backend.installed(PROJECT) == sorted(files)
    assert bench.waiting("daily", "weekly") == ["daily"]


def test_what_goes_leaves_the_others_armed(bench: Bench) -> None:
    bench.install("daily", "weekly", "hourly")
    bench.backend.arm(PROJECT, ["daily", "weekly"])
    files = bench.install("daily", "hourly")
    assert bench.backend.installed(PROJECT) == sorted(files)
    assert bench.waiting("daily", "weekly", "hourly") == ["daily"]
    assert bench.backend.states(PROJECT, ["weekly"]) == {"weekly": TimerState()}


def test_when_all_goes_nothing_is_left(bench: Bench) -> None:
    bench.install("daily", "weekly")
    bench.backend.arm(PROJECT, ["daily"])
    bench.install()
    assert bench.disk() == {}
    assert bench.backend.states(PROJECT, ["daily", "weekly"]) == {"daily": TimerState(), "weekly": TimerState()}
    assert bench.scheduler.known("active", []) == []
    assert bench.scheduler.known("loaded", {}) == {}


def test_a_timer_that_was_removed_can_be_installed_again(bench: Bench) -> None:
    for _ in range(2):
        bench.install("daily")
        bench.backend.arm(PROJECT, ["daily"])
        bench.backend.disarm(PROJECT, ["daily"])
        bench.install()
    bench.install("daily")
    bench.backend.arm(PROJECT, ["daily"])
    assert bench.waiting("daily") == ["daily"]


def test_another_project_is_left_alone(bench: Bench) -> None:
    bench.install("daily")
    bench.backend.arm(PROJECT, ["daily"])
    assert bench.backend.installed("other") == []
    bench.backend.disarm("other", ["daily"])
    assert bench.waiting("daily") == ["daily"]


def test_a_change_that_the_scheduler_refuses_is_undone(bench: Bench) -> None:
    bench.install("daily", "weekly")
    bench.backend.arm(PROJECT, ["daily"])
    disk, states = bench.disk(), bench.backend.states(PROJECT, ["daily", "weekly"])
    verb, command = bench.reloads
    bench.scheduler.fail(verb, "No.", 2 if verb == "bootstrap" else 1)  # that is tried twice
    with pytest.raises(CannotWrite) as caught:
        bench.install("daily", "new", daily="0 7 * * *")
    assert str(caught.value) == f"`{command}` failed: No.\n  hint: mend what it says, then try again"
    assert bench.disk() == disk
    assert bench.backend.states(PROJECT, ["daily", "weekly"]) == states


def test_a_first_install_that_the_scheduler_refuses_leaves_nothing(bench: Bench) -> None:
    bench.scheduler.fail(bench.first, "No.")
    with pytest.raises(CannotWrite):
        bench.install("daily")
    assert bench.disk() == {}
    folder = bench.folder()
    assert folder is None or not folder.exists()
    assert list(bench.home.iterdir()) == []


def test_a_program_that_hangs_is_given_up_and_the_change_undone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.install("daily")
    bench.backend.arm(PROJECT, ["daily"])
    disk = bench.disk()
    monkeypatch.setattr(program, "LIMIT_S", 1.5)
    verb, command = bench.reloads
    bench.scheduler.hang(verb)
    with pytest.raises(NotNow) as caught:
        bench.install("daily", daily="0 7 * * *")
    hint = "run it by hand to see what it waits for, then try again"
    assert str(caught.value) == f"`{command}` has not answered within 1.5 s\n  hint: {hint}"
    assert bench.disk() == disk


@only_files
def test_files_of_others_are_left_as_they_are(files_bench: Bench) -> None:
    folder = files_bench.folder()
    assert folder is not None
    folder.mkdir(parents=True)
    theirs = {name: f"of somebody else, as {name}\n".encode() for name in ("demo.timer", "mine.plist", "notes")}
    for name, content in theirs.items():
        (folder / name).write_bytes(content)
    files_bench.install("daily")
    files_bench.backend.arm(PROJECT, ["daily"])
    files_bench.install()
    assert files_bench.disk() == theirs


@only_files
def test_files_can_be_read_by_the_scheduler_and_written_by_us_alone(files_bench: Bench) -> None:
    before = os.umask(0)
    try:
        files = files_bench.install("daily")
    finally:
        os.umask(before)
    folder = files_bench.folder()
    assert folder is not None
    assert {mode(folder / file.name) for file in files} == {0o644}
    assert mode(folder) == 0o755


@only_files
def test_a_file_that_is_a_link_is_never_written_through(files_bench: Bench) -> None:
    folder = files_bench.folder()
    assert folder is not None
    folder.mkdir(parents=True)
    name = files_bench.rendered("daily")[0].name
    theirs = files_bench.home / "theirs"
    theirs.write_text("theirs")
    (folder / name).symlink_to(theirs)
    with pytest.raises(CannotWrite) as caught:
        files_bench.install("daily")
    hint = "remove the link, or give the schedule another name"
    assert str(caught.value) == f"{folder}/{name} is a link to {theirs}: it is left alone\n  hint: {hint}"
    assert (theirs.read_text(), os.listdir(folder)) == ("theirs", [name])


@only_files
def test_nothing_is_written_where_the_folder_cannot_be(files_bench: Bench) -> None:
    folder = files_bench.folder()
    assert folder is not None
    folder.parent.mkdir(parents=True)
    folder.write_text("a file in its place")
    with pytest.raises(CannotWrite) as caught:
        files_bench.backend.check()
    hint = f"move {folder} out of the way"
    assert str(caught.value) == f"cannot install timers: {folder} is not a folder\n  hint: {hint}"
    with pytest.raises(CannotWrite):
        files_bench.install("daily")
    assert folder.read_text() == "a file in its place"
    assert files_bench.scheduler.verbs() == []


def test_lines_of_others_in_a_crontab_stay_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = CrontabBench(tmp_path, monkeypatch)
    theirs = b"# m h  dom mon dow   command\nMAILTO=me\n\n*/5 * * * *\t/bin/caf\xe9 --all   \n# end\n"
    bench.tab.write_bytes(theirs)
    bench.install("daily", "weekly")
    bench.backend.arm(PROJECT, ["daily"])
    bench.backend.disarm(PROJECT, ["daily"])
    assert theirs in bench.tab.read_bytes()
    bench.install()
    assert bench.tab.read_bytes() == theirs


def test_without_its_program_a_backend_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotWrite):
        bench.install("daily")
    assert bench.disk() == {}


def test_nothing_is_found_on_a_sound_system_that_needs_seeing_to(bench: Bench) -> None:
    bench.scheduler.know("linger", {"root": "yes"})
    bench.install("daily")
    bench.backend.arm(PROJECT, ["daily"])
    assert bench.backend.diagnose() == []


def test_a_dispatched_command_gets_just_what_it_is_given_and_outlives_us(bench: Bench) -> None:
    words = ["a b", "$HOME", "${A}", "$$", "%h", ";", "", "caf\u00e9", "back\\n", '"']
    env = {"A": "va lue", "B": "$A %h", "PATH": "/usr/bin:/bin"}
    log = bench.root / "new" / "run.log"
    with open(os.devnull) as leaked:
        os.set_inheritable(leaked.fileno(), True)
        argv = [sys.executable, "-E", "-c", CHILD, *words]
        bench.backend.dispatch("demo-daily-1", argv, env, str(bench.root), str(log))
    limit = time.monotonic() + 10
    while not (log.exists() and log.read_text().endswith("an error\n")):
        assert time.monotonic() < limit, log.read_text() if log.exists() else "no log"
        time.sleep(0.01)
    facts = json.loads(log.read_text().splitlines()[0])
    assert (facts["argv"], facts["cwd"], facts["input"]) == (words, str(bench.root), "")
    assert {name: facts["env"].get(name) for name in env} == env
    more = {"HOME", "LOGNAME", "SHELL", "TMPDIR", "USER", "LC_CTYPE"}  # the last is Python's own (PEP 538)
    assert set(facts["env"]) - set(env) <= more
    assert (facts["leads"], mode(log), mode(log.parent)) == (True, 0o600, 0o700)
    assert facts["open"] == ["0", "1", "2", "3"], "3 is the listing itself"
    first = log.read_text()
    bench.backend.dispatch("demo-daily-2", [sys.executable, "-c", "print(2)"], {}, str(bench.root), str(log))
    while log.read_text() != first + "2\n":
        assert time.monotonic() < limit, log.read_text()
        time.sleep(0.01)


def test_a_timer_can_be_woken_before_its_time(bench: Bench) -> None:
    bench.install("daily", "weekly")
    bench.backend.arm(PROJECT, ["daily", "weekly"])
    woken = spec(bench.root, "daily")
    bench.backend.wake(woken)
    limit = time.monotonic() + 10
    while (found := bench.woken(woken)) not in (["demo-daily.service"], ["com.demo.daily"], "woken\n"):
        assert time.monotonic() < limit, found
        time.sleep(0.01)


def test_a_command_that_cannot_be_dispatched_says_so(bench: Bench) -> None:
    with pytest.raises(CannotWrite):
        bench.backend.dispatch("demo-daily-1", ["/nowhere/python"], {}, str(bench.root), str(bench.root / "run.log"))
