"""The courier and its process: every letter gets an answer in time, and nothing stays behind."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from support.http_server import HttpServer, SilentServer
from support.letters import letter
from support.waiting import is_gone, until
from tetra_orchestrator.adapters.notify.courier import ChildCourier
from tetra_orchestrator.adapters.runner.output.encodings import forms
from tetra_orchestrator.core.alerts import Letter, Posted
from tetra_orchestrator.core.watching import Channel


@pytest.fixture
def courier() -> ChildCourier:
    return ChildCourier("tetra", forms)


@pytest.fixture(autouse=True)
def _nobody_stays():
    before = psutil.Process().children(recursive=True)
    yield
    left = psutil.Process().children(recursive=True)
    assert [each for each in left if each not in before and each.status() != psutil.STATUS_ZOMBIE] == []


def web(name: str, url: str) -> tuple[Channel, Letter]:
    channel = Channel(name, "webhook", url=url)
    return channel, letter(channel, key=name)


def test_each_answer_comes_as_soon_as_it_is_known(courier):
    with HttpServer() as server, SilentServer() as silent:
        letters = [web("hangs", f"http://{silent.address}"), web("works", server.url)]
        began = time.monotonic()
        posted = courier.post(letters, 4.0)
        assert next(posted) == Posted("works", ok=True)
        assert time.monotonic() - began < 3
        assert [one.key for one in posted] == ["hangs"]
        assert time.monotonic() - began < 8


def test_ten_letters_that_hang_on_one_channel_keep_no_other_waiting(courier):
    with HttpServer() as server, SilentServer() as silent:
        hanging = [(channel, text._replace(key=f"h{n}")) for n in range(10)
                   for channel, text in [web("hangs", f"http://{silent.address}")]]  # fmt: skip
        posted = {one.key: one for one in courier.post([*hanging, web("works", server.url)], 2.0)}
    assert posted.pop("works").ok
    assert len(posted) == 10
    assert {one.error for one in posted.values()} <= {
        f"hangs: {silent.address}: no answer: it took too long", "hangs: no answer within 2 s",
    }  # fmt: skip


def test_many_letters_to_one_channel_all_arrive_with_their_own_keys(courier):
    with HttpServer() as server:
        letters = [(channel, text._replace(key=f"k{n}")) for n in range(50) for channel, text in [web("w", server.url)]]
        assert {one.key for one in courier.post(letters, 10.0) if one.ok} == {f"k{n}" for n in range(50)}
        assert len(server.requests) == 50


def test_nothing_to_send_is_no_error(courier):
    assert list(courier.post([], 1.0)) == []


def test_who_stops_listening_leaves_nobody_behind(courier):
    with SilentServer() as silent, HttpServer() as server:
        posted = courier.post([web("works", server.url), web("hangs", f"http://{silent.address}")], 30.0)
        next(posted)
        began = time.monotonic()
        posted.close()
        assert time.monotonic() - began < 1


def test_a_command_of_a_letter_is_ended_with_the_process_that_sends(courier, tmp_path):
    pid = tmp_path / "pid"
    channel = Channel("hook", "command", command=("sh", "-c", 'echo $$ > "$0"; exec sleep 60', str(pid)))
    with HttpServer() as server:
        posted = courier.post([web("works", server.url), (channel, letter(channel))], 30.0)
        next(posted)
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.02)
        posted.close()
    until(lambda: is_gone(int(pid.read_text())))


@pytest.fixture
def sender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Another program in the place of the process that sends."""

    def place(script: str) -> None:
        program = tmp_path / "a python"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))

    return place


@pytest.mark.parametrize(
    "script",
    [
        "trap '' TERM; sleep 60 & wait; sleep 60",  # neither listens nor ends
        "trap '' TERM; exec >&- 2>&-; sleep 60",  # has closed everything
        "trap '' TERM; yes",
        "trap '' TERM; yes >&2",
        "kill -STOP $$",
    ],
)
def test_a_sender_that_is_out_of_its_mind_costs_no_more_time_than_there_is(courier, sender, script):
    sender(script)
    began = time.monotonic()
    huge = [(channel, text._replace(text="x" * 5_000_000)) for channel, text in [web("w", "http://127.0.0.1:1")]]
    (posted,) = courier.post(huge, 1.5)
    assert time.monotonic() - began < 2.5
    assert not posted.ok
    assert "no answer" in posted.error


def test_a_sender_that_dies_is_said_with_its_last_words_but_no_secret(courier, sender):
    sender("cat >/dev/null; echo 'dies of a-canary-token' >&2; exit 1")
    channel = Channel("c", "pagerduty", api_key="a-canary-token")
    assert list(courier.post([(channel, letter(channel, key="k"))], 5.0)) == [
        Posted("k", ok=False, error="c: no answer from the sender, which has ended (dies of ***)")
    ]


def test_a_sender_that_cannot_be_started_is_said(courier, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert [one.error for one in courier.post([web("w", "http://127.0.0.1:1")], 5.0)] == [
        "the sender cannot be started: No such file or directory"
    ]


@pytest.mark.parametrize("line", ["hello", "[]", "{}", '{"number": 77, "ok": true}', '{"number": 0, "ok": true}'])
def test_only_what_is_said_of_a_letter_counts(courier, sender, line):
    sender(f"cat >/dev/null; echo '{line}'; echo '{line}'")
    (posted,) = courier.post([web("w", "http://127.0.0.1:1")], 5.0)
    assert posted.ok == (line == '{"number": 0, "ok": true}')


@pytest.fixture
def without_library(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "none" / "apprise"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ModuleNotFoundError('not here', name='apprise')\n")
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))


@pytest.mark.parametrize("kind", ["slack", "pagerduty", "apprise"])
def test_without_the_library_it_is_said_how_to_install_it(courier, without_library, kind):
    channel = Channel("c", kind, url="http://127.0.0.1:1", webhook_url="http://127.0.0.1:1", api_key="k")
    (posted,) = courier.post([(channel, letter(channel))], 5.0)
    assert posted.error == f"c: {kind} needs the library apprise: pip install 'tetra-orchestrator[alerts]'"
    assert not posted.hopeless


def test_without_the_library_everything_else_is_sent(courier, without_library, tmp_path):
    from support.mail_server import MailServer

    with HttpServer() as server, MailServer() as mails:
        channels = [
            Channel("w", "webhook", url=server.url),
            Channel("e", "email", recipients=("a@b.c",), smtp_server=mails.address),
            Channel("c", "command", command=("true",)),
            Channel("s", "sms", command=("true",)),
            Channel("d", "desktop"),
        ]
        posted = list(courier.post([(channel, letter(channel, key=channel.name)) for channel in channels], 8.0))
    assert {one.key: one.error for one in posted} == dict.fromkeys("wecsd")


def test_a_type_that_there_is_not_is_an_error(courier):
    channel = Channel("c", "pigeon")
    (posted,) = courier.post([(channel, letter(channel))], 5.0)
    assert posted.error == "c: there is no type of channels called 'pigeon'"


def test_a_run_that_tells_nobody_loads_nothing_of_it():
    script = "import sys, tetra_orchestrator.adapters.notify.courier; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert {"subprocess", "selectors", "apprise", "requests", "urllib.request", "smtplib", "ssl"} & {*loaded} == set()
