"""What a project needs around it, how what was found is judged, and what a timer's job misses that your shell has."""

from __future__ import annotations

import pytest

from support.builders import pipeline, project, task, utc
from tetra_orchestrator.core.diagnosis import Diagnosis
from tetra_orchestrator.core.model import Command, Environment, Shell
from tetra_orchestrator.core.needed import Needs, Place, Program, needed
from tetra_orchestrator.core.premises import premises
from tetra_orchestrator.core.surroundings import Found, Interpreter, Surroundings, Zone, compare

NOW = utc(2026, 3, 1, 20)
BREW = "/opt/homebrew/bin"
PYTHON = "/p/.venv/bin/python"
NEEDS = Needs(
    root="/p",
    programs=(Program("load", "psql", "/p", None, "/p/.venv/bin"),),
    places=(Place("state", "/p/state", writable=True), Place("cwd", "/Users/ada/Documents/feeds")),
    interpreters=(PYTHON,),
    variables=("API_KEY",),
    tz=None,
)
BERLIN = Zone(None, None, "Europe/Berlin", "b")
SHELL = Surroundings(
    platform="linux",
    names=frozenset({"API_KEY", "PATH"}),
    values={"PATH": f"{BREW}:/usr/bin:/bin", "USER": "ada"},
    cwd="/Users/ada",
    root="/p",
    umask=0o022,
    zone=BERLIN,
    locale="en_US.UTF-8",
    programs=(f"{BREW}/psql",),
    places=(
        Found("/p/state", True, owner="ada", free_bytes=10 << 30),
        Found("/Users/ada/Documents/feeds", True, owner="ada", free_bytes=10 << 30),
    ),
    interpreters=(Interpreter(PYTHON, "/p/.venv", (PYTHON, "/usr/bin/python3", "/usr/bin"), True, None),),
    package=True,
    synchronised=True,
)
JOB = SHELL._replace(cwd="/p", values={"PATH": "/usr/bin:/bin"})


def seen(**changes: object) -> list[Diagnosis]:
    """What is said of a job that differs from your shell in this alone."""
    return compare(NEEDS, SHELL, JOB._replace(**changes))


def place(number: int, **changes: object) -> dict[str, object]:
    """The places, of which one differs."""
    places = list(SHELL.places)
    places[number] = places[number]._replace(**changes)
    return {"places": tuple(places)}


def of_shell(code: str, needs: Needs = NEEDS, **changes: object) -> list[Diagnosis]:
    """What is said of your shell itself under this code."""
    return [each for each in premises(needs, SHELL._replace(**changes), NOW) if each.code == code]


def test_a_job_that_finds_what_the_shell_finds_is_not_told_of() -> None:
    assert seen() == []


def test_a_program_that_only_the_shell_s_path_has_is_an_error_with_both_ways_out() -> None:
    assert seen(programs=(None,)) == [
        Diagnosis(
            "path_missing",
            "error",
            "psql of load is /opt/homebrew/bin/psql in your shell; the job does not find it on its PATH /usr/bin:/bin",
            "write /opt/homebrew/bin/psql in the file, or give tasks its folder:"
            ' env: {set: {PATH: "/opt/homebrew/bin:/usr/bin:/bin"}}',
        )
    ]


def test_another_program_of_the_same_name_is_a_warning() -> None:
    assert seen(programs=("/usr/bin/psql",)) == [
        Diagnosis(
            "program_differs",
            "warning",
            "psql of load is /opt/homebrew/bin/psql in your shell, and /usr/bin/psql in the job",
            "write /opt/homebrew/bin/psql in the file, or give tasks its folder:"
            ' env: {set: {PATH: "/opt/homebrew/bin:/usr/bin:/bin"}}',
        )
    ]


def test_a_program_that_the_shell_does_not_find_either_is_no_difference() -> None:
    assert compare(NEEDS, SHELL._replace(programs=(None,)), JOB._replace(programs=(None,))) == []


def test_a_variable_of_the_file_that_only_the_shell_has_is_a_warning() -> None:
    assert seen(names=frozenset({"PATH"})) == [
        Diagnosis(
            "env_missing",
            "warning",
            "the file names API_KEY, which your shell has and the job has not",
            "put it into .env beside the file, or a value into it: env: {set: {API_KEY: ...}}",
        )
    ]


def test_a_folder_that_is_denied_is_told_with_the_rights_to_give() -> None:
    assert seen(**place(1, there=True, fault="EACCES", text="Permission denied")) == [
        Diagnosis(
            "folder_denied",
            "error",
            "/Users/ada/Documents/feeds (cwd) is there, and the job may not use it: Permission denied",
            "give the user of the job the right to it, or `timers: {sandbox: none}` where the sandbox is in the way",
        )
    ]


def test_on_a_mac_a_folder_that_is_denied_is_told_with_the_privacy_settings() -> None:
    denied = place(1, there=True, fault="EPERM", text="Operation not permitted")
    (found,) = seen(platform="darwin", **denied)
    assert found.code == "folder_denied"
    assert found.remedy == (
        "move the project out of Documents, Desktop, Downloads and iCloud, or give /p/.venv/bin/python Full Disk Access"
        " in System Settings, Privacy & Security"
    )


def test_a_folder_that_is_not_there_is_told_apart_from_one_that_is_denied() -> None:
    assert seen(**place(1, there=False, fault="ENOENT", text="No such file or directory")) == [
        Diagnosis(
            "folder_missing",
            "error",
            "/Users/ada/Documents/feeds (cwd) is there in your shell, and not in the job",
            "have it mounted when the machine starts: an encrypted home or a share may be there only for you",
        )
    ]


def test_a_folder_of_ours_that_the_job_would_have_to_make_anew_is_missing() -> None:
    assert [each.code for each in seen(**place(0, there=False))] == ["folder_missing"]


def test_a_folder_on_what_the_job_may_only_read_is_told_with_the_cause() -> None:
    assert seen(**place(0, fault="EROFS", text="Read-only file system")) == [
        Diagnosis(
            "folder_unwritable",
            "error",
            "/p/state (state) cannot be used in the job: Read-only file system",
            "allow it in the unit, or keep it in another folder",
        )
    ]


def test_an_interpreter_that_the_job_cannot_execute_is_an_error() -> None:
    (one,) = SHELL.interpreters
    assert seen(interpreters=(one._replace(usable=False),)) == [
        Diagnosis(
            "interpreter_missing",
            "error",
            "/p/.venv/bin/python can be executed in your shell, and not in the job",
            "put it where jobs may read: below no folder that is private or mounted only for your session",
        )
    ]


def test_an_interpreter_without_us_in_it_is_an_error() -> None:
    assert seen(package=False) == [
        Diagnosis(
            "package_missing",
            "error",
            "/p/.venv/bin/python cannot import tetra_orchestrator in the job",
            "install it there: /p/.venv/bin/python -m pip install tetra-orchestrator; timers have no PYTHONPATH",
        )
    ]


def test_a_job_that_starts_elsewhere_is_an_error() -> None:
    assert seen(cwd="/") == [
        Diagnosis(
            "cwd",
            "error",
            "the job starts in / instead of /p",
            "write the timers anew: tetra schedule apply",
        )
    ]


def test_zones_differ_by_their_rules_and_not_by_their_names() -> None:
    assert seen(zone=Zone("Europe/Berlin", "b", "UTC", "u")) == []
    assert seen(zone=Zone(None, None, "UTC", "u")) == [
        Diagnosis(
            "zone_differs",
            "warning",
            "the time zone is Europe/Berlin in your shell, and UTC in the job",
            "name it in the file: timezone: Europe/Berlin, and for tasks env: {set: {TZ: Europe/Berlin}}",
        )
    ]


@pytest.mark.parametrize(("umask", "severity"), [(0o077, "ok"), (0o002, "warning"), (0o000, "warning")])
def test_a_umask_that_allows_more_than_the_shell_s_is_a_warning(umask: int, severity: str) -> None:
    assert seen(umask=umask) == [
        Diagnosis(
            "umask_differs",
            severity,
            f"the umask is 022 in your shell, and {umask:03o} in the job",
            "a task whose files others read sets its own: shell: 'umask 022; ...'",
        )
    ]


def test_another_locale_is_only_told() -> None:
    assert seen(locale="C") == [
        Diagnosis(
            "locale_differs",
            "ok",
            "the locale is en_US.UTF-8 in your shell, and C in the job",
            "where sorting or texts depend on it: env: {set: {LC_ALL: en_US.UTF-8}}",
        )
    ]


# What the shell itself stands on.


def interpreter(*written: str, venv: str | None = None, **changes: object) -> dict[str, object]:
    return {"interpreters": (Interpreter(written[0], venv, written, True, None)._replace(**changes),)}


def test_what_is_sound_is_said_in_one_line_each() -> None:
    assert premises(NEEDS, SHELL, NOW) == [
        Diagnosis("interpreter", "ok", "an upgrade leaves what runs the tasks and us: /p/.venv/bin/python"),
        Diagnosis("clock", "ok", "the clock shows the year 2026; systemd-timesyncd keeps it right"),
        Diagnosis("zone", "ok", "the time zone is Europe/Berlin"),
        Diagnosis("folders", "ok", "state and logs can be written, and have 10,240 MB left"),
        Diagnosis("umask", "ok", "the umask 022 keeps others from changing what tasks write"),
    ]


CELLAR = "/opt/homebrew/Cellar/python@3.11/3.11.4"


def test_a_python_in_homebrew_s_cellar_is_told_with_the_path_that_stays() -> None:
    assert of_shell("interpreter_versioned", **interpreter(f"{CELLAR}/bin/python3.11")) == [
        Diagnosis(
            "interpreter_versioned",
            "warning",
            "/opt/homebrew/Cellar/python@3.11/3.11.4/bin/python3.11 holds a version: `brew upgrade` deletes it",
            "name the one that stays: /opt/homebrew/opt/python@3.11/bin/python3.11",
        )
    ]


@pytest.mark.parametrize("base", [f"{CELLAR}/bin/python3", f"{CELLAR}/bin"])
def test_an_environment_that_rests_on_the_cellar_is_told_with_how_to_have_it_rest_elsewhere(base: str) -> None:
    assert of_shell("interpreter_versioned", **interpreter(PYTHON, base, venv="/p/.venv")) == [
        Diagnosis(
            "interpreter_versioned",
            "warning",
            f"/p/.venv/bin/python rests on {base}, which holds a version: `brew upgrade` deletes it",
            "have the environment rest on the one that stays: /opt/homebrew/opt/python@3.11/bin/python3"
            " -m venv --upgrade /p/.venv",
        )
    ]


def test_a_python_of_a_version_manager_is_told_although_no_other_path_stays() -> None:
    assert of_shell("interpreter_versioned", **interpreter("/home/ada/.pyenv/versions/3.11.7/bin/python")) == [
        Diagnosis(
            "interpreter_versioned",
            "warning",
            "/home/ada/.pyenv/versions/3.11.7/bin/python holds a version: pyenv deletes it with that version",
            "keep that version; after a change of it, make the environment and the timers anew",
        )
    ]


@pytest.mark.parametrize(
    ("path", "is_told"),
    [
        ("/usr/bin/python3.11", True),
        ("/home/ada/.local/share/uv/python/cpython-3.12.4-linux-x86_64-gnu/bin/python3.12", True),
        ("/home/ada/.asdf/installs/python/3.11.7/bin/python", True),
        ("/nix/store/0abc-python3-3.11.7/bin/python3", True),
        ("/usr/bin/python3", False),
        ("/opt/homebrew/bin/python3.11", False),
        ("/opt/homebrew/opt/python@3.11/bin/python3.11", False),
        ("/home/ada/.pyenv/shims/python", False),
        ("/opt/tetra/.venv/bin/python", False),
    ],
)
def test_a_path_is_told_when_an_upgrade_deletes_it_and_only_then(path: str, is_told: bool) -> None:
    assert bool(of_shell("interpreter_versioned", **interpreter(path))) is is_told


def test_an_environment_whose_python_is_gone_is_an_error() -> None:
    gone = interpreter(PYTHON, f"{CELLAR}/bin", venv="/p/.venv", usable=False, gone=f"{CELLAR}/bin")
    assert of_shell("interpreter_broken", **gone) == [
        Diagnosis(
            "interpreter_broken",
            "error",
            "/p/.venv/bin/python leads to /opt/homebrew/Cellar/python@3.11/3.11.4/bin, which is gone",
            "make its environment anew: python3 -m venv --clear /p/.venv, and install what was in it",
        )
    ]


def test_an_interpreter_that_cannot_be_executed_is_an_error() -> None:
    assert of_shell("interpreter_broken", **interpreter("/opt/python", usable=False)) == [
        Diagnosis(
            "interpreter_broken", "error", "/opt/python cannot be executed", "install it, or name another: python: PATH"
        )
    ]


def test_a_clock_that_shows_an_impossible_year_is_an_error() -> None:
    assert premises(NEEDS, SHELL, utc(1970, 1, 1))[1] == Diagnosis(
        "clock",
        "error",
        "the clock shows the year 1970: no slot is due as it should be",
        "set the clock, and have the network set it: timedatectl set-ntp true",
    )


def test_a_clock_that_the_network_has_not_set_is_a_warning() -> None:
    assert of_shell("clock", synchronised=False) == [
        Diagnosis(
            "clock",
            "warning",
            "systemd-timesyncd has not set the clock since the machine started",
            "see why: timedatectl timesync-status",
        )
    ]


def test_a_clock_of_which_nothing_can_be_told_is_no_warning() -> None:
    assert of_shell("clock", synchronised=None) == [
        Diagnosis("clock", "ok", "the clock shows the year 2026; whether the network sets it cannot be told")
    ]


@pytest.mark.parametrize(
    ("zone", "message", "remedy"),
    [
        (
            Zone("Mars/Olympus", None, "UTC", "u"),
            "TZ is Mars/Olympus, which is no zone of the zone database: programs take UTC",
            "name one such as Europe/Berlin; `timedatectl list-timezones` has all",
        ),
        (
            Zone(None, None, None, "x"),
            "/etc/localtime does not tell the name of its zone: `timezone: local` is taken for UTC",
            "name a zone in the file, or make it a link: timedatectl set-timezone ZONE",
        ),
        (
            Zone("Asia/Tokyo", "t", "Europe/Berlin", "b"),
            "TZ is Asia/Tokyo in your shell, and the machine, as timers see it, is set to Europe/Berlin",
            "name the zone in the file, such as timezone: Asia/Tokyo",
        ),
    ],
)
def test_a_zone_that_is_unknown_or_only_the_shell_s_is_a_warning(zone: Zone, message: str, remedy: str) -> None:
    assert of_shell("zone", zone=zone) == [Diagnosis("zone", "warning", message, remedy)]


def test_another_name_of_the_machine_s_zone_is_as_good() -> None:
    assert of_shell("zone", zone=Zone("UTC", "u", "Etc/UTC", "u")) == [
        Diagnosis("zone", "ok", "the time zone is Etc/UTC")
    ]


def test_a_state_folder_that_cannot_be_written_is_told_with_its_owner() -> None:
    assert of_shell("folder_unwritable", **place(0, fault="EACCES", text="Permission denied", owner="root")) == [
        Diagnosis(
            "folder_unwritable",
            "error",
            "/p/state (state) cannot be written: Permission denied; it belongs to root",
            "give it to yourself: sudo chown -R ada /p/state, or set `state` or TETRA_STATE",
        )
    ]


def test_a_folder_that_cannot_be_read_is_an_error() -> None:
    assert of_shell("folder_unreadable", **place(1, fault="EACCES", text="Permission denied", owner="root")) == [
        Diagnosis(
            "folder_unreadable",
            "error",
            "/Users/ada/Documents/feeds (cwd) cannot be read: Permission denied; it belongs to root",
            "give it to yourself: sudo chown -R ada /Users/ada/Documents/feeds, or name another in the file",
        )
    ]


ROOM = "make room, or set `state` or TETRA_STATE; `logs: {keep: ...}` limits what old runs take"


def test_a_full_disk_is_an_error_and_one_that_is_almost_full_a_warning() -> None:
    assert of_shell("disk_full", **place(0, fault="ENOSPC", text="No space left on device")) == [
        Diagnosis("disk_full", "error", "the disk of /p/state (state) is full: No space left on device", ROOM)
    ]
    assert of_shell("disk_full", **place(0, free_bytes=99 << 20)) == [
        Diagnosis("disk_full", "warning", "the disk of /p/state (state) has 99 MB left", ROOM)
    ]


def test_a_umask_that_lets_everybody_write_is_a_warning() -> None:
    assert of_shell("umask", umask=0o000) == [
        Diagnosis(
            "umask",
            "warning",
            "the umask is 000: everybody on this machine may change what tasks write",
            "put `umask 022` into your shell's profile; timers have 077 anyway",
        )
    ]


# What a project needs.


def needs_of(program: object, environment: Environment | None = None, **more: object) -> Needs:
    one = task("a")._replace(program=program, **more)
    whole = project(pipeline("a", tasks=(one,)), environment=environment or Environment())
    return needed(whole, ("API_KEY",), "/v/bin/python")


def names_in(program: object) -> list[str]:
    return [each.name for each in needs_of(program).programs]


def test_a_command_needs_its_program_unless_an_output_names_it() -> None:
    assert names_in(Command(("psql", "-f", "load.sql"))) == ["psql"]
    assert names_in(Command(("{find.program}", "-v"))) == []


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("psql -c 'select 1'", ["psql"]),
        ("pg_dump db | gzip >a.gz && rclone copy a.gz r:", ["pg_dump", "gzip", "rclone"]),
        ("LANG=C sort -u in; ./bin/load", ["sort", "./bin/load"]),
        ("(cd data && make)", ["cd", "make"]),
    ],
)
def test_a_shell_line_needs_the_first_word_of_each_command(line: str, names: list[str]) -> None:
    assert names_in(Shell(line)) == names


def test_a_task_looks_first_beside_its_interpreter_and_then_on_the_path_of_the_file() -> None:
    (plain,) = needs_of(Command(("dbt",)), python="/dbt/bin/python").programs
    assert (plain.first, plain.search) == ("/dbt/bin", None)
    (given,) = needs_of(Command(("dbt",)), Environment(extra=(("PATH", "/opt/bin"),))).programs
    assert given.search == "/opt/bin"
    (own,) = needs_of(Command(("dbt",)), Environment(extra=(("PATH", "/opt/bin"),)), env=(("PATH", "/own"),)).programs
    assert own.search == "/own"


def test_variables_are_those_that_the_file_names_and_those_that_it_passes_on() -> None:
    assert needs_of(Command(("true",)), Environment("base", ("AWS_PROFILE",))).variables == ("API_KEY", "AWS_PROFILE")
