"""The variables that stand for the secrets of tenants."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.config import scalars
from tetra_orchestrator.config.tenant_secrets import told, variable

TENANTS = st.from_regex(scalars.NAME, fullmatch=True) | st.text("ab_-25fd", min_size=1, max_size=8).filter(
    lambda name: name[0] != "-"
)
NAMES = st.from_regex(scalars.VARIABLE, fullmatch=True) | st.text("AB_", min_size=1, max_size=6)


@given(TENANTS, NAMES)
def test_the_variable_tells_whose_secret_it_is_and_what_it_is_called_so_no_two_share_one(tenant, name):
    assert told(variable(tenant, name)) == f"{name} of the tenant '{tenant}'"


@given(TENANTS, NAMES)
def test_it_is_a_variable_that_a_file_can_name(tenant, name):
    assert re.fullmatch(scalars.VARIABLE, variable(tenant, name))


def test_a_variable_of_the_users_own_is_called_what_it_is_called():
    assert told("API_KEY") == "API_KEY"
    assert told("TENANT_NAME") == "TENANT_NAME"
