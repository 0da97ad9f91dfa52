"""What is to be done about units: whose they are, and whether they are as they should be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.core.marker import marked
from tetra_orchestrator.core.unit_plan import (
    ADD,
    BUSY,
    CHANGE,
    EDITED,
    FOREIGN,
    KEEP,
    MOVED,
    ORPHAN,
    Action,
    Installed,
    plan,
    to_remove,
    to_write,
)
from tetra_orchestrator.core.units import UnitFile

ROOT, OTHER, GONE = "/home/ann/demo", "/home/bob/demo", "/home/ann/old"
DAILY = "demo-daily.timer"


def unit(name: str = DAILY, body: str = "at seven\n", project: str = "demo", root: str = ROOT) -> UnitFile:
    """A file as we write it."""
    return UnitFile(name, marked(body, project, root, "# {}"))


def edited(file: UnitFile) -> UnitFile:
    return file._replace(text=f"{file.text}# mine\n")


def planned(wanted: list[UnitFile], files: list[UnitFile], **known: object) -> list[Action]:
    return plan(wanted, Installed(files, lambda root: root == OTHER, **known), "demo", ROOT)


def only(wanted: UnitFile, file: UnitFile, **known: object) -> tuple[str, str]:
    """Kind and text of the one action about them."""
    (action,) = planned([wanted], [file], **known)
    assert action.file == wanted.name
    return action.kind, action.text


def orphaned(file: UnitFile, **known: object) -> list[tuple[str, str, bool]]:
    return [(action.kind, action.text, action.wanted) for action in planned([], [file], **known)]


def test_a_unit_that_is_not_there_is_added() -> None:
    assert planned([unit()], []) == [Action(ADD, DAILY, "is new")]


def test_a_unit_that_is_as_it_should_be_is_kept() -> None:
    assert only(unit(), unit()) == (KEEP, "is as it should be")


def test_a_unit_that_differs_from_what_the_file_says_is_changed() -> None:
    assert only(unit(), unit(body="at six\n")) == (CHANGE, "has changed")


def test_a_unit_that_somebody_has_edited_stays_as_it_is() -> None:
    assert only(unit(), edited(unit())) == (EDITED, "was edited by hand")
    assert only(unit(), edited(unit(body="at six\n"))) == (EDITED, "was edited by hand")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (UnitFile(DAILY, "at seven\n"), "is not from us"),
        (UnitFile(DAILY, ""), "is not from us"),
        (unit(project="demo-x"), f"is of the project demo-x in {ROOT}"),
        (unit(root=OTHER), f"is of the same project in {OTHER}"),
        (edited(unit(root=OTHER)), f"is of the same project in {OTHER}"),
    ],
)
def test_what_is_another_s_is_told_and_left(file: UnitFile, text: str) -> None:
    assert only(unit(), file) == (FOREIGN, text)


def test_a_unit_of_a_checkout_that_has_moved_is_taken_over() -> None:
    assert only(unit(), unit(root=GONE)) == (MOVED, f"was of the project in {GONE}, which is gone")
    assert only(unit(), edited(unit(root=GONE))) == (EDITED, "was edited by hand")


def test_a_unit_whose_run_is_active_is_not_changed_under_it() -> None:
    busy = (BUSY, "has changed, but its run is active")
    assert only(unit(), unit(body="at six\n"), busy={DAILY}) == busy
    assert only(unit(), unit(root=GONE), busy={DAILY}) == busy
    assert only(unit(), unit(), busy={DAILY}) == (KEEP, "is as it should be")


def test_a_timer_that_somebody_has_disarmed_is_told() -> None:
    off = {DAILY}
    assert only(unit(), unit(), disarmed=off) == (KEEP, "is as it should be; its timer is disarmed")
    assert only(unit(), unit(body="at six\n"), disarmed=off) == (CHANGE, "has changed; its timer is disarmed")
    moved = f"was of the project in {GONE}, which is gone; its timer is disarmed"
    assert only(unit(), unit(root=GONE), disarmed=off) == (MOVED, moved)


def test_what_nothing_wants_any_more_is_an_orphan() -> None:
    assert orphaned(unit()) == [(ORPHAN, "is wanted no more", False)]
    assert orphaned(unit(root=GONE)) == [(ORPHAN, f"was of the project in {GONE}, which is gone", False)]
    assert orphaned(edited(unit())) == [(EDITED, "is wanted no more, but was edited by hand", False)]
    assert orphaned(unit(), busy={DAILY}) == [(BUSY, "is wanted no more, but its run is active", False)]


@pytest.mark.parametrize("file", [UnitFile(DAILY, "mine\n"), unit(project="demo-x"), unit(root=OTHER)])
def test_nothing_is_said_of_another_s_unit_that_is_in_nobody_s_way(file: UnitFile) -> None:
    assert orphaned(file) == []


def test_wanted_files_come_in_their_order_and_then_the_others() -> None:
    wanted = [unit("demo-weekly.timer"), unit()]
    found = [unit("demo-a.timer"), unit(), unit("demo-z.timer")]
    assert [action.file for action in planned(wanted, found)] == [
        *("demo-weekly.timer", DAILY, "demo-a.timer", "demo-z.timer"),
    ]


def test_a_name_in_another_case_is_the_same_file_and_not_an_orphan() -> None:
    was = unit("demo-Daily.timer")
    assert planned([unit()], [was]) == [Action(CHANGE, DAILY, "has changed", installed_as="demo-Daily.timer")]


def test_where_both_cases_are_there_the_other_one_is_an_orphan() -> None:
    was = unit("demo-Daily.timer")
    for found in ([was, unit()], [unit(), was]):
        actions = planned([unit()], found)
        assert [(action.kind, action.file) for action in actions] == [(KEEP, DAILY), (ORPHAN, "demo-Daily.timer")]
        assert actions[0].installed_as is None


KINDS = (ADD, CHANGE, MOVED, KEEP, EDITED, FOREIGN, BUSY, ORPHAN)


def test_only_what_is_ours_is_written_unless_somebody_insists() -> None:
    wanted = [Action(kind, kind, "") for kind in KINDS if kind != ORPHAN]
    unwanted = [Action(kind, kind, "", wanted=False) for kind in (EDITED, BUSY, ORPHAN)]
    assert [one.kind for one in to_write([*wanted, *unwanted], force=False)] == [ADD, CHANGE, MOVED]
    assert [one.kind for one in to_write([*wanted, *unwanted], force=True)] == [ADD, CHANGE, MOVED, EDITED, FOREIGN]


def test_only_orphans_are_removed_and_edited_ones_if_somebody_insists() -> None:
    wanted = [Action(kind, kind, "") for kind in KINDS if kind != ORPHAN]
    unwanted = [Action(kind, kind, "", wanted=False) for kind in (EDITED, BUSY, ORPHAN)]
    assert [one.kind for one in to_remove([*wanted, *unwanted], force=False)] == [ORPHAN]
    assert to_remove([*wanted, *unwanted], force=True) == [unwanted[0], unwanted[2]]


NAMES = st.sampled_from(["demo-a.timer", "demo-A.timer", "demo-b.timer", "demo-c.service"])
FILES = st.builds(
    unit,
    NAMES,
    st.sampled_from(["x\n", "y\n"]),
    st.sampled_from(["demo", "other"]),
    st.sampled_from([ROOT, OTHER, GONE]),
)
MAYBE_EDITED = st.builds(lambda file, hand: edited(file) if hand else file, FILES, st.booleans())
INSTALLED = st.lists(MAYBE_EDITED, unique_by=lambda file: file.name)
WANTED = st.lists(st.builds(unit, NAMES), unique_by=lambda file: file.name.casefold())


@given(WANTED, INSTALLED, st.sets(NAMES))
def test_doing_what_the_plan_says_leaves_nothing_to_do(
    wanted: list[UnitFile], found: list[UnitFile], busy: set[str]
) -> None:
    actions = planned(wanted, found, busy=busy)
    writes = to_write(actions, force=False)
    gone = {one.file for one in to_remove(actions, force=False)} | {one.installed_as for one in writes}
    left = {file.name: file for file in found if file.name not in gone}
    left |= {file.name: file for file in wanted if file.name in {one.file for one in writes}}
    again = planned(wanted, list(left.values()), busy=busy)
    assert [one for one in again if one.kind in (ADD, CHANGE, MOVED, ORPHAN)] == []


@given(WANTED, INSTALLED, st.sets(NAMES))
def test_without_insistence_nothing_of_another_and_nothing_edited_is_touched(
    wanted: list[UnitFile], found: list[UnitFile], busy: set[str]
) -> None:
    actions = planned(wanted, found, busy=busy)
    touched = {one.installed_as or one.file for one in to_write(actions, force=False)}
    touched |= {one.file for one in to_remove(actions, force=False)}
    for file in found:
        ours = "project=demo " in file.text and f"root={OTHER}" not in file.text
        if not ours or file.text.endswith("# mine\n") or file.name in busy:
            assert file.name not in touched
