"""Every table on a terminal of 80 columns, of a project whose names, texts and paths are long and wide."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from datetime import UTC, datetime

import pytest

from tetra_orchestrator.cli.output import brief
from tetra_orchestrator.cli.table import fitted
from tetra_orchestrator.core.cells import cells

LONG = "a_pipeline_with_quite_a_long_name_that_nobody_would_want_to_type_twice"
WIDE = "日本語のとても長いエラーメッセージがここにあります"
FILE = f"""
pipelines:
  {LONG}:
    max_data_age: 1h
    command: [sh, -c, 'echo "{{\\"rows\\": 3, \\"path\\": \\"/{"deep_folder/" * 12}file\\"}}" >> $TETRA_OUTPUT']
  another_{LONG}:
    depends_on: [{LONG}]
    tasks:
      a_first_task_with_a_long_name: {{shell: "echo {WIDE}{WIDE}; exit 3"}}
      a_second_task_with_a_long_name: {{shell: "true", depends_on: [a_first_task_with_a_long_name]}}
  kept_{LONG}: {{shell: "true", cache: {{}}}}
modes:
  a_mode_with_a_rather_long_name_for_every_day: [{LONG}, another_{LONG}, kept_{LONG}]
  a_mode_over_dates_with_a_long_name: {{partition: range, pipelines: [{LONG}]}}
schedules:
  a_schedule_with_a_long_name_for_every_weekday_morning:
    mode: a_mode_with_a_rather_long_name_for_every_day
    cron: "15,45 6-20 * * 1-5"
    timezone: America/Argentina/ComodRivadavia
alerting:
  channels: {{a_channel_with_a_long_name_that_takes_room: {{type: command, command: ["false"]}}}}
  rules:
    - {{name: "{WIDE}, and somebody should look at it before the night", condition: "runs >= 1", severity: medium}}
"""
PREPARING = (
    "run --mode a_mode_with_a_rather_long_name_for_every_day --progress plain",
    "backfill --mode a_mode_over_dates_with_a_long_name --from 2026-01-01 --to 2026-02-10 --partition month",
    "pause a_schedule_with_a_long_name_for_every_weekday_morning --reason 'the source moves'",
)  # fmt: skip
TABLES = (
    *("status", "list", "history", "show", "history --state failed", "show latest", "cache list"),
    "prune --dry-run --runs 1 --days 1",
    *("schedule", "schedule list", "schedule next -n 2"),
    *("alerts list --all", "monitor --once", "doctor", "state check", "backfill list"),
    "run --mode a_mode_with_a_rather_long_name_for_every_day --dry-run",
    "backfill --mode a_mode_over_dates_with_a_long_name --from 2026-01-01 --to 2026-04-10 --partition day --dry-run",
)  # fmt: skip
#: Says each command and runs it, all in one process.
DRIVER = """
import shlex, sys
from tetra_orchestrator.cli.main import run
for line in sys.argv[1:]:
    print("$", line, flush=True)
    run(shlex.split(line))
    sys.stdout.flush()
"""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def on_a_terminal(site, commands, **environ):
    """What the commands print on a terminal of 80 columns, by command; standard error is elsewhere."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, *commands],
        cwd=site.root,
        env={**site.env, "TERM": "xterm", **environ},
        stdin=follower,
        stdout=follower,
        stderr=subprocess.DEVNULL,
    )
    os.close(follower)
    data = b""
    try:
        while chunk := os.read(leader, 65536):
            data += chunk
    except OSError:  # all is read
        pass
    os.close(leader)
    assert process.wait(timeout=60) == 0
    parts = re.split(r"^\$ ", data.decode().replace("\r\n", "\n"), flags=re.M)[1:]
    return {command: text for command, _, text in (part.partition("\n") for part in parts)}


@pytest.fixture
def shown(site):
    site.configure(FILE)
    on_a_terminal(site, PREPARING)
    return on_a_terminal(site, TABLES)


def lines_of_tables(text):
    """The lines of what is in columns: `status` begins with it, others have dashes below their heads."""
    lines = COLOURS.sub("", text).splitlines()
    heads = [place - 1 for place, line in enumerate(lines) if re.fullmatch(r"-+(  -+)+", line)]
    for head in heads or [0]:
        rest = lines[head:]
        yield from rest[: rest.index("") if "" in rest else len(rest)]


def is_too_wide(line):
    """Whether it is a line of a table, and not of the sentences below one, that the terminal would break."""
    return cells(line) > 80 and not re.match(r"  \d+: ", line)


def test_no_table_is_wider_than_the_terminal_and_each_state_has_its_symbol(shown):
    tables = {command: list(lines_of_tables(text)) for command, text in shown.items()}
    assert {command: lines for command, lines in tables.items() if len(lines) < 3} == {}
    assert [(command, line) for command, lines in tables.items() for line in lines if is_too_wide(line)] == []
    assert "\x1b[32m✓ succeeded\x1b[0m" in shown["history"]
    assert "\x1b[31m✗ failed   \x1b[0m" in shown["status"]
    assert re.search(r"\n20\d{6}T\d{6}Z-[a-z2-7]{6}  a_mode_", shown["history"])
    assert "(a wider terminal also shows: took, trigger)" in shown["history"]


def test_without_colours_the_symbols_stay_and_what_is_piped_has_neither(site):
    site.configure("pipelines: {one: {shell: 'true'}}")
    site.run("run")
    for environ in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        text = on_a_terminal(site, ["status", "history", "show"], **environ)
        assert all("✓ succeeded" in each and "\x1b" not in each for each in text.values())
    piped = site.run("history")
    assert not re.search(r"[✓\x1b]", piped.stdout)
    assert "\x1b[32msucceeded\x1b[0m" in site.run("history", env={"FORCE_COLOR": "1"}).stdout
    assert "\x1b" not in site.run("history", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout


def test_piped_tables_lose_nothing(site):
    site.configure(FILE)
    name = "a_schedule_with_a_long_name_for_every_weekday_morning"
    line = site.run("schedule", "list").stdout.splitlines()[2]
    assert re.match(rf"{name}  a_mode_with_a_rather_long_name_for_every_day  15,45 6-20 \* \* 1-5  America/Arg", line)


def test_a_table_takes_all_the_room_there_is_and_cuts_what_is_widest_first():
    natural = {"task": 60, "state": 11, "why": 100}
    least = {"task": 9, "state": 11, "why": 16}
    assert fitted(natural, least, 200) == natural
    assert fitted(natural, least, 80) == {"task": 32, "state": 11, "why": 32}
    assert fitted(natural, least, 130) == {"task": 57, "state": 11, "why": 57}


def test_columns_that_can_be_spared_go_before_others_become_too_narrow():
    natural = {"run": 23, "mode": 40, "started": 12, "took": 11, "trigger": 8}
    least = natural | {"mode": 9}
    assert list(fitted(natural, least, 70, ("trigger", "took"))) == ["run", "mode", "started", "took"]
    assert list(fitted(natural, least, 50, ("trigger", "took"))) == ["run", "mode", "started"]


def test_times_of_a_table_have_the_zone_in_the_head_and_the_year_where_it_is_another(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        year = datetime.now(UTC).astimezone().year
        winter, summer = datetime(year, 1, 2, 12, tzinfo=UTC), datetime(year, 7, 2, 12, tzinfo=UTC)
        head, shown = brief("slot", [winter, summer, None, datetime(2019, 1, 2, 12, tzinfo=UTC)])
    finally:
        monkeypatch.undo()
        time.tzset()
    assert head == "slot (EST)"
    assert shown == ["Jan 02 07:00", "Jul 02 08:00 EDT", "-", "2019-01-02 07:00"]
