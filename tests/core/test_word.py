"""Words: texts that are one of a few, as `enum.StrEnum` has them, without `enum` at run time."""

from __future__ import annotations

import copy
import json
import pickle
from enum import StrEnum

import pytest

from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.core.word import Word


class Colour(Word):
    """What a thing looks like."""

    RED = "red"
    DARK_BLUE = "dark blue"

    def loud(self) -> str:
        return self.upper()


class Model(StrEnum):
    RED = "red"
    DARK_BLUE = "dark blue"


@pytest.mark.parametrize("kind", [Colour, Model])
def test_a_word_is_the_one_object_of_its_text(kind: type[Colour]) -> None:
    assert kind("red") is kind.RED
    assert kind(kind.RED) is kind.RED
    assert kind.RED == "red"
    assert {kind.RED: 1}["red"] == 1  # type: ignore[index]
    assert list(kind) == ["red", "dark blue"]
    assert len(kind) == 2
    assert isinstance(kind.RED, kind)


@pytest.mark.parametrize("kind", [Colour, Model])
def test_another_text_is_refused(kind: type[Colour]) -> None:
    with pytest.raises(ValueError, match=f"^'green' is not a valid {kind.__name__}$"):
        kind("green")


@pytest.mark.parametrize("kind", [Colour, Model])
def test_a_word_is_written_as_its_text(kind: type[Colour]) -> None:
    assert f"{kind.DARK_BLUE}, {kind.RED:>5}" == "dark blue,   red"
    assert str(kind.RED) == kind.RED.value == "red"
    assert type(str(kind.RED)) is type(kind.RED.value) is str
    assert json.dumps([kind.RED]) == '["red"]'


@pytest.mark.parametrize("kind", [Colour, Model])
def test_a_copied_word_is_the_same_object(kind: type[Colour]) -> None:
    assert copy.deepcopy([kind.RED])[0] is kind.RED
    assert pickle.loads(pickle.dumps(kind.RED)) is kind.RED  # noqa: S301


def test_a_word_can_be_matched_and_has_the_methods_of_its_kind() -> None:
    match RunState.FAILED:
        case RunState.SUCCEEDED:
            pytest.fail("failed is not succeeded")
        case RunState.FAILED:
            pass
    assert Colour.RED.loud() == "RED"
    assert Colour.__doc__ == "What a thing looks like."


def test_words_of_two_kinds_are_as_different_as_their_texts() -> None:
    assert Colour.RED == Model.RED  # type: ignore[comparison-overlap]
    assert Colour.RED != Model.DARK_BLUE  # type: ignore[comparison-overlap]
