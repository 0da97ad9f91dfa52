"""The forms in which a secret may turn up in a log: as it is, and in the encodings that programs print values in."""

from __future__ import annotations

from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Shorter values are not looked for: they would be found in everything.
SHORTEST = 6
#: What a line of wrapped base64 holds, in bytes: 76 characters by RFC 2045, 64 by RFC 7468.
_WRAPPED = (57, 48)
_ANSI_C = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 27: "\\E", 39: "\\'", 92: "\\\\"}
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SHELL_SPECIAL = frozenset(b" \t!\"#$&'()*;<>?[\\]^`{|}~,=:@%")


def forms(secret: bytes) -> frozenset[bytes]:
    """Every form of the secret that is at least 6 bytes long; none of a secret that is shorter.

    Raw; base64 in both alphabets, also within a longer text and wrapped; percent-encoded for URLs; escaped as in JSON,
    in Python and by shells; hexadecimal; and each line of a secret of several lines. Of a secret within a longer text
    in base64, up to 4 bits at each end share a character with their neighbours and are left.
    """
    whole = secret.rstrip(b"\r\n")
    if len(whole) < SHORTEST:
        return frozenset()
    found = {secret, whole, *whole.splitlines(), *_base64(whole), *_url(whole), *_hex(whole), *_shell(whole)}
    with suppress(UnicodeDecodeError):  # then it is no text that anything would escape as such
        found.update(_text(whole.decode()))
    return frozenset(each for each in found if len(each) >= SHORTEST)


def _base64(secret: bytes) -> Iterator[bytes]:
    for size in _WRAPPED:
        for start in range(0, len(secret), size) if len(secret) > size else ():
            yield from _alphabets(_encoded(secret[start : start + size]).rstrip(b"="))
    yield from _alphabets(_encoded(secret))
    yield from _alphabets(_encoded(secret).rstrip(b"="))
    for before in range(3):
        # Only characters all of whose 6 bits are the secret's are the same in every text.
        first, last = (8 * before + 5) // 6, 8 * (before + len(secret)) // 6
        yield from _alphabets(_encoded(b"\0" * before + secret)[first:last])


def _encoded(data: bytes) -> bytes:
    from binascii import b2a_base64

    return b2a_base64(data, newline=False)


def _alphabets(encoded: bytes) -> tuple[bytes, bytes]:
    return encoded, encoded.replace(b"+", b"-").replace(b"/", b"_")


def _url(secret: bytes) -> Iterator[bytes]:
    for digits in (b"%%%02X", b"%%%02x"):
        for safe in (_UNRESERVED, _UNRESERVED | {47}, frozenset[int]()):
            quoted = b"".join(b"%c" % byte if byte in safe else digits % byte for byte in secret)
            yield quoted
            yield quoted.replace(b"%20", b"+")


def _hex(secret: bytes) -> tuple[bytes, bytes]:
    return secret.hex().encode(), secret.hex().upper().encode()


def _shell(secret: bytes) -> Iterator[bytes]:
    """As `shlex.quote`, `sh -x` and `printf %q` write it, without the outer quotes: what they hold is the secret."""
    yield secret.replace(b"'", b"'\"'\"'")
    yield secret.replace(b"'", b"'\\''")
    yield b"".join(b"\\%c" % byte if byte in b'\\"$`' else b"%c" % byte for byte in secret)
    yield b"".join(b"\\%c" % byte if byte in _SHELL_SPECIAL else b"%c" % byte for byte in secret)
    for unprintable in ("\\%03o", "\\x%02x", "\\x%02X"):
        yield "".join(_ANSI_C.get(b) or (chr(b) if 32 <= b < 127 else unprintable % b) for b in secret).encode()
    # beyond ASCII a shell in a UTF-8 locale writes the characters themselves
    yield b"".join(_ANSI_C[b].encode() if b in _ANSI_C else b"%c" % b for b in secret)


def _text(secret: str) -> Iterator[bytes]:
    from json import dumps

    for escaped in (dumps(secret)[1:-1], dumps(secret, ensure_ascii=False)[1:-1]):
        for each in (escaped, escaped.replace("/", "\\/")):
            yield each.encode()
    yield repr(secret)[1:-1].encode()
    yield repr(secret.encode())[2:-1].encode()
