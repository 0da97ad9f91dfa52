"""`init`: a file to start with that runs as it is, and one made from a crontab."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from tetra_orchestrator.cli.init import UNLIKE_CRON

FILE = "config/orchestration.yaml"


@pytest.fixture
def empty(site):
    """A folder in which there is nothing yet."""
    (site.root / "config").rmdir()
    return site


@pytest.fixture
def crontab(empty):
    """Makes `crontab -l` print a text, or fail with another."""

    def install(text="", error="", code=0):
        program = empty.write(
            "bin/crontab", f"#!/bin/sh\ncat '{empty.root}/listed'\nprintf '{error}' >&2\nexit {code}\n"
        )
        program.chmod(0o755)
        (empty.root / "listed").write_text(text)
        empty.env["PATH"] = f"{empty.root}/bin:{empty.env['PATH']}"

    return install


def test_the_first_file_is_valid_and_runs_as_it_is(empty):
    done = empty.run("init")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (f"wrote {FILE}\nnext: `tetra validate` checks it and prints the plan, `tetra run` runs it\n")
    body = empty.json("validate")
    assert (body["ok"], body["warnings"], body["groups"]) == (True, [], [["extract"], ["report"]])
    assert empty.run("run").returncode == 0
    assert empty.run("logs", "--pipeline", "report").stdout == "reporting on 3 rows\n"
    assert empty.run("run", "--mode", "daily").returncode == 0


def test_the_first_file_names_the_schema_on_its_first_line_and_the_project_after_its_folder(empty):
    empty.run("init")
    first, *lines = (empty.root / FILE).read_text().splitlines()
    schema = first.removeprefix("# yaml-language-server: $schema=")
    path = unquote(schema.removeprefix("file://"))
    assert "pipelines" in json.loads(Path(path).read_text())["properties"]
    assert lines[:2] == ["version: 1", "project: my-project"]


@pytest.mark.parametrize(
    ("given", "written"), [(["shop"], f"shop/{FILE}"), (["a/b.yaml"], "a/b.yaml"), (["--out", "x"], f"x/{FILE}")]
)
def test_the_file_is_written_where_it_was_asked_for(empty, given, written):
    assert empty.run("init", *given).stdout.splitlines()[0] == f"wrote {written}"
    assert empty.json("validate", written)["ok"] is True


def test_a_file_that_is_there_is_written_over_only_by_force(empty):
    file = empty.write(FILE, "mine\n")
    done = empty.run("init")
    assert (done.returncode, done.stdout) == (64, "")
    assert (
        done.stderr == f"error: {file} is there already\n  hint: add --force to write over it, or name another file\n"
    )
    assert file.read_text() == "mine\n"
    assert empty.run("init", "--force").returncode == 0
    assert "project: my-project" in file.read_text()


def test_a_configuration_that_would_no_longer_be_found_is_not_hidden(empty):
    file = empty.write("pipeline_config.yaml", "pipeline: {name: x}\n")
    done = empty.run("init")
    assert (done.returncode, done.stderr) == (
        64,
        f"error: {file} is there, and would no longer be found\n"
        f"  hint: `tetra config convert pipeline_config.yaml --out {FILE}` makes the file from it; "
        "--force writes a new one\n",
    )
    assert empty.run("init", "other.yaml").returncode == 0
    assert empty.run("init", "--force").returncode == 0


def test_a_place_that_cannot_be_written_ends_with_73(empty):
    empty.write("config", "a file is in the way")
    done = empty.run("init")
    assert (done.returncode, done.stdout) == (73, "")
    assert (
        done.stderr == (f"error: {empty.root}/{FILE}: cannot be written: Not a directory\n  hint: name another place\n")
        or done.stderr == f"error: {empty.root}/{FILE}: cannot be written: File exists\n  hint: name another place\n"
    )


def test_a_crontab_becomes_a_file_that_runs_and_a_list_of_what_does_not_translate(empty, crontab):
    crontab("MAILTO=me\n# Says hello\n0 6 * * * echo hello\n0 0 12 * * * six\n")
    done = empty.run("init", "--from-crontab")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"wrote {FILE} with 1 pipeline\n"
        "what did not translate, or not wholly (it is also told at the end of the file):\n"
        "  line 1: cron mails whatever a job prints; here it is told of failures, by the server on this host\n"
        "    MAILTO=me\n"
        "  line 4: six fields: rules here have minute, hour, day of month, month and day of week\n"
        "    0 0 12 * * * six\n"
        "next: `tetra validate` checks it; `tetra run --pipeline NAME` does what the command in the crontab did\n"
        "then: `tetra schedule apply` installs its timers; take the lines out of your crontab, or both run them\n"
    )
    text = (empty.root / FILE).read_text()
    assert text.splitlines()[1:5] == [
        "# Made by `tetra init --from-crontab` from crontab -l.",
        *(f"# {line}" for line in UNLIKE_CRON),
        "version: 1",
    ]
    assert text.endswith(
        "\n# What did not translate, or not wholly:\n"
        "# line 1: cron mails whatever a job prints; here it is told of failures, by the server on this host: "
        "MAILTO=me\n"
        "# line 4: six fields: rules here have minute, hour, day of month, month and day of week: 0 0 12 * * * six\n"
    )
    assert empty.json("validate")["groups"] == [["job"]]
    assert empty.run("run").returncode == 0
    assert empty.run("logs", "--pipeline", "job").stdout == "hello\n"


def test_a_crontab_may_be_a_file_or_standard_input(empty, tmp_path):
    source = empty.write("mine.cron", "@daily /opt/a.sh\n")
    out = empty.run("init", "--from-crontab", "mine.cron", "--out", "one").stdout
    assert out.splitlines()[0] == f"wrote one/{FILE} with 1 pipeline"
    with source.open() as stream:
        assert empty.run("init", "--from-crontab", "-", "--out", "two", stdin=stream).returncode == 0
    assert list(empty.json("validate", f"two/{FILE}")["groups"]) == [["a"]]


def test_bytes_that_are_not_text_are_told_and_never_a_traceback(empty):
    (empty.root / "odd.cron").write_bytes(b"0 1 * * * caf\xe9\n0 2 * * * ok\x1b[31m\n")
    done = empty.run("init", "--from-crontab", "odd.cron")
    assert done.returncode == 0
    assert done.stdout.splitlines()[2] == "  line 1: it holds bytes that are not UTF-8, or a NUL character"
    assert empty.json("validate")["ok"] is True


def test_a_user_without_a_crontab_is_told_so(empty, crontab):
    crontab(error="no crontab for me\\n", code=1)
    done = empty.run("init", "--from-crontab")
    assert (done.returncode, done.stderr) == (
        78,
        "error: `crontab -l` failed: no crontab for me\n  hint: name a file: `tetra init --from-crontab FILE`\n",
    )


def test_a_machine_without_cron_is_told_so(empty):
    done = empty.run("init", "--from-crontab", env={"PATH": str(empty.root)})
    assert (done.returncode, done.stderr) == (
        64,
        "error: there is no `crontab` program here\n  hint: name a file: `tetra init --from-crontab FILE`\n",
    )


def test_a_folder_is_no_crontab(empty):
    done = empty.run("init", "--from-crontab", "home")
    assert (done.returncode, done.stderr) == (
        64,
        "error: home is a folder, and --from-crontab reads a file\n  hint: write `--out home` for where to write\n",
    )


def test_a_crontab_without_a_job_writes_nothing(empty):
    empty.write("mine.cron", "# nothing\n")
    done = empty.run("init", "--from-crontab", "mine.cron")
    assert (done.returncode, done.stderr) == (
        78,
        "error: mine.cron: there is no job to translate\n  hint: name another file\n",
    )
    assert not (empty.root / "config").exists()
