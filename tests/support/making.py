"""make as somebody types it, though make may have started these tests, and in the background."""

from support.components import require

#: make would say which folder it enters, and whoever is in the background ignores what Ctrl-C sends.
_UNTOLD = ("env", "-u", "MAKEFLAGS", "-u", "MFLAGS", "-u", "MAKELEVEL", "--default-signal=INT")


def make_words(*words: str) -> list[str]:
    """The command line of make with these words."""
    return [*_UNTOLD, require("make"), *words]
