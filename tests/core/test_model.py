"""Looking things up in a project."""

from support.builders import mode, pipeline, project, task

DEMO = project(
    pipeline("data"),
    pipeline("features", "data", tasks=(task("features.extract"), task("features.build"))),
    modes=(mode("daily", "data"), mode("weekly", "data", "features")),
)


def test_pipelines_and_modes_are_found_by_name() -> None:
    assert DEMO.pipeline("features") == DEMO.pipelines[1]
    assert DEMO.mode("weekly") == DEMO.modes[1]


def test_a_name_that_is_not_there_is_none() -> None:
    assert DEMO.pipeline("Data") is None
    assert DEMO.mode("features") is None


def test_tasks_are_in_file_order() -> None:
    assert [one.id for one in DEMO.tasks()] == ["data", "features.extract", "features.build"]
