"""`recovery_procedures` of a tetra user, through the command line: the user's file, with pipelines that really fail.

The file is given natively, as `config convert` prints it, so that the minute between two attempts can be left out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.core.watching import Fallback, OnFailure

HERE = Path(__file__).parent / "tetra"
#: Each notes what it is given, hands on what it makes, and fails while there is a file that is called so.
PIPELINE = """
import json, os, pathlib, sys
name, number = os.environ["TETRA_PIPELINE"], os.environ["TETRA_ATTEMPT"]
given = json.loads(pathlib.Path(os.environ["TETRA_INPUT"]).read_text())
with open("calls.jsonl", "a") as calls:
    calls.write(json.dumps([name, int(number), given.get("upstream")]) + "\\n")
if pathlib.Path(f"{name}.fails").exists():
    sys.exit(f"{name} is broken")
with open(os.environ["TETRA_OUTPUT"], "a") as out:
    out.write(json.dumps({"made": pathlib.Path("made").read_text()}) + "\\n")
"""
#: Six of ten metrics, then an error.
METRICS = """
import json, os, sys
for count in range(1, 11):
    if count == 7:
        sys.exit("the seventh is broken")
    with open(os.environ["TETRA_OUTPUT"], "a") as out:
        out.write(json.dumps({"completed_items": [f"metric {n}" for n in range(1, count + 1)]}) + "\\n")
"""
#: Ten strategies, one after the other; dies after those for which there is a file.
STRATEGIES = """
import os, pathlib, signal
mark = pathlib.Path(os.environ["TETRA_CHECKPOINT"], "done")
done = int(mark.read_text()) if mark.exists() else 0
for number in range(done + 1, 11):
    with open("strategies", "a") as file:
        file.write(f"{number} ")
    mark.write_text(str(number))
    if pathlib.Path(f"dies after {number}").exists():
        os.kill(os.getpid(), signal.SIGKILL)
"""
CHAIN = ["data_pipeline", "scenarios_pipeline", "metrics_pipeline", "assessment_pipeline"]


class Checkout:
    """The user's folder, where nobody can be reached by the channels."""

    def __init__(self, root, native):
        self.root = root
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "SLACK_WEBHOOK_URL": "http://127.0.0.1:9/hook",
        }
        (root / "native.yaml").write_text(native)
        for name in CHAIN:
            self.write(name, PIPELINE)
        (root / "made").write_text("first")

    def write(self, name, script):
        (self.root / "src" / "pipelines" / name / "main.py").write_text(textwrap.dedent(script))

    def tetra(self, *args):
        command = [sys.executable, "-m", "tetra_orchestrator", *args]
        return subprocess.run(
            command, cwd=self.root, env=self.environ, capture_output=True, text=True, timeout=120, check=False
        )

    def run(self, *args):
        """Run the weekly chain, or what is asked for, and return the exit code."""
        return self.tetra("run", *(args or ("--mode", "weekly")), "--config", "native.yaml").returncode

    def break_(self, name):
        (self.root / f"{name}.fails").touch()

    def calls(self):
        """Every call since the start as `[pipeline, attempt, outputs of what it depends on]`."""
        return [json.loads(line) for line in (self.root / "calls.jsonl").read_text().splitlines()]

    def attempts(self, name):
        with_number = [number for pipeline, number, _ in self.calls() if pipeline == name]
        return len(with_number)

    def log(self):
        """The lines of the last run's log, without stamps."""
        return [line[22:] for line in (self.root / "logs" / "latest").read_text().splitlines()]

    def rows(self):
        """The tasks of the last run by id."""
        store = SqliteStore(str(self.root / "state" / "tetra.db"))
        try:
            return {row.task_id: row for row in store.task_runs(store.runs(limit=1)[0].run_id)}
        finally:
            store.close()

    def states(self):
        return {name: row.state for name, row in self.rows().items()}


def copied(root):
    """The user's files, with an interpreter where the file says."""
    shutil.copytree(HERE, root)
    (root / ".venv").symlink_to(sys.prefix)
    return root


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """The file as `config convert` prints it, with nobody to reach and nothing to wait for."""
    command = [sys.executable, "-m", "tetra_orchestrator", "config", "convert"]
    folder = copied(tmp_path_factory.mktemp("native") / "a checkout")
    text = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=True).stdout
    return text.replace("delay: 60s", "delay: 0").replace("smtp.gmail.com", "127.0.0.1:9")


@pytest.fixture
def checkout(tmp_path, native):
    return Checkout(copied(tmp_path / "a checkout"), native)


def test_T_154_the_actions_of_each_pipeline_as_values(checkout):
    project = load_project(
        str(checkout.root / "config" / "orchestration.yaml"), environ=checkout.environ, check_modules=False
    ).project
    cached, previous = Fallback("use_cached_data"), Fallback("use_previous_scenarios")
    assert {name: project.pipeline(name).on_failure for name in CHAIN} == {
        "data_pipeline": OnFailure(("email", "slack"), cached, "page_oncall"),
        "scenarios_pipeline": OnFailure(("email",), previous),
        "metrics_pipeline": OnFailure(("email", "slack"), partial=True),
        "assessment_pipeline": OnFailure(("email", "slack", "sms"), checkpoint=True),
    }


def test_T_155_an_unknown_action_is_an_error_that_names_it(checkout):
    file = checkout.root / "config" / "orchestration.yaml"
    file.write_text(file.read_text().replace("- retry_count: 3", "- foo: 1", 1))
    done = checkout.tetra("validate")
    assert done.returncode == 78
    assert "'foo'" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "attempts", "notify"),
    [
        ("data_pipeline", 4, "email, slack"),
        ("scenarios_pipeline", 3, "email"),
        ("metrics_pipeline", 4, "email, slack"),
        ("assessment_pipeline", 2, "email, slack, sms"),
    ],
)
def test_T_156_T_157_T_160_T_162_T_164_T_169_who_is_told_and_how_often_it_is_tried(checkout, name, attempts, notify):
    checkout.break_(name)
    assert checkout.run() == 2
    assert checkout.attempts(name) == attempts
    assert checkout.log().count(f"{name}: notify {notify}") == 1
    assert checkout.states()[name] == "failed"


def test_T_158_T_166_cached_data_stands_in_after_the_retries_and_the_run_is_marked_by_it(checkout):
    assert checkout.run() == 0
    checkout.break_("data_pipeline")
    (checkout.root / "made").write_text("second")
    assert checkout.run() == 1
    assert checkout.attempts("data_pipeline") == 1 + 4
    assert checkout.states() == {**dict.fromkeys(CHAIN, "succeeded"), "data_pipeline": "partial"}
    row = checkout.rows()["data_pipeline"]
    assert (row.reason.code, row.outputs) == ("fallback", {"made": "first"})
    assert ["scenarios_pipeline", 1, {"data_pipeline": {"made": "first"}}] in checkout.calls()[-3:]


def test_T_166_T_167_without_anything_cached_it_fails_and_the_log_says_why(checkout):
    for name, fallback in (("data_pipeline", "use_cached_data"), ("scenarios_pipeline", "use_previous_scenarios")):
        checkout.break_(name)
        assert checkout.run() == 2
        why = f"exited with code 1; its fallback {fallback} cannot stand in: it has never succeeded before"
        assert f"  {why}" in checkout.log()
        (checkout.root / f"{name}.fails").unlink()


def test_T_159_T_168_notify_retry_fallback_and_a_loud_escalation_in_this_order(checkout):
    checkout.break_("data_pipeline")
    assert checkout.run() == 2
    log = "\n".join(checkout.log())
    steps = [
        "data_pipeline: notify email, slack",
        "data_pipeline failed, retrying...",
        "its fallback use_cached_data cannot stand in",
        "ERROR: data_pipeline: escalation to page_oncall; but nobody is told, as no such channel is switched on",
    ]
    places = [log.index(step) for step in steps]
    assert places == sorted(places)


def test_T_159_nobody_is_paged_where_the_cache_has_rescued_the_run(checkout):
    assert checkout.run() == 0
    checkout.break_("data_pipeline")
    assert checkout.run() == 1
    assert "escalation" not in "\n".join(checkout.log())


def test_T_161_the_previous_scenarios_are_handed_to_the_metrics(checkout):
    assert checkout.run() == 0
    checkout.break_("scenarios_pipeline")
    (checkout.root / "made").write_text("second")
    assert checkout.run() == 1
    assert checkout.calls()[-2] == ["metrics_pipeline", 1, {"scenarios_pipeline": {"made": "first"}}]


def test_T_163_T_171_six_of_ten_metrics_count_and_the_chain_goes_on_with_them(checkout):
    checkout.write("metrics_pipeline", METRICS)
    assert checkout.run() == 1
    assert checkout.states() == {**dict.fromkeys(CHAIN, "succeeded"), "metrics_pipeline": "partial"}
    six = {"completed_items": [f"metric {n}" for n in range(1, 7)]}
    assert checkout.calls()[-1] == ["assessment_pipeline", 1, {"metrics_pipeline": six}]
    reason = "metrics_pipeline partial: exited with code 1; its 6 completed items count"
    assert reason in checkout.log()


def test_T_171_T_140_a_later_start_by_itself_is_refused_behind_it_unless_it_is_forced(checkout):
    checkout.write("metrics_pipeline", METRICS)
    assert checkout.run() == 1
    assert checkout.run("--pipeline", "assessment_pipeline") == 75
    assert checkout.run("--pipeline", "assessment_pipeline", "--force") == 0


def test_T_165_strategies_go_on_where_they_died_in_the_same_run_and_in_the_next(checkout):
    checkout.write("assessment_pipeline", STRATEGIES)
    for number in (5, 7):
        (checkout.root / f"dies after {number}").touch()
    done = checkout.root / "strategies"
    assert checkout.run() == 2
    assert done.read_text().split() == ["1", "2", "3", "4", "5", "6", "7"]
    failed = checkout.rows()["assessment_pipeline"].run_id
    assert checkout.run() == 0
    assert done.read_text().split() == [str(number) for number in range(1, 11)]
    assert f"assessment_pipeline: it goes on from the checkpoint of run {failed}" in checkout.log()
    done.unlink()
    for number in (5, 7):
        (checkout.root / f"dies after {number}").unlink()
    assert checkout.run() == 0
    assert done.read_text().split()[0] == "1", "after a success it begins anew"


def test_T_170_a_channel_that_is_not_there_is_a_warning_and_the_others_are_told(checkout):
    done = checkout.tetra("validate", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"]) == (0, True)
    assert any("'sms'" in warning["message"] for warning in found["warnings"])
