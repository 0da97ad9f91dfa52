"""A crontab as a native document that does what cron does, and the list of what does not translate."""

from __future__ import annotations

import subprocess
import textwrap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tetra_orchestrator.config.crontab import Untranslated, translate
from tetra_orchestrator.config.job_names import job_name
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.config.native_text import to_text
from tetra_orchestrator.core.model import Command, Shell
from tetra_orchestrator.core.template import render_shell
from tetra_orchestrator.errors import ConfigError

ENVIRON = {"PATH": "/usr/bin:/bin", "HOME": "/home/me"}


def translated(text, **options):
    return translate(textwrap.dedent(text), "home", **options)


def document(text, **options):
    return translated(text, **options).document


def left(text, **options):
    return [(one.line, one.reason) for one in translated(text, **options).untranslated]


def loaded(tmp_path, text, **options):
    """The project that the translation describes."""
    file = tmp_path / "f.yaml"
    file.write_text(to_text(document(text, **options)), encoding="utf-8")
    return load_project(str(file), environ=ENVIRON, check_modules=False).project


def line_of(tmp_path, command):
    """What /bin/sh is given for a cron command."""
    (task,) = loaded(tmp_path, f"0 0 * * * {command}\n").tasks()
    line, variables = render_shell(task.program.line, lambda reference: pytest.fail(str(reference)))
    assert variables == {}
    return line


def test_a_job_becomes_a_pipeline_with_a_shell_line_and_a_schedule_with_its_rule():
    assert document("15 2 * * 1-5  /usr/local/bin/dump.sh --all >/tmp/log 2>&1\n") == {
        "version": 1,
        "project": "home",
        "timezone": "local",
        "env": {"inherit": "base"},
        "pipelines": {"dump": {"shell": "/usr/local/bin/dump.sh --all >/tmp/log 2>&1", "cwd": "${HOME:-/}"}},
        "schedules": {"dump": {"pipelines": ["dump"], "cron": "15 2 * * 1-5", "catch_up": "none"}},
    }


def test_the_project_of_a_translation_is_what_the_crontab_says(tmp_path):
    project = loaded(
        tmp_path,
        """\
        PATH=/opt/bin:/usr/bin
        CRON_TZ=Europe/Paris
        0 6 * * * a.sh
        """,
    )
    (schedule,) = project.schedules
    assert (schedule.cron, schedule.timezone, schedule.catch_up) == ("0 6 * * *", "Europe/Paris", "none")
    assert schedule.pipelines == ("a",)
    assert project.environment.extra == (("PATH", "/opt/bin:/usr/bin"),)
    assert project.environment.inherit == "base"
    (task,) = project.tasks()
    assert (task.program, task.cwd) == (Shell("a.sh"), "/home/me")


@pytest.mark.parametrize("rule", ["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"])
def test_the_short_names_of_rules_stay(rule):
    assert document(f"{rule} x\n")["schedules"]["x"]["cron"] == rule


def test_reboot_becomes_a_schedule_that_is_due_when_the_machine_starts(tmp_path):
    text = "@reboot /opt/agent/serve\n"
    assert document(text)["schedules"] == {"serve": {"pipelines": ["serve"], "on_startup": True}}
    (schedule,) = loaded(tmp_path, text).schedules
    assert (schedule.on_startup, schedule.cron) == (True, None)


def test_the_comment_above_a_job_describes_it():
    pipelines = document(
        """\
        # m h  dom mon dow   command

        # Nightly dump
        # of the shop
        0 2 * * * dump

        # about nothing

        # ------
        0 3 * * * other
        # 0 4 * * * off
        @daily third
        """
    )["pipelines"]
    assert {name: pipeline.get("description") for name, pipeline in pipelines.items()} == {
        "dump": "Nightly dump\nof the shop",
        "other": None,
        "third": None,
    }


def test_variables_hold_for_the_jobs_below_them_and_common_ones_are_the_project_s():
    found = document(
        """\
        PATH=/usr/bin
        LEVEL = "1"
        0 1 * * * a
        LEVEL=2
        NAME='x y'
        0 2 * * * b
        """
    )
    assert found["env"] == {"inherit": "base", "set": {"PATH": "/usr/bin"}}
    assert {name: pipeline["env"] for name, pipeline in found["pipelines"].items()} == {
        "a": {"LEVEL": "1"},
        "b": {"LEVEL": "2", "NAME": "x y"},
    }


def test_nothing_is_expanded_in_a_variable_as_in_cron(tmp_path):
    text = "A=${HOME}/x\nB={params.x}\n0 1 * * * a\n"
    project = loaded(tmp_path, text)
    assert project.environment.extra == (("A", "${HOME}/x"),)
    assert project.tasks()[0].env == (("B", "{{params.x}}"),)


def test_another_shell_gets_the_line_as_its_argument(tmp_path):
    (task,) = loaded(tmp_path, "SHELL=/bin/bash\n0 1 * * * [[ -f ${X} ]] && a {a.b}\n").tasks()
    assert task.program == Command(("/bin/bash", "-c", "[[ -f $${{X}} ]] && a {{a.b}}".replace("$$", "$")))


def test_home_is_where_jobs_start():
    pipelines = document("0 1 * * * a\nHOME=/srv/shop\n0 2 * * * b\n")["pipelines"]
    assert {name: pipeline["cwd"] for name, pipeline in pipelines.items()} == {"a": "${HOME:-/}", "b": "/srv/shop"}


def test_mailto_becomes_a_channel_that_is_told_when_the_job_fails():
    found = document('MAILTO=ops@example.org, me@example.org\n0 1 * * * a\nMAILTO=""\n0 2 * * * b\n')
    assert found["alerting"] == {
        "channels": {
            "email": {
                "type": "email",
                "recipients": ["ops@example.org", "me@example.org"],
                "smtp_server": "localhost",
                "smtp_port": 25,
                "security": "none",
            }
        }
    }
    assert found["pipelines"]["a"]["on_failure"] == {"notify": ["email"]}
    assert "on_failure" not in found["pipelines"]["b"]
    assert "MAILTO" not in str(found["env"])


def test_a_random_delay_becomes_the_schedule_s_jitter():
    assert document("RANDOM_DELAY=30\n0 1 * * * a\n")["schedules"]["a"]["jitter"] == "30m"


def test_what_stands_behind_a_percent_sign_is_given_to_the_command_as_input(tmp_path):
    line = line_of(tmp_path, r"cat; echo 5\% # sure%one%two\%%END_OF_INPUT")
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == "one\ntwo%\nEND_OF_INPUT\n5%\n"


@pytest.mark.parametrize(
    "command",
    [
        "echo ${HOME}",
        "echo ${x:-{a.b}}",
        "docker ps --format '{{.Names}}'",
        "awk '{print $1}' {a.b} }} {{",
        "echo $${X}",
    ],
)
def test_a_command_reaches_the_shell_as_it_stood_in_the_crontab(tmp_path, command):
    assert line_of(tmp_path, command) == command


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0 12 * * * a", "six fields: rules here have minute, hour, day of month, month and day of week"),
        ("0 0 31 2 * a", "the rule '0 0 31 2 *' is never due"),
        ("@every_minute a", "the rule '@every_minute' is not known"),
        ("0 0 * * a", "this is neither a job, NAME=value nor a comment"),
        ("0 0 * * * %a", "there is no command"),
        ("0 0 * * * a\0", "it holds bytes that are not UTF-8, or a NUL character"),
        ("0 0 * * * a\udcff", "it holds bytes that are not UTF-8, or a NUL character"),
        ("A-B=1", "'A-B' is not the name of a variable"),
        ("CRON_TZ=Mars/Olympus", "there is no time zone 'Mars/Olympus'"),
        ("RANDOM_DELAY=soon", "RANDOM_DELAY is a number of minutes"),
        ("HOME=", "HOME is not a folder that a job can start in"),
        ("LOGNAME=root", "cron lets no crontab change LOGNAME"),
        ("MAILTO=me\b", "MAILTO is not one line of addresses"),
        ("MAILFROM=me@example.org", "MAILFROM is about the mail that cron writes"),
        ("MAILTO=me", "cron mails whatever a job prints; here it is told of failures, by the server on this host"),
    ],
)
def test_what_does_not_translate_is_told_with_its_line_and_the_reason(line, reason):
    found = translate(f"# first\n{line}\n0 1 * * * ok\n", "home")
    assert found.untranslated == (Untranslated(2, line, reason),)
    assert list(found.document["pipelines"]) == ["ok"]


def test_the_legend_of_a_distribution_s_crontab_describes_no_job():
    text = """\
        # Example of job definition:
        # .---------------- minute (0 - 59)
        # |  .------------- hour (0 - 23)
        # *  *  *  *  * user-name command to be executed
        17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly
        """
    found = document(text, user="root")["pipelines"]
    assert found == {"cron_hourly": {"shell": "cd / && run-parts --report /etc/cron.hourly", "cwd": "${HOME:-/}"}}


def test_of_the_machine_s_crontab_only_the_jobs_of_the_user_are_translated():
    text = """\
        # m h dom mon dow user  command
        17 *  * * *  me    cd / && run-parts --report /etc/cron.hourly
        25 6  * * *  root  /usr/sbin/backup
        """
    assert list(document(text, user="me")["pipelines"]) == ["cron_hourly"]
    assert left(text, user="me") == [(3, "it runs as 'root', and a run here as 'me'")]
    by_place = translated("0 1 * * * me a\n", user="me", where="/etc/cron.d/x").document
    assert by_place["pipelines"]["a"]["shell"] == "a"


def test_a_crontab_without_a_job_is_refused_with_every_reason():
    with pytest.raises(ConfigError) as caught:
        translated("MAILTO=me\nnonsense\n", where="x.cron")
    assert str(caught.value) == (
        "x.cron: there is no job to translate\n"
        "  line 1: cron mails whatever a job prints; here it is told of failures, by the server on this host\n"
        "  line 2: this is neither a job, NAME=value nor a comment\n"
        "  hint: name another file"
    )
    assert caught.value.exit_code == 78


def test_names_are_unique_without_regard_to_case():
    assert list(document("0 1 * * * a\n0 2 * * * A\n0 3 * * * a\n")["pipelines"]) == ["a", "A_2", "a_3"]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/bin/env python3 -m reports.hourly --all", "reports_hourly"),
        ("cd /srv/shop && ./bin/dump.sh", "dump"),
        ("sudo -u www-data php /var/www/artisan schedule:run", "artisan"),
        ("flock -n /tmp/x.lock nice -n 10 timeout 5m ./sync.py", "sync"),
        ("test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }", "cron_daily"),
        ("A=b LANG=C certbot -q renew", "certbot"),
        ("bash -c 'x y'", "bash"),
        ("run.sh", "run_job"),
        ("./params", "params_job"),
        ("%%%", "job"),
        ("x" * 200, "x" * 40),
    ],
)
def test_a_job_is_named_after_the_program_that_it_is_about(command, name):
    assert job_name(command) == name


RULES = st.sampled_from(
    ["* * * * *", "0 0 * * *", "*/5 1-3 1,2 jan mon", "@daily", "@reboot", "-0 0 * * 7", "0 0 30 2 *"]
)
SETTINGS = st.sampled_from(["PATH", "MAILTO", "SHELL", "HOME", "CRON_TZ", "RANDOM_DELAY", "X", "A B", "USER", "'Q'"])
ANYTHING = st.text(st.characters(codec=None), max_size=30)
LINES = st.one_of(
    ANYTHING,
    st.builds("{} {}".format, RULES, ANYTHING),
    st.builds("{}={}".format, SETTINGS, ANYTHING),
    st.builds("# {}".format, ANYTHING),
    st.sampled_from(["0 1 * * * a {a.b} ${X} 50\\% %in%put", 'MAILTO="a@b.c,d"', "SHELL=/bin/bash", "HOME=/srv/{x}"]),
)


@given(lines=st.lists(LINES, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_gives_a_valid_file_or_a_clear_error(tmp_path, lines):
    found, refusal = attempted("\n".join(lines))
    if found is None:
        assert refusal.startswith("there is no job to translate")
        return
    notes = [f"{one.line} {one.reason} {one.text}" for one in found.untranslated]
    file = tmp_path / "f.yaml"
    file.write_text(to_text(found.document, notes, notes), encoding="utf-8")
    project = load_project(str(file), environ=ENVIRON, check_modules=False).project
    assert len(project.pipelines) == len(project.schedules) > 0


def attempted(text):
    """The translation or the message that there is none."""
    try:
        return translate(text, "home", user="me"), None
    except ConfigError as error:
        return None, error.message
