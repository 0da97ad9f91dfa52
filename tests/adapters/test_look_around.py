"""What a process tells of its surroundings, and that it is the same when it is told by a program of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tetra_orchestrator.adapters import surroundings as module
from tetra_orchestrator.adapters.surroundings import look
from tetra_orchestrator.core.surroundings import Found, Interpreter, surroundings

ENVIRON = {"PATH": "/usr/bin:/bin", "HOME": "/home/ada", "TOKEN": "s3cret-value"}


def ask(root, environ=ENVIRON, **question):
    """What is found, with a question about nothing but what is given."""
    empty = {"root": str(root), "tz": None, "programs": [], "places": [], "interpreters": []}
    return surroundings(look(empty | question, environ))


def program(name, folder="/", search=None, first=""):
    return {"name": name, "folder": folder, "search": search, "first": first}


def executable(path, text="#!/bin/sh\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    return str(path)


def test_of_the_environment_it_tells_names_and_no_secrets(tmp_path):
    empty = {"root": str(tmp_path), "tz": None, "programs": [], "places": [], "interpreters": []}
    answer = look(empty, ENVIRON)
    assert answer["names"] == ["HOME", "PATH", "TOKEN"]
    assert answer["values"] == {"HOME": "/home/ada", "PATH": "/usr/bin:/bin"}
    assert "s3cret-value" not in json.dumps(answer)


def test_it_tells_the_umask_and_leaves_it_as_it_is(tmp_path):
    before = os.umask(0o027)
    try:
        assert ask(tmp_path).umask == 0o027
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_a_program_is_found_as_its_task_would_find_it(tmp_path):
    beside, given, here = (executable(tmp_path / name / "psql") for name in ("venv", "given", "here"))
    environ = {"PATH": str(tmp_path / "here")}
    questions = [
        program("psql"),
        program("psql", first=str(tmp_path / "venv")),
        program("psql", search=str(tmp_path / "given")),
        program("here/psql", folder=str(tmp_path)),
        program("psql", search=str(tmp_path)),
    ]
    assert ask(tmp_path, environ, programs=questions).programs == (here, beside, given, here, None)


def test_a_folder_that_is_to_be_made_is_judged_by_the_one_above_it(tmp_path):
    places = [{"path": str(tmp_path / "state" / "deep"), "writable": True}]
    (found,) = ask(tmp_path, places=places).places
    assert (found.there, found.fault) == (False, None)
    assert found.free_bytes > 0
    assert list(tmp_path.iterdir()) == [], "looking leaves nothing behind"


def test_what_is_missing_and_what_is_in_the_way_are_told_with_the_system_s_error(tmp_path):
    (tmp_path / "file").write_text("")
    places = [
        {"path": str(tmp_path / "gone"), "writable": False},
        {"path": str(tmp_path / "file"), "writable": True},
    ]
    missing, file = ask(tmp_path, places=places).places
    assert (missing.there, missing.fault, missing.text) == (False, "ENOENT", "No such file or directory")
    assert (file.there, file.fault, file.text) == (True, "ENOTDIR", "Not a directory")


def test_a_folder_of_another_that_may_not_be_entered_is_denied_and_not_missing(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root, to have a folder of another's and to ask as somebody else")
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    question = {"root": "/", "tz": None, "programs": [], "interpreters": []}
    question["places"] = [{"path": str(folder), "writable": way} for way in (False, True)]
    for each in (tmp_path, *tmp_path.parents[:-2]):
        each.chmod(each.stat().st_mode | 0o055)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        os.write(writer, json.dumps(look(question, ENVIRON)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    read, write = surroundings(json.loads(os.read(reader, 1 << 16))).places
    assert read == Found(str(folder), True, "EACCES", "Permission denied", "root", read.free_bytes)
    assert (write.there, write.fault, write.owner) == (True, "EACCES", "root")


def test_an_environment_tells_where_it_leads_to(tmp_path):
    base = executable(tmp_path / "Cellar" / "3.11.4" / "bin" / "python3.11")
    stable = link(tmp_path / "opt" / "bin" / "python3.11", base)
    venv = tmp_path / "venv"
    link(venv / "bin" / "python3", stable)
    python = link(venv / "bin" / "python", "python3")
    home = os.path.dirname(stable)
    (venv / "pyvenv.cfg").write_text(f"home = {home}\nversion = 3.11.4\n")
    assert ask(tmp_path, interpreters=[python]).interpreters == (
        Interpreter(python, str(venv), (python, stable, home), True, None),
    )


def test_an_environment_whose_base_is_gone_tells_what_is_missing(tmp_path):
    venv = tmp_path / "venv"
    python = link(venv / "bin" / "python", tmp_path / "gone" / "python3")
    (venv / "pyvenv.cfg").write_text(f"home = {tmp_path}/gone\n")
    (found,) = ask(tmp_path, interpreters=[python]).interpreters
    assert (found.usable, found.gone) == (False, f"{tmp_path}/gone/python3")


def test_links_in_a_circle_come_to_an_end(tmp_path):
    link(tmp_path / "bin" / "python3", "python")
    python = link(tmp_path / "bin" / "python", "python3")
    (tmp_path / "pyvenv.cfg").write_text("")
    assert not ask(tmp_path, interpreters=[python]).interpreters[0].usable


def test_an_interpreter_outside_of_an_environment_leads_nowhere_else(tmp_path):
    python = link(tmp_path / "bin" / "python3", executable(tmp_path / "Cellar" / "python3"))
    assert ask(tmp_path, interpreters=[python]).interpreters == (Interpreter(python, None, (python,), True, None),)


def test_zones_with_the_same_rules_have_the_same_mark(tmp_path, monkeypatch):
    local = link(tmp_path / "localtime", "/usr/share/zoneinfo/Europe/Berlin")
    if not os.path.exists(local):
        pytest.skip("needs the system's zone database: apt-get install tzdata")
    monkeypatch.setattr(module, "LOCAL_TIME", local)
    zone = ask(tmp_path, {"TZ": ":Europe/Berlin"}).zone
    assert (zone.tz, zone.local, zone.rules) == ("Europe/Berlin", "Europe/Berlin", zone.local_rules)
    other = ask(tmp_path, {"TZ": "Asia/Tokyo"}).zone
    assert other.rules not in (None, other.local_rules)
    assert ask(tmp_path, {}, tz="Asia/Tokyo").zone == other


def test_what_is_no_zone_has_no_mark(tmp_path):
    for name in ("Mars/Olympus", "../../etc/passwd", "/etc/passwd"):
        zone = ask(tmp_path, {"TZ": name}).zone
        assert (zone.tz, zone.tz_rules) == (name, None)


def test_a_machine_without_localtime_has_utc(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOCAL_TIME", str(tmp_path / "none"))
    zone = ask(tmp_path, {}).zone
    assert (zone.name, zone.rules) == ("UTC", ask(tmp_path, {"TZ": "UTC"}).zone.rules)


def test_a_copied_localtime_is_named_by_the_file_beside_it_or_not_at_all(tmp_path, monkeypatch):
    (tmp_path / "localtime").write_bytes(b"TZif2")
    monkeypatch.setattr(module, "LOCAL_TIME", str(tmp_path / "localtime"))
    monkeypatch.setattr(module, "TIME_ZONE", str(tmp_path / "timezone"))
    assert ask(tmp_path, {}).zone.local is None
    (tmp_path / "timezone").write_text("Europe/Berlin\n")
    assert ask(tmp_path, {}).zone.local == "Europe/Berlin"


@pytest.mark.parametrize(
    ("environ", "locale"),
    [
        ({}, "C"),
        ({"LC_CTYPE": "C.UTF-8"}, "C"),
        ({"LANG": "de_DE.UTF-8"}, "de_DE.UTF-8"),
        ({"LANG": "de_DE.UTF-8", "LC_CTYPE": "en_US.UTF-8"}, "en_US.UTF-8"),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8", "LC_CTYPE": "en_US.UTF-8"}, "C"),
    ],
)
def test_the_locale_is_the_one_that_wins_and_not_the_one_that_python_sets_for_itself(tmp_path, environ, locale):
    assert ask(tmp_path, environ).locale == locale


@pytest.mark.parametrize(("files", "told"), [((), None), (("clock",), False), (("synchronized",), True)])
def test_whether_the_network_sets_the_clock_is_told_where_timesyncd_runs(tmp_path, monkeypatch, files, told):
    if files:
        (tmp_path / "timesync").mkdir()
    for name in files:
        (tmp_path / "timesync" / name).touch()
    monkeypatch.setattr(module, "TIMESYNC", str(tmp_path / "timesync"))
    assert ask(tmp_path).synchronised is told


def test_as_a_program_it_tells_the_same_without_our_dependencies(tmp_path):
    question = {"root": str(tmp_path), "tz": None, "programs": [program("sh")], "interpreters": [sys.executable]}
    question["places"] = [{"path": str(tmp_path), "writable": True}]
    argv = [sys.executable, "-P", "-S", module.__file__]
    done = subprocess.run(
        argv, input=json.dumps(question), capture_output=True, text=True, env=ENVIRON, cwd=tmp_path, check=True
    )
    told, expected = surroundings(json.loads(done.stdout)), surroundings(look(question, ENVIRON))
    assert told.cwd == str(tmp_path)
    assert not told.package, "-S leaves out what is installed"
    ours = told.names - {"LC_CTYPE"}
    free = [place._replace(free_bytes=None) for place in (*told.places, *expected.places)]
    assert free[0] == free[1]
    changed = {"cwd": expected.cwd, "package": True, "names": ours, "places": expected.places}
    assert told._replace(**changed) == expected
