"""What a run needs of what is outside of it."""

from support.builders import pipeline, project, task
from tetra_orchestrator.core.model import Project, Service
from tetra_orchestrator.core.narrowing import Cut, narrowed
from tetra_orchestrator.core.outside import Need, needs
from tetra_orchestrator.core.selection import select

TASKS = (task("features.extract", "data"), task("features.build", "features.extract"))
CHAIN = project(
    pipeline("data"),
    pipeline("features", "data", tasks=TASKS),
    pipeline("metrics", tasks=(task("metrics", "features.build"),)),
)


def alone(given: Project, *names: str, **more: object) -> list[Need]:
    return needs(given, select(given, None, names), **more)  # type: ignore[arg-type]


def test_a_run_of_everything_needs_nothing_else() -> None:
    assert needs(CHAIN, select(CHAIN)) == []


def test_T_143_a_pipeline_alone_needs_those_that_it_depends_on_directly() -> None:
    assert alone(CHAIN, "metrics") == [Need("metrics", "features", "features")]
    assert alone(CHAIN, "features") == [Need("features", "data", "data")]
    assert alone(CHAIN, "data") == []


def test_what_is_in_the_run_itself_is_not_needed_from_outside() -> None:
    assert alone(CHAIN, "features", "metrics") == [Need("features", "data", "data")]


def test_needs_are_in_the_order_of_the_file_and_each_is_there_once() -> None:
    last = (task("end.one", "b", "a"), task("end.two", "a"))
    given = project(pipeline("a"), pipeline("b"), pipeline("end", tasks=last))
    assert alone(given, "end") == [Need("end", "b", "b"), Need("end", "a", "a")]


def test_what_may_have_ended_as_it_likes_is_not_needed() -> None:
    given = project(pipeline("a"), pipeline("b", tasks=(task("b", "a", conditions=(("a", "finished"),)),)))
    assert alone(given, "b") == []


def test_a_service_outside_has_to_be_ready() -> None:
    broker = task("broker", service=Service())
    user = task("b", "broker", conditions=(("broker", "ready"),))
    given = project(pipeline("broker", tasks=(broker,)), pipeline("b", tasks=(user,)))
    assert alone(given, "b") == [Need("b", "broker", "broker", "broker", ready=True)]


def test_tasks_that_do_not_run_need_nothing() -> None:
    assert alone(CHAIN, "metrics", skipped={"metrics"}) == []
    off = project(pipeline("a"), pipeline("b", "a", enabled=False))
    assert alone(off, "b") == []


def test_of_a_pipeline_that_runs_in_part_each_task_needs_the_tasks_before_it() -> None:
    part = narrowed(CHAIN, select(CHAIN), Cut(first=("features.build",)))
    assert needs(CHAIN, part) == [Need("features.build", "features.extract", "features", "features.extract")]


def test_of_another_pipeline_that_runs_in_part_the_tasks_that_are_left_out_are_needed() -> None:
    part = narrowed(CHAIN, select(CHAIN), Cut(only=("features.extract", "metrics")))
    assert needs(CHAIN, part) == [
        Need("features", "data", "data"),
        Need("metrics", "features.build", "features", "features.build"),
    ]
