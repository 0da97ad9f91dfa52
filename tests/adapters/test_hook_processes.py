"""Hooks as real processes: what they are given, what becomes of what they say, and how they are ended."""

from __future__ import annotations

import os
import sys
import time

import pytest

from support.waiting import is_gone, until
from tetra_orchestrator.adapters import hooks
from tetra_orchestrator.adapters.hooks import HookProcesses
from tetra_orchestrator.adapters.runner.output.masked import MaskedLog
from tetra_orchestrator.watch_ports import HookCall


class Bench:
    """Runs hooks in a folder with a space and waits for them."""

    def __init__(self, root):
        self.root = root
        self.hooks = HookProcesses(lambda call: MaskedLog(call.log, call.redact, call.patterns, 1 << 20))

    def call(self, *argv, name="on_exit", **fields):
        log = str(self.root / "runs" / "r1" / f"hook.{name}.log")
        given = {"line": "", "env": {"PATH": os.environ["PATH"]}, "cwd": str(self.root), "given": b"{}\n"}
        return HookCall(name=name, argv=argv, log=log, **{"timeout_s": 20.0, **given, **fields})

    def start(self, *argv, **fields):
        self.hooks.start(self.call(*argv, **fields))

    def end(self, within_s=20.0):
        """Wait until all are over; returns what went wrong, without the folder."""
        limit = time.monotonic() + within_s
        while self.hooks.busy():
            assert time.monotonic() < limit, "a hook is not over"
            time.sleep(0.01)
        return [fault.replace(str(self.root), "ROOT") for fault in self.hooks.faults()]

    def said(self, name="on_exit"):
        return (self.root / "runs" / "r1" / f"hook.{name}.log").read_text()


@pytest.fixture
def bench(tmp_path):
    root = tmp_path / "my project"
    root.mkdir()
    return Bench(root)


def test_it_gets_its_input_environment_and_folder_and_its_log_is_only_ours(bench):
    script = 'cat; echo "$NAME $PWD"; echo problem >&2'
    bench.start("sh", "-c", script, given=b'{"a": 1}\n', env={"PATH": os.environ["PATH"], "NAME": "on_exit"})
    assert bench.end() == []
    assert bench.said() == f'{{"a": 1}}\non_exit {bench.root}\nproblem\n'
    log = bench.root / "runs" / "r1" / "hook.on_exit.log"
    assert [each.stat().st_mode & 0o777 for each in (log, log.parent, log.parent.parent)] == [0o600, 0o700, 0o700]


def test_an_input_larger_than_a_pipe_that_nobody_reads_holds_nothing_up(bench):
    bench.start("true", given=b"x" * 1_000_000)
    assert bench.end() == []


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        (("sh", "-c", "exit 3"), "the hook on_exit exited with code 3; its output is in ROOT/runs/r1/hook.on_exit.log"),
        (
            ("sh", "-c", "kill -9 $$"),
            "the hook on_exit was killed by signal 9; its output is in ROOT/runs/r1/hook.on_exit.log",
        ),
        (("nosuch",), "the hook on_exit could not be started: nosuch: No such file or directory"),
        (("a\0b",), "the hook on_exit could not be started: a\0b: embedded null byte"),
    ],
    ids=["code", "signal", "missing", "null"],
)
def test_one_that_does_not_end_well_is_one_fault(bench, argv, fault):
    bench.start(*argv)
    assert bench.end() == [fault]
    assert bench.hooks.faults() == []


def test_a_log_that_cannot_be_written_is_a_fault_of_its_hook(bench):
    (bench.root / "runs").write_text("a file")
    bench.start("true")
    assert bench.end() == ["the hook on_exit could not be started: true: Not a directory"]


def test_one_that_takes_too_long_is_ended_with_all_that_it_has_started(bench):
    bench.start("sh", "-c", "sleep 60 & echo $!; wait", timeout_s=2)
    began = time.monotonic()
    assert bench.end() == [
        "the hook on_exit was ended by its limit of 2 s; its output is in ROOT/runs/r1/hook.on_exit.log"
    ]
    assert time.monotonic() - began < 20
    until(lambda: is_gone(int(bench.said())))


def test_one_that_not_even_kill_ends_is_left_alone_with_a_word(bench, monkeypatch):
    monkeypatch.setattr(hooks, "DRAIN_S", 0.2)
    monkeypatch.setattr(hooks.os, "killpg", lambda group, number: None)  # as while it waits for a disk that has gone
    bench.start("sleep", "3", timeout_s=0.1)
    assert bench.end(2) == [
        "the hook on_exit does not end although it was killed; its output is in ROOT/runs/r1/hook.on_exit.log"
    ]


def test_what_it_leaves_behind_is_ended_and_not_waited_for(bench, monkeypatch):
    monkeypatch.setattr(hooks, "DRAIN_S", 0.2)
    bench.start("sh", "-c", "sleep 60 & echo $!")
    assert bench.end(10) == []
    until(lambda: is_gone(int(bench.said())))


def test_one_that_closes_its_output_is_still_waited_for(bench):
    bench.start("sh", "-c", "exec >/dev/null 2>&1; sleep 0.2; exit 4")
    assert bench.end()[0].startswith("the hook on_exit exited with code 4")


def test_a_kill_ends_what_runs_and_starts_nothing_more(bench):
    bench.start("sh", "-c", "touch one; exec sleep 60")
    bench.start("touch", "started")
    bench.start("sh", "-c", "touch other; exec sleep 60", line="other", name="p.on_exit")
    until(lambda: (bench.root / "one").exists() and (bench.root / "other").exists())
    bench.hooks.kill()
    assert sorted(bench.end(10)) == [
        "the hook on_exit was ended by a signal; its output is in ROOT/runs/r1/hook.on_exit.log",
        "the hook p.on_exit was ended by a signal; its output is in ROOT/runs/r1/hook.p.on_exit.log",
    ]
    assert not (bench.root / "started").exists()


def test_those_of_one_line_run_one_after_the_other_and_lines_side_by_side(bench):
    wait = "until test -e other; do sleep 0.01; done; touch first"
    bench.start("sh", "-c", wait, name="on_start")
    bench.start("sh", "-c", "test -e first", name="on_exit")
    bench.start("touch", "other", line="p", name="p.on_start")
    assert bench.end() == []


def test_secrets_and_patterns_are_kept_out_of_what_it_says(bench):
    code = "import base64; print('hunter22', base64.b64encode(b'hunter22').decode(), 'card 4711')"
    bench.start(sys.executable, "-c", code, redact=(b"hunter22",), patterns=(rb"\d{4}",))
    assert bench.end() == []
    assert bench.said() == "*** *** card ***\n"


def test_no_more_is_kept_of_what_it_says_than_fits(bench):
    small = HookProcesses(lambda call: MaskedLog(call.log, (), (), 1000))
    small.start(bench.call("sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x"))
    bench.hooks = small
    assert bench.end() == []
    assert len(bench.said()) < 1100


def test_one_for_which_no_thread_can_be_had_is_not_waited_for_and_the_next_is_started(bench, monkeypatch):
    def refused(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(hooks.Thread, "start", refused)
        with pytest.raises(RuntimeError):
            bench.start("true")
    assert not bench.hooks.busy()
    bench.start("sh", "-c", "echo again")
    assert bench.end() == []
    assert bench.said() == "again\n"


def test_one_that_cannot_be_attended_to_does_not_hold_up_those_behind_it(bench):
    opened, log = [], bench.hooks._log

    def fails_once(call):
        opened.append(call.name)
        if len(opened) == 1:
            raise MemoryError
        return log(call)

    bench.hooks._log = fails_once
    bench.start("true", name="on_start")
    bench.start("sh", "-c", "echo here")
    assert bench.end() == ["the hook on_start could not be started: true: "]
    assert bench.said() == "here\n"
