"""Channels, rules, parameters of modes, and patterns of what no log may show."""

from __future__ import annotations

import pytest

from config.configs import Folder

ONE = "pipelines: {a: {module: m}}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "alerting: {channels: {mail: {recipients: [x]}}}",
            "f.yaml:4:23: the channel 'mail' has no type\n"
            "  alerting: {channels: {mail: {recipients: [x]}}}\n"
            "                        ^\n"
            "  hint: did you mean 'email'?",
        ),
        (
            "alerting: {channels: {email: {recipients: [a@b.c]}}}",
            "f.yaml:4:23: the channel 'email' is switched on and has no 'smtp_server'\n"
            "  alerting: {channels: {email: {recipients: [a@b.c]}}}\n"
            "                        ^\n"
            "  hint: add it, or write `enabled: false`",
        ),
        (
            "alerting: {rules: [{name: r, condition: runs > 1, channels: [slak]}]}",
            "f.yaml:4:62: there is no channel 'slak'\n"
            "  alerting: {rules: [{name: r, condition: runs > 1, channels: [slak]}]}\n"
            "                                                               ^\n"
            "  hint: channels: none",
        ),
        (
            "notifications: {on_failure: [email]}",
            "f.yaml:4:30: there is no channel 'email'\n"
            "  notifications: {on_failure: [email]}\n"
            "                               ^\n"
            "  hint: channels: none",
        ),
        (
            "modes: {d: {pipelines: [a], params: {days: 3}}}",
            "f.yaml:4:38: there is no parameter 'days'\n"
            "  modes: {d: {pipelines: [a], params: {days: 3}}}\n"
            "                                       ^\n"
            "  hint: parameters: none",
        ),
        (
            "modes: {d: [a]}\nschedules: {s: {mode: d, cron: '@daily', every: 1h}}",
            "f.yaml:5:42: the schedule 's' has both 'cron' and 'every'\n"
            "  schedules: {s: {mode: d, cron: '@daily', every: 1h}}\n"
            "                                           ^\n"
            "  hint: keep one of the two",
        ),
        (
            "schedules: {s: {cron: '@daily'}}",
            "f.yaml:4:13: the schedule 's' does not say what it runs\n"
            "  schedules: {s: {cron: '@daily'}}\n"
            "              ^\n"
            "  hint: add one of `mode`, `pipelines`",
        ),
        (
            "schedules: {s: {pipelines: [b], at: tomorrow}}",
            "f.yaml:4:29: there is no pipeline 'b'\n"
            "  schedules: {s: {pipelines: [b], at: tomorrow}}\n"
            "                              ^\n"
            "f.yaml:4:37: 'tomorrow' is not a date and time\n"
            "  schedules: {s: {pipelines: [b], at: tomorrow}}\n"
            "                                      ^\n"
            "  hint: write it like 2026-12-01T02:00",
        ),
        (
            "schedules: {s: {pipelines: [a], at: '2026-12-01T02:00Z'}}",
            "f.yaml:4:37: '2026-12-01T02:00Z' has a time zone of its own\n"
            "  schedules: {s: {pipelines: [a], at: '2026-12-01T02:00Z'}}\n"
            "                                      ^\n"
            "  hint: leave out its zone and name it in `timezone`",
        ),
    ],
)
def test_what_names_nothing_is_told_with_place_cause_and_remedy(folder: Folder, text: str, problem: str) -> None:
    assert folder.faults(ONE + text) == problem


def test_a_channel_that_is_switched_off_may_lack_everything(folder: Folder) -> None:
    channels = "alerting: {channels: {pagerduty: {enabled: false}, pager: {type: slack, enabled: false}}}"
    assert folder.native(ONE + channels).project.name == "p"


def test_a_failing_pipeline_that_tells_an_unknown_channel_is_a_warning(folder: Folder) -> None:
    text = "pipelines: {a: {module: m, on_failure: {notify: [sms]}}}"
    assert "there is no channel 'sms'" in folder.warnings(text)


def test_an_interval_an_instant_and_single_pipelines_make_schedules(folder: Folder) -> None:
    text = """
        timezone: local
        pipelines: {a: {module: m}}
        schedules:
          often: {pipelines: [a], every: 6h, tags: {team: data}}
          once: {pipelines: [a], at: "2026-12-01T02:00", timezone: Europe/Paris}
          boot: {pipelines: [a], on_startup: true}
        """
    often, once, boot = folder.native(text).project.schedules
    assert (often.every_s, often.pipelines, often.tags) == (21600.0, ("a",), (("team", "data"),))
    assert (once.at, once.timezone) == ("2026-12-01T02:00", "Europe/Paris")
    assert (boot.on_startup, boot.cron) == (True, None)


def test_that_secrets_are_not_masked_is_told_where_the_file_says_so(folder: Folder) -> None:
    assert folder.warnings(ONE + "logs: {redact: true}") == []
    (warning,) = folder.native(ONE + "logs: {redact: false}").warnings
    assert warning.render().replace(f"{folder.path}/", "") == (
        "f.yaml:4:8: values of secrets stand in the logs of tasks as they are\n"
        "  logs: {redact: false}\n"
        "         ^\n"
        "  hint: leave `redact` out to have them masked"
    )


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        (
            "x*",
            "f.yaml:4:26: 'redact_patterns[0]' matches nothing at all, and so everywhere: 'x*'\n"
            "  logs: {redact_patterns: [x*]}\n"
            "                           ^\n"
            "  hint: write + for *, or what stands around it",
        ),
        (
            "'[a'",
            "f.yaml:4:26: 'redact_patterns[0]' is not a regular expression: "
            "unterminated character set at position 0: '[a'\n"
            "  logs: {redact_patterns: ['[a']}\n"
            "                           ^\n"
            "  hint: write \\\\ before a character that is meant as it is",
        ),
        (
            r"'\N{EM DASH}'",
            "f.yaml:4:26: 'redact_patterns[0]' is no regular expression for bytes: "
            "bad escape \\N at position 0: '\\\\N{EM DASH}'\n"
            "  logs: {redact_patterns: ['\\N{EM DASH}']}\n"
            "                           ^\n"
            "  hint: leave out what is only for text",
        ),
    ],
)
def test_a_pattern_that_masks_nothing_or_everything_is_refused(folder: Folder, pattern: str, fault: str) -> None:
    assert folder.faults(f"{ONE}logs: {{redact_patterns: [{pattern}]}}") == fault
