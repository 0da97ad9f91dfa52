"""What the live view of a run shows on a terminal, while it goes on and when it is over."""

from __future__ import annotations

import os
import pty
from datetime import UTC, datetime, timedelta

import pytest

from support.builders import pipeline, project, task
from support.terminal import Terminal
from tetra_orchestrator import wire
from tetra_orchestrator.adapters.report.canvas import Canvas, draws
from tetra_orchestrator.adapters.report.glimpse import last_line
from tetra_orchestrator.adapters.report.live import LiveReporter
from tetra_orchestrator.adapters.report.outlet import Outlet
from tetra_orchestrator.core.cells import cells
from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.model import Host, Reason, RetryPolicy
from tetra_orchestrator.core.samples import FILE, Sample, line
from tetra_orchestrator.ports import Subject

NOW = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
RUN_ID = "20260301T200000Z-abcdef"
TWICE = RetryPolicy(max_attempts=2, delay_s=60.0)
LOADED = ("attempt.started", "load", 1, "submitted")


class Show:
    """A run on a terminal in memory, at a time that only `wait` moves."""

    def __init__(self, tasks, *, expected=None, columns=80, rows=24, logs=None, folder="/none", places=2, **canvas):
        self.seconds, self.seq = 100.0, 0
        self.terminal = Terminal(columns, rows)
        self.logs = logs or {}
        plan = project(*(pipeline(one.id, tasks=(one,)) for one in tasks), host=Host(places))
        self.subject = Subject(
            RUN_ID, "in weekly mode", tuple(one.id for one in tasks), expected or {}, "/logs/orchestrator.log",
            lambda name, number: f"{folder}/{name}.{number}.log",
            lambda path: self.logs.get(os.path.basename(path), ""), project=plan,
        )  # fmt: skip
        canvas = Canvas(self.terminal, size=self.terminal.size, **canvas)
        self.reporter = LiveReporter(self.subject, canvas, lambda: self.seconds)
        self.tell("run.started", state="running")

    def tell(self, event, name=None, number=None, state=None, why=None):
        """An event has happened; the view is drawn."""
        self.seq += 1
        reason = Reason("code", why) if why else None
        self.reporter.event(RunEvent(event, self.seq, NOW, RUN_ID, name, number, state, reason))
        self.reporter.flush()
        return self

    def wait(self, seconds):
        """Time passes in steps, as it does for a loop that waits."""
        for _ in range(4):
            self.seconds += seconds / 4
            self.reporter.tick()
        return self

    def finish(self, state, why=None):
        self.tell("run.finished", state=state, why=why)
        self.reporter.close()
        return self

    @property
    def lines(self):
        return self.terminal.lines


def tasks(*names, **fields):
    return [task(name, **fields) for name in names]


CHAIN = [task("load"), task("build", "load", retry=TWICE), task("report", "build")]
HISTORY = {"load": 30.0, "build": 180.0, "report": 60.0}


def test_each_task_has_a_line_in_the_order_of_the_plan_and_what_runs_says_how_far_it_is():
    show = Show(CHAIN, expected=HISTORY, logs={"load.1.log": "starting\nrow 17 of 40\n"}).tell(*LOADED).wait(12)
    head, counts, *rest = show.lines
    assert head == f"{RUN_ID}  in weekly mode"
    assert counts.startswith("0 of 3 done  12 s  about 4 min left, until ")
    assert rest == [
        "▶ load    running                 12 s  of about 30 s",
        "  │ row 17 of 40",
        "· build   pending                       about 3 min",
        "· report  pending                       about 60 s",
    ]


def test_without_history_nothing_is_foretold():
    show = Show(CHAIN).tell(*LOADED).wait(12)
    assert show.lines[1:] == [
        "0 of 3 done  12 s",
        "▶ load    running                 12 s",
        "  │ no output yet",
        "· build   pending",
        "· report  pending",
    ]


def test_what_takes_longer_than_usual_says_so():
    show = Show(CHAIN, expected=HISTORY).tell(*LOADED).wait(75)
    assert show.lines[2] == "▶ load    running           1 min 15 s  usually 30 s"


def test_the_end_of_a_run_is_told_by_the_clock_of_the_place(monkeypatch):
    show = Show(CHAIN, expected=HISTORY).tell(*LOADED).wait(12)
    before = datetime.now(UTC)
    show.wait(0.4)
    ends = [(now + timedelta(seconds=257.6)).astimezone().strftime("%H:%M %Z") for now in (before, datetime.now(UTC))]
    assert show.lines[1].rpartition("until ")[2] in ends


def test_between_two_attempts_stands_when_the_next_one_is_and_how_the_last_one_ended():
    show = Show(CHAIN, expected=HISTORY).tell(*LOADED).tell("task.finished", "load", 1, "succeeded")
    show.tell("attempt.started", "build", 1, "submitted").wait(3)
    show.tell("retry.scheduled", "build", 1, "waiting_retry", "exited with code 1; next attempt in 60 s").wait(20)
    assert show.lines[2:5] == [
        "✓ load    succeeded              0.0 s",
        "↻ build   waiting retry                 again in 40 s",
        "  │ attempt 1 of 2 exited with code 1",
    ]
    show.tell("attempt.started", "build", 2, "submitted").wait(2)
    assert show.lines[3:5] == [
        "▶ build   running                  2 s  of about 3 min",
        "  │ attempt 2 of 2 · no output yet",
    ]


def test_what_an_attempt_takes_is_what_the_last_look_has_found(tmp_path):
    show = Show(CHAIN, folder=tmp_path).tell(*LOADED).wait(2)
    show.logs["load.1.log"] = "half\n"
    with open(tmp_path / FILE, "w") as file:
        for n, cpu_s in enumerate((0.5, 2.5)):
            file.write(line(Sample(NOW + timedelta(seconds=n), "load", 1, cpu_s, 300 << 20)))
    show.wait(1)
    assert show.lines[3] == "  │ CPU 200%, 300 MB · half"


def test_a_short_attempt_has_no_second_line():
    show = Show(CHAIN, logs={"load.1.log": "hello\n"}).tell(*LOADED).wait(0.8)
    assert len(show.lines) == 5


def test_what_is_below_keeps_its_place_when_a_second_line_goes():
    show = Show(CHAIN).tell(*LOADED).wait(2)
    height = len("".join(show.terminal.written[-1]).split("\n"))
    show.tell("task.finished", "load", 1, "succeeded").wait(0.4)
    assert len("".join(show.terminal.written[-1]).split("\n")) == height


def test_nothing_is_written_while_nothing_changes():
    show = Show(CHAIN).tell(*LOADED).wait(0.2)
    before = len(show.terminal.written)
    for _ in range(50):
        show.reporter.tick()
    assert len(show.terminal.written) == before


def test_however_much_happens_it_is_drawn_ten_times_a_second_at_most():
    show = Show(tasks(*(f"t{n}" for n in range(500))))
    before = len(show.terminal.written)
    for n in range(500):
        show.seconds += 0.001
        show.tell("attempt.started", f"t{n}", 1, "submitted").tell("task.finished", f"t{n}", 1, "succeeded")
    assert 4 <= len(show.terminal.written) - before <= 6


def test_a_view_that_is_behind_is_not_drawn_until_its_terminal_goes_on():
    show = Show(CHAIN)
    before = len(show.terminal.written)
    show.terminal.behind = True
    show.tell(*LOADED).wait(5)
    assert len(show.terminal.written) == before
    show.terminal.behind = False
    show.wait(1)
    assert len(show.terminal.written) > before


# A run that is asked to end


def test_who_interrupts_sees_what_is_waited_for_and_how_to_hurry():
    show = Show(tasks("a", "b", kill_grace_s=10.0)).tell("attempt.started", "a", 1, "submitted")
    show.tell("attempt.started", "b", 1, "submitted").wait(2)
    show.tell("run.stopping", state="running", why="interrupted by SIGINT").wait(0.4)
    assert show.lines[1] == "stopping: 2 tasks have 10 s to end; Ctrl-C again ends them at once"
    show.tell("task.finished", "a", 1, "cancelled", "cancelled").wait(0.4)
    assert show.lines[1] == "stopping: 1 task has 10 s to end; Ctrl-C again ends it at once"


def test_a_run_that_somebody_else_ends_says_who():
    show = Show(tasks("a")).tell("attempt.started", "a", 1, "submitted")
    show.tell("run.stopping", state="running", why="cancelled by request").wait(0.4)
    assert show.lines[1] == "stopping: 1 task has 10 s to end; Ctrl-C ends it at once"
    show.tell("task.finished", "a", 1, "cancelled", "cancelled").wait(0.4)
    assert show.lines[1] == "stopping (cancelled by request)"


# Terminals of all sizes

LONG = [f"{'regional_customer_revenue_aggregation':_<39}{n:02d}" for n in range(45)]


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_every_name_can_be_told_apart(columns):
    names = [*LONG[:3], "数据管道" * 8]
    show = Show(tasks(*names, retry=TWICE), columns=columns, expected=dict.fromkeys(names, 75.0))
    show.terminal.columns = 1000  # what is too wide would not wrap here
    show.reporter._canvas._size = lambda: (columns, 24)
    show.tell("attempt.started", LONG[0], 1, "submitted").tell("attempt.started", LONG[1], 2, "submitted")
    show.tell("retry.scheduled", LONG[1], 2, "waiting_retry", "exited with code 1; next attempt in 60 s")
    show.tell("task.finished", names[3], None, "upstream_failed", "another one\nfailed").wait(3)
    drawn = show.lines[1:]
    assert max(map(cells, drawn)) < columns
    heads = [each[:16] for each in drawn if each[0] in "▶↻·−"]
    assert len(heads) == 4
    assert [each[0] for each in heads] == ["▶", "↻", "·", "−"]


@pytest.mark.parametrize("columns", [60, 80])
def test_on_a_narrow_terminal_names_are_cut_in_their_middle_and_states_stay_whole(columns):
    show = Show(tasks(*LONG[:2], retry=TWICE), columns=columns).tell("attempt.started", LONG[0], 1, "submitted")
    show.tell("task.finished", LONG[1], None, "upstream_failed", "it failed").wait(0.4)
    first, second = show.lines[2:4]
    assert first.split()[1].endswith("00")
    assert " running " in first
    assert second.split()[1].endswith("01")
    assert " upstream failed " in second


def test_at_40_columns_states_have_shorter_words():
    show = Show(tasks(*LONG[:2], retry=TWICE), columns=40).tell("attempt.started", LONG[0], 1, "submitted")
    show.tell("retry.scheduled", LONG[0], 1, "waiting_retry", "exited with code 1; next attempt in 60 s")
    show.tell("task.finished", LONG[1], None, "upstream_failed", "it failed").wait(0.4)
    assert show.lines[2:] == [
        "↻ regional…__00  retrying",
        "  │ attempt 1 of 2 exited with code 1",
        "− regional…__01  not run",
    ]


def test_a_terminal_that_becomes_narrower_and_wider_again_has_each_line_once():
    show = Show(tasks(*LONG[:4]), columns=100).tell("attempt.started", LONG[0], 1, "submitted").wait(2)
    for columns in (60, 45, 120):
        show.terminal.resize(columns, 24)
        show.wait(1.2)
        assert sum(each.startswith("▶") for each in show.lines) == 1
        assert sum(each.startswith("·") for each in show.lines) == 3


@pytest.mark.parametrize("keeps_room", [True, False])
@pytest.mark.parametrize("coloured", [True, False])
def test_what_stands_above_the_view_stays_when_the_terminal_becomes_narrower(coloured, keeps_room):
    show = Show(tasks(*LONG[:4]), columns=100, coloured=coloured)
    show.terminal.keeps_room = keeps_room
    show.tell("attempt.started", LONG[1], 1, "submitted").wait(0.4)
    show.tell("attempt.started", LONG[0], 1, "submitted").wait(2)
    show.terminal.resize(70, 24)
    show.wait(1.2)
    assert show.lines[0] == f"{RUN_ID}  in weekly mode"
    assert [each[0] for each in show.lines[1:]] == ["0", "▶", " ", "▶", " ", "·", "·"]


def crowd(*, done, failed=(), running=(), count=45, rows=24):
    show = Show(tasks(*LONG[:count]), rows=rows, columns=100)
    for n in [*done, *failed]:
        show.tell("attempt.started", LONG[n], 1, "submitted")
    for n in done:
        show.tell("task.finished", LONG[n], 1, "succeeded")
    for n in failed:
        show.tell("task.finished", LONG[n], 1, "failed", "exited with code 1")
    for n in running:
        show.tell("attempt.started", LONG[n], 1, "submitted")
    return show.wait(0.4)


def numbers(show):
    return [int(each.split()[1][-2:]) for each in show.lines if each[0] in "▶✓✗·"]


def test_more_tasks_than_rows_show_what_runs_has_failed_comes_next_and_ended_last():
    show = crowd(done=[*range(3), *range(4, 30)], failed=[3], running=[30, 40])
    assert len(show.lines) == 23 + 1  # the first line is not drawn over
    found = numbers(show)
    assert found == sorted(found)
    assert {3, 29, 30, 31, 32, 33, 34, 35, 36, 40} <= set(found)
    assert show.lines[-1] == "… 24 more: 18 succeeded, 6 pending"


@pytest.mark.parametrize("rows", [0, 1])
def test_on_a_terminal_with_room_for_the_cursor_alone_nothing_is_drawn_but_the_end_is_told(rows):
    show = Show(CHAIN, rows=rows).tell(*LOADED).wait(5)
    assert show.lines == [f"{RUN_ID}  in weekly mode"]
    assert show.finish("succeeded").lines[2].startswith("✓ succeeded after 5.0 s")


def test_after_each_drawing_the_cursor_is_seen_and_long_lines_wrap_whatever_ends_us_then():
    show = Show(CHAIN).tell(*LOADED).wait(3)
    assert not show.terminal.hidden
    assert show.terminal.wraps


def test_what_others_have_written_stays_and_the_view_goes_on_below():
    show = Show(CHAIN).tell(*LOADED).wait(3)
    before = show.lines
    show.terminal.write("^Z\n[1]+  Stopped\n$ fg\n")
    show.terminal.disturbed = True
    show.wait(1)
    assert show.lines[: len(before)] == before
    assert show.lines[len(before) : len(before) + 4] == ["^Z", "[1]+  Stopped", "$ fg", "0 of 3 done  4 s"]
    show.wait(1)
    assert [each[0] for each in show.lines].count("▶") == 2


def test_a_warning_about_another_reporter_is_not_drawn_over(tmp_path, capfd):
    class Broken:
        """Fails at once."""

        def event(self, event):
            raise OSError("no room")

    show = Show(CHAIN)
    subject = show.subject._replace(log=str(tmp_path / "log"))
    told = wire.reporters("silent", show.terminal, [lambda subject: Broken()])(subject)
    told.event(RunEvent("run.started", 1, NOW, RUN_ID))
    told.close()
    assert capfd.readouterr().err == "warning: what the run leaves for others is incomplete: no room\n"
    assert show.terminal.disturbed


def test_a_character_that_the_terminal_takes_for_wider_than_we_do_spoils_no_other_line():
    show = Show(CHAIN, columns=40, logs={"load.1.log": "☺" * 60})
    show.terminal.widths = {"☺": 2}
    show.tell(*LOADED).wait(3)
    show.wait(1)
    assert [each[0] for each in show.lines] == ["2", "0", "▶", " ", "·", "·"]


def test_a_terminal_of_few_rows_shows_what_runs():
    show = crowd(done=range(10), running=[10], rows=5)
    assert 10 in numbers(show)
    assert len(show.lines) <= 5


def test_ten_thousand_tasks_are_looked_at_only_as_far_as_they_are_shown():
    names = [f"t{n:05d}" for n in range(10_000)]
    show = Show(tasks(*names), expected=dict.fromkeys(names, 5.0), places=4)
    for n in range(9000):
        show.reporter.event(RunEvent("attempt.started", 1, NOW, RUN_ID, names[n], 1, "submitted"))
        show.reporter.event(RunEvent("task.finished", 1, NOW, RUN_ID, names[n], 1, "succeeded"))
    show.wait(60)
    board = show.reporter._board
    looked = Counted(board.lines)
    board.lines = looked
    show.wait(1)
    assert show.lines[1].startswith("9000 of 10000 done  1 min 01 s  about 21 min left")
    assert looked.count < 4 * 1000  # four drawings


class Counted(dict):
    """Counts who is looked up."""

    count = 0

    def __getitem__(self, name):
        self.count += 1
        return super().__getitem__(name)


# When it is over


def test_a_run_that_succeeded_says_how_long_it_took_what_was_slow_and_where_things_are():
    show = Show(CHAIN, expected=HISTORY, folder="/logs/runs/r").tell(*LOADED).wait(70)
    show.tell("task.finished", "load", 1, "succeeded")
    for name in ("build", "report"):
        show.tell("attempt.started", name, 1, "submitted").wait(5).tell("task.finished", name, 1, "succeeded")
    show.finish("succeeded")
    assert show.lines[1:] == [
        "✓ load    succeeded         1 min 10 s",
        "✓ build   succeeded              5.0 s",
        "✓ report  succeeded              5.0 s",
        "",
        "✓ succeeded after 1 min 20 s: 3 tasks",
        "  slower      load 1 min 10 s (usually 30 s)",
        f"  outputs     tetra show {RUN_ID}",
        "  logs        /logs/runs/r",
    ]


def failed(show, name, number=1, state="failed", why="exited with code 1"):
    return show.tell("attempt.started", name, number, "submitted").tell("task.finished", name, number, state, why)


def test_a_run_that_failed_ends_with_what_failed_why_its_log_what_was_not_run_and_how_to_go_on():
    show = Show(CHAIN, logs={"build.2.log": "Traceback\nKeyError: 'date'\n"}, folder="/logs/runs/r").tell(*LOADED)
    show.tell("task.finished", "load", 1, "succeeded")
    failed(show, "build", 2).tell("task.finished", "report", None, "upstream_failed", "build failed").wait(8)
    show.finish("failed", "build failed")
    assert show.lines[1:] == [
        "✓ load    succeeded              0.0 s",
        "✗ build   failed                 0.0 s  exited with code 1, attempt 2 of 2",
        "− report  upstream failed               build failed",
        "",
        "✗ build failed after 2 attempts: exited with code 1",
        "  │ Traceback",
        "  │ KeyError: 'date'",
        "  full log: /logs/runs/r/build.2.log",
        "− not run because of that: report",
        "",
        "✗ failed after 8.0 s: 1 succeeded, 1 failed, 1 not run",
        f"  go on       tetra resume {RUN_ID}",
        f"  find out    tetra why {RUN_ID}",
        "  run's log   /logs/orchestrator.log",
    ]


@pytest.mark.parametrize(
    ("state", "why", "line"),
    [
        ("failed", "killed by signal 9 (KILL)", "✗ a failed: killed by signal 9 (KILL)"),
        ("timed_out", "ended by its time limit of 5 s", "✗ a timed out: ended by its time limit of 5 s"),
        ("lost", "lost: its wrapper left no record", "✗ a lost: lost: its wrapper left no record"),
    ],
)
def test_how_a_task_failed_is_told_in_words(state, why, line):
    assert line in failed(Show(tasks("a")), "a", 1, state, why).finish("failed").lines


def test_a_run_that_was_out_of_time_says_what_limit_that_was():
    show = Show(tasks("a")).tell("attempt.started", "a", 1, "submitted").wait(5)
    show.tell("task.finished", "a", 1, "cancelled", "the run's time limit of 5 s has passed")
    lines = show.finish("timed_out", "the run's time limit of 5 s has passed").lines
    assert "✗ timed out after 5.0 s: the run's time limit of 5 s has passed, 1 cancelled" in lines


def test_a_run_that_failed_without_a_task_that_did_says_why():
    lines = Show(tasks("a")).finish("failed", "the run was ended, because the disk is full").lines
    assert "✗ failed after 0.0 s: the run was ended, because the disk is full" in lines


def test_how_long_a_run_took_does_not_count_the_hooks_behind_it():
    show = failed(Show(tasks("a")).wait(4), "a").tell("run.finished", state="failed", why="a failed")
    show.seconds += 60
    show.reporter.close()
    assert "✗ failed after 4.0 s: 1 failed" in show.lines


def test_a_log_is_shown_without_its_colours_and_with_the_last_state_of_its_bars():
    log = r"\x1b[1;31mERROR\x1b[0m" + "\n\tat line 3\n" + r"10%\x0d20%\x0d" + "\n"
    lines = failed(Show(tasks("a"), logs={"a.1.log": log}), "a").finish("failed").lines
    at = lines.index("✗ a failed: exited with code 1")
    assert lines[at + 1 : at + 4] == ["  │ ERROR", "  │         at line 3", "  │ 20%"]


def test_a_line_without_an_end_is_cut_and_an_empty_log_is_called_so():
    show = failed(Show(tasks("a", "b"), logs={"a.1.log": "x" * 4096}), "a")
    lines = failed(show, "b").finish("failed").lines
    assert sum(each.count("x") for each in lines[5:] if "e" not in each) == 299
    assert "  nothing in its log: /none/b.1.log" in lines


def test_of_many_failures_the_first_have_their_logs_and_the_others_are_counted():
    names = [f"t{n:02d}" for n in range(30)]
    show = Show(tasks(*names), logs={f"{name}.1.log": f"said by {name}\n" for name in names})
    for name in names:
        failed(show, name)
    lines = show.finish("failed").lines
    assert [each for each in lines if "said by" in each] == [f"  │ said by t{n:02d}" for n in range(3)]
    assert lines[lines.index("✗ t09 failed: exited with code 1") + 1] == "✗ … and 20 more failed"


def test_a_crowd_leaves_no_table_behind_but_what_is_said_of_it():
    lines = (
        crowd(done=range(44), running=[44]).tell("task.finished", LONG[44], 1, "succeeded").finish("succeeded").lines
    )
    assert lines[1:3] == ["", "✓ succeeded after 0.4 s: 45 tasks"]


def test_what_people_are_told_beside_states_is_kept_for_the_end():
    show = failed(Show(tasks("a")), "a")
    show.tell("task.slow", "a", 1, "failed", "took 9 s, more than the 1 s of `monitor: slow_task`")
    show.tell("hook.failed", why="the hook on_failure exited with code 1")
    lines = show.finish("failed").lines
    assert "! WARNING: the hook on_failure exited with code 1" in lines
    assert "! WARNING: a took 9 s, more than the 1 s of `monitor: slow_task`" in lines


def test_where_a_run_ends_without_a_verdict_only_what_is_known_is_said():
    show = Show(tasks("a")).tell("attempt.started", "a", 1, "submitted").wait(2)
    show.reporter.close()
    assert show.lines[1:] == ["▶ a  running                  2 s"]


# Terminals of all kinds


def test_without_colours_no_control_sequence_for_one_is_sent():
    assert failed(Show(tasks("a")), "a").wait(1).finish("failed").terminal.coloured
    assert not failed(Show(tasks("a"), coloured=False), "a").wait(1).finish("failed").terminal.coloured


class Latin(Terminal):
    encoding = "iso-8859-1"


def test_symbols_that_the_encoding_lacks_become_others_of_the_same_width():
    show = Show(tasks("grün", "数据", retry=TWICE))
    show.terminal.__class__ = Latin
    show.tell("attempt.started", "grün", 1, "submitted").wait(2)
    assert show.lines[2:] == [
        "> grün  running                  2 s",
        "  | no output yet",
        "· \\u6570\\u636e  pending",
    ]
    assert all(text.encode("iso-8859-1") for text in show.terminal.written[2:])


def test_a_line_that_is_cut_ends_in_what_the_encoding_has():
    show = Show(CHAIN, columns=40, logs={"load.1.log": "ü" * 60})
    show.terminal.__class__ = Latin
    show.tell(*LOADED).wait(2)
    assert show.lines[3] == "  | " + "ü" * 34 + "."
    assert all(text.encode("iso-8859-1") for text in show.terminal.written[1:])


def test_a_drawing_is_handed_on_in_one_piece_so_that_the_cursor_comes_back_with_it(monkeypatch):
    leader, follower = pty.openpty()
    written, write = [], os.write
    monkeypatch.setattr(os, "write", lambda fd, data: written.append(bytes(data)) or write(fd, data))
    with Outlet(follower) as outlet:
        Canvas(outlet, size=lambda: (80, 24)).draw([((f"line {n}", "bold"),) for n in range(20)])
    os.close(leader)
    os.close(follower)
    assert [(data[:6], data[-6:]) for data in written] == [(b"\x1b[?25l", b"\x1b[?25h")]


@pytest.mark.parametrize(
    ("is_terminal", "environ", "drawn"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": ""}, False),
        (True, {}, False),
        (False, {"TERM": "xterm"}, False),
    ],
)
def test_only_a_terminal_that_can_be_drawn_on_is(is_terminal, environ, drawn):
    terminal = Terminal()
    terminal.isatty = lambda: is_terminal
    assert draws(terminal, environ) is drawn


@pytest.mark.parametrize("in_front", [True, False])
def test_only_who_is_in_the_foreground_draws(in_front):
    pid, leader = pty.fork()
    if not pid:  # the shell of a terminal, and one of its jobs
        job = os.fork()
        if not job:
            if not in_front:
                os.setpgid(0, 0)
            os._exit(draws(Outlet(1), {"TERM": "xterm"}))
        os._exit(os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == in_front
    os.close(leader)


def test_what_a_user_has_named_cannot_drive_the_terminal():
    show = Show(CHAIN).tell(*LOADED)
    show.tell("task.finished", "load", 1, "failed", "cannot start \x1b[2J\x9b1A\nthis").wait(1)
    row = "✗ load    failed                 0.0 s  cannot start \\x1b[2J\\x9b1A this"
    assert show.lines[2] == row
    assert "✗ load failed: cannot start \\x1b[2J\\x9b1A this" in show.finish("failed").lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\ntwo\n\n", "two"),
        ("", ""),
        ("10%\\x0d20%\\x0d30%\\x0d\n", "30%"),
        ("\\x1b[32mok\\x1b[0m all   done", "ok all done"),
        ("\\x1b[2K\\x0d", ""),
    ],
)
def test_the_last_line_of_a_log_is_what_would_stand_on_a_terminal(text, shown):
    assert last_line(text) == shown
