"""Draws the README's picture from the real program: a terminal is emulated, its screen written as SVG.

`python docs/pictures/make_pictures.py`, with the extras `docs` and `example` installed.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyte
from rich.console import Console
from rich.text import Text

REPOSITORY = Path(__file__).parents[2]
COLUMNS, ROWS = 92, 24


def screen_of(command: list[str], cwd: Path) -> pyte.Screen:
    """The terminal's screen after the command has ended."""
    leader, follower = pty.openpty()
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    env = {**os.environ, "COLUMNS": str(COLUMNS), "LINES": str(ROWS), "TERM": "xterm-256color", "TZ": "UTC"}
    with subprocess.Popen(command, cwd=cwd, stdout=follower, stderr=follower, stdin=follower, env=env):
        os.close(follower)
        while True:
            try:
                data = os.read(leader, 1 << 16)
            except OSError:
                break
            if not data:
                break
            stream.feed(data)
    return screen


def as_text(screen: pyte.Screen) -> Text:
    """The screen's lines with their colours; a space takes the colour before it, for viewers that trim text runs."""
    lines = []
    for row in range(screen.cursor.y + 1):
        line, style = Text(), ""
        for column in range(COLUMNS):
            char = screen.buffer[row][column]
            if char.data != " ":
                colour = {"default": "", "brown": "yellow"}.get(char.fg, char.fg)
                style = f"{'bold ' if char.bold else ''}{colour}".strip()
            line.append(char.data, style)
        line.rstrip()
        lines.append(line)
    return Text("\n").join(lines)


def draw(prompts: list[tuple[str, list[str]]], cwd: Path, target: Path) -> None:
    """Run each command and write all that the terminal shows to one SVG."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    for shown, command in prompts:
        console.print(Text(f"$ {shown}", "bold"))
        console.print(as_text(screen_of(command, cwd)))
    svg = console.export_svg(title="tetra-orchestrator", unique_id="weekly")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # nothing is fetched to show it
    target.write_text(svg.replace(str(cwd), "/home/me/tetra"), encoding="utf-8")


def main() -> None:
    """Run the weekly chain in a copy of the project and draw it beside its status."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "tetra"
        for name in ("bin", "config", "src"):
            shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        (root / ".venv").symlink_to(sys.prefix)
        tetra = [sys.executable, "-m", "tetra_orchestrator"]
        subprocess.run([*tetra, "run", "--mode", "weekly"], cwd=root, check=True, stdout=subprocess.DEVNULL)
        prompts = [
            ("make run", [*tetra, "run", "--mode", "weekly"]),
            ("tetra status", [*tetra, "status"]),
        ]
        draw(prompts, root, REPOSITORY / "docs" / "pictures" / "weekly.svg")


if __name__ == "__main__":
    main()
