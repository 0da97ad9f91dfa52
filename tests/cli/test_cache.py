"""Tasks with `cache` as a user meets them: in runs, dry runs and retries, and the `cache` commands."""

from __future__ import annotations

import json
import re

import pytest

FILE = """
    pipelines:
      sales:
        tasks:
          extract:
            command: [python, extract.py]
            cache: {{inputs: {0}, max_age: 24h}}
            outputs: {{rows: int}}
          build: {{shell: 'echo "built {{extract.rows}}"', depends_on: [extract]}}
    modes: {{daily: [sales]}}
"""
SCRIPT = """
    import json, os
    rows = len(open("data/a.csv").read().splitlines())
    with open(os.environ["TETRA_OUTPUT"], "a") as file:
        print(json.dumps({"rows": rows}), file=file)
    with open("ran", "a") as file:
        file.write("x")
"""
RUN = r"\d{8}T\d{6}Z-[a-z2-7]{6}"
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture
def demo(site):
    site.configure(FILE.format("[data/*.csv]"))
    site.write("extract.py", SCRIPT)
    site.write("data/a.csv", "1\n2\n")
    return site


def ran(site):
    return len((site.root / "ran").read_text())


def daily(site, *options):
    done = site.run("run", "--mode", "daily", *options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def states(site):
    return {row["id"]: (row["state"], row["reason"]["code"]) for row in site.json("show")["tasks"]}


def decisions(site, *options):
    rows = site.json("run", "--mode", "daily", "--dry-run", *options)["tasks"]
    return {row["id"]: (row["decision"], row["reason"]["code"]) for row in rows}


def test_an_unchanged_task_is_skipped_with_the_reason_and_its_outputs_are_used(demo):
    daily(demo)
    shown = daily(demo)
    text = rf"sales\.extract skipped: unchanged since run {RUN} of {STAMP}: its inputs are the same"
    assert re.search(text, shown)
    assert ran(demo) == 1
    assert states(demo) == {"sales.extract": ("skipped", "unchanged"), "sales.build": ("succeeded", "succeeded")}
    assert demo.json("show")["tasks"][0]["outputs"] == {"rows": 2}
    run_id = demo.json("show")["run"]["run_id"]
    assert (demo.root / "logs" / "runs" / run_id / "sales.build.1.log").read_text() == "built 2\n"
    status = demo.json("status")["pipelines"][0]
    assert (status["name"], status["last_run"]["state"]) == ("sales", "succeeded")


def test_it_runs_again_when_an_input_or_its_own_file_has_changed(demo):
    daily(demo)
    demo.write("data/b.csv", "3\n")
    daily(demo)
    assert ran(demo) == 2
    demo.write("extract.py", SCRIPT + "    print('more')\n")
    daily(demo)
    daily(demo)
    assert ran(demo) == 3


def test_no_cache_runs_it_all_the_same_and_keeps_the_new_result(demo):
    daily(demo)
    first = demo.json("cache", "list")["results"][0]["run_id"]
    daily(demo, "--no-cache")
    assert ran(demo) == 2
    [kept] = demo.json("cache", "list")["results"]
    assert kept["run_id"] != first
    daily(demo)
    assert ran(demo) == 2


def test_a_dry_run_tells_beforehand_what_can_be_told(demo):
    build = ("run", "dependencies_succeeded")
    assert decisions(demo) == {"sales.extract": ("run", "no_result"), "sales.build": build}
    daily(demo)
    assert decisions(demo) == {"sales.extract": ("skip", "unchanged"), "sales.build": build}
    assert decisions(demo, "--no-cache") == {"sales.extract": ("run", "cache_ignored"), "sales.build": build}
    demo.write("data/a.csv", "9\n")
    assert decisions(demo) == {"sales.extract": ("run", "changed"), "sales.build": build}
    assert len(demo.json("cache", "list")["results"]) == 1, "asking changes nothing"


def test_retry_does_again_what_it_is_told_to(demo):
    daily(demo)
    done = demo.run("retry", "latest", "--task", "sales.extract")
    assert (done.returncode, ran(demo)) == (0, 2)


def test_inputs_that_are_not_there_are_told_in_the_run_and_nothing_is_kept(demo):
    demo.configure(FILE.format("['dta/*.csv']"))
    shown = daily(demo)
    assert "sales.extract: no file fits the input 'dta/*.csv': no result is kept" in shown
    daily(demo)
    assert ran(demo) == 2
    assert demo.json("cache", "list") == {"schema": "tetra.cache.list/1", "results": []}


# The commands


def test_cache_list_publishes_each_result(demo):
    daily(demo)
    run_id = demo.json("show")["run"]["run_id"]
    body = demo.json("cache", "list")
    [row] = body["results"]
    assert list(row) == ["task", "partition", "key", "run_id", "made_at", "age_s", "outputs"]
    assert (row["task"], row["partition"], row["run_id"]) == ("sales.extract", None, run_id)
    assert re.fullmatch(r"[0-9a-f]{40}", row["key"])
    assert 0 <= row["age_s"] < 60
    assert row["outputs"] == {"rows": 2}


def test_cache_list_for_people_names_task_dates_run_age_and_outputs(demo):
    assert demo.run("cache", "list").stdout == "nothing is kept: a task with `cache` has to succeed first\n"
    daily(demo)
    head, _, row = demo.run("cache", "list", "--task", "sales.extract").stdout.splitlines()
    assert head.split() == ["task", "dates", "run", "age", "outputs"]
    assert re.fullmatch(rf"sales\.extract  - +{RUN}  \d+ s +rows", row)


def test_cache_clear_has_the_task_run_next_time_and_says_how_many_it_forgot(demo):
    daily(demo)
    done = demo.run("cache", "clear", "--task", "sales.extract")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 result forgotten\n", "")
    assert demo.json("cache", "clear") == {"schema": "tetra.cache.clear/1", "removed": 0}
    daily(demo)
    assert ran(demo) == 2


def test_a_task_that_does_not_exist_is_refused_with_a_guess(demo):
    done = demo.run("cache", "clear", "--task", "extract")
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == (
        "error: there is no task 'extract' with `cache`\n"
        "  hint: did you mean 'sales.extract'? such tasks: sales.extract\n"
    )


def test_a_result_of_a_task_that_the_file_has_no_more_can_still_be_cleared(demo):
    daily(demo)
    demo.configure("pipelines: {other: {shell: 'true'}}")
    assert demo.run("cache", "clear", "--task", "sales.extract").stdout == "1 result forgotten\n"


def test_the_compiled_configuration_is_not_what_cache_clear_is_about(demo):
    daily(demo)
    before = sorted((demo.root / "state" / "cache").iterdir())
    demo.run("cache", "clear")
    assert sorted((demo.root / "state" / "cache").iterdir()) == before != []


def test_events_of_a_run_tell_what_was_unchanged(demo):
    daily(demo)
    events = [json.loads(line) for line in daily(demo, "--json").splitlines()]
    told = [(one["event"], one["state"], one["reason"]["code"]) for one in events if one.get("task") == "sales.extract"]
    assert told == [("task.skipped", "skipped", "unchanged")]
