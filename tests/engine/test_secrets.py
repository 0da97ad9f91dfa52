"""What is shown and stored of an attempt holds no secret."""

from tetra_orchestrator.core.outcome import Exited, OutputsInvalid
from tetra_orchestrator.engine.secrets import given_secrets, masked, without_secrets


def test_a_secret_counts_as_given_where_it_stands_anywhere_in_a_text():
    assert given_secrets(("s3cret", "other1"), ["--url", "https://u:s3cret@host"]) == (b"s3cret",)
    assert given_secrets(("s3cret",), ["s3", "cret"]) == ()


def test_the_text_of_an_outcome_shows_no_secret_that_it_quotes():
    quoted = OutputsInvalid("the output 'a' is 'x s3cret-long two\\nlines', not s3cret")
    told = without_secrets(quoted, ("s3cret", "s3cret-long", "two\nlines"))
    assert told == OutputsInvalid("the output 'a' is 'x *** ***', not ***")
    assert without_secrets(Exited(3), ("s3cret",)) == Exited(3)


def test_outputs_are_masked_however_deep_and_keep_their_shape():
    outputs = {"url": "https://u:s3cret@host", "rows": 3, "more": [{"s3cret": ["a s3cret", None, True]}]}
    assert masked(outputs, ("s3cret",)) == {
        "url": "https://u:***@host",
        "rows": 3,
        "more": [{"***": ["a ***", None, True]}],
    }
    assert masked(outputs, ()) == outputs
