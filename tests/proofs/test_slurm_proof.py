"""The short form of `python -m proofs slurm`, and that it finds what is not as it has to be."""

from __future__ import annotations

import pytest

from proofs.slurm import FULL, NODES, SEED, SHORT, Proof, main
from support.slurm import cluster


@pytest.fixture
def proof(tmp_path):
    class Nowhere:
        """A cluster that nobody has started."""

        nodes = ()

    return Proof(SHORT, SEED, tmp_path / "project", Nowhere())


@pytest.mark.long
def test_whatever_dies_every_task_ends_once_and_nothing_is_left(tmp_path):
    (tmp_path / "slurm").mkdir()
    with cluster(tmp_path / "slurm", NODES) as machines:
        proof = Proof(SHORT, SEED, tmp_path / "project", machines)
        assert proof.perform() == 0, (tmp_path / "project" / "out").read_text()
        assert proof.losses() == []
        assert proof.counts == {"nodes": SHORT.kills, "clients": 1, "controllers": 1}


@pytest.mark.long
def test_the_same_of_five_hundred_tasks(capsys):
    assert main(["--seed", str(SEED)]) == 0, capsys.readouterr().out
    assert f"{FULL.tasks} tasks" in capsys.readouterr().out


WRONG = {
    "begin a|goes a|begin b|goes a|end b": ["t0: an attempt goes on beside another"],
    "begin a|begin a|end a": ["t0: an attempt has begun 2 times"],
    "begin a|goes a": ["t0 has not ended"],
    "begin a|goes a|begin b|end b": [],
}


@pytest.mark.parametrize("journal", WRONG)
def test_it_finds_in_a_journal_what_may_not_be(proof, journal):
    (proof.folder / "journal" / "t0").write_text(journal.replace("|", "\n") + "\n")
    assert proof._wrong_in_journal("t0") == WRONG[journal]
