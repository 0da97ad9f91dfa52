"""What every channel promises, whatever its type: a letter arrives, or we learn in time why not; its key stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.http_server import HttpServer, Reply, SilentServer, closed_port
from support.mail_server import MailServer
from tetra_orchestrator.core.alerts import Posted
from tetra_orchestrator.core.watching import Channel


class Case(NamedTuple):
    """A channel that works, what has arrived there as (key, text) pairs, and the same one where nothing does.

    `fails` refuses at once and `hangs` never answers; `says` is what is said of the first.
    """

    works: Channel
    arrived: Callable[[], list[tuple[str, str]]]
    fails: Channel
    says: str
    hangs: Channel


def _email(stack: ExitStack, folder: Path) -> Case:
    server, silent = stack.enter_context(MailServer()), stack.enter_context(SilentServer())
    port = closed_port()
    channel = Channel("c", "email", recipients=("a@example.com",), smtp_server=server.address)
    return Case(
        channel,
        lambda: [(mail.message["Message-ID"], mail.message["Subject"] + mail.text) for mail in server.mails],
        channel._replace(smtp_server=f"127.0.0.1:{port}"),
        f"c: 127.0.0.1:{port}: connection refused",
        channel._replace(smtp_server=silent.address),
    )


def _by_http(stack: ExitStack, channel: Channel, field: str, key: Callable[[Any], str], scheme: str = "http") -> Case:
    server = stack.enter_context(HttpServer())
    failing = stack.enter_context(HttpServer(Reply(500, b"out of order")))
    silent = stack.enter_context(SilentServer())

    def at(address: str) -> Channel:
        return channel._replace(**{field: f"{scheme}://{address}/a/path"})

    return Case(
        at(server.address),
        lambda: [(key(one), one.body.decode().encode().decode("unicode_escape")) for one in server.requests],
        at(failing.address),
        f"c: {failing.address}: HTTP 500 Internal Server Error: out of order",
        at(silent.address),
    )


def _slack(stack: ExitStack, folder: Path) -> Case:
    # a webhook of Slack has no place for a key
    return _by_http(stack, Channel("c", "slack"), "webhook_url", lambda one: "")


def _pagerduty(stack: ExitStack, folder: Path) -> Case:
    channel = Channel("c", "pagerduty", api_key="routing-key")
    return _by_http(stack, channel, "url", lambda one: one.json["dedup_key"])


def _webhook(stack: ExitStack, folder: Path) -> Case:
    return _by_http(stack, Channel("c", "webhook"), "url", lambda one: one.headers["idempotency-key"])


def _apprise(stack: ExitStack, folder: Path) -> Case:
    return _by_http(stack, Channel("c", "apprise"), "url", lambda one: "", scheme="json")


def _command(stack: ExitStack, folder: Path, kind: str = "command") -> Case:
    seen = folder / "seen"
    line = '"$TETRA_ALERT_KEY" "$TETRA_ALERT_TITLE" "$(printf %s "$TETRA_ALERT_TEXT" | tr "\\n" " ")"'
    write = f'printf "%s\\t%s %s\\n" {line}'
    channel = Channel("c", kind, recipients=("+1555",), command=("sh", "-c", f'{write} >> "$0"', str(seen)))
    return Case(
        channel,
        lambda: [tuple(line.split("\t", 1)) for line in seen.read_text().splitlines()],  # type: ignore[misc]
        channel._replace(command=("sh", "-c", "echo first >&2; echo out of order >&2; exit 4")),
        "c: sh: exit code 4: out of order",
        channel._replace(command=("sleep", "60")),
    )


def _sms(stack: ExitStack, folder: Path) -> Case:
    return _command(stack, folder, "sms")


def _desktop(stack: ExitStack, folder: Path) -> Case:
    # a program of that name first on PATH, as on macOS; there is no place for a key
    seen, mode = folder / "seen", folder / "mode"
    program = folder / "bin" / "osascript"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n. "{mode}"\nprintf "%s\\n" "$2" >> "{seen}"\n')
    program.chmod(0o755)
    mode.write_text("")
    channel = Channel("c", "desktop")
    return Case(
        channel,
        lambda: [("", line) for line in seen.read_text().splitlines()],
        channel._replace(enabled=True),
        "c: osascript: exit code 5",
        channel._replace(enabled=True),
    )


MAKERS = (_email, _slack, _pagerduty, _webhook, _apprise, _command, _sms, _desktop)


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__.strip("_"))
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    folder = tmp_path / "a folder"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")
    with ExitStack() as stack:
        yield request.param(stack, folder)


def _set_desktop(tmp_path: Path, script: str) -> None:
    """How the desktop's program behaves from now on, where the case is about it."""
    mode = tmp_path / "a folder" / "mode"
    if mode.exists():
        mode.write_text(script)


def test_a_letter_arrives_with_its_title(case, post):
    assert post(case.works, key="k") == Posted("k", ok=True)
    ((_, text),) = case.arrived()
    assert "data failed: load ended with exit code 3" in text


def test_every_try_has_the_same_key_and_another_letter_another(case, post):
    for _ in range(2):
        post(case.works)
    post(case.works, key="tetra-8-20260301T210000Z", alerts=())
    first, second, other = (key for key, _ in case.arrived())
    assert first == second
    assert (first != other) == (first != "")


def test_it_is_said_why_a_letter_was_not_taken(case, post, tmp_path):
    _set_desktop(tmp_path, "exit 5")
    posted = post(case.fails)
    assert (posted.ok, posted.error, posted.hopeless) == (False, case.says, False)


def test_what_hangs_is_given_up_in_time_and_said(case, post, tmp_path):
    _set_desktop(tmp_path, "exec sleep 60")
    began = time.monotonic()
    posted = post(case.hangs, within_s=2.0)
    assert time.monotonic() - began < 6
    assert not posted.ok
    assert not posted.hopeless
    assert "it took too long" in posted.error or "no answer within" in posted.error


def test_a_text_of_a_megabyte_with_any_sign_is_cut_and_sent(case, post):
    text = "".join(map(chr, range(1, 0x300))) + "\ud800 \U0001f600 " + "x" * 1_000_000
    posted = post(case.works, title="t\r\nBcc: e@example.com\0\x1b[31m" + "y" * 5000, text=text, alerts=())
    assert posted.error is None
    assert len(case.arrived()) >= 1
