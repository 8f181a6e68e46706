"""GET /api/v1/events on a real gateway: who hears what, and how a stream begins, goes on and ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from bot.access.model import Account
from bot.commands.model import Role
from bot.gateway import events
from bot.gateway.callers import RECOGNISER
from bot.gateway.events import PATH, Backstage, Patience, mount
from bot.gateway.model import Caller
from bot.happenings import Board
from bot.happenings.model import RunNoted, RunStarted, TransportFailed
from tests.happenings_world import Event, parsed
from tests.transport_fake import until

SLOW = Patience()
SOON = Patience(heartbeat=0.15, recheck=0.15, write=0.3)


@dataclass
class Door:
    """Everybody is who the header says, while they are on the roll."""

    roles: dict[str, Role] = field(default_factory=lambda: {"ann": "owner", "mia": "member"})

    def caller(self, request: web.Request) -> Caller:
        name = request.headers.get("X-Name", "ann")
        if name not in self.roles:
            raise web.HTTPUnauthorized
        return Caller(Account("api", name), name, self.roles[name])


@dataclass
class World:
    board: Board
    door: Door
    port: int
    session: aiohttp.ClientSession
    close: Callable[[], object]

    def listen(self, query: str = "", name: str = "ann", last_id: str = "") -> Stream:
        headers = {"X-Name": name, **({"Last-Event-ID": last_id} if last_id else {})}
        return Stream(self.session.get(f"http://127.0.0.1:{self.port}{PATH}{query}", headers=headers))


class Stream:
    def __init__(self, request: aiohttp.client._RequestContextManager) -> None:
        self._request = request
        self.raw = b""
        self.ended = False

    async def __aenter__(self) -> Stream:
        self.response = await self._request.__aenter__()
        assert self.response.status == 200, self.response.status
        self._reading = asyncio.create_task(self._read())
        await until(lambda: b"\n\n" in self.raw)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await asyncio.wait({self._reading})
        self.response.close()

    async def _read(self) -> None:
        async for chunk in self.response.content.iter_any():
            self.raw += chunk
        self.ended = True

    @property
    def events(self) -> list[Event]:
        return parsed(self.raw.partition(b"retry: 2000\n\n")[2])

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def texts(self) -> list[str]:
        return [event.data["text"] for event in self.events if event.kind == "run.noted"]


@asynccontextmanager
async def world(
    patience: Patience = SLOW, at_most: int = 10, kept: int = 1_000, kept_bytes: int = 1_000_000
) -> AsyncIterator[World]:
    app = web.Application()
    door = Door()
    app[RECOGNISER] = door
    board = Board(3, kept=kept, kept_bytes=kept_bytes)
    mount(app, Backstage(board, at_most, patience))
    runner = web.AppRunner(app, shutdown_timeout=5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            yield World(board, door, runner.addresses[0][1], session, runner.cleanup)
    finally:
        await runner.cleanup()


def note(text: str, session: str = "s", project: str | None = "harbour", run: int = 1) -> RunNoted:
    return RunNoted(run=run, session=session, project=project, text=text)


async def test_a_new_listener_is_told_to_read_the_state_and_then_hears_what_happens() -> None:
    async with world() as here:
        here.board.tell(note("before"))
        async with here.listen() as stream:
            assert stream.response.headers["Content-Type"] == "text/event-stream"
            assert stream.response.headers["X-Accel-Buffering"] == "no"
            here.board.tell(note("after"))
            await until(lambda: "run.noted" in stream.kinds())
            assert stream.kinds() == ["reset", "run.noted"]
            assert stream.events[0].data["why"] == "new"
            assert [event.id for event in stream.events] == ["3-1", "3-2"]
            assert stream.texts() == ["after"]


async def test_it_goes_on_behind_the_last_event() -> None:
    async with world() as here:
        for number in range(5):
            here.board.tell(note(str(number)))
        async with here.listen(last_id="3-2") as stream:
            await until(lambda: len(stream.texts()) == 3)
            assert stream.texts() == ["2", "3", "4"]
            assert "reset" not in stream.kinds()


@pytest.mark.parametrize(
    ("last_id", "why"), [("2-9", "restarted"), ("3-1", "behind"), ("nonsense", "unknown"), ("3-99", "unknown")]
)
async def test_where_that_cannot_be_it_says_why(last_id: str, why: str) -> None:
    async with world(kept=2) as here:
        for number in range(5):
            here.board.tell(note(str(number)))
        async with here.listen(last_id=last_id) as stream:
            await until(lambda: bool(stream.events))
            assert [(event.kind, event.id, event.data["why"]) for event in stream.events] == [("reset", "3-5", why)]


async def test_members_hear_of_bound_sessions_alone() -> None:
    async with world() as here, here.listen(name="mia") as stream, here.listen() as owner:
        here.board.tell(note("unbound", project=None))
        here.board.tell(TransportFailed(transport="matrix", reason="gone", lasting=False))
        here.board.tell(RunStarted(session="t", run=9, project=None, work="agent"))
        here.board.tell(RunNoted(run=9, text="on the host"))
        here.board.tell(note("bound"))
        await until(lambda: "bound" in stream.texts() and "bound" in owner.texts())
        assert stream.kinds() == ["reset", "run.noted"]
        assert len(owner.events) == 6


async def test_members_hear_of_their_own_conversations() -> None:
    async with world() as here, here.listen(name="mia") as stream, here.listen("?session=web/api:mia", "mia") as one:
        for session in ("web/api:mi", "web/api:miau", "web/api:ann", "web/api:ann/api:mia", "x/web/api:mia"):
            here.board.tell(note("theirs", session, project="harbour" if session.startswith("web/") else None))
        here.board.tell(note("mine", "web/api:mia", project=None))
        here.board.tell(note("mine too", "web/api:mia/nightly", project=None))
        here.board.tell(note("bound"))
        await until(lambda: "bound" in stream.texts() and bool(one.texts()))
        assert stream.texts() == ["mine", "mine too", "bound"]
        assert one.texts() == ["mine"]


async def test_a_page_that_has_read_the_state_follows_from_there() -> None:
    async with world() as here:
        for number in range(5):
            here.board.tell(note(str(number)))
        async with here.listen("?after=3-2") as stream, here.listen("?after=3-2", last_id="3-4") as back:
            await until(lambda: len(stream.texts()) == 3 and bool(back.texts()))
            assert stream.texts() == ["2", "3", "4"]
            assert back.texts() == ["4"]  # where a browser comes back by itself, its address is the old one
        async with here.listen("?after=2-2") as stream:
            await until(lambda: bool(stream.events))
            assert stream.events[0].data["why"] == "restarted"


async def test_guests_and_strangers_hear_nothing() -> None:
    async with world() as here:
        here.door.roles["gus"] = "guest"
        for name, status in (("gus", 403), ("nobody", 401)):
            async with here.session.get(f"http://127.0.0.1:{here.port}{PATH}", headers={"X-Name": name}) as answer:
                assert answer.status == status


async def test_filters() -> None:
    async with world() as here, here.listen("?session=a") as by_session, here.listen("?run=2") as by_run:
        here.board.tell(note("a1", session="a", run=1))
        here.board.tell(note("b2", session="b", run=2))
        here.board.tell(note("a3", session="a", run=3))
        await until(lambda: len(by_session.texts()) == 2 and len(by_run.texts()) == 1)
        assert by_session.texts() == ["a1", "a3"]
        assert by_run.texts() == ["b2"]
        async with here.session.get(f"http://127.0.0.1:{here.port}{PATH}?run=two") as answer:
            assert answer.status == 400


async def test_silence_is_filled_and_moves_the_position() -> None:
    async with world(SOON) as here, here.listen("?session=quiet") as stream:
        here.board.tell(note("elsewhere"))
        await until(lambda: stream.raw.count(b":\nid: 3-1\n\n") >= 2)
        assert stream.kinds() == ["reset"]


async def test_a_role_that_is_taken_away_ends_the_stream_and_one_that_changes_changes_it() -> None:
    async with world(SOON) as here, here.listen(name="mia") as stream:
        here.door.roles["mia"] = "operator"
        await asyncio.sleep(0.5)
        here.board.tell(note("unbound", project=None))
        await until(lambda: stream.texts() == ["unbound"])
        del here.door.roles["mia"]
        await until(lambda: stream.ended)
        assert here.board.readers == 0


async def test_too_many_are_sent_away_and_a_place_that_is_left_is_free() -> None:
    async with world(SOON, at_most=1) as here:
        async with here.listen(), here.session.get(f"http://127.0.0.1:{here.port}{PATH}") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        await until(lambda: here.board.readers == 0)
        async with here.listen():
            assert here.board.readers == 1


async def test_the_end_comes_for_all_at_once() -> None:
    async with world() as here, here.listen() as one, here.listen() as other:
        begun = asyncio.get_running_loop().time()
        await here.close()  # type: ignore[misc]
        await until(lambda: one.ended and other.ended)
        assert asyncio.get_running_loop().time() - begun < 2


async def test_one_who_never_reads_is_cut_off_and_costs_the_others_nothing() -> None:
    async with world(SOON, kept_bytes=300_000) as here, here.listen() as stream:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", here.port))
        deaf.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await until(lambda: here.board.readers == 2)
        for number in range(300):
            here.board.tell(note(f"{number} " + "x" * 4_000))
            await asyncio.sleep(0.005)
        await until(lambda: here.board.readers == 1)
        await until(lambda: bool(stream.texts()) and stream.texts()[-1].startswith("299 "))
        assert [int(text.split()[0]) for text in stream.texts()] == list(range(300))
        deaf.close()


async def test_one_who_is_slower_than_what_is_kept_begins_anew() -> None:
    async with world(kept=5) as here, here.listen() as stream:
        await asyncio.sleep(0.05)
        for number in range(20):
            here.board.tell(note(str(number)))
        await until(lambda: len(stream.events) == 2)
        assert [event.data.get("why") for event in stream.events] == ["new", "behind"]
        here.board.tell(note("on"))
        await until(lambda: stream.texts() == ["on"])


@pytest.mark.integration
async def test_two_hundred_listeners_hear_the_same_in_order() -> None:
    async with world(at_most=300) as here:
        streams = [here.listen() for _ in range(200)]
        await asyncio.gather(*(stream.__aenter__() for stream in streams))
        assert here.board.readers == 200
        for number in range(400):
            here.board.tell(note(str(number)))
            await asyncio.sleep(0.002)
        await until(lambda: all(stream.raw.count(b"event: run.noted") == 400 for stream in streams), 30)
        assert all(stream.texts() == [str(number) for number in range(400)] for stream in streams)
        for stream in streams:
            await stream.__aexit__()
        here.board.tell(note("nobody hears this"))
        await until(lambda: here.board.readers == 0)


async def test_with_many_listeners_events_gather_for_longer() -> None:
    live = events.Live(Backstage(board := Board(1), 2_000))
    board.readers = 1_000
    board.tell(note("x"))
    loop = asyncio.get_running_loop()
    assert live._due is not None
    assert 0.05 < live._due.when() - loop.time() <= 0.1
    await live.close(web.Application())
