"""Whatever is in a file, on the command line or in a crontab: an answer or an error with its place, never a fault."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.mutations import CRONTAB, PROJECTS, VALUES, WORDS, Project, call, inside, mutated

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.mutations import Said

ALLOWED = {0, 64, 69, 73, 78}
LONG_S = 600
SLOW_S = 5
DIALECTS = ("native", "tetra", "recomart", "stages", "tauro", "dativo")
LOOKS: tuple[tuple[str, ...], ...] = (
    ("validate", "{}", "--json"),
    ("validate", "{}"),
    ("config", "show", "{}"),
    ("config", "show", "{}", "--json"),
    ("config", "convert", "{}"),
    ("config", "diff", "{}", "before.yaml", "--json"),
    ("config", "diff", "before.yaml", "{}"),
    ("graph", "--config", "{}", "--format", "mermaid"),
    ("graph", "--config", "{}", "--json"),
    ("schedule", "next", "--config", "{}"),
)


def changed_file(folder: Path, name: str, chance: random.Random) -> list[list[str]]:
    """One file of a project changed; with every command that reads it."""
    project = Project(folder, name)
    path = chance.choice(list(project.files))
    project.write("before.yaml", project.files[next(iter(project.files))])
    project.write(path, mutated(project.files[path], chance))
    further = ["--overlay", "over.yaml"] if "over.yaml" in project.files else []
    argv = [word.format(project.given) for word in chance.choice(LOOKS)]
    return [argv + (further if argv[1] != "diff" and chance.random() < 0.5 else [])]


def forced_dialect(folder: Path, name: str, chance: random.Random) -> list[list[str]]:
    """A file read as one of another dialect."""
    project = Project(folder, name)
    if chance.random() < 0.5:
        path = chance.choice(list(project.files))
        project.write(path, mutated(project.files[path], chance))
    return [["validate", project.given, "--json", "--dialect", chance.choice(DIALECTS)]]


def overlay(folder: Path, name: str, chance: random.Random) -> list[list[str]]:
    """A changed file laid over another, included in it, or taken for its bindings."""
    project = Project(folder, name)
    other = chance.choice([text for files in PROJECTS.values() for text in files.values()])
    project.write("odd.yaml", mutated(other.encode(), chance))
    option = chance.choice(("--overlay", "--bindings"))
    return [["config", "show", project.given, option, str(folder / "odd.yaml")]]


def single_value(folder: Path, name: str, chance: random.Random) -> list[list[str]]:
    """`--set` with any key of the file and any value."""
    project = Project(folder, name)
    words = [word for text in PROJECTS[name].values() for word in text.replace(":", " ").split() if word.isidentifier()]
    keys = ".".join(chance.choice(words) for _ in range(chance.randrange(1, 4)))
    value = chance.choice(VALUES)
    text = mutated((value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "surrogatepass"), chance)
    said = f"{keys}={text.replace(bytes(1), b'').decode('utf-8', 'surrogateescape')}"
    return [["validate", project.given, "--json", "--set", said]]


def crontab(folder: Path, name: str, chance: random.Random) -> list[list[str]]:
    """A changed crontab; what is made of it has to be a sound configuration."""
    (folder / "crontab").write_bytes(mutated(CRONTAB.encode(), chance))
    made = ["init", "--from-crontab", str(folder / "crontab"), "--out", str(folder / "made.yaml"), "--force"]
    return [made, ["config", "convert", str(folder / "made.yaml")]]


WAYS: tuple[Callable[[Path, str, random.Random], list[list[str]]], ...] = (
    changed_file,
    forced_dialect,
    overlay,
    single_value,
    crontab,
)


def check(said: Said, argv: list[str]) -> None:
    """An exit code that is meant, a place for every fault, and no traceback."""
    assert said.code in ALLOWED, f"{argv}\n{said.err}"
    assert "Traceback" not in said.out + said.err
    assert "fault of ours" not in said.err
    if "--json" in argv and said.out:
        body = json.loads(said.out)
        for problem in body.get("errors", ()):
            assert problem["message"]
            assert problem["line"] is None or (problem["line"] >= 1 and problem["column"] >= 1)


def tell(folder: Path, chance: random.Random) -> None:
    """One change by one way, and what the commands make of it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    way = chance.choice(WAYS)
    with inside(folder):
        for argv in way(folder, chance.choice(list(PROJECTS)), chance):
            start = time.perf_counter()
            said = call(argv)
            check(said, argv)
            assert time.perf_counter() - start < SLOW_S, argv
            if said.code:
                return


@pytest.fixture(autouse=True)
def _one_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tasks' interpreter is this one."""
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_any_change_of_a_users_files_is_answered_or_told_with_its_place(seed: int, tmp_path: Path) -> None:
    tell(tmp_path / "project", random.Random(seed))


@pytest.mark.long
def test_any_change_of_a_users_files_is_answered_for_ten_minutes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("TETRA_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
    with capsys.disabled():
        print(f"\nTETRA_SEED={seed} repeats these changes")
    end, number = time.monotonic() + LONG_S, 0
    while time.monotonic() < end:
        try:
            tell(tmp_path / "project", random.Random(seed + number))
        except BaseException as error:
            error.add_note(f"TETRA_SEED={seed + number} starts with it")
            raise
        number += 1


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    content=st.binary(max_size=300) | st.lists(st.sampled_from(WORDS), max_size=40).map("".join),
    form=st.sampled_from(DIALECTS),
    place=st.integers(0, 10),
)
def test_any_bytes_in_any_file_of_a_project_are_answered_or_told(
    content: bytes | str, form: str, place: int, tmp_path: Path
) -> None:
    project = Project(tmp_path, form)
    names = list(project.files)
    project.write(names[place % len(names)], content if isinstance(content, bytes) else content.encode())
    with inside(tmp_path):
        argv = ["validate", project.given, "--json", "--dialect", form]
        check(call(argv), argv)
