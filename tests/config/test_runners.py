"""Where tasks run: `runner` of a project, a pipeline and a task, `runners`, and `--on`."""

from __future__ import annotations

import os

import pytest

from config.configs import Folder
from tetra_orchestrator.config import cache
from tetra_orchestrator.core.runners import Remote
from tetra_orchestrator.errors import UsageError

BASE = """\
version: 1
project: p
runner: slurm
runners: {big: {type: slurm, partition: long, account: lab, options: [--constraint=ssd], max_jobs: 7, poll: 1s}}
pipelines:
  a: {module: m}
  b: {module: m, runner: big}
  c: {module: m, runner: local}
  d:
    runner: big
    tasks:
      one: {module: m}
      two: {module: m, runner: slurm}
"""


def where(folder: Folder, text: str = BASE, **options: str) -> dict[str, str]:
    return {task.id: task.runner for task in folder.load(text, **options).project.tasks()}


def test_a_task_goes_before_its_pipeline_and_that_before_the_project(folder: Folder) -> None:
    assert where(folder) == {"a": "slurm", "b": "big", "c": "local", "d.one": "big", "d.two": "slurm"}


def test_without_a_word_everything_is_local_and_there_are_no_runners(folder: Folder) -> None:
    project = folder.load("version: 1\nproject: p\npipelines: {a: {module: m}}\n").project
    assert ([task.runner for task in project.tasks()], project.runners, project.pools) == (["local"], (), ())


def test_a_runner_has_its_settings_and_a_pool_and_slurm_is_there_where_it_is_chosen(folder: Folder) -> None:
    project = folder.load(BASE).project
    big = Remote("big", "slurm", "long", "lab", None, ("--constraint=ssd",), 7, 1.0, 30.0)
    assert project.runners == (big, Remote("slurm"))
    assert project.pools == (("runner big", 7), ("runner slurm", 1000))
    assert [task.pool for task in project.tasks()][:3] == [(("runner slurm", 1),), (("runner big", 1),), ()]


@pytest.mark.parametrize("on", ["big", "local"])
def test_on_moves_all_but_what_says_that_it_stays(folder: Folder, on: str) -> None:
    assert where(folder, on=on) == {"a": on, "b": on, "c": "local", "d.one": on, "d.two": on}


def test_what_is_kept_of_a_run_says_where_it_ran(folder: Folder) -> None:
    kept = folder.load(BASE, on="big").document
    assert where(folder, snapshot=kept) == where(folder, on="big")


def test_on_has_a_cache_of_its_own(folder: Folder) -> None:
    path = folder.write(BASE.replace("module: m", "command: [x]"))
    for on in ("big", None, "big"):
        found = cache.load(path, environ=os.environ, on=on).project
        assert found.tasks()[0].runner == (on or "slurm")


def test_a_translated_file_runs_elsewhere_too(folder: Folder) -> None:
    stages = "name: p\nversion: 1.0.0\nstages: [{id: a, type: python_function, config: {function: os.getcwd}}]\n"
    assert where(folder, stages, on="slurm") == {"a": "slurm"}


def test_unknown_runners_are_named_with_what_was_meant(folder: Folder) -> None:
    assert folder.problems(BASE.replace("b: {module: m, runner: big}", "b: {module: m, runner: bgi}")) == (
        "f.yaml:7:26: there is no runner 'bgi'\n"
        "    b: {module: m, runner: bgi}\n"
        "                           ^\n"
        "  hint: did you mean 'big'?"
    )


def test_an_unknown_runner_on_the_command_line_is_a_wrong_option(folder: Folder) -> None:
    with pytest.raises(UsageError) as caught:
        folder.load(BASE, on="slrum")
    assert str(caught.value) == "--on slrum: there is no runner 'slrum'\n  hint: did you mean 'slurm'?"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("session: s, function: m.f", "is a call in the worker of a session, which is on this machine"),
        ("until: stopped, module: m", "is a service, which others on this machine need"),
        ("background: true, module: m", "leaves something running, which nobody would find on another machine"),
    ],
)
def test_what_needs_this_machine_is_refused_elsewhere_and_stays_where_only_the_project_leaves(
    folder: Folder, key: str, why: str
) -> None:
    text = f"version: 1\nproject: p\nsessions: {{s: {{}}}}\npipelines:\n  a: {{{key}, runner: slurm}}\n"
    refused = folder.problems(text)
    assert f"'a' {why}: it cannot run on 'slurm'" in refused
    assert refused.endswith(f"hint: remove it, or the `{key.partition(':')[0]}`")
    stays = text.replace(", runner: slurm", "") + "runner: slurm\n"
    loaded = folder.load(stays)
    assert [task.runner for task in loaded.project.tasks()] == ["local"]
    assert [warning.message for warning in loaded.warnings] == [f"'a' {why}: it runs here"]


def test_options_that_are_ours_and_words_that_are_none_are_refused(folder: Folder) -> None:
    text = "runners: {s: {type: slurm, options: [-x]}, t: {type: slurm, options: [--array=1-3]}, local: {type: slurm}}"
    told = folder.faults(f"{text}\npipelines: {{a: {{module: m, runner: s}}}}\n")
    assert [line for line in told.splitlines() if line.startswith(("f.yaml", "  hint"))] == [
        "f.yaml:3:38: 'options[0]' is not an option of sbatch: '-x'",
        "  hint: write it like --constraint=ssd",
        "f.yaml:3:71: --array is given to every job already",
        "  hint: remove it",
        "f.yaml:3:86: 'local' cannot be the name of a runner: it is this machine, and needs no section",
        "  hint: choose another name",
    ]


def test_what_a_task_takes_elsewhere_is_not_compared_with_this_machine(folder: Folder) -> None:
    task = "{module: m, resources: {cpu: 4096, memory: 900TB, gpu: 64}}"
    text = f"version: 1\nproject: p\nhost: {{cpu: 2}}\npipelines: {{a: {task}}}\n"
    assert {warning.code for warning in folder.load(text).warnings} == {"beyond_host", "beyond_share", "no_effect"}
    assert folder.load(text + "runner: slurm\n").warnings == ()
