"""Group commit: what shares a transaction, what fails alone, what an abandoned caller leaves behind."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert, text

from bot.store.database import Database
from bot.store.failures import WriteFailed
from bot.store.inbox import Inbox
from bot.store.migrations import migrate
from bot.store.tables import sessions
from dispatcher.model import Accepted, Message, Receipt, StoreUnavailable
from tests.contract.store_places import text as message

SURROGATE = "\ud800"  # no transport lets it through; no database can store it


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/tugbot.db"
    migrate(url)
    database = await Database.open(url)
    yield database
    await database.close()


def put(database: Database, put: Message) -> asyncio.Future[Receipt]:
    return Inbox(database).put(put, max_waiting=1_000, refusal=None)


def commits(database: Database) -> list[str]:
    """Grows with every transaction of the writer."""
    seen: list[str] = []
    event.listen(database._write_engine, "commit", lambda connection: seen.append("commit"))
    return seen


async def count(database: Database) -> int:
    return await database.read("count", lambda c: int(c.execute(text("SELECT count(*) FROM messages")).scalar_one()))


async def test_what_waits_is_written_in_one_transaction(database: Database) -> None:
    seen = commits(database)
    inbox = Inbox(database)
    futures = [inbox.put(message(n), max_waiting=1_000, refusal=None) for n in range(300)]
    await asyncio.gather(*futures)
    assert len(seen) == 1


async def test_a_bad_row_fails_alone(database: Database) -> None:
    puts = [message(n) for n in range(20)]
    puts[7] = replace(puts[7], text=f"broken {SURROGATE}")
    puts[13] = replace(puts[13], sent_at="yesterday")  # type: ignore[arg-type]  # a bug elsewhere
    results = await asyncio.gather(*(put(database, one) for one in puts), return_exceptions=True)
    failed = [number for number, result in enumerate(results) if not isinstance(result, Accepted)]
    assert 7 in failed
    assert set(failed) <= {7, 13}
    assert isinstance(results[7], WriteFailed)
    assert "broken" not in str(results[7])
    assert await count(database) == 20 - len(failed)


async def test_an_error_never_quotes_what_was_to_be_written(database: Database) -> None:
    def twice(connection: Connection) -> None:
        row = {"session": "hunter2", "mode": "collect", "last_seen": 0.0}
        connection.execute(insert(sessions), [row, row])

    with pytest.raises(WriteFailed, match="UNIQUE") as caught:
        await database.write("twice", twice)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None  # the driver's own words may quote it


async def test_neighbours_are_given_to_the_database_together(database: Database) -> None:
    calls: list[list[int]] = []

    def note(connection: Connection, values: Sequence[int]) -> Sequence[int]:
        calls.append(list(values))
        return values

    first = [database.write_together("note", note, n) for n in (1, 2)]
    between = database.write("other", lambda connection: None)
    last = database.write_together("note", note, 3)
    assert await asyncio.gather(*first, between, last) == [1, 2, None, 3]
    assert calls == [[1, 2], [3]]


async def test_a_locked_database_fails_the_group_once_and_works_afterwards(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await database.write("hurry", lambda connection: None)
    await database.write("hurry", lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout=50").close())
    other = sqlite3.connect(tmp_path / "tugbot.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    results = await asyncio.gather(*(put(database, message(n)) for n in range(200)), return_exceptions=True)
    assert {type(result) for result in results} == {StoreUnavailable}
    assert "locked" in database.trouble
    await asyncio.gather(put(database, message(1)), return_exceptions=True)
    other.execute("ROLLBACK")
    other.close()
    assert isinstance(await put(database, message(1)), Accepted)
    assert database.trouble == ""
    assert [record.levelname for record in caplog.records] == ["ERROR"]  # once, however many callers were told


async def test_abandoned_callers_leave_no_trace(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))

    async def caller(number: int) -> None:
        if number % 3 == 0:
            await put(database, message(number, SURROGATE))
        elif number % 3 == 1:
            await put(database, message(number))
        else:
            await database.read("broken", lambda connection: connection.execute(text("SELECT nonsense")))

    tasks = [asyncio.create_task(caller(number)) for number in range(300)]
    await asyncio.sleep(0)
    for turn, task in enumerate(tasks):
        task.cancel()
        if turn % 50 == 0:
            await put(database, message(f"while {turn}"))
    await asyncio.gather(*tasks, return_exceptions=True)
    await put(database, message("last"))
    gc.collect()
    assert complaints == []
    assert caplog.records == []
    assert await count(database) >= 100 + 7


async def test_closing_finishes_what_was_called_and_refuses_the_rest(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tugbot.db"
    migrate(url)
    database = await Database.open(url)
    called = [put(database, message(n)) for n in range(900)]  # more than one group
    assert database.depth == 900
    await database.close()
    assert all(isinstance(future.result(), Accepted) for future in called)
    with pytest.raises(StoreUnavailable, match="closed"):
        await put(database, message("late"))


async def test_opening_what_is_no_database_says_so_and_leaves_no_thread(tmp_path: Path) -> None:
    (tmp_path / "tugbot.db").mkdir()
    with pytest.raises(StoreUnavailable):
        await Database.open(f"sqlite:///{tmp_path}/tugbot.db")
