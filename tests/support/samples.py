"""Some of what is alike for `make test`; `make test-all` tries all of it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import pytest
from _pytest.mark import ParameterSet


def pairs(first: Iterable[object], second: Iterable[object], step: int) -> list[ParameterSet]:
    """All pairs for `parametrize`; those are long that are not the one in `step`, which is another one in each row."""
    return [
        pytest.param(one, other, marks=() if (row + column) % step == 0 else pytest.mark.long)
        for (row, one), (column, other) in product(enumerate(first), enumerate(second))
    ]
