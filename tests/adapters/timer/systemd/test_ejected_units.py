"""The units that run a project without us: what they say, read back, and what systemd says of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.builders import utc
from support.components import require
from support.systemd_specs import timer_spec
from tetra_orchestrator.adapters.timer.systemd.ejected import ejected
from tetra_orchestrator.adapters.timer.systemd.parse import Unit, read
from tetra_orchestrator.core.export.job import Chain, Exported, Job, Note, Surroundings, Wake
from tetra_orchestrator.core.model import Schedule
from tetra_orchestrator.errors import ConfigError

NOW = utc(2026, 3, 2)
TEXTS = st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs"))) | st.text("\\\"'%$; #=")


def exported(*jobs: Job, wakes: tuple[Wake, ...] = (), **fields) -> Exported:
    plain = {"project": "demo", "root": "/srv/demo", "logs": "/srv/demo/logs"}
    return Exported(**plain, chains=(Chain("daily", jobs),), wakes=wakes, **fields)


def units(*jobs: Job, specs=(), **fields) -> dict[str, Unit]:
    return {file.name: read(file.text) for file in ejected(exported(*jobs, **fields), specs, NOW).files}


def job(name: str, *needs: str, **fields) -> Job:
    return Job(**{"id": name, "argv": ("/bin/true",), "cwd": "/srv/demo", "needs": needs, **fields})


def due(name: str = "nightly", cron: str | None = "0 13 * * *", zone: str = "UTC", **fields):
    """A schedule of the chain, and when systemd has to be woken for it."""
    own = {key: fields.pop(key) for key in ("catch_up", "jitter_s", "on_startup") if key in fields}
    wake = Wake(Schedule(name, "daily", cron, zone, **own), "daily")
    return {"wakes": (wake,), "specs": (timer_spec(cron, zone, name=name, **fields),)}


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, max_size=5), st.lists(TEXTS, min_size=2, max_size=2))
def test_every_text_is_read_back_as_it_was_written(words: list[str], values: list[str]) -> None:
    around = Surroundings(env=(("ALL", values[0]),))
    made = units(job("a", argv=("/bin/x", *words), env=(("OWN", values[1]),)), around=around)
    unit = made["demo.daily.a.service"]
    assert unit.argv == ("/bin/x", *words)
    assert dict(unit.env) | {"ALL": values[0], "OWN": values[1]} == dict(unit.env)


@pytest.mark.parametrize("control", ["\n", "\r", "\0", "\x1b", "\x7f"])
def test_what_no_unit_can_hold_is_refused(control: str) -> None:
    with pytest.raises(ConfigError) as caught:
        units(job("a", argv=("/bin/x", f"a{control}[Install]")))
    expected = f"the command of a has the character {control!r} in it, which no unit can hold\n  hint: take it out"
    assert str(caught.value) == expected


def test_tasks_wait_for_what_they_need_and_the_chain_for_all_of_them() -> None:
    made = units(job("a"), job("b", "a"), job("c", "a", loose=("a",)), job("d", "e"), job("e", tolerated=(None,)))
    ties = {
        name: tuple(unit.value("Unit", key) for key in ("Requires", "Wants", "After")) for name, unit in made.items()
    }

    def names(short: str) -> str | None:
        return " ".join(f"demo.daily.{one}.service" for one in short) or None

    assert ties == {
        "demo.daily.service": (names("abcd"), names("e"), names("abcde")),
        "demo.daily.a.service": (None, None, None),
        "demo.daily.b.service": (names("a"), None, names("a")),
        "demo.daily.c.service": (None, names("a"), names("a")),
        "demo.daily.d.service": (None, names("e"), names("e")),
        "demo.daily.e.service": (None, None, None),
    }


def test_limits_are_systemds_own() -> None:
    limits = {"memory_bytes": 1 << 30, "cpu": 1.5, "processes": 20, "open_files": 64, "timeout_s": 90.5, "grace_s": 3.0}
    unit = units(job("a", **limits, background=True, tolerated=(3, 4)))["demo.daily.a.service"]
    keys = ("MemoryMax", "CPUQuota", "TasksMax", "LimitNOFILE", "TimeoutStartSec", "TimeoutStopSec", "KillMode")
    assert [value for key in (*keys, "SuccessExitStatus") for value in unit.all("Service", key)] == [
        *(str(1 << 30), "150%", "20", "64", "90.5s", "3s", "process", "3 4"),
    ]


@pytest.mark.parametrize(
    ("argv", "first"),
    [
        (("python3", "-V"), ("/usr/bin/env", "python3", "-V")),
        (("./go.sh",), ("/srv/demo/sub/go.sh",)),
        (("../go.sh",), ("/srv/demo/go.sh",)),
        (("/opt/go",), ("/opt/go",)),
    ],
)
def test_a_program_is_found_as_a_shell_would_find_it(argv: tuple[str, ...], first: tuple[str, ...]) -> None:
    assert units(job("a", argv=argv, cwd="/srv/demo/sub"))["demo.daily.a.service"].argv == first


def test_retries_are_a_loop_of_the_shell_in_which_each_attempt_has_the_limit() -> None:
    unit = units(job("a", argv=("x", "$y"), waits=(1, 2.5), timeout_s=60.0, retry_codes=(3,)))["demo.daily.a.service"]
    loop = (
        'for try_wait in 1 2.5 end; do "$@" && exit; try_code=$?; case $try_code in 3) ;; *) exit $try_code ;; esac; '
        "[ $try_wait != end ] || exit $try_code; sleep $try_wait; done"
    )
    assert unit.argv == ("/bin/sh", "-c", loop, "sh", "timeout", "-k", "10", "60", "x", "$y")
    assert unit.value("Service", "TimeoutStartSec") == "infinity"


def test_secrets_are_read_from_a_file_that_is_not_ours() -> None:
    unit = units(job("a", demanded=("KEY",)))["demo.daily.a.service"]
    assert unit.value("Service", "EnvironmentFile") == "/srv/demo/demo.env"
    assert "KEY" not in dict(unit.env)


def test_a_task_has_its_owners_secret_and_no_other_has_it() -> None:
    around = Surroundings(withheld=("KEY", "TOKEN"), env=(("TOKEN", "mine"),))
    made = units(job("a", demanded=("KEY",)), job("b", demanded=("OTHER",)), around=around)
    taken = [made[f"demo.daily.{name}.service"].value("Service", "UnsetEnvironment") for name in "ab"]
    assert taken == [None, "KEY"]  # it goes last: it would take away what the unit itself sets


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({}, [("OnCalendar", "*-*-* 13:00:00 UTC"), ("Persistent", "yes"), ("AccuracySec", "1s")]),
        ({"catch_up": "none"}, [("OnCalendar", "*-*-* 13:00:00 UTC"), ("AccuracySec", "1s")]),
        (
            {"cron": None, "every_s": 900.0, "catch_up": "none", "jitter_s": 30.0},
            [("OnCalendar", "*-*-* *:00,15,30,45:00 UTC"), ("AccuracySec", "1s"), ("RandomizedDelaySec", "30s")],
        ),
        (
            {"cron": None, "every_s": 25200.0},
            [("OnActiveSec", "25200s"), ("OnUnitActiveSec", "25200s"), ("AccuracySec", "1s")],
        ),
        (
            {"cron": None, "at": utc(2026, 5, 1, 6)},
            [("OnCalendar", "2026-05-01 06:00:00 UTC"), ("Persistent", "yes"), ("AccuracySec", "1s")],
        ),
        ({"cron": "0 1 * * 1-5", "zone": "Asia/Tokyo", "on_startup": True, "catch_up": "none"}, [
            ("OnCalendar", "Mon..Fri *-*-* 01:00:00 Asia/Tokyo"), ("OnStartupSec", "1min"), ("AccuracySec", "1s"),
        ]),
    ],
)  # fmt: skip
def test_a_schedule_is_due_exactly_then(fields, lines) -> None:
    timer = units(job("a"), **due(**fields))["demo.nightly.timer"]
    found = [(key, value) for section, key, value in timer.lines if section == "Timer"]
    assert found == [("Unit", "demo.daily.service"), *lines]


def test_a_schedule_that_systemd_cannot_say_is_left_out_and_told() -> None:
    made = due(cron="0 3 * * *", zone="Pacific/Chatham")
    rendered = ejected(exported(job("a"), wakes=made["wakes"]), made["specs"], NOW)
    reason = "left out: systemd 252 stands still when the clock of Pacific/Chatham is changed"
    assert rendered.notes == (Note("schedule nightly", reason),)
    assert [file.name for file in rendered.files] == ["demo.daily.service", "demo.daily.a.service"]
    assert f"# - schedule nightly: {reason}\n" in rendered.files[0].text


def test_a_time_that_the_clock_may_jump_over_is_told() -> None:
    made = due(cron="30 2 * * *", zone="Europe/Berlin")
    rendered = ejected(exported(job("a"), wakes=made["wakes"]), made["specs"], NOW)
    text = "systemd may miss it in a night in which the clock is changed"
    assert rendered.notes == (Note("schedule nightly", text),)


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        units(job(f"{'a' * 120}.{'b' * 120}"))
    assert caught.value.message == f"the name 'demo.daily.{'a' * 120}.{'b' * 120}' is too long for a unit"


def test_no_name_and_no_remark_says_anything_else() -> None:
    note = Note("x", "two\n[Service]\nExecStart=/evil\\")
    made = exported(job("a"), notes=(note,))
    chain = made.chains[0]._replace(about="it's %n\nExecStart=/evil\\")
    files = ejected(made._replace(chains=(chain,)), (), NOW).files
    unit = read(files[0].text)
    assert unit.all("Service", "ExecStart") == ["/bin/true"]
    assert unit.value("Unit", "Description") == "demo: daily: it's %n ExecStart=/evil\\ ."


def test_systemd_takes_them(tmp_path: Path) -> None:
    analyze = require("systemd-analyze")
    jobs = [
        job("a", waits=(1, 2), memory_bytes=1 << 30, cpu=0.5, env=(("X", 'a"b\\c%n$d;e é'),)),
        job("b.c", "a", loose=("a",), timeout_s=5.0, argv=("/bin/sh", "-c", "exit 0; x='%s' \"$1\"", "", "#")),
    ]
    made = exported(*jobs, wakes=due()["wakes"], strict=True)
    files = ejected(made, due()["specs"], NOW).files
    for file in files:
        (tmp_path / file.name).write_text(file.text)
    words = [analyze, "verify", "--man=no", "--recursive-errors=one", *(str(tmp_path / file.name) for file in files)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "demo." in line]) == (0, [])
