"""`tenants: NAME: secrets:` of a native file, put in other words: as a secret of the file and a variable of the tenant.

`secrets: {KEY: {file: F}}` of the tenant `acme` means `TENANT_acme__KEY: {file: F}` among the file's `secrets`, and
`KEY: ${TENANT_acme__KEY}` in the tenant's `env`. So everything that holds for secrets holds for these, and no task of
another tenant is given one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tetra_orchestrator.config import scalars
from tetra_orchestrator.config.yaml_tree import Entry, Map, Scalar, find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.config.problems import Problems
    from tetra_orchestrator.config.yaml_tree import Node


#: What a name of ours holds besides letters and digits, and how that stands before the first `__` of a variable.
_SIGNS = {sign: f"_{ord(sign):x}_" for sign in "_-"}
_VARIABLE = re.compile(r"TENANT_((?:[A-Za-z0-9]|_5f_|_2d_)+)__(.+)")


def variable(tenant: str, name: str) -> str:
    """The variable that stands for a secret of a tenant, and for no other."""
    return f"TENANT_{''.join(_SIGNS.get(sign, sign) for sign in tenant)}__{name}"


def told(variable_: str) -> str:
    """What the user calls a secret."""
    found = _VARIABLE.fullmatch(variable_)
    if found is None:
        return variable_
    tenant = re.sub("_(5f|2d)_", lambda sign: chr(int(sign[1], 16)), found[1])
    return f"{found[2]} of the tenant '{tenant}'"


def with_tenant_secrets(tree: Node, problems: Problems) -> Node:
    """The tree in the file's own words; what is not of its shape is left to the checks of the file.

    A variable that the tenant's `env` has, too, is reported.
    """
    found = list(_found(tree))
    if not found or not isinstance(tree, Map):
        return tree
    declared = dict(_entries(tree, "secrets"))
    tenants = dict(_entries(tree, "tenants"))
    for tenant, name, entry in found:
        mark, own = tenants[tenant]
        assert isinstance(own, Map)
        env = _entries(own, "env")
        if name in env:
            path = ("tenants", tenant, "secrets", name)
            message = f"the tenant '{tenant}' has '{name}' in 'env' and in 'secrets'"
            problems.error("two_sources", entry.mark, path, message, "keep one of the two")
        declared[variable(tenant, name)] = entry
        reference = Scalar(entry.mark, f"${{{variable(tenant, name)}}}", True)
        given = Map(own.mark, {**env, name: Entry(entry.mark, reference)})
        tenants[tenant] = Entry(mark, Map(own.mark, {**own.entries, "env": Entry(mark, given)}))
    changed = {"secrets": Entry(tree.mark, Map(tree.mark, declared)), "tenants": _replaced(tree, tenants)}
    return Map(tree.mark, {**tree.entries, **changed})


def _replaced(tree: Map, tenants: dict[str, Entry]) -> Entry:
    mark, value = tree.entries["tenants"]
    return Entry(mark, Map(value.mark, tenants))


def _found(tree: Node) -> Iterator[tuple[str, str, Entry]]:
    """The tenant, the variable and the source of each secret of a tenant."""
    for tenant, entry in _entries(tree, "tenants").items():
        if isinstance(entry.value, Map) and isinstance(find(entry.value, ("env",))[0], Map):
            secrets = _entries(entry.value, "secrets").items()
            yield from ((tenant, name, secret) for name, secret in secrets if _is_sound(name, secret.value))


def _is_sound(name: str, source: Node) -> bool:
    """Whether it is of its shape: what is not would be complained of twice."""
    keys = list(source.entries) if isinstance(source, Map) else []
    return keys in (["file"], ["command"]) and re.fullmatch(scalars.VARIABLE, name) is not None


def _entries(tree: Node, key: str) -> dict[str, Entry]:
    value = tree.entries[key].value if isinstance(tree, Map) and key in tree.entries else None
    return value.entries if isinstance(value, Map) else {}
