"""Runs on a real Slurm by the command line, while its nodes, its controller and we die."""

from __future__ import annotations

import json
import shutil
import signal

import pytest

from cli.conftest import Site
from example.conftest import Shipped, shipped  # noqa: F401 - a fixture
from support.slurm import Cluster
from support.waiting import until

# Writes down when it begins and ends, with its attempt and its node, and lasts until it may end.
TASK = """\
echo "begin $TETRA_ATTEMPT $(hostname)" >>journal
until [ -e go ]; do sleep 0.05; done
echo "end $TETRA_ATTEMPT $(hostname)" >>journal
echo '{"rows": 7}' >>"$TETRA_OUTPUT"
"""
PROJECT = """
    runners: {slurm: {type: slurm, poll: 0.1s, lease: 3s}}
    runner: slurm
    defaults: {task: {kill_grace: 0.5s}}
    pipelines:
      one: {command: [sh, "ROOT/task.sh"], outputs: {rows: int}, on_lost: retry, retry: {max_attempts: 2}}
      two: {command: [sh, -c, "echo two $0 >>journal", "{one.rows}"], depends_on: [one]}
"""


class Far(Site):
    """A site with a cluster."""

    def __init__(self, root, cluster):
        super().__init__(root)
        self.cluster = cluster
        self.env["SLURM_CONF"] = cluster.environ["SLURM_CONF"]
        self.configure(PROJECT)
        self.write("task.sh", TASK)

    def configure(self, text):
        super().configure(text.replace("ROOT", str(self.root)))

    def journal(self):
        path = self.root / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def node(self):
        """Where the first task is."""
        return self.journal()[-1].split()[-1]

    def job(self):
        [job] = self.cluster.queue()
        return job.id

    def go(self):
        (self.root / "go").touch()

    def begun(self):
        """Start a run, and wait until its first task has begun."""
        process = self.start("run")
        until(lambda: self.journal() or process.poll() is not None)
        return process

    def finish(self, process):
        out, err = process.communicate(timeout=90)
        assert "Traceback" not in err, err
        return process.returncode, out, err

    def attempts(self):
        one = next(task for task in self.json("show")["tasks"] if task["id"] == "one")
        return [(attempt["state"], attempt["outcome"]["kind"]) for attempt in one["attempts"]]

    def reason(self, out):
        """What the run said of the attempt that was lost."""
        said = next(line.partition("lost: ")[2] for line in out.splitlines() if "lost: " in line)
        return said.partition("; next attempt")[0]


@pytest.fixture
def far(tmp_path, slurm: Cluster):
    return Far(tmp_path / "my project", slurm)


TWICE = [("lost", "lost"), ("succeeded", "exited")]


def test_the_shipped_chain_has_the_results_and_states_that_it_has_at_home(shipped, slurm, monkeypatch):  # noqa: F811
    config = shipped.root / "config" / "orchestration.yaml"
    config.write_text(config.read_text() + "\nrunners: {slurm: {type: slurm, poll: 0.1s}}\n")
    monkeypatch.setenv("SLURM_CONF", slurm.environ["SLURM_CONF"])
    other = Shipped(shutil.copytree(shipped.root, shipped.root.parent / "another project", symlinks=True))
    found = []
    for project, more in ((shipped, ()), (other, ("--on", "slurm"))):
        done = project.tetra("run", "--mode", "weekly", *more)
        assert done.returncode == 0, done.stdout + done.stderr
        tasks = json.loads(project.tetra("show", "--json").stdout)["tasks"]
        found.append([(task["id"], task["state"], task["reason"]["code"], task["outputs"]) for task in tasks])
        runners = {attempt["runner"] for task in tasks for attempt in task["attempts"]}
        assert runners == ({"slurm"} if more else {"local"})
    assert found[0] == found[1]
    assert len(found[1]) == 4


@pytest.mark.long
@pytest.mark.parametrize("returns", [True, False])
def test_a_task_whose_node_dies_is_done_again_once_slurm_has_noticed(far, slurm, returns):
    process = far.begun()
    first = far.node()
    slurm.kill_node(first)
    if returns:
        slurm.start_node(first)
    far.go()
    code, out, err = far.finish(process)
    assert code == 0, out + err
    assert far.attempts() == TWICE
    second = far.journal()[1].split()[-1]
    assert far.journal() == [f"begin 1 {first}", f"begin 2 {second}", f"end 2 {second}", "two 7"]


def test_what_is_cancelled_by_hand_is_lost_and_says_where(far, slurm):
    process = far.begun()
    node = far.node()
    slurm.run("scancel", far.job())
    until(lambda: len(far.journal()) == 2)
    far.go()
    code, out, err = far.finish(process)
    assert code == 0, out + err
    assert far.attempts() == TWICE
    assert far.reason(out) == (
        f"the engine ended its job on {node}: it was cancelled or preempted there, its time was over, or the machine is"
        " to stop"
    )


def test_a_job_that_slurm_starts_again_does_nothing_the_second_time(far, slurm):
    process = far.begun()
    job = far.job()
    slurm.run("scontrol", "update", f"jobid={job}", "requeue=1")
    slurm.run("scontrol", "requeue", job)
    until(lambda: len(far.journal()) == 2)
    slurm.run("scontrol", "update", f"jobid={job}", "starttime=now")
    until(lambda: job not in {each.id for each in slurm.queue()})
    far.go()
    code, out, err = far.finish(process)
    assert code == 0, out + err
    assert far.attempts() == TWICE
    assert [line.split()[:2] for line in far.journal()[:2]] == [["begin", "1"], ["begin", "2"]]
    assert len(far.journal()) == 4


@pytest.mark.long
def test_a_run_does_without_its_controller_for_a_while(far, slurm):
    slurm.stop_controller()
    process = far.start("run")
    line = process.stdout.readline()
    while "Running one" not in line:
        line = process.stdout.readline()
    slurm.start_controller()
    until(far.journal)
    slurm.stop_controller()
    far.go()
    until(lambda: any("end" in line for line in far.journal()))
    slurm.start_controller()
    code, out, err = far.finish(process)
    assert code == 0, out + err
    assert far.attempts() == [("succeeded", "exited")]


@pytest.mark.long
def test_a_run_that_is_killed_is_taken_over_by_resume(far, slurm):
    process = far.begun()
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    again = far.start("resume")
    assert "is still running" in again.stderr.readline()
    far.go()
    code, out, err = far.finish(again)
    assert code == 0, out + err
    assert [line.split()[0] for line in far.journal()] == ["begin", "end", "two"]


def test_an_interrupted_run_leaves_nothing_on_the_cluster(far, slurm):
    process = far.begun()
    process.send_signal(signal.SIGINT)
    code, out, err = far.finish(process)
    assert code == 130, out + err
    until(lambda: not slurm.queue())
    assert slurm.processes(f"{far.root}/task.sh") == []
    assert [path.name for path in (far.root / "state/jobs/slurm").iterdir() if path.name != "clock"] == []


MISTAKES = {
    "a partition that is not there": (
        "partition: nope",
        "",
        {},
        "could not start: Slurm does not take the job: invalid partition specified: nope; Invalid partition name"
        " specified (`sinfo` lists the partitions; the runner's `partition` names one) (EINVAL)",
    ),
    "more memory than there is": (
        "",
        "resources: {memory: 900GB}",
        {},
        "could not start: Slurm does not take the job: Memory specification can not be satisfied; Requested node"
        " configuration is not available (`sinfo --format='%P %c %m'` lists processors and MB; the task asks in"
        " `resources`) (EINVAL)",
    ),
    "no sbatch": (
        "",
        "",
        {"PATH": "/nowhere"},
        "could not start: no program called sbatch in PATH=/nowhere; Slurm's commands have to be installed and"
        " configured on this machine (ENOENT)",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_slurms_words_with_what_to_do(far, mistake):
    runner, task, env, text = MISTAKES[mistake]
    far.configure(
        f"""
    runners: {{slurm: {{type: slurm, poll: 0.1s, {runner}}}}}
    pipelines:
      one: {{command: [/bin/sh, task.sh], {task}}}
    """
    )
    done = far.run("run", "--on", "slurm", env=env)
    assert done.returncode == 2, done.stdout + done.stderr
    assert text in done.stdout, done.stdout
    assert far.json("show")["tasks"][0]["attempts"][0]["outcome"]["kind"] == "spawn_error"


def test_a_runner_that_is_not_there_is_told_with_those_that_are(far):
    done = far.run("run", "--on", "slrum")
    assert done.returncode == 64
    assert done.stderr == "error: --on slrum: there is no runner 'slrum'\n  hint: did you mean 'slurm'?\n"


def test_doctor_says_whether_a_runner_can_be_used(far, slurm):
    def found(**env):
        done = json.loads(far.run("doctor", "--json", env=env).stdout)["findings"]
        return [each for each in done if each["code"].startswith(("slurm_", "runner_"))]

    assert [(each["code"], each["message"]) for each in found()] == [
        ("slurm_commands", f"runner slurm: {slurm.run('sbatch', '--version').strip()}"),
        ("slurm_controller", "runner slurm: the controller answers"),
        ("slurm_partition", "runner slurm: the cluster's default partition of main"),
        (
            "runner_storage",
            f"jobs read and write in {far.root}, which is no network file system on this machine: every node has to see"
            " it under this path",
        ),
    ]
    first = found(SLURM_CONF="/nowhere")[0]
    assert (first["code"], first["severity"], first["message"]) == (
        "slurm_commands",
        "error",
        "runner slurm: SLURM_CONF names /nowhere, which does not exist",
    )
    far.configure(PROJECT.replace("type: slurm", "type: slurm, partition: nope"))
    wrong = found()[2]
    assert (wrong["severity"], wrong["message"], wrong["remedy"]) == (
        "error",
        "runner slurm: there is no partition nope",
        "partition: one of main",
    )
