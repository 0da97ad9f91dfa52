"""A tetra `orchestration.yaml` as a project: what each of its keys becomes, and what is said about wrong ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tetra_orchestrator.config.dialects import tetra
from tetra_orchestrator.config.dialects.source import Source
from tetra_orchestrator.config.problems import Problems
from tetra_orchestrator.config.yaml_tree import parse, to_json
from tetra_orchestrator.core.model import Function, Module, RetryPolicy, RunPolicy
from tetra_orchestrator.core.watching import Fallback, OnFailure

if TYPE_CHECKING:
    from config.configs import Folder

RULES = """\
pipeline_dependencies:
  data_pipeline: {depends_on: [], provides: [market_data], frequency: daily, schedule: "0 19 * * *"}
  scenarios_pipeline: {depends_on: [data_pipeline], frequency: weekly, schedule: "0 20 * * 0"}
"""
STORE = """\
pipelines:
  load: {module: store.load}
  clean: {module: store.clean, dependencies: [load]}
"""
HAS_CHANNEL = "alerting: {channels: {email: {recipients: [a@b.example], smtp_server: mail.example}}}\n"


@pytest.fixture
def project(folder: Folder):
    """The project of a text."""
    return lambda text: folder.load(text, dialect="tetra").project


@pytest.fixture
def warnings(folder: Folder):
    """The warnings about a text."""

    def found(text):
        given = folder.load(text, dialect="tetra").warnings
        return "\n".join(each.render() for each in given).replace(f"{folder.path}/", "")

    return found


@pytest.fixture
def problems(folder: Folder):
    """Everything wrong with a text."""
    return lambda text: folder.problems(text, dialect="tetra")


def only_task(project, name):
    (task,) = project.pipeline(name).tasks
    return task


def arguments(project, mode):
    return {entry.pipeline: list(args) for entry in project.mode(mode).entries for _, args in entry.args}


# -- recognition


@pytest.mark.parametrize(
    ("text", "recognised"),
    [
        ("pipeline_dependencies: {}", True),
        ("recovery_procedures: {}", True),
        ("resource_management: {}", True),
        ("alerting: {}", True),
        ("pipelines: {a: {module: m}}", True),
        ("pipelines: {a: {nodes: [b]}}", False),
        ("pipelines: [a]", False),
        ("nodes: {}", False),
    ],
)
def test_a_file_is_recognised_by_its_own_sections_or_by_a_module(text, recognised):
    assert tetra.recognises(parse(text.encode(), "f.yaml", Problems("f.yaml")), "f.yaml") is recognised


# -- pipelines and their dependencies


def test_T_002_to_T_011_the_dependency_rules_are_read(project):
    found = project(
        "pipeline_dependencies:\n"
        "  data_pipeline: {depends_on: [], provides: [market_data]}\n"
        "  metrics_pipeline: {depends_on: [data_pipeline], requires: [market_data], provides: [ml_features]}\n"
    )
    assert [(p.name, p.depends_on, p.requires, p.provides) for p in found.pipelines] == [
        ("data_pipeline", (), (), ("market_data",)),
        ("metrics_pipeline", ("data_pipeline",), ("market_data",), ("ml_features",)),
    ]


def test_T_026_a_pipeline_that_only_has_rules_runs_the_module_of_its_name(project):
    assert only_task(project(RULES), "data_pipeline").program == Module("src.pipelines.data_pipeline.main")


def test_T_088_a_pipeline_of_the_scripts_runs_its_module_with_arguments(project):
    found = project("pipelines: {data_pipeline: {module: jobs.fetch}}")
    assert only_task(found, "data_pipeline").program == Module("jobs.fetch")
    assert found.pipeline("data_pipeline").depends_on == ()


def test_T_097_a_pipeline_that_the_scripts_do_not_know_is_called_as_main_of_config(project):
    found = project("pipelines: {load: {module: store.load, config: {rows: 5, path: '{a.b}', on: [x, true]}}}")
    task = only_task(found, "load")
    assert task.program == Function("store.load.main")
    # braces are doubled, for nothing is filled in here
    assert json.loads(task.config) == {"config": {"rows": 5, "path": "{{a.b}}", "on": ["x", True]}}
    assert json.loads(only_task(project(STORE), "load").config) == {"config": {}}


def test_braces_around_and_in_a_variable_s_value_stay_text(folder: Folder):
    folder.environ["FOLDER"] = "/{x.y}"
    loaded = folder.load("pipelines: {load: {module: store.load, config: {path: '${FOLDER}/{a.b}'}}}", dialect="tetra")
    assert json.loads(only_task(loaded.project, "load").config) == {"config": {"path": "/{{x.y}}/{{a.b}}"}}
    assert json.loads(loaded.document)["pipelines"]["load"]["config"] == {"config": {"path": "${FOLDER}/{{a.b}}"}}


def test_the_config_of_a_pipeline_with_arguments_is_in_its_input_and_we_say_so(project, warnings):
    text = "pipelines:\n  data_pipeline: {module: jobs.fetch, config: {source: yahoo}}\n"
    assert json.loads(only_task(project(text), "data_pipeline").config) == {"source": "yahoo"}
    assert warnings(text) == (
        "f.yaml:2:39: 'data_pipeline' is run with the arguments of its mode; its 'config' is handed over in a file\n"
        "    data_pipeline: {module: jobs.fetch, config: {source: yahoo}}\n"
        "                                        ^\n"
        "  hint: the program finds it as `config` in the JSON file that TETRA_INPUT names"
    )


def test_T_089_both_sections_may_say_the_same_in_any_order(project):
    found = project(
        "pipelines:\n"
        "  a: {module: m.a}\n"
        "  b: {module: m.b}\n"
        "  c: {module: m.c, dependencies: [a, b]}\n"
        "pipeline_dependencies:\n"
        "  c: {depends_on: [b, a]}\n"
    )
    assert found.pipeline("c").depends_on == ("a", "b")


def test_T_089_what_only_one_section_says_counts(project):
    found = project(
        "pipelines: {data_pipeline: {module: m.a}, scenarios_pipeline: {module: m.b}}\n"
        "pipeline_dependencies: {scenarios_pipeline: {depends_on: [data_pipeline]}}\n"
    )
    assert found.pipeline("scenarios_pipeline").depends_on == ("data_pipeline",)
    assert only_task(found, "scenarios_pipeline").program == Module("m.b")


def test_T_193_data_are_stale_after_a_day_unless_the_file_says_otherwise(project):
    found = project(
        "pipelines: {a: {module: m.a}, b: {module: m.b, max_data_age_hours: 200}}\n"
        "pipeline_dependencies: {a: {max_data_age_hours: 1.5}, c: {}}\n"
    )
    assert {p.name: p.max_data_age_s for p in found.pipelines} == {"a": 5400.0, "b": 720_000.0, "c": 86_400.0}


def test_T_057_T_099_T_102_T_103_in_waves_four_run_at_a_time_and_nothing_starts_after_a_failure(project):
    found = project(RULES)
    assert (found.host.max_parallel, found.run) == (4, RunPolicy(stop_after=1, barriers=True))


def test_T_059_without_recovery_there_are_three_attempts_a_minute_apart(project):
    policy = only_task(project(RULES), "data_pipeline").retry
    assert policy == RetryPolicy(max_attempts=3, delay_s=60.0, backoff=1.0)


# -- modes and schedules


def test_T_052_to_T_055_the_modes_hold_what_the_file_has(project):
    found = project(RULES)
    assert {mode.name: arguments(found, mode.name) for mode in found.modes} == {
        "daily": {"data_pipeline": ["--mode", "daily"]},
        "weekly": {"data_pipeline": ["--mode", "daily"], "scenarios_pipeline": ["--type", "all"]},
        "full": {
            "data_pipeline": ["--mode", "backfill", "--days", "30"],
            "scenarios_pipeline": ["--type", "all"],
        },
        "backfill": {
            "data_pipeline": [
                *("--mode", "backfill", "--start-date", "{partition.start}", "--end-date", "{partition.end}"),
            ]
        },
    }
    assert found.mode("backfill").partition == "range"


def test_pipelines_that_the_scripts_do_not_know_are_in_every_chain_without_arguments(project):
    found = project(STORE + "pipeline_dependencies: {clean: {frequency: daily}}\n")
    assert {mode.name: [entry.pipeline for entry in mode.entries] for mode in found.modes} == {
        "daily": ["clean"],
        "weekly": ["load", "clean"],
        "full": ["load", "clean"],
    }
    assert arguments(found, "weekly") == {}


def test_T_006_T_007_each_pipeline_has_its_schedule_and_each_chain_its_timer_in_the_zone_of_the_machine(
    project, monkeypatch
):
    monkeypatch.setenv("TZ", "Europe/Paris")
    schedules = project(RULES).schedules
    assert [(s.name, s.mode, s.pipelines, s.cron, dict(s.tags)) for s in schedules] == [
        ("daily", "daily", (), "0 19 * * *", {}),
        ("weekly", "weekly", (), "0 20 * * 0", {}),
        ("data_pipeline", None, ("data_pipeline",), "0 19 * * *", {"frequency": "daily"}),
        ("scenarios_pipeline", None, ("scenarios_pipeline",), "0 20 * * 0", {"frequency": "weekly"}),
    ]
    assert {s.timezone for s in schedules} == {"Europe/Paris"}


def test_the_chains_start_when_their_first_pipeline_is_due(project):
    found = project(RULES.replace("0 19 * * *", "30 5 * * *").replace("0 20 * * 0", "0 6 * * 6"))
    assert {s.name: s.cron for s in found.schedules if s.mode} == {"daily": "30 5 * * *", "weekly": "0 6 * * 6"}


def test_a_chain_of_unknown_pipelines_has_no_timer(project):
    assert project(STORE).schedules == ()


def test_a_pipeline_called_like_a_chain_keeps_its_schedule(project):
    text = RULES + '  daily: {schedule: "0 1 * * *"}\n'
    assert {s.name: s.cron for s in project(text).schedules}["daily"] == "0 1 * * *"


def test_T_015_a_frequency_that_the_schedule_contradicts_is_reported(warnings):
    assert warnings('pipeline_dependencies: {a: {frequency: daily, schedule: "0 20 * * 0"}}\n') == (
        "f.yaml:1:29: 'a' has the frequency daily, and the schedule '0 20 * * 0' is weekly\n"
        '  pipeline_dependencies: {a: {frequency: daily, schedule: "0 20 * * 0"}}\n'
        "                              ^\n"
        "  hint: the schedule counts; correct one of the two"
    )


@pytest.mark.parametrize(
    ("frequency", "cron"),
    [("daily", "0 7 * * 1-5"), ("daily", "*/15 * * * *"), ("weekly", "0 7 * * 1,4"), ("weekly", "@weekly")],
)
def test_a_frequency_on_working_days_or_several_times_is_no_contradiction(warnings, frequency, cron):
    assert warnings(f'pipeline_dependencies: {{a: {{frequency: {frequency}, schedule: "{cron}"}}}}') == ""


def test_T_012_T_014_required_data_may_come_from_any_pipeline_before(warnings):
    text = (
        "pipeline_dependencies:\n"
        "  a: {provides: [prices]}\n"
        "  b: {depends_on: [a]}\n"
        "  c: {depends_on: [b], requires: [prices, rates]}\n"
    )
    assert warnings(text) == (
        "f.yaml:4:43: no pipeline before 'c' provides 'rates'\n"
        "    c: {depends_on: [b], requires: [prices, rates]}\n"
        "                                            ^\n"
        "  hint: add it to the `provides` of the pipeline that makes it"
    )


# -- recovery


def recovery(*actions, rest=""):
    listed = "".join(f"    - {action}\n" for action in actions)
    return f"{STORE}{HAS_CHANNEL}recovery_procedures:\n  load:\n    failure_actions:\n{listed}{rest}"


def test_T_154_the_failure_actions_become_retries_and_what_is_done_on_failure(project):
    found = project(
        recovery("notify: [email]", "retry_count: 3", "fallback: use_cached_data", "escalation: page_oncall")
    )
    assert only_task(found, "load").retry == RetryPolicy(max_attempts=4, delay_s=60.0)
    assert found.pipeline("load").on_failure == OnFailure(("email",), Fallback("use_cached_data"), "page_oncall")
    assert found.pipeline("clean").on_failure is None


def test_T_163_T_165_partial_and_checkpoint_recovery(project):
    found = project(recovery("partial_recovery: true", "checkpoint_recovery: true"))
    assert found.pipeline("load").on_failure == OnFailure(partial=True, checkpoint=True)


@pytest.mark.parametrize(("count", "attempts"), [(0, 1), (1, 2), (2, 3)])
def test_T_169_retry_count_counts_what_follows_the_first_attempt(project, count, attempts):
    assert only_task(project(recovery(f"retry_count: {count}")), "load").retry.max_attempts == attempts


def test_T_170_a_channel_that_nobody_configured_is_a_warning(warnings):
    assert warnings(recovery("notify: [email, sms]")) == (
        "f.yaml:8:23: there is no channel 'sms'\n"
        "      - notify: [email, sms]\n"
        "                        ^\n"
        "  hint: add it to `alerting: channels:`, where there is email"
    )


def test_T_168_that_nobody_is_on_call_is_a_warning_until_the_channel_of_pagerduty_is_on(folder, warnings):
    folder.environ["PAGER_KEY"] = "0123456789"
    pager = "alerting: {channels: {pagerduty: {enabled: %s, api_key: '${PAGER_KEY}'}}}\n"
    text = recovery("escalation: page_oncall").replace(HAS_CHANNEL, pager)
    assert warnings(text % "true") == ""
    assert warnings(text % "false") == (
        "f.yaml:8:19: nobody is on call: no channel of type pagerduty is switched on\n"
        "      - escalation: page_oncall\n"
        "                    ^\n"
        "  hint: add one to `alerting: channels:`, or name a channel instead of page_oncall"
    )


def test_actions_in_another_order_are_still_done_in_ours_and_we_say_so(warnings):
    assert warnings(recovery("fallback: use_cached_data", "retry_count: 1")) == (
        "f.yaml:9:7: 'retry_count' is done before 'fallback', whatever their order here\n"
        "      - retry_count: 1\n"
        "        ^\n"
        "  hint: the order is notify, retry_count, partial_recovery, checkpoint_recovery, fallback, escalation"
    )


# -- alerting and resources


def test_T_200_to_T_211_alerting_is_kept_as_it_is():
    text = (
        "alerting:\n"
        "  channels: {email: {recipients: [a@b.example], smtp_server: mail.example}}\n"
        "  rules: [{name: Old, condition: data_age_hours > 48, severity: medium, channels: [email]}]\n"
    )
    tree = parse((STORE + text).encode(), "f.yaml", Problems("f.yaml"))
    native = tetra.translate(Source("/f.yaml", "/", tree, Problems("f.yaml"), None, {}, nothing_else, nothing_else))
    assert json.loads(to_json(native))["alerting"] == json.loads(to_json(tree))["alerting"]


def nothing_else(path):
    pytest.fail(f"the dialect looked for {path}")


def test_T_221_to_T_226_resources_belong_to_pipelines_and_connections_to_every_task(project):
    found = project(
        STORE + "resource_management:\n"
        "  cpu: {load: 0.5}\n"
        "  memory: {load: 8GB, clean: 512MB}\n"
        "  parallelism: {load: 4}\n"
        "  db_connections: {pool_size: 20, max_overflow: 0, pool_timeout: 30}\n"
    )
    load, clean = (only_task(found, name).resources for name in ("load", "clean"))
    assert (load.cpu, load.memory_bytes, load.workers) == (0.5, 8 * 1024**3, 4)
    assert (clean.cpu, clean.memory_bytes, clean.workers) == (0.0, 512 * 1024**2, 0)
    assert found.environment.extra == (
        ("TETRA_DB_POOL_SIZE", "20"),
        ("TETRA_DB_MAX_OVERFLOW", "0"),
        ("TETRA_DB_POOL_TIMEOUT", "30"),
    )


# -- wrong files


WRONG = {
    "T_089_sections_that_contradict_each_other": (
        """\
pipelines:
  data_pipeline: {module: src.pipelines.data_pipeline.main}
  scenarios_pipeline: {module: src.pipelines.scenarios_pipeline.main, dependencies: []}
pipeline_dependencies:
  scenarios_pipeline: {depends_on: [data_pipeline], max_data_age_hours: 200}
""",
        """\
f.yaml:5:24: 'scenarios_pipeline' has `depends_on: [data_pipeline]` here, and `dependencies: []` on line 3
    scenarios_pipeline: {depends_on: [data_pipeline], max_data_age_hours: 200}
                         ^
  hint: make the two say the same, or remove one of them""",
    ),
    "T_094_T_105_a_pipeline_without_a_module_and_a_misspelt_dependency": (
        """\
pipelines:
  data_pipeline:
    module: src.pipelines.data_pipeline.main
  scenarios_pipeline:
    dependencies: [data_pipline]
""",
        """\
f.yaml:4:3: the pipeline 'scenarios_pipeline' has no 'module'
    scenarios_pipeline:
    ^
  hint: add `module: src.pipelines.scenarios_pipeline.main`, or what runs it
f.yaml:5:20: 'scenarios_pipeline' depends on 'data_pipline', and there is no such pipeline
      dependencies: [data_pipline]
                     ^
  hint: did you mean 'data_pipeline'?""",
    ),
    "T_155_failure_actions_that_nobody_can_perform": (
        """\
pipeline_dependencies:
  data_pipeline: {depends_on: []}
recovery_procedures:
  data_pipeline:
    failure_actions:
      - retries: 3
      - notify: [email]
        retry_count: 2
      - fallback: skip_it
      - retry_count: 3
      - escalation: call_bob
  data_pipelines:
    failure_actions: [{retry_count: 1}]
""",
        """\
f.yaml:6:9: unknown key 'retries'
        - retries: 3
          ^
  hint: known here: notify, retry_count, partial_recovery, checkpoint_recovery, fallback, escalation
f.yaml:8:9: 'notify' and 'retry_count' are two actions
          retry_count: 2
          ^
  hint: put a `- ` before each
f.yaml:9:19: 'fallback' must be 'use_cached_data' or 'use_previous_scenarios': 'skip_it'
        - fallback: skip_it
                    ^
f.yaml:11:21: 'escalation' must be 'page_oncall': 'call_bob'
        - escalation: call_bob
                      ^
f.yaml:12:3: there is no pipeline 'data_pipelines' under 'pipelines' or 'pipeline_dependencies'
    data_pipelines:
    ^
  hint: did you mean 'data_pipeline'?""",
    ),
    "T_227_resources_that_cannot_be_read": (
        """\
pipelines:
  data_pipeline: {module: src.pipelines.data_pipeline.main}
resource_management:
  cpu: {data_pipeline: "4", metrics_pipeline: 8}
  memory: {data_pipeline: 8 gigs}
  parallelism: {data_pipeline: 0}
  db_connections: {poolsize: 20}
  gpu: {data_pipeline: 1}
""",
        """\
f.yaml:4:24: 'data_pipeline' must be a number, not text in quotes: '4'
    cpu: {data_pipeline: "4", metrics_pipeline: 8}
                         ^
  hint: remove the quotes
f.yaml:4:29: there is no pipeline 'metrics_pipeline' under 'pipelines' or 'pipeline_dependencies'
    cpu: {data_pipeline: "4", metrics_pipeline: 8}
                              ^
  hint: did you mean 'data_pipeline'?
f.yaml:5:27: 'data_pipeline' is not a size: '8 gigs'
    memory: {data_pipeline: 8 gigs}
                            ^
  hint: write it like 512MB or 8GB
f.yaml:6:32: 'data_pipeline' must be at least 1: '0'
    parallelism: {data_pipeline: 0}
                                 ^
f.yaml:7:20: unknown key 'poolsize'
    db_connections: {poolsize: 20}
                     ^
  hint: did you mean 'pool_size'?
f.yaml:8:3: unknown key 'gpu'
    gpu: {data_pipeline: 1}
    ^
  hint: did you mean 'cpu'?""",
    ),
    "T_207_T_219_schedules_and_alerts_with_slips": (
        """\
pipeline_dependencies:
  data_pipeline:
    depends_on: none
    frequency: monthly
    schedule: 0 25 * * *
  metrics_pipeline:
    depend_on: [data_pipeline]
alerting:
  channels:
    slack: {webhook: https://hooks.example/x}
  rules:
    - {name: Stale, condition: data_age_hours > 48, severity: medium, channels: [slack, fax]}
""",
        """\
f.yaml:3:17: 'depends_on' must be a list, not text: 'none'
      depends_on: none
                  ^
  hint: write it in brackets: [none]
f.yaml:4:16: 'frequency' must be daily or weekly: 'monthly'
      frequency: monthly
                 ^
  hint: leave it out for anything else: `schedule` says when it is due
f.yaml:5:15: the rule '0 25 * * *' cannot be read: bad hour
      schedule: 0 25 * * *
                ^
  hint: the fields are minute, hour, day of month, month, day of week
f.yaml:7:5: unknown key 'depend_on'
      depend_on: [data_pipeline]
      ^
  hint: did you mean 'depends_on'?
f.yaml:10:5: the channel 'slack' is switched on and has no 'webhook_url'
      slack: {webhook: ***}
      ^
  hint: add it, or write `enabled: false`
f.yaml:10:13: unknown key 'webhook'
      slack: {webhook: ***}
              ^
  hint: did you mean 'webhook_url'?
f.yaml:12:89: there is no channel 'fax'
      - {name: Stale, condition: data_age_hours > 48, severity: medium, channels: [slack, fax]}
                                                                                          ^
  hint: channels: slack""",
    ),
    "an_action_that_is_listed_twice_and_an_age_that_is_said_twice": (
        """\
pipelines:
  data_pipeline: {module: src.pipelines.data_pipeline.main, max_data_age_hours: 24}
pipeline_dependencies:
  data_pipeline: {max_data_age_hours: 48}
recovery_procedures:
  data_pipeline:
    failure_actions:
      - retry_count: 2
      - retry_count: 3
""",
        """\
f.yaml:4:19: 'data_pipeline' has `max_data_age_hours: 48` here, and `max_data_age_hours: 24` on line 2
    data_pipeline: {max_data_age_hours: 48}
                    ^
  hint: make the two say the same, or remove one of them
f.yaml:9:9: 'retry_count' is here a second time, first on line 8
        - retry_count: 3
          ^
  hint: keep one of the two""",
    ),
    "T_104_a_cycle_through_both_sections": (
        """\
pipelines:
  load: {module: store.load, dependencies: [report]}
  report: {module: store.report}
pipeline_dependencies:
  report: {depends_on: [load]}
""",
        """\
f.yaml:5:25: Circular dependency detected: load <-> report
    report: {depends_on: [load]}
                          ^
  hint: remove one of these dependencies""",
    ),
    "pipelines_that_are_none": (
        """\
pipelines:
  data_pipeline: src.pipelines.data_pipeline.main
""",
        """\
f.yaml:2:18: 'data_pipeline' must be a mapping, not text: 'src.pipelines.data_pipeline.main'
    data_pipeline: src.pipelines.data_pipeline.main
                   ^
  hint: write keys under it: dependencies, depends_on, max_data_age_hours, module, config""",
    ),
    "a_block_that_was_copied_alone": (
        """\
recovery_procedures:
  data_pipeline:
    failure_actions:
      - retry_count: 3
""",
        """\
f.yaml:1:1: the file has no pipeline, neither under 'pipelines' nor under 'pipeline_dependencies'
  recovery_procedures:
  ^
  hint: add at least one""",
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_told_in_the_words_of_its_author(problems, text, expected):
    assert problems(text) == expected
