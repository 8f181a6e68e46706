"""GET /api/v1/events: what happens, as it happens (server-sent events, HTML 9.2), resumable by Last-Event-ID.

Every listener has a position on the board and nothing else: whoever reads slowly is behind, and whoever does not read
at all is cut off. All are woken together, and those who want the same get the same bytes.
"""

from __future__ import annotations

import asyncio
import re
import resource
import socket
from dataclasses import dataclass, field

from aiohttp import web

from bot.gateway.answers import refusal
from bot.gateway.callers import is_private, own_session, require
from bot.gateway.model import Caller
from bot.happenings import Board, Entry, Fallen
from bot.happenings.board import Lost

PATH = "/api/v1/events"

HEARTBEAT = 15.0  # seconds without an event after which a comment is sent: proxies end what is silent for longer
RECHECK = 30.0  # seconds between looks whether the caller still may
PATIENCE = 30.0  # seconds that a listener may take for what fills its buffer
RETRY = 2000  # milliseconds after which a browser comes back
AT_ONCE = 32_768  # bytes of events in one write
BUFFER = 65_536  # bytes that the kernel, and as many that we, hold for one listener
WAKES = 10_000  # a second, of all listeners together: with many of them, events are gathered for longer
SOONEST = 0.02  # seconds that events gather at least
POLL = 0.05  # seconds between looks at a full buffer

LISTENERS = 2_000
SPARE = 256  # open files that are left to the rest of the bot


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. Shorter in tests."""

    heartbeat: float = HEARTBEAT
    recheck: float = RECHECK
    write: float = PATIENCE


@dataclass(frozen=True, slots=True)
class Backstage:
    """What live events need of the bot."""

    board: Board
    at_most: int = LISTENERS
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class View:
    """What a listener gets to see. Equal ones share what is written for them."""

    everything: bool  # else of sessions alone that are about a project, and of
    own: str = ""  # this session and those below it
    session: str | None = None
    run: int | None = None

    def __call__(self, entry: Entry) -> bool:
        if not self.everything and not self._is_bound(entry):
            return False
        return self.session in (None, entry.session) and self.run in (None, entry.run)

    def _is_bound(self, entry: Entry) -> bool:
        if entry.session is None:
            return False
        mine = bool(self.own) and (entry.session == self.own or entry.session.startswith(f"{self.own}/"))
        return mine or (entry.project is not None and not is_private(entry.session))


def mount(app: web.Application, backstage: Backstage) -> None:
    live = Live(backstage)
    app.router.add_get(PATH, live.handle, allow_head=False)
    app.on_shutdown.append(live.close)


class Live:
    def __init__(self, backstage: Backstage) -> None:
        self._board = backstage.board
        self._board.hark = self._told
        self._patience = backstage.patience
        self._at_most = min(backstage.at_most, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE)
        self._bell = asyncio.Event()
        self._due: asyncio.TimerHandle | None = None  # when the bell is rung for news
        self._tick: asyncio.TimerHandle | None = None  # when it is rung for heartbeats and rechecks
        self._closing = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        caller = require(request, "member")
        view = _view(request, caller)
        if self._board.readers >= self._at_most or self._closing:
            answer = refusal(503)
            answer.headers["Retry-After"] = "5"
            return answer
        self._board.readers += 1
        try:
            return await self._serve(request, view)
        finally:
            self._board.readers -= 1

    async def close(self, _: web.Application) -> None:
        """All listeners at once."""
        self._closing = True
        self._ring()
        for alarm in (self._due, self._tick):
            if alarm is not None:
                alarm.cancel()

    # ------------------------------------------------------------ one listener

    async def _serve(self, request: web.Request, view: View) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        _bound_buffers(request)
        try:
            await response.prepare(request)
            # A page that reads the state first, and then follows, has no event yet whose id the browser could send.
            last_id = request.headers.get("Last-Event-ID") or request.query.get("after", "")
            position, opening = self._opening(last_id)
            listener = Listener(request, response, view, position, self._patience)
            await listener.give(opening)
            await self._follow(listener)
        except ConnectionError:
            pass  # it is gone
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()  # nothing that we could still say would be read
        return response

    def _opening(self, last_id: str) -> tuple[int, bytes]:
        """Where it begins, and what it is told of that."""
        known = self._board.position(last_id)
        hello = f"retry: {RETRY}\n\n".encode()
        if isinstance(known, int):
            return known, hello
        return self._board.newest, hello + self._board.reset(known)

    async def _follow(self, listener: Listener) -> None:
        while not self._closing and listener.is_there() and listener.may():
            # Nothing is awaited between reading nothing and waiting for the bell, so no event falls in between.
            if await self._hand_over(listener):
                continue
            self._start_ticking()
            await self._bell.wait()

    async def _hand_over(self, listener: Listener) -> bool:
        """Give what is new; whether anything was awaited, so that there may be more."""
        try:
            read = self._board.read(listener.position, listener.view, AT_ONCE)
        except Fallen:
            await self._reset(listener, "behind")
            return True
        listener.position = read.upto
        if read.data:
            await listener.give(read.data)
        elif listener.is_silent():
            await listener.give(self._board.heartbeat(listener.position))
        return bool(read.data) or read.more

    async def _reset(self, listener: Listener, why: Lost) -> None:
        listener.position = self._board.newest
        await listener.give(self._board.reset(why))

    # ------------------------------------------------------------ the bell

    def _told(self) -> None:
        """Something was put up. Soon, so that what comes together goes together."""
        if self._due is None and self._board.readers and not self._closing:
            gather = max(SOONEST, self._board.readers / WAKES)
            self._due = asyncio.get_running_loop().call_later(gather, self._ring)

    def _ring(self) -> None:
        self._due = None
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def _start_ticking(self) -> None:
        if self._tick is None and not self._closing:
            often = min(self._patience.heartbeat, self._patience.recheck) / 3
            self._tick = asyncio.get_running_loop().call_later(often, self._ticked)

    def _ticked(self) -> None:
        self._tick = None  # whoever waits on starts it again
        self._ring()


class Listener:
    def __init__(
        self, request: web.Request, response: web.StreamResponse, view: View, position: int, patience: Patience
    ) -> None:
        self.view = view
        self.position = position  # on the board, after the last that was read
        self._request = request
        self._response = response
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._given = self._checked = self._loop.time()

    async def give(self, data: bytes) -> None:
        """Raises TimeoutError where it does not read, ConnectionError where it is gone."""
        async with asyncio.timeout(self._patience.write):
            await self._response.write(data)
            while self._is_full():  # noqa: ASYNC110, aiohttp looks only every now and then, and tells nobody
                await asyncio.sleep(POLL)
        self._given = self._loop.time()

    def is_there(self) -> bool:
        transport = self._request.transport
        return transport is not None and not transport.is_closing()

    def is_silent(self) -> bool:
        """Whether a heartbeat is due, or would be before the next look."""
        return self._loop.time() - self._given >= self._patience.heartbeat * 2 / 3

    def may(self) -> bool:
        """Whether the caller still may listen, looked at now and then; and what it gets to see, anew."""
        now = self._loop.time()
        if now - self._checked < self._patience.recheck:
            return True
        self._checked = now
        try:
            caller = require(self._request, "member")
        except web.HTTPException:
            return False
        self.view = _view(self._request, caller)
        return True

    def _is_full(self) -> bool:
        transport = self._request.transport
        return isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size() > BUFFER


def _bound_buffers(request: web.Request) -> None:
    """Left to itself, the kernel would keep megabytes for who does not read."""
    connection = request.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)


def _view(request: web.Request, caller: Caller) -> View:
    """Raises HTTPBadRequest."""
    session, run = request.query.get("session"), request.query.get("run")
    if run is not None and not re.fullmatch(r"[0-9]{1,18}", run, re.ASCII):
        raise web.HTTPBadRequest
    everything = caller.role in ("owner", "operator")
    own = "" if everything else own_session(caller)  # those who hear the same are to be told apart by nothing else
    return View(everything, own, session or None, int(run) if run is not None else None)
