from __future__ import annotations

import textwrap

import pytest

from config.configs import Folder


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "pipelines: {extract: {module: m}, load: {module: m, depends_on: [extrct]}}",
            "f.yaml:3:66: 'load' depends on 'extrct', and there is no such pipeline\n"
            "  pipelines: {extract: {module: m}, load: {module: m, depends_on: [extrct]}}\n"
            "                                                                   ^\n"
            "  hint: did you mean 'extract'?",
        ),
        (
            "pipelines: {p: {tasks: {a: {module: m}, b: {module: m, depends_on: [p.a]}}}}",
            "f.yaml:3:69: 'b' depends on 'p.a', and there is no such task of 'p'\n"
            "  pipelines: {p: {tasks: {a: {module: m}, b: {module: m, depends_on: [p.a]}}}}\n"
            "                                                                      ^\n"
            "  hint: pipelines depend on pipelines, and a task on tasks of its own pipeline, by their short names",
        ),
        (
            "pipelines: {a: {module: m, depends_on: [b]}, b: {module: m, depends_on: [a]}}",
            "f.yaml:3:74: Circular dependency detected: a <-> b\n"
            "  pipelines: {a: {module: m, depends_on: [b]}, b: {module: m, depends_on: [a]}}\n"
            "                                                                           ^\n"
            "  hint: remove one of these dependencies",
        ),
        (
            "pipelines: {a: {module: m, depends_on: [a]}}",
            "f.yaml:3:41: Circular dependency detected: a -> a\n"
            "  pipelines: {a: {module: m, depends_on: [a]}}\n"
            "                                          ^\n"
            "  hint: remove one of these dependencies",
        ),
        (
            "pipelines: {p: {tasks: {a: {module: m, depends_on: [b]}, b: {module: m, depends_on: [a]}}}}",
            "f.yaml:3:86: Circular dependency detected: a <-> b\n"
            "  pipelines: {p: {tasks: {a: {module: m, depends_on: [b]}, b: {module: m, depends_on: [a]}}}}\n"
            "                                                                                       ^\n"
            "  hint: remove one of these dependencies",
        ),
        (
            "pipelines: {a: {module: m}, b: {module: m, depends_on: [a, a]}}",
            "f.yaml:3:60: 'a' is listed twice\n"
            "  pipelines: {a: {module: m}, b: {module: m, depends_on: [a, a]}}\n"
            "                                                             ^\n"
            "  hint: remove one of the two",
        ),
        (
            "pipelines: {load: {module: m}, Load: {module: m}}",
            "f.yaml:3:32: the names 'load' and 'Load' differ only in case\n"
            "  pipelines: {load: {module: m}, Load: {module: m}}\n"
            "                                 ^\n"
            "  hint: rename one of the two",
        ),
        (
            "pipelines: {p: {tasks: {a: {module: m}, A: {module: m}}}}",
            "f.yaml:3:41: the names 'a' and 'A' differ only in case\n"
            "  pipelines: {p: {tasks: {a: {module: m}, A: {module: m}}}}\n"
            "                                          ^\n"
            "  hint: rename one of the two",
        ),
        (
            "pipelines: {Params: {module: m}}",
            "f.yaml:3:13: 'Params' cannot be the name of a pipeline: {params.key} has a meaning of its own\n"
            "  pipelines: {Params: {module: m}}\n"
            "              ^\n"
            "  hint: choose another name",
        ),
        (
            "pipelines: {a: {description: x}}",
            "f.yaml:3:13: 'a' has nothing to run\n"
            "  pipelines: {a: {description: x}}\n"
            "              ^\n"
            "  hint: add one of `module`, `command`, `shell`, `function`, `type` or `tasks`",
        ),
        (
            "pipelines: {a: {module: m, shell: x}}",
            "f.yaml:3:28: 'a' has both 'module' and 'shell'\n"
            "  pipelines: {a: {module: m, shell: x}}\n"
            "                             ^\n"
            "  hint: keep one of the two",
        ),
        (
            "pipelines: {a: {timeout: 5m, tasks: {b: {module: m}}}}",
            "f.yaml:3:17: 'timeout' belongs to a task, and 'a' has tasks of its own\n"
            "  pipelines: {a: {timeout: 5m, tasks: {b: {module: m}}}}\n"
            "                  ^\n"
            "  hint: move it into the tasks",
        ),
        (
            "pools: {warehouse: 2}\npipelines: {a: {module: m, pool: warehose}}",
            "f.yaml:4:34: there is no pool 'warehose'\n"
            "  pipelines: {a: {module: m, pool: warehose}}\n"
            "                                   ^\n"
            "  hint: did you mean 'warehouse'?",
        ),
        (
            "pools: {db: 2}\npipelines: {a: {module: m, pool: {db: 3}}}",
            "f.yaml:4:39: 'a' takes 3 of the pool 'db', which has 2\n"
            "  pipelines: {a: {module: m, pool: {db: 3}}}\n"
            "                                        ^\n"
            "  hint: it could never start",
        ),
        (
            "pipelines: {load: {module: m}}\nmodes: {d: [load, laod, load]}",
            "f.yaml:4:19: there is no pipeline 'laod'\n"
            "  modes: {d: [load, laod, load]}\n"
            "                    ^\n"
            "  hint: did you mean 'load'?\n"
            "f.yaml:4:25: 'load' is listed twice\n"
            "  modes: {d: [load, laod, load]}\n"
            "                          ^\n"
            "  hint: remove one of the two",
        ),
        (
            "pipelines: {p: {tasks: {a: {module: m}, b: {module: m}}}}\nmodes: {d: [{p: [x]}]}",
            "f.yaml:4:17: 'p' has several tasks: for which one are these arguments?\n"
            "  modes: {d: [{p: [x]}]}\n"
            "                  ^\n"
            "  hint: write {p: {a: [...]}}",
        ),
        (
            "pipelines: {p: {tasks: {a: {module: m}}}}\nmodes: {d: {pipelines: [{p: {c: [x]}}]}}",
            "f.yaml:4:30: 'p' has no task 'c'\n"
            "  modes: {d: {pipelines: [{p: {c: [x]}}]}}\n"
            "                               ^\n"
            "  hint: tasks: a",
        ),
        (
            "pipelines: {p: {module: m}}\nmodes: {d: [{p: {c: [x]}}]}",
            "f.yaml:4:18: 'p' has no task 'c'\n"
            "  modes: {d: [{p: {c: [x]}}]}\n"
            "                   ^\n"
            "  hint: write {p: [...]}",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_told(folder: Folder, text: str, problem: str) -> None:
    assert folder.faults(text) == problem


SERVED = "pipelines: {s: {module: m, until: stopped}, a: {module: m}, b: {module: m, depends_on: [{s: finished}]}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            f"{SERVED},\n  u: {{module: m, depends_on: [{{s: ready}}, b]}}}}",
            "f.yaml:3:76: 'b' waits for the end of the service 's', which is needed until 'u' is over, "
            "and that waits for 'b'\n"
            f"  {SERVED},\n"
            f"{'':77}^\n"
            "  hint: let it wait for that to be `ready`",
        ),
        (
            f"{SERVED},\n  u: {{module: m, depends_on: [{{s: ready}}, c]}}, c: {{module: m, depends_on: [a]}}}}\n"
            "modes: {m: {pipelines: [s, a, b, c, u], run: {barriers: true}}}",
            "f.yaml:3:76: in the mode 'm', 'b' waits for the end of the service 's', which is needed until "
            "'u' is over, and that is of a later level than 'b'\n"
            f"  {SERVED},\n"
            f"{'':77}^\n"
            "  hint: let it wait for that to be `ready`, or leave out `barriers`",
        ),
    ],
)
def test_what_could_never_end_is_told(folder: Folder, text: str, problem: str) -> None:
    assert folder.faults(text) == problem


def test_every_cycle_is_told_up_to_a_limit(folder: Folder) -> None:
    lines = [f"  a{i}: {{module: m, depends_on: [b{i}]}}\n  b{i}: {{module: m, depends_on: [a{i}]}}" for i in range(30)]
    assert folder.faults("pipelines:\n" + "\n".join(lines)).count("Circular dependency detected") == 20


def test_required_data_that_nobody_upstream_provides_is_a_warning(folder: Folder) -> None:
    text = """\
        pipelines:
          a: {module: m, provides: [raw_data]}
          b: {module: m, depends_on: [a]}
          c: {module: m, depends_on: [b], requires: [raw_data, raw_dat, prices]}
          d: {module: m, requires: [raw_data]}
        """
    warnings = folder.native(text).warnings
    assert "\n".join(warning.render() for warning in warnings).replace(f"{folder.path}/", "") == textwrap.dedent(
        """\
        f.yaml:6:56: no pipeline before 'c' provides 'raw_dat'
            c: {module: m, depends_on: [b], requires: [raw_data, raw_dat, prices]}
                                                                 ^
          hint: did you mean 'raw_data'?
        f.yaml:6:65: no pipeline before 'c' provides 'prices'
            c: {module: m, depends_on: [b], requires: [raw_data, raw_dat, prices]}
                                                                          ^
          hint: add it to the `provides` of the pipeline that makes it
        f.yaml:7:29: no pipeline before 'd' provides 'raw_data'
            d: {module: m, requires: [raw_data]}
                                      ^
          hint: add it to the `provides` of the pipeline that makes it"""
    )
