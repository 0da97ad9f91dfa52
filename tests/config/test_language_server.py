"""What an editor shows: the real YAML language server, with the schema that is shipped."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from config.every_key import TEXT
from support import components, npm
from tetra_orchestrator.config import shipped
from tetra_orchestrator.config.shipped import modeline, schema_text, starter_text

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
#: The last that does with the Node.js of Debian 12 and 13.
SERVER = "yaml-language-server@1.25.0"
PATIENCE_S = 120
HEAD = f"# {modeline()}\nversion: 1\nproject: p\n"


@pytest.fixture(scope="module")
def program() -> list[str]:
    """The server's command. It is installed once per checkout, below .venv."""
    node = components.require("node")
    return [node, str(npm.modules(SERVER) / "yaml-language-server" / "bin" / "yaml-language-server"), "--stdio"]


class Editor:
    """A language client with one server."""

    def __init__(self, command: list[str], folder: Path):
        self.folder = folder
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder)
        self._guard = threading.Timer(PATIENCE_S, self._process.kill)
        self._guard.start()
        self._number = 0
        capabilities = {
            "workspace": {"configuration": True},
            "textDocument": {"hover": {"contentFormat": ["markdown"]}, "publishDiagnostics": {}},
        }
        self.ask("initialize", {"processId": os.getpid(), "rootUri": folder.as_uri(), "capabilities": capabilities})
        self.tell("initialized", {})

    def close(self) -> None:
        self._guard.cancel()
        self._process.kill()
        self._process.communicate()

    def open(self, text: str, name: str = "orchestration.yaml") -> list[tuple[int, str]]:
        """Open a new file; what is marked in it: lines, from 1, and messages."""
        file = self.folder / name
        file.write_text(text)
        return self.open_file(file)

    def open_file(self, file: Path) -> list[tuple[int, str]]:
        self.uri = file.as_uri()
        document = self._document(languageId="yaml", version=1, text=file.read_text())
        self.tell("textDocument/didOpen", {"textDocument": document})
        while True:
            message = self._message()
            told = message.get("params", {})
            if message.get("method") == "textDocument/publishDiagnostics" and told["uri"] == self.uri:
                marked = [(found["range"]["start"]["line"] + 1, found["message"]) for found in told["diagnostics"]]
                return sorted(marked)

    def offered(self, line: int, character: int) -> dict[str, str]:
        """What is offered at a place: the label and its documentation."""
        found = self.ask("textDocument/completion", self._place(line, character))
        items = found if isinstance(found, list) else found["items"]
        return {item["label"]: str(item.get("documentation")) for item in items}

    def hover(self, line: int, character: int) -> str:
        found = self.ask("textDocument/hover", self._place(line, character))
        return str(found["contents"]["value"])

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            message = self._message()
            if message.get("id") == self._number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def tell(self, method: str, params: dict[str, Any]) -> None:
        self._send({"method": method, "params": params})

    def _document(self, **more: Any) -> dict[str, Any]:
        return {"uri": self.uri, **more}

    def _place(self, line: int, character: int) -> dict[str, Any]:
        return {"textDocument": self._document(), "position": {"line": line - 1, "character": character}}

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _message(self) -> dict[str, Any]:
        """The next message; what the server asks is answered at once."""
        pipe = self._process.stdout
        assert pipe is not None
        length = 0
        while line := pipe.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, f"the server said nothing for {PATIENCE_S} s, or ended"
        message: dict[str, Any] = json.loads(pipe.read(length))
        if "method" in message and "id" in message:
            self._send({"id": message["id"], "result": self._answer(message)})
        return message

    def _answer(self, message: dict[str, Any]) -> Any:
        if message["method"] != "workspace/configuration":
            return None
        # no schema but the one that the file names, and none from the net
        settings = {"yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}}
        return [settings.get(item.get("section")) for item in message["params"]["items"]]


@pytest.fixture
def editor(program: list[str], tmp_path: Path) -> Iterator[Editor]:
    editor = Editor(program, tmp_path)
    yield editor
    editor.close()


def test_a_misspelt_key_a_wrong_type_and_a_wrong_word_are_marked_where_they_stand(editor: Editor) -> None:
    text = """\
pipelines:
  extract:
    shell: echo
    timeot: 5m
    args: all
    timeout: five minutes
    on_lost: forget
    depends_on: [other: done]
    retry: {max_attempts: 0}
    resources: {memory: much}
    enabled: maybe
  two words: {shell: echo}
schedules:
  nightly: {mode: m, cron: "@daily", catch_up: newest}
params:
  days: {type: int, default: many}
"""
    assert editor.open(HEAD + text) == [
        (7, "Property timeot is not allowed."),
        (8, 'Incorrect type. Expected "array".'),
        (9, "is not a duration: write it like 90s, 5m, 2h, 1d or 1h30m"),
        (10, 'Value is not accepted. Valid values: "fail", "retry", "resume".'),
        (11, 'Value is not accepted. Valid values: "succeeded", "finished", "ready".'),
        (12, "Value is below the minimum of 1."),
        (13, "is not a size: write it like 512MB or 8GB"),
        (14, "is neither true nor false: write true or false, in small letters"),
        (15, "Property two words is not allowed."),
        (17, 'Value is not accepted. Valid values: "none", "latest", "all".'),
        (19, "is not a whole number: write it like 3 or -10"),
    ]


def test_a_key_that_is_missing_is_marked(editor: Editor) -> None:
    assert editor.open(HEAD) == [(2, 'Missing property "pipelines".')]


def test_nothing_is_marked_in_a_file_that_uses_every_key(editor: Editor) -> None:
    assert editor.open(f"# {modeline()}\n{TEXT}") == []


def test_nothing_is_marked_in_a_new_file_of_tetra_init(editor: Editor) -> None:
    assert editor.open(starter_text("p")) == []


def test_nothing_is_marked_in_the_project_s_own_file(editor: Editor) -> None:
    own = REPOSITORY / "config" / "orchestration.yaml"
    assert editor.open_file(own) == []
    copied = editor.folder / "src" / "tetra_orchestrator" / "config"
    copied.mkdir(parents=True)
    (copied / "schema.json").write_text(schema_text())
    (editor.folder / "config").mkdir()
    text = own.read_text()
    assert editor.open(text.replace("title:", "titel:"), "config/orchestration.yaml") == [
        (text[: text.index("title:")].count("\n") + 1, "Property titel is not allowed.")
    ]


def test_the_schema_is_found_beside_the_file_too(editor: Editor) -> None:
    (editor.folder / "orchestration.schema.json").write_text(schema_text())
    text = "# yaml-language-server: $schema=orchestration.schema.json\nversion: 1\nproject: p\n"
    assert editor.open(f"{text}pipelines: {{a: {{shell: x}}}}\npool: 1\n") == [(5, "Property pool is not allowed.")]


def test_the_shipped_schema_is_found_below_a_path_with_spaces(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my #1 project 100%"
    folder.mkdir()
    (folder / "schema.json").write_text(schema_text())
    monkeypatch.setattr(shipped, "FOLDER", folder)
    assert editor.open(f"# {modeline()}\nversion: 1\nproject: p\npipelines: {{a: {{shell: x}}}}\npool: 1\n") == [
        (5, "Property pool is not allowed.")
    ]


TASK = """\
pipelines:
  report:
    tasks:
      write:
        shell: echo
        \n
schedules:
  nightly:
    mode: m
    overlap: \n    enabled: \n    catch_up: \n"""


def test_inside_a_task_its_keys_are_offered(editor: Editor) -> None:
    editor.open(HEAD + TASK)
    known = json.loads(schema_text())["$defs"]["Task"]["properties"]
    offered = editor.offered(9, 8)
    assert set(offered) == set(known) - {"shell"}
    assert offered["timeout"] == known["timeout"]["description"]


def test_where_a_word_is_due_the_words_are_offered(editor: Editor) -> None:
    editor.open(HEAD + TASK)
    assert list(editor.offered(14, 13)) == ["skip", "queue", "replace", "allow"]
    assert set(editor.offered(15, 13)) == {"true", "false"}
    assert {"none", "latest", "all"} <= set(editor.offered(16, 14))


def test_a_key_under_the_pointer_is_explained(editor: Editor) -> None:
    editor.open(HEAD + TASK)
    assert "one line for /bin/sh" in editor.hover(8, 10)
    assert "what a due slot does while a run is active" in editor.hover(14, 6)
    assert "when modes or pipelines are due, by name" in editor.hover(11, 1)
