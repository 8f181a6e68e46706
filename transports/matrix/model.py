"""The words of the Matrix transport, and what it needs of a homeserver. No logic here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

# What the timeline of a sync, and the pages that fill its gaps, hold.
KINDS = (
    "m.room.message",
    "m.room.encrypted",
    "m.room.member",
    "m.reaction",
    "m.room.redaction",
    "m.room.tombstone",
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a room's timeline; decrypted, unless `kind` is still "m.room.encrypted"."""

    id: str
    room: str
    kind: str
    sender: str
    at: float  # Unix seconds by the clock of the sender's homeserver
    content: Mapping[str, Any]  # anyone's
    state_key: str | None = None  # of state events
    redacts: str = ""  # of redactions, where the room's version has it outside of the content
    source: Mapping[str, Any] | None = None  # of what is encrypted: all of it, so that it can be tried again


@dataclass(frozen=True, slots=True)
class RoomNews:
    """What came into one room since the last sync."""

    room: str
    events: tuple[Event, ...]  # oldest first
    limited: bool  # there is more between the last sync and the first of `events`
    before: str  # token of the place before the first of `events`


@dataclass(frozen=True, slots=True)
class Invite:
    room: str
    sender: str
    direct: bool  # meant as a conversation of two


@dataclass(frozen=True, slots=True)
class News:
    """One answer of /sync."""

    token: str  # of the place behind it
    rooms: tuple[RoomNews, ...]
    invites: tuple[Invite, ...]
    left: tuple[str, ...]  # rooms that we were made to leave, or left


@dataclass(frozen=True, slots=True)
class Page:
    """A page of history, newest first."""

    events: tuple[Event, ...]
    end: str | None  # where the next one begins; None: there is none


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are on which homeserver."""

    homeserver: str  # base URL of its client-server API
    user: str  # "@tugbot:example.org"
    token: str
    device: str = ""  # "": asked of the homeserver


@dataclass(frozen=True, slots=True)
class Policy:
    """What the owner decided about this account."""

    e2ee: bool = False
    trust_unverified: bool = True  # encrypt to devices that nobody verified
    max_file: int = 50_000_000  # bytes of a file that is fetched or sent


class Homeserver(Protocol):
    """Our account on a homeserver.

    Every call raises TemporaryFailure (unreachable, rate limit, 5xx), PermanentFailure (forbidden, unknown, too large)
    or Disconnected (our token is refused) of transports.base.
    """

    @property
    def user(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def display_name(self) -> str: ...

    async def start(self) -> None:
        """Ask who we are. Again after each time that `run` ended."""
        ...

    async def sync(self, since: str, timeout: float) -> News:
        """What is new since `since`, waiting at most `timeout` seconds; with "" only the invitations mean anything."""
        ...

    async def older(self, room: str, start: str, end: str, limit: int) -> Page:
        """History backwards from token `start` to token `end` ("": the room's beginning)."""
        ...

    async def event(self, room: str, event_id: str) -> Event: ...

    async def open(self, source: Mapping[str, Any], room: str) -> Event | None:
        """Decrypt an event that could not be decrypted before; None: still not."""
        ...

    async def ask_for_key(self, source: Mapping[str, Any], room: str) -> None: ...

    async def put(self, room: str, kind: str, content: Mapping[str, Any], transaction: str) -> str:
        """Send an event; its id. The same transaction within a day is the same event."""
        ...

    async def upload(self, room: str, name: str, content: bytes, mime: str) -> Mapping[str, Any]:
        """What an event has to say to name the file: {"url": …}, or {"file": …} where it was encrypted for the room."""
        ...

    async def download(self, content: Mapping[str, Any], limit: int) -> bytes:
        """The file that an event's content names, decrypted. PermanentFailure where it has more than `limit` bytes."""
        ...

    async def join(self, room: str, via: Sequence[str] = ()) -> str: ...

    async def make_room(self, name: str, invited: Sequence[str], *, encrypted: bool) -> str: ...

    async def typing(self, room: str, on: bool) -> None: ...

    async def read_up_to(self, room: str, event_id: str) -> None: ...

    def people(self, room: str) -> int:
        """How many are in the room or invited, we among them; 0: not known."""
        ...

    def name_of(self, room: str, user: str) -> str: ...

    def max_event(self, room: str) -> int:
        """Bytes that the content of an event may have."""
        ...

    async def close(self) -> None: ...
