"""The shell side of bin/: behaviour (wrappers.bats), shellcheck, and what bash 3.2 of macOS lacks."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from support.components import PACKAGES, require

ROOT = Path(__file__).parents[2]
WRAPPERS = [ROOT / "bin/tetra", *sorted((ROOT / "bin").rglob("*.sh"))]
CI = ROOT / ".ci/run"

NEWER_THAN_BASH_3_2 = re.compile(
    r"\b(mapfile|readarray|coproc|realpath)\b|readlink -|declare -[AgnluI]|local -[An]|&>>|\|&|;;?&"
    r"|\$\{\w+(\^|,|@[A-Za-z]\})|\[\[ -v |wait -n|\$EPOCH|printf '?%\("
)


def test_the_wrappers_behave():
    outcome = subprocess.run(
        [require("bats"), "tests/bin/wrappers.bats"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_shellcheck_finds_nothing():
    outcome = subprocess.run(
        [require("shellcheck"), "--external-sources", *WRAPPERS, CI], cwd=ROOT, capture_output=True, text=True
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("script", [*WRAPPERS, CI], ids=lambda path: path.name)
def test_bash_can_parse(script: Path):
    outcome = subprocess.run(["bash", "-n", script], capture_output=True, text=True)
    assert (outcome.returncode, outcome.stderr) == (0, "")


@pytest.mark.parametrize("script", WRAPPERS, ids=lambda path: path.name)
def test_nothing_is_used_that_macos_lacks(script: Path):
    assert NEWER_THAN_BASH_3_2.findall(script.read_text()) == []


@pytest.mark.parametrize("path", [*WRAPPERS, CI, ROOT / "bin/scripts/pipeline_monitor.py"], ids=lambda path: path.name)
def test_what_is_called_can_be_executed_and_what_is_sourced_cannot(path: Path):
    assert os.access(path, os.X_OK) == (path.name != "_home.sh")


def test_ci_installs_every_component_that_tests_may_require():
    installed = re.findall(r"packages\+?=\((.*)\)$", CI.read_text(), re.MULTILINE)
    assert set(PACKAGES.values()) | {"bats", "shellcheck"} <= set(" ".join(installed).split())
