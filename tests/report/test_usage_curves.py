"""What an attempt took while it lasted, from samples and without them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from support.builders import utc
from tetra_orchestrator.core.bars import Bar
from tetra_orchestrator.core.facts import Facts, Usage
from tetra_orchestrator.core.history import Attempt
from tetra_orchestrator.report.usage import POINTS, curves, read

BEGAN = utc(2026, 11, 22, 8)


def line(seconds, cpu_s, rss, task="a"):
    at = (BEGAN + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    return json.dumps({"at": at, "task": task, "attempt": 1, "cpu_s": cpu_s, "rss_bytes": rss})


def bar(start, end, task="a", ready=None, usage=None):
    attempt = Attempt("r", task, 1, "t", "succeeded", "log", kind="exited", facts=Facts(usage or Usage()))
    return Bar(attempt, 1, start if ready is None else ready, start, end)


def at(curve, part):
    """The value at a part of the time, from 0 to 1."""
    return pytest.approx(curve.values[int(part * (POINTS - 1))])


def test_cores_are_what_the_processor_time_grew_by_from_sample_to_sample():
    lines = [line(1, 2.0, 100), line(3, 2.0, 300), line(4, 3.0, 200)]
    found = curves([bar(0, 4)], BEGAN, 4.0, read(lines))
    assert found.sampled
    assert [at(found.cores, part) for part in (0.1, 0.5, 0.9)] == [2.0, 0.0, 1.0]
    assert [at(found.memory, part) for part in (0.1, 0.5, 0.9)] == [100, 300, 200]
    assert (found.cores.most, found.memory.most) == (2.0, 300)


def test_what_runs_side_by_side_adds_up():
    lines = [line(4, 4.0, 100), line(4, 2.0, 50, "b")]
    found = curves([bar(0, 4), bar(0, 4, "b")], BEGAN, 4.0, read(lines))
    assert (found.cores.most, found.memory.most, found.running.most) == (1.5, 150, 2)


def test_without_samples_the_mean_and_the_peak_hold_all_the_time():
    found = curves([bar(1, 3, usage=Usage(cpu_s=1.0, peak_rss_bytes=70))], BEGAN, 4.0, [])
    assert not found.sampled
    assert [at(found.cores, part) for part in (0.1, 0.5, 0.9)] == [0.0, 0.5, 0.0]
    assert found.memory.most == 70


def test_one_after_the_other_is_one_at_a_time_also_where_their_clocks_differ_a_little():
    found = curves([bar(0, 2.004), bar(2, 4, "b")], BEGAN, 4.0, [])
    assert found.running.most == 1


def test_waiting_is_from_when_it_could_have_started():
    found = curves([bar(2, 4, ready=1)], BEGAN, 4.0, [])
    assert [at(found.waiting, part) for part in (0.1, 0.4, 0.9)] == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "broken", ["", "{", "[]", "null", '{"at": "now"}', line(1, 1.0, 1)[:-9], line(1, None, 1)[:20]]
)
def test_a_line_that_is_no_sample_counts_for_nothing(broken):
    assert [sample.cpu_s for sample in read([line(2, 2.0, 1), broken, line(1, 1.0, 1)])] == [1.0, 2.0]


def test_samples_of_attempts_that_the_store_does_not_know_do_no_harm():
    found = curves([bar(0, 4)], BEGAN, 4.0, read([line(2, 1.0, 10, "stranger"), line(90, 2.0, 10)]))
    assert len(found.cores.values) == POINTS


def test_samples_behind_the_end_of_their_attempt_as_a_clock_was_set_count_up_to_that_end():
    found = curves([bar(0, 4)], BEGAN, 4.0, read([line(2, 2.0, 10), line(3600, 2.0, 30)]))
    assert (max(found.memory.values), found.memory.most) == (30, 30)
    assert [at(found.memory, part) for part in (0.1, 0.9)] == [10, 30]


def test_from_the_last_sample_to_the_end_it_has_what_it_took_in_all_and_the_memory_that_it_had():
    found = curves([bar(0, 4, usage=Usage(cpu_s=3.0))], BEGAN, 4.0, read([line(2, 1.0, 10)]))
    assert [at(found.cores, part) for part in (0.1, 0.9)] == [0.5, 1.0]
    assert at(found.memory, 0.9) == 10


def test_an_attempt_that_was_over_before_the_first_sample_has_its_mean_and_peak():
    short = bar(2, 4, "b", usage=Usage(cpu_s=1.0, peak_rss_bytes=70))
    found = curves([bar(0, 2), short], BEGAN, 4.0, read([line(1, 1.0, 10)]))
    assert (at(found.cores, 0.9), at(found.memory, 0.9)) == (0.5, 70)
