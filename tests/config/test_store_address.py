"""`state: postgresql://...`: what is refused, and where its password does not go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from config.configs import HEAD
from support.builders import utc
from tetra_orchestrator.config import cache
from tetra_orchestrator.config.glance import look
from tetra_orchestrator.core.needed import needed

if TYPE_CHECKING:
    from config.configs import Folder
    from tetra_orchestrator.config.load import Loaded

ONE = "pipelines: {a: {command: [x]}}\n"
OPEN, SECRET = "postgresql://me@host/db", "postgresql://me:ge%40heim@host/db"


def kept(folder: Folder) -> str:
    """All that is in the cache."""
    files = (folder.path / "state" / "cache").glob("*") if (folder.path / "state" / "cache").is_dir() else ()
    return "".join(file.read_text() for file in files)


def by_variable(folder: Folder) -> Loaded:
    folder.environ["STORE"] = SECRET
    return folder.native(f"state: ${{STORE}}\n{ONE}")


@pytest.mark.parametrize("written", ["me:ge@heim", "me:ge/heim", "me:ge%heim"])
def test_an_address_that_can_be_misread_is_refused_without_showing_it(folder: Folder, written: str) -> None:
    shown = folder.faults(f"state: postgresql://{written}@host/db\n{ONE}")
    assert shown == (
        "f.yaml:3:8: the login in the address of the store cannot be told from the host\n"
        "  state: postgresql://me:***@host/db\n"
        "         ^\n"
        "  hint: write such a sign of the password by its number: %40 for @, %2F for /, %3F for ?, %25 for %"
    )


def test_a_password_in_the_file_is_warned_of(folder: Folder) -> None:
    [warning] = folder.native(f"state: {SECRET}\n{ONE}").warnings
    assert warning.code == "password_in_file"
    assert warning.render().splitlines()[1:] == [
        "  state: postgresql://me:***@host/db",
        "         ^",
        "  hint: leave it to ~/.pgpass, or write ${VARIABLE} in its place",
    ]


def test_a_password_from_a_variable_is_not_warned_of(folder: Folder) -> None:
    assert by_variable(folder).warnings == ()


def test_a_password_is_masked_wherever_it_turns_up_as_written_and_as_sent(folder: Folder) -> None:
    loaded = by_variable(folder)
    assert set(loaded.secrets) == {"ge%40heim", "ge@heim"}
    assert loaded.project.store_url == SECRET


def test_what_has_a_password_is_never_kept_and_what_has_none_is(folder: Folder) -> None:
    for url, there in ((SECRET, False), (OPEN, True)):
        path = folder.write(f"{HEAD}state: {url}\n{ONE}")
        cache.load(path, environ=folder.environ)
        look(path, folder.environ, utc(2026, 3, 1))
        assert ("heim" in kept(folder), "postgresql://me@host/db" in kept(folder)) == (False, there)


def test_where_a_run_is_remembered_is_kept_without_the_password(folder: Folder) -> None:
    loaded = by_variable(folder)
    cache.remember(loaded.project)
    assert kept(folder).splitlines()[2] == OPEN


def test_a_server_is_no_folder_that_must_be_there(folder: Folder) -> None:
    project = folder.native(f"state: {SECRET}\n{ONE}").project
    places = needed(project, [], "/python").places
    assert not [place for place in places if "postgres" in place.path]
    assert f"{project.root}/state" in [place.path for place in places]


@pytest.mark.parametrize(
    "state",
    ["Postgresql://me:geheim-xyz@host/db", "postgresql:/me:geheim-xyz@host/db", "me:geheim-xyz@host/db"],
)
def test_the_login_of_an_address_that_is_none_is_not_shown(folder: Folder, state: str) -> None:
    folder.environ["STORE"] = state
    for written in (state, "${STORE}"):
        shown = folder.faults(f'state: "{written}"\n{ONE}')
        assert "is not the address of a store" in shown
        assert "geheim" not in shown
