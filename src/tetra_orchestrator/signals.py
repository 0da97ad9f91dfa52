"""The module `signal` without its enumerations, whose import and making cost a wake a quarter of a bare interpreter.

Numbers are plain integers here; whoever needs a signal's name imports `signal.Signals`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from signal import *  # noqa: F403
else:
    from _signal import *  # noqa: F403 - what `signal` is made of
