"""What our own interpreter has added to our environment."""

from __future__ import annotations

import pytest

from tetra_orchestrator.adapters.inherited import inherited


@pytest.fixture
def given(tmp_path):
    def write(content):
        (tmp_path / "environ").write_bytes(content)
        return str(tmp_path / "environ")

    return write


def test_a_locale_that_nobody_gave_us_is_not_inherited(given):
    environ = {"LC_CTYPE": "C.UTF-8", "LANG": "C"}
    assert inherited(environ, given(b"LANG=C\0")) == {"LANG": "C"}


def test_a_locale_that_was_changed_is_as_it_was_given(given):
    assert inherited({"LC_CTYPE": "C.UTF-8"}, given(b"A=1\0LC_CTYPE=C\0")) == {"LC_CTYPE": "C"}


@pytest.mark.parametrize("environ", [{"LC_CTYPE": "de_DE.UTF-8"}, {"LC_CTYPE": "C.UTF-8", "LC_ALL": "C.UTF-8"}, {}])
def test_what_no_interpreter_sets_stays(given, environ):
    assert inherited(environ, given(b"")) == environ


def test_where_the_system_does_not_tell_what_was_given_the_locale_stays(tmp_path):
    assert inherited({"LC_CTYPE": "UTF-8"}, str(tmp_path / "none")) == {"LC_CTYPE": "UTF-8"}
