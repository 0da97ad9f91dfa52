"""The README, the tutorial and the how-to guides do what they say, on a machine that nobody has used before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.machine import HOME, Machine, obstacle
from support.components import missing, require
from walk.page import LeftOut, steps
from walk.pages import GUIDES, PAGES, README, TUTORIAL, UNINSTALL
from walk.walker import CLOCK, Mismatch, Walker

#: All that is shown and not run, with why; a further one belongs here only where no machine of ours could run it.
NOT_RUN = [
    ("README", "sets up .venv from the package index; CI runs both"),
    ("README", "needs the example, which tests/bin and tests/example run"),
    ("README", "needs a checkout that is set up; the guides to schedules do the same"),
    ("README", "needs a mail server and Slack"),
    ("README", "needs a Python that has the package; tests/api does the same"),
    ("tutorial", "needs the package index; tests/packaging installs the wheel in each of these ways"),
    ("tutorial", "asks polkit, which the new machine does not have; there, it is said when the user is made"),
    ("alerts", "needs a mail server"),
    ("container", "needs a container engine"),
    ("dagster", "needs the package index"),
    ("dagster", "this project has no params"),
    ("dagster", "it goes on until Ctrl-C; tests/in_dagster looks at its pages in a browser"),
    ("dagster", "it goes on until Ctrl-C; tests/in_dagster has it fire"),
    ("dagster", "no tenants here; tests/in_dagster has the daemon start three runs of two"),
    ("postgresql", "needs the package index; tests/packaging installs both extras"),
    ("postgresql", "needs an administrator"),
    ("schedules-on-linux", "asks polkit, which the new machine does not have; there, lingering is on from the start"),
    ("schedules-on-macos", "needs a Mac"),
    ("schedules-on-macos", "needs a Mac"),
    ("slurm", "needs a cluster; tests/slurm does all of this on one"),
    ("slurm", "needs a cluster"),
    ("slurm", "needs a cluster"),
    ("uninstall", "the program was not installed with these here; tests/packaging removes it in each of these ways"),
    ("upgrade", "needs the package index; tests/packaging upgrades with both"),
]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    if why := obstacle():
        missing(why) if why.startswith("needs ") else pytest.skip(why)
    for program in ("gcc", "initdb"):
        require(program)
    machine = Machine(tmp_path, CLOCK)
    yield machine
    machine.stop()


def asked(machine: Machine, *argv: str):
    """What a command of ours says in Anna's project, as JSON."""
    done = machine.as_user("env", "-C", f"{HOME}/shop", f"{HOME}/.local/bin/tetra", *argv, "--json")
    return json.loads(done.stdout)


def units_of(machine: Machine) -> list[str]:
    return sorted(path.name for path in machine.path(f"{HOME}/.config/systemd/user").rglob("*shop*"))


def test_the_tutorial_ends_with_a_chain_that_runs_by_itself_and_is_watched(machine: Machine):
    Walker(machine).walk(TUTORIAL)
    runs = asked(machine, "history")["runs"]
    assert [(run["trigger"], run["state"]) for run in runs] == [
        ("schedule", "succeeded"),
        ("manual", "succeeded"),
        ("resume", "succeeded"),
        ("manual", "failed"),
        ("manual", "succeeded"),
    ]
    assert [slot["outcome"] for slot in asked(machine, "schedule", "audit", "nightly")["slots"]] == ["ran"]
    assert asked(machine, "monitor")["health"] == "healthy"
    assert machine.path(f"{HOME}/shop/alerts.txt").read_text().splitlines()[1:] == [
        "raised: [shop] report failed in nightly: exit code 1",
        "resolved: [shop] over: report failed in nightly: exit code 1",
    ]
    assert "<html" in machine.path(f"{HOME}/shop/report.html").read_text()
    assert [name for name in units_of(machine) if name.endswith(".timer")].count("shop-nightly.timer") > 0


@pytest.mark.parametrize("page", [README, *(page for page in GUIDES if page != UNINSTALL)], ids=lambda page: page.stem)
def test_a_page_does_what_it_says(machine: Machine, page: Path):
    Walker(machine).walk(page)


def test_after_the_guide_to_it_nothing_of_ours_is_left_but_the_project(machine: Machine):
    before = left_by(machine)
    Walker(machine).walk(UNINSTALL)
    assert left_by(machine) - before == {
        *(".config", ".config/systemd", ".config/systemd/user"),
        *(".local/share", ".local/share/systemd", ".local/share/systemd/timers"),
        *(".local", ".local/bin", ".local/bin/tetra", ".local/bin/tetra-orchestrator"),
        *("shop", "shop/config", "shop/config/orchestration.yaml"),
    }
    assert not [line for line in command_lines(machine) if b"tetra" in line]


def command_lines(machine: Machine) -> list[bytes]:
    """What runs in it."""
    lines = [path.read_bytes() for path in machine.path("/proc").glob("[0-9]*/cmdline")]
    assert any(b"systemd" in line for line in lines)
    return lines


def left_by(machine: Machine) -> set[str]:
    home = machine.path(HOME)
    return {str(path.relative_to(home)) for path in home.rglob("*")}


def test_a_page_that_says_something_else_than_happens_is_found(machine: Machine, tmp_path: Path):
    page, walker = tmp_path / "wrong.md", Walker(machine)
    page.write_text("```console\n$ echo right\nwrong\n```\n")
    with pytest.raises(Mismatch) as raised:
        walker.walk(page)
    assert str(raised.value) == (
        f"{page}:2: `echo right` ended with 0\nthe page says:\n    wrong\nhere it is:\n    right\n    "
    )
    page.write_text("```console\n$ cat no-such-file\n...\n```\n")
    with pytest.raises(Mismatch, match="`cat no-such-file` ended with 1, and the page says 0"):
        walker.walk(page)


def test_a_page_that_calls_one_run_by_two_names_is_found(machine: Machine, tmp_path: Path):
    page, walker = tmp_path / "wrong.md", Walker(machine)
    first, second = "20260302T170005Z-aaaaaa", "20260302T170005Z-bbbbbb"
    page.write_text(f"```console\n$ echo 20270101T000000Z-cccccc\n{first}\n$ echo {first}\n{first}\n```\n")
    walker.walk(page)
    page.write_text(f"```console\n$ echo 20270101T000000Z-cccccc\n{second}\n```\n")
    with pytest.raises(Mismatch):
        walker.walk(page)


def test_what_is_not_run_is_listed_with_its_reason():
    left = [(page, step) for page in PAGES for step in steps(page.read_text())]
    assert [(page.stem, step.reason) for page, step in left if isinstance(step, LeftOut)] == NOT_RUN
