"""`report`: the command, its file and its mistakes."""

from __future__ import annotations

import os
import stat
from importlib.resources import files

import pytest

FILE = """
    title: Night shift
    pipelines:
      data: {shell: 'echo fetched; echo "{\\"rows\\": 3}" >> "$TETRA_OUTPUT"'}
      report: {shell: 'echo no disk; exit 3', depends_on: [data]}
    modes: {all: [data, report], some: [data]}
    schedules: {nightly: {mode: some, cron: "0 2 * * *"}}
"""


@pytest.fixture
def ran(site):
    site.configure(FILE)
    assert site.run("run", "--mode", "some").returncode == 0
    assert site.run("run", "--mode", "all").returncode == 2
    return site


def test_the_newest_run_is_written_to_a_private_file_whose_name_is_printed(ran):
    run = ran.json("history", "-n", "1")["runs"][0]["run_id"]
    done = ran.run("report")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"report-{run}.html\n", "")
    file = ran.root / f"report-{run}.html"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert f"<h1>Night shift · all · {run}</h1>" in text
    assert "no disk" in text
    assert 'class="edge' in text


def test_a_run_is_found_by_the_beginning_of_its_id_and_the_answer_counts_what_is_in_it(ran):
    run = ran.json("history", "--mode", "some")["runs"][0]["run_id"]
    found = ran.json("report", run[:20], "--out", "some.html")
    file = ran.root / "some.html"
    assert found == {
        "schema": "tetra.report/1",
        "path": str(file),
        "runs": 1,
        "attempts": 1,
        "bytes": file.stat().st_size,
    }


def test_days_hold_all_runs_of_them_and_what_is_due_next(ran):
    found = ran.json("report", "--days", "7")
    assert (found["path"], found["runs"], found["attempts"]) == (str(ran.root / "report-7-days.html"), 2, 3)
    assert '<h2 id="due-title">Due next</h2>' in (ran.root / "report-7-days.html").read_text()


def test_a_report_is_replaced_and_any_other_file_is_not(ran):
    own, other = ran.root / "out.html", ran.write("notes.html", "mine")
    assert [ran.run("report", "--out", "out.html").returncode for _ in range(2)] == [0, 0]
    done = ran.run("report", "--out", "notes.html")
    assert (done.returncode, done.stderr) == (
        64,
        f"error: {other} is there already\n  hint: add --force to write over it, or name another file\n",
    )
    assert other.read_text() == "mine"
    assert ran.run("report", "--out", "notes.html", "--force").returncode == 0
    assert other.read_text()[:60] == own.read_text()[:60]


def test_a_report_goes_to_standard_output_on_request(ran):
    assert ran.run("report", "--out", "-").stdout.startswith("<!doctype html>\n<!-- report of tetra-orchestrator -->\n")


def test_samples_beside_the_logs_are_drawn(ran):
    run = ran.json("show")["run"]["run_id"]
    started = ran.json("show")["run"]["started_at"]
    line = f'{{"at": "{started}", "task": "data", "attempt": 1, "cpu_s": 0.5, "rss_bytes": 1000000}}\n'
    assert "There are no samples of this run" in ran.run("report", "--out", "-").stdout
    (ran.root / "logs" / "runs" / run / "usage.jsonl").write_text(line)
    assert "from samples that were taken while the run went on" in ran.run("report", "--out", "-").stdout


@pytest.mark.parametrize("more", [[], ["--force"]])
def test_what_is_no_file_is_neither_read_nor_replaced(ran, more):
    os.mkfifo(ran.root / "pipe")
    done = ran.run("report", "--out", "pipe", *more)
    said = f"error: {ran.root}/pipe is no file\n  hint: - is standard output\n"
    assert (done.returncode, done.stderr) == (64, said)
    assert stat.S_ISFIFO((ran.root / "pipe").stat().st_mode)


def test_a_standard_output_that_takes_no_more_is_named(ran):
    with open("/dev/full", "w") as full:
        done = ran.run("report", "--out", "-", stdout=full)
    assert (done.returncode, done.stderr) == (73, "error: cannot write to standard output: No space left on device\n")


def test_a_report_is_written_while_the_file_is_broken(ran):
    ran.write("config/orchestration.yaml", "version: 1\nproject: [")
    done = ran.run("report", "--out", "out.html")
    assert (done.returncode, done.stdout) == (0, "out.html\n")
    assert "going by how the file was before" in done.stderr
    assert "exit code 3" in (ran.root / "out.html").read_text()
    assert ran.run("report", "--days", "2").returncode == 0


def test_what_failed_is_told_in_the_words_of_why(ran):
    first = ran.run("why").stdout.splitlines()[0]
    assert first == "report failed with exit code 3"
    text = ran.run("report", "--out", "-").stdout
    assert "</a>: exit code 3 (" in text
    assert "exited with code 0" not in text


def test_a_report_is_made_from_postgresql(site, postgres_url):
    site.configure(f"    state: {postgres_url}\n{FILE}")
    assert site.run("run", "--mode", "all").returncode == 2
    assert "no disk" in site.run("report", "--out", "-").stdout
    assert site.json("report", "--days", "7")["attempts"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["latest", "--days", "3"], "RUN and --days are two different reports\n  hint: leave out one of them"),
        (["--json", "--out", "-"], "--json and --out - both want standard output\n  hint: name a file with --out"),
        (["--out", "logs"], "{root}/logs is a folder\n  hint: name a file in it"),
    ],
)
def test_what_does_not_fit_is_refused(ran, arguments, said):
    done = ran.run("report", *arguments)
    assert (done.returncode, done.stderr) == (64, f"error: {said.format(root=ran.root)}\n")


def test_a_folder_that_is_not_there_is_made(ran):
    assert ran.run("report", "--out", "gone/out.html").returncode == 0
    assert (ran.root / "gone" / "out.html").is_file()


def test_a_place_that_cannot_be_written_is_named(ran):
    (ran.root / "taken").write_text("")
    done = ran.run("report", "--out", "taken/out.html")
    place = ran.root / "taken" / "out.html"
    assert (done.returncode, done.stderr) == (
        73,
        f"error: {place}: cannot be written: File exists\n  hint: name another place\n",
    )


def test_before_the_first_run_it_says_how_to_start_one(site):
    site.configure(FILE)
    done = site.run("report")
    assert (done.returncode, done.stderr) == (
        64,
        "error: nothing has run yet\n  hint: start it with `tetra run --mode MODE`\n",
    )


def test_the_assets_are_in_the_package():
    for name in ("report.css", "report.js"):
        assert (files("tetra_orchestrator.report") / "assets" / name).is_file()
