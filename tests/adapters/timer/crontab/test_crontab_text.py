"""The block of a user's crontab, its commands as every cron and /bin/sh read them, and the crontab around it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.builders import utc
from support.timer_specs import timer_spec
from tetra_orchestrator.adapters.timer.crontab.quoting import split, word
from tetra_orchestrator.adapters.timer.crontab.text import (
    LONGEST_COMMAND,
    block,
    block_of,
    replace_block,
    valid_until,
)
from tetra_orchestrator.core.marker import body_digest, read_marker
from tetra_orchestrator.core.units import BOOT_SWEEP, TimerSpec
from tetra_orchestrator.errors import ConfigError

NOW = utc(2026, 1, 1)
NY = "America/New_York"

BLOCK = """\
# begin tetra-orchestrator: project=tetra root=/opt/tetra digest={digest}
# Written by `tetra-orchestrator schedule apply`: change the configuration instead.
# daily
0 19 * * * {start} fire daily >> /tmp/tetra_daily.log 2>&1
# orchestrator
@reboot {start} fire daily >> /tmp/tetra_daily.log 2>&1
# end tetra-orchestrator: project=tetra
"""
START = (
    "umask 0077 && cd /opt/tetra && PATH=/usr/local/bin:/usr/bin:/bin /opt/tetra/.venv/bin/python -m tetra_orchestrator"
)


def text(*specs: TimerSpec, local_zone: str = NY) -> str:
    return block(specs, "/opt/tetra", NOW, local_zone).text


DAILY = timer_spec("0 19 * * *", timezone=NY)
TETRA = text(DAILY)
OTHER = text(DAILY._replace(project="other"))


def commands(found: str) -> list[str]:
    """What stands behind the fields of each line."""
    rows = [line for line in found.splitlines() if not line.startswith("#")]
    return [re.split(r"[ ]", line, maxsplit=1 if line.startswith("@") else 5)[-1] for line in rows]


def debian(command: str) -> str:
    """A command after cron has read it: Debian's and cronie take a backslash away in front of a `%`."""
    return _read(command, "%")


def freebsd(command: str) -> str:
    """The same for FreeBSD's and macOS's, which take it away in front of a backslash as well."""
    return _read(command, "%\\")


def vixie(command: str) -> str:
    """The same for that of 1993, which leaves it there."""
    return _read(command, "")


CRONS = [debian, freebsd, vixie]


def _read(command: str, unescaped: str) -> str:
    """Up to the first `%` that has no backslash in front: what follows would be standard input."""
    found, escaped = "", False
    for character in command:
        if escaped:
            found = found[:-1] + character if character in unescaped else found + character
            escaped = False
        elif character == "%":
            return found
        else:
            found += character
            escaped = character == "\\"
    return found


def test_the_block_is_just_this_text() -> None:
    found = text(DAILY, timer_spec(name=BOOT_SWEEP, at_boot=True))
    assert found == BLOCK.format(start=START, digest=body_digest(found))


def test_the_first_line_says_whose_it_is_and_a_hand_edit_shows() -> None:
    marker = read_marker(TETRA)
    assert marker is not None
    assert (marker.project, marker.root) == ("tetra", "/opt/tetra")
    assert marker.digest == body_digest(TETRA) != body_digest(TETRA.replace("19", "20"))


def test_every_line_of_a_timer_has_its_command() -> None:
    found = text(timer_spec("30 2 * * *", timezone=NY), local_zone="UTC")
    assert len(set(commands(found))) == 1
    assert len(commands(found)) == 2


def test_the_block_says_until_when_its_lines_are_enough() -> None:
    assert valid_until(text(DAILY)) is None
    found = text(timer_spec("30 2 * * *", timezone=NY), timer_spec("0 1 * * *", name="b"), local_zone="UTC")
    assert valid_until(found) == utc(2030, 1, 1)
    assert valid_until(text(DAILY._replace(cwd="/# valid until 2027-01-01T00:00:00Z"))) is None


SAYABLE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"))
    | st.sampled_from("\t%\\'\"$`;&|<># !*?~(){}[]-"),
    max_size=12,
)
ARGV = st.lists(SAYABLE, min_size=1).map(tuple)


@pytest.mark.parametrize("cron", CRONS)
@settings(deadline=None)
@given(argv=ARGV, cwd=SAYABLE, log=SAYABLE, values=st.lists(SAYABLE, max_size=3))
def test_any_text_comes_back_as_it_was(cron, argv: tuple[str, ...], cwd: str, log: str, values: list[str]) -> None:
    env = tuple((f"V{number}", value) for number, value in enumerate(values))
    (command,) = commands(text(DAILY._replace(argv=argv, cwd=cwd, log=log, env=env)))
    assert split_by_shell_rules(cron(command)) == [
        *["umask", "0077", "&&", "cd", cwd, "&&"],
        *[f"{name}={value}" for name, value in env],
        *[*argv, ">>", log, "2>&1"],
    ]


def split_by_shell_rules(command: str) -> list[str]:
    """The words of a command in which nothing but quotes, backslashes and blanks means anything (sh(1), Quoting)."""
    words: list[str] = []
    word, quote, escaped, is_open = "", "", False, False
    for character in command + " ":
        if escaped:
            word, escaped = word + character, False
        elif quote:
            word, quote = (word, "") if character == quote else (word + character, quote)
        elif character == "\\":
            escaped = True
        elif character in "'\"":
            quote, is_open = character, True
        elif character != " ":
            word, is_open = word + character, True
        elif is_open or word:
            words.append(word)
            word, is_open = "", False
    return words


NASTY = [
    *[
        "plain",
        "a b",
        "",
        "it's",
        'dq"x',
        "back\\slash",
        "two\\\\",
        "\\x41",
        "${HOME}",
        "$HOME",
        "$$",
        "100%",
        "%",
        "%%",
    ],
    *["\\%", "\\\\%", "%\\", "a\\", "'%'", "; rm -rf /", ";", "tab\tx", "é ü 日本", "-x", "@a", "!b", "*?[a]", "a=b"],
    *[
        "#c",
        "`id`",
        "$(id)",
        "'",
        '\\"',
        "\u202e",
        "{a,b}",
        "~",
        "  lead",
        " ",
        "a\\'",
        "\\'",
        "\\\\'",
        "&& true",
        "2>&1",
    ],
]
PRINTS = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['NASTY'], os.getcwd()]))"


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path, as cron takes no long command."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "py").symlink_to(sys.executable)
        yield Path(folder)


@pytest.mark.parametrize("cron", CRONS)
def test_the_shell_gives_the_command_what_was_meant(cron, short: Path) -> None:
    folder = short / "100% it's \\a \\\\ folder"
    folder.mkdir()
    log = folder / "of $HOME %\\.log"
    argv = (str(short / "py"), "-c", PRINTS, *NASTY)
    spec = timer_spec("* * * * *", argv=argv, cwd=str(folder), log=str(log), env=(("NASTY", "".join(NASTY)),))
    subprocess.run(["/bin/sh", "-c", cron(command_of(spec))], env={"HOME": "/"}, check=True, timeout=30)
    assert json.loads(log.read_text()) == [NASTY, "".join(NASTY), str(folder)]
    assert log.stat().st_mode & 0o777 == 0o600


def command_of(spec: TimerSpec) -> str:
    (command,) = commands(text(spec))
    return command


def test_a_percent_that_cron_would_end_the_command_at_is_found() -> None:
    with pytest.raises(ValueError, match="a % is not escaped"):
        split("echo 100%")
    assert split("echo 100\\%") == ["echo", "100%"]


@given(SAYABLE)
def test_no_backslash_has_another_behind_it_and_no_percent_is_bare(given_text: str) -> None:
    said = word(given_text, "it")
    assert "\\\\" not in said
    assert said.count("%") == said.count("\\%")


@pytest.mark.parametrize("character", ["\n", "\r", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\ud800"])
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("the command", {"argv": ("/bin/python", "a{}b")}),
        ("the folder", {"cwd": "/opt/{}"}),
        ("the log", {"log": "/tmp/{}.log"}),
        ("the variable X", {"env": (("X", "{}"),)}),
    ],
)
def test_a_character_that_no_line_can_hold_is_refused_by_the_fields_name(field, change, character: str) -> None:
    def put(value):
        return value.replace("{}", character) if isinstance(value, str) else tuple(map(put, value))

    with pytest.raises(ConfigError) as caught:
        text(DAILY._replace(**{name: put(value) for name, value in change.items()}))
    assert caught.value.message == (
        f"{field} of the timer 'daily' has the character {character!r} in it, which no line of a crontab can hold"
    )
    assert caught.value.hint == "take it out"


@pytest.mark.parametrize("name", ["a b", "a\n* * * * * root", "", "../x"])
def test_a_name_that_does_not_fit_a_comment_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        text(DAILY._replace(name=name))
    assert caught.value.message == f"the name of a timer is {name!r}"
    with pytest.raises(ConfigError) as caught:
        text(DAILY._replace(project=name))
    assert caught.value.message == f"the project's name is {name!r}"


@pytest.mark.parametrize("name", ["A B", "1A", "A=B", "", "é"])
def test_a_name_that_is_no_variables_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        text(DAILY._replace(env=((name, "x"),)))
    assert caught.value.message == f"the environment of the timer 'daily' has the name {name!r}"
    assert caught.value.hint == "use letters, digits and '_', no digit first"


def test_a_command_that_cron_would_cut_off_is_refused() -> None:
    def spec(more: int) -> TimerSpec:
        return DAILY._replace(env=(("PATH", "é" * more),))

    room = (LONGEST_COMMAND - len(command_of(spec(1)).encode())) // 2 + 1
    text(spec(room))
    with pytest.raises(ConfigError) as caught:
        text(spec(room + 1))
    assert re.fullmatch(
        r"the command of the timer 'daily' has (999|1000) bytes, of which cron may keep only the first 998",
        caught.value.message,
    )
    assert caught.value.hint == "use shorter paths, or a shorter PATH"


def test_a_timer_without_a_time_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        text(timer_spec())
    assert (caught.value.message, caught.value.hint) == ("the timer 'daily' is never due", "give it a time")


# The crontab around it.


def test_a_block_goes_behind_all_else() -> None:
    assert replace_block("", TETRA, "tetra") == TETRA
    assert replace_block("MAILTO=me\n0 1 * * * x\n", TETRA, "tetra") == "MAILTO=me\n0 1 * * * x\n" + TETRA


def test_a_last_line_without_a_newline_gets_one() -> None:
    assert replace_block("0 1 * * * x", TETRA, "tetra") == "0 1 * * * x\n" + TETRA
    assert replace_block("0 1 * * * x", None, "tetra") == "0 1 * * * x"


def test_a_block_stays_where_it_is() -> None:
    newer = text(DAILY._replace(log="/tmp/newer.log"))
    assert replace_block(f"a\n{TETRA}b\n", newer, "tetra") == f"a\n{newer}b\n"
    assert replace_block(f"a\n{TETRA}b\n{TETRA}c", newer, "tetra") == f"a\n{newer}b\nc"
    assert replace_block(f"a\n{TETRA}b\n", None, "tetra") == "a\nb\n"


def test_blocks_of_other_projects_are_left_alone() -> None:
    both = TETRA + OTHER
    assert replace_block(both, None, "tetra") == OTHER
    assert block_of(both, "other") == OTHER
    assert block_of(TETRA, "other") is None
    assert replace_block(text(DAILY._replace(project="tetra2")), None, "tetra") != ""


def test_a_block_with_lines_that_end_in_crlf_is_found() -> None:
    foreign = "0 1 * * * x\r\n"
    there = TETRA.replace("\n", "\r\n")
    assert replace_block(foreign + there, TETRA, "tetra") == foreign + TETRA


def test_a_block_without_its_last_line_is_an_error_with_the_place() -> None:
    open_block = "".join(TETRA.splitlines(keepends=True)[:-1])
    for crontab in (f"a\nb\n{open_block}0 1 * * * mine\n", f"a\nb\n{open_block}{OTHER}"):
        for act in (lambda it: replace_block(it, None, "tetra"), lambda it: block_of(it, "tetra")):
            with pytest.raises(ConfigError) as caught:
                act(crontab)
            assert str(caught.value) == (
                "crontab:3: the block of the project tetra has no last line, '# end tetra-orchestrator: project=tetra'"
                "\n  hint: put it back, or take out the block"
            )
            assert replace_block(crontab, None, "another") == crontab


FOREIGN = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=20) | st.just("# end tetra"), max_size=6
)


@settings(deadline=None)
@given(FOREIGN, FOREIGN, st.booleans(), st.booleans())
def test_every_foreign_line_stays_as_it_is(before: list[str], after: list[str], is_there: bool, is_ended: bool) -> None:
    above, below = "".join(f"{line}\n" for line in before), "".join(f"{line}\n" for line in after)
    crontab = above + (TETRA if is_there else "") + below
    crontab = crontab if is_ended else crontab.removesuffix("\n")
    newer = text(DAILY._replace(log="/tmp/newer.log"))
    foreign = above + below if is_ended or (is_there and not below) else (above + below).removesuffix("\n")
    once = replace_block(crontab, newer, "tetra")
    assert replace_block(once, newer, "tetra") == once
    assert once.replace(newer, "") in (foreign, foreign + "\n")
    assert block_of(once, "tetra") == newer
    assert replace_block(once, None, "tetra") in (foreign, foreign + "\n")
    assert replace_block(crontab, None, "tetra") == foreign
