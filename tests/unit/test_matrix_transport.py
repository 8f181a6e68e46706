"""The order in which things are written down, and what becomes of failures."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.matrix_fake import ANN, BOB, ME
from tests.matrix_rig import World
from tests.transport_fake import until
from transports.base import Choice, Disconnected, MessageRef, Outbound, PermanentFailure, TemporaryFailure
from transports.matrix.transport import MAX_LENGTH


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def token(world: World) -> str:
    return world.keepsakes.values["token"]


# ---------------------------------------------------------------- receiving


async def test_the_token_is_written_only_when_every_message_is(world: World) -> None:
    room = await world.room()
    before = token(world)
    world.receiver.hold = True
    for text in "abc":
        world.server.say(room, text)
    syncs = len(world.server.synced)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(world.transport.run(world.receiver))
        await until(lambda: len(world.receiver.received) == 3)
        world.receiver.commit(2)
        await asyncio.sleep(0.01)
        assert token(world) == before
        assert len(world.server.synced) == syncs + 1  # nor is the next sync asked for
        world.receiver.commit()
        await until(lambda: token(world) == world.server.token)
        task.cancel()


async def test_what_the_store_did_not_take_is_handed_in_again_without_asking_for_it_again(world: World) -> None:
    room = await world.room()
    before = token(world)
    for text in "abc":
        world.server.say(room, text)
    syncs = len(world.server.synced)
    world.receiver.failures = [OSError("disk full")] * 3
    with pytest.raises(OSError, match="disk full"):
        await world.settle()
    assert token(world) == before
    assert world.texts() == []
    await world.settle()
    assert world.texts() == ["a", "b", "c"]
    assert world.server.synced[syncs:] == [before, world.server.token]


async def test_what_cannot_be_remembered_is_handed_in_again_and_committed_once(world: World) -> None:
    room = await world.room()
    before = token(world)
    world.server.say(room, "a")
    world.keepsakes.failures = [OSError("disk full")]
    with pytest.raises(OSError, match="disk full"):
        await world.settle()
    assert (token(world), world.texts()) == (before, ["a"])
    await world.settle()
    assert len(world.receiver.received) == 2
    assert world.texts() == ["a"]
    assert token(world) == world.server.token


async def test_after_a_crash_the_homeserver_is_asked_again(world: World) -> None:
    room = await world.room()
    before = token(world)
    world.server.say(room, "a")
    world.receiver.failures = [OSError("disk full")]
    with pytest.raises(OSError, match="disk full"):
        await world.settle()
    world.boot()
    await world.settle()
    assert world.server.synced[-2:] == [before, world.server.token]
    assert world.texts() == ["a"]


@pytest.mark.parametrize("lost", [False, True])
async def test_the_same_token_is_asked_with_after_a_failure_of_the_network(world: World, lost: bool) -> None:
    room = await world.room()
    before = token(world)
    world.server.say(room, "a")
    (world.server.lost if lost else world.server.faults)["sync"] = [TemporaryFailure("no route")]
    with pytest.raises(Disconnected, match="no route") as caught:
        await world.settle()
    assert not caught.value.lasting
    syncs = len(world.server.synced)
    await world.settle()
    assert world.server.synced[syncs:] == [before, world.server.token]
    assert world.texts() == ["a"]


async def test_a_join_that_fails_for_now_keeps_nobody_else_waiting() -> None:
    world = World()
    room, other = await world.room(), world.server.make(ANN)
    world.server.invite(other)
    world.server.say(other, "hello")
    world.server.say(room, "meanwhile")
    world.server.faults["join"] = [TemporaryFailure("slow down")]
    await world.settle()
    assert world.texts() == ["meanwhile"]
    world.time += 61
    await world.settle()
    assert world.texts() == ["meanwhile", "hello"]


@pytest.mark.parametrize("call", ["start", "older", "event"])
async def test_a_failure_anywhere_else_loses_nothing_either(call: str) -> None:
    world = World(limit=1)
    room = await world.room()
    thread: dict[str, Any] = {"m.relates_to": {"rel_type": "m.thread", "event_id": "$before"}}
    for number in range(5):
        world.server.say(room, f"m{number}", **thread)
    other = world.server.make(ANN)
    world.server.invite(other)
    world.server.say(other, "hello")
    world.server.faults[call] = [TemporaryFailure("busy")]
    with pytest.raises(Disconnected, match="busy"):
        await world.settle()
    await world.settle()
    assert sorted(world.texts()) == ["hello", "m0", "m1", "m2", "m3", "m4"]


async def test_an_invitation_is_not_lost_over_a_store_that_fails(world: World) -> None:
    room = world.server.make(ANN)
    world.server.invite(room)
    world.server.say(room, "hello")
    for _ in range(3):  # at each of the writes on the way, and what was in memory is gone every time
        world.keepsakes.failures = [OSError("disk full")]
        with pytest.raises(OSError, match="disk full"):
            await world.settle()
        world.boot()
        world.keepsakes.failures = []
    await world.settle()
    assert world.texts() == ["hello"]


async def test_an_invitation_is_written_down_with_the_token(world: World) -> None:
    room = world.server.make(BOB)
    world.server.invite(room, BOB)
    await world.settle()
    world.boot()
    world.receiver.admitted.add(BOB)
    await world.settle()
    assert world.server.rooms[room].members[ME] == "join"


async def test_a_revoked_token_ends_it_for_long(world: World) -> None:
    world.server.revoked = True
    with pytest.raises(Disconnected, match="M_UNKNOWN_TOKEN") as caught:
        await world.transport.run(world.receiver)
    assert caught.value.lasting
    world.server.revoked = False
    world.server.faults["sync"] = [Disconnected("M_UNKNOWN_TOKEN", lasting=True)]
    with pytest.raises(Disconnected, match="M_UNKNOWN_TOKEN") as caught:
        await world.transport.run(world.receiver)
    assert caught.value.lasting


async def test_another_account_begins_anew(world: World) -> None:
    room = await world.room()
    world.keepsakes.values |= {"account": "@other:matrix.test", "choices/$1": "{}", "was/!x": "!y"}
    world.boot()
    world.server.say(room, "before our time")
    await world.settle()
    assert world.texts() == []
    assert set(world.keepsakes.values) == {"account", "token"}
    assert world.keepsakes.values["account"] == ME


async def test_what_was_read_is_shown_as_read(world: World) -> None:
    room = await world.room()
    world.server.say(room, "a")
    last = world.server.say(room, "b")
    await world.settle()
    assert world.server.rooms[room].read == last
    world.server.faults["read_up_to"] = [TemporaryFailure("busy")]
    world.server.say(room, "c")
    await world.settle()
    assert world.texts() == ["a", "b", "c"]


# ---------------------------------------------------------------- sending


async def test_a_message_that_is_sent_again_is_one(world: World) -> None:
    room = await world.room()
    message = Outbound(f"matrix/{room}", "done", "answer", key="k")
    world.server.lost["put"] = [TemporaryFailure("the answer was lost")]
    with pytest.raises(TemporaryFailure):
        await world.transport.send(message)
    world.boot()
    ref = await world.transport.send(message)
    assert [event.id for event in world.server.said(room)] == [ref.id]
    await world.transport.send(Outbound(f"matrix/{room}", "done", "answer", key="l"))
    assert len(world.server.said(room)) == 2


async def test_a_message_goes_into_its_thread(world: World) -> None:
    room = await world.room()
    root = world.server.say(room, "hello")
    ref = await world.transport.send(Outbound(f"matrix/{room}/{root}", "done", key="k"))
    (event,) = world.server.said(room)
    assert ref == MessageRef(f"matrix/{room}/{root}", event.id)
    assert event.content["m.relates_to"]["event_id"] == root


async def test_the_longest_messages_and_their_edits_are_taken(world: World) -> None:
    room = await world.room()
    text = "𝕏" * MAX_LENGTH
    ref = await world.transport.send(Outbound(f"matrix/{room}", text, key="k"))
    await world.transport.edit(ref, Outbound(f"matrix/{room}", text))
    assert world.server.said(room)[-1].content["m.new_content"]["body"] == text


async def test_an_edit_names_the_original(world: World) -> None:
    room = await world.room()
    ref = await world.transport.send(Outbound(f"matrix/{room}", "one", key="k"))
    for text in ("two", "three"):
        await world.transport.edit(ref, Outbound(f"matrix/{room}", text))
    edits = world.server.said(room)[1:]
    assert [event.content["m.relates_to"]["event_id"] for event in edits] == [ref.id] * 2


@pytest.mark.parametrize("target", ["slack/T/C", "matrix", "matrix/", "matrixx/!room", "", "matrix/!unknown"])
async def test_what_is_no_place_of_ours_is_refused_for_good(world: World, target: str) -> None:
    with pytest.raises(PermanentFailure):
        await world.transport.send(Outbound(target, "x"))
    with pytest.raises(PermanentFailure):
        await world.transport.upload(target, "a.txt", b"x")


async def test_a_room_that_we_were_thrown_out_of_refuses_for_good(world: World) -> None:
    room = await world.room()
    world.server.kick(room)
    with pytest.raises(PermanentFailure):
        await world.transport.send(Outbound(f"matrix/{room}", "x"))


async def test_a_revoked_token_lets_messages_wait(world: World) -> None:
    room = await world.room()
    world.server.revoked = True
    for call in (
        world.transport.send(Outbound(f"matrix/{room}", "x", key="k")),
        world.transport.edit(MessageRef(f"matrix/{room}", "$1"), Outbound(f"matrix/{room}", "x")),
        world.transport.upload(f"matrix/{room}", "a.txt", b"x"),
        world.transport.make_room("harbour", [ANN]),
    ):
        with pytest.raises(TemporaryFailure) as caught:
            await call
        assert caught.value.retry_after
    await world.transport.typing(f"matrix/{room}", on=True)


async def test_a_limit_of_the_homeserver_is_passed_on(world: World) -> None:
    room = await world.room()
    world.server.faults["put"] = [TemporaryFailure("slow down", retry_after=3.0)]
    with pytest.raises(TemporaryFailure) as caught:
        await world.transport.send(Outbound(f"matrix/{room}", "x", key="k"))
    assert caught.value.retry_after == 3.0


CHOICES = (Choice("allow", "Allow once", "✔️"), Choice("deny", "Deny", "✖️"))


def offered(world: World, room: str) -> list[str]:
    return [event.content["m.relates_to"]["key"] for event in world.server.said(room, "m.reaction")]


async def test_choices_are_offered_as_reactions_in_their_order(world: World) -> None:
    room = await world.room()
    message = Outbound(f"matrix/{room}", "May I?", key="k", choices=CHOICES)
    await world.transport.send(message)
    await world.transport.send(message)
    assert offered(world, room) == ["✔️", "✖️"]


async def test_a_question_stands_even_where_reactions_are_refused(world: World) -> None:
    room = await world.room()
    world.server.faults["put"] = [None, TemporaryFailure("busy"), PermanentFailure("M_FORBIDDEN")]
    ref = await world.transport.send(Outbound(f"matrix/{room}", "May I?", key="k", choices=CHOICES))
    assert offered(world, room) == []
    world.server.react(room, ref.id, "✖️")
    await world.settle()
    assert world.texts() == ["deny"]


async def test_a_question_that_could_not_be_written_down_is_asked_once(world: World) -> None:
    room = await world.room()
    message = Outbound(f"matrix/{room}", "May I?", key="k", choices=CHOICES)
    world.keepsakes.failures = [OSError("disk full")]
    with pytest.raises(OSError, match="disk full"):
        await world.transport.send(message)
    await world.transport.send(message)
    assert len(world.server.said(room)) == 1
    assert offered(world, room) == ["✔️", "✖️"]


# ---------------------------------------------------------------- the rest


async def test_a_file_is_sent_with_what_it_is(world: World) -> None:
    room = await world.room()
    root = world.server.say(room, "draw it")
    ref = await world.transport.upload(f"matrix/{room}/{root}", "../.plot.png", b"content")
    (event,) = world.server.said(room)
    assert ref.id == event.id
    assert (event.content["msgtype"], event.content["body"]) == ("m.image", "plot.png")
    assert event.content["info"] == {"mimetype": "image/png", "size": 7}
    assert event.content["m.relates_to"]["event_id"] == root
    assert await world.server.download(event.content, 100) == b"content"


async def test_a_file_that_is_too_large_is_refused_for_good(world: World) -> None:
    room = await world.room()
    with pytest.raises(PermanentFailure, match="MB"):
        await world.transport.upload(f"matrix/{room}", "a.iso", b"x" * 101)
    world.server.max_file = 3
    with pytest.raises(PermanentFailure, match="M_TOO_LARGE"):
        await world.transport.upload(f"matrix/{room}", "a.iso", b"four")


async def test_typing_is_best_effort(world: World) -> None:
    room = await world.room()
    await world.transport.typing(f"matrix/{room}/$thread", on=True)
    await world.transport.typing(f"matrix/{room}", on=False)
    world.server.faults["typing"] = [TemporaryFailure("busy"), PermanentFailure("no")]
    await world.transport.typing(f"matrix/{room}", on=True)
    await world.transport.typing(f"matrix/{room}", on=True)
    assert world.server.rooms[room].typing == [True, False]


async def test_a_room_of_our_own(world: World) -> None:
    session = await world.transport.make_room("harbour", [ANN])
    room = session.removeprefix("matrix/")
    assert world.server.rooms[room].members == {ME: "join", ANN: "invite"}
    world.server.say(room, "hello")
    await world.settle()
    assert world.texts() == ["hello"]


async def test_after_the_close_nothing_is_sent(world: World) -> None:
    room = await world.room()
    await world.transport.close()
    assert world.server.closed
    with pytest.raises(PermanentFailure):
        await world.transport.send(Outbound(f"matrix/{room}", "late"))
