"""`run --from`, `--until` and `--only` as somebody uses them."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

FILE = r"""
    pipelines:
      data: {shell: 'echo data >>journal', max_data_age: 24h}
      features:
        depends_on: [data]
        tasks:
          extract: {shell: 'echo extract >>journal; echo "{{\"rows\": 3}}" >>"$TETRA_OUTPUT"'}
          build: {shell: 'echo "build {features.extract.rows}" >>journal; test ! -e broken', depends_on: [extract]}
          publish: {shell: 'echo publish >>journal', depends_on: [build]}
      metrics: {shell: 'echo metrics >>journal', depends_on: [features]}
    modes: {weekly: [data, features, metrics], most: [data, features]}
"""
HINT = "  hint: run that first, or run the mode that holds both, or go ahead regardless with --force\n"


@pytest.fixture
def whole(site):
    """A project in which everything has run once."""
    site.configure(FILE)
    assert site.run("run", "--mode", "weekly").returncode == 0
    (site.root / "journal").unlink()
    return site


def journal(site):
    return (site.root / "journal").read_text().split("\n")[:-1]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (("--from", "features.build"), ["build 3", "publish", "metrics"]),
        (("--until", "features.extract"), ["data", "extract"]),
        (("--only", "features.build"), ["build 3"]),
        (("--only", "features"), ["extract", "build 3", "publish"]),
        (("--from", "features.extract", "--until", "features.build"), ["extract", "build 3"]),
        (("--mode", "most", "--from", "features.build"), ["build 3", "publish"]),
        (("--pipeline", "features", "--from", "features.publish"), ["publish"]),
    ],
)
def test_a_part_runs_with_the_outputs_that_what_is_left_out_left_before(whole, options, lines):
    done = whole.run("run", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert journal(whole) == lines


def test_the_first_line_says_that_it_is_a_part(whole):
    whole.run("run", "--mode", "weekly", "--from", "features.build")
    assert whole.lines_of_log()[0] == "Starting orchestration in weekly mode (3 of 5 tasks)"


def test_a_dry_run_shows_what_is_left_out_and_why(whole):
    first = whole.json("show")["run"]["run_id"]
    rows = whole.json("run", "--dry-run", "--from", "features.publish")["tasks"]
    assert [(row["id"], row["decision"], row["reason"]["code"]) for row in rows] == [
        ("data", "skip", "not_selected"),
        ("features.extract", "skip", "already_succeeded"),
        ("features.build", "skip", "already_succeeded"),
        ("features.publish", "run", "no_dependencies"),
        ("metrics", "run", "dependencies_succeeded"),
    ]
    assert [row["command"] is None for row in rows] == [True, True, True, False, False]
    assert rows[0]["reason"]["text"] == "it is not in the part that was asked for"
    assert rows[1]["reason"]["text"] == f"it succeeded in run {first}"
    assert not (whole.root / "journal").exists()


def test_a_dry_run_tells_what_a_part_lacks(site):
    site.configure(FILE)
    rows = {row["id"]: row for row in site.json("run", "--dry-run", "--from", "features.build")["tasks"]}
    assert (rows["features.build"]["decision"], rows["features.build"]["reason"]) == (
        "wait",
        {"code": "dependency_not_succeeded", "text": "features.extract has never run"},
    )
    forced = {row["id"]: row for row in site.json("run", "--dry-run", "--from", "features.build", "--force")["tasks"]}
    assert forced["features.build"]["reason"] == {
        "code": "no_outputs",
        "text": "it needs {features.extract.rows}, and features.extract has left no outputs yet",
    }


def test_the_gate_holds_for_what_is_left_out(site):
    site.configure(FILE)
    done = site.run("run", "--only", "features.build")
    assert (done.returncode, done.stdout) == (75, "")
    assert done.stderr == f"error: features.build cannot start: features.extract has never run\n{HINT}"
    done = site.run("run", "--only", "features.publish", "--force")
    assert done.returncode == 0
    assert journal(site) == ["publish"]


def test_a_pipeline_that_ran_in_part_is_partial_until_the_rest_has_run(whole):
    def state():
        [found] = [one for one in whole.json("status")["pipelines"] if one["name"] == "features"]
        return found["last_run"]["state"]

    assert whole.run("run", "--until", "features.build").returncode == 0
    assert state() == "partial"
    with closing(sqlite3.connect(whole.root / "state" / "tetra.db")) as store:
        view = "SELECT last_run_status FROM pipeline_state WHERE pipeline_name = 'features'"
        assert store.execute(view).fetchall() == [("partial",)]
    assert whole.run("run", "--pipeline", "metrics").returncode == 75
    assert whole.run("run", "--only", "features.publish").returncode == 0
    assert state() == "succeeded"
    assert whole.run("run", "--pipeline", "metrics").returncode == 0


def test_a_part_that_failed_is_resumed_as_the_part_that_it_was(whole):
    (whole.root / "broken").touch()
    assert whole.run("run", "--only", "features.build", "--only", "data").returncode == 2
    (whole.root / "broken").unlink()
    assert journal(whole) == ["data", "build 3"]
    done = whole.run("resume")
    assert (done.returncode, done.stderr) == (0, "")
    assert journal(whole) == ["data", "build 3", "build 3"]
    rows = {row["id"]: row["reason"]["code"] for row in whole.json("show")["tasks"]}
    assert rows["features.publish"] == "not_selected"


def test_mistakes_are_told_with_what_was_meant_and_nothing_runs(whole):
    done = whole.run("run", "--mode", "most", "--from", "features.biuld")
    assert (done.returncode, done.stderr) == (
        64,
        "error: Unknown task or pipeline: features.biuld\n"
        "  hint: did you mean 'features.build'? there are: data, features, features.extract, features.build, "
        "features.publish\n",
    )
    done = whole.run("run", "--mode", "most", "--only", "metrics")
    assert (done.returncode, done.stderr.splitlines()[0]) == (64, "error: 'metrics' is not in the mode 'most'")
    done = whole.run("run", "--from", "metrics", "--until", "data")
    assert (done.returncode, done.stderr) == (
        64,
        "error: nothing lies between --from metrics and --until data\n  hint: it is the other way round: swap them\n",
    )
    done = whole.run("run", "--from", "data", "--only", "data")
    assert done.returncode == 64
    assert not (whole.root / "journal").exists()


DATED = r"""
    pipelines:
      daily:
        tasks:
          fetch: {shell: 'echo "{{\"day\": \"{partition.start}\"}}" >>"$TETRA_OUTPUT"'}
          load: {shell: 'echo "{partition.start} of {daily.fetch.day}" >>journal', depends_on: [fetch]}
    modes: {days: {partition: day, pipelines: [daily]}}
"""


def for_day(site, day, *options):
    return site.run("run", "--mode", "days", "--start-date", day, "--end-date", day, *options)


def test_a_part_for_a_date_counts_only_what_was_done_for_that_date(site):
    site.configure(DATED)
    for day in ("2026-01-07", "2026-01-08"):
        assert for_day(site, day).returncode == 0
    assert for_day(site, "2026-01-07", "--only", "daily.load").returncode == 0
    assert journal(site) == ["2026-01-07 of 2026-01-07", "2026-01-08 of 2026-01-08", "2026-01-07 of 2026-01-07"]
    done = for_day(site, "2026-01-09", "--only", "daily.load")
    assert (done.returncode, done.stderr) == (
        75,
        f"error: daily.load cannot start: daily.fetch has never run\n{HINT}".replace(
            "never run", "never run for 2026-01-09"
        ),
    )
