"""Checkpoints as texts, by name and by age."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.worlds import project, task
from tetra_orchestrator.core.checkpoint import (
    Checkpoint,
    Kept,
    Summary,
    is_called,
    name_of,
    newest,
    of_rows,
    parse,
    summaries,
    text_of,
)
from tetra_orchestrator.core.history import Partition, TaskRun
from tetra_orchestrator.core.model import Mode, ModeEntry, Reason
from tetra_orchestrator.core.selection import select

#: As the guide shows it.
DOCUMENTED = {
    "pipeline_id": "PIPELINE_ID",
    "pipeline_name": "my_pipeline",
    "completed_stages": ["stage_1", "stage_2"],
    "stage_outputs": {
        "stage_1": {"output_dir": "/path/to/frames"},
        "stage_2": {"output_dir": "/path/to/segmented"},
    },
    "timestamp": 1701619200.0,
}
NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1)
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)
JSON = VALUES | st.floats() | st.dictionaries(st.text(), st.dictionaries(st.text(), VALUES)) | st.lists(st.text())


def checkpoint(run_id="r1", name="demo", timestamp=1.0, **fields):
    return Checkpoint(run_id, name, fields.get("stages", ("a",)), fields.get("outputs", {}), timestamp)


def row(name, state, code=None, outputs=None):
    reason = Reason(code, "because") if code else None
    return TaskRun("r1", name, name, 0, state, reason=reason, outputs=outputs)


def test_A_054_to_A_058_the_documented_form_is_read():
    found = parse(json.dumps(DOCUMENTED))
    assert found._asdict() == {**DOCUMENTED, "completed_stages": ("stage_1", "stage_2")}


@given(
    st.builds(
        Checkpoint,
        NAMES,
        NAMES,
        st.lists(NAMES, unique=True).map(tuple),
        st.dictionaries(NAMES, st.dictionaries(st.text(), VALUES)),
        st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_what_is_written_is_read_as_it_was_and_has_the_five_keys_only(written):
    text = text_of(written)
    assert parse(text) == written
    assert list(json.loads(text)) == list(DOCUMENTED)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"pipeline_id": "x", ', "it is not JSON: Expecting property name enclosed in double quotes: "),
        ("[" * 100_000, "it is nested too deeply"),
        ("[]", "it is no JSON object"),
        ("{}", "it has no 'pipeline_id'"),
        *(
            (json.dumps({**DOCUMENTED, key: value}), why)
            for key, value, why in (
                ("pipeline_id", 7, "'pipeline_id' is no line of text"),
                ("pipeline_id", "", "'pipeline_id' is no line of text"),
                ("pipeline_name", "a\nb", "'pipeline_name' is no line of text"),
                ("pipeline_name", "\ud800", "'pipeline_name' is no line of text"),
                ("completed_stages", "a", "'completed_stages' is no list of stage ids"),
                ("completed_stages", [1], "'completed_stages' is no list of stage ids"),
                ("stage_outputs", [], "'stage_outputs' does not map stage ids to outputs"),
                ("stage_outputs", {"a": 1}, "'stage_outputs' does not map stage ids to outputs"),
                ("timestamp", "now", "'timestamp' is no number"),
                ("timestamp", True, "'timestamp' is no number"),
                ("timestamp", float("nan"), "'timestamp' is no number of seconds"),
                ("timestamp", 10**400, "'timestamp' is no number of seconds"),
            )
        ),
    ],
)
def test_A_070_what_is_no_checkpoint_is_told_why(text, why):
    with pytest.raises(ValueError) as refused:
        parse(text)
    assert str(refused.value).startswith(why)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(DOCUMENTED, JSON)))
def test_any_object_is_read_or_refused_and_what_is_read_has_the_types_it_should(found):
    try:
        read = parse(json.dumps({**DOCUMENTED, **found}))
    except ValueError:
        return
    assert [type(value) for value in read] == [str, str, tuple, dict, float]
    assert {type(value) for value in read.completed_stages} <= {str}
    assert {type(value) for value in read.stage_outputs.values()} <= {dict}


def test_A_056_A_057_a_run_s_checkpoint_has_what_succeeded_in_it_or_before_it():
    rows = [
        row("a", "skipped", "already_succeeded", {"n": 1}),
        row("b", "skipped", "in_checkpoint", {"n": 2}),
        row("c", "succeeded", outputs={"n": 3}),
        row("d", "succeeded"),
        row("e", "skipped", "unchanged", {"n": 5}),
        row("off", "skipped", "disabled"),
        row("half", "partial", outputs={"n": 4}),
        row("bad", "failed"),
        row("now", "running"),
    ]
    outputs = {"a": {"n": 1}, "b": {"n": 2}, "c": {"n": 3}, "d": {}, "e": {"n": 5}}
    assert of_rows("demo", rows, 5.0) == Checkpoint("r1", "demo", ("a", "b", "c", "d", "e"), outputs, 5.0)
    assert of_rows("demo", rows[5:], 5.0) is None


# Names


def project_of_two_modes():
    own = project(task("a"), task("b", "a"), task("c"))
    half = Mode("half", (ModeEntry("a"), ModeEntry("b")))
    return own._replace(modes=(*own.modes, half, Mode("tetra", (ModeEntry("c"),))))


@pytest.mark.parametrize(
    ("mode", "names", "partition", "name"),
    [
        (None, (), None, "tetra"),
        ("all", (), None, "tetra.all"),
        ("half", (), None, "tetra.half"),
        ("tetra", (), None, "tetra"),
        ("all", ("a", "b"), None, "tetra.all.a+b"),
        (None, ("c",), None, "tetra.c"),
        (None, ("a", "b", "c"), None, "tetra"),
        ("half", (), Partition("2020-01-01", "2020-02-01"), "tetra.half.2020-01-01_2020-02-01"),
    ],
)
def test_a_mode_a_part_of_it_and_its_dates_are_part_of_the_name(mode, names, partition, name):
    own = project_of_two_modes()
    assert name_of(own, select(own, mode, names), partition) == name


def test_the_name_of_a_large_part_is_short_and_another_one_for_another_part():
    own = project(*(task(f"task_{n}") for n in range(100)))
    names = [f"task_{n}" for n in range(99)]
    one, other = (name_of(own, select(own, None, part), None) for part in (names, names[1:]))
    assert len(one) < 40
    assert one != other


def test_the_name_as_the_user_wrote_it_means_the_same_pipeline_as_the_name_it_has_here():
    assert is_called(checkpoint(name="Some of my faces"), "Some_of_my_faces")
    assert not is_called(checkpoint(name="Some of my faces"), "Some_of_my_face")


# The newest


def test_A_066_A_067_the_newest_of_that_name_by_its_timestamp_counts():
    kept = [
        Kept("1", checkpoint("r1", timestamp=2.0)),
        Kept("2", checkpoint("r2", timestamp=3.0)),
        Kept("3", checkpoint("r3", timestamp=1.0)),
        Kept("4", checkpoint("r4", "other", timestamp=9.0)),
    ]
    assert newest(kept, "demo") == kept[1]
    assert newest(kept, "unheard of") is None


def test_of_two_of_the_same_moment_the_later_file_counts():
    kept = [Kept("r.0002.json", checkpoint("2")), Kept("r.0001.json", checkpoint("1"))]
    assert newest(kept, "demo") == kept[0]


def test_A_094_A_095_A_096_every_run_with_how_many_it_left_and_its_newest_the_newest_run_first():
    kept = [Kept(str(n), checkpoint(run, timestamp=float(n))) for n, run in enumerate(("r1", "r1", "r2", "r1", "r2"))]
    assert summaries(kept) == [Summary("r2", "demo", 2, 4.0), Summary("r1", "demo", 3, 3.0)]
    assert summaries([]) == []
