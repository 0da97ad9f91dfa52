"""Secrets of channels and heartbeats that stand in the file itself, through the command line."""

from __future__ import annotations

import pytest

SECRETS = ("T0/B0/XyZ-0123", "integration-key-1", "p4ssw0rd-of-mail", "ping-aaaa-bbbb", "header-value-1")
FILE = """
    pipelines:
      data: {shell: 'test -f there'}
      report: {shell: 'true'}
    alerting:
      channels:
        slack: {enabled: false, webhook_url: "https://hooks.example.org/T0/B0/XyZ-0123"}
        pagerduty: {enabled: false, api_key: integration-key-1}
        email: {enabled: false, recipients: [a@b.c], smtp_server: mail.example, username: u, password: p4ssw0rd-of-mail}
        hook: {type: webhook, enabled: false, url: "https://h.example/x", headers: {X-A: header-value-1}}
    schedules: {s: {pipelines: [data], every: 1d, enabled: false, heartbeat: "https://ping.example/ping-aaaa-bbbb"}}
"""


@pytest.fixture
def shop(site):
    site.configure(FILE)
    return site


def assert_absent(text: str) -> None:
    assert not [secret for secret in SECRETS if secret in text]


def test_no_command_shows_them_and_no_file_but_the_users_own_has_them(shop):
    for command in (["config", "show"], ["config", "show", "--json"], ["validate"], ["validate", "--json"]):
        done = shop.run(*command)
        assert done.returncode == 0
        assert_absent(done.stdout + done.stderr)
    assert shop.run("run").returncode == 2
    shop.run("status")
    own = shop.root / "config" / "orchestration.yaml"
    for file in (path for path in shop.root.rglob("*") if path.is_file() and path != own):
        assert_absent(file.read_bytes().decode("latin-1"))


def test_what_a_run_was_started_with_is_no_different_for_lack_of_them(shop):
    assert shop.run("run").returncode == 2
    done = shop.run("config", "diff", "--run", "latest")
    assert (done.returncode, done.stdout.startswith("no difference")) == (0, True)


def test_a_run_is_resumed_with_what_was_kept(shop):
    assert shop.run("run").returncode == 2
    shop.configure(FILE.replace("'true'", "'exit 0'"))
    (shop.root / "there").touch()
    done = shop.run("resume")
    assert done.returncode == 0
    assert_absent(done.stdout + done.stderr)


def test_convert_has_them_as_the_file_has(shop):
    done = shop.run("config", "convert")
    assert done.returncode == 0
    assert [secret for secret in SECRETS if secret in done.stdout] == list(SECRETS)
