"""What is handed in where a user may have so many jobs and no more, against an sbatch of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tetra_orchestrator.adapters.runner.remote.engine import Job
from tetra_orchestrator.adapters.runner.slurm.command import Commands
from tetra_orchestrator.adapters.runner.slurm.engine import Slurm
from tetra_orchestrator.core.runners import Remote

# Takes an array as a whole as long as there is room, and says how large it was.
SBATCH = """\
#!/bin/sh
count=1
for word; do case $word in --array=0-*) count=$((${word#--array=0-} + 1)) ;; esac; done
echo "$count" >>"FOLDER/asked"
room=$(cat "FOLDER/room")
[ "$count" -le "$room" ] || { echo "sbatch: error: LIMIT" >&2; exit 1; }
echo $((room - count)) >"FOLDER/room"
echo 7
"""
SCONTROL = "#!/bin/sh\necho 'MaxArraySize            = 1001'\n"


class Limited:
    """A Slurm in which there is room for so many jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = Slurm(Remote("slurm"), str(folder), Commands({"PATH": f"{folder}/bin:/usr/bin:/bin"}))

    def has(self, room: int, limit: str = "QOSMaxSubmitJobPerUserLimit") -> None:
        (self.folder / "bin").mkdir(exist_ok=True)
        (self.folder / "room").write_text(f"{room}\n")
        for name, text in (("sbatch", SBATCH), ("scontrol", SCONTROL)):
            path = self.folder / "bin" / name
            path.write_text(text.replace("FOLDER", str(self.folder)).replace("LIMIT", limit))
            path.chmod(0o755)

    def jobs(self, count: int) -> list[Job]:
        tokens = [f"{number:032x}" for number in range(count)]
        for token in tokens:
            (self.folder / token).mkdir()
        return [Job(token, f"{self.folder}/{token}", ("/bin/true", f"{self.folder}/{token}"), "t") for token in tokens]

    def asked(self) -> list[int]:
        return [int(word) for word in (self.folder / "asked").read_text().split()]


@pytest.fixture
def limited(tmp_path: Path) -> Limited:
    return Limited(tmp_path)


def test_of_an_array_for_which_there_is_no_room_as_much_is_handed_in_as_there_is_room_for(limited: Limited) -> None:
    limited.has(room=3)
    answers = limited.engine.submit(limited.jobs(8))
    assert answers == ["7_0", "7_1", *[None] * 6]
    assert limited.asked() == [8, 4, 2]


def test_one_job_for_which_there_is_no_room_is_handed_in_later(limited: Limited) -> None:
    limited.has(room=0)
    assert limited.engine.submit(limited.jobs(4)) == [None] * 4
    assert limited.asked() == [4, 2, 1]


@pytest.mark.parametrize("limit", ["AssocGrpSubmitJobsLimit", "AssocMaxSubmitJobLimit", "QOSGrpSubmitJobsLimit"])
def test_a_limit_of_a_user_or_a_group_passes(limited: Limited, limit: str) -> None:
    limited.has(room=0, limit=limit)
    assert limited.engine.submit(limited.jobs(1)) == [None]


def test_of_jobs_that_their_own_workers_have_done_slurm_is_not_asked(limited: Limited) -> None:
    limited.has(room=8)
    jobs = limited.jobs(2)
    limited.engine.submit(jobs)
    (limited.folder / "bin" / "squeue").write_text(f"#!/bin/sh\ntouch {limited.folder}/squeued\n")
    (limited.folder / "bin" / "squeue").chmod(0o755)
    limited.engine.forget([job.token for job in jobs])
    assert not (limited.folder / "squeued").exists()
    with (limited.folder / jobs[1].token / "place").open("a") as file:
        file.write(f"{jobs[0].token} 0\n")
    limited.engine.forget([job.token for job in jobs])
    assert (limited.folder / "squeued").exists()


def test_an_array_whose_parts_cannot_be_noted_is_handed_in_later(limited: Limited) -> None:
    limited.has(room=8)
    jobs = limited.jobs(2)
    (limited.folder / jobs[1].token / "place").mkdir()
    assert limited.engine.submit(jobs) == [None, None]
    assert not (limited.folder / "asked").exists()
