"""The exported Python file: text for Dagster, and what the real Dagster makes of it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.core.export.dagster import definitions
from tetra_orchestrator.core.export.job import END, START, Chain, Exported, Job, Note, Surroundings, Wake
from tetra_orchestrator.core.model import Schedule

NASTY = (
    "it's",
    'dq"x',
    "both'\"",
    "back\\",
    "two\nlines",
    "$HOME",
    "{x}",
    "é 日本 😀",
    '"""',
    "\x1b",
    "#",
    "\\N{DASH}",
    "",
)
TELL = "import json, os, sys; json.dump([sys.argv[1:], dict(os.environ), os.getcwd()], open(sys.argv[1], 'w'))"
COUNT = "import sys; open(sys.argv[1], 'a').write('x'); sys.exit(int(sys.argv[2]))"


def text(*chains: Chain, **fields) -> str:
    plain = {"project": "demo", "root": "/srv/demo", "logs": "/srv/demo/logs", "parallel": 2}
    return definitions(Exported(**{**plain, **fields}, chains=chains)).files[0].text


def one(*words: str) -> Chain:
    return Chain("daily", (Job("a", ("x", *words), "/srv/demo"),))


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"))))
def test_every_text_is_the_same_in_python(words: list[str]) -> None:
    tree = ast.parse(text(one(*words)))
    found = [
        node.value for node in ast.walk(tree) if isinstance(node, ast.Assign) and ast.unparse(node.targets) == "argv"
    ]
    assert [ast.literal_eval(value) for value in found] == [["x", *words]]


def test_dates_come_from_the_environment() -> None:
    made = text(Chain("daily", (Job("a", ("x", f"--from={START}", END), "/srv/demo"),), dates=True))
    assert 'argv = ["x", "--from=" + os.environ["START"], os.environ["END"]]' in made


def test_no_name_of_a_mode_is_anybody_elses() -> None:
    names = ("os", "run", "2020", "a-b", "a_b", "config", "class", "defs")
    chains = [Chain(name, (Job("job", ("x",), "/x"), Job("t.u", ("x",), "/x", needs=("job",)))) for name in names]
    tree = ast.parse(text(*chains))
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert len(functions) == len(set(functions)) == 3 + 3 * len(names)
    assert all(name.isidentifier() for name in functions)
    assert {"os_job", "_2020_job", "a_b_job", "a_b_job_2", "config_job"} <= set(functions)


def test_no_remark_and_no_title_is_code() -> None:
    note = Note("x", "one\nimport evil\\")
    made = text(Chain("daily", (), about="'''\"\"\"\nimport evil"), notes=(note,))
    assert "evil" not in ast.unparse(ast.parse(made)).replace(r"\nimport evil", "")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"cron": "0 19 * * *"}, 'cron_schedule="0 19 * * *"'),
        ({"cron": "@daily"}, 'cron_schedule="0 0 * * *"'),
        ({"cron": "0 1 * jan mon-fri"}, 'cron_schedule="0 1 * jan mon-fri"'),
        ({"cron": None, "every_s": 900.0}, 'cron_schedule="*/15 * * * *"'),
        ({"cron": None, "every_s": 14400.0}, 'cron_schedule="0 */4 * * *"'),
        ({"cron": None, "every_s": 86400.0}, 'cron_schedule="0 0 * * *"'),
        ({"cron": None, "every_s": 420.0}, "left out: no cron rule has its interval"),
        ({"cron": None, "at": "2026-01-01T00:00"}, "left out: only a cron rule or an interval can be said"),
        ({"cron": "0 0 L * *"}, "left out: Dagster does not know the rule '0 0 L * *'"),
        ({"cron": "0 0 * * 1#1"}, "left out: Dagster does not know the rule '0 0 * * 1#1'"),
        (
            {"cron": "0 0 */2 * 1"},
            "left out: Dagster takes the days of '0 0 */2 * 1' for one or the other, and both count",
        ),
    ],
)
def test_a_schedule_is_a_rule_of_cron_or_left_out(fields, said: str) -> None:
    cron = fields.pop("cron")
    wake = Wake(Schedule("nightly", "daily", cron, "Europe/Berlin", **fields), "daily")
    made = text(one(), wakes=(wake,))
    assert said in made
    assert ('name="nightly"' in made) == said.startswith("cron_schedule")


def test_it_is_as_ruff_would_write_it(tmp_path: Path) -> None:
    jobs = (
        Job("a", ("x", "word " * 30), "/srv/demo", waits=(1, 1), env=(("A", "b"),), tolerated=(None,)),
        Job("b", ("x",), "/elsewhere", needs=("a",), waits=(1, 2), retry_codes=(3,), demanded=("KEY",), timeout_s=5.5),
    )
    around = Surroundings(("HOME", "PATH"), ("TOKEN",), ("/src",), (("TZ", "UTC"),), ("KEY",))
    wake = Wake(Schedule("nightly", "daily", "0 1 * * *", "Europe/Berlin"), "daily")
    for path, given_around in (("/venv/bin", around), ("", Surroundings())):
        (tmp_path / "jobs.py").write_text(text(Chain("daily", jobs), around=given_around, path=path, wakes=(wake,)))
        for words in (["check"], ["format", "--check", "--line-length", "120"]):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *words, "--isolated", "jobs.py"], cwd=tmp_path, capture_output=True
            )
            assert done.returncode == 0, done.stdout.decode()


RUN = """
import json, sys
import dagster as dg
import jobs

with dg.DagsterInstance.ephemeral() as instance:
    done = {job.name: job.execute_in_process(instance=instance, raise_on_error=False) for job in jobs.defs.jobs}
print(json.dumps({name: [one.success, sorted({e.step_key for e in one.all_events if e.is_step_success})]
                  for name, one in done.items()}))
"""


def test_dagster_runs_it_without_us(tmp_path: Path) -> None:
    pytest.importorskip("dagster", reason="needs dagster: pip install 'tetra-orchestrator[dagster]'")

    def counting(name: str, code: int, *needs: str, **fields) -> Job:
        argv = (sys.executable, "-c", COUNT, str(tmp_path / name), str(code))
        return Job(name, argv, str(tmp_path), needs=needs, **fields)

    told = (sys.executable, "-c", TELL, str(tmp_path / "told"), *NASTY)
    slow = ("sh", "-c", "sleep 60 & wait")
    chains = [
        Chain("good", (Job("tell", told, str(tmp_path), env=(("OWN", "".join(NASTY)),)), counting("after", 0, "tell"))),
        Chain("tolerant", (counting("a", 3, tolerated=(3,)), counting("b", 0, "a"))),
        Chain("failing", (counting("c", 3, waits=(0, 0)), counting("d", 0, "c"), counting("e", 0))),
        Chain("growing", (counting("f", 3, waits=(0, 0.01)),)),
        Chain("choosy", (counting("g", 3, waits=(0,), retry_codes=(4,)),)),
        Chain("patient", (counting("i", 3, waits=(0, 0), tolerated=(3,)), counting("i_done", 0, "i"))),
        Chain("done", (counting("j", 0), counting("j_done", 0, "j"), counting("k", 0, "j_done"))),
        Chain("slow", (Job("h", slow, str(tmp_path), timeout_s=0.2, grace_s=1.0),)),
    ]
    (tmp_path / "jobs.py").write_text(text(*chains, root=str(tmp_path), around=Surroundings(env=(("ALL", NASTY[0]),))))
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "good_job": [True, ["good_after", "good_tell"]],
        "tolerant_job": [True, ["tolerant_a", "tolerant_b"]],
        "failing_job": [False, ["failing_e"]],
        "growing_job": [False, []],
        "choosy_job": [False, []],
        "patient_job": [True, ["patient_i", "patient_i_done"]],
        "done_job": [True, ["done_j", "done_j_done", "done_k"]],
        "slow_job": [False, []],
    }
    assert [(tmp_path / name).read_text() for name in "cfgi"] == ["xxx", "xxx", "x", "xxx"]
    argv, environ, cwd = json.loads((tmp_path / "told").read_text())
    assert (argv[1:], environ["OWN"], environ["ALL"], cwd) == (list(NASTY), "".join(NASTY), NASTY[0], str(tmp_path))
