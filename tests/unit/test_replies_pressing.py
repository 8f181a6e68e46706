"""Questions and what may be pressed: messages say what became of them, and only the newest of a run can stop it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from bot.agents.base import AgentRun, PermissionOption, PermissionRequest
from bot.replies.delivery import Delivery
from bot.replies.places import Places
from bot.replies.writer import Replies, ReplyWriter
from bot.runs.asking import Asking
from bot.runs.permitting import Permitting
from bot.runs.watch import Pulse
from bot.store.memory import Disk, MemoryStore
from dispatcher.model import Batch, Binding, Event, Notice, Row, RunState, StoreUnavailable
from tests.dispatcher_world import WORDS
from tests.transport_fake import FakeTransport
from tests.virtual_time import run
from transports.base import Capabilities, Outbound, PermanentFailure, TemporaryFailure

ROOM = "fake/room"
PRESSED = Capabilities(edit=True, buttons=True, max_length=200, edit_interval=1.0)
REQUEST = PermissionRequest("p", "Bash", "cargo test", (PermissionOption("y", "Yes", "allow_once"),))
BATCH = Batch(8, (Row(1, Event(ROOM, "fake", "", "e"), "ann", "Ann", "x", ROOM, Binding(agent="x")),))
ANYONE = lambda question: True  # noqa: E731


class Room:
    """A network, an outbox with its delivery, and the questions of run 8."""

    def __init__(self, group: asyncio.TaskGroup, can: Capabilities, disk: Disk, patience: float) -> None:
        self.fake = FakeTransport(can)
        self.store = MemoryStore(disk, clock=asyncio.get_running_loop().time)
        self.asking = Asking(self._show, patience)
        self.group = group
        self.delivery = Delivery(
            self.store.outbox,
            Places({"fake": self.fake}),
            group,
            clock=asyncio.get_running_loop().time,
            choices=self.asking.choices,
        )
        self.full = 0  # writes that fail from now on

    async def _show(self, notice: Notice, number: int) -> None:
        if self.full:
            self.full -= 1
            raise StoreUnavailable("disk full")
        await self.store.outbox.add([notice], run=number)
        self.delivery.poke()

    def ask(self) -> asyncio.Task[object]:
        return self.group.create_task(self.asking.ask(BATCH, "claude", "host", REQUEST))

    def answer(self, decision: str, why: str = "", by: str = "Ann") -> None:
        self.asking.answer(ROOM, decision, why, by, ANYONE)  # type: ignore[arg-type]

    @property
    def ends(self) -> list[str]:
        """The last line of each message, and what may be pressed under it."""
        return [
            " ".join((message.text.splitlines()[-1], *(choice.label for choice in message.choices)))
            for message in self.fake.shown.values()
        ]


def play(
    scene: Callable[[Room], Awaitable[None]],
    can: Capabilities = PRESSED,
    disk: Disk | None = None,
    patience: float = 120.0,
) -> Disk:
    disk = disk or Disk()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            room = Room(group, can, disk, patience)
            room.delivery.start()
            await scene(room)
            await asyncio.sleep(1)
            await room.delivery.close(1.0)
        await room.store.close()

    run(main())
    return disk


def states(disk: Disk) -> list[str]:
    return [str(stored.item.state) for stored in disk.outbox.values()]


QUESTION = "Answer `allow` or `deny [why]`. Without an answer it is denied in 2 min."


@pytest.mark.parametrize(
    ("decision", "why", "by", "end"),
    [
        ("once", "", "Ann", "✔ Allowed once by Ann."),
        ("always", "", "Ann", "✔ Allowed once by Ann."),  # which is all that it offers
        ("deny", "", "Ann", "✘ Denied by Ann."),
        ("deny", "not\ntoday", "Ann", "✘ Denied by Ann: not today."),
        ("deny", "why should it?", "[Eve](x)", r"✘ Denied by \[Eve\](x): why should it?"),
    ],
)
def test_the_message_that_asked_says_what_was_decided(decision: str, why: str, by: str, end: str) -> None:
    async def scene(room: Room) -> None:
        room.ask()
        await asyncio.sleep(1)
        assert room.ends == [f"{QUESTION} Allow Deny"]
        room.answer(decision, why, by)
        await asyncio.sleep(1)
        assert room.ends == [end]
        assert "cargo test" in room.fake.texts()[0]

    assert states(play(scene)) == ["sent", "sent"]


def test_a_question_that_nobody_answers_says_so() -> None:
    async def scene(room: Room) -> None:
        room.ask()
        await asyncio.sleep(125)
        assert room.ends == ["✘ Denied: nobody answered within 2 min."]

    play(scene)


def test_a_question_ends_with_its_run() -> None:
    async def scene(room: Room) -> None:
        asked = room.ask()
        await asyncio.sleep(1)
        asked.cancel()
        await asyncio.sleep(1)
        assert room.ends == ["Its run is over."]

    play(scene)


def test_where_nothing_can_be_edited_nothing_more_is_said() -> None:
    async def scene(room: Room) -> None:
        room.ask()
        await asyncio.sleep(1)
        room.answer("once")
        await asyncio.sleep(1)
        assert room.ends == [f"{QUESTION} Allow Deny"]

    assert states(play(scene, Capabilities())) == ["sent", "void"]


def test_a_question_that_is_late_is_shown_before_its_end_and_without_buttons() -> None:
    async def scene(room: Room) -> None:
        room.fake.failures = [TemporaryFailure("busy", retry_after=30.0)]
        room.ask()
        await asyncio.sleep(1)
        room.answer("once")
        await asyncio.sleep(60)
        (sent,) = room.fake.sent
        assert (sent.text.splitlines()[-1], sent.choices) == (QUESTION, ())
        assert room.ends == ["✔ Allowed once by Ann."]

    play(scene)


def test_a_question_that_never_arrived_has_no_end() -> None:
    async def scene(room: Room) -> None:
        room.fake.failures = [PermanentFailure("kicked")]
        room.ask()
        await asyncio.sleep(1)
        room.answer("once")
        await asyncio.sleep(1)
        assert room.ends == []

    assert states(play(scene)) == ["undeliverable", "void"]


def test_an_end_that_cannot_be_an_edit_is_a_message() -> None:
    async def scene(room: Room) -> None:
        room.ask()
        await asyncio.sleep(1)
        room.fake.failures = [PermanentFailure("somebody deleted it")]
        room.answer("once")
        await asyncio.sleep(1)
        assert room.ends[1:] == ["✔ Allowed once by Ann."]

    play(scene)


def test_a_full_disk_delays_the_end_of_a_question() -> None:
    async def scene(room: Room) -> None:
        room.ask()
        await asyncio.sleep(1)
        room.full = 2
        room.answer("once")
        await asyncio.sleep(5)
        assert room.ends == ["✔ Allowed once by Ann."]

    play(scene)


def test_after_a_crash_a_question_loses_its_buttons() -> None:
    disk = Disk()

    async def first(room: Room) -> None:
        number = await room.store.runs.create("agent", session=ROOM, target=ROOM, requested_by="Ann")
        question = Notice(ROOM, "run it?\nAnswer `allow`.", "permission", "run/1/permission/1")
        await room.store.runs.update(number, state=RunState.RUNNING)
        await room.store.outbox.add([question], run=number)
        room.delivery.poke()

    play(first, disk=disk)

    async def second(room: Room) -> None:
        await room.fake.send(Outbound(ROOM, "run it?"))  # what the network has of it
        await room.store.recover(unkilled={}, words=WORDS)
        room.delivery.poke()
        await asyncio.sleep(1)
        assert room.fake.texts() == ["run it?\nAnswer `allow`. is over", "run 1 was cut off"]
        assert room.fake.edits[0][1].choices == ()

    play(second, disk=disk)


def test_a_question_of_the_first_moment_stands_below_the_reply() -> None:
    async def scene(room: Room) -> None:
        replies = Replies(Places({"fake": room.fake}), room.group, stream="edit", edit_interval=1.0)
        writer = replies.writer(8, ROOM, "run 8")
        permitting = Permitting(BATCH, "claude", "host", "ask", room.asking, writer, Pulse())
        writer.text("I will test it.")
        permitting.take(REQUEST, cast("AgentRun", None), room.group)
        await asyncio.sleep(0.1)
        assert (room.fake.texts()[0], room.ends[1:]) == ("run 8\n\nI will test it.", [f"{QUESTION} Allow Deny"])
        permitting.close()
        await writer.finish()

    play(scene)


# ---------------------------------------------------------------- stop


def reply(
    script: Callable[[ReplyWriter, FakeTransport], Awaitable[None]], can: Capabilities = PRESSED
) -> FakeTransport:
    """What is shown at the end, the notices of the script's writer delivered."""
    fake = FakeTransport(can)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            replies = Replies(Places({"fake": fake}), group, stream="edit", edit_interval=1.0)
            await script(replies.writer(8, ROOM, "run 8"), fake)

    run(main())
    return fake


async def brought(fake: FakeTransport, notices: tuple[Notice, ...]) -> None:
    """By an outbox of its own."""
    loop = asyncio.get_running_loop()
    store = MemoryStore(Disk(), clock=loop.time)
    async with asyncio.TaskGroup() as group:
        delivery = Delivery(store.outbox, Places({"fake": fake}), group, clock=loop.time)
        delivery.start()
        await store.outbox.add(notices)
        await delivery.close(1.0)
    await store.close()


def buttons(fake: FakeTransport) -> list[list[str]]:
    return [[choice.text for choice in message.choices] for message in fake.shown.values()]


def test_the_live_message_can_be_stopped_until_its_last_edit() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> None:
        writer.text("one")
        await asyncio.sleep(3)
        assert buttons(fake) == [["stop 8"]]
        writer.text(" two")
        await asyncio.sleep(3)
        assert buttons(fake) == [["stop 8"]]
        await brought(fake, await writer.finish("— 3 s"))

    fake = reply(script)
    assert buttons(fake) == [[]]
    assert fake.texts() == ["run 8\n\none two\n\n— 3 s"]


def test_only_the_newest_message_of_a_run_can_be_pressed() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> None:
        for number in range(4):
            writer.text(f"{number} " + "word " * 25)
            await asyncio.sleep(5)
            assert buttons(fake) == [*([[]] * (len(fake.shown) - 1)), ["stop 8"]]
        assert len(fake.shown) == 3
        await writer.finish()

    reply(script)


def test_a_message_that_was_whole_before_the_next_began_loses_its_button_too() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> None:
        writer.text("w" * 193)
        await asyncio.sleep(3)
        assert [len(text) for text in fake.texts()] == [200]
        writer.text("x" * 50)
        await asyncio.sleep(5)
        assert buttons(fake) == [[], ["stop 8"]]
        await writer.finish()

    reply(script)


def test_a_stopped_reply_says_no_more_and_loses_its_button() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> None:
        writer.text("half a word")
        await asyncio.sleep(3)
        writer.mute()
        writer.text("s more")
        notices = await writer.finish()
        assert [notice.kind for notice in notices] == ["stream"]
        await brought(fake, notices)

    fake = reply(script)
    assert (fake.texts(), buttons(fake)) == (["run 8\n\nhalf a word"], [[]])


def test_what_went_wrong_follows_a_message_without_a_button() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> None:
        writer.text("so far")
        await asyncio.sleep(3)
        await brought(fake, await writer.finish("— 3 s", trouble="Run 8 failed."))

    fake = reply(script)
    assert (fake.texts(), buttons(fake)) == (["run 8\n\nso far", "Run 8 failed.\n\n— 3 s"], [[], []])


def test_a_button_that_cannot_be_taken_away_makes_nothing_appear_twice() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> None:
        writer.text("so far")
        await asyncio.sleep(3)
        writer.mute()
        notices = await writer.finish()
        fake.failures = [PermanentFailure("somebody deleted it")]
        await brought(fake, notices)

    assert reply(script).texts() == ["run 8\n\nso far"]


def test_without_buttons_nothing_can_be_pressed_and_a_stop_edits_nothing() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> None:
        writer.text("so far")
        await asyncio.sleep(3)
        assert buttons(fake) == [[]]
        writer.mute()
        assert await writer.finish() == ()

    reply(script, Capabilities(edit=True))
