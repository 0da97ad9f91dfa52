from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.configs import HEAD, Folder
from tetra_orchestrator.config.hidden import _given
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.config.yaml_tree import find
from tetra_orchestrator.core.model import ModeEntry, Module, RetryPolicy
from tetra_orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from types import CodeType, FrameType

SHIPPED = Path(__file__).parents[2] / "config/orchestration.yaml"
WORDS = [
    *("version: 1", "project: p", "pipelines:", "modes:", "schedules:", "a:", "b", "- ", "  ", "    ", "\n", "\n  "),
    *("[", "]", "{", "}", ",", ": ", '"', "'", "&x ", "*x", "<<", "!!", "|", ">", "#", "%", "@", "\t", "\0", "${X}"),
    *("module: m", "command: [x]", "depends_on: [a]", "tasks:", "{a.b}", "null", "~", "1.10", "é", "\ud7ff", "---"),
]


def test_the_version_is_checked_before_everything_else(folder: Folder) -> None:
    assert folder.problems("version: 2\nnew_key: x\n") == (
        "f.yaml:1:10: this file is of version 2, and this program reads version 1\n"
        "  version: 2\n"
        "           ^\n"
        "  hint: upgrade tetra-orchestrator, or correct the number"
    )


def test_several_problems_are_one_error_with_code_78(folder: Folder) -> None:
    with pytest.raises(ConfigError) as caught:
        folder.native("pipelines: {a: {modul: m}}\ntitel: x\n")
    assert caught.value.message == f"3 problems in {folder.path}/f.yaml"
    assert (caught.value.exit_code, len(caught.value.problems)) == (78, 3)


def test_the_document_is_the_merged_file_as_json(folder: Folder) -> None:
    loaded = folder.load(HEAD + "pipelines: {a: {command: [x, 1.10, 012]}}\n", sets=["pipelines.a.timeout=5m"])
    assert loaded.document == (
        '{"version":1,"project":"p","pipelines":{"a":{"command":["x",1.10,"012"],"timeout":"5m"}}}'
    )


def test_the_document_loads_as_the_same_project(folder: Folder) -> None:
    text = HEAD + "title: '5'\npipelines: {a: {command: [x, 1.10, 012, 'true', true], priority: 3}}\n"
    first = folder.load(text)
    again = folder.load(first.document)
    assert again == first


def test_a_chain_of_ten_thousand_is_loaded_without_recursion(folder: Folder) -> None:
    links = [f"  t{i}: {{command: ['true'], depends_on: [t{i - 1}]}}\n" for i in range(1, 10_000)]
    start = time.perf_counter()
    project = folder.load(HEAD + "pipelines:\n  t0: {command: ['true']}\n" + "".join(links)).project
    assert len(project.tasks()) == 10_000
    assert time.perf_counter() - start < 5


def test_ten_thousand_faults_are_told_in_reasonable_time(folder: Folder) -> None:
    links = [f"  t{i}: {{commad: ['true'], depends_on: [u{i}]}}\n" for i in range(5_000)]
    start = time.perf_counter()
    assert folder.problems(HEAD + "pipelines:\n" + "".join(links)).count("f.yaml:") == 15_000
    assert time.perf_counter() - start < 5


def test_the_shipped_chain_is_what_its_documentation_says() -> None:
    loaded = load_project(str(SHIPPED), environ={"PATH": "/usr/bin"}, check_modules=False)
    project = loaded.project
    assert (project.name, project.timezone, project.root) == ("tetra", "America/New_York", str(SHIPPED.parents[1]))
    names = ["data_pipeline", "scenarios_pipeline", "metrics_pipeline", "assessment_pipeline"]
    assert [task.program for task in project.tasks()] == [Module(f"pipelines.{name}.main") for name in names]
    assert [task.depends_on for task in project.tasks()] == [(), *((name,) for name in names[:3])]
    assert {(task.timeout_s, task.retry) for task in project.tasks()} == {(7200.0, RetryPolicy(3, 60.0, 1.0))}
    assert [p.max_data_age_s for p in project.pipelines] == [86400.0, *[8 * 86400.0] * 3]
    assert [(s.name, s.mode, s.cron) for s in project.schedules] == [
        ("daily", "daily", "0 19 * * *"),
        ("weekly", "weekly", "0 20 * * 0"),
    ]
    assert loaded.warnings == ()


def test_the_shipped_modes_have_the_documented_arguments() -> None:
    project = load_project(str(SHIPPED), environ={"PATH": "/usr/bin"}, check_modules=False).project

    def entry(pipeline: str, *args: str) -> ModeEntry:
        return ModeEntry(pipeline, ((pipeline, args),))

    scenarios = entry("scenarios_pipeline", "--type", "all")
    assessment = entry("assessment_pipeline", "--strategies", "all")
    assert {mode.name: mode.entries for mode in project.modes} == {
        "daily": (entry("data_pipeline", "--mode", "daily"),),
        "weekly": (
            entry("data_pipeline", "--mode", "daily"),
            scenarios,
            entry("metrics_pipeline", "--scenario", "all"),
            assessment,
        ),
        "full": (
            entry("data_pipeline", "--mode", "backfill", "--days", "30"),
            scenarios,
            entry("metrics_pipeline", "--scenario", "all", "--force"),
            assessment,
        ),
        "backfill": (
            entry(
                *("data_pipeline", "--mode", "backfill"),
                *("--start-date", "{partition.start}", "--end-date", "{partition.end}"),
            ),
        ),
    }
    assert [mode.partition for mode in project.modes] == [None, None, None, "range"]


def test_the_modules_of_the_shipped_chain_exist() -> None:
    load_project(str(SHIPPED), environ={"PATH": "/usr/bin"}, sets=[f"python={sys.executable}"])


def test_the_retry_delay_of_the_shipped_chain_comes_from_the_environment() -> None:
    environ = {"PATH": "/usr/bin", "TETRA_RETRY_DELAY": "0s"}
    project = load_project(str(SHIPPED), environ=environ, check_modules=False).project
    assert {task.retry.delay_s for task in project.tasks()} == {0.0}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(WORDS), max_size=40).map("".join)))
@example(HEAD + "pipelines: {a: {module: 5}}\nparams: {x: }\n")
@example(HEAD + "pipelines: {a: {module: m, pool: [[x]]}}\n")
@example(HEAD + "pipelines: {a: {module: m}}\nmodes: {m: [[a], {a: b}, ~]}\nenv: [x]\n")
@example(HEAD + "pipelines: {'': {module: m}, 1: {shell: [x], env: x}}\n")
def test_any_bytes_are_a_project_or_a_configuration_error(folder: Folder, content: bytes | str) -> None:
    data = content.encode() if isinstance(content, str) else content
    found: object = ()
    try:
        document = folder.load(data).document
    except ConfigError as error:
        found = [problem.render() for problem in error.problems]  # type: ignore[attr-defined]
        document = "{}"
    assert found or json.loads(document)


def test_more_tasks_of_a_pipeline_cost_no_more_walks_from_the_top_of_the_file(folder: Folder) -> None:
    few, many = (_calls(folder, tasks, {find.__code__, _given.__code__}) for tasks in (10, 200))
    assert many == few


def _calls(folder: Folder, tasks: int, wanted: set[CodeType]) -> int:
    """How often the wanted functions are called when a pipeline of so many tasks, each after the last, is loaded."""
    lines = [f"t{n}: {{command: [x], depends_on: [{f't{n - 1}' if n else ''}]}}" for n in range(tasks)]
    text = "pipelines:\n  p:\n    tasks:\n" + "".join(f"      {line}\n" for line in lines)
    calls = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code in wanted

    sys.setprofile(count)
    try:
        folder.native(text)
    finally:
        sys.setprofile(None)
    return calls
