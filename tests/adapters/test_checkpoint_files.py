"""The files of checkpoints, and when a run writes them."""

from __future__ import annotations

import errno
import json
import os
import time
from datetime import timedelta

import pytest

from support.builders import utc
from tetra_orchestrator import failpoints
from tetra_orchestrator.adapters.checkpoints import files
from tetra_orchestrator.adapters.checkpoints.reporter import CheckpointReporter
from tetra_orchestrator.core.checkpoint import Checkpoint, Holdings, Keeping
from tetra_orchestrator.core.events import RUN_STARTED, TASK_FINISHED, TASK_SKIPPED, RunEvent
from tetra_orchestrator.core.history import TaskRun
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.errors import UsageError
from tetra_orchestrator.ports import Subject

NOW = utc(2026, 3, 1, 20)
RUN, LATER = "20260301T200000Z-abcdef", "20260301T210000Z-abcdef"
CHAIN = (("a",), ("b",), ("c",), ("d",), ("e",))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "my checkpoints"


def checkpoint(timestamp=1.0, *, run_id=RUN, name="demo", stages=("a",)):
    return Checkpoint(run_id, name, stages, {each: {"n": 1} for each in stages}, timestamp)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".")


# The folder


def test_A_060_the_folder_is_made_and_both_are_private(folder):
    umask = os.umask(0)
    try:
        path = files.save(str(folder / "deep"), checkpoint(), 1)
    finally:
        os.umask(umask)
    assert path == f"{folder}/deep/{RUN}.0001.json"
    assert [oct(os.stat(each).st_mode & 0o777) for each in (folder / "deep", path)] == ["0o700", "0o600"]
    assert files.look(str(folder / "deep")).kept[0].checkpoint == checkpoint()


def test_A_067_what_is_there_is_read_the_newest_first(folder):
    for number, timestamp in enumerate((2.0, 3.0, 1.0)):
        files.save(str(folder), checkpoint(timestamp), number)
    assert [each.checkpoint.timestamp for each in files.look(str(folder)).kept] == [3.0, 2.0, 1.0]


def test_A_070_what_is_no_checkpoint_is_told_and_what_is_no_file_is_passed_by(folder):
    files.save(str(folder), checkpoint(), 1)
    (folder / "cut.json").write_text('{"pipeline_id": ')
    (folder / "bytes.json").write_bytes(b"\xff\xfe")
    (folder / "notes.txt").write_text("mine")
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    found = files.look(str(folder))
    assert len(found.kept) == 1
    assert found.broken == (
        (f"{folder}/bytes.json", "it is not UTF-8"),
        (f"{folder}/cut.json", "it is not JSON: Expecting value: line 1 column 17 (char 16)"),
    )


def test_a_folder_that_is_not_there_holds_nothing_and_a_file_is_no_folder(folder):
    assert files.look(str(folder)) == Holdings()
    folder.write_text("")
    with pytest.raises(UsageError) as refused:
        files.look(str(folder))
    assert str(refused.value) == (
        f"{folder}: cannot read the checkpoint folder: Not a directory\n  hint: name another one with --checkpoint-dir"
    )


def test_A_068_a_save_that_is_cut_short_leaves_the_one_before_and_no_draft(folder):
    files.save(str(folder), checkpoint(1.0), 1)
    before = (folder / f"{RUN}.0001.json").read_text()
    failpoints.arm("checkpoint.write=enospc")
    try:
        with pytest.raises(OSError, match="No space left"):
            files.save(str(folder), checkpoint(2.0, stages=("a", "b")), 2)
    finally:
        failpoints.arm("")
    assert names(folder) == [f"{RUN}.0001.json"]
    assert (folder / f"{RUN}.0001.json").read_text() == before


def test_drafts_of_processes_that_were_killed_go_and_those_of_live_ones_stay(folder):
    files.save(str(folder), checkpoint(), 1)
    stale = [folder / name for name in (f"{RUN}.0002.json.4711", ".homes.4711", "mine.json.1", f"{RUN}.0001.json")]
    fresh = folder / f"{RUN}.0003.json.4712"
    for path in (*stale, fresh):
        path.write_text("half")
    for path in stale:
        os.utime(path, (time.time() - 7200,) * 2)
    files.tidy(str(folder), time.time())
    assert [path.exists() for path in (*stale, fresh)] == [False, False, True, True, True]


def test_the_configuration_of_each_pipeline_is_noted_and_what_is_damaged_there_is_as_none(folder):
    folder.mkdir()
    for name, home in (("one", "/x/one.yaml"), ("two", "/x/two.yaml"), ("one", "/y/one.yaml")):
        files.settle_in(str(folder), name, home)
    assert files.look(str(folder)).homes == {"one": "/y/one.yaml", "two": "/x/two.yaml"}
    for text in ("{", "[]", '{"one": 1}'):
        (folder / files.HOMES).write_text(text)
        assert files.look(str(folder)).homes == {}


# A run


class Site:
    """A run of which tasks end one after another; the store has what they left."""

    def __init__(self, folder, groups=CHAIN, *, run_id=RUN, most=5, name="demo"):
        self.folder, self.now, self.rows, self.told, self.reads = folder, NOW, [], [], 0
        keeping = Keeping(str(folder), name, most, "/x/demo.yaml")
        subject = Subject(run_id, "", (), {}, "", lambda *_: "", lambda _: "", rows=self._rows)
        self.run_id = run_id
        self.reporter = CheckpointReporter(subject, keeping, groups, self.told.append)

    def _rows(self):
        self.reads += 1
        return self.rows

    def tell(self, *ends, event=TASK_FINISHED, reason=None):
        """One commit in which tasks end, given as `name state`."""
        self.now += timedelta(seconds=1)
        for end in ends:
            name, state = end.split()
            self.rows.append(TaskRun(self.run_id, name, name, 0, state, reason=reason, outputs={"of": name}))
            self.reporter.event(RunEvent(event, 1, self.now, self.run_id, name, 1, state, reason))
        self.reporter.flush()

    def stages(self):
        found = sorted(self.folder.glob("2*.json")) if self.folder.exists() else []
        return [json.loads(path.read_text())["completed_stages"] for path in found]


def test_A_053_A_058_one_is_saved_after_each_group_with_its_time(folder):
    site = Site(folder, CHAIN[:3])
    site.reporter.event(RunEvent(RUN_STARTED, 1, NOW, RUN))
    site.reporter.flush()
    assert not folder.exists()
    for name in "abc":
        site.tell(f"{name} succeeded")
    assert names(folder) == [f"{RUN}.000{n}.json" for n in (1, 2, 3)]
    assert site.stages() == [["a"], ["a", "b"], ["a", "b", "c"]]
    newest = files.look(str(folder)).kept[0].checkpoint
    assert newest.timestamp == (NOW + timedelta(seconds=3)).timestamp()
    assert newest.stage_outputs == {name: {"of": name} for name in "abc"}
    assert site.told == []


def test_nothing_is_written_or_read_before_a_group_is_over(folder):
    site = Site(folder, (("a", "b", "c"),))
    site.tell("a succeeded")
    site.tell("b succeeded")
    assert (site.stages(), site.reads) == ([], 0)
    site.tell("c succeeded")
    assert (site.stages(), site.reads) == ([["a", "b", "c"]], 1)


def test_A_064_what_succeeded_in_a_group_of_which_one_failed_is_kept(folder):
    site = Site(folder, (("a", "b"), ("c",)))
    site.tell("a succeeded")
    site.tell("b failed", "c upstream_failed")
    assert site.stages() == [["a"]]


def test_a_group_in_which_nothing_succeeded_leaves_none(folder):
    site = Site(folder)
    site.tell("a failed", "b upstream_failed", "c upstream_failed", "d upstream_failed", "e upstream_failed")
    assert not folder.exists()


def test_groups_that_are_over_in_one_commit_share_one(folder):
    site = Site(folder)
    site.tell("a succeeded", "b succeeded")
    assert site.stages() == [["a", "b"]]


@pytest.mark.parametrize("code", ["already_succeeded", "in_checkpoint"])
def test_a_run_that_goes_on_begins_with_one_of_its_own(folder, code):
    site = Site(folder, (("a", "b"), ("c",)))
    site.tell("a skipped", event=TASK_SKIPPED, reason=Reason(code, "it was done"))
    assert site.stages() == [["a"]]


def test_what_is_left_out_for_another_reason_is_not_completed(folder):
    site = Site(folder, (("a",), ("b",)))
    site.tell("a skipped", event=TASK_SKIPPED, reason=Reason("disabled", "it is off"))
    site.tell("b succeeded")
    assert site.stages() == [["b"]]


def test_a_clock_that_is_set_back_does_not_make_the_newest_an_old_one(folder):
    site = Site(folder)
    site.tell("a succeeded")
    site.now -= timedelta(hours=1)
    site.tell("b succeeded")
    assert files.look(str(folder)).kept[0].checkpoint.completed_stages == ("a", "b")


def test_A_061_the_newest_of_that_name_stay_and_nothing_that_is_not_ours_goes(folder):
    folder.mkdir()
    mine = {"pipeline_id": "x", "pipeline_name": "demo", "completed_stages": [], "stage_outputs": {}, "timestamp": 0.0}
    (folder / "by_hand.json").write_text(json.dumps(mine))
    files.save(str(folder), checkpoint(1.0, name="other"), 9)
    site = Site(folder, most=2, run_id=LATER)
    for name in "abcde":
        site.tell(f"{name} succeeded")
    assert names(folder) == [f"{RUN}.0009.json", f"{LATER}.0004.json", f"{LATER}.0005.json", "by_hand.json"]


def test_A_061_those_of_earlier_runs_count_and_go_first_whatever_their_time(folder):
    for number, timestamp in enumerate((5.0, 4e9, 6.0), start=1):
        files.save(str(folder), checkpoint(timestamp), number)
    site = Site(folder, most=3, run_id=LATER)
    site.tell("a succeeded")
    assert names(folder) == [f"{RUN}.0002.json", f"{RUN}.0003.json", f"{LATER}.0001.json"]
    site.tell("b succeeded")
    site.tell("c succeeded")
    assert names(folder) == [f"{LATER}.000{n}.json" for n in (1, 2, 3)]


def test_one_that_cannot_be_written_is_told_once_and_the_next_is_tried(folder, monkeypatch):
    site = Site(folder)
    save, full = files.save, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    failing = iter((True, True, False))

    def sometimes(*args):
        if next(failing):
            raise full
        return save(*args)

    monkeypatch.setattr(files, "save", sometimes)
    for name in "abc":
        site.tell(f"{name} succeeded")
    assert site.told == [f"the checkpoints in {folder} are incomplete: No space left on device"]
    assert site.stages() == [["a", "b", "c"]]


def test_A_069_a_checkpoint_of_the_four_stages_takes_less_than_100_ms(folder):
    site = Site(folder, CHAIN[:4])
    spent = []
    for name in "abcd":
        began = time.perf_counter()
        site.tell(f"{name} succeeded")
        spent.append(time.perf_counter() - began)
    assert sorted(spent)[1] < 0.1
