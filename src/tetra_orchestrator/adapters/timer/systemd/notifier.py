"""The service that tells of a run that failed. It needs only a shell, so that it works when we do not."""

from __future__ import annotations

from posixpath import dirname, join

from tetra_orchestrator.adapters.timer.systemd import quoting

#: What has failed, and how, goes to the journal at the level of an error (`<3>`, sd-daemon(3)) and into the file. The
#: MONITOR variables are there since systemd 251.
_SCRIPT = (
    'line="$1 failed: ${MONITOR_SERVICE_RESULT:-unknown}, ${MONITOR_EXIT_CODE:-exit} ${MONITOR_EXIT_STATUS:-unknown}"; '
    'printf "<3>%s\\n" "$line"; '
    'printf "%s %s\\n" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$line" >> "$2"'
)


def template(project: str) -> str:
    """The name of the project's file."""
    return f"{project}-failure@.service"


def instance(project: str, name: str) -> str:
    """The unit that tells of the failure of one schedule."""
    return f"{project}-failure@{name}.service"


def sections(project: str, log: str) -> dict[str, list[tuple[str, str]]]:
    """What is in the file. The lines go to `failures.log` beside the log of the timers."""
    path = join(dirname(log), "failures.log")
    script = quoting.command(("/bin/sh", "-c", _SCRIPT, "sh"), "the notifier")
    words = f'"{project}-%i.service" {quoting.word(path, "the log of failures")}'
    return {
        "Unit": [("Description", f"{project}: tell that %i has failed")],
        "Service": [
            ("Type", "oneshot"),
            ("ExecStart", f"{script} {words}"),
            ("StandardOutput", "journal"),
            ("UMask", "0077"),
            ("NoNewPrivileges", "yes"),
            ("TimeoutStartSec", "30s"),
        ],
    }
