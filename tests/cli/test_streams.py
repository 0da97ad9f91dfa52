"""Standard streams that are closed or cannot be written, and words that are not UTF-8."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

FILE = """
    pipelines:
      data: {shell: "echo data"}
    modes: {daily: [data]}
"""
UNWRITABLE = "error: cannot write to standard output: No space left on device\n"
needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


def sh(site, line, **env):
    """A shell's line, in which `tetra` is our command."""
    tetra = f'tetra() {{ "{sys.executable}" -m tetra_orchestrator "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", tetra + line], cwd=site.root, env={**site.env, **env}, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["run", "status", "show", "version", "validate", "logs"])
def test_a_closed_stream_is_as_good_as_the_null_device(site, command, closed):
    site.configure(FILE)
    if command in ("show", "logs"):
        site.run("run")
    done = sh(site, f"tetra {command} {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    site.run("run")
    assert site.json("show")["run"]["state"] == "succeeded"


@needs_full
@pytest.mark.parametrize("command", ["status", "status --json", "show", "version", "graph", "run", "logs", "--help"])
def test_output_that_cannot_be_written_ends_with_73_and_one_line(site, command):
    site.configure(FILE)
    site.run("run")
    done = sh(site, f"tetra {command} >/dev/full")
    assert (done.returncode, done.stderr) == (73, UNWRITABLE)


@needs_full
def test_more_output_than_a_buffer_holds_ends_with_73_too(site):
    site.configure("pipelines: {data: {shell: 'head -c 300000 /dev/zero | tr \"\\\\0\" x'}}\n")
    site.run("run")
    done = sh(site, "tetra logs -p data >/dev/full")
    assert (done.returncode, done.stderr) == (73, UNWRITABLE)


@needs_full
def test_full_standard_error_takes_only_the_words(site):
    site.configure(FILE)
    assert sh(site, "tetra run --mode dayly 2>/dev/full").returncode == 64
    assert sh(site, "tetra status >/dev/full 2>/dev/full").returncode == 73


def broken(site):
    site.configure(FILE)
    site.write("broken/apsw/__init__.py", "raise RuntimeError('boom')\n")
    config = f"{site.root}/config/orchestration.yaml"
    return {"PYTHONPATH": f"{site.root}/broken:{site.env['PYTHONPATH']}", "PIPELINE_CONFIG": config}


def test_a_report_s_folders_are_private_and_below_the_project(site, tmp_path):
    env = broken(site)
    (tmp_path / "home").mkdir()
    done = sh(site, "umask 0; tetra status", **env, TETRA_HOME=f"{tmp_path}/home")
    assert done.returncode == 70
    folders = [tmp_path / "home" / "state", tmp_path / "home" / "state" / "reports"]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700, 0o700]
    assert len(list(folders[1].iterdir())) == 1


def test_a_report_that_cannot_be_written_is_printed(site):
    env = broken(site)
    done = sh(site, "tetra status", **env, TETRA_HOME="/proc")
    assert done.returncode == 70
    lines = done.stderr.rstrip().splitlines()
    assert lines[:2] == [
        "error: this is a fault of ours: RuntimeError: boom",
        "  hint: please report it with these lines",
    ]
    assert lines[-1] == "RuntimeError: boom"


def test_a_word_that_is_not_utf_8_is_not_our_fault(site):
    site.configure(FILE)
    for command in ("validate", "run"):
        done = sh(site, f"tetra {command} --set title=$'\\xff'")
        assert (done.returncode, done.stdout) == (64, "")
        assert done.stderr.startswith("error: --set title=\\udcff: this is not UTF-8 text")
