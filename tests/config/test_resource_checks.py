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
    assert told(folder, f"pipelines: {{a: {{module: m, retry: {{max_attempts: 2}}, resources: {limits}}}}}") == []


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


@pytest.mark.parametrize(
    ("limit", "message", "hint"),
    [
        ("resources: {memory: 512}", "'memory' is 512 bytes, which is next to nothing", "add a unit: 512MB"),
        ("resources: {disk: 10}", "'disk' is 10 bytes, which is next to nothing", "add a unit: 10MB"),
        ("log_limit: 5", "'log_limit' is 5 bytes, which is next to nothing", "add a unit: 5MB"),
        ("resources: {open_files: 3}", "'open_files' is 3, with which no program can start", "write 64 or more"),
    ],
)
@pytest.mark.parametrize(
    "text", ["pipelines: {{a: {{module: m, {}}}}}", "pipelines: {{a: {{module: m}}}}\ndefaults: {{task: {{{}}}}}"]
)
def test_a_limit_in_which_nothing_can_run_is_told(
    folder: Folder, text: str, limit: str, message: str, hint: str
) -> None:
    assert told(folder, text.format(limit)) == [("too_small", message, hint)]


@pytest.mark.parametrize("limit", ["memory: 1MB", "disk: 4096", "open_files: 4"])
def test_a_small_limit_that_may_be_meant_is_not(folder: Folder, limit: str) -> None:
    assert told(folder, f"pipelines: {{a: {{module: m, log_limit: 1KB, resources: {{{limit}}}}}}}") == []


@pytest.mark.parametrize("key", ["cpu: 2", "memory: 2GB", "gpu: 2"])
def test_more_than_the_host_has_is_told(folder: Folder, key: str) -> None:
    name, host = key.split(":")[0], key.replace("2", "1")
    assert told(folder, f"host: {{{host}}}\npipelines: {{a: {{module: m, resources: {{{key}}}}}}}") == [
        (
            "beyond_share",
            f"'a' takes more '{name}' than `host` has",
            "it starts when nothing else takes any of it",
        )
    ]
    assert told(folder, f"host: {{{key}}}\npipelines: {{a: {{module: m, resources: {{{key}}}}}}}") == []


@pytest.mark.parametrize(
    ("task", "message", "hint"),
    [
        (
            "retry: {max_attempts: 2}, resources: {cpu: 1, grow: 2}",
            "'grow' has no effect: there is no limit that could grow",
            "add `memory` or `disk`",
        ),
        (
            "resources: {disk: 1GB, grow: 2}",
            "'grow' has no effect: 'a' is tried once",
            "add `retry: {max_attempts: 2}`",
        ),
        (
            "wall_timeout: 1h, timeout: 2h",
            "'timeout' has no effect: 'wall_timeout' passes first",
            "remove one of the two",
        ),
    ],
)
def test_what_has_no_effect_is_told(folder: Folder, task: str, message: str, hint: str) -> None:
    assert told(folder, f"pipelines: {{a: {{module: m, {task}}}}}") == [("no_effect", message, hint)]


def test_what_the_defaults_give_counts_before_something_is_said_to_have_no_effect(folder: Folder) -> None:
    common = "defaults: {task: {timeout: 2h, retry: {max_attempts: 3}, resources: {memory: 1GB}}}"
    pipelines = "pipelines: {a: {module: m, resources: {grow: 2}}, b: {module: m, wall_timeout: 3h}}"
    assert told(folder, f"{common}\n{pipelines}") == []
    once = (
        "pipelines: {a: {module: m, retry: {max_attempts: 1}, resources: {grow: 2}}, b: {module: m, wall_timeout: 1h}}"
    )
    assert [message for _, message, _ in told(folder, f"{common}\n{once}")] == [
        "'grow' has no effect: 'a' is tried once",
        "'timeout' has no effect: 'wall_timeout' passes first",
    ]
