"""Files whose age shows that of data: missing, unreadable, in the future, replaced by a folder (fault 104)."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from support.builders import utc
from tetra_orchestrator.adapters.watch import files
from tetra_orchestrator.adapters.watch.files import newest


def make(path, at, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (at.timestamp(), at.timestamp()))


def test_the_newest_of_the_files_that_fit_counts(tmp_path):
    root = tmp_path / "my [project]"
    make(root / "data/a.csv", utc(2026, 1, 1))
    make(root / "data/deep/b.csv", utc(2026, 1, 2))
    make(root / "data/c.txt", utc(2026, 1, 3))
    assert newest(str(root), "data/*.csv").at == utc(2026, 1, 1)
    assert newest(str(root), "data/**/*.csv").at == utc(2026, 1, 2)
    assert newest(str(root), str(root / "data/c.txt").replace("[", "[[]")).at == utc(2026, 1, 3)


def test_a_file_that_goes_while_the_others_are_looked_at_is_none(tmp_path, monkeypatch):
    make(tmp_path / "a.csv", utc(2026, 1, 1))
    monkeypatch.setattr(files, "iglob", lambda *_, **__: iter([str(tmp_path / "gone.csv"), str(tmp_path / "a.csv")]))
    monkeypatch.setattr(os.path, "exists", lambda _: True)
    assert newest(str(tmp_path), "*.csv").at == utc(2026, 1, 1)


def test_files_that_are_all_replaced_by_others_after_they_were_listed_are_listed_again(tmp_path, monkeypatch):
    make(tmp_path / "2.csv", utc(2026, 1, 1))
    listings = iter([[str(tmp_path / "1.csv")], [str(tmp_path / "2.csv")]])
    monkeypatch.setattr(files, "iglob", lambda *_, **__: iter(next(listings)))
    assert newest(str(tmp_path), "*.csv").at == utc(2026, 1, 1)


def test_a_new_file_a_longer_one_and_another_time_all_move_it(tmp_path):
    make(tmp_path / "a.csv", utc(2026, 1, 1))
    seen = [newest(str(tmp_path), "*.csv").value]
    make(tmp_path / "old.csv", utc(2025, 1, 1))
    seen.append(newest(str(tmp_path), "*.csv").value)
    make(tmp_path / "a.csv", utc(2026, 1, 1), "longer")
    seen.append(newest(str(tmp_path), "*.csv").value)
    os.utime(tmp_path / "a.csv", (2e9, 2e9))
    seen.append(newest(str(tmp_path), "*.csv").value)
    assert len(set(seen)) == 4


def test_a_file_that_is_not_there_is_unknown(tmp_path):
    assert newest(str(tmp_path), "a.csv").error == "there is no file a.csv"
    assert newest(str(tmp_path), "*.csv").error == "no file is called *.csv"


def test_a_folder_in_its_place_is_unknown(tmp_path):
    (tmp_path / "a.csv").mkdir()
    assert newest(str(tmp_path), "a.csv").error == f"{tmp_path}/a.csv is a folder, and no file"


def test_a_link_that_leads_nowhere_is_no_file(tmp_path):
    (tmp_path / "a.csv").symlink_to("gone")
    assert newest(str(tmp_path), "a.csv").error == "there is no file a.csv"


def test_a_file_that_cannot_be_read_is_unknown(tmp_path, monkeypatch):
    make(tmp_path / "a.csv", utc(2026, 1, 1))
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)  # root may read everything
    assert newest(str(tmp_path), "a.csv").error == f"{tmp_path}/a.csv cannot be read"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_has_no_file(tmp_path):
    make(tmp_path / "in/a.csv", utc(2026, 1, 1))
    (tmp_path / "in").chmod(0)
    try:
        assert newest(str(tmp_path), "in/a.csv").error == "there is no file in/a.csv"
    finally:
        (tmp_path / "in").chmod(0o700)


def test_a_time_in_the_future_is_seen_as_it_is(tmp_path):
    """Whether that can be is for whoever judges it."""
    make(tmp_path / "a.csv", datetime(2099, 1, 1, tzinfo=UTC))
    assert newest(str(tmp_path), "a.csv").at == utc(2099, 1, 1)
