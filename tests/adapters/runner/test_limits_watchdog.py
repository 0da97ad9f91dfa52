"""The size of a folder, counted a little at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tetra_orchestrator.adapters.runner.limits import watchdog
from tetra_orchestrator.adapters.runner.limits.watchdog import FolderSize, sizes

KB = 1024


def write(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def test_everything_below_counts_once_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside" / "big", 900 * KB)
    folder = tmp_path / "folder"
    first = write(folder / "a" / "b" / "one", 100 * KB)
    os.link(first, folder / "again")
    write(folder / "two", 50 * KB)
    (folder / "link").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    assert 150 * KB <= sum(sizes(str(folder))) < 200 * KB


def test_holes_take_no_space(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert sum(sizes(str(tmp_path))) < 100 * KB


def test_a_folder_that_is_not_there_takes_no_space(tmp_path: Path) -> None:
    assert sum(sizes(str(tmp_path / "none"))) == 0


def test_what_vanishes_while_it_is_counted_takes_no_space(tmp_path: Path) -> None:
    for name in "abc":
        write(tmp_path / name / "file", KB)
    walk = sizes(str(tmp_path))
    next(walk)
    for name in "abc":
        (tmp_path / name / "file").unlink()
        (tmp_path / name).rmdir()
    assert len(list(walk)) <= 2


def test_two_counts_in_succession_must_pass_the_limit(tmp_path: Path) -> None:
    data = write(tmp_path / "data", 100 * KB)
    size = FolderSize(str(tmp_path))
    assert size.look(50 * KB) == 0
    assert size.look(50 * KB) > 50 * KB
    assert size.look(50 * KB) > 50 * KB
    data.unlink()
    assert [size.look(50 * KB), size.look(50 * KB)] == [0, 0]
    write(data, 100 * KB)
    assert size.look(50 * KB) == 0
    assert size.look(50 * KB) > 50 * KB


def test_a_folder_of_many_files_is_counted_in_several_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        write(tmp_path / str(number), 10 * KB)
    monkeypatch.setattr(watchdog, "_SLICE_S", -1.0)  # one entry for each look
    size = FolderSize(str(tmp_path))
    answers = [size.look(150 * KB) for _ in range(60)]
    assert answers[:20] == [0] * 20
    assert max(answers) > 150 * KB
