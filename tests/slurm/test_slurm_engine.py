"""What the engine asks of a real Slurm, and what it makes of the answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.slurm import Cluster
from support.waiting import until
from tetra_orchestrator.adapters.runner.remote.engine import Job
from tetra_orchestrator.adapters.runner.slurm.command import Commands
from tetra_orchestrator.adapters.runner.slurm.engine import Slurm
from tetra_orchestrator.core.outcome import SpawnFailed
from tetra_orchestrator.core.runners import Remote

MB = 1024**2


class Bench:
    """An engine with jobs of shells instead of workers."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.count = 0
        self.engine = self.another()

    def another(self, **settings: object) -> Slurm:
        """An engine of somebody who knows nothing of the first."""
        remote = Remote("slurm", **settings)  # type: ignore[arg-type]
        return Slurm(remote, str(self.folder), Commands(self.cluster.environ))

    def job(self, line: str = "sleep 60", **wants: object) -> Job:
        self.count += 1
        token = f"{self.folder.name}-{self.count}"
        (self.folder / token).mkdir()
        return Job(token, str(self.folder / token), ("/bin/sh", "-c", line), f"task {self.count}", **wants)  # type: ignore[arg-type]

    def start(self, *jobs: Job) -> list[str]:
        """The ids of jobs that have to be taken."""
        ids = [each for each in self.engine.submit(jobs) if isinstance(each, str)]
        assert len(ids) == len(jobs)
        return ids

    def states(self) -> dict[str, str]:
        return {job.id: job.state for job in self.cluster.queue()}

    def running(self, *ids: str) -> bool:
        return all(self.states().get(each) == "RUNNING" for each in ids)

    def log(self, job: Job) -> str:
        file = Path(job.folder, "engine.log")
        return file.read_text() if file.exists() else ""


@pytest.fixture
def bench(slurm: Cluster, tmp_path: Path) -> Bench:
    return Bench(slurm, tmp_path)


def test_a_job_is_called_like_its_token_and_its_shell_becomes_the_worker(bench: Bench, slurm: Cluster) -> None:
    job = bench.job("tr '\\0' ' ' </proc/$$/cmdline; sleep 60")
    (id,) = bench.start(job)
    until(lambda: bench.log(job))
    assert [each.name for each in slurm.queue() if each.id == id] == [job.token]
    assert bench.log(job).startswith("/bin/sh -c tr ")
    bench.engine.cancel([job.token])


def test_what_a_job_wants_becomes_slurms(bench: Bench, slurm: Cluster) -> None:
    job = bench.job(cpu=1.5, memory_bytes=300 * MB + 1, gpu=1, time_limit_s=61)
    (id,) = bench.start(job)
    found = slurm.details(id)
    assert (found["NumCPUs"], found["MinMemoryNode"], found["TresPerNode"]) == ("2", "301M", "gres:gpu:1")
    assert (found["TimeLimit"], found["Requeue"]) == ("00:02:00", "0")
    bench.engine.cancel([job.token])


def test_jobs_that_want_the_same_become_an_array_and_are_told_apart(bench: Bench, slurm: Cluster) -> None:
    jobs = [bench.job() for _ in range(3)] + [bench.job(cpu=2)]
    ids = bench.start(*jobs)
    array = ids[0].partition("_")[0]
    assert ids[:3] == [f"{array}_{index}" for index in range(3)]
    assert "_" not in ids[3]
    other = bench.another()
    assert other.known([job.token for job in jobs] + ["nobody"]) == {job.token for job in jobs}
    other.cancel([jobs[1].token, jobs[3].token])
    until(lambda: other.known([job.token for job in jobs]) == {jobs[0].token, jobs[2].token})
    other.cancel([job.token for job in jobs])
    until(lambda: other.known([job.token for job in jobs]) == set())


def test_what_others_have_done_leaves_the_queue_and_nothing_else_does(bench: Bench, slurm: Cluster) -> None:
    slurm.run("scontrol", "update", "partitionname=main", "state=down")
    jobs = [bench.job() for _ in range(6)]
    tokens = [job.token for job in jobs]
    bench.start(*jobs)
    for number in (1, 4):
        with Path(jobs[number].folder, "place").open("a") as file:
            file.write(f"{tokens[0]} 99\n")  # as by the worker that has done it
    bench.engine.forget([tokens[1], tokens[2], tokens[4], "nobody"])
    assert bench.engine.known(tokens) == set(tokens) - {tokens[1], tokens[4]}
    bench.engine.cancel(tokens)
    until(lambda: bench.engine.known(tokens) == set())
    slurm.run("scontrol", "update", "partitionname=main", "state=up")


def test_an_array_is_no_larger_than_the_cluster_allows(bench: Bench, slurm: Cluster) -> None:
    jobs = [bench.job("true") for _ in range(5)]
    bench.engine._largest_array = 2
    ids = bench.start(*jobs)
    assert [id.partition("_")[2] for id in ids] == ["0", "1", "0", "1", ""]
    until(lambda: bench.engine.known([job.token for job in jobs]) == set(), 60)


def test_the_environment_of_a_job_has_nothing_of_ours(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "1")
    monkeypatch.setenv("SBATCH_PARTITION", "of-another-job")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    job = bench.job("env")
    bench.start(job)
    until(lambda: "SLURM_JOB_ID=" in bench.log(job))
    names = {line.partition("=")[0] for line in bench.log(job).splitlines()}
    ours = {name for name in names if not name.startswith("SLURM")}
    assert ours <= {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "LC_ALL",
        "ENVIRONMENT",
        "HOSTNAME",
        "PWD",
        "TMPDIR",
        "SHLVL",
        "_",
    }


@pytest.mark.long
def test_scancel_sends_term_and_after_kill_wait_kill(bench: Bench) -> None:
    job = bench.job("trap 'echo got term' TERM; echo up; while :; do sleep 0.1; done")
    (id,) = bench.start(job)
    until(lambda: "up" in bench.log(job))
    bench.engine.cancel([job.token])
    until(lambda: "got term" in bench.log(job))
    until(lambda: id not in bench.states())


def test_a_job_that_is_started_again_is_known_all_the_while(bench: Bench, slurm: Cluster) -> None:
    job = bench.job()
    (id,) = bench.start(job)
    until(lambda: bench.running(id))
    slurm.run("scontrol", "update", f"jobid={id}", "requeue=1")
    slurm.run("scontrol", "requeue", id)
    until(lambda: bench.states().get(id) != "RUNNING")
    assert bench.engine.known([job.token]) == {job.token}
    until(lambda: bench.states().get(id) == "PENDING")
    assert bench.engine.known([job.token]) == {job.token}
    bench.engine.cancel([job.token])
    until(lambda: bench.engine.known([job.token]) == set())


@pytest.mark.long
def test_without_a_controller_nothing_is_known_and_nothing_refused(bench: Bench, slurm: Cluster) -> None:
    before = bench.job()
    bench.start(before)
    until(lambda: bench.running(*bench.states()))
    slurm.stop_controller()
    assert bench.engine.submit([bench.job(), bench.job(cpu=2)]) == [None, None]
    assert bench.engine.known([before.token]) is None
    slurm.start_controller()
    assert bench.engine.known([before.token]) == {before.token}
    bench.engine.cancel([before.token])


def test_an_answer_that_takes_too_long_is_none(bench: Bench, slurm: Cluster, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sbatch", "squeue"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexec /bin/sleep 60\n")
        (tmp_path / "bin" / name).chmod(0o755)
    slow = Slurm(Remote("slurm"), str(tmp_path), Commands({"PATH": f"{tmp_path}/bin"}, patience_s=0.1))
    assert slow.submit([bench.job()]) == [None]
    assert slow.known(["x"]) is None
    slow.cancel(["x"])


REFUSED: list[tuple[dict[str, object], dict[str, object], str]] = [
    (
        {"partition": "nope"},
        {},
        "Slurm does not take the job: invalid partition specified: nope; Invalid partition name specified"
        " (`sinfo` lists the partitions; the runner's `partition` names one)",
    ),
    (
        {},
        {"memory_bytes": 10**13},
        "Slurm does not take the job: Memory specification can not be satisfied; Requested node configuration is not"
        " available (`sinfo --format='%P %c %m'` lists processors and MB; the task asks in `resources`)",
    ),
    (
        {},
        {"cpu": 5},
        "it wants 5 processors, and no node of the cluster has more than 4"
        " (`sinfo --format='%P %c %m'` lists them; the task asks in `resources`)",
    ),
    (
        {"partition": "main"},
        {"cpu": 4.5},
        "it wants 5 processors, and no node of the partition main has more than 4"
        " (`sinfo --format='%P %c %m'` lists them; the task asks in `resources`)",
    ),
    (
        {"options": ("--nonsense",)},
        {},
        "Slurm does not take the job: unrecognized option '--nonsense' (the runner's `options` are those of sbatch(1))",
    ),
]


@pytest.mark.parametrize(("settings", "wants", "text"), REFUSED, ids=["partition", "memory", "cpu", "cpu2", "option"])
def test_what_will_never_run_is_refused_in_slurms_words(
    bench: Bench, settings: dict[str, object], wants: dict[str, object], text: str
) -> None:
    assert bench.another(**settings).submit([bench.job(**wants)]) == [SpawnFailed("EINVAL", text)]


def test_commands_that_are_missing_are_named_with_where_they_were_looked_for(bench: Bench, tmp_path: Path) -> None:
    missing: Callable[[dict[str, str]], list[object]] = lambda environ: list(  # noqa: E731
        Slurm(Remote("slurm"), str(tmp_path), Commands(environ)).submit([bench.job()])
    )
    after = "; Slurm's commands have to be installed and configured on this machine"
    assert missing({"PATH": "/nowhere"}) == [SpawnFailed("ENOENT", f"no program called sbatch in PATH=/nowhere{after}")]
    conf = {"PATH": os.environ["PATH"], "SLURM_CONF": "/nowhere/slurm.conf"}
    text = f"SLURM_CONF names /nowhere/slurm.conf, which does not exist{after}"
    assert missing(conf) == [SpawnFailed("ENOENT", text)]
