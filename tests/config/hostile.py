"""Small projects of every form with a place for trouble, and a command that is measured while it meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tetra_orchestrator.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCES = str(Path(__file__).parents[2] / "src")
FORMS = ("native", "tetra", "recomart", "stages", "tauro", "dativo")
CPU_S, WALL_S, RESIDENT_MB = 2, 20, 55  # the wall clock is generous, as tests share the machine

# A process of its own, since the memory of the one that forks counts for the one that is forked.
_MEASURED = """
import json, os, resource, sys
reader, writer = os.pipe()
child = os.fork()
if not child:
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]), int(sys.argv[1])))
    os.dup2(writer, 1)
    os.dup2(writer, 2)
    os.execv(sys.argv[2], sys.argv[2:])
os.close(writer)
said = b""
while part := os.read(reader, 65536):
    said = (said + part)[:200_000]
_, status, used = os.wait4(child, 0)
unit = 2**20 if sys.platform == "darwin" else 2**10
cpu = used.ru_utime + used.ru_stime
print(json.dumps([os.waitstatus_to_exitcode(status), cpu, used.ru_maxrss / unit, said.decode(errors="replace")]))
"""


class Measured(Record):
    """A finished command: its exit code, seconds of CPU, the most memory, and what it printed."""

    code: int
    cpu_s: float
    resident_mb: float
    said: str


class Form(Record):
    """How a form writes units that need each other, and where it has a place for odd things.

    `text`, `unit` and `between` make a document of units; `odd` is a key of a unit that takes any text, `switch` one
    that takes true or false, `typo` a misspelt one with the key that is meant.
    """

    file: str
    text: str
    unit: str
    odd: str
    switch: str
    typo: tuple[str, str]
    further: Mapping[str, str]
    misplaced: str


JOB = "tenant_id: acme\nsource_connector: s\ntarget_connector: t\nasset: a\n"
KINDS = {
    "native": Form(
        file="orchestration.yaml",
        text="version: 1\nproject: p\npipelines:\n{}",
        unit="  {name}: {{command: ['true'], depends_on: {needs}{more}}}\n",
        odd="env: {{K: {}}}",
        switch="enabled: {}",
        typo=("timout: 5", "timeout"),
        further={},
        misplaced="more.yaml",
    ),
    "tetra": Form(
        file="orchestration.yaml",
        text="pipelines:\n{}",
        unit="  {name}: {{module: m, dependencies: {needs}{more}}}\n",
        odd="config: {{k: {}}}",
        switch="max_data_age_hours: {}",
        typo=("modul: m", "module"),
        further={},
        misplaced=".env",
    ),
    "recomart": Form(
        file="pipeline_config.prod.yaml",
        text="tasks:\n{}",
        unit="  {name}: {{depends_on: {needs}{more}}}\n",
        odd="config: {{k: {}}}",
        switch="enabled: {}",
        typo=("timeout_second: 5", "timeout_seconds"),
        further={},
        misplaced="pipeline_config.yaml",
    ),
    "stages": Form(
        file="stages.yaml",
        text="name: s\nstages:\n{}",
        unit="  - {{id: {name}, type: t, depends_on: {needs}{more}}}\n",
        odd="config: {{k: {}}}",
        switch="enabled: {}",
        typo=("timout: 5", "timeout"),
        further={},
        misplaced="bindings.yaml",
    ),
    "tauro": Form(
        file="nodes.yaml",
        text="{}",
        unit="{name}: {{function: m.f, dependencies: {needs}{more}}}\n",
        odd="hyperparams: {{k: {}}}",
        switch="retry: {{max_attempts: {}}}",
        typo=("descriptoin: x", "description"),
        further={},
        misplaced="global_settings.yaml",
    ),
    "dativo": Form(
        file="runner.yaml",
        text="runner:\n  orchestrator:\n    schedules:\n{}",
        unit="    - {{name: {name}, config: job.yaml, cron: '0 * * * *'{more}}}\n",
        odd="tags: {{k: {}}}",
        switch="enabled: {}",
        typo=("timezon: UTC", "timezone"),
        further={"job.yaml": JOB},
        misplaced="job.yaml",
    ),
}


def document(form: str, units: Mapping[str, Sequence[str]] | None = None, more: str = "") -> str:
    """A document of units with what each needs; `more` are further keys of the last one."""
    kind = KINDS[form]
    graph = {"a": (), "b": ("a",)} if units is None else units
    last = next(reversed(graph))
    ends = {last: f", {more}"} if more else {}
    lines = [
        kind.unit.format(name=_yaml(name), needs=json.dumps(list(needs)), more=ends.get(name, ""))
        for name, needs in graph.items()
    ]
    return kind.text.format("".join(lines))


def _yaml(name: str) -> str:
    quoted = json.dumps(name, ensure_ascii=False)
    return name if name.isidentifier() and name.isascii() else quoted


def written(folder: Path, form: str, data: str | bytes, further: Mapping[str, str] | None = None) -> str:
    """The path of the document, in a folder with what belongs to it."""
    for name, text in {**KINDS[form].further, **(further or {})}.items():
        (folder / name).write_text(text, encoding="utf-8")
    path = folder / KINDS[form].file
    path.write_bytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
    return str(path)


def measured(folder: Path, *argv: str, cpu_s: int = CPU_S, env: Mapping[str, str] | None = None) -> Measured:
    """The real command line, run in the folder with a limit on its CPU time."""
    python = [sys.executable, "-S", "-E", "-c", _MEASURED, str(cpu_s)]
    paths = os.pathsep.join([SOURCES, *(each for each in sys.path if each)])
    done = subprocess.run(
        [*python, sys.executable, "-m", "tetra_orchestrator", *argv],
        cwd=folder,
        env={"PATH": f"{os.path.dirname(sys.executable)}:/usr/bin:/bin", "PYTHONPATH": paths, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=WALL_S * (1 + cpu_s // CPU_S),
        check=True,
    )
    return Measured(*json.loads(done.stdout))


def assert_refused(found: Measured) -> str:
    """Exit code 78 within the budget and without a traceback; what was said."""
    assert found.code == 78, found
    assert "Traceback" not in found.said
    assert "fault of ours" not in found.said
    assert found.cpu_s < CPU_S, found
    assert found.resident_mb < RESIDENT_MB, found
    return found.said
