"""The states in the words of the five documents. We keep and tell our own; these are for whoever asks for them."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import RunState, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_T, _R = TaskState, RunState
_LIVE = (_T.SUBMITTED, _T.RUNNING, _T.READY)
#: How a pipeline stands between and during its runs.
STANDINGS = ("idle", "running", "scheduled", "paused")


class Vocabulary(Record):
    """A document's words for the states of tasks and runs, and for how a pipeline stands."""

    tasks: Mapping[str, str]
    runs: Mapping[str, str]
    pipelines: Mapping[str, str]

    def last(self, state: str) -> str:
        """The word for how a pipeline's last run has ended: by a run's state, or by that of its worst task."""
        return self.runs.get(state) or self.tasks[state]


def _words(table: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {state: word for word, states in table.items() for state in states}


NATIVE = Vocabulary(
    {state.value: state.value for state in TaskState},
    {state.value: state.value for state in RunState},
    {each: each for each in STANDINGS},
)

_RECOMART = Vocabulary(
    _words(
        {
            "PENDING": (_T.PENDING,),
            "RUNNING": _LIVE,
            "SUCCESS": (_T.SUCCEEDED, _T.PARTIAL),
            "FAILURE": (_T.FAILED, _T.WAITING_RETRY, _T.CANCELLED, _T.LOST),
            "TIMEOUT": (_T.TIMED_OUT,),
            "SKIPPED": (_T.SKIPPED, _T.UPSTREAM_FAILED),
        }
    ),
    _words(
        {
            "PENDING": (_R.QUEUED,),
            "RUNNING": (_R.RUNNING,),
            "SUCCESS": (_R.SUCCEEDED, _R.PARTIAL),
            "FAILURE": (_R.FAILED, _R.CANCELLED, _R.LOST),
            "TIMEOUT": (_R.TIMED_OUT,),
        }
    ),
    {"idle": "PENDING", "running": "RUNNING", "scheduled": "PENDING", "paused": "PENDING"},
)

_STAGES = Vocabulary(
    _words(
        {
            "PENDING": (_T.PENDING,),
            "RUNNING": (*_LIVE, _T.WAITING_RETRY),
            "SUCCESS": (_T.SUCCEEDED, _T.PARTIAL),
            "FAILED": (_T.FAILED, _T.TIMED_OUT, _T.CANCELLED, _T.LOST),
            "SKIPPED": (_T.SKIPPED, _T.UPSTREAM_FAILED),
        }
    ),
    _words(
        {
            "PENDING": (_R.QUEUED,),
            "RUNNING": (_R.RUNNING,),
            "COMPLETED": (_R.SUCCEEDED,),
            "FAILED": (_R.PARTIAL, _R.FAILED, _R.TIMED_OUT, _R.LOST),
            "CANCELLED": (_R.CANCELLED,),
        }
    ),
    {"idle": "PENDING", "running": "RUNNING", "scheduled": "PENDING", "paused": "PAUSED"},
)

_TETRA = Vocabulary(
    _words(
        {
            "pending": (_T.PENDING, _T.SKIPPED),
            "running": (*_LIVE, _T.WAITING_RETRY),
            "completed": (_T.SUCCEEDED, _T.PARTIAL),
            "failed": (_T.FAILED, _T.TIMED_OUT, _T.CANCELLED, _T.LOST, _T.UPSTREAM_FAILED),
        }
    ),
    _words(
        {
            "scheduled": (_R.QUEUED,),
            "running": (_R.RUNNING,),
            "success": (_R.SUCCEEDED,),
            "partial": (_R.PARTIAL,),
            "failed": (_R.FAILED, _R.TIMED_OUT, _R.CANCELLED, _R.LOST),
        }
    ),
    {"idle": "idle", "running": "running", "scheduled": "scheduled", "paused": "idle"},
)

_TAURO = Vocabulary(
    _words(
        {
            "pending": (_T.PENDING,),
            "running": _LIVE,
            "retrying": (_T.WAITING_RETRY,),
            "completed": (_T.SUCCEEDED, _T.PARTIAL),
            "failed": (_T.FAILED, _T.TIMED_OUT, _T.LOST),
            "cancelled": (_T.CANCELLED, _T.SKIPPED, _T.UPSTREAM_FAILED),
        }
    ),
    _words(
        {
            "PENDING": (_R.QUEUED,),
            "RUNNING": (_R.RUNNING,),
            "COMPLETED": (_R.SUCCEEDED, _R.PARTIAL),
            "FAILED": (_R.FAILED, _R.TIMED_OUT, _R.CANCELLED, _R.LOST),
        }
    ),
    {"idle": "pending", "running": "running", "scheduled": "pending", "paused": "pending"},
)

# its document has words for ends only
_DATIVO = Vocabulary(
    {
        **NATIVE.tasks,
        **_words(
            {
                "success": (_T.SUCCEEDED,),
                "failure": (_T.FAILED, _T.TIMED_OUT, _T.CANCELLED, _T.LOST, _T.UPSTREAM_FAILED),
            }
        ),
    },
    {
        **NATIVE.runs,
        **_words({"success": (_R.SUCCEEDED,), "failure": (_R.FAILED, _R.TIMED_OUT, _R.CANCELLED, _R.LOST)}),
    },
    NATIVE.pipelines,
)

VOCABULARIES: Mapping[str, Vocabulary] = {
    "native": NATIVE,
    "tetra": _TETRA,
    "recomart": _RECOMART,
    "stages": _STAGES,
    "tauro": _TAURO,
    "dativo": _DATIVO,
}
