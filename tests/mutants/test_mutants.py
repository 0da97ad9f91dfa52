"""Every listed way to break the engine still applies, and (long) turns a test red."""

from __future__ import annotations

import pytest
from tests.mutants.__main__ import main
from tests.mutants.catalogue import MUTANTS, Mutant
from tests.mutants.workshop import REPOSITORY, Misfit, applied, source


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "_"))
def test_every_mutant_applies_to_the_source_exactly_once(mutant: Mutant) -> None:
    text = (REPOSITORY / source(mutant)).read_text()
    assert applied(mutant, text) != text


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "_"))
def test_every_mutant_names_tests_that_are_there(mutant: Mutant) -> None:
    for test in mutant.tests:
        path, _, name = test.partition("::")
        text = (REPOSITORY / path).read_text()
        assert not name or f"def {name}(" in text


def test_there_are_twenty_mutants_with_names_of_their_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20


def test_a_mutant_that_no_longer_applies_says_so() -> None:
    mutant = Mutant("none", "core/retry.py", "text that is nowhere", "", ())
    with pytest.raises(Misfit, match=r"^its text is 0 times in core/retry\.py, not once$"):
        applied(mutant, "def refusal():\n")


@pytest.mark.long
def test_every_mutant_turns_a_test_red(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0, "".join(capsys.readouterr())
