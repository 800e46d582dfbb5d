"""The version of the tables: checked on every open, changed by Alembic when it is old.

Alembic takes 0.3 s to import, so it is imported only when there is something for it to do.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect

from tacit.errors import StoreTooNew
from tacit.store.database import Database
from tacit.store.failures import damaged, read_only

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Every revision in `migrations/versions`, oldest first."""


def ensure_schema(database: Database) -> None:
    """Bring the tables to the newest revision; several processes may do so at once.

    Raises `StoreTooNew`, `StoreDamaged` for a file that is not ours, or `StoreReadOnly` when it had to change.
    """
    found = _revision(database)
    if found == REVISIONS[-1]:
        return
    if found is not None and found not in REVISIONS:
        raise StoreTooNew(
            f"The database {database.path} was written by a newer Tacit (schema {found}; this one knows "
            f"{REVISIONS[-1]}).",
            hint="Update Tacit, or name another data folder with --data or TACIT_DATA.",
        )
    if not database.writable:
        raise read_only(database.path, "an older Tacit wrote it, so its tables have to be changed first")
    _upgrade(database)


def _revision(database: Database) -> str | None:
    """Return the revision of the tables, None for an empty database."""
    with database.read() as connection:
        tables = inspect(connection).get_table_names()
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise damaged(database.path, "it is not a database of Tacit")
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()


def _upgrade(database: Database) -> None:
    from alembic import command  # slow to import, rarely needed
    from alembic.config import Config  # as above

    config = Config()
    folder = Path(__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    with database.write(durable=True) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
