"""A homeserver in memory, of one account of ours and of people who are played by the test.

It passes tests/contract/test_matrix_homeserver.py, as Synapse does. Faults come on demand: see `faults`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from transports.base import Disconnected, PermanentFailure
from transports.matrix.content import size_of
from transports.matrix.model import Event, Invite, News, Page, RoomNews

ME = "@tugbot:matrix.test"
ANN = "@ann:matrix.test"
BOB = "@bob:matrix.test"
MAX_EVENT = 60_000  # bytes of content
REVOKED = "the homeserver refuses our token (M_UNKNOWN_TOKEN)"

Content = Mapping[str, Any]


@dataclass(slots=True)
class Room:
    id: str
    encrypted: bool = False
    public: bool = False
    direct: bool = False
    timeline: list[tuple[int, Event]] = field(default_factory=list)  # with the place in the stream of all rooms
    members: dict[str, str] = field(default_factory=dict)  # by person: "join", "invite", "leave"
    mine: int = 0  # place in the stream of our last change of membership
    inviter: str = ""  # of us
    typing: list[bool] = field(default_factory=list)
    read: str = ""  # event that we have read up to


class FakeHomeserver:
    """transports.matrix.model.Homeserver

    `limit` is that of a timeline in /sync, `page` the most that /messages gives at once. A sync with a timeout waits
    until something happens, however long.
    """

    def __init__(self, *, limit: int = 100, page: int = 1000, user: str = ME, now: Callable[[], float] = lambda: 1e9):
        self.user = user
        self.device = "DEVICE"
        self.display_name = "Tugbot"
        self.limit = limit
        self.page = page
        self.rooms: dict[str, Room] = {}
        self.names: dict[str, str] = {}  # display names of people
        # By the name of the method: raised by its next calls, one each, before and after it took effect. An answer that
        # is lost on its way is of the second kind. None: this call works.
        self.faults: dict[str, list[Exception | None]] = defaultdict(list)
        self.lost: dict[str, list[Exception | None]] = defaultdict(list)
        self.filters = True  # leaves out what we said, as it is asked to
        self.revoked = False
        self.closed = False
        self.max_file = 50_000_000  # bytes
        self.asked: list[str] = []  # events whose key was asked for
        self.synced: list[str] = []  # tokens that /sync was asked with
        self.joins: list[tuple[str, tuple[str, ...]]] = []
        self.over: Exception | None = None  # raised by /sync once there is nothing more
        self._now = now
        self._clear: dict[str, Event] = {}  # what sealed events say
        self._keys: set[str] = set()  # sealed events that can be read by now
        self._keys_came = False  # since the last sync: a homeserver answers it for them alone
        self._files: dict[str, bytes] = {}
        self._transactions: dict[tuple[str, str], str] = {}
        self._ids = itertools.count(1)
        self._last = 0  # place of the newest event
        self._news = asyncio.Event()

    # ------------------------------------------------------------ Homeserver

    async def start(self) -> None:
        self._check("start")

    async def sync(self, since: str, timeout: float) -> News:
        self._check("sync")
        self.synced.append(since)
        waited = False
        while True:
            self._news.clear()
            news = self._since(since)
            if waited or not since or not timeout or news.rooms or news.invites or news.left or self._keys_came:
                break
            if self.over is not None:
                await asyncio.sleep(0)  # what was begun meanwhile has its turn
                raise self.over
            await self._news.wait()
            self._check("sync")
            waited = True
        self._keys_came = False
        self._after("sync")
        return news

    async def older(self, room: str, start: str, end: str, limit: int) -> Page:
        self._check("older")
        place = self._room(room)
        first, last = _place(end), _place(start)
        between = [each for each in place.timeline if first < each[0] < last][::-1]
        taken = between[: min(limit, self.page)]
        # The filter is applied to a page that was cut before: pages may be short, or empty, without being the last.
        events = tuple(self._shown(event) for _, event in taken if not self._left_out(event))
        return Page(events, f"p{taken[-1][0]}" if len(taken) < len(between) else None)

    async def event(self, room: str, event_id: str) -> Event:
        self._check("event")
        for _, event in self._room(room).timeline:
            if event.id == event_id:
                return self._shown(event)
        raise PermanentFailure("M_NOT_FOUND: Event not found.")

    async def open(self, source: Content, room: str) -> Event | None:
        self._check("open")
        event_id = str(source.get("event_id"))
        return self._clear.get(event_id) if event_id in self._keys else None

    async def ask_for_key(self, source: Content, room: str) -> None:
        self._check("ask_for_key")
        self.asked.append(str(source.get("event_id")))

    async def put(self, room: str, kind: str, content: Content, transaction: str) -> str:
        self._check("put")
        known = self._transactions.get((room, transaction)) if transaction else None
        if known is None:
            if self._room(room).members.get(self.user) != "join":
                raise PermanentFailure("M_FORBIDDEN: User not in room.")
            if size_of(content) > MAX_EVENT:
                raise PermanentFailure("M_TOO_LARGE: event too large")
            self._check_relation(room, content)
            if kind == "m.reaction" and any(event.content == content for event in self.said(room, kind)):
                raise PermanentFailure("M_DUPLICATE_ANNOTATION: Can't send same reaction twice")
            known = self._transactions[room, transaction] = self.add(room, kind, self.user, content)
        self._after("put")
        return known

    async def upload(self, room: str, name: str, content: bytes, mime: str) -> Content:
        self._check("upload")
        if len(content) > self.max_file:
            raise PermanentFailure("M_TOO_LARGE: Upload request body is too large")
        url = f"mxc://matrix.test/{next(self._ids)}"
        self._files[url] = content
        return {"file": {"url": url}} if self._room(room).encrypted else {"url": url}

    async def download(self, content: Content, limit: int) -> bytes:
        self._check("download")
        file = content.get("file")
        url = file.get("url") if isinstance(file, Mapping) else content.get("url")
        data = self._files.get(str(url))
        if data is None:
            raise PermanentFailure("404: the file cannot be had")
        if len(data) > limit:
            raise PermanentFailure("the file has more than that")
        return data

    async def join(self, room: str, via: Sequence[str] = ()) -> str:
        self._check("join")
        self.joins.append((room, tuple(via)))
        place = self._room(room)
        if place.members.get(self.user) != "join":
            if not place.public and place.members.get(self.user) != "invite":
                raise PermanentFailure("M_FORBIDDEN: You are not invited to this room.")
            self._member(room, self.user, self.user, "join")
        self._after("join")
        return room

    async def make_room(self, name: str, invited: Sequence[str], *, encrypted: bool) -> str:
        self._check("make_room")
        room = self.make(encrypted=encrypted)
        self._member(room, self.user, self.user, "join")
        for person in invited:
            self._member(room, self.user, person, "invite")
        return room

    async def typing(self, room: str, on: bool) -> None:
        self._check("typing")
        self._room(room).typing.append(on)

    async def read_up_to(self, room: str, event_id: str) -> None:
        self._check("read_up_to")
        self._room(room).read = event_id

    def people(self, room: str) -> int:
        if room not in self.rooms:
            return 0
        return sum(membership in ("join", "invite") for membership in self.rooms[room].members.values())

    def name_of(self, room: str, user: str) -> str:
        return self.names.get(user) or user[1:].partition(":")[0]

    def max_event(self, room: str) -> int:
        return MAX_EVENT

    async def close(self) -> None:
        self.closed = True

    # ------------------------------------------------------------ the people's side

    def make(self, *people: str, encrypted: bool = False, public: bool = False, direct: bool = False) -> str:
        """A room that these people have joined."""
        room = Room(f"!room{next(self._ids)}", encrypted=encrypted, public=public, direct=direct)
        self.rooms[room.id] = room
        for person in people:
            self._member(room.id, person, person, "join")
        return room.id

    def invite(self, room: str, by: str = ANN) -> None:
        """We are asked into a room."""
        self.rooms[room].inviter = by
        self._member(room, by, self.user, "invite")

    def kick(self, room: str, by: str = ANN) -> None:
        self._member(room, by, self.user, "leave")

    def say(self, room: str, text: str, sender: str = ANN, **content: Any) -> str:
        """The event's id, as of everything below."""
        return self.add(room, "m.room.message", sender, {"msgtype": "m.text", "body": text, **content})

    def seal(self, room: str, text: str, sender: str = ANN, **content: Any) -> str:
        """A message whose key is not here yet."""
        event_id = self.add(room, "m.room.encrypted", sender, {"algorithm": "m.megolm.v1.aes-sha2"})
        sealed = self.find(event_id)
        clear = {"msgtype": "m.text", "body": text, **content}
        self._clear[event_id] = replace(sealed, kind="m.room.message", content=clear, source=None)
        return event_id

    def bring_keys(self, *events: str) -> None:
        self._keys.update(events)
        self._keys_came = True
        self._news.set()

    def edit(self, room: str, event: str, text: str, sender: str = ANN) -> str:
        new = {"msgtype": "m.text", "body": text}
        relation = {"rel_type": "m.replace", "event_id": event}
        return self.say(room, f"* {text}", sender, **{"m.new_content": new, "m.relates_to": relation})

    def react(self, room: str, event: str, symbol: str, sender: str = ANN) -> str:
        relation = {"rel_type": "m.annotation", "event_id": event, "key": symbol}
        return self.add(room, "m.reaction", sender, {"m.relates_to": relation})

    def redact(self, room: str, event: str, sender: str = ANN) -> str:
        timeline = self.rooms[room].timeline
        self.rooms[room].timeline = [(at, replace(e, content={}) if e.id == event else e) for at, e in timeline]
        return self.add(room, "m.room.redaction", sender, {"redacts": event})

    def upgrade(self, room: str, to: str, sender: str = ANN) -> str:
        return self.add(room, "m.room.tombstone", sender, {"replacement_room": to}, state_key="")

    def put_file(self, content: bytes) -> str:
        """Its address."""
        url = f"mxc://matrix.test/{next(self._ids)}"
        self._files[url] = content
        return url

    def nudge(self) -> None:
        """The sync that waits is answered, though nothing happened."""
        self._news.set()

    def add(self, room: str, kind: str, sender: str, content: Content, state_key: str | None = None) -> str:
        self._last += 1
        event_id = f"${next(self._ids)}"
        source = {"event_id": event_id, "sender": sender} if kind == "m.room.encrypted" else None
        event = Event(event_id, room, kind, sender, self._now(), content, state_key, source=source)
        self.rooms[room].timeline.append((self._last, event))
        self._news.set()
        return event_id

    # ------------------------------------------------------------ what is to be seen

    def said(self, room: str, kind: str = "m.room.message") -> list[Event]:
        """By us."""
        return [event for _, event in self.rooms[room].timeline if event.sender == self.user and event.kind == kind]

    def find(self, event_id: str) -> Event:
        return next(event for room in self.rooms.values() for _, event in room.timeline if event.id == event_id)

    def committed(self) -> int:
        """How many messages of people lie before the last token that /sync was asked with."""
        since = _place(self.synced[-1]) if self.synced else 0
        events = (each for room in self.rooms.values() for each in room.timeline)
        return sum(at <= since and e.kind == "m.room.message" and e.sender != self.user for at, e in events)

    @property
    def token(self) -> str:
        """Of the place behind all that happened."""
        return f"s{self._last}"

    # ------------------------------------------------------------ parts

    def _since(self, since: str) -> News:
        rooms = (self._room_news(room, since) for room in self.rooms.values() if room.members.get(self.user) == "join")
        changed = [room for room in self.rooms.values() if room.mine > _place(since)]
        return News(
            token=self.token,
            rooms=tuple(news for news in rooms if news.events or news.limited),
            invites=tuple(
                Invite(each.id, each.inviter, each.direct)
                for each in changed
                if each.members.get(self.user) == "invite"
            ),
            left=tuple(each.id for each in changed if since and self._was_thrown_out(each)),
        )

    def _room_news(self, room: Room, since: str) -> RoomNews:
        begin, limit = _place(since), self.limit if since else 1
        newly = room.mine > begin
        others = [each for each in room.timeline if not self._left_out(each[1]) and (newly or each[0] > begin)]
        taken = others[-limit:]
        before = f"p{taken[0][0]}" if taken else f"p{self._last + 1}"
        return RoomNews(room.id, tuple(self._shown(e) for _, e in taken), newly or len(taken) < len(others), before)

    def _was_thrown_out(self, room: Room) -> bool:
        """Of where we left ourselves nothing is told: it is we who sent that event."""
        last = next(event for at, event in room.timeline if at == room.mine)
        return room.members.get(self.user) == "leave" and not self._left_out(last)

    def _check_relation(self, room: str, content: Content) -> None:
        """Known are events that exist, and such as others have related to already."""
        related = content.get("m.relates_to", {}).get("event_id")
        timeline = [event for _, event in self.rooms[room].timeline]
        relations = (event.content.get("m.relates_to") for event in timeline)
        known = [each.get("event_id") for each in relations if isinstance(each, Mapping)]
        if related and related not in [*known, *(event.id for event in timeline)]:
            raise PermanentFailure("M_UNKNOWN: Can't send relation to unknown event")

    def _left_out(self, event: Event) -> bool:
        return self.filters and event.sender == self.user

    def _shown(self, event: Event) -> Event:
        return self._clear[event.id] if event.id in self._keys and event.id in self._clear else event

    def _member(self, room: str, sender: str, person: str, membership: str) -> None:
        self.rooms[room].members[person] = membership
        self.add(room, "m.room.member", sender, {"membership": membership}, state_key=person)
        if person == self.user:
            self.rooms[room].mine = self._last

    def _room(self, room: str) -> Room:
        if room not in self.rooms:
            raise PermanentFailure("M_FORBIDDEN: no such room, or none for us")
        return self.rooms[room]

    def _check(self, call: str) -> None:
        if self.revoked:
            raise Disconnected(REVOKED, lasting=True)
        _raise_next(self.faults[call])

    def _after(self, call: str) -> None:
        _raise_next(self.lost[call])


def _raise_next(faults: list[Exception | None]) -> None:
    fault = faults.pop(0) if faults else None
    if fault is not None:
        raise fault


def _place(token: str) -> int:
    return int(token[1:]) if token else 0
