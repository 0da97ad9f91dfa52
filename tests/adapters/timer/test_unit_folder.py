"""The folder of unit files: all of a change or nothing of it."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.components import missing, require, require_root
from tetra_orchestrator.adapters.timer.folder import Obstacle, UnitFolder
from tetra_orchestrator.core.units import UnitFile
from tetra_orchestrator.errors import CannotWrite

READ_ONLY = """
mount --bind {home} {home} && mount -o remount,bind,ro {home} || exit 9
exec '{python}' -c "
from tetra_orchestrator.adapters.timer.folder import UnitFolder
print(UnitFolder('{home}/.config/systemd/user').obstacle())"
"""
NAME = st.sampled_from(["a.timer", "b.timer", "c.timer", "d.timer"])
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=9)


class Stop(Exception):
    """What a body raises to have its change undone."""


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


@contextmanager
def small_files(most: int) -> Iterator[None]:
    """No file may have more bytes: what a full disk is like, for root too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def undone(folder: UnitFolder, body: Callable[[], object]) -> None:
    """Write a file, do what the body does, and take it all back."""
    try:
        with folder.changed([UnitFile("a.timer", "x")], []):
            body()
            raise Stop
    except Stop:
        return


def test_files_are_written_and_removed_for_the_body(tmp_path: Path) -> None:
    folder = UnitFolder(str(tmp_path / "units"))
    with folder.changed([UnitFile("a.timer", "one"), UnitFile("b.timer", "two\r\n")], []):
        assert content(tmp_path / "units") == {"a.timer": b"one", "b.timer": b"two\r\n"}
    with folder.changed([UnitFile("a.timer", "ONE")], ["b.timer", "gone.timer"]):
        assert content(tmp_path / "units") == {"a.timer": b"ONE"}
    assert folder.files(lambda name: name == "a.timer") == [UnitFile("a.timer", "ONE")]


def test_bytes_that_are_no_text_come_back_as_they_were(tmp_path: Path) -> None:
    folder = UnitFolder(str(tmp_path))
    (tmp_path / "a.timer").write_bytes(b"caf\xe9\r\n\n")
    files = folder.files(lambda name: True)
    with folder.changed([files[0]._replace(name="b.timer")], []):
        pass
    assert (tmp_path / "b.timer").read_bytes() == b"caf\xe9\r\n\n"


def test_when_the_body_raises_all_is_as_before(tmp_path: Path) -> None:
    units = tmp_path / "units"
    units.mkdir()
    (units / "a.timer").write_text("old")
    (units / "a.timer").chmod(0o600)
    (units / "b.timer").write_text("old too")
    with (
        pytest.raises(Stop),
        UnitFolder(str(units)).changed([UnitFile("a.timer", "x"), UnitFile("n", "x")], ["b.timer"]),
    ):
        raise Stop
    assert content(units) == {"a.timer": b"old", "b.timer": b"old too"}
    assert stat.S_IMODE((units / "a.timer").stat().st_mode) == 0o600


def test_folders_that_were_made_go_when_the_body_raises(tmp_path: Path) -> None:
    folder = UnitFolder(str(tmp_path / "config" / "systemd" / "user"))
    undone(folder, lambda: (tmp_path / "config/systemd/user/a.timer").unlink())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_made_stays_when_somebody_has_put_something_there(tmp_path: Path) -> None:
    folder = UnitFolder(str(tmp_path / "config" / "user"))
    undone(folder, (tmp_path / "config" / "theirs").touch)
    assert [path.name for path in (tmp_path / "config").iterdir()] == ["theirs"]


def test_when_one_file_does_not_fit_none_is_changed(tmp_path: Path) -> None:
    (tmp_path / "a.timer").write_text("old")
    folder = UnitFolder(str(tmp_path))
    files = [UnitFile("a.timer", "new"), UnitFile("b.timer", "x" * 101)]
    with pytest.raises(CannotWrite) as caught, small_files(100), folder.changed(files, []):
        pytest.fail("the body is not reached")
    hint = f"make {tmp_path} writable, and see that its disk is not full"
    assert str(caught.value) == f"cannot write {tmp_path}: File too large\n  hint: {hint}"
    assert content(tmp_path) == {"a.timer": b"old"}


def test_a_link_to_a_folder_of_ours_is_followed(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "units").symlink_to(tmp_path / "dotfiles")
    folder = UnitFolder(str(tmp_path / "units"))
    with folder.changed([UnitFile("a.timer", "x")], []):
        pass
    assert content(tmp_path / "dotfiles") == {"a.timer": b"x"}
    assert (tmp_path / "units").is_symlink()


def test_a_link_to_nothing_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "units").symlink_to(tmp_path / "nowhere")
    folder = UnitFolder(str(tmp_path / "units"))
    message = f"{tmp_path}/units is a link to {tmp_path}/nowhere, which is not a folder"
    assert folder.obstacle() == Obstacle("unit_folder_link", message, "replace the link by a folder")
    with pytest.raises(CannotWrite) as caught:
        folder.check()
    assert str(caught.value) == f"cannot install timers: {message}\n  hint: replace the link by a folder"


def test_a_link_to_a_folder_of_somebody_else_is_in_the_way(tmp_path: Path) -> None:
    require_root()
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 4711, -1)
    (tmp_path / "units").symlink_to(tmp_path / "theirs")
    message = f"{tmp_path}/units is a link to {tmp_path}/theirs, which belongs to uid 4711"
    found = UnitFolder(str(tmp_path / "units")).obstacle()
    assert found == Obstacle("unit_folder_link", message, "replace the link by a folder")


def test_root_does_not_write_into_the_home_of_somebody_else(tmp_path: Path) -> None:
    require_root()
    os.chown(tmp_path, 4711, -1)
    found = UnitFolder(str(tmp_path / "Library" / "LaunchAgents")).obstacle()
    message = f"{tmp_path} belongs to uid 4711, and this runs as root"
    assert found == Obstacle("unit_folder_unwritable", message, "run it as that user, without sudo")


def test_a_home_that_can_only_be_read_is_in_the_way(tmp_path: Path) -> None:
    require_root()
    script = READ_ONLY.format(home=tmp_path, python=sys.executable)
    command = [require("unshare"), "--mount", "--propagation", "private", "sh", "-c", script]
    path = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=path, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 9 or "Operation not permitted" in done.stderr:
        missing(f"needs the right to mount: {done.stderr}")
    remedy = f"make {tmp_path} writable, and see that its disk is not full"
    found = Obstacle("unit_folder_unwritable", f"{tmp_path} cannot be written", remedy)
    assert (done.stdout, done.stderr) == (f"{found}\n", "")


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.timer").mkdir()
    with pytest.raises(CannotWrite) as caught, UnitFolder(str(tmp_path)).changed([], ["a.timer"]):
        pytest.fail("the body is not reached")
    hint = "move it out of the way"
    assert str(caught.value) == f"{tmp_path}/a.timer is not a file: it is left alone\n  hint: {hint}"
    assert (tmp_path / "a.timer").is_dir()


def test_a_link_that_leads_nowhere_is_a_file_without_text(tmp_path: Path) -> None:
    (tmp_path / "a.timer").symlink_to(tmp_path / "nowhere")
    folder = UnitFolder(str(tmp_path))
    assert folder.files(lambda name: True) == [UnitFile("a.timer", "")]
    assert folder.has("a.timer")


@given(st.dictionaries(NAME, TEXT), st.dictionaries(NAME, TEXT), st.sets(NAME), st.booleans())
def test_a_change_is_made_whole_or_not_at_all(
    before: dict[str, str], written: dict[str, str], removed: set[str], fails: bool
) -> None:
    from tempfile import TemporaryDirectory

    removed = removed - set(written)
    with TemporaryDirectory() as place:
        folder = UnitFolder(place)
        for name, text in before.items():
            (Path(place) / name).write_bytes(text.encode())
        try:
            with folder.changed([UnitFile(name, text) for name, text in written.items()], sorted(removed)):
                if fails:
                    raise Stop
        except Stop:
            pass
        after = before if fails else {n: t for n, t in {**before, **written}.items() if n not in removed}
        assert content(Path(place)) == {name: text.encode() for name, text in after.items()}
