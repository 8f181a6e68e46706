"""Database errors, told apart by what helps: wait and try again, or look at the one value that cannot be stored."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bot.errors import OperatorError, UserError
from dispatcher.model import Fenced, StoreUnavailable

# Primary result codes (https://sqlite.org/rescode.html) of a state that passes: the statement was not at fault.
_SQLITE_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
# SQLSTATE classes and codes (PostgreSQL manual, appendix A): connection, rollback, resources, operator, system;
# lock not available, read-only transaction.
_POSTGRES_PASSING = ("08", "40", "53", "57", "58", "55P03", "25006")


# What a database layer raises. A value it cannot store comes as a plain ValueError or OverflowError of the driver.
_DATABASE = (SQLAlchemyError, OSError, ValueError, OverflowError)


class WriteFailed(OperatorError):
    """The store could not write ({operation}): {reason}"""


class AlreadyRunning(UserError):
    """Another Tugbot works on this database: process {pid} on {host}.
    Stop that one first, or give this one a database of its own."""


class UnknownRevision(UserError):
    """This database was written by a newer Tugbot: its schema is at {revisions}, which this version does not know.
    Start the newer version again, or restore the copy that it made before it changed the schema
    (`….backup-…` beside a SQLite database)."""


class NotADatabase(UserError):
    """The file that should hold Tugbot's database holds something else, or was damaged.
    Put a copy of the database back, or move the file away to begin with an empty one."""


class BadDatabaseUrl(UserError):
    """The database address is not one Tugbot can use: {reason}.
    It must look like `sqlite:///path/to/tugbot.db` or `postgresql+psycopg://user@host/name`."""


def translated(error: Exception, operation: str) -> Exception:
    """What a caller of the store is told instead of `error`. Never holds a value that was to be written."""
    if isinstance(error, (Fenced, StoreUnavailable)) or not isinstance(error, _DATABASE):
        return error
    if passing(error):
        return StoreUnavailable(reason_of(_cause(error)))
    if _sqlite_code(_cause(error)) == sqlite3.SQLITE_NOTADB:
        return NotADatabase()
    return WriteFailed(operation=operation, reason=reason_of(_cause(error)))


def passing(error: Exception) -> bool:
    """Whether the same write may well succeed later."""
    if isinstance(error, (StoreUnavailable, OSError)):
        return True
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or _passing_cause(error.orig)


def lost(error: Exception) -> bool:
    """Whether trying each write of a group alone would only meet the same closed door, one timeout after the other."""
    return passing(error) and not _full(error)


def suspect(error: Exception) -> bool:
    """Whether the connection should not be used again. A full disk or somebody's lock is not its fault."""
    busy = _sqlite_code(_cause(error)) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return passing(error) and not busy and not _full(error)


def disconnected(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _full(error: Exception) -> bool:
    cause = _cause(error)
    return _sqlite_code(cause) == sqlite3.SQLITE_FULL or getattr(cause, "sqlstate", None) == "53100"


def _cause(error: Exception) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _passing_cause(cause: BaseException | None) -> bool:
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) in _SQLITE_PASSING
    state = getattr(cause, "sqlstate", None)
    if state is None:
        # psycopg: an operational error without a state comes from the connection, not from the server.
        return type(cause).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout")
    return str(state).startswith(_POSTGRES_PASSING)


def _sqlite_code(cause: BaseException | None) -> int:
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF


def reason_of(cause: BaseException) -> str:
    """The first line only, and only the type's name where the text may quote the value that failed."""
    if isinstance(cause, UnicodeError):
        return "the text holds a character that is not Unicode"
    state = str(getattr(cause, "sqlstate", None) or "")
    if state.startswith("23"):  # a constraint: its name is in the first line, the values are in the others
        return str(cause).splitlines()[0]
    if state and not state.startswith(_POSTGRES_PASSING):
        return f"{type(cause).__name__} ({state})"
    return (str(cause).splitlines() or [type(cause).__name__])[0][:300]
