"""Conditions of rules: whether one is sound, and whether it holds. rule_engine reads and evaluates them.

It takes a quarter of a second to load, so this module is imported only where a file has rules.
"""

from __future__ import annotations

import decimal
import math
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

import rule_engine
from rule_engine import ast
from rule_engine.errors import ArithmeticError as NoResult
from rule_engine.errors import EngineError, RuleSyntaxError

from tetra_orchestrator.config.problems import listed
from tetra_orchestrator.core.gauges import GAUGES, NUMBER, TEXT, TRUTH
from tetra_orchestrator.core.rule_text import EXAMPLE, NAME, NotUnderstood, tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.gauges import Gauge
    from tetra_orchestrator.core.rule_text import Token

_TYPES = {
    TEXT: rule_engine.DataType.STRING,
    NUMBER: rule_engine.DataType.FLOAT,
    TRUTH: rule_engine.DataType.BOOLEAN,
}
_KINDS = {kind: word for word, kind in _TYPES.items()}
_OF_NAMES = {name: _TYPES[kind] for name, (kind, _) in GAUGES.items()}
_SPOKEN = {TEXT: "a text", NUMBER: "a number", TRUTH: "true or false"}
_SAME = ("eq", "ne")


def objection(condition: str) -> tuple[str, str] | None:
    """What is wrong with a condition and what to do, to complete "the condition ..."; None where it is sound.

    It is read and its kinds are compared; nothing of it is evaluated but what is the same always.
    """
    try:
        found = tokens(condition)
        _check_names(found)
        node = _read(found).statement.expression
        kind = _kind(node)
    except NotUnderstood as error:
        return str(error), error.hint
    if isinstance(node, ast.LiteralExpressionBase):
        return "is always the same: it names nothing that is measured", EXAMPLE
    if kind != TRUTH:
        return (
            f"is {_SPOKEN[kind]}, which neither holds nor fails",
            "compare it with something, such as error_rate > 0.1",
        )
    return None


def holds(condition: str, values: Mapping[str, Gauge]) -> bool | None:
    """Whether a condition holds for what was measured; None where that cannot be told.

    A comparison with a name that is None (or not there) is unknown, and so is one that cannot be computed, such as a
    division by zero. `and` with a part that fails, and `or` with one that holds, are known whatever the rest is.
    Numbers are compared as they are written: 0.1 is not above 0.1. Never raises: what cannot be read is unknown.
    """
    rule = _sound(condition)
    if rule is None:
        return None
    with decimal.localcontext(rule.context.decimal_context):
        return _holds(rule.statement.expression, values)


@cache
def _sound(condition: str) -> Any:
    if objection(condition):
        return None
    return _read(tokens(condition))


def _read(found: Sequence[Token]) -> Any:
    """The rule. Its text is put together anew, so that it has no other words than ours."""
    context = rule_engine.Context(
        type_resolver=_OF_NAMES, default_timezone="utc", decimal_context=decimal.Context(prec=28)
    )
    try:
        return rule_engine.Rule(" ".join(token.text for token in found), context=context)
    except RuleSyntaxError as error:
        at = getattr(error.token, "value", None)
        raise NotUnderstood(f"cannot be read at {at!r}" if at else "ends too early") from None
    except (NoResult, ArithmeticError):
        raise NotUnderstood("computes what has no result, such as a division by zero") from None
    except EngineError:
        raise _mixed(found) from None


def _check_names(found: Sequence[Token]) -> None:
    for index, token in enumerate(found):
        if token.kind == NAME and token.text not in GAUGES:
            near = get_close_matches(token.text, GAUGES, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {listed(GAUGES)}"
            if _is_beside_text(found, index):
                hint = f"write it in quotes: '{token.text}'"
            raise NotUnderstood(f"names {token.text!r}, which nothing measures", hint)


def _is_beside_text(found: Sequence[Token], index: int) -> bool:
    """Whether a word is compared with a name that stands for a text."""
    signs = {at: found[at].text for at in (index - 1, index + 1) if 0 <= at < len(found)}
    others = [2 * at - index for at, sign in signs.items() if sign in ("==", "!=")]
    return any(GAUGES.get(found[at].text, ("",))[0] == TEXT for at in others if 0 <= at < len(found))


def _mixed(found: Sequence[Token]) -> NotUnderstood:
    named = dict.fromkeys(token.text for token in found if token.kind == NAME)
    kinds = ", ".join(f"{name} is {_SPOKEN[GAUGES[name][0]]}" for name in named)
    return NotUnderstood("compares or computes what does not go together", kinds or EXAMPLE)


def _kind(node: Any) -> str:
    """What a part of a condition is. Raises `NotUnderstood` where its own parts do not go together."""
    match node:
        case ast.LogicExpression():
            _expect(node, TRUTH, f"beside '{node.type}'", "compare it with something, such as error_rate > 0.1")
            return TRUTH
        case ast.UnaryExpression():
            return _kind_of_unary(node)
        case ast.ComparisonExpression():
            _check_comparison(node)
            return TRUTH
        case ast.AddExpression() | ast.SubtractExpression() | ast.ArithmeticExpression():
            _expect(node, NUMBER, "in a computation", "only numbers can be computed with")
            return NUMBER
        case ast.SymbolExpression() | ast.LiteralExpressionBase() if node.result_type in _KINDS:
            return _KINDS[node.result_type]
    raise NotUnderstood("is not in the language of conditions")


def _kind_of_unary(node: Any) -> str:
    wanted = TRUTH if node.type == "not" else NUMBER
    kind = _kind(node.right)
    if kind != wanted:
        sign = "not" if node.type == "not" else "-"
        raise NotUnderstood(f"has '{sign}' before {_SPOKEN[kind]}", f"it goes before what is {_SPOKEN[wanted]}")
    return wanted


def _expect(node: Any, wanted: str, where: str, hint: str) -> None:
    for side in (node.left, node.right):
        kind = _kind(side)
        if kind != wanted:
            raise NotUnderstood(f"has {_SPOKEN[kind]} {where}", hint)
        if wanted == TRUTH and isinstance(side, ast.LiteralExpressionBase):
            raise NotUnderstood("has a part that is always the same", "leave that part out")


def _check_comparison(node: Any) -> None:
    left, right = _kind(node.left), _kind(node.right)
    if left != right:
        raise NotUnderstood(f"compares {_SPOKEN[left]} with {_SPOKEN[right]}", _remedy(node))
    if left != NUMBER and node.type not in _SAME:
        raise NotUnderstood(f"compares {_SPOKEN[left]} by size", "write == or != there")


def _remedy(node: Any) -> str:
    names = [side.name for side in (node.left, node.right) if isinstance(side, ast.SymbolExpression)]
    said = ", ".join(f"{name} is {_SPOKEN[GAUGES[name][0]]}: {GAUGES[name][1]}" for name in names)
    return said or EXAMPLE


def _holds(node: Any, values: Mapping[str, Gauge]) -> bool | None:
    match node:
        case ast.LogicExpression():
            return _joined(node.type == "or", [_holds(side, values) for side in (node.left, node.right)])
        case ast.UnaryExpression():
            inner = _holds(node.right, values)
            return None if inner is None else not inner
    known = _known(node, values)
    try:
        return None if known is None else bool(node.evaluate(known))
    except (EngineError, ArithmeticError):
        return None


def _joined(settles: bool, sides: Sequence[bool | None]) -> bool | None:
    """Of two sides, one that is what `settles` it counts, and else an unknown one does."""
    if settles in sides:
        return settles
    return None if None in sides else not settles


def _known(node: Any, values: Mapping[str, Gauge]) -> Mapping[str, Gauge] | None:
    """What the part names; None where something of that is not known."""
    found = {name: values.get(name) for name in _names(node)}
    return None if any(value is None or _is_nothing(value) for value in found.values()) else found


def _is_nothing(value: Gauge) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _names(node: Any) -> list[str]:
    if isinstance(node, ast.SymbolExpression):
        return [node.name]
    sides = (getattr(node, side, None) for side in ("left", "right"))
    return [name for side in sides if side is not None for name in _names(side)]
