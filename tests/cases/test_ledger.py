"""Every expectation of the users' files is proved by a test, or is named as a later issue's."""

from __future__ import annotations

import pytest

from cases.ledger import DIALECTS, later, proofs


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_expectation_is_proved_or_named_as_a_later_issue_s(dialect):
    postponed = later(dialect)
    open_ones = [leaf for leaf, tests in proofs(dialect).items() if not tests and leaf not in postponed]
    assert open_ones == []
