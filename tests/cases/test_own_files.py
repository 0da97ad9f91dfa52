"""Files as users of the five other systems have them, each written from that system's document alone.

A folder `own/<dialect>/<name>/` holds one configuration with what runs beside it and an `expect.yaml`:

    file: pipeline_config.yaml         # the configuration, from the folder
    options: [--dialect, recomart]     # with every command; seldom needed
    env: {NAME: value}                 # variables for every command
    groups: [[a], [b, c]]              # levels of the whole file; the order within a level is free
    modes: {daily: [[a]]}              # levels of single modes
    runs:                              # one after the other in the same folder
      - args: [--mode, daily]
        exit: 0
        states: {a: succeeded}         # every task of the run, unless `only_some: true`
        attempts: {a: 1}
        outputs: {a: {rows: 3}}
    values: {pipelines.a.retry.max_attempts: 3}   # paths in `config convert`; null: must not be there

`own/<dialect>/shared/` lies in each of the dialect's folders, too, unless they have such a file themselves.
`own/<dialect>/wrong/<name>.yaml` are wrong; their first line says which words the error must contain.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tetra_orchestrator.cli.main import run as run_here

OWN = Path(__file__).parent / "own"
DIALECTS = ("tetra", "recomart", "stages", "tauro", "dativo")
CASES = sorted(path.parent for dialect in DIALECTS for path in (OWN / dialect).glob("*/expect.yaml"))
WRONG = sorted(
    path for dialect in DIALECTS for path in (OWN / dialect / "wrong").glob("*.y*ml") if path.stem != "bindings"
)
Command = Callable[..., subprocess.CompletedProcess[str]]
UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def _tetra(cwd: Path, *args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "PIPELINE_CONFIG"}
    done = subprocess.run(
        [sys.executable, "-m", "tetra_orchestrator", *args],
        cwd=cwd,
        env={**inherited, **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done


@pytest.fixture
def tetra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The same in this process, for what is about reading files: one of its own would import all that reads them."""

    def command(cwd: Path, *args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        monkeypatch.delenv("PIPELINE_CONFIG", raising=False)
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(cwd)
        code = run_here(args)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err, out + err
        return subprocess.CompletedProcess(args, code, out, err)

    return command


def _name(path: Path) -> str:
    return path.relative_to(OWN).with_suffix("").as_posix()


def _levels(groups: list[list[str]]) -> list[list[str]]:
    return [sorted(group) for group in groups]


def _value(document: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        elif isinstance(document, dict) and key in document:
            document = document[key]
        else:
            return None
    return document


def _same(actual: Any, expected: Any) -> bool:
    """`60s` and 60 are the same, and so are `1m30s` and 90."""
    if isinstance(expected, (int, float)) and not isinstance(expected, bool) and isinstance(actual, str):
        parts = re.findall(r"([0-9.]+)(ms|[dhms])", actual)
        if parts and "".join(number + unit for number, unit in parts) == actual:
            return float(expected) == sum(float(number) * UNITS[unit] for number, unit in parts)
    return bool(actual == expected)


def _copy(case: Path, tmp_path: Path) -> Path:
    """A copy of the case's folder, with what its dialect's cases share where it has no file of that name itself."""
    folder = tmp_path / "project"
    if (case.parent / "shared").is_dir():
        shutil.copytree(case.parent / "shared", folder)
    shutil.copytree(case, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(params=CASES, ids=_name)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    folder = _copy(request.param, tmp_path)
    return folder, yaml.safe_load((folder / "expect.yaml").read_text(encoding="utf-8"))


def _options(folder: Path, expect: dict[str, Any]) -> list[str]:
    return ["--config", str(folder / expect["file"]), *map(str, expect.get("options", []))]


def _env(expect: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in expect.get("env", {}).items()}


def test_file_is_recognised_and_ordered(
    case: tuple[Path, dict[str, Any]], tetra: Command, request: pytest.FixtureRequest
) -> None:
    folder, expect = case
    done = tetra(folder, "validate", "--json", *_options(folder, expect), env=_env(expect))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] is True
    dialect = request.node.callspec.params["case"].parent.name
    assert report["dialect"] == dialect
    if "groups" in expect:
        assert _levels(report["groups"]) == _levels(expect["groups"])
    for mode, groups in expect.get("modes", {}).items():
        assert _levels(report["modes"][mode]["groups"]) == _levels(groups), mode


def test_converted_file_has_its_values_and_the_same_order(case: tuple[Path, dict[str, Any]], tetra: Command) -> None:
    folder, expect = case
    written = folder / expect["file"]
    native = written.with_name("converted_orchestration.yaml")
    done = tetra(folder, "config", "convert", *_options(folder, expect), "--out", str(native), env=_env(expect))
    assert done.returncode == 0, done.stdout + done.stderr
    converted = yaml.safe_load(native.read_text(encoding="utf-8"))
    wrong = {
        path: f"{_value(converted, path)!r}, not {value!r}"
        for path, value in expect.get("values", {}).items()
        if not _same(_value(converted, path), value)
    }
    assert not wrong, f"{wrong}\n{native.read_text(encoding='utf-8')}"
    done = tetra(folder, "validate", "--json", "--config", str(native), env=_env(expect))
    assert done.returncode == 0, done.stdout + done.stderr + native.read_text(encoding="utf-8")
    report = json.loads(done.stdout)
    assert report["dialect"] == "native"
    if "groups" in expect:
        assert _levels(report["groups"]) == _levels(expect["groups"])


def test_runs_of_the_file(case: tuple[Path, dict[str, Any]]) -> None:
    folder, expect = case
    options, env = _options(folder, expect), _env(expect)
    for run in expect.get("runs", []):
        done = _tetra(folder, "run", "--json", *options, *map(str, run.get("args", [])), env=env)
        said = f"run {run.get('args', [])}\n{done.stdout}{done.stderr}"
        assert done.returncode == run["exit"], said
        if "states" not in run:
            continue
        shown = _tetra(folder, "show", "--json", "--config", options[1], env=env)
        assert shown.returncode == 0, shown.stdout + shown.stderr
        tasks = {task["id"]: task for task in json.loads(shown.stdout)["tasks"]}
        states = {name: task["state"] for name, task in tasks.items()}
        if run.get("only_some"):
            states = {name: state for name, state in states.items() if name in run["states"]}
        assert states == run["states"], said
        for name, attempts in run.get("attempts", {}).items():
            assert len(tasks[name]["attempts"]) == attempts, f"{name}: {said}"
        for name, outputs in run.get("outputs", {}).items():
            assert {key: tasks[name]["outputs"].get(key) for key in outputs} == outputs, f"{name}: {said}"


@pytest.mark.parametrize("path", WRONG, ids=_name)
def test_wrong_file_is_refused_with_its_reason(path: Path, tetra: Command, tmp_path: Path) -> None:
    folder = _copy(path.parent, tmp_path)
    first = path.read_text(encoding="utf-8-sig").splitlines()[0]
    phrase = re.sub(r"^#\s*expect:\s*", "", first)
    assert phrase != first, "the first line must be `# expect: <words of the error>`"

    checked = tetra(folder, "validate", "--json", "--config", str(folder / path.name))
    assert checked.returncode == 78, checked.stdout + checked.stderr
    report = json.loads(checked.stdout)
    assert report["ok"] is False
    texts = [f"{error['message']} {error['hint'] or ''}".replace(path.name, "") for error in report["errors"]]
    assert any(phrase.lower() in text.lower() for text in texts), f"{phrase!r} is in none of {texts}"

    for by, command in ((tetra, "validate"), (_tetra, "run")):
        plain = by(folder, command, "--config", str(folder / path.name))
        assert plain.returncode == 78
        assert phrase.lower() in (plain.stdout + plain.stderr).lower()


def test_every_dialect_written_so_far_is_complete() -> None:
    for dialect in DIALECTS:
        if (OWN / dialect).is_dir():
            folders = {path.name for path in (OWN / dialect).iterdir() if path.is_dir()} - {"wrong", "shared"}
            assert folders == {path.name for path in CASES if path.parent.name == dialect}, dialect
            assert any(path.parent.parent.name == dialect for path in WRONG), dialect
