"""What each service is sent: Slack, PagerDuty, a webhook, and any address of the library."""

from __future__ import annotations

import json

import pytest

from support.http_server import HttpServer, Reply, closed_port
from support.letters import alert
from tetra_orchestrator.adapters.notify.pagerduty import LONGEST_KEY, dedup_key
from tetra_orchestrator.core.alerts import NOTICE, RAISED, REMINDED, RESOLVED
from tetra_orchestrator.core.watching import Channel

PATH = "/services/T00/B00/secret-path"


def slack(server: HttpServer, **more) -> Channel:
    return Channel("slack", "slack", webhook_url=server.url + PATH, **more)


def pagerduty(server: HttpServer, **more) -> Channel:
    return Channel("pagerduty", "pagerduty", api_key="a-routing-key", url=server.url, **more)


def test_R_072_R_073_T_203_T_204_slack_gets_one_post_at_its_own_address_with_the_channel(told):
    with HttpServer() as server:
        assert told(slack(server, channel="#pipeline-alerts")) is None
        (received,) = server.requests
    assert (received.method, received.path) == ("POST", PATH)
    assert received.headers["content-type"].startswith("application/json")
    assert received.json["channel"] == "#pipeline-alerts"
    assert received.json["text"] == "[tetra] data failed: load ended with exit code 3"
    assert received.json["attachments"][0]["text"] == "load: exit code 3\n  disk full"


def test_R_077_slack_works_without_a_channel(told):
    with HttpServer() as server:
        assert told(slack(server)) is None
        assert "channel" not in server.requests[0].json


@pytest.mark.parametrize("name", ["#données", "C0123456789", "#" + "a" * 80, "@somebody"])
def test_any_name_of_a_channel_is_handed_on_as_it_is(told, name):
    with HttpServer() as server:
        assert told(slack(server, channel=name)) is None
        assert server.requests[0].json["channel"] == name


def test_nothing_in_a_text_pings_a_channel_of_slack_or_makes_a_link(told):
    hostile = "<!channel> <!here|x> <@U123> <https://example.org|click> & *bold*"
    escaped = "&lt;!channel&gt; &lt;!here|x&gt; &lt;@U123&gt; &lt;https://example.org|click&gt; &amp; *bold*"
    with HttpServer() as server:
        assert told(slack(server), title=hostile, text=hostile) is None
        content = server.requests[0].json
    assert content["text"] == f"[tetra] {escaped}"
    assert content["attachments"][0]["text"] == escaped
    assert content["mrkdwn"] is False
    assert "link_names" not in content
    assert "<" not in json.dumps(content)


def test_a_text_for_slack_is_cut_at_3000_characters(told):
    with HttpServer() as server:
        assert told(slack(server), text="x" * 100_000) is None
        assert server.requests[0].json["attachments"][0]["text"] == "x" * 2999 + "…"


def test_what_is_over_is_green_in_slack_and_what_is_wrong_is_red(told):
    with HttpServer() as server:
        for what in (RAISED, RESOLVED, NOTICE):
            told(slack(server), what=what)
        wrong, over, noted = (one.json["attachments"][0]["color"] for one in server.requests)
    assert len({wrong, over, noted}) == 3


def test_T_206_pagerduty_is_triggered_with_the_key_of_the_alert_and_the_service(told):
    with HttpServer(Reply(202, b'{"status":"success"}')) as server:
        assert told(pagerduty(server, service_id="pipeline-service")) is None
        (received,) = server.requests
    assert received.path == "/v2/enqueue"
    content = received.json
    assert content["routing_key"] == "a-routing-key"
    assert content["event_action"] == "trigger"
    assert content["dedup_key"] == "tetra/pipeline_failed:data"
    event = content["payload"]
    assert event["summary"] == "tetra: data failed: load ended with exit code 3"
    assert (event["severity"], event["component"], event["group"]) == ("error", "pipeline-service", "tetra")
    assert event["custom_details"] == {
        "service_id": "pipeline-service",
        "subject": "data",
        "what": "raised",
        "since": "2026-03-01T20:00:00Z",
        "run": "20260301T200000Z-abcdef",
        "look_closer": "tetra show 20260301T200000Z-abcdef",
        "text": "load: exit code 3\n  disk full",
    }


def test_pagerduty_is_resolved_with_the_key_it_was_triggered_with(told):
    with HttpServer(Reply(202)) as server:
        for what, key in ((RAISED, "k1"), (REMINDED, "k2"), (RESOLVED, "k3")):
            told(pagerduty(server), what=what, key=key)
        sent = [(one.json["event_action"], one.json["dedup_key"]) for one in server.requests]
    assert sent == [(action, "tetra/pipeline_failed:data") for action in ("trigger", "trigger", "resolve")]


@pytest.mark.parametrize(
    ("ours", "theirs"), [("low", "info"), ("medium", "warning"), ("high", "error"), ("critical", "critical")]
)
def test_T_218_pagerduty_has_the_severity_in_its_own_words(told, ours, theirs):
    with HttpServer(Reply(202)) as server:
        told(pagerduty(server), alerts=(alert(severity=ours),))
        assert server.requests[0].json["payload"]["severity"] == theirs


def test_pagerduty_gets_one_event_for_each_alert(told):
    with HttpServer(Reply(202)) as server:
        alerts = tuple(alert(number, key=f"pipeline_failed:p{number}") for number in (1, 2, 3))
        assert told(pagerduty(server), alerts=alerts) is None
        keys = [one.json["dedup_key"] for one in server.requests]
    assert keys == [f"tetra/pipeline_failed:p{number}" for number in (1, 2, 3)]


def test_a_summary_for_pagerduty_is_cut_at_1024_characters_and_the_rest_stays_far_below_its_limit(told):
    with HttpServer(Reply(202)) as server:
        told(pagerduty(server), alerts=(alert(title="y" * 5000),), text="x" * 2_000_000)
        (received,) = server.requests
    assert len(received.json["payload"]["summary"]) == 1024
    assert len(received.body) < 512 * 1024


def test_an_address_of_pagerduty_with_a_path_is_taken_as_it_is(told):
    with HttpServer(Reply(202)) as server:
        assert told(pagerduty(server)._replace(url=f"{server.url}/v2/other")) is None
        assert server.requests[0].path == "/v2/other"


def test_two_accounts_of_pagerduty_at_two_addresses_do_not_mix(told):
    with HttpServer(Reply(202)) as one, HttpServer(Reply(202)) as other:
        for server in (one, other, one):
            assert told(pagerduty(server)) is None
        assert (len(one.requests), len(other.requests)) == (2, 1)


def test_the_key_for_pagerduty_is_of_the_project_and_never_too_long():
    long = [dedup_key("tetra", f"rule:{'x' * 300}/{end}") for end in "ab"]
    assert dedup_key("tetra", "a:b") != dedup_key("other", "a:b")
    assert len({*long}) == 2
    assert all(len(key) <= LONGEST_KEY for key in long)


def test_a_webhook_gets_the_letter_as_documented(told):
    with HttpServer() as server:
        channel = Channel("hook", "webhook", url=f"{server.url}/hook?x=1&y=ü", headers=(("X-Token", "a-token"),))
        assert told(channel, again=True) is None
        (received,) = server.requests
    assert (received.method, received.path) == ("POST", "/hook?x=1&y=%C3%BC")
    assert received.headers["x-token"] == "a-token"
    assert received.headers["idempotency-key"] == "tetra-7-20260301T200000Z"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"].startswith("tetra-orchestrator/")
    assert received.json == {
        "schema": "tetra.alert/1",
        "key": "tetra-7-20260301T200000Z",
        "channel": "hook",
        "what": "raised",
        "severity": "high",
        "title": "data failed: load ended with exit code 3",
        "text": "load: exit code 3\n  disk full",
        "again": True,
        "project": "tetra",
        "alerts": [
            {
                "id": 1,
                "key": "pipeline_failed:data",
                "code": "pipeline_failed",
                "severity": "high",
                "subject": "data",
                "title": "data failed: load ended with exit code 3",
                "text": "load: exit code 3\n  disk full",
                "command": "tetra show 20260301T200000Z-abcdef",
                "seen_at": "2026-03-01T20:00:00Z",
                "run_id": "20260301T200000Z-abcdef",
                "raised_at": "2026-03-01T20:00:05Z",
                "cleared_at": None,
                "resolved_at": None,
                "acked_at": None,
                "acked_by": None,
                "times": 1,
            }
        ],
    }


def test_a_user_s_header_takes_the_place_of_ours_but_not_of_the_key(told):
    with HttpServer() as server:
        headers = (("content-type", "application/cloudevents+json"), ("Idempotency-Key", "mine"))
        told(Channel("hook", "webhook", url=server.url, headers=headers))
        (received,) = server.requests
    assert received.headers["content-type"] == "application/cloudevents+json"
    assert received.headers["idempotency-key"] == "tetra-7-20260301T200000Z"


def test_a_user_and_password_in_the_address_of_a_webhook_become_a_header(told):
    with HttpServer() as server:
        told(Channel("hook", "webhook", url=server.url.replace("//", "//ops:p%40ss@")))
        assert server.requests[0].headers["authorization"] == "Basic b3BzOnBAc3M="


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.org/x", "", None, "http://", "http://[::1", "http://h:99999", "https:/x"],
)
@pytest.mark.parametrize("kind", ["webhook", "slack", "pagerduty"])
def test_an_address_that_nothing_can_be_posted_to_is_an_error_and_no_crash(told, kind, url):
    if (kind, url or None) != ("pagerduty", None):
        refused = told(Channel("hook", kind, url=url, webhook_url=url, api_key="key"))
        assert refused.cause == "its address is none that begins with http:// or https://"


@pytest.mark.parametrize(
    "more",
    [
        {"type": "slack", "webhook_url": "${OF_MINE}"},
        {"type": "webhook", "url": "URL", "headers": (("Authorization", "Bearer ${OF_MINE}"),)},
        {"type": "pagerduty", "url": "URL", "api_key": "${OF_MINE}"},
        {"type": "email", "smtp_server": "127.0.0.1", "username": "me", "password": "${OF_MINE}"},
    ],
    ids=lambda more: more["type"],
)
def test_where_a_variable_is_not_set_that_is_said_and_nothing_is_sent(told, more):
    with HttpServer() as server:
        filled = {name: server.url if value == "URL" else value for name, value in more.items()}
        assert told(Channel("c", **filled)).cause == "the variable OF_MINE is not set"
        assert server.requests == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: yes", "ü\u20ac", "a\0b"])
def test_a_header_that_cannot_be_sent_is_an_error_that_does_not_show_it(told, value):
    with HttpServer() as server:
        refused = told(Channel("hook", "webhook", url=server.url, headers=(("X-Token", value),)))
        if refused is not None:
            assert refused.cause == f"{server.address}: a header or the address has a sign that cannot be sent"
        assert all("x-evil" not in one.headers for one in server.requests)


def test_any_address_of_the_library_is_sent_to(told):
    with HttpServer() as server:
        assert told(Channel("any", "apprise", url=f"json://{server.address}/a/path")) is None
        (received,) = server.requests
    assert received.path == "/a/path"
    assert received.json["title"] == "[tetra] data failed: load ended with exit code 3"
    assert received.json["message"] == "load: exit code 3\n  disk full"


@pytest.mark.parametrize("url", ["nosuchservice://token-of-mine/x", "slack://", "", "no address at all"])
def test_an_address_that_the_library_does_not_know_is_an_error_and_no_crash(told, url):
    refused = told(Channel("any", "apprise", url=url))
    assert refused is not None
    assert "token-of-mine" not in refused.cause


def test_what_the_library_says_of_a_failure_without_http_is_handed_on(told):
    refused = told(Channel("any", "apprise", url=f"mailto://u:p@127.0.0.1:{closed_port()}/?to=a@b.cd&from=a@b.cd"))
    assert refused.cause == 'mailto: Connection error while submitting email to "127.0.0.1"'
