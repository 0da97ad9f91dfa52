"""What is read from `systemctl show`: what a service came to that no run of ours tells of."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from support.builders import utc
from support.timer_specs import timer_spec
from tetra_orchestrator.adapters.timer.systemd.show import states
from tetra_orchestrator.adapters.timer.systemd.text import USER, units
from tetra_orchestrator.core.units import NO_FAILURE

TIMER = "Id=demo-daily.timer\nLoadState=loaded\nUnitFileState=enabled\nActiveState=active\n"


class Told:
    """A systemd that says this of the service."""

    def __init__(self, state, result, status):
        service = f"Id=demo-daily.service\nActiveState={state}\nResult={result}\nExecMainStatus={status}\n"
        self.text = f"{TIMER}\n{service}"

    def require(self):
        """It answers."""

    def call(self, *words):
        return self.text

    def ask(self, *words):
        return SimpleNamespace(out="[]")


def failed(state, result, status):
    return states(Told(state, result, status), ["demo-daily"])["demo-daily"].failed


@pytest.mark.parametrize(
    ("result", "status", "text"),
    [
        ("exit-code", "203", "exit code 203"),
        ("exit-code", "200", "exit code 200"),
        ("exit-code", "70", "exit code 70"),
        ("exit-code", "73", "exit code 73"),
        ("resources", "0", "resources"),
        ("timeout", "15", "timeout"),
        ("start-limit-hit", "0", "start-limit-hit"),
    ],
)
def test_a_service_that_could_do_nothing_says_why(result, status, text):
    assert failed("failed", result, status) == text


@pytest.mark.parametrize(
    ("state", "result", "status"),
    [
        *(("failed", "exit-code", code) for code in ("2", "69", "78", "130")),
        *(("failed", result, "9") for result in ("signal", "oom-kill", "core-dump")),
        ("inactive", "success", "0"),
        ("activating", "exit-code", "203"),
    ],
)
def test_what_a_run_the_store_or_the_file_tells_itself_is_not_told_twice(state, result, status):
    assert failed(state, result, status) is None


def test_the_exit_codes_that_are_no_failure_are_the_timer_s_own():
    usual, monitor = timer_spec("0 19 * * *"), timer_spec("0 19 * * *", no_failure=(*NO_FAILURE, 2))
    for spec, line in ((usual, "SuccessExitStatus=1 75\n"), (monitor, "SuccessExitStatus=1 75 2\n")):
        service = next(
            file for file in units([spec], "/project", utc(2026, 1, 1), USER) if file.name.endswith(".service")
        )
        assert line in service.text
