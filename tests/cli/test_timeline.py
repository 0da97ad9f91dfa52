"""The timeline of a run, drawn in text."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from adapters.store.history import AT, attempt, later, run
from tetra_orchestrator.cli.timeline import WIDTH, timeline

DONE = run("r1")._replace(state="failed", finished_at=later(40), duration_s=40.0)


def tried(task_id, number, start, end, state="succeeded", waited=0.0):
    ended = {} if end is None else {"finished_at": later(end), "duration_s": end - start, "kind": "exited"}
    return attempt(task_id, number)._replace(state=state, started_at=later(start), waited_s=waited, **ended)


def line(name, bar, start):
    return f"{name:3}  {bar:61} {start:>12}"


def test_each_attempt_is_a_bar_from_its_start_to_its_end_behind_what_it_waited():
    lines = timeline(
        DONE,
        [tried("a", 1, 0, 10), tried("b", 1, 10, 20, "failed"), tried("b", 2, 30, 40), tried("c", 1, 20, 30, waited=5)],
        later(99),
    )
    assert lines == [
        "     0 s" + "40 s".rjust(58),
        line("a", "#" * 15, "+0.0 s"),
        line("b 1", " " * 15 + "x" * 15, "+10 s"),
        line("b 2", " " * 30 + "." * 15 + "#" * 16, "+30 s"),
        line("c", " " * 22 + "." * 8 + "#" * 16, "+20 s"),
        "     # succeeded  x did not  > is running  . waited",
    ]


def test_what_is_running_reaches_until_now():
    active = run("r1")
    lines = timeline(active, [tried("a", 1, 0, 5), tried("b", 1, 5, None, "running")], later(10))
    assert lines[2] == f"b  {' ' * 31 + '>' * 32:63} {'+5.0 s':>12}"


def test_a_single_attempt_a_run_without_any_and_one_that_waits_have_no_timeline():
    assert timeline(DONE, [], AT) == []
    assert timeline(DONE, [tried("a", 1, 0, 1)], AT) == []
    assert timeline(run("r1")._replace(started_at=None), [tried("a", 1, 0, 1), tried("b", 1, 0, 1)], AT) == []


def test_a_long_name_keeps_its_ends_and_cannot_drive_a_terminal():
    name = "warehouse.load_the_orders_of_the_month\x1b[31m"
    lines = timeline(DONE, [tried(name, 1, 0, 1), tried("b", 1, 0, 1)], AT)
    assert lines[1].startswith("warehouse.load_…\\x1b[31m  #")


SECONDS = st.floats(-1e6, 1e6)


@given(
    st.lists(st.tuples(SECONDS, SECONDS, st.booleans(), SECONDS), min_size=2, max_size=6), st.floats(0, 1e6) | st.none()
)
def test_whatever_the_clock_did_no_line_is_wider_than_a_terminal_and_each_has_a_bar(rows, total):
    tries = [
        tried(f"task{place}", 1, start, start + lasted if ended else None, waited=waited)
        for place, (start, lasted, ended, waited) in enumerate(rows)
    ]
    lines = timeline(DONE._replace(duration_s=total), tries, AT + timedelta(days=3))
    assert len(lines) == len(rows) + 2
    assert max(map(len, lines)) <= WIDTH
    assert all(set("#x>") & set(line[6:]) for line in lines[1:-1])
