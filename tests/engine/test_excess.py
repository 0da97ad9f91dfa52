"""What is said of a command that is more than the system takes."""

from __future__ import annotations

import pytest

from support.worlds import task
from tetra_orchestrator.core.model import Command, Shell
from tetra_orchestrator.core.outcome import SpawnFailed
from tetra_orchestrator.engine.excess import naming_excess

TOO_BIG = SpawnFailed("E2BIG", "argument list too long")
KNOWN = {"a": {"long": "ü" * 50, "short": "x"}, "params": {"days": list(range(9))}}
ADVICE = "the task can read it from the file in TETRA_INPUT instead"


def told(one):
    return naming_excess(TOO_BIG, one, KNOWN).text


@pytest.mark.parametrize(
    "fields",
    [
        {"program": Command(("echo", "{a.short}{params.days}", "{a.long}"))},
        {"args": ("{a.long}", "{a.short}")},
        {"env": (("TEXT", "{a.long}"), ("DAYS", "{params.days}"))},
        {"program": Shell("echo {a.short} {a.long}")},
    ],
)
def test_the_reference_with_the_most_bytes_is_named_with_the_remedy(fields):
    assert told(task("b", **fields)) == f"argument list too long; 100 bytes of it are {{a.long}}: {ADVICE}"


def test_what_is_filled_in_several_times_counts_as_often():
    one = task("b", args=("{a.long}", *["{params.days}"] * 6))
    assert told(one) == f"argument list too long; 114 bytes of it are {{params.days}}: {ADVICE}"


def test_what_is_handed_over_in_a_file_is_not_to_blame():
    one = task("b", args=("{a.short}",), config='{"text": "{a.long}"}')
    assert told(one) == f"argument list too long; 1 bytes of it are {{a.short}}: {ADVICE}"


@pytest.mark.parametrize(
    ("failed", "args"), [(TOO_BIG, ("x" * 999, "{{a.long}}")), (SpawnFailed("ENOENT", "missing"), ("{a.long}",))]
)
def test_a_failure_that_no_reference_has_caused_is_told_as_it_is(failed, args):
    assert naming_excess(failed, task("b", args=args), KNOWN) == failed
