"""Files of a tauro user, unmodified, through our command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cases.ledger import holds
from tetra_orchestrator.config.dialects.tauro_dependencies import normalise
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.errors import ConfigError

HERE = Path(__file__).parent / "tauro"
EXPECTED = yaml.safe_load((HERE / "expect.yaml").read_text())
DATES = ("--start-date", "2025-01-01", "--end-date", "2025-01-31")

#: A function in the user's place, which writes down what it was called with.
NOTING = """
import json, os

def note(*dfs, **keywords):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(json.dumps({"task": os.environ.get("TETRA_TASK"), "inputs": list(dfs), **keywords}) + "\\n")
    return "made"
"""

#: `slow` waits until the third call has begun: it ends only if that does not wait for it.
WAITS = """
import threading

begun = threading.Semaphore(0)

def quick(*dfs, start_date, end_date):
    begun.release()

def slow(*dfs, start_date, end_date):
    for _ in range(2):
        assert begun.acquire(timeout=30)
"""

ENDLESS = """
import time

def stream_kafka(*dfs, start_date, end_date):
    print('{"ready": true}', flush=True)
    while True:
        time.sleep(0.05)
"""

LATER = {"tauro": {}}


class Folder:
    """A copy of the user's folder."""

    def __init__(self, root):
        self.root = root
        self.notes = root / "notes.jsonl"
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "LC_ALL": "C",
            "VIRTUAL_ENV": sys.prefix,
            "PYTHONPATH": str(root),
            "NOTES": str(self.notes),
        }

    def tetra(self, *args):
        return subprocess.run(
            [sys.executable, "-m", "tetra_orchestrator", *args],
            cwd=self.root, env=self.environ, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
        )  # fmt: skip

    def plan(self, config):
        """What `validate --json` says of a valid file."""
        done = self.tetra("validate", "--json", "--config", config)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def native(self, config):
        """What `config convert` makes of it."""
        done = self.tetra("config", "convert", config)
        assert done.returncode == 0, done.stdout + done.stderr
        return yaml.safe_load(done.stdout)

    def run(self, config, *args):
        """The tasks of a run that succeeded, in the order in which they ran."""
        done = self.tetra("run", "--json", "--config", config, *args)
        assert done.returncode == 0, done.stdout + done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return [each["task"] for each in events if each.get("event") == "attempt.finished"]

    def note(self, *functions):
        """Have these functions of `my_pkg.ml` write down what they are called with."""
        module = self.root / "my_pkg" / "ml.py"
        module.write_text(NOTING + "\n".join(f"{name} = note" for name in functions))

    def noted(self):
        return [json.loads(line) for line in self.notes.read_text().splitlines()]


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "a folder"
    shutil.copytree(HERE, root)
    return Folder(root)


def order(plan, mode):
    return [name for group in plan["modes"][mode]["groups"] for name in group]


def contexts(native):
    """The `ml_context` of every node that is given one."""
    configs = {name: each["config"] for name, each in native["pipelines"].items()}
    return {name: config["ml_context"] for name, config in configs.items() if "ml_context" in config}


def within(part, whole):
    """Whether every key of `part` has the same value in `whole`."""
    return all(within(v, whole[k]) if isinstance(v, dict) else whole[k] == v for k, v in part.items())


def in_full(short):
    """An `mlops` mapping in long words: `catalog` and `schema` are those of registry and tracking."""
    place = {key: short[key] for key in ("catalog", "schema")}
    experiment = {"experiment": {"name": short["experiment_name"]}} if "experiment_name" in short else {}
    return {"backend": short["backend"], "model_registry": place, "tracking": place, **experiment}


# -- ETL


@holds("tauro", "etl/config.pipeline", "etl/config.order", "etl/config.dag", "etl/config.mlops")
@pytest.mark.parametrize("given", ["etl/config", "etl/config/nodes.yaml", "etl/config/pipelines.yaml"])
def test_X_265_an_etl_folder_runs_its_nodes_in_order(folder, given):
    expected = EXPECTED["etl/config"]
    assert order(folder.plan(given), expected["pipeline"]) == expected["order"]
    assert folder.run(given, "--pipeline", expected["pipeline"]) == expected["order"]
    graph = json.loads(folder.tetra("graph", "--json", "--config", given).stdout)
    dag = {name: [child for parent, child in graph["edges"] if parent == name] for name in expected["order"]}
    assert dag == expected["dag"]
    assert bool(contexts(folder.native(given))) is expected["mlops"]


def test_X_270_the_documents_own_options_are_accepted(folder):
    words = ("--pipeline", "daily_etl", *DATES, "--max-workers", "4")
    assert folder.run("etl/config/nodes.yaml", *words) == ["extract", "transform", "aggregate"]


@holds("tauro", "etl/config/nodes_implicit.yaml")
def test_X_040_data_sets_order_the_nodes(folder):
    given, expected = "etl/config/nodes_implicit.yaml", EXPECTED["etl/config/nodes_implicit.yaml"]
    assert order(folder.plan(given), "nodes_implicit") == expected["order"]
    assert folder.run(given) == expected["order"]
    native = folder.native(given)
    written = {name for each in native["pipelines"].values() for name in each["writes"]}
    read = [name for each in native["pipelines"].values() for name in each.get("reads", [])]
    assert [name for name in read if name not in written] == expected["external_inputs"]
    assert list(contexts(native)) == expected["mlops_nodes"]


def test_X_136_dates_that_nobody_says_are_asked_for(folder):
    done = folder.tetra("run", "--config", "dependency_forms/nodes.yaml")
    assert done.returncode == 64
    assert done.stderr.endswith(
        "error: the parameter 'start_date' has no value\n"
        "  hint: give it with --start-date DATE, "
        "or for every run as `start_date: DATE` in global_settings.yaml (tauro)\n"
    )


def test_X_124_X_179_with_one_worker_the_third_failed_node_is_the_last_to_run(folder):
    (folder.root / "global_settings.yaml").write_text("retry: {max_attempts: 1}\n")
    (folder.root / "my_pkg" / "bad.py").write_text("def fail(**dates):\n    raise ValueError('bad row')\n")
    (folder.root / "failing.yaml").write_text("".join(f"n{n}: {{function: my_pkg.bad.fail}}\n" for n in range(10)))
    done = folder.tetra("run", "--json", "--config", "failing.yaml", *DATES, "--max-workers", "1")
    assert done.returncode == 2
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["task"] for each in events if each["event"] == "attempt.started"] == ["n0", "n1", "n2"]


def test_X_121_a_node_starts_as_soon_as_its_own_dependencies_are_done(folder):
    (folder.root / "my_pkg" / "waits.py").write_text(WAITS)
    (folder.root / "diamond.yaml").write_text(
        "slow: {function: my_pkg.waits.slow}\n"
        "quick: {function: my_pkg.waits.quick}\n"
        "after: {function: my_pkg.waits.quick, dependencies: quick}\n"
    )
    assert set(folder.run("diamond.yaml", *DATES)) == {"slow", "quick", "after"}


# -- machine learning


@holds("tauro", "ml/config")
def test_X_266_a_run_overrides_one_hyperparameter_and_keeps_the_others(folder):
    expected = EXPECTED["ml/config"]
    folder.note("prepare_data", "train", "evaluate")
    call = expected["call"]
    given = {"model_version": call["model_version"], **call["hyperparams"]}
    params = [word for name, value in given.items() for word in ("--param", f"{name}={value}")]
    assert folder.run("ml/config", "--pipeline", expected["pipeline"], *params) == expected["order"]
    prepare, train, evaluate = folder.noted()
    assert prepare["start_date"] == "2025-01-01"
    assert "ml_context" not in prepare
    assert "ml_context" not in evaluate
    assert train["inputs"] == ["made"]
    assert train["ml_context"]["hyperparams"] == expected["ml_context_hyperparams"]
    assert train["ml_context"]["model_version"] == call["model_version"]
    assert within(expected["effective_mlops_for_train_model"], train["ml_context"]["mlops"])


def test_X_226_the_short_file_about_machine_learning_fills_both_places(folder):
    settings = contexts(folder.native("ml/config/ml_info_short.yaml"))["train_model"]["mlops"]
    assert settings["model_registry"] == settings["tracking"] == {"catalog": "main", "schema": "ml_experiments"}


@holds("tauro", "ml_zero_config/config")
def test_X_208_without_any_configuration_only_what_trains_is_machine_learning(folder):
    given, expected = "ml_zero_config/config", EXPECTED["ml_zero_config/config"]
    assert folder.run(given, "--mode", expected["pipeline"]) == expected["order"]
    assert list(contexts(folder.native(given))) == expected["mlops_nodes"]


@holds("tauro", "single_file/ml_pipeline.yml")
def test_X_268_a_single_file_runs_with_a_version_and_a_hyperparameter_of_its_own(folder):
    expected = EXPECTED["single_file/ml_pipeline.yml"]
    folder.note("prepare_features", "train_model", "evaluate_model")
    words = ("--pipeline", expected["pipeline"], *DATES, "--param", "learning_rate=0.05")
    ran = folder.run("single_file/ml_pipeline.yml", *words, "--param", "model_version=v1.0.0")
    assert ran == expected["order"]
    context = folder.noted()[1]["ml_context"]
    assert context["hyperparams"] == expected["ml_context_hyperparams_train"]
    assert context["model_version"] == "v1.0.0"


@holds("tauro", "legacy/ml_config.yml")
def test_X_232_the_deprecated_file_is_pointed_out(folder):
    warnings = folder.plan("legacy/nodes_full_mlops.yaml")["warnings"]
    (warning,) = (each for each in warnings if each["code"] == "deprecated")
    assert warning["file"].endswith("legacy/ml_config.yml")


def test_the_deprecated_file_alone_has_nothing_to_run(folder):
    done = folder.tetra("validate", "--config", "legacy/ml_config.yml")
    assert done.returncode == 78
    assert "there is nothing to run: no file with nodes is beside ml_config.yml" in done.stderr


@holds("tauro", "legacy/nodes_full_mlops.yaml")
def test_X_230_full_blocks_at_every_node_are_accepted(folder):
    expected = EXPECTED["legacy/nodes_full_mlops.yaml"]["effective"]["train_model"]
    assert within(in_full(expected), contexts(folder.native("legacy/nodes_full_mlops.yaml"))["train_model"]["mlops"])


@holds("tauro", "migrated")
def test_X_231_bare_nodes_inherit_what_ml_info_says(folder):
    found = contexts(folder.native("migrated/nodes.yaml"))
    assert list(found) == EXPECTED["migrated"]["mlops_nodes"]
    for name, expected in EXPECTED["migrated"]["effective"].items():
        assert within(in_full(expected), found[name]["mlops"])


def test_X_231_full_blocks_and_bare_nodes_come_to_the_same_but_for_the_experiment(folder):
    old = contexts(folder.native("legacy/nodes_full_mlops.yaml"))["train_model"]["mlops"]
    new = contexts(folder.native("migrated"))["train_model"]["mlops"]
    assert old.pop("experiment") == {"name": "exp1"}
    assert old == new


@holds("tauro", "detection")
def test_X_200_detection_through_the_command_line(folder):
    names = [*EXPECTED["detection"]["true"], *EXPECTED["detection"]["false"]]
    file = folder.root / "detection.yaml"
    file.write_text("".join(f"{name}: {{function: my_pkg.etl.passthrough}}\n" for name in names))
    assert list(contexts(folder.native("detection.yaml"))) == EXPECTED["detection"]["true"]


def test_a_function_that_knows_nothing_of_machine_learning_is_called_without_a_context(folder):
    file = folder.root / "export.yaml"
    file.write_text("html_export: {function: my_pkg.etl.passthrough}\n")
    assert list(contexts(folder.native("export.yaml"))) == ["html_export"]
    assert folder.run("export.yaml", *DATES) == ["html_export"]


# -- hybrid


@holds("tauro", "hybrid/nodes_config.yml")
def test_X_267_a_hybrid_pipeline_runs_batch_first_and_joins_once_the_stream_is_ready(folder):
    given, expected = "hybrid/nodes_config.yml", EXPECTED["hybrid/nodes_config.yml"]
    native = folder.native(given)
    assert native["modes"]["nodes_config"]["description"] == f"{expected['kind']} pipeline"
    assert len(native["pipelines"]) == expected["nodes"]
    streams = [name for name, each in native["pipelines"].items() if each.get("tags") == {"kind": "streaming"}]
    assert streams == expected["streaming_contains"]
    assert not set(streams).intersection(expected["batch_contains"])
    joined = native["pipelines"][expected["decision_needed"]]
    assert joined["depends_on"] == ["extract_batch", {"stream_events": "ready"}]
    assert folder.run(given, *DATES) == ["extract_batch", "stream_events", "join_sources"]


def test_X_185_a_stream_that_goes_on_is_stopped_when_nothing_needs_it_any_more(folder):
    (folder.root / "my_pkg" / "streaming.py").write_text(ENDLESS)
    file = folder.root / "hybrid" / "nodes_config.yml"
    file.write_text(file.read_text() + "  input: [bronze.events]\n")
    assert folder.run("hybrid/nodes_config.yml", *DATES) == ["extract_batch", "join_sources", "stream_events"]


def test_X_186_where_a_batch_node_fails_no_stream_is_started(folder):
    (folder.root / "my_pkg" / "batch.py").write_text("def extract(**dates):\n    raise ValueError('bad row')\n")
    (folder.root / "hybrid" / "global_settings.yaml").write_text("retry: {max_attempts: 1}\n")
    done = folder.tetra("run", "--config", "hybrid/nodes_config.yml", *DATES)
    assert done.returncode == 2
    assert "stream_events not started: extract_batch failed" in done.stdout
    assert "ValueError: bad row" in done.stdout


# -- dependencies


@holds("tauro", "dependency_forms/nodes.yaml")
def test_X_049_the_five_forms_come_to_the_same(folder):
    given, expected = "dependency_forms/nodes.yaml", EXPECTED["dependency_forms/nodes.yaml"]["normalised"]
    native = folder.native(given)["pipelines"]
    assert {name: native[name]["depends_on"] for name in expected} == expected
    written = yaml.safe_load((HERE / given).read_text())
    assert {name: normalise(written[name]["dependencies"]) for name in expected} == expected
    assert set(folder.run(given, *DATES)) == set(native)


@holds("tauro", "dependency_forms/cycle.yaml")
def test_X_066_a_cycle_is_refused_in_these_words(folder):
    given, expected = "dependency_forms/cycle.yaml", EXPECTED["dependency_forms/cycle.yaml"]
    done = folder.tetra("validate", "--json", "--config", given)
    assert done.returncode == 78
    assert [each["message"] for each in json.loads(done.stdout)["errors"]] == [expected["error"]]
    with pytest.raises(ConfigError) as caught:
        load_project(str(folder.root / given), environ=folder.environ)
    assert caught.value.message == expected["error"]
    assert expected["exception"] in [each.__name__ for each in ConfigError.__mro__]
