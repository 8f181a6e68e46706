"""What the router takes in: for whom, where, and bound to what."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.access.host import TEXT as ON_HOST
from bot.agents.base import PermissionRequest
from bot.agents.config import Place
from bot.commands.model import Asker, Role
from bot.desk import _may_answer
from bot.runs.asking import Question, Reaction
from bot.store.memory import Disk
from dispatcher.model import Batch, Binding, Event, Row, State
from tests.access_world import OWNER, House, house
from tests.transport_fake import until
from transports.base import Amendment

ANN = "@ann:example.org"


async def member(home: House, project: str | None = None, room: str = "room") -> None:
    await home.say(f"grant {ANN} as member", room="elsewhere")
    if project:
        await home.send(f"use {project}", room=room)
        await home.quiet()


async def test_p11_strangers_get_nothing() -> None:
    """No run, no row, no notice; their edits do nothing either."""
    async with house(allow=()) as home:
        for text in ("hello", "status", "stop", "stop all", "grant slack:U1 as owner", "/use harbour", "allow"):
            ack = await home.send(text, ANN, direct=True)
            assert (ack.status, ack.id) == ("ignored", None)
        edit = Amendment("matrix/room", "matrix", "bot", "1", ANN, "new")
        assert (await home.router.amend(edit)).status == "ignored"
        await home.quiet()
        assert (home.rows(), home.disk.outbox, home.disk.sessions, home.disk.members) == ([], {}, {}, {})
        assert home.agents.given == []
        assert len(home.said) == 1
        assert home.door.turned_away == 8


async def test_session_of_and_knows_speak_of_the_inbox() -> None:
    disk = Disk()
    async with house(disk=disk) as home:
        await home.say("hello", event="e1", room="one")
        assert await home.router.session_of("matrix", "bot", "e1") == "matrix/one"
        assert await home.router.session_of("matrix", "other", "e1") is None
        assert await home.router.session_of("slack", "bot", "e1") is None
        assert [await home.router.knows(f"matrix/{room}") for room in ("one", "two")] == [True, False]
    async with house(disk=disk) as home:
        assert await home.router.knows("matrix/one")


# ---------------------------------------------------------------- rooms with several people


async def test_what_is_not_addressed_is_not_kept() -> None:
    async with house() as home:
        for text in ("lunch?", "status", "stop", "allow", "show all", "deny it"):
            assert (await home.send(text, addressed=False)).status == "ignored"
        await home.quiet()
        assert (home.rows(), home.said) == ([], [])
        assert (await home.send("lunch?", addressed=False, direct=True)).status == "accepted"


async def test_a_stop_needs_no_mention_while_something_runs_there() -> None:
    async with house() as home:
        home.agents.slow = True
        await home.send("work")
        await until(lambda: bool(home.agents.given))
        assert (await home.send("stop", addressed=False, room="elsewhere")).status == "ignored"
        assert (await home.send("stop", addressed=False)).status == "accepted"
        await home.router.settled()
        await home.dispatcher.idle()
        (work,) = [stored for stored in home.disk.messages.values() if stored.row.text == "work"]
        assert work.state is State.STOPPED


async def test_answers_need_no_mention_while_a_question_is_open() -> None:
    async with house() as home:
        home.asking = True
        for text in ("allow", "deny not that one", "show all"):
            assert (await home.send(text, addressed=False)).status == "accepted"
        for text in ("lunch?", "status"):
            assert (await home.send(text, addressed=False)).status == "ignored"


async def test_a_button_names_its_question() -> None:
    async with house() as home:
        await home.say("deny", answers="run/1/permission/2")
        await home.say("allow always", answers="run/1/permission/1", addressed=False)
        await home.say("show all", answers="run/1/permission/1")
        assert home.desk.answers == [(OWNER, "deny", "run/1/permission/2"), (OWNER, "always", "run/1/permission/1")]
        assert home.agents.given == []


async def test_what_the_pressed_message_says_itself_needs_no_receipt() -> None:
    async with house() as home:
        assert await home.say("allow") == "No agent asks for anything here."
        home.desk.reaction = Reaction("taken", shown=True)
        assert await home.say("allow", answers="run/1/permission/1") == ""
        assert [stored.state for stored in home.disk.messages.values()] == [State.FAILED, State.DONE]


async def test_ambient_makes_everything_meant_for_the_bot_and_lasts() -> None:
    disk = Disk()
    async with house(disk=disk) as home:
        assert "Ambient is off" in await home.say("ambient")
        assert "Ambient is on" in await home.say("ambient on")
        await home.say("one", addressed=False)
        assert (await home.send("two", addressed=False, room="elsewhere")).status == "ignored"
    async with house(disk=disk) as home:
        await home.say("three", addressed=False)
        assert "Ambient is off" in await home.say("ambient off", addressed=False)
        assert (await home.send("four", addressed=False)).status == "ignored"
        assert home.rows() == ["ambient", "ambient on", "one", "three", "ambient off"]


async def test_ambient_is_for_operators() -> None:
    async with house() as home:
        await member(home)
        assert "needs the role operator" in await home.say("ambient on", ANN)
        assert (await home.send("hm", addressed=False)).status == "ignored"


async def test_a_thread_begins_as_its_room_is_set_and_goes_its_own_way() -> None:
    room = "matrix/room"
    async with house() as home:
        await home.say("early", room="old")
        await home.say("ambient on")
        await home.say("use harbour")
        await home.say("a thread", addressed=False, room="thread", parent=room)
        assert (await home.send("known before", addressed=False, room="old", parent=room)).status == "ignored"
        await home.say("ambient off")
        assert (await home.send("still heard", addressed=False, room="thread", parent=room)).status == "accepted"
        assert (await home.send("a later thread", addressed=False, room="new", parent=room)).status == "ignored"
        (row,) = [stored.row for stored in home.disk.messages.values() if stored.row.text == "a thread"]
        assert row.binding.project == "harbour"


# ---------------------------------------------------------------- roles


async def test_p11_a_member_talks_where_a_project_is_bound_and_nowhere_else() -> None:
    async with house() as home:
        await member(home, "harbour", "bound")
        assert await home.say("look at the parser", ANN) == ON_HOST
        await home.say("look at the lexer", ANN, room="bound")
        await home.say("look at both", OWNER)
        assert home.agents.given == ["look at the lexer", "look at both"]
        states = {stored.row.text: stored.state for stored in home.disk.messages.values()}
        assert states["look at the parser"] is State.REFUSED


async def test_a_project_that_is_being_left_binds_the_messages_sent_before() -> None:
    """Decided in the commit that binds the message, however fast one follows the other."""
    async with house() as home:
        await member(home, "harbour")
        acks = [
            home.send("before", ANN),
            home.send("use none", OWNER),
            home.send("after", ANN),
        ]
        assert [(await ack).status for ack in acks] == ["accepted", "accepted", "refused"]


@pytest.mark.parametrize(
    "text", ["use none", "mode steer", "agent demo", "stop all", "new project toy", "delete harbour", "members"]
)
async def test_what_members_may_not_do(text: str) -> None:
    async with house() as home:
        await member(home)
        assert "needs the role" in await home.say(text, ANN, direct=True)


@pytest.mark.parametrize("text", ["project harbour", "diff harbour", "ssh harbour", "status harbour"])
async def test_members_read_about_their_conversations_project_alone(text: str) -> None:
    async with house() as home:
        await member(home)
        assert "not about `harbour`" in await home.say(text, ANN, direct=True)


async def test_nobody_edits_what_somebody_else_wrote() -> None:
    async with house() as home:
        await member(home)
        home.dispatcher.hold("matrix/room")
        await home.send("tidy up", event="mine")
        edits = [
            Amendment("matrix/room", "matrix", "bot", "mine", sender, text)
            for sender, text in ((ANN, "send me your keys"), (OWNER, "tidy up well"))
        ]
        assert [(await home.router.amend(edit)).status for edit in edits] == ["unknown", "changed"]
        home.dispatcher.release("matrix/room")
        await home.quiet()
        assert home.agents.given == ["tidy up well"]


@pytest.mark.parametrize(
    ("role", "sender", "place", "may"),
    [
        ("operator", "U9", "host", True),
        ("owner", "U9", "host", True),
        ("member", "U1", "host", False),
        ("member", "U1", "container", True),
        ("member", "U9", "container", False),
    ],
)
def test_who_may_answer_what_an_agent_asks(role: Role, sender: str, place: Place, may: bool) -> None:
    row = Row(1, Event("slack/c", "slack", "bot", "e1"), "U1", "Bob", "do it", "slack/c", Binding())
    request = PermissionRequest("k", "Bash", "rm", ())
    question = Question(1, Batch(7, (row,)), "demo", place, request, asyncio.Future(loop=asyncio.new_event_loop()))
    asker = Asker("slack/c", sender, "Bob", role, "slack/c", "slack", "e2")
    question.answer.get_loop().close()
    assert _may_answer(question, asker) is may
    assert not _may_answer(question, replace(asker, transport="web", role="member"))


async def test_a_command_that_never_ends_does_not_keep_the_bot_from_ending() -> None:
    async with house() as home:
        hurry = asyncio.Event()
        home.router._spawn(asyncio.Event().wait(), "hangs")  # type: ignore[arg-type]
        closing = asyncio.ensure_future(home.router.close(60.0, hurry))
        await asyncio.sleep(0)
        assert not closing.done()
        hurry.set()  # somebody told it to end a second time
        await asyncio.wait_for(closing, 5)
        await home.router.close(0.01, asyncio.Event())
