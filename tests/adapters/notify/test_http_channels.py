"""What is common to all that is posted: Slack, PagerDuty, webhooks, and what the library sends by HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from support.http_server import HttpServer, Reply, SilentServer, closed_port
from tetra_orchestrator.adapters.notify.replies import retry_after
from tetra_orchestrator.core.watching import Channel

At = Callable[[str], Channel]
KINDS: dict[str, At] = {
    "webhook": lambda url: Channel("c", "webhook", url=f"{url}/a/path"),
    "slack": lambda url: Channel("c", "slack", webhook_url=f"{url}/services/T00/B00/secret-path"),
    "pagerduty": lambda url: Channel("c", "pagerduty", api_key="a-routing-key", url=url),
    "apprise": lambda url: Channel("c", "apprise", url=f"{url.replace('http', 'json')}/a/path"),
}


@pytest.fixture(params=KINDS)
def at(request) -> At:
    """A channel of each kind, by the address of its server."""
    return KINDS[request.param]


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_good_status_is_an_arrival_whatever_else_the_server_says(told, at, status):
    with HttpServer(Reply(status, b"\xff\xfe not what was expected \0")) as server:
        assert told(at(server.url)) is None


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "HTTP 400 Bad Request"),
        (401, "HTTP 401 Unauthorized"),
        (404, "HTTP 404 Not Found"),
        (408, "HTTP 408 Request Timeout"),
        (410, "HTTP 410 Gone"),
        (500, "HTTP 500 Internal Server Error"),
        (503, "HTTP 503 Service Unavailable"),
        (599, "HTTP 599"),
    ],
)
def test_any_other_status_is_said_and_worth_another_try_since_the_channel_can_be_mended(told, at, status, said):
    with HttpServer(Reply(status, b"no_team\nsecond line")) as server:
        refused = told(at(server.url))
        assert (refused.cause, refused.hopeless) == (f"{server.address}: {said}: no_team second line", False)


def test_only_a_letter_that_is_too_large_is_hopeless(told, at):
    with HttpServer(Reply(413, b"")) as server:
        refused = told(at(server.url))
        assert refused.hopeless
        assert refused.cause.startswith(f"{server.address}: HTTP 413 Request Entity Too Large")


@pytest.mark.parametrize("status", [429, 503])
def test_what_the_server_asks_for_is_handed_on(told, at, status):
    with HttpServer(Reply(status, b"", (("Retry-After", "17"),))) as server:
        assert told(at(server.url)).retry_after_s == 17.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None), ("0", 0.0), ("1.5", 1.5), ("999999999999", 86400.0), ("9" * 5000, None), ("soon", None),
        ("-5", None), ("", None), ("nan", None), ("inf", None), ("1e9", None), ("Mon, 99 Foo 2026 99:99:99 GMT", None),
        ("Sun, 01 Mar 1970 20:00:00 GMT", 0.0), ("Sun, 01 Mar 2200 20:00:00 GMT", 86400.0),
    ],
)  # fmt: skip
def test_a_wish_for_later_is_a_number_or_a_date_and_never_more_than_a_day(text, seconds):
    assert retry_after(text) == seconds


def test_a_date_is_seconds_from_now():
    later = datetime.now(UTC) + timedelta(seconds=100)
    assert 97 < retry_after(format_datetime(later, usegmt=True)) <= 100


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_it_is_said_where_it_leads_but_not_the_path(told, at, status):
    with HttpServer() as other, HttpServer(Reply(status, b"", (("Location", f"{other.url}/secret"),))) as server:
        assert told(at(server.url)).cause == (f"{server.address}: it sends on to http://127.0.0.1; write that address")
        assert other.requests == []


@pytest.mark.parametrize(
    ("location", "where"),
    [("file:///etc/passwd", "file:"), ("/secret/path", "another path"), ("", "another path"),
     ("https://[", "another path"), ("gopher://example.org/1", "gopher://example.org")],
)  # fmt: skip
def test_a_redirect_to_anything_is_only_said(told, at, location, where):
    with HttpServer(Reply(302, b"", (("Location", location),))) as server:
        refused = told(at(server.url))
        assert refused.cause == f"{server.address}: it sends on to {where}; write that address"


@pytest.mark.parametrize("acts", ["hang", "reset"])
def test_a_server_that_breaks_off_may_have_had_it_and_that_is_said(told, at, acts):
    with HttpServer(Reply(acts=acts)) as server:
        began = time.monotonic()
        refused = told(at(server.url), within_s=1.5)
        assert time.monotonic() - began < 3
        why = {"hang": "it took too long", "reset": "it hung up"}[acts]
        assert refused.cause == f"{server.address}: no answer: {why}"


def test_what_hangs_behind_a_good_status_of_a_webhook_has_arrived(told):
    with HttpServer(Reply(acts="hang_in_reply")) as server:
        assert told(KINDS["webhook"](server.url), within_s=3) is None


@pytest.mark.parametrize("acts", ["hang_in_reply", "drip"])
def test_a_reply_that_does_not_end_costs_no_more_time_than_there_is(post, at, acts):
    with HttpServer(Reply(500, acts=acts)) as server:
        began = time.monotonic()
        posted = post(at(server.url), within_s=2.0)
        assert time.monotonic() - began < 6
        assert not posted.ok


def test_of_a_reply_of_ten_megabytes_only_the_beginning_is_read(told, at):
    with HttpServer(Reply(500, acts="flood")) as server:
        refused = told(at(server.url))
        assert refused.cause == f"{server.address}: HTTP 500 Internal Server Error: {'x' * 199}…"


def test_a_page_for_browsers_is_not_repeated(told, at):
    with HttpServer(Reply(502, b"<html>Bad Gateway</html>", (("Content-Type", "text/html"),))) as server:
        assert told(at(server.url)).cause == f"{server.address}: HTTP 502 Bad Gateway"


def test_where_nobody_listens_it_is_said(told, at):
    port = closed_port()
    assert told(at(f"http://127.0.0.1:{port}")).cause == f"127.0.0.1:{port}: connection refused"


def test_a_name_that_nobody_knows_is_said(told, at):
    assert told(at("http://no-such-host.invalid")).cause == "no-such-host.invalid: nobody knows its name"


def test_a_certificate_of_an_authority_of_the_user_s_is_trusted(told, at, authority, trusted):
    with HttpServer(tls=authority.context()) as server:
        assert told(at(server.url)) is None


@pytest.mark.parametrize("name", ["127.0.0.1", "example.org"])
def test_any_other_certificate_is_refused(told, at, authority, monkeypatch, name):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file if name == "example.org" else "/dev/null"))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with HttpServer(tls=authority.context(name)) as server:
        assert told(at(server.url)).cause.startswith(f"{server.address}: its certificate is not trusted (")
        assert server.requests == []


def test_a_server_that_does_not_speak_tls_is_said(told, at):
    with HttpServer() as server:
        cause = told(at(server.url.replace("http", "https"))).cause
        assert cause.endswith("TLS failed (wrong version number); the other side speaks no TLS at this port")


def test_a_server_that_hangs_in_the_handshake_is_left_in_time(told, at):
    with SilentServer() as server:
        began = time.monotonic()
        refused = told(at(f"https://{server.address}"), within_s=1.5)
        assert time.monotonic() - began < 3
        assert refused.cause.endswith("it took too long")


def test_a_proxy_of_the_environment_is_asked(told, at, monkeypatch):
    with HttpServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert told(at("http://no-such-host.invalid")) is None
        assert proxy.requests[0].path.startswith("http://no-such-host.invalid/")
