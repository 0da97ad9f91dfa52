"""A command of the user's as a channel, and one that sends text messages."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from support.letters import letter
from tetra_orchestrator.adapters.notify.courier import ChildCourier
from tetra_orchestrator.adapters.runner.output.encodings import forms
from tetra_orchestrator.core.watching import Channel


def shell(script: str, *arguments: object, kind: str = "command", **more) -> Channel:
    return Channel("hook", kind, command=("sh", "-c", script, *map(str, arguments)), **more)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def waits_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 3
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(pid)


def test_the_letter_is_json_on_its_input_and_in_variables(told, tmp_path):
    content, env = tmp_path / "content", tmp_path / "env"
    assert told(shell('cat > "$0"; env > "$1"', content, env)) is None
    letter = json.loads(content.read_text())
    assert (letter["schema"], letter["project"], letter["alerts"][0]["code"]) == (
        "tetra.alert/1", "tetra", "pipeline_failed",
    )  # fmt: skip
    assert {line for line in env.read_text().splitlines() if line.startswith("TETRA_ALERT_")} == {
        "TETRA_ALERT_KEY=tetra-7-20260301T200000Z",
        "TETRA_ALERT_WHAT=raised",
        "TETRA_ALERT_SEVERITY=high",
        "TETRA_ALERT_CHANNEL=hook",
        "TETRA_ALERT_TITLE=[tetra] data failed: load ended with exit code 3",
        "TETRA_ALERT_TEXT=load: exit code 3",
    }


def test_a_text_message_fits_into_160_characters_and_the_numbers_are_told(told, tmp_path):
    seen = tmp_path / "seen"
    script = 'printf "%s|%s" "$TETRA_ALERT_RECIPIENTS" "$TETRA_ALERT_TEXT" > "$0"'
    assert told(shell(script, seen, kind="sms", recipients=("+15551", "+15552")), text="x" * 500) is None
    numbers, text = seen.read_text().split("|")
    assert numbers == "+15551 +15552"
    assert len(text) == 160
    assert text.startswith("[tetra] data failed: load ended with exit code 3: xxx")


def test_a_title_that_fills_a_text_message_stands_alone(told, tmp_path):
    seen = tmp_path / "seen"
    told(shell('printf %s "$TETRA_ALERT_TEXT" > "$0"', seen, kind="sms"), title="t" * 500)
    assert seen.read_text() == "[tetra] " + "t" * 151 + "…"


def test_a_command_that_fails_is_said_with_its_last_words(told):
    refused = told(shell("echo first >&2; printf 'last words\\n\\n' >&2; exit 3"))
    assert (refused.cause, refused.hopeless) == ("sh: exit code 3: last words", False)


def test_a_command_that_is_killed_is_said(told):
    assert told(shell("kill -9 $$")).cause == "sh: ended by signal 9"


def test_a_command_that_does_not_read_its_input_is_no_failure(told):
    assert told(shell("exec <&-; exit 0"), text="x" * 1_000_000) is None


def test_a_command_that_writes_a_lot_is_no_failure(told):
    assert told(shell("head -c 3000000 /dev/zero | tee /dev/stderr")) is None


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("no-such-program-here",), "no-such-program-here: No such file or directory"),
        (("/etc",), "etc: Permission denied"),
        (("a\0b",), "a\0b: it cannot be run as it is written"),
        ((), "no command: it cannot be run as it is written"),
    ],
)
def test_a_command_that_cannot_be_run_is_an_error_and_no_crash(told, argv, why):
    assert told(Channel("hook", "command", command=argv)).cause == why


@pytest.mark.parametrize("ends", ["sleep 60", "exit 0"])
def test_what_a_command_leaves_behind_is_ended_with_it(told, tmp_path, ends):
    pids = tmp_path / "pids"
    script = f'(trap "" TERM HUP; sleep 61 & echo $! > "$0"; wait) & while [ ! -s "$0" ]; do sleep 0.05; done; {ends}'
    began = time.monotonic()
    refused = told(shell(script, pids), within_s=2.0)
    assert time.monotonic() - began < 3
    assert refused is None if ends == "exit 0" else refused.cause == "sh: no answer within 2 s, it was ended"
    assert waits_until_gone(int(pids.read_text()))


def test_it_has_our_environment_but_no_secret_of_a_channel(post, tmp_path, monkeypatch):
    seen = tmp_path / "seen"
    monkeypatch.setenv("OF_THE_USER", "is here")
    monkeypatch.setenv("SMTP_PASSWORD", "canary-password")
    channel = shell('env > "$0"', seen, password="canary-password")
    assert post(channel).ok
    lines = seen.read_text().splitlines()
    assert "OF_THE_USER=is here" in lines
    assert not any("canary" in line for line in lines)
    assert f"HOME={os.environ['HOME']}" in lines


def test_it_has_no_variable_of_which_an_address_is_made(post, tmp_path, monkeypatch):
    """`url: "https://h/hooks/${TOKEN}"`: the token is in no value of the channel by itself."""
    seen = tmp_path / "seen"
    monkeypatch.setenv("TOKEN", "canary-token")
    monkeypatch.setenv("PLACE", "hooks")  # too short to be one
    channel = shell('env > "$0"', seen, webhook_url="https://h.example/hooks/x-canary-token/y")
    assert post(channel).ok
    lines = seen.read_text().splitlines()
    assert "PLACE=hooks" in lines
    assert not any("canary" in line for line in lines)


def test_where_our_own_modules_are_is_not_in_its_environment(post, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert post(shell('env > "$0"', tmp_path / "seen")).ok
    assert "PYTHONPATH" not in (tmp_path / "seen").read_text()


def test_a_path_in_it_starts_at_the_project_s_root(tmp_path):
    root = tmp_path / "the project"
    (root / "bin").mkdir(parents=True)
    program = root / "bin" / "tell"
    program.write_text('#!/bin/sh\necho "$TETRA_ALERT_WHAT" > told\n')
    program.chmod(0o755)
    channel = Channel("hook", "command", command=("bin/tell",))
    (posted,) = ChildCourier("tetra", forms, str(root)).post([(channel, letter(channel))], 5.0)
    assert posted.error is None
    assert (root / "told").read_text() == "raised\n"
