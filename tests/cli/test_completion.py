"""What TAB completes, in bash, zsh and fish as they are."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys

import apsw
import pytest

from support.components import require
from tetra_orchestrator.cli import completing, main

FILE = """
pipelines:
  data_pipeline: {shell: "true"}
  features: {tasks: {extract: {shell: "true"}, build: {shell: "true", tenant: team_a}}}
modes: {daily: [data_pipeline], weekly: [data_pipeline, features]}
schedules: {nightly: {mode: weekly, cron: "0 6 * * *"}}
tenants: {team_a: {concurrency: 2}}
alerting: {channels: {mail: {type: command, command: ["true"]}}}
"""


@pytest.fixture
def project(site, monkeypatch):
    site.configure(FILE)
    monkeypatch.chdir(site.root)
    return site


@pytest.fixture
def completed(project, capfd, monkeypatch):
    """The words that complete the last of the words, without what they mean."""
    monkeypatch.setattr(completing, "LIMIT_S", 60.0)  # it ends the process

    def ask(*words):
        code = main.run(["__complete", *words])
        found = capfd.readouterr()
        assert (code, found.err) == (0, "")
        return [line.partition("\t")[0] for line in found.out.splitlines()]

    return ask


@pytest.fixture
def shell(project, tmp_path):
    """A folder with `tetra` as users call it, and the environment that has it on the path."""
    program = tmp_path / "programs" / "tetra"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tetra_orchestrator "$@"\n')
    program.chmod(0o755)
    (program.parent / "tetra-orchestrator").symlink_to("tetra")
    (project.root / "programs").symlink_to(program.parent)
    project.run("validate")  # reads the file for the first time
    return project.env | {"PATH": f"{program.parent}:{project.env['PATH']}", "TERM": "dumb"}


def test_commands_options_and_their_choices_complete(completed):
    assert completed("sta") == ["status", "start", "state"]
    assert completed("schedule", "dis") == ["disable"]
    assert completed("run", "--mo") == ["--mode", "--model-version"]
    assert completed("run", "--mode", "daily", "--mo") == ["--model-version"]
    assert completed("run", "--progress", "p") == ["plain"]
    assert completed("completion", "") == ["bash", "zsh", "fish"]
    assert completed("--ver") == ["--version"]
    assert completed("help", "sta") == completed("sta")
    assert completed("help", "schedule", "dis") == ["disable"]


def test_names_of_the_project_in_this_folder_complete(completed):
    assert completed("run", "--mode", "") == ["daily", "weekly"]
    assert completed("run", "-p", "f") == ["features"]
    assert completed("run", "--only", "features") == ["features", "features.extract", "features.build"]
    assert completed("schedule", "disable", "") == ["nightly"]
    assert completed("schedule", "disable", "nightly", "") == []
    assert completed("pause", "") == ["data_pipeline", "features", "nightly"]
    assert completed("alerts", "test", "") == ["mail"]
    assert completed("history", "--tenant", "") == ["team_a"]
    assert completed("history", "--state", "succ") == ["succeeded", "success"]
    assert completed("schedule", "list", "--by", "s") == ["systemd"]


def test_a_value_behind_an_equals_sign_completes_whole_and_as_bash_splits_it(completed):
    assert completed("run", "--mode=w") == ["--mode=weekly"]
    assert completed("run", "--mode", "=", "w") == ["weekly"]
    assert completed("run", "--mode", "=") == ["daily", "weekly"]


def test_runs_backfills_and_alerts_complete_from_the_store(completed, project):
    assert completed("show", "") == []
    assert not (project.root / "state" / "tetra.db").exists()
    project.run("run", "--mode", "daily")
    run_id = project.json("history")["runs"][0]["run_id"]
    assert completed("show", "") == ["latest", run_id]
    assert completed("show", "2") == completed("logs", "--run", "2") == [run_id]
    assert completed("backfill", "status", "") == completed("alerts", "ack", "") == []


def test_files_are_left_to_the_shell(completed):
    assert (
        completed("validate", "")
        == completed("run", "--config", "")
        == completed("config", "diff", "a", "")
        == [":files"]
    )


def test_the_file_that_is_named_is_the_one_whose_names_complete(completed, project):
    project.write("other.yaml", "version: 1\nproject: o\npipelines: {p: {shell: 'true'}}\nmodes: {monthly: [p]}\n")
    assert completed("run", "--config", "other.yaml", "--mode", "") == ["monthly"]


@pytest.mark.parametrize("text", ["pipelines: {a: {shel: 'true'}}\n", "pipelines: [\n"], ids=["wrong", "no YAML"])
def test_a_broken_file_completes_no_name_and_prints_nothing(completed, project, text):
    project.configure(text)
    assert completed("run", "--mode", "") == []
    assert completed("run", "--mod") == ["--mode", "--model-version"]


def test_a_store_that_somebody_has_locked_completes_nothing_and_holds_nobody_up(project):
    project.run("run", "--mode", "daily")
    store = apsw.Connection(str(project.root / "state" / "tetra.db"))
    store.execute("PRAGMA locking_mode=EXCLUSIVE")
    store.execute("BEGIN EXCLUSIVE")
    asked = "from tetra_orchestrator.cli import completing as c; c.LIMIT_S = 0.5; c.answer(['show', ''])"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=project.root, env=project.env, capture_output=True, text=True, timeout=60
    )
    store.execute("ROLLBACK")
    store.close()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_only_names_that_no_shell_takes_for_more_than_a_word_are_offered(monkeypatch):
    from tetra_orchestrator.cli import completing_names

    offered = [("fine.name-1", ""), ("$(reboot)", ""), ("a b", ""), ("`id`", ""), ("größe", ""), ("a;b", "")]
    monkeypatch.setitem(completing_names.FIXED, "states", lambda: offered)
    assert [name for name, _ in completing_names.names("states", None)] == ["fine.name-1", "größe"]


def run_in(env, site, *command):
    done = subprocess.run(command, cwd=site.root, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")[:-1]


def test_bash_completes(shell, project):
    script = """
        eval "$(tetra completion bash)"
        try() { COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _tetra_orchestrator "$1"; echo "${COMPREPLY[*]}"; }
        try tetra run --mode d
        try tetra run --mode = w
        try tetra schedule disable n
        try tetra run --mode nothing
        complete -p tetra tetra-orchestrator
    """
    declared = [f"complete -F _tetra_orchestrator {name}" for name in ("tetra", "tetra-orchestrator")]
    found = run_in(shell, project, require("bash"), "--norc", "-c", script)
    assert found == ["daily", "weekly", "nightly", "", *declared]


def test_fish_completes(shell, project):
    script = """
        tetra completion fish | source
        complete -C "tetra run --mode d"
        complete -C "tetra run --mode=w"
        complete -C "tetra validate con"
        complete -C "tetra run --mode nothing"
        complete -C "programs/tetra schedule disable n"
        complete -C "tetra-orchestrator run --no-ret"
    """
    assert run_in(shell, project, require("fish"), "--no-config", "-c", script) == [
        "daily\tmode",
        "--mode=weekly\tmode",
        "config/",
        "nightly\tschedule",
        "--no-retry\tTry every task once, whatever the file says",
    ]


def test_zsh_completes(shell, project):
    zsh = require("zsh")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(project.root)
        os.execve(zsh, ["zsh", "-f", "-i"], {**shell, "PS1": "> "})
    written = b"autoload -Uz compinit; compinit -D -u; source <(tetra completion zsh); print re''ady\n"
    assert b"ready" in exchange(terminal, written, b"ready\r")
    for typed, whole in (
        (b"tetra run --mode d", b"daily "),
        (b"tetra run --mode=w", b"--mode=weekly "),
        (b"tetra validate conf", b"config/"),
        (b"programs/tetra schedule disable ", b"nightly "),
    ):
        assert whole in exchange(terminal, typed + b"\t", whole)
        os.write(terminal, b"\x15")
    os.write(terminal, b"exit\n")
    os.close(terminal)
    os.waitpid(pid, 0)


def exchange(terminal, text, awaited):
    """What the terminal shows after the text was typed, until that is there."""
    os.write(terminal, text)
    seen = b""
    while awaited not in seen:
        assert select.select([terminal], [], [], 30)[0], seen
        seen += os.read(terminal, 4096)
    return seen
