"""The database: reachable, and of which revision."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.checks.base import Check
from bot.errors import UserError

NAME = "database"


def revision(url: str) -> Check:
    from bot.store.engines import is_sqlite, parsed, sqlite_file

    try:
        address = parsed(url)
    except UserError as exc:
        return Check(NAME, False, str(exc), "correct database_url in bot.toml")
    return _of_file(sqlite_file(address)) if is_sqlite(address) else _of_server(url)


def file(url: str) -> Path | None:
    """Of SQLite; None: the database is a server's, or the address is none."""
    from bot.store.engines import is_sqlite, parsed, sqlite_file

    try:
        address = parsed(url)
    except UserError:
        return None
    return sqlite_file(address) if is_sqlite(address) else None


def _of_file(file: Path) -> Check:
    if not file.exists():
        return Check(NAME, True, f"{file} will be made by the first start")
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as connection:
            found = {str(row[0]) for row in connection.execute("SELECT version_num FROM alembic_version")}
    except sqlite3.Error as exc:
        return Check(NAME, False, f"{file} cannot be read: {exc}", "tugbot migrate")
    return _compare(found, str(file))


def _of_server(url: str) -> Check:
    import psycopg

    # the driver's name is SQLAlchemy's; libpq does not know it
    address = url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        with psycopg.connect(address, connect_timeout=5) as connection:
            table = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
            rows = connection.execute("SELECT version_num FROM alembic_version") if table and table[0] else ()
            return _compare({str(row[0]) for row in rows}, "PostgreSQL")
    except psycopg.Error as exc:
        text = " ".join(str(exc).split())
        return Check(NAME, False, f"PostgreSQL: {text}", "start the server, or correct database_url in bot.toml")


def _compare(found: set[str], where: str) -> Check:
    head = _head()
    if found == {head}:
        return Check(NAME, True, f"{where}, revision {head}")
    written = ", ".join(sorted(found)) or "none"
    return Check(NAME, False, f"{where} has revision {written}, this program {head}", "tugbot migrate")


def _head() -> str:
    from bot.store.migrations import HEAD

    return HEAD
