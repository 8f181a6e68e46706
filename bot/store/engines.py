"""SQLAlchemy engines for the two databases, tuned for one writer and few readers."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from bot.store.failures import BadDatabaseUrl

BUSY_TIMEOUT = 5_000  # milliseconds that SQLite waits for another process's lock
READERS = 3

# Nothing of ours takes long; a statement that does hangs on something that waiting does not cure.
_POSTGRES_OPTIONS = "-c statement_timeout=30s -c lock_timeout=10s"
_POSTGRES_ARGUMENTS = {
    "connect_timeout": 5,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "options": _POSTGRES_OPTIONS,
}


def parsed(url: str) -> URL:
    """Raises BadDatabaseUrl (without quoting the address: it may hold a password)."""
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise BadDatabaseUrl(reason="it cannot be read") from error
    backend = address.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise BadDatabaseUrl(reason=f"`{backend}` is not supported")
    if backend == "sqlite" and address.database in (None, "", ":memory:"):
        raise BadDatabaseUrl(reason="a file is needed")
    return address


def is_sqlite(address: URL) -> bool:
    return address.get_backend_name() == "sqlite"


def sqlite_file(address: URL) -> Path:
    return Path(address.database or "")


def writer_engine(address: URL) -> AsyncEngine:
    """For one connection that is kept; transactions take SQLite's write lock when they begin."""
    return _async_engine(address, "BEGIN IMMEDIATE", poolclass=NullPool)


def reader_engine(address: URL) -> AsyncEngine:
    """A few connections whose transactions see one snapshot."""
    if is_sqlite(address):
        return _async_engine(address, "BEGIN", pool_size=READERS, max_overflow=0)
    return _async_engine(
        address, "", pool_size=READERS, max_overflow=0, pool_pre_ping=True, isolation_level="REPEATABLE READ"
    )


def plain_engine(address: URL) -> Engine:
    """A blocking one, for migrations."""
    if is_sqlite(address):
        engine = create_engine(
            address.set(drivername="sqlite+pysqlite"),
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={"isolation_level": None},
        )
        _tune_sqlite(engine, "BEGIN IMMEDIATE")
        return engine
    return create_engine(
        address.set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"connect_timeout": 5},
    )


def _async_engine(address: URL, begin: str, **options: object) -> AsyncEngine:
    # hide_parameters: error texts reach logs, and parameters are what people wrote.
    if is_sqlite(address):
        engine = create_async_engine(
            address.set(drivername="sqlite+aiosqlite"),
            hide_parameters=True,
            connect_args={"isolation_level": None},
            **options,
        )
        _tune_sqlite(engine.sync_engine, begin)
        return engine
    return create_async_engine(
        address.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        connect_args=dict(_POSTGRES_ARGUMENTS),
        **options,
    )


def _tune_sqlite(engine: Engine, begin: str) -> None:
    """The driver stays in autocommit and SQLAlchemy begins: the driver's own BEGIN comes too late for a snapshot
    (docs.sqlalchemy.org, pysqlite, "Serializable isolation / Savepoints / Transactional DDL")."""

    @event.listens_for(engine, "connect")
    def set_up(connection, record):  # type: ignore[no-untyped-def]  # the adapter's class is private to SQLAlchemy
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "journal_size_limit=67108864",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
