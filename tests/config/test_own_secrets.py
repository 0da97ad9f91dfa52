"""Secrets that stand in the file itself where it says who is told: shown nowhere, and kept nowhere else."""

from __future__ import annotations

import json

from config.configs import HEAD, Folder
from tetra_orchestrator.config import cache
from tetra_orchestrator.config.masking import MASK
from tetra_orchestrator.config.own_secrets import own_secrets, without_own_secrets
from tetra_orchestrator.config.read import read

SECRETS = ("hooks-1/path", "key-of-pager", "p4ssw0rd!", "ntfy://me:tok@h/t", "tokenvalue", "https://h/hook", "ping-77")
TEXT = f"""\
pipelines: {{a: {{module: m, env: {{PASSWORD: inthefile}}}}}}
alerting:
  channels:
    slack: {{webhook_url: "https://h/{SECRETS[0]}", channel: "#ops"}}
    pagerduty: {{api_key: {SECRETS[1]}, service_id: P123456}}
    email: {{recipients: [a@b.c], smtp_server: mail.example, username: tetra.user, password: "{SECRETS[2]}"}}
    any: {{type: apprise, url: "{SECRETS[3]}"}}
    hook: {{type: webhook, url: "{SECRETS[5]}", headers: {{X-Anything: {SECRETS[4]}}}}}
    var: {{type: slack, webhook_url: "${{HOOK:-https://h/x}}"}}
monitor: {{heartbeat: "https://h/{SECRETS[6]}"}}
schedules: {{s: {{pipelines: [a], every: 1h, heartbeat: "https://h/{SECRETS[6]}/s"}}}}
"""


def test_what_is_kept_of_a_file_lacks_them_and_is_otherwise_the_same(folder: Folder) -> None:
    loaded = folder.native(TEXT)
    assert not [secret for secret in SECRETS if secret in loaded.document]
    document = json.loads(loaded.document)
    found = document["alerting"]["channels"]
    assert found["slack"] == {"webhook_url": MASK, "channel": "#ops"}
    assert found["pagerduty"] == {"api_key": MASK, "service_id": "P123456"}
    assert (found["email"]["username"], found["email"]["password"]) == ("tetra.user", MASK)
    assert (found["any"]["url"], found["hook"]["url"], found["hook"]["headers"]) == (MASK, MASK, {"X-Anything": MASK})
    assert found["var"]["webhook_url"] == "${HOOK:-https://h/x}"
    assert (document["monitor"]["heartbeat"], document["schedules"]["s"]["heartbeat"]) == (MASK, MASK)
    assert document["pipelines"]["a"]["env"] == {"PASSWORD": "inthefile"}


def test_they_count_as_secrets_and_the_project_has_them(folder: Folder) -> None:
    loaded = folder.native(TEXT)
    assert all(any(secret in known for known in loaded.secrets) for secret in SECRETS)
    assert "P123456" not in loaded.secrets
    assert loaded.project.alerting is not None
    assert loaded.project.alerting.channels[0].webhook_url == f"https://h/{SECRETS[0]}"


def test_what_was_kept_is_a_sound_file_again_and_a_file_without_them_is_kept_as_it_is(folder: Folder) -> None:
    again = folder.load(folder.native(TEXT).document)
    assert again.project.alerting is not None
    assert again.project.alerting.channels[0].webhook_url == MASK
    plain = folder.native("pipelines: {a: {module: m, priority: 1.0e1}}".replace("1.0e1", "5"))
    assert without_own_secrets(plain.document) == plain.document


def test_no_message_shows_them(folder: Folder) -> None:
    one_line = "alerting: {channels: {slack: {webhook_url: 'https://h/hooks-1/path', recipients: [a@b.c]}}}"
    (warning,) = folder.native(f"pipelines: {{a: {{module: m}}}}\n{one_line}").warnings
    assert "hooks-1" not in warning.render()
    assert "webhook_url: '***'" in warning.render()


def test_a_project_with_them_is_not_cached(folder: Folder) -> None:
    path = folder.write(HEAD + TEXT.replace("module: m", "shell: x"))
    cache.load(path, environ=folder.environ)
    kept = [file.read_bytes() for file in (folder.path / "state").rglob("*") if file.is_file()]
    assert not [secret for secret in SECRETS for data in kept if secret.encode() in data]


def test_those_of_a_dialect_are_known_after_its_translation(folder: Folder) -> None:
    hook = "notifications: {slack: {webhook_url: 'https://h/hooks-1/path'}}\n"
    path = folder.write("tasks: {a: {}}\n" + hook)
    assert own_secrets(read(path, environ=folder.environ).tree) == ("https://h/hooks-1/path",)
