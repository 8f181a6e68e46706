"""What cannot be decrypted is kept, tried again, told, and given up in the end."""

from __future__ import annotations

from tests.matrix_fake import ANN, FakeHomeserver
from transports.base import Disconnected, PermanentFailure, TemporaryFailure
from transports.matrix.sealed import GIVEN_UP, MOST, PREFIX, TOLD_AFTER, Sealed


class World:
    def __init__(self) -> None:
        self.server = FakeHomeserver()
        self.room = self.server.make(ANN)
        self.server.invite(self.room)
        self.sealed = Sealed(self.server)
        self.kept: dict[str, str] = {}

    async def enter(self) -> None:
        await self.server.join(self.room)

    async def take(self, text: str = "secret", now: float = 0.0) -> str:
        event_id = self.server.seal(self.room, text)
        self.note(await self.sealed.keep(self.server.find(event_id), now))
        return event_id

    def note(self, changes: dict[str, str | None]) -> None:
        for key, value in changes.items():
            self.kept.pop(key, None)
            if value is not None:
                self.kept[key] = value

    def restart(self) -> None:
        self.sealed = Sealed(self.server)
        self.sealed.load(self.kept)

    def told(self) -> list[str]:
        return [event.content["body"] for event in self.server.said(self.room)]


async def test_the_key_is_asked_for_and_the_message_is_read_when_it_has_come() -> None:
    world = World()
    event_id = await world.take("secret")
    assert world.server.asked == [event_id]
    assert await world.sealed.opened() == []
    world.server.bring_keys(event_id)
    (opened,) = await world.sealed.opened()
    assert (opened.id, opened.content["body"]) == (event_id, "secret")
    assert await world.sealed.opened() == [opened]  # until what became of it is committed
    world.note(world.sealed.forget(event_id))
    assert await world.sealed.opened() == []
    assert world.kept == {}


async def test_they_outlive_a_restart_in_their_order() -> None:
    world = World()
    events = [await world.take(f"m{n}", now=float(n)) for n in range(5)]
    world.kept = dict(reversed(world.kept.items()))
    world.restart()
    world.server.bring_keys(*events)
    assert [event.id for event in await world.sealed.opened()] == events


async def test_what_is_handed_in_again_is_kept_once_and_asked_for_once() -> None:
    world = World()
    event_id = world.server.seal(world.room, "secret")
    event = world.server.find(event_id)
    first = await world.sealed.keep(event, 1.0)
    assert await world.sealed.keep(event, 2.0) == first
    assert world.server.asked == [event_id]


async def test_a_key_that_cannot_be_asked_for_keeps_nothing_back() -> None:
    world = World()
    world.server.faults["ask_for_key"] = [TemporaryFailure("busy"), PermanentFailure("no")]
    await world.take()
    await world.take()
    assert len(world.kept) == 2


async def test_a_room_is_told_once_and_after_a_while() -> None:
    world = World()
    await world.enter()
    await world.take()
    await world.take()
    assert await world.sealed.complain(TOLD_AFTER) == {}
    assert world.told() == []
    world.note(await world.sealed.complain(TOLD_AFTER + 1))
    assert len(world.told()) == 1
    assert "2 messages" in world.told()[0]
    world.restart()
    assert await world.sealed.complain(TOLD_AFTER + 2) == {}
    assert len(world.told()) == 1


async def test_where_telling_fails_it_is_tried_again_and_said_once() -> None:
    world = World()
    await world.enter()
    await world.take()
    world.server.lost["put"] = [TemporaryFailure("the answer was lost")]
    world.server.faults["put"] = [TemporaryFailure("busy"), Disconnected("revoked"), None]
    for _ in range(4):
        world.note(await world.sealed.complain(TOLD_AFTER + 1))
    assert len(world.told()) == 1


async def test_where_nobody_can_be_told_it_is_let_be() -> None:
    world = World()  # not in the room
    await world.take()
    world.note(await world.sealed.complain(TOLD_AFTER + 1))
    assert await world.sealed.complain(TOLD_AFTER + 2) == {}


async def test_after_a_week_it_is_given_up() -> None:
    world = World()
    await world.enter()
    event_id = await world.take()
    assert await world.sealed.complain(GIVEN_UP + 1) == {PREFIX + event_id: None}
    world.server.bring_keys(event_id)
    assert await world.sealed.opened() == []


async def test_the_oldest_make_place() -> None:
    world = World()
    first = await world.take()
    for number in range(MOST):
        await world.take(now=float(number + 1))
    assert len(world.kept) == MOST
    assert PREFIX + first not in world.kept
