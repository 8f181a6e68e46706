"""What the Matrix transport takes for granted of a homeserver: held by the fake, and by Synapse through matrix-nio."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.matrix_fake import ANN, FakeHomeserver
from tests.matrix_person import Person
from tests.matrix_world import Synapse, synapse
from transports.base import Disconnected, Outbound, PermanentFailure
from transports.matrix.client import NioHomeserver
from transports.matrix.content import edited, file_message, new_message, reaction, size_of
from transports.matrix.gaps import whole
from transports.matrix.model import Account, Event, Homeserver, News, Policy, RoomNews

__all__ = ["synapse"]

WAIT = 5.0  # seconds of one sync


class World(Protocol):
    """One homeserver, our account on it, and somebody else's."""

    ann: str

    @property
    def server(self) -> Homeserver: ...

    def fresh(self) -> Homeserver: ...  # our account, as after a restart

    async def room(self) -> str: ...  # of hers

    async def invite(self, room: str, *, direct: bool = False) -> str: ...  # us, into it, or into a new one

    async def kick(self, room: str) -> None: ...

    async def say(self, room: str, text: str) -> str: ...

    async def edit(self, room: str, event: str, text: str) -> None: ...

    async def react(self, room: str, event: str, symbol: str) -> str: ...

    async def redact(self, room: str, event: str) -> None: ...

    async def send_file(self, room: str, name: str, content: bytes) -> str: ...

    async def bodies(self, room: str) -> list[str]: ...  # of our messages as she sees them now

    async def fetched(self, room: str) -> bytes: ...  # the file of our last message

    async def is_typing(self, room: str) -> bool: ...

    async def has_read(self, room: str, event: str) -> bool: ...

    async def revoke(self) -> None: ...


class InMemory:
    ann = ANN

    def __init__(self) -> None:
        self.fake = FakeHomeserver()

    @property
    def server(self) -> Homeserver:
        return self.fake

    def fresh(self) -> Homeserver:
        return self.fake

    async def room(self) -> str:
        return self.fake.make(ANN)

    async def invite(self, room: str, *, direct: bool = False) -> str:
        self.fake.rooms[room].direct = direct
        self.fake.invite(room)
        return room

    async def kick(self, room: str) -> None:
        self.fake.kick(room)

    async def say(self, room: str, text: str) -> str:
        return self.fake.say(room, text)

    async def edit(self, room: str, event: str, text: str) -> None:
        self.fake.edit(room, event, text)

    async def react(self, room: str, event: str, symbol: str) -> str:
        return self.fake.react(room, event, symbol)

    async def redact(self, room: str, event: str) -> None:
        self.fake.redact(room, event)

    async def send_file(self, room: str, name: str, content: bytes) -> str:
        return self.fake.say(room, name, msgtype="m.file", url=self.fake.put_file(content))

    async def bodies(self, room: str) -> list[str]:
        shown: dict[str, str] = {}
        for event in self.fake.said(room):
            relation = event.content.get("m.relates_to", {})
            of = relation["event_id"] if relation.get("rel_type") == "m.replace" else event.id
            shown[of] = event.content.get("m.new_content", event.content)["body"]
        return list(shown.values())

    async def fetched(self, room: str) -> bytes:
        return await self.fake.download(self.fake.said(room)[-1].content, 1_000_000)

    async def is_typing(self, room: str) -> bool:
        return self.fake.rooms[room].typing[-1]

    async def has_read(self, room: str, event: str) -> bool:
        return self.fake.rooms[room].read == event

    async def revoke(self) -> None:
        self.fake.revoked = True


class Real:
    """She speaks plain HTTP, and blocks: in a thread of its own."""

    def __init__(self, synapse: Synapse, place: Path) -> None:
        self._ann, self._bot = synapse.user("ann"), synapse.user("tugbot")
        self.ann = self._ann.id
        self._account = Account(synapse.url, self._bot.id, self._bot.token, self._bot.device)
        self._place = place
        self.made: list[NioHomeserver] = []
        self.server: Homeserver = self.fresh()

    def fresh(self) -> Homeserver:
        self.made.append(NioHomeserver(self._account, Policy(), self._place))
        return self.made[-1]

    async def room(self) -> str:
        return await asyncio.to_thread(self._ann.create_room, name="harbour")

    async def invite(self, room: str, *, direct: bool = False) -> str:
        if direct:
            return await asyncio.to_thread(self._ann.create_room, [self._bot], direct=True)
        await asyncio.to_thread(self._ann.invite, room, self._bot)
        return room

    async def kick(self, room: str) -> None:
        await asyncio.to_thread(self._ann.kick, room, self._bot)

    async def say(self, room: str, text: str) -> str:
        return await asyncio.to_thread(self._ann.send, room, text)

    async def edit(self, room: str, event: str, text: str) -> None:
        await asyncio.to_thread(self._ann.edit, room, event, text)

    async def react(self, room: str, event: str, symbol: str) -> str:
        return await asyncio.to_thread(self._ann.react, room, event, symbol)

    async def redact(self, room: str, event: str) -> None:
        await asyncio.to_thread(self._ann.redact, room, event)

    async def send_file(self, room: str, name: str, content: bytes) -> str:
        return await asyncio.to_thread(self._ann.send_file, room, name, content)

    async def bodies(self, room: str) -> list[str]:
        return [said.text for said in await asyncio.to_thread(self._ann.said_by, room, self._bot)]

    async def fetched(self, room: str) -> bytes:
        def fetch(ann: Person) -> bytes:
            return ann.fetch(ann.said_by(room, self._bot)[-1])

        return await asyncio.to_thread(fetch, self._ann)

    async def is_typing(self, room: str) -> bool:
        return self._bot.id in await asyncio.to_thread(self._ann.typing, room)

    async def has_read(self, room: str, event: str) -> bool:
        def read() -> bool:
            return self._ann.receipts(room).get(self._bot.id) == event

        return await asyncio.to_thread(lambda: self._ann.until(lambda: read() or None))

    async def revoke(self) -> None:
        await asyncio.to_thread(self._bot.log_out)


@pytest.fixture(params=["fake", pytest.param("synapse", marks=pytest.mark.integration)])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "fake":
        yield InMemory()
        return
    real = Real(request.getfixturevalue("synapse"), tmp_path)
    yield real
    for each in real.made:
        await each.close()


async def entered(world: World) -> tuple[str, str]:
    """A room that she and we are in, and the token behind that."""
    await world.server.start()
    room = await world.room()
    await world.invite(room)
    await world.server.join(room)
    return room, (await world.server.sync("", 0)).token


async def news_of(server: Homeserver, room: str, since: str) -> tuple[RoomNews, str]:
    """The next that comes from this room, and the token behind it. Syncs may be answered with nothing in them."""
    async with asyncio.timeout(20):
        while True:
            news = await server.sync(since, WAIT)
            for each in news.rooms:
                if each.room == room:
                    return each, news.token
            since = news.token


def bodies(events: tuple[Event, ...] | list[Event]) -> list[str]:
    return [event.content["body"] for event in events if event.kind == "m.room.message"]


# ---------------------------------------------------------------- receiving


async def test_who_we_are(world: World) -> None:
    await world.server.start()
    assert world.server.user.startswith("@tugbot")
    assert world.server.device
    assert world.server.display_name.lower().startswith("tugbot")


async def test_what_is_said_comes_once_in_order(world: World) -> None:
    room, token = await entered(world)
    said = [f"m{number}" for number in range(5)]
    for text in said:
        await world.say(room, text)
    news, token = await news_of(world.server, room, token)
    assert (bodies(news.events), news.limited) == (said, False)
    assert {event.sender for event in news.events} == {world.ann}
    assert all(event.room == room and event.at > 0 for event in news.events)
    await world.say(room, "next")
    news, _ = await news_of(world.server, room, token)
    assert bodies(news.events) == ["next"]


async def test_what_we_say_does_not_come_back(world: World) -> None:
    room, token = await entered(world)
    for number in range(3):
        await world.server.put(room, "m.room.message", {"msgtype": "m.text", "body": f"ours {number}"}, "")
    await world.say(room, "hers")
    news, _ = await news_of(world.server, room, token)
    assert (bodies(news.events), news.limited) == (["hers"], False)


async def test_the_same_token_gives_the_same_again(world: World) -> None:
    room, token = await entered(world)
    await world.say(room, "one")
    first, _ = await news_of(world.server, room, token)
    again, _ = await news_of(world.server, room, token)
    after, _ = await news_of(await started(world.fresh()), room, token)
    assert first.events == again.events == after.events


async def started(server: Homeserver) -> Homeserver:
    await server.start()
    return server


async def test_a_gap_is_told_and_can_be_filled(world: World) -> None:
    room, token = await entered(world)
    said = [f"m{number}" for number in range(120)]
    for number, text in enumerate(said):
        await world.say(room, text)
        if number % 40 == 0:
            await world.server.put(room, "m.room.message", {"msgtype": "m.text", "body": "ours"}, "")
    news, _ = await news_of(world.server, room, token)
    assert news.limited
    assert bodies(news.events) == said[-len(news.events) :]
    assert bodies(await whole(world.server, news, token)) == said


async def test_history_is_paged_backwards_up_to_a_token(world: World) -> None:
    room, token = await entered(world)
    said = [f"m{number}" for number in range(110)]
    for text in said:
        await world.say(room, text)
    news, _ = await news_of(world.server, room, token)
    found: list[Event] = []
    start: str | None = news.before
    pages = 0
    while start is not None:
        page = await world.server.older(room, start, token, 3)
        assert len(page.events) <= 3
        found, start, pages = [*found, *page.events], page.end, pages + 1
    assert bodies([*found[::-1], *news.events]) == said
    assert pages > 1


async def test_an_invitation_is_told_once_with_who_sent_it(world: World) -> None:
    await world.server.start()
    token = (await world.server.sync("", 0)).token
    pair = await world.invite(await world.room(), direct=True)
    news = await world.server.sync(token, WAIT)
    assert [(each.room, each.sender, each.direct) for each in news.invites] == [(pair, world.ann, True)]
    group = await world.invite(await world.room())
    news = await world.server.sync(news.token, WAIT)
    assert [(each.room, each.direct) for each in news.invites] == [(group, False)]
    again = await (await started(world.fresh())).sync("", 0)
    assert {each.room for each in again.invites} == {pair, group}


async def test_a_room_that_was_joined_brings_what_was_said_since_the_invitation(world: World) -> None:
    await world.server.start()
    token = (await world.server.sync("", 0)).token
    room = await world.room()
    await world.say(room, "before")
    await world.invite(room)
    await world.say(room, "after")
    assert await world.server.join(room) == room
    await world.say(room, "later")
    news, _ = await news_of(world.server, room, token)

    def begins(event: Event) -> bool:
        return event.kind == "m.room.member" and event.state_key == world.server.user

    events = await whole(world.server, news, "", begins=lambda e: begins(e) and e.content["membership"] == "invite")
    assert bodies(events)[-2:] == ["after", "later"]
    assert "before" not in bodies(events)


async def test_being_thrown_out_is_told(world: World) -> None:
    room, token = await entered(world)
    await world.kick(room)
    news: News = await world.server.sync(token, WAIT)
    assert news.left == (room,)
    with pytest.raises(PermanentFailure):
        await world.server.put(room, "m.room.message", {"msgtype": "m.text", "body": "x"}, "")


async def test_a_room_that_we_are_not_asked_into_cannot_be_joined(world: World) -> None:
    await world.server.start()
    with pytest.raises(PermanentFailure):
        await world.server.join(await world.room())
    with pytest.raises(PermanentFailure):
        await world.server.join("!nowhere:matrix.test")


async def test_edits_reactions_and_redactions_come_as_they_are(world: World) -> None:
    room, token = await entered(world)
    first = await world.say(room, "one")
    await world.edit(room, first, "two")
    symbol = await world.react(room, first, "👍")
    await world.redact(room, symbol)
    news, _ = await news_of(world.server, room, token)
    said, edit, reacted, redaction = news.events
    assert said.id == first
    assert edit.content["m.relates_to"] == {"rel_type": "m.replace", "event_id": first}
    assert edit.content["m.new_content"]["body"] == "two"
    assert (reacted.kind, reacted.content) == ("m.reaction", {})  # it has been taken back
    assert redaction.kind == "m.room.redaction"
    assert symbol in (redaction.redacts, redaction.content.get("redacts"))


async def test_one_event(world: World) -> None:
    room, _ = await entered(world)
    said = await world.say(room, "one")
    event = await world.server.event(room, said)
    assert (event.id, event.room, event.sender, event.content["body"]) == (said, room, world.ann, "one")
    for unknown in ("$unknown", "$a/b?c#d%"):
        with pytest.raises(PermanentFailure):
            await world.server.event(room, unknown)


# ---------------------------------------------------------------- sending


async def test_the_same_transaction_is_the_same_event(world: World) -> None:
    room, _ = await entered(world)
    content, transaction = {"msgtype": "m.text", "body": "once"}, uuid.uuid4().hex
    first = await world.server.put(room, "m.room.message", content, transaction)
    assert await world.server.put(room, "m.room.message", content, transaction) == first
    after = await started(world.fresh())
    assert await after.put(room, "m.room.message", content, transaction) == first
    assert await world.server.put(room, "m.room.message", content, "") != first
    assert await world.bodies(room) == ["once", "once"]


async def test_our_edits_replace(world: World) -> None:
    room, _ = await entered(world)
    limit = world.server.max_event(room)
    first = await world.server.put(room, "m.room.message", new_message(_out("one"), "", limit), "")
    for text in ("two", "**three**"):
        await world.server.put(room, "m.room.message", edited(first, _out(text), limit), "")
    assert await world.bodies(room) == ["**three**"]


async def test_the_longest_content_is_taken_and_more_is_refused(world: World) -> None:
    room, _ = await entered(world)
    around = size_of({"msgtype": "m.text", "body": ""})
    longest = {"msgtype": "m.text", "body": "x" * (world.server.max_event(room) - around)}
    first = await world.server.put(room, "m.room.message", longest, "")
    await world.server.put(room, "m.room.message", edited(first, _out("𝕏" * 8000), 60_000), "")
    with pytest.raises(PermanentFailure, match="M_TOO_LARGE"):
        await world.server.put(room, "m.room.message", {"msgtype": "m.text", "body": "x" * 70_000}, "")


async def test_hostile_text_is_taken(world: World) -> None:
    room, _ = await entered(world)
    text = "a\x1b[31m\ud800\x00\u202e</script>\t\u2028'\"\\"
    await world.server.put(room, "m.room.message", new_message(_out(text), "", 60_000), "")
    (shown,) = await world.bodies(room)
    assert shown == "a\ufffd\ufffd</script>\t\u2028'\"\\"


async def test_what_does_not_exist_cannot_be_related_to(world: World) -> None:
    room, _ = await entered(world)
    for content in (edited("$nothing", _out("x"), 60_000), new_message(_out("x"), "$nothing", 60_000)):
        with pytest.raises(PermanentFailure):
            await world.server.put(room, "m.room.message", content, "")


async def test_a_reaction_is_given_once(world: World) -> None:
    room, _ = await entered(world)
    said = await world.say(room, "one")
    transaction = uuid.uuid4().hex
    first = await world.server.put(room, "m.reaction", reaction(said, "👍"), transaction)
    assert await world.server.put(room, "m.reaction", reaction(said, "👍"), transaction) == first
    with pytest.raises(PermanentFailure, match="M_DUPLICATE_ANNOTATION"):
        await world.server.put(room, "m.reaction", reaction(said, "👍"), "")


async def test_a_room_that_is_not_ours_takes_nothing(world: World) -> None:
    await world.server.start()
    for room in (await world.room(), "!nowhere"):
        with pytest.raises(PermanentFailure):
            await world.server.put(room, "m.room.message", {"msgtype": "m.text", "body": "x"}, "")


async def test_files_both_ways(world: World) -> None:
    room, token = await entered(world)
    content = bytes(range(256)) * 300
    named = await world.server.upload(room, "été.bin", content, "application/octet-stream")
    said = file_message("été.bin", "application/octet-stream", len(content), named, "")
    await world.server.put(room, "m.room.message", said, "")
    assert await world.fetched(room) == content
    await world.send_file(room, "a.bin", content)
    news, _ = await news_of(world.server, room, token)
    (event,) = news.events
    assert await world.server.download(event.content, len(content)) == content
    with pytest.raises(PermanentFailure):
        await world.server.download(event.content, len(content) - 1)


@pytest.mark.parametrize(
    "url", ["mxc://matrix.test/nothing", "mxc://a/../b", "mxc://[", "https://matrix.test/x", "", None, 7]
)
async def test_what_is_no_file_cannot_be_had(world: World, url: Any) -> None:
    await world.server.start()
    with pytest.raises(PermanentFailure):
        await world.server.download({"url": url}, 100)


async def test_typing_and_receipts(world: World) -> None:
    room, _ = await entered(world)
    said = await world.say(room, "one")
    await world.server.typing(room, on=True)
    assert await world.is_typing(room)
    await world.server.typing(room, on=False)
    assert not await world.is_typing(room)
    await world.server.read_up_to(room, said)
    assert await world.has_read(room, said)


# ---------------------------------------------------------------- rooms


async def test_a_room_of_our_own(world: World) -> None:
    await world.server.start()
    token = (await world.server.sync("", 0)).token
    room = await world.server.make_room("harbour", [world.ann], encrypted=False)
    await world.server.sync(token, WAIT)
    assert world.server.people(room) == 2
    await world.server.put(room, "m.room.message", {"msgtype": "m.text", "body": "welcome"}, "")


async def test_how_many_people_and_what_they_are_called(world: World) -> None:
    room, token = await entered(world)
    await world.say(room, "one")
    await news_of(world.server, room, token)
    assert world.server.people(room) == 2
    assert world.server.people("!nowhere") == 0
    assert world.server.name_of(room, world.ann).startswith("ann")
    assert world.server.name_of("!nowhere", "@who:matrix.test") == "who"


async def test_a_room_is_known_after_a_restart_without_any_news(world: World) -> None:
    room, token = await entered(world)
    after = await started(world.fresh())
    await after.sync(token, 0)
    assert after.people(room) == 2


# ---------------------------------------------------------------- the end


async def test_a_revoked_token_is_told_by_every_call(world: World) -> None:
    room, token = await entered(world)
    await world.revoke()
    for call in (
        world.server.start(),
        world.server.sync(token, WAIT),
        world.server.older(room, token, "", 10),
        world.server.event(room, "$1"),
        world.server.put(room, "m.room.message", {"msgtype": "m.text", "body": "x"}, ""),
        world.server.upload(room, "a", b"x", "text/plain"),
        world.server.join(room),
        world.server.make_room("x", [], encrypted=False),
        world.server.typing(room, on=True),
        world.server.read_up_to(room, "$1"),
    ):
        with pytest.raises(Disconnected) as caught:
            await call
        assert caught.value.lasting


def _out(text: str) -> Outbound:
    return Outbound("matrix/!room", text, "answer")


@pytest.mark.integration
async def test_the_longest_edit_fits_encrypted_too(synapse: Synapse, tmp_path: Path) -> None:
    bot = synapse.user("tugbot")
    account = Account(synapse.url, bot.id, bot.token, bot.device)
    server = NioHomeserver(account, Policy(e2ee=True), tmp_path)
    try:
        await server.start()
        token = (await server.sync("", 0)).token
        room = await server.make_room("harbour", [], encrypted=True)
        await server.sync(token, WAIT)
        limit = server.max_event(room)
        assert limit == 40_000
        first = await server.put(room, "m.room.message", new_message(_out("x"), "", limit), "")
        await server.put(room, "m.room.message", edited(first, _out("𝕏" * 8000), limit), "")
        stored = await asyncio.to_thread(bot.messages, room)
    finally:
        await server.close()
    assert [event["type"] for event in stored if "ciphertext" in event["content"]] == ["m.room.encrypted"] * 2
