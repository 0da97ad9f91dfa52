"""A desktop notification through macOS's own osascript(1); absent elsewhere, silently."""

from __future__ import annotations


class DesktopNotifier:
    """Shows a notification where `osascript` is on PATH."""

    def notify(self, title: str, text: str) -> None:
        """Best effort within five seconds; never raises."""
        import shutil
        import subprocess

        program = shutil.which("osascript")
        if program is None:
            return
        script = f'display notification "{_quoted(text)}" with title "{_quoted(title)}"'
        try:
            subprocess.run([program, "-e", script], timeout=5, check=False, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired):
            return


def _quoted(text: str) -> str:
    """Inside an AppleScript string literal."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
