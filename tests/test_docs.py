"""The documentation names every key, command, option, exit code and variable that there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tetra_orchestrator.cli.commands import COMMANDS
from tetra_orchestrator.cli.schedule import app as schedule_commands
from tetra_orchestrator.config.schema_operations import Schedule
from tetra_orchestrator.core.slots import FINAL, OPEN
from tetra_orchestrator.core.unit_plan import KINDS
from tetra_orchestrator.errors import Exit

REPOSITORY = Path(__file__).parents[1]
DOCS = {path.name: path.read_text() for path in [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]}


def keys_of(schema, seen):
    """Every property name below a JSON Schema node."""
    if isinstance(schema, dict):
        properties = schema.get("properties", {})
        seen.update(properties)
        for value in schema.values():
            keys_of(value, seen)
    elif isinstance(schema, list):
        for value in schema:
            keys_of(value, seen)
    return seen


def test_every_configuration_key_is_explained():
    schema = json.loads((REPOSITORY / "src/tetra_orchestrator/config/schema.json").read_text())
    text = DOCS["configuration.md"]
    missing = {key for key in keys_of(schema, set()) if not re.search(rf"\b{re.escape(key)}\b", text)}
    assert missing == set()


def test_every_command_is_named_in_the_readme():
    assert {name for name in COMMANDS if f"tetra {name}" not in DOCS["README.md"]} <= {"version"}


def test_every_command_about_schedules_is_explained():
    text = DOCS["schedules.md"]
    names = [command.name for command in schedule_commands.registered_commands]
    assert len(names) > 5
    assert [name for name in names if f"`tetra schedule {name}" not in text] == []


@pytest.mark.parametrize("words", [Schedule.model_fields, (*FINAL, *OPEN), KINDS], ids=["keys", "outcomes", "plans"])
def test_every_word_about_schedules_is_explained_where_they_are(words):
    assert [word for word in words if f"`{word}`" not in DOCS["schedules.md"]] == []


def test_every_exit_code_is_listed():
    codes = {value for name, value in vars(Exit).items() if name.isupper()}
    listed = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", DOCS["running.md"], re.M) for code in row.split(",")}
    assert listed == codes


def test_every_variable_a_task_gets_is_listed():
    sources = [REPOSITORY / "src/tetra_orchestrator/engine" / name for name in ("attempt.py", "environment.py")]
    given = {name for source in sources for name in re.findall(r'"(TETRA_[A-Z_]+)"', source.read_text())}
    assert {name for name in given if name not in DOCS["running.md"]} == set()


def test_the_readme_s_configuration_is_valid(tmp_path):
    from tetra_orchestrator.config.load import load_project

    example, *more = re.findall(r"```yaml\n(.*?)```", DOCS["README.md"], re.S)
    file = tmp_path / "orchestration.yaml"
    file.write_text("\n".join([example, *more]))
    project = load_project(
        str(file), environ={"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/X"}, check_modules=False
    ).project
    assert [pipeline.name for pipeline in project.pipelines] == ["extract", "report"]
