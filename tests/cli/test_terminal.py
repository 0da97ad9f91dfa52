"""`run` on a terminal, through a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re


def on_a_terminal(site, *args):
    """(exit code, all bytes the terminal got) of the command."""
    leader, follower = pty.openpty()
    process = site.start(
        *args, stdout=follower, stderr=follower, stdin=follower, env={"TERM": "xterm", "COLUMNS": "100"}
    )
    os.close(follower)
    data = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:
            break
        if not chunk:
            break
        data += chunk
    os.close(leader)
    return process.wait(timeout=20), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", data.decode())


def test_a_run_on_a_terminal_shows_a_line_per_task_and_the_log_holds_the_plain_lines(site):
    site.configure("""
        pipelines:
          one: {shell: "true"}
          two: {shell: "echo broken; exit 4", depends_on: [one]}
    """)
    code, text = on_a_terminal(site, "run")
    assert code == 2
    assert re.search(r"✓ one +succeeded", text)
    assert re.search(r"✗ two +failed +\d\.\d s +exited with code 4", text)
    assert "two failed; the end of its log:\r\nbroken\r\n" in text
    assert site.lines_of_log()[-1].startswith("Look closer: tetra show ")


def test_plain_lines_can_be_asked_for_on_a_terminal(site):
    site.configure('pipelines: {one: {shell: "true"}}\n')
    code, text = on_a_terminal(site, "run", "--progress", "plain")
    assert code == 0
    assert text.replace("\r\n", "\n") == (site.root / "logs" / "latest").read_text()
