"""A name that does not exist, of whatever kind, is answered with the one that was meant."""

from __future__ import annotations

import os

import pytest

from tetra_orchestrator.cli import main

FILE = """
pipelines:
  data_pipeline: {shell: "true"}
  features: {tasks: {extract: {shell: "true", cache: {}}, build: {shell: "true"}}}
  stored: {shell: "true", pool: warehouse}
pools: {warehouse: 2}
params: {region: {type: str, default: eu}}
modes: {weekly: [data_pipeline], ranged: {partition: range, pipelines: [data_pipeline]}}
schedules: {nightly: {mode: weekly, cron: "0 6 * * *"}}
alerting:
  channels: {team_mail: {type: command, command: ["true"]}}
  rules: [{name: Old data, condition: "data_age_hours > 48", severity: medium}]
"""
#: What was written, and what was meant.
MISTAKES = {
    "staus": "Did you mean 'status'",
    "schedule lst": "Did you mean 'list'",
    "run --mod weekly": "(Possible options: --mode, --on)",
    "history --pipelin data_pipeline": "(Possible options: --pipeline)",
    "run --progress plan": "'plain'",
    "run --mode weekyl": "did you mean 'weekly'?",
    "run --pipeline data_pipelin": "did you mean 'data_pipeline'?",
    "run --only features.extrat": "did you mean 'features.extract'?",
    "run --from features.bild": "did you mean 'features.build'?",
    "run --param regoin=us": "did you mean 'region'?",
    "plan --mode weekyl": "did you mean 'weekly'?",
    "graph --mode weekyl": "did you mean 'weekly'?",
    "backfill --mode rangd --from 2026-01-01 --to 2026-01-02": "did you mean 'ranged'?",
    "backfill status {backfill}x": "did you mean '{backfill}'?",
    "show {run}x": "did you mean '{run}'?",
    "retry {run}x --task features.build": "did you mean '{run}'?",
    "retry {run} --task features.bild": "did you mean 'features.build'?",
    "resume {run}x": "did you mean '{run}'?",
    "logs --run {run}x": "did you mean '{run}'?",
    "logs --pipeline data_pipelin": "did you mean 'data_pipeline'?",
    "history --pipeline data_pipelin": "did you mean 'data_pipeline'?",
    "history --mode weekyl": "did you mean 'weekly'?",
    "history --state faild": "did you mean 'failed'?",
    "pause data_pipelin": "did you mean 'data_pipeline'?",
    "unpause nightli": "did you mean 'nightly'?",
    "schedule next nigthly": "did you mean 'nightly'?",
    "schedule audit nigthly": "did you mean 'nightly'?",
    "schedule lint nigthly": "did you mean 'nightly'?",
    "schedule run-now nigthly": "did you mean 'nightly'?",
    "schedule disable nigthly": "did you mean 'nightly'?",
    "fire nigthly --by crontab": "did you mean 'nightly'?",
    "why-not nigthly 2026-03-01T20:00": "did you mean 'nightly'?",
    "alerts test team_mial": "did you mean 'team_mail'?",
    "cache clear --task features.extrat": "did you mean 'features.extract'?",
}
#: The same for what the file itself says: a change of it, and what was meant.
IN_THE_FILE = {
    "pool: warehouse}": ("pool: warehuose}", "did you mean 'warehouse'?"),
    "weekly: [data_pipeline]": ("weekly: [data_pipelin]", "did you mean 'data_pipeline'?"),
    "mode: weekly": ("mode: weekyl", "did you mean 'weekly'?"),
    "severity: medium": ("severity: medium, channels: [team_mial]", "did you mean 'team_mail'?"),
}  # fmt: skip


@pytest.fixture
def names(site, monkeypatch):
    """The ids of a run and of a backfill in the project of the current folder."""
    site.configure(FILE)
    site.run("run")
    site.run("backfill", "--mode", "ranged", "--from", "2026-01-01", "--to", "2026-01-01")
    ids = {"run": site.json("history")["runs"][-1]["run_id"]}
    ids["backfill"] = site.json("backfill", "list")["backfills"][0]["backfill_id"]
    monkeypatch.chdir(site.root)
    monkeypatch.setattr(os, "environ", {**site.env})
    return ids


def test_every_name_that_does_not_exist_is_answered_with_the_one_that_was_meant(names, capfd):
    answers = {}
    for mistake in MISTAKES:
        code = main.run(mistake.format(**names).split())
        answers[mistake] = (code, capfd.readouterr().err)
    assert {mistake: answer for mistake, answer in answers.items() if answer[0] != 64} == {}
    wanted = {mistake: meant.format(**names) for mistake, meant in MISTAKES.items()}
    assert {mistake: answers[mistake][1] for mistake, meant in wanted.items() if meant not in answers[mistake][1]} == {}


@pytest.mark.parametrize("right", IN_THE_FILE)
def test_so_is_one_in_the_file(right, site, monkeypatch, capfd):
    wrong, meant = IN_THE_FILE[right]
    assert right in FILE
    site.configure(FILE.replace(right, wrong))
    monkeypatch.chdir(site.root)
    code = main.run(["validate"])
    answer = capfd.readouterr()
    assert meant in answer.err + answer.out
    assert code == 78
