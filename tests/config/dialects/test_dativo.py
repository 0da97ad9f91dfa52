"""Runner files and job files of the dativo dialect, and what they become."""

from __future__ import annotations

import json
import shutil
import textwrap

import pytest

from tetra_orchestrator.config.dialects import dativo
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.config.problems import Problems
from tetra_orchestrator.config.read import read
from tetra_orchestrator.config.yaml_tree import parse, to_json
from tetra_orchestrator.core.model import Function, Typed
from tetra_orchestrator.core.retry import delay_s
from tetra_orchestrator.errors import ConfigError

JOB = """\
tenant_id: acme
source_connector: stripe
target_connector: iceberg
asset: stripe_customers
"""
BINDINGS = """\
connectors:
  stripe: {builtin: fake, records: 1000, invalid: 5, files: 2}
  iceberg: {builtin: null_writer}
"""
CALL = "tetra_orchestrator.worker.connectors:"


class Site:
    """A folder as the container has it under /app, with one job file and bindings beside each file."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder.path
        for place in ("configs", "jobs/acme"):
            self.write(f"{place}/bindings.yaml", BINDINGS)
        self.write("jobs/acme/job.yaml", JOB)

    def write(self, name, text):
        return self.folder.write(text, name)

    def load(self, name):
        return load_project(str(self.path / name), environ=self.folder.environ, check_modules=False)

    def job(self, text="", name="jobs/acme/job.yaml"):
        """A job file with these lines behind the required ones."""
        self.write(name, JOB + textwrap.dedent(text))
        return self.load(name).project

    def runner(self, *schedules, **keys):
        """A runner file with these schedules, as YAML in one line each, and further keys of `orchestrator`."""
        return self.load(self.write_runner(*schedules, **keys)).project

    def write_runner(self, *schedules, **keys):
        lines = ["runner:", "  orchestrator:", *(f"    {key}: {value}" for key, value in keys.items())]
        lines += ["    schedules:", *(f"      - {{{entry}}}" for entry in schedules)]
        self.write("configs/runner.yaml", "\n".join(lines) + "\n")
        return "configs/runner.yaml"

    def problems(self, name="configs/runner.yaml"):
        """Everything wrong with a file, without this machine's folders."""
        with pytest.raises(ConfigError) as caught:
            self.load(name)
        assert caught.value.exit_code == 78
        return self.told(caught.value.problems)

    def warnings(self, name="configs/runner.yaml"):
        """What the dialect warns of."""
        return self.told(read(str(self.path / name), environ=self.folder.environ).problems.warnings)

    def told(self, problems):
        return "\n".join(problem.render() for problem in problems).replace(f"{self.path}/", "")

    def native(self, name):
        """The native document, as plain data."""
        return json.loads(to_json(read(str(self.path / name), environ=self.folder.environ).tree))


@pytest.fixture
def site(folder):
    return Site(folder)


def waits(task):
    """The waits before each retry of a task that always fails."""
    return [delay_s(task.retry, n) for n in range(1, task.retry.max_attempts)]


def config_of(project, task=0):
    return json.loads(project.tasks()[task].config)


HOURLY = 'name: hourly, config: /app/jobs/acme/job.yaml, cron: "0 * * * *"'
SCHEDULES = f"schedules: [{{{HOURLY}}}]"

# -- recognising ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("runner: {mode: orchestrated}", True),
        ("runner:", True),
        ("Runner: {}", True),
        ("mode: oneshot\norchestrator: {type: dagster}", True),
        ("schedules: [{name: a, config: a.yaml}]", True),
        ("schedules: [{name: a, cron: x}]", False),
        ("source_connector: stripe", True),
        ("target_connector: iceberg", True),
        ("tenant_id: acme\nasset: a", False),
        ("pipelines: {a: {module: m}}", False),
    ],
)
def test_D_027_a_file_is_known_by_its_runner_or_by_its_connectors(text, answer):
    assert dativo.recognises(parse(text.encode(), "f.yaml", Problems("f.yaml")), "f.yaml") is answer


def test_a_project_is_named_by_the_folder_above_configs_and_keeps_its_state_there(site):
    project = site.runner(HOURLY)
    assert project.dialect == "dativo"
    assert project.name == site.path.name
    assert project.store_url == f"sqlite:///{site.path}/state/tetra.db"
    assert project.logs.dir == f"{site.path}/logs"
    assert project.pythonpath == (f"{site.path}/connectors", str(site.path))


def test_a_runner_file_elsewhere_has_its_own_folder_as_root(site):
    site.write("runner.yaml", "runner: {orchestrator: {" + SCHEDULES + "}}\n")
    site.write("bindings.yaml", BINDINGS)
    assert site.load("runner.yaml").project.store_url == f"sqlite:///{site.path}/state/tetra.db"


# -- runner files ---------------------------------------------------------------------------------------------------


def test_D_036_each_schedule_is_a_pipeline_a_mode_and_a_native_schedule(site):
    site.runner(HOURLY, "name: sixth, config: /app/jobs/acme/job.yaml, interval_seconds: 21600")
    native = site.native("configs/runner.yaml")
    assert list(native["pipelines"]) == ["hourly", "sixth"]
    assert native["modes"] == {"hourly": ["hourly"], "sixth": ["sixth"]}
    assert native["schedules"]["hourly"]["cron"] == "0 * * * *"
    assert native["schedules"]["sixth"]["every"] == 21600


def test_D_035_a_schedule_with_cron_only_is_enabled_and_in_UTC(site):
    [schedule] = site.runner(HOURLY).schedules
    assert (schedule.mode, schedule.enabled, schedule.timezone) == ("hourly", True, "UTC")
    assert (schedule.overlap, schedule.max_concurrent_runs) == ("skip", None)  # which is one


def test_D_054_D_056_a_schedule_has_a_time_zone_of_its_own(site):
    entry = "name: a, config: /app/jobs/acme/job.yaml, interval_seconds: 3600, timezone: America/New_York"
    [schedule] = site.runner(entry).schedules
    assert (schedule.every_s, schedule.timezone) == (3600, "America/New_York")


def test_D_052_a_disabled_schedule_stays_visible_and_its_job_is_skipped(site):
    project = site.runner(HOURLY + ", enabled: false")
    assert [(s.name, s.enabled) for s in project.schedules] == [("hourly", False)]
    assert [(p.name, p.enabled) for p in project.pipelines] == [("hourly", False)]


def test_D_059_parallel_runs_of_a_schedule_are_limited(site):
    assert site.runner(HOURLY + ", max_concurrent_runs: 2").schedules[0].max_concurrent_runs == 2


def test_D_028_D_029_mode_and_type_have_defaults_and_no_other_values(site):
    site.write("configs/runner.yaml", "runner: {mode: foo, orchestrator: {type: airflow, " + SCHEDULES + "}}\n")
    assert site.problems() == textwrap.dedent("""\
        configs/runner.yaml:1:16: 'mode' must be 'orchestrated' or 'oneshot': 'foo'
          runner: {mode: foo, orchestrator: {type: airflow, schedules: [{name: hourly, config: /app/jobs/acme/job.yaml, cron: "0 * * * *"}]}}
                         ^
        configs/runner.yaml:1:42: 'type' must be 'dagster': 'airflow'
          runner: {mode: foo, orchestrator: {type: airflow, schedules: [{name: hourly, config: /app/jobs/acme/job.yaml, cron: "0 * * * *"}]}}
                                                   ^
          hint: write `type: dagster`, or leave it out: our own engine runs the jobs""")  # noqa: E501


def test_D_030_type_dagster_says_that_dagster_is_not_needed(site):
    site.write_runner(HOURLY, type="dagster")
    assert site.warnings() == textwrap.dedent("""\
        configs/runner.yaml:3:11: 'type: dagster' means our own engine, too: Dagster is neither needed nor started
              type: dagster
                    ^""")


def test_D_008_with_mode_oneshot_no_schedule_is_due_and_every_job_can_be_run(site):
    site.write("configs/runner.yaml", "runner:\n  mode: oneshot\n  orchestrator: {" + SCHEDULES + "}\n")
    project = site.load("configs/runner.yaml").project
    assert [(s.name, s.enabled) for s in project.schedules] == [("hourly", False)]
    assert [(p.name, p.enabled) for p in project.pipelines] == [("hourly", True)]
    assert site.warnings() == textwrap.dedent("""\
        configs/runner.yaml:2:3: with 'mode: oneshot' no schedule is due by itself
            mode: oneshot
            ^
          hint: `run` without --mode runs each enabled job once; `mode: orchestrated` lets schedules be due""")


@pytest.mark.parametrize("text", ["runner: {mode: orchestrated}\n", "runner: {orchestrator: {type: dagster}}\n"])
def test_D_031_missing_schedules_are_an_error(site, text):
    site.write("configs/runner.yaml", text)
    [message, *_, hint] = site.problems().splitlines()
    assert message.endswith(": the file has no 'runner.orchestrator.schedules'")
    assert hint == "  hint: list them there, each with name, config, and cron or interval_seconds"


def test_empty_schedules_are_an_error(site):
    site.write("configs/runner.yaml", "runner: {orchestrator: {schedules: []}}\n")
    assert site.problems() == textwrap.dedent("""\
        configs/runner.yaml:1:25: 'runner.orchestrator.schedules' is empty: there is nothing to run
          runner: {orchestrator: {schedules: []}}
                                  ^
          hint: list them there, each with name, config, and cron or interval_seconds""")


def test_D_037_a_name_stands_for_one_schedule(site):
    site.write_runner(HOURLY, HOURLY)
    assert site.problems() == textwrap.dedent("""\
        configs/runner.yaml:5:16: there is a second schedule 'hourly'
                - {name: hourly, config: /app/jobs/acme/job.yaml, cron: "0 * * * *"}
                         ^
          hint: rename one of the two""")


def test_D_039_D_054_cron_and_zone_are_checked_where_they_stand(site):
    site.write_runner(
        'name: a, config: /app/jobs/acme/job.yaml, cron: "0 24 * * *"',
        "name: b, config: /app/jobs/acme/job.yaml, interval_seconds: 60, timezone: Mars/Base",
    )
    told = site.problems()
    assert "configs/runner.yaml:4:58: the rule '0 24 * * *' cannot be read: bad hour" in told
    assert "configs/runner.yaml:5:84: there is no time zone 'Mars/Base'" in told


def test_D_049_cron_and_interval_exclude_each_other(site):
    site.write_runner(HOURLY + ", interval_seconds: 60")
    assert site.problems() == textwrap.dedent("""\
        configs/runner.yaml:4:94: the schedule 'hourly' has both 'cron' and 'interval_seconds'
                - {name: hourly, config: /app/jobs/acme/job.yaml, cron: "0 * * * *", interval_seconds: 60}
                                                                                                       ^
          hint: keep one of the two""")


@pytest.mark.parametrize(
    ("interval", "message"),
    [
        ("0", "'interval_seconds' must be at least 1: '0'"),
        ("-5", "'interval_seconds' must be at least 1: '-5'"),
    ],
)
def test_D_050_an_interval_is_a_whole_number_of_seconds(site, interval, message):
    site.write_runner(f"name: a, config: /app/jobs/acme/job.yaml, interval_seconds: {interval}")
    assert site.problems().splitlines()[0] == f"configs/runner.yaml:4:70: {message}"


@pytest.mark.parametrize(
    ("interval", "shown", "hint"),
    [
        ("'6h'", "6h", "write 21600"),
        ("30d", "30d", "write 2592000"),
        ("0.5s", "0.5s", "write 1"),
        ("six", "six", "write it in digits and without a unit, such as 60"),
    ],
)
def test_an_interval_with_a_unit_is_answered_with_its_seconds(site, interval, shown, hint):
    site.write_runner(f"name: a, config: /app/jobs/acme/job.yaml, interval_seconds: {interval}")
    message, *_, told = site.problems().splitlines()
    assert message == f"configs/runner.yaml:4:70: 'interval_seconds' must be a number of seconds: '{shown}'"
    assert told == f"  hint: {hint}"


def test_a_count_in_words_is_asked_for_in_digits(site):
    site.write_runner(HOURLY + ", max_concurrent_runs: '2x'", concurrency_per_tenant="one")
    assert site.problems() == textwrap.dedent("""\
        configs/runner.yaml:3:29: 'concurrency_per_tenant' is not a whole number: 'one'
              concurrency_per_tenant: one
                                      ^
          hint: write it in digits, such as 1
        configs/runner.yaml:5:97: 'max_concurrent_runs' is not a whole number: '2x'
                - {name: hourly, config: /app/jobs/acme/job.yaml, cron: "0 * * * *", max_concurrent_runs: '2x'}
                                                                                                          ^
          hint: write it in digits, such as 1""")


def test_schedules_directly_under_the_runner_are_told_where_they_belong(site):
    site.write("configs/runner.yaml", "runner:\n  mode: orchestrated\n  schedules: []\n  concurrency_per_tenant: 2\n")
    assert site.problems() == textwrap.dedent("""\
        configs/runner.yaml:3:3: 'schedules' belongs under 'orchestrator'
            schedules: []
            ^
          hint: write `orchestrator:` above it and indent it
        configs/runner.yaml:4:3: 'concurrency_per_tenant' belongs under 'orchestrator'
            concurrency_per_tenant: 2
            ^
          hint: write `orchestrator:` above it and indent it""")


SHAPE = (
    "put all of it under `runner:`, "
    'like `runner: {orchestrator: {schedules: [{name: NAME, config: FILE, cron: "0 * * * *"}]}}`'
)


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        (f"mode: orchestrated\norchestrator: {{{SCHEDULES}}}\n", 2, SHAPE),
        (f"orchestrator: {{{SCHEDULES}}}\n", 1, SHAPE),
        (f"Runner: {{orchestrator: {{{SCHEDULES}}}}}\n", 1, "write `runner:` for `Runner:`"),
        (f"runer: {{orchestrator: {{{SCHEDULES}}}}}\n", 1, "write `runner:` for `runer:`"),
    ],
    ids=["the parts of it at the top", "an orchestrator alone", "a capital letter", "a slip"],
)
def test_a_runner_file_without_its_runner_is_told_what_it_lacks(site, text, line, hint):
    site.write("configs/runner.yaml", text)
    shown = text.splitlines()[line - 1]
    assert site.problems() == (
        f"configs/runner.yaml:{line}:1: the file has no 'runner'\n  {shown}\n  ^\n  hint: {hint}"
    )


def test_a_list_of_schedules_alone_is_told_all_that_it_lacks(site):
    site.write("configs/runner.yaml", SCHEDULES + "\n")
    assert site.problems() == (
        f"configs/runner.yaml:1:1: the file has no 'runner'\n  {SCHEDULES}\n  ^\n  hint: {SHAPE}\n"
        f"configs/runner.yaml:1:1: 'schedules' belongs under 'orchestrator'\n  {SCHEDULES}\n  ^\n"
        "  hint: write `orchestrator:` above it and indent it"
    )


def test_what_is_wrong_within_a_misspelt_runner_is_told_as_well(site):
    site.write("configs/runner.yaml", f"Runner:\n  mod: oneshot\n  orchestrator: {{{SCHEDULES}}}\n")
    assert site.problems() == textwrap.dedent("""\
        configs/runner.yaml:1:1: the file has no 'runner'
          Runner:
          ^
          hint: write `runner:` for `Runner:`
        configs/runner.yaml:2:3: unknown key 'mod'
            mod: oneshot
            ^
          hint: did you mean 'mode'?""")


# -- where job files are --------------------------------------------------------------------------------------------


def test_D_026_the_containers_app_is_the_folder_above_configs(site):
    assert config_of(site.runner(HOURLY))["asset"] == "stripe_customers"


def test_D_026_bindings_may_map_paths_instead(site):
    site.write("else/acme/job.yaml", JOB.replace("stripe_customers", "mapped"))
    site.write("configs/bindings.yaml", BINDINGS + "path_map: {/app/jobs: ../else}\n")
    assert config_of(site.runner(HOURLY))["asset"] == "mapped"


def test_a_path_that_exists_is_taken_as_it_is(site):
    entry = f'name: a, config: {site.path}/jobs/acme/job.yaml, cron: "0 * * * *"'
    assert config_of(site.runner(entry))["asset"] == "stripe_customers"


def test_a_relative_path_starts_at_the_root(site):
    assert config_of(site.runner('name: a, config: jobs/acme/job.yaml, cron: "0 * * * *"'))["job"] == "a"


def test_a_job_file_of_two_schedules_is_told_of_once(site):
    site.write("jobs/acme/job.yaml", JOB + "retries: 3\n")
    site.write_runner(HOURLY, HOURLY.replace("name: hourly", "name: daily"))
    assert site.problems().count("unknown key 'retries'") == 1


def test_a_relative_path_that_leads_nowhere_is_told_with_where_it_starts(site):
    site.write_runner('name: a, config: ../jobs/acme/job.yaml, cron: "0 * * * *"')
    found = site.path.parent / "jobs/acme/job.yaml"
    assert site.problems().replace(str(site.path), "ROOT").replace(str(found), "FOUND") == textwrap.dedent("""\
        configs/runner.yaml:4:27: the schedule 'a' names the job file ../jobs/acme/job.yaml, and there is no such file
                - {name: a, config: ../jobs/acme/job.yaml, cron: "0 * * * *"}
                                    ^
          hint: looked for FOUND; a relative path starts at ROOT""")


def test_an_absolute_path_that_leads_nowhere_is_told_as_it_is(site):
    site.write_runner('name: a, config: /srv/jobs/j.yaml, cron: "0 * * * *"')
    assert site.problems().splitlines()[-1] == "  hint: looked for /srv/jobs/j.yaml"


@pytest.mark.parametrize("wrong", ["/app/jobs/acme/stripe_customer.yaml", "/app/jobs/acme/stripe_customers.yml"])
def test_a_job_file_of_a_similar_name_is_suggested(site, wrong):
    site.write("jobs/acme/stripe_customers.yaml", JOB)
    site.write_runner(f'name: a, config: {wrong}, cron: "0 * * * *"')
    assert site.problems().splitlines()[-1] == "  hint: did you mean '/app/jobs/acme/stripe_customers.yaml'?"


# -- tenants and tags -----------------------------------------------------------------------------------------------


def test_D_032_D_151_a_tenants_jobs_run_one_at_a_time(site):
    site.write("jobs/beta/job.yaml", JOB.replace("acme", "beta"))
    project = site.runner(HOURLY, HOURLY.replace("hourly", "other").replace("acme", "beta"))
    assert project.pools == (("tenant acme", 1), ("tenant beta", 1))
    assert [(task.tenant, task.pool) for task in project.tasks()] == [
        ("acme", (("tenant acme", 1),)),
        ("beta", (("tenant beta", 1),)),
    ]


def test_D_032_concurrency_per_tenant_lets_more_of_them_run(site):
    assert site.runner(HOURLY, concurrency_per_tenant=2).pools == (("tenant acme", 2),)
    assert site.native("configs/runner.yaml")["tenants"] == {"acme": {"concurrency": 2}}


def test_D_033_concurrency_per_tenant_is_at_least_one(site):
    site.write_runner(HOURLY, concurrency_per_tenant=0)
    assert site.problems() == textwrap.dedent("""\
        configs/runner.yaml:3:29: 'concurrency_per_tenant' must be at least 1: '0'
              concurrency_per_tenant: 0
                                      ^""")


def test_D_070_a_tenant_is_the_folder_under_jobs_unless_the_job_names_one(site):
    site.write("jobs/beta/bindings.yaml", BINDINGS)
    site.write("jobs/beta/job.yaml", JOB.replace("tenant_id: acme\n", ""))
    assert site.load("jobs/beta/job.yaml").project.tasks()[0].tenant == "beta"
    site.write("jobs/beta/job.yaml", JOB)
    assert site.load("jobs/beta/job.yaml").project.tasks()[0].tenant == "acme"


def test_a_job_without_a_tenant_is_refused(site):
    site.write("one/job.yaml", JOB.replace("tenant_id: acme\n", ""))
    assert site.problems("one/job.yaml") == textwrap.dedent("""\
        one/job.yaml:1:1: the job has no 'tenant_id', and its file is not in a folder jobs/TENANT
          source_connector: stripe
          ^
          hint: add `tenant_id: NAME`""")


def test_D_142_to_D_145_a_run_carries_automatic_tags_and_the_schedules_own(site):
    project = site.runner(HOURLY + ", tags: {environment: production}")
    tags = {
        "tenant": "acme",
        "job_name": "hourly",
        "connector_type": "stripe",
        "environment": "production",
    }
    assert dict(project.tasks()[0].tags) == tags
    assert dict(project.schedules[0].tags) == tags


def test_D_146_an_automatic_tag_wins_and_says_so(site):
    project = site.runner(HOURLY + ", tags: {tenant: x}")
    assert dict(project.tasks()[0].tags)["tenant"] == "acme"
    assert site.warnings() == textwrap.dedent("""\
        configs/runner.yaml:4:91: the tag 'tenant' is automatic and stays 'acme'
                - {name: hourly, config: /app/jobs/acme/job.yaml, cron: "0 * * * *", tags: {tenant: x}}
                                                                                                    ^
          hint: choose another name""")


def test_a_tag_that_is_no_text_is_told_of_once(site):
    site.write_runner(HOURLY + ", tags: {team: [a, b]}")
    assert site.problems() == textwrap.dedent("""\
        configs/runner.yaml:4:89: 'team' must be text, not a list
                - {name: hourly, config: /app/jobs/acme/job.yaml, cron: "0 * * * *", tags: {team: [a, b]}}
                                                                                                  ^""")


def test_an_automatic_tag_may_be_written_as_it_is(site):
    site.runner(HOURLY + ", tags: {tenant: acme}")
    assert site.warnings() == ""


# -- job files ------------------------------------------------------------------------------------------------------


def test_D_004_D_005_a_job_file_alone_is_the_mode_self_hosted(site):
    project = site.job()
    assert [p.name for p in project.pipelines] == ["job"]
    assert [m.name for m in project.modes] == ["job", "self_hosted"]
    assert project.schedules == ()


def test_a_job_is_named_by_its_file_in_letters_that_names_have(site):
    assert site.job(name="jobs/acme/my job (v2).yaml").pipelines[0].name == "my_job_v2_"


def test_a_job_file_becomes_the_configuration_of_our_task_type(site):
    project = site.job("schema_validation_mode: strict\nlogging: {redaction: false, level: WARNING}\n")
    assert project.tasks()[0].program == Typed("dativo_job")
    assert config_of(project) == {
        "job": "job",
        "tenant": "acme",
        "source_connector": "stripe",
        "target_connector": "iceberg",
        "asset": "stripe_customers",
        "validation": "strict",
        "redaction": False,
        "level": "WARNING",
        "root": ".",
        "source": {
            "call": f"{CALL}fake",
            "options": {"records": 1000, "invalid": 5, "files": 2},
            "secrets": [],
        },
        "target": {"call": f"{CALL}null_writer", "options": {}, "secrets": []},
    }


def test_D_071_D_078_validation_warns_and_secrets_are_masked_unless_said_otherwise(site):
    config = config_of(site.job())
    assert (config["validation"], config["redaction"], config["level"]) == ("warn", True, "INFO")


def test_D_071_logs_are_masked_unless_every_job_wants_them_plain(site):
    plain = "logging: {redaction: false}\n"
    assert site.job(plain).logs.redact is False
    assert site.job().logs.redact is True
    site.job(name="jobs/acme/masked.yaml")
    site.job(plain, name="jobs/acme/plain.yaml")
    one, other = (f'name: {name}, config: jobs/acme/{name}.yaml, cron: "0 * * * *"' for name in ("masked", "plain"))
    assert site.runner(one, other).logs.redact is True
    assert site.runner(other).logs.redact is False


def test_a_level_may_be_written_in_small_letters(site):
    assert config_of(site.job("logging: {level: debug}\n"))["level"] == "DEBUG"


def test_paths_are_relative_where_the_projects_root_is_the_folder_above_configs(site):
    site.runner(HOURLY)
    native = site.native("configs/runner.yaml")
    assert native["pythonpath"] == ["connectors", "."]
    assert native["pipelines"]["hourly"]["config"]["root"] == "."
    assert "state" not in native
    assert native["logs"] == {"format": "json"}


def test_D_016_paths_of_a_job_file_are_those_of_the_runner_file_beside_whose_folder_it_is(site):
    site.job()
    native = site.native("jobs/acme/job.yaml")
    assert native["pythonpath"] == ["connectors", "."]
    assert native["logs"] == {"format": "json"}
    assert "state" not in native


def test_paths_of_a_job_file_without_configs_are_absolute_for_its_project_is_its_own_folder(site):
    site.job()
    shutil.rmtree(site.path / "configs")
    native = site.native("jobs/acme/job.yaml")
    assert native["pythonpath"] == [f"{site.path}/connectors", str(site.path)]
    assert native["state"] == f"sqlite:///{site.path}/state/tetra.db"
    assert native["logs"] == {"format": "json", "dir": f"{site.path}/logs"}


def test_settings_of_a_job_win_over_those_of_the_binding(site):
    bound = '{call: "shop.stripe:read", options: {page: 100, since: "2026-01-01"}, secrets: [STRIPE_API_KEY]}'
    site.write("jobs/acme/bindings.yaml", f"connectors:\n  stripe: {bound}\n  iceberg: {{builtin: null_writer}}\n")
    config = config_of(site.job("source: {page: 50, tables: [a]}\n"))
    assert config["source"] == {
        "call": "shop.stripe:read",
        "options": {"page": 50, "since": "2026-01-01", "tables": ["a"]},
        "secrets": ["STRIPE_API_KEY"],
    }


def test_braces_in_a_job_file_are_no_references(site):
    project = site.job('source: {query: "{job.rows}"}\n')
    assert config_of(project)["source"]["options"]["query"] == "{{job.rows}}"


def test_D_085_exit_code_1_is_partial(site):
    assert site.job().tasks()[0].continue_on.exit_codes == (1,)


def test_a_variable_stays_a_reference_in_what_is_kept(site):
    site.folder.environ["KEY"] = "a-secret-value"
    site.write("jobs/acme/job.yaml", JOB + "source: {key: '${KEY}'}\n")
    loaded = site.load("jobs/acme/job.yaml")
    assert config_of(loaded.project)["source"]["options"]["key"] == "a-secret-value"
    assert "a-secret-value" not in loaded.document


def test_D_077_a_connector_without_a_binding_is_a_type_that_nobody_registers(site):
    site.write("jobs/acme/bindings.yaml", "connectors: {stripe: {builtin: fake}}\n")
    assert site.job().tasks()[0].program == Typed("iceberg")


def test_a_whole_job_may_be_bound_instead_of_its_connectors(site):
    site.write("jobs/acme/bindings.yaml", 'bindings: {job: {call: "shop:sync"}}\n')
    assert site.job().tasks()[0].program == Function("shop.sync")


# -- retries --------------------------------------------------------------------------------------------------------


def test_D_094_without_a_retry_config_nothing_is_retried(site):
    assert site.job().tasks()[0].retry.max_attempts == 1


def test_D_096_the_sample_job_waits_10_20_and_40_seconds(site):
    text = "retry_config: {max_retries: 3, initial_delay_seconds: 10, max_delay_seconds: 60, backoff_multiplier: 2.0}\n"
    assert waits(site.job(text).tasks()[0]) == [10, 20, 40]


def test_D_093_a_partial_block_has_the_samples_values_for_the_rest(site):
    retry = site.job("retry_config: {max_retries: 1}\n").tasks()[0].retry
    assert (retry.max_attempts, retry.delay_s, retry.max_delay_s, retry.backoff) == (2, 5, 300, 2)
    assert (retry.on_exit_codes, retry.on_output, retry.jitter) == ((1, 2), (), 0)


def test_D_089_no_wait_is_longer_than_the_cap(site):
    task = site.job("retry_config: {max_retries: 8}\n").tasks()[0]
    assert waits(task) == [5, 10, 20, 40, 80, 160, 300, 300]


def test_D_090_the_multiplier_is_the_growth_of_the_waits(site):
    task = site.job("retry_config: {backoff_multiplier: 3.0, initial_delay_seconds: 0.5}\n").tasks()[0]
    assert waits(task) == [0.5, 1.5, 4.5]


def test_D_091_D_101_only_listed_codes_and_matching_errors_are_retried(site):
    retry = (
        site.job("retry_config: {retryable_exit_codes: [2], retryable_error_patterns: [Rate limit .*]}\n")
        .tasks()[0]
        .retry
    )
    assert (retry.on_exit_codes, retry.on_output) == ((2,), ("Rate limit .*",))


def test_D_034_the_jobs_own_block_wins_as_a_whole_over_the_runners(site):
    site.write("jobs/acme/own.yaml", JOB + "retry_config: {max_retries: 3}\n")
    own = HOURLY.replace("hourly", "own").replace("job.yaml", "own.yaml")
    project = site.runner(HOURLY, own, retry_config="{max_retries: 1, initial_delay_seconds: 60}")
    assert [waits(task) for task in project.tasks()] == [[60], [5, 10, 20]]


def test_the_runners_retry_config_may_stand_above_the_orchestrator(site):
    site.write(
        "configs/runner.yaml",
        "runner: {retry_config: {max_retries: 1}, orchestrator: {" + SCHEDULES + "}}\n",
    )
    assert waits(site.load("configs/runner.yaml").project.tasks()[0]) == [5]


def test_two_retry_configs_of_a_runner_are_one_too_many(site):
    site.write(
        "configs/runner.yaml",
        "runner:\n  retry_config: {}\n  orchestrator:\n    retry_config: {}\n    " + SCHEDULES + "\n",
    )
    assert site.problems() == textwrap.dedent("""\
        configs/runner.yaml:4:5: a second 'retry_config' is here, the first one stands under 'runner'
              retry_config: {}
              ^
          hint: keep one of the two""")


def test_D_098_a_code_that_never_leads_to_a_retry_is_warned_of(site):
    project = site.job("retry_config:\n  retryable_exit_codes: [0, 2]\n")
    assert project.tasks()[0].retry.on_exit_codes == (2,)
    assert site.warnings("jobs/acme/job.yaml") == textwrap.dedent("""\
        jobs/acme/job.yaml:6:26: the exit code 0 has no effect: a job ends with 0, which is success, 1 or 2
            retryable_exit_codes: [0, 2]
                                   ^
          hint: leave it out""")


@pytest.mark.parametrize("codes", ["[]", "[0]", "[7]"])
def test_a_job_of_which_no_code_can_be_retried_has_one_attempt(site, codes):
    assert site.job(f"retry_config: {{retryable_exit_codes: {codes}}}\n").tasks()[0].retry.max_attempts == 1


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("max_retries: -1", "'max_retries' must be at least 0: '-1'"),
        ("initial_delay_seconds: -1", "'initial_delay_seconds' must be at least 0: '-1'"),
        ("initial_delay_seconds: 5s", "'initial_delay_seconds' must be a number of seconds: '5s'"),
        ("max_retries: three", "'max_retries' is not a whole number: 'three'"),
        ("max_delay_seconds: -1", "'max_delay_seconds' must be at least 0: '-1'"),
        ("backoff_multiplier: 0.5", "'backoff_multiplier' must be at least 1: '0.5'"),
        ("retryable_error_patterns: timeout", "'retryable_error_patterns' must be a list, not text: 'timeout'"),
    ],
)
def test_D_092_D_107_values_that_make_no_sense_are_refused(site, block, message):
    site.write("jobs/acme/job.yaml", JOB + f"retry_config:\n  {block}\n")
    assert site.problems("jobs/acme/job.yaml").splitlines()[0].partition(": ")[2] == message


# -- five files of users, each with mistakes ------------------------------------------------------------------------


def test_D_048_a_schedule_that_is_never_due(site):
    site.write(
        "configs/runner.yaml",
        """\
        runner:
          mode: orchestrated
          orchestrator:
            type: dagster
            schedules:
              - name: stripe_customers_hourly
                config: /app/jobs/acme/job.yaml
                crone: "0 * * * *"
        """,
    )
    assert site.problems() == textwrap.dedent("""\
        configs/runner.yaml:6:15: the schedule 'stripe_customers_hourly' has neither 'cron' nor 'interval_seconds'
                - name: stripe_customers_hourly
                        ^
          hint: write one of the two, such as `cron: "0 * * * *"` or `interval_seconds: 3600`
        configs/runner.yaml:8:9: unknown key 'crone'
                  crone: "0 * * * *"
                  ^
          hint: did you mean 'cron'?""")


def test_D_038_a_job_file_that_is_not_there(site):
    site.write_runner(HOURLY.replace("job.yaml", "stripe.yaml"), HOURLY.replace("hourly", "daily"))
    assert site.problems() == textwrap.dedent("""\
        configs/runner.yaml:4:32: the schedule 'hourly' names the job file /app/jobs/acme/stripe.yaml, and there is no such file
                - {name: hourly, config: /app/jobs/acme/stripe.yaml, cron: "0 * * * *"}
                                         ^
          hint: looked for jobs/acme/stripe.yaml; where /app is, bindings.yaml can say: `path_map: {/app: FOLDER}`""")  # noqa: E501


def test_D_069_a_job_without_its_target_is_told_of_in_its_own_file(site):
    site.write(
        "jobs/acme/job.yaml", "tenant_id: acme\nsource_connector: stripe\nasset: a\nretry_config: {max_retry: 3}\n"
    )
    site.write_runner(HOURLY)
    assert site.problems() == textwrap.dedent("""\
        jobs/acme/job.yaml:1:1: the file has no 'target_connector'
          tenant_id: acme
          ^
          hint: add `target_connector`: where records go, such as `target_connector: iceberg`
        jobs/acme/job.yaml:4:16: unknown key 'max_retry'
          retry_config: {max_retry: 3}
                         ^
          hint: did you mean 'max_retries'?""")


def test_D_105_a_pattern_that_is_no_regular_expression(site):
    site.write(
        "jobs/acme/job.yaml",
        JOB + 'retry_config:\n  max_retries: "3"\n  retryable_error_patterns: ["Rate limit (exceeded"]\n',
    )
    assert site.problems("jobs/acme/job.yaml") == textwrap.dedent("""\
        jobs/acme/job.yaml:6:16: 'max_retries' must be a whole number, not text in quotes: '3'
            max_retries: "3"
                         ^
          hint: remove the quotes
        jobs/acme/job.yaml:7:30: 'retryable_error_patterns[0]' is not a regular expression: missing ), unterminated subpattern at position 11: 'Rate limit (exceeded'
            retryable_error_patterns: ["Rate limit (exceeded"]
                                       ^
          hint: write \\\\ before a character that is meant as it is""")  # noqa: E501


def test_a_connector_that_cannot_play_its_part(site):
    site.write(
        "jobs/acme/bindings.yaml", "connectors:\n  stripe: {builtin: fake}\n  iceberg: {builtin: fake, rows: 3}\n"
    )
    assert site.problems("jobs/acme/job.yaml") == textwrap.dedent("""\
        jobs/acme/job.yaml:3:19: 'iceberg' is bound to 'fake', which is no target
          target_connector: iceberg
                            ^
          hint: in bindings.yaml: `connectors: {iceberg: {call: "module:function"}}`
        jobs/acme/bindings.yaml:3:28: unknown key 'rows'
            iceberg: {builtin: fake, rows: 3}
                                     ^
          hint: known here: call, check, builtin, records, invalid, files, options, secrets""")


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        ("{}", "'iceberg' must have either 'call' or 'builtin'"),
        ('{call: "a:b", builtin: fake}', "'iceberg' must have either 'call' or 'builtin'"),
        ('{call: "a:b", files: 2}', "'iceberg' has records, invalid, files only with `builtin: fake`"),
    ],
)
def test_a_binding_is_a_function_of_the_users_or_one_of_ours(site, bound, message):
    site.write("jobs/acme/bindings.yaml", f"connectors:\n  stripe: {{builtin: fake}}\n  iceberg: {bound}\n")
    assert site.problems("jobs/acme/job.yaml").splitlines()[0] == f"jobs/acme/bindings.yaml:3:12: {message}"
