"""Runs as comma-separated values: RFC 4180, and harmless to a spreadsheet that opens them."""

from __future__ import annotations

import csv
import sys

from tetra_orchestrator.cli.records import run_row, usage_row
from tetra_orchestrator.core.facts import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.core.facts import Usage
    from tetra_orchestrator.core.history import Run

COLUMNS = (
    *("run_id", "project", "mode", "trigger", "state", "started_at", "finished_at", "duration_s", "exit_code"),
    *("schedule", "slot", "partition_start", "partition_end", "backfill", "resumes", "tags", "config_hash", "log"),
    *("cpu_s", "peak_rss_bytes", "peak_pss_bytes", "read_bytes", "write_bytes"),
)
#: What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def print_csv(runs: Sequence[Run], used: Mapping[str, Usage], following: str | None) -> None:
    """Print a line of names and one for each run, with what it took; on standard error, whether there are more."""
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for run in runs:
        row = run_row(run)
        start, end = run.partition or (None, None)
        row |= {"partition_start": start, "partition_end": end, "tags": "; ".join(run.tags)}
        row |= usage_row(used.get(run.run_id, UNKNOWN))
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    sys.stdout.flush()
    if following:
        print(f"there are more: --cursor {following} goes on behind these", file=sys.stderr)


def _cell(value: Any) -> object:
    """The value; a text that would be a formula gets an apostrophe before it, as spreadsheets themselves mark text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
