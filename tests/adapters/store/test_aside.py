"""Which files may keep that the store cannot be used, in which order, and whose they have to be."""

from __future__ import annotations

import os

import pytest

from support.components import require_root
from tetra_orchestrator.adapters.store import aside


@pytest.fixture
def memory(tmp_path, monkeypatch):
    """What stands for /dev/shm."""
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(aside, "_MEMORY", str(folder))
    return folder


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "my project" / "state"
    folder.mkdir(parents=True)
    return str(folder)


def in_memory(state):
    return list(aside.places(state))[1]


def test_nothing_is_made_in_memory_as_long_as_the_first_place_will_do(state, memory):
    assert next(aside.places(state)) == f"{state}/watch.db"
    assert (list(memory.iterdir()), aside.known(state)) == ([], [])


def test_the_second_place_is_a_folder_in_memory_that_is_ours_alone(state, memory):
    first, second = aside.places(state)
    [folder] = memory.iterdir()
    assert (first, second) == (f"{state}/watch.db", f"{folder}/watch.db")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_each_project_has_a_folder_of_its_own(state, memory):
    assert in_memory(state) != in_memory(f"{state}2")


def test_what_is_in_use_in_memory_comes_first_until_it_is_forgotten(state, memory):
    place, beside = in_memory(state), f"{state}/watch.db"
    for path in (place, beside):
        open(path, "w").close()
    assert (list(aside.places(state)), aside.known(state)) == ([place, beside], [place, beside])
    aside.forget(beside, state)
    aside.forget(place, state)
    assert (aside.known(state), list(memory.iterdir())) == ([beside], [])


def test_a_folder_that_others_can_enter_or_that_is_a_link_is_not_used(state, memory):
    folder = os.path.dirname(in_memory(state))
    os.chmod(folder, 0o750)
    assert list(aside.places(state)) == [f"{state}/watch.db"]
    os.rmdir(folder)
    os.symlink(state, folder)
    assert list(aside.places(state)) == [f"{state}/watch.db"]


def test_a_folder_of_somebody_else_s_is_not_used(state, memory):
    require_root()
    os.chown(os.path.dirname(in_memory(state)), 65534, 65534)
    assert list(aside.places(state)) == [f"{state}/watch.db"]
