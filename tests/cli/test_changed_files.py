"""Which files of a task have changed between its last success and its failure."""

from datetime import UTC, datetime, timedelta

from support.builders import pipeline, project, task
from tetra_orchestrator.cli.changed_files import changed_files
from tetra_orchestrator.core.model import Command

DAY = timedelta(days=1)


def test_files_of_the_same_name_are_each_told(tmp_path):
    paths = [tmp_path / folder / "rows.sql" for folder in ("in", "out")]
    for path in paths:
        path.parent.mkdir()
        path.touch()
    load = task("load", program=Command(("cat", "in/rows.sql", "./out/rows.sql")))
    shop, now = project(pipeline("load", tasks=(load,)), root=str(tmp_path)), datetime.now(UTC)
    found = changed_files(shop, load, now - DAY, now + DAY, lambda when: "noon")
    assert [text for text in found if "rows.sql" in text] == [f"rows.sql was changed at noon: {path}" for path in paths]
