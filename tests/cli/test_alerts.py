"""Alerts by the real command line, to a real HTTP server on loopback: told, listed, acknowledged, sent again."""

from __future__ import annotations

import base64
import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import pytest

from support.components import require, require_root
from support.http_server import HttpServer, Reply, closed_port
from tetra_orchestrator.core.gauges import GAUGES

TOLD = """
pipelines:
  load: {{shell: "echo hello; exit $(cat code)", on_failure: {{notify: [hook]}}}}
  good: {{shell: "true"}}
  slow: {{shell: "sleep 60", on_failure: {{notify: [hook]}}}}
alerting:
  channels: {{hook: {{type: webhook, url: "{url}"}}}}
  findings: {{channels: []}}
"""


@pytest.fixture
def server():
    with HttpServer() as found:
        yield found


def tell(site, url, code=3, more=""):
    """A site whose pipeline `load` exits so, and that tells a webhook."""
    site.configure(TOLD.format(url=url) + more)
    site.write("code", str(code))
    return site


def bodies(server):
    return [each.json for each in server.requests]


def said(server):
    """(what, title) of everything that has arrived."""
    return [(each["what"], each["title"]) for each in bodies(server)]


def run(site, *pipelines, **options):
    return site.run("run", *(word for name in pipelines or ("load",) for word in ("--pipeline", name)), **options)


def later(site, seconds=120):
    """Have so much time pass for the letters."""
    with sqlite3.connect(site.root / "state" / "tetra.db") as store:
        store.execute("UPDATE letters SET due_at = due_at - ?", (seconds * 1_000_000,))
    store.close()


# End to end


def test_a_failure_is_told_once_and_its_end_once(site, server):
    tell(site, f"{server.url}/hook")
    assert [run(site).returncode for _ in range(2)] == [2, 2]
    site.write("code", "0")
    assert run(site).returncode == 0
    assert said(server) == [("raised", "load failed: exit code 3"), ("resolved", "over: load failed: exit code 3")]
    text = bodies(server)[0]["text"]
    assert "The end of its log:\n  hello\n" in text
    assert f"--config '{site.root}/config/orchestration.yaml'" in text


def test_the_command_in_a_message_can_be_pasted(site, server):
    import shlex

    tell(site, server.url)
    run(site)
    (alert,) = bodies(server)[0]["alerts"]
    words = shlex.split(alert["command"])
    assert words[0] == "tetra"
    assert site.run(*words[1:]).returncode == 0


def test_a_dead_channel_is_one_warning_and_changes_neither_the_exit_code_nor_the_run(site):
    tell(site, f"http://127.0.0.1:{(port := closed_port())}/hook")
    done = run(site)
    warning = (
        f"warning: an alert has not arrived, it is tried again later: hook: 127.0.0.1:{port}: connection refused\n"
    )
    assert (done.returncode, done.stderr) == (2, warning)
    rows = site.json("show", "latest")["tasks"]
    site.configure(TOLD.format(url="http://127.0.0.1:1/hook").partition("alerting")[0])
    assert run(site).returncode == 2
    assert [row["state"] for row in site.json("show", "latest")["tasks"]] == [row["state"] for row in rows]


def test_a_channel_that_hangs_costs_ten_seconds_at_most(site, server):
    server.answers(Reply(acts="hang"))
    tell(site, server.url)
    began = time.monotonic()
    done = run(site)
    assert (done.returncode, time.monotonic() - began < 14) == (2, True)
    assert done.stderr.startswith("warning: an alert has not arrived, it is tried again later: hook: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_project_without_channels_does_not_even_load_what_judges(site):
    site.configure("pipelines: {load: {shell: 'true'}}")
    code = "import sys; from tetra_orchestrator.cli.main import run; run(['run']); print(sorted(sys.modules))"
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], cwd=site.root, env=site.env, capture_output=True, text=True)
    loaded = done.stdout.splitlines()[-1]
    assert "tetra_orchestrator.launch" in loaded
    names = ("wire_watch", "core.alerting", "engine.alerting", "engine.outbox", "config.conditions")
    assert [name for name in names if f"tetra_orchestrator.{name}'" in loaded] == []


def test_commands_that_only_read_tell_nobody(site, server):
    tell(site, server.url)
    assert run(site, env={"TETRA_FAILPOINT": "alert.enqueue=kill"}).returncode == -signal.SIGKILL
    for words in (["status"], ["history"], ["show"], ["list"], ["alerts", "list"]):
        assert site.run(*words).returncode == 0
    assert server.requests == []


def test_a_run_whose_owner_was_killed_is_told_by_the_next_command(site, server):
    tell(site, server.url)
    running = site.start("run", "--pipeline", "slow")
    site.until(lambda: (site.root / "logs" / "runs").exists() and list((site.root / "logs" / "runs").glob("*/*.log")))
    running.kill()
    running.communicate()
    assert run(site, "good").returncode == 0
    assert [what for what, _ in said(server)] == ["raised"]
    assert said(server)[0][1].startswith("slow failed: ")


@pytest.mark.parametrize("command", ["cancel", "stop"])
def test_a_run_that_was_cancelled_is_told_to_nobody(command, site, server):
    tell(site, server.url)
    running = site.start("run", "--pipeline", "slow")
    site.until(lambda: site.json("status")["active_runs"])
    assert site.run(*([command, "latest"] if command == "cancel" else [command])).returncode == 0
    running.communicate(timeout=30)
    run(site, "good")
    assert server.requests == []


def test_T_168_without_a_pager_it_is_said_in_the_log_and_aloud(site, server):
    tell(site, server.url)
    config = (site.root / "config" / "orchestration.yaml").read_text()
    (site.root / "config" / "orchestration.yaml").write_text(
        config.replace("notify: [hook]", "notify: [hook], escalate: page_oncall")
    )
    done = run(site)
    why = "load failed, and nobody is on call: page_oncall is no channel that is switched on"
    assert f"warning: {why}\n" in done.stderr
    assert site.lines_of_log()[-1] == f"WARNING {why}"


# Killed at every place

WRITES = ("alert.enqueue", "alert.claim", "alert.group", "alert.ack")
PLACES = [f"{name}{end}:1" for name in WRITES for end in ("", ".commit")]
PLACES += ["alert.group:2", "alert.group.commit:2", "alert.sent:1"]
ACTIONS = ["kill", *(pytest.param(each, marks=pytest.mark.long) for each in ("raise", "enospc"))]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("place", PLACES)
def test_I11_whatever_happens_around_an_alert_it_arrives_and_is_never_two(place, action, site, server):
    tell(site, server.url)
    done = run(site, env={"TETRA_FAILPOINT": f"{place}={action}"})
    assert done.returncode == (-signal.SIGKILL if action == "kill" else 2)
    for _ in range(2):
        later(site)
        assert run(site, "good").returncode == 0
    keys = {each.headers["idempotency-key"] for each in server.requests}
    assert len(keys) == 1, "it arrives, and is the same letter however often"
    first, *again = bodies(server)
    assert (first["what"], first["title"]) == ("raised", "load failed: exit code 3")
    assert all(each["again"] and "This may have arrived before." in each["text"] for each in again)
    alerts = site.json("alerts", "list")["alerts"]
    assert [[letter["state"] for letter in alert["letters"]] for alert in alerts] == [["sent"]]


def test_what_is_killed_again_and_again_arrives_in_the_end(site, server):
    tell(site, server.url)
    for place in PLACES:
        run(site, *(["load"] if place is PLACES[0] else ["good"]), env={"TETRA_FAILPOINT": f"{place}=kill"})
        if (site.root / "state" / "tetra.db").exists():
            later(site)
    run(site, "good")
    assert len({each.headers["idempotency-key"] for each in server.requests}) == 1
    (alert,) = site.json("alerts", "list")["alerts"]
    assert [letter["state"] for letter in alert["letters"]] == ["sent"]


def test_many_commands_at_once_judge_a_run_once_and_send_its_letter_once(site, server):
    tell(site, server.url)
    run(site, env={"TETRA_FAILPOINT": "alert.enqueue=kill"})
    started = [site.start("stop", "--by", "crontab") for _ in range(6)]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in started]
    assert not {code for _, code in ended} & {-9, 70}, ended
    assert said(server) == [("raised", "load failed: exit code 3")]
    (alert,) = site.json("alerts", "list")["alerts"]
    assert (alert["times"], [letter["state"] for letter in alert["letters"]]) == (1, ["sent"])


# alerts list


def test_list_shows_what_is_open_and_what_has_not_arrived_and_why(site):
    tell(site, f"http://127.0.0.1:{closed_port()}/hook")
    run(site)
    lines = site.run("alerts", "list").stdout.splitlines()
    assert lines[2].split()[:3] == ["1", "high", "open"]
    assert lines[2].endswith("load failed: exit code 3")
    assert lines[3].startswith("  1: hook, raised: next try ")
    assert re.fullmatch(r".* UTC \(127\.0\.0\.1:\d+: connection refused\)", lines[3]), "the channel is named once"
    (alert,) = site.json("alerts", "list")["alerts"]
    assert (alert["state"], alert["key"], alert["letters"][0]["tries"]) == ("open", "pipeline_failed:load", 1)
    assert site.json("status")["alerts_open"] == 1


def test_list_says_so_when_there_is_nothing(site, server):
    tell(site, server.url, code=0)
    assert site.run("alerts", "list").stdout == "no alert is open\n"
    assert site.run("alerts", "list", "--all").stdout == "there was no alert\n"
    run(site)
    assert site.json("alerts", "list") == {"schema": "tetra.alerts.list/1", "alerts": []}


def test_list_leaves_out_what_is_over_unless_it_is_asked_for(site, server):
    tell(site, server.url)
    run(site)
    site.write("code", "0")
    run(site)
    assert site.json("alerts", "list")["alerts"] == []
    assert [alert["state"] for alert in site.json("alerts", "list", "--all")["alerts"]] == ["over"]


# alerts test


def test_test_says_of_each_channel_whether_it_arrived(site, server):
    port = closed_port()
    more = f"    dead: {{type: webhook, url: 'http://127.0.0.1:{port}/'}}\n"
    text = TOLD.format(url=server.url).replace("channels: {hook", "channels:\n    hook")
    site.configure(text.replace("}}\n  findings", "}\n" + more + "  findings"))
    done = site.run("alerts", "test")
    assert done.stdout == f"arrived: hook\nnot arrived: dead: 127.0.0.1:{port}: connection refused\n"
    assert done.returncode == 2
    assert said(server) == [("raised", "a test of the channel hook of demo")]
    assert site.run("alerts", "test", "hook").returncode == 0
    assert site.json("alerts", "test", "hook")["channels"] == [{"channel": "hook", "ok": True, "error": None}]
    assert site.json("alerts", "list", "--all")["alerts"] == []


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["test", "fax"], "there is no channel 'fax'\n  hint: channels: hook, off\n"),
        (
            ["test", "off"],
            "the channel 'off' is switched off\n  hint: set `enabled: true` for it in `alerting: {channels: ...}`\n",
        ),
        (["ack", "7"], "there is no alert 7\n  hint: `tetra alerts list --all` shows their numbers\n"),
        (["resend", "7"], "there is no alert 7\n  hint: `tetra alerts list --all` shows their numbers\n"),
        (
            ["resend"],
            "`alerts resend` takes numbers of alerts, or --failed\n  hint: `tetra alerts list` shows them\n",
        ),
        (
            ["resend", "1", "--failed"],
            "`alerts resend` takes numbers of alerts, or --failed\n  hint: `tetra alerts list` shows them\n",
        ),
    ],
)
def test_mistakes_are_answered_with_what_to_do(words, error, site, server):
    text = TOLD.format(url=server.url).replace('"}}', '"}, off: {type: webhook, enabled: false, url: "http://x/"}}')
    site.configure(text)
    done = site.run("alerts", *words)
    assert (done.returncode, done.stderr) == (64, f"error: {error}")


@pytest.mark.parametrize("words", [["test"], ["resend", "--failed"]])
def test_without_any_channel_there_is_nobody_to_tell(words, site):
    site.configure("pipelines: {load: {shell: 'true'}}")
    done = site.run("alerts", *words)
    error = "the file has no channel by which anybody could be told"
    hint = "docs/channels.md shows how `alerting: {channels: ...}` is written"
    assert (done.returncode, done.stderr) == (64, f"error: {error}\n  hint: {hint}\n")


# alerts ack and resend


def test_ack_says_who_sees_to_it(site, server):
    tell(site, server.url)
    run(site)
    done = site.run("alerts", "ack", "1", "--note", "on it,\nback soon")
    assert done.stdout.startswith("alert 1 is acknowledged by ")
    assert done.stdout.endswith(": on it, back soon\n")
    (alert,) = site.json("alerts", "list")["alerts"]
    assert (alert["state"], alert["acked_by"].partition(": ")[2]) == ("acknowledged", "on it, back soon")


def test_resend_tries_what_waits_now(site, server):
    server.answers(Reply(503), Reply(200))
    tell(site, server.url)
    run(site)
    done = site.run("alerts", "resend", "1")
    assert (done.returncode, done.stdout) == (0, "raised of 1 by hook: arrived\n")
    assert len({each.headers["idempotency-key"] for each in server.requests}) == 1
    assert site.run("alerts", "resend", "--failed").stdout == "nothing is left to be sent\n"


def test_resend_of_what_has_arrived_tells_it_once_more(site, server):
    tell(site, server.url)
    run(site)
    body = site.json("alerts", "resend", "1")
    assert body["letters"] == [{"channel": "hook", "what": "raised", "alerts": [1], "ok": True, "error": None}]
    assert len(said(server)) == 2


def test_resend_says_what_does_not_arrive(site):
    port = closed_port()
    tell(site, f"http://127.0.0.1:{port}/")
    run(site)
    done = site.run("alerts", "resend", "--failed")
    refused = f"raised of 1 by hook: not arrived: 127.0.0.1:{port}: connection refused\n"
    assert (done.returncode, done.stdout) == (2, refused)


def test_a_run_that_cannot_be_judged_keeps_no_letter_back(site, server):
    tell(site, server.url)
    server.answers(Reply(500))
    run(site)
    with sqlite3.connect(site.root / "state" / "tetra.db") as store:
        store.execute("UPDATE runs SET tells = 1")
        store.execute("DELETE FROM task_runs")
    store.close()
    later(site)
    server.answers(Reply(200))
    done = run(site, "good")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: not every run that has ended was judged: ")
    assert said(server)[-1] == ("raised", "load failed: exit code 3")


def test_run_json_goes_on_with_the_alerts_that_a_run_has_raised_or_ended(site, server):
    tell(site, server.url)
    assert stream(site)[-2:] == [("run.finished", "task_failed"), ("alert.raised", "pipeline_failed")]
    assert stream(site)[-1] == ("run.finished", "task_failed"), "it is open already"
    site.write("code", "0")
    assert stream(site)[-2:] == [("run.finished", "succeeded"), ("alert.resolved", "pipeline_failed")]


def stream(site):
    """(event, code of the reason) of each line of `run --json`, which are numbered one after the other."""
    rows = [json.loads(line) for line in site.run("run", "--pipeline", "load", "--json").stdout.splitlines()]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    return [(row["event"], (row["reason"] or {}).get("code")) for row in rows]


# Secrets

SECRET = "s3cr3t-'quoted'/slash+plus"


def test_canary_secrets_are_in_no_byte_that_is_written_or_sent(site, server):
    forms = [SECRET, base64.b64encode(SECRET.encode()).decode(), urllib.parse.quote(SECRET, safe="")]
    forms += [json.dumps(SECRET)[1:-1], SECRET.encode().hex(), SECRET.replace("'", "'\\''")]
    site.write("leak", "\n".join(forms))
    site.write("token", SECRET)
    site.configure(
        f"""
        secrets: {{TOKEN: {{file: '{site.root}/token'}}}}
        pipelines:
          load: {{shell: "cat leak; exit 3", env: {{TOKEN: "${{TOKEN}}"}}}}
        alerting:
          channels:
            hook: {{type: webhook, url: "{server.url}/ok"}}
            dead: {{type: webhook, url: "{server.url}/${{TOKEN}}"}}
        """
    )
    server.answers(Reply(404), Reply(404), Reply(200))
    done = run(site)
    assert done.returncode == 2
    assert server.requests
    written = b"".join(
        path.read_bytes() for path in site.root.rglob("*") if path.is_file() and path.name not in ("leak", "token")
    )
    sent = b"".join(each.body + repr(each.headers).encode() for each in server.requests)
    for form in forms:
        assert form not in done.stdout + done.stderr
        assert form.encode() not in written
        assert form.encode() not in sent
    assert b"***" in sent


def test_secrets_in_an_address_that_the_monitor_asks_are_in_no_byte_that_is_written_printed_or_sent(site, server):
    site.write("token", "canary-in-a-path")
    site.configure(
        f"""
        secrets: {{TOKEN: {{file: '{site.root}/token'}}}}
        pipelines: {{load: {{shell: "true"}}}}
        alerting: {{channels: {{hook: {{type: webhook, url: "{server.url}/ok"}}}}}}
        monitor: {{endpoints: ["http://127.0.0.1:{closed_port()}/${{TOKEN}}/health"]}}
        """
    )
    shown = "".join(site.run("monitor", *words).stdout for words in ((), ("--json",)))
    assert shown.count("/***/health") > 1
    written = b"".join(path.read_bytes() for path in site.root.rglob("*") if path.is_file() and path.name != "token")
    assert b"***/health does not answer" in server.requests[0].body
    for text in (shown.encode(), written, *(each.body for each in server.requests)):
        assert b"canary" not in text


# The page


def test_the_examples_of_the_page_can_be_used(site):
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", page, re.S)
    assert len(examples) == 2
    for example in examples:
        (site.root / "config" / "orchestration.yaml").write_text(example)
        done = site.run("validate", env={"PAGERDUTY_KEY": "0123456789abcdef"})
        assert (done.returncode, done.stderr) == (0, "")


def test_the_page_names_every_gauge_and_every_state():
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
    assert [name for name in (*GAUGES, "waits", "open", "acknowledged", "going") if f"`{name}`" not in page] == []


# While the store cannot be used


def test_that_the_store_cannot_be_used_is_told_once_and_is_over_when_it_can(site, server):
    tell(site, server.url, more="  resolve_after: 1s\n")
    config = site.root / "config" / "orchestration.yaml"
    config.write_text(config.read_text().replace("findings: {channels: []}", "findings: {channels: [hook]}"))
    assert run(site, "good").returncode == 0
    database = site.root / "state" / "tetra.db"
    database.rename(site.root / "aside")
    database.mkdir()
    for _ in range(2):
        assert site.run("monitor").returncode == 2
    told = [each for each in bodies(server) if each["alerts"][0]["code"] == "database_down"]
    assert [each["what"] for each in told] == ["raised"]
    database.rmdir()
    (site.root / "aside").rename(database)
    site.run("monitor")
    time.sleep(1.1)
    site.run("monitor")
    told = [each for each in bodies(server) if each["alerts"][0]["code"] == "database_down"]
    assert [each["what"] for each in told] == ["raised", "resolved"]


def test_where_nothing_can_be_kept_at_all_it_is_told_at_every_look(site, server):
    tell(site, server.url)
    config = site.root / "config" / "orchestration.yaml"
    config.write_text(config.read_text().replace("findings: {channels: []}", "findings: {channels: [hook]}"))
    for name in ("tetra.db", "watch.db"):
        (site.root / "state" / name).mkdir(parents=True)
    require_root()
    sealed = 'mount -t tmpfs -o ro tetra-test /dev/shm && exec "$0" -m tetra_orchestrator monitor'
    for _ in range(2):
        argv = (require("unshare"), "--mount", "--propagation", "private", "sh", "-c", sealed, sys.executable)
        assert subprocess.run(argv, cwd=site.root, env=site.env, capture_output=True).returncode == 2
    told = [each["what"] for each in bodies(server) if each["alerts"][0]["code"] == "database_down"]
    assert told == ["raised", "raised"]
