"""Resources that this machine, its host or a session cannot give."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from config.configs import Folder

SIZES = {"SC_PHYS_PAGES": 4 << 20, "SC_PAGE_SIZE": 2048}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 2 CPUs and 8 GB."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "sysconf", SIZES.__getitem__)


def told(folder: Folder, text: str) -> list[tuple[str, str, str | None]]:
    return [(each.code, each.message, each.hint) for each in folder.native(text).warnings]


def test_what_limits_a_task_needs_no_host_to_share_it(folder: Folder) -> None:
    limits = "{cpu: 2, memory: 8GB, disk: 1GB, processes: 10, open_files: 100, workers: 3, grow: 2}"
    assert told(folder, f"pipelines: {{a: {{module: m, resources: {limits}}}}}") == []


def test_T_228_more_than_the_machine_has_is_told_once_for_each_key(folder: Folder) -> None:
    text = """
        pipelines:
          a: {module: m, resources: {cpu: 16, memory: 32GB}}
          b: {module: m, resources: {cpu: 16, memory: 32GB}}
        """
    hint = "it may use all there is"
    assert told(folder, text) == [
        ("beyond_host", "'cpu' is 16, and this machine has 2", hint),
        ("beyond_host", "'memory' is 32GB, and this machine has 8.0 GB", hint),
    ]


def test_defaults_for_every_task_are_looked_at_too(folder: Folder) -> None:
    text = "pipelines: {a: {module: m}}\ndefaults: {task: {resources: {cpu: 2.5}}}"
    assert [message for _, message, _ in told(folder, text)] == ["'cpu' is 2.5, and this machine has 2"]


def test_gpus_are_only_shared_out_so_without_a_number_of_them_they_have_no_effect(folder: Folder) -> None:
    alone = "pipelines: {a: {module: m, resources: {gpu: 1}}}\n"
    assert told(folder, alone) == [
        (
            "no_effect",
            "'gpu' has no effect: `host` does not say how many there are",
            "add `host: {gpu: 1}`: tasks share them out",
        )
    ]
    assert told(folder, alone + "host: {gpu: 2}") == []


def test_a_call_in_a_session_has_no_process_of_its_own_to_limit(folder: Folder) -> None:
    text = "sessions: {s: {}}\npipelines: {a: {function: m.f, session: s, resources: {memory: 1GB, workers: 2}}}"
    assert told(folder, text) == [
        (
            "no_limit",
            "'memory' is no limit here: 'a' is a call in the worker of a session",
            "remove the `session` to have a process that can be limited",
        )
    ]
