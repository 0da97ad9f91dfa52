"""The cache of parsed configurations: used when nothing changed, never when something did, and without any value."""

from __future__ import annotations

import os
import sys

import pytest

from tetra_orchestrator.config import cache
from tetra_orchestrator.errors import ConfigError

FILE = """\
version: 1
project: demo
python: {python}
pythonpath: [src]
pipelines:
  one: {{module: jobs.one, retry: {{max_attempts: 3, delay: "${{DELAY:-60s}}"}}, outputs: {{rows: int}}, pool: db}}
  two: {{command: [echo, "{{one.rows}}"], depends_on: [one]}}
pools: {{db: 2}}
modes: {{all: [one, {{two: [--fast]}}]}}
schedules: {{nightly: {{mode: all, cron: "0 3 * * *"}}}}
"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "src" / "jobs").mkdir(parents=True)
    (tmp_path / "src" / "jobs" / "one.py").touch()
    (tmp_path / "orchestration.yaml").write_text(FILE.format(python=sys.executable))
    return tmp_path


@pytest.fixture
def parsed(monkeypatch):
    """The files that were really parsed, in order."""
    from tetra_orchestrator.config import load

    seen, real = [], load.load_project
    monkeypatch.setattr(load, "load_project", lambda path, **options: (seen.append(path), real(path, **options))[1])
    return seen


def load(site, **environ):
    return cache.load(str(site / "orchestration.yaml"), environ={"PATH": os.environ["PATH"], **environ})


def test_the_second_load_is_equal_and_parses_nothing(site, parsed):
    first = load(site)
    second = load(site)
    assert len(parsed) == 1
    assert second == first
    assert second.project.tasks()[0].retry.delay_s == 60.0


@pytest.mark.parametrize("change", ["bytes", "dotenv", "version", "log_dir", "zone", "local_time"])
def test_whatever_a_project_depends_on_makes_the_cache_stale(site, parsed, monkeypatch, change):
    load(site)
    environ = {}
    if change == "bytes":
        (site / "orchestration.yaml").write_text(FILE.format(python=sys.executable) + "# a comment\n")
    elif change == "dotenv":
        (site / ".env").write_text("OTHER=1\n")
    elif change == "version":
        monkeypatch.setattr(cache, "__version__", "9.9.9")
    elif change == "zone":
        environ = {"TZ": "Asia/Tokyo"}
    elif change == "local_time":
        monkeypatch.setattr(cache, "LOCAL_TIME", "/elsewhere")
    else:
        environ = {"LOG_DIR": "/elsewhere"}
    load(site, **environ)
    assert len(parsed) == 2


def test_a_variable_that_is_set_is_never_kept_and_always_resolved_anew(site, parsed):
    assert load(site, DELAY="7s").project.tasks()[0].retry.delay_s == 7.0
    (site / ".env").write_text("DELAY=9s\n")
    assert load(site).project.tasks()[0].retry.delay_s == 9.0
    (kept,) = (site / "state" / "cache").iterdir()
    assert [value in kept.read_text() for value in ("${DELAY", "7s", "9s")] == [True, False, False]
    assert len(parsed) == 2


def test_a_file_that_is_broken_now_is_as_it_last_was_with_the_variables_of_now(site):
    load(site, DELAY="7s")
    (site / "orchestration.yaml").write_text("pipelines: [")
    known = cache.last_good(str(site / "orchestration.yaml"), {"PATH": os.environ["PATH"], "DELAY": "8s"})
    assert known.project.tasks()[0].retry.delay_s == 8.0
    assert [schedule.name for schedule in known.project.schedules] == ["nightly"]


def test_nothing_is_known_of_a_file_with_a_password_in_itself_also_not_what_it_said_before_that(site):
    """It is kept nowhere else, and what the file said before is not what it last said."""
    file = site / "orchestration.yaml"
    load(site)
    assert cache.last_good(str(file), {}) is not None
    file.write_text(f"{file.read_text()}state: 'postgresql://shop:very-secret@db/shop'\n")
    load(site)
    assert cache.last_good(str(file), {}) is None
    assert "very-secret" not in kept_in(site)


def kept_in(site):
    """All that is kept, as one text."""
    (file,) = (path for path in (site / "state").rglob("*") if path.is_file())
    return file.read_text()


@pytest.mark.parametrize(
    ("old", "new", "known"),
    [
        ("pool: db", "pool: dc", True),
        ("webhook_url", "webhook_ulr", False),
        ("pools: {", "pools: [", False),
    ],
)
def test_who_is_told_by_an_address_in_a_file_that_is_broken_is_told_by_that_as_long_as_it_stands_there(
    site, old, new, known
):
    file = site / "orchestration.yaml"
    hook = "https://hooks.example.com/very-secret"
    good = f"{file.read_text()}alerting: {{channels: {{slack: {{webhook_url: '{hook}'}}}}}}\n"
    file.write_text(good)
    load(site)
    assert "very-secret" not in kept_in(site)
    file.write_text(good.replace(old, new, 1))
    now = cache.last_good(str(file), {"PATH": os.environ["PATH"]})
    urls = [channel.webhook_url for channel in now.project.alerting.channels] if now else []
    assert urls == ([hook] if known else [])
    assert not now or (hook in now.secrets and "very-secret" not in now.document)


def test_a_password_that_comes_from_a_variable_leaves_the_file_known(site):
    file = site / "orchestration.yaml"
    file.write_text(f"{file.read_text()}state: 'postgresql://shop:${{PASSWORD}}@db/shop'\n")
    assert "hidden-one" in load(site, PASSWORD="hidden-one").project.store_url
    file.write_text("pipelines: [")
    known = cache.last_good(str(file), {"PATH": os.environ["PATH"], "PASSWORD": "hidden-two"})
    assert known.project.store_url == "postgresql://shop:hidden-two@db/shop"


def test_a_module_that_has_gone_is_told_although_the_file_is_the_same(site):
    load(site)
    (site / "src" / "jobs" / "one.py").unlink()
    with pytest.raises(ConfigError, match=r"jobs\.one"):
        load(site)


@pytest.mark.parametrize(
    "text", ["", "{", "KEY", "KEY\n", "KEY\n\n[1, 2]", 'KEY\n\n["", [], {"Nothing": []}, null, []]', "KEY\n\n\xff"]
)
def test_a_damaged_or_foreign_cache_means_parsing_again(site, parsed, text):
    first = load(site)
    (file,) = (site / "state" / "cache").glob("project-*")
    key = file.read_text().split("\n")[0]
    file.write_bytes(text.replace("KEY", key).encode("latin-1"))
    assert load(site) == first
    assert len(parsed) == 2


@pytest.mark.parametrize("spoil", [lambda file: file.chmod(0o666), lambda file: os.chown(file, 65534, -1)])
def test_a_cache_that_somebody_else_could_have_written_is_not_believed(site, parsed, spoil):
    if os.geteuid() != 0:
        pytest.skip("needs root, to give a file away")
    load(site)
    (file,) = (site / "state" / "cache").glob("project-*")
    spoil(file)
    load(site)
    assert len(parsed) == 2


def test_the_first_command_makes_every_folder_private_whatever_the_umask(site):
    before = os.umask(0o002)
    try:
        load(site)
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (site / "state", site / "state" / "cache")] == [0o700, 0o700]


def test_the_cache_is_private(site):
    load(site)
    (file,) = (site / "state" / "cache").glob("project-*")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_overlays_and_sets_have_caches_of_their_own(site, parsed):
    path = str(site / "orchestration.yaml")
    for _ in range(2):
        assert cache.load(path, environ={}, sets=["pools.db=5"]).project.pools == (("db", 5),)
        assert cache.load(path, environ={}).project.pools == (("db", 2),)
    assert len(parsed) == 2


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ('title: "${HIDDEN}"', "utf-16"),
        (r'title: "\x24{HIDDEN}"', "utf-8"),
        (r'title: "$\u007bHIDDEN}"', "utf-8"),
        (r'title: "${HID\x44EN}"', "utf-8"),
        ('{"secr\\x65ts": {HIDDEN: {command: [printenv, HIDDEN]}}, title: "${HIDDEN}", ', "utf-8"),
    ],
)
def test_a_variable_that_the_bytes_do_not_show_is_not_kept_either(tmp_path, monkeypatch, text, encoding):
    file = tmp_path / "orchestration.yaml"
    rest = "version: 1\nproject: p\npipelines: {a: {command: [echo]}}\n"
    flow = "version: 1, project: p, pipelines: {a: {command: [echo]}}}"
    file.write_bytes((text + flow if text.startswith("{") else f"{text}\n{rest}").encode(encoding))
    for value in ("first value", "second value"):
        monkeypatch.setenv("HIDDEN", value)
        environ = {"PATH": os.environ["PATH"], **({} if text.startswith("{") else {"HIDDEN": value})}
        assert cache.load(str(file), environ=environ).project.title == value
        assert not (tmp_path / "state").exists()


def test_what_status_keeps_of_a_cached_project_is_stale_when_another_file_is_included(tmp_path):
    from datetime import UTC, datetime

    from tetra_orchestrator.config.glance import look

    file, environ, now = tmp_path / "orchestration.yaml", {"PATH": os.environ["PATH"]}, datetime.now(UTC)
    file.write_text("version: 1\nproject: p\ninclude: [parts/*.yaml]\n")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.yaml").write_text("pipelines: {a: {command: [echo]}}")
    for _ in range(2):
        cache.load(str(file), environ=environ)
    assert look(str(file), environ, now).pipelines == ("a",)
    (tmp_path / "parts" / "b.yaml").write_text("pipelines: {b: {command: [echo]}}")
    assert look(str(file), environ, now).pipelines == ("a", "b")


def test_a_glance_knows_the_schedules_also_when_it_comes_from_the_cache_or_the_file_is_broken(tmp_path):
    from datetime import UTC, datetime

    from tetra_orchestrator.config.glance import last_known, look

    file, environ, now = tmp_path / "orchestration.yaml", {"PATH": os.environ["PATH"]}, datetime.now(UTC)
    file.write_text(
        "version: 1\nproject: p\npipelines: {a: {command: [echo]}, b: {command: [echo]}}\n"
        "schedules: {a: {pipelines: [a], cron: '0 6 * * *'}, night: {pipelines: [a], cron: '0 7 * * *'}}\n"
    )
    first, second = (look(str(file), environ, now) for _ in range(2))
    assert first.project is not None
    assert first._replace(project=None) == second == last_known(str(file))
    assert (first.pipelines, first.schedules) == (("a", "b"), ("a", "night"))
    assert list(first.next_slots) == ["a"]


def test_a_run_leaves_the_names_of_pipelines_and_schedules_for_a_glance_at_a_broken_file(tmp_path):
    from tetra_orchestrator.config.glance import last_known

    file = tmp_path / "orchestration.yaml"
    file.write_text(
        "version: 1\nproject: p\npipelines: {a: {command: [echo]}}\n"
        "schedules: {night: {pipelines: [a], cron: '0 7 * * *'}}\n"
    )
    cache.remember(cache.load(str(file), environ={"PATH": os.environ["PATH"]}).project)
    known = last_known(str(file))
    assert (known.pipelines, known.schedules, known.next_slots) == (("a",), ("night",), {})
