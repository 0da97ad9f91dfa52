"""What a pause means for a run: a mode leaves it out, a run of its name is refused, --force runs it regardless."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.worlds import Stage, project, task
from tetra_orchestrator.errors import Exit, NotNow


@pytest.fixture
def stage():
    """`b` depends on `a`, `c` on nothing."""
    return Stage(project(task("a"), task("b", "a"), task("c")))


def pause(stage, name, *, kind="pipeline", seconds=None, reason=None):
    now = stage.clock.now()
    stage.store.pause(kind, name, now, None if seconds is None else now + timedelta(seconds=seconds), reason)


def since(stage):
    return stage.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_run_of_a_mode_skips_a_paused_pipeline_and_what_depends_on_it(stage):
    began = since(stage)
    pause(stage, "a", reason="maintenance")
    assert stage.run() == Exit.OK
    assert stage.states() == {"a": "skipped", "b": "skipped", "c": "succeeded"}
    rows = stage.store.task_runs(stage.last_run.run_id)
    assert [tuple(row.reason) for row in rows if row.state == "skipped"] == [
        ("paused", f"the pipeline is paused since {began}: maintenance"),
        ("upstream_skipped", "a was skipped"),
    ]


def test_a_run_of_the_whole_file_skips_a_paused_pipeline(stage):
    pause(stage, "c")
    assert stage.run(mode=None) == Exit.OK
    assert stage.states() == {"a": "succeeded", "b": "succeeded", "c": "skipped"}


def test_every_task_of_a_paused_pipeline_is_skipped_for_that_reason():
    given = project(task("p"))
    tasks = tuple(task(name)._replace(id=f"p.{name}", pipeline="p") for name in ("one", "two"))
    given = given._replace(pipelines=(given.pipelines[0]._replace(tasks=tasks),))
    stage = Stage(given)
    began = since(stage)
    pause(stage, "p")
    stage.run()
    assert stage.reasons() == dict.fromkeys(("p.one", "p.two"), f"the pipeline is paused since {began}")


@pytest.mark.parametrize("mode", [None, "all"])
def test_a_run_that_names_the_paused_pipeline_is_refused_and_leaves_no_run_behind(stage, mode):
    began = since(stage)
    pause(stage, "c", seconds=60, reason="maintenance")
    ends = (stage.clock.now() + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with pytest.raises(NotNow) as refused:
        stage.run(mode=mode, names=("a", "c"))
    assert str(refused.value) == (
        f"c cannot start: the pipeline is paused since {began} until {ends}: maintenance\n"
        "  hint: end that with `tetra unpause c`, or go ahead regardless with --force"
    )
    assert (refused.value.code, refused.value.exit_code) == ("paused", 75)
    assert stage.store.runs() == []


@pytest.mark.parametrize("names", [(), ("a",)])
def test_force_runs_what_is_paused(stage, names):
    pause(stage, "a")
    assert stage.run(names=names, force=True) == Exit.OK
    assert stage.states()["a"] == "succeeded"


def test_a_pause_with_an_end_ends_by_itself(stage):
    pause(stage, "c", seconds=60)
    stage.clock.seconds += 60
    assert stage.run(mode=None, names=("c",)) == Exit.OK
    assert stage.states() == {"c": "succeeded"}


def test_the_pause_of_a_schedule_holds_back_no_pipeline_of_that_name(stage):
    pause(stage, "c", kind="schedule")
    assert stage.run(mode=None, names=("c",)) == Exit.OK


def test_a_paused_pipeline_stands_as_in_its_last_run_so_that_what_depends_on_it_may_start(stage):
    stage.run(mode=None, names=("a",))
    pause(stage, "a")
    stage.run()
    assert stage.run(mode=None, names=("b",)) == Exit.OK
