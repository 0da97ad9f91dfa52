"""What a PostgreSQL server and the line to it can do while a store is in use: faults 63 to 68, and other processes."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from adapters.store.history import AT, Diary, event, later, run, task
from support.postgres import Server
from support.proxy import Proxy
from support.waiting import until
from tetra_orchestrator.adapters.store import postgres_faults
from tetra_orchestrator.adapters.store.postgres import PostgresStore
from tetra_orchestrator.core.changes import EventLogged
from tetra_orchestrator.errors import CannotWrite, Exit, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The whole statement, where a transaction begins as READ COMMITTED.
COMMIT = b"COMMIT\0"


@pytest.fixture(scope="module")
def durable() -> Iterator[Server]:
    """A server of these tests' own, which keeps what it commits."""
    server = Server(durable=True)
    yield server
    server.remove()


@pytest.fixture
def url(durable: Server) -> str:
    return durable.store()


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    with closing(PostgresStore(url)) as opened:
        Diary(opened).open("r1", "a", "b")
        yield opened


@pytest.fixture
def proxied(durable: Server, url: str) -> Iterator[tuple[Proxy, PostgresStore]]:
    """A store behind a line that can be cut, with a run `r1`."""
    proxy = Proxy(durable.port)
    with closing(PostgresStore(url.replace(f":{durable.port}/", f":{proxy.port}/"))) as opened:
        Diary(opened).open("r1", "a", "b")
        yield proxy, opened
    proxy.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for longer than a moment."""
    monkeypatch.setattr(postgres_faults, "RESTART_S", 0.3)
    monkeypatch.setattr(postgres_faults, "PATIENCE_S", 0.3)


def logged(store: PostgresStore, seq: int) -> None:
    store.record([EventLogged(event(seq))])


def kept(url: str) -> list[int]:
    """The numbers of the events of `r1`, as another process reads them."""
    with closing(PostgresStore(url)) as other:
        return [one.seq for one in other.events("r1")]


def terminate(server: Server, store: PostgresStore) -> None:
    pid = store.connection.info.backend_pid
    with server.connect() as db:
        db.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


# -- the server comes back ----------------------------------------------------------------------------------------


def test_63_a_server_that_is_restarted_between_two_commits_holds_nothing_up(
    durable: Server, store: PostgresStore, url: str
) -> None:
    for seq in range(1, 4):
        logged(store, seq)
        durable.restart()
    store.request("r1", "cancel", AT)
    assert store.requests("r1") == ["cancel"]
    assert kept(url) == [1, 2, 3]


def test_63_a_server_that_is_restarted_between_two_reads_holds_nothing_up(
    durable: Server, store: PostgresStore
) -> None:
    before = store.runs()
    durable.restart()
    assert store.runs() == before


def test_63_a_server_that_is_just_starting_is_waited_for(durable: Server, store: PostgresStore, url: str) -> None:
    durable.stop()
    durable.start(wait=False)
    logged(store, 1)
    assert kept(url) == [1]


def test_65_a_session_that_somebody_ends_is_followed_by_another(
    durable: Server, store: PostgresStore, url: str
) -> None:
    terminate(durable, store)
    logged(store, 1)
    terminate(durable, store)
    assert [one.seq for one in store.events("r1")] == [1]


def test_a_session_that_ends_amid_a_change_leaves_nothing_of_it(
    durable: Server, store: PostgresStore, url: str
) -> None:
    def events() -> Iterator[Any]:
        yield EventLogged(event(1))
        terminate(durable, store)
        yield EventLogged(event(2))

    with pytest.raises(StoreError) as caught:
        super(PostgresStore, store).record(events())
    assert caught.value.message.startswith("the server went away: ")
    assert caught.value.hint == "nothing of the change was recorded; start the server, then run the command again"
    assert (caught.value.code, caught.value.exit_code) == ("store_lost", Exit.UNAVAILABLE)
    logged(store, 3)
    assert kept(url) == [3]


# -- the server stays away ----------------------------------------------------------------------------------------


def test_64_a_server_that_is_gone_at_the_start_is_told(durable: Server, url: str) -> None:
    durable.stop()
    try:
        with pytest.raises(StoreError) as caught:
            PostgresStore(url)
    finally:
        durable.start()
    assert str(caught.value) == (
        f'{url}: no connection to the server: connection to server at "127.0.0.1", port {durable.port} failed:'
        " Connection refused\n"
        "  hint: start the server, or correct `state:`; docs/postgresql.md tells where passwords belong"
    )
    assert (caught.value.code, caught.value.exit_code) == ("store_unavailable", Exit.UNAVAILABLE)


@pytest.mark.usefixtures("impatient")
def test_64_a_server_that_stays_away_is_told_and_used_again_when_it_is_back(
    durable: Server, store: PostgresStore, url: str
) -> None:
    durable.stop()
    try:
        for act in (lambda: logged(store, 1), store.runs):
            with pytest.raises(StoreError, match="the server went away: no connection to the server: ") as caught:
                act()
            assert caught.value.code == "store_lost"
    finally:
        durable.start()
    logged(store, 2)
    assert kept(url) == [2]


def test_67_a_server_that_does_not_have_the_last_commit_is_refused(durable: Server, tmp_path: Any) -> None:
    server = Server(durable=True)
    copy = server.folder / "copy"
    try:
        url = server.store()
        with closing(PostgresStore(url)) as store:
            Diary(store).open("r1", "a")
            server.stop()
            shutil.copytree(server.data, copy)
            server.start()
            logged(store, 1)
            server.stop()
            shutil.rmtree(server.data)
            copy.rename(server.data)
            for path in (server.data, *server.data.rglob("*")):
                shutil.chown(path, *([server.folder.owner()] * 2))
            server.start()
            with pytest.raises(StoreError) as caught:
                logged(store, 2)
        assert str(caught.value) == (
            f"{url}: the server does not have what was recorded a moment ago: it is another one, or a copy from before"
            "\n  hint: connect to the server that was in use, or restore its latest state"
        )
        assert kept(url) == []
    finally:
        server.remove()


# -- a commit breaks off ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("one_by_one", [False, True])
def test_68_a_commit_whose_answer_is_lost_was_made_and_is_not_made_again(
    proxied: tuple[Proxy, PostgresStore], url: str, one_by_one: bool
) -> None:
    proxy, store = proxied
    proxy.cut(COMMIT, answered=True)
    if one_by_one:
        store.request("r1", "cancel", AT)
        assert store.requests("r1") == ["cancel"]
    else:
        logged(store, 1)
        assert kept(url) == [1]
    assert proxy.cuts == 1


def test_68_a_commit_that_the_server_has_not_heard_was_not_made(proxied: tuple[Proxy, PostgresStore], url: str) -> None:
    proxy, store = proxied
    proxy.cut(COMMIT, answered=False)
    with pytest.raises(StoreError, match="the server went away: ") as caught:
        logged(store, 1)
    assert caught.value.code == "store_lost"
    assert (proxy.cuts, kept(url)) == (1, [])
    logged(store, 1)
    assert kept(url) == [1]


@pytest.mark.usefixtures("impatient")
def test_68_a_commit_of_which_nobody_can_tell_is_said_to_be_in_doubt(
    durable: Server, proxied: tuple[Proxy, PostgresStore], url: str
) -> None:
    proxy, store = proxied
    proxy.cut(COMMIT, answered=True)
    with durable.connect() as db:  # a commit then waits for a replica that there is not
        db.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        db.execute("SELECT pg_reload_conf()")
        try:
            time.sleep(1)  # until its checkpointer has read that, which shows nowhere
            with pytest.raises(StoreError) as caught:
                logged(store, 1)
        finally:
            db.execute("ALTER SYSTEM RESET synchronous_standby_names")
            db.execute("SELECT pg_reload_conf()")
    assert caught.value.message.startswith(
        "the server went away during a commit, and whether that was made is not known: "
    )
    assert caught.value.code == "store_lost"


def test_a_line_that_is_cut_before_a_change_is_made_is_followed_by_another(
    proxied: tuple[Proxy, PostgresStore], url: str
) -> None:
    proxy, store = proxied
    proxy.cut(b"BEGIN", answered=False)
    logged(store, 1)
    proxy.cut(b"SELECT run_id", answered=True)
    assert [one.run_id for one in store.runs()] == ["r1"]
    assert (proxy.cuts, kept(url)) == (2, [1])


# -- other processes ----------------------------------------------------------------------------------------------


def test_two_writers_take_turns(url: str, store: PostgresStore) -> None:
    """Each change is a count that is read and written, which only a lock from the start keeps right."""

    def count_up(times: int) -> None:
        with closing(PostgresStore(url)) as own:
            db = own._db
            for _ in range(times):
                db.commit(
                    lambda: db.change("UPDATE metrics SET value = ?", (db.rows("SELECT value FROM metrics")[0][0] + 1,))
                )

    store.connection.execute("INSERT INTO metrics (at, name, value) VALUES (0, 'count', 0)")
    threads = [threading.Thread(target=count_up, args=(25,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert store.connection.execute("SELECT value FROM metrics").fetchall() == [(100.0,)]


@pytest.mark.usefixtures("impatient")
def test_54_a_store_locked_by_another_process_is_told(url: str, store: PostgresStore) -> None:
    with closing(PostgresStore(url)) as other, closing(PostgresStore(url)) as third:
        other._db._begin([])
        with pytest.raises(StoreError) as caught:
            logged(third, 1)
        name, pid = (
            other.connection.info.get_parameters()["fallback_application_name"],
            other.connection.info.backend_pid,
        )
        assert str(caught.value) == (
            f"{url}: another process has kept the store locked for 0.3 s: {name} (server process {pid}, from"
            " 127.0.0.1/32)\n  hint: let it finish, or end it; `SELECT * FROM pg_locks` shows all locks"
        )
        assert caught.value.code == "store_busy"
        other._db._roll_back()
        logged(third, 1)
    assert kept(url) == [1]


@pytest.mark.usefixtures("impatient")
def test_54_somebody_who_locks_a_table_by_hand_is_told(durable: Server, url: str, store: PostgresStore) -> None:
    with psycopg.connect(url, application_name="psql") as by_hand, closing(PostgresStore(url)) as other:
        by_hand.execute("LOCK TABLE orchestration.events")
        with pytest.raises(StoreError, match="psql \\(server process ") as caught:
            logged(other, 1)
        assert caught.value.code == "store_busy"
        assert other.runs() == store.runs()


# -- what the server refuses --------------------------------------------------------------------------------------


def refusing(store: PostgresStore, code: str) -> None:
    """Have the server raise the error of that number at the next event."""
    store.connection.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"  # type: ignore[arg-type]
        f" $$ BEGIN RAISE 'no more' USING ERRCODE = '{code}'; END $$;"
        "CREATE TRIGGER fail BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION fail()"
    )


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("53100", CannotWrite, "the server's disk is full: no more\n  hint: free some space on the server"),
        ("25006", CannotWrite, "the server takes no changes: no more\n  hint: name the primary server in `state:`"),
        ("42501", CannotWrite, "the server does not allow it: no more\n  hint: docs/postgresql.md lists the rights"),
        ("XX001", StoreError, "the store cannot be used: no more\n  hint: see the server's log"),
    ],
)
def test_what_the_server_refuses_is_told_and_nothing_of_the_change_stays(
    store: PostgresStore, url: str, code: str, kind: type[Exception], text: str
) -> None:
    refusing(store, code)
    with pytest.raises(kind) as caught:
        logged(store, 1)
    assert str(caught.value) == f"{url}: {text}"
    assert kept(url) == []
    store.open_run(run("r2")._replace(started_at=later(1)), [task("r2", "a", 0)], [], "")


def test_a_table_that_is_gone_is_told_by_its_name(store: PostgresStore, url: str) -> None:
    store.connection.execute("DROP TABLE outputs CASCADE")
    with pytest.raises(StoreError) as caught:
        store.task_runs("r1")
    assert str(caught.value) == (
        f'{url}: the store is damaged: relation "outputs" does not exist\n'
        "  hint: `psql` with this address shows the same; nothing is repaired by itself, restore a backup of the"
        " database"
    )


# -- under load ---------------------------------------------------------------------------------------------------


def write_on(url: str, run_id: str, stop: threading.Event, told: list[int]) -> None:
    """Commit one event after the other, each until it is recorded, as a run's journal does."""
    with closing(PostgresStore(url)) as own:
        Diary(own).open(run_id, "a")
        seq, doubtful = 1, False
        while not stop.is_set():
            try:
                if not doubtful or seq not in [one.seq for one in own.events(run_id)]:
                    own.record([EventLogged(event(seq)._replace(run_id=run_id))])
                told.append(seq)
                seq, doubtful = seq + 1, False
            except StoreError as error:
                if error.code != "store_lost":
                    raise
                doubtful = True


def test_63_a_server_that_crashes_again_and_again_under_load_loses_and_doubles_nothing(
    durable: Server, url: str
) -> None:
    stop = threading.Event()
    told: dict[str, list[int]] = {f"w{number}": [] for number in range(4)}
    threads = [threading.Thread(target=write_on, args=(url, name, stop, done)) for name, done in told.items()]
    for thread in threads:
        thread.start()
    until(lambda: all(told.values()))
    for _ in range(5):
        time.sleep(0.7)
        durable.restart()
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join(60)
    with closing(PostgresStore(url)) as store:
        found = {name: [one.seq for one in store.events(name)] for name in told}
    for name, done in told.items():
        assert done == list(range(1, len(done) + 1)), "nobody was stopped by it"
        assert len(done) > 5
        assert found[name] in (done, [*done, len(done) + 1])
