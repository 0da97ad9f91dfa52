"""The short form of `python -m proofs race`, and that it finds locks that do not do what they are for."""

from __future__ import annotations

import fcntl
import os
import re
import sys

import pytest

if sys.platform != "linux":
    pytest.skip("watches processes through pidfd_open(2)", allow_module_level=True)

from proofs import race

ONCE, *OTHERS = race.SHORT


@pytest.fixture(autouse=True, scope="module")
def _imported():
    race.import_everything()


def test_fault_30_fifty_starts_at_once_have_one_winner(tmp_path):
    result = race.rounds(ONCE, tmp_path)
    assert result.violations == []
    assert (result.crowds, len(result.won), len(result.refused)) == (5, 5, 5 * 49)


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.name)
def test_fifty_starts_have_one_winner_in_other_circumstances_too(kind, tmp_path):
    result = race.rounds(kind, tmp_path)
    assert result.violations == []
    assert len(result.refused) == 49 * result.crowds
    assert bool(result.answers) == bool(kind.watchers)
    assert result.crowds == kind.rounds * (1 + kind.killed)


def test_a_lock_that_does_not_lock_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(race, "STUCK_S", 0.5)
    monkeypatch.setattr(race, "STARTS", 5)
    monkeypatch.setattr(fcntl, "flock", lambda fd, operation: None)
    result = race.rounds(ONCE._replace(rounds=1), tmp_path)
    # some start in time for the store to tell them of another, in other words than those of a lock; often all win
    assert result.violations


def test_a_start_that_is_refused_while_nobody_runs_is_found(monkeypatch, capsys):
    real = fcntl.flock

    def refuse(fd, operation):
        if os.readlink(f"/proc/self/fd/{fd}").endswith("/pipeline-work.lock"):
            raise BlockingIOError
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(race, "SHORT", [ONCE])
    monkeypatch.setattr(race, "STARTS", 5)
    assert race.main(["--short"]) == 1
    told = capsys.readouterr().out
    refusal = "error: the pipeline 'work' is already being run by another process"
    assert f'starts at once: the last to end were [(75, "{refusal}' in told
    assert re.match("5 times 5 starts at once: [0-9]+ violations; 2[0-5] refusals, ", told.splitlines()[-1])


def test_a_status_that_fails_is_found(tmp_path, monkeypatch):
    real = race.run
    monkeypatch.setattr(race, "run", lambda argv: 69 if argv == ["status"] else real(argv))
    monkeypatch.setattr(race, "STARTS", 5)
    result = race.rounds(OTHERS[0], tmp_path)
    assert result.violations == ["`status` ended with 69: "] * 2


def test_refusals_that_are_late_count_unless_it_is_the_interpreter_that_is_measured(monkeypatch, capsys):
    def late(kind, folder):
        result = race.Result(kind)
        result.refused.append(race.PROMPT_S + 1)
        return result

    monkeypatch.setattr(race, "rounds", late)
    assert race.main(["--short"]) == 1
    told = capsys.readouterr().out
    assert "starts at once: most refusals were late\n" in told
    assert told.splitlines()[-1] == "0 times 50 starts at once: 5 violations; 6 refusals, 5 of them late"
