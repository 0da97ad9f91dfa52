"""The lines of `usage.jsonl`."""

from __future__ import annotations

from datetime import UTC, datetime

from tetra_orchestrator.core.samples import Sample, line, samples

SAMPLE = Sample(datetime(2026, 11, 22, 8, 0, 1, 250_400, tzinfo=UTC), "load.rows", 2, 1.23456, 123456)


def test_a_sample_is_a_line_of_json_in_the_documented_form():
    text = '{"at": "2026-11-22T08:00:01.250Z", "task": "load.rows", "attempt": 2, "cpu_s": 1.235, "rss_bytes": 123456}'
    assert line(SAMPLE) == f"{text}\n"


def test_what_was_written_is_read_back_to_the_millisecond():
    assert samples([line(SAMPLE)]) == [SAMPLE._replace(at=SAMPLE.at.replace(microsecond=250_000), cpu_s=1.235)]


def test_a_line_that_is_none_is_left_out():
    broken = ['{"at": "2026-11-22T08:0', "7", "null", '{"at": "yesterday"}', '{"at": 7}', "[]", ""]
    endless = line(SAMPLE).replace("123456", "1e999")
    naive = line(SAMPLE).replace("Z", "")
    assert samples([*broken, endless, naive, line(SAMPLE)]) == samples([line(SAMPLE)])
