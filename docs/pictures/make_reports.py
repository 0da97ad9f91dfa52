"""Draws the pictures of reports: real ones, of a run of the shipped example and of a month with all that can happen.

`python docs/pictures/make_reports.py`, with the extra `example` installed, and chromium, node and npm on the machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(REPOSITORY / "tests")]

from support import npm, seeded  # noqa: E402
from tetra_orchestrator.adapters.store.memory import MemoryStore  # noqa: E402
from tetra_orchestrator.report import period, run_story  # noqa: E402
from tetra_orchestrator.report.days_report import days_report  # noqa: E402
from tetra_orchestrator.report.run_report import run_report  # noqa: E402

#: Pixels of the window; a picture reaches from its top to the end of a section.
WIDTH, HEIGHT = 1280, 2400
DRIVER = """
const { chromium } = require("playwright-core");
(async () => {
  const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"];
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args });
  for (const job of JSON.parse(process.argv[1])) {
    const viewport = { width: job.width, height: job.height };
    const page = await browser.newPage({ viewport, colorScheme: job.scheme });
    await page.goto(`file://${job.page}`);
    const end = await page.evaluate((id) => document.getElementById(id).getBoundingClientRect().bottom, job.until);
    await page.screenshot({ path: job.picture, clip: { x: 0, y: 0, width: job.width, height: end + 16 } });
  }
  await browser.close();
})();
"""


def example(folder: Path) -> Path:
    """The report of a weekly run of the shipped example."""
    root = folder / "tetra"
    for name in ("bin", "config", "src"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".venv").symlink_to(sys.prefix)
    tetra = [sys.executable, "-m", "tetra_orchestrator"]
    for _ in range(8):
        subprocess.run([*tetra, "run", "--mode", "weekly"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    page = folder / "example.html"
    subprocess.run([*tetra, "report", "--out", str(page)], cwd=root, check=True, stdout=subprocess.DEVNULL)
    return page


def seeded_pages(folder: Path) -> tuple[Path, Path]:
    """The report of a failed night and that of the month around it."""
    store, now = MemoryStore(), datetime(2026, 11, 22, 8, tzinfo=UTC)
    seeded.month(store, now)
    failed = next(run for run in store.runs() if run.state == "failed")
    graph = {name: seeded.CHAIN[at - 1 : at] if at else () for at, name in enumerate(seeded.CHAIN)}
    night, days = folder / "night.html", folder / "days.html"
    night.write_text(run_report(run_story.read(failed, store, now, run_story.Beside("Night shift", graph))))
    due = [("nightly", now + timedelta(hours=18)), ("weekly", now + timedelta(days=6, hours=21))]
    days.write_text(days_report(period.read(store, now - timedelta(days=30), now, "Night shift", due)))
    return night, days


def main() -> None:
    """Write the pictures beside this script."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        night, days = seeded_pages(folder)
        wanted = [
            ("report-run", example(folder), "light", "tasks"),
            ("report-failed", night, "dark", "graph"),
            ("report-days", days, "light", "pipelines"),
        ]
        size = {"width": WIDTH, "height": HEIGHT}
        jobs = [
            {"picture": str(HERE / f"{picture}.png"), "page": str(page), "scheme": scheme, "until": until, **size}
            for picture, page, scheme, until in wanted
        ]
        modules = npm.modules("playwright-core@1.65.1", "axe-core@4.14.1")
        environment = {**os.environ, "NODE_PATH": str(modules), "HOME": name}
        subprocess.run(["node", "-e", DRIVER, json.dumps(jobs)], check=True, env=environment)


if __name__ == "__main__":
    main()
