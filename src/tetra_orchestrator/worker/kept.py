"""The data sets of a session, which stay in its worker as the objects they are.

Standard library only, from Python 3.9 on: this runs in the tasks' own interpreter.
"""

from __future__ import annotations

import json
from reprlib import Repr

from tetra_orchestrator.worker import KEPT
from tetra_orchestrator.worker.function import Exchange, called, joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import Any

#: The longest text that describes an object.
_LONGEST = 200


class Kept(Exchange):
    """How data sets pass between the calls of a session: as they are, in the worker. What is JSON goes out, too."""

    def __init__(self, session: str, data: dict[str, Any], interruptible: AbstractContextManager[None]) -> None:
        """`data` is what is in the worker; a call can be cancelled while `interruptible` lasts."""
        self._session = session
        self._data = data
        self._interruptible = interruptible

    def call(self, path: str, inputs: Sequence[Any], config: Mapping[str, Any]) -> Any:
        """What the function at `path` returns. An iterator stays one."""
        with self._interruptible:
            return called(path, inputs, config)

    def read(self, name: str, value: Any) -> Any:
        """The data set `name`, of which the input file has `value` if it is not here."""
        if name in self._data:
            return self._data[name]
        if isinstance(value, dict) and value.keys() == KEPT:
            raise LookupError(
                f"the data set '{name}' is gone: it was a {value['type']} in an earlier worker of the session "
                f"'{value['session']}', which has ended; run the task that writes it again"
            )
        return value

    def leave(self, outputs: Mapping[str, Any], limit: int, path: str) -> bytes:
        """The outputs as a line of JSON, in which what is not JSON, or too much of it, is only described."""
        self._data.update(outputs)
        texts = {}
        for name, value in outputs.items():
            text = _text_within(value, limit)
            texts[name] = self._described(value) if text is None else text
            limit -= len(texts[name]) + len(json.dumps(name)) + 4
        return joined(texts)

    def _described(self, value: Any) -> str:
        short = Repr()
        short.maxother = _LONGEST
        return json.dumps({"type": type(value).__name__, "repr": short.repr(value), "session": self._session})


def _text_within(value: Any, limit: int) -> str | None:
    """The value as JSON; None if it is not JSON or longer than `limit`."""
    text = ""
    try:
        for piece in json.JSONEncoder(allow_nan=False).iterencode(value):
            text += piece
            if len(text) > limit:
                return None
    except (TypeError, ValueError, RecursionError):
        return None
    return text
