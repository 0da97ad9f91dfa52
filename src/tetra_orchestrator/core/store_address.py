"""The address of a store, as `state:` has it: of which kind it is, and what of it may be shown and kept."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: How the address of a PostgreSQL database begins (libpq, section Connection URIs).
POSTGRES = ("postgresql://", "postgres://")
_SECRET = ("password=", "sslpassword=")


def is_postgres(url: str) -> bool:
    """Whether it names a PostgreSQL database."""
    return url.startswith(POSTGRES)


def without_password(url: str) -> str:
    """The address without the passwords in it; any other than of PostgreSQL as it is."""
    if not is_postgres(url):
        return url
    scheme, login, hosts, path, options = _split(url)
    user = login.partition(":")[0]
    shown = "&".join(option for option in options if not option.startswith(_SECRET))
    return f"{scheme}://{user}{'@' if login else ''}{hosts}{path}{'?' if shown else ''}{shown}"


def passwords(url: str) -> Iterator[str]:
    """The passwords in the address of a PostgreSQL database, as they are written there."""
    if not is_postgres(url):
        return
    _, login, _, _, options = _split(url)
    given = [login.partition(":")[2], *(option.partition("=")[2] for option in options if option.startswith(_SECRET))]
    yield from filter(None, given)


def is_ambiguous(url: str) -> bool:
    """Whether a sign in it that should be written as `%40` or the like would have part of a password taken as host."""
    _, _, rest = url.partition("://")
    login, at, hosts = _authority(rest).rpartition("@")
    beyond = rest[len(_authority(rest)) :]
    tokens = url.split("%")[1:]
    return (
        "@" in login
        or (not at and "@" in beyond)
        or any(sign.isspace() for sign in url)
        or any(len(token) < 2 or not all(digit in "0123456789abcdefABCDEF" for digit in token[:2]) for token in tokens)
    )


def _split(url: str) -> tuple[str, str, str, str, list[str]]:
    """Scheme, login, hosts, path and options."""
    scheme, _, rest = url.partition("://")
    authority = _authority(rest)
    login, _, hosts = authority.rpartition("@")
    path, _, options = rest[len(authority) :].partition("?")
    return scheme, login, hosts, path, options.split("&")


def _authority(rest: str) -> str:
    return rest.partition("/")[0].partition("?")[0]
