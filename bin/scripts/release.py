#!/usr/bin/env python3
"""Everything of a release but its publication: `make release`. Whatever is not ready is told at once, with what to do.

It changes nothing but dist/, sets no tag and sends nothing: the commands that do are printed at the end.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime

import dist

ROOT = dist.ROOT
BRANCH = "main"
VERSION_FILE = "src/tetra_orchestrator/__init__.py"
#: The targets that write what is generated.
GENERATED = ("schema", "golden", "reference")
HEADING = re.compile(r"(\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}")
Problem = tuple[str, str]


def main() -> int:
    problems = list(unready())
    if problems:
        return refuse(problems)
    try:
        files = dist.dist(ROOT)
    except dist.Refused as refused:
        return refuse([refused.args])
    print("the files are built; running .ci/run, which takes a while", flush=True)
    if code := subprocess.run([ROOT / ".ci" / "run"], cwd=ROOT).returncode:
        return refuse([(f"the tests did not pass: .ci/run ended with {code}", "what it printed tells why")])
    print(farewell(version(), [f"dist/{file.name}" for file in files]))
    return 0


def refuse(problems: list[Problem]) -> int:
    for message, hint in problems:
        print(f"release: {message}\n  hint: {hint}", file=sys.stderr)
    return 1


def unready() -> Iterator[Problem]:
    """What is in the way of a release, before anything is built."""
    if (branch := git("symbolic-ref", "--quiet", "--short", "HEAD")) != BRANCH:
        yield f"this is {branch or 'no branch'}; releases are made of {BRANCH}", f"git switch {BRANCH}"
    yield from unlike_the_changelog(version())
    if git("tag", "--list", f"v{version()}"):
        yield f"{version()} is released: the tag v{version()} is there", f"raise __version__ in {VERSION_FILE}"
    if changed := changes():
        yield f"the work tree is not what the last commit holds: {changed}", "commit it, or take it away"
    else:
        yield from outdated()


def unlike_the_changelog(wanted: str) -> Iterator[Problem]:
    """What keeps the newest entry from being that of the version."""
    due = f"## {wanted} - {datetime.now().astimezone().date()}"
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    headings = [number for number, line in enumerate(lines) if line.startswith("## ")]
    if not headings:
        yield "CHANGELOG.md has no entry", f"begin one: {due}"
        return
    first, end = headings[0], (headings[1:] or [len(lines)])[0]
    where, title = f"CHANGELOG.md:{first + 1}", lines[first].removeprefix("## ")
    if (found := HEADING.fullmatch(title)) is None:
        yield f"{where}: the newest entry is called {title!r}", f"call it: {due}"
    elif found[1] != wanted:
        yield f"{where}: the newest entry is of {found[1]}, the code of {wanted}", f"make {VERSION_FILE} and it agree"
    if not any(line.startswith("- ") for line in lines[first:end]):
        yield f"{where}: the newest entry says nothing", "tell what has changed for users, each in a line with `- `"


def outdated() -> Iterator[Problem]:
    """Generated files that are not as they would be generated now; that is then done."""
    said = subprocess.run(["make", "--no-print-directory", *GENERATED], cwd=ROOT, capture_output=True, text=True)
    if said.returncode != 0:
        yield f"make {' '.join(GENERATED)} fails:\n{said.stdout}{said.stderr}".rstrip(), "mend what it tells"
    elif changed := changes():
        yield f"generated files were out of date, and are written anew: {changed}", "look at them and commit them"


def changes() -> str:
    """The files that differ from the last commit; empty when there are none."""
    paths = [line[3:] for line in git("status", "--porcelain").splitlines()]
    more = f", and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more


def version() -> str:
    (found,) = re.findall(r'^__version__ = "(.+)"$', (ROOT / VERSION_FILE).read_text(), re.MULTILINE)
    return found


def git(*arguments: str) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.rstrip()


def farewell(name: str, files: list[str]) -> str:
    return f"""\
tetra-orchestrator {name} is ready, and nothing is published. These publish it:
  git tag --sign v{name} --message "tetra-orchestrator {name}"     # --annotate without a key
  git push origin {BRANCH} v{name}
  .venv/bin/python -m twine upload {" ".join(files)}"""


if __name__ == "__main__":
    sys.exit(main())
