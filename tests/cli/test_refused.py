"""What is kept of a run that was refused, and for how long that is the last that was done."""

import pytest

from support.builders import utc
from tetra_orchestrator.cli.refused import keep, refused
from tetra_orchestrator.core.history import Run
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.spoken import to_second
from tetra_orchestrator.errors import NotNow

AT = utc(2026, 3, 2, 13, 0, 5)


@pytest.fixture
def file(tmp_path):
    """The configuration of a project that has run before, and has refused a run at five past one."""
    (tmp_path / "state").mkdir()
    found = str(tmp_path / "config" / "orchestration.yaml")
    keep(NotNow("load is being run", hint="wait"), ["load"], found, AT)
    return found


def run(at, state="running", started_at=None):
    return Run(f"{at:%Y%m%dT%H%M%SZ}-aaaaaa", "shop", None, "manual", state, "0", started_at)


def told(file, run, pipeline="load"):
    return refused(pipeline, run, file, to_second)


def test_it_is_told_of_its_pipelines_and_of_all_with_what_to_do(file):
    story = [
        Reason("busy", "load was not run: load is being run"),
        Reason("refused", "that was at 2026-03-02T13:00:05Z"),
        Reason("next", "wait"),
    ]
    assert told(file, None) == told(file, None, None) == story
    assert told(file, None, "extract") == []


@pytest.mark.parametrize("state", ["queued", "cancelled"])
def test_a_run_that_waits_since_then_is_told_instead_also_where_it_never_began(file, state):
    assert told(file, run(AT, state)) == []
    assert told(file, run(AT.replace(second=3), state)) != []


def test_a_run_that_began_since_then_is_told_instead(file):
    asked = AT.replace(second=3)
    assert told(file, run(asked, started_at=AT.replace(second=6))) == []
    assert told(file, run(asked, started_at=asked)) != []
