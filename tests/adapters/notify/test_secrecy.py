"""Canaries: what a channel is reached by is in no error, no process table, and no byte for anybody else."""

from __future__ import annotations

import base64
import json
import shlex
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.http_server import HttpServer, Reply, SilentServer
from support.letters import letter
from support.mail_server import MailServer
from tetra_orchestrator.adapters.notify.courier import ChildCourier
from tetra_orchestrator.adapters.notify.secrecy import MASK, mask
from tetra_orchestrator.adapters.runner.output.encodings import forms
from tetra_orchestrator.core.watching import Channel

CANARY = "canary/+ 'Zx9\"&q7"

#: As programs and servers write values.
SIX: dict[str, Callable[[str], str]] = {
    "raw": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "url": lambda text: quote(text, safe=""),
    "json": lambda text: json.dumps(text)[1:-1],
    "shell": lambda text: shlex.quote(f" {text}")[2:-1],  # it always quotes a space
    "hex": lambda text: text.encode().hex(),
}


def channels(url: str) -> list[Channel]:
    """Every kind that has a secret, with the canary for it."""
    path = quote(CANARY, safe="")
    return [
        Channel("slack", "slack", webhook_url=f"{url}/services/{path}"),
        Channel("pagerduty", "pagerduty", api_key=CANARY, url=url),
        Channel("header", "webhook", url=url, headers=(("Authorization", f"Bearer {CANARY}"),)),
        Channel("query", "webhook", url=f"{url}/hook?token={path}"),
        Channel("user", "webhook", url=url.replace("//", f"//robot:{path}@")),
        Channel("any", "apprise", url=f"{url.replace('http', 'json')}/{path}"),
    ]


def in_any_form(text: str) -> list[str]:
    return [form.decode() for form in forms(CANARY.encode()) if form.decode() in text]


@pytest.mark.parametrize("form", SIX)
def test_a_server_that_repeats_a_secret_in_any_form_does_not_bring_it_into_an_error(form):
    body = f"you said: {SIX[form](CANARY)}".encode()
    with HttpServer(Reply(403, body)) as server:
        letters = [(channel, letter(channel, key=channel.name)) for channel in channels(server.url)]
        posted = {one.key: one for one in ChildCourier("tetra", forms).post(letters, 8.0)}
    for name, one in posted.items():
        assert not one.ok, name
        assert f"HTTP 403 Forbidden: you said: {MASK}" in one.error, one.error
        assert in_any_form(one.error) == [], name


def test_a_password_of_mail_that_is_refused_is_not_repeated(authority, trusted):
    reply = f"535 5.7.8 no: {CANARY} {base64.b64encode(CANARY.encode()).decode()}"
    with MailServer(tls=authority.context(), login=("robot", CANARY), refuses={"auth": reply}) as server:
        channel = Channel(
            "mail", "email", recipients=("a@b.c",), smtp_server=server.address, username="robot", password=CANARY
        )
        (posted,) = ChildCourier("tetra", forms).post([(channel, letter(channel))], 8.0)
    assert posted.error == f"mail: {server.address}: 535 5.7.8 no: {MASK} {MASK}"


def test_nothing_of_it_is_in_the_process_table_while_it_is_sent(monkeypatch):
    monkeypatch.setenv("SLACK_WEBHOOK_URL", f"https://example.org/{CANARY}")
    seen: dict[int, str] = {}
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for child in psutil.Process().children(recursive=True):
                for name in ("cmdline", "environ"):
                    try:
                        text = Path(f"/proc/{child.pid}/{name}").read_bytes().decode(errors="replace")
                        seen[child.pid] = seen.get(child.pid, "") + text
                    except OSError:
                        continue
            time.sleep(0.02)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        with SilentServer() as silent:
            letters = [(each, letter(each, key=each.name)) for each in channels(f"http://{silent.address}")]
            assert len(list(ChildCourier("tetra", forms).post(letters, 1.5))) == len(letters)
    finally:
        over.set()
        watcher.join()
    assert "tetra_orchestrator.adapters.notify.sender" in "".join(seen.values())
    assert in_any_form("".join(seen.values())) == []


def test_no_channel_gets_the_secret_of_another(tmp_path, monkeypatch):
    monkeypatch.setenv("PAGERDUTY_API_KEY", CANARY)
    seen = tmp_path / "seen"
    with HttpServer() as server, HttpServer() as other, MailServer() as mails:
        all_ = [
            *channels(server.url),
            Channel("other", "webhook", url=other.url),
            Channel("mail", "email", recipients=("a@b.c",), smtp_server=mails.address),
            Channel("hook", "command", command=("sh", "-c", 'cat > "$0"; env >> "$0"', str(seen))),
        ]
        posted = list(ChildCourier("tetra", forms).post([(each, letter(each, key=each.name)) for each in all_], 8.0))
        assert [one for one in posted if not one.ok] == []
        told = [other.requests[0].body, str(other.requests[0].headers).encode(), mails.mails[0].content]
    for each in (*told, seen.read_bytes()):
        assert in_any_form(each.decode()) == []


ONE_LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=6, max_size=40)


@given(ONE_LINE, st.sampled_from([*SIX]))
def test_a_value_of_six_characters_or_more_is_masked_in_all_six_forms(secret, form):
    written = SIX[form](secret)
    assert written not in mask(f"<{written}>", [Channel("c", "pagerduty", api_key=secret)], forms)


def test_what_is_not_secret_stays_as_it_is():
    channel = Channel("c", "slack", webhook_url="https://hooks.slack.com/services/T0123456/B0123456/abcdefgh12345678")
    text = "hooks.slack.com: HTTP 404 Not Found: no_team at /services/T0123456/B0123456/abcdefgh12345678"
    assert mask(text, [channel], forms) == f"hooks.slack.com: HTTP 404 Not Found: no_team at /{MASK}"


def test_the_name_of_a_variable_that_is_not_set_is_shown():
    channel = Channel("c", "slack", webhook_url="${SLACK_WEBHOOK_URL}")
    text = "the variable SLACK_WEBHOOK_URL is not set"
    assert mask(text, [channel], forms) == text
