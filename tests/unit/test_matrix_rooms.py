"""Which rooms we go to, and that none is forgotten over a failure."""

from __future__ import annotations

import pytest

from tests.matrix_fake import ANN, BOB, FakeHomeserver
from tests.transport_fake import FakeKeepsakes, FakeReceiver
from transports.base import TemporaryFailure
from transports.matrix.model import Invite
from transports.matrix.rooms import INVITED, MOST, PAUSE, Rooms


class World:
    def __init__(self) -> None:
        self.time = 1e9
        self.server = FakeHomeserver()
        self.keepsakes = FakeKeepsakes()
        self.receiver = FakeReceiver()
        self.receiver.admitted = {ANN}
        self.restart()

    def restart(self) -> None:
        self.rooms = Rooms("matrix", self.server, self.keepsakes, clock=lambda: self.time)
        self.rooms.load(self.keepsakes.values)

    async def invited(self, room: str, by: str = ANN) -> None:
        self.server.invite(room, by)
        changes = self.rooms.noted([Invite(room, by, direct=False)])
        await self.keepsakes.write(changes)
        self.rooms.written(changes)
        await self.rooms.invited(self.receiver)

    def joined(self, room: str) -> bool:
        return self.server.rooms[room].members.get(self.server.user) == "join"


@pytest.fixture
def world() -> World:
    return World()


async def test_who_is_admitted_is_followed(world: World) -> None:
    room = world.server.make(ANN)
    await world.invited(room)
    assert world.joined(room)
    assert world.rooms.entered(room) == "invite"
    assert INVITED + room not in world.keepsakes.values


async def test_who_is_not_waits_until_they_are(world: World) -> None:
    room = world.server.make(BOB)
    await world.invited(room, BOB)
    assert not world.joined(room)
    assert world.rooms.entered(room) == ""
    world.restart()
    world.receiver.admitted.add(BOB)
    await world.rooms.invited(world.receiver)
    assert world.joined(room)


async def test_a_room_is_entered_once_its_news_were_read(world: World) -> None:
    room = world.server.make(ANN)
    await world.invited(room)
    world.restart()
    changes = world.rooms.settled(room)
    assert world.rooms.entered(room) == "invite"  # not before it is written down
    world.rooms.written(changes)
    assert world.rooms.entered(room) == ""
    assert world.rooms.settled(room) == {}


async def test_a_join_that_fails_for_now_is_tried_again(world: World) -> None:
    room = world.server.make(ANN)
    world.server.faults["join"] = [TemporaryFailure("busy")]
    await world.invited(room)
    await world.rooms.invited(world.receiver)
    assert not world.joined(room)  # not at once: a limit would be met again, and everybody would wait for that
    world.time += 2 * PAUSE
    await world.rooms.invited(world.receiver)
    assert world.joined(room)


async def test_a_join_that_failed_is_tried_again_after_a_restart(world: World) -> None:
    room = world.server.make(ANN)
    world.server.faults["join"] = [TemporaryFailure("busy")]
    await world.invited(room)
    world.restart()
    await world.rooms.invited(world.receiver)
    assert world.joined(room)


async def test_a_join_that_is_refused_is_let_be(world: World) -> None:
    room = world.server.make(ANN)
    world.server.invite(room)
    world.server.kick(room)  # the invitation was taken back
    changes = world.rooms.noted([Invite(room, ANN, direct=False)])
    world.rooms.written(changes)
    await world.rooms.invited(world.receiver)
    await world.rooms.invited(world.receiver)
    assert len(world.server.joins) == 1
    assert world.rooms.entered(room) == ""


async def test_what_strangers_send_takes_a_bounded_place(world: World) -> None:
    rooms = [world.server.make(BOB) for _ in range(MOST + 5)]
    for room in rooms:
        await world.invited(room, BOB)
    kept = [key for key in world.keepsakes.values if key.startswith(INVITED)]
    assert kept == [INVITED + room for room in rooms[5:]]


async def test_a_room_that_we_left_waits_for_nothing(world: World) -> None:
    room = world.server.make(BOB)
    await world.invited(room, BOB)
    changes = world.rooms.left([room])
    assert changes == {INVITED + room: None}
    world.rooms.written(changes)
    world.receiver.admitted.add(BOB)
    await world.rooms.invited(world.receiver)
    assert world.server.joins == []


async def test_an_upgraded_room_is_followed_by_way_of_who_upgraded_it(world: World) -> None:
    old, new = world.server.make(ANN), world.server.make(ANN, public=True)
    await world.rooms.follow(old, new, "@ann:example.org")
    assert world.server.joins == [(new, ("example.org",))]
    assert (world.rooms.was(new), world.rooms.entered(new)) == (old, "moved")
    world.restart()
    assert (world.rooms.was(new), world.rooms.entered(new)) == (old, "moved")


async def test_a_successor_that_lets_nobody_in_may_be_entered_by_anyones_invitation(world: World) -> None:
    old, new = world.server.make(ANN), world.server.make(BOB)
    await world.rooms.follow(old, new, BOB)
    assert not world.joined(new)
    await world.invited(new, BOB)
    assert world.joined(new)
    assert world.rooms.entered(new) == "invite"


async def test_a_successor_is_joined_in_the_end_where_the_first_try_failed(world: World) -> None:
    old, new = world.server.make(ANN), world.server.make(ANN, public=True)
    world.server.faults["join"] = [TemporaryFailure("busy")]
    await world.rooms.follow(old, new, ANN)
    assert not world.joined(new)
    world.time += 2 * PAUSE
    await world.rooms.invited(world.receiver)
    assert world.joined(new)
    assert world.rooms.was(new) == old


async def test_a_tombstone_that_is_read_twice_joins_once(world: World) -> None:
    old, new = world.server.make(ANN), world.server.make(ANN, public=True)
    await world.rooms.follow(old, new, ANN)
    world.rooms.written(world.rooms.settled(new))
    await world.rooms.follow(old, new, ANN)
    assert len(world.server.joins) == 1


async def test_a_room_that_cannot_be_joined_keeps_us_out_of_no_other_and_is_given_up(world: World) -> None:
    dead, good = world.server.make(ANN), world.server.make(ANN)
    world.server.faults["join"] = [TemporaryFailure("502")]
    await world.invited(dead)
    await world.invited(good)
    assert (world.joined(dead), world.joined(good)) == (False, True)
    world.server.faults["join"] = [TemporaryFailure("502")] * 20
    for _ in range(20):
        world.time += 1e6
        await world.rooms.invited(world.receiver)
    assert INVITED + dead not in world.keepsakes.values
    assert len(world.server.faults["join"]) > 10


async def test_a_limit_on_joins_is_waited_for(world: World) -> None:
    one, two = world.server.make(ANN), world.server.make(ANN)
    world.server.faults["join"] = [TemporaryFailure("slow down", retry_after=5.0)]
    await world.invited(one)
    await world.invited(two)
    assert (world.joined(one), world.joined(two)) == (False, False)
    world.time += 5
    await world.rooms.invited(world.receiver)
    assert (world.joined(one), world.joined(two)) == (True, True)
