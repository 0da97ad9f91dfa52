"""What is told of channels, rules, times of quiet, and of whom a failing pipeline tells."""

from __future__ import annotations

import sys

import pytest

from config.configs import Folder
from tetra_orchestrator.errors import ConfigError

ONE = "pipelines: {a: {module: m}}\n"
HOOK = "slack: {webhook_url: 'https://h.example/x'}"
MAIL = "email: {recipients: [a@b.c], smtp_server: mail.example}"


def channels(folder: Folder, text: str) -> str:
    return folder.faults(f"{ONE}alerting: {{channels: {{{text}}}}}")


def rule(text: str, more: str = "") -> str:
    return f"{ONE}alerting:\n  channels: {{{MAIL}}}\n  rules:\n  - {{name: r, channels: [email], {text}}}\n{more}"


def first_lines(text: str) -> list[str]:
    """The messages with their places, without source lines and hints."""
    return [line for line in text.splitlines() if line.startswith("f.yaml")]


# -- channels


@pytest.mark.parametrize(
    ("channel", "problem", "hint"),
    [
        ("email: {recipients: [ops], smtp_server: m}", "'ops' is no address of mail", "write it like ops@example.com"),
        (
            'email: {recipients: ["a@b.c\\r\\nBcc: x@y.z"], smtp_server: m}',
            "'a@b.c\\r\\nBcc: x@y.z' is no address of mail",
            "write it like ops@example.com",
        ),
        (
            'email: {recipients: [a@b.c], smtp_server: "smtp://m"}',
            "'smtp://m' is no server",
            "write its name alone, such as smtp.example.com, or with its port: smtp.example.com:587",
        ),
        (
            "email: {recipients: [a@b.c], smtp_server: 'm:25', smtp_port: 587}",
            "the server has the port 25, and 'smtp_port' is 587",
            "keep one of the two",
        ),
        (
            "email: {recipients: [a@b.c], smtp_server: m, username: u}",
            "there is a 'username' and no 'password'",
            "add `password`",
        ),
        (
            "email: {recipients: [a@b.c], smtp_server: m, username: u, password: secret, security: none}",
            "the password would be sent for all to read",
            "write `security: auto`, or remove the password",
        ),
        (
            "hook: {type: webhook, url: 'ftp://h/x'}",
            "the address does not begin with http:// or https://",
            "write http://host/path or https://host/path",
        ),
        ("hook: {type: webhook, url: 'https://h x/'}", "the address has a blank in it", "write http://host/path or"),
        ("hook: {type: webhook, url: 'https:///x'}", "the address names no host", "write http://host/path or"),
        (
            'hook: {type: webhook, url: "https://h/x", headers: {X-A: "b\\nc"}}',
            "the header 'X-A' has a sign",
            "write it",
        ),
        (
            "hook: {type: webhook, url: 'https://h/x', headers: {'a b': c}}",
            "'a b' is not the name of a header",
            "write",
        ),
        ("any: {type: apprise, url: topic}", "the address has no scheme", "write one that apprise knows, such as ntfy"),
        ("hook: {type: command, command: [' ']}", "names no program", "write the program first"),
        ("mail: {type: emial}", "'type' must be 'email', 'slack', 'pagerduty'", None),
    ],
)
def test_a_channel_that_could_reach_nobody_is_told(
    folder: Folder, channel: str, problem: str, hint: str | None
) -> None:
    (found, *rest) = channels(folder, channel).split("\nf.yaml")
    assert rest == []
    assert problem in found.splitlines()[0]
    assert hint is None or f"hint: {hint}" in found


def test_the_address_of_a_hook_is_told_of_without_being_shown(folder: Folder) -> None:
    assert channels(folder, 'slack: {webhook_url: "hooks.example/T0/SECRET"}') == (
        "f.yaml:4:44: the address does not begin with http:// or https://\n"
        '  alerting: {channels: {slack: {webhook_url: "***"}}}\n'
        "                                             ^\n"
        "  hint: write http://host/path or https://host/path"
    )


@pytest.mark.parametrize("who", ["a@b.c", "first.last+tag@mail.example", "The team <team@example.com>"])
def test_a_recipient_may_have_a_name(folder: Folder, who: str) -> None:
    text = f"{ONE}alerting: {{channels: {{email: {{recipients: ['{who}'], smtp_server: 'm.example:25'}}}}}}"
    assert folder.native(text).project.alerting.channels[0].recipients == (who,)


def test_a_user_of_this_machine_may_be_a_recipient_of_its_own_server_only(folder: Folder) -> None:
    text = f"{ONE}alerting: {{channels: {{email: {{recipients: [root], smtp_server: %s}}}}}}"
    assert folder.native(text % "localhost").project.alerting.channels[0].recipients == ("root",)
    assert "'root' is no address of mail" in folder.faults(text % "mail.example")


def test_what_another_type_of_channel_has_is_told_to_have_no_effect(folder: Folder) -> None:
    text = (
        f"{ONE}alerting: {{channels: {{slack: {{webhook_url: 'https://h/x', recipients: [a@b.c], resolved: false}}}}}}"
    )
    assert folder.warnings(text) == ["'recipients' has no effect on a channel of type slack"]


def test_T_115_a_variable_that_is_not_set_is_told_only_where_its_channel_is_on(folder: Folder) -> None:
    text = (
        "alerting: {channels: {slack: {webhook_url: '${SLACK_URL}'}, "
        "pagerduty: {enabled: false, api_key: '${PAGER}', url: 'https://${HOST}/x'}}}\n"
        "monitor: {heartbeat: '${PING}'}\n"
    )
    told = ["the variable SLACK_URL is not set", "the variable PING is not set"]
    assert folder.warnings(ONE + text) == told
    tetra = folder.load("pipelines: {a: {module: m}}\n" + text.splitlines()[0], dialect="tetra")
    assert [warning.message for warning in tetra.warnings] == told[:1]


@pytest.mark.parametrize(
    ("text", "is_needed"),
    [
        ("pipelines: {a: {module: m, data: {d: {http: '${NONE}', max_age: 1h}}}}", False),
        ("schedules: {s: {pipelines: [a], every: 1h, heartbeat: '${NONE}'}}", False),
        ("env: {set: {data: '${NONE}'}}", True),
        ("env: {set: {heartbeat: '${NONE}'}}", True),
    ],
)
def test_a_variable_that_is_not_set_is_no_error_only_where_nothing_needs_it_to_run(
    folder: Folder, text: str, is_needed: bool
) -> None:
    text = text if text.startswith("pipelines") else f"{ONE}{text}\n"
    if is_needed:
        with pytest.raises(ConfigError, match="^.*the variable NONE is not set"):
            folder.native(text)
    else:
        assert folder.warnings(text) == ["the variable NONE is not set"]


def test_a_missing_library_is_told_with_its_install_line(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{ONE}alerting: {{channels: {{desktop: {{}}, off: {{type: slack, enabled: false}}, {HOOK}}}}}"
    assert folder.native(text).warnings == ()
    monkeypatch.setattr("tetra_orchestrator.config.channel_checks.find_spec", lambda name: None)
    (warning,) = folder.native(text).warnings
    assert warning.message == "the channel 'slack' needs the library apprise, which is not installed here"
    assert warning.hint == "pip install 'tetra-orchestrator[alerts]'"


def test_a_value_of_the_wrong_kind_is_not_told_as_missing_too(folder: Folder) -> None:
    assert first_lines(channels(folder, "email: {recipients: a@b.c, smtp_server: m}")) == [
        "f.yaml:4:43: 'recipients' must be a list, not text: 'a@b.c'"
    ]


def test_a_password_in_the_file_is_told_and_one_from_a_variable_is_not(folder: Folder) -> None:
    mail = "email: {recipients: [a@b.c], smtp_server: m, username: u, password: 'PASSWORD'}"
    text = f"{ONE}alerting: {{channels: {{{mail}, pagerduty: {{api_key: KEY}}}}}}"
    assert folder.warnings(text) == ["the 'password' stands in the file", "the 'api_key' stands in the file"]
    folder.environ.update(PW="hunter2222", KEY="abcdefgh")
    assert folder.warnings(text.replace("PASSWORD", "${PW}").replace("KEY", "'${KEY}'")) == []


@pytest.mark.parametrize(
    ("url", "told"),
    [("http://h.example/x", True), ("https://h.example/x", False), ("http://localhost:8080/x", False)],
)
def test_what_is_sent_to_another_host_unencrypted_is_told(folder: Folder, url: str, told: bool) -> None:
    message = "what is sent there can be read on the way: the address begins with http://"
    text = f"{ONE}alerting: {{channels: {{hook: {{type: webhook, url: '{url}'}}}}}}"
    assert folder.warnings(text) == [message] * told


# -- rules


def test_T_217_a_condition_that_names_what_nothing_measures_is_told_with_its_rule(folder: Folder) -> None:
    assert folder.faults(rule("condition: error_rat > 0.1")) == (
        "f.yaml:7:45: the condition of 'r' names 'error_rat', which nothing measures\n"
        "    - {name: r, channels: [email], condition: error_rat > 0.1}\n"
        "                                              ^\n"
        "  hint: did you mean 'error_rate'?"
    )


def test_T_207_T_218_T_219_what_else_a_rule_may_have_wrong_is_told_at_once(folder: Folder) -> None:
    more = "  - {name: r, condition: runs > 1, channels: [email, fax], pipelines: [b], severity: urgent}\n"
    assert first_lines(folder.faults(rule("condition: mode == 5", more))) == [
        "f.yaml:7:45: the condition of 'r' compares a text with a number",
        "f.yaml:8:12: there is a second rule 'r'",
        "f.yaml:8:54: there is no channel 'fax'",
        "f.yaml:8:72: there is no pipeline 'b'",
        "f.yaml:8:86: 'severity' must be 'low', 'medium', 'high' or 'critical': 'urgent'",
    ]


def test_T_207_a_rule_without_a_condition_is_told(folder: Folder) -> None:
    assert first_lines(folder.faults(rule("for: 5m"))) == ["f.yaml:7:5: 'rules[0]' has no 'condition'"]


@pytest.mark.parametrize(
    ("condition", "warning", "hint"),
    [
        ("pipeline_status == 'fail'", "'pipeline_status' with 'fail'", "did you mean 'failed'?"),
        ("state != 'success'", "'state' with 'success'", "did you mean 'succeeded'?"),
        ("pipeline == 'b'", "'pipeline' with 'b'", "it can be a"),
        ("mode == 'daily'", "'mode' with 'daily'", "the file has none"),
    ],
)
def test_a_word_that_a_name_never_is_is_told(folder: Folder, condition: str, warning: str, hint: str) -> None:
    (found,) = folder.native(rule(f'condition: "{condition}"')).warnings
    assert found.message == f"the condition of 'r' compares {warning}, which it never is"
    assert found.hint == hint


@pytest.mark.parametrize(("condition", "share"), [("error_rate > 10", "0.1"), ("5 >= disk_free", "0.05")])
def test_a_share_compared_with_percent_is_told(folder: Folder, condition: str, share: str) -> None:
    (found,) = folder.native(rule(f'condition: "{condition}"')).warnings
    name, number = ("error_rate", "10") if share == "0.1" else ("disk_free", "5")
    assert found.message == f"the condition of 'r' compares '{name}' with {number}, and it is a share from 0 to 1"
    assert found.hint == f"write {share} for {number} percent"


@pytest.mark.parametrize(
    "condition", ["error_rate * 100 > 10", "error_rate > 10 / 100", "failures > 10", "1 > disk_free"]
)
def test_what_is_computed_or_no_share_is_not_told(folder: Folder, condition: str) -> None:
    assert folder.warnings(rule(f'condition: "{condition}"')) == []


def test_a_few_seconds_without_a_unit_are_told(folder: Folder) -> None:
    (found,) = folder.native(rule("condition: runs > 1, for: 10")).warnings
    assert found.message == "'for' is 10 seconds, which is over before anybody looks again"
    assert found.hint == "write the unit: 10s or 10m"
    for given in ("10s", "10m", "600", "0"):
        assert folder.warnings(rule(f"condition: runs > 1, for: {given}")) == []


def test_words_that_a_name_can_be_and_reasons_of_any_kind_are_not_told(folder: Folder) -> None:
    text = "condition: \"pipeline_status == 'never' or state == 'timed_out' or reason == 'disk' or pipeline == 'a'\""
    assert folder.warnings(rule(text)) == []
    assert folder.warnings(rule("condition: state == 'upstream_failed'")) == []


def test_a_rule_that_tells_nobody_is_told(folder: Folder) -> None:
    assert folder.warnings(rule("condition: runs > 1").replace("channels: [email], ", "")) == [
        "the rule 'r' tells nobody: it has no 'channels'"
    ]
    off = rule("condition: runs > 1").replace("{recipients", "{enabled: false, recipients")
    assert folder.warnings(off) == ["the rule 'r' tells nobody: its channels are switched off"]


def test_a_condition_may_come_from_a_variable(folder: Folder) -> None:
    folder.environ["LIMIT"] = "0.2"
    text = rule('condition: "error_rate > ${LIMIT}"')
    assert folder.native(text).project.alerting.rules[0].condition == "error_rate > 0.2"
    folder.environ["LIMIT"] = "much"
    assert "names 'much', which nothing measures" in folder.faults(text)


def test_a_file_without_rules_does_not_load_what_reads_them(folder: Folder) -> None:
    from subprocess import run

    path = folder.write(f"version: 1\nproject: p\n{ONE}alerting: {{channels: {{{MAIL}}}}}")
    code = "import sys; from tetra_orchestrator.config.load import load_project; load_project(sys.argv[1], environ={}, "
    code += "check_modules=False); print([name for name in ('rule_engine', 'apprise') if name in sys.modules])"
    done = run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# -- findings, maintenance, failing pipelines


def test_what_the_monitor_never_finds_cannot_be_ignored(folder: Folder) -> None:
    text = f"{ONE}alerting: {{channels: {{{MAIL}}}, findings: {{ignore: [disk_lo, rule], channels: [fax]}}}}"
    assert first_lines(folder.faults(text)) == [
        "f.yaml:4:101: nothing that the monitor finds is called 'disk_lo'",
        "f.yaml:4:110: alerts of rules cannot be ignored",
        "f.yaml:4:128: there is no channel 'fax'",
    ]


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        ("cron: '0 2 * * *'", "'maintenance[0]' needs `cron` and `length`, or `from` and `to`"),
        ("cron: '0 2 * * *', length: 1h, from: 2030-01-01, to: 2030-01-02", "'maintenance[0]' has both `cron`"),
        ("cron: '0 25 * * *', length: 1h", "the rule '0 25 * * *' cannot be read: bad hour"),
        ("cron: '0 * * * *', length: 1h", "'w' lasts until it begins again, so that nobody is ever told"),
        ("cron: '*/5 * * * *', length: 5m", "'w' lasts until it begins again, so that nobody is ever told"),
        ("from: 2030-01-02, to: 2030-01-01T12:00", "'w' ends before it begins"),
        ("from: soon, to: 2030-01-01", "'soon' is not a date and time"),
        ("from: 2030-01-01T01:00Z, to: 2030-01-01T02:00", "'2030-01-01T01:00Z' has a time zone of its own"),
        ("cron: '@daily', length: 1h, timezone: Europe/Pariss", "there is no time zone 'Europe/Pariss'"),
        ("cron: '@daily', length: 1h, pipelines: [b]", "there is no pipeline 'b'"),
    ],
)
def test_a_time_of_quiet_that_cannot_be_or_never_ends_is_told(folder: Folder, window: str, problem: str) -> None:
    text = f"{ONE}alerting: {{channels: {{{MAIL}}}, maintenance: [{{name: w, {window}}}]}}"
    (found,) = first_lines(folder.faults(text))
    assert problem in found


@pytest.mark.parametrize("window", ["cron: '0 2,3 * * *', length: 2h", "cron: '*/5 * * * 1-5', length: 1h"])
def test_times_of_quiet_may_touch_each_other_as_long_as_there_are_others(folder: Folder, window: str) -> None:
    text = f"{ONE}alerting: {{channels: {{{MAIL}}}, maintenance: [{{name: w, {window}}}]}}"
    assert folder.warnings(text) == []


def test_whom_a_failing_pipeline_escalates_to_is_a_channel_or_who_is_on_call(folder: Folder) -> None:
    text = "pipelines: {{a: {{module: m, on_failure: {{{}}}}}}}\nalerting: {{channels: {{{}}}}}"
    folder.environ["KEY"] = "abcdefgh"
    pager = "pager: {type: pagerduty, api_key: '${KEY}'}"
    assert folder.warnings(text.format("escalate: pager", pager)) == []
    assert folder.warnings(text.format("escalate: page_oncall", pager)) == []
    assert folder.warnings(text.format("escalate: page_oncall", MAIL)) == [
        "nobody is on call: no channel of type pagerduty is switched on"
    ]
    (found,) = folder.native(text.format("escalate: page_oncal", pager)).warnings
    assert (found.message, found.hint) == ("there is no channel 'page_oncal'", "did you mean 'page_oncall'?")
    assert folder.warnings(text.format("escalate_after: {failures: 3}", pager)) == [
        "'escalate_after' has no effect without 'escalate'"
    ]
