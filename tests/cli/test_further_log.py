"""`logs.file`, `logs.format` and `logs.level`, as runs of a user leave them; and what becomes of a run without them."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

import pytest

CANARY = 'c4nary "quoted"/secret+värde'
CHAIN = """
pipelines:
  extract: {shell: "echo working; exit 0"}
  load: {shell: "echo 'KeyError: id' >&2; exit 3", depends_on: [extract]}
modes: {daily: [extract, load]}
"""


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_R_048_a_further_log_is_made_with_its_folder_and_has_every_run(site):
    site.configure("logs: {file: deep/down/pipeline.log}" + CHAIN)
    runs = [site.run("run", "--mode", "daily") for _ in range(2)]
    assert [(run.returncode, run.stderr) for run in runs] == [(2, ""), (2, "")]
    log = (site.root / "deep" / "down" / "pipeline.log").read_text()
    assert log.count("the run in daily mode has started") == 2
    assert log.count("ERROR    ") == 6  # of each run the attempt, the task and the run


def test_R_047_a_level_filters_the_further_log(site):
    site.configure("logs: {file: pipeline.log, level: warning}" + CHAIN)
    site.run("run", "--mode", "daily")
    lines = (site.root / "pipeline.log").read_text().splitlines()
    assert lines
    assert not any(" INFO " in line for line in lines)


def test_the_further_log_is_json_and_so_are_the_output_and_the_runs_own_log(site):
    site.configure("logs: {file: pipeline.log, format: json, level: warning}" + CHAIN)
    done = site.run("run", "--mode", "daily")
    further = rows(site.root / "pipeline.log")
    assert [json.loads(line) for line in done.stdout.splitlines()] == further
    assert [row["event_type"] for row in further] == ["attempt_finished", "task_finished", "run_finished"]
    own = rows(site.root / "logs" / "latest")
    assert [row for row in own if row["level"] != "INFO"] == further
    assert own[0]["event_type"] == "run_started"


def test_the_trace_of_a_line_is_the_one_that_the_task_was_given(site):
    site.configure('logs: {file: pipeline.log, format: json}\npipelines: {a: {shell: "echo $TRACEPARENT"}}')
    site.run("run")
    [log] = (site.root / "logs" / "runs").glob("*/a.1.log")
    assert {row["trace_id"] for row in rows(site.root / "pipeline.log")} == {log.read_text().split("-")[1]}


def test_json_events_and_steps_stay_what_they_are_whatever_the_format_of_logs(site):
    site.configure("logs: {format: json}" + CHAIN)
    first = json.loads(site.run("run", "--mode", "daily", "--json").stdout.splitlines()[0])
    assert (first["schema"], first["event"]) == ("tetra.run/1", "run.started")
    assert site.run("run", "--mode", "daily", "--progress", "steps").stdout.startswith("Starting full pipeline")


# -- what goes wrong with a log changes nothing -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("taken/pipeline.log", "nothing is written to the log {root}/taken/pipeline.log: Not a directory"),
        ("folder", "nothing is written to the log {root}/folder: Is a directory"),
        ("/dev/full", "the log /dev/full is incomplete: [Errno 28] No space left on device"),
        ("/proc/pipeline.log", "nothing is written to the log /proc/pipeline.log: No such file or directory"),
    ],
)
def test_a_log_that_cannot_be_written_is_one_warning_and_changes_no_exit_code(site, file, why):
    (site.root / "taken").write_text("a file")
    (site.root / "folder").mkdir()
    text = 'logs: {{file: "{}"}}\npipelines: {{a: {{shell: "exit {}"}}}}'
    for code, exit_code in ((0, 0), (3, 2)):
        site.configure(text.format(file, code))
        done = site.run("run")
        assert done.returncode == exit_code
        assert done.stderr == f"warning: {why.format(root=site.root)}\n"


def test_what_looks_filled_in_and_is_not_is_a_warning(site):
    site.configure('logs: {file: "logs/{date}.log"}\npipelines: {a: {shell: "true"}}')
    [warning] = site.json("validate")["warnings"]
    assert warning["message"] == "nothing is filled in for {date}: it stands so in the file's name"
    assert warning["hint"] == "what there is: {tenant}"


# -- slow tasks -------------------------------------------------------------------------------------------------------


def test_R_080_a_task_that_takes_longer_than_the_threshold_is_one_warning_in_both_logs(site):
    site.configure(
        """
        logs: {file: pipeline.log}
        monitor: {slow_task: 1.2s}
        pipelines: {slow: {shell: sleep 1.5}, quick: {shell: sleep 0.1}}
        """
    )
    assert site.run("run").returncode == 0
    [own] = [line for line in site.lines_of_log() if "WARNING" in line]
    [further] = [line for line in (site.root / "pipeline.log").read_text().splitlines() if "WARNING" in line]
    for line in (own, further):
        assert "slow" in line
        assert re.search(r"took \d\.\d s, more than the 1\.2 s of `monitor: slow_task`", line)


# -- secrets ----------------------------------------------------------------------------------------------------------


def encoded(secret):
    """The secret as programs print it, in six ways."""
    data = secret.encode()
    quoted = json.dumps(secret)[1:-1]
    shell = secret.replace("'", "'\\''")
    return [secret, base64.b64encode(data).decode(), quote(secret, safe=""), quoted, data.hex(), shell]


def test_a_secret_is_in_no_byte_that_a_run_with_every_log_writes_in_none_of_six_encodings(site):
    forms = encoded(CANARY)
    site.write("canary", f"{CANARY}\n")
    site.write("forms.txt", "\n".join(forms))
    site.configure(
        """
        logs: {file: "tell/{tenant}.log", format: json}
        secrets: {PASSWORD: {file: canary}}
        tenants: {acme: {}}
        pipelines:
          shout:
            tenant: acme
            shell: 'cat forms.txt; cat forms.txt >&2; echo "{\\"x\\": 1}" >>"$TETRA_OUTPUT"; exit 3'
            env: {PASSWORD: "${PASSWORD}"}
            retry: {max_attempts: 2}
        """
    )
    done = site.run("run")
    assert done.returncode == 2, done.stderr
    written = [path for folder in ("tell", "logs", "state") for path in (site.root / folder).rglob("*")]
    found = [path for path in written if path.is_file()]
    assert len(found) >= 5
    texts = [done.stdout.encode(), done.stderr.encode(), *(path.read_bytes() for path in found)]
    for form in (*forms, json.dumps(CANARY, ensure_ascii=False)[1:-1]):
        assert not any(form.encode() in text for text in texts), form


# -- under systemd ----------------------------------------------------------------------------------------------------


def test_without_systemd_a_run_knows_nothing_of_a_journal(site):
    site.configure(CHAIN)
    done = site.run("run", "--mode", "daily", env={"JOURNAL_STREAM": "8:1", "SYSTEMD_EXEC_PID": "1"})
    plain = site.run("run", "--mode", "daily")
    assert len(done.stdout.splitlines()) == len(plain.stdout.splitlines())
    assert (done.returncode, done.stderr) == (plain.returncode, plain.stderr) == (2, "")


def test_a_run_without_further_logs_imports_nothing_of_them(site):
    site.configure(CHAIN)
    imported = site.run("run", "--mode", "daily", env={"PYTHONPROFILEIMPORTTIME": "1"}).stderr
    assert "tetra_orchestrator.adapters.report.plain" in imported
    assert "wire_reports" not in imported
    for name in ("entries", "forms", "records", "appended", "journal", "dativo"):
        assert f"tetra_orchestrator.adapters.report.{name}" not in imported
