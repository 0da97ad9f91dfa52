"""A part of a selection: from a task on, until a task, or only some."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import mode, pipeline, project, task
from tetra_orchestrator.core.graph import upstream_of
from tetra_orchestrator.core.model import ModeEntry, Project, RunIf, Service
from tetra_orchestrator.core.narrowing import Cut, narrowed
from tetra_orchestrator.core.selection import Selection, recorded, select
from tetra_orchestrator.errors import Exit, UsageError

#: data -> features (extract -> build -> publish) -> metrics, and `other` beside them.
CHAIN = project(
    pipeline("data"),
    pipeline(
        "features",
        "data",
        tasks=(
            task("features.extract", "data"),
            task("features.build", "features.extract"),
            task("features.publish", "features.build"),
        ),
    ),
    pipeline("metrics", tasks=(task("metrics", "features.publish"),)),
    pipeline("other"),
    modes=(mode("most", "data", "features", "metrics"), mode("args", ModeEntry("data", (("data", ("--all",)),)))),
)


def ids(selection: Selection) -> list[str]:
    return [one.id for one in selection.tasks]


def part(*, mode_name: str | None = None, names: tuple[str, ...] = (), **cut: tuple[str, ...]) -> Selection:
    return narrowed(CHAIN, select(CHAIN, mode_name, names), Cut(**cut))


def refusal(**asked: object) -> str:
    with pytest.raises(UsageError) as caught:
        part(**asked)  # type: ignore[arg-type]
    assert caught.value.exit_code == Exit.USAGE
    return str(caught.value)


def test_without_a_cut_all_of_the_selection_runs() -> None:
    assert part() == select(CHAIN)


def test_from_a_task_it_and_everything_after_it_runs() -> None:
    assert ids(part(first=("features.build",))) == ["features.build", "features.publish", "metrics"]


def test_until_a_task_it_and_everything_before_it_runs() -> None:
    assert ids(part(last=("features.build",))) == ["data", "features.extract", "features.build"]


def test_only_some_tasks_run() -> None:
    assert ids(part(only=("metrics", "data"))) == ["data", "metrics"]


def test_a_pipeline_stands_for_all_of_its_tasks() -> None:
    every = ["features.extract", "features.build", "features.publish"]
    assert ids(part(only=("features",))) == every
    assert ids(part(first=("features",))) == [*every, "metrics"]
    assert ids(part(last=("features",))) == ["data", *every]


def test_from_and_until_leave_what_lies_between_them_ends_included() -> None:
    assert ids(part(first=("features.extract",), last=("features.build",))) == ["features.extract", "features.build"]
    assert ids(part(first=("data",), last=("data",))) == ["data"]


def test_several_ends_are_taken_together() -> None:
    assert ids(part(first=("other", "metrics"))) == ["metrics", "other"]
    assert ids(part(last=("other", "data"))) == ["data", "other"]


def test_what_is_left_out_is_told_and_its_pipelines_are_not_in_the_run() -> None:
    found = part(mode_name="most", first=("features.publish",))
    assert found.pipelines == ("features", "metrics")
    assert [one.id for one in found.left_out] == ["data", "features.extract", "features.build"]


def test_a_dependency_is_seen_through_what_is_left_out() -> None:
    found = part(only=("features.extract", "metrics"))
    assert [(one.id, one.depends_on) for one in found.tasks] == [
        ("features.extract", ()),
        ("metrics", ("features.extract",)),
    ]


def test_the_arguments_of_the_mode_stay() -> None:
    assert [one.args for one in part(mode_name="args", only=("data",)).tasks] == [("--all",)]


def test_the_pipelines_of_the_named_tasks_are_asked_for_by_their_names() -> None:
    assert part(first=("features.publish",)).named == ("features",)
    assert part(names=("data", "features"), only=("features.build",)).named == ("features",)


def test_services_that_the_part_wants_ready_are_in_it() -> None:
    ready = ("ready",)
    demo = project(
        pipeline("disk", tasks=(task("disk", service=Service()),)),
        pipeline("broker", tasks=(task("broker", "disk", service=Service(), conditions=(("disk", *ready),)),)),
        pipeline("before"),
        pipeline("user", tasks=(task("user", "broker", "before", conditions=(("broker", *ready),)),)),
    )
    assert ids(narrowed(demo, select(demo), Cut(only=("user",)))) == ["disk", "broker", "user"]


def test_a_condition_on_how_a_task_ends_holds_only_where_that_is_in_the_part() -> None:
    rule = RunIf("a", ("failed",))
    last = task("b", "a", conditions=(("a", "finished"),), run_if=(rule,))
    demo = project(pipeline("a"), pipeline("b", tasks=(last,)))
    assert narrowed(demo, select(demo), Cut(only=("b",))).tasks[0].run_if == ()
    assert narrowed(demo, select(demo), Cut(only=("a", "b"))).tasks[1].run_if == (rule,)


def test_a_run_has_rows_for_what_is_left_out_of_its_pipelines_and_not_for_others() -> None:
    rows = recorded(CHAIN, part(only=("features.build",)))
    assert [(one.id, one.depends_on) for one in rows] == [
        ("features.extract", ()),
        ("features.build", ()),
        ("features.publish", ()),
    ]


def test_a_name_that_does_not_exist_is_refused_with_the_nearest_one() -> None:
    known = "data, features, features.extract, features.build, features.publish, metrics, other"
    assert refusal(only=("features.buidl",)) == (
        f"Unknown task or pipeline: features.buidl\n  hint: did you mean 'features.build'? there are: {known}"
    )


def test_a_name_that_the_mode_or_the_pipelines_do_not_have_is_refused() -> None:
    known = "data, features, features.extract, features.build, features.publish, metrics"
    assert refusal(mode_name="most", only=("other",)) == f"'other' is not in the mode 'most'\n  hint: it has: {known}"
    assert refusal(names=("data",), first=("other",)) == (
        "'other' is not in what --pipeline asks for\n  hint: it has: data"
    )


def test_only_does_not_go_with_the_others() -> None:
    assert refusal(only=("data",), first=("data",)) == (
        "--only names all that runs, and --from and --until say where it begins and ends\n"
        "  hint: leave out one or the other"
    )


def test_ends_between_which_nothing_lies_are_refused() -> None:
    assert refusal(first=("metrics",), last=("features.build",)) == (
        "nothing lies between --from metrics and --until features.build\n  hint: it is the other way round: swap them"
    )
    assert refusal(first=("metrics",), last=("other",)) == (
        "nothing lies between --from metrics and --until other\n  hint: `tetra graph` shows what comes before what"
    )


@st.composite
def graphs(draw: st.DrawFn) -> Project:
    """A project of one pipeline per task, each of which depends on some of those before it."""
    names = [f"t{number}" for number in range(draw(st.integers(1, 7)))]
    needs = {name: draw(st.lists(st.sampled_from(names[:i]), unique=True)) if i else [] for i, name in enumerate(names)}
    return project(*(pipeline(name, *needs[name]) for name in names))


@given(graphs(), st.data())
def test_in_any_graph_the_parts_before_and_after_a_task_are_what_depends_on_it_and_what_it_depends_on(
    demo: Project, data: st.DataObject
) -> None:
    whole = select(demo)
    name = data.draw(st.sampled_from(ids(whole)))
    graph = {one.id: one.depends_on for one in whole.tasks}
    before = upstream_of(graph, name)
    after = {one for one in graph if name in upstream_of(graph, one)}
    assert set(ids(narrowed(demo, whole, Cut(last=(name,))))) == before | {name}
    assert set(ids(narrowed(demo, whole, Cut(first=(name,))))) == after | {name}


@given(graphs(), st.data())
def test_in_any_part_one_task_waits_for_another_exactly_where_it_does_in_the_whole(
    demo: Project, data: st.DataObject
) -> None:
    whole = select(demo)
    chosen = data.draw(st.sets(st.sampled_from(ids(whole)), min_size=1))
    found = narrowed(demo, whole, Cut(only=tuple(chosen)))
    graph = {one.id: one.depends_on for one in whole.tasks}
    small = {one.id: one.depends_on for one in found.tasks}
    assert small.keys() == chosen
    for name in chosen:
        assert upstream_of(small, name) == upstream_of(graph, name) & chosen
