"""Calls one Python function as a task: finds it, hands over its arguments, leaves what it returns as outputs.

Standard library only, from Python 3.9 on: this runs in the tasks' own interpreter.
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NoReturn

    Function = Callable[..., Any]

#: The exit code of a call that was interrupted, as a shell has it.
INTERRUPTED = 130
#: The most that a function called by hand may return, in bytes.
OUTPUT_LIMIT = 1 << 20


class Exchange:
    """How data sets pass between tasks: as JSON, through the input file of one and the outputs file of another."""

    def call(self, path: str, inputs: Sequence[Any], config: Mapping[str, Any]) -> Any:
        """What the function at `path` returns; what an `async def` or a generator gives, in full."""
        value = called(path, inputs, config)
        return list(value) if hasattr(value, "__next__") else value

    def read(self, name: str, value: Any) -> Any:
        """The data set `name`, of which the input file has `value`."""
        return value

    def leave(self, outputs: Mapping[str, Any], limit: int, path: str) -> bytes:
        """The outputs as a line of JSON. Raises `TypeError` for what is not JSON, `ValueError` for too much of it."""
        line = joined({name: _as_json(name, value, path) for name, value in outputs.items()})
        if len(line) > limit:
            raise ValueError(
                f"{path} returned {len(line)} bytes of outputs, more than the output_limit of {limit}: "
                "write them to a file and return its name, or keep them in a `session`"
            )
        return line


def main(argv: Sequence[str]) -> int:
    """`PATH`: call that function with what `TETRA_INPUT` names; returns the exit code."""
    return perform(argv[0], os.environ.get("TETRA_INPUT"), os.environ.get("TETRA_OUTPUT"), Exchange())


def perform(path: str, source: str | None, target: str | None, exchange: Exchange) -> int:
    """Call the function at `path` with what the file `source` names, and leave outputs in the file `target`.

    Returns an exit code. A failure's traceback is on standard error, and its class among the outputs.
    """
    try:
        given = _read(source)
        inputs = [exchange.read(name, given["inputs"][at]) for at, name in enumerate(given.get("reads", ()))]
        value = exchange.call(path, inputs, given.get("config", {}))
        outputs = named(value, given.get("writes", ()), path)
        if outputs:
            _append(target, exchange.leave(outputs, given.get("output_limit", OUTPUT_LIMIT), path))
    except SystemExit as stop:
        return _code(stop)
    except BaseException as error:
        _tell(error)
        classes = [each.__name__ for each in type(error).__mro__[:-1]]
        _append(target, joined({"error_class": json.dumps(classes[0]), "error_classes": json.dumps(classes)}))
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


def locate(path: str) -> Function:
    """The function that `package.module.function`, or `package.module:function`, names.

    Raises `ModuleNotFoundError`, `AttributeError` or `TypeError` naming what was not found.
    """
    module, colon, names = path.partition(":")
    if not colon:
        module, names = _longest_module(path)
    __import__(module)
    found: Any = sys.modules[module]
    for name in names.split("."):
        if not hasattr(found, name):
            raise AttributeError(f"{path}: {module} has no '{name}'{_nearest(name, dir(found))}")
        found, module = getattr(found, name), f"{module}.{name}"
    if not callable(found):
        raise TypeError(f"{path} is not a function: it is of type {type(found).__name__}")
    return found  # type: ignore[no-any-return]


def _longest_module(path: str) -> tuple[str, str]:
    """The path split after its longest part that can be imported."""
    parts = path.split(".")
    for count in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:count])
        try:
            __import__(module)
        except ModuleNotFoundError as error:
            if not f"{module}.".startswith(f"{error.name}."):
                raise  # it is there, and something that it imports is not
            continue
        return module, ".".join(parts[count:])
    _not_found(path, parts)


def _not_found(path: str, parts: Sequence[str]) -> NoReturn:
    if len(parts) == 1:
        raise ModuleNotFoundError(f"{path} names no module: write it as module.{path}")
    places = f"in {sys.path[0]}, on the `pythonpath` or among the packages of {sys.executable}"
    raise ModuleNotFoundError(f"{path}: there is no module '{parts[0]}' {places}", name=parts[0])


def _nearest(name: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, names, 1)
    return f": did you mean '{near[0]}'?" if near else ""


def named(value: Any, writes: Sequence[str], path: str) -> dict[str, Any]:
    """What a function returned, by output: the names in `writes`, else its own keys, else `result`; none for None."""
    if len(writes) == 1:
        return {writes[0]: value}
    if writes:
        several = list(value) if isinstance(value, (tuple, list)) else [value]
        if len(several) != len(writes):
            raise ValueError(
                f"{path} returned {len(several)} values for the {len(writes)} in writes: {', '.join(writes)}"
            )
        return {name: several[at] for at, name in enumerate(writes)}
    if not isinstance(value, dict):
        return {} if value is None else {"result": value}
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"{path} returned a mapping with the key {key!r}; names of outputs are text")
    return value


def called(path: str, inputs: Sequence[Any], config: Mapping[str, Any]) -> Any:
    """What the function at `path` returns, or what it gives in the end if it is an `async def`."""
    function = locate(path)
    value = function(*inputs, **keywords(function, config))
    if not hasattr(value, "__await__"):
        return value
    import asyncio

    async def wait() -> Any:
        return await value

    return asyncio.run(wait())


def keywords(function: Any, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a function is called with: its `config`, but an `ml_context` only where it takes one, and with the time.

    A tauro node is taken for machine learning by its name alone, so that its function need not know of it.
    """
    context = config.get("ml_context")
    if not isinstance(context, dict):
        return config
    import inspect
    from datetime import datetime, timezone

    parameters = inspect.signature(function).parameters.values()
    if not any(each.name == "ml_context" or each.kind is each.VAR_KEYWORD for each in parameters):
        return {name: value for name, value in config.items() if name != "ml_context"}
    now = datetime.now(timezone.utc).isoformat()  # noqa: UP017 - datetime.UTC is newer than Python 3.9
    return {**config, "ml_context": {**context, "execution_time": now}}


def joined(texts: Mapping[str, str]) -> bytes:
    """One JSON object of values that are JSON text."""
    return ("{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in texts.items()) + "}").encode()


def _as_json(name: str, value: Any, path: str) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        kind = type(value).__name__
        raise TypeError(
            f"{path} returned as '{name}' a value of type {kind}, which is not JSON ({error}): "
            "return plain values, or give the tasks that share it a `session`"
        ) from None


def _read(source: str | None) -> dict[str, Any]:
    if not source:
        return {}
    with open(source, encoding="utf-8") as file:
        return json.load(file)  # type: ignore[no-any-return]


def _append(target: str | None, line: bytes) -> None:
    if not target:
        return
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
        file.write(b"\n" * bool(file.tell()) + line + b"\n")


def _code(stop: SystemExit) -> int:
    if stop.code is None or isinstance(stop.code, int):
        return (stop.code or 0) & 0xFF
    sys.stderr.write(f"{stop.code}\n")
    return 1


def _tell(error: BaseException) -> None:
    """Print the traceback from the function on; ours above it says nothing to its author."""
    import traceback

    trace = error.__traceback__
    while trace is not None and os.path.dirname(trace.tb_frame.f_code.co_filename) == os.path.dirname(__file__):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)
