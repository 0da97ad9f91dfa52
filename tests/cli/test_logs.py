"""What `logs` and `show` do with control characters, long lines, missing files and dead owners."""

from __future__ import annotations

import os
import signal

import pytest


def printing(site, text):
    """A run of `data` that prints the bytes of `text`."""
    site.root.joinpath("text").write_bytes(text)
    site.configure("pipelines: {data: {shell: 'cat text'}}\n")
    assert site.run("run").returncode == 0


def test_a_character_across_two_blocks_stays_whole(site):
    text = "x" * 65535 + "é" + "y" * 65534 + "\r\nend\r\n"
    printing(site, text.encode())
    assert site.run("logs", "-p", "data").stdout == text.replace("\r\n", "\n")


def test_half_a_character_and_a_lone_return_at_the_end_are_shown(site):
    printing(site, b"a\xc3")
    assert site.run("logs", "-p", "data").stdout == "a\N{REPLACEMENT CHARACTER}"
    printing(site, b"a\r")
    assert site.run("logs", "-p", "data").stdout == "a\\x0d"


def test_controls_of_eight_bits_do_not_reach_the_terminal_either(site):
    printing(site, "\x9b31mred\x1b[0m\n".encode())
    assert site.run("logs", "-p", "data").stdout == "\\x9b31mred\\x1b[0m\n"


def test_show_prints_outputs_and_tails_harmlessly(site):
    site.root.joinpath("outputs").write_text(
        r"""{"title": "\u001b]0;pwned\u0007", "two\n": "a\n\tb", "deep": {"x": ["\u009b"]}, "half": "\ud800"}"""
    )
    site.configure("pipelines: {data: {shell: 'cat outputs >> $TETRA_OUTPUT'}}\n")
    assert site.run("run").returncode == 0
    done = site.run("show")
    assert done.returncode == 0, done.stderr
    shown = dict(line.split(None, 1) for line in done.stdout.splitlines()[-4:])
    assert shown == {
        "title": r"\x1b]0;pwned\x07",
        r"two\n": r"a\n\tb",
        "deep": r'{"x": ["\x9b"]}',
        "half": r"\ud800",
    }


@pytest.mark.parametrize("follow", [(), ("--follow",)])
def test_a_log_that_is_gone_is_told_once(site, follow):
    printing(site, b"text")
    (log,) = site.root.glob("logs/runs/*/data.1.log")
    log.unlink()
    done = site.run("logs", "-p", "data", *follow)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{log} was moved or deleted\n")


def test_a_pipeline_that_nobody_knows_is_not_one_that_has_not_run_yet(site):
    site.configure("pipelines: {data: {shell: 'true'}, idle: {shell: 'true'}}\nmodes: {daily: [data]}\n")
    assert site.run("logs", "-p", "idle").stderr.startswith("error: 'idle' has not run yet\n")
    assert site.run("run", "--mode", "daily").returncode == 0
    assert site.run("logs", "-p", "idle").stderr.startswith("error: 'idle' has not run yet\n")
    done = site.run("logs", "--pipeline", "nosuch")
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == "error: Unknown pipeline: nosuch\n  hint: pipelines: data, idle\n"


def test_a_follower_ends_when_the_run_s_owner_has_died(site):
    site.configure("pipelines: {slow: {shell: 'echo $$ > pid; echo first; exec sleep 60'}}\n")
    run = site.start("run")
    site.until((site.root / "pid").exists)
    follower = site.start("logs", "--pipeline", "slow", "--follow")
    assert follower.stdout.readline() == "first\n"
    run.kill()
    run.communicate()
    assert follower.wait(timeout=10) == 0
    follower.communicate()
    assert site.json("show")["run"]["state"] == "lost"
    os.kill(int((site.root / "pid").read_text()), signal.SIGKILL)
