"""Somebody at a Matrix client: an account that speaks plain HTTP, for tests that drive a bot from outside.

Deliberately not built on nio, which the bot uses, so that the two cannot be wrong together.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tests.matrix_content import correction, file, message, reaction
from tests.matrix_feed import Feed
from tests.matrix_timeline import Said, shown
from tests.matrix_wire import Json, Wire, part

T = TypeVar("T")

PATIENCE = 20.0  # seconds for anything to happen
PAGE = 500  # events of one page; the server gives 1000 at most
POLL = 500  # milliseconds of one /sync, so that conditions that no event tells of are looked at as well
ENCRYPTION = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}


@dataclass
class Person:
    """Sending may be done from any thread; what waits or looks must be called from one thread at a time."""

    wire: Wire
    id: str
    device: str
    password: str
    feed: Feed = field(init=False)

    def __post_init__(self) -> None:
        self.feed = Feed(self.wire, self.messages)

    @property
    def token(self) -> str:
        return self.wire.token

    # ------------------------------------------------------------ the account

    def another_device(self) -> Person:
        return log_in(self.wire.port, self.id, self.password)

    def log_out(self) -> None:
        """The token is worth nothing from here on."""
        self.wire.call("POST", "/logout")

    def set_name(self, name: str) -> None:
        """Rooms get to know a moment later."""
        self.wire.call("PUT", f"/profile/{part(self.id)}/displayname", {"displayname": name})

    # ------------------------------------------------------------ rooms

    def create_room(
        self,
        invite: Sequence[Person | str] = (),
        *,
        direct: bool = False,
        name: str = "",
        encrypted: bool = False,
        preset: str = "private_chat",
        **more: object,
    ) -> str:
        wanted: Json = {
            "preset": preset,
            "is_direct": direct,
            "invite": [_id(person) for person in invite],
            "initial_state": [ENCRYPTION] if encrypted else [],
            **({"name": name} if name else {}),
            **more,
        }
        return str(self.wire.call("POST", "/createRoom", wanted)["room_id"])

    def invite(self, room: str, person: Person | str) -> None:
        self.wire.call("POST", f"/rooms/{part(room)}/invite", {"user_id": _id(person)})

    def join(self, room: str) -> None:
        self.wire.call("POST", f"/join/{part(room)}")
        self.feed.invited.pop(room, None)

    def leave(self, room: str) -> None:
        """Also how an invitation is turned down."""
        self.wire.call("POST", f"/rooms/{part(room)}/leave")
        self.feed.invited.pop(room, None)

    def forget(self, room: str) -> None:
        self.wire.call("POST", f"/rooms/{part(room)}/forget")

    def kick(self, room: str, person: Person | str) -> None:
        self.wire.call("POST", f"/rooms/{part(room)}/kick", {"user_id": _id(person)})

    def upgrade(self, room: str, version: str = "12") -> str:
        """The new room's id. The old one gets a tombstone and can no longer be written to; nobody is invited anew."""
        return str(self.wire.call("POST", f"/rooms/{part(room)}/upgrade", {"new_version": version})["replacement_room"])

    def rooms(self) -> list[str]:
        return list(self.wire.call("GET", "/joined_rooms")["joined_rooms"])

    def members(self, room: str) -> dict[str, str]:
        """Who has joined, with the name they show."""
        joined = self.wire.call("GET", f"/rooms/{part(room)}/joined_members")["joined"]
        return {user: about.get("display_name") or user for user, about in joined.items()}

    def state(self, room: str, kind: str, key: str = "") -> Json:
        return self.wire.call("GET", f"/rooms/{part(room)}/state/{kind}/{part(key)}")

    def set_state(self, room: str, kind: str, content: Json, key: str = "") -> str:
        return str(self.wire.call("PUT", f"/rooms/{part(room)}/state/{kind}/{part(key)}", content)["event_id"])

    # ------------------------------------------------------------ what is said

    def send(
        self,
        room: str,
        text: str,
        *,
        thread: str = "",
        reply_to: str = "",
        mentions: Sequence[Person | str] = (),
        html: str = "",
        kind: str = "m.text",
        txn: str = "",
    ) -> str:
        """The event's id. `thread` is the root's; `txn` is to send the same message twice."""
        who = [_id(person) for person in mentions]
        content = message(text, thread=thread, reply_to=reply_to, mentions=who, html=html, kind=kind)
        return self.event(room, "m.room.message", content, txn)

    def edit(self, room: str, event: str, text: str, *, html: str = "", mentions: Sequence[Person | str] = ()) -> str:
        """`event` is the original's id, also where it has been edited before."""
        content = correction(event, text, html=html, mentions=[_id(person) for person in mentions])
        return self.event(room, "m.room.message", content)

    def react(self, room: str, event: str, key: str) -> str:
        """To be taken back by redacting what it returns."""
        return self.event(room, "m.reaction", reaction(event, key))

    def redact(self, room: str, event: str, reason: str = "") -> str:
        path = f"/rooms/{part(room)}/redact/{part(event)}/{uuid.uuid4().hex}"
        return str(self.wire.call("PUT", path, {"reason": reason} if reason else {})["event_id"])

    def event(self, room: str, kind: str, content: Json, txn: str = "") -> str:
        path = f"/rooms/{part(room)}/send/{kind}/{part(txn or uuid.uuid4().hex)}"
        return str(self.wire.call("PUT", path, content)["event_id"])

    def send_file(
        self,
        room: str,
        name: str,
        content: bytes,
        *,
        mime: str = "application/octet-stream",
        caption: str = "",
        thread: str = "",
        mentions: Sequence[Person | str] = (),
    ) -> str:
        who = [_id(person) for person in mentions]
        where = self.put(name, content, mime)
        said = file(name, len(content), mime, where, caption=caption, thread=thread, mentions=who)
        return self.event(room, "m.room.message", said)

    def put(self, name: str, content: bytes, mime: str) -> Json:
        """Where the file is to be found, as a message says it."""
        return {"url": self.upload(name, content, mime)}

    def fetch(self, said: Said) -> bytes:
        """The file of a message."""
        return self.download(said.content["url"])

    def upload(self, name: str, content: bytes, mime: str = "application/octet-stream") -> str:
        """Its mxc:// address."""
        said = self.wire.raw("POST", "/_matrix/media/v3/upload", content, mime, query={"filename": name})
        return str(json.loads(said)["content_uri"])

    def download(self, address: str) -> bytes:
        server, media = address.removeprefix("mxc://").split("/")
        return self.wire.raw("GET", f"/_matrix/client/v1/media/download/{part(server)}/{part(media)}")

    def set_typing(self, room: str, on: bool, timeout: int = 20_000) -> None:
        path = f"/rooms/{part(room)}/typing/{part(self.id)}"
        self.wire.call("PUT", path, {"typing": on, **({"timeout": timeout} if on else {})})

    def mark_read(self, room: str, event: str) -> None:
        self.wire.call("POST", f"/rooms/{part(room)}/receipt/m.read/{part(event)}")

    # ------------------------------------------------------------ what is to be seen

    def messages(self, room: str, *, backwards: bool = True, page: int = PAGE) -> list[Json]:
        """The whole timeline, oldest first, every event of it; paged through from its end or from its beginning."""
        found: list[Json] = []
        query: dict[str, str | int] = {"dir": "b" if backwards else "f", "limit": page}
        while True:
            said = self.wire.call("GET", f"/rooms/{part(room)}/messages", query=query)
            found += said["chunk"]
            # A page may be empty, or short, without being the last: only a missing end says so, or one that stays.
            if not said.get("end") or said["end"] == query.get("from"):
                return found[::-1] if backwards else found
            query["from"] = said["end"]

    def shown(self, room: str) -> list[Said]:
        """Every message of the room as a client shows it now."""
        return shown(self.opened(room, self.messages(room)))

    def opened(self, room: str, events: list[Json]) -> list[Json]:
        """Decrypted, by whoever can."""
        return events

    def said_by(self, room: str, sender: Person | str) -> list[Said]:
        return [said for said in self.shown(room) if said.sender == _id(sender)]

    def wait(self, room: str, wanted: Callable[[Said], object], patience: float = PATIENCE) -> Said:
        """The first message that is wanted, shown already or still to come."""

        def look() -> list[Said]:
            return shown(self.opened(room, self.feed.watch(room)))

        try:
            return self.until(lambda: next(filter(wanted, look()), None), patience)
        except TimeoutError:
            last = "\n".join(f"{said.sender}: {said.text!r}" for said in look()[-5:])
            raise AssertionError(f"not said in time; the last of what was said:\n{last}") from None

    def until(self, condition: Callable[[], T | None], patience: float = PATIENCE) -> T:
        """What the condition comes to when it is true; asked again after all that happens. Raises TimeoutError."""
        deadline = time.monotonic() + patience
        self.feed.follow(0)
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise TimeoutError("it did not come true in time")
            self.feed.follow(POLL)
        return found

    def invites(self) -> list[str]:
        """Rooms we are asked into."""
        self.feed.follow(0)
        return list(self.feed.invited)

    def wait_invite(self, patience: float = PATIENCE) -> str:
        return self.until(lambda: next(iter(self.feed.invited), None), patience)

    def wait_member(self, room: str, person: Person | str, *, joined: bool = True, patience: float = PATIENCE) -> None:
        self.until(lambda: (_id(person) in self.members(room)) is joined, patience)

    def typing(self, room: str) -> frozenset[str]:
        """Who is typing now. `feed.typed[room]` keeps each time that changed since we look."""
        self.feed.follow(0)
        return self.feed.typed.get(room, [frozenset()])[-1]

    def receipts(self, room: str) -> dict[str, str]:
        """For each person, the event they have read up to."""
        self.feed.follow(0)
        return self.feed.read.get(room, {})


def log_in(port: int, user: str, password: str) -> Person:
    """On a device of its own."""
    wanted = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": password}
    said = Wire(port).call("POST", "/login", wanted)
    return Person(Wire(port, said["access_token"]), said["user_id"], said["device_id"], password)


def _id(person: Person | str) -> str:
    return person if isinstance(person, str) else person.id
