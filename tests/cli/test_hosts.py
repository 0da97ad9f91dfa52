"""Two hosts with one database, as a user of either sees them: two folders, each of which is a place of its own."""

from __future__ import annotations

import pytest

from cli.conftest import Site

TASK = """shell: 'echo start >>"{journal}"; sleep 1; echo end >>"{journal}"'"""
FILE = """\
state: {url}
pools: {{warehouse: {{size: 2, scope: {scope}}}}}
pipelines: {{{name}: {{pool: {{warehouse: 2}}, {task}}}}}
"""


@pytest.fixture
def hosts(tmp_path, postgres_url):
    """Makes two hosts whose tasks take all of a pool, and the file in which both write."""

    def make(scope):
        journal = tmp_path / "journal"
        task = TASK.format(journal=journal)
        sites = [Site(tmp_path / name) for name in ("here", "there")]
        for site in sites:
            site.configure(FILE.format(url=postgres_url, scope=scope, name=site.root.name, task=task))
        return sites, journal

    return make


@pytest.mark.parametrize(
    ("scope", "written"),
    [("shared", ["start", "end", "start", "end"]), ("host", ["start", "start", "end", "end"])],
)
def test_a_shared_pool_holds_for_both_hosts_and_any_other_for_each(hosts, scope, written):
    sites, journal = hosts(scope)
    for process in [site.start("run") for site in sites]:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, (out, err)
    assert journal.read_text().split() == written


def test_the_history_is_one(hosts):
    sites, _ = hosts("host")
    assert [site.run("run").returncode for site in sites] == [0, 0]
    first, second = ([run["run_id"] for run in site.json("history")["runs"]] for site in sites)
    assert len(first) == 2
    assert first == second
