"""What systemd's journal is told of a run, read back as journald reads it."""

from __future__ import annotations

import os
import socket

import pytest

from adapters.report.test_log_forms import ACME, BETA, FAILING, RUN_ID, TRACE, subject
from tetra_orchestrator.adapters.report.entries import Scribe
from tetra_orchestrator.adapters.report.journal import JournalReporter
from tetra_orchestrator.wire_reports import masking


class Journal:
    """A socket that takes datagrams, by an address that is short enough wherever the tests are."""

    def __init__(self, folder):
        self._folder = os.open(folder, os.O_DIRECTORY)
        self.address = f"/proc/self/fd/{self._folder}/socket"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)

    def entries(self):
        """The fields of each entry that has come."""
        found = []
        while True:
            try:
                found.append(parsed(self._socket.recv(1 << 20)))
            except BlockingIOError:
                return found

    def close(self):
        self._socket.close()
        os.close(self._folder)


def parsed(data):
    """A datagram of https://systemd.io/JOURNAL_NATIVE_PROTOCOL as fields."""
    fields = {}
    while data:
        head, _, data = data.partition(b"\n")
        name, sign, value = head.partition(b"=")
        if not sign:
            size = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + size], data[8 + size + 1 :]
        fields[name.decode()] = value.decode()
    return fields


@pytest.fixture
def journal(tmp_path):
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc: there is no journal on this system either")
    journal = Journal(tmp_path)
    yield journal
    journal.close()


def tell(journal, about=None, happened=FAILING):
    about = about or subject(ACME, BETA)
    reporter = JournalReporter(about, Scribe(about), masking(about.secrets), journal.address)
    for event in happened:
        reporter.event(event)
    reporter.close()
    return journal.entries()


def test_each_thing_that_people_are_told_is_one_entry_with_its_priority(journal):
    found = tell(journal)
    assert [(each["TETRA_EVENT"], each["PRIORITY"]) for each in found] == [
        ("run_started", "6"),
        ("attempt_started", "6"),
        ("retry_scheduled", "4"),
        ("attempt_started", "6"),
        ("task_slow", "4"),
        ("task_finished", "3"),
        ("task_finished", "4"),
        ("run_finished", "3"),
    ]
    assert {each["SYSLOG_IDENTIFIER"] for each in found} == {"tetra"}


def test_an_entry_has_fields_to_look_for(journal):
    entry = tell(journal)[5]
    assert {name: value for name, value in entry.items() if name.startswith("TETRA_")} == {
        "TETRA_EVENT": "task_finished",
        "TETRA_TIME": "2026-03-01T20:01:04.500000Z",
        "TETRA_RUN_ID": RUN_ID,
        "TETRA_PROJECT": "shop",
        "TETRA_MODE": "daily",
        "TETRA_SCHEDULE": "nightly",
        "TETRA_SLOT": "2026-03-01T20:00:00Z",
        "TETRA_PIPELINE": "load",
        "TETRA_TASK": "load",
        "TETRA_ATTEMPT": "2",
        "TETRA_TENANT": "acme",
        "TETRA_STATE": "failed",
        "TETRA_TRACE_ID": TRACE,
        "TETRA_DURATION_S": "63.5",
    }


def test_a_message_of_several_lines_stays_one_entry(journal):
    message = tell(journal)[5]["MESSAGE"]
    assert message.splitlines() == [
        "ERROR: load failed after 2 attempts",
        "  exited with code 1",
        "  full log: /logs/load.2.log",
    ]


def test_a_message_is_masked_and_cannot_grow_beyond_a_datagram(journal):
    about = subject(ACME, secrets=("open-sesame",))._replace(
        tail_of=lambda path: f"\x1b[2J open-sesame {'x' * 900_000}"
    )
    message = tell(journal, about)[5]["MESSAGE"]
    assert "  | \\x1b[2J *** xxx" in message
    assert len(message) == 32_000


def test_where_there_is_no_journal_that_is_said(tmp_path):
    about = subject(ACME)
    with pytest.raises(FileNotFoundError):
        JournalReporter(about, Scribe(about), str, "/proc/self/no journal")
