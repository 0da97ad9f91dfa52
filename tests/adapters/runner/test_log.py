"""A log of bounded size: its beginning, its end, and a line that counts what is between them."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from tetra_orchestrator.adapters.runner.output.log import Log, Ring


def written(path: Path, limit: int, *pieces: bytes) -> tuple[bytes, str | None]:
    log = Log(str(path / "log"), limit)
    for piece in pieces:
        log.write(piece)
    log.close()
    return (path / "log").read_bytes(), log.note


def test_without_a_limit_everything_is_written_and_nothing_noted(tmp_path: Path) -> None:
    assert written(tmp_path, 0, b"a" * 1000, b"", b"b") == (b"a" * 1000 + b"b", None)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 136])
def test_what_fits_is_there_whole(tmp_path: Path, count: int) -> None:
    data = bytes(33 + n % 90 for n in range(count))
    assert written(tmp_path, 200, *(data[at : at + 7] for at in range(0, count, 7))) == (data, None)


@pytest.mark.parametrize("size", [1, 7, 36, 50, 10_000])
def test_beginning_and_end_are_kept_and_the_rest_is_counted(tmp_path: Path, size: int) -> None:
    data = b"".join(b"line %04d\n" % n for n in range(1000))
    content, note = written(tmp_path, 1000, *(data[at : at + size] for at in range(0, len(data), size)))
    assert len(content) <= 1000
    head, count, tail = re.fullmatch(rb"(.*)\.\.\. (\d+) bytes left out \.\.\.\n(.*)", content, re.DOTALL).groups()
    assert data.startswith(head)
    assert data.endswith(tail)
    assert len(head) == 500
    assert len(head) + int(count) + len(tail) == len(data)
    assert note == f"{int(count)} bytes of output were left out of the log"


def test_the_line_between_stands_alone(tmp_path: Path) -> None:
    content, _ = written(tmp_path, 200, b"x" * 1000)
    assert content == b"x" * 100 + b"\n... 864 bytes left out ...\n" + b"x" * 36


def test_a_limit_too_small_for_an_end_keeps_the_beginning(tmp_path: Path) -> None:
    assert written(tmp_path, 20, b"x" * 50)[0] == b"x" * 10 + b"\n... 40 bytes left out ...\n"


def test_nothing_but_the_log_is_left_in_the_folder(tmp_path: Path) -> None:
    written(tmp_path, 200, b"x" * 1000)
    assert os.listdir(tmp_path) == ["log"]


def test_an_existing_log_is_appended_to(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"before\n")
    assert written(tmp_path, 0, b"after\n")[0] == b"before\nafter\n"


def test_a_log_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        Log(str(tmp_path / "log"))


@pytest.mark.parametrize("limit", [0, 1000])
def test_fault_46_a_full_disk_is_noted_and_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    room, real = [10], os.write

    def write(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = real(fd, data[: room[0]])
        room[0] -= count
        return count

    monkeypatch.setattr(os, "write", write)
    content, note = written(tmp_path, limit, b"x" * 25, b"y" * 5)
    assert content == b"x" * 10
    assert note == "20 bytes of output could not be written to the log: No space left on device"


def test_a_ring_holds_the_last_bytes_whatever_the_pieces(tmp_path: Path) -> None:
    ring, data = Ring(str(tmp_path), 10), bytes(range(256))
    at = 0
    for size in (3, 9, 1, 30, 4, 2, 10, 11):
        ring.write(data[at : at + size])
        at += size
        assert b"".join(ring.chunks()) == data[max(at - 10, 0) : at]
    ring.close()
