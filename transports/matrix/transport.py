"""One account in Matrix as a transport: one sync after another, and what we say in rooms and threads."""

from __future__ import annotations

import asyncio
import logging
import mimetypes
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from transports.base import (
    Capabilities,
    Disconnected,
    Keepsakes,
    MessageRef,
    Outbound,
    PermanentFailure,
    Receiver,
    TemporaryFailure,
)
from transports.failing import cause, refused
from transports.files import Files, safe_name
from transports.matrix.arrivals import Arrivals, last_events
from transports.matrix.content import edited, file_message, new_message, place_of, reaction, transaction_of
from transports.matrix.model import Homeserver, News, Policy
from transports.matrix.offers import PREFIX as OFFERS
from transports.matrix.offers import Offers
from transports.matrix.rooms import Rooms
from transports.matrix.sealed import PREFIX as SEALED
from transports.matrix.sealed import Sealed

log = logging.getLogger(__name__)

WAIT = 30.0  # seconds that a sync waits for something to happen
MAX_LENGTH = 8_000  # characters: four bytes each, and the event still fits, encrypted too


class MatrixTransport:
    """transports.base.Transport, with Typing, Uploading and Hosting."""

    capabilities = Capabilities(
        edit=True,
        threads=True,
        reactions=True,
        upload=True,
        typing=True,
        rooms=True,
        idempotent=True,
        max_length=MAX_LENGTH,
        edit_interval=1.0,
    )

    def __init__(
        self,
        server: Homeserver,
        keepsakes: Keepsakes,
        files: Path,
        policy: Policy,
        *,
        name: str = "matrix",
        now: Callable[[], float] = time.time,
    ) -> None:
        """`files`: where fetched files go."""
        self.name = name
        self._server = server
        self._keepsakes = keepsakes
        self._policy = policy
        self._now = now
        self._offers = Offers()
        self._sealed = Sealed(server)
        self._rooms = Rooms(name, server, keepsakes, clock=now)
        self._arrivals = Arrivals(
            name,
            server,
            self._rooms,
            self._offers,
            self._sealed,
            Files(files, policy.max_file),
            now=now,
        )
        self._token = ""
        self._loaded = False
        self._news: News | None = None  # received, and not yet committed
        self._closed = False

    # ------------------------------------------------------------ receiving

    async def run(self, receiver: Receiver) -> None:
        """Until cancelled. Raises Disconnected, and what the receiver's store raises; may be called again."""
        try:
            await self._server.start()
            await self._load()
            await self._rooms.invited(receiver)  # what a failure kept us from the last time
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._round(receiver, group)
        except TemporaryFailure as exc:
            raise Disconnected(str(exc)) from exc
        except PermanentFailure as exc:
            raise Disconnected(str(exc), lasting=True) from exc
        except ExceptionGroup as exc:
            raise cause(exc) from exc

    async def _round(self, receiver: Receiver, group: asyncio.TaskGroup) -> None:
        if self._news is None:
            self._news = await self._server.sync(self._token, WAIT)
        news = self._news
        changes = await self._arrivals.take(news, self._token, receiver)
        # Never before the messages themselves are on disk; and the next sync never before this: with it the homeserver
        # forgets the keys that came with this one.
        await self._keepsakes.write({**changes, "token": news.token})
        self._token, self._news = news.token, None
        self._rooms.written(changes)
        await self._rooms.invited(receiver)
        for room, event_id in last_events(news, self._server.user).items():
            group.create_task(self._read(room, event_id), name=f"receipt in {room}")

    async def _load(self) -> None:
        if self._loaded:
            return
        kept = await self._keepsakes.read("")
        account = self._server.user
        if kept.get("account", account) != account:
            log.warning("another account than last time (%s, not %s): beginning anew", account, kept["account"])
            await self._keepsakes.write(dict.fromkeys(kept))
            kept = {}
        await self._keepsakes.write({"account": account})
        self._token = kept.get("token", "")
        self._offers.load({key: value for key, value in kept.items() if key.startswith(OFFERS)})
        self._sealed.load({key: value for key, value in kept.items() if key.startswith(SEALED)})
        self._rooms.load(kept)
        self._loaded = True

    async def _read(self, room: str, event_id: str) -> None:
        try:
            await self._server.read_up_to(room, event_id)
        except (TemporaryFailure, PermanentFailure, Disconnected) as exc:
            log.debug("no receipt in %s: %s", room, exc)

    # ------------------------------------------------------------ sending

    async def send(self, message: Outbound) -> MessageRef:
        room, thread = self._place(message.target)
        content = new_message(message, thread, self._server.max_event(room))
        event_id = await self._put(room, "m.room.message", content, transaction_of(message))
        if message.choices:
            await self._offer(room, event_id, message)
        return MessageRef(message.target, event_id)

    async def edit(self, ref: MessageRef, message: Outbound) -> None:
        room, _ = self._place(ref.target)
        await self._put(
            room, "m.room.message", edited(ref.id, message, self._server.max_event(room)), transaction_of(message)
        )

    async def typing(self, target: str, on: bool) -> None:
        room, _ = self._place(target)
        try:
            await self._server.typing(room, on)
        except (TemporaryFailure, PermanentFailure, Disconnected) as exc:
            log.debug("not typing in %s: %s", room, exc)

    async def upload(self, target: str, name: str, content: bytes) -> MessageRef:
        room, thread = self._place(target)
        if len(content) > self._policy.max_file:
            raise PermanentFailure(f"it has more than {self._policy.max_file / 1e6:.0f} MB")
        shown = safe_name(name)
        mime = mimetypes.guess_type(shown)[0] or "application/octet-stream"
        try:
            named = await self._server.upload(room, shown, content, mime)
        except Disconnected as exc:
            refused(exc)
        event_id = await self._put(room, "m.room.message", file_message(shown, mime, len(content), named, thread), "")
        return MessageRef(target, event_id)

    async def make_room(self, name: str, invited: Sequence[str]) -> str:
        try:
            room = await self._server.make_room(name, invited, encrypted=self._policy.e2ee)
        except Disconnected as exc:
            refused(exc)
        return f"{self.name}/{room}"

    async def close(self) -> None:
        self._closed = True  # nio would open a new connection
        await self._server.close()

    async def _put(self, room: str, kind: str, content: Mapping[str, object], transaction: str) -> str:
        try:
            return await self._server.put(room, kind, content, transaction)
        except Disconnected as exc:
            refused(exc)

    async def _offer(self, room: str, event_id: str, message: Outbound) -> None:
        changes = self._offers.add(event_id, message.key, message.target, message.choices, self._now())
        await self._keepsakes.write(changes)
        for choice in message.choices:
            try:
                content = reaction(event_id, choice.symbol)
                await self._put(room, "m.reaction", content, transaction_of(message, choice.symbol))
            except (TemporaryFailure, PermanentFailure) as exc:
                log.info("the reaction %s is not offered: %s", choice.symbol, exc)  # people can react all the same

    def _place(self, target: str) -> tuple[str, str]:
        if self._closed:
            raise PermanentFailure("the transport is closed")
        room, thread = place_of(target)
        if not target.startswith(f"{self.name}/") or not room:
            raise PermanentFailure(f"{target} is no place in {self.name}")
        return room, thread
