"""The twin's steps: where a test can crash it, hang it, or close the disk under it."""

from __future__ import annotations

import asyncio

import pytest

from bot.store.memory import Disk, MemoryStore
from dispatcher.model import Accepted, Duplicate, Receipt, StoreUnavailable
from tests.contract.store_places import text


def put(store: MemoryStore, number: int) -> asyncio.Future[Receipt]:
    return store.inbox.put(text(number), max_waiting=9, refusal=None)


async def test_every_write_and_read_passes_its_steps_in_order() -> None:
    seen: list[str] = []

    async def step(point: str) -> None:
        seen.append(point)

    store = MemoryStore(Disk(), step=step)
    first, second = put(store, 1), store.ledger.claim("console/local", [1])
    await asyncio.gather(first, second)
    await store.ledger.queue("console/local", above=0, limit=1)
    assert seen == ["before put", "after put", "before claim", "after claim", "read queue"]


@pytest.mark.parametrize(("point", "kept"), [("before put", 0), ("after put", 1)])
async def test_a_crash_leaves_all_or_nothing_and_nobody_hears(point: str, kept: int) -> None:
    disk, reached = Disk(), asyncio.Event()

    async def step(at: str) -> None:
        if at == point:
            reached.set()
            await asyncio.Event().wait()

    store = MemoryStore(disk, step=step)
    first, second = put(store, 1), put(store, 2)
    await reached.wait()
    store.crash()
    await asyncio.sleep(0)
    assert not first.done()
    assert not second.done()
    again = MemoryStore(disk)
    assert (await again.books()).accepted == kept
    assert type(await put(again, 1)) is (Duplicate if kept else Accepted)


async def test_an_unavailable_disk_changes_nothing_and_the_next_write_goes_on() -> None:
    trouble = [StoreUnavailable("disk full")]

    async def step(at: str) -> None:
        if at == "before put" and trouble:
            raise trouble.pop()

    store = MemoryStore(Disk(), step=step)
    results = await asyncio.gather(put(store, 1), put(store, 2), return_exceptions=True)
    assert isinstance(results[0], StoreUnavailable)
    assert isinstance(results[1], Accepted)
    assert (await store.books()).accepted == 1


async def test_closing_waits_for_what_was_called() -> None:
    store = MemoryStore(Disk())
    called = [put(store, number) for number in range(5)]
    assert store.depth == 5
    await store.close()
    assert all(future.done() for future in called)
