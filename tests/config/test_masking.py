"""What of a configuration is shown, and what is not."""

from __future__ import annotations

import pytest

from tetra_orchestrator.config.masking import MASK, declared, is_secret, masked
from tetra_orchestrator.config.values import Plain


@pytest.mark.parametrize(
    "key",
    ["password", "db_password", "api_key", "apiKey", "webhook_url", "token", "accessToken", "client_secret", "API_KEY"]
    + ["private_key", "auth", "credentials", "SLACK_WEBHOOK", "MY_KEY", "DSN"],
)
def test_a_key_that_says_secret_hides_what_was_written_under_it(key):
    assert masked({"config": {key: "hunter2"}}, ("pipelines", "p")) == {"config": {key: MASK}}
    assert masked({"config": {key: {"a": ["x", Plain("5")]}}}, ("pipelines", "p")) == {
        "config": {key: {"a": [MASK, MASK]}}
    }


@pytest.mark.parametrize("key", ["sort_key", "primary_key", "key", "max_tokens", "monkey", "channel", "recipients"])
def test_other_keys_hide_nothing(key):
    assert masked({key: "x"}, ("pipelines", "p", "config")) == {key: "x"}


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "GITHUB_TOKEN", "DB_PASSWORD", "SLACK_WEBHOOK_URL", "KEY"])
def test_a_value_that_names_a_secret_variable_is_hidden_wherever_it_stands(name):
    assert masked(f"https://example.org/${{{name}}}", ("monitor", "endpoints", 0)) == MASK
    assert masked(f"${{{name}:-x}}", ("title",)) == MASK


def test_a_value_that_names_another_variable_is_shown():
    assert masked("${REGION:-eu}", ("title",)) == "${REGION:-eu}"


def test_whatever_stands_under_secrets_and_whatever_names_one_of_them_is_hidden():
    document = {"secrets": {"CODE": {"file": "/run/code"}}, "title": "${CODE}", "env": {"set": {"CODE": "5"}}}
    assert declared(document) == ("CODE",)
    assert masked(document, (), declared(document)) == {
        "secrets": {"CODE": {"file": MASK}},
        "title": MASK,
        "env": {"set": {"CODE": MASK}},
    }


def test_a_document_without_secrets_declares_none():
    assert declared({"secrets": None}) == declared([]) == ()


def test_a_name_that_the_user_chose_hides_nothing():
    document = {
        "pipelines": {"token_refresh": {"shell": "true", "depends_on": ["auth"]}, "auth": {"tasks": {"secret": {}}}},
        "modes": {"password": [{"token_refresh": ["--all"]}]},
        "pools": {"token": Plain("2")},
    }
    assert masked(document) == document


def test_a_parameter_of_a_mode_that_says_secret_is_hidden():
    assert masked({"params": {"api_key": "x", "days": "5"}}, ("modes", "daily")) == {
        "params": {"api_key": MASK, "days": "5"}
    }


def test_the_address_of_a_webhook_is_a_secret():
    channels = {"hook": {"type": "webhook", "url": "https://example.org/x"}}
    assert masked(channels, ("alerting", "channels")) == {"hook": {"type": "webhook", "url": MASK}}


def test_every_header_of_a_channel_and_every_heartbeat_is_a_secret():
    headers = {"hook": {"headers": {"X-Anything": "abc"}, "command": ["tell", "abc"]}}
    assert masked(headers, ("alerting", "channels")) == {
        "hook": {"headers": {"X-Anything": MASK}, "command": ["tell", "abc"]}
    }
    assert masked({"heartbeat": "https://h/1", "textfile": "a"}, ("monitor",)) == {"heartbeat": MASK, "textfile": "a"}
    assert masked({"heartbeat": {"heartbeat": "https://h/1", "cron": "@daily"}}, ("schedules",)) == {
        "heartbeat": {"heartbeat": MASK, "cron": "@daily"}
    }


def test_passwords_in_addresses_options_and_assignments_are_hidden_and_the_rest_is_shown():
    assert masked("postgresql://me:hunter2@db/x", ("state",)) == "postgresql://me:***@db/x"
    assert masked("load --token hunter2 --rows 5", ("pipelines", "p", "shell")) == "load --token *** --rows 5"
    assert masked("DB_PASSWORD=hunter2 load", ("pipelines", "p", "shell")) == "DB_PASSWORD=*** load"
    assert masked(["load", "--api-key", "hunter2", "--password=x", "y"], ("pipelines", "p", "command")) == [
        *("load", "--api-key", MASK, "--password=***", "y")
    ]


def test_nothing_is_hidden_of_what_says_nothing():
    assert masked({"password": None, "token": "", "auth": True}) == {"password": None, "token": "", "auth": True}


def test_a_value_is_judged_by_what_was_written_not_by_what_was_filled_in():
    assert is_secret(("title",), "${API_KEY}")
    assert not is_secret(("title",), "abc")
