"""Our projects as jobs of the real Dagster, in one process: structure, states, outputs, retries."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from support.dagster_home import instance_in, require_dagster
from support.waiting import until
from tetra_orchestrator import load, wire
from tetra_orchestrator.core.history import RunFilter
from tetra_orchestrator.engine.past import Past
from tetra_orchestrator.errors import ConfigError, UsageError

dg = require_dagster()

from tetra_orchestrator.dagster import child, definitions  # noqa: E402

FILE = """\
version: 1
project: shop
state: sqlite:///state/tetra.db
logs: {dir: logs}
host: {max_parallel: 2}
pools: {readers: 1}
params: {who: {type: str, default: nobody}}
pipelines:
  extract:
    shell: 'echo "{\\"rows\\": 3, \\"records_processed\\": 30}" >>"$TETRA_OUTPUT"; echo read {params.who}'
    tags: {team: blue}
    pool: readers
  load: {command: [echo, "{extract.rows} rows"], depends_on: [extract]}
  off: {command: ["true"], enabled: false}
  behind_off: {command: ["true"], depends_on: [off]}
  broken: {command: ["false"]}
  behind_broken: {command: ["true"], depends_on: [broken]}
  cleanup: {command: [echo, tidy], depends_on: [{behind_broken: finished}]}
  twice: {command: [sh, -c, "test $TETRA_ATTEMPT = 2"], retry: {max_attempts: 3, delay: 0.01s}}
  picky: {command: [sh, -c, "exit 3"], retry: {max_attempts: 3, delay: 0.01s, on_exit_codes: [4]}}
  early: {command: [sh, -c, "exit 4"], continue_on: {exit_codes: [4]}}
  days: {command: [echo, "{partition.start}", "{partition.end}"]}
  after_early: {command: ["true"], depends_on: [early], run_if: {early: {exit_codes: [0]}}}
modes:
  good: [{extract: []}, load]
  skips: [off, behind_off, extract]
  bad: [broken, behind_broken, cleanup]
  tries: [twice]
  refused: [picky]
  partly: [early, after_early]
  span: {partition: range, pipelines: [days]}
schedules:
  nightly: {mode: good, cron: "0 2 * * *", timezone: Europe/Berlin, tags: {environment: production}}
  often: {mode: good, every: 15m, enabled: false}
  odd: {pipelines: [extract], every: 7m}
"""


class Shop:
    """A project, its definitions and an instance of Dagster."""

    def __init__(self, folder, instance, **options):
        self.file = folder / "orchestration.yaml"
        self.instance = instance
        self.defs = definitions(self.file, **options)

    def job(self, name):
        return self.defs.resolve_job_def(name)

    def run(self, name, **config):
        run_config = {"resources": {"run": {"config": config}}} if config else None
        return self.job(name).execute_in_process(instance=self.instance, raise_on_error=False, run_config=run_config)

    def rows(self, result):
        """By task its rows in our store, oldest first."""
        store = wire.store(f"sqlite:///{self.file.parent}/state/tetra.db")
        try:
            found = {}
            for run in reversed(store.search(RunFilter(tags=(f"dagster_run={result.run_id}",)), 1000)):
                own = next(tag.partition("=")[2] for tag in run.tags if tag.startswith("only_task="))
                found.setdefault(own, []).extend(
                    SimpleNamespace(run=run, row=row, attempts=store.attempts(run.run_id))
                    for row in store.task_runs(run.run_id)
                    if row.task_id == own
                )
            return found
        finally:
            store.close()


def states(result):
    """By step what Dagster says of it; a step behind a failure has nothing."""
    words = {"STEP_SUCCESS": "success", "STEP_FAILURE": "failure", "STEP_SKIPPED": "skipped"}
    return {e.step_key: words[e.event_type_value] for e in result.all_events if e.event_type_value in words}


def metadata(result, step):
    [output] = [e for e in result.all_events if e.event_type_value == "STEP_OUTPUT" and e.step_key == step]
    return {name: value.value for name, value in output.event_specific_data.metadata.items()}


def _waits(job):
    """By node what it waits for."""
    return {
        node.alias or node.name: sorted(one.node for one in own.values())
        for node, own in job.graph.dependencies.items()
    }


def _multiples_of(step):
    """Those since the epoch that are not more than 20 minutes ago."""
    epoch, now = datetime(1970, 1, 1, tzinfo=UTC), datetime.now(UTC)
    newest = epoch + (now - epoch) // step * step
    return [newest - step, newest]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    (folder / "orchestration.yaml").write_text(FILE)
    with instance_in(folder / "home") as instance:
        yield Shop(folder, instance)


def test_where_the_tasks_run_can_be_said_as_for_a_run(tmp_path):
    (tmp_path / "orchestration.yaml").write_text(FILE.replace("project: shop\n", "project: shop\nrunner: slurm\n"))
    with instance_in(tmp_path / "home") as instance:
        here = Shop(tmp_path, instance, on="local")
        ended = here.run("good")
    assert ended.success
    assert {own[0].attempts[0].runner for own in here.rows(ended).values()} == {"local"}


def test_R_100_there_is_a_job_for_everything_for_each_mode_schedule_and_pipeline(shop):
    names = [job.name for job in shop.defs.resolve_all_job_defs()]
    pipelines = [pipeline.name for pipeline in load(str(shop.file)).model.pipelines]
    modes = ["good", "skips", "bad", "tries", "refused", "partly", "span"]
    assert sorted(names) == sorted(["automated_pipeline_job", *modes, "odd", *pipelines])


def test_ops_have_the_graph_the_retries_the_pool_and_the_tags_of_their_tasks(shop):
    job = shop.job("bad")
    assert _waits(job) == {
        "broken": [],
        "broken_succeeded": ["broken"],
        "behind_broken": ["broken"],
        "behind_broken_succeeded": ["behind_broken"],
        "cleanup": ["behind_broken"],
    }
    tries = shop.job("tries").get_node_named("twice")
    assert tries.definition.retry_policy == dg.RetryPolicy(max_retries=2, delay=0.01)
    extract = shop.job("good").get_node_named("extract").definition
    assert dict(extract.tags) == {"team": "blue", "pipeline": "extract"}
    assert extract.pool == "shop_readers"
    assert dict(shop.job("extract").tags) == {"tetra_project": "shop", "team": "blue"}


def test_a_schedule_has_its_rule_its_zone_and_whether_it_is_on(shop):
    found = {
        one.name: (one.cron_schedule, one.execution_timezone, one.job_name, one.default_status.value)
        for one in shop.defs.schedules
    }
    assert found == {
        "nightly": ("0 2 * * *", "Europe/Berlin", "good", "RUNNING"),
        "often": ("*/15 * * * *", "UTC", "good", "STOPPED"),
    }
    [sensor] = shop.defs.sensors
    assert (sensor.name, sensor.job_name, sensor.minimum_interval_seconds) == ("odd", "odd", 30)


def test_a_tick_requests_a_run_with_the_tags_of_the_schedule_and_the_time_that_it_is_for(shop):
    [nightly] = [one for one in shop.defs.schedules if one.name == "nightly"]
    now = datetime.now(UTC).replace(microsecond=0)
    with dg.build_schedule_context(instance=shop.instance, scheduled_execution_time=now) as context:
        [request] = nightly.evaluate_tick(context).run_requests
    assert {name: request.tags[name] for name in ("environment", "tetra_project", "tetra_slot")} == {
        "environment": "production",
        "tetra_project": "shop",
        "tetra_slot": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def test_of_several_ticks_that_were_missed_only_the_newest_is_made_up_for(shop):
    [nightly] = [one for one in shop.defs.schedules if one.name == "nightly"]
    missed = datetime(2026, 1, 5, 1, tzinfo=UTC)
    with dg.build_schedule_context(instance=shop.instance, scheduled_execution_time=missed) as context:
        tick = nightly.evaluate_tick(context)
    assert tick.skip_message == "2026-01-05T01:00:00Z is missed, and `catch_up: latest` makes up for a later one"


def test_a_sensor_starts_a_run_for_each_slot_since_it_looked_last_of_those_that_count(shop):
    [odd] = shop.defs.sensors
    with dg.build_sensor_context(instance=shop.instance) as first:
        seen = odd.evaluate_tick(first)
    assert seen.run_requests == []
    ago = (datetime.now(UTC) - timedelta(minutes=20)).isoformat()
    with dg.build_sensor_context(instance=shop.instance, cursor=ago) as later:
        requests = odd.evaluate_tick(later).run_requests
    newest = max(at for at in _multiples_of(timedelta(minutes=7)))
    assert [request.run_key for request in requests] == [f"odd {newest.strftime('%Y-%m-%dT%H:%M:%SZ')}"]


def test_R_097_a_job_runs_its_tasks_in_order_and_hands_on_their_outputs(shop):
    result = shop.run("good", params={"who": "me"})
    assert result.success
    assert states(result) == {"extract": "success", "load": "success"}
    rows = shop.rows(result)
    assert rows["extract"][0].row.outputs == {"rows": 3, "records_processed": 30}
    log = rows["load"][0].attempts[0].log
    assert Path(log).read_text() == "3 rows\n"
    assert Path(rows["extract"][0].attempts[0].log).read_text() == "read me\n"
    told = metadata(result, "extract")
    assert told["execution_time_seconds"] > 0
    del told["execution_time_seconds"]
    run_id = rows["extract"][0].run.run_id
    assert told == {
        "status": "success", "state": "succeeded", "reason": "exited with code 0", "attempt": 1, "run_id": run_id,
        "records_processed": 30, "outputs": {"rows": 3, "records_processed": 30},
        "log": rows["extract"][0].attempts[0].log,
    }  # fmt: skip


def test_what_is_switched_off_is_skipped_with_all_behind_it_and_the_run_succeeds(shop):
    result = shop.run("skips")
    assert result.success
    assert states(result) == {"off": "success", "behind_off": "skipped", "extract": "success"}


def test_what_starts_however_another_ends_does_so_and_the_run_fails_all_the_same(shop):
    result = shop.run("bad")
    assert not result.success
    found = states(result)
    assert found == {
        "broken": "success", "behind_broken": "success", "cleanup": "success",
        "broken_succeeded": "failure", "behind_broken_succeeded": "failure",
    }  # fmt: skip
    rows = shop.rows(result)
    assert rows["broken"][0].row.state == "failed"
    assert rows["behind_broken"][0].row.reason.code == "upstream_failed"
    assert rows["cleanup"][0].row.state == "succeeded"


def test_dagster_tries_again_and_each_try_is_an_attempt_of_that_number(shop):
    result = shop.run("tries")
    assert result.success
    first, second = shop.rows(result)["twice"]
    assert (first.row.state, first.row.reason.text) == (
        "failed",
        "exited with code 1; whoever asked for it tries it again",
    )
    assert (second.row.state, second.run.resumes) == ("succeeded", first.run.run_id)
    assert [one.number for one in second.attempts] == [2]


def test_to_the_monitor_an_attempt_that_is_tried_again_is_no_run_that_failed(shop):
    shop.run("tries")
    store = wire.store(f"sqlite:///{shop.file.parent}/state/tetra.db")
    try:
        assert {part.state for part in Past(store).parts("twice")} == {"succeeded"}
    finally:
        store.close()


def test_a_failure_that_the_policy_does_not_speak_of_is_not_tried_again(shop):
    result = shop.run("refused")
    assert states(result) == {"picky": "failure"}
    [only] = shop.rows(result)["picky"]
    assert only.row.reason.text == "exited with code 3; it is not tried again: `on_exit_codes` has only 4"


def test_a_failure_that_is_let_pass_is_partial_and_conditions_hold_as_at_home(shop):
    result = shop.run("partly")
    assert result.success
    rows = shop.rows(result)
    assert rows["early"][0].row.state == "partial"
    assert rows["after_early"][0].row.reason.text == "early ended with exit code 4, not 0"
    assert metadata(result, "early")["status"] == "partial"


def test_a_mode_with_a_range_is_told_its_dates_and_a_run_needs_no_history(shop):
    result = shop.run("span", start_date="2020-01-01", end_date="2020-01-31")
    assert result.success
    [only] = shop.rows(result)["days"]
    assert Path(only.attempts[0].log).read_text() == "2020-01-01 2020-01-31\n"


def test_what_is_refused_fails_the_op_with_the_text_and_the_hint_of_the_command(shop):
    result = shop.run("span")
    [failure] = [e for e in result.all_events if e.is_step_failure]
    assert failure.event_specific_data.user_failure_data.description == (
        "mode 'span' runs over a range of dates: --start-date is missing\nhint: give both as YYYY-MM-DD"
    )


def test_R_103_an_instance_that_is_kept_nowhere_leaves_no_run_of_ours(shop):
    before = _runs(shop.file.parent)
    assert shop.job("extract").execute_in_process().success
    assert _runs(shop.file.parent) == before


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "pipelines: {stream: {shell: cat, until: stopped}}",
            "stream runs until it is stopped, and in Dagster nothing runs beside the steps that need it",
            "run it outside of Dagster, such as by its own mode with `tetra run`, or leave it out by an overlay",
        ),
        (
            "sessions: {s: {}}\npipelines: {a: {function: os.times, session: s}, b: {function: os.times, session: s}}",
            "a and b share the session 's', and in Dagster each is a process of its own",
            "keep to `tetra run`; or, where your file says `session`, leave it out, and they hand on files",
        ),
    ],
)
def test_what_dagster_cannot_do_is_refused_when_it_is_loaded(tmp_path, text, message, hint):
    file = tmp_path / "orchestration.yaml"
    file.write_text(f"version: 1\nproject: p\n{text}\n")
    with pytest.raises(UsageError) as refused:
        definitions(file)
    assert (refused.value.message, refused.value.hint, refused.value.where) == (message, hint, str(file))


def test_every_problem_of_a_file_is_in_the_text_of_the_error(tmp_path):
    file = tmp_path / "orchestration.yaml"
    file.write_text("version: 1\nproject: p\npipelines:\n  a: {comand: [x]}\n  b: {shell: x, depends_on: [c]}\n")
    with pytest.raises(ConfigError) as wrong:
        definitions(file)
    assert wrong.value.message.splitlines()[0].endswith(f"problems in {file}")
    assert "unknown key 'comand'" in wrong.value.message
    assert "depends_on: [c]" in wrong.value.message


def test_R_102_without_dagster_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "dagster", None)
    with pytest.raises(UsageError) as missing:
        definitions("orchestration.yaml")
    assert str(missing.value) == "Dagster is not installed\n  hint: pip install 'tetra-orchestrator[dagster]'"


def test_a_fallback_and_a_letter_wait_until_dagster_tries_no_more(tmp_path):
    file = tmp_path / "orchestration.yaml"
    file.write_text(
        "version: 1\nproject: p\n"
        "defaults: {task: {retry: {max_attempts: 2, delay: 0.01s}}}\n"
        "pipelines:\n"
        "  rescued: {command: ['false'], on_failure: {fallback: {command: [echo, instead]}}}\n"
        "  lost: {command: ['false']}\n"
        'alerting: {channels: {box: {type: command, command: [sh, -c, "echo letter >>letters"]}}}\n'
    )
    defs = definitions(file)
    with instance_in(tmp_path / "home") as instance:
        rescued = defs.resolve_job_def("rescued").execute_in_process(instance=instance)
        assert metadata(rescued, "rescued")["status"] == "partial"
        (tmp_path / "letters").unlink(missing_ok=True)
        lost = defs.resolve_job_def("lost").execute_in_process(instance=instance, raise_on_error=False)
    assert not lost.success
    assert (tmp_path / "letters").read_text() == "letter\n"
    words = [(run.state, run.resumes is not None) for run in reversed(_runs(tmp_path))]
    assert words == [("failed", False), ("partial", True), ("failed", False), ("failed", True)]


def test_what_is_done_again_of_a_job_is_given_what_the_one_before_has_made(tmp_path):
    file = tmp_path / "orchestration.yaml"
    file.write_text(
        "version: 1\nproject: p\ndefaults: {run: {stop_after: 1}}\npipelines:\n"
        """  first: {shell: 'echo "{\\"n\\": 5}" >>"$TETRA_OUTPUT"'}\n"""
        "  second: {command: [cat, 'n{first.n}'], depends_on: [first]}\n"
        "  third: {command: ['true']}\n"
    )

    def end(task, *jobs):
        order = {"task": task, "jobs": jobs, "config": str(file)}
        found = child.attempt(order, 10, lambda row: None, lambda: None)
        return found["state"], found["reason"]["code"]

    assert [end("first", "old"), end("second", "old")] == [("succeeded", "succeeded"), ("failed", "failed")]
    assert end("third", "old") == ("skipped", "failure_limit")
    (tmp_path / "n5").touch()
    assert end("second", "new", "old") == ("succeeded", "succeeded")


def test_two_tasks_of_one_pipeline_in_one_run_of_dagster_run_side_by_side_and_another_run_waits(tmp_path):
    file = tmp_path / "orchestration.yaml"
    meet = "touch {own}; until [ -e {other} ]; do sleep 0.05; done"
    file.write_text(
        "version: 1\nproject: p\npipelines:\n  pair:\n    tasks:\n"
        f"      one: {{shell: {meet.format(own='one', other='two')!r}}}\n"
        f"      two: {{shell: {meet.format(own='two', other='end')!r}}}\n"
        "      three: {shell: 'true'}\n"
    )

    def start(task, job, stack):
        order = {"task": f"pair.{task}", "jobs": [job], "config": str(file)}
        return stack.submit(child.attempt, order, 10, lambda row: None, lambda: None)

    with ThreadPoolExecutor() as stack:
        two = start("two", "j", stack)
        until((tmp_path / "two").exists)
        assert start("one", "j", stack).result()["state"] == "succeeded"
        third = start("three", "another", stack)
        until(lambda: "queued" in [run.state for run in _runs(tmp_path)])
        (tmp_path / "end").touch()
        assert (two.result()["state"], third.result()["state"]) == ("succeeded", "succeeded")


def test_a_task_ends_with_all_that_it_has_started_when_its_op_is_interrupted(tmp_path):
    file = tmp_path / "orchestration.yaml"
    line = "trap 'echo asked; exit 1' TERM; echo $$ >pid; while :; do sleep 0.1; done"
    file.write_text(f'version: 1\nproject: p\npipelines: {{long: {{shell: "{line}"}}}}\n')

    def interrupt():
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            raise KeyboardInterrupt

    order = {"task": "long", "jobs": ["j"], "config": str(file)}
    heard = []
    with pytest.raises(KeyboardInterrupt):
        child.attempt(order, 10, heard.append, interrupt)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    [run] = _runs(tmp_path)
    assert (run.state, run.tags) == ("cancelled", ("dagster_run=j", "only_task=long"))


def _runs(folder):
    store = wire.store(f"sqlite:///{folder}/state/tetra.db")
    try:
        return store.runs()
    finally:
        store.close()
