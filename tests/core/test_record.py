"""Records: frozen values without `typing` at run time."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.core.outcome import Cancelled, Exited, Signalled
from tetra_orchestrator.core.record import Record

SRC = Path(__file__).resolve().parents[2] / "src"


class Point(Record):
    """Where something is."""

    x: int
    y: int = 0

    def moved(self, by: int) -> Point:
        """The point further right."""
        return self._replace(x=self.x + by)


class Size(Record):
    x: int
    y: int = 0


def test_fields_are_given_by_name_or_by_position_and_have_defaults() -> None:
    assert Point(x=1, y=2) == Point(1, 2)
    assert Point(1).y == 0
    assert Point._fields == ("x", "y")


def test_a_missing_an_unknown_and_a_doubled_field_are_refused() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        Point(1, z=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="multiple values for argument 'x'"):
        Point(1, x=1)  # type: ignore[misc]


def test_a_record_cannot_be_changed_or_extended() -> None:
    point = Point(1)
    with pytest.raises(AttributeError):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        point.z = 2  # type: ignore[attr-defined]
    assert point == Point(1)


@given(st.integers(), st.integers())
def test_equality_needs_the_same_kind_and_the_same_values(x: int, y: int) -> None:
    assert Point(x, y) == Point(x, y)
    assert (Point(x, y) != Point(x, y)) is False
    assert Point(x, y) != Size(x, y)
    assert Size(x, y) != Point(x, y)
    assert (x, y) != Point(x, y)
    assert Point(x, y) != (x, y)
    assert (Point(x, y) == Point(y, x)) is (x == y)


def test_kinds_with_equal_values_stay_apart_in_sets_and_mappings() -> None:
    assert len({Exited(1), Signalled(1), Exited(1)}) == 2
    assert {Point(1): "point", Size(1): "size"}[Size(1)] == "size"


def test_equal_records_have_equal_hashes() -> None:
    assert hash(Point(1, 2)) == hash(Point(x=1, y=2))


def test_a_record_without_fields_equals_its_own_kind_only() -> None:
    assert Cancelled() == Cancelled()
    assert Cancelled() != ()


def test_methods_docstring_and_representation_are_kept() -> None:
    assert Point(1).moved(2) == Point(3)
    assert Point.__doc__ == "Where something is."
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"


def test_a_record_can_be_taken_apart_by_match() -> None:
    match Point(1, 2):
        case Size():
            pytest.fail("a point is not a size")
        case Point(x, y):
            assert (x, y) == (1, 2)


class Wide(Record):
    a: int
    b: int = 2
    c: tuple[int, ...] = ()


@pytest.mark.parametrize("time", ["first", "second", "third"])
def test_a_record_is_made_alike_each_time_whatever_of_it_is_given(time: str) -> None:
    kind = _fresh()
    for _ in range(("first", "second", "third").index(time)):
        kind(1)
    assert tuple(kind(1)) == (1, 2, ())
    assert tuple(kind(1, c=(3,))) == (1, 2, (3,))
    assert tuple(kind(c=(3,), a=1)) == (1, 2, (3,))
    assert tuple(kind(1, 5, (3,))) == (1, 5, (3,))


@pytest.mark.parametrize(
    ("values", "named", "message"),
    [
        ((), {}, "missing 1 required positional argument: 'a'"),
        ((), {"b": 1}, "missing 1 required positional argument: 'a'"),
        ((1,), {"z": 1}, "unexpected keyword argument 'z'"),
        ((1,), {"a": 1}, "multiple values for argument 'a'"),
        ((1, 2, (), 4), {}, "takes from 2 to 4 positional arguments but 5 were given"),
    ],
)
def test_a_call_that_does_not_fit_is_refused_alike_each_time(
    values: tuple[object, ...], named: dict[str, object], message: str
) -> None:
    kind = _fresh()
    for _ in range(3):
        with pytest.raises(TypeError, match=message):
            kind(*values, **named)
    assert tuple(kind(1)) == (1, 2, ())


def _fresh() -> type[Wide]:
    """The kind as it is before one of it was made."""

    class Fresh(Record):
        a: int
        b: int = 2
        c: tuple[int, ...] = ()

    return Fresh  # type: ignore[return-value]


def test_an_unknown_field_is_not_replaced() -> None:
    with pytest.raises(ValueError, match=r"Got unexpected field names: \['z'\]"):
        Point(1)._replace(z=2)  # type: ignore[call-arg]


def test_a_copied_record_equals_the_first() -> None:
    point = Point(1, 2)
    assert copy.copy(point) == copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point  # noqa: S301
    assert Point._make([1, 2]) == point
    assert point._asdict() == {"x": 1, "y": 2}


def test_the_whole_core_and_the_ports_load_without_typing_and_dataclasses() -> None:
    program = """
import sys
before = set(sys.modules)
import tetra_orchestrator.ports
from tetra_orchestrator.core import changes, events, forecast, freshness, graph, identity, model, outcome, params
from tetra_orchestrator.core import partition, plan, record, retry, selection, spoken, states
print(*sorted({"typing", "dataclasses", "enum", "inspect", "re", "json", "datetime"} & set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SRC)!r})\n{program}"],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == ("\n", "", 0)
