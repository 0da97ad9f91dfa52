"""The address of a store: what of it may be shown, and which addresses can be misread."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.core.store_address import is_ambiguous, is_postgres, passwords, without_password

SOUND = [
    ("postgresql://host/db", "postgresql://host/db", []),
    ("postgres://me@host:5433/db", "postgres://me@host:5433/db", []),
    ("postgresql://me:geheim@host/db", "postgresql://me@host/db", ["geheim"]),
    ("postgresql://me:@host/db", "postgresql://me@host/db", []),
    ("postgresql://me:a:b@h1:1,h2:2/db?sslmode=require", "postgresql://me@h1:1,h2:2/db?sslmode=require", ["a:b"]),
    ("postgresql://host/db?user=me&password=geheim", "postgresql://host/db?user=me", ["geheim"]),
    ("postgresql://host?sslpassword=x&password=y", "postgresql://host", ["x", "y"]),
    ("postgresql:///db", "postgresql:///db", []),
    ("postgresql://%2Fvar%2Frun/db", "postgresql://%2Fvar%2Frun/db", []),
    ("sqlite:////var/a:b@c.db", "sqlite:////var/a:b@c.db", []),
]


@pytest.mark.parametrize(("url", "shown", "secret"), SOUND)
def test_an_address_is_shown_and_kept_without_its_passwords(url: str, shown: str, secret: list[str]) -> None:
    assert without_password(url) == shown
    assert list(passwords(url)) == secret
    assert without_password(shown) == shown
    assert not is_ambiguous(url) or not is_postgres(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:p@ss@host/db",
        "postgresql://me:p/ss@host/db",
        "postgresql://me:p?ss@host/db",
        "postgresql://me:p%ss@host/db",
        "postgresql://me:p%2@host/db",
        "postgresql://me:p ss@host/db",
        "postgresql://me:p\nss@host/db",
    ],
)
def test_an_address_whose_password_would_be_taken_apart_is_ambiguous(url: str) -> None:
    assert is_ambiguous(url)


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_any_password_can_be_written_and_none_of_it_stays(password: str) -> None:
    try:
        written = quote(password, safe="")
    except UnicodeEncodeError:
        return  # a lone surrogate is no text that anybody sends
    url = f"postgresql://me:{written}@host/db"
    assert not is_ambiguous(url)
    assert list(passwords(url)) == [written]
    assert without_password(url) == "postgresql://me@host/db"
