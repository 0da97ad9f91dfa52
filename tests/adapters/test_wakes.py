"""The marks of timers."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from support.builders import utc
from tetra_orchestrator.adapters.wakes import mark, marked_at
from tetra_orchestrator.errors import CannotWrite

NOW = utc(2026, 3, 1, 20, 0, 0, 123457)


@pytest.fixture
def root(tmp_path):
    return str(tmp_path)


def test_a_mark_is_read_back_to_the_microsecond(root):
    mark(root, "daily", NOW)
    assert marked_at(root, "daily") == NOW
    mark(root, "daily", NOW + timedelta(days=1))
    assert marked_at(root, "daily") == NOW + timedelta(days=1)


def test_a_timer_that_was_never_armed_has_no_mark(root):
    mark(root, "daily", NOW)
    assert marked_at(root, "weekly") is None


def test_only_we_can_read_marks(root):
    mark(root, "daily", NOW)
    places = [os.path.join(root, name) for name in ("state", "state/wakes", "state/wakes/daily")]
    assert [os.stat(place).st_mode & 0o777 for place in places] == [0o700, 0o700, 0o600]


def test_a_folder_that_cannot_be_made_is_told(root):
    place = os.path.join(root, "state")
    with open(place, "w", encoding="utf-8"):
        pass
    with pytest.raises(CannotWrite) as told:
        mark(root, "daily", NOW)
    assert str(told.value) == (f"cannot write {place}/wakes/daily: File exists\n  hint: make the folder writable")


def test_a_link_is_not_followed(root, tmp_path):
    mark(root, "daily", NOW)
    (tmp_path / "victim").touch()
    os.replace(tmp_path / "state/wakes/daily", tmp_path / "state/wakes/other")
    os.symlink(tmp_path / "victim", tmp_path / "state/wakes/daily")
    with pytest.raises(CannotWrite, match="Too many levels of symbolic links"):
        mark(root, "daily", NOW + timedelta(days=1))
