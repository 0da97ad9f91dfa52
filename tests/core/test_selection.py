"""From a mode or names to the tasks of one run."""

import pytest

from support.builders import mode, pipeline, project, task
from tetra_orchestrator.core.model import ModeEntry, Project, RunPolicy
from tetra_orchestrator.core.selection import Selection, policy, select
from tetra_orchestrator.errors import Exit, UsageError

CHAIN = project(
    pipeline("data"),
    pipeline("scenarios", "data"),
    pipeline("metrics", "scenarios"),
    modes=(
        mode("daily", ModeEntry("data", (("data", ("--mode", "daily")),))),
        mode("outer", "metrics", "data"),
    ),
)


def wired(selection: Selection) -> dict[str, tuple[str, ...]]:
    return {one.id: one.depends_on for one in selection.tasks}


def refusal(project: Project, *arguments: object) -> tuple[str, str | None]:
    with pytest.raises(UsageError) as caught:
        select(project, *arguments)  # type: ignore[arg-type]
    assert caught.value.exit_code == Exit.USAGE
    return caught.value.message, caught.value.hint


def test_without_mode_and_names_everything_in_the_file_is_run() -> None:
    chosen = select(CHAIN)
    assert (chosen.mode, chosen.pipelines) == (None, ("data", "scenarios", "metrics"))
    assert wired(chosen) == {"data": (), "scenarios": ("data",), "metrics": ("scenarios",)}


def test_a_mode_runs_its_pipelines_with_their_arguments() -> None:
    chosen = select(CHAIN, "daily")
    assert chosen.mode == CHAIN.mode("daily")
    assert [(one.id, one.args) for one in chosen.tasks] == [("data", ("--mode", "daily"))]


def test_arguments_of_the_mode_come_after_those_of_the_task() -> None:
    own = task("data", args=("--own",))
    demo = project(pipeline("data", tasks=(own,)), modes=(mode("m", ModeEntry("data", (("data", ("--more",)),))),))
    assert select(demo, "m").tasks[0].args == ("--own", "--more")
    assert select(demo).tasks[0].args == ("--own",)


def test_names_are_run_in_file_order_whatever_the_order_they_are_given_in() -> None:
    assert select(CHAIN, None, ("metrics", "data", "metrics")).pipelines == ("data", "metrics")
    assert select(CHAIN, "outer").pipelines == ("data", "metrics")


def test_names_within_a_mode_keep_the_arguments_of_the_mode() -> None:
    chosen = select(CHAIN, "daily", ("data",))
    assert [(one.id, one.args) for one in chosen.tasks] == [("data", ("--mode", "daily"))]
    assert select(CHAIN, "outer", ("metrics",)).pipelines == ("metrics",)


def test_a_dependency_is_seen_through_what_is_left_out() -> None:
    assert wired(select(CHAIN, None, ("data", "metrics"))) == {"data": (), "metrics": ("data",)}
    assert wired(select(CHAIN, None, ("metrics",))) == {"metrics": ()}


def test_of_several_ways_to_a_dependency_one_counts() -> None:
    demo = project(pipeline("a"), pipeline("left", "a"), pipeline("right", "a"), pipeline("end", "left", "right", "a"))
    assert wired(select(demo, None, ("a", "end"))) == {"a": (), "end": ("a",)}
    assert wired(select(demo, None, ("a", "right", "end")))["end"] == ("a", "right")


def test_every_task_of_a_chosen_pipeline_is_run() -> None:
    extract, build = task("features.extract"), task("features.build", "features.extract")
    demo = project(pipeline("other"), pipeline("features", tasks=(extract, build)))
    assert wired(select(demo, None, ("features",))) == {
        "features.extract": (),
        "features.build": ("features.extract",),
    }


def test_arguments_are_given_to_the_task_that_the_mode_names() -> None:
    tasks = (task("f.extract"), task("f.build"))
    demo = project(pipeline("f", tasks=tasks), modes=(mode("m", ModeEntry("f", (("f.build", ("--fast",)),))),))
    assert [(one.id, one.args) for one in select(demo, "m").tasks] == [("f.extract", ()), ("f.build", ("--fast",))]


def test_a_disabled_pipeline_disables_its_tasks_and_a_disabled_task_only_itself() -> None:
    demo = project(
        pipeline("off", tasks=(task("off.a"), task("off.b")), enabled=False),
        pipeline("on", tasks=(task("on.a"), task("on.b", enabled=False))),
    )
    assert [(one.id, one.enabled) for one in select(demo).tasks] == [
        ("off.a", False),
        ("off.b", False),
        ("on.a", True),
        ("on.b", False),
    ]


def test_an_unknown_pipeline_is_refused_with_the_nearest_name() -> None:
    assert refusal(CHAIN, None, ("scenario",)) == (
        "Unknown pipeline: scenario",
        "did you mean 'scenarios'? pipelines: data, scenarios, metrics",
    )
    known = "modes: daily, outer; pipelines: data, scenarios, metrics"
    assert refusal(CHAIN, None, ("zzz",)) == ("Unknown pipeline: zzz", known)


def test_an_unknown_mode_is_refused_with_the_nearest_name() -> None:
    assert refusal(CHAIN, "dayly") == ("Unknown mode: dayly", "did you mean 'daily'? modes: daily, outer")
    assert refusal(project(pipeline("a")), "daily") == ("Unknown mode: daily", "modes: none")
    assert refusal(CHAIN, "") == ("Unknown mode: ", "modes: daily, outer")


def test_a_pipeline_that_the_mode_does_not_run_is_refused() -> None:
    assert refusal(CHAIN, "outer", ("data", "scenarios")) == (
        "mode 'outer' does not run the pipeline 'scenarios'",
        "it runs metrics, data; leave out --mode to run 'scenarios' by itself",
    )


def test_the_name_of_a_mode_stands_for_a_pipeline_where_none_has_it() -> None:
    assert select(CHAIN, None, ("daily",)) == select(CHAIN, "daily")
    demo = project(pipeline("a"), pipeline("b"), modes=(mode("a", "b"),))
    assert select(demo, None, ("a",)).pipelines == ("a",)


def test_the_name_of_a_mode_is_no_pipeline_beside_another_name_or_within_a_mode() -> None:
    unknown = ("Unknown pipeline: outer", "pipelines: data, scenarios, metrics")
    assert refusal(CHAIN, None, ("data", "outer")) == unknown
    assert refusal(CHAIN, "daily", ("outer",)) == unknown


def conditions(*needs: tuple[str, str]) -> dict[str, object]:
    return {"depends_on": tuple(name for name, _ in needs), "conditions": needs}


def seen_through(near: dict[str, object], far: dict[str, object]) -> tuple[tuple[str, str], ...]:
    """The conditions of `c` on `a` when `b` between them is not selected: `near` c on b, `far` b on a."""
    b, c = task("b", "a")._replace(**far), task("c", "b")._replace(**near)
    demo = project(pipeline("a"), pipeline("b", "a", tasks=(b,)), pipeline("c", "b", tasks=(c,)))
    (found,) = [one for one in select(demo, None, ("a", "c")).tasks if one.id == "c"]
    assert found.depends_on == ("a",)
    return found.conditions


def test_conditions_of_dependencies_are_kept() -> None:
    c = task("c", "a", "b", conditions=(("b", "finished"),))
    demo = project(pipeline("a"), pipeline("b"), pipeline("c", "a", "b", tasks=(c,)))
    assert select(demo).tasks[2] == c


@pytest.mark.parametrize(
    ("near", "far", "condition"),
    [
        ({}, {}, ()),
        ({}, conditions(("a", "ready")), (("a", "ready"),)),
        (conditions(("b", "ready")), {}, ()),
        ({}, conditions(("a", "finished")), (("a", "finished"),)),
        (conditions(("b", "finished")), {}, (("a", "finished"),)),
        (conditions(("b", "finished")), conditions(("a", "ready")), (("a", "finished"),)),
    ],
)
def test_what_is_left_out_hands_its_conditions_on(
    near: dict[str, object], far: dict[str, object], condition: tuple[tuple[str, str], ...]
) -> None:
    assert seen_through(near, far) == condition


@pytest.mark.parametrize("names", [("left", "right"), ("right", "left")])
def test_of_several_ways_to_a_dependency_the_strictest_condition_counts(names: tuple[str, str]) -> None:
    left = task("left", "a", conditions=(("a", "finished"),))
    demo = project(
        pipeline("a"),
        pipeline("left", "a", tasks=(left,)),
        pipeline("right", "a"),
        pipeline("end", tasks=(task("end", *names),)),
    )
    (_, end) = select(demo, None, ("a", "end")).tasks
    assert (end.depends_on, end.conditions) == (("a",), ())


def test_a_selection_tells_what_was_asked_for_by_name_from_what_a_mode_or_the_file_brought() -> None:
    demo = project(pipeline("a"), pipeline("b"), modes=(mode("m", "a", "b"),))
    assert select(demo).named == select(demo, "m").named == select(demo, None, ("m",)).named == ()
    assert select(demo, None, ("b",)).named == select(demo, "m", ("b",)).named == ("b",)


def test_a_mode_says_what_holds_for_its_runs_and_the_project_says_the_rest() -> None:
    whole = CHAIN._replace(run=RunPolicy(timeout_s=9.0, max_retries=5, barriers=True))
    own = mode("m", "data")._replace(run=RunPolicy(max_retries=0, barriers=False))
    assert policy(whole, None) == whole.run
    assert policy(whole, own) == RunPolicy(timeout_s=9.0, max_retries=0, barriers=False)
    assert policy(whole, mode("n", "data")) == whole.run
