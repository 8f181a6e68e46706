"""From the news of a sync to what the bot is handed: in order, nothing twice, nothing left out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial

from transports.base import Ack, Amendment, Inbound, PermanentFailure, Receiver
from transports.clean import clean_name
from transports.files import Files
from transports.matrix.gaps import never, whole
from transports.matrix.model import Event, Homeserver, News, RoomNews
from transports.matrix.offers import STOP, Offers, plain
from transports.matrix.reading import Changed, Me, Moved, Reacted, Said, membership, read, relation_of
from transports.matrix.rooms import Rooms
from transports.matrix.sealed import Sealed
from transports.standing import Standing

log = logging.getLogger(__name__)

REMEMBERED = 2_000  # events whose sender and thread need not be asked for again

Changes = dict[str, str | None]  # of keepsakes


class Arrivals:
    def __init__(
        self,
        name: str,
        server: Homeserver,
        rooms: Rooms,
        offers: Offers,
        sealed: Sealed,
        files: Files,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._name = name  # of the transport
        self._server = server
        self._rooms = rooms
        self._offers = offers
        self._sealed = sealed
        self._files = files
        self._now = now
        self._events: OrderedDict[str, Event] = OrderedDict()
        self._acks: list[asyncio.Future[Ack]] = []

    async def take(self, news: News, since: str, receiver: Receiver) -> Changes:
        """Hand all of it in; what to write down together with the news' token.

        Raises what Homeserver raises, and what the receiver's store raises: then all of it must be handed in again.
        """
        await self._settled()
        self._files.begin()
        changes: Changes = {}
        for room in news.rooms:
            changes |= await self._take_room(room, since, receiver)
            await self._committed()
        changes |= await self._open_sealed(receiver)
        return changes | self._rooms.left(news.left) | self._rooms.noted(news.invites)

    async def _take_room(self, news: RoomNews, since: str, receiver: Receiver) -> Changes:
        changes: Changes = {}
        entered = self._rooms.entered(news.room)
        if not since and not entered:
            return {}  # the first sync of all tells of what was said before our time
        begins = self._is_my_invitation if entered == "invite" else never
        if "/" in news.room:  # of a form that no homeserver makes; our targets could not be told apart
            log.error("the room %r is passed over", news.room)
            return {}
        for event in await whole(self._server, news, "" if entered else since, begins=begins):
            if event.sender == self._server.user:
                continue
            opened = await self._opened(event)
            if opened is None:
                # Of strangers nothing is kept, and nobody is told.
                if receiver.admits(self._name, event.sender, direct=False):
                    changes |= await self._sealed.keep(event, self._now())
            else:
                changes |= self._unsealed(opened)
                await self._hand_in(opened, receiver)
        return changes | self._rooms.settled(news.room)

    def _unsealed(self, event: Event) -> Changes:
        """A message that is deleted before anybody could read it is not waited for any more."""
        said = read(event, self._me)
        return self._sealed.forget(said.of) if isinstance(said, Changed) and said.text is None else {}

    async def _opened(self, event: Event) -> Event | None:
        """None: it is encrypted, and its key is not here."""
        if event.kind != "m.room.encrypted" or event.source is None:
            return event
        return await self._server.open(event.source, event.room)

    async def _open_sealed(self, receiver: Receiver) -> Changes:
        changes: Changes = {}
        opened = await self._sealed.opened()
        for event in opened:
            await self._hand_in(event, receiver)
        await self._committed()
        for event in opened:
            changes |= self._sealed.forget(event.id)
        return changes | await self._sealed.complain(self._now())

    async def _committed(self) -> None:
        """Wait until all that was handed in is on disk. Raises the store's exception where it is not."""
        for result in await self._settled():
            if isinstance(result, BaseException):
                raise result

    async def _settled(self) -> list[Ack | BaseException]:
        """What became of all that was handed in; of a try that was broken off, too, before it is handed in again."""
        acks, self._acks = self._acks, []
        return await asyncio.gather(*acks, return_exceptions=True)

    def _is_my_invitation(self, event: Event) -> bool:
        return membership(event) == "invite" and event.state_key == self._server.user

    @property
    def _me(self) -> Me:
        return Me(self._server.user, self._server.display_name)

    # ------------------------------------------------------------ one event

    async def _hand_in(self, event: Event, receiver: Receiver) -> None:
        self._remember(event)
        said = read(event, self._me)
        if isinstance(said, Said):
            await self._message(event, said, receiver)
        elif isinstance(said, Changed):
            await self._amendment(event, said, receiver)
        elif isinstance(said, Reacted):
            await self._reaction(event, said, receiver)
        elif isinstance(said, Moved):
            await self._rooms.follow(event.room, said.to, event.sender)

    async def _message(self, event: Event, said: Said, receiver: Receiver) -> None:
        direct = self._server.people(event.room) == 2
        where = await self._standing(event.room, said.thread, said.reply_to, receiver)
        attachments: tuple[str, ...] = ()
        text = said.text
        addressed = direct or said.addressed or where.ours
        if said.file and addressed and receiver.admits(self._name, event.sender, direct=False):
            load = partial(self._server.download, event.content)
            fetched = await self._files.fetch(f"{event.room}\0{event.id}", said.file, load)
            attachments = (str(fetched),) if fetched else ()
            text = (
                text or f"(a file: {said.file})"
                if fetched
                else f"{text}\n(a file that could not be fetched: {said.file})"
            )
        self._give(receiver, event, text or f"(a file: {said.file})", where, direct, addressed, attachments)

    def _give(
        self,
        receiver: Receiver,
        event: Event,
        text: str,
        where: Standing,
        direct: bool,
        addressed: bool,
        attachments: tuple[str, ...] = (),
        answers: str = "",
    ) -> None:
        inbound = Inbound(
            session=where.session,
            transport=self._name,
            account=self._server.user,
            event_id=event.id,
            sender=event.sender,
            sender_name=clean_name(self._server.name_of(event.room, event.sender)),
            text=text,
            target=where.target,
            direct=direct,
            addressed=addressed,
            sent_at=event.at,
            attachments=attachments,
            parent=where.parent,
            answers=answers,
        )
        self._acks.append(asyncio.ensure_future(receiver.receive(inbound)))

    async def _amendment(self, event: Event, changed: Changed, receiver: Receiver) -> None:
        await self._committed()  # it may be of a message that was handed in just now
        session = self._of_room(event.room, await receiver.session_of(self._name, self._server.user, changed.of))
        if session is None:
            return
        if changed.text is not None:
            # Clients ignore edits of other people's messages; homeservers pass them on.
            original = await self._event(event.room, changed.of)
            if original is None or original.sender != event.sender:
                return
        amendment = Amendment(session, self._name, self._server.user, changed.of, event.sender, changed.text)
        self._acks.append(asyncio.ensure_future(receiver.amend(amendment)))

    async def _reaction(self, event: Event, reacted: Reacted, receiver: Receiver) -> None:
        symbol = plain(reacted.symbol)
        offer = self._offers.of(reacted.to)
        text = offer.texts.get(symbol, "") if offer else ""
        if not text and symbol not in STOP:
            return
        original = await self._event(event.room, reacted.to)
        if original is None or original.sender != self._server.user:
            return
        thread, _ = relation_of(original.content)
        where = await self._standing(event.room, thread, "", receiver)
        direct = self._server.people(event.room) == 2
        self._give(receiver, event, text or "stop", where, direct, True, answers=offer.key if offer and text else "")

    # ------------------------------------------------------------ where it stands

    async def _standing(self, room: str, thread: str, reply_to: str, receiver: Receiver) -> Standing:
        """The room's own session, or a thread's: one that grew out of a message of the room's session belongs to it."""
        home = f"{self._name}/{room}"
        if not thread:
            was = self._rooms.was(room)
            return Standing(home, home, f"{self._name}/{was}" if was else "", await self._is_ours(room, reply_to))
        own = f"{home}/{thread}"
        await self._committed()  # the root may have come just now, or what the thread began with
        if await receiver.knows(own):
            return Standing(own, own, home, ours=True)
        session = self._of_room(room, await receiver.session_of(self._name, self._server.user, thread))
        if session is None and await self._is_ours(room, thread):
            session = home
        if session is not None:
            return Standing(session, own, ours=True)
        return Standing(own, own, home, await self._is_ours(room, reply_to))

    def _of_room(self, room: str, session: str | None) -> str | None:
        """None where it is another room's: not every homeserver checks that a relation stays in its room."""
        home = f"{self._name}/{room}"
        return session if session is not None and (session == home or session.startswith(f"{home}/")) else None

    async def _is_ours(self, room: str, event_id: str) -> bool:
        event = await self._event(room, event_id) if event_id else None
        return event is not None and event.sender == self._server.user

    async def _event(self, room: str, event_id: str) -> Event | None:
        """None: there is no such event, or none for us."""
        if event_id not in self._events:
            try:
                self._remember(await self._server.event(room, event_id))
            except PermanentFailure as exc:
                log.info("event %s of %s: %s", event_id, room, exc)
                return None
        found = self._events.get(event_id)
        return found if found is not None and found.room == room else None

    def _remember(self, event: Event) -> None:
        self._events[event.id] = event
        while len(self._events) > REMEMBERED:
            self._events.popitem(last=False)


def last_events(news: News, me: str) -> Mapping[str, str]:
    """Of each room the newest event of somebody else's: what a read receipt names."""
    found: dict[str, str] = {}
    for room in news.rooms:
        for event in room.events:
            if event.sender != me:
                found[room.room] = event.id
    return found
