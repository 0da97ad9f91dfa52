"""The files of attempts."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tetra_orchestrator.adapters.workspace import OUTPUT_LIMIT, Workspace
from tetra_orchestrator.core.history import Run
from tetra_orchestrator.errors import CannotWrite, Exit
from tetra_orchestrator.ports import AttemptFiles


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(f"{tmp_path}/logs", f"{tmp_path}/state")


@pytest.fixture
def files(workspace: Workspace) -> AttemptFiles:
    return workspace.prepare("run", "pipe.task", 1, {})


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_every_file_of_an_attempt_has_its_place(files: AttemptFiles, tmp_path: Path) -> None:
    assert files.log == f"{tmp_path}/logs/runs/run/pipe.task.1.log"
    assert files.output == f"{tmp_path}/state/attempts/run/pipe.task.1.output.jsonl"
    assert files.checkpoint == f"{tmp_path}/state/checkpoints/run/pipe.task"
    assert os.path.isdir(files.checkpoint)
    assert os.path.isdir(os.path.dirname(files.log))


def test_the_checkpoint_folder_survives_attempts(workspace: Workspace, files: AttemptFiles) -> None:
    Path(files.checkpoint, "half-done").touch()
    again = Workspace(workspace._logs, workspace._state).prepare("run", "pipe.task", 2, {})
    assert again.checkpoint == files.checkpoint
    assert again.log != files.log
    assert os.listdir(again.checkpoint) == ["half-done"]


def test_the_input_is_a_readable_json_file_whatever_is_given(workspace: Workspace) -> None:
    nothing = workspace.prepare("run", "a", 1, {})
    given = {"rows": 3, "text": "ü", "list": [1, None]}
    something = workspace.prepare("run", "b", 1, given)
    assert json.loads(Path(nothing.input).read_text()) == {}
    assert json.loads(Path(something.input).read_text()) == given


@pytest.mark.parametrize("umask", [0o000, 0o777, 0o077])
def test_fault_110_folders_and_files_are_private_whatever_the_umask(workspace: Workspace, umask: int) -> None:
    before = os.umask(umask)
    try:
        files = workspace.prepare("run", "task", 1, {"a": 1})
    finally:
        os.umask(before)
    folders = (os.path.dirname(files.log), os.path.dirname(files.input), files.checkpoint, workspace._state)
    assert {mode(each) for each in folders} == {0o700}
    assert mode(files.input) == 0o600


def test_a_folder_that_cannot_be_made_is_named_with_cause_and_remedy(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    with pytest.raises(CannotWrite) as caught:
        Workspace(f"{tmp_path}/logs", f"{tmp_path}/state").prepare("run", "task", 1, {})
    assert caught.value.message == f"cannot write the log folder {tmp_path}/logs/runs/run: Not a directory"
    assert caught.value.hint == "make it writable, or set logs.dir or LOG_DIR"
    assert caught.value.exit_code == Exit.CANNOT_WRITE


def test_an_attempts_log_is_where_it_was_prepared(workspace: Workspace, files: AttemptFiles) -> None:
    assert workspace.log_path("run", "pipe.task", 1) == files.log


def test_every_run_gets_a_private_log_of_its_own_and_latest_names_the_newest(workspace: Workspace) -> None:
    now = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
    logs = [workspace.open_log(now) for _ in range(3)]
    stem = f"{workspace._logs}/orchestrator_{now.astimezone():%Y%m%d_%H%M%S}"
    assert logs == [f"{stem}.log", f"{stem}_2.log", f"{stem}_3.log"]
    assert mode(logs[0]) == 0o600
    assert os.path.realpath(f"{workspace._logs}/latest") == os.path.realpath(logs[-1])


def test_a_task_that_wrote_no_outputs_has_none(workspace: Workspace, files: AttemptFiles) -> None:
    assert workspace.outputs(files) == {}
    Path(files.output).touch()
    assert workspace.outputs(files) == {}


def test_later_keys_win_and_blank_lines_do_not_matter(workspace: Workspace, files: AttemptFiles) -> None:
    Path(files.output).write_text('{"rows": 1, "a": [1]}\n\n  \r\n{"rows": 2}\r\n{"b": null}')
    assert workspace.outputs(files) == {"rows": 2, "a": [1], "b": None}


@pytest.mark.parametrize(
    ("third", "why"),
    [
        (b"[1]", "an object"),
        (b"3", "an object"),
        (b'{"rows": ', "line 3: Expecting value"),
        (b'{"rows": NaN}', "NaN is not JSON"),
        (b'{"rows": "\xff"}', "utf-8"),
        (b'{"rows": -1e999}', "-1e999 is too large a number"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", "nested too deeply"),
        (b"\x00\x01", "Expecting value"),
    ],
)
def test_fault_97_outputs_that_cannot_be_read_name_their_line(
    workspace: Workspace, files: AttemptFiles, third: bytes, why: str
) -> None:
    Path(files.output).write_bytes(b'{"a": 1}\n\n' + third + b'\n{"b": 2}\n')
    with pytest.raises(ValueError, match="^line 3: ") as caught:
        workspace.outputs(files)
    assert why in str(caught.value)


def test_half_a_surrogate_pair_and_a_hundred_levels_are_handed_on(workspace: Workspace, files: AttemptFiles) -> None:
    Path(files.output).write_bytes(rb'{"x": "\ud800"}' + b'\n{"deep": ' + b"[" * 99 + b"]" * 99 + b"}\n")
    given = workspace.outputs(files)
    assert given["x"] == "\ud800"
    prepared = workspace.prepare("run", "next", 1, given)
    assert json.loads(Path(prepared.input).read_text("ascii")) == given


def test_fault_97_outputs_of_more_than_a_megabyte_are_refused(workspace: Workspace, files: AttemptFiles) -> None:
    line = b'{"a": 1}\n'
    Path(files.output).write_bytes(line + b" " * (OUTPUT_LIMIT - len(line)))
    assert workspace.outputs(files) == {"a": 1}
    Path(files.output).write_bytes(line + b" " * OUTPUT_LIMIT)
    with pytest.raises(ValueError, match="more than the limit of 1048576"):
        workspace.outputs(files)


def test_outputs_that_are_no_file_neither_hang_nor_pass(workspace: Workspace, files: AttemptFiles) -> None:
    os.mkfifo(files.output)
    with pytest.raises(ValueError, match="not a regular file"):
        workspace.outputs(files)


def test_the_tail_is_the_last_whole_lines(workspace: Workspace, files: AttemptFiles) -> None:
    Path(files.log).write_text("".join(f"line {n}\n" for n in range(1000)))
    assert workspace.tail(files.log, 25) == "line 998\nline 999\n"
    assert workspace.tail(files.log).endswith("line 999\n")
    assert len(workspace.tail(files.log)) <= 4096


def test_the_tail_of_a_short_or_missing_log(workspace: Workspace, files: AttemptFiles) -> None:
    assert workspace.tail(files.log) == ""
    Path(files.log).write_text("all of it")
    assert workspace.tail(files.log) == "all of it"
    assert workspace.tail(files.log, 5) == "of it"


def test_fault_95_the_tail_of_any_bytes_is_safe_to_print(workspace: Workspace, files: AttemptFiles) -> None:
    Path(files.log).write_bytes(b"\x1b[31mred\x00\r\n\ttab \xff \xc3\xbc \xc2\x9b \x7f\n")
    assert workspace.tail(files.log) == "\\x1b[31mred\\x00\\x0d\n\ttab \ufffd ü \\x9b \\x7f\n"
    Path(files.log).write_bytes(bytes(range(256)))
    assert not {chr(code) for code in range(32)} - {"\n", "\t"} & set(workspace.tail(files.log))


# What goes with a run


def run(name: str = "run", log: str | None = None) -> Run:
    return Run(name, "demo", None, "manual", "succeeded", "c0ffee", log=log)


def everything(folder: Path) -> set[str]:
    """The files below the folder, without links."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def filled(workspace: Workspace, name: str) -> Run:
    """A run with a log of its own and one attempt, whose files have 3, 20, 3, 100 and 5 bytes."""
    one = run(name, workspace.open_log(datetime(2026, 3, 1, tzinfo=UTC)))
    files = workspace.prepare(name, "task", 1, {})
    Path(one.log or "").write_text("own")
    Path(files.log).write_text("x" * 20)
    Path(files.input).with_name("around").write_text("TERM\n")
    Path(files.checkpoint, "deep").mkdir()
    Path(files.checkpoint, "deep", "half-done").write_text("x" * 100)
    return one


def test_all_files_of_a_run_are_counted_and_removed_and_no_others(workspace: Workspace, tmp_path: Path) -> None:
    other = filled(workspace, "other")
    before = everything(tmp_path)
    one = filled(workspace, "one")
    assert workspace.size(one) == 3 + 20 + len("{}\n") + 100 + len("TERM\n")
    workspace.remove(one)
    assert everything(tmp_path) == before
    assert workspace.size(one) == 0
    assert workspace.size(other) == 131
    workspace.remove(one)


def test_a_run_s_logs_are_found_where_they_were_written(workspace: Workspace, tmp_path: Path) -> None:
    one = filled(workspace, "one")
    moved = Workspace(f"{tmp_path}/elsewhere", f"{tmp_path}/state")
    assert moved.size(one) == 131
    moved.remove(one)
    assert everything(tmp_path) == set()


def test_a_link_where_a_folder_of_a_run_should_be_is_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    one = filled(workspace, "one")
    Path(f"{tmp_path}/state/attempts/one").rename(tmp_path / "precious")
    Path(f"{tmp_path}/state/attempts/one").symlink_to(tmp_path / "precious")
    with pytest.raises(CannotWrite) as caught:
        workspace.remove(one)
    assert str(caught.value) == (
        "cannot remove the files of run one: Cannot call rmtree on a symbolic link\n"
        "  hint: remove them yourself, or make them yours"
    )
    assert sorted(os.listdir(tmp_path / "precious")) == ["around", "nothing.json"]


def test_what_an_attempt_was_given_and_handed_on_can_be_removed(workspace: Workspace) -> None:
    files = workspace.prepare("run", "pipe.task", 1, {"config": {"token": "s3cret"}})
    Path(files.output).write_text('{"rows": 1}\n')
    workspace.clear(files)
    assert not os.path.exists(files.input)
    assert not os.path.exists(files.output)
    workspace.clear(files)


def test_the_input_that_all_share_who_are_given_nothing_is_never_removed(
    workspace: Workspace, files: AttemptFiles
) -> None:
    workspace.clear(files)
    assert Path(files.input).read_text() == "{}\n"


def test_a_run_that_resumes_another_gets_its_checkpoint_folders(tmp_path):
    workspace = Workspace(str(tmp_path / "logs"), str(tmp_path / "state"))
    old = workspace.prepare("r1", "a", 1, {})
    Path(old.checkpoint, "progress").write_text("half")
    workspace.carry_over(["r2", "r1"], "r3")
    new = workspace.prepare("r3", "a", 1, {})
    assert Path(new.checkpoint, "progress").read_text() == "half"
    assert not Path(old.checkpoint).exists()


def test_a_task_gets_its_own_checkpoint_folder_of_the_first_run_that_has_left_something_there(tmp_path):
    workspace = Workspace(str(tmp_path / "logs"), str(tmp_path / "state"))
    one, other, empty = (workspace.prepare(run, name, 1, {}) for run, name in (("r1", "a"), ("r1", "b"), ("r2", "a")))
    Path(one.checkpoint, "progress").write_text("half")
    Path(other.checkpoint, "progress").write_text("all")
    assert workspace.carry_over(["r0", "r2", "r1"], "r3", "a") == "r1"
    assert Path(workspace.prepare("r3", "a", 1, {}).checkpoint, "progress").read_text() == "half"
    assert not Path(one.checkpoint).exists()
    assert Path(other.checkpoint, "progress").exists()
    assert Path(empty.checkpoint).exists()
    assert workspace.carry_over(["r2", "r1"], "r4", "a") is None


def test_where_no_earlier_run_has_checkpoint_folders_nothing_is_carried_over(tmp_path):
    workspace = Workspace(str(tmp_path / "logs"), str(tmp_path / "state"))
    workspace.carry_over(["r1"], "r2")
    assert list(tmp_path.iterdir()) == []


def test_a_run_notes_what_is_around_it_and_of_most_variables_only_the_names(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    monkeypatch.setenv("TZ", "Asia/Kolkata\n")
    assert workspace.around("run") == ""
    workspace.prepare("run", "extract", 1, {})
    lines = workspace.around("run").splitlines()
    assert [line.partition("=")[0] for line in lines[:3]] == ["@host", "@version", "@python"]
    assert {"TOKEN", "TZ=Asia/Kolkata "} <= set(lines)
    assert "secret" not in workspace.around("run")
