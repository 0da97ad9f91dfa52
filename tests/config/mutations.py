"""Files of users, and what chance makes of them: for tests that no bytes whatever get past the reader."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tetra_orchestrator.cli.main import run

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

CASES = Path(__file__).parents[1] / "cases"
FORMS = ("native", "tetra", "recomart", "stages", "tauro", "dativo")

_NATIVE = {
    "orchestration.yaml": """\
version: 1
project: shop
title: "A shop ${WHERE:-here}"
include: [more/*.yaml]
params: {days: 5, region: {type: str, default: eu}}
defaults: {task: {timeout: 5m, retry: {max_attempts: 2, delay: 1s}}}
pools: {warehouse: 2}
host: {max_parallel: 2, memory: 8GB}
pipelines:
  extract: {command: [sh, -c, "exit 0", "{params.days}"], provides: [raw], outputs: {rows: int}, pool: warehouse}
  report:
    depends_on: [extract]
    requires: [raw]
    max_data_age: 2d
    tasks:
      draw:
        env: {ROWS: "{extract.rows}", TOKEN: "${TOKEN}"}
        shell: "true ${WHERE:-x}"
        continue_on: {exit_codes: [3], output: "warn.*"}
      send: {command: ["true"], depends_on: [draw], run_if: {draw: {states: [partial]}}}
modes:
  daily: [extract, {report: {draw: [--short]}}]
  back: {partition: range, pipelines: [{extract: ["{partition.start}"]}], run: {timeout: 3h, stop_after: 1}}
schedules: {night: {mode: daily, cron: "0 2 * * 1-5", timezone: Europe/Paris, catch_up: latest}}
notifications: {on_failure: [mail]}
alerting:
  channels: {mail: {type: email, recipients: [a@b.example], smtp_server: localhost, smtp_port: 25}}
  rules: [{name: many, condition: "error_rate > 0.1", severity: high, channels: [mail], for: 5m}]
monitor: {interval: 5m, slow_task: 300s, endpoints: ["https://example.com/x"]}
tenants: {acme: {concurrency: 1, env: {REGION: eu}}}
secrets: {KEY: {file: key}}
""",
    "more/clean.yaml": 'pipelines: {clean: {command: ["true"], config: {a: 1.10, b: [no, 012]}, tags: {k: v}}}\n',
    "over.yaml": "host: {max_parallel: 3}\npipelines: {extract: {enabled: false}}\n",
    "key": "secret\n",
    ".env": "TOKEN=abc\nexport WHERE='there'\n",
}


def _below(folder: str, *names: str) -> dict[str, str]:
    """Files of the cases by their path below `folder`."""
    return {name: (CASES / folder / name).read_text(encoding="utf-8") for name in names}


def _tauro(case: str, *names: str) -> dict[str, str]:
    return _below(f"tauro/{case}", *(f"config/{name}.yaml" for name in (*names, "pipelines", "global_settings")))


#: The files of projects; the first is the one that is given. `FORMS` have one each, what follows are further ones.
PROJECTS: dict[str, dict[str, str]] = {
    "native": _NATIVE,
    "tetra": _below("tetra", "config/orchestration.yaml"),
    "recomart": _below("recomart", "pipeline_config.prod.yaml", "pipeline_config.yaml", "bindings.yaml"),
    "stages": {
        **_below("stages", "diamond.yaml"),
        "bindings.yaml": "bindings: {a: {command: ['true']}}\ntypes: {my_custom_type: 'm:X'}\n",
    },
    "tauro": _tauro("etl", "nodes"),
    "dativo": {
        **_below(
            "dativo",
            "app/configs/runner_enhanced.yaml",
            "app/jobs/acme/stripe_customers_to_iceberg.yaml",
            "app/jobs/acme/hubspot_contacts_to_iceberg.yaml",
            "app/jobs/acme/maintenance.yaml",
            "bindings.yaml",
        )
    },
    "tetra rules": _below("tetra", "config/dependencies_only.yaml"),
    "recomart tasks": _below("recomart", "parallel_continue.yaml", "bindings.yaml"),
    "stages types": _below("stages", "character_dataset_pipeline.yaml"),
    "tauro ml": _tauro("ml", "nodes", "ml_info"),
    "tauro ml first": _tauro("ml", "ml_info", "nodes"),
    "tauro hybrid": _below("tauro", "hybrid/nodes_config.yml"),
    "tauro single": _below("tauro", "single_file/ml_pipeline.yml"),
    "tauro legacy": {
        **_below("tauro", "legacy/ml_config.yml"),
        "legacy/nodes.yaml": (CASES / "tauro/legacy/nodes_full_mlops.yaml").read_text(encoding="utf-8"),
    },
    "tauro forms": _below("tauro", "dependency_forms/nodes.yaml"),
    "dativo job": _below("dativo", "app/jobs/acme/stripe_customers_to_iceberg.yaml", "bindings.yaml"),
}
CRONTAB = """\
SHELL=/bin/bash
MAILTO=ops@example.com
CRON_TZ=Europe/Berlin
# nightly backup
30 2 * * * /usr/local/bin/backup.sh --all >/dev/null 2>&1
@daily cd /srv && ./report.py | mail -s "it's 100\\%" x%line one%line two
PATH=/usr/bin:/bin
*/5 * * * 1-5 root test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }
"""

#: Values that have upset readers of YAML, dates, numbers, paths and regular expressions.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1.5, 1e300, 10**30, "", " ", "~", "no", "on", "012", "1.10", "12:30", "1e5", "nan"),
    *("../x", "a\nb", "%h", "$(id)", "-rf", "--", "é", "e\u0301", "😀", "x" * 300, "CON", "a/b", "/", ".", "..", "a.b"),
    *("{", "}", "{{", "{a.b}", "{a.{b.c}}", "{params.x}", "{partition.start}", "${X}", "${", "$${X}", "${X:-{a.b}}"),
    *(
        "${TOKEN}",
        "\u2028",
        "\x85",
        "\ud7ff",
        "\ufffe",
        "\0",
        "\x1b[31m",
        "0 2 * * *",
        "60 25 * * *",
        "@reboot",
        "* * 31 2 *",
    ),
    *("2026-02-30", "2026-12-01T02:00", "9999-12-31", "0001-01-01", "Europe/Paris", "Mars/Base", "../../etc/passwd"),
    *(
        "5m",
        "1h30m",
        "999999999d",
        "0s",
        "8GB",
        "0",
        "99999999999999999999",
        "(",
        "(a+)+$",
        "[",
        "(?P<a>x)(?P<a>y)",
        "\\",
    ),
    *("m:f", "a.b.c", "sqlite:///", "postgresql://x", "http://[", "https://x:99999", "version", "params", "finished"),
    *(
        [],
        {},
        [[]],
        [{}],
        {"": ""},
        [None],
        ["a", "a"],
        {"a": None},
        {"a": {"a": {}}},
        ["a", {"b": "c"}],
        [["a"], ["a"]],
    ),
    *(
        {"success": 1},
        {"clean": "finished"},
        {"states": ["failed"]},
        {"type": "int", "default": "x"},
        [1, "1", True, 1.0],
    ),
)
WORDS = (
    *(
        "version: 1",
        "project: p",
        "pipelines:",
        "tasks:",
        "stages:",
        "nodes:",
        "runner:",
        "bindings:",
        "- ",
        "  ",
        "    ",
    ),
    *(
        "\n",
        "\n  ",
        "\r",
        "\t",
        "[",
        "]",
        "{",
        "}",
        ",",
        ": ",
        '"',
        "'",
        "&x ",
        "*x",
        "<<: *x",
        "!!str ",
        "|",
        ">",
        "#",
    ),
    *(
        "%",
        "@",
        "\0",
        "${X}",
        "{a.b}",
        "null",
        "~",
        "1.10",
        "é",
        "\u2028",
        "\ufeff",
        "---",
        "...",
        "? ",
        "\\",
        "%h",
        "$(id)",
    ),
)


class Project:
    """The files of a project in a folder, in which chance changes one."""

    def __init__(self, folder: Path, name: str):
        self.folder = folder
        self.files = {path: text.encode() for path, text in PROJECTS[name].items()}
        self.given = str(folder / next(iter(self.files)))
        for path, data in self.files.items():
            self.write(path, data)

    def write(self, path: str, data: bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


class Said:
    """What a command answered."""

    def __init__(self, code: int, out: str, err: str):
        self.code, self.out, self.err = code, out, err


def call(argv: list[str], stdin: bytes = b"") -> Said:
    """The command in this process, with streams as strict as the real ones."""
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    sys.stdout = out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    sys.stderr = err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", newline="")
    try:
        code = run(argv)
        out.flush()
        err.flush()
        return Said(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The file with a few changes: of its bytes, of its words or of its tree."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        data = chance.choice((_bytes, _lines, _tree, _tree, _tree))(data, chance)
    return chance.choice(_ENCODINGS)(data) if chance.random() < 0.05 else data


def _bytes(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    end = min(len(data), start + chance.choice((0, 0, 1, 2, 10, 100)))
    new = chance.choice((*WORDS, "")).encode() if chance.random() < 0.8 else chance.randbytes(chance.randrange(1, 5))
    return data[:start] + new + data[end:]


def _lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            lines[one], lines[other] = lines[other], lines[one]
        case 1:
            lines.insert(one, lines[other])
        case 2:
            del lines[one]
        case _:
            lines[one] = b" " * chance.randrange(1, 5) + lines[one]
    return b"\n".join(lines)


def _tree(data: bytes, chance: random.Random) -> bytes:
    """One value or key replaced, removed or added somewhere in the document."""
    try:
        tree = yaml.load(data, yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return _bytes(data, chance)
    holders = list(_holders(tree))
    if not holders:
        return _bytes(data, chance)
    holder = chance.choice(holders)
    value = chance.choice(VALUES)
    if chance.random() < 0.2:
        value = chance.choice(holders)  # a part of the document in another place
    if isinstance(holder, list):
        place = chance.randrange(len(holder) + 1)
        holder[place : place + chance.randrange(2)] = [value] * chance.randrange(3)
    elif holder and chance.random() < 0.8:
        key = chance.choice(sorted(holder))
        action = chance.randrange(4)
        if action == 0:
            del holder[key]
        elif action == 1:
            holder[str(chance.choice(VALUES))[:400]] = holder.pop(key)
        else:
            holder[key] = value
    else:
        holder[chance.choice([key for other in holders if isinstance(other, dict) for key in other] or ["a"])] = value
    try:
        return _text(tree).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return data


def _holders(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        yield tree
        for item in tree.values():
            yield from _holders(item)
    elif isinstance(tree, list):
        yield tree
        for item in tree:
            yield from _holders(item)


def _text(tree: Any) -> str:
    """As flow style, so that text which was plain stays plain where it can."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{_word(key)}: {_text(item)}" for key, item in tree.items()) + "}\n"
    if isinstance(tree, list):
        return "[" + ", ".join(map(_text, tree)) + "]"
    return _word(tree)


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    bare = text and all(char.isalnum() or char in "_./-" for char in text) and text[0] not in "-/."
    return text if bare or not isinstance(value, str) else json.dumps(value)


_ENCODINGS: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: b"\xef\xbb\xbf" + data,
    lambda data: data.decode(errors="replace").encode("utf-16"),
    lambda data: data.replace(b"\n", b"\r\n"),
    lambda data: data.replace(b"\n", b"\r"),
    lambda data: data.replace(b"  ", b"\t"),
    lambda data: data[: len(data) // 2],
)


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Have the folder be the current one."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
