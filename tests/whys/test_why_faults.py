"""Faults that are brought about for real, and the first line of what is said of each."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from faults.disks import GATE
from faults.stand import Stand
from support.components import require_root
from troubles.disk import small_disk
from whys.list import row_of


class Asked(Stand):
    """A project whose faults are asked about; `row` is that of the list."""

    row: dict[str, str] = {}

    def first_line(self, *argv: str, ask=None) -> str:
        """The first line of the answer, whose cause has the code of the list in the answer for programs, too."""
        ask = ask or self.run
        done = ask(self.row["command"], *argv)
        assert done.returncode == 0, done.stderr
        told = ask(self.row["command"], *argv, "--json").stdout
        assert f'"cause": {{\n    "code": "{self.row["code"]}",' in told, told
        return done.stdout.splitlines()[0]


@pytest.fixture
def site(tmp_path, request) -> Asked:
    found = Asked(tmp_path / "my project")
    found.row = row_of(request.node.originalname)
    return found


def test_a_task_that_runs_out_of_memory(site: Asked) -> None:
    require_root()
    site.configure("""
        pipelines:
          load:
            command: [python3, -c, "bytearray(300 << 20)"]
            resources: {memory: 64MB}
            retry: {max_attempts: 2, delay: 0s}
    """)
    assert site.run("run").returncode == 2
    assert site.outcome("load") == ("oom", None, 9)
    assert site.first_line("load") == (
        "load failed: out of memory: the kernel ended attempt 2 of 2 at 64 MB (its limit)"
    )


def test_a_disk_that_is_full(site: Asked) -> None:
    site.configure("pipelines: {load: {command: [dd, if=/dev/zero, of=data/rows, bs=64k, status=none]}}")
    with small_disk(site, "data", "1m") as disk:
        assert disk.tetra("run").returncode == 2
        assert disk.free == 0
        assert site.first_line("load", ask=disk.tetra) == (
            "load failed: a disk is full: its log says `dd: error writing 'data/rows': No space left on device` "
            "(exit code 1)"
        )


def test_a_task_that_takes_too_long(site: Asked) -> None:
    site.configure("pipelines: {load: {command: [sleep, '60'], timeout: 1s}}")
    assert site.run("run").returncode == 2
    assert site.first_line() == "load failed: it was ended by its time limit of 1 s"


def test_a_program_that_is_not_there(site: Asked) -> None:
    site.configure("pipelines: {load: {command: [no-such-program, rows]}}")
    assert site.run("run").returncode == 2
    assert site.first_line() == "load could not start: there is no program called no-such-program in its PATH"


def test_a_run_that_overlaps_the_slot(site: Asked) -> None:
    site.configure(f"""
        timezone: UTC
        pipelines: {{load: {{shell: "touch begun; {GATE}"}}}}
        schedules: {{often: {{pipelines: [load], every: 1s, catch_up: all}}}}
    """)
    site.run("schedule", "audit")
    running = site.start("run", "-p", "load")
    try:
        site.until(lambda: (site.root / "begun").exists())
        run_id = site.json("show")["run"]["run_id"]
        slot = f"{datetime.now(UTC) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"
        site.until(lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" > slot)
        site.run("schedule", "audit")
    finally:
        (site.root / "open").touch()
        site.finish(running)
    local = f"{slot[:10]} {slot[11:19]} UTC"
    assert site.first_line("often", slot) == f"often {local}: run {run_id} was active"


def test_a_pipeline_that_is_paused(site: Asked) -> None:
    site.configure("pipelines: {load: {command: ['true']}, other: {command: ['true']}}\nmodes: {all: [load, other]}")
    site.run("run", "--mode", "all")
    site.run("pause", "load", "--reason", "holidays")
    assert site.run("run", "--mode", "all").returncode == 0
    told = site.first_line("load")
    assert re.fullmatch(r"load was skipped: the pipeline is paused since \d{4}-\S+Z: holidays", told), told


def test_a_dependency_that_failed(site: Asked) -> None:
    site.configure("""
        pipelines:
          extract: {shell: "echo nothing there >&2; exit 3"}
          build: {command: ["true"], depends_on: [extract]}
          report: {command: ["true"], depends_on: [build]}
    """)
    assert site.run("run").returncode == 2
    assert site.first_line("report") == "report was not run: extract failed with exit code 3"


def test_a_lock_that_another_run_holds(site: Asked) -> None:
    site.configure(f'pipelines: {{load: {{shell: "touch begun; {GATE}"}}}}')
    running = site.start("run")
    try:
        site.until(lambda: (site.root / "begun").exists())
        run_id = site.json("show")["run"]["run_id"]
        assert site.run("run").returncode == 75
        told = site.first_line("load")
    finally:
        (site.root / "open").touch()
        site.finish(running)
    assert told == f"load was not run: the pipeline 'load' is already being run by pid {running.pid}, run {run_id}"


def test_a_secret_that_is_not_there(site: Asked) -> None:
    site.configure("""
        secrets: {TOKEN: {file: token}}
        pipelines: {load: {command: ["true"], env: {KEY: "${TOKEN}"}}}
    """)
    token = site.write("token", "not to be seen")
    assert site.run("run").returncode == 0
    token.unlink()
    assert site.run("run").returncode == 78
    assert site.first_line("load") == (
        f"load was not run: {site.root}/config/orchestration.yaml:5:11: the secret TOKEN cannot be had: "
        f"{site.root}/token: cannot be read: No such file or directory"
    )


def test_a_configuration_that_was_changed(site: Asked) -> None:
    site.configure('pipelines: {load: {shell: "exit 0"}}')
    assert site.run("run").returncode == 0
    site.configure('pipelines: {load: {shell: "exit 3"}}')
    assert site.run("run").returncode == 2
    assert site.first_line() == "load failed with exit code 3; changed since its last success: pipelines.load.shell"
