"""The API's lists, beside a bare aiohttp handler that has the same bytes at hand; each server is a process of its own.

The bot's part is real from the socket to SQLite: token, roles, routes, store. Containers are said by a script: how fast
the Docker engine answers is no matter of ours. ASKING_ROUNDS is how often each list is asked for (1000).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

from aiohttp import web

from benchmarks.process import other, received
from benchmarks.table import Figure, percentile
from bot.access import Keyring
from bot.gateway import entrance
from bot.gateway.api import Backstage
from bot.gateway.api.model import BASE
from bot.gateway.api.uploads import Uploads
from bot.gateway.model import Address
from bot.gateway.parts import Parts
from bot.gateway.port import claim
from bot.gateway.server import Gateway
from bot.projects.model import Owner, Project, ProjectState, Resources
from bot.store.store import Store
from bot.transcript.model import Part, Said
from dispatcher.model import Event, Message, Outcome, RunState

ROUNDS = int(os.environ.get("ASKING_ROUNDS") or 1_000)
PROJECTS, SESSIONS, LONG, RUNS = 50, 10_000, 10_000, 10_000
FLIGHT = 500  # writes at once
TEXT = "a message of ordinary length, as people write them " * 3
TALK = "web/api:bench"
DAY = 86_400.0  # seconds

LISTS: Mapping[str, str] = {
    f"{PROJECTS} projects": "/projects",
    f"50 of {SESSIONS:,} conversations": "/sessions?limit=50",
    f"50 entries of a transcript of {2 * LONG:,}": "/sessions/web%2Fapi:bench/transcript?limit=50",
    f"14 days of {RUNS:,} runs": "/stats?days=14",
}


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(_filled(Path(place)))
        return asyncio.run(_measured(Path(place)))


async def _measured(place: Path) -> list[Figure]:
    figures = []
    async with other(_ours, place) as (_, ours):
        port, token = await received(ours)
        client = await Client.connected(port, token)
        bodies = {path: await client.ask(path) for path in LISTS.values()}
        async with other(_bare, {path.partition("?")[0]: body for path, body in bodies.items()}) as (_, bare):
            beside = await Client.connected(await received(bare), token)
            for what, path in LISTS.items():
                spent, plain = await _compared(client, beside, path)
                figures += _figures(f"{what}, {len(bodies[path]) / 1000:.0f} kB", spent, plain)
    return figures


async def _compared(client: Client, beside: Client, path: str) -> tuple[list[float], list[float]]:
    """In turn, so that whatever else the machine does falls on both."""
    spent, plain = [], []
    for _ in range(ROUNDS):
        spent.append(await _timed(client, path))
        plain.append(await _timed(beside, path))
    return spent, plain


async def _timed(client: Client, path: str) -> float:
    began = time.perf_counter()
    await client.ask(path)
    return (time.perf_counter() - began) * 1000


def _figures(what: str, spent: Sequence[float], plain: Sequence[float]) -> list[Figure]:
    return [
        Figure(f"{what}, {name}", percentile(spent, share), "ms", percentile(plain, share), "bare handler")
        for name, share in (("p50", 0.5), ("p95", 0.95))
    ]


class Client:
    """One connection that stays. As little as can be, since it is in both figures."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        self._reader = reader
        self._writer = writer
        self._token = token

    @classmethod
    async def connected(cls, port: int, token: str) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port), token)

    async def ask(self, path: str) -> bytes:
        head = f"GET {BASE}{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        self._writer.write(head.encode())
        said = await self._reader.readuntil(b"\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 200"), said
        length = int(said.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        return await self._reader.readexactly(length)


# ---------------------------------------------------------------- what there is


async def _filled(place: Path) -> None:
    now = time.time()
    clock = iter(now - DAY + number for number in range(1 << 30))
    store = await Store.open(f"sqlite:///{place / 'tugbot.db'}", clock=lambda: next(clock))
    await _said(store, [f"matrix/!{number}" for number in range(SESSIONS)])
    await _said(store, [TALK] * LONG)
    for start in range(0, LONG, FLIGHT):
        await asyncio.gather(*(store.transcript.add(_line(now - DAY + n)) for n in range(start, start + FLIGHT)))
    for number in range(PROJECTS):
        await store.projects.reserve(_project(number, place), range(42_000, 42_000 + PROJECTS))
    await store.close()
    await _ran(place, now)
    with closing(sqlite3.connect(place / "tugbot.db")) as database, database:
        database.execute("UPDATE messages SET state = 'answered'")
        database.execute("UPDATE sessions SET project = 'p1' WHERE rowid % 10 = 0")


async def _said(store: Store, sessions: Sequence[str]) -> None:
    async def put(number: int, session: str) -> None:
        event = Event(session, "bench", "", f"e{session}{number}")
        await store.inbox.put(Message(event, "@a", "A", TEXT, session), max_waiting=10**9, refusal=None)

    for start in range(0, len(sessions), FLIGHT):
        await asyncio.gather(*(put(start + n, each) for n, each in enumerate(sessions[start : start + FLIGHT])))


async def _ran(place: Path, now: float) -> None:
    clock = [0.0]
    store = await Store.open(f"sqlite:///{place / 'tugbot.db'}", clock=lambda: clock[0])

    async def run() -> None:
        number = await store.runs.create("agent", session=TALK, target=TALK, requested_by="A", project="p1")
        await store.runs.end(number, Outcome(RunState.SUCCEEDED))

    for start in range(0, RUNS, FLIGHT):
        clock[0] = now - 14 * DAY + 14 * DAY * start / RUNS
        await asyncio.gather(*(run() for _ in range(FLIGHT)))
    await store.close()


def _line(at: float) -> Said:
    return Said(id=0, session=TALK, target=TALK, ref=f"r{at}", key="", kind="answer", parts=(Part(TEXT),), at=at)


def _project(number: int, place: Path) -> Project:
    return Project(
        id=number + 1,
        name=f"p{number}",
        state=ProjectState.READY,
        source=place / f"p{number}",
        port=42_000 + number,
        resources=Resources(2.0, 4 << 30),
        owner=Owner(1000, 1000),
        session=TALK,
        target=TALK,
        created_by="A",
        created_at=1_000_000.0,
        used_at=1_000_000.0,
        stacks=("rust", "node"),
    )


# ---------------------------------------------------------------- the two servers


def _ours(pipe: Connection, place: Path) -> None:
    asyncio.run(_serve_ours(pipe, place))


async def _serve_ours(pipe: Connection, place: Path) -> None:
    store = await Store.open(f"sqlite:///{place / 'tugbot.db'}")
    (place / "access").mkdir(mode=0o700)
    keyring = Keyring(place)
    token = keyring.tokens.create("bench", "operator")
    address = Address(port=0)
    gateway = Gateway(address, claim(address))
    way_in = entrance.Backstage(keyring, lambda account: keyring.tokens.role(account.user))
    await gateway.serve({}, Parts(entrance=way_in, api=_stage(store, place)))
    pipe.send((gateway.port, token))
    await asyncio.Event().wait()


def _stage(store: Store, place: Path) -> Backstage:
    async def containers(these: Sequence[Project]) -> Mapping[str, str]:
        return {each.name: "running" for each in these}

    nobody = NotImplemented  # is not asked
    return Backstage(
        history=store.history,
        transcript=store.transcript,
        uploads=Uploads(place / "files", 0),
        files=place,
        run=store.runs.get,
        project=store.projects.get,
        projects=store.projects.all,
        containers=containers,
        stacks=nobody,
        insight=nobody,
        questions=lambda session: [],
        receive=nobody,
        amend=nobody,
        perform=nobody,
    )


def _bare(pipe: Connection, bodies: Mapping[str, bytes]) -> None:
    asyncio.run(_serve_bare(pipe, bodies))


async def _serve_bare(pipe: Connection, bodies: Mapping[str, bytes]) -> None:
    app = web.Application()

    async def give(request: web.Request) -> web.Response:
        body = bodies[request.rel_url.raw_path.removeprefix(BASE)]
        return web.Response(body=body, content_type="application/json")

    app.router.add_get("/{path:.*}", give)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pipe.send(runner.addresses[0][1])
    await asyncio.Event().wait()
