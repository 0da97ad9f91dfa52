"""`export`: what it writes, what it tells, and what it refuses."""

from __future__ import annotations

import os
import subprocess

import pytest

from support.making import make_words
from tetra_orchestrator.core.marker import read_marker

SHOP = """
    timezone: Europe/Berlin
    params: {day: {type: str, default: monday}}
    pools: {warehouse: 1}
    pipelines:
      extract: {shell: 'echo "{params.day} $KEY" >out.txt', env: {KEY: "${API_KEY:-}"}, timeout: 1m}
      report: {shell: 'cat out.txt >>report.txt', depends_on: [extract], pool: warehouse, priority: 2}
    modes: {daily: [extract, report], quick: [extract]}
    schedules:
      nightly: {mode: daily, cron: "0 1 * * *", overlap: queue}
      paused: {mode: quick, cron: "0 2 * * *", enabled: false}
"""
LOST = [
    "schedule paused: left out: it is off",
    "extract: the parameter 'day' has always its default",
    "report: it waits for no place in a pool (warehouse)",
    "report: no `priority`",
]


@pytest.fixture
def shop(site):
    site.configure(SHOP)
    return site


def test_a_makefile_is_printed_and_what_is_lost_is_told_beside_it(shop):
    done = shop.run("export", "make")
    assert done.returncode == 0
    assert done.stdout.startswith("# Made by `tetra export make`; digest ")
    assert sorted(done.stderr.splitlines()) == sorted(f"warning: {text}" for text in LOST)
    for text in LOST:
        assert f"# - {text}\n" in done.stdout


def test_the_makefile_runs_without_us(shop):
    done = shop.run("export", "make", "--output", "ejected")
    assert done.stdout == "wrote ejected/Makefile\nnext: `make -f ejected/Makefile` lists what it runs\n"
    (shop.root / "config" / "orchestration.yaml").unlink()
    made = subprocess.run(
        make_words("-j2", "-f", "ejected/Makefile", "daily"), cwd=shop.root, capture_output=True, timeout=60
    )
    assert (made.returncode, made.stdout, made.stderr) == (0, b"", b"")
    assert (shop.root / "report.txt").read_text() == "monday \n"


def test_as_json_the_files_and_what_is_lost_are_one_object(shop):
    printed = shop.json("export", "make", "--mode", "quick")
    assert (printed["schema"], printed["to"], printed["modes"]) == ("tetra.export/1", "make", ["quick"])
    assert [(one["name"], one["path"], one["text"][:10]) for one in printed["files"]] == [
        ("Makefile", None, "# Made by ")
    ]
    assert {"subject": "extract", "text": "the parameter 'day' has always its default"} in printed["warnings"]
    written = shop.json("export", "systemd", "--output", "units")
    assert [(one["name"], one["path"]) for one in written["files"]] == [
        (name, f"{shop.root}/units/{name}")
        for name in (
            *("demo.daily.service", "demo.daily.extract.service", "demo.daily.report.service"),
            *("demo.quick.service", "demo.quick.extract.service", "demo.nightly.timer"),
        )
    ]
    assert {"subject": "schedule nightly", "text": "no `overlap: queue`"} in written["warnings"]


def test_a_secret_is_never_written(shop):
    env = {"API_KEY": "s3cr3t-value"}
    for to in ("make", "systemd", "dagster"):
        done = shop.run("export", to, "--output", "ejected", env=env)
        assert done.returncode == 0, done.stderr
        place = f"in {shop.root}/demo.env" if to == "systemd" else "in the environment"
        assert f"warning: extract: KEY is a secret, to be set {place}" in done.stderr.splitlines()
    for path in (shop.root / "ejected").iterdir():
        assert "s3cr3t" not in path.read_text()
        assert read_marker(path.read_text()) is None  # or `schedule prune` would take it for ours


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["export", "make", "--mode", "dayly"],
            "Unknown mode: dayly\n  hint: did you mean 'daily'? modes: daily, quick",
        ),
        (
            ["export"],
            "Missing argument 'TO'. Choose from: make, systemd, dagster\n"
            "  hint: `tetra export --help` lists what it takes",
        ),
        (
            ["export", "cron"],
            "Invalid value for 'TO': 'cron' is not one of 'make', 'systemd', 'dagster'.\n"
            "  hint: `tetra export --help` lists what it takes",
        ),
        (
            ["export", "systemd", "--mode", "quick"],
            "these are 2 files: demo.quick.service, demo.quick.extract.service ...\n"
            "  hint: name a folder: --output DIR",
        ),
    ],
)
def test_a_mistake_on_the_command_line_is_told(words, said, shop):
    done = shop.run(*words)
    assert (done.returncode, done.stdout, done.stderr) == (64, "", f"error: {said}\n")


def test_a_secret_that_is_too_short_to_be_found_again_is_refused(shop):
    done = shop.run("export", "make", env={"API_KEY": "abc"})
    assert (done.returncode, done.stdout) == (78, "")
    message = "the value of API_KEY is too short to be told from other text, and it might be written"
    assert done.stderr == f"error: {message}\n  hint: take it out of the environment for this command\n"


def test_a_file_of_ours_is_written_anew_and_one_that_was_changed_or_is_not_ours_is_left(shop):
    path = shop.root / "ejected" / "Makefile"
    for _ in range(2):
        assert shop.run("export", "make", "--output", "ejected").returncode == 0
    made = path.read_text()
    for text in (made + "\nmine:\n\techo mine\n", "all:\n"):
        path.write_text(text)
        done = shop.run("export", "make", "--output", "ejected")
        assert (done.returncode, path.read_text()) == (64, text)
        assert "ejected/Makefile is there already, and is not as `tetra export` made it\n" in done.stderr
        assert "  hint: add --force to write over it, or name another folder\n" in done.stderr
    assert shop.run("export", "make", "--output", "ejected", "--force").returncode == 0
    assert path.read_text() == made


def test_nothing_is_written_where_one_of_several_files_is_not_ours(shop):
    (shop.root / "units").mkdir()
    (shop.root / "units" / "demo.nightly.timer").write_text("[Timer]\n")
    assert shop.run("export", "systemd", "--output", "units").returncode == 64
    assert os.listdir(shop.root / "units") == ["demo.nightly.timer"]
    done = shop.run("export", "make", "--output", "config/orchestration.yaml")
    expected = "error: config/orchestration.yaml is no folder\n  hint: name one, there or not: --output DIR\n"
    assert (done.returncode, done.stderr) == (64, expected)


def test_a_folder_that_cannot_be_written_is_told(shop):
    done = shop.run("export", "make", "--output", "/proc/ejected")
    assert (done.returncode, done.stdout) == (73, "")
    assert "/proc/ejected/Makefile: cannot be written: " in done.stderr


def test_a_mode_is_completed_and_so_is_what_it_is_exported_for(shop):
    def completed(*words):
        done = shop.run("__complete", *words)
        return [line.partition("\t")[0] for line in done.stdout.splitlines()]

    assert completed("export", "") == ["make", "systemd", "dagster"]
    assert completed("export", "make", "--mode", "") == ["daily", "quick"]


def test_a_function_is_called_without_our_worker(site):
    site.configure("""
        pythonpath: [lib]
        pipelines:
          plain: {function: jobs.plain, config: {name: "a {b} 'c' $d"}}
          later: {function: jobs.later, depends_on: [plain]}
    """)
    site.write(
        "lib/jobs.py",
        """
        def plain(name): open("plain.txt", "w").write(name)
        async def later(): open("later.txt", "w").write("awaited")
    """,
    )
    site.run("export", "make", "--output", ".")
    done = subprocess.run(make_words("all"), cwd=site.root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [(site.root / name).read_text() for name in ("plain.txt", "later.txt")] == ["a {b} 'c' $d", "awaited"]
