"""Draws the pictures of Dagster's own pages with the weekly chain of the shipped example: the job, and a run of it.

`python docs/pictures/make_dagster.py`, with the extras `dagster` and `example` installed, and chromium, node and npm on
the machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(REPOSITORY / "tests")]

from support import npm  # noqa: E402
from support.dagster import DagsterHome  # noqa: E402

FILE = "orchestration.py"
DEFINITIONS = """\
from tetra_orchestrator.dagster import definitions

defs = definitions("config/orchestration.yaml")
"""
#: Pages are drawn when each of their texts is there and nothing has moved for a while.
STILL_MS = 3000
DRIVER = """
const { chromium } = require("playwright-core");
(async () => {
  const [jobs, still] = process.argv.slice(1).map((one) => JSON.parse(one));
  const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"];
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args });
  for (const job of jobs) {
    const viewport = { width: job.width, height: job.height };
    const page = await browser.newPage({ viewport, colorScheme: "light", timezoneId: "UTC" });
    page.setDefaultTimeout(120000);
    await page.goto(job.page);
    if (job.filter) await page.getByPlaceholder("Filter…").fill(job.filter);
    for (const text of job.texts) await page.getByText(text).first().waitFor();
    await page.waitForTimeout(still);
    await page.screenshot({ path: job.picture });
  }
  await browser.close();
})();
"""


def example(folder: Path) -> Path:
    """The shipped example, with the file for Dagster beside it."""
    root = folder / "tetra"
    for name in ("config", "src"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".venv").symlink_to(sys.prefix)
    (root / FILE).write_text(DEFINITIONS, encoding="utf-8")
    return root


def main() -> None:
    """Write the pictures beside this script."""
    modules = npm.modules("playwright-core@1.65.1", "axe-core@4.14.1")
    with tempfile.TemporaryDirectory() as name, DagsterHome(Path(name), example(Path(name))) as home:
        home.run("job", "execute", "-f", FILE, "-j", "weekly")
        home.dev("-f", FILE)
        base, run = f"http://127.0.0.1:{home.port}", home.over()[0].dagster_run.run_id
        wanted = [
            ("dagster-job", f"/locations/{FILE}/jobs/weekly", 680, "", ["assessment_pipeline", "Sunday"]),
            ("dagster-run", f"/runs/{run}", 800, "type:STEP_OUTPUT", ["Success", "execution_time_seconds"]),
        ]
        jobs = [
            {"picture": str(HERE / f"{picture}.png"), "page": base + path, "filter": typed, "texts": texts, **size}
            for picture, path, height, typed, texts in wanted
            for size in [{"width": 1280, "height": height}]
        ]
        environment = {**os.environ, "NODE_PATH": str(modules), "HOME": name}
        words = ["node", "-e", DRIVER, json.dumps(jobs), json.dumps(STILL_MS)]
        subprocess.run(words, check=True, env=environment)


if __name__ == "__main__":
    main()
