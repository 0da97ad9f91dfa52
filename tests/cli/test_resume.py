"""`resume`, `retry`, `stop` and `run --overlap` as somebody uses them."""

from __future__ import annotations

import json
import signal
import sqlite3
import sys

import pytest

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks for the task in /proc")
#: A task that notes each of its starts, and fails until a file is there.
CHAIN = """
    params: {rows: {type: int, default: 3}}
    pipelines:
      extract: {shell: 'echo extract >>journal; echo "{\\"rows\\": {params.rows}}" >>"$TETRA_OUTPUT"'}
      load: {shell: 'echo load >>journal; test -e mended', depends_on: [extract]}
      report: {shell: 'echo "report {extract.rows}" >>journal', depends_on: [load]}
    modes: {all: [extract, load, report]}
"""


def journal(site):
    return (site.root / "journal").read_text().split("\n")[:-1]


def failed(site):
    """A run in which `load` has failed; what made it fail is mended."""
    site.configure(CHAIN)
    assert site.run("run", "--mode", "all", "--param", "rows=7").returncode == 2
    (site.root / "mended").touch()
    (site.root / "journal").unlink()
    return site.json("show")["run"]["run_id"]


def test_A_063_resume_goes_on_where_the_newest_run_ended_with_its_parameters(site):
    old = failed(site)
    done = site.run("resume")
    assert (done.returncode, done.stderr) == (0, "")
    assert journal(site) == ["load", "report 7"]
    shown = site.json("show")
    assert (shown["run"]["resumes"], shown["run"]["trigger"], shown["run"]["params"]) == (old, "resume", {"rows": "7"})
    first = shown["tasks"][0]
    assert (first["state"], first["reason"]["code"], first["outputs"]) == ("skipped", "already_succeeded", {"rows": 7})


def test_a_run_that_is_resumed_by_a_named_file_names_it_for_the_next_time(site):
    failed(site)
    (site.root / "mended").unlink()
    other = (site.root / "config/orchestration.yaml").rename(site.root / "other.yaml")
    done = site.run("resume", "--config", other)
    run = site.json("show", "--config", other)["run"]["run_id"]
    assert done.returncode == 2
    assert f"Go on where it ended: tetra resume {run} --config '{other}'" in done.stdout


def test_90_a_run_is_resumed_with_its_own_configuration_whatever_has_become_of_the_file(site):
    old = failed(site)
    site.configure("pipelines: {other: {shell: 'echo other >>journal'}}")
    done = site.run("resume", old)
    assert done.returncode == 0, done.stderr
    assert journal(site) == ["load", "report 7"]
    assert site.json("config", "diff", "--run", "latest")["changes"]


def test_90_a_file_with_mistakes_does_not_keep_a_run_from_being_resumed(site):
    failed(site)
    (site.root / "config" / "orchestration.yaml").write_text("pipelines: [")
    done = site.run("resume", "--no-retry", "--max-parallel", "1")
    assert (done.returncode, done.stderr) == (
        0,
        f"warning: {site.root / 'config' / 'orchestration.yaml'}:2:1: not valid YAML: did not find expected node "
        "content while parsing a flow node from line 2; going by how the file was before\n",
    )
    assert journal(site) == ["load", "report 7"]


def test_a_run_of_included_files_is_resumed_with_what_they_said(site):
    site.write("parts/more.yaml", "pipelines: {more: {shell: 'echo more >>journal; test -e mended'}}")
    site.configure("include: [parts/*.yaml]\npipelines: {a: {shell: 'echo a >>journal'}}")
    assert site.run("run").returncode == 2
    (site.root / "mended").touch()
    site.configure("pipelines: {a: {shell: 'echo other >>journal'}}")
    done = site.run("resume")
    assert done.returncode == 0, done.stderr
    assert sorted(journal(site)) == ["a", "more", "more"]


def test_a_run_goes_on_in_the_store_that_it_is_in_though_the_file_has_named_another_since(site):
    failed(site)
    (site.root / "elsewhere").mkdir(mode=0o700)
    for path in (site.root / "state").glob("tetra.db*"):
        path.rename(site.root / "elsewhere" / path.name)
    site.configure("state: sqlite:///elsewhere/tetra.db" + CHAIN.replace("\n    ", "\n"))
    done = site.run("resume")
    assert done.returncode == 0, done.stderr
    assert journal(site) == ["load", "report 7"]
    assert not (site.root / "state" / "tetra.db").exists()


def test_89_what_has_gone_since_the_run_is_told_with_how_to_see_what_changed(site):
    site.configure("pipelines: {a: {module: here}}")
    (site.root / "here.py").write_text("raise SystemExit(3)")
    assert site.run("run").returncode == 2
    run_id = site.json("show")["run"]["run_id"]
    (site.root / "here.py").unlink()
    done = site.run("resume")
    assert done.returncode == 78
    file = site.root / "config" / "orchestration.yaml"
    assert done.stderr.startswith(f"error: {file}: what run {run_id} was started with cannot be used any more: ")
    assert done.stderr.endswith(
        f"\n  hint: `tetra config diff --run {run_id}` shows what has changed since; mend that, "
        "or go on with the file as it is now, by --with-current-config\n"
    )


def test_I15_there_is_nothing_to_resume_of_a_run_that_succeeded(site):
    site.configure("pipelines: {a: {shell: 'true'}}")
    site.run("run")
    done = site.run("resume")
    run_id = site.json("show")["run"]["run_id"]
    assert (done.returncode, done.stdout) == (0, f"run {run_id} succeeded: there is nothing to resume\n")


def test_before_any_run_there_is_nothing_to_resume(site):
    site.configure("pipelines: {a: {shell: 'true'}}")
    done = site.run("resume")
    assert (done.returncode, done.stderr) == (
        64,
        "error: nothing has run yet\n  hint: start it with `tetra run --mode MODE`\n",
    )


def test_a_parameter_that_was_a_secret_is_not_kept_and_has_to_be_given_again(site):
    site.configure("""
        params: {token: {type: str}}
        env: {inherit: all, pass: [API_TOKEN]}
        pipelines: {a: {command: [sh, -c, "exit 1"], env: {T: "{params.token}"}}}
    """)
    site.env["API_TOKEN"] = "tok-0123456789"
    assert site.run("run", "--param", "token=tok-0123456789").returncode == 2
    run_id = site.json("show")["run"]["run_id"]
    done = site.run("resume")
    assert (done.returncode, done.stderr) == (
        64,
        f"error: the parameter 'token' of run {run_id} was a secret, which is not kept\n"
        "  hint: start a new run, with --param token=...\n",
    )
    with sqlite3.connect(site.root / "state" / "tetra.db") as store:
        assert b"tok-0123456789" not in b"".join(line.encode() for line in store.iterdump())


def test_retry_does_one_task_of_an_old_run_again_and_what_depends_on_it(site):
    old = failed(site)
    done = site.run("retry", old, "--task", "extract", "--downstream")
    assert done.returncode == 0, done.stderr
    assert journal(site) == ["extract", "load", "report 7"]
    assert site.json("show")["run"]["trigger"] == "retry"


def test_retry_wants_a_task(site):
    failed(site)
    done = site.run("retry", "latest")
    assert (done.returncode, done.stderr) == (
        64,
        "error: Missing option '--task' / '-t'.\n  hint: `tetra retry --help` lists what it takes\n",
    )


@LINUX
def test_a_task_that_outlived_its_run_is_taken_up_with_its_exit_code_log_and_outputs(site):
    site.configure("""
        pipelines:
          long:
            survive: true
            shell: |
              echo begun >>journal; until test -e go; do sleep 0.02; done; echo done
              echo '{{"n": 5}}' >>"$TETRA_OUTPUT"
          after: {shell: 'echo "after {long.n}" >>journal', depends_on: [long]}
    """)
    owner = site.start("run")
    site.until(lambda: (site.root / "journal").exists())
    owner.kill()
    owner.communicate()
    assert site.json("status")["active_runs"][0]["state"] == "running"
    busy = site.run("run")
    assert busy.returncode == 75
    assert "whose owner has died, is still running" in busy.stderr
    (site.root / "go").touch()
    done = site.run("resume")
    assert done.returncode == 0, done.stderr
    assert journal(site) == ["begun", "after 5"]
    old = site.json("show", site.json("show")["run"]["resumes"])
    [attempt] = old["tasks"][0]["attempts"]
    assert (old["run"]["state"], attempt["outcome"]) == ("lost", {"kind": "exited", "code": 0, "signal": None})
    assert (attempt["runner"], old["tasks"][0]["outputs"]) == ("wrapped", {"n": 5})
    with open(attempt["log"]) as log:
        assert log.read() == "done\n"


@LINUX
def test_a_run_that_was_lost_goes_on_by_itself_where_its_tasks_allow_that(site):
    site.configure("""
        pipelines:
          done: {shell: 'echo done >>journal'}
          half: {shell: 'echo half >>journal; test -e go || sleep 60', depends_on: [done], idempotent: true}
    """)
    owner = site.start("run")
    site.until(lambda: (site.root / "journal").exists() and len(journal(site)) == 2)
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    (site.root / "go").touch()
    assert site.run("resume", "--lost").returncode == 0
    assert journal(site) == ["done", "half", "half"]
    again = site.run("resume", "--lost")
    assert (again.returncode, again.stdout) == (0, "no run was lost that may be resumed without being asked for\n")


@LINUX
def test_one_lost_run_that_cannot_go_on_does_not_keep_the_others_from_it(site):
    site.write("here.py", "import time\nopen('begun', 'w').close()\ntime.sleep(60)\n")
    files = {
        "begun": "pipelines: {gone: {module: here, idempotent: true}}",
        "journal": "pipelines: {b: {shell: 'echo b >>journal; test -e go || sleep 60', idempotent: true}}",
    }
    for mark, text in files.items():
        site.configure(text)
        owner = site.start("run")
        site.until(lambda mark=mark: (site.root / mark).exists())
        owner.kill()
        owner.communicate()
    (site.root / "here.py").unlink()
    (site.root / "go").touch()
    done = site.run("resume", "--lost", "--config", "config/orchestration.yaml")
    assert done.returncode == 78
    assert "cannot be used any more" in done.stderr
    assert journal(site) == ["b", "b"]
    assert not (site.root / "config" / "state").exists()


@LINUX
@pytest.mark.parametrize(("rule", "starts"), [("fail", 1), ("retry", 1), ("resume", 2)])
def test_on_lost_says_whether_a_lost_attempt_is_tried_again_without_being_asked_for(site, rule, starts):
    site.configure(f"pipelines: {{a: {{shell: 'echo a >>journal; test -e go || sleep 60', on_lost: {rule}}}}}")
    owner = site.start("run")
    site.until(lambda: (site.root / "journal").exists() and journal(site))
    owner.kill()
    owner.communicate()
    (site.root / "go").touch()
    assert site.run("resume", "--lost").returncode == 0
    assert len(journal(site)) == starts, "`retry` keeps to max_attempts, which is 1 here"
    assert site.run("resume").returncode == 0, "whoever asks gets it done"


def test_stop_ends_every_run(site):
    site.configure("pipelines: {a: {shell: 'echo a >>a; sleep 60'}, b: {shell: 'echo b >>b; sleep 60'}}")
    runs = [site.start("run", "--pipeline", name) for name in "ab"]
    site.until(lambda: all((site.root / name).exists() for name in "ab"))
    done = site.run("stop")
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == sorted(
        f"run {run['run_id']} is cancelled" for run in (site.json("show", "latest")["run"], _other(site))
    )
    assert [run.wait(30) for run in runs] == [2, 2]
    assert site.json("show")["run"]["state"] == "cancelled"
    assert site.json("show")["tasks"][0]["reason"]["text"] == "cancelled"
    again = site.run("stop", "--json")
    assert json.loads(again.stdout) == {"schema": "tetra.stop/1", "runs": [], "disarmed": []}


def _other(site):
    with sqlite3.connect(site.root / "state" / "tetra.db") as store:
        return {"run_id": store.execute("SELECT run_id FROM runs ORDER BY id LIMIT 1").fetchone()[0]}


def test_T_260_a_second_run_waits_with_overlap_queue_and_is_seen_waiting(site):
    site.configure("""
        pipelines:
          a: {shell: 'echo a >>journal; until test -e go; do sleep 0.02; done'}
          b: {shell: 'true', depends_on: [a]}
    """)
    first = site.start("run", "--pipeline", "a")
    site.until(lambda: (site.root / "journal").exists())
    second = site.start("run", "--overlap", "queue")
    site.until(lambda: [run["state"] for run in site.json("status")["active_runs"]] == ["queued", "running"])
    assert [pipeline["state"] for pipeline in site.json("status")["pipelines"]] == ["running", "scheduled"]
    (site.root / "go").touch()
    assert (first.wait(30), second.wait(30)) == (0, 0)
    assert journal(site) == ["a", "a"]


def test_a_queued_run_can_be_cancelled(site):
    site.configure("pipelines: {a: {shell: 'echo a >>journal; until test -e go; do sleep 0.02; done'}}")
    first = site.start("run")
    site.until(lambda: (site.root / "journal").exists())
    second = site.start("run", "--overlap", "queue")
    site.until(lambda: len(site.json("status")["active_runs"]) == 2)
    waiting = site.json("status")["active_runs"][0]["run_id"]
    done = site.run("cancel", waiting)
    assert (done.returncode, done.stdout) == (0, f"run {waiting} is cancelled\n")
    assert second.wait(30) == 2
    (site.root / "go").touch()
    assert first.wait(30) == 0
    assert journal(site) == ["a"]


def test_overlap_replace_ends_the_other_run_and_says_so_in_it(site):
    site.configure("pipelines: {a: {shell: 'echo a >>journal; test -e go || sleep 60'}}")
    first = site.start("run")
    site.until(lambda: (site.root / "journal").exists())
    old = site.json("show")["run"]["run_id"]
    (site.root / "go").touch()
    done = site.run("run", "--overlap", "replace")
    assert (done.returncode, done.stderr) == (0, f"replacing run {old}\n")
    assert first.wait(30) == 2
    assert site.json("show", old)["run"]["state"] == "cancelled"


def test_overlap_allow_runs_side_by_side(site):
    site.configure(
        "pipelines: {a: {shell: 'echo a >>journal; until test -e go; do sleep 0.02; done'}}\nhost: {max_parallel: 2}"
    )
    runs = [site.start("run", "--overlap", "allow") for _ in range(2)]
    site.until(lambda: (site.root / "journal").exists() and journal(site) == ["a", "a"])
    assert site.run("run").returncode == 75, "whoever does not allow it keeps away"
    (site.root / "go").touch()
    assert [run.wait(30) for run in runs] == [0, 0]


def test_a_wrong_overlap_is_a_usage_error(site):
    site.configure("pipelines: {a: {shell: 'true'}}")
    done = site.run("run", "--overlap", "wait")
    assert done.returncode == 64
    assert "'wait' is not one of 'skip', 'queue', 'replace', 'allow'" in done.stderr
    assert not (site.root / "state").exists()
