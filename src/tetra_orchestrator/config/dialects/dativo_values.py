"""Numbers of the dativo dialect. What is written in another way is answered with the number that is meant."""

from __future__ import annotations

import re
from math import ceil
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from tetra_orchestrator.config import scalars
from tetra_orchestrator.config.values import Count, Number, Whole, fault


def _digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(scalars.NUMBER, value):
        raise fault("is not a whole number", "write it in digits, such as 1")
    return value


def _seconds(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(scalars.NUMBER, value):
        raise fault("must be a number of seconds", _remedy(value))
    return value


def _remedy(text: str) -> str:
    """The seconds that a duration comes to, rounded up."""
    try:
        return f"write {ceil(scalars.duration_s(text))}"
    except ValueError:
        return "write it in digits and without a unit, such as 60"


NotNegative = Annotated[Whole, Field(ge=0), BeforeValidator(_digits)]
Positive = Annotated[Count, BeforeValidator(_digits)]
Interval = Annotated[Count, BeforeValidator(_seconds)]
Wait = Annotated[Number, Field(ge=0), BeforeValidator(_seconds)]
