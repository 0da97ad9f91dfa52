from __future__ import annotations

import pytest

from config.configs import Folder


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "pipelines: {a: {module: m, timout: 5}}",
            "f.yaml:3:28: unknown key 'timout'\n"
            "  pipelines: {a: {module: m, timout: 5}}\n"
            "                             ^\n"
            "  hint: did you mean 'timeout'?",
        ),
        (
            "pipelines: {a: {module: m, retry: {qqq: 5}}}",
            "f.yaml:3:36: unknown key 'qqq'\n"
            "  pipelines: {a: {module: m, retry: {qqq: 5}}}\n"
            "                                     ^\n"
            "  hint: known here: max_attempts, delay, backoff, max_delay, jitter, on_exit_codes, on_output, on_errors,"
            " not_on_errors",
        ),
        (
            "pipelines: {a: {module: m, max_parallel: 2}}\nenv: {pas: [A]}",
            "f.yaml:3:28: unknown key 'max_parallel'\n"
            "  pipelines: {a: {module: m, max_parallel: 2}}\n"
            "                             ^\n"
            "  hint: `tetra schema` prints all known keys\n"
            "f.yaml:4:7: unknown key 'pas'\n"
            "  env: {pas: [A]}\n"
            "        ^\n"
            "  hint: did you mean 'pass'?",
        ),
        (
            "pipelines: {a: {tasks: {b: {modul: m}}}}",
            "f.yaml:3:25: 'b' has nothing to run\n"
            "  pipelines: {a: {tasks: {b: {modul: m}}}}\n"
            "                          ^\n"
            "  hint: add one of `module`, `command`, `shell`, `function`, `type`\n"
            "f.yaml:3:29: unknown key 'modul'\n"
            "  pipelines: {a: {tasks: {b: {modul: m}}}}\n"
            "                              ^\n"
            "  hint: did you mean 'module'?",
        ),
        (
            "pipelines: {a: {module: m, timeout: soon}}",
            "f.yaml:3:37: 'timeout' is not a duration: 'soon'\n"
            "  pipelines: {a: {module: m, timeout: soon}}\n"
            "                                      ^\n"
            "  hint: write it like 90s, 5m, 2h, 1d or 1h30m",
        ),
        (
            "pipelines: {a: {module: m, timeout: 0}}",
            "f.yaml:3:37: 'timeout' must be more than 0: '0'\n"
            "  pipelines: {a: {module: m, timeout: 0}}\n"
            "                                      ^\n"
            "  hint: leave it out where nothing is to be limited",
        ),
        (
            "pipelines: {a: {module: m, retry: 3}}",
            "f.yaml:3:35: 'retry' must be a mapping, not text: '3'\n"
            "  pipelines: {a: {module: m, retry: 3}}\n"
            "                                    ^\n"
            "  hint: write keys under it: max_attempts, delay, backoff, max_delay, jitter, on_exit_codes, on_output,"
            " on_errors, not_on_errors",
        ),
        (
            "pipelines: {a: {module: m, memory: 1GB}}\nredact_patterns: [x]",
            "f.yaml:3:28: unknown key 'memory'\n"
            "  pipelines: {a: {module: m, memory: 1GB}}\n"
            "                             ^\n"
            "  hint: it belongs under `resources`\n"
            "f.yaml:4:1: unknown key 'redact_patterns'\n"
            "  redact_patterns: [x]\n"
            "  ^\n"
            "  hint: it belongs under `logs`",
        ),
        (
            "pipelines: {a: {module: m, resources: {log_limit: 1MB}}}",
            "f.yaml:3:40: unknown key 'log_limit'\n"
            "  pipelines: {a: {module: m, resources: {log_limit: 1MB}}}\n"
            "                                         ^\n"
            "  hint: it belongs beside `resources`, not under it",
        ),
        (
            "pipelines: {a: {module: m, enabled: no}}",
            "f.yaml:3:37: 'enabled' is neither true nor false: 'no'\n"
            "  pipelines: {a: {module: m, enabled: no}}\n"
            "                                      ^\n"
            "  hint: write true or false, in small letters",
        ),
        (
            "pipelines: {a: {module: m, depends_on: b}}",
            "f.yaml:3:40: 'depends_on' must be a list, not text: 'b'\n"
            "  pipelines: {a: {module: m, depends_on: b}}\n"
            "                                         ^\n"
            "  hint: write it in brackets: [b]",
        ),
        (
            "pipelines: {a: {module: m, args: [--rows, {b.rows}]}}",
            "f.yaml:3:43: 'args[1]' must be text, not a mapping\n"
            "  pipelines: {a: {module: m, args: [--rows, {b.rows}]}}\n"
            "                                            ^\n"
            '  hint: put it in quotes: "{b.rows}"',
        ),
        (
            "pipelines: [a]",
            "f.yaml:3:12: 'pipelines' must be a mapping, not a list\n"
            "  pipelines: [a]\n"
            "             ^\n"
            "  hint: write `name: value` lines, without dashes and brackets",
        ),
        (
            "pipelines: {a: {command: []}}",
            "f.yaml:3:26: 'command' is empty\n"
            "  pipelines: {a: {command: []}}\n"
            "                           ^\n"
            "  hint: write the program and its arguments: [PROGRAM, ARGUMENT]",
        ),
        (
            "state: {dir: state}\npipelines: {a: {module: m}}",
            "f.yaml:3:8: 'state' must be text, not a mapping\n"
            "  state: {dir: state}\n"
            "         ^\n"
            "  hint: write one value after it",
        ),
        (
            "pipelines: {a: {module: m, timeout: }}",
            "f.yaml:3:28: 'timeout' has no value\n"
            "  pipelines: {a: {module: m, timeout: }}\n"
            "                             ^\n"
            "  hint: give it one, or remove the key",
        ),
        (
            'pipelines: {a: {module: m, priority: "1"}}',
            "f.yaml:3:38: 'priority' must be a whole number, not text in quotes: '1'\n"
            '  pipelines: {a: {module: m, priority: "1"}}\n'
            "                                       ^\n"
            "  hint: remove the quotes",
        ),
        (
            "pipelines: {a: {module: m, retry: {max_attempts: 0}}}",
            "f.yaml:3:50: 'max_attempts' must be at least 1: '0'\n"
            "  pipelines: {a: {module: m, retry: {max_attempts: 0}}}\n"
            "                                                   ^",
        ),
        (
            "pipelines: {../x: {module: m}}",
            "f.yaml:3:13: '../x' is not a name\n"
            "  pipelines: {../x: {module: m}}\n"
            "              ^\n"
            "  hint: use letters, digits, _ and -, not - first, at most 100 of them",
        ),
        (
            "pipelines: {a: {module: m}}\nenv: {set: {A-B: x}}",
            "f.yaml:4:13: 'A-B' is not the name of a variable\n"
            "  env: {set: {A-B: x}}\n"
            "              ^\n"
            "  hint: use letters, digits and _, no digit first",
        ),
        (
            'pipelines: {a: {module: m, env: {A: "x\\0y"}}}',
            "f.yaml:3:37: 'A' holds a NUL character, which no program can be given: 'x\\x00y'\n"
            '  pipelines: {a: {module: m, env: {A: "x\\0y"}}}\n'
            "                                      ^",
        ),
        (
            "pipelines: {a: {module: m, outputs: {rows: integer}}}",
            "f.yaml:3:44: 'rows' must be 'str', 'int', 'float', 'bool', 'list' or 'map': 'integer'\n"
            "  pipelines: {a: {module: m, outputs: {rows: integer}}}\n"
            "                                             ^",
        ),
        (
            "pipelines: {a: {module: m}}\nmodes: {d: [{a: [], b: []}]}",
            "f.yaml:4:13: 'd[0]' must be one pipeline, with its arguments\n"
            "  modes: {d: [{a: [], b: []}]}\n"
            "              ^\n"
            "  hint: put a `- ` before each pipeline",
        ),
        (
            "pipelines: {a: {module: m}}\nschedules: {s: {mode: d}}\nmodes: {d: [a]}",
            "f.yaml:4:13: the schedule 's' does not say when it is due\n"
            "  schedules: {s: {mode: d}}\n"
            "              ^\n"
            "  hint: add one of `cron`, `every`, `at`",
        ),
        (
            "pipelines: {a: {module: m}}\nparams: {n: {type: int, default: x}}",
            "f.yaml:4:13: 'n' is not a whole number\n"
            "  params: {n: {type: int, default: x}}\n"
            "              ^\n"
            "  hint: write it like 3 or -10",
        ),
        (
            "pipelines: {}",
            "f.yaml:3:12: 'pipelines' is empty\n"
            "  pipelines: {}\n"
            "             ^",
        ),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_told_with_place_cause_and_remedy(folder: Folder, text: str, problem: str) -> None:
    assert folder.faults(text) == problem


def test_a_file_without_its_first_keys_says_what_to_add(folder: Folder) -> None:
    assert folder.problems("title: x\n") == (
        "f.yaml:1:1: the file has no 'version'\n"
        "  title: x\n"
        "  ^\n"
        "  hint: add `version: 1` as the first line\n"
        "f.yaml:1:1: the file has no 'project'\n"
        "  title: x\n"
        "  ^\n"
        "  hint: add `project: NAME`\n"
        "f.yaml:1:1: the file has no 'pipelines'\n"
        "  title: x\n"
        "  ^\n"
        "  hint: add `pipelines:` with at least one pipeline"
    )  # fmt: skip


def test_a_list_is_no_project(folder: Folder) -> None:
    assert folder.problems("- a\n") == "f.yaml:1:1: the file must be a mapping, not a list\n  - a\n  ^"


def test_faults_of_shape_do_not_hide_faults_between_the_parts(folder: Folder) -> None:
    text = """\
        pipelines:
          a: {module: m, timeout: soon}
          b: {module: m, depends_on: [c]}
        """
    found = folder.faults(text)
    assert "f.yaml:4:27: 'timeout' is not a duration: 'soon'\n" in found
    assert "f.yaml:5:31: 'b' depends on 'c', and there is no such pipeline\n" in found
    assert found.count("f.yaml") == 2


def test_what_depends_on_a_faulty_pipeline_is_not_told_as_a_fault(folder: Folder) -> None:
    text = "pipelines: {a: 5, b: {module: m, depends_on: [a]}}\nmodes: {d: [a, b]}\n"
    assert folder.faults(text) == (
        "f.yaml:3:16: 'a' must be a mapping, not text: '5'\n"
        "  pipelines: {a: 5, b: {module: m, depends_on: [a]}}\n"
        "                 ^\n"
        "  hint: write `command: [PROGRAM, ARGUMENT]` or `shell: LINE` under it"
    )
