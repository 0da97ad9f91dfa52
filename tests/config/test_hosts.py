"""What a file may say of several hosts: pools that they share, and how long a host may be silent."""

from __future__ import annotations

import pytest

TASK = "pipelines: {a: {module: m}}"
POSTGRES = "state: postgresql://tetra@db/tetra\n"


def test_a_pool_is_a_number_or_says_whose_it_is(folder):
    text = f"{POSTGRES}{TASK}\npools: {{a: 2, b: {{size: 3}}, c: {{size: 4, scope: shared}}}}"
    project = folder.native(text).project
    assert (project.pools, project.shared_pools) == ((("a", 2), ("b", 3), ("c", 4)), ("c",))


@pytest.mark.parametrize(("state", "shared"), [(POSTGRES, ("c", "runner big")), ("", ())])
def test_the_jobs_of_a_runner_are_those_of_all_hosts_that_share_the_store(folder, state, shared):
    pools = "pools: {c: {size: 4, scope: shared}}\n" if state else ""
    project = folder.native(f"{state}{pools}runners: {{big: {{type: slurm}}}}\n{TASK}").project
    assert project.shared_pools == shared


def test_a_pool_cannot_be_shared_with_hosts_that_do_not_see_the_store(folder):
    assert folder.faults(f"pools: {{a: {{size: 2, scope: shared}}}}\n{TASK}") == (
        "f.yaml:3:29: the pool 'a' cannot be shared: the store is a file of this host, which no other host sees\n"
        "  pools: {a: {size: 2, scope: shared}}\n"
        "                              ^\n"
        "  hint: write `scope: host`, or name a PostgreSQL database in `state:`"
    )


def test_a_tasks_weight_has_to_fit_into_a_pool_that_says_more_than_its_size(folder):
    text = "pools: {a: {size: 2}}\npipelines: {p: {module: m, pool: {a: 3}}}"
    assert "'p' takes 3 of the pool 'a', which has 2\n" in folder.faults(text)


@pytest.mark.parametrize(("given", "seconds"), [("", 60.0), ("host: {timeout: 2m}\n", 120.0)])
def test_a_host_may_be_silent_for_a_minute_if_nothing_else_is_said(folder, given, seconds):
    assert folder.native(f"{given}{TASK}").project.host.timeout_s == seconds


def test_a_host_is_not_given_up_within_a_restart_of_the_server(folder):
    assert folder.faults(f"host: {{timeout: 9s}}\n{TASK}") == (
        "f.yaml:3:17: 'timeout' is 9 s, and a server takes longer to be restarted\n"
        "  host: {timeout: 9s}\n"
        "                  ^\n"
        "  hint: write 10s or more"
    )


@pytest.mark.parametrize(
    ("timeout", "grace", "warned"),
    [
        ("60s", "10s", []),
        ("46s", "10s", []),
        (
            "44s",
            "10s",
            ["a host that is cut off may need 45 s to end its tasks, and others take its runs over after 44 s"],
        ),
        (
            "60s",
            "1m",
            ["a host that is cut off may need 103 s to end its tasks, and others take its runs over after 60 s"],
        ),
    ],
)
def test_others_may_not_take_over_what_a_host_has_not_ended_yet(folder, timeout, grace, warned):
    text = f"host: {{timeout: {timeout}}}\npipelines: {{a: {{module: m, kill_grace: {grace}}}}}"
    assert folder.warnings(POSTGRES + text) == warned
    assert folder.warnings(text) == []
