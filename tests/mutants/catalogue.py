"""Ways to break the engine, each with the tests that should notice. A mutant is one change of text in one file."""

from __future__ import annotations

from typing import NamedTuple

LOOP = "tests/engine/test_loop.py"
PLAN = "tests/core/test_plan.py"
POLICY = "tests/core/test_run_policy.py"
RETRY = "tests/core/test_retry.py"
START = "tests/engine/test_start.py"
RUNNER = "tests/contracts/test_runner.py"
NEXT = "tests/core/test_next_attempt.py"
OUTCOME = "tests/core/test_outcome.py"
LOCKS = "tests/adapters/test_locks.py"
RETENTION = "tests/engine/test_retention.py"
ENDINGS = "tests/faults/test_fault_endings.py"
STARTS = "tests/faults/test_fault_starts.py"
TREES = "tests/faults/test_fault_trees.py"
FILTER = "tests/adapters/runner/test_filter.py"
SLOTS = "tests/core/test_slots.py"
LEDGER = "tests/contracts/test_ledger.py"
GUARD = "tests/engine/test_guard.py"
ALERTS = "tests/core/test_alerting.py"
OUTBOX = "tests/engine/test_outbox.py"


class Mutant(NamedTuple):
    """`file` is below the package; `before` must be in it exactly once. `tests` are paths, or names in them."""

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "nothing is committed before a process starts",
        "engine/loop.py",
        "                self._commit()\n                failed = self._submit(",
        "                failed = self._submit(",
        (f"{LOOP}::test_the_attempt_row_is_durable_before_its_process_starts",),
    ),
    Mutant(
        "every exit code is a success",
        "core/outcome.py",
        "isinstance(outcome, Exited) and outcome.code == 0",
        "isinstance(outcome, Exited)",
        (f"{OUTCOME}::test_only_an_exit_status_of_0_and_a_service_that_was_stopped_is_a_success",),
    ),
    Mutant(
        "TERM without CONT",
        "adapters/runner/process.py",
        "signal.SIGTERM, signal.SIGCONT)",
        "signal.SIGTERM)",
        (f"{RUNNER}::test_fault_06_a_stopped_child_is_continued_so_that_its_handler_can_end_it",),
    ),
    Mutant(
        "no KILL after the grace",
        "adapters/runner/process.py",
        "        if now >= self.deadline:\n            self.killed_at",
        "        if False:\n            self.killed_at",
        (f"{RUNNER}::test_fault_05_a_child_that_ignores_term_is_killed_after_its_grace",),
    ),
    Mutant(
        "only the main process is ended",
        "adapters/runner/process.py",
        "    todo = list(found)\n",
        "    found &= {pid_of(root) for root in roots}\n    todo = []\n",
        (f"{RUNNER}::test_fault_07_cancel_reaches_a_grandchild_in_another_session",),
    ),
    Mutant(
        "nobody looks whether the tree is gone",
        "adapters/runner/local.py",
        "elif self._adopted_from(job) or signal_group(job.pid, 0) or job.may_hide:",
        "elif False:",
        (f"{RUNNER}::test_fault_08_a_grandchild_that_holds_the_output_does_not_hold_up_the_end",),
    ),
    Mutant(
        "a log is not opened for appending",
        "adapters/runner/spawn.py",
        "os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW",
        "os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW",
        (f"{TREES}::test_fault_10_a_child_that_opens_its_output_once_more_overwrites_nothing",),
    ),
    Mutant(
        "a retry does not wait",
        "core/plan.py",
        "self._timetable.retry(node, now + wait)",
        "self._timetable.retry(node, now)",
        (f"{PLAN}::test_a_failed_task_is_retried_after_its_delay_until_max_attempts",),
    ),
    Mutant(
        "a cancelled task is tried again",
        "core/retry.py",
        "    if isinstance(outcome, Cancelled):\n",
        "    if False:\n",
        (f"{RETRY}::test_what_another_attempt_cannot_mend_is_not_tried_again",),
    ),
    Mutant(
        "what cannot be ended is tried again",
        "core/retry.py",
        "    if isinstance(outcome, Unkillable):\n",
        "    if False:\n",
        (f"{NEXT}::test_no_attempt_follows_one_whose_processes_cannot_be_ended",),
    ),
    Mutant(
        "one retry too many",
        "core/retry.py",
        "if attempts >= policy.max_attempts:",
        "if attempts > policy.max_attempts:",
        (f"{RETRY}::test_a_failed_attempt_is_followed_by_another_until_max_attempts",),
    ),
    Mutant(
        "a failure does not block what depends on it",
        "core/settlement.py",
        "self._release(cause.behind) if good else self._block(cause.behind, cause)",
        "self._release(cause.behind)",
        (f"{PLAN}::test_a_failure_blocks_all_that_is_behind_it_and_names_the_cause",),
    ),
    Mutant(
        "one failure more than `stop_after` allows",
        "core/plan.py",
        "self._progress.failed >= allowed",
        "self._progress.failed > allowed",
        (f"{POLICY}::test_X_124_of_ten_failing_tasks_three_run_and_seven_are_cancelled",),
    ),
    Mutant(
        "time limits never pass",
        "core/timetable.py",
        "while (entry := _first(heap)) and entry[0] <= time:",
        "while False:",
        (f"{PLAN}::test_a_task_over_its_time_limit_is_stopped_once_and_then_timed_out",),
    ),
    Mutant(
        "the time limit of an earlier attempt ends the next one",
        "core/timetable.py",
        "if node.attempts == attempt and node.state in ACTIVE",
        "if node.state in ACTIVE",
        (
            f"{NEXT}::test_the_limit_of_an_attempt_that_is_over_does_not_end_the_next_one_behind_the_limit_of_another_task",
        ),
    ),
    Mutant(
        "a task's weight in a pool does not count",
        "core/admission.py",
        "all(self._left[name] - self._taken[name] >= amount for name, amount in share)",
        "all(self._left[name] - self._taken[name] > 0 for name, amount in share)",
        (f"{PLAN}::test_a_pool_holds_back_what_does_not_fit_and_lets_others_pass",),
    ),
    Mutant(
        "a task is spread over several workers",
        "core/workers.py",
        " and any(_covers(free, wanted) for free in self._free)",
        "",
        ("tests/core/test_workers.py::test_no_task_is_spread_over_two_workers_though_they_have_enough_together",),
    ),
    Mutant(
        "what a task took is not given back",
        "core/plan.py",
        "        node.share = self._room.give_back(node.place, node.share)\n",
        "",
        (f"{PLAN}::test_a_pool_holds_back_what_does_not_fit_and_lets_others_pass",),
    ),
    Mutant(
        "outputs of a failed attempt are kept",
        "engine/loop.py",
        "        if state in SATISFIED:\n",
        "        if True:\n",
        (f"{STARTS}::test_fault_22_outputs_of_a_task_that_failed_are_never_handed_on",),
    ),
    Mutant(
        "all attempts have the same token",
        "engine/loop.py",
        "token(self._entropy(16))",
        "token(bytes(16))",
        (f"{ENDINGS}::test_fault_05_the_end_of_one_attempt_leaves_the_one_beside_it_alone",),
    ),
    Mutant(
        "the handle of an attempt is not kept",
        "engine/loop.py",
        "            self._journal.add(AttemptRunning(self._run_id, task_id, start.attempt, lasting))\n",
        "",
        (f"{LOOP}::test_the_handle_is_saved_while_a_long_task_runs",),
    ),
    Mutant(
        "events are told before they are durable",
        "engine/journal.py",
        """        self._record()
        changes, self._changes = self._changes, []
        self._doubtful = self._there = 0
        for change in changes:
            if isinstance(change, EventLogged):
                self._reporter.event(change.event)
""",
        """        for change in self._changes:
            if isinstance(change, EventLogged):
                self._reporter.event(change.event)
        self._record()
        self._changes = []
""",
        (f"{LOOP}::test_nothing_is_reported_before_it_is_durable",),
    ),
    Mutant(
        "the owner of a run is taken to be alive",
        "engine/reconcile.py",
        "alive = run.owner is not None and scene.processes.is_alive(run.owner)",
        "alive = run.owner is not None",
        (f"{START}::test_a_run_whose_owner_died_becomes_lost_with_its_attempt_and_nothing_stays_running",),
    ),
    Mutant(
        "survivors of a lost run are left alone",
        "engine/settle.py",
        "        scene.processes.end_trees(bare, GRACE_S)\n",
        "        pass\n",
        (f"{START}::test_a_command_that_may_signal_ends_the_survivors_by_their_token_first",),
    ),
    Mutant(
        "a secret that is split over two pieces is not seen",
        "adapters/runner/output/redaction.py",
        "        cut = self._safe(data)\n",
        "        cut = len(data)\n",
        (f"{FILTER}::test_fault_96_a_secret_that_is_written_byte_by_byte_never_reaches_the_log",),
    ),
    Mutant(
        "a commit does not survive a power cut",
        "adapters/store/sqlite_file.py",
        "PRAGMA synchronous=FULL",
        "PRAGMA synchronous=NORMAL",
        ("tests/adapters/store/test_sqlite.py::test_the_live_connection_keeps_its_promise",),
    ),
    Mutant(
        "what is needed later goes with the old runs",
        "core/retention.py",
        "if run.run_id not in needed and _may_go(run, now)",
        "if _may_go(run, now)",
        (f"{RETENTION}::test_the_latest_success_stays_and_with_it_freshness_and_what_was_learned",),
    ),
    Mutant(
        "a run may start beside one that goes on",
        "adapters/locks/flock.py",
        "fcntl.LOCK_SH if shared else fcntl.LOCK_EX",
        "fcntl.LOCK_SH",
        (f"{LOCKS}::test_a_lock_is_refused_to_others_with_its_holders_name",),
    ),
    Mutant(
        "two judges go on from the same cursor",
        "adapters/store/sql_ledger.py",
        "WHERE name = ? AND version = ?",
        "WHERE name = ? AND ? IS NOT NULL",
        (f"{LEDGER}::test_two_judges_do_not_both_go_on_from_the_same_cursor",),
    ),
    Mutant(
        "a slot that is settled is settled again",
        "adapters/store/sql_ledger.py",
        "WHERE slots.run_id IS NULL AND (slots.outcome IN ('expected', 'queued') OR slots.settled_at > ?)",
        "WHERE slots.run_id IS NULL OR ? IS NOT NULL",
        (
            f"{LEDGER}::test_a_slot_that_is_settled_is_never_settled_again",
            f"{LEDGER}::test_a_slot_that_has_a_run_is_not_settled_by_a_judge",
        ),
    ),
    Mutant(
        "a run takes a slot whatever became of that",
        "adapters/store/sql_ledger.py",
        "WHERE schedule = ? AND slot = ? AND outcome = 'queued' AND {_FREE}",
        "WHERE schedule = ? AND slot = ?",
        (f"{LEDGER}::test_of_two_runs_for_one_slot_the_second_is_not_opened",),
    ),
    Mutant(
        "a slot is late as soon as it is due",
        "core/slots.py",
        "late = now > due_by(schedule, at) and",
        "late = now > at and",
        (f"{GUARD}::test_other_commands_settle_what_needs_no_run",),
    ),
    Mutant(
        "a slot is run beside a run that was active",
        "core/slots.py",
        "over = [span for span in scenery.spans if span.covers(at)]",
        "over: list[Span] = []",
        (f"{SLOTS}::test_slots_that_fell_while_a_run_was_active_are_skipped_also_when_nobody_looked",),
    ),
    Mutant(
        "a slot stays taken when its taker has died",
        "engine/ledger.py",
        "return not scene.processes.is_alive(owner)",
        "return False",
        (f"{GUARD}::test_what_a_process_has_claimed_and_not_begun_is_free_when_it_has_died",),
    ),
    Mutant(
        "an alert is told at every look",
        "core/alerting.py",
        "        if alert.told_at is None:\n            told = [",
        "        if True:\n            told = [",
        (
            f"{ALERTS}::test_whatever_comes_and_goes_each_trouble_is_told_once_is_never_lost_and_is_over_only_when_it_is",
        ),
    ),
    Mutant(
        "an alert is over as soon as its cause is gone",
        "core/alerting.py",
        "if alert.key in self._look.prompt and alert.times == 1:",
        "if True:",
        (
            f"{ALERTS}::test_whatever_comes_and_goes_each_trouble_is_told_once_is_never_lost_and_is_over_only_when_it_is",
        ),
    ),
    Mutant(
        "an alert is away when nobody has looked",
        "core/alerting.py",
        "if alert.key in self._look.keys and alert.cleared_at is None:",
        "if alert.cleared_at is None:",
        (
            f"{ALERTS}::test_whatever_comes_and_goes_each_trouble_is_told_once_is_never_lost_and_is_over_only_when_it_is",
        ),
    ),
    Mutant(
        "an alert's message that may have arrived is a new one",
        "engine/outbox.py",
        "    _note([post.marked(parcel, maybe=True) for parcel in parcels], box)\n",
        "",
        (f"{OUTBOX}::test_a_letter_whose_sender_has_died_is_somebody_else_s_after_the_lease",),
    ),
    Mutant(
        "an alert's end is told before its beginning",
        "engine/holding.py",
        "    if due is None:\n        return False",
        "    return False",
        (f"{OUTBOX}::test_that_it_is_over_waits_until_it_was_told_that_it_began",),
    ),
    Mutant(
        "a look that is older than what a run has told counts for more",
        "core/alerting.py",
        "return at is not None and any(",
        "return False and any(",
        (
            f"{ALERTS}::test_a_look_that_is_older_than_the_alert_does_not_end_it",
            f"{ALERTS}::test_a_look_that_is_older_than_the_end_of_an_alert_does_not_raise_it_again",
        ),
    ),
    Mutant(
        "a part of a message has the key of the whole",
        "core/letters.py",
        "key = key if len(own) == len(ids) else",
        "key = key if own else",
        ("tests/core/test_letters.py::test_a_part_of_a_message_has_another_key_as_somebody_may_have_the_whole",),
    ),
    Mutant(
        "an end is told of what has come back since",
        "engine/holding.py",
        "elif one.what == RESOLVED and alert.key in back:",
        "elif one.what == RESOLVED and not back:",
        (f"{OUTBOX}::test_that_something_is_over_which_has_come_back_before_anybody_was_told_is_not_told",),
    ),
)
