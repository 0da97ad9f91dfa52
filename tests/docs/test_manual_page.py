"""The manual page that is kept is the one that Sphinx makes of the commands, and readers of manuals do not complain."""

from __future__ import annotations

import importlib.util
import re
import subprocess

import pytest

from docs.generator.commands import commands
from docs.generator.roff import MANUALS
from support.components import missing, require
from support.documentation import DOCS

PAGE = DOCS / "man" / "tetra-orchestrator.1"


@pytest.mark.parametrize("name", MANUALS)
def test_the_page_is_what_make_reference_writes(name):
    if importlib.util.find_spec("sphinx") is None:
        missing("needs Sphinx: pip install 'tetra-orchestrator[docs]'")
    assert (DOCS / name).read_text() == MANUALS[name](), "run `make reference`"


def test_it_has_every_command_and_the_usual_sections():
    text = PAGE.read_text().replace("\\-", "-")
    assert [command.name for command in commands()[1:] if f".SS {' '.join(command.path)} " not in text] == []
    sections = re.findall(r"^\.SH \"?([A-Z ]+)\"?$", text, re.M)
    assert sections == [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "COMMANDS",
        "EXIT STATUS",
        "ENVIRONMENT",
        "FILES",
        "SEE ALSO",
    ]


def test_man_shows_it_without_a_warning_at_80_columns():
    shown = subprocess.run(
        [require("man"), "--warnings", "-l", PAGE],
        capture_output=True,
        text=True,
        env={"MANWIDTH": "80", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        check=True,
    )
    assert shown.stderr == ""
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80


def test_mandoc_warns_of_nothing_but_that_it_has_no_date():
    done = subprocess.run([require("mandoc"), "-Tlint", "-Wwarning", PAGE], capture_output=True, text=True)
    assert [line for line in done.stdout.splitlines() if "cannot parse date" not in line] == []
