"""Which bot process owns the data: one number, raised at every start; an older process writes nothing more."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, text, update

from bot.store.failures import AlreadyRunning
from bot.store.tables import incarnations, messages, outbox, runs, scheduled, transcript
from dispatcher.model import Fenced

# Names Tugbot's session-level advisory lock among whatever else uses the database: ASCII "tugbot", then zeros.
LOCK = int.from_bytes(b"tugbot\0\0", "big")


@dataclass(slots=True)
class Counters:
    """The highest ids given so far, committed or not. One process writes, so it can count by itself."""

    messages: int
    runs: int
    outbox: int
    scheduled: int
    transcript: int

    def next_message(self) -> int:
        self.messages += 1
        return self.messages

    def next_run(self) -> int:
        self.runs += 1
        return self.runs

    def next_outbox(self) -> int:
        self.outbox += 1
        return self.outbox

    def next_scheduled(self) -> int:
        self.scheduled += 1
        return self.scheduled

    def next_said(self) -> int:
        self.transcript += 1
        return self.transcript


def begin(connection: Connection, now: float) -> tuple[int, Counters]:
    """Take the data over: the new incarnation and where counting goes on. Raises AlreadyRunning (PostgreSQL)."""
    if not locked(connection):
        raise already_running(connection)
    return _raised(connection, now), Counters(
        *(connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one() for table in _COUNTED)
    )


_COUNTED = (messages, runs, outbox, scheduled, transcript)


def check(connection: Connection, incarnation: int) -> str:
    """First in every writing transaction. Raises Fenced; gives PostgreSQL's transaction id ("" for SQLite).

    FOR SHARE makes a takeover wait for this transaction, and this transaction see a takeover. SQLite needs neither:
    BEGIN IMMEDIATE has excluded every other writer already.
    """
    if connection.dialect.name == "sqlite":
        number, transaction = connection.execute(select(incarnations.c.number)).scalar_one(), ""
    else:
        number, transaction = connection.execute(_CHECK_SHARED).one()
    if number != incarnation:
        raise Fenced
    return str(transaction)


_CHECK_SHARED = text("SELECT number, CAST(pg_current_xact_id() AS text) FROM incarnation FOR SHARE")


def locked(connection: Connection) -> bool:
    """Whether this session holds the advisory lock; it ends with the session, so a dead bot never blocks the next."""
    if connection.dialect.name == "sqlite":
        return True  # the data directory's lock file keeps a second bot out
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}).scalar_one())


def committed(connection: Connection, transaction: str) -> bool:
    """Whether a transaction whose COMMIT was never answered took place. Its own session must have ended."""
    status = connection.execute(text("SELECT pg_xact_status(CAST(:id AS xid8))"), {"id": transaction}).scalar_one()
    return bool(status == "committed")


def _raised(connection: Connection, now: float) -> int:
    values = {"pid": os.getpid(), "boot_id": boot_id(), "host": socket.gethostname(), "started_at": now}
    raised = update(incarnations).values(number=incarnations.c.number + 1, **values).returning(incarnations.c.number)
    number = connection.execute(raised).scalar_one_or_none()
    if number is None:
        number = 1
        connection.execute(insert(incarnations).values(id=1, number=number, **values))
    return int(number)


def already_running(connection: Connection) -> AlreadyRunning:
    first = connection.execute(select(incarnations.c.pid, incarnations.c.host)).one_or_none()
    pid, host = first or ("unknown", "an unknown host")
    return AlreadyRunning(pid=pid, host=host)


def boot_id() -> str:
    """ "" where the kernel keeps none."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else ""
