"""SIGKILL, a full disk, a server that goes away: what was acknowledged is there, and writing goes on afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text

from bot.store.failures import AlreadyRunning
from bot.store.store import Store
from dispatcher.model import Accepted, Duplicate, Fenced, Message, Receipt, StoreUnavailable
from tests.contract.store_places import text as message
from tests.contract.store_templates import fresh_database, postgres_template, sqlite_template
from tests.postgres import Postgres, postgres

pytestmark = pytest.mark.integration

__all__ = ["postgres", "postgres_template", "sqlite_template"]  # fixtures

# Puts for ever, several at a time, and prints the event of each that was acknowledged.
PUTTER = """
import asyncio, sys
from bot.store.store import Store
from tests.contract.store_places import text

async def lane(store, lane):
    for number in range(10_000):
        name = f"{lane}-{number}"
        await store.inbox.put(text(name, name * 20), max_waiting=10**6, refusal=None)
        print(name, flush=True)

async def main():
    store = await Store.open(sys.argv[1])
    async with asyncio.TaskGroup() as lanes:
        for number in range(25):
            lanes.create_task(lane(store, number), name=f"lane {number}")

asyncio.run(main())
"""


def put(store: Store, one: Message) -> asyncio.Future[Receipt]:
    return store.inbox.put(one, max_waiting=10**6, refusal=None)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("acknowledged", [1, 137, 500])
async def test_a_killed_process_loses_nothing_that_it_acknowledged(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, acknowledged: int
) -> None:
    request.param = database
    url, _ = fresh_database(request, tmp_path)
    names = names_until_killed(url, acknowledged)
    store = await opened(url)
    receipts = await asyncio.gather(*(put(store, message(name)) for name in names))
    assert len(names) >= acknowledged
    assert {type(receipt) for receipt in receipts} == {Duplicate}
    await store.close()


def names_until_killed(url: str, acknowledged: int) -> list[str]:
    """What a process had acknowledged when it was killed, after so many names at the earliest."""
    with subprocess.Popen([sys.executable, "-c", PUTTER, url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(acknowledged)]
        process.send_signal(signal.SIGKILL)
        lines.extend(process.stdout)
    assert process.returncode == -signal.SIGKILL
    return [line.strip() for line in lines if line.endswith("\n")]


async def opened(url: str) -> Store:
    """PostgreSQL takes a moment to notice that a client died."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return await Store.open(url)
        except AlreadyRunning:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "small"
    disk.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let us mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


async def test_a_full_disk_is_said_and_survived(small_disk: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, small_disk / "tugbot.db")
    store = await Store.open(f"sqlite:///{small_disk}/tugbot.db")
    first = await put(store, message("first"))
    ballast = small_disk / "ballast"
    fill(ballast)
    full = await asyncio.gather(*(put(store, message(n, "x" * 20_000)) for n in range(40)), return_exceptions=True)
    assert any(isinstance(result, StoreUnavailable) for result in full)
    assert {type(result) for result in full} <= {StoreUnavailable, Accepted}
    kept = sum(isinstance(result, Accepted) for result in full)
    assert (await store.books()).accepted == 1 + kept
    ballast.unlink()
    assert isinstance(await put(store, message("after")), Accepted)
    assert await put(store, message("first")) == Duplicate(first.id)
    await store.close()


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return


@pytest.fixture
async def server(postgres: Postgres, postgres_template: str) -> AsyncIterator[Postgres]:
    yield postgres
    if postgres.process is None:
        postgres.start()


async def test_a_second_bot_is_refused_by_the_name_of_the_first(server: Postgres, postgres_template: str) -> None:
    url = server.url(server.create(postgres_template))
    first = await Store.open(url)
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()} on "):
        await Store.open(url)
    assert isinstance(await put(first, message(1)), Accepted)
    await first.close()
    await (await Store.open(url)).close()


async def test_a_server_that_goes_away_comes_back(server: Postgres, postgres_template: str) -> None:
    store = await Store.open(server.url(server.create(postgres_template)))
    first = await put(store, message("first"))
    server.stop(signal.SIGQUIT)
    for _ in range(2):
        away = await asyncio.gather(*(put(store, message(n)) for n in range(50)), return_exceptions=True)
        assert {type(result) for result in away} == {StoreUnavailable}
    with pytest.raises(StoreUnavailable):
        await store.books()
    server.start()
    assert isinstance(await put(store, message("after")), Accepted)
    assert await put(store, message("first")) == Duplicate(first.id)
    assert (await store.books()).accepted == 2
    await store.close()


async def test_a_lost_idle_connection_is_not_noticed(server: Postgres, postgres_template: str) -> None:
    name = server.create(postgres_template)
    store = await Store.open(server.url(name))
    await store.books()
    server.disconnect(name)
    assert isinstance(await put(store, message(1)), Accepted)
    assert (await store.books()).accepted == 1
    await store.close()


@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_without_an_answer_is_looked_up(
    server: Postgres, postgres_template: str, committed: bool
) -> None:
    name = server.create(postgres_template)
    store = await Store.open(server.url(name))

    lost: list[bool] = []

    def lose_the_answer(connection: Connection) -> None:
        if not lost:
            lost.append(committed)
            if committed:
                connection.exec_driver_sql("COMMIT")
            server.disconnect(name)

    event.listen(store._database._write_engine, "commit", lose_the_answer)
    receipts = await asyncio.gather(*(put(store, message(n)) for n in range(3)))
    assert lost == [committed]
    assert {type(receipt) for receipt in receipts} == {Accepted}
    assert (await store.books()).accepted == 3
    await store.close()


async def test_a_bot_that_lost_its_lock_to_another_is_fenced(server: Postgres, postgres_template: str) -> None:
    name = server.create(postgres_template)
    first = await Store.open(server.url(name))
    server.disconnect(name)
    second = await Store.open(server.url(name))
    with pytest.raises(Fenced):
        await put(first, message(1))
    assert isinstance(await put(second, message(1)), Accepted)
    await first.close()
    await second.close()


async def test_a_takeover_waits_for_the_transaction_under_way(server: Postgres, postgres_template: str) -> None:
    """The check at the front of a transaction holds until its end: nothing slips in between check and commit."""
    name = server.create(postgres_template)
    store = await Store.open(server.url(name))
    raised: list[float] = []

    def while_writing(connection: Connection) -> None:
        statement = "SET lock_timeout = '300ms'; UPDATE incarnation SET number = number + 1"
        with pytest.raises(Exception, match="lock timeout"):
            server.execute(statement, name)
        raised.append(1)

    await store._database.write("slow", while_writing)
    assert raised
    server.execute("UPDATE incarnation SET number = number + 1", name)
    with pytest.raises(Fenced):
        await store._database.write("late", lambda connection: connection.execute(text("SELECT 1")).scalar())
    await store.close()
