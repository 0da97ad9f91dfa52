"""`run` with checkpoints, `list` and `status --pipeline-id` as somebody uses them."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys
import time

import pytest

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks for the task in /proc")
STAGES = "faces.yaml"
#: Each stage notes that it starts; what it does then is for the test to say.
HEAD = "name: my_pipeline\nversion: 1.0.0\nstages:\n"
ID = r"\d{8}T\d{6}Z-[a-z2-7]{6}"
SAMPLE = {
    "pipeline_id": "PIPELINE_ID",
    "pipeline_name": "my_pipeline",
    "completed_stages": ["one", "two"],
    "stage_outputs": {"one": {"dir": "/a"}, "two": {"dir": "/b"}},
    "timestamp": 1701619200.0,
}
LEAVES = 'echo "{\\"dir\\": \\"/$TETRA_TASK\\"}" >>"$TETRA_OUTPUT"'


def stage(name, *needs, do=LEAVES):
    script = json.dumps(f"echo {name} >>journal; {do}")
    return (
        f"  - {{id: {name}, type: custom, depends_on: [{', '.join(needs)}], config: {{command: [sh, -c, {script}]}}}}\n"
    )


def four(**do):
    """Four stages one after another."""
    names = ("one", "two", "three", "four")
    return HEAD + "".join(stage(n, *names[:i][-1:], do=do.get(n, LEAVES)) for i, n in enumerate(names))


@pytest.fixture
def faces(site):
    """A folder with a stages file and nothing else of ours."""
    shutil.rmtree(site.root / "config")

    def write(text, name=STAGES):
        (site.root / name).write_text(text)
        return site

    return write


def journal(site):
    return (site.root / "journal").read_text().split()


def run(site, *args, config=STAGES):
    return site.run("run", "--config", config, *args)


def kept(site, folder="checkpoints"):
    """The checkpoints in the folder, in the order of their names."""
    return [json.loads(path.read_text()) for path in sorted((site.root / folder).glob("*.json"))]


def by_hand(site, name="sample.json", **fields):
    (site.root / "checkpoints").mkdir(exist_ok=True)
    path = site.root / "checkpoints" / name
    path.write_text(json.dumps({**SAMPLE, **fields}))
    return path


def states(site):
    return {task["id"]: task["state"] for task in site.json("show", "--config", STAGES)["tasks"]}


# What a run leaves


def test_A_053_to_A_060_a_run_leaves_a_checkpoint_after_each_group(faces):
    site = faces(four())
    done = run(site)
    assert (done.returncode, done.stderr) == (0, "")
    [run_id] = set(re.findall(ID, done.stdout))
    assert [each["completed_stages"] for each in kept(site)] == [
        ["one"],
        ["one", "two"],
        ["one", "two", "three"],
        ["one", "two", "three", "four"],
    ]
    newest = kept(site)[-1]
    assert list(newest) == list(SAMPLE)
    assert (newest["pipeline_id"], newest["pipeline_name"]) == (run_id, "my_pipeline")
    assert newest["stage_outputs"]["two"] == {"dir": "/two"}
    assert abs(newest["timestamp"] - time.time()) < 60


def test_A_061_A_082_the_folder_and_how_many_stay_are_the_user_s_choice(faces):
    site = faces(four())
    assert run(site, "--checkpoint-dir", "my left/overs", "--keep-checkpoints", "2").returncode == 0
    assert [len(each["completed_stages"]) for each in kept(site, "my left/overs")] == [3, 4]
    assert not (site.root / "checkpoints").exists()


def test_A_062_A_084_a_run_without_checkpoints_leaves_none(faces):
    site = faces(four())
    assert run(site, "--no-checkpoint").returncode == 0
    assert not (site.root / "checkpoints").exists()


def test_a_native_run_leaves_some_only_where_it_is_asked_to_and_of_each_mode_for_itself(site):
    site.configure("""
        pipelines: {a: {shell: 'true'}, b: {shell: 'test -e go', depends_on: [a]}}
        modes: {both: [a, b], first: [a]}
    """)
    assert site.run("run", "--mode", "first").returncode == 0
    assert not (site.root / "checkpoints").exists()
    assert site.run("run", "--mode", "first", "--checkpoint-dir", "checkpoints").returncode == 0
    done = site.run("run", "--mode", "both", "--resume")
    assert (done.returncode, done.stderr) == (
        64,
        f"error: Checkpoint not found: there is none of 'demo.both' in {site.root}/checkpoints\n"
        "  hint: it has those of demo.first; name another folder with --checkpoint-dir,"
        " or start anew without --resume\n",
    )
    assert site.run("run", "--mode", "both", "--checkpoint-dir", "checkpoints").returncode == 2
    (site.root / "go").touch()
    assert site.run("run", "--mode", "both", "--resume").returncode == 0
    assert [task["state"] for task in site.json("show")["tasks"]] == ["skipped", "succeeded"]


def test_checkpoints_that_cannot_be_written_change_nothing_about_the_run(faces):
    site = faces(four())
    (site.root / "checkpoints").write_text("in the way")
    done = run(site, "--checkpoint-dir", "checkpoints/deep")
    assert (done.returncode, done.stderr) == (
        0,
        f"warning: the checkpoints in {site.root}/checkpoints/deep are incomplete: Not a directory\n",
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_A_051_A_148_a_run_that_is_interrupted_keeps_what_was_completed(faces, number):
    site = faces(four(two="touch two.on; sleep 60"))
    process = site.start("run", "--config", STAGES)
    site.until((site.root / "two.on").exists)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + number
    [newest] = kept(site)
    assert newest["completed_stages"] == ["one"]
    shown = site.run("status", "--pipeline-id", newest["pipeline_id"]).stdout
    assert "State:     CANCELLED\nProgress:  25% (1/4 stages)\n" in shown


# Going on


def test_A_063_A_085_resume_does_what_is_left_after_the_file_was_mended(faces):
    site = faces(four(three="exit 1"))
    assert run(site).returncode == 2
    old = kept(site)[-1]
    assert old["completed_stages"] == ["one", "two"]
    faces(four(three='test "{two.dir}" = /two'))
    (site.root / "journal").unlink()
    done = run(site, "--resume")
    assert (done.returncode, done.stderr) == (0, "")
    assert journal(site) == ["three", "four"]
    path = f"{site.root}/checkpoints/{old['pipeline_id']}.0002.json"
    assert f"two skipped: the checkpoint {path} has it\n" in done.stdout
    shown = site.json("show", "--config", STAGES)["run"]
    assert (shown["resumes"], shown["trigger"]) == (old["pipeline_id"], "resume")
    again = run(site, "--resume")
    newest = f"{site.root}/checkpoints/{shown['run_id']}.0003.json"
    assert (again.returncode, again.stdout) == (
        0,
        f"the checkpoint {newest} has every stage: there is nothing to resume\n",
    )


def test_A_064_resume_does_only_what_failed_of_a_group(faces):
    site = faces(HEAD + stage("one") + stage("two", do="test -e go"))
    assert run(site).returncode == 2
    (site.root / "go").touch()
    (site.root / "journal").unlink()
    assert run(site, "--resume").returncode == 0
    assert journal(site) == ["two"]


@LINUX
def test_A_068_after_kill_9_resume_does_what_the_checkpoint_and_the_store_do_not_have(faces):
    site = faces(HEAD + stage("one") + stage("two", "one") + stage("slow", "one", do="test -e go || sleep 60"))
    process = site.start("run", "--config", STAGES)
    site.until(lambda: (site.root / "journal").exists() and len(journal(site)) == 3 and "two" in _succeeded(site))
    process.kill()
    process.communicate()
    assert [each["completed_stages"] for each in kept(site)] == [["one"]]
    (site.root / "go").touch()
    (site.root / "journal").unlink()
    done = run(site, "--resume")
    assert done.returncode == 0, done.stderr
    assert journal(site) == ["slow"]


def _succeeded(site):
    return [name for name, state in states(site).items() if state == "succeeded"]


def test_A_059_a_checkpoint_written_by_hand_is_resumed_from(faces):
    site = faces(four(three='test "{two.dir}" = /b'))
    by_hand(site)
    done = run(site, "--resume", "--no-retry")
    assert done.returncode == 0, done.stdout
    assert journal(site) == ["three", "four"]
    assert (site.root / "checkpoints" / "sample.json").exists()


def test_A_067_the_newest_counts(faces):
    site = faces(four())
    by_hand(site, "new.json", timestamp=3.0)
    by_hand(site, "old.json", timestamp=2.0, completed_stages=["one"])
    assert run(site, "--resume").returncode == 0
    assert journal(site) == ["three", "four"]


def test_A_070_a_damaged_one_is_left_out_with_a_warning(faces):
    site = faces(four())
    by_hand(site)
    broken = by_hand(site, "newer.json", timestamp="tomorrow")
    done = run(site, "--resume")
    assert (done.returncode, done.stderr) == (
        0,
        f"warning: {broken}: not a checkpoint, left out: 'timestamp' is no number\n",
    )
    assert journal(site) == ["three", "four"]


@pytest.mark.parametrize("options", [(), ("--checkpoint-dir", "elsewhere")])
def test_A_065_A_157_nothing_to_resume_from_is_told_with_the_folder(faces, options):
    site = faces(four())
    done = run(site, "--resume", *options)
    folder = site.root / (options[1] if options else "checkpoints")
    assert (done.returncode, done.stdout, done.stderr) == (
        64,
        "",
        f"error: Checkpoint not found: there is none of 'my_pipeline' in {folder}\n"
        "  hint: name another folder with --checkpoint-dir, or start anew without --resume\n",
    )


def test_A_066_a_completed_stage_that_the_file_no_longer_has_is_told(faces):
    site = faces(four())
    path = by_hand(site, completed_stages=["one", "twoo"])
    done = run(site, "--resume")
    assert (done.returncode, done.stderr) == (
        64,
        f"error: {path}: the checkpoint has completed 'twoo', which {site.root / STAGES} does not have\n"
        "  hint: did you mean 'two'? stages: one, two, three, four; "
        "correct its completed_stages and stage_outputs, or start anew without --resume\n",
    )


def test_A_071_resume_without_checkpoints_is_refused(faces):
    site = faces(four())
    done = run(site, "--resume", "--no-checkpoint")
    assert (done.returncode, done.stderr) == (
        64,
        "error: --resume needs checkpoints, and --no-checkpoint leaves them out\n"
        "  hint: leave out one of them; `tetra resume` goes on after the newest run without checkpoints\n",
    )


def test_what_a_resume_would_do_can_be_looked_at_first(faces):
    site = faces(four())
    path = by_hand(site)
    rows = site.json("run", "--config", STAGES, "--resume", "--dry-run")["tasks"]
    assert [(row["id"], row["decision"]) for row in rows] == [
        *(("one", "skip"), ("two", "skip")),
        *(("three", "run"), ("four", "run")),
    ]
    assert rows[0]["reason"] == {"code": "in_checkpoint", "text": f"the checkpoint {path} has it"}
    assert not (site.root / "journal").exists()


def test_a_run_that_was_resumed_by_its_id_leaves_checkpoints_too(faces):
    site = faces(four(three="test -e go"))
    assert run(site).returncode == 2
    (site.root / "go").touch()
    assert site.run("resume", "--config", STAGES).returncode == 0
    newest = site.json("list")["checkpoints"][0]
    assert (newest["pipeline_id"], newest["checkpoints"]) == (
        site.json("show", "--config", STAGES)["run"]["run_id"],
        3,
    )


# status --pipeline-id


def test_A_072_A_074_A_086_to_A_091_status_tells_how_far_a_run_has_come_while_it_runs(faces):
    site = faces(four(three="touch three.on; until test -e go; do sleep 0.02; done"))
    process = site.start("run", "--config", STAGES)
    site.until((site.root / "three.on").exists)
    run_id = kept(site)[-1]["pipeline_id"]
    first = site.json("status", "--pipeline-id", run_id)
    time.sleep(1.0)
    second = site.json("status", "--pipeline-id", run_id)
    shown = site.run("status", "--pipeline-id", run_id).stdout
    (site.root / "go").touch()
    process.communicate(timeout=30)
    elapsed = second.pop("elapsed_s") - first.pop("elapsed_s")
    assert 1.0 <= elapsed < 20.0
    assert first == second
    del first["started_at"]
    assert first == {
        "schema": "tetra.progress/1",
        "pipeline_name": "my_pipeline",
        "pipeline_id": run_id,
        "state": "RUNNING",
        "completed": 2,
        "total": 4,
        "percent": 50.0,
        "eta_s": None,
        "source": "store",
        "words": "stages",
    }
    head, elapsed_line, eta = shown.rstrip().rsplit("\n", 2)
    assert head == f"Pipeline:  my_pipeline\nID:        {run_id}\nState:     RUNNING\nProgress:  50% (2/4 stages)"
    assert re.fullmatch(r"Elapsed:   [\d.]+ s", elapsed_line)
    assert eta == "ETA:       -"
    over = site.run("status", "--pipeline-id", run_id).stdout
    assert "State:     COMPLETED\nProgress:  100% (4/4 stages)\n" in over
    assert over.endswith("ETA:       -\n")


def test_A_073_the_second_run_ends_about_when_the_first_one_suggests(faces):
    site = faces(four(three="test -e slow || sleep 2; touch three.on; until test -e go; do sleep 0.02; done"))
    (site.root / "go").touch()
    assert run(site).returncode == 0
    for name in ("go", "three.on"):
        (site.root / name).unlink()
    (site.root / "slow").touch()
    process = site.start("run", "--config", STAGES)
    site.until((site.root / "three.on").exists)
    newest = site.json("list")["checkpoints"][0]["pipeline_id"]
    found = site.json("status", "--pipeline-id", newest)
    (site.root / "go").touch()
    process.communicate(timeout=30)
    # of the two seconds of the third stage some are over
    assert 0.8 * 2 - found["elapsed_s"] <= found["eta_s"] <= 1.2 * 2.2


def test_A_088_a_run_that_failed_is_told_as_failed_in_the_words_that_are_asked_for(faces):
    site = faces(four(three="exit 1"))
    run(site)
    run_id = kept(site)[-1]["pipeline_id"]
    found = [site.json("status", "--pipeline-id", run_id, "--words", words) for words in ("stages", "native", "dativo")]
    assert [each["state"] for each in found] == ["FAILED", "failed", "failure"]
    assert (found[0]["percent"], found[0]["completed"], found[0]["total"]) == (50.0, 2, 4)


def test_A_092_where_the_store_is_gone_status_tells_what_the_checkpoint_has_and_that_it_does(faces):
    site = faces(four())
    run(site)
    shutil.rmtree(site.root / "state")
    newest = sorted((site.root / "checkpoints").glob("2*.json"))[-1]
    run_id = newest.name[:23]
    done = site.run("status", "--pipeline-id", run_id)
    assert (done.returncode, done.stdout) == (
        0,
        f"Pipeline:  my_pipeline\nID:        {run_id}\nState:     unknown\n"
        "Progress:  100% (4/4 stages)\nElapsed:   -\nETA:       -\n",
    )
    assert done.stderr == f"warning: there is no run '{run_id}'; this is what {newest} knows\n"
    (site.root / STAGES).unlink()
    assert "unknown (4/? stages)" in site.run("status", "--pipeline-id", run_id).stdout


def test_A_093_an_id_that_nobody_knows_is_told(faces):
    site = faces(four())
    done = site.run("status", "--pipeline-id", "zzz")
    assert (done.returncode, done.stdout, done.stderr) == (
        64,
        "",
        f"error: Pipeline not found: no run 'zzz' is known, and no checkpoint of it is in {site.root}/checkpoints\n"
        "  hint: name its configuration with --config, or the folder of its checkpoints with --checkpoint-dir\n",
    )
    for _ in range(2):
        run(site, "--no-checkpoint")
    done = site.run("status", "--pipeline-id", "2", "--config", STAGES)
    assert (done.returncode, done.stderr.splitlines()[0]) == (64, "error: several runs begin with '2'")
    by_hand(site, "c.json", pipeline_id="2x")
    done = site.run("status", "--pipeline-id", "2", "--config", STAGES)
    assert (done.returncode, done.stderr.splitlines()[-2]) == (64, "error: several runs begin with '2'")
    by_hand(site, "a.json", pipeline_id="abc1")
    by_hand(site, "b.json", pipeline_id="abc2")
    done = site.run("status", "--pipeline-id", "abc")
    assert (done.returncode, done.stderr) == (
        64,
        "error: several ids begin with 'abc'\n  hint: choose one of abc1, abc2\n",
    )


def test_an_id_s_beginning_that_a_run_and_another_one_s_checkpoint_have_is_a_mistake(faces):
    site = faces(four())
    run(site, "--no-checkpoint")
    (known,) = site.json("history", "--config", STAGES)["runs"]
    by_hand(site, pipeline_id="2x")
    done = site.run("status", "--pipeline-id", "2", "--config", STAGES)
    assert (done.returncode, done.stdout, done.stderr) == (
        64,
        "",
        f"error: several ids begin with '2'\n  hint: choose one of 2x, {known['run_id']}\n",
    )


def test_a_folder_of_checkpoints_without_an_id_is_a_mistake(faces):
    site = faces(four())
    done = site.run("status", "--checkpoint-dir", "checkpoints")
    assert (done.returncode, done.stderr) == (
        64,
        "error: --checkpoint-dir is for the status of one run\n"
        "  hint: add --pipeline-id ID; `tetra list` has the ids\n",
    )


# status --words


@pytest.mark.parametrize(
    ("words", "idle", "good", "bad"),
    [
        ("tetra", "idle", "success", "failed"),
        ("recomart", "PENDING", "SUCCESS", "FAILURE"),
        ("stages", "PENDING", "COMPLETED", "FAILED"),
        ("tauro", "pending", "COMPLETED", "FAILED"),
        ("dativo", "idle", "success", "failure"),
        ("native", "idle", "succeeded", "failed"),
    ],
)
def test_T_131_R_120_A_122_status_tells_states_in_the_words_of_a_document(site, words, idle, good, bad):
    site.configure("pipelines: {a: {shell: 'true'}, b: {shell: 'exit 1'}, never: {shell: 'true', enabled: false}}")
    site.run("run", "--pipeline", "a")
    site.run("run", "--pipeline", "b")
    body = site.json("status", "--words", words)
    last = {row["name"]: (row["state"], row["last_run"] and row["last_run"]["state"]) for row in body["pipelines"]}
    assert body["words"] == words
    assert last == {"a": (idle, good), "b": (idle, bad), "never": (idle, None)}
    assert good in site.run("status", "--words", words).stdout


def test_history_and_show_tell_states_in_the_words_of_a_document(site):
    site.configure("pipelines: {a: {shell: 'exit 1'}, b: {shell: 'true', depends_on: [a]}}")
    site.run("run")
    assert [run["state"] for run in site.json("history", "--words", "stages")["runs"]] == ["FAILED"]
    assert " FAILED " in site.run("history", "--words", "stages").stdout
    shown = site.json("show", "--words", "recomart")
    assert (shown["run"]["state"], [task["state"] for task in shown["tasks"]]) == ("FAILURE", ["FAILURE", "SKIPPED"])
    assert shown["tasks"][0]["attempts"][0]["state"] == "failed"
    assert site.json("history")["runs"][0]["state"] == site.json("show")["run"]["state"] == "failed"


# list


def test_A_094_to_A_096_list_has_every_run_that_left_checkpoints(faces):
    site = faces(four())
    faces(HEAD.replace("my_pipeline", "other") + stage("only"), "other.yaml")
    for name in (STAGES, "other.yaml"):
        assert run(site, config=name).returncode == 0
    head, _, *lines = site.run("list").stdout.splitlines()
    assert head.split() == ["pipeline", "id", "checkpoints", "latest", "(UTC)", "name"]
    pattern = rf"({ID}) +(\d) +[A-Z][a-z]{{2}} \d\d \d\d:\d\d +(\w+)"
    found = [re.fullmatch(pattern, line) for line in lines]
    assert [(each[2], each[3]) for each in found] == [("1", "other"), ("4", "my_pipeline")]
    body = site.json("list")
    assert [each["pipeline_id"] for each in body["checkpoints"]] == [each[1] for each in found]
    assert (body["pipelines"], body["checkpoint_dir"]) == ([], f"{site.root}/checkpoints")


def test_A_097_list_with_nothing_stored_says_so(faces):
    site = faces(four())
    for options in ((), ("--checkpoint-dir", "checkpoints")):
        done = site.run("list", *options)
        assert (done.returncode, done.stdout, done.stderr) == (
            0,
            f"No checkpoints in {site.root}/checkpoints: a run of a stages file leaves them,"
            " or one with --checkpoint-dir\n",
            "",
        )


def test_list_shows_what_a_project_has_and_how_its_pipelines_ended(site):
    site.configure("""
        pipelines:
          data: {shell: 'true'}
          more: {depends_on: [data], tasks: {x: {shell: 'true'}, y: {shell: 'true'}}}
          off: {shell: 'true', enabled: false}
        modes: {daily: [data], all: [data, more]}
        schedules: {night: {mode: all, cron: "0 2 * * *"}, alone: {pipelines: [data], cron: "0 3 * * *"}}
    """)
    site.run("run", "--pipeline", "data")
    first, second, third = site.json("list")["pipelines"]
    told = site.json("status")["pipelines"][0]["last_run"]
    assert first.pop("last_run") == {key: told[key] for key in ("run_id", "state", "finished_at")}
    assert first == {
        "name": "data",
        "enabled": True,
        "tasks": ["data"],
        "depends_on": [],
        "modes": ["daily", "all"],
        "schedules": ["night", "alone"],
    }
    assert (second["tasks"], second["depends_on"], second["last_run"]) == (["more.x", "more.y"], ["data"], None)
    assert site.run("list").stdout.splitlines()[2:] == [
        "data      1      -           daily, all  night, alone  succeeded",
        "more      2      data        all         night         never",
        "off       1      -           -           -             disabled",
    ]
    assert third["enabled"] is False


def test_a_checkpoint_whose_time_is_beyond_the_calendar_is_listed_without_it(faces):
    site = faces(four())
    by_hand(site, timestamp=1e300)
    assert site.run("list").stdout.splitlines()[-1] == "PIPELINE_ID  1            -       my_pipeline"
    assert site.json("list")["checkpoints"][0]["latest"] is None
