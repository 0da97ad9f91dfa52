"""What a kept result of a task was made of, and whether it still counts. Pure: the caller reads files and the store.

A key is `START..END:HASH`: the range of dates of the run, which has its results to itself, and a hash of all that the
task is given. Of one range a task has at most one result, as it may write its files always to the same place: a result
that was kept before those were overwritten must not count again.
"""

from __future__ import annotations

from json import dumps

from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.reasons import UNCHANGED
from tetra_orchestrator.core.spoken import duration, to_second
from tetra_orchestrator.core.states import TERMINAL, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tetra_orchestrator.core.history import Partition, Result, TaskRun
    from tetra_orchestrator.core.model import Json

#: Results that stay of each task: those of a year's days, and some more.
MOST = 400
#: States in which a task has ended that was not left out.
ENDED = TERMINAL - {TaskState.SKIPPED}
NO_RESULT = Reason("no_result", "no result of it is kept yet")
IGNORED = Reason("cache_ignored", "it was asked for again, whether or not it has changed")


def scope(partition: Partition | None) -> str:
    """The part of a key that says whose results it is among."""
    return f"{partition.start}..{partition.end}:" if partition else ":"


def digest(parts: Mapping[str, Json]) -> str:
    """A hash of the parts; secrets among them cannot be read from it."""
    from _blake2 import blake2b  # hashlib would load OpenSSL for it

    text = dumps(parts, sort_keys=True, separators=(",", ":"))
    return str(blake2b(text.encode(), digest_size=20).hexdigest())


def not_succeeded(last: TaskRun | None) -> Reason | None:
    """Why no result of a task counts by how that ended in the last run that has ended for it; None where it may.

    It would be skipped, and so could never get over what has happened to it there.
    """
    if last is None:
        return NO_RESULT
    if last.state == TaskState.SUCCEEDED:
        return None
    return Reason("not_succeeded", f"in its last run, {last.run_id}, it was {last.state.replace('_', ' ')}")


def not_kept(last: TaskRun) -> Reason:
    """Why no result of a task counts that has run last, with success, in a run which kept none."""
    return Reason("not_kept", f"it ran last in run {last.run_id}, and no result of that is kept")


def too_old(result: Result, now: datetime, max_age_s: float | None) -> Reason | None:
    """Why the result does not count any more, or None."""
    if max_age_s is None:
        return None
    age = (now - result.made_at).total_seconds()
    if age < 0:
        return Reason("expired", f"its result is of {to_second(result.made_at)}, which is yet to come by this clock")
    if age >= max_age_s:
        return Reason("expired", f"its result is {duration(age)} old, max_age {duration(max_age_s)}")
    return None


def unchanged(result: Result) -> Reason:
    """Why a task is skipped whose result counts."""
    text = f"unchanged since run {result.run_id} of {to_second(result.made_at)}: its inputs are the same"
    return Reason(UNCHANGED, text)


def changed(latest: Result | None) -> Reason:
    """Why a task runs of whose results none is made of the same; `latest` is the one that there is."""
    if latest is None:
        return NO_RESULT
    return Reason("changed", f"its inputs are not those of run {latest.run_id} of {to_second(latest.made_at)}")
