"""Runs whose tasks are jobs of an engine, through the real command line: whoever dies meanwhile, each is done once."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import Site
from support.fake_engine import FakeEngine
from tetra_orchestrator import failpoints, load, wire, wire_remote
from tetra_orchestrator.adapters.runner.remote.folder import JobFolder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
#: The command with an engine of the tests where that of a cluster would be.
TETRA = """\
import os
from pathlib import Path
from support.fake_engine import FakeEngine
from tetra_orchestrator import wire_remote
from tetra_orchestrator.cli.main import main

def engine(remote, jobs):
    made = FakeEngine(Path(os.environ["ENGINE"]))
    made.on_submit = lambda when: when == os.environ.get("DIE") and os.kill(os.getpid(), 9)
    return made

wire_remote.engine = engine
main()
"""
PROJECT = """
    runner: far
    runners: {far: {type: slurm, poll: 0.1s, lease: 6s}}
    defaults: {task: {kill_grace: 0.5s}}
    pipelines:
      one: {command: [sh, one.sh], outputs: {rows: int}}
      two: {command: [sh, -c, "echo $0 >two", "{one.rows}"], depends_on: [one]}
"""
ONE = """\
echo $TETRA_RUN_ID >>starts
until [ -e go ]; do sleep 0.05; done
echo ended >>ends
echo '{"rows": 7}' >>"$TETRA_OUTPUT"
"""


class FarSite(Site):
    """A site from which everything runs elsewhere."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.script = self.write("tetra.py", TETRA)
        self.engine = FakeEngine(root / "engine")
        self.env["ENGINE"] = str(root / "engine")
        self.configure(PROJECT)
        self.write("one.sh", ONE)

    def start(self, *args, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": self.root} | options
        env = {**self.env, **options.pop("env", {})}
        command = [sys.executable, str(self.script), *args]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, env=env, **options)

    def finish(self, process):
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err, err
        return process.returncode, out, err

    def lines(self, name):
        path = self.root / name
        return path.read_text().split() if path.exists() else []

    def states(self):
        return {task["id"]: task["state"] for task in self.json("show")["tasks"]}

    def jobs(self):
        return [path.name for path in (self.root / "state/jobs/far").iterdir() if path.name != "clock"]


@pytest.fixture
def far(tmp_path):
    site = FarSite(tmp_path / "my project")
    yield site
    site.engine.end()


def test_a_run_takes_logs_outputs_and_exit_codes_from_where_its_tasks_ran(far):
    (far.root / "go").touch()
    code, out, err = far.finish(far.start("run"))
    assert code == 0, out + err
    assert far.states() == {"one": "succeeded", "two": "succeeded"}
    assert far.lines("two") == ["7"]
    assert [attempt["runner"] for attempt in far.json("show")["tasks"][0]["attempts"]] == ["far"]
    assert far.jobs() == [], "nothing is left of jobs that have ended"


#: Where its own process dies, and what has become of its first task by then.
DEATHS = {
    "before its engine is asked": ({"DIE": "before"}, "lost"),
    "after its engine has answered": ({"DIE": "after"}, "submitted"),
    "before the handle is saved": ({failpoints.VARIABLE: "attempt.running=kill"}, "submitted"),
    "while it waits": ({}, "running"),
}
#: Like the one before the handle is saved.
LONG = ("after its engine has answered", "while it waits")


@pytest.mark.parametrize("when", [pytest.param(when, marks=[pytest.mark.long] * (when in LONG)) for when in DEATHS])
def test_a_run_that_is_killed_goes_on_with_the_job_that_has_gone_on(far, when):
    env, state = DEATHS[when]
    process = far.start("run", env=env)
    if state == "running":
        far.until(lambda: far.lines("starts") and far.states()["one"] == "running")
        process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    has_job = state != "lost"
    far.until(lambda: far.lines("starts") or not has_job)
    assert far.states() == {"one": state, "two": "cancelled"}
    again = far.start("resume")
    if has_job:
        waiting = again.stderr.readline()
        assert waiting == f"waiting: one of run {far.lines('starts')[0]} is still running\n"
    (far.root / "go").touch()
    code, out, err = far.finish(again)
    assert code == 0, out + err
    assert (len(far.lines("starts")), far.lines("ends"), far.lines("two")) == (1, ["ended"], ["7"])
    assert far.states() == {"one": "skipped" if has_job else "succeeded", "two": "succeeded"}


def test_a_job_whose_run_is_dead_and_whose_end_nobody_awaits_is_taken_up_by_any_command(far):
    process = far.start("run")
    far.until(lambda: far.lines("starts"))
    process.kill()
    process.communicate(timeout=60)
    (far.root / "go").touch()
    far.until(lambda: far.states()["one"] == "succeeded")
    assert far.states() == {"one": "succeeded", "two": "cancelled"}
    assert far.jobs() == [], "nothing is left of jobs that have ended"


def test_a_job_whose_run_is_dead_is_ended_by_a_command_that_cancels_it(far):
    process = far.start("run")
    far.until(lambda: far.lines("starts"))
    process.kill()
    process.communicate(timeout=60)
    code, out, err = far.finish(far.start("cancel", far.lines("starts")[0]))
    assert code == 0, out + err
    assert far.states() == {"one": "cancelled", "two": "cancelled"}
    assert (far.lines("ends"), far.jobs()) == ([], [])


def test_a_run_that_is_interrupted_ends_its_jobs_elsewhere(far):
    process = far.start("run")
    far.until(lambda: far.lines("starts"))
    process.send_signal(signal.SIGINT)
    code, _, _ = far.finish(process)
    assert code == 130
    assert far.states() == {"one": "cancelled", "two": "cancelled"}
    assert far.lines("ends") == []
    assert far.jobs() == []


def test_a_run_whose_jobs_wait_for_their_turn_is_cancelled_at_once_and_says_of_none_that_it_ran(far):
    far.engine.mood("holds")
    process = far.start("run")
    far.until(lambda: list((far.root / "engine").glob("*.json")))
    far.until(lambda: far.states().get("one") == "submitted")
    process.send_signal(signal.SIGTERM)
    code, _, _ = far.finish(process)
    assert (code, far.lines("starts"), far.jobs()) == (143, [], [])
    assert [attempt["handle"] for attempt in far.json("show")["tasks"][0]["attempts"]] == [None]


def test_what_has_begun_before_the_first_job_of_its_project_sees_that_job_all_the_same(far, monkeypatch):
    monkeypatch.chdir(far.root)
    far.engine.mood("away")
    monkeypatch.setattr(wire_remote, "engine", lambda remote, jobs: far.engine)
    project = load(far.root / "config/orchestration.yaml").model
    with wire.world(project, far.env) as world:
        about = {"record": "record", "lease_s": 6.0, "engine": project.runners[0]._asdict()}
        JobFolder(str(far.root / "state/jobs/far"), "token").make(about, b"")
        assert world.processes.survived({"token": None}) == {"token"}
