"""The service of a dativo user, `start orchestrated`, and a oneshot beside it: real processes in the user's folder."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager

import psutil
import pytest

from cases.test_dativo import ENHANCED, HUBSPOT, MAINTENANCE, RUNNER, STRIPE, Span, Told, ingest, told
from support.waiting import is_gone, until

__all__ = ["ingest"]

#: The bindings as the container has them: those that `start` finds by itself are in the folder above `configs`.
BOUND = "connectors: {stripe: {call: 'shop:read'}, hubspot: {call: 'shop:read'}, iceberg: {builtin: null_writer}}\n"
GATE = """\
import pathlib, time

def read(job):
    pathlib.Path("begun").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
    yield [{"id": 1}]
"""


class Service:
    """The command, with what it has told so far."""

    def __init__(self, process, out, err):
        self.process, self._out, self._err = process, out, err

    def lines(self):
        """Every whole line; `json.loads` refuses what is no JSON."""
        return Told(json.loads(line) for line in self._out.read_text().splitlines(keepends=True) if line.endswith("\n"))

    def messages(self):
        return [line["message"] for line in self.lines()]

    def await_message(self, text):
        until(lambda: any(text in message for message in self.messages()))

    def ended(self, number=signal.SIGTERM):
        """The exit code after that signal; nothing of it is left, and it has said nothing but its lines."""
        family = [self.process.pid, *(child.pid for child in psutil.Process(self.process.pid).children(recursive=True))]
        self.process.send_signal(number)
        code = self.process.wait(60)
        until(lambda: all(is_gone(pid) for pid in family))
        assert self._err.read_text() == ""
        return code


@contextmanager
def serving(ingest, *words, cwd="."):
    out, err = ingest.folder / "service.out", ingest.folder / "service.err"
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tetra_orchestrator", "start", *words],
            cwd=ingest.folder / cwd,
            env=ingest.environ,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,  # as in a container, no terminal is its own
        )
    try:
        yield Service(process, out, err)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def runner(ingest, *schedules, **keys):
    """Have the runner file be one with these schedules."""
    entries = ", ".join(f"{{{schedule}}}" for schedule in schedules)
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    (ingest.folder / RUNNER).write_text(f"runner: {{orchestrator: {{schedules: [{entries}]{more}}}}}\n")


def bind(ingest, source):
    """Connectors of the user's own, where the service finds them."""
    (ingest.folder / "app" / "bindings.yaml").write_text(BOUND)
    (ingest.folder / "app" / "connectors" / "shop.py").write_text(source)


def every_second(name, job, more=""):
    return f"name: {name}, config: /{job}, interval_seconds: 1{more}"


# -- how it is started ----------------------------------------------------------------------------------------------


def test_D_003_D_030_D_053_D_063_with_a_runner_file_start_is_the_service_and_reads_it_again_on_HUP(ingest):
    ingest.change(ENHANCED, "  orchestrator:\n", "  orchestrator:\n    type: dagster\n")
    bind(ingest, GATE)
    with serving(ingest, "--runner-config", ENHANCED) as service:
        service.await_message("the next slot is ")
        assert [line["message"].replace(f"{ingest.folder}/", "") for line in service.lines()[:5]] == [
            "nothing is served on a port: `tetra status` and `tetra show` tell how it is, and `dagster dev` shows a "
            "page of this file's jobs, see `tetra_orchestrator.dagster`",
            "schedule stripe_customers_hourly: 0 * * * * UTC, enabled",
            "schedule hubspot_contacts_daily: every 6 h 00 min America/New_York, enabled",
            "schedule maintenance_job: 0 2 * * * UTC, switched off",
            "warning: app/configs/runner_enhanced.yaml:4: 'type: dagster' means our own engine, too: "
            "Dagster is neither needed nor started",
        ]
        ingest.change(ENHANCED, "enabled: false", "enabled: true")
        service.process.send_signal(signal.SIGHUP)
        service.await_message("schedule maintenance_job: 0 2 * * * UTC, enabled")
        ingest.change(ENHANCED, "tags:", "tag:")
        service.process.send_signal(signal.SIGHUP)
        service.await_message("unknown key 'tag'; going by how the file was before")
        assert service.ended() == 0


def test_D_007_D_009_D_022_the_runner_file_of_the_folder_is_found_and_nobody_listens_on_a_port(ingest):
    runner(ingest, every_second("gated", MAINTENANCE))
    bind(ingest, GATE)
    begun = ingest.folder / "app" / "begun"
    with serving(ingest, "orchestrated", cwd="app") as service:
        until(begun.exists)
        family = [psutil.Process(service.process.pid)]
        family += family[0].children(recursive=True)
        assert len(family) >= 3  # the service, the guard, the job
        assert [one for process in family for one in process.net_connections() if one.status == "LISTEN"] == []
        assert service.ended() == 0


def test_D_008_with_mode_oneshot_every_enabled_job_is_run_once_and_the_worst_code_is_the_services(ingest):
    ingest.change(ENHANCED, "runner:\n", "runner:\n  mode: oneshot\n")
    (ingest.folder / "app" / "bindings.yaml").write_text((ingest.folder / "bindings.yaml").read_text())
    ingest.change("app/bindings.yaml", "./app", ".")
    with serving(ingest, "orchestrated", "--runner-config", ENHANCED) as service:
        assert service.process.wait(60) == 1  # one job is partial
        lines = service.lines()
    assert lines[0]["message"] == "with `mode: oneshot` every enabled job is run once, and nothing waits for a schedule"
    assert sorted(line["job_name"] for line in lines.of("metrics_complete")) == [
        "hubspot_contacts_daily",
        "stripe_customers_hourly",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("--runner-config", RUNNER, "--config", RUNNER),
            "error: --runner-config and --config name the same file\n  hint: leave out one of the two\n",
        ),
        (
            ("orchestrated", "--by", "systemd"),
            "error: --by and --system are for timers\n  hint: who waits for the times here installs none\n",
        ),
    ],
)
def test_words_that_do_not_go_together_are_refused(ingest, words, told):
    with serving(ingest, *words) as service:
        assert service.process.wait(60) == 64
    assert (ingest.folder / "service.err").read_text() == told


# -- what it tells --------------------------------------------------------------------------------------------------


def test_D_017_D_059_D_109_jobs_beside_each_other_tell_what_becomes_of_them_until_TERM_ends_them(ingest):
    runner(ingest, every_second("beside", MAINTENANCE, ", max_concurrent_runs: 2"), concurrency_per_tenant=2)
    bind(ingest, GATE)
    with serving(ingest, "orchestrated", "--runner-config", RUNNER) as service:
        until(lambda: len(service.lines().of("job_started")) == 2)
        assert service.ended() == 0
        errors = service.lines().of("job_error")
    assert [line["message"] for line in errors] == ["cancelled"] * 2
    assert {line["tags"]["job_name"] for line in errors} == {"beside"}
    states = [run["state"] for run in history(ingest)]
    assert states == ["cancelled"] * 2


def test_D_109_a_job_that_nothing_is_bound_to_is_told_of_in_json_before_and_when_it_is_due(ingest):
    runner(ingest, every_second("unbound", MAINTENANCE))
    (ingest.folder / "bindings.yaml").unlink()
    with serving(ingest, "orchestrated", "--runner-config", RUNNER) as service:
        service.await_message("error: ")
        lines = service.lines()
        assert service.ended() == 0
    why = "nothing says what runs for 'unbound': no connector 'stripe' and no connector 'iceberg' is bound"
    warning, error = (line for line in lines if why in line["message"])
    assert (warning["level"], warning["event_type"]) == ("WARNING", "service")
    assert (error["level"], error["event_type"]) == ("ERROR", "service")
    assert error["message"].startswith(f"error: {ingest.folder}/{RUNNER}: {why}\n  hint: bind it in bindings.yaml: ")


# -- a oneshot beside it --------------------------------------------------------------------------------------------


def test_D_154_a_oneshot_of_a_tenant_waits_while_the_service_runs_a_job_of_the_same(ingest):
    runner(ingest, every_second("gated", MAINTENANCE))
    bind(ingest, GATE)
    with serving(ingest, "orchestrated", "--runner-config", RUNNER) as service:
        until((ingest.folder / "app" / "begun").exists)
        oneshot = ingest.begin("run", "--config", STRIPE, "--mode", "self_hosted")
        until(lambda: len(list((ingest.folder / "app" / "logs").glob("orchestrator_*.log"))) == 2)
        (ingest.folder / "app" / "go").touch()
        oneshot.communicate(timeout=60)
        assert oneshot.returncode == 0
        assert service.ended() == 0
    shown = [known(ingest, "show", run["run_id"]) for run in history(ingest)]
    spans = [Span(a) for each in shown for task in each["tasks"] for a in task["attempts"] if a["finished_at"]]
    assert len(spans) >= 2
    assert not any(one.overlaps(other) for one in spans for other in spans if one is not other)


def test_D_016_a_job_does_and_tells_the_same_by_its_schedule_and_alone(ingest):
    def result(file, *words):
        lines = told(ingest, file, *words)
        outputs = ingest.task(file)["outputs"]
        timed = ("execution_time_seconds", "records_per_second")
        outputs["metrics"] = {key: value for key, value in outputs["metrics"].items() if key not in timed}
        return lines.types(), [line.keys() for line in lines], outputs

    assert result(HUBSPOT, "--mode", "self_hosted") == result(RUNNER, "--mode", "hubspot_contacts_daily")


def test_D_018_to_D_021_only_state_and_logs_are_written_and_without_the_logs_all_is_still_known(ingest):
    bind(ingest, GATE)
    (ingest.folder / "app" / "go").touch()
    before = listed(ingest)
    assert ingest.run(HUBSPOT, bindings="app/bindings.yaml").returncode == 0
    assert ingest.run(RUNNER, "--mode", "hubspot_contacts_daily", bindings="app/bindings.yaml").returncode == 0
    written = {path.split("/")[0] for path in listed(ingest) - before - {"begun"}}
    assert written == {"logs", "state"}
    runs = history(ingest)
    assert len(runs) == 2  # of both, for they have one store
    subprocess.run(["rm", "-r", str(ingest.folder / "app" / "logs")], check=True)
    assert history(ingest) == runs


def listed(ingest):
    """Every file and folder below the user's /app."""
    app = ingest.folder / "app"
    return {str(path.relative_to(app)) for path in app.rglob("*")}


def known(ingest, *words):
    """What a command that only looks says of the runner file's project."""
    command = [sys.executable, "-m", "tetra_orchestrator", *words, "--config", RUNNER, "--json"]
    done = subprocess.run(command, cwd=ingest.folder, env=ingest.environ, capture_output=True, timeout=60, check=True)
    return json.loads(done.stdout)


def history(ingest):
    return known(ingest, "history")["runs"]
