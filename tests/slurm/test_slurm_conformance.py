"""What every runner must do, held against the remote one over a real Slurm: what is tried each time."""

from __future__ import annotations

from contracts.test_runner import (  # noqa: F401 - pytest finds them here, with the `any_bench` of this folder
    test_attempts_that_are_submitted_together_each_get_their_own_outcome,
    test_cancel_kills_a_stubborn_attempt_after_its_grace,
    test_close_leaves_nothing_of_what_was_running_or_waiting,
    test_every_attempt_has_a_private_log_with_its_output_and_errors_in_order,
)
