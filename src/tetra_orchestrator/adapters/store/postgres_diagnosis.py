"""How a PostgreSQL store keeps its promises: which server, how durable, and whether it is whole."""

from __future__ import annotations

from tetra_orchestrator.adapters.store.postgres_upgrade import VERSION
from tetra_orchestrator.core.diagnosis import ERROR, OK, WARNING, Diagnosis
from tetra_orchestrator.core.store_address import without_password

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.store.postgres import PostgresDatabase

_SETTINGS = """
SELECT current_setting('server_version'), current_setting('synchronous_commit'), current_setting('fsync'),
    current_setting('full_page_writes'), pg_database_size(current_database())
"""


def diagnose(db: PostgresDatabase, url: str) -> list[Diagnosis]:
    """The findings about the store behind `url`, by its live connection."""
    import psycopg

    [(server, synchronous, fsync, pages, size)] = db.rows(_SETTINGS)
    library = f"{without_password(url)}: PostgreSQL {server} through psycopg {psycopg.__version__}"
    whole = f"all tables and columns of version {VERSION} are there, and {size} bytes are in the database"
    return [
        Diagnosis("store_library", OK, library),
        _durability(synchronous, fsync, pages),
        Diagnosis("store_content", OK, whole),
    ]


def _durability(synchronous: str, fsync: str, pages: str) -> Diagnosis:
    """What a session cannot set is the server's own, and only told."""
    if fsync != "on":
        message = f"fsync={fsync}: the server says that a commit is on the disk before it is"
        return Diagnosis("store_durability", ERROR, message, "set fsync = on in the server's postgresql.conf")
    if pages != "on":
        message = f"full_page_writes={pages}: a power cut can leave torn pages on most disks"
        return Diagnosis("store_durability", WARNING, message, "set full_page_writes = on in postgresql.conf")
    message = f"synchronous_commit={synchronous}: a commit is on the server's disk when it is told"
    return Diagnosis("store_durability", OK, message)
