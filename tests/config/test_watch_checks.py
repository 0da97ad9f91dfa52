"""What is told of data that is watched, of the monitor, of heartbeats, hooks and fallbacks."""

from __future__ import annotations

import pytest

from config.configs import Folder
from tetra_orchestrator.core.model import Command, Module, Shell
from tetra_orchestrator.core.watching import Fallback


def source(text: str, more: str = "") -> str:
    return f"pipelines: {{a: {{module: m, {more}data: {{d: {{{text}}}}}}}}}"


def messages(text: str) -> list[str]:
    return [line.partition(": ")[2] for line in text.splitlines() if line.startswith("f.yaml")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("max_age: 1h", "'d' needs one of file, sql, http"),
        ("file: a, http: 'http://h/x'", "'d' needs one of file, sql, http"),
        ("sql: select 1", "'d' has `sql` and no `url`"),
        ("file: a, counts: true", "'counts' is of `sql`"),
        ("file: a, url: 'sqlite:///x.db'", "'url' is of `sql`"),
        ("sql: select 1, url: 'mysql://h/d'", "this is not the address of a database"),
        ("sql: select 1, url: 'sqlite:///'", "this is not the address of a database"),
        ("http: h/x", "the address 'h/x' does not begin with http:// or https://"),
        ("file: a, due: '0 6 * *'", "the rule '0 6 * *' has 4 fields instead of 5"),
        ("file: a, due: '0 6 * * *', timezone: Mars", "there is no time zone 'Mars'"),
    ],
)
def test_data_that_cannot_be_looked_at_is_told(folder: Folder, text: str, problem: str) -> None:
    assert messages(folder.faults(source(text))) == [problem]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("max_age: 1h", "write `file: PATTERN`, or another"),
        ("file: a, http: 'http://h/x'", "make it several, each with a name of its own"),
    ],
)
def test_a_source_of_none_or_two_kinds_is_told_with_what_to_do(folder: Folder, text: str, hint: str) -> None:
    assert folder.faults(source(text)).endswith(f"  hint: {hint}")


@pytest.mark.parametrize(
    ("given", "told", "hint"),
    [
        ("10%", "is not a number: '10%'", "write it as a share: 0.1"),
        ("2.5 %", "is not a number: '2.5 %'", "write it as a share: 0.025"),
        ("10", "must be at most 1: '10'", "it is a share from 0 to 1: 10 percent is 0.1"),
        ("much%", "is not a number: 'much%'", "write it like 2 or 0.5"),
    ],
)
def test_a_share_given_as_percent_is_told_with_what_to_write(folder: Folder, given: str, told: str, hint: str) -> None:
    text = folder.faults(f"pipelines: {{a: {{module: m}}}}\nmonitor: {{disk_free: {given}}}")
    assert f"'disk_free' {told}\n" in text
    assert text.endswith(f"  hint: {hint}")


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("file: a", ["'d' is never stale: nothing says how old it may be"]),
        ("file: a, moves: false", ["'d' is watched for nothing"]),
        ("file: a, max_age: 1h, grace: 5m", ["'grace' has no effect without 'due'"]),
        ("file: a, max_age: 1h, timezone: UTC", ["'timezone' has no effect without 'due'"]),
        (
            "sql: select 1, url: 'postgresql://me:hunter22@h/d', max_age: 1h",
            ["the password of the database stands in the file"],
        ),
        ("file: a, due: '0 6 * * *', grace: 5m", []),
    ],
)
def test_what_has_no_effect_on_data_is_told(folder: Folder, text: str, warnings: list[str]) -> None:
    assert folder.warnings(source(text)) == warnings


def test_data_is_as_old_as_its_pipeline_lets_it_be_unless_it_says_so_itself_or_when_it_is_due(folder: Folder) -> None:
    def ages(text: str) -> list[float | None]:
        return [one.max_age_s for one in folder.native(source(text, "max_data_age: 24h, ")).project.pipelines[0].data]

    assert ages("file: a") == [86400.0]
    assert ages("file: a, max_age: 1h") == [3600.0]
    assert ages("file: a, due: '0 6 * * *'") == [None]


def test_the_password_of_a_database_is_not_shown(folder: Folder) -> None:
    found = folder.faults(source("sql: select 1, url: 'mysql://me:hunter22@h/d'"))
    assert "hunter22" not in found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "monitor: {endpoints: [example.com]}",
            "the address 'example.com' does not begin with http:// or https:// or tcp://",
        ),
        ("monitor: {endpoints: ['tcp://db']}", "the address 'tcp://db' names no port"),
        (
            "monitor: {endpoints: ['http://h:99999/']}",
            "the address 'http://h:99999/' cannot be read: Port out of range",
        ),
        ("monitor: {heartbeat: hc.example/1234567}", "the address does not begin with http:// or https://"),
        ("schedules: {s: {pipelines: [a], every: 1h, heartbeat: 'ftp://h/1'}}", "the address does not begin with"),
        ("schedules: {Monitor: {pipelines: [a], every: 1h}}", "a timer of our own is called 'monitor'"),
        ("hooks: {on_exit: [' ', x]}", "'on_exit' names no program"),
        ("hooks: {on_exit: []}", "'on_exit' is empty"),
    ],
)
def test_what_the_monitor_heartbeats_and_hooks_cannot_do_is_told(folder: Folder, text: str, problem: str) -> None:
    (found,) = messages(folder.faults("pipelines: {a: {module: m}}\n" + text))
    assert found.startswith(problem)


def test_a_textfile_that_nothing_collects_and_a_reference_that_is_not_filled_in_are_told(folder: Folder) -> None:
    text = "monitor: {textfile: metrics.txt}\nhooks: {on_exit: [tell, '{partition.start}']}\n"
    assert folder.warnings("pipelines: {a: {module: m}}\n" + text) == [
        "'textfile' does not end in .prom, and node_exporter reads no other files",
        "{partition.start} is not filled in here, and the hook gets it as it stands",
    ]


TASKS = "tasks: {fetch: {shell: x}, spare: {shell: y}}"


@pytest.mark.parametrize(
    ("fallback", "known"),
    [
        ("use_cached_data", Fallback("use_cached_data")),
        ("use_previous_scenarios", Fallback("use_previous_scenarios")),
        ("{use: spare}", Fallback("spare")),
        ("{module: m.spare, args: [--all]}", Fallback("m.spare", Module("m.spare"), ("--all",))),
        ("{command: [cp, a, b]}", Fallback("cp", Command(("cp", "a", "b")))),
        ("{shell: exit 0}", Fallback("shell", Shell("exit 0"))),
    ],
)
def test_T_158_T_161_what_stands_in_is_what_was_made_before_a_task_or_a_program(
    folder: Folder, fallback: str, known: Fallback
) -> None:
    (pipeline,) = folder.native(
        f"pipelines: {{a: {{{TASKS}, on_failure: {{fallback: {fallback}}}}}}}"
    ).project.pipelines
    assert pipeline.on_failure is not None
    assert pipeline.on_failure.fallback == known


@pytest.mark.parametrize(
    ("fallback", "problem"),
    [
        ("use_chached_data", "'a' has no fallback 'use_chached_data'"),
        ("spar", "'a' has no fallback 'spar'"),
        ("{use: spare, shell: x}", "'fallback' needs one of use, module, command, shell"),
        ("{shell: x, args: [y]}", "'args' are of a module or a command"),
        ("{command: ['']}", "names no program"),
    ],
)
def test_a_fallback_that_there_is_not_is_told(folder: Folder, fallback: str, problem: str) -> None:
    found = folder.faults(f"pipelines: {{a: {{{TASKS}, on_failure: {{fallback: {fallback}}}}}}}")
    assert problem in messages(found)[0]
