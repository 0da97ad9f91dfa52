"""Files of a stages user, unmodified, through our command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from cases.ledger import holds

HERE = Path(__file__).parent / "stages"
EXPECTED = yaml.safe_load((HERE / "expect.yaml").read_text())
FOUR = "character_dataset_pipeline.yaml"
PACKAGE = "scripts/scenarios/data_pipeline_automation"

# The user's classes, each of which also hands on the configuration it was given.
RECORDER = """\
from stub_executors import REGISTRY

def recording(kind):
    class Recording(kind):
        def execute(self, inputs):
            result = super().execute(inputs)
            result.outputs.update(config=self.config, inputs=inputs)
            return result
    return Recording

TASK_TYPES = {name: recording(kind) for name, kind in REGISTRY.items()}
"""
# Goes on when as many have started as may run at the same time, and leaves one more the time to start.
PROBE = """\
import sys, time

def note(step):
    with open("times", "a") as file:
        file.write(f"{time.time()} {step}\\n")

note("1")
for _ in range(300):
    if open("times").read().count(" 1") >= int(sys.argv[1]):
        break
    time.sleep(0.1)
time.sleep(0.3)
note("-1")
"""


class Checkout:
    """A copy of the user's folder, with the two modules that its executors import."""

    def __init__(self, root):
        self.root = root
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(root)}
        shutil.copytree(HERE, root)
        (root / ".venv").symlink_to(sys.prefix)
        for module in ("common", "stage_executors"):
            self.write(f"{PACKAGE}/{module}.py", "from tetra_orchestrator.stages import *\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def bind(self, text):
        self.write("bindings.yaml", text)

    def record(self):
        self.write("recorder.py", RECORDER)
        self.bind("plugins: [recorder]\n")

    def tetra(self, *args):
        return subprocess.run(
            [sys.executable, "-m", "tetra_orchestrator", *args],
            cwd=self.root,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def validated(self, name):
        done = self.tetra("validate", "--json", "--config", name)
        return done.returncode, json.loads(done.stdout)

    def last_run(self, name):
        """The tasks of the last run by name, after the run itself."""
        done = self.tetra("show", "--json", "--config", name)
        assert done.returncode == 0, done.stderr
        shown = json.loads(done.stdout)
        return shown["run"], {task["id"]: task for task in shown["tasks"]}


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path / "a checkout")


def digged(value, path):
    for key in path.split("."):
        value = value[key]
    return value


@holds("stages", "simple_pipeline.yaml.groups", f"{FOUR}.groups", "diamond.yaml.groups")
@pytest.mark.parametrize("name", ["simple_pipeline.yaml", FOUR, "diamond.yaml"])
def test_A_078_A_079_validate_gives_the_groups_and_a_summary(checkout, name):
    stages = yaml.safe_load((HERE / name).read_text())["stages"]
    code, report = checkout.validated(name)
    assert (code, report["ok"], report["dialect"]) == (0, True, "stages")
    assert report["groups"] == EXPECTED[name]["groups"]
    edges = sum(len(stage["depends_on"]) for stage in stages)
    assert report["summary"] == {"pipelines": len(stages), "tasks": len(stages), "edges": edges}


@holds("stages", "simple_pipeline.yaml.resolved", f"{FOUR}.resolved", f"{FOUR}.final_state", "diamond.yaml.resolved")
@pytest.mark.parametrize("name", ["simple_pipeline.yaml", FOUR, "diamond.yaml"])
def test_A_025_A_026_A_027_A_098_the_documented_run_fills_in_references_and_completes(checkout, name):
    checkout.record()
    done = checkout.tetra("run", "--config", name, "--max-parallel", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    run, tasks = checkout.last_run(name)
    assert (run["state"], {task["state"] for task in tasks.values()}) == ("succeeded", {"succeeded"})
    for path, value in EXPECTED[name]["resolved"].items():
        task, _, key = path.partition(".")
        assert digged(tasks[task]["outputs"], key) == value


def test_A_047_a_stage_is_given_what_the_stages_before_it_left(checkout):
    checkout.record()
    assert checkout.tetra("run", "--config", "diamond.yaml").returncode == 0
    _, tasks = checkout.last_run("diamond.yaml")
    inputs = tasks["d"]["outputs"]["inputs"]
    assert {name: outputs["output_dir"] for name, outputs in inputs.items()} == {"b": "ob", "c": "oc"}


@holds("stages", "custom_stage.yaml.without_registration")
def test_A_018_without_registration_validate_warns_and_run_refuses_before_anything_has_started(checkout):
    code, report = checkout.validated("custom_stage.yaml")
    message = "No executor registered for stage type 'my_custom_type'"
    hint = (
        "install the package that provides it, or name its class in bindings.yaml: "
        '`types: {my_custom_type: "module:Class"}`'
    )
    assert (code, [(w["message"], w["hint"], w["line"]) for w in report["warnings"]]) == (0, [(message, hint, 6)])
    done = checkout.tetra("run", "--config", "custom_stage.yaml")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"error: {checkout.root}/custom_stage.yaml: {message}\n  hint: {hint}\n"
    assert not (checkout.root / "logs" / "runs").exists()


@holds("stages", "custom_stage.yaml.with_registration")
@pytest.mark.parametrize(
    "bindings",
    ['types: {my_custom_type: "my_custom_executor:MyCustomExecutor"}\n', "plugins: [stub_executors]\n"],
)
def test_A_017_A_048_with_registration_the_guide_s_executor_runs_and_leaves_its_metrics(checkout, bindings):
    checkout.bind(bindings)
    assert checkout.validated("custom_stage.yaml")[1]["warnings"] == []
    done = checkout.tetra("run", "--config", "custom_stage.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    run, tasks = checkout.last_run("custom_stage.yaml")
    assert run["state"] == "succeeded"
    metrics = EXPECTED["custom_stage.yaml"]["with_registration"]["metrics"]
    assert tasks["custom_stage"]["outputs"] == {"output_dir": "/path/to/output", "metrics": metrics}


@pytest.mark.skipif(not os.path.exists("/usr/bin/python3"), reason="needs python3 in /usr/bin")
def test_an_interpreter_in_which_we_are_not_installed_runs_the_stages(checkout):
    (checkout.root / ".venv").unlink()
    checkout.environ["PATH"] = "/usr/bin:/bin"
    checkout.bind("plugins: [stub_executors]\n")
    done = checkout.tetra("run", "--config", FOUR)
    assert done.returncode == 0, done.stdout + done.stderr


@holds("stages", "bad_cycle.yaml", "bad_dependency.yaml")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_cycle.yaml", "Circular dependency detected: a -> c -> b -> a"),
        ("bad_dependency.yaml", "the stage 'a' depends on 'ghost', and there is no such stage"),
    ],
)
def test_A_080_validate_refuses_what_cannot_be_ordered(checkout, name, message):
    code, report = checkout.validated(name)
    assert (code, report["ok"], [error["message"] for error in report["errors"]]) == (78, False, [message])
    assert EXPECTED[name]["validate"]["error"] in message
    assert checkout.tetra("run", "--config", name).returncode == 78


@holds("stages", "bad_type.yaml")
def test_A_156_run_refuses_a_type_that_is_none_and_tells_those_that_are_registered(checkout):
    checkout.bind("plugins: [stub_executors]\n")
    done = checkout.tetra("run", "--config", "bad_type.yaml")
    assert done.returncode == 78
    assert done.stderr == (
        f"error: {checkout.root}/bad_type.yaml: No executor registered for stage type 'nope'\n"
        "  hint: install the package that provides it, or name its class in bindings.yaml: "
        '`types: {nope: "module:Class"}`; registered: '
        "clustering, frame_extraction, my_custom_type, segmentation, training_data_prep\n"
    )


def test_A_044_A_107_a_stage_that_fails_ends_the_pipeline_with_its_reason(checkout):
    checkout.bind("plugins: [stub_executors]\n")
    text = (HERE / "diamond.yaml").read_text().replace("output_dir: ob}", "output_dir: ob, fail: true}")
    checkout.write("failing.yaml", text)
    assert checkout.tetra("run", "--config", "failing.yaml").returncode == 2
    run, tasks = checkout.last_run("failing.yaml")
    assert (run["state"], {name: task["state"] for name, task in tasks.items()}) == (
        "failed",
        {"a": "succeeded", "b": "failed", "c": "succeeded", "d": "upstream_failed"},
    )
    assert Path(tasks["b"]["attempts"][0]["log"]).read_text() == "asked to fail\n"


def test_A_046_a_configuration_that_the_executor_refuses_is_told_by_validate(checkout):
    checkout.bind("plugins: [stub_executors]\n")
    text = (HERE / "custom_stage.yaml").read_text().replace("      input_dir: /path/to/input\n", "")
    checkout.write("short.yaml", text)
    code, report = checkout.validated("short.yaml")
    message = "the type 'my_custom_type' does not accept this configuration: the configuration has no 'input_dir'"
    assert (code, [error["message"] for error in report["errors"]]) == (78, [f"'custom_stage': {message}"])


def test_A_030_a_reference_to_an_output_that_was_not_left_fails_the_stage_naming_it(checkout):
    checkout.bind("plugins: [stub_executors]\n")
    checkout.write("missing.yaml", (HERE / "simple_pipeline.yaml").read_text().replace("output_dir}", "nope}"))
    done = checkout.tetra("run", "--config", "missing.yaml")
    assert done.returncode == 2
    assert "{stage_1.nope} has no value: stage_1 left no output 'nope' (outputs: output_dir, metrics)" in done.stdout
    _, tasks = checkout.last_run("missing.yaml")
    assert tasks["stage_2"]["state"] == "failed"


@holds("stages", "defaults.max_parallel")
@pytest.mark.parametrize(("options", "most"), [((), 4), (("--max-parallel", "2"), 2), (("--max-parallel", "1"), 1)])
def test_A_024_A_042_A_052_four_stages_run_at_the_same_time_or_as_many_as_asked_for(checkout, options, most):
    checkout.write("probe.py", PROBE)
    command = ["python", "probe.py", str(most)]
    stages = [{"id": f"s{n}", "type": "custom", "config": {"command": command}} for n in range(6)]
    checkout.write("wide.yaml", yaml.safe_dump({"name": "wide", "version": "1.0.0", "stages": stages}))
    done = checkout.tetra("run", "--config", "wide.yaml", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [line.split() for line in (checkout.root / "times").read_text().splitlines()]
    running = [sum(int(step) for _, step in sorted(steps)[: n + 1]) for n in range(len(steps))]
    assert max(running) == most


@holds("stages", "defaults.checkpoint_dir", f"{FOUR}.resume_from_checkpoint_sample.json")
def test_A_033_A_059_A_060_the_documented_checkpoint_is_resumed_from_the_documented_folder(checkout):
    checkout.record()
    folder = checkout.root / EXPECTED["defaults"]["checkpoint_dir"]
    folder.mkdir()
    shutil.copy(checkout.root / "checkpoint_sample.json", folder)
    done = checkout.tetra("run", "--config", FOUR, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    _, tasks = checkout.last_run(FOUR)
    expected = EXPECTED[FOUR]["resume_from_checkpoint_sample.json"]
    by_state = {state: [name for name in tasks if tasks[name]["state"] == state] for state in ("succeeded", "skipped")}
    assert by_state == {"succeeded": expected["executed"], "skipped": expected["skipped"]}
    assert tasks["cluster"]["outputs"]["config"]["input_dir"] == "/data/segmented/characters"
    newest = max(folder.glob("2*.json"))
    assert json.loads(newest.read_text())["completed_stages"] == [*expected["skipped"], *expected["executed"]]


@holds("stages", "empty_checkpoint_dir_resume")
def test_A_065_an_empty_folder_of_checkpoints_is_told(checkout):
    expected = EXPECTED["empty_checkpoint_dir_resume"]
    checkout.bind("plugins: [stub_executors]\n")
    (checkout.root / "checkpoints").mkdir()
    done = checkout.tetra("run", "--config", FOUR, "--resume")
    assert expected["exit"] == "nonzero"
    assert done.returncode == 64
    assert done.stderr == (
        f"error: {expected['error']}: there is none of 'character_dataset_pipeline' in {checkout.root}/checkpoints\n"
        "  hint: name another folder with --checkpoint-dir, or start anew without --resume\n"
    )


def test_A_073_A_102_the_first_run_is_expected_to_take_what_its_executor_estimates(checkout):
    checkout.bind('types: {my_custom_type: "patient:Patient"}\n')
    checkout.write(
        "patient.py",
        "import os, time\nfrom my_custom_executor import MyCustomExecutor\n\n"
        "class Patient(MyCustomExecutor):\n"
        "    def execute(self, inputs):\n"
        "        open('begun', 'w').close()\n"
        "        while not os.path.exists('go'):\n"
        "            time.sleep(0.02)\n"
        "        return super().execute(inputs)\n",
    )
    command = [sys.executable, "-m", "tetra_orchestrator", "run", "--config", "custom_stage.yaml"]
    run = subprocess.Popen(command, cwd=checkout.root, env=checkout.environ, stdout=subprocess.PIPE, text=True)
    limit = time.monotonic() + 60
    while not (checkout.root / "begun").exists():
        assert time.monotonic() < limit, "it did not begin in time"
        time.sleep(0.02)
    shown = json.loads(checkout.tetra("show", "--json", "--config", "custom_stage.yaml").stdout)
    words = ("status", "--pipeline-id", shown["run"]["run_id"], "--config", "custom_stage.yaml", "--json")
    told = json.loads(checkout.tetra(*words).stdout)
    (checkout.root / "go").touch()
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 0, out
    assert told["state"] == "RUNNING"
    assert 240.0 <= told["eta_s"] <= 300.0
    assert told["elapsed_s"] + told["eta_s"] == pytest.approx(300.0, abs=30.0)


def test_A_083_no_stage_at_all_is_a_usage_error(checkout):
    done = checkout.tetra("run", "--config", "diamond.yaml", "--max-parallel", "0")
    assert done.returncode == 64


# Ten more files, written from the guide alone.

OWN = {
    "one stage": ("stages: [{id: only, type: frame_extraction}]", [["only"]]),
    "independent": ("stages: [{id: a, type: x}, {id: b, type: y, depends_on: []}]", [["a", "b"]]),
    "chain in any order": (
        "stages: [{id: c, type: x, depends_on: [b]}, {id: b, type: x, depends_on: [a]}, {id: a, type: x}]",
        [["a"], ["b"], ["c"]],
    ),
    "fan out and in": (
        "stages: [{id: a, type: x}, {id: b, type: x, depends_on: [a]}, {id: c, type: x, depends_on: [a]},"
        " {id: d, type: x, depends_on: [b, c]}]",
        [["a"], ["b", "c"], ["d"]],
    ),
    "two chains": (
        "stages: [{id: a, type: x}, {id: b, type: x, depends_on: [a]}, {id: k, type: x},"
        " {id: l, type: x, depends_on: [k]}]",
        [["a", "k"], ["b", "l"]],
    ),
    "a long edge": (
        "stages: [{id: a, type: x}, {id: b, type: x, depends_on: [a]}, {id: c, type: x, depends_on: [a, b]}]",
        [["a"], ["b"], ["c"]],
    ),
    "block style and nested configuration": (
        "stages:\n- id: a\n  type: clustering\n  config:\n    grid:\n      k: [2, 3]\n      deep: {x: null}\n"
        '- id: b\n  type: x\n  depends_on:\n  - a\n  config:\n    pick: {best: "{a.k}", all: ["{a.k}", lit]}\n',
        [["a"], ["b"]],
    ),
    "braces that are data": (
        "stages: [{id: a, type: x, config: {json: '{\"a\": {\"b\": 1}}', pattern: '\\d{3}', file: 'f_{:03d}.png'}}]",
        [["a"]],
    ),
    "another version and a name in words": (
        "stages: [{id: stage-1, type: x}, {id: Stage_2, type: x, depends_on: [stage-1]}]",
        [["stage-1"], ["Stage_2"]],
    ),
    "a reference over two steps": (
        "stages: [{id: a, type: x}, {id: b, type: x, depends_on: [a]},"
        " {id: c, type: x, depends_on: [b], config: {from: '{a.dir}/{b.name}.txt'}}]",
        [["a"], ["b"], ["c"]],
    ),
}


@pytest.mark.parametrize("title", OWN)
def test_files_written_from_the_guide_are_valid(checkout, title):
    text, groups = OWN[title]
    checkout.write("own.yaml", f"name: Some of my faces\nversion: 2.10\n{text}\n")
    code, report = checkout.validated("own.yaml")
    assert (code, report["errors"], report["groups"]) == (0, [], groups)
