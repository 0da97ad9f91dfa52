"""The benchmarks: every tool is given the same work, a figure is what was measured, and a missed gate is said."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks import (
    gate,
    gates,
    graphs,
    history,
    idle,
    output,
    page,
    running,
    simulation,
    table,
    timing,
    tools,
    written,
)
from benchmarks.gates import Gate
from benchmarks.graphs import Work
from benchmarks.results import load, save
from benchmarks.timing import Case, Figure
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.core.history import RunFilter
from tetra_orchestrator.core.model import Command

ROOT = Path(__file__).resolve().parent.parent
TASKS, EDGES, LAYERS = 200, 600, 10
GRAPH = graphs.layered(TASKS, EDGES, LAYERS)
SLEEPS = Work(((), (0,), (0, 1)), 2, (0.1, 2.0, 0.25))
NAMED = [graphs.name(number) for number in range(3)]


# -- the same work for every tool -------------------------------------------------------------------------------------


@pytest.fixture
def put(tmp_path):
    """Writes the files of a tool into a folder, and returns it."""

    def write(tool, work):
        written.write(tool, work, tmp_path / tool)
        return tmp_path / tool

    return write


def read_ours(folder):
    project = load_project(str(folder / "orchestration.yaml"), environ=os.environ).project
    for task in project.tasks():
        assert isinstance(task.program, Command)
        yield (
            task.id.removeprefix("work."),
            [before.removeprefix("work.") for before in task.depends_on],
            " ".join(task.program.argv),
        )


def read_make(folder):
    rules = r"^(task_\w+):(.*)\n\t(.*) >\$\$LOGS/\1\.log 2>&1$"
    for name, upstream, command in re.findall(rules, (folder / "Makefile").read_text(), re.MULTILINE):
        yield name, upstream.split(), command


def read_ninja(folder):
    rules = r"^build (\w+): run(.*)\n  argv = (.*)$"
    for name, upstream, command in re.findall(rules, (folder / "build.ninja").read_text(), re.MULTILINE):
        yield name, upstream.split(), command


def read_data(folder):
    for number, (upstream, argv) in enumerate(json.loads((folder / written.DATA).read_text())):
        yield graphs.name(number), list(map(graphs.name, upstream)), " ".join(argv)


READ = {"ours": read_ours, "make": read_make, "ninja": read_ninja}


@pytest.mark.parametrize("tool", written.FILES)
def test_every_tool_is_given_the_same_graph(tool, put):
    found = list(READ.get(tool, read_data)(put(tool, Work(GRAPH))))
    assert [name for name, *_ in found] == list(map(graphs.name, range(TASKS)))
    assert [sorted(upstream) for _, upstream, _ in found] == [list(map(graphs.name, before)) for before in GRAPH]
    assert {command for *_, command in found} == {graphs.NO_OP}


@pytest.mark.parametrize("tool", written.FILES)
def test_every_tool_is_given_the_same_sleeps(tool, put):
    found = list(READ.get(tool, read_data)(put(tool, SLEEPS)))
    assert found == [
        (NAMED[0], [], "/bin/sleep 0.1"),
        (NAMED[1], NAMED[:1], "/bin/sleep 2"),
        (NAMED[2], NAMED[:2], "/bin/sleep 0.25"),
    ]


@pytest.mark.parametrize("tool", [tool for tool in written.FILES if tool not in READ])
def test_what_is_written_in_python_is_python_that_reads_the_graph_beside_it(tool, put):
    folder = put(tool, SLEEPS)
    (file,) = [path for path in folder.iterdir() if path.name != written.DATA]
    assert f'"{written.DATA}"' in file.read_text()
    if file.suffix == ".py":
        compile(file.read_text(), file.name, "exec")


def test_every_tool_may_run_as_many_at_a_time(put, tmp_path):
    assert "host: {max_parallel: 2}" in (put("ours", SLEEPS) / "orchestration.yaml").read_text()
    for name, tool in tools.TOOLS.items():
        if tool.run and name != "dagster":  # one after the other, as the page says
            case = tools.run(name, "program", SLEEPS._replace(slots=37), tmp_path / f"{name} 37", None)
            assert any("37" in word for word in (*case.argv, *dict(case.environ).values())), name


@pytest.mark.parametrize("tool", ["make", "ninja"])
def test_a_run_of_another_tool_leaves_a_log_for_each_task(tool, tmp_path):
    found = tools.find([tool], tmp_path)
    if tool in found.missing:
        pytest.skip(found.missing[tool])
    case = tools.run(tool, found.programs[tool], Work(((), (0,), (0, 1))), tmp_path / tool, None)
    timing.once(case)
    assert sorted(os.listdir(tmp_path / tool / "logs of rounds" / "0000")) == [f"{name}.log" for name in NAMED]


def test_our_run_leaves_a_log_for_each_task_and_is_in_a_store_with_synchronous_full(tmp_path):
    case = tools.run_ours(Work(((), (0,), (0, 1))), tmp_path / "ours")
    timing.once(case)
    running.check(case, 1, 3)
    with pytest.raises(AssertionError):
        running.check(case, 2, 3)


def test_a_peer_that_is_not_installed_is_missing_with_its_reason(tmp_path):
    assert tools.find(["luigi"], tmp_path).missing == {"luigi": "`.venv/peers/luigi` has no luigi"}


# -- graphs -----------------------------------------------------------------------------------------------------------


def test_a_graph_is_the_same_every_time_and_nothing_comes_before_what_it_depends_on():
    assert graphs.layered(TASKS, EDGES, LAYERS) == GRAPH
    assert graphs.edges(GRAPH) == EDGES
    assert all(before < number for number, upstream in enumerate(GRAPH) for before in upstream)


def test_every_task_behind_the_first_layer_depends_on_some_of_the_layer_before():
    width = TASKS // LAYERS
    layers = [{before // width for before in upstream} for upstream in GRAPH]
    assert not any(layers[:width])
    assert all(number // width - 1 in found for number, found in enumerate(layers) if number >= width)


def test_a_chain_has_each_task_after_the_one_before():
    assert graphs.chain(4) == ((), (0,), (1,), (2,))


@pytest.mark.parametrize(
    ("work", "bound"), [(graphs.lanes(), 1.5), (graphs.chain_last(), 2.0), (graphs.long_last(), 2.0)]
)
def test_the_uneven_workloads_can_be_done_in_so_many_seconds_and_not_in_less(work, bound):
    assert graphs.bound_s(work.graph, work.seconds, work.slots) == pytest.approx(bound)
    assert simulation.best_s(work.graph, work.seconds, work.slots) == pytest.approx(bound)


def test_the_workloads_have_as_many_tasks_and_edges_as_they_say():
    sizes = {name: (len(load.work.graph), graphs.edges(load.work.graph)) for name, load in running.WORKLOADS.items()}
    assert [sizes[name] for name in ("W1", "W2", "W3")] == [(1, 0), (4, 3), (100, 99)]
    assert [sizes[name] for name in ("W4", "W4x", "W5")] == [(1000, 0), (10_000, 0), (1000, 3000)]


# -- a long history ---------------------------------------------------------------------------------------------------


def test_the_history_is_one_that_our_own_store_can_read_and_has_what_the_page_says(tmp_path):
    path = history.prepare(tmp_path)
    history.fill(path, 30)
    with closing(SqliteStore(str(path))) as store:
        found = store.runs(limit=99)
        assert len(found) == 30
        assert len({run.run_id for run in found}) == 30
        assert [len(store.task_runs(run.run_id)) for run in found[:2]] == [history.PIPELINES * history.TASKS] * 2
        known = {summary.pipeline.name: summary for summary in store.summaries()}
        assert known["p0"].last_run_id == found[0].run_id
        assert known[f"p{history.FAILED_ALWAYS}"].last_success_at is None
        assert known[f"p{history.FAILED_SINCE}"].last_success_at < found[-2].started_at
        assert known[f"p{history.SKIPPED_SINCE}"].last_run_id == found[-1].run_id
        assert {attempt.kind for attempt in store.attempts(found[0].run_id)} == {"exited"}
        assert store.search(RunFilter(tags=("owner=nobody",)), 9) == []
    assert history.RUNS * history.PIPELINES * history.TASKS == 1_000_000


# -- simulation -------------------------------------------------------------------------------------------------------


def test_our_plan_takes_a_chain_one_by_one_and_independent_tasks_side_by_side():
    assert simulation.makespan_s(graphs.chain(3), (1.0, 2.0, 3.0), 8, {}) == 6.0
    assert simulation.makespan_s(graphs.independent(4), (1.0,) * 4, 2, {}) == 2.0


def test_a_long_task_that_is_written_last_costs_a_half_unless_its_duration_was_learned():
    work = graphs.long_last()
    learned = {graphs.name(number): seconds for number, seconds in enumerate(work.seconds)}
    assert simulation.makespan_s(work.graph, work.seconds, work.slots, {}) == pytest.approx(3.0)
    assert simulation.makespan_s(work.graph, work.seconds, work.slots, learned) == pytest.approx(2.0)


def test_a_list_schedule_starts_the_task_of_the_highest_rank():
    seconds = (1.0, 1.0, 2.0)
    assert simulation.list_schedule_s(graphs.independent(3), seconds, 2, lambda number: -number) == 3.0
    assert simulation.list_schedule_s(graphs.independent(3), seconds, 2, lambda number: number) == 2.0


def test_workflows_are_read_from_the_folder_that_is_named_and_their_tasks_put_in_order(tmp_path):
    tasks = {"b": {"after": ["a"], "runtime_s": 2.0}, "a": {"after": [], "runtime_s": 1.0}}
    (tmp_path / "flow.json").write_text(json.dumps({"source": "here", "tasks": tasks}))
    found = simulation.simulate(tmp_path, options(workflows=tmp_path))
    both = {"name": "flow", "tasks": 2, "of_best": 1.0, "of_bound": 1.0}
    assert found["facts"]["workflows"] == [{**both, "slots": 2}, {**both, "slots": 8}]
    assert simulation.simulate(tmp_path, options())["missing"] == {
        "workflows": "no folder of workflows was named with --workflows"
    }


def options(**given):
    arguments = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    found = program.parser().parse_args([*arguments, "--rounds", "1"])
    return program.Options(found.rounds, found.quick, found.peers, found.workflows)


# -- timing -----------------------------------------------------------------------------------------------------------


def shell(folder, line, **given):
    return Case("shell", "a shell", ("/bin/sh", "-c", line), folder, **given)


def test_a_time_is_that_of_the_command_and_no_less(tmp_path):
    assert 0.2 <= timing.once(shell(tmp_path, "sleep 0.2")).wall_s < 20


def test_memory_is_that_of_the_command_and_not_of_who_measures(tmp_path):
    held = bytearray(80_000_000)
    assert timing.once(shell(tmp_path, ":")).memory_bytes < len(held)
    hungry = Case("hungry", "", (sys.executable, "-c", "bytearray(120_000_000)"), tmp_path)
    assert timing.once(hungry).memory_bytes > 100_000_000


def test_a_command_that_fails_ends_the_benchmark_with_what_it_said(tmp_path):
    with pytest.raises(SystemExit) as ended:
        timing.once(shell(tmp_path, "echo no such thing >&2; exit 3"))
    command = ("/bin/sh", "-c", "echo no such thing >&2; exit 3")
    assert str(ended.value) == f"no such thing\n\nbenchmarks: {command} in {tmp_path} ended with 3"


def test_a_log_that_is_not_there_ends_the_benchmark(tmp_path):
    timing.once(shell(tmp_path, ': >"$LOGS/one"', logs=1))
    with pytest.raises(AssertionError, match="shell left 0 logs of 1"):
        timing.once(shell(tmp_path, ":", logs=1))


def test_every_time_has_a_new_folder_for_logs_and_what_is_left_is_removed(tmp_path):
    case = shell(tmp_path, 'mkdir left && [ -z "$(ls "$LOGS")" ] && : >"$LOGS/one"', leaves=tmp_path / "left")
    timing.once(case)
    timing.once(case)
    assert sorted(os.listdir(tmp_path / "logs of rounds")) == ["0000", "0001"]


def test_what_takes_long_is_timed_only_so_often_after_the_rounds_and_not_once_before(tmp_path):
    long = shell(tmp_path, "echo long >>order", times=2)._replace(name="long")
    short, other = (shell(tmp_path, f"echo {name} >>order")._replace(name=name) for name in ("short", "other"))
    figures = timing.measure([long, short, other], 3)
    assert (figures["long"].rounds, figures["short"].rounds) == (2, 3)
    # the warm-up, and three rounds with their order rotated
    assert (tmp_path / "order").read_text().split() == [
        *("short", "other"),
        *("short", "other"),
        *("other", "short"),
        *("short", "other"),
        *("long", "long"),
    ]


def test_variables_that_steer_interpreters_and_ourselves_are_kept_from_commands(tmp_path, monkeypatch):
    for name in ("PYTHONDONTWRITEBYTECODE", "TETRA_HOME", "MAKEFLAGS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("KEPT", "1")
    found = timing.environment()
    assert "KEPT" in found
    assert not {"PYTHONDONTWRITEBYTECODE", "TETRA_HOME", "MAKEFLAGS"} & found.keys()


# -- output and what is left behind -----------------------------------------------------------------------------------


def test_the_speed_of_output_is_without_what_starting_takes():
    full, nothing = Figure(2.5, 2, 3, 1, 1, 5), Figure(0.5, 0, 1, 1, 1, 5)
    assert output.megabytes_per_s(full, nothing) == 500


def test_the_program_prints_as_many_bytes_as_it_is_told_in_lines_and_then_the_secret(tmp_path):
    argv = output._program(tmp_path, 1_000_000)
    printed = subprocess.run(argv, env={"SECRET": "told"}, capture_output=True, check=True).stdout
    assert len(printed) == 1_000_000 + len("told\n")
    assert {len(line) for line in printed.splitlines()[:-1]} == {79}
    assert printed.endswith(b"\ntold\n")


def test_whoever_works_in_the_folder_names_it_or_carries_it_is_seen_until_it_is_gone(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    sleep = ["sleep", "60"]
    ways = [
        subprocess.Popen(sleep, cwd=folder),
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(folder / "x")]),
        subprocess.Popen(sleep, env={**os.environ, "TETRA_OUTPUT": str(folder / "out")}),
    ]
    try:
        until = time.monotonic() + 10
        while len(idle.holders(folder)) < len(ways) and time.monotonic() < until:
            time.sleep(0.02)
        seen = {int(line.split()[0]) for line in idle.holders(folder)}
        assert seen >= {process.pid for process in ways}
    finally:
        for process in ways:
            process.kill()
            process.wait()
    assert idle.holders(folder) == []


# -- gates, file and page ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "least", "verdict"),
    [
        (1.0, False, "aim met"),
        (1.1, False, "gate met"),
        (1.3, False, "missed"),
        (1.0, True, "missed"),
        (1.25, True, "gate met"),
    ],
)
def test_a_figure_keeps_its_gate_and_reaches_its_aim(figure, least, verdict):
    given = Gate("", lambda parts: 0.0, 1.25, 2.0 if least else 1.0, least)
    assert gates.verdict(given, figure) == verdict


def test_a_gate_that_was_not_measured_does_not_hold_but_an_aim_alone_holds_always():
    judged = gates.judge({})
    assert {one.verdict for one in judged} == {"not measured"}
    assert {one.gate.text for one in judged if one.holds} == {
        f"{name}: `run`, times ninja" for name in ("W3", "W4", "W4x", "W5")
    }


class Seen(dict):
    """Parts that remember which of them were asked for."""

    def __init__(self):
        super().__init__()
        self.asked = set()

    def __missing__(self, key):
        self.asked.add(key)
        raise KeyError(key)


def test_every_gate_is_about_a_part_that_is_measured_and_every_part_but_one_has_a_gate():
    seen = Seen()
    gates.judge(seen)
    assert seen.asked == set(program.PARTS)


def figures(**wall_s):
    return {"figures": {name: {"wall_s": seconds} for name, seconds in wall_s.items()}}


@pytest.fixture
def only_w1(monkeypatch):
    monkeypatch.setattr(gates, "GATES", [Gate("W1: times bare", gates.ratio("W1", "ours", "bare"), 3.5, 2)])


@pytest.mark.parametrize(
    ("ours", "code", "said"),
    [
        (1.5, 0, "W1: times bare  1.50    ≤ 3.5  ≤ 2  aim met\n1 of 1 gates hold\n"),
        (3.0, 0, "W1: times bare  3       ≤ 3.5  ≤ 2  gate met\n1 of 1 gates hold\n"),
        (4.5, 1, "W1: times bare  4.50    ≤ 3.5  ≤ 2  **missed**\n0 of 1 gates hold\n"),
    ],
)
def test_the_gates_of_a_file_are_printed_with_figure_verdict_and_aim_and_decide_the_exit_code(
    only_w1, tmp_path, capsys, ours, code, said
):
    save(tmp_path / "r.json", {"W1": figures(ours=ours, bare=1.0)})
    assert gate.main([str(tmp_path / "r.json")]) == code
    head, rest = capsys.readouterr().out.split("\n", 1)
    assert head.split() == ["budget", "figure", "gate", "aim", "verdict"]
    assert rest == said


@pytest.mark.parametrize("arguments", [[], ["/does/not/exist.json"], ["a", "b"]])
def test_without_a_file_there_is_nothing_to_judge(arguments, capsys):
    assert gate.main(arguments) == 64
    assert capsys.readouterr().err == "usage: python -m benchmarks.gate FILE\n"


@pytest.mark.parametrize("text", ['{"schema": "other/1"}', "[]", "# Benchmarks"])
def test_a_file_of_something_else_is_refused(text, tmp_path):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(SystemExit) as refused:
        load(tmp_path / "r.json")
    expected = f"benchmarks: {tmp_path / 'r.json'} is not of tetra.benchmarks/1: remove it, or name another with --out"
    assert str(refused.value) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "docs/benchmarks.md"], "--out docs/benchmarks.md: name a .json file; the page is written beside it"),
        (["--rounds", "0"], "argument --rounds: 0 is no number of rounds"),
    ],
)
def test_a_mistake_on_the_command_line_is_said_before_anything_is_measured(arguments, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    with pytest.raises(SystemExit, match="2"):
        program.main()
    assert capsys.readouterr().err.splitlines()[-1] == f"python -m benchmarks: error: {said}"


def test_a_number_stands_for_all_variants_of_its_workload():
    assert program.selected(["W4"]) == ["W4", "W4x"]
    assert program.selected(["W4x", "syncs"]) == ["W4x", "syncs"]
    assert program.selected(["W6"]) == ["W6a", "W6b", "W6c", "W6s"]
    assert program.selected(["W1"]) == ["W1"]
    assert program.selected(None) == list(program.PARTS)


def test_numbers_are_set_to_the_right_and_have_three_digits_or_so():
    assert table.markdown([("what", "x"), ("a", "1.50"), ("b", "")]) == (
        "| what | x    |\n| ---  | --:  |\n| a    | 1.50 |\n| b    |      |"
    )
    assert [table.short(number) for number in (1, 1.004, 1.26, 23.26, 1234.5)] == [
        "1",
        "1.004",
        "1.26",
        "23.3",
        "1,234",
    ]


def bench(out, *arguments):
    command = [sys.executable, "-m", "benchmarks", "--rounds", "1", "--out", str(out), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)


def test_a_part_that_is_measured_anew_replaces_its_own_figures_alone_and_the_page_is_what_the_file_says(tmp_path):
    out = tmp_path / "r.json"
    bench(out, "--only", "W1")
    first = load(out)
    said = bench(out, "--only", "W8").stdout
    both = load(out)
    assert list(both) == ["W1", "W8"]
    assert both["W1"] == first["W1"]
    assert (both["W8"]["facts"]["processes"], both["W8"]["facts"]["processes_during"]) == (0, 2)
    assert both["W1"]["facts"]["synchronous"] == "FULL"
    assert said == page.render(both) == out.with_suffix(".md").read_text()
    assert "| W8: processes left behind a run " in said
    assert "**not measured**" in said


def test_the_page_of_the_documentation_is_what_its_file_says():
    file = ROOT / "docs" / "benchmarks.json"
    if not file.exists():
        pytest.skip("docs/benchmarks.json is not published yet")
    assert page.render(load(file)) == (ROOT / "docs" / "benchmarks.md").read_text()
