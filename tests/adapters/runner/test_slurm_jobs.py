"""What sbatch is given for jobs, and what is made of its refusals; nothing here needs Slurm."""

from __future__ import annotations

import pytest

from tetra_orchestrator.adapters.runner.remote.engine import Job
from tetra_orchestrator.adapters.runner.slurm.jobs import batches, options, script, wants
from tetra_orchestrator.adapters.runner.slurm.refusals import passes, refusal
from tetra_orchestrator.core.runners import Remote

MB = 1024**2


def job(name: str = "a", **more: object) -> Job:
    folder = f"/far away/{name}"
    return Job(name, folder, ("python", "-m", "worker", folder), f"task {name}", **more)  # type: ignore[arg-type]


def test_what_a_job_wants_is_rounded_up_to_what_slurm_counts() -> None:
    assert wants(job()) == ()
    found = wants(job(cpu=0.2, memory_bytes=1, gpu=2, time_limit_s=0.5))
    assert found == ("--cpus-per-task=1", "--mem=1M", "--gres=gpu:2", "--time=1")
    assert wants(job(cpu=3.1, memory_bytes=2 * MB, time_limit_s=120)) == ("--cpus-per-task=4", "--mem=2M", "--time=2")


def test_the_runners_options_come_before_what_a_task_wants_and_what_is_ours() -> None:
    remote = Remote("big", partition="long", account="lab", qos="high", options=("--mem=1G", "--nice"))
    found = options(remote, [job(memory_bytes=5 * MB)])
    assert found[6:] == (
        "--partition=long",
        "--account=lab",
        "--qos=high",
        "--mem=1G",
        "--nice",
        "--mem=5M",
        "--job-name=a",
        "--comment=task a",
        "--output=/far away/a/engine.log",
    )


def test_a_per_cent_sign_in_a_path_is_none_of_slurms() -> None:
    assert options(Remote("big"), [job("50%j")])[-1] == "--output=/far away/50%%j/engine.log"


def test_jobs_that_want_the_same_are_together_as_far_as_an_array_goes() -> None:
    jobs = [job("a"), job("b", cpu=2), job("c"), job("d"), job("e", cpu=1.5)]
    assert [[each.token for each in group] for group in batches(jobs, 2)] == [["a", "c"], ["d"], ["b", "e"]]


def test_the_script_of_a_job_becomes_its_worker() -> None:
    assert script([job()]) == "#!/bin/sh\nexec python -m worker '/far away/a'\n"


def test_the_script_of_an_array_takes_its_own_job_and_then_those_behind_it() -> None:
    assert script([job("a"), job("b"), job("c")]).splitlines() == [
        "#!/bin/sh",
        "jobs='/far away'",
        "set -- a b c",
        "shift $SLURM_ARRAY_TASK_ID",
        "job=$jobs/$1; shift",
        '[ -d "$jobs" ] && [ ! -e "$job/request.json" ] && exit',
        'exec python -m worker "$job" "$@" >>"$job/engine.log" 2>&1',
    ]


POLICY = (
    "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size"
    " and/or time limits)"
)
PASSING = [
    "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
    "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
    f"sbatch: error: QOSMaxSubmitJobPerUserLimit\n{POLICY}",
    f"sbatch: error: AssocMaxSubmitJobLimit\n{POLICY}",
    "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
    "sbatch: error: Batch job submission failed: Slurm backup controller in standby mode",
]
FINAL = [
    "sbatch: error: Batch job submission failed: Invalid partition name specified",
    "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
    f"sbatch: error: QOSMaxMemoryPerJob\n{POLICY}",
    "sbatch: error: Batch job submission failed: Requested node configuration is not available",
    "",
]


@pytest.mark.parametrize("error", PASSING)
def test_what_passes_is_tried_again(error: str) -> None:
    assert passes(error)


@pytest.mark.parametrize("error", FINAL)
def test_what_does_not_pass_is_told(error: str) -> None:
    assert not passes(error)


def test_a_refusal_has_slurms_words_once_and_without_their_frame() -> None:
    error = "sbatch: error: Batch job submission failed: Invalid license specification"
    assert (
        refusal(f'{error}\nTry "sbatch --help" for more information\n').text
        == "Slurm does not take the job: Invalid license specification"
    )
    assert refusal("").text == "Slurm does not take the job: sbatch gives no reason"
