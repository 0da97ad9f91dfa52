"""Guards as real child processes: who ended, who runs, and orphans that nobody else would bury."""

from __future__ import annotations

import os
import select
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from support.waiting import until
from tetra_orchestrator.adapters.guards import GuardProcesses, Overheard
from tetra_orchestrator.errors import CannotWrite

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S = 20.0
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(autouse=True)
def _back_to_where_we_were():
    here = os.getcwd()
    yield
    os.chdir(here)


def guards(folder: Path, script: str) -> GuardProcesses:
    """Guards each of which is a shell that is given the name of its schedule."""
    return GuardProcesses(lambda name: ["/bin/sh", "-c", script, "sh", name or "all"], str(folder))


def test_guards_run_in_the_projects_folder_and_are_told_of_once_when_they_have_ended(tmp_path: Path) -> None:
    given = guards(tmp_path, 'touch "began-$1"')
    given.start("nightly")
    given.start(None)
    seen: list[str | None] = []
    until(lambda: seen.extend(given.ended()) or not given.running())
    assert sorted(map(str, seen)) == ["None", "nightly"]
    assert given.ended() == []
    assert sorted(os.listdir(tmp_path)) == ["began-all", "began-nightly"]


def test_it_is_known_whose_guard_runs(tmp_path: Path) -> None:
    given = guards(tmp_path, "read line < gate")
    os.mkfifo(tmp_path / "gate")
    assert (given.running(), given.ended()) == (False, [])
    given.start("nightly")
    assert (given.running(), given.running("nightly"), given.running("weekly")) == (True, True, False)
    assert given.ended() == []
    open(tmp_path / "gate", "w").close()
    until(lambda: given.ended() == ["nightly"])
    assert (given.running(), given.running("nightly")) == (False, False)


def test_two_guards_of_one_schedule_are_counted_apart(tmp_path: Path) -> None:
    given = guards(tmp_path, "mkdir mine 2>/dev/null || exec sleep 60")
    given.start("nightly")
    until((tmp_path / "mine").exists)
    given.start("nightly")
    until(lambda: given.ended() == ["nightly"])
    assert given.running("nightly")
    given.stop()
    until(lambda: given.ended() == ["nightly"])
    assert not given.running("nightly")


def test_all_guards_are_told_to_end_and_do_so_in_their_own_way(tmp_path: Path) -> None:
    given = guards(tmp_path, 'trap "touch ended-$1; exit" TERM; touch began-$1; while :; do sleep 0.05; done')
    for name in ("nightly", "weekly"):
        given.start(name)
        until((tmp_path / f"began-{name}").exists)
    given.stop()
    seen: list[str | None] = []
    until(lambda: seen.extend(given.ended()) or not given.running())
    assert sorted(map(str, seen)) == ["nightly", "weekly"]
    assert {"ended-nightly", "ended-weekly"} <= set(os.listdir(tmp_path))


def test_a_guard_that_has_died_and_was_not_looked_at_yet_can_be_told_to_end(tmp_path: Path) -> None:
    given = guards(tmp_path, "exit 3")
    given.start("nightly")
    until(lambda: os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT))
    given.stop()
    assert given.ended() == ["nightly"]


@linux
def test_a_guard_has_no_signal_blocked_or_ignored_that_we_have_caught(tmp_path: Path) -> None:
    given = guards(tmp_path, "grep -E '^Sig(Blk|Ign)' /proc/self/status > seen.new; mv seen.new seen")
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        given.start("nightly")
        until((tmp_path / "seen").exists)
    finally:
        signal.signal(signal.SIGTERM, before)
    masks = [int(line.split()[1], 16) for line in (tmp_path / "seen").read_text().splitlines()]
    assert [mask >> (signal.SIGTERM - 1) & 1 for mask in masks] == [0, 0]
    until(lambda: given.ended() == ["nightly"])


@linux
def test_children_that_are_no_guards_are_buried_and_not_told_of(tmp_path: Path) -> None:
    stranger = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], os.environ)
    given = guards(tmp_path, "true")
    until(lambda: given.ended() == [] and not os.path.exists(f"/proc/{stranger}"))
    with pytest.raises(ChildProcessError):
        os.waitpid(stranger, os.WNOHANG)


@pytest.mark.parametrize(
    ("program", "folder", "cause"),
    [
        ("/no/such/python", "here", "cannot start /no/such/python in {}/here: No such file or directory"),
        (sys.executable, "gone", "cannot start {python} in {}/gone: No such file or directory"),
    ],
)
def test_a_guard_that_cannot_be_started_is_an_error_with_the_place(
    program: str, folder: str, cause: str, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    given = GuardProcesses(lambda name: [program, "-c", ""], str(tmp_path / folder))
    with pytest.raises(CannotWrite) as caught:
        given.start("nightly")
    assert str(caught.value) == cause.format(tmp_path, python=sys.executable) + "\n  hint: see that both are there"
    assert not given.running()


def test_what_guards_complain_of_is_heard_with_what_is_indented_below_it(tmp_path: Path) -> None:
    script = 'echo shown; printf "error: it is busy\\n  hint: wait\\n\\nwarning: $1\\n" >&2'
    given = GuardProcesses(lambda name: ["/bin/sh", "-c", script, "sh", name or "all"], str(tmp_path), Overheard())
    assert given.said() == []
    given.start("nightly")
    until(lambda: given.ended() == ["nightly"])
    assert select.select(given.descriptors(), [], [], PATIENCE_S)[0] == given.descriptors()
    assert given.said() == ["error: it is busy\n  hint: wait", "warning: nightly"]
    assert (given.said(), select.select(given.descriptors(), [], [], 0)[0]) == ([], [])


def test_guards_that_nobody_listens_to_speak_for_themselves(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    given = guards(tmp_path, "echo warning: $1 >&2")
    given.start("nightly")
    until(lambda: given.ended() == ["nightly"])
    assert (capfd.readouterr().err, given.said(), given.descriptors()) == ("warning: nightly\n", [], [])
