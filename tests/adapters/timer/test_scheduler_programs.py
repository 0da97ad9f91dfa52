"""Running a scheduler's programs, and what they get to see."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tetra_orchestrator.adapters.timer import program
from tetra_orchestrator.adapters.timer.encrypted import encryption_of
from tetra_orchestrator.adapters.timer.local_zone import local_zone
from tetra_orchestrator.errors import CannotWrite, NotNow

SH = ("sh", "-c")


def test_a_program_sees_nothing_but_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEMD_PAGER", "less")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    done = program.run(("env",), program.environment(TZ="UTC"))
    assert sorted(done.out.splitlines()) == ["HOME=/home/me", "LC_ALL=C", "PATH=/usr/bin:/bin", "TZ=UTC"]


def test_what_it_is_given_and_says_keeps_every_byte() -> None:
    text = b"caf\xe9\r\n\x00".decode("utf-8", "surrogateescape")
    assert program.run(("cat",), program.environment(), text) == program.Done(0, text, "")


def test_a_failure_is_told_with_the_command_and_what_it_said() -> None:
    script = "echo ' not so '; echo; echo 'b\033ad' >&2; echo 'worse' >&2; exit 3"
    with pytest.raises(CannotWrite) as caught:
        program.succeed((*SH, script), program.environment())
    told = str(caught.value)
    assert told.startswith("`sh -c '")
    assert told.endswith("failed: b\\x1bad; worse\n  hint: mend what it says, then try again")


def test_a_failure_without_a_word_is_told_with_its_code() -> None:
    assert program.reason(program.run((*SH, "exit 3"), program.environment())) == "exit code 3"


def test_a_program_that_is_not_there_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotWrite) as caught:
        program.run(("launchctl", "print"), program.environment())
    hint = "install launchctl, or add its folder to PATH"
    assert str(caught.value) == f"cannot start launchctl: No such file or directory\n  hint: {hint}"
    assert not program.is_there("launchctl")


def test_a_program_that_does_not_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "LIMIT_S", 0.1)
    with pytest.raises(NotNow) as caught:
        program.run(("sleep", "60"), program.environment())
    hint = "run it by hand to see what it waits for, then try again"
    assert str(caught.value) == f"`sleep 60` has not answered within 0.1 s\n  hint: {hint}"


def test_the_zone_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Europe/Berlin")
    assert local_zone() == "Europe/Berlin"


@pytest.mark.parametrize(("link", "zone"), [("America/New_York", "America/New_York"), ("Nowhere/York", "UTC")])
def test_the_zone_is_where_the_link_leads_to(
    link: str, zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TZ", raising=False)
    place = tmp_path / "zoneinfo" / link
    place.parent.mkdir(parents=True)
    place.touch()
    (tmp_path / "localtime").symlink_to(place)
    assert local_zone(str(tmp_path / "localtime")) == zone
    assert local_zone(str(tmp_path / "missing")) == "UTC"


def mounts(folder: Path, home: Path, kind: str) -> str:
    """A kernel's list in which the home is mounted as a file system of that type."""
    lines = [
        "22 1 254:0 / / rw,relatime - ext4 /dev/vda1 rw",
        f"30 22 0:41 / {home} rw,nosuid shared:5 master:2 - {kind} /dev/x rw",
        "31 22 0:42 / /somewhere rw - ecryptfs /secret rw",
    ]
    (folder / "mountinfo").write_text("".join(f"{line}\n" for line in lines))
    return str(folder / "mountinfo")


@pytest.mark.parametrize(
    ("kind", "found"), [("ecryptfs", "ecryptfs"), ("fuse.gocryptfs", "gocryptfs"), ("ext4", None), ("fuse.sshfs", None)]
)
def test_a_home_on_an_encrypted_file_system_is_found(kind: str, found: str | None, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "me").mkdir(parents=True)
    assert encryption_of(str(home / "me"), mounts(tmp_path, home, kind)) == found


def test_a_home_of_systemd_homed_is_found(tmp_path: Path) -> None:
    (tmp_path / ".identity").touch()
    assert encryption_of(str(tmp_path), os.devnull) == "systemd-homed"


def test_a_home_of_which_nothing_is_known_is_not_called_encrypted(tmp_path: Path) -> None:
    assert encryption_of(str(tmp_path / "missing"), str(tmp_path / "missing")) is None
