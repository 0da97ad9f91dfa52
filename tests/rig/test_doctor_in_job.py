"""`doctor --in-job` through a real systemd: what a service finds is what is told, and nothing of it stays."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rig.machine import REPOSITORY, Machine

CONFIGURATION = """\
version: 1
project: probed
python: {python}
timezone: UTC
pipelines:
  a: {{shell: fetch --all, cwd: data}}
modes: {{all: [a]}}
schedules: {{daily: {{mode: all, cron: "0 19 * * *"}}}}
timers: {{sandbox: {sandbox}}}
"""


@pytest.fixture
def root(machine: Machine, request: pytest.FixtureRequest) -> Path:
    folder = machine.shared / f"doctor {len(request.node.name)}"
    (folder / "data").mkdir(parents=True)
    (folder / "tools").mkdir()
    (folder / "tools" / "fetch").write_text("#!/bin/sh\n")
    (folder / "tools" / "fetch").chmod(0o755)
    return folder


def findings(machine: Machine, root: Path, sandbox: str = "none") -> dict[str, dict[str, str]]:
    file = root / "orchestration.yaml"
    file.write_text(CONFIGURATION.format(python=sys.executable, sandbox=sandbox))
    command = (sys.executable, "-m", "tetra_orchestrator", "doctor", "--config", str(file), "--json")
    path = f"{root}/tools:/usr/local/bin:/usr/bin:/bin"
    done = machine.run(*command, "--in-job", "--system", PATH=path, PYTHONPATH=str(REPOSITORY / "src"))
    assert done.returncode in (0, 1, 2), done.stderr
    return {each["code"]: each for each in json.loads(done.stdout)["findings"]}


def test_a_service_of_the_system_is_started_and_compared(machine: Machine, root: Path) -> None:
    found = findings(machine, root)
    assert found["in_job"]["message"] == "a job that systemd-system has started was compared with this shell"
    assert found["path_missing"]["message"] == (
        f"fetch of a is {root}/tools/fetch in your shell;"
        " the job does not find it on its PATH /usr/local/bin:/usr/bin:/bin"
    )
    assert found["umask_differs"]["message"] == "the umask is 022 in your shell, and 077 in the job"
    assert not {"cwd", "folder_denied", "folder_missing", "folder_unwritable", "interpreter_missing"} & set(found)
    units = machine.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "run-*.service").stdout
    assert "surroundings" not in units, "the job is gone"


def test_what_lies_below_tmp_is_missing_in_a_strict_sandbox(machine: Machine, root: Path) -> None:
    assert str(root).startswith("/tmp/"), "the sandbox has a /tmp of its own"
    found = findings(machine, root, "strict")
    told = {code: found[code]["message"] for code in ("cwd", "interpreter_missing") if code in found}
    # systemd looks for the interpreter before it enters the folder: where this suite's own lies decides
    assert told in (
        {"cwd": f"{root}: the job cannot enter the project's folder"},
        {"interpreter_missing": f"{sys.executable}: the job cannot execute the interpreter"},
    )
