from __future__ import annotations

import os

import pytest

from config.configs import Folder
from tetra_orchestrator.core.model import (
    Cache,
    Command,
    Environment,
    Keep,
    Mode,
    ModeEntry,
    Module,
    Param,
    Pipeline,
    Resources,
    RetryPolicy,
    RunPolicy,
    Schedule,
    Shell,
    Task,
)

ONE = "pipelines: {a: {module: m}}\n"


def test_a_small_file_has_the_documented_defaults(folder: Folder) -> None:
    project = folder.native(ONE).project
    root = str(folder.path)
    assert (project.name, project.root, project.file) == ("p", root, f"{root}/f.yaml")
    assert (project.timezone, project.store_url) == ("UTC", f"sqlite:///{root}/state/tetra.db")
    assert (project.host.max_parallel, project.logs.dir) == (os.cpu_count(), f"{root}/logs")
    assert (project.environment, project.pools, project.params) == (Environment(), (), ())
    assert project.pipelines == (Pipeline("a", (Task("a", "a", Module("m")),)),)
    assert project.tasks()[0].retry == RetryPolicy(max_attempts=1)


def test_a_full_file_becomes_the_model(folder: Folder) -> None:
    text = """\
        title: Free text, with signs!
        timezone: Europe/Berlin
        pythonpath: [src, /opt/lib]
        env: {inherit: base, pass: [HOME], set: {TZ: UTC, N: 012}}
        logs: {dir: var/log}
        host: {max_parallel: 4}
        pools: {db: 3, net: 1}
        params: {days: 5, rate: 0.5, live: false, name: x, code: "5", must: {type: int},
                 opt: {type: str, default: 1.10}}
        pipelines:
          a:
            command: [run, 1.10, 2026-01-01, yes]
            args: [--days, 012]
            provides: [data]
            max_data_age: 24h
            enabled: false
            description: the first
            timeout: 1h30m
            kill_grace: 0
            env: {A: 12:30}
            cwd: work
            pool: {db: 2}
            priority: -1
            outputs: {rows: int}
            expected: 5m
          b: {shell: "echo hi", depends_on: [a], requires: [data], pool: [db, net]}
          c: {module: m.n, pool: db}
        modes:
          m: [a, {b: [x]}]
          r: {partition: range, pipelines: [{c: [y]}]}
        schedules:
          s: {mode: m, cron: "@daily", timezone: UTC, enabled: false}
        """
    loaded = folder.native(text)
    project, root = loaded.project, str(folder.path)
    assert loaded.warnings == ()
    assert (project.title, project.timezone) == ("Free text, with signs!", "Europe/Berlin")
    assert project.pythonpath == (f"{root}/src", "/opt/lib")
    assert project.environment == Environment("base", ("HOME",), (("TZ", "UTC"), ("N", "012")))
    assert (project.logs.dir, project.host.max_parallel) == (f"{root}/var/log", 4)
    assert project.pools == (("db", 3), ("net", 1))
    assert project.params == (
        Param("days", "int", 5),
        Param("rate", "float", 0.5),
        Param("live", "bool", False),
        Param("name", "str", "x"),
        Param("code", "str", "5"),
        Param("must", "int", None, required=True),
        Param("opt", "str", "1.10"),
    )
    task = Task(
        id="a",
        pipeline="a",
        program=Command(("run", "1.10", "2026-01-01", "yes")),
        args=("--days", "012"),
        env=(("A", "12:30"),),
        cwd=f"{root}/work",
        timeout_s=5400.0,
        kill_grace_s=0.0,
        outputs=(("rows", "int"),),
        pool=(("db", 2),),
        priority=-1,
        enabled=False,
        expected_s=300.0,
    )
    assert project.pipelines == (
        Pipeline("a", (task,), (), ("data",), (), 86400.0, False, "the first"),
        Pipeline(
            "b",
            (Task("b", "b", Shell("echo hi"), depends_on=("a",), pool=(("db", 1), ("net", 1))),),
            ("a",),
            (),
            ("data",),
        ),
        Pipeline("c", (Task("c", "c", Module("m.n"), pool=(("db", 1),)),)),
    )
    assert project.modes == (
        Mode("m", (ModeEntry("a"), ModeEntry("b", (("b", ("x",)),)))),
        Mode("r", (ModeEntry("c", (("c", ("y",)),)),), "range"),
    )
    assert project.schedules == (Schedule("s", "m", "@daily", "UTC", enabled=False),)


def test_the_first_tasks_of_a_pipeline_wait_for_the_last_ones_of_those_before(folder: Folder) -> None:
    text = """\
        pipelines:
          one: {module: m}
          two:
            tasks: {a: {module: m}, b: {module: m, depends_on: [a]}, c: {module: m, depends_on: [a]}}
          three:
            depends_on: [one, two]
            tasks: {x: {module: m}, y: {module: m, depends_on: [x]}, z: {module: m}}
        modes:
          m: [{three: {y: [1], z: [2]}}]
        """
    project = folder.native(text).project
    assert {task.id: task.depends_on for task in project.tasks()} == {
        "one": (),
        "two.a": (),
        "two.b": ("two.a",),
        "two.c": ("two.a",),
        "three.x": ("one", "two.b", "two.c"),
        "three.y": ("three.x",),
        "three.z": ("one", "two.b", "two.c"),
    }
    assert project.modes[0].entries == (ModeEntry("three", (("three.y", ("1",)), ("three.z", ("2",)))),)


def test_a_task_overrides_the_defaults_field_by_field(folder: Folder) -> None:
    text = """\
        defaults: {task: {timeout: 2h, kill_grace: 5s, retry: {max_attempts: 3, delay: 60s, backoff: 2, jitter: 0.1}}}
        pipelines:
          a: {module: m}
          b: {module: m, timeout: 5m, kill_grace: 0s, retry: {max_attempts: 1, max_delay: 90}}
          c: {tasks: {x: {module: m}}}
        """
    a, b, c = folder.native(text).project.tasks()
    assert (a.timeout_s, a.kill_grace_s, a.retry) == (7200, 5, RetryPolicy(3, 60.0, 2.0, 3600.0, 0.1))
    assert (b.timeout_s, b.kill_grace_s, b.retry) == (300, 0, RetryPolicy(1, 60.0, 2.0, 90.0, 0.1))
    assert (c.timeout_s, c.kill_grace_s, c.retry) == (a.timeout_s, a.kill_grace_s, a.retry)


def test_log_dir_in_the_environment_overrides_the_file(folder: Folder) -> None:
    folder.environ["LOG_DIR"] = "/var/log/p"
    assert folder.native("logs: {dir: mine}\n" + ONE).project.logs.dir == "/var/log/p"


def test_a_file_in_a_folder_called_config_belongs_to_the_folder_above(folder: Folder) -> None:
    inner = Folder(folder.path / "config")
    project = inner.native(ONE).project
    assert (project.root, project.file) == (str(folder.path), str(folder.path / "config/f.yaml"))


@pytest.mark.parametrize(
    ("state", "url"), [("sqlite:///x.db", "sqlite:///{root}/x.db"), ("sqlite:////var/x.db", "sqlite:////var/x.db")]
)
def test_the_store_is_an_absolute_address(folder: Folder, state: str, url: str) -> None:
    assert folder.native(f"state: {state}\n{ONE}").project.store_url == url.format(root=folder.path)


@pytest.mark.parametrize("state", ["postgresql://host/db", "postgres://me@host:5433/db?sslmode=require"])
def test_a_store_in_postgresql_is_the_address_as_it_is_written(folder: Folder, state: str) -> None:
    assert folder.native(f"state: {state}\n{ONE}").project.store_url == state


@pytest.mark.parametrize("state", ["x.db", "sqlite:///", "sqlite:///x/", "mysql://x"])
def test_another_store_is_refused(folder: Folder, state: str) -> None:
    assert folder.faults(f"state: {state}\n{ONE}") == (
        f"f.yaml:3:8: '{state}' is not the address of a store\n"
        f"  state: {state}\n"
        "         ^\n"
        "  hint: write sqlite:///FILE, relative to the project's root, sqlite:////absolute/FILE, or postgresql://..."
    )


def test_what_a_task_makes_its_result_of_reaches_the_model(folder: Folder) -> None:
    text = """
        pipelines:
          a: {module: m, cache: {inputs: ["data/*.csv", src], max_age: 24h}}
          b: {module: m, cache: {}}
          c: {module: m}
        """
    found = [task.cache for task in folder.native(text).project.tasks()]
    assert found == [Cache(("data/*.csv", "src"), 86400.0), Cache(), None]


@pytest.mark.parametrize(("max_age", "counts"), [("2h", 7200.0), ("3d", 86400.0), (None, 86400.0)])
def test_no_result_counts_for_longer_than_the_data_of_its_pipeline_are_fresh(
    folder: Folder, max_age: str | None, counts: float
) -> None:
    own = f"{{max_age: {max_age}}}" if max_age else "{}"
    text = f"pipelines: {{a: {{max_data_age: 1d, tasks: {{t: {{module: m, cache: {own}}}}}}}}}"
    [task] = folder.native(text).project.tasks()
    assert task.cache == Cache((), counts)


def test_limits_of_tasks_runs_and_logs_reach_the_model(folder: Folder) -> None:
    text = """
        logs: {redact: false, redact_patterns: "card [0-9]+", keep: {runs: 50, days: 90, bytes: 5GB}}
        defaults:
          task: {wall_timeout: 1d, log_limit: 1GB, resources: {memory: 1GB, grow: 2}}
          run: {max_retries: 10, barriers: true}
        modes: {m: {pipelines: [a], run: {max_retries: 0, barriers: false}}, n: [a]}
        pipelines:
          a: {module: m, wall_timeout: 2h, log_limit: 64KB, resources: {memory: 2GB, grow: 1.5, open_files: 100}}
          b: {module: m}
        """
    project = folder.native(text).project
    a, b = project.tasks()
    assert (a.wall_timeout_s, a.log_limit_bytes) == (7200.0, 65536)
    assert a.resources == Resources(memory_bytes=2 << 30, grow=1.5, open_files=100)
    assert (b.wall_timeout_s, b.log_limit_bytes) == (86400.0, 1 << 30)
    assert b.resources == Resources(memory_bytes=1 << 30, grow=2.0)
    assert project.run == RunPolicy(max_retries=10, barriers=True)
    assert [each.run for each in project.modes] == [RunPolicy(max_retries=0, barriers=False), RunPolicy()]
    assert (project.logs.redact, project.logs.patterns) == (False, ("card [0-9]+",))
    assert project.logs.keep == Keep(50, 90, 5 << 30)
    assert folder.native(ONE).project.logs.keep == Keep()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("defaults: {run: {max_retries: -1}}", "'max_retries' must be at least 0: '-1'"),
        ("defaults: {task: {resources: {grow: 0.5}}}", "'grow' must be at least 1: '0.5'"),
        ("defaults: {task: {wall_timeout: 0}}", "'wall_timeout' must be more than 0: '0'"),
        ("defaults: {task: {log_limit: 0}}", "'log_limit' must be more than 0: '0'"),
        ("defaults: {run: {barriers: yes}}", "'barriers' is neither true nor false"),
    ],
)
def test_limits_that_are_none_are_refused(folder: Folder, text: str, fault: str) -> None:
    assert fault in folder.faults(f"pipelines: {{a: {{module: m}}}}\n{text}")
