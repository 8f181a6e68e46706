"""Durable messages per second, beside raw sqlite3 commits of the same group size on the same disk."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path

from benchmarks.table import Figure
from bot.store.store import Store
from dispatcher.model import Event, Message

FLIGHTS = ((1, 300), (64, 6_400), (512, 20_480))  # in flight, messages in all

TEXT = "a message of ordinary length, as people write them"


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as place:
        return [_one(Path(place), flight, count) for flight, count in FLIGHTS]


def _one(place: Path, flight: int, count: int) -> Figure:
    ours = asyncio.run(_puts(place / f"ours-{flight}.db", flight, count))
    raw = _raw(place / f"raw-{flight}.db", flight, count)
    aim = "≥ 2,000/s" if flight == 512 else ""
    beside = f"raw sqlite3, {flight} rows a commit"
    return Figure(f"durable puts, {flight} in flight", count / ours, "/s", count / raw, beside, aim)


async def _puts(file: Path, flight: int, count: int) -> float:
    store = await Store.open(f"sqlite:///{file}")
    begun = time.perf_counter()
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            event = Event(f"s{number % 100}", "bench", "", f"e{number}")
            message = Message(event, "@a", "A", TEXT, "t")
            await store.inbox.put(message, max_waiting=10**9, refusal=None)

    await asyncio.gather(*(worker() for _ in range(flight)))
    seconds = time.perf_counter() - begun
    await store.close()
    return seconds


def _raw(file: Path, flight: int, count: int) -> float:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (id INTEGER, text TEXT)")
    begun = time.perf_counter()
    for start in range(0, count, flight):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO t VALUES (?, ?)",
            [(start + n, TEXT) for n in range(flight)],
        )
        connection.execute("COMMIT")
    seconds = time.perf_counter() - begun
    connection.close()
    return seconds
