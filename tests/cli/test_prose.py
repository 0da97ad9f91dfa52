"""How sentences fit the terminal, and what of them is never broken."""

from __future__ import annotations

from tetra_orchestrator.cli import prose
from tetra_orchestrator.cli.prose import broken, sentence

TEXT = "the schedule is held back until tomorrow, as somebody has asked"


def test_a_sentence_goes_on_two_columns_further_in():
    assert broken(TEXT, 30) == ["the schedule is held back", "  until tomorrow, as somebody", "  has asked"]
    assert broken(TEXT, 32, "  ") == ["  the schedule is held back", "    until tomorrow, as somebody", "    has asked"]
    assert broken("", 30) == [""]


def test_a_wide_character_takes_two_columns():
    assert broken("日本語 日本語 日本語", 13) == ["日本語 日本語", "  日本語"]


def test_commands_and_paths_stay_whole_so_that_they_can_be_copied():
    command = "tetra logs --run 20260301T200000Z-abcdef -p load"
    assert broken(f"what to do: read its log: {command}", 40) == ["what to do: read its log:", f"  {command}"]
    assert broken("there is none; `tetra start --foreground` waits", 30) == [
        "there is none;",
        "  `tetra start --foreground`",
        "  waits",
    ]
    assert broken("see logs/runs/20260301T200000Z-abcdef/load.1.log", 20) == [
        "see",
        "  logs/runs/20260301T200000Z-abcdef/load.1.log",
    ]


def test_what_is_piped_stays_one_line(monkeypatch):
    assert sentence(TEXT * 3, "  ") == f"  {TEXT * 3}"
    monkeypatch.setattr(prose, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    assert sentence(TEXT, "  ") == "  the schedule is held back until\n    tomorrow, as somebody has asked"
