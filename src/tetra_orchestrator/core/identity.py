"""Names that we make: run ids and fencing tokens."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

#: RFC 4648 base32 in lower case.
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def run_id(now: datetime, entropy: bytes) -> str:
    """`YYYYMMDDTHHMMSSZ-xxxxxx`: sorts by time; the six letters take 30 bits of `entropy` (4 bytes or more)."""
    number = int.from_bytes(entropy[:4], "big")
    letters = "".join(_ALPHABET[number >> shift & 31] for shift in range(0, 30, 5))
    return f"{now:%Y%m%dT%H%M%SZ}-{letters}"


def token(entropy: bytes) -> str:
    """The fencing token that an attempt's processes carry in their environment."""
    return entropy.hex()
