"""`resume` and `retry` after the file has changed: with what the run had, or with the file as it is now."""

from __future__ import annotations

FILE = """
    params: {rows: {type: int, default: 3}}
    pipelines:
      extract: {shell: 'echo extract >>journal'}
      clean: {shell: 'echo clean >>journal', depends_on: [extract]}
      load: {shell: 'echo load >>journal; test -e mended', depends_on: [clean]}
      report: {shell: 'echo report {params.rows} >>journal', depends_on: [load]}
      aside: {shell: 'echo aside >>journal'}
    modes: {all: [extract, clean, load, report, aside], some: [extract, clean]}
"""


def journal(site):
    return (site.root / "journal").read_text().split("\n")[:-1]


def failed(site, *args):
    """The id of a run in which `load` has failed; what made it fail is mended."""
    site.configure(FILE)
    assert site.run("run", "--mode", "all", *args).returncode == 2
    (site.root / "mended").touch()
    (site.root / "journal").unlink()
    return site.json("show")["run"]["run_id"]


def change(site, *pairs):
    text = FILE
    for before, after in pairs:
        assert text.count(before) == 1
        text = text.replace(before, after)
    site.configure(text)


def test_a_changed_file_is_told_and_makes_no_difference_to_a_resume(site):
    run_id = failed(site)
    change(site, ("echo clean", "echo wash"))
    done = site.run("resume")
    assert (done.returncode, done.stderr) == (
        0,
        f"note: the configuration has changed since run {run_id}\n"
        "  ~ pipelines.clean.shell: echo clean >>journal -> echo wash >>journal\n"
        "  going on with what it had; --with-current-config takes the file as it is now\n",
    )
    assert journal(site) == ["load", "report 3"]


def test_with_the_current_file_what_has_changed_is_done_again_with_what_is_behind_it(site):
    run_id = failed(site, "--param", "rows=7")
    change(site, ("echo clean", "echo wash"))
    done = site.run("resume", "--with-current-config")
    assert (done.returncode, done.stderr) == (
        0,
        f"note: the configuration has changed since run {run_id}\n"
        "  ~ pipelines.clean.shell: echo clean >>journal -> echo wash >>journal\n"
        "  going on with the file as it is now\n",
    )
    assert journal(site) == ["wash", "load", "report 7"]
    shown = site.json("show")
    assert (shown["run"]["resumes"], shown["run"]["params"]) == (run_id, {"rows": "7"})
    assert [task["state"] for task in shown["tasks"]] == ["skipped", *["succeeded"] * 3, "skipped"]
    assert site.json("config", "diff", "--run", "latest")["changes"] == []


def test_the_reason_of_what_is_done_again_is_among_the_events(site):
    failed(site)
    change(site, ("echo clean", "echo wash"))
    events = site.run("resume", "--with-current-config", "--json").stdout.splitlines()
    [why] = [line for line in events if '"attempt.started"' in line and '"clean"' in line]
    assert '"definition_changed"' in why
    assert '"its definition has changed: program"' in why


def test_new_tasks_of_the_mode_run_and_those_that_are_gone_are_told(site):
    failed(site)
    change(
        site,
        ("      aside: {shell: 'echo aside >>journal'}\n", "      fresh: {shell: 'echo fresh >>journal'}\n"),
        ("report, aside]", "report, fresh]"),
    )
    done = site.run("resume", "--with-current-config")
    assert done.returncode == 0
    assert "  left out, as the file does not have them any more: aside\n" in done.stderr
    assert sorted(journal(site)) == ["fresh", "load", "report 3"]


def test_of_a_run_of_single_pipelines_only_these_are_resumed(site):
    site.configure(FILE)
    assert site.run("run", "--mode", "all", "-p", "extract", "-p", "clean", "-p", "load").returncode == 2
    (site.root / "mended").touch()
    (site.root / "journal").unlink()
    change(site, ("echo report", "echo paper"))
    assert site.run("resume", "--with-current-config").returncode == 0
    assert journal(site) == ["load"]


def test_a_run_that_succeeded_is_resumed_only_for_what_has_changed_since(site):
    site.configure(FILE)
    (site.root / "mended").touch()
    assert site.run("run", "--mode", "all").returncode == 0
    run_id = site.json("show")["run"]["run_id"]
    change(site, ("modes: {all", "title: a new one\n    modes: {all"))
    done = site.run("resume", "--with-current-config")
    assert (done.returncode, done.stdout) == (0, f"run {run_id} succeeded: there is nothing to resume\n")
    (site.root / "journal").unlink()
    change(site, ("default: 3", "default: 5"))
    assert site.run("resume", "--with-current-config").returncode == 0
    assert journal(site) == ["report 5"]


def test_retry_takes_single_tasks_as_the_file_has_them_now(site):
    failed(site)
    change(site, ("echo extract", "echo fetch"))
    done = site.run("retry", "latest", "--task", "extract", "--with-current-config")
    assert done.returncode == 0, done.stderr
    assert journal(site) == ["fetch"]
    assert site.run("resume").returncode == 0, "what it has left"
    assert journal(site) == ["fetch", "clean", "load", "report 3"]


def test_a_run_whose_mode_or_tasks_are_gone_cannot_go_on_with_the_file(site):
    run_id = failed(site)
    site.configure("pipelines: {other: {shell: 'true'}}\nmodes: {alt: [other]}")
    done = site.run("resume", "--with-current-config")
    assert done.returncode == 64
    assert done.stderr.endswith("error: Unknown mode: all\n  hint: did you mean 'alt'? modes: alt\n")
    site.configure("pipelines: {other: {shell: 'true'}, aside: {shell: 'true'}}\nmodes: {all: [other]}")
    done = site.run("retry", run_id, "-t", "load", "--with-current-config")
    assert done.returncode == 64
    assert done.stderr.endswith(f"error: run {run_id} has no task 'load'\n  hint: tasks: other\n")


def test_a_file_with_mistakes_cannot_be_gone_on_with(site):
    failed(site)
    (site.root / "config" / "orchestration.yaml").write_text("pipelines: [")
    assert site.run("resume", "--with-current-config").returncode == 78
    assert not (site.root / "journal").exists()


def test_secrets_are_masked_in_what_is_told_of_changes(site):
    site.env["TOKEN"] = "tok-0123456789"
    site.configure("pipelines: {a: {shell: 'exit 1', env: {API_TOKEN: tok-aaaaaaaaaa}}}")
    assert site.run("run").returncode == 2
    site.configure("pipelines: {a: {shell: 'exit 1', env: {API_TOKEN: tok-bbbbbbbbbb}}}")
    told = site.run("resume").stderr
    assert "~ pipelines.a.env.API_TOKEN: '***' -> '***'\n" in told.replace('"', "'")
    assert "tok-" not in told


def test_many_changes_are_cut_short_with_the_command_that_shows_all(site):
    pipelines = ", ".join(f"p{n}: {{shell: 'exit 1'}}" for n in range(12))
    site.configure(f"pipelines: {{{pipelines}}}")
    assert site.run("run").returncode == 2
    run_id = site.json("show")["run"]["run_id"]
    site.configure(f"pipelines: {{{pipelines.replace('exit 1', 'exit 0')}}}")
    told = site.run("resume").stderr.splitlines()
    assert len(told) == 11
    assert told[9] == f"  and 4 more: `tetra config diff --run {run_id}` shows all"


def test_lost_runs_go_on_by_themselves_only_with_what_they_had(site):
    site.configure(FILE)
    done = site.run("resume", "--lost", "--with-current-config")
    assert (done.returncode, done.stderr) == (
        64,
        "error: --lost goes on with the configurations that the runs had\n"
        "  hint: resume a run whose configuration has changed by its id\n",
    )
