"""`make release` and `make dist` in a small project of their own: what is not ready is told, nothing is published."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.components import require

REPOSITORY = Path(__file__).parents[2]
PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "tetra-orchestrator"
description = "A small one"
readme = "README.md"
requires-python = ">=3.11"
dynamic = ["version"]
[tool.hatch.version]
path = "src/tetra_orchestrator/__init__.py"
[tool.hatch.build.targets.wheel]
packages = ["src/tetra_orchestrator"]
[tool.hatch.build.targets.sdist]
include = ["src", "bin"]
"""
MAKEFILE = ".PHONY: schema golden reference\nschema golden reference:\n\t@cp source $@\n"
CHANGELOG = "# Changelog\n\n## 0.1.0 - 2026-03-01\n\n- Runs chains.\n"
DONE = """\
the files are built; running .ci/run, which takes a while
all passed
tetra-orchestrator 0.1.0 is ready, and nothing is published. These publish it:
  git tag --sign v0.1.0 --message "tetra-orchestrator 0.1.0"     # --annotate without a key
  git push origin main v0.1.0
  .venv/bin/python -m twine upload dist/tetra_orchestrator-0.1.0-py3-none-any.whl dist/tetra_orchestrator-0.1.0.tar.gz
"""


class Project:
    """A clone in which everything is ready."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "SOURCE_"))}
        for name, text in {
            "pyproject.toml": PYPROJECT,
            "Makefile": MAKEFILE,
            "CHANGELOG.md": CHANGELOG,
            "README.md": "# A small one\n",
            ".gitignore": "/dist/\n__pycache__/\n",
            ".ci/run": "#!/bin/sh\necho all passed\n",
            "src/tetra_orchestrator/__init__.py": '__version__ = "0.1.0"\n',
            **dict.fromkeys(("source", "schema", "golden", "reference"), "generated\n"),
        }.items():
            self.write(name, text)
        (folder / ".ci" / "run").chmod(0o755)
        (folder / "bin").mkdir()
        for name in ("dist.py", "release.py"):
            (folder / "bin" / "scripts").mkdir(exist_ok=True)
            shutil.copy(REPOSITORY / "bin" / "scripts" / name, folder / "bin" / "scripts")
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(self, *arguments: str) -> None:
        who = ("-c", "user.name=Tester", "-c", "user.email=tester@example.com")
        command = [require("git"), *who, *arguments]
        subprocess.run(command, cwd=self.folder, env=self.environ, check=True, capture_output=True)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=All of it", "--date=2026-03-01T20:00:00Z")

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, f"bin/scripts/{script}.py"]
        return subprocess.run(command, cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=300)

    def refusal(self) -> str:
        """What a release says, which is refused."""
        done = self.run("release")
        assert (done.returncode, done.stdout) == (1, "")
        return re.sub(r"\d{4}-\d\d-\d\d$", "TODAY", done.stderr, flags=re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "my project"
    folder.mkdir()
    return Project(folder)


def test_a_release_is_built_tested_and_ready_to_be_published_and_changes_nothing_else(project):
    done = project.run("release")
    assert (done.returncode, done.stdout, done.stderr) == (0, DONE, "")
    assert sorted(path.name for path in (project.folder / "dist").iterdir()) == [
        "SHA256SUMS",
        "tetra_orchestrator-0.1.0-py3-none-any.whl",
        "tetra_orchestrator-0.1.0.tar.gz",
    ]
    command = [require("git"), "status", "--porcelain"]
    assert subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=True).stdout == ""


def test_every_obstacle_is_told_at_once(project):
    project.git("switch", "--quiet", "--create", "topic")
    project.git("tag", "v0.1.0")
    project.write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n")
    assert project.refusal() == (
        "release: this is topic; releases are made of main\n"
        "  hint: git switch main\n"
        "release: CHANGELOG.md:3: the newest entry is called 'Unreleased'\n"
        "  hint: call it: ## 0.1.0 - TODAY\n"
        "release: CHANGELOG.md:3: the newest entry says nothing\n"
        "  hint: tell what has changed for users, each in a line with `- `\n"
        "release: 0.1.0 is released: the tag v0.1.0 is there\n"
        "  hint: raise __version__ in src/tetra_orchestrator/__init__.py\n"
        "release: the work tree is not what the last commit holds: CHANGELOG.md\n"
        "  hint: commit it, or take it away\n"
    )


def test_a_file_that_is_not_committed_is_in_the_way(project):
    project.write("src/tetra_orchestrator/draft.py", "")
    assert project.refusal() == (
        "release: the work tree is not what the last commit holds: src/tetra_orchestrator/draft.py\n"
        "  hint: commit it, or take it away\n"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            CHANGELOG.replace("0.1.0", "0.2.0"),
            "release: CHANGELOG.md:3: the newest entry is of 0.2.0, the code of 0.1.0\n"
            "  hint: make src/tetra_orchestrator/__init__.py and it agree\n",
        ),
        (
            CHANGELOG.replace(" - 2026-03-01", ""),
            "release: CHANGELOG.md:3: the newest entry is called '0.1.0'\n  hint: call it: ## 0.1.0 - TODAY\n",
        ),
        ("# Changelog\n", "release: CHANGELOG.md has no entry\n  hint: begin one: ## 0.1.0 - TODAY\n"),
    ],
    ids=["another version", "no date", "no entry"],
)
def test_the_newest_entry_of_the_changelog_has_to_be_of_this_version_and_dated(project, text, told):
    project.write("CHANGELOG.md", text)
    project.commit()
    assert project.refusal() == told


def test_generated_files_that_are_out_of_date_are_written_anew_and_told(project):
    project.write("source", "newer\n")
    project.commit()
    assert project.refusal() == (
        "release: generated files were out of date, and are written anew: golden, reference, schema\n"
        "  hint: look at them and commit them\n"
    )
    assert (project.folder / "schema").read_text() == "newer\n"


def test_nothing_is_ready_while_tests_fail(project):
    project.write(".ci/run", "#!/bin/sh\nexit 7\n")
    project.commit()
    done = project.run("release")
    assert (done.returncode, done.stderr) == (
        1,
        "release: the tests did not pass: .ci/run ended with 7\n  hint: what it printed tells why\n",
    )
    assert "publish" not in done.stdout


def test_a_build_that_depends_on_where_it_is_made_is_refused(project):
    project.write("hatch_build.py", BUILD_HOOK)
    project.write("pyproject.toml", PYPROJECT + "[tool.hatch.build.targets.wheel.hooks.custom]\n")
    project.commit()
    done = project.run("dist")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "dist: tetra_orchestrator-0.1.0-py3-none-any.whl came out differently the second time\n"
        "  hint: leave the tree alone meanwhile; else `diffoscope` on two builds tells what depends on place or time\n",
    )
    assert not (project.folder / "dist").exists()


BUILD_HOOK = """\
from pathlib import Path
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
class Where(BuildHookInterface):
    def initialize(self, version, build_data):
        Path(self.root, "src/tetra_orchestrator/where.txt").write_text(self.root)
        build_data["artifacts"].append("src/tetra_orchestrator/where.txt")
"""


@pytest.mark.long
def test_what_the_index_would_not_show_is_refused(project):
    project.write("README.rst", "A `link without end\n")
    project.write("pyproject.toml", PYPROJECT.replace("README.md", "README.rst"))
    done = project.run("dist")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("dist: twine finds fault with them:\n")
    assert done.stderr.endswith("  hint: mend pyproject.toml or README.md, which becomes the package's page\n")


def test_a_build_of_the_archive_without_git_has_the_time_of_the_commit_and_its_sums(project, tmp_path):
    assert project.run("dist").returncode == 0
    first = {path.name: path.read_bytes() for path in (project.folder / "dist").iterdir()}
    for name, content in first.items():
        assert (
            name == "SHA256SUMS" or f"{hashlib.sha256(content).hexdigest()}  {name}\n" in first["SHA256SUMS"].decode()
        )
    shutil.unpack_archive(project.folder / "dist" / "tetra_orchestrator-0.1.0.tar.gz", tmp_path)
    project.folder = tmp_path / "tetra_orchestrator-0.1.0"
    done = project.run("dist")
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in (project.folder / "dist").iterdir()} == first
