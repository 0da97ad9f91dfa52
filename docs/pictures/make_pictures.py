"""Draws the documentation's pictures from the real program: a terminal is emulated, its screen written as SVG.

`python docs/pictures/make_pictures.py [NAME ...] [--png FOLDER]`, with the extras `docs` and `example` installed. With
`--png`, Chromium also draws each as PNG into that folder, to be looked at.
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pyte
from rich.console import Console
from rich.text import Text

REPOSITORY = Path(__file__).parents[2]
PICTURES = REPOSITORY / "docs" / "pictures"
ROWS = 40
TETRA = [sys.executable, "-m", "tetra_orchestrator"]
#: What stands for the project's folder, by the length of its path, so that lines stay as they are.
HOMES = {13: "/home/me/shop", 14: "/home/me/tetra"}
#: A prompt as it is shown, the command behind it, and what the screen has to show when it is drawn: None for its end.
Prompt = tuple[str, Sequence[str], str | None]

SHOP = """\
version: 1
project: shop
title: Shop
python: {python}
timezone: UTC
host: {{max_parallel: 2}}
pipelines:
  extract_orders:
    shell: "for n in 1 2 3; do echo orders of day $n; sleep 0.5; done"
    max_data_age: 24h
  extract_rates:
    shell: "test -e failing && test $TETRA_ATTEMPT = 1 && {{ echo 'HTTP 503: no rates'; exit 1; }}; sleep 1"
    retry: {{max_attempts: 3, delay: 6s}}
  customer_geocoding:
    depends_on: [extract_orders]
    shell: "test -e failing && end=9 || end=5; for n in $(seq $end); do echo geocoded $((n * 1250)) of 11250 addresses;
      timeout 0.9 sha256sum /dev/zero; done; true"
  revenue_model:
    depends_on: [extract_orders, extract_rates]
    shell: "echo reading rates; sleep 1; test -e failing && {{ echo \\"KeyError: 'EUR'\\"; exit 3; }}; true"
  daily_report: {{depends_on: [revenue_model, customer_geocoding], command: ["true"]}}
  publish: {{depends_on: [daily_report], command: ["true"]}}
modes:
  daily: [extract_orders, extract_rates, customer_geocoding, revenue_model, daily_report, publish]
schedules:
  daily: {{mode: daily, cron: "30 5 * * *", timezone: Europe/Berlin}}
alerting:
  channels:
    team: {{type: webhook, url: "http://127.0.0.1:9/hook"}}
  rules:
    - {{name: Failures, condition: "error_rate > 0.1", severity: high, channels: [team]}}
"""


class Screen:
    """A terminal of so many columns in which a command runs."""

    def __init__(self, columns: int):
        self.columns = columns
        self._screen = pyte.Screen(columns, ROWS)

    def run(self, command: Sequence[str], cwd: Path, until: str | None) -> Text:
        """What is shown when the text appears, or at the command's end; it is always run to its end."""
        leader, follower = pty.openpty()
        stream, found = pyte.ByteStream(self._screen), None
        env = {**os.environ, "COLUMNS": str(self.columns), "LINES": str(ROWS), "TERM": "xterm-256color", "TZ": "UTC"}
        with subprocess.Popen(command, cwd=cwd, stdout=follower, stderr=follower, stdin=follower, env=env):
            os.close(follower)
            while data := _read(leader):
                stream.feed(data)
                if until and found is None and re.search(until, "\n".join(self._screen.display)):
                    found = self._text()
        os.close(leader)
        if until and found is None:
            raise SystemExit(f"{' '.join(command)} never showed {until}:\n" + "\n".join(self._screen.display))
        return found or self._text()

    def _text(self) -> Text:
        """The lines with their colours; a space takes the colour before it, for viewers that trim text runs."""
        lines = []
        for row in range(self._screen.cursor.y + 1):
            line, style = Text(), ""
            for column in range(self.columns):
                char = self._screen.buffer[row][column]
                if char.data != " ":
                    colour = {"default": "", "brown": "yellow"}.get(char.fg, char.fg)
                    style = f"{'bold ' if char.bold else ''}{colour}".strip()
                line.append(char.data, style)
            line.rstrip()
            lines.append(line)
        while lines and not lines[-1].plain:
            lines.pop()
        return Text("\n").join(lines)


def _read(fd: int) -> bytes:
    with suppress(OSError):  # nobody has it open any more
        return os.read(fd, 1 << 16)
    return b""


def picture(name: str, prompts: Sequence[Prompt], cwd: Path, *, columns: int = 80) -> None:
    """Run each command and write all that the terminal shows to one SVG."""
    console = Console(record=True, width=columns, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    for number, (shown, command, until) in enumerate(prompts):
        console.print(Text("\n" * bool(number) + f"$ {shown}", "bold"))
        console.print(Screen(columns).run(command, cwd, until))
    console.print()  # else the last line is cut at the bottom
    svg = console.export_svg(title="tetra-orchestrator", unique_id=name)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # nothing is fetched to show it
    (PICTURES / f"{name}.svg").write_text(svg.replace(str(cwd), HOMES[len(str(cwd))]), encoding="utf-8")


def weekly(root: Path) -> None:
    """The weekly chain in a copy of this project, beside its status."""
    for name in ("bin", "config", "src"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".venv").symlink_to(sys.prefix)
    run = [*TETRA, "run", "--mode", "weekly"]
    subprocess.run(run, cwd=root, check=True, stdout=subprocess.DEVNULL)
    prompts = [("make run", run, None), ("tetra status", [*TETRA, "status"], None)]
    picture("weekly", prompts, root, columns=92)


def shop(root: Path) -> None:
    """A run that fails, in the middle and at its end, and what other commands show of it."""
    (root / "orchestration.yaml").write_text(SHOP.format(python=sys.executable), encoding="utf-8")
    run = [*TETRA, "run", "--mode", "daily"]
    for _ in range(2):
        subprocess.run(run, cwd=root, check=True, stdout=subprocess.DEVNULL)
    (root / "failing").touch()
    picture("live", [("tetra run --mode daily", run, r"again in [1-5] s(.|\n)*│ CPU.*, .*·.*geocoded")], root)
    picture("summary", [("tetra run --mode daily", run, None)], root)
    for name, argv in (("show", ["show"]), ("monitor", ["monitor"]), ("alerts", ["alerts", "list"])):
        picture(name, [(f"tetra {' '.join(argv)}", [*TETRA, *argv], None)], root)


SCENES: dict[str, Callable[[Path], None]] = {"weekly": weekly, "shop": shop}


def as_png(folder: Path) -> None:
    """Draw every picture as Chromium shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    for svg in PICTURES.glob("*.svg"):
        box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg.read_text(encoding="utf-8"))
        assert box is not None
        size = ",".join(f"{float(each):.0f}" for each in box.groups())
        subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--screenshot={folder / svg.stem}.png",
             f"--window-size={size}", "--hide-scrollbars", svg.as_uri()],
            check=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def main() -> None:
    """Draw the scenes that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="NAME", help=f"{', '.join(SCENES)}; all without one")
    parser.add_argument("--png", type=Path, metavar="FOLDER", help="draw PNG files there, too")
    asked = parser.parse_args()
    if strange := set(asked.scenes).difference(SCENES):
        parser.error(f"there is no scene {', '.join(sorted(strange))}; there are {', '.join(SCENES)}")
    for name in asked.scenes or SCENES:
        # `/tmp/` and eight random letters are as long as `/home/me/shop`
        with tempfile.TemporaryDirectory(prefix="" if name == "shop" else "x", dir="/tmp") as folder:
            SCENES[name](Path(folder))
    if asked.png:
        as_png(asked.png)


if __name__ == "__main__":
    main()
