"""Addresses on loopback: those that answer, and all the ways in which they do not."""

from __future__ import annotations

import socket
import time

import pytest

from support.builders import utc
from support.certificates import make_authority
from support.http_server import HttpServer, Reply, SilentServer, closed_port
from tetra_orchestrator.adapters.watch.addresses import fault, last_modified
from tetra_orchestrator.adapters.watch.world import WorldWatcher
from tetra_orchestrator.core.watching import DataSource

DATED = (("Last-Modified", "Sun, 01 Mar 2026 20:00:00 GMT"),)


@pytest.mark.parametrize("status", [200, 204, 401, 403, 405, 429])
def test_a_live_server_answers(status):
    with HttpServer(Reply(status)) as server:
        assert fault(f"{server.url}/health", 5) is None
        assert [(one.method, one.path) for one in server.requests] == [("GET", "/health")]


@pytest.mark.parametrize(
    ("status", "text"),
    [(404, "HTTP 404 Not Found"), (500, "HTTP 500 Internal Server Error"), (503, "HTTP 503 Service Unavailable")],
)
def test_other_answers_are_faults(status, text):
    with HttpServer(Reply(status)) as server:
        assert fault(server.url, 5) == text


def test_a_redirection_is_followed_within_the_host():
    with HttpServer(Reply(302, headers=(("Location", "/there"),)), Reply(500)) as server:
        assert fault(server.url, 5) == "HTTP 500 Internal Server Error"


@pytest.mark.parametrize("place", ["http://localhost:9/x", "file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirection_elsewhere_is_an_answer_and_is_not_followed(place):
    with HttpServer(Reply(302, headers=(("Location", place),))) as server:
        assert fault(server.url, 5) is None
        assert len(server.requests) == 1


def test_a_login_is_not_sent_where_a_redirection_leads_out_of_tls(tmp_path, monkeypatch):
    authority = make_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with (
        HttpServer() as plain,
        HttpServer(Reply(302, headers=(("Location", plain.url),)), tls=authority.context()) as server,
    ):
        assert fault(f"https://ann:secret@{server.address}/", 5) is None
        assert (len(server.requests), plain.requests) == (1, [])


def test_a_login_in_the_address_is_sent_as_such_and_not_as_part_of_the_name():
    with HttpServer() as server:
        assert fault(f"http://ann:p%40ss@{server.address}/", 5) is None
        assert server.requests[0].headers["authorization"] == "Basic YW5uOnBAc3M="
        assert server.requests[0].headers["host"] == server.address


def test_a_port_without_anybody_a_reset_and_silence_are_told_apart():
    assert fault(f"http://127.0.0.1:{closed_port()}", 5) == "Connection refused"
    with HttpServer(Reply(acts="reset")) as server:
        assert fault(server.url, 5) == "Connection reset by peer"
    with SilentServer() as server:
        assert fault(f"http://{server.address}", 0.2) == "no answer in time"


def test_tcp_needs_no_more_than_somebody_who_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert fault(f"tcp://127.0.0.1:{listener.getsockname()[1]}", 5) is None
    assert fault(f"tcp://127.0.0.1:{closed_port()}", 5) == "Connection refused"


def test_a_name_that_is_not_known_and_an_address_that_is_none_are_faults():
    assert fault("http://no.such.host.invalid/", 5) is not None
    assert fault("gopher://127.0.0.1/", 5) == "it is neither http, https nor tcp"
    assert fault("http://[oops/", 5) is not None


def test_an_answer_that_is_no_http_is_a_fault():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        import threading

        def answer():
            peer, _ = listener.accept()
            peer.recv(1000)
            peer.sendall(b"220 mail ready\r\n")
            peer.close()

        threading.Thread(target=answer, daemon=True).start()
        assert fault(f"http://127.0.0.1:{listener.getsockname()[1]}", 5) == "what it answers is no HTTP: BadStatusLine"


def test_a_certificate_that_nobody_vouches_for_is_a_fault(tmp_path):
    with HttpServer(tls=make_authority(tmp_path).context()) as server:
        assert fault(server.url, 5) == "its certificate or TLS is at fault: CERTIFICATE_VERIFY_FAILED"


def test_the_age_is_what_the_answer_says_of_its_last_change():
    with HttpServer(Reply(200, headers=DATED)) as server:
        seen = last_modified(server.url, 5)
        assert (seen.at, seen.value) == (utc(2026, 3, 1, 20), DATED[0][1])
        assert server.requests[0].method == "HEAD"


def test_a_server_that_does_not_know_head_is_asked_by_get():
    with HttpServer(Reply(405), Reply(200, headers=DATED)) as server:
        assert last_modified(server.url, 5).at == utc(2026, 3, 1, 20)
        assert [one.method for one in server.requests] == ["HEAD", "GET"]


@pytest.mark.parametrize(
    ("replies", "error"),
    [
        ([Reply(200)], "its answer has no Last-Modified"),
        ([Reply(200, headers=(("Last-Modified", "yesterday"),))], "its Last-Modified is 'yesterday', which is no time"),
        ([Reply(500)], "it answers with HTTP 500 Internal Server Error"),
        ([Reply(404)], "it answers with HTTP 404 Not Found"),
    ],
)
def test_without_a_time_in_the_answer_the_age_is_unknown(replies, error):
    with HttpServer(*replies) as server:
        assert last_modified(server.url, 5).error == error


def test_everything_is_asked_at_the_same_time_and_nobody_is_waited_for_longer_than_the_limit(tmp_path):
    watcher = WorldWatcher(str(tmp_path), lambda url, query, limit_s: time.sleep(60), limit_s=0.3)
    with SilentServer() as silent, HttpServer() as live:
        began = time.monotonic()
        found = watcher.call([f"http://{silent.address}/{number}" for number in range(20)] + [live.url])
        assert time.monotonic() - began < 3
        assert found[-1] is None
        assert set(found[:-1]) <= {"no answer in time", "no answer within 0.3 s"}
    seen = watcher.look([DataSource("slow", sql="q", url="sqlite:///x"), DataSource("none", file="none")])
    assert [one.error for one in seen] == ["there was no answer within 0.3 s", "there is no file none"]


def test_a_source_that_raises_anything_is_unknown_and_the_others_are_seen(tmp_path):
    def ask(url, query, limit_s):
        raise RuntimeError("all wrong\nand more")

    (tmp_path / "f").touch()
    watcher = WorldWatcher(str(tmp_path), ask)
    seen = watcher.look([DataSource("bad", sql="q", url="x"), DataSource("f", file="f")])
    assert (seen[0].error, seen[1].error) == ("all wrong", None)
