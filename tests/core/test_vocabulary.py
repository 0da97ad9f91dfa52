"""The states in the words of the five documents."""

from __future__ import annotations

import pytest

from tetra_orchestrator.adapters.store.standing import WORST
from tetra_orchestrator.core.states import RunState, TaskState
from tetra_orchestrator.core.vocabulary import STANDINGS, VOCABULARIES

#: The words that the documents have; `dativo` has none but for ends, so that ours are there beside its own.
TASKS = {
    "recomart": {"PENDING", "RUNNING", "SUCCESS", "FAILURE", "SKIPPED", "TIMEOUT"},
    "stages": {"PENDING", "RUNNING", "SUCCESS", "FAILED", "SKIPPED"},
    "tetra": {"pending", "running", "completed", "failed"},
    "tauro": {"pending", "running", "completed", "failed", "retrying", "cancelled"},
}
RUNS = {
    "recomart": {"PENDING", "RUNNING", "SUCCESS", "FAILURE", "TIMEOUT"},
    "stages": {"PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"},
    "tetra": {"scheduled", "running", "success", "partial", "failed"},
    "tauro": {"PENDING", "RUNNING", "COMPLETED", "FAILED"},
}


@pytest.mark.parametrize("name", VOCABULARIES)
def test_every_state_has_a_word_in_each_vocabulary(name):
    words = VOCABULARIES[name]
    assert set(words.tasks) == set(TaskState)
    assert set(words.runs) == set(RunState)
    assert set(words.pipelines) == set(STANDINGS)
    assert all(words.last(state) for state in (*WORST, "running", "queued"))


@pytest.mark.parametrize("name", TASKS)
def test_R_118_A_126_T_107_X_156_no_other_words_are_used_than_the_document_s(name):
    words = VOCABULARIES[name]
    assert set(words.tasks.values()) == TASKS[name]
    assert set(words.runs.values()) == RUNS[name]


def test_our_own_words_are_the_states_themselves():
    native = VOCABULARIES["native"]
    assert all(state == word for table in native for state, word in table.items())


@pytest.mark.parametrize(
    ("name", "state", "word"),
    [
        ("recomart", "succeeded", "SUCCESS"),
        ("recomart", "timed_out", "TIMEOUT"),
        ("recomart", "upstream_failed", "SKIPPED"),
        ("stages", "succeeded", "COMPLETED"),
        ("stages", "cancelled", "CANCELLED"),
        ("stages", "lost", "FAILED"),
        ("tetra", "succeeded", "success"),
        ("tetra", "partial", "partial"),
        ("tetra", "upstream_failed", "failed"),
        ("dativo", "succeeded", "success"),
        ("dativo", "timed_out", "failure"),
        ("tauro", "cancelled", "FAILED"),
    ],
)
def test_how_a_pipeline_s_last_run_ended_in_the_words_of_a_document(name, state, word):
    assert VOCABULARIES[name].last(state) == word
