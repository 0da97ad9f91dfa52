"""What is masked, whatever the form and wherever the stream is cut."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.adapters.runner.output.encodings import SHORTEST, forms
from tetra_orchestrator.adapters.runner.output.redaction import LONGEST_LINE, MASK, Redactor

SECRET = b"p\xc3\xa4ss w/rd+'\"$x\\&?"
TEXT = SECRET.decode()
LINES = b"-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nab\nAQEFAASCBKcwggSjAgEA+/\n-----END KEY-----\n"


def masked(data: bytes, *secrets: bytes, size: int = 0, patterns: tuple[bytes, ...] = ()) -> bytes:
    redactor = Redactor(secrets, patterns)
    size = size or len(data) or 1
    pieces = [redactor.feed(data[at : at + size]) for at in range(0, len(data), size)]
    return b"".join([*pieces, redactor.flush()])


FORMS = {
    "raw": SECRET,
    "base64": base64.b64encode(SECRET),
    "base64 without padding": base64.b64encode(SECRET).rstrip(b"="),
    "base64 for URLs": base64.urlsafe_b64encode(SECRET),
    "hex": SECRET.hex().encode(),
    "HEX": SECRET.hex().upper().encode(),
    "quote": quote(TEXT).encode(),
    "quote of everything": quote(TEXT, safe="").encode(),
    "quote_plus": quote_plus(TEXT).encode(),
    "quote in lower case": quote_plus(TEXT).replace("%2F", "%2f").replace("%C3%A4", "%c3%a4").replace("%2B", "%2b")
    .replace("%3F", "%3f").replace("%5C", "%5c").encode(),
    "every byte in percent": b"".join(b"%%%02x" % byte for byte in SECRET),
    "JSON": json.dumps(TEXT)[1:-1].encode(),
    "JSON beyond ASCII": json.dumps(TEXT, ensure_ascii=False)[1:-1].encode(),
    "JSON with its slashes escaped": json.dumps(TEXT)[1:-1].replace("/", "\\/").encode(),
    "Python": repr(TEXT)[1:-1].encode(),
    "Python bytes": repr(SECRET)[2:-1].encode(),
    "shlex": shlex.quote(TEXT)[1:-1].encode(),
    "sh -x": TEXT.replace("'", "'\\''").encode(),
    "double quotes": TEXT.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_usual_form_is_masked(name: str) -> None:
    assert masked(b"a " + FORMS[name] + b" z\n", SECRET) == b"a *** z\n"


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("size", [1, 2, 7])
def test_no_form_slips_through_the_border_of_two_pieces(name: str, size: int) -> None:
    assert masked(b"a " + FORMS[name] + b" z\n", SECRET, size=size) == b"a *** z\n"


@pytest.mark.parametrize("before", [b"", b"u", b"us", b"use", b"user:"])
@pytest.mark.parametrize("after", [b"", b"!", b"!!", b"!!!", b"@host"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_of_a_longer_text_shows_at_most_a_character_at_each_end(before: bytes, after: bytes, encode) -> None:
    secret = b"?s3cr3t>to?ken~"
    text = encode(before + secret + after)
    shown = masked(text, secret).split(MASK)
    assert len(shown) == 2
    hidden = len(text) - len(shown[0]) - len(shown[1])
    assert hidden * 6 >= 8 * len(secret) - 8


@pytest.mark.parametrize(
    "command",
    ['printf %q "$S"', 'set -x; : "$S"', "declare -p S", 'echo "${S@Q}"', "base64 <<<$S", "od -An -tx1 <<<$S"],
)
def test_what_bash_itself_prints_is_masked(command: str) -> None:
    secret = 'it\'s a $ecret\twith "all" of \\it ä'
    shell = ["bash", "-c", command]
    done = subprocess.run(shell, env={"S": secret, "PATH": "/usr/bin:/bin"}, capture_output=True, check=True)
    printed = done.stdout + done.stderr
    if command.startswith("od"):
        assert MASK not in masked(printed, secret.encode()), "bytes apart from each other are no usual form"
    else:
        assert MASK in masked(printed, secret.encode())
        assert b"ecret" not in masked(printed, secret.encode())


def test_a_longer_secret_is_masked_whole_where_a_shorter_one_begins_it() -> None:
    assert masked(b"<token-1234> <token-1>", b"token-1", b"token-1234") == b"<***> <***>"


@pytest.mark.parametrize("size", [1, 3, 100])
def test_secrets_that_overlap_in_the_text_become_one_mask(size: int) -> None:
    assert masked(b"<abcdefghij>", b"abcdefg", b"efghij", size=size) == b"<***>"
    assert masked(b"<aaaaaaaaaaaaaaa>", b"aaaaaa", size=size) == b"<***>"
    assert masked(b"<secretsecret>", b"secret", size=size) == b"<******>"


def test_each_line_of_a_secret_of_several_lines_is_masked_alone() -> None:
    assert masked(b"key: AQEFAASCBKcwggSjAgEA+/ ok", LINES) == b"key: *** ok"
    assert masked(b"[" + LINES + b"]", LINES) == b"[***]"
    assert masked(b"ab", LINES) == b"ab", "too short to be told from anything else"


@pytest.mark.parametrize("width", [64, 76])
def test_base64_that_is_wrapped_into_lines_is_masked(width: int) -> None:
    secret = bytes(range(33, 123)) * 2
    whole = base64.b64encode(secret)
    lines = [whole[at : at + width] for at in range(0, len(whole), width)]
    left = masked(b"\n".join(lines), secret)
    assert not any(line in left for line in lines if len(line) >= SHORTEST)


def test_a_newline_at_the_end_of_a_secret_does_not_matter() -> None:
    assert masked(b"<hunter22>", b"hunter22\n") == b"<***>"


def test_secrets_that_are_too_short_are_left() -> None:
    assert forms(b"12345") == forms(b"") == frozenset()
    assert masked(b"12345", b"12345", b"") == b"12345"


def test_bytes_that_are_no_text_are_secrets_too() -> None:
    secret = b"\xff\xfe\x00\x80abc\x9f"
    assert masked(b"<" + secret + b"|" + secret.hex().encode() + b">", secret) == b"<***|***>"


def test_only_what_may_be_the_beginning_of_a_secret_is_held_back() -> None:
    redactor = Redactor([b"secret-value"])
    assert redactor.feed(b"progress 10% se") == b"progress 10% "
    assert redactor.feed(b"cond") == b"second"
    assert redactor.feed(b" secret-valu") == b" "
    assert redactor.flush() == b"secret-valu"


PIECES = st.lists(
    st.sampled_from([b"tokens", b"token", b"sandals", b"s", b"to", b"a", b"\n", b"ken", b"+"]), max_size=40
)


@given(PIECES, st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_where_the_stream_is_cut_makes_no_difference(pieces: list[bytes], sizes: list[int]) -> None:
    data, secrets = b"".join(pieces), (b"tokens", b"sandals", b"stokens")
    redactor, parts, at, turn = Redactor(secrets), [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        parts.append(redactor.feed(data[at : at + size]))
        at, turn = at + size, turn + 1
    result = b"".join([*parts, redactor.flush()])
    assert result == masked(data, *secrets)
    assert not any(secret in result for secret in secrets)


@given(st.binary(max_size=300), st.binary(min_size=SHORTEST, max_size=12))
def test_what_holds_no_secret_passes_unchanged(data: bytes, secret: bytes) -> None:
    if not any(form in data for form in forms(secret)):
        assert masked(data, secret, size=7) == data


# Patterns


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_pattern_is_masked_within_its_line(size: int) -> None:
    data = b"card 4111-1111-1111-1111 ok\npin=12\nrest 4111-1111"
    assert masked(data, size=size, patterns=(rb"\d{4}(-\d{4}){3}", rb"pin=\d+$")) == b"card *** ok\n***\nrest 4111-1111"


def test_patterns_and_secrets_hold_together() -> None:
    assert masked(b"k=hunter22 id=7", b"hunter22", patterns=(rb"id=\d",)) == b"k=*** ***"


def test_a_line_without_end_is_matched_in_pieces_and_not_kept() -> None:
    redactor = Redactor((), (rb"x{3}",))
    written = sum(len(redactor.feed(b"-" * 1000)) for _ in range(1000))
    assert written > 1_000_000 - LONGEST_LINE
