"""Live events to a thousand listeners, beside the least server-sent events that aiohttp can do: a queue for each.

The server is a process of its own, most listeners are another that only takes what comes; a few are here and look at
the clock. EVENTS_SECONDS is how long it goes on (20).
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeAlias

from aiohttp import web

from benchmarks.process import cpu, other, received, resident
from benchmarks.table import Figure, percentile
from bot.access.model import Account
from bot.gateway.callers import RECOGNISER
from bot.gateway.events import PATH, Backstage, mount
from bot.gateway.model import Caller
from bot.happenings import Board
from bot.happenings.model import RunNoted

SECONDS = float(os.environ.get("EVENTS_SECONDS") or 20)
RATE = 200  # events a second
LISTENERS = 1_000
WATCHED = 20  # of them look at the clock
TEXT = "a line of ordinary length, as agents write them " * 3
PATIENCE = 60.0  # seconds for everybody to be connected, and for what is late at the end
BESIDE = "a queue and a write for each listener"

Serve: TypeAlias = Callable[[web.Application], Callable[[], None]]  # gives what makes one event


def measure() -> list[Figure]:
    ours, bare = asyncio.run(_measured(_ours)), asyncio.run(_measured(_bare))
    what = f"{LISTENERS:,} listeners, {RATE} events/s"
    return [
        Figure(f"{what}: CPU for an event", ours.cpu * 1000, "ms", bare.cpu * 1000, BESIDE, f"< {1000 / RATE:.0f} ms"),
        Figure(f"{what}: kept pace at", ours.rate, "/s", bare.rate, BESIDE, f"{RATE}/s"),
        Figure(f"{what}: memory grows by", ours.memory, "MB", bare.memory, BESIDE, "bounded"),
        Figure(f"{what}: p95 late", ours.late * 1000, "ms", bare.late * 1000, BESIDE, "< 500 ms"),
        Figure(f"{what}: not heard", ours.missed, "of 100", bare.missed, BESIDE, "0"),
    ]


class Seen:
    def __init__(self) -> None:
        self.cpu = 0.0  # seconds of the server for one event, to all listeners
        self.rate = 0.0  # events told a second
        self.memory = 0.0  # MB by which the server grew, with its listeners
        self.lateness: list[float] = []  # seconds
        self.expected = 0

    @property
    def late(self) -> float:
        return percentile(self.lateness, 0.95)

    @property
    def missed(self) -> float:
        return 100 - 100 * len(self.lateness) / self.expected


async def _measured(serve: Serve) -> Seen:
    seen = Seen()
    async with other(_server, serve) as (server, order), asyncio.TaskGroup() as group:
        port = await received(order)
        alone = resident(server.pid or 0)
        async with other(_crowd, port) as (_, crowd):
            reading = [group.create_task(_watch(port, seen), name="watch") for _ in range(WATCHED)]
            await received(crowd)
            await _everybody(order)
            used, begun = cpu(server.pid or 0), time.perf_counter()
            told = await _asked(order, "go")
            seen.rate = told / (time.perf_counter() - begun)
            seen.memory = resident(server.pid or 0) - alone
            seen.expected = told * WATCHED
            await _settled(seen)
            seen.cpu = (cpu(server.pid or 0) - used) / told
            for task in reading:
                task.cancel()
    return seen


async def _everybody(order: Connection) -> None:
    """Until all are connected."""
    async with asyncio.timeout(PATIENCE):
        while await _asked(order, "listeners") < LISTENERS:  # noqa: ASYNC110, it is another process that knows
            await asyncio.sleep(0.1)


async def _settled(seen: Seen) -> None:
    """Until all is there, or nothing more comes."""
    deadline = time.monotonic() + PATIENCE
    before = -1
    while before != len(seen.lateness) < seen.expected and time.monotonic() < deadline:
        before = len(seen.lateness)
        await asyncio.sleep(1.0)


async def _watch(port: int, seen: Seen) -> None:
    reader, writer = await _listen(port)
    try:
        while line := await reader.readline():
            if line.startswith(b"data:") and b"told" in line:
                seen.lateness.append(time.time() - json.loads(json.loads(line[5:])["text"])["told"])
    finally:
        writer.close()


async def _listen(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return reader, writer


# ---------------------------------------------------------------- other processes


async def _asked(pipe: Connection, what: str) -> int:
    pipe.send(what)
    return int(await received(pipe))


def _crowd(pipe: Connection, port: int) -> None:
    asyncio.run(_take_all(pipe, port))


async def _take_all(pipe: Connection, port: int) -> None:
    streams = [await _listen(port) for _ in range(LISTENERS - WATCHED)]
    pipe.send("here")
    await asyncio.gather(*(_take(reader) for reader, _ in streams))


async def _take(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass


def _server(pipe: Connection, serve: Serve) -> None:
    asyncio.run(_serve(pipe, serve))


async def _serve(pipe: Connection, serve: Serve) -> None:
    app = web.Application()
    tell = serve(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    pipe.send(runner.addresses[0][1])
    while True:
        if await received(pipe) == "listeners":
            pipe.send(app[COUNT]())
        else:
            pipe.send(await _tell(tell))


COUNT: web.AppKey[Callable[[], int]] = web.AppKey("count")


async def _tell(tell: Callable[[], None]) -> int:
    """Told at an even pace, or as fast as it goes; how many there were in the time."""
    loop = asyncio.get_running_loop()
    begun, number = loop.time(), 0
    while loop.time() < begun + SECONDS:
        tell()
        number += 1
        await asyncio.sleep(max(0.0, begun + number / RATE - loop.time()))
    return number


def _text() -> str:
    return json.dumps({"told": time.time(), "text": TEXT})


# ---------------------------------------------------------------- the two servers


class _Anybody:
    def caller(self, _: web.Request) -> Caller:
        return Caller(Account("api", "bench"), "bench", "owner")


def _ours(app: web.Application) -> Callable[[], None]:
    app[RECOGNISER] = _Anybody()
    board = Board(1)
    app[COUNT] = lambda: board.readers
    mount(app, Backstage(board))
    return lambda: board.tell(RunNoted(run=1, session="s", project="p", text=_text()))


def _bare(app: web.Application) -> Callable[[], None]:
    queues: set[asyncio.Queue[bytes]] = set()
    app[COUNT] = lambda: len(queues)

    async def listen(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        queues.add(queue)
        try:
            while True:
                await response.write(await queue.get())
        finally:
            queues.discard(queue)

    def tell() -> None:
        data = {"kind": "run.noted", "session": "s", "text": _text()}
        frame = f"event: run.noted\ndata: {json.dumps(data)}\n\n".encode()
        for queue in queues:
            queue.put_nowait(frame)

    app.router.add_get(PATH, listen)
    return tell
