"""The rest of what every runner must do."""

from __future__ import annotations

import pytest

from contracts.test_runner import (  # noqa: F401 - pytest finds them here, with the `any_bench` of this folder
    test_an_attempt_is_found_by_its_token_while_it_lasts,
    test_an_attempt_that_ends_by_itself_has_exited_with_its_code,
    test_an_attempt_whose_folder_or_log_is_missing_does_not_start,
    test_cancel_ends_an_obedient_attempt_before_its_grace_is_over,
    test_every_attempt_is_reported_once_and_only_to_who_asks_for_it,
    test_kill_ends_a_stubborn_attempt_at_once_although_its_grace_has_begun,
    test_the_lasting_handle_names_the_process_to_others_and_no_stranger_later,
    test_unknown_handles_are_left_alone,
)

pytestmark = pytest.mark.long
