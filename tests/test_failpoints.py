"""The named places of the program: what arms them, what a wrong word is answered with, and that they cost nothing."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import Site
from support.worlds import Stage, project, task
from tetra_orchestrator import failpoints
from tetra_orchestrator.engine import journal
from tetra_orchestrator.errors import CannotWrite

THERE_ARE = ", ".join(failpoints.NAMES)


@pytest.fixture
def armed():
    """Arms failpoints with the action `note`, and gives the names that it was called with."""
    noted: list[str] = []
    yield lambda text: failpoints.arm(text, {"note": noted.append}) or noted
    failpoints.arm("")


def nothing(name):
    """Like this a function is empty."""


# Arming


def test_an_action_is_taken_at_the_hit_that_was_named_and_at_no_other(armed):
    noted = armed("run.insert:2=note, log.open=note")
    for name in ("run.insert", "log.open", "log.open", "run.insert", "run.insert"):
        failpoints.hit(name)
    assert noted == ["log.open", "run.insert"]


def test_a_disk_is_full_for_whoever_writes_and_for_whoever_only_asks_for_it():
    with pytest.raises(OSError, match="No space left on device") as caught:
        failpoints.ACTIONS["enospc"]("input.write")
    assert (caught.value.errno, isinstance(caught.value, CannotWrite)) == (errno.ENOSPC, True)
    with pytest.raises(OSError, match="No space left on device") as caught:
        failpoints.ACTIONS["enospc"]("child.exited")
    assert (caught.value.errno, isinstance(caught.value, CannotWrite)) == (errno.ENOSPC, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nowhere=kill", f"there is no failpoint 'nowhere'\n  hint: there are {THERE_ARE}"),
        ("=kill", f"there is no failpoint ''\n  hint: there are {THERE_ARE}"),
        ("run.insert=kill,nowhere=kill", f"there is no failpoint 'nowhere'\n  hint: there are {THERE_ARE}"),
        *(
            (
                f"run.insert{rest}",
                f"'run.insert{rest}' is not NAME:NTH=ACTION\n"
                "  hint: write it as run.insert:1=kill; there are kill, raise, enospc, stop",
            )
            for rest in ("", "=", "=explode", ":0=kill", ":-1=kill", ":first=kill", ":\u00b2=kill")
        ),
    ],
)
def test_a_wrong_failpoint_is_refused_by_every_command_that_has_some(text, message, tmp_path):
    site = Site(tmp_path / "my project")
    site.configure("pipelines: {one: {shell: 'true'}}")
    done = site.run("run", env={failpoints.VARIABLE: text})
    assert (done.returncode, done.stdout, done.stderr) == (64, "", f"error: {failpoints.VARIABLE}: {message}\n")


# What it costs


def test_a_place_is_an_empty_function_unless_it_is_armed(armed):
    code = "from tetra_orchestrator import failpoints; print(failpoints.hit.__name__, failpoints.armed)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "_pass_by False\n"
    assert failpoints.hit.__code__.co_code == nothing.__code__.co_code
    armed("run.insert=note")
    assert failpoints.hit.__code__.co_code != nothing.__code__.co_code


def test_the_journal_looks_for_the_places_of_its_changes_only_where_some_are_armed(armed, monkeypatch):
    asked = []
    monkeypatch.setattr(journal, "points", lambda changes: asked.append(len(changes)) or [])
    assert Stage(project(task("one"))).run() == 0
    assert asked == []
    armed("run.insert:1000=note")
    assert Stage(project(task("one"))).run() == 0
    assert asked


def test_the_page_on_durability_lists_every_place():
    page = (Path(__file__).parents[1] / "docs" / "durability.md").read_text()
    missing = [name for name in failpoints.NAMES if f"`{name.removesuffix('.commit')}`" not in page]
    assert missing == []
