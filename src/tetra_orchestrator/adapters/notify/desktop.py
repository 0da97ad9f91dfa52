"""Desktop notifications: osascript(1) of macOS, notify-send(1) elsewhere; nothing where nobody sits at a desktop."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.notify.errand import Errand

_URGENCIES = {"critical": "critical", "high": "critical", "medium": "normal", "low": "low"}
_PATIENCE_S = 5.0


class DesktopNotifier:
    """Shows a notification where there is a desktop."""

    def notify(self, title: str, text: str) -> None:
        """Best effort within five seconds; never raises."""
        show(title, text)


def deliver(errand: Errand) -> None:
    """Show the letter; raises `NotDelivered` where there is a desktop and it does not take it."""
    from tetra_orchestrator.adapters.notify.errand import NotDelivered
    from tetra_orchestrator.adapters.notify.fitting import DESKTOP, one_line, subject

    letter = errand.letter
    fault = show(subject(errand), one_line(letter.text, DESKTOP), letter.severity, errand.left())
    if fault is not None:
        raise NotDelivered(fault)


def show(title: str, text: str, severity: str = "low", patience_s: float = _PATIENCE_S) -> str | None:
    """Show it; why it could not be shown, None where it was or there is no desktop."""
    import subprocess

    argv = _command(title, text, severity)
    if argv is None:
        return None
    try:
        ended = subprocess.run(
            argv,
            timeout=patience_s,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, ValueError):
        return f"{os.path.basename(argv[0])} cannot be run"
    except subprocess.TimeoutExpired:
        return f"{os.path.basename(argv[0])}: it took too long"
    return f"{os.path.basename(argv[0])}: exit code {ended.returncode}" if ended.returncode else None


def _command(title: str, text: str, severity: str) -> list[str] | None:
    import shutil

    if program := shutil.which("osascript"):
        return [program, "-e", f'display notification "{_quoted(text)}" with title "{_quoted(title)}"']
    program = shutil.which("notify-send")
    if program is None or not _has_session():
        return None
    urgency = _URGENCIES.get(severity, "normal")
    return [program, "--app-name=tetra-orchestrator", f"--urgency={urgency}", "--", title, _plain(text)]


def _has_session() -> bool:
    """Whether there is a session bus, on which a desktop would listen."""
    folder = os.environ.get("XDG_RUNTIME_DIR")
    return bool(os.environ.get("DBUS_SESSION_BUS_ADDRESS") or (folder and os.path.exists(os.path.join(folder, "bus"))))


def _quoted(text: str) -> str:
    """Inside an AppleScript string literal."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _plain(text: str) -> str:
    """As text where a desktop reads markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
