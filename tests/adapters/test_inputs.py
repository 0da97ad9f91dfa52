"""Which files are the inputs that patterns name, and whether what is in them has changed."""

from __future__ import annotations

import os
import sys
import time

import pytest

from tetra_orchestrator.adapters import inputs
from tetra_orchestrator.adapters.inputs import CHUNK, ProjectInputs
from tetra_orchestrator.errors import TetraError


class Site:
    def __init__(self, folder):
        self.folder = folder
        self.files = ProjectInputs(str(folder))

    def write(self, *names, text="x"):
        for name in names:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)

    def hashes(self, *patterns, others=()):
        steps = self.files.hashes(patterns, others)
        self.steps = 0
        while True:
            try:
                next(steps)
                self.steps += 1
            except StopIteration as end:
                return dict(end.value)

    def names(self, *patterns, others=()):
        return list(self.hashes(*patterns, others=others))

    def fault(self, *patterns):
        with pytest.raises(TetraError) as fault:
            self.hashes(*patterns)
        return str(fault.value)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "my project")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("data/a.csv", ["data/a.csv"]),
        ("data/*.csv", ["data/a.csv", "data/b.csv"]),
        ("data/[ab].csv", ["data/a.csv", "data/b.csv"]),
        ("data/?.txt", ["data/c.txt"]),
        ("data/**/*.csv", ["data/a.csv", "data/b.csv", "data/deep/d.csv"]),
        ("data/deep", ["data/deep/d.csv", "data/deep/er/e.txt"]),
        ("data/deep/", ["data/deep/d.csv", "data/deep/er/e.txt"]),
        ("data/d*", ["data/deep/d.csv", "data/deep/er/e.txt"]),
        ("data/deep/**", ["data/deep/d.csv", "data/deep/er/e.txt"]),
        ("./data/a.csv", ["./data/a.csv"]),
        ("data/.hidden", ["data/.hidden"]),
    ],
)
def test_patterns_name_files_and_a_folder_stands_for_all_that_is_below(site, pattern, names):
    site.write("data/a.csv", "data/b.csv", "data/c.txt", "data/deep/d.csv", "data/deep/er/e.txt", "data/.hidden")
    site.write("data/deep/.DS_Store", "data/deep/.git/config", "data/deep/__pycache__/d.pyc")
    assert sorted(site.names(pattern)) == names


def test_a_file_that_fits_several_patterns_counts_once(site):
    site.write("a.csv", "b.csv")
    assert site.names("a.csv", "*.csv") == ["a.csv", "b.csv"]


def test_an_absolute_path_may_lie_anywhere(site, tmp_path):
    site.write("a")
    (tmp_path / "elsewhere.txt").write_text("x")
    assert site.names(f"{tmp_path}/*.txt") == [f"{tmp_path}/elsewhere.txt"]


def test_of_the_others_those_that_are_there_count(site):
    site.write("a", "main.py")
    assert site.names("a", others=("main.py", "main/__main__.py")) == ["a", "main.py"]


def test_content_decides_and_neither_time_nor_name_of_the_folder(site, tmp_path):
    site.write("a", "b", text="same")
    found = site.hashes("a", "b")
    assert found["a"] == found["b"]
    os.utime(site.folder / "a", (1, 1))
    assert site.hashes("a", "b") == found
    site.write("a", text="othr")
    assert site.hashes("a")["a"] != found["a"]


@pytest.mark.parametrize("pattern", ["loop/**/*.csv", "loop/**", "**/x.csv", "loop"])
def test_links_to_a_folder_above_them_are_not_followed_for_ever(site, pattern):
    site.write("loop/x.csv", "loop/a/x.csv", "loop/b/x.csv")
    for place in ("a", "b"):
        (site.folder / f"loop/{place}/up").symlink_to("..")
        (site.folder / f"loop/{place}/top").symlink_to("../..")
    assert sorted(site.names(pattern)) == ["loop/a/x.csv", "loop/b/x.csv", "loop/x.csv"]


def test_a_linked_folder_belongs_to_what_is_at_any_depth(site, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far/y.csv").write_text("1")
    site.write("data/x.csv")
    (site.folder / "data/far").symlink_to(tmp_path / "far")
    assert sorted(site.names("data/**/*.csv")) == ["data/far/y.csv", "data/x.csv"]


@pytest.mark.parametrize("pattern", ["a\0b", "data/a\0b/*.csv", "a\0b/**/*.csv"])
def test_what_can_be_no_path_is_said_to_be_none_or_to_fit_nothing(site, pattern):
    site.write("data/x.csv")
    assert site.fault(pattern) in (f"no file fits the input {pattern!r}", f"the input {pattern!r} is no path")


def test_a_link_stands_for_what_it_leads_to(site):
    site.write("one", text="1")
    site.write("two", text="2")
    (site.folder / "current").symlink_to("one")
    before = site.hashes("current")
    (site.folder / "current").unlink()
    (site.folder / "current").symlink_to("two")
    assert site.hashes("current") != before


def test_a_large_file_is_read_in_steps(site):
    site.folder.mkdir()
    (site.folder / "big").write_bytes(b"x" * (3 * CHUNK + 1))
    site.hashes("big")
    assert site.steps == 4


def test_what_was_not_touched_since_is_not_read_again(site):
    site.write("a", text="12")
    os.utime(site.folder / "a", (1, 1))
    site.hashes("a")
    assert site.steps == 1
    site.hashes("a")
    assert site.steps == 1, "its change time is too near to tell"


def test_a_file_whose_times_are_well_past_is_read_once(site, monkeypatch):
    site.write("a", text="12")
    monkeypatch.setattr(inputs, "COARSE_NS", -1)
    time.sleep(0.02)  # the file system's clock is coarse
    assert [len(site.hashes("a")), site.steps, len(site.hashes("a")), site.steps] == [1, 1, 1, 0]
    site.write("a", text="34")
    before = site.hashes("a")
    assert (site.steps, before) == (1, Site(site.folder).hashes("a"))


def test_a_change_that_leaves_size_and_times_as_they_were_is_seen_by_the_time_of_the_change_itself(site):
    site.write("a", text="12")
    before = site.hashes("a")
    status = os.stat(site.folder / "a")
    site.write("a", text="34")
    os.utime(site.folder / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert site.hashes("a") != before


# What cannot be told


def test_a_pattern_that_fits_nothing_is_refused(site):
    site.write("data/a.csv")
    assert site.fault("data/*.csv", "dta/*.csv") == "no file fits the input 'dta/*.csv'"


def test_an_empty_folder_has_no_file_that_fits(site):
    (site.folder / "data").mkdir(parents=True)
    assert site.fault("data") == "no file fits the input 'data'"


def test_a_link_that_leads_nowhere_cannot_be_read(site):
    site.folder.mkdir()
    (site.folder / "lost").symlink_to("nowhere")
    assert site.fault("l*") == "lost: cannot be read: No such file or directory"


def test_what_never_ends_is_no_input_and_holds_nobody_up(site):
    site.folder.mkdir()
    os.mkfifo(site.folder / "pipe")
    assert site.fault("pipe") == "pipe: is no file, so that nobody can tell whether it has changed"


@pytest.mark.skipif(sys.platform != "linux", reason="the file that nobody can read is one of Linux's own")
def test_a_file_that_cannot_be_read_is_refused(site):
    assert site.fault("/proc/self/mem") == "/proc/self/mem: cannot be read: Input/output error"


def test_a_file_that_is_gone_while_files_are_read_is_refused(site):
    site.write("a", "b")
    steps = site.files.hashes(("a", "b"), ())
    next(steps)
    (site.folder / "b").unlink()
    with pytest.raises(TetraError, match="cannot be read: No such file"):
        list(steps)
