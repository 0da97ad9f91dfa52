"""The property lists of a project's timers."""

from __future__ import annotations

import plistlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.builders import utc
from support.timer_specs import timer_spec
from tetra_orchestrator.adapters.timer.launchd.parse import read
from tetra_orchestrator.adapters.timer.launchd.text import plists, valid_until
from tetra_orchestrator.core.marker import body_digest, read_marker
from tetra_orchestrator.core.units import BOOT_SWEEP, TimerSpec
from tetra_orchestrator.errors import ConfigError

NOW = utc(2026, 1, 1)
NY = "America/New_York"

DAILY = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- tetra-orchestrator: project=tetra root=/opt/tetra digest={digest} -->
<!-- Written by `tetra-orchestrator schedule apply`: change the configuration instead. -->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
\t<key>EnvironmentVariables</key>
\t<dict>
\t\t<key>PATH</key>
\t\t<string>/usr/local/bin:/usr/bin:/bin</string>
\t</dict>
\t<key>ExitTimeOut</key>
\t<integer>90</integer>
\t<key>Label</key>
\t<string>com.tetra.daily</string>
\t<key>LowPriorityIO</key>
\t<false/>
\t<key>ProcessType</key>
\t<string>Standard</string>
\t<key>ProgramArguments</key>
\t<array>
\t\t<string>/opt/tetra/.venv/bin/python</string>
\t\t<string>-m</string>
\t\t<string>tetra_orchestrator</string>
\t\t<string>fire</string>
\t\t<string>daily</string>
\t</array>
\t<key>RunAtLoad</key>
\t<false/>
\t<key>StandardErrorPath</key>
\t<string>/tmp/tetra_daily_error.log</string>
\t<key>StandardOutPath</key>
\t<string>/tmp/tetra_daily.log</string>
\t<key>StartCalendarInterval</key>
\t<dict>
\t\t<key>Hour</key>
\t\t<integer>19</integer>
\t\t<key>Minute</key>
\t\t<integer>0</integer>
\t</dict>
\t<key>Umask</key>
\t<integer>63</integer>
\t<key>WorkingDirectory</key>
\t<string>/opt/tetra</string>
</dict>
</plist>
"""


def text(spec: TimerSpec, scope: str = "user", root: str = "/opt/tetra", local_zone: str = NY) -> str:
    (file,) = plists([spec], root, NOW, local_zone, scope, "angwei")
    return file.text


def of(spec: TimerSpec, scope: str = "user") -> dict[str, object]:
    return plistlib.loads(text(spec, scope).encode())


def test_the_daily_timer_is_just_this_text() -> None:
    found = text(timer_spec("0 19 * * *", timezone=NY))
    assert found == DAILY.format(digest=body_digest(found))


def test_a_file_is_called_after_its_label() -> None:
    specs = [timer_spec("0 19 * * *"), timer_spec("0 20 * * 0", name="weekly")]
    names = [file.name for file in plists(specs, "/opt/tetra", NOW, NY, "user", "angwei")]
    assert names == ["com.tetra.daily.plist", "com.tetra.weekly.plist"]


def test_several_entries_are_an_array_in_order() -> None:
    assert of(timer_spec("*/30 * * * *"))["StartCalendarInterval"] == [{"Minute": 0}, {"Minute": 30}]


def test_an_interval_out_of_step_is_a_start_interval() -> None:
    found = of(timer_spec(every_s=45))
    assert (found["StartInterval"], "StartCalendarInterval" in found) == (45, False)


def test_only_the_boot_sweep_runs_when_it_is_loaded() -> None:
    sweep = of(timer_spec(name=BOOT_SWEEP, at_boot=True))
    assert (sweep["RunAtLoad"], sweep["Label"]) == (True, "com.tetra.orchestrator")
    assert not sweep.keys() & {"StartCalendarInterval", "StartInterval", "KeepAlive"}
    assert of(timer_spec("0 19 * * *"))["RunAtLoad"] is False


def test_a_guard_that_leaves_its_run_behind_is_not_followed_by_a_signal_to_it() -> None:
    assert of(timer_spec("0 19 * * *", dispatches=True))["AbandonProcessGroup"] is True
    assert of(timer_spec("0 19 * * *", outlived=True))["AbandonProcessGroup"] is True
    assert "AbandonProcessGroup" not in of(timer_spec("0 19 * * *"))


def test_the_machines_launchd_is_told_the_user() -> None:
    assert of(timer_spec("0 19 * * *"), "system")["UserName"] == "angwei"
    assert "UserName" not in of(timer_spec("0 19 * * *"))


@pytest.mark.parametrize(("stop_s", "said"), [(30.2, 31), (0.0, 1), (90.0, 90)])
def test_the_time_to_stop_is_whole_seconds_and_never_0_which_is_for_ever(stop_s: float, said: int) -> None:
    assert of(timer_spec("0 19 * * *", stop_s=stop_s))["ExitTimeOut"] == said


@pytest.mark.parametrize(
    ("log", "error"),
    [("/tmp/t.log", "/tmp/t_error.log"), ("/tmp/t", "/tmp/t_error"), ("/a.b/t", "/a.b/t_error")],
)
def test_errors_go_to_a_file_beside_the_log(log: str, error: str) -> None:
    found = of(timer_spec("0 19 * * *", log=log))
    assert (found["StandardOutPath"], found["StandardErrorPath"]) == (log, error)


def test_the_marker_says_whose_it_is_and_a_hand_edit_shows() -> None:
    found = text(timer_spec("0 19 * * *"), root="/opt/my -- tetra")
    marker = read_marker(found)
    assert marker is not None
    assert (marker.project, marker.root) == ("tetra", "/opt/my -- tetra")
    assert marker.digest == body_digest(found) != body_digest(found.replace("63", "18"))


def test_what_depends_on_how_clocks_are_set_says_until_when_it_holds() -> None:
    assert valid_until(text(timer_spec("0 19 * * *", timezone=NY))) is None
    assert valid_until(text(timer_spec("30 2 * * *", timezone=NY))) == utc(2030, 1, 1)
    assert valid_until(text(timer_spec("0 19 * * *", timezone=NY), local_zone="Europe/Berlin")) == utc(2030, 1, 1)
    pretending = timer_spec("0 19 * * *", timezone=NY, cwd="/<!-- valid until 2027-01-01T00:00:00Z -->")
    assert valid_until(text(pretending)) is None


def test_a_timer_without_a_time_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        text(timer_spec())
    where = "/opt/tetra/config/orchestration.yaml"
    assert str(caught.value) == f"{where}: the timer 'daily' is never due\n  hint: give it a time"


@pytest.mark.parametrize("name", ["../daily", "a b", "", "é", "a\n"])
def test_a_name_that_is_no_files_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        text(timer_spec("0 19 * * *", name=name))
    assert caught.value.message == f"the timer {name!r} of the project 'tetra' cannot be a label of launchd"
    assert caught.value.hint == "use letters, digits, '_' and '-'"


UNSAYABLE = ["\x00", "\x07", "\r", "\x1b", "\x7f", "\ud800", "\ufffe"]


@pytest.mark.parametrize("character", UNSAYABLE)
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("command", {"argv": ("/bin/python", "a{}b")}),
        ("folder", {"cwd": "/opt/{}"}),
        ("log", {"log": "/tmp/{}.log"}),
        ("variable X", {"env": (("X", "{}"),)}),
    ],
)
def test_a_character_that_xml_cannot_hold_is_refused_by_the_fields_name(
    field: str, change: dict[str, object], character: str
) -> None:
    def put(value: object) -> object:
        return value.replace("{}", character) if isinstance(value, str) else tuple(map(put, value))  # type: ignore

    with pytest.raises(ConfigError) as caught:
        text(timer_spec("0 19 * * *", **{name: put(value) for name, value in change.items()}))
    assert caught.value.message == (
        f"the {field} of the timer 'daily' has the character {character!r} in it, which no property list can hold"
    )
    assert caught.value.hint == "take it out"


SAYABLE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")
    | st.sampled_from("\n\t<>&\"'%$`\\;]-\x85"),
    max_size=12,
)


@settings(deadline=None)
@given(st.lists(SAYABLE, min_size=1), SAYABLE, SAYABLE, st.dictionaries(SAYABLE, SAYABLE), SAYABLE)
def test_any_other_text_comes_back_as_it_was(
    argv: list[str], cwd: str, log: str, env: dict[str, str], root: str
) -> None:
    spec = timer_spec("0 19 * * *", argv=tuple(argv), cwd=cwd, log=log, env=tuple(env.items()))
    found = plistlib.loads(text(spec, root=root).encode())
    assert (found["ProgramArguments"], found["WorkingDirectory"], found["StandardOutPath"]) == (argv, cwd, log)
    assert found.get("EnvironmentVariables", {}) == env


GOOD = text(timer_spec("0 19 * * *", timezone=NY))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("<integer>19</integer>", "<integer>24</integer>", "StartCalendarInterval has Hour: 24"),
        ("<integer>19</integer>", "<string>19</string>", "StartCalendarInterval has Hour: '19'"),
        ("<integer>19</integer>", "<true/>", "StartCalendarInterval has Hour: True"),
        ("<key>Hour</key>", "<key>hour</key>", "StartCalendarInterval has hour: 19"),
        ("<key>Minute</key>", "<key>Second</key>", "StartCalendarInterval has Second: 0"),
        ("<integer>63</integer>", "<string>077</string>", "Umask is '077'"),
        ("<integer>63</integer>", "<true/>", "Umask is True"),
        ("<key>Umask</key>", "<key>KeepAlive</key>", "the key KeepAlive is not one of ours"),
        ("<string>com.tetra.daily</string>", "<string></string>", "Label is missing"),
        (
            "<dict>\n\t\t<key>Hour</key>",
            "<array/>\n<key>X</key><dict>\n\t\t<key>Hour</key>",
            "the key X is not one of ours",
        ),
    ],
)
def test_what_launchd_would_take_for_something_else_is_refused(old: str, new: str, fault: str) -> None:
    read(GOOD)
    with pytest.raises(ConfigError) as caught:
        read(GOOD.replace(old, new, 1))
    assert str(caught.value) == (
        f"launchd would misread the property list: {fault}\n  hint: write it anew: `schedule apply`"
    )


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("<dict/>", "StartCalendarInterval has {}"),
        ("<array><integer>1</integer></array>", "StartCalendarInterval has 1"),
        (
            "<dict><key>Day</key><integer>1</integer><key>Weekday</key><integer>1</integer></dict>",
            "StartCalendarInterval has Day and Weekday in one entry",
        ),
    ],
)
def test_an_entry_that_is_none_or_two_in_one_is_refused(entry: str, fault: str) -> None:
    broken = re.sub(r"(StartCalendarInterval</key>\n\t)<dict>.*?</dict>", rf"\1{entry}", GOOD, flags=re.DOTALL)
    with pytest.raises(ConfigError) as caught:
        read(broken)
    assert caught.value.message == f"launchd would misread the property list: {fault}"


@pytest.mark.parametrize("broken", ["", "<plist><dict>", "no xml", "<plist><array/></plist>"])
def test_what_is_no_property_list_is_refused(broken: str) -> None:
    with pytest.raises(ConfigError, match="launchd would misread the property list: it "):
        read(broken)
