"""The short form of `python -m proofs race`, and that it finds locks that do not do what they are for."""

from __future__ import annotations

import fcntl
import os
import re
import sys

import pytest

if sys.platform != "linux":
    pytest.skip("watches processes through pidfd_open(2)", allow_module_level=True)

from proofs import race, race_hosts, race_site, race_wakes
from support.postgres import Server
from tetra_orchestrator.adapters.locks.advisory import AdvisoryTable

ONCE, *OTHERS = race.SHORT
FRESH = next(kind._replace(rounds=1) for kind in race_wakes.SHORT if kind.fresh)


@pytest.fixture(autouse=True, scope="module")
def _imported():
    race_site.import_everything()


def test_fault_30_fifty_starts_at_once_have_one_winner(tmp_path):
    result = race.rounds(ONCE, tmp_path)
    assert result.violations == []
    assert (result.crowds, len(result.won), len(result.turned_away)) == (5, 5, 5 * 49)


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.name)
def test_fifty_starts_have_one_winner_in_other_circumstances_too(kind, tmp_path):
    result = race.rounds(kind, tmp_path)
    assert result.violations == []
    assert len(result.turned_away) == 49 * result.crowds
    assert bool(result.answers) == bool(kind.watchers)
    assert result.crowds == kind.rounds * (1 + kind.killed)


@pytest.mark.parametrize("kind", race_wakes.SHORT, ids=lambda kind: kind.name)
def test_of_fifty_wakes_for_one_slot_one_runs_it_and_the_others_say_nothing(kind, tmp_path):
    result = race_wakes.rounds(kind, tmp_path)
    assert result.violations == []
    assert result.crowds == kind.rounds


@pytest.fixture
def busy_url():
    """A database of a server that takes as many sessions as there are starts."""
    server = Server(settings=(race_hosts.CONNECTIONS,))
    yield server.store()
    server.remove()


def test_fault_44_fifty_starts_at_once_on_two_hosts_have_one_winner(tmp_path, busy_url):
    result = race_hosts.rounds(race_hosts.SHORT[0], tmp_path, busy_url)
    assert result.violations == []
    assert (result.crowds, len(result.won), len(result.turned_away)) == (2, 2, 2 * 49)


def test_hosts_that_do_not_know_of_each_other_are_found(tmp_path, busy_url, monkeypatch):
    monkeypatch.setattr(AdvisoryTable, "held", lambda self, *given, **more: self._local.held(*given, **more))
    monkeypatch.setattr(race_hosts, "STARTS", 2)
    assert race_hosts.rounds(race_hosts.SHORT[0]._replace(rounds=1), tmp_path, busy_url).violations


def test_wakes_that_fail_and_a_slot_that_nobody_runs_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(race_wakes, "WAKES", 3)
    monkeypatch.setattr(race_site, "run", lambda argv: 69)
    *wakes, last = race_wakes.rounds(FRESH, tmp_path).violations
    assert [text.partition(" ended with ")[2] for text in wakes] == ["69: "] * 3
    assert last == "the runs are [], and the tasks wrote []"


def test_a_slot_that_is_run_by_whoever_comes_is_found(tmp_path, monkeypatch):
    real = race_site.run

    def forgetful(argv):
        code = real(argv)
        race_wakes.forget("state/tetra.db")
        return max(code, real(argv))

    monkeypatch.setattr(race_wakes, "WAKES", 1)
    monkeypatch.setattr(race_site, "run", forgetful)
    [found] = race_wakes.rounds(FRESH, tmp_path).violations
    assert re.fullmatch(
        r"the runs are \[\(.*, 'succeeded'\)\], and the tasks wrote \[(\['(start|end)'.*?\](, )?){4}\]", found
    )


def test_a_lock_that_does_not_lock_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(race_site, "STUCK_S", 0.5)
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
    monkeypatch.setattr(race_wakes, "SHORT", [])
    monkeypatch.setattr(race, "STARTS", 5)
    assert race.main(["--short"]) == 1
    told = capsys.readouterr().out
    refusal = "error: the pipeline 'work' is already being run by another process"
    assert f'starts at once: the last to end were [(75, "{refusal}' in told
    assert re.match("5 times 5 starts at once: [0-9]+ violations; 2[0-5] turned away, ", told.splitlines()[-1])


def test_a_status_that_fails_is_found(tmp_path, monkeypatch):
    real = race_site.run
    monkeypatch.setattr(race_site, "run", lambda argv: 69 if argv == ["status"] else real(argv))
    monkeypatch.setattr(race, "STARTS", 5)
    result = race.rounds(OTHERS[0], tmp_path)
    assert result.violations == ["`status` ended with 69: "] * 2


def test_who_is_turned_away_late_counts_unless_it_is_the_interpreter_that_is_measured(monkeypatch, capsys):
    def late(kind, folder):
        result = race.Result(kind)
        result.turned_away.append(race.PROMPT_S + 1)
        return result

    monkeypatch.setattr(race, "rounds", late)
    monkeypatch.setattr(race_wakes, "rounds", late)
    assert race.main(["--short"]) == 1
    told = capsys.readouterr().out
    assert "starts at once: most were turned away late\n" in told
    assert told.splitlines()[-1] == "0 times 50 starts at once: 8 violations; 9 turned away, 8 of them late"
