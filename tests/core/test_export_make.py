"""What an exported Makefile hands to programs, by the real make and the real shell: every text as it was written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.components import require
from support.making import make_words
from support.waiting import is_gone, until
from tetra_orchestrator.core.export.job import END, START, Chain, Exported, Job, Note, Surroundings
from tetra_orchestrator.core.export.make import makefile
from tetra_orchestrator.core.export.shell import word

NASTY = (
    *("", "a b", "it's", 'dq"x', "back\\slash", "trail\\", "$HOME", "$$", "${HOME}", "$(id)", "`id`", "100%", "%.c"),
    *("#c", "a#b", "two\nlines", "\n", "ends\n", "\\\n", "a\\\nb", "tab\there", "-x", "@a", "+a", ":=", "a=b", "*?[a]"),
    *(
        "~",
        "!x",
        "{a,b}",
        ";",
        "|",
        "&",
        "$(MAKE)",
        "é 日本",
        "\u2028",
        "\x85",
        "endef",
        "  lead",
        "'",
        "''",
        "\x1b[1m",
    ),
)
TEXTS = st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0")) | st.sampled_from(NASTY)
TEXTS |= st.text("\\\"'$#%\n ;")
TELL = "import json, os, sys; json.dump([sys.argv[1:], dict(os.environ), os.getcwd()], open(sys.argv[1], 'w'))"
COUNT = "import sys; open(sys.argv[1], 'a').write('x'); sys.exit(int(sys.argv[2]))"


def made(folder: Path, *jobs: Job, **fields) -> Path:
    """The Makefile of one chain, `daily`."""
    plain = {"project": "demo", "root": str(folder), "logs": str(folder / "logs")}
    dates = fields.pop("dates", False)
    path = folder / "Makefile"
    rendered = makefile(Exported(**plain, chains=(Chain("daily", jobs, dates=dates),), **fields))
    path.write_text(rendered.files[0].text, newline="")
    return path


def make(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/home/me", **environ}
    return subprocess.run(make_words(*words), cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def told(folder: Path) -> tuple[list[str], dict[str, str], str]:
    argv, env, cwd = json.loads((folder / "told").read_text())
    return argv, env, cwd


def telling(folder: Path, *words: str, **fields) -> Job:
    return Job("tell", (sys.executable, "-c", TELL, str(folder / "told"), *words), cwd=str(folder), **fields)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(TEXTS, min_size=1, max_size=8), values=st.lists(TEXTS, min_size=2, max_size=4))
def test_every_text_arrives_as_it_was_written(words: list[str], values: list[str], tmp_path: Path) -> None:
    own = tuple((f"OWN_{number}", value) for number, value in enumerate(values[1:]))
    made(tmp_path, telling(tmp_path, *words, env=own), around=Surroundings(env=(("ALL", values[0]),)))
    done = make(tmp_path, "daily")
    assert done.returncode == 0, done.stderr
    argv, env, _ = told(tmp_path)
    assert (argv[1:], [env["ALL"], *(env[name] for name, _ in own)]) == (words, values)


def test_each_of_the_nasty_ones_does(tmp_path: Path) -> None:
    made(tmp_path, telling(tmp_path, *NASTY))
    assert make(tmp_path, "daily").returncode == 0
    assert told(tmp_path)[0][1:] == list(NASTY)


@pytest.mark.parametrize("name", ["a b", "it's $HOME #1", "two\nlines"])
def test_a_folder_may_be_called_anything(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    made(folder, telling(folder))
    assert make(folder, "daily").returncode == 0
    assert told(folder)[2] == str(folder)
    assert (folder / "logs" / "make" / "daily" / "tell.log").read_text().endswith("Z daily/tell\n")


def test_a_plain_word_stays_readable() -> None:
    assert [word(text) for text in ("--mode", "a/b.c", "a b", "K=v", "=")] == ["--mode", "a/b.c", "'a b'", "K=v", "'='"]


def test_the_environment_is_the_callers_with_ours_in_front_and_without_makes_own(tmp_path: Path) -> None:
    around = Surroundings(pythonpath=("/src a", "/lib"), withheld=("TOKEN",))
    made(tmp_path, telling(tmp_path, path="/venv x/bin"), around=around, path="/venv x/bin")
    assert make(tmp_path, "daily", "SHOWN=1", PYTHONPATH="/mine", TOKEN="t", KEPT="yes").returncode == 0
    env = told(tmp_path)[1]
    assert env["PATH"] == "/venv x/bin:/usr/local/bin:/usr/bin:/bin"
    assert (env["PYTHONPATH"], env["KEPT"], env["PYTHONUNBUFFERED"]) == ("/src a:/lib:/mine", "yes", "1")
    assert not {"TOKEN", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"} & set(env)


def test_only_the_names_of_the_file_are_inherited_where_it_says_so(tmp_path: Path) -> None:
    made(tmp_path, telling(tmp_path), around=Surroundings(inherited=("HOME", "LANG", "TOKEN"), withheld=("TOKEN",)))
    assert make(tmp_path, "daily", OTHER="x", TOKEN="t", HOME="/home/my $self 'x'").returncode == 0
    env = told(tmp_path)[1]
    assert set(env) - {"LC_CTYPE"} == {"HOME", "PATH", "PYTHONUNBUFFERED"}
    assert env["HOME"] == "/home/my $self 'x'"


def test_a_program_with_an_equals_sign_is_no_variable(tmp_path: Path) -> None:
    program = tmp_path / "a=b"
    program.write_text(f"#!/bin/sh\necho it >{tmp_path}/ran\n")
    program.chmod(0o755)
    made(tmp_path, Job("odd", (str(program),), cwd=str(tmp_path)))
    assert make(tmp_path, "daily").returncode == 0
    assert (tmp_path / "ran").read_text() == "it\n"


def counting(folder: Path, name: str, code: int, *needs: str, **fields) -> Job:
    argv = (sys.executable, "-c", COUNT, str(folder / name), str(code))
    return Job(name, argv, cwd=str(folder), needs=needs, **fields)


def test_a_failure_stops_only_what_depends_on_it(tmp_path: Path) -> None:
    jobs = [counting(tmp_path, "a", 3), counting(tmp_path, "b", 0, "a"), counting(tmp_path, "c", 0)]
    made(tmp_path, *jobs, counting(tmp_path, "d", 0, "c"))
    done = make(tmp_path, "-j2", "daily")
    assert done.returncode == 2
    log = tmp_path / "logs" / "make" / "daily" / "a.log"
    assert done.stderr.splitlines()[0] == f"daily/a: failed with exit code 3, see {log}"
    assert [(tmp_path / name).exists() for name in "abcd"] == [True, False, True, True]


@pytest.mark.parametrize(
    ("fields", "tries"),
    [
        ({"waits": (0, 0)}, 3),
        ({"waits": (0, 0), "retry_codes": (4, 5)}, 1),
        ({"waits": (0, 0), "retry_codes": (3,)}, 3),
        ({}, 1),
    ],
)
def test_a_failure_is_tried_again_as_often_as_the_file_says(fields, tries: int, tmp_path: Path) -> None:
    made(tmp_path, counting(tmp_path, "a", 3, **fields))
    assert make(tmp_path, "daily").returncode == 2
    assert (tmp_path / "a").read_text() == "x" * tries


@pytest.mark.parametrize(("tolerated", "goes_on"), [((None,), True), ((3,), True), ((4, 5), False)])
def test_what_is_tolerated_lets_the_chain_go_on(tolerated, goes_on: bool, tmp_path: Path) -> None:
    made(tmp_path, counting(tmp_path, "a", 3, tolerated=tolerated), counting(tmp_path, "b", 0, "a"))
    assert (make(tmp_path, "daily").returncode == 0, (tmp_path / "b").exists()) == (goes_on, goes_on)


def test_a_time_limit_ends_all_that_the_task_has_started(tmp_path: Path) -> None:
    require("timeout")
    line = f"sleep 60 & echo $! >{tmp_path}/pid; wait"
    made(tmp_path, Job("slow", ("sh", "-c", line), cwd=str(tmp_path), timeout_s=0.5, grace_s=1.0))
    assert make(tmp_path, "daily").returncode == 2
    child = int((tmp_path / "pid").read_text())
    until(lambda: is_gone(child))


def test_an_interrupt_ends_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    line = f"sleep 60 & echo $! >{tmp_path}/draft; mv {tmp_path}/draft {tmp_path}/pid; wait"
    made(tmp_path, Job("slow", ("sh", "-c", line), cwd=str(tmp_path), waits=(0,)), counting(tmp_path, "b", 0, "slow"))
    running = subprocess.Popen(
        make_words("daily"),
        cwd=tmp_path,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=-1,
        text=True,
    )
    until((tmp_path / "pid").exists)
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode not in (0, None)
    child = int((tmp_path / "pid").read_text())
    until(lambda: is_gone(child))
    log = (tmp_path / "logs" / "make" / "daily" / "slow.log").read_text()
    assert (log.count("== "), (tmp_path / "b").exists()) == (1, False)


@pytest.mark.parametrize("everybody", [True, False])
def test_an_end_while_a_task_waits_for_its_next_attempt_starts_no_other(everybody: bool, tmp_path: Path) -> None:
    made(tmp_path, counting(tmp_path, "a", 3, waits=(600,)))
    running = subprocess.Popen(
        make_words("daily"), cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    assert running.stderr
    assert running.stderr.readline() == "daily/a: exit code 3, again in 600 s\n"
    if everybody:  # as by Ctrl-C
        os.killpg(running.pid, signal.SIGINT)
    else:
        running.terminate()
    told = running.communicate(timeout=60)[1]
    assert running.returncode not in (0, None)
    assert ("No such process" in told, (tmp_path / "a").read_text()) == (False, "x")


def test_dates_are_asked_for_and_handed_on(tmp_path: Path) -> None:
    job = telling(tmp_path, "--from", START, f"x{END}y", env=(("TETRA_PARTITION_START", START),))
    made(tmp_path, job, dates=True)
    done = make(tmp_path, "daily")
    assert done.returncode == 2
    assert "START: give it as make daily START=2020-01-01 END=2020-12-31" in done.stderr
    assert not (tmp_path / "told").exists()
    assert make(tmp_path, "daily", "START=2020-01-01", "END=2020-01-31").returncode == 0
    argv, env, _ = told(tmp_path)
    assert (argv[1:], env["TETRA_PARTITION_START"]) == (["--from", "2020-01-01", "x2020-01-31y"], "2020-01-01")


def test_a_secret_is_asked_for_by_the_name_of_its_variable(tmp_path: Path) -> None:
    made(tmp_path, telling(tmp_path, demanded=("API_KEY",)))
    done = make(tmp_path, "daily")
    assert done.returncode == 2
    assert "API_KEY: is a secret, which is not in the Makefile, set it in the environment" in done.stderr
    assert make(tmp_path, "daily", API_KEY="p w'$").returncode == 0
    assert told(tmp_path)[1]["API_KEY"] == "p w'$"


def test_a_bare_make_starts_nothing_and_lists_the_chains(tmp_path: Path) -> None:
    made(tmp_path, counting(tmp_path, "a", 0))
    done = make(tmp_path)
    assert (done.returncode, done.stdout, (tmp_path / "a").exists()) == (0, "make daily\n", False)


def test_no_remark_becomes_a_rule(tmp_path: Path) -> None:
    note = Note("x", "ends in a backslash\\")
    other = Note("y", "one\nall: evil\n\techo evil\r$(shell touch evil)")
    made(tmp_path, counting(tmp_path, "a", 0), notes=(note, other))
    assert make(tmp_path, "daily").returncode == 0
    assert "evil" not in make(tmp_path, "-pn").stdout.replace("# - y: one all: evil echo evil", "")
    assert not (tmp_path / "evil").exists()
