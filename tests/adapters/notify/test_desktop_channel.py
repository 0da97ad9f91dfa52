"""Notifications on a desktop, by programs of the names that are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tetra_orchestrator.adapters.notify.desktop import DesktopNotifier
from tetra_orchestrator.core.alerts import RAISED
from tetra_orchestrator.core.watching import Channel

DESKTOP = Channel("desk", "desktop")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a program that writes down its arguments; nothing else is on PATH, and there is no session bus."""
    folder = tmp_path / "a bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)

    def make(name: str, script: str = "") -> Path:
        seen = folder / f"{name}.seen"
        program = folder / name
        program.write_text(f'#!/bin/sh\nfor each in "$@"; do printf "%s\\n" "$each" >> "{seen}"; done\n{script}\n')
        program.chmod(0o755)
        return seen

    return make


def test_T_082_on_macos_it_is_osascript_with_a_title_and_a_text(programs):
    seen = programs("osascript")
    DesktopNotifier().notify("Tetra", "Pipeline completed")
    assert seen.read_text().splitlines() == [
        "-e", 'display notification "Pipeline completed" with title "Tetra"',
    ]  # fmt: skip


def test_no_title_or_text_becomes_a_script(programs, told):
    seen = programs("osascript")
    assert told(DESKTOP, title='" & do shell script "x" & "\\', text="a\nb") is None
    assert seen.read_text().splitlines()[1] == (
        'display notification "a b" with title "[tetra] \\" & do shell script \\"x\\" & \\"\\\\"'
    )


@pytest.mark.parametrize(("severity", "urgency"), [("critical", "critical"), ("medium", "normal"), ("low", "low")])
def test_elsewhere_it_is_notify_send_on_the_session_bus(programs, told, monkeypatch, severity, urgency):
    seen = programs("notify-send")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    assert told(DESKTOP, what=RAISED, severity=severity, title="-x <b>", text="<i>a</i> & b" + "c" * 500) is None
    assert seen.read_text().splitlines() == [
        "--app-name=tetra-orchestrator", f"--urgency={urgency}", "--", "[tetra] -x <b>",
        "&lt;i&gt;a&lt;/i&gt; &amp; b" + "c" * (199 - 12) + "…",
    ]  # fmt: skip


def test_a_bus_of_the_user_s_in_its_usual_place_is_enough(programs, told, monkeypatch, tmp_path):
    seen = programs("notify-send")
    (tmp_path / "bus").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert told(DESKTOP) is None
    assert seen.exists()


def test_where_nobody_sits_at_a_desktop_nothing_happens(programs, told):
    assert told(DESKTOP) is None
    seen = programs("notify-send")
    assert told(DESKTOP) is None
    assert not seen.exists()


def test_a_program_that_fails_is_said_to_the_outbox_and_not_to_a_run(programs, told):
    programs("osascript", "exit 7")
    assert told(DESKTOP).cause == "osascript: exit code 7"
    DesktopNotifier().notify("Tetra", "Pipeline completed")


def test_a_title_that_no_program_can_be_given_is_no_crash(programs):
    programs("osascript")
    DesktopNotifier().notify("a\0b", "Pipeline completed")
