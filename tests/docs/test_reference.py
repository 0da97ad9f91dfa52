"""The reference is what the code says: each thing in it has its row, and no row is of something else."""

from __future__ import annotations

import json
import re

import pytest

from docs.generator import meanings
from docs.generator.commands import commands
from docs.generator.metrics import metrics
from docs.generator.pages import PAGES
from docs.generator.words import event_names, exit_codes
from support.documentation import DOCS, REPOSITORY
from tetra_orchestrator.config.json_schema import json_schema
from tetra_orchestrator.core import signs
from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.findings import FINDINGS
from tetra_orchestrator.core.gauges import GAUGES
from tetra_orchestrator.core.slots import FINAL, OPEN
from tetra_orchestrator.core.states import RunState, TaskState

SOURCES = [path.read_text() for path in sorted((REPOSITORY / "src/tetra_orchestrator").rglob("*.py"))]


def rows(page: str, heading: str = "") -> list[str]:
    """The first cells of a page's tables, or of those below one of its headings."""
    text = (DOCS / "reference" / page).read_text()
    if heading:
        text = re.split(r"^## ", text.partition(f"\n## {heading}\n")[2], flags=re.M)[0]
    return re.findall(r"^\| `([^`]+)`", text, re.M)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_what_make_reference_writes(page):
    assert (DOCS / page).read_text() == PAGES[page](), "run `make reference`"


def test_no_page_of_the_reference_is_written_by_hand():
    assert {f"reference/{file.name}" for file in (DOCS / "reference").iterdir()} == set(PAGES)


def test_every_key_of_every_shape_has_its_row():
    document = json.loads(json_schema())
    assert rows("keys.md", "The file") == list(document["properties"])
    for name, schema in document["$defs"].items():
        assert rows("keys.md", name) == list(schema["properties"]), name


def test_every_key_has_a_type_and_a_meaning():
    text = (DOCS / "reference" / "keys.md").read_text()
    keys = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(keys) > 250
    cells = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in keys]
    assert [row for row in cells if len(row) != 4 or not row[1].strip() or not row[3].strip()] == []


def test_every_command_has_its_part_and_every_option_its_row():
    text = (DOCS / "reference" / "commands.md").read_text()
    parts = dict(re.findall(r"^##+ `([^`]+)`\n(.*?)(?=^##|\Z)", text, re.M | re.S))
    assert list(parts) == [command.name for command in commands()]
    for command in commands():
        for option in command.options:
            assert re.search(rf"^\| `[^|]*{re.escape(option.opts[0])}\b", parts[command.name], re.M), option.opts
            assert option.help, f"{command.name} {option.opts[0]} has no help"


def test_every_exit_code_has_its_row():
    assert meanings.EXITS.keys() == exit_codes().keys()
    text = (DOCS / "reference" / "exit-codes.md").read_text()
    assert re.findall(r"^\| (\d+) ", text, re.M) == [str(code) for code in exit_codes().values()]


def test_every_event_and_each_of_its_fields_has_its_row():
    assert sorted(rows("events.md", "Names")) == sorted(event_names()) == sorted(meanings.EVENTS)
    assert rows("events.md", "Fields") == ["schema", *RunEvent._fields] == list(meanings.EVENT_FIELDS)


def test_every_event_that_is_named_anywhere_has_its_row():
    named = {name for text in SOURCES for name in re.findall(r'"((?:run|task|attempt|alert)\.[a-z]+ed)"', text)}
    assert named <= set(event_names())


def test_every_state_has_its_row():
    assert rows("states.md", "Of a task in its run") == [state.value for state in TaskState]
    assert rows("states.md", "Of a run") == [state.value for state in RunState]
    assert rows("states.md", "Of a slot of a schedule") == [*OPEN, *FINAL]
    assert rows("states.md", "Of a pipeline and its data") == list(signs.PIPELINES)
    assert rows("states.md", "Of an alert") == list(signs.ALERTS)


def test_every_finding_has_its_row_here_and_with_the_monitor():
    assert rows("findings.md") == list(FINDINGS)
    explained = (DOCS / "monitor.md").read_text()
    assert [code for code in FINDINGS if f"`{code}`" not in explained] == []


def test_every_metric_has_its_row():
    written = re.findall(r'^\s+yield\s+\(?\s*f?"([a-z_{}]+)"', (REPOSITORY / TEXTFILE).read_text(), re.M)
    assert len(written) > 15
    names = rows("metrics.md", "For Prometheus")
    assert names == [metric.name for metric in metrics()]
    assert [name for name in written if "{" not in name and f"tetra_{name}" not in names] == []
    assert rows("metrics.md", "In rules, of each pipeline") + rows("metrics.md", "In rules, of the host") == list(
        GAUGES
    )


TEXTFILE = "src/tetra_orchestrator/core/textfile.py"
_READ = re.compile(
    r"""environ(?:\.get\(|\[)"([A-Z_]+)"|getenv\("([A-Z_]+)"|"([A-Z_]{4,})" (?:not )?in (?:os\.)?environ"""
)
#: Fields of entries in systemd's journal, which only look like variables.
JOURNAL = {"TETRA_EVENT", "TETRA_TIME"}
#: Variables of tasks whose names are put together.
SPELT_OUT = {"TETRA_PARTITION_START", "TETRA_PARTITION_END"}


def test_every_variable_that_is_read_or_set_has_its_row():
    read = {name for text in SOURCES for found in _READ.findall(text) for name in found if name}
    ours = {name for text in SOURCES for name in re.findall(r'"(TETRA_[A-Z_]+)"', text)} - JOURNAL
    listed = set(rows("environment.md"))
    assert read | ours <= listed
    assert {name for name in listed if not any(f'{name}"' in text for text in SOURCES)} - SPELT_OUT == set()
