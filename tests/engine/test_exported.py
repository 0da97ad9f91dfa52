"""What of a project can be exported, what is refused and why, and what is told to be lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.core.export.job import END, START, Exported, Job
from tetra_orchestrator.engine.export import exported
from tetra_orchestrator.errors import ConfigError

HEAD = "version: 1\nproject: demo\npython: python3\n"


def made(folder: Path, text: str, to: str = "make", *names: str, **environ: str) -> Exported:
    path = folder / "orchestration.yaml"
    path.write_text(HEAD + text)
    loaded = load_project(str(path), environ={"PATH": "/usr/bin:/bin", **environ}, check_modules=False)
    return exported(loaded.project, to, names, loaded.secrets)


def refused(folder: Path, text: str, to: str = "make", *names: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        made(folder, text, to, *names, **environ)
    return str(caught.value)


def job(found: Exported, chain: str, name: str) -> Job:
    return {job.id: job for one in found.chains if one.name == chain for job in one.jobs}[name]


def notes(found: Exported) -> list[str]:
    return [str(note) for note in found.notes]


CANNOT = """
pipelines:
  first: {command: [first], outputs: {rows: int}}
  second: {command: [second, "{first.rows}"], depends_on: [first]}
  third: {command: [third], until: stopped}
  fourth: {command: [fourth], config: {a: 1}}
  fifth: {command: [fifth], depends_on: [{first: finished}]}
  fine: {command: ["true"]}
modes: {whole: [first, second, third, fourth, fifth], good: [fine]}
"""
REASONS = (
    "third: it runs until nothing needs it (`until: stopped`)",
    "fourth: its `config` is handed over in a file that only we write",
    "fifth: it also starts where first has failed (`finished`)",
    "second: {first.rows} is an output of another task, which only we hand on",
)


def test_what_would_be_wrong_is_refused_with_every_reason(tmp_path: Path) -> None:
    said = refused(tmp_path, CANNOT, "make", "whole", "good")
    lines = ["this cannot be exported for make:", *REASONS, "hint: --mode good can be exported"]
    assert said == "\n  ".join(lines)


def test_where_nobody_asked_for_it_it_is_left_out_and_told(tmp_path: Path) -> None:
    found = made(tmp_path, CANNOT)
    assert [chain.name for chain in found.chains] == ["good"]
    assert notes(found) == [f"mode whole: left out: {reason}" for reason in REASONS]


def test_systemd_can_say_that_a_failure_does_not_matter(tmp_path: Path) -> None:
    found = made(
        tmp_path, CANNOT.replace("whole: [first, second, third, fourth, fifth]", "whole: [first, fifth]"), "systemd"
    )
    assert (job(found, "whole", "fifth").needs, job(found, "whole", "fifth").loose) == (("first",), ("first",))


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("{function: m.f, session: s}", "it is a call in the session 's'"),
        ("{function: m.f, writes: [x]}", "its function is handed data sets, or leaves some (`reads`, `writes`)"),
        ("{command: [x], runner: slurm}", "it runs on 'slurm', and not on this machine"),
    ],
)
def test_what_only_we_can_run_is_refused(task: str, reason: str, tmp_path: Path) -> None:
    sessions = "sessions: {s: {}}\n" if "session" in task else ""
    said = refused(tmp_path, f"{sessions}pipelines: {{a: {task}}}\n")
    hint = "docs/leaving.md says what each export can carry"
    assert said == f"this cannot be exported for make: a: {reason}\n  hint: {hint}"


def test_a_range_of_dates_goes_into_a_makefile_and_into_no_unit(tmp_path: Path) -> None:
    text = """
pipelines: {load: {command: [echo, "{partition.start}", "x{partition.end}"]}}
modes: {backfill: {partition: range, pipelines: [load]}}
"""
    assert job(made(tmp_path, text), "backfill", "load").argv == ("echo", START, f"x{END}")
    said = refused(tmp_path, text, "systemd")
    assert "backfill: it runs over a range of dates, which no unit is given\n" in said


def test_a_mode_that_make_would_take_for_its_file_is_refused(tmp_path: Path) -> None:
    text = "pipelines: {a: {command: [x]}}\nmodes: {Makefile: [a]}\n"
    assert "Makefile: make takes a target of this name for its own file\n" in refused(tmp_path, text)
    assert [chain.name for chain in made(tmp_path, text, "systemd").chains] == ["Makefile"]


def test_a_parameter_has_its_default_and_without_one_it_is_refused(tmp_path: Path) -> None:
    text = "params: {day: {type: str, default: monday}}\npipelines: {a: {command: [echo, '{params.day}']}}\n"
    found = made(tmp_path, text)
    assert job(found, "all", "a").argv == ("echo", "monday")
    assert notes(found) == ["a: the parameter 'day' has always its default"]
    said = refused(tmp_path, text.replace(", default: monday", ""))
    assert "all: the parameter 'day' has no value" in said


def test_a_secret_is_handed_over_by_name_and_refused_among_arguments(tmp_path: Path) -> None:
    text = "pipelines: {a: {command: [x], env: {KEY: 'k=${API_KEY}', OTHER: plain}}}\n"
    found = job(made(tmp_path, text, API_KEY="s3cr3t-value"), "all", "a")
    assert (found.env, found.demanded) == ((("OTHER", "plain"),), ("KEY",))
    shared = made(
        tmp_path, "env: {set: {API_KEY: '${API_KEY}'}}\npipelines: {a: {command: [x]}}\n", API_KEY="s3cr3t-value"
    )
    assert (shared.around.demanded, notes(shared)) == (
        ("API_KEY",),
        ["demo: API_KEY is a secret, to be set in the environment"],
    )
    said = refused(tmp_path, "pipelines: {a: {command: [x, '${API_KEY}']}}\n", API_KEY="s3cr3t-value")
    reason = "a: a secret is among its arguments, which a file would show: hand it over in its `env`"
    assert f"this cannot be exported for make: {reason}\n" in said


TENANTS = """
tenants: {acme: {secrets: {KEY: {file: acme.key}}}, beta: {secrets: {KEY: {file: beta.key}}}}
pipelines: {a: {command: [x], tenant: acme}, b: {command: [x], tenant: beta}}
modes: {both: [a, b], first: [a], second: [b]}
"""


@pytest.mark.parametrize(
    ("to", "kept", "left_out"),
    [("make", ["first", "second"], ["both"]), ("systemd", ["first"], ["both", "second"])],
)
def test_no_task_gets_the_secret_of_another_that_has_the_same_name(to, kept, left_out, tmp_path: Path) -> None:
    for name in ("acme", "beta"):
        (tmp_path / f"{name}.key").write_text(f"s3cr3t-of-{name}")
        (tmp_path / f"{name}.key").chmod(0o600)
    found = made(tmp_path, TENANTS, to)
    assert [chain.name for chain in found.chains] == kept
    reason = "b: its KEY is another secret than that of a, and both would come from one variable"
    assert [note for note in notes(found) if "left out" in note] == [
        f"mode {name}: left out: {reason}" for name in left_out
    ]


def test_a_grace_of_nothing_is_short_and_not_endless(tmp_path: Path) -> None:
    found = made(tmp_path, "pipelines: {a: {command: [x], kill_grace: 0, timeout: 1s}}\n")
    assert job(found, "all", "a").grace_s == 0.001  # what timeout(1) and systemd call 0 is without an end


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, "pipelines: {a: {command: [echo, '${NAME}']}}\n", NAME="\udcff-name")
    assert "a: bytes that are no text (UTF-8) are among its arguments or variables" in said


LOSING = """
env: {inherit: base, pass: [REGION], set: {TZ: UTC}}
pools: {warehouse: 1}
hooks: {on_failure: [tell]}
defaults: {run: {stop_after: 1}}
pipelines:
  a:
    command: [a, $TETRA_RUN_ID, $TETRA_HOME]
    retry: {max_attempts: 3, delay: 2, backoff: 3, on_output: [again]}
    resources: {cpu: 1, memory: 1GB, gpu: 1, grow: 2}
    pool: warehouse
    priority: 1
    cache: {inputs: ["*.csv"]}
  b: {command: [b], depends_on: [a], retry: {max_attempts: 4, delay: 2, backoff: 3, on_exit_codes: [7]}}
  c: {command: [c], enabled: false}
  d: {command: [d], depends_on: [c]}
  e: {command: [e], resources: {memory: 1GB, grow: 2}, retry: {max_attempts: 3}}
modes: {daily: [a, b, c, d, e]}
"""


def test_what_is_lost_is_told_and_what_is_said_is_kept(tmp_path: Path) -> None:
    found = made(tmp_path, LOSING)
    assert notes(found) == [
        "demo: no `hooks`",
        "a: not tried again, as its retries depend on its log or on classes of errors",
        "a: it waits for no place in a pool (warehouse)",
        "a: no limit or share of cpu, memory, gpu",
        "a: it runs each time, whether its inputs have changed or not (`cache`)",
        "a: no `priority`",
        "a: TETRA_RUN_ID is not set",
        "e: no limit or share of memory",
        "c: left out: it, or what it depends on, is off",
        "d: left out: it, or what it depends on, is off",
        "daily: a run has no `stop_after`",
    ]
    assert job(found, "daily", "a").waits == ()
    assert (job(found, "daily", "b").waits, job(found, "daily", "b").retry_codes) == ((2, 6, 18), (7,))
    assert job(found, "daily", "e").memory_bytes == 4 << 30
    assert found.around.inherited
    assert {"PATH", "REGION"} < set(found.around.inherited)
    assert dict(found.around.env) == {"TZ": "UTC", "TETRA_HOME": str(tmp_path), "TETRA_OUTPUT": "/dev/null"}


def test_a_schedule_without_a_mode_is_a_chain_of_its_own(tmp_path: Path) -> None:
    text = """
pipelines: {a: {command: [a]}, b: {command: [b]}}
modes: {daily: [a, b]}
schedules:
  daily: {pipelines: [b], cron: "0 1 * * *"}
  other: {mode: daily, cron: "0 1 * * *"}
"""
    found = made(tmp_path, text)
    assert [(chain.name, [job.id for job in chain.jobs]) for chain in found.chains] == [
        ("daily", ["a", "b"]),
        ("daily_schedule", ["b"]),
    ]
    assert [(wake.schedule.name, wake.chain) for wake in found.wakes] == [
        ("daily", "daily_schedule"),
        ("other", "daily"),
    ]
