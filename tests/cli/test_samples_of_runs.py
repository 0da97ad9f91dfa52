"""`usage.jsonl`: what the attempts of a run took while it went on, beside their logs."""

from __future__ import annotations

import json
import re

AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def files(site):
    return sorted((site.root / "logs" / "runs").glob("*/usage.jsonl"))


def test_a_run_that_lasts_leaves_samples_a_short_one_none_and_prune_takes_them_with_the_run(site):
    site.configure("""
        pipelines:
          one: {shell: "true"}
          two: {shell: "[ $TETRA_MODE = second ] || sleep 1.4", depends_on: [one]}
        modes: {short: [one], long: [one, two], second: [two]}
    """)
    assert site.run("run", "--mode", "short").returncode == 0
    assert files(site) == []
    assert site.run("run", "--mode", "long").returncode == 0
    [file] = files(site)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows
    for row in rows:
        assert list(row) == ["at", "task", "attempt", "cpu_s", "rss_bytes"]
        assert AT.fullmatch(row["at"])
        assert (row["task"], row["attempt"]) == ("two", 1)
        assert 0 <= row["cpu_s"] < 5
        assert row["rss_bytes"] > 100_000
    for mode in ("second", "short"):
        assert site.run("run", "--mode", mode).returncode == 0
    assert site.run("prune", "--runs", "1").returncode == 0
    assert not file.parent.exists()
