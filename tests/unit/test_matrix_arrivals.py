"""From what a homeserver tells to what the bot is handed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.matrix_fake import ANN, BOB, ME
from tests.matrix_rig import World
from transports.base import Choice, Outbound
from transports.clean import NAME_LIMIT
from transports.matrix.sealed import TOLD_AFTER


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def in_thread(root: str, reply_to: str = "") -> dict[str, Any]:
    relation = {"rel_type": "m.thread", "event_id": root, "is_falling_back": not reply_to}
    return {"m.relates_to": {**relation, "m.in_reply_to": {"event_id": reply_to or root}}}


def reply(to: str) -> dict[str, Any]:
    return {"m.relates_to": {"m.in_reply_to": {"event_id": to}}}


# ---------------------------------------------------------------- beginnings


async def test_the_first_sync_of_all_handles_invitations_only() -> None:
    world = World(known=False)
    old, new = world.server.make(ANN), world.server.make(ANN)
    world.server.invite(old)
    await world.server.join(old)
    world.server.say(old, "before our time")
    world.server.invite(new)
    world.server.say(new, "hello, new one")
    await world.settle()
    assert world.texts() == ["hello, new one"]
    world.server.say(old, "now")
    await world.settle()
    assert world.texts() == ["hello, new one", "now"]


@pytest.mark.parametrize(("limit", "page"), [(100, 1000), (1, 1), (2, 3), (5, 2)])
async def test_a_room_we_are_invited_to_hands_in_what_came_after_that(limit: int, page: int) -> None:
    world = World(limit=limit, page=page)
    room = world.server.make(ANN, BOB)
    for number in range(7):
        world.server.say(room, f"old {number}", BOB)
    world.server.invite(room)
    said = [f"new {number}" for number in range(7)]
    for text in said:
        world.server.say(room, text)
    await world.settle()
    assert world.texts() == said


async def test_a_second_invitation_hands_in_nothing_of_the_first_time(world: World) -> None:
    room = await world.room()
    world.server.say(room, "first")
    await world.settle()
    world.server.kick(room)
    world.server.say(room, "while we were away")
    world.server.invite(room)
    world.server.say(room, "second")
    await world.settle()
    assert world.texts() == ["first", "second"]


@pytest.mark.parametrize("limit", [1, 3])
async def test_a_long_silence_of_ours_loses_nothing(limit: int) -> None:
    world = World(limit=limit, page=4)
    room = await world.room()
    said = [f"m{number}" for number in range(30)]
    for number, text in enumerate(said):
        world.server.say(room, text)
        if number % 7 == 0:
            await world.transport.send(Outbound(f"matrix/{room}", "ours", key=f"k{number}"))
    await world.settle()
    assert world.texts() == said


# ---------------------------------------------------------------- a message


async def test_an_inbound_is_whole(world: World) -> None:
    room = await world.room(ANN, BOB)
    world.server.names[ANN] = "Ann\n\u202e" + "x" * 200
    world.time = 1_234_567_890.5
    event_id = world.server.say(room, "tugbot: hello")
    await world.settle()
    (inbound,) = world.inbound()
    assert (inbound.session, inbound.target, inbound.parent) == (f"matrix/{room}", f"matrix/{room}", "")
    assert (inbound.transport, inbound.account, inbound.event_id) == ("matrix", ME, event_id)
    assert (inbound.sender, inbound.sent_at) == (ANN, 1_234_567_890.5)
    assert inbound.sender_name == "Ann " + "x" * (NAME_LIMIT - 4)
    assert (inbound.text, inbound.addressed, inbound.direct) == ("hello", True, False)


async def test_who_is_meant(world: World) -> None:
    room = await world.room(ANN, BOB)
    ours = await world.transport.send(Outbound(f"matrix/{room}", "done", key="k"))
    theirs = world.server.say(room, "to bob")
    world.server.say(room, "@tugbot to you")
    world.server.say(room, "to you as well", **reply(ours.id))
    world.server.say(room, "to ann", BOB, **reply(theirs))
    mentions: dict[str, Any] = {"m.mentions": {"user_ids": [ME]}}
    world.server.say(room, "mentioned", **mentions)
    await world.settle()
    assert [(each.text, each.addressed) for each in world.inbound()] == [
        ("to bob", False),
        ("to you", True),
        ("to you as well", True),
        ("to ann", False),
        ("mentioned", True),
    ]


async def test_in_a_conversation_of_two_everything_is_meant(world: World) -> None:
    room = await world.room(ANN)
    world.server.say(room, "hello")
    await world.settle()
    (inbound,) = world.inbound()
    assert (inbound.direct, inbound.addressed) == (True, True)


async def test_we_do_not_hear_ourselves_nor_other_bots(world: World) -> None:
    room = await world.room(ANN, BOB)
    await world.transport.send(Outbound(f"matrix/{room}", "ours", key="k"))
    world.server.say(room, "a bot's", BOB, msgtype="m.notice")
    world.server.say(room, "theirs")
    await world.settle()
    assert world.texts() == ["theirs"]


async def test_we_do_not_hear_ourselves_where_the_homeserver_repeats_us(world: World) -> None:
    world.server.filters = False
    room = await world.room(ANN, BOB)
    ours = await world.transport.send(Outbound(f"matrix/{room}", "tugbot: hello", key="k"))
    await world.transport.edit(ours, Outbound(f"matrix/{room}", "tugbot: hello again"))
    world.server.react(room, ours.id, "🛑", ME)
    await world.settle()
    assert world.receiver.received == []


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"msgtype": 7},
        {"body": ["x"], "msgtype": "m.text"},
        {"m.relates_to": 3, "m.mentions": 4, "msgtype": "m.file"},
    ],
)
async def test_what_is_no_message_does_no_harm(world: World, content: dict[str, Any]) -> None:
    room = await world.room()
    for kind in ("m.room.message", "m.room.member", "m.reaction", "m.room.redaction", "m.room.tombstone", "x"):
        world.server.add(room, kind, ANN, content, "" if kind == "m.room.tombstone" else None)
    world.server.say(room, "after")
    await world.settle()
    assert world.texts()[-1] == "after"


# ---------------------------------------------------------------- threads


async def test_a_thread_under_a_message_of_the_room_belongs_to_the_rooms_session(world: World) -> None:
    room = await world.room(ANN, BOB)
    root = world.server.say(room, "tugbot: fix it")
    await world.settle()
    world.server.say(room, "and test it", BOB, **in_thread(root))
    await world.settle()
    inbound = world.inbound()[-1]
    assert (inbound.session, inbound.target) == (f"matrix/{room}", f"matrix/{room}/{root}")
    assert (inbound.addressed, inbound.parent) == (True, "")


async def test_the_root_may_have_come_in_the_same_sync(world: World) -> None:
    room = await world.room(ANN, BOB)
    root = world.server.say(room, "tugbot: fix it")
    world.server.say(room, "and test it", **in_thread(root))
    await world.settle()
    assert [each.session for each in world.inbound()] == [f"matrix/{room}"] * 2
    assert world.inbound()[-1].addressed


async def test_a_thread_under_a_message_of_ours_belongs_to_the_rooms_session(world: World) -> None:
    room = await world.room(ANN, BOB)
    ours = await world.transport.send(Outbound(f"matrix/{room}", "done", key="k"))
    world.boot()  # what it remembered of its own events is asked for again
    world.server.say(room, "really?", **in_thread(ours.id))
    await world.settle()
    (inbound,) = world.inbound()
    assert (inbound.session, inbound.target) == (f"matrix/{room}", f"matrix/{room}/{ours.id}")
    assert inbound.addressed


async def test_any_other_thread_is_a_session_that_inherits_the_rooms_settings(world: World) -> None:
    room = await world.room(ANN, BOB)
    world.server.rooms[room].timeline.clear()
    own = f"matrix/{room}/$before"
    world.server.say(room, "aside", **in_thread("$before"))
    await world.settle()
    (inbound,) = world.inbound()
    assert (inbound.session, inbound.target, inbound.parent) == (own, own, f"matrix/{room}")
    assert not inbound.addressed


@pytest.mark.parametrize("apart", [True, False])
async def test_a_thread_that_we_are_in_goes_on_without_our_name(world: World, apart: bool) -> None:
    room = await world.room(ANN, BOB)
    world.server.say(room, "tugbot: look at this", **in_thread("$before"))
    if apart:
        await world.settle()
    world.server.say(room, "and at that", BOB, **in_thread("$before"))
    await world.settle()
    assert [each.addressed for each in world.inbound()] == [True, True]
    assert {each.session for each in world.inbound()} == {f"matrix/{room}/$before"}


async def test_a_reply_within_a_thread_stays_in_it(world: World) -> None:
    room = await world.room(ANN, BOB)
    target = f"matrix/{room}/$before"
    world.server.say(room, "tugbot: go", **in_thread("$before"))
    ours = await world.transport.send(Outbound(target, "done", key="k"))
    world.server.say(room, "again", **in_thread("$before", ours.id))
    await world.settle()
    assert (world.inbound()[-1].session, world.inbound()[-1].addressed) == (target, True)


async def test_a_root_in_another_room_is_none_of_ours(world: World) -> None:
    secret, room = await world.room(ANN), await world.room(ANN, BOB)
    root = await world.transport.send(Outbound(f"matrix/{secret}", "secret", key="k"))
    world.server.say(room, "tugbot: go on", BOB, **in_thread(root.id))
    await world.settle()
    assert world.inbound()[-1].session == f"matrix/{room}/{root.id}"


# ---------------------------------------------------------------- edits and deletions


async def test_an_edit_and_a_deletion_are_passed_on(world: World) -> None:
    room = await world.room()
    event_id = world.server.say(room, "helo")
    await world.settle()
    world.server.edit(room, event_id, "tugbot: hello")
    world.server.redact(room, event_id)
    await world.settle()
    assert [(each.event_id, each.text, each.sender) for each in world.amended()] == [
        (event_id, "hello", ANN),
        (event_id, None, ANN),
    ]
    assert {each.session for each in world.amended()} == {f"matrix/{room}"}


async def test_an_edit_right_behind_its_message(world: World) -> None:
    room = await world.room()
    event_id = world.server.say(room, "helo")
    world.server.edit(room, event_id, "hello")
    await world.settle()
    assert [each.text for each in world.receiver.received] == ["helo", "hello"]


async def test_what_others_make_of_a_message_is_ignored(world: World) -> None:
    room = await world.room(ANN, BOB)
    event_id = world.server.say(room, "delete nothing")
    world.server.edit(room, event_id, "delete everything", BOB)
    await world.settle()
    assert world.amended() == []
    world.boot()
    world.server.edit(room, event_id, "delete everything", BOB)
    await world.settle()
    assert world.amended() == []


async def test_a_moderator_may_delete(world: World) -> None:
    room = await world.room(ANN, BOB)
    event_id = world.server.say(room, "spam", BOB)
    await world.settle()
    world.server.redact(room, event_id, ANN)
    await world.settle()
    assert [(each.event_id, each.text) for each in world.amended()] == [(event_id, None)]


async def test_changes_of_what_was_never_handed_in_are_ignored(world: World) -> None:
    room = await world.room()
    world.server.edit(room, "$unknown", "x")
    world.server.redact(room, "$unknown")
    await world.settle()
    assert world.receiver.received == []


async def test_what_was_deleted_before_we_read_it_is_not_handed_in(world: World) -> None:
    room = await world.room()
    world.server.redact(room, world.server.say(room, "oops"))
    await world.settle()
    assert world.receiver.received == []


# ---------------------------------------------------------------- reactions

CHOICES = (Choice("allow", "Allow once", "✔️"), Choice("deny", "Deny", "✖️"))


async def test_a_reaction_says_what_it_stands_for(world: World) -> None:
    room = await world.room(ANN, BOB)
    question = await world.transport.send(Outbound(f"matrix/{room}", "May I?", key="question 7", choices=CHOICES))
    world.boot()  # it outlives a restart
    event_id = world.server.react(room, question.id, "✔", BOB)
    await world.settle()
    (inbound,) = world.inbound()
    assert (inbound.text, inbound.answers, inbound.addressed) == ("allow", "question 7", True)
    assert (inbound.event_id, inbound.sender, inbound.session) == (event_id, BOB, f"matrix/{room}")


async def test_a_reaction_on_a_message_in_a_thread_goes_to_its_session(world: World) -> None:
    room = await world.room(ANN, BOB)
    world.server.say(room, "tugbot: hello", **in_thread("$before"))
    await world.settle()
    target = f"matrix/{room}/$before"
    question = await world.transport.send(Outbound(target, "May I?", key="k", choices=CHOICES))
    world.server.react(room, question.id, "✖️")
    await world.settle()
    assert (world.inbound()[-1].session, world.inbound()[-1].text) == (target, "deny")


@pytest.mark.parametrize("sign", ["🛑", "⏹", "⏹️"])
async def test_a_stop_sign_on_any_message_of_ours_stops(world: World, sign: str) -> None:
    room = await world.room(ANN, BOB)
    ours = await world.transport.send(Outbound(f"matrix/{room}", "working", key="k"))
    world.server.react(room, ours.id, sign)
    await world.settle()
    assert [(each.text, each.answers) for each in world.inbound()] == [("stop", "")]


async def test_other_reactions_say_nothing(world: World) -> None:
    room = await world.room(ANN, BOB)
    ours = await world.transport.send(Outbound(f"matrix/{room}", "May I?", key="k", choices=CHOICES))
    theirs = world.server.say(room, "x")
    await world.settle()
    before = len(world.inbound())
    world.server.react(room, ours.id, "🎉")
    world.server.react(room, theirs, "🛑")
    world.server.react(room, theirs, "✔️")
    world.server.react(room, "$unknown", "🛑")
    await world.settle()
    assert len(world.inbound()) == before


# ---------------------------------------------------------------- files


async def test_a_file_is_fetched_where_it_is_meant_for_us(world: World) -> None:
    room, direct = await world.room(ANN, BOB), await world.room(ANN)
    file = {"msgtype": "m.file", "url": world.server.put_file(b"content")}
    world.server.say(room, "private.txt", **file)
    world.server.say(room, "tugbot: read it", **file, filename="a.txt")
    world.server.say(direct, "../a.txt", **file)
    await world.settle()
    chatter, captioned, bare = world.inbound()
    assert (chatter.addressed, chatter.attachments) == (False, ())
    assert (captioned.text, bare.text) == ("read it", "(a file: ../a.txt)")
    assert [Path(path).name for each in (bare, captioned) for path in each.attachments] == ["a.txt", "a.txt"]
    assert Path(bare.attachments[0]).read_bytes() == b"content"  # noqa: ASYNC240


async def test_a_strangers_file_stays_where_it_is(world: World, tmp_path: Path) -> None:
    room = await world.room(ANN, BOB)
    world.server.say(
        room, "tugbot: take it", BOB, msgtype="m.file", filename="a.txt", url=world.server.put_file(b"content")
    )
    await world.settle()
    (inbound,) = world.inbound()
    assert (inbound.text, inbound.attachments) == ("take it", ())
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


async def test_a_thread_or_an_edit_that_points_into_another_room_reaches_nothing_there(world: World) -> None:
    room, other = await world.room(ANN), await world.room(ANN)
    said = world.server.say(room, "mine")
    await world.settle()
    world.server.add(
        other,
        "m.room.message",
        ANN,
        {
            "msgtype": "m.text",
            "body": "stop",
            "m.relates_to": {"rel_type": "m.thread", "event_id": said, "is_falling_back": True},
        },
    )
    world.server.redact(other, said)
    await world.settle()
    assert [each.session for each in world.inbound()] == [f"matrix/{room}", f"matrix/{other}/{said}"]
    assert world.amended() == []


async def test_what_strangers_encrypt_costs_nothing(world: World) -> None:
    room = await world.room(ANN, BOB)
    world.server.seal(room, "secret", BOB)
    await world.settle()
    assert not [key for key in world.keepsakes.values if key.startswith("sealed/")]


async def test_a_file_that_cannot_be_fetched_is_named(world: World) -> None:
    room = await world.room()
    world.server.say(room, "big.iso", msgtype="m.file", url=world.server.put_file(b"x" * 101))
    await world.settle()
    (inbound,) = world.inbound()
    assert "(a file that could not be fetched: big.iso)" in inbound.text
    assert inbound.attachments == ()


# ---------------------------------------------------------------- upgraded rooms


async def test_an_upgraded_room_takes_its_session_along(world: World) -> None:
    old = await world.room(ANN, BOB)
    new = world.server.make(ANN, public=True)
    world.server.upgrade(old, new)
    world.server.say(new, "tugbot: are you here?")
    await world.settle()
    (inbound,) = world.inbound()
    assert (inbound.session, inbound.parent, inbound.text) == (f"matrix/{new}", f"matrix/{old}", "are you here?")
    world.boot()
    world.server.say(new, "tugbot: still?")
    await world.settle()
    assert world.inbound()[-1].parent == f"matrix/{old}"


# ---------------------------------------------------------------- encryption


async def test_a_message_is_handed_in_once_its_key_has_come(world: World) -> None:
    room = await world.room()
    sealed = world.server.seal(room, "secret")
    world.server.say(room, "plain")
    await world.settle()
    assert world.texts() == ["plain"]
    world.boot()
    world.server.bring_keys(sealed)
    await world.settle()
    assert world.texts() == ["plain", "secret"]
    assert world.inbound()[-1].event_id == sealed
    assert not [key for key in world.keepsakes.values if key.startswith("sealed/")]


async def test_a_key_that_came_with_the_message_opens_it(world: World) -> None:
    room = await world.room()
    world.server.bring_keys(world.server.seal(room, "secret"))
    await world.settle()
    assert world.texts() == ["secret"]
    assert world.server.asked == []


async def test_a_message_that_was_deleted_is_not_opened_when_its_key_comes(world: World) -> None:
    room = await world.room()
    sealed = world.server.seal(room, "secret")
    await world.settle()
    world.server.redact(room, sealed)
    await world.settle()
    world.server.bring_keys(sealed)
    world.server.say(room, "plain")
    await world.settle()
    assert world.texts() == ["plain"]
    assert not [key for key in world.keepsakes.values if key.startswith("sealed/")]


async def test_a_message_that_stays_sealed_is_told_in_its_room(world: World) -> None:
    room = await world.room()
    world.server.seal(room, "secret")
    await world.settle()
    world.time += TOLD_AFTER + 1
    world.server.say(room, "hello?")
    await world.settle()
    (told,) = world.server.said(room)
    assert "cannot decrypt a message" in told.content["body"]
