"""Socket Mode: tickets, connections, envelopes and their acknowledgements, and all that goes wrong with them.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from aiohttp import WSMsgType, web

from tests.slack_fake.model import APP, Attempt, Delivery, Json, Outcome

TICKET_LIVES = 30.0  # seconds until an address that was never used is dead
MOST = 10  # connections of one app
GRACE = 2.0  # seconds between a message "disconnect" and the end; Slack's are about ten

Reason: TypeAlias = Literal["warning", "refresh_requested", "too_many_websockets", "link_disabled"]


class Connection:
    """One websocket, from Slack's side."""

    def __init__(self, number: int, request: web.Request, ws: web.WebSocketResponse) -> None:
        self.number = number
        self.ws = ws
        self.retiring = False  # told to go: gets nothing more
        self.frozen = False  # half-open: it takes nothing in and answers no ping, though its end is still there
        self.waiting: dict[str, asyncio.Future[Any]] = {}  # by envelope
        self._request = request

    @property
    def open(self) -> bool:
        return not self.ws.closed and self._request.transport is not None and not self._request.transport.is_closing()

    def abort(self) -> None:
        """The connection is gone, with no goodbye."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def give_up(self) -> None:
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the connection went away"))


class Sockets:
    """Way over Socket Mode. `complain` takes what an app should never send."""

    def __init__(self, now: Callable[[], float], complain: Callable[[str], None]) -> None:
        self.connections: list[Connection] = []
        self.handshakes: list[int] = []  # status of each
        self.refusals: list[int] = []  # statuses that the next handshakes are answered with
        self.ticket_lives = TICKET_LIVES
        self.most = MOST
        self.grace = GRACE
        self.stalls = 0.0  # seconds that each handshake takes
        self._now = now
        self._complain = complain
        self._tickets: dict[str, float] = {}  # by ticket: when it was given out
        self._attempts: dict[str, Attempt] = {}  # by envelope, of all that ever were
        self._turn = 0
        self._made = 0
        self._closing = asyncio.Event()
        self._endings: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------ Way

    async def attempt(self, delivery: Delivery, attempt: Attempt, patience: float) -> Outcome:
        connection = self._next()
        if connection is None:
            return Outcome(acked=False, reason="not_connected")
        attempt.envelope = str(uuid.uuid4())
        self._attempts[attempt.envelope] = attempt
        heard = connection.waiting[attempt.envelope] = asyncio.get_running_loop().create_future()
        try:
            await self._send(connection, _envelope(delivery, attempt))
            attempt.sent = time.monotonic()
            return Outcome(acked=True, answer=await asyncio.wait_for(heard, patience))
        except TimeoutError:
            return Outcome(acked=False, reason="timeout")
        except ConnectionError:
            return Outcome(acked=False, reason="connection_closed")
        finally:
            connection.waiting.pop(attempt.envelope, None)

    # ------------------------------------------------------------ the app's side

    def new_ticket(self) -> str:
        ticket = str(uuid.uuid4())
        self._tickets[ticket] = self._now()
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.stalls:
            await asyncio.sleep(self.stalls)
        if refused := self._refusal(request.query.get("ticket", "")):
            self.handshakes.append(refused)
            return web.Response(status=refused, text="")
        # It answers pings itself, but only while it is read from.
        ws = web.WebSocketResponse(autoping=True, autoclose=True, timeout=0.5)
        await ws.prepare(request)
        self.handshakes.append(101)
        self._made += 1
        connection = Connection(self._made, request, ws)
        self.connections.append(connection)
        try:
            await self._converse(connection)
        finally:
            self.connections.remove(connection)
            connection.give_up()
        return ws

    def _refusal(self, ticket: str) -> int:
        """Whatever comes of it, the ticket is used up."""
        given = self._tickets.pop(ticket, None)
        if self.refusals:
            return self.refusals.pop(0)
        return 403 if given is None or self._now() - given > self.ticket_lives else 0

    async def _converse(self, connection: Connection) -> None:
        live = [each for each in self.connections if not each.retiring]
        hello = {
            "type": "hello",
            "num_connections": len(live),
            "connection_info": {"app_id": APP},
            "debug_info": {"host": "fake", "build_number": 1, "approximate_connection_time": 18060},
        }
        await self._send(connection, hello)
        if len(live) > self.most:
            await self.disconnect(live[0], "too_many_websockets")
        while True:
            if connection.frozen:
                await self._closing.wait()
                return
            # Wakes now and then to see whether it was frozen meanwhile.
            try:
                message = await connection.ws.receive(timeout=0.05)
            except TimeoutError:
                continue
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                return
            if not connection.frozen:
                self._heard(connection, message.data)

    def _heard(self, connection: Connection, data: Any) -> None:
        try:
            said = json.loads(data)
            envelope = said["envelope_id"]
        except (ValueError, TypeError, KeyError):
            self._complain(f"what came over the socket is no acknowledgement: {str(data)[:200]!r}")
            return
        attempt = self._attempts.get(envelope)
        if attempt is None:
            self._complain(f"an acknowledgement of an envelope that never was: {envelope!r}")
            return
        if attempt.acked is not None:
            self._complain(f"envelope {envelope} was acknowledged twice")
            return
        attempt.acked = time.monotonic()
        heard = connection.waiting.get(envelope)
        if heard is not None and not heard.done():
            heard.set_result(said.get("payload"))

    # ------------------------------------------------------------ what goes wrong

    async def disconnect(self, connection: Connection, reason: Reason) -> None:
        """Slack asks the app to go, and closes after a while. A warning comes ahead of that, and does no more."""
        if reason != "warning":
            connection.retiring = True
        await self._send(connection, {"type": "disconnect", "reason": reason, "debug_info": {"host": "fake"}})
        if reason != "warning":
            ending = asyncio.create_task(self._end(connection), name=f"close connection {connection.number}")
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)

    async def _end(self, connection: Connection) -> None:
        await asyncio.sleep(self.grace)
        await connection.ws.close()

    async def close(self) -> None:
        self._closing.set()
        for ending in self._endings:
            ending.cancel()
        await asyncio.gather(*self._endings, return_exceptions=True)
        for connection in list(self.connections):
            connection.abort()

    def _next(self) -> Connection | None:
        """In turn. A half-open connection looks like any other from here."""
        able = [each for each in self.connections if not each.retiring and each.open]
        if not able:
            return None
        self._turn += 1
        return able[self._turn % len(able)]

    async def _send(self, connection: Connection, message: Json) -> None:
        if connection.frozen:
            return  # it goes out, and nobody ever sees it
        await connection.ws.send_str(json.dumps(message))


def _envelope(delivery: Delivery, attempt: Attempt) -> Json:
    envelope: Json = {
        "envelope_id": attempt.envelope,
        "payload": delivery.payload,
        "type": delivery.kind,
        "accepts_response_payload": delivery.kind != "events_api",
    }
    if delivery.kind == "events_api":
        envelope |= {"retry_attempt": attempt.number, "retry_reason": attempt.reason}
    return envelope
