"""Brings a database to the schema of tables.py. Alembic itself is imported only where there is something to do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import URL

from bot.store import incarnation
from bot.store.engines import is_sqlite, parsed, sqlite_file, writer_engine
from bot.store.failures import UnknownRevision, translated

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0008"  # the newest revision; a test holds it to Alembic's own view


def migrate(url: str) -> None:
    """Create or update the schema; blocking. An older SQLite database is copied beside itself first.

    Raises BadDatabaseUrl, UnknownRevision, AlreadyRunning, StoreUnavailable.
    """
    address = parsed(url)
    if is_sqlite(address):
        _make_private(sqlite_file(address))
    engine = writer_engine(address)
    try:
        with engine.connect() as connection:
            found = revisions(connection)
            if found != {HEAD}:
                _upgrade(connection, address, found)
    except Exception as error:
        raise translated(error, "migrate") from error
    finally:
        engine.dispose()


def revisions(connection: Connection) -> frozenset[str]:
    """Empty for a database that Tugbot never used."""
    with connection.begin():
        if not inspect(connection).has_table("alembic_version"):
            return frozenset()
        return frozenset(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


def _make_private(file: Path) -> None:
    """Chats are nobody else's business; SQLite gives its side files the mode of the main one."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)


def _upgrade(connection: Connection, address: URL, found: frozenset[str]) -> None:
    config = configuration()
    if unknown := found - _known(config):
        raise UnknownRevision(revisions=", ".join(sorted(unknown)))
    if found and is_sqlite(address):
        back_up(sqlite_file(address), "-".join(sorted(found)))
    _run(connection, config)


def configuration() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _known(config: Config) -> frozenset[str]:
    from alembic.script import ScriptDirectory

    return frozenset(script.revision for script in ScriptDirectory.from_config(config).walk_revisions())


def _run(connection: Connection, config: Config) -> None:
    """All steps in one transaction: a crash leaves the old schema."""
    from alembic import command

    config.attributes["connection"] = connection
    with connection.begin():
        if not incarnation.locked(connection):
            raise incarnation.already_running(connection)
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # a large table may take its time
        command.upgrade(config, "head")


def back_up(file: Path, revision: str) -> Path:
    """A consistent copy through SQLite's backup API, readable by the owner only: `<file>.backup-<revision>`."""
    copy = file.with_name(f"{file.name}.backup-{revision}")
    copy.unlink(missing_ok=True)
    copy.touch(mode=0o600)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy
