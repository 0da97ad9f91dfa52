"""`why`: what can be asked for, and what is told where there is no run to tell of."""

from __future__ import annotations

import re

CHAIN = """
    pipelines:
      extract: {command: [python3, ./extract.py]}
      load: {command: ["true"], depends_on: [extract]}
"""


def told(site, *argv):
    """The lines of the answer."""
    done = site.run("why", *argv)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def refusal(site, *argv):
    done = site.run("why", *argv)
    assert (done.returncode, done.stdout) == (64, "")
    return done.stderr


def test_where_nothing_has_run_it_says_how_to_start(site):
    site.configure(CHAIN)
    assert refusal(site) == "error: nothing has run yet\n  hint: start it with `tetra run --mode MODE`\n"
    assert told(site, "load") == ["load has not run yet", "  what to do: run it: tetra run -p load"]
    assert refusal(site, "load.rows") == (
        "error: there is no run, task or pipeline 'load.rows'\n  hint: did you mean 'load'? tasks: load\n"
    )
    assert refusal(site, "laod") == (
        "error: there is no run, task or pipeline 'laod'\n  hint: did you mean 'load'? pipelines: extract, load\n"
    )


def test_what_to_do_names_the_file_that_was_named(site):
    site.configure(CHAIN)
    assert told(site, "load", "--config", "config/orchestration.yaml") == [
        "load has not run yet",
        "  what to do: run it: tetra run --config config/orchestration.yaml -p load",
    ]


def test_a_task_is_looked_up_in_the_newest_run_it_was_in_or_in_the_one_that_is_named(site):
    site.configure(CHAIN)
    site.env["TZ"] = "America/New_York"
    site.write("extract.py", "")
    site.run("run")
    good = site.json("show")["run"]["run_id"]
    script = site.write("extract.py", "import sys; sys.exit('no rows')")
    site.run("run", "-p", "extract")
    bad = site.json("show")["run"]["run_id"]
    first, *rest = told(site, "extract")
    assert first == "extract failed with exit code 1"
    assert f"  it succeeded last in run {good}" in rest
    assert any(
        re.fullmatch(rf"  extract\.py was changed at \S+ \S+ E[SD]T: {re.escape(str(script))}", line) for line in rest
    )
    assert rest[-2:] == [
        f"  what to do: read its log: tetra logs --run {bad} -p extract",
        f"  what to do: then go on where it ended: tetra resume {bad}",
    ]
    assert told(site, "load")[0] == "load ran: everything it depends on has succeeded"
    assert told(site, "extract", "--run", good)[0] == "extract ran: it depends on nothing in this run"
    assert told(site, "--run", good[:-3])[0] == (
        f"run {good} ran: somebody started it by hand; every task succeeded or was skipped"
    )
    assert told(site, bad)[0] == "extract failed with exit code 1"
    assert refusal(site, "load", "--run", bad) == (
        f"error: 'load' is not in run {bad}\n  hint: `tetra show` lists the tasks of a run\n"
    )
    body = site.json("why", "load")
    assert (body["schema"], body["run_id"], body["task"]) == ("tetra.why/1", good, "load")
    assert body["cause"] == {"code": "ran", "text": "load ran: everything it depends on has succeeded"}
    assert [reason["code"] for reason in body["evidence"]] == ["run", "took"]
    assert re.search(r" began at \S+Z: ", body["evidence"][0]["text"])


def test_a_refusal_is_told_until_something_runs_and_never_of_a_run_that_is_named(site):
    site.configure(CHAIN)
    site.write("extract.py", "")
    site.run("run")
    run_id = site.json("show")["run"]["run_id"]
    site.run("pause", "load")
    assert site.run("run", "-p", "load").returncode == 75
    first, when, remedy = told(site)
    assert re.fullmatch(r"load was not run: load cannot start: the pipeline is paused since \S+Z", first)
    assert re.fullmatch(r"  that was at \S+ \S+ UTC", when)
    assert remedy == ("  what to do: end that with `tetra unpause load`, or go ahead regardless with --force")
    assert told(site, "load")[0] == first
    assert told(site, "extract")[0] == "extract ran: it depends on nothing in this run"
    assert told(site, run_id)[0].startswith(f"run {run_id} ran: ")
    site.run("unpause", "load")
    site.run("run")
    assert told(site, "load")[0] == "load ran: everything it depends on has succeeded"


def test_a_task_without_its_pipeline_and_a_schedule_are_told_how_to_ask(site):
    site.configure("""
        pipelines: {features: {tasks: {build: {command: ["true"]}, check: {command: ["true"]}}}}
        schedules: {nightly: {pipelines: [features], cron: "0 3 * * *"}}
    """)
    assert refusal(site, "build") == (
        "error: there is no run, task or pipeline 'build'\n  hint: tasks: features.build\n"
    )
    assert refusal(site, "nightly") == (
        "error: there is no run, task or pipeline 'nightly'\n  hint: it is a schedule: tetra why-not nightly\n"
    )


def test_of_a_pipeline_that_is_gone_on_with_a_task_that_ran_again_is_meant(site):
    site.configure("""
        pipelines:
          pay:
            tasks: {one: {command: ["true"]}, two: {shell: "test -e ok || exit 7", depends_on: [one]}}
    """)
    site.run("run")
    site.write("ok", "")
    site.run("resume")
    assert told(site, "pay")[0] == "pay.two ran: everything it depends on has succeeded"


def test_a_failure_that_a_run_went_on_with_counts_for_no_success(site):
    file = 'pipelines: {load: {tasks: {rows: {shell: "exit 3"CONTINUED}}}}'
    site.configure(file.replace("CONTINUED", ", continue_on: {failure: true}"))
    assert site.run("run").returncode == 1
    site.configure(file.replace("CONTINUED", ""))
    assert site.run("run").returncode == 2
    assert "  load.rows has not succeeded before" in told(site)


def test_a_slot_that_a_broken_file_has_cost_is_told_of_its_pipelines(site):
    schedule = "    schedules: {often: {pipelines: [load], every: 1s, catch_up: all}}\n"
    site.configure(CHAIN + schedule)
    site.run("status")
    site.configure(CHAIN.replace("command", "comand", 1) + schedule)
    file = site.root / "config" / "orchestration.yaml"
    wanted = (
        rf"load was not run for the slot \S+ \S+ UTC of schedule often: the configuration could not be used: "
        rf"{re.escape(str(file))}:6:3: 'extract' has nothing to run"
    )

    def missed():
        assert site.run("fire", "often").returncode == 78
        return re.fullmatch(wanted, site.run("why", "load").stdout.split("\n")[0])

    site.until(missed)
    assert site.run("why", "load").stdout.splitlines()[1] == "  what to do: look closer: tetra why-not often"
    assert site.run("run").returncode == 78
    assert site.run("why").stdout.splitlines()[::2] == [
        f"the last run was refused: {file}:6:3: 'extract' has nothing to run",
        "  what to do: mend the file: tetra validate shows each mistake",
    ]


def test_a_variable_that_the_last_success_had_is_named_and_its_value_nowhere(site):
    site.configure("pipelines: {load: {shell: 'test -n \"$API_TOKEN\"'}}")
    assert site.run("run", env={**site.env, "API_TOKEN": "hunter2hunter2"}).returncode == 0
    run = site.run("run", env={**site.env, "PATH": f"{site.env['PATH']}:/nowhere"})
    assert run.returncode == 2
    lines = told(site)
    assert lines[0] == "load failed with exit code 1"
    assert "  variables of the environment that it had then: API_TOKEN" in lines
    path = site.env["PATH"]
    assert f"  PATH is another than in its last success: {path}:/nowhere, then {path}" in lines
    noted = [path.read_text() for path in site.root.glob("state/attempts/*/around")]
    assert len(noted) == 2
    assert not any("hunter2" in text for text in noted)
