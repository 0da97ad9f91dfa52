"""Two hosts with one database, as a user of either sees them: two folders, each of which is a place of its own."""

from __future__ import annotations

import pytest

from cli.conftest import Site

TASK = """shell: 'echo start >>"{journal}"; {meanwhile}; echo end >>"{journal}"'"""
UNTIL_BOTH = 'until test $(grep -c start "{journal}") = 2; do sleep 0.05; done'
FILE = """\
state: {url}
pools: {{warehouse: {{size: 2, scope: {scope}}}}}
pipelines: {{{name}: {{pool: {{warehouse: 2}}, {task}}}}}
"""
SCHEDULED = """\
state: {url}
pipelines: {{a: {{command: ["true"]}}}}
modes: {{daily: [a]}}
schedules: {{daily: {{mode: daily, every: 1s}}}}
"""


@pytest.fixture
def hosts(tmp_path, postgres_url):
    """Makes two hosts whose tasks take all of a pool, and the file in which both write."""

    def make(scope, meanwhile="sleep 0.2"):
        journal = tmp_path / "journal"
        task = TASK.format(journal=journal, meanwhile=meanwhile.format(journal=journal))
        sites = [Site(tmp_path / name) for name in ("here", "there")]
        for site in sites:
            site.configure(FILE.format(url=postgres_url, scope=scope, name=site.root.name, task=task))
        return sites, journal

    return make


@pytest.mark.parametrize(
    ("scope", "meanwhile", "written"),
    [("shared", "sleep 1", ["start", "end", "start", "end"]), ("host", UNTIL_BOTH, ["start", "start", "end", "end"])],
)
def test_a_shared_pool_holds_for_both_hosts_and_any_other_for_each(hosts, scope, meanwhile, written):
    sites, journal = hosts(scope, meanwhile)
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


def test_another_project_in_the_same_database_is_refused_before_anything_of_it_is_taken(tmp_path, postgres_url):
    shop, bank = Site(tmp_path / "shop"), Site(tmp_path / "bank")
    for site in (shop, bank):
        site.configure(SCHEDULED.format(url=postgres_url))
        file = site.root / "config" / "orchestration.yaml"
        file.write_text(file.read_text().replace("project: demo", f"project: {site.root.name}"))
    assert shop.run("run").returncode == 0
    for command in (("run",), ("fire", "daily"), ("prune", "--dry-run"), ("schedule", "audit"), ("pause", "a")):
        done = bank.run(*command)
        assert (done.returncode, done.stderr) == (
            69,
            f"error: {postgres_url}: the runs in it are those of the project 'shop', and a database holds one project:"
            " this is 'bank'\n"
            "  hint: name another database in `state:`; if this project was renamed:"
            " UPDATE orchestration.runs SET project = 'bank'\n",
        ), command


def test_a_project_with_a_new_name_goes_on_after_the_statement_that_its_error_tells(tmp_path, postgres, postgres_url):
    site = Site(tmp_path / "renamed")
    site.configure(SCHEDULED.format(url=postgres_url))
    assert site.run("run").returncode == 0
    file = site.root / "config" / "orchestration.yaml"
    file.write_text(file.read_text().replace("project: demo", "project: shop"))
    statement = site.run("run").stderr.strip().rpartition("renamed: ")[2]
    with postgres.connect(postgres_url.rpartition("/")[2]) as db:
        db.execute(statement)
    assert site.run("run").returncode == 0
