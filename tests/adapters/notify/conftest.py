"""What the tests of channels have in common: a courier, an errand without one, an authority."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.certificates import Authority, make_authority
from support.letters import letter
from tetra_orchestrator.adapters.notify.channels import deliver
from tetra_orchestrator.adapters.notify.courier import ChildCourier
from tetra_orchestrator.adapters.notify.errand import Errand, NotDelivered
from tetra_orchestrator.adapters.runner.output.encodings import forms
from tetra_orchestrator.core.alerts import Posted
from tetra_orchestrator.core.watching import Channel

PROJECT = "tetra"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As a user does it who has an authority of his own."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority.file


@pytest.fixture
def post() -> Callable[..., Posted]:
    """What becomes of one letter by the courier, in a process of its own."""

    def _post(channel: Channel, within_s: float = 10.0, **more: Any) -> Posted:
        (posted,) = ChildCourier(PROJECT, forms).post([(channel, letter(channel, **more))], within_s)
        return posted

    return _post


@pytest.fixture
def told() -> Callable[..., str | None]:
    """Deliver one letter in this process; what the channel notes of it, or why it was not taken."""

    def _told(channel: Channel, within_s: float = 10.0, **more: Any) -> str | NotDelivered | None:
        errand = Errand(channel, letter(channel, **more), PROJECT, time.monotonic() + within_s)
        try:
            return deliver(errand)
        except NotDelivered as error:
            return error

    return _told
