"""Tasks with `cache`: when they are skipped as unchanged, when they run, and what is kept of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.worlds import Stage, fail_first, project, task
from tetra_orchestrator import failpoints
from tetra_orchestrator.core.history import Partition
from tetra_orchestrator.core.model import Cache, Command, ContinueOn, Environment, Function, Module, Reason, Shell
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.engine.again import Again
from tetra_orchestrator.engine.reconcile import reconcile
from tetra_orchestrator.errors import StoreError

INPUTS = Cache(("data/*.csv",))
PASSES_ON = {"program": Command(("use", "{a.rows}"))}


def makes(rows):
    return lambda task_id, number: (1.0, Exited(0), {"rows": rows} if task_id == "a" else {})


class Site:
    """A stage whose project lies in a folder of its own, with one input."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "data").mkdir(parents=True)
        self.write("data/a.csv", "1,2")

    def write(self, name, text):
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def stage(self, *tasks, script=None, **fields):
        given = project(*(tasks or (task("a", cache=INPUTS),)), **fields)
        self.on = Stage(given._replace(root=str(self.folder)), script or makes(3))
        return self.on

    def change(self, **fields):
        """The first task of the file says so from now on."""
        first, *others = self.on.project.pipelines
        changed = first._replace(tasks=(first.tasks[0]._replace(**fields),))
        self.on.project = self.on.project._replace(pipelines=(changed, *others))

    def run(self, **fields):
        """Run everything; returns the tasks that were started."""
        self.on.runner.launches.clear()
        self.code = self.on.run(**fields)
        return [one.env["TETRA_TASK"] for one in self.on.runner.launches]

    def why(self, name="a"):
        rows = self.on.store.task_runs(self.on.last_run.run_id)
        return next(row.reason for row in rows if row.task_id == name)

    def started_because(self, name="a"):
        events = self.on.store.events(self.on.last_run.run_id)
        return next(one.reason for one in events if (one.event, one.task) == ("attempt.started", name))


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "my project")


# When it is skipped, and what that means for others


def test_a_task_whose_inputs_are_the_same_is_skipped_and_says_since_when(site):
    stage = site.stage()
    assert site.run() == ["a"]
    first = stage.last_run.run_id
    [kept] = stage.store.results.all()
    assert site.run() == []
    made = f"{kept.made_at.replace(microsecond=0, tzinfo=None).isoformat()}Z"
    assert site.why() == Reason("unchanged", f"unchanged since run {first} of {made}: its inputs are the same")
    assert (site.code, stage.states()) == (0, {"a": "skipped"})
    assert stage.attempts() == []


def test_a_result_from_before_the_task_ran_without_a_cache_does_not_count(site):
    stage = site.stage()
    site.run()
    site.change(cache=None)
    assert site.run() == ["a"]
    without = stage.last_run.run_id
    site.change(cache=INPUTS)
    assert site.run() == ["a"]
    assert site.started_because() == Reason("not_kept", f"it ran last in run {without}, and no result of that is kept")
    assert site.run() == []


def test_what_depends_on_a_skipped_task_runs_with_the_outputs_of_then(site):
    stage = site.stage(task("a", cache=INPUTS), task("b", "a", **PASSES_ON))
    site.run()
    stage.runner.script = makes(99)
    assert site.run() == ["b"]
    assert stage.runner.launches[0].argv == ("use", "3")
    assert stage.store.task_runs(stage.last_run.run_id)[0].outputs == {"rows": 3}


def test_a_task_that_refers_to_outputs_is_skipped_where_these_are_the_same(site):
    stage = site.stage(task("a"), task("b", "a", cache=Cache(), **PASSES_ON))
    site.run()
    assert site.run() == ["a"]
    stage.runner.script = makes(4)
    assert site.run() == ["a", "b"]


def test_a_whole_chain_of_unchanged_tasks_is_skipped_at_once(site):
    chain = [task("t0", cache=INPUTS), *(task(f"t{n}", f"t{n - 1}", cache=Cache()) for n in range(1, 20))]
    stage = site.stage(*chain)
    assert len(site.run()) == 20
    assert site.run() == []
    assert set(stage.states().values()) == {"skipped"}


def test_inputs_that_an_earlier_task_of_the_run_makes_are_looked_at_after_it(site):
    def script(task_id, number):
        if task_id == "a":
            site.write("data/made.csv", "from a")
        return 1.0, Exited(0), {}

    site.stage(task("a"), task("b", "a", cache=Cache(("data/made.csv",))), script=script)
    assert site.run() == ["a", "b"]
    assert site.run() == ["a"]


def test_a_project_whose_tasks_have_no_cache_neither_looks_nor_keeps(site):
    stage = site.stage(task("a"))
    stage.store.results = None
    assert (site.run(), site.code) == (["a"], 0)


# When it runs


def changed(site, first):
    [kept] = site.on.store.results.all()
    made = f"{kept.made_at.replace(microsecond=0, tzinfo=None).isoformat()}Z"
    return Reason("changed", f"its inputs are not those of run {first} of {made}")


@pytest.mark.parametrize(
    "change",
    [
        lambda site: site.write("data/a.csv", "1,3"),
        lambda site: site.write("data/b.csv", "1,2"),
        lambda site: site.change(args=("--fast",)),
        lambda site: site.change(env=(("REGION", "eu"),)),
        lambda site: site.change(cwd="/elsewhere"),
        lambda site: site.change(python="/other/python", program=Module("m")),
        lambda site: site.change(config='{"limit": 5}'),
        lambda site: site.change(program=Shell("true")),
        lambda site: site.change(outputs=(("rows", "int"),)),
        lambda site: setattr(
            site.on, "project", site.on.project._replace(environment=Environment(extra=(("A", "b"),)))
        ),
        lambda site: setattr(site.on, "project", site.on.project._replace(pythonpath=("lib",))),
    ],
)
def test_a_task_runs_again_when_anything_that_it_is_given_has_changed(site, change):
    stage = site.stage()
    site.run()
    first = stage.last_run.run_id
    why = changed(site, first)
    change(site)
    assert site.run() == ["a"]
    assert site.started_because() == why
    assert site.run() == []


def test_a_renamed_input_is_another_input(site):
    site.stage()
    site.run()
    (site.folder / "data" / "a.csv").rename(site.folder / "data" / "b.csv")
    assert site.run() == ["a"]


def test_an_input_that_was_only_touched_is_the_same(site):
    site.stage()
    site.run()
    site.write("data/a.csv", "1,2")
    assert site.run() == []


def test_a_parameter_that_has_changed_makes_it_run(site):
    site.stage()
    site.run(params={"days": 5})
    assert site.run(params={"days": 5}) == []
    assert site.run(params={"days": 6}) == ["a"]


def test_the_program_s_own_file_is_an_input_without_being_named(site):
    site.write("extract.py", "print(1)")
    site.stage(task("a", cache=Cache(), program=Command(("python", "extract.py", "--to", "out.csv"))))
    site.run()
    assert site.run() == []
    site.write("out.csv", "what it makes is no input")
    assert site.run() == []
    site.write("extract.py", "print(2)")
    assert site.run() == ["a"]


@pytest.mark.parametrize(
    ("program", "file"),
    [
        (Module("shop.load"), "src/shop/load.py"),
        (Module("shop"), "src/shop/__main__.py"),
        (Function("shop.tasks.load"), "src/shop/tasks.py"),
        (Function("shop.load"), "src/shop/__init__.py"),
    ],
)
def test_the_file_of_a_module_or_function_is_an_input_wherever_the_path_of_modules_has_it(site, program, file):
    site.write(file, "x = 1")
    site.stage(task("a", cache=Cache(), program=program), pythonpath=("lib", "src"))
    site.run()
    assert site.run() == []
    site.write(file, "x = 2")
    assert site.run() == ["a"]


def test_inputs_may_refer_to_outputs_and_what_is_filled_in_is_no_pattern(site):
    site.write("data/[x]*.csv", "first")
    script = lambda task_id, number: (1.0, Exited(0), {"file": "[x]*"} if task_id == "a" else {})  # noqa: E731
    site.stage(task("a"), task("b", "a", cache=Cache(("data/{a.file}.csv",))), script=script)
    site.run()
    site.write("data/x_other.csv", "does not matter")
    assert site.run() == ["a"]
    site.write("data/[x]*.csv", "second")
    assert site.run() == ["a", "b"]


def test_a_result_older_than_max_age_is_made_anew_and_says_why(site):
    stage = site.stage(task("a", cache=INPUTS._replace(max_age_s=24 * 3600.0)))
    site.run()
    stage.clock.skew += timedelta(hours=23)
    assert site.run() == []
    stage.clock.skew += timedelta(hours=2)
    assert site.run() == ["a"]
    assert site.started_because() == Reason("expired", "its result is 25 h 00 min old, max_age 24 h 00 min")


def test_tasks_that_are_asked_for_anew_run_and_what_they_make_is_kept(site):
    stage = site.stage(task("a", cache=INPUTS), task("b", cache=INPUTS))
    site.run()
    stage.runner.script = makes(8)
    assert site.run(anew=["a"]) == ["a"]
    assert site.started_because() == Reason("cache_ignored", "it was asked for again, whether or not it has changed")
    assert site.run() == []
    assert stage.store.task_runs(stage.last_run.run_id)[0].outputs == {"rows": 8}


def test_each_range_of_dates_has_a_result_of_its_own(site):
    site.stage()
    january, february = Partition("2026-01-01", "2026-01-31"), Partition("2026-02-01", "2026-02-28")
    assert [site.run(partition=each) for each in (january, february, january, february)] == [["a"], ["a"], [], []]
    assert site.run() == ["a"]


# What never counts


def test_inputs_that_are_as_they_were_before_the_last_change_do_not_bring_that_result_back(site):
    site.stage()
    site.run()
    site.write("data/a.csv", "other")
    site.run()
    site.write("data/a.csv", "1,2")
    assert site.run() == ["a"], "the files that it makes are those of the other input"


def test_after_a_failure_the_result_of_before_does_not_count_although_the_inputs_are_back(site):
    stage = site.stage()
    site.run()
    site.write("data/a.csv", "bad")
    stage.runner.script = lambda task_id, number: (1.0, Exited(1), {})
    site.run()
    site.write("data/a.csv", "1,2")
    stage.runner.script = makes(3)
    assert site.run() == ["a"]


def test_a_task_that_did_not_get_its_turn_last_time_runs_though_it_is_unchanged(site):
    stage = site.stage(task("first"), task("a", "first", cache=INPUTS))
    site.run()
    stage.runner.script = fail_first(1, "first")
    site.run()
    broken = stage.last_run.run_id
    stage.runner.script = makes(3)
    assert site.run() == ["first", "a"]
    assert site.started_because() == Reason("not_succeeded", f"in its last run, {broken}, it was upstream failed")


def test_a_result_that_counts_as_partial_is_not_kept(site):
    stage = site.stage(task("a", cache=INPUTS, continue_on=ContinueOn(failure=True)), script=fail_first(9, "a"))
    site.run()
    assert stage.states() == {"a": "partial"}
    assert stage.store.results.all() == []


def test_an_input_that_changes_while_the_task_runs_keeps_its_result_from_being_kept(site):
    def script(task_id, number):
        site.write("data/a.csv", "written meanwhile")
        return 1.0, Exited(0), {}

    stage = site.stage(script=script)
    site.run()
    assert stage.store.results.all() == []
    assert site.run() == ["a"]


def test_an_input_that_is_gone_when_the_task_has_ended_keeps_its_result_from_being_kept(site):
    def script(task_id, number):
        (site.folder / "data" / "a.csv").unlink()
        return 1.0, Exited(0), {}

    stage = site.stage(script=script)
    site.run()
    assert (site.code, stage.store.results.all()) == (0, [])


def test_without_a_file_that_fits_the_task_runs_and_nothing_is_kept(site):
    stage = site.stage(task("a", cache=Cache(("data/*.csv", "dta/*.csv"))))
    assert site.run() == ["a"]
    text = "no file fits the input 'dta/*.csv': no result is kept"
    assert site.started_because() == Reason("unknown_inputs", text)
    assert (site.code, stage.store.results.all()) == (0, [])


def test_a_result_of_before_does_not_count_after_a_run_of_which_the_inputs_were_not_known(site):
    site.stage()
    site.run()
    (site.folder / "data" / "a.csv").rename(site.folder / "kept.csv")
    assert site.run() == ["a"]
    (site.folder / "kept.csv").rename(site.folder / "data" / "a.csv")
    assert site.run() == ["a"]


def test_an_output_that_holds_a_secret_is_not_kept_and_no_key_tells_one(site):
    script = lambda task_id, number: (1.0, Exited(0), {"url": "https://hidden-word@host"})  # noqa: E731
    stage = site.stage(script=script)
    site.run(secrets=("hidden-word",))
    assert stage.store.results.all() == []
    site.change(env=(("TOKEN", "hidden-word"),))
    stage.runner.script = makes(1)
    site.run(secrets=("hidden-word",))
    [kept] = stage.store.results.all()
    assert "hidden" not in repr(kept)
    assert site.run(secrets=("hidden-word",)) == []
    site.change(env=(("TOKEN", "another-one"),))
    assert site.run(secrets=("another-one",)) == ["a"]


class Slow:
    """Inputs of which every step takes 30 ms; `on_step(n)` is called at each."""

    def __init__(self, clock, steps, on_step):
        self.clock, self.steps, self.on_step = clock, steps, on_step

    def hashes(self, patterns, others):
        for step in range(self.steps):
            self.clock.seconds += 0.03
            self.on_step(step)
            yield
        return {"big": "1"}

    def literally(self, text):
        return text


def slowly(stage, steps, on_step):
    world = stage.world
    stage.world = lambda: world()._replace(inputs=lambda: Slow(stage.clock, steps, on_step))


def test_a_signal_that_comes_while_files_are_read_ends_the_run_without_reading_on(site):
    stage = site.stage()
    steps = []
    slowly(stage, 1000, lambda step: steps.append(step) or (step == 3 and stage.interrupts.numbers.append(15)))
    assert site.run() == []
    assert (site.code, stage.states()) == (143, {"a": "cancelled"})
    assert len(steps) < 10


def test_other_tasks_are_seen_to_while_files_are_read(site):
    stage = site.stage(task("a", cache=INPUTS), task("b"), task("c", "b"))
    slowly(stage, 100, lambda step: None)
    site.run()
    assert stage.story()[1:] == [
        *("attempt.started b 1", "attempt.finished b 1", "task.finished b 1", "attempt.started c 1"),
        *("attempt.finished c 1", "task.finished c 1", "attempt.started a 1"),
        *("attempt.finished a 1", "task.finished a 1", "run.finished"),
    ]


def test_a_time_limit_holds_while_files_are_read(site):
    stage = site.stage(task("a", cache=INPUTS), task("b", timeout_s=0.5), script=lambda name, n: (60.0, Exited(0), {}))
    slowly(stage, 100, lambda step: None)
    site.run()
    assert stage.states()["b"] == "timed_out"
    assert stage.store.attempts(stage.last_run.run_id)[0].duration_s is not None


# With other ways to run


def test_retry_runs_the_task_that_it_names_though_it_is_unchanged(site):
    stage = site.stage(task("a", cache=INPUTS), task("b", "a"))
    site.run()
    run_id = stage.last_run.run_id
    assert site.run(again=Again(run_id, ("a",)), anew=("a",), trigger="retry") == ["a"]


def test_a_run_that_resumes_one_takes_what_was_unchanged_there_as_done(site):
    stage = site.stage(task("a", cache=INPUTS), task("b", "a"))
    site.run()
    stage.runner.script = fail_first(1, "b")
    assert site.run() == ["b"]
    failed = stage.last_run.run_id
    site.write("data/a.csv", "changed since")
    stage.runner.script = makes(3)
    assert site.run(again=Again(failed), trigger="resume") == ["b"]
    assert (site.code, site.why().code) == (0, "unchanged")


def test_a_pipeline_of_which_nothing_had_to_run_stands_as_in_the_run_that_made_its_results(site):
    stage = site.stage()
    site.run()
    [before] = stage.store.summaries()
    site.run()
    [after] = stage.store.summaries()
    assert (after.last_state, after.last_success_at) == ("succeeded", before.last_success_at)


# When the program or its store dies


@pytest.fixture(autouse=True)
def disarmed():
    yield
    failpoints.arm("")


@pytest.mark.parametrize("place", ["result.keep", "result.keep.commit"])
def test_a_death_while_a_result_is_kept_costs_that_at_most_and_never_the_run(site, place):
    stage = site.stage()
    failpoints.arm(f"{place}=raise")
    with pytest.raises(failpoints.Injected):
        site.run()
    assert stage.states() == {"a": "succeeded"}, "the success was recorded before"
    failpoints.arm("")
    assert len(stage.store.results.all()) == place.endswith("commit")


def test_a_full_disk_costs_the_result_and_not_the_success(site):
    stage = site.stage()
    failpoints.arm("result.keep=enospc")
    assert site.run() == ["a"]
    assert (site.code, stage.states(), stage.store.results.all()) == (0, {"a": "succeeded"}, [])


@pytest.mark.parametrize("place", ["result.drop", "result.drop.commit"])
def test_a_death_before_a_task_starts_leaves_no_result_that_counts_for_what_has_changed(site, place):
    stage = site.stage()
    site.run()
    site.write("data/a.csv", "changed")
    failpoints.arm(f"{place}=raise")
    with pytest.raises(failpoints.Injected):
        site.run()
    failpoints.arm("")
    assert stage.runner.launches == []
    stage.processes.alive.clear()
    reconcile(stage.scene, end_survivors=True)
    stage.processes.alive.add("me")
    assert site.run() == ["a"]


def test_a_store_that_fails_while_it_is_asked_ends_the_run_like_any_other_fault_of_it(site):
    stage = site.stage()
    broken = StoreError("the disk is gone")

    def fail(task_id=None):
        raise broken

    results = stage.store.results
    results.all = fail
    with pytest.raises(StoreError) as fault:
        site.run()
    assert fault.value is broken
    assert stage.states() == {"a": "cancelled"}
