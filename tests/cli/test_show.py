"""`show`: where a run stands in time, beside its neighbours, and what its configuration had changed."""

from __future__ import annotations

import pytest

FILE = """
    pipelines:
      data: {shell: "true", tags: {team: risk}}
      report: {shell: 'test "$TETRA_ATTEMPT" = 2', retry: {max_attempts: 2}, depends_on: [data]}
    modes: {all: [data, report], some: [data]}
"""


@pytest.fixture
def ran(site):
    site.configure(FILE)
    assert site.run("run", "--mode", "all").returncode == 0
    return site


def newest(site):
    return site.json("history", "-n", "1")["runs"][0]["run_id"]


def test_a_run_is_found_by_the_beginning_of_its_id(ran):
    run = newest(ran)
    assert ran.json("show", run[:18])["run"]["run_id"] == run
    assert ran.run("logs", "--run", run[:20]).stdout == ran.run("logs").stdout


def test_a_beginning_that_several_runs_have_is_refused_with_these(ran):
    first = newest(ran)
    ran.run("run", "--mode", "some")
    second = newest(ran)
    done = ran.run("show", "20")
    assert (done.returncode, done.stderr) == (
        64,
        f"error: several runs begin with '20'\n  hint: the latest are: {second}, {first}\n",
    )


@pytest.mark.parametrize("name", ["1999", "", "%"])
def test_a_run_that_is_not_there_is_refused_with_those_that_are(ran, name):
    done = ran.run("show", name)
    assert (done.returncode, done.stderr) == (
        64,
        f"error: there is no run '{name}'\n  hint: the latest are: {newest(ran)}\n",
    )


def test_the_timeline_has_a_bar_for_each_attempt(ran):
    lines = ran.run("show").stdout.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("data   "))
    assert [line.split()[0] for line in lines[start : start + 3]] == ["data", "report", "report"]
    assert ["x" in line.split()[2] for line in lines[start + 1 : start + 3]] == [True, False]
    assert max(map(len, lines[start - 1 : start + 4])) <= 80


def test_what_changed_since_the_last_success_of_the_mode_is_told(ran):
    good = newest(ran)
    assert ran.json("show")["config_diff"] is None
    ran.configure(FILE.replace('shell: "true"', 'shell: "exit 1"'))
    ran.run("run", "--mode", "some")
    assert ran.json("show")["config_diff"] is None
    ran.run("run", "--mode", "all")
    assert ran.json("show")["config_diff"] == {
        "last_success": good,
        "changes": [{"kind": "changed", "path": "pipelines.data.shell", "before": "true", "after": "exit 1"}],
    }
    assert ran.run("show").stdout.splitlines()[-2:] == [
        f"configuration since the last success, run {good}",
        '~ pipelines.data.shell: "true" -> exit 1',
    ]


def test_a_run_with_the_configuration_of_the_last_success_has_no_changes(ran):
    good = newest(ran)
    ran.run("run", "--mode", "all")
    assert ran.json("show")["config_diff"] == {"last_success": good, "changes": []}
    assert "configuration" not in ran.run("show").stdout


def test_secrets_in_what_changed_are_masked(ran):
    ran.configure(FILE.replace('shell: "true"', 'shell: "true", env: {API_TOKEN: abc-123-def}'))
    ran.run("run", "--mode", "all")
    assert "abc-123-def" not in ran.run("show").stdout + ran.run("show", "--json").stdout
    assert "***" in ran.run("show").stdout


def test_a_run_and_the_one_that_resumes_it_name_each_other_and_tags_are_told(site):
    site.configure(FILE.replace('test "$TETRA_ATTEMPT" = 2', "exit 1"))
    site.run("run", "--mode", "all")
    first = newest(site)
    site.run("resume")
    second = newest(site)
    assert site.json("show", first)["resumed_by"] == [second]
    assert f"\nresumed by {second}\ntags team=risk\n" in site.run("show", first).stdout
    assert f"\nresumes {first}\n" in site.run("show", second).stdout


def test_logs_say_what_was_left_out_of_them(site):
    site.configure("pipelines: {loud: {shell: 'seq 1 1000', log_limit: 1KB}}")
    site.run("run")
    done = site.run("logs", "--pipeline", "loud", "--tail", "2")
    (attempt,) = site.json("show")["tasks"][0]["attempts"]
    assert (done.stdout, done.stderr) == ("999\n1000\n", f"note: {attempt['note']}\n")
    whole = site.run("logs", "--pipeline", "loud").stdout
    assert whole.startswith("1\n2\n")
    assert "bytes left out ..." in whole
