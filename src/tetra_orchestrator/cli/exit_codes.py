"""Which exit codes each command answers with, in the words of its help. `errors.Exit` is the table of all."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: All of them, as the program's own help has them.
EVERY = (
    "0 succeeded, 1 partial, 2 failed, 64 usage, 69 store unavailable, 70 our bug, 73 cannot write, 75 not now, "
    "77 permission, 78 configuration, 130/143 interrupted. In full: docs/running.md."
)
RUNNING = "0 succeeded, 1 partial, 2 failed, 64 usage, 75 not now, 78 configuration, 130/143 interrupted"
FINDING = "0 all right, 1 with warnings, 2 with errors, 64 usage"
#: What any command gives that has nothing of its own to say.
DOING = "0 done, 64 usage, 69 store unavailable, 73 cannot write, 78 configuration"
#: Commands, by their names, with codes of their own.
OWN = {
    **dict.fromkeys(("run", "resume", "retry", "backfill", "backfill continue", "schedule run-now"), RUNNING),
    "backfill work": RUNNING,
    "fire": f"0 also where nothing had to be run, {RUNNING.removeprefix('0 succeeded, ')}",
    "start": "0 done, 64 usage, 75 not now, 77 permission, 78 configuration",
    "cancel": "0 ended, 64 usage, 75 it has not ended yet",
    "stop": "0 all ended, 64 usage, 75 something has not ended yet, 77 permission",
    "backfill cancel": "0 ended, 64 usage, 75 something has not ended yet",
    "monitor": "0 healthy, 1 degraded, 2 unhealthy, 64 usage, 78 configuration",
    "doctor": FINDING,
    "schedule lint": FINDING + ", 78 configuration",
    "state check": "0 all right, 2 with errors, 64 usage",
    "validate": "0 the file can be used, 64 usage, 78 it has problems",
    "schedule verify": "0 as they should be, 1 they differ, 64 usage, 78 configuration",
    **dict.fromkeys(
        ("schedule apply", "schedule prune"),
        "0 done, 1 a file is somebody's, 64 usage, 75 a run is in the way, 77 permission, 78 configuration",
    ),
    "alerts test": "0 all have arrived, 2 some have not, 64 usage, 78 configuration",
    "alerts resend": "0 all have arrived, 2 some have not, 64 usage, 69 store unavailable, 78 configuration",
    **dict.fromkeys(("schema", "version", "completion"), "0 done, 64 usage, 73 cannot write"),
    "config diff": "0 whether it differs or not, 64 usage, 78 configuration",
}


def codes_of(command: Sequence[str]) -> str:
    """The codes that a command gives, by its words."""
    return OWN.get(" ".join(command), DOING)
