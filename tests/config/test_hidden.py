"""Secret values of a configuration: which they are, where they may not stand, and that nothing shows them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tetra_orchestrator.config import cache
from tetra_orchestrator.config.hidden import Secrets

if TYPE_CHECKING:
    from pathlib import Path

    from config.configs import Folder

ONE = "pipelines: {a: {module: m}}\n"


def secrets(folder: Folder, text: str, **environ: str) -> tuple[str, ...]:
    folder.environ.update(environ)
    return folder.native(text).secrets


def test_a_declared_secret_that_is_used_is_one_and_one_that_is_not_used_is_not_even_looked_up(folder: Folder) -> None:
    folder.write("s3cret-code\n", "code")
    text = "secrets: {CODE: {file: code}, OTHER: {command: ['false']}}\n"
    assert secrets(folder, text + ONE) == ()
    assert secrets(folder, text + "pipelines: {a: {module: m, env: {A: 'x${CODE}'}}}") == ("s3cret-code",)


def test_a_variable_with_the_name_of_a_secret_is_one_wherever_it_is_used(folder: Folder) -> None:
    text = 'title: "of ${API_TOKEN} and ${REGION}"\n' + ONE
    assert secrets(folder, text, API_TOKEN="t0ken-t0ken", REGION="europe") == ("t0ken-t0ken",)


def test_a_variable_is_one_under_a_key_that_says_so_whatever_its_own_name(folder: Folder) -> None:
    text = "pipelines: {a: {module: m, config: {db: {password: '${PLAIN}', host: '${HOST}'}}}}"
    assert secrets(folder, text, PLAIN="hunter2hunter2", HOST="db.example.org") == ("hunter2hunter2",)


def test_of_an_address_only_the_password_is_one(folder: Folder) -> None:
    text = ONE + "env: {set: {DB: 'postgresql://${DB_USER}:${DB_PASSWORD}@${DB_HOST}/x'}}"
    assert secrets(folder, text, DB_USER="somebody", DB_PASSWORD="hunter2", DB_HOST="example.org") == ("hunter2",)


def test_what_a_shell_line_names_is_one(folder: Folder) -> None:
    text = "pipelines: {a: {shell: 'curl -u \"${MY_SECRET}\" x'}}"
    assert secrets(folder, text, MY_SECRET="abc-abc") == ("abc-abc",)


def test_a_variable_that_is_passed_on_is_one_if_its_name_says_so(folder: Folder) -> None:
    text = ONE + "env: {inherit: base, pass: [GITHUB_TOKEN, REGION, ABSENT_TOKEN]}"
    assert secrets(folder, text, GITHUB_TOKEN="ghp_123456", REGION="europe") == ("ghp_123456",)


def test_dotenv_gives_secrets_too_and_a_default_is_none(folder: Folder) -> None:
    folder.write("API_KEY='from dotenv'\n", ".env")
    assert secrets(folder, "title: '${API_KEY}${DB_PASSWORD:-postgres}'\n" + ONE) == ("from dotenv",)


def test_a_value_that_is_used_often_is_there_once_with_its_lines(folder: Folder) -> None:
    folder.write("-----BEGIN-----\nabc\n-----END-----\n", "key")
    text = "secrets: {A: {file: key}, B: {file: key}}\ntitle: '${A}${B}${A}'\n" + ONE
    assert secrets(folder, text) == ("-----BEGIN-----\nabc\n-----END-----",)


def test_secrets_of_another_dialect_are_known_by_name_and_by_where_they_come_to_stand(folder: Folder) -> None:
    folder.environ.update(SLACK_WEBHOOK="https://hooks.example.org/1", MAIL="smtp.example.org")
    loaded = folder.load(
        "tasks: {a: {}}\nnotifications: {slack: {webhook_url: '${SLACK_WEBHOOK}'}, "
        "email: {smtp_server: '${MAIL}', recipients: [a@b.example]}}\n"
    )
    assert (loaded.project.dialect, loaded.secrets) == ("recomart", ("https://hooks.example.org/1",))


def test_a_short_secret_is_not_masked_and_its_name_is_told(folder: Folder) -> None:
    folder.environ["API_KEY"] = "abcde"
    loaded = folder.native("pipelines: {a: {module: m, env: {A: '${API_KEY}', B: '${API_KEY}'}}}")
    assert loaded.secrets == ()
    (warning,) = loaded.warnings
    assert warning.render().replace(f"{folder.path}/", "") == (
        "f.yaml:3:37: the value of API_KEY is too short to be masked in logs\n"
        "  pipelines: {a: {module: m, env: {A: '${API_KEY}', B: '${API_KEY}'}}}\n"
        "                                      ^\n"
        "  hint: give it at least 6 characters, or have no task print it"
    )


@pytest.mark.parametrize("source", ["{file: empty}", "{command: ['true']}"])
def test_fault_92_a_declared_secret_that_is_empty_is_an_error(folder: Folder, source: str) -> None:
    folder.write("\n", "empty")
    found = folder.faults(f"secrets: {{KEY: {source}}}\npipelines: {{a: {{module: m, env: {{A: '${{KEY}}'}}}}}}")
    assert found.splitlines()[0] == "f.yaml:3:11: the secret KEY cannot be had: it is empty"


def test_fault_92_a_variable_with_the_name_of_a_secret_that_is_empty_is_an_error_unless_it_may_be(
    folder: Folder,
) -> None:
    folder.environ["API_KEY"] = ""
    assert folder.faults("pipelines: {a: {module: m, env: {A: '${API_KEY}'}}}") == (
        "f.yaml:3:37: the secret API_KEY is empty\n"
        "  pipelines: {a: {module: m, env: {A: '${API_KEY}'}}}\n"
        "                                      ^\n"
        "  hint: set it, or write ${API_KEY:-} where it may be empty"
    )
    loaded = folder.native("pipelines: {a: {module: m, env: {A: '${API_KEY:-}'}}}")
    assert (loaded.project.tasks()[0].env, loaded.secrets) == ((("A", ""),), ())


def test_fault_92_a_secret_may_have_lines_and_no_nul(folder: Folder) -> None:
    folder.write(b"one\0two", "nul")
    found = folder.faults("secrets: {KEY: {file: nul}}\npipelines: {a: {module: m, env: {A: '${KEY}'}}}")
    assert "the secret KEY cannot be had: it holds a NUL character, which no program can be given" in found


@pytest.mark.parametrize(
    "place",
    [
        "pipelines: {a: {command: [x, '-k${CODE}']}}",
        "pipelines: {a: {command: [x], args: ['${CODE}']}}",
        "pipelines: {a: {module: 'm${CODE}'}}",
        "pipelines: {a: {shell: 'x ${CODE}'}}",
        "pipelines: {a: {tasks: {b: {command: [x, '${CODE}']}}}}",
        "pipelines: {a: {command: [x]}}\nmodes: {m: [{a: ['${CODE}']}]}",
        "pipelines: {a: {command: [x]}}\nmodes: {m: {pipelines: [{a: ['${CODE}']}]}}",
    ],
)
def test_a_declared_secret_among_the_arguments_of_a_process_is_refused(folder: Folder, place: str) -> None:
    folder.write("s3cret-code", "code")
    found = folder.faults(f"secrets: {{CODE: {{file: code}}}}\n{place}")
    first, *_, hint = found.splitlines()
    assert first.endswith(": CODE is a secret, and everybody on the machine can read a process's arguments")
    assert hint == '  hint: give it in `env: {CODE: "${CODE}"}` and read it there; a `shell` line reads "$CODE"'
    assert "s3cret" not in found


def test_a_shell_line_reads_a_secret_that_is_given_to_it(folder: Folder) -> None:
    folder.write("s3cret-code", "code")
    text = "secrets: {CODE: {file: code}}\npipelines: {a: {shell: 'x \"$CODE\" $${CODE}', env: {CODE: '${CODE}'}}}"
    loaded = folder.native(text)
    assert (loaded.warnings, loaded.secrets) == ((), ("s3cret-code",))


def test_what_only_looks_like_a_secret_may_be_an_argument_and_is_told(folder: Folder) -> None:
    folder.environ.update(API_KEY="abc-abc-abc", REGION="eu")
    loaded = folder.native("pipelines: {a: {command: [x, '${REGION}'], args: [--key, '${API_KEY}']}}")
    assert loaded.project.tasks()[0].args == ("--key", "abc-abc-abc")
    assert [(each.code, each.message) for each in loaded.warnings] == [
        (
            "secret_in_arguments",
            "API_KEY looks like a secret, and everybody on the machine can read a process's arguments",
        )
    ]


def test_nothing_that_is_printed_or_kept_of_them_shows_a_value(folder: Folder, tmp_path: Path) -> None:
    assert repr(Secrets(("hunter2hunter2",))) == "<1 secrets>"
    folder.environ.update(TOKEN="t0ken-t0ken", MY_TOKEN="passed-on")
    text = "version: 1\nproject: p\nenv: {pass: [MY_TOKEN]}\n" + ONE.replace("module: m", "command: [x]")
    for _ in range(2):
        assert cache.load(folder.write(text), environ=folder.environ).secrets == ("passed-on",)
    kept = list((tmp_path / "state" / "cache").iterdir())
    assert len(kept) == 1
    assert b"passed-on" not in kept[0].read_bytes()
    for value in ("first-value", "other-value"):
        environ = {**folder.environ, "TOKEN": value}
        loaded = cache.load(folder.write(text + "title: '${TOKEN}'\n"), environ=environ)
        assert loaded.secrets == (value, "passed-on")
        assert value not in loaded.document
    assert not any(b"-value" in file.read_bytes() for file in (tmp_path / "state" / "cache").iterdir())


def test_what_is_wrong_with_a_value_is_told_without_it(folder: Folder) -> None:
    folder.environ["PLAIN"] = "hunter2hunter2"
    text = "pipelines: {a: {module: m, config: {password: '${PLAIN}'}, priority: '${PLAIN}'}}"
    found = folder.faults(text)
    assert "hunter2" not in found
    assert "'priority'" in found
    assert os.linesep in found
