"""Which tasks are defined otherwise in another version of a configuration."""

from __future__ import annotations

import pytest

from support.builders import pipeline, project, task
from tetra_orchestrator.core.model import (
    Command,
    Environment,
    Module,
    Resources,
    RetryPolicy,
    RunIf,
    Service,
    Shell,
)
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.engine.redefined import Version, redefined

A = task("a", args=("{params.days}",), env=(("X", "1"), ("Y", "2")), conditions=())


def version(*tasks, params=(), **fields):
    demo = project(*(pipeline(one.id, tasks=(one,)) for one in tasks), **fields)
    return Version(demo, select(demo), dict(params))


def changed(before, after):
    """What has changed of each task, as a list of words."""
    found = redefined(before, after)
    assert {reason.code for reason in found.values()} <= {"definition_changed"}
    return {name: reason.text.removeprefix("its definition has changed: ") for name, reason in found.items()}


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"program": Command(("false",))}, "program"),
        ({"program": Shell("true")}, "program"),
        ({"args": ("--fast",)}, "args"),
        ({"env": (("X", "2"), ("Y", "2"))}, "env"),
        ({"cwd": "elsewhere"}, "cwd"),
        ({"config": '{"a": 1}'}, "config"),
        ({"run_if": (RunIf("b", ("failed",)),)}, "run_if"),
        ({"outputs": (("rows", "int"),)}, "outputs"),
        ({"service": Service()}, "until"),
        ({"depends_on": ("b",)}, "depends_on"),
        ({"depends_on": ("b",), "conditions": (("b", "finished"),), "args": ()}, "args, depends_on"),
    ],
)
def test_what_a_task_is_given_and_waits_for_is_its_definition(fields, what):
    before, after = version(task("a"), task("b")), version(task("a")._replace(**fields), task("b"))
    if "args" in what:
        before = version(task("a", args=("--slow",)), task("b"))
    assert changed(before, after) == {"a": what}
    assert changed(before, before) == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"timeout_s": 5.0, "wall_timeout_s": 9.0, "kill_grace_s": 1.0},
        {"retry": RetryPolicy(3), "on_lost": "resume", "idempotent": True},
        {"pool": (("db", 1),), "priority": 3, "expected_s": 5.0, "resources": Resources(cpu=2.0)},
        {"tags": (("a", "b"),), "tenant": "anna", "log_limit_bytes": 5, "survive": True},
        {"env": (("Y", "2"), ("X", "1"))},
    ],
)
def test_how_a_task_is_run_is_not_its_definition(fields):
    assert changed(version(A), version(A._replace(**fields))) == {}


def test_the_order_of_what_a_task_depends_on_is_not_its_definition():
    b, c = task("b"), task("c")
    assert changed(version(task("a", "b", "c"), b, c), version(task("a", "c", "b"), b, c)) == {}


def test_a_parameter_counts_for_the_tasks_that_refer_to_it():
    before, after = (version(A, task("b"), params={"days": days, "other": days}) for days in (1, 2))
    assert changed(before, after) == {"a": "params"}


def test_the_environment_that_the_file_sets_for_all_counts_for_those_that_do_not_set_it_themselves():
    before, after = (version(A, task("b"), environment=Environment(extra=(("X", value),))) for value in ("1", "2"))
    assert changed(before, after) == {"b": "env"}


def test_the_interpreter_counts_for_what_runs_in_it():
    tasks = (task("m", program=Module("m")), task("p", program=Command(("python", "x.py"))), task("c"))
    shell = task("s", program=Shell("true"))
    before, after = (version(*tasks, shell, python=path) for path in ("/old/python", "/new/python"))
    assert changed(before, after) == {"m": "python", "p": "python"}


def test_tasks_that_are_new_or_gone_are_not_defined_otherwise():
    assert changed(version(task("a"), task("gone")), version(task("a"), task("new"))) == {}
