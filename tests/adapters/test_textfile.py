"""The file for Prometheus is whole or as it was, and its exporter may read it."""

from __future__ import annotations

import os
import stat

import pytest

from tetra_orchestrator import failpoints
from tetra_orchestrator.adapters.textfile import write
from tetra_orchestrator.errors import CannotWrite


@pytest.fixture(autouse=True)
def _disarmed():
    yield
    failpoints.arm("")


def test_it_is_readable_by_all_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        write(str(tmp_path / "t.prom"), "a 1\n")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "t.prom").stat().st_mode) == 0o644
    assert (tmp_path / "t.prom").read_text() == "a 1\n"


def test_while_it_is_written_no_other_file_is_there_that_the_exporter_would_take(tmp_path):
    write(str(tmp_path / "t.prom"), "a 1\n")
    failpoints.arm("textfile.write=raise")
    with pytest.raises(failpoints.Injected):
        write(str(tmp_path / "t.prom"), "a 2\n")
    assert [name for name in os.listdir(tmp_path) if name.endswith(".prom")] == ["t.prom"]
    assert (tmp_path / "t.prom").read_text() == "a 1\n"


def test_a_full_disk_leaves_it_as_it_was_and_nothing_beside_it(tmp_path):
    write(str(tmp_path / "t.prom"), "a 1\n")
    failpoints.arm("textfile.write=enospc")
    with pytest.raises(CannotWrite):
        write(str(tmp_path / "t.prom"), "a 2\n")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["a 1\n"]


def test_a_folder_that_is_not_there_is_told_with_what_to_do(tmp_path):
    with pytest.raises(CannotWrite) as caught:
        write(str(tmp_path / "none/t.prom"), "a 1\n")
    assert str(caught.value) == (
        f"{tmp_path}/none/t.prom: cannot be written: No such file or directory\n"
        "  hint: make the folder, and let the user of the monitor write to it, or change `monitor.textfile`"
    )
