"""A `pipeline_config.yaml` in the native form: what each of its ten sections becomes."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import get_args

import pytest

from tetra_orchestrator.config.dialects import recomart
from tetra_orchestrator.config.dialects.recomart_schema import Document
from tetra_orchestrator.config.problems import Problems
from tetra_orchestrator.config.read import read
from tetra_orchestrator.config.values import Closed
from tetra_orchestrator.config.yaml_tree import parse, to_json
from tetra_orchestrator.core.model import Function, Typed
from tetra_orchestrator.core.retry import delay_s
from tetra_orchestrator.errors import ConfigError

REPOSITORY = Path(__file__).parents[3]
ONE = "tasks: {a: {}}\n"
CHAIN = """\
tasks:
  ingestion: {}
  validation: {depends_on: [ingestion]}
  training: {depends_on: [validation]}
"""


@pytest.fixture
def native(folder):
    """The native document that a file becomes, as plain data."""

    def convert(text, name="pipeline_config.yaml"):
        return json.loads(to_json(read(folder.write(text, name), environ=folder.environ).tree))

    return convert


@pytest.fixture
def warnings(folder):
    """What a file is warned of, rendered; settings that a later version acts upon are left out."""

    def warned(text, name="pipeline_config.yaml"):
        found = read(folder.write(text, name), environ=folder.environ).problems.warnings
        return "\n".join(problem.render() for problem in found).replace(f"{folder.path}/", "")

    return warned


def waits(task, retries):
    """The waits before each retry of a task that always fails."""
    assert task.retry.max_attempts == retries + 1
    return [delay_s(task.retry, n) for n in range(1, retries + 1)]


# -- recognising ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("tasks: {a: {}}", True),
        ("tasks: {a: {}}\nschedulling: {}", True),
        ("logging: {level: DEBUG}", True),
        ("task: {a: {}}\nexecution: {}\nresources: {}", True),
        ("tasks: [a]\nname: x", False),
        ("name: x\nversion: 1.0.0\nstages: []", False),
        ("logging: {}\nsource_connector: s\ntarget_connector: t", False),
    ],
)
def test_a_file_is_known_by_its_tasks_or_by_most_of_its_sections(text, answer):
    assert recomart.recognises(parse(text.encode(), "f.yaml", Problems("f.yaml")), "f.yaml") is answer


def test_R_007_every_section_but_the_tasks_may_be_missing(folder):
    loaded = folder.load(ONE)
    assert [task.id for task in loaded.project.tasks()] == ["a"]
    assert loaded.project.dialect == "recomart"


def test_a_section_whose_lines_are_all_commented_out_is_as_good_as_none(native):
    assert native("pipeline:\nstorage:  # later\nlogging:\n" + ONE) == native(ONE)


# -- pipeline and execution -----------------------------------------------------------------------------------------


def test_R_011_the_pipeline_s_name_is_the_project_s_and_that_of_a_mode_with_every_task(native):
    document = native("pipeline: {name: shop}\n" + CHAIN)
    assert document["project"] == "shop"
    assert document["modes"] == {"shop": {"pipelines": ["ingestion", "validation", "training"]}}
    assert "title" not in document


def test_a_name_in_words_stays_as_the_title(native):
    document = native("pipeline: {name: RecoMart, nightly}\n".replace(", n", " n") + ONE)
    assert (document["project"], document["title"]) == ("RecoMart_nightly", "RecoMart nightly")


def test_without_a_name_the_file_gives_it(native):
    assert native(ONE, "nightly.yaml")["project"] == "nightly"


def test_R_012_a_pipeline_that_is_off_runs_nothing(folder):
    project = folder.load("pipeline: {enabled: false}\n" + CHAIN).project
    assert [task.enabled and project.pipeline(task.pipeline).enabled for task in project.tasks()] == [False] * 3


def test_R_013_sequential_is_one_at_a_time_and_the_default(folder):
    assert folder.load("execution: {mode: sequential}\n" + CHAIN).project.run.max_parallel == 1
    assert folder.load(CHAIN).project.run.max_parallel == 1


def test_R_014_parallel_leaves_the_number_to_the_host(folder):
    assert folder.load("execution: {mode: parallel}\n" + CHAIN).project.run.max_parallel is None


def test_R_016_the_whole_run_has_a_time_limit(folder):
    assert folder.load("execution: {timeout_seconds: 7200}\n" + CHAIN).project.run.timeout_s == 7200


def test_R_018_the_first_failure_stops_the_run_unless_told_otherwise(folder):
    assert folder.load("execution: {continue_on_error: false}\n" + CHAIN).project.run.stop_after == 1
    assert folder.load(CHAIN).project.run.stop_after == 1


def test_R_019_with_continue_on_error_a_run_goes_on_past_a_failure(folder):
    assert folder.load("execution: {continue_on_error: true}\n" + CHAIN).project.run.stop_after is None


# -- tasks ----------------------------------------------------------------------------------------------------------


def test_R_023_a_task_that_is_off_is_off_by_itself(native):
    pipelines = native("tasks: {a: {enabled: false}, b: {depends_on: [a]}, c: {enabled: true}}")["pipelines"]
    assert [pipelines[name].get("enabled", True) for name in "abc"] == [False, True, True]


def test_R_025_no_dependencies_are_written_as_an_empty_list_or_not_at_all(folder):
    tasks = folder.load("tasks: {a: {depends_on: []}, b: {}, c: {depends_on: [a, b]}}").project.tasks()
    assert [task.depends_on for task in tasks] == [(), (), ("a", "b")]


def test_R_029_a_task_has_a_time_limit_of_its_own_or_none(folder):
    tasks = folder.load("tasks: {a: {timeout_seconds: 900}, b: {timeout_seconds: 0.5}, c: {}}").project.tasks()
    assert [task.timeout_s for task in tasks] == [900, 0.5, None]


def test_R_037_the_configuration_of_a_task_keeps_its_types(folder):
    config = """\
        tasks:
          training:
            config:
              svd: {n_factors: 50, learning_rate: 0.005}
              save_model: true
              version: "1.10"
              models: [a, 2]
              seed: null
        """
    (task,) = folder.load(config).project.tasks()
    assert json.loads(task.config) == {
        "svd": {"n_factors": 50, "learning_rate": 0.005},
        "save_model": True,
        "version": "1.10",
        "models": ["a", 2],
        "seed": None,
    }


def test_R_036_braces_in_the_configuration_of_a_task_are_no_references(native):
    text = 'tasks: {a: {config: {path: "out/{run.id}.csv", sql: "{{x}}", deep: [{k: "{"}]}}}'
    assert native(text)["pipelines"]["a"]["config"] == {
        "path": "out/{{run.id}}.csv",
        "sql": "{{{{x}}}}",
        "deep": [{"k": "{{"}],
    }


def test_R_038_a_bound_function_gets_the_configuration_as_its_keyword_config(folder):
    folder.write('bindings: {a: {call: "shop:a"}, b: {call: "shop:b"}}', "bindings.yaml")
    first, second = folder.load("tasks: {a: {config: {x: 1}}, b: {}}").project.tasks()
    assert (first.program, json.loads(first.config)) == (Function("shop.a"), {"config": {"x": 1}})
    assert (second.program, second.config) == (Function("shop.b"), None)


def test_R_038_every_other_program_gets_the_configuration_as_it_is(folder):
    folder.write("bindings: {a: {command: [ls]}}", "bindings.yaml")
    (task,) = folder.load("tasks: {a: {config: {x: 1}}}").project.tasks()
    assert json.loads(task.config) == {"x": 1}


def test_R_038_a_task_that_is_bound_to_nothing_has_the_type_of_its_name(folder):
    (task,) = folder.load(ONE).project.tasks()
    assert task.program == Typed("a")


# -- retries --------------------------------------------------------------------------------------------------------


def test_R_032_a_retry_count_comes_on_top_of_the_first_attempt(folder):
    tasks = folder.load("tasks: {a: {retry_count: 2}, b: {retry_count: 0}}").project.tasks()
    assert [task.retry.max_attempts for task in tasks] == [3, 1]


def test_R_017_max_retries_is_for_tasks_without_a_count_of_their_own(folder):
    text = "execution: {max_retries: 3}\ntasks: {a: {}, b: {retry_count: 1}, c: {retry_count: 5}, d: {retry_count: 0}}"
    assert [task.retry.max_attempts for task in folder.load(text).project.tasks()] == [4, 2, 6, 1]


def test_R_033_without_any_setting_there_is_one_attempt(folder):
    assert [task.retry.max_attempts for task in folder.load(CHAIN).project.tasks()] == [1, 1, 1]


def test_R_039_the_nth_wait_is_the_base_to_the_power_of_n(folder):
    policy = "retry_policy: {use_exponential_backoff: true, backoff_base: 2, max_backoff: 300}\n"
    (task,) = folder.load(policy + "tasks: {a: {retry_count: 10}}").project.tasks()
    assert waits(task, 10) == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_R_039_these_are_the_waits_without_a_policy_as_well(folder):
    (task,) = folder.load("tasks: {a: {retry_count: 10}}").project.tasks()
    assert waits(task, 10) == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_R_040_max_backoff_caps_every_wait(folder):
    (task,) = folder.load("retry_policy: {max_backoff: 10}\ntasks: {a: {retry_count: 5}}").project.tasks()
    assert waits(task, 5) == [2, 4, 8, 10, 10]


def test_R_041_without_exponential_backoff_every_wait_is_the_base(folder):
    text = "retry_policy: {use_exponential_backoff: false, backoff_base: 5}\ntasks: {a: {retry_count: 3}}"
    (task,) = folder.load(text).project.tasks()
    assert waits(task, 3) == [5, 5, 5]


def test_R_034_retry_delay_is_a_fixed_wait(folder):
    (task,) = folder.load("tasks: {a: {retry_count: 2, retry_delay: 30}}").project.tasks()
    assert waits(task, 2) == [30, 30]


def test_R_042_the_task_s_own_delay_wins_over_the_policy_and_its_cap(folder):
    text = "retry_policy: {max_backoff: 10}\ntasks: {a: {retry_count: 2, retry_delay: 7200}, b: {retry_count: 2}}"
    first, second = folder.load(text).project.tasks()
    assert (waits(first, 2), waits(second, 2)) == ([7200, 7200], [2, 4])


def test_R_043_and_R_044_the_kinds_of_error_decide_about_a_retry(folder):
    text = (
        "retry_policy: {retry_on_errors: [timeout, OSError], no_retry_on: [schema_error]}\ntasks: {a: {retry_count: 1}}"
    )
    (task,) = folder.load(text).project.tasks()
    assert (task.retry.on_errors, task.retry.not_on_errors) == (("timeout", "OSError"), ("schema_error",))


def test_R_046_a_kind_of_error_in_both_lists_is_not_retried_and_that_is_said(warnings):
    text = "retry_policy: {retry_on_errors: [timeout], no_retry_on: [timeout]}\ntasks: {a: {retry_count: 1}}"
    assert warnings(text) == (
        "pipeline_config.yaml:1:34: 'timeout' is in no_retry_on as well, and so is not retried\n"
        "  retry_policy: {retry_on_errors: [timeout], no_retry_on: [timeout]}\n"
        "                                   ^\n"
        "  hint: name it in one of the two lists"
    )


def test_waits_without_retries_are_told_to_have_no_effect(warnings):
    assert warnings("retry_policy: {backoff_base: 3}\ntasks: {a: {retry_delay: 5}}") == (
        "pipeline_config.yaml:1:1: 'retry_policy' has no effect: no task is tried again\n"
        "  retry_policy: {backoff_base: 3}\n"
        "  ^\n"
        "  hint: give tasks a retry_count, or set execution.max_retries\n"
        "pipeline_config.yaml:2:13: 'retry_delay' has no effect: this task is not tried again\n"
        "  tasks: {a: {retry_delay: 5}}\n"
        "              ^\n"
        "  hint: give it a retry_count, or remove the key"
    )


# -- the other sections ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "known"), [("DEBUG", "debug"), ("WARNING", "warning"), ("error", "error")])
def test_R_047_the_log_has_the_usual_levels(native, level, known):
    assert native(f"logging: {{level: {level}, file: logs/production.log}}\n" + ONE)["logs"] == {
        "dir": "dagster_data/logs",
        "file": "logs/production.log",
        "level": known,
    }


def test_R_048_the_log_of_the_pipeline_has_a_place_unless_the_file_says_one(folder):
    logs = folder.load(ONE).project.logs
    assert (logs.file, logs.format, logs.level) == (str(folder.path / "logs/pipeline.log"), "text", "info")


def test_R_049_the_logs_of_tasks_are_where_they_were(folder):
    assert folder.load(ONE).project.logs.dir == str(folder.path / "dagster_data/logs")


def test_R_051_the_schedule_runs_the_whole_pipeline(native):
    text = 'scheduling: {enabled: true, cron: "0 2 * * *", timezone: America/New_York, run_on_startup: true}\n'
    assert native(text + ONE)["schedules"] == {
        "pipeline_config": {
            "mode": "pipeline_config",
            "cron": "0 2 * * *",
            "timezone": "America/New_York",
            "enabled": True,
            "on_startup": True,
        }
    }


def test_R_052_without_the_section_nothing_is_scheduled(native):
    assert "schedules" not in native(ONE)
    assert "schedules" not in native("scheduling: {enabled: false}\n" + ONE)


def test_R_052_a_schedule_that_is_off_stays_known_as_such(folder):
    (schedule,) = folder.load('scheduling: {enabled: false, cron: "0 2 * * *"}\n' + ONE).project.schedules
    assert schedule.enabled is False


def test_R_055_the_time_zone_is_utc_unless_said(folder):
    (schedule,) = folder.load('scheduling: {enabled: true, cron: "0 1 * * *"}\n' + ONE).project.schedules
    assert (schedule.timezone, schedule.on_startup) == ("UTC", False)


MAIL = "email: {enabled: true, smtp_server: mail, recipients: [a@b.c], notify_success: true, notify_failure: false}"
SLACK = 'slack: {enabled: true, webhook_url: "https://hooks.example", channel: "#ops"}'


def test_R_071_and_R_077_each_channel_is_told_of_its_own_endings(native):
    document = native(f"notifications: {{enabled: true, {MAIL}, {SLACK}}}\n" + ONE)
    assert document["notifications"] == {"on_success": ["email"], "on_failure": ["slack"]}
    assert document["alerting"]["channels"] == {
        "email": {"enabled": True, "resolved": False, "smtp_server": "mail", "recipients": ["a@b.c"]},
        "slack": {"enabled": True, "resolved": False, "webhook_url": "https://hooks.example", "channel": "#ops"},
    }


def test_R_071_R_074_nobody_is_told_what_was_found_who_wants_to_hear_of_no_failure(native):
    alerting = native(f"notifications: {{enabled: true, {MAIL}, {SLACK}}}\n" + ONE)["alerting"]
    assert alerting["findings"] == {"channels": ["slack"]}
    silent = native(f"notifications: {{enabled: true, {MAIL}}}\n" + ONE)["alerting"]
    assert silent["findings"] == {"channels": []}


def test_R_065_the_master_switch_turns_every_channel_off(native):
    document = native(f"notifications: {{enabled: false, {MAIL}, {SLACK}}}\n" + ONE)
    assert [channel["enabled"] for channel in document["alerting"]["channels"].values()] == [False, False]
    assert "notifications" not in document


def test_R_066_each_channel_has_a_switch_of_its_own(native):
    document = native(f"notifications: {{enabled: true, email: {{enabled: false}}, {SLACK}}}\n" + ONE)
    assert document["alerting"]["channels"]["email"] == {"enabled": False, "resolved": False}
    assert document["notifications"] == {"on_failure": ["slack"]}


def test_notifications_that_nobody_gets_are_told_to_have_no_effect(warnings):
    silent = SLACK.replace("true,", "true, notify_failure: false,")
    assert warnings(f"notifications: {{enabled: true, {silent}}}\n" + ONE).splitlines()[0] == (
        "pipeline_config.yaml:1:32: 'slack' is told of nothing: notify_success and notify_failure are false"
    )
    assert warnings("notifications: {enabled: true}\n" + ONE).splitlines()[0] == (
        "pipeline_config.yaml:1:1: 'notifications' has no effect: it names no channel"
    )


def test_R_080_slow_tasks_are_the_monitor_s(native):
    text = "monitoring: {performance: {slow_task_threshold_seconds: 300}}\n"
    assert native(text + ONE)["monitor"] == {"slow_task": 300}


def test_R_086_any_of_the_resources_may_be_given(native):
    all_of_them = native("resources: {max_memory_gb: 4, max_cpu_cores: 2, max_disk_gb: 0.5}\n" + ONE)
    assert all_of_them["defaults"]["task"]["resources"] == {"cpu": 2, "memory": "4GB", "disk": "0.5GB"}
    assert native("resources: {max_cpu_cores: 2}\n" + ONE)["defaults"]["task"]["resources"] == {"cpu": 2}


def test_R_088_the_storage_reaches_every_task_as_json(folder):
    project = folder.load("storage: {raw: {path: data/raw}, keep_days: 3}\n" + ONE).project
    ((name, text),) = project.environment.extra
    assert (name, json.loads(text)) == ("PIPELINE_STORAGE", {"raw": {"path": "data/raw"}, "keep_days": 3})


# -- a file for an environment --------------------------------------------------------------------------------------

DEV = "logging: {level: DEBUG}\ntasks: {training: {timeout_seconds: 300}}\n"


def test_R_005_beside_its_base_it_is_merged_over_it_and_that_is_said(native, warnings, folder):
    folder.write("pipeline: {name: shop}\n" + CHAIN, "pipeline_config.yaml")
    document = native(DEV, "pipeline_config.dev.yaml")
    assert document["project"] == "shop"
    assert list(document["pipelines"]) == ["ingestion", "validation", "training"]
    assert document["pipelines"]["training"] == {"type": "training", "depends_on": ["validation"], "timeout": 300}
    assert warnings(DEV, "pipeline_config.dev.yaml") == (
        "pipeline_config.dev.yaml:1:1: pipeline_config.dev.yaml is merged over pipeline_config.yaml beside it\n"
        "  logging: {level: DEBUG}\n"
        "  ^"
    )


def test_R_005_alone_it_stands_by_itself(native, warnings):
    assert list(native(DEV, "pipeline_config.dev.yaml")["pipelines"]) == ["training"]
    assert warnings(DEV, "pipeline_config.dev.yaml") == ""


def test_a_file_of_another_kind_beside_it_is_no_base(native, folder):
    folder.write("version: 1\nproject: p\npipelines: {a: {command: [ls]}}", "pipeline_config.yaml")
    assert list(native(DEV, "pipeline_config.dev.yaml")["pipelines"]) == ["training"]


# -- what is wrong --------------------------------------------------------------------------------------------------


def problems(folder, text):
    return folder.problems(textwrap.dedent(text))


def test_R_010_misspelt_keys_are_told_with_a_guess(folder):
    text = """\
        execution:
          max_retry: 3
        tasks:
          ingestion:
            time_out_seconds: 300
          validation:
            dependson: [ingestion]
        schedule:
          cron: "0 2 * * *"
        """
    assert problems(folder, text) == (
        "f.yaml:2:3: unknown key 'max_retry'\n"
        "    max_retry: 3\n"
        "    ^\n"
        "  hint: did you mean 'max_retries'?\n"
        "f.yaml:5:5: unknown key 'time_out_seconds'\n"
        "      time_out_seconds: 300\n"
        "      ^\n"
        "  hint: did you mean 'timeout_seconds'?\n"
        "f.yaml:7:5: unknown key 'dependson'\n"
        "      dependson: [ingestion]\n"
        "      ^\n"
        "  hint: did you mean 'depends_on'?\n"
        "f.yaml:8:1: unknown key 'schedule'\n"
        "  schedule:\n"
        "  ^\n"
        "  hint: did you mean 'scheduling'?"
    )


def test_R_015_R_027_and_R_028_modes_and_dependencies_that_cannot_be(folder):
    text = """\
        execution: {mode: turbo}
        tasks:
          ingestion: {depends_on: [training]}
          validation: {depends_on: [ingestoin]}
          features: {depends_on: validation}
          training: {depends_on: [ingestion, warehouse]}
        """
    assert problems(folder, text) == (
        "f.yaml:1:19: 'mode' must be 'sequential' or 'parallel': 'turbo'\n"
        "  execution: {mode: turbo}\n"
        "                    ^\n"
        "f.yaml:4:29: 'validation' depends on 'ingestoin', and there is no such task\n"
        "    validation: {depends_on: [ingestoin]}\n"
        "                              ^\n"
        "  hint: did you mean 'ingestion'?\n"
        "f.yaml:5:26: 'depends_on' must be a list, not text: 'validation'\n"
        "    features: {depends_on: validation}\n"
        "                           ^\n"
        "  hint: write it in brackets: [validation]\n"
        "f.yaml:6:27: Circular dependency detected: ingestion <-> training\n"
        "    training: {depends_on: [ingestion, warehouse]}\n"
        "                            ^\n"
        "  hint: remove one of these dependencies\n"
        "f.yaml:6:38: 'training' depends on 'warehouse', and there is no such task\n"
        "    training: {depends_on: [ingestion, warehouse]}\n"
        "                                       ^\n"
        "  hint: tasks: ingestion, validation, features, training"
    )


def test_of_many_tasks_only_some_are_named(folder):
    tasks = "\n".join(f"          task{n}: {{}}" for n in range(12))
    hint = problems(folder, f"        tasks:\n{tasks}\n          last: {{depends_on: [warehouse]}}\n").splitlines()[-1]
    assert hint == "  hint: tasks: " + ", ".join(f"task{n}" for n in range(10)) + " ..."


def test_R_087_numbers_that_are_none_or_have_no_sense(folder):
    text = """\
        execution:
          timeout_seconds: 1h30m
          max_retries: "3"
        tasks:
          ingestion: {retry_count: 1.5, retry_delay: half a minute}
        resources:
          max_memory_gb: -1
          max_cpu_cores: all
        retry_policy:
          backoff_base: 0
        """
    assert problems(folder, text) == (
        "f.yaml:2:20: 'timeout_seconds' counts seconds, without a unit: '1h30m'\n"
        "    timeout_seconds: 1h30m\n"
        "                     ^\n"
        "  hint: write 5400\n"
        "f.yaml:3:16: 'max_retries' must be a whole number, not text in quotes: '3'\n"
        '    max_retries: "3"\n'
        "                 ^\n"
        "  hint: remove the quotes\n"
        "f.yaml:5:28: 'retry_count' is not a whole number: '1.5'\n"
        "    ingestion: {retry_count: 1.5, retry_delay: half a minute}\n"
        "                             ^\n"
        "  hint: write it like 3 or -10\n"
        "f.yaml:5:46: 'retry_delay' is not a number: 'half a minute'\n"
        "    ingestion: {retry_count: 1.5, retry_delay: half a minute}\n"
        "                                               ^\n"
        "  hint: write it like 2 or 0.5\n"
        "f.yaml:7:18: 'max_memory_gb' must be more than 0: '-1'\n"
        "    max_memory_gb: -1\n"
        "                   ^\n"
        "  hint: leave it out where nothing is to be limited\n"
        "f.yaml:8:18: 'max_cpu_cores' is not a number: 'all'\n"
        "    max_cpu_cores: all\n"
        "                   ^\n"
        "  hint: write it like 2 or 0.5\n"
        "f.yaml:10:17: 'backoff_base' must be at least 1: '0'\n"
        "    backoff_base: 0\n"
        "                  ^"
    )


def test_R_063_schedules_and_channels_that_cannot_work(folder):
    text = """\
        tasks:
          ingestion: {enabled: yes}
        scheduling:
          enabled: true
          cron: "61 * * * *"
          timezone: Berlin
        notifications:
          enabled: true
          email:
            enabled: true
            smtp_server: mail.example.com
          slack:
            enabled: true
        logging:
          level: VERBOSE
        retry_policy:
          retry_on_errors: [timout]
        """
    assert problems(folder, text) == (
        "f.yaml:2:24: 'enabled' is neither true nor false: 'yes'\n"
        "    ingestion: {enabled: yes}\n"
        "                         ^\n"
        "  hint: write true or false, in small letters\n"
        "f.yaml:5:9: the rule '61 * * * *' cannot be read: bad minute\n"
        '    cron: "61 * * * *"\n'
        "          ^\n"
        "  hint: the fields are minute, hour, day of month, month, day of week\n"
        "f.yaml:6:13: there is no time zone 'Berlin'\n"
        "    timezone: Berlin\n"
        "              ^\n"
        "  hint: did you mean 'Europe/Berlin'?\n"
        "f.yaml:9:3: the channel 'email' is switched on and has no 'recipients'\n"
        "    email:\n"
        "    ^\n"
        "  hint: add it, or write `enabled: false`\n"
        "f.yaml:12:3: the channel 'slack' is switched on and has no 'webhook_url'\n"
        "    slack:\n"
        "    ^\n"
        "  hint: add it, or write `enabled: false`\n"
        "f.yaml:15:10: 'level' is not a level of the log: 'VERBOSE'\n"
        "    level: VERBOSE\n"
        "           ^\n"
        "  hint: use DEBUG, INFO, WARNING, ERROR\n"
        "f.yaml:17:21: 'retry_on_errors[0]' is not a kind of error: 'timout'\n"
        "    retry_on_errors: [timout]\n"
        "                      ^\n"
        "  hint: use timeout, connection_error, memory_error, file_not_found, schema_error, validation_error,"
        " or the name of an exception"
    )


def test_a_schedule_without_a_rule_and_a_file_without_tasks(folder):
    assert problems(folder, "scheduling: {enabled: true}\ntasks: {a: {}}") == (
        "f.yaml:1:1: 'scheduling' is enabled and has no 'cron'\n"
        "  scheduling: {enabled: true}\n"
        "  ^\n"
        '  hint: add one such as cron: "0 2 * * *", or set enabled: false'
    )
    assert problems(folder, "pipeline: {name: shop}\nexecution: {mode: parallel}\ntask: {a: {}}") == (
        "f.yaml:1:1: the file has no 'tasks'\n"
        "  pipeline: {name: shop}\n"
        "  ^\n"
        "  hint: add `tasks:` with at least one task\n"
        "f.yaml:3:1: unknown key 'task'\n"
        "  task: {a: {}}\n"
        "  ^\n"
        "  hint: did you mean 'tasks'?"
    )


def test_a_file_for_an_environment_without_tasks_is_told_of_its_missing_base(folder):
    path = folder.write("logging: {level: DEBUG}", "pipeline_config.dev.yaml")
    with pytest.raises(ConfigError) as caught:
        read(path, environ=folder.environ)
    (problem,) = caught.value.problems
    assert problem.message == "the file has no 'tasks'"
    assert problem.hint == "add `tasks:` with at least one task, or put pipeline_config.yaml beside this file"


def test_the_page_for_recomart_s_users_names_every_key():
    page = (REPOSITORY / "docs/coming-from/recomart.md").read_text()
    assert {key for key in keys_of(Document) if not re.search(rf"\b{key}\b", page)} == set()


def keys_of(model):
    """Every key of a model and of the models below it."""
    for name, field in model.model_fields.items():
        yield name
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, Closed):
                yield from keys_of(part)
