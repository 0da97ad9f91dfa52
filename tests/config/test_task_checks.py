"""What must hold within one task, and what becomes of its keys."""

from __future__ import annotations

import json

import pytest

from config.configs import Folder
from tetra_orchestrator.core.model import ContinueOn, Function, Resources, RunIf, RunPolicy, Service, Typed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "pipelines: {a: {module: m, reads: [x]}}",
            "f.yaml:3:28: 'reads' is what a `function` is given\n"
            "  pipelines: {a: {module: m, reads: [x]}}\n"
            "                             ^\n"
            "  hint: remove it",
        ),
        (
            "pipelines: {a: {function: m.f, args: [x]}}",
            "f.yaml:3:32: 'args' are arguments of a program: a function and a type take `config`\n"
            "  pipelines: {a: {function: m.f, args: [x]}}\n"
            "                                 ^\n"
            "  hint: remove it",
        ),
        (
            "pipelines: {a: {function: m.f, session: s}}",
            "f.yaml:3:41: there is no session 's'\n"
            "  pipelines: {a: {function: m.f, session: s}}\n"
            "                                          ^\n"
            "  hint: add it: `sessions: {s: {}}`",
        ),
        (
            "sessions: {s: {}}\npipelines: {a: {function: m.f, session: s, cache: {}}}",
            "f.yaml:4:44: 'a' is a call, whose values stay in the session's worker: it cannot have a 'cache'\n"
            "  pipelines: {a: {function: m.f, session: s, cache: {}}}\n"
            "                                             ^\n"
            "  hint: remove it, or the `session`",
        ),
        (
            "pipelines: {a: {module: m, until: stopped, cache: {}}}",
            "f.yaml:3:44: 'a' is a service, which is needed while it runs: it cannot have a 'cache'\n"
            "  pipelines: {a: {module: m, until: stopped, cache: {}}}\n"
            "                                             ^\n"
            "  hint: remove it, or the `until`",
        ),
        (
            "pipelines: {a: {module: m, background: true, cache: {}}}",
            "f.yaml:3:46: 'a' leaves something running, which is gone next time: it cannot have a 'cache'\n"
            "  pipelines: {a: {module: m, background: true, cache: {}}}\n"
            "                                               ^\n"
            "  hint: remove it, or the `background`",
        ),
        (
            "pipelines: {a: {tasks: {b: {module: m}}, cache: {}}}",
            "f.yaml:3:42: 'cache' belongs to a task, and 'a' has tasks of its own\n"
            "  pipelines: {a: {tasks: {b: {module: m}}, cache: {}}}\n"
            "                                           ^\n"
            "  hint: move it into the tasks",
        ),
        (
            "pipelines: {a: {module: m, cache: {input: [x]}}}",
            "f.yaml:3:36: unknown key 'input'\n"
            "  pipelines: {a: {module: m, cache: {input: [x]}}}\n"
            "                                     ^\n"
            "  hint: did you mean 'inputs'?",
        ),
        (
            "tenants: {acme: {}}\npipelines: {a: {module: m, tenant: acne}}",
            "f.yaml:4:36: there is no tenant 'acne'\n"
            "  pipelines: {a: {module: m, tenant: acne}}\n"
            "                                     ^\n"
            "  hint: did you mean 'acme'?",
        ),
        (
            "pipelines: {a: {module: m}, b: {module: m, run_if: {a: {}}}}",
            "f.yaml:3:53: 'a' has no condition\n"
            "  pipelines: {a: {module: m}, b: {module: m, run_if: {a: {}}}}\n"
            "                                                      ^\n"
            "  hint: write `states`, `exit_codes` or `output` under it",
        ),
        (
            "pipelines: {a: {module: m, continue_on: {}}}",
            "f.yaml:3:28: 'continue_on' has no condition\n"
            "  pipelines: {a: {module: m, continue_on: {}}}\n"
            "                             ^\n"
            "  hint: write `failure: true`, `exit_codes` or `output` under it",
        ),
        (
            "pipelines: {a: {module: m}, b: {module: m, run_if: {aa: {exit_codes: [3]}}}}",
            "f.yaml:3:53: there is no 'aa' here\n"
            "  pipelines: {a: {module: m}, b: {module: m, run_if: {aa: {exit_codes: [3]}}}}\n"
            "                                                      ^\n"
            "  hint: did you mean 'a'?",
        ),
        (
            "pipelines: {a: {module: m, run_if: {b: {exit_codes: [3]}}}, b: {module: m, depends_on: [a]}}",
            "f.yaml:3:89: Circular dependency detected: a <-> b\n"
            "  pipelines: {a: {module: m, run_if: {b: {exit_codes: [3]}}}, b: {module: m, depends_on: [a]}}\n"
            "                                                                                          ^\n"
            "  hint: remove one of these dependencies",
        ),
        (
            "pipelines: {a: {module: m}, b: {module: m, depends_on: [{a: done}]}}",
            "f.yaml:3:57: 'depends_on[0]' must be succeeded or finished or ready for 'a'\n"
            "  pipelines: {a: {module: m}, b: {module: m, depends_on: [{a: done}]}}\n"
            "                                                          ^\n"
            "  hint: leave the condition out for succeeded",
        ),
        (
            "pipelines: {a: {module: m, ready_when: '('}}",
            "f.yaml:3:28: 'ready_when' tells when a service is ready, one with `until: stopped`\n"
            "  pipelines: {a: {module: m, ready_when: '('}}\n"
            "                             ^\n"
            "  hint: remove it\n"
            "f.yaml:3:40: 'ready_when' is not a regular expression: missing ), unterminated subpattern at position 0:"
            " '('\n"
            "  pipelines: {a: {module: m, ready_when: '('}}\n"
            "                                         ^\n"
            "  hint: write \\\\ before a character that is meant as it is",
        ),
        (
            "pipelines: {a: {module: m, resources: {memory: much}}}",
            "f.yaml:3:48: 'memory' is not a size: 'much'\n"
            "  pipelines: {a: {module: m, resources: {memory: much}}}\n"
            "                                                 ^\n"
            "  hint: write it like 512MB or 8GB",
        ),
        (
            "pipelines: {a: {module: m, retry: {on_exit_codes: [256]}}}",
            "f.yaml:3:52: 'on_exit_codes[0]' must be at most 255: '256'\n"
            "  pipelines: {a: {module: m, retry: {on_exit_codes: [256]}}}\n"
            "                                                     ^",
        ),
    ],
)
def test_what_does_not_fit_within_a_task_is_told(folder: Folder, text: str, problem: str) -> None:
    assert folder.faults(text) == problem


def test_every_key_of_a_task_reaches_the_model(folder: Folder) -> None:
    text = """
        sessions: {s: {threads: 2}}
        tenants: {acme: {}}
        plugins: [mine, {copy: "mine:Copy"}]
        defaults: {task: {resources: {cpu: 1, memory: 1GB}}, run: {timeout: 1h, stop_after: 2}}
        pipelines:
          first: {module: m}
          second:
            function: pkg.f
            session: s
            reads: [raw]
            writes: [clean]
            config: {n: 1, share: 0.5, flag: true, word: "1", list: [a, no], empty: null, from: "{first.rows}"}
            depends_on: [first]
            run_if: {first: {states: [partial], exit_codes: [1], output: "x+"}}
            continue_on: {exit_codes: [3]}
            resources: {memory: 1.5GB, workers: 4}
            until: stopped
            ready_when: listening
            tags: {team: data}
            tenant: acme
            idempotent: true
            output_limit: 64KB
          third: {type: copy, config: {}, python: tools/py, depends_on: [{second: ready}]}
          fourth: {type: paste, depends_on: [{second: finished}]}
        modes: {m: {pipelines: [first], run: {max_parallel: 3}, description: words}}
        """
    project = folder.native(text).project
    second, third, fourth = (project.pipeline(name).tasks[0] for name in ("second", "third", "fourth"))
    assert second.program == Function("pkg.f", "s", ("raw",), ("clean",))
    assert json.loads(second.config) == {
        "n": 1, "share": 0.5, "flag": True, "word": "1", "list": ["a", "no"], "empty": None, "from": "{first.rows}",
    }  # fmt: skip
    assert second.run_if == (RunIf("first", ("partial",), (1,), "x+"),)
    assert second.conditions == (("first", "finished"),)
    assert second.continue_on == ContinueOn(False, (3,), None)
    assert second.resources == Resources(cpu=1.0, memory_bytes=3 * 1024**3 // 2, workers=4)
    assert second.service == Service("listening")
    assert (second.tags, second.tenant, second.on_lost) == ((("team", "data"),), "acme", "resume")
    assert second.output_limit_bytes == 64 * 1024
    assert (third.program, third.python) == (Typed("copy", "mine:Copy"), f"{project.root}/tools/py")
    assert third.conditions == (("second", "ready"),)
    assert (fourth.program, fourth.conditions) == (Typed("paste"), (("second", "finished"),))
    assert project.plugins == ("mine",)
    assert project.run == RunPolicy(3600.0, 2, None)
    assert project.modes[0].run == RunPolicy(None, None, 3)


def test_tags_and_tenant_of_a_pipeline_hold_for_its_tasks(folder: Folder) -> None:
    text = """
        tenants: {acme: {}}
        pipelines: {p: {tags: {a: x, b: y}, tenant: acme, tasks: {t: {module: m, tags: {b: z}}}}}
        """
    (task,) = folder.native(text).project.tasks()
    assert (task.tags, task.tenant) == ((("a", "x"), ("b", "z")), "acme")


@pytest.mark.parametrize(
    ("text", "size"), [("4096", 4096), ("64KB", 65536), ("8GB", 8 * 1024**3), ("1.5 MiB", 1572864), ("2T", 2 * 1024**4)]
)
def test_sizes_count_in_steps_of_1024(folder: Folder, text: str, size: int) -> None:
    project = folder.native(f"pipelines: {{a: {{module: m, resources: {{memory: {text}}}}}}}").project
    assert project.tasks()[0].resources == Resources(memory_bytes=size)


def test_tenants_and_sessions_limit_how_many_of_their_tasks_run_at_the_same_time(folder: Folder) -> None:
    text = """
        tenants: {acme: {concurrency: 2, env: {REGION: eu, PLAN: small}}}
        sessions: {s: {threads: 3}}
        pools: {db: 1}
        pipelines:
          a: {module: m, tenant: acme, pool: db, env: {PLAN: large}}
          b: {function: m.f, session: s}
        """
    project = folder.native(text).project
    a, b = project.tasks()
    assert project.pools == (("db", 1), ("session s", 3), ("tenant acme", 2))
    assert (a.pool, b.pool) == ((("db", 1), ("tenant acme", 1)), (("session s", 1),))
    assert a.env == (("REGION", "eu"), ("PLAN", "large"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "sessions: {s: {}}\npipelines: {a: {function: m.f, session: s, python: x}}",
            "f.yaml:4:44: 'python' is of a process, and 'a' is a call in the worker of a session\n"
            "  pipelines: {a: {function: m.f, session: s, python: x}}\n"
            "                                             ^\n"
            "  hint: remove it, or the `session`",
        ),
        (
            "sessions: {s: {threads: 2}}\npipelines: {a: {function: m.f, session: s, env: {A: b}}}",
            "f.yaml:4:44: calls at the same time share 'env', and the session 's' has 2 threads\n"
            "  pipelines: {a: {function: m.f, session: s, env: {A: b}}}\n"
            "                                             ^\n"
            "  hint: hand it over in `config`",
        ),
        (
            "pipelines: {a: {function: m.f}}\nmodes: {d: [{a: [--fast]}]}",
            "f.yaml:4:17: 'a' takes no arguments: a function and a type take `config`\n"
            "  modes: {d: [{a: [--fast]}]}\n"
            "                  ^\n"
            "  hint: use `params` and {params.name} in its `config`",
        ),
    ],
)
def test_what_a_call_cannot_have_is_refused(folder: Folder, text: str, problem: str) -> None:
    assert folder.faults(text) == problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "sessions: {s: {}}\npipelines:\n"
            "  up: {function: m.f, session: s, until: stopped}\n"
            "  use: {function: m.g, session: s, depends_on: [{up: ready}]}",
            "f.yaml:5:35: 'up' keeps a thread of the session 's' as long as it runs, which leaves none\n"
            "    up: {function: m.f, session: s, until: stopped}\n"
            "                                    ^\n"
            "  hint: give the session `threads: 2` or more, or the service no `session`",
        ),
        (
            "sessions: {s: {threads: 2}}\ntenants: {acme: {env: {A: b}}}\n"
            "pipelines: {p: {tenant: acme, tasks: {t: {function: m.f, session: s}}}}",
            "f.yaml:5:58: calls at the same time share 'env', so 't' cannot have that of the tenant 'acme'\n"
            "  pipelines: {p: {tenant: acme, tasks: {t: {function: m.f, session: s}}}}\n"
            "                                                           ^\n"
            "  hint: remove the `session`, or have `threads: 1` in the session 's'",
        ),
    ],
)
def test_a_session_must_have_what_its_calls_need(folder: Folder, text: str, problem: str) -> None:
    assert folder.faults(text) == problem


@pytest.mark.parametrize("threads", [1, 2])
def test_a_session_may_hold_one_service_alone_and_a_service_beside_others_with_threads(
    folder: Folder, threads: int
) -> None:
    use = ", use: {function: m.g, session: s, depends_on: [{up: ready}]}" if threads > 1 else ""
    text = f"pipelines: {{up: {{function: m.f, session: s, until: stopped}}{use}}}"
    assert folder.native(f"sessions: {{s: {{threads: {threads}}}}}\n{text}").project.tasks()[0].service == Service(None)
