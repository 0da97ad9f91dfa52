"""docs/channels.md says what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from support.letters import letter
from tetra_orchestrator.adapters.notify.channels import TYPES
from tetra_orchestrator.adapters.notify.parcel import document
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.config.schema_watching import Channel as Schema
from tetra_orchestrator.config.schema_watching import ChannelType
from tetra_orchestrator.core.alerts import WHATS
from tetra_orchestrator.core.watching import Channel

PAGE = (Path(__file__).parents[3] / "docs" / "channels.md").read_text()
VARIABLES = ("SMTP_PASSWORD", "SLACK_WEBHOOK_URL", "PAGERDUTY_API_KEY", "CHAT_TOKEN")
SOURCES = Path(__file__).parents[3] / "src" / "tetra_orchestrator" / "adapters" / "notify"


@pytest.fixture
def channels(tmp_path) -> tuple[Channel, ...]:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    file = tmp_path / "orchestration.yaml"
    file.write_text(example)
    loaded = load_project(str(file), environ=dict.fromkeys(VARIABLES, "https://example.com/x"), check_modules=False)
    assert loaded.project.alerting is not None
    return loaded.project.alerting.channels


def test_its_configuration_is_valid_and_has_every_type_and_every_key(channels):
    assert {channel.type for channel in channels} == {*TYPES}
    assert {name for name in Schema.model_fields if not re.search(rf"\b{name}:", PAGE)} == set()


def test_the_types_that_can_be_written_are_those_that_deliver():
    assert {*get_args(ChannelType)} == {*TYPES}


def test_its_document_has_the_keys_of_a_letter():
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.S)
    told, shown = document(letter(Channel("team", "webhook"))), json.loads(example)
    assert {*shown} == {*told, "project"}
    assert {*shown["alerts"][0]} == {*told["alerts"][0]}


def test_every_word_and_every_variable_is_explained():
    given = set(re.findall(r'"([A-Z]+)": ', (SOURCES / "command.py").read_text()))
    assert {"KEY", "RECIPIENTS"} <= given
    words = {*WHATS, *(f"TETRA_ALERT_{name}" for name in given)}
    assert {word for word in words if f"`{word}`" not in PAGE} == set()
