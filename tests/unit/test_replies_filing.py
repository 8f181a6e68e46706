"""Answers that are too long for messages: some pages, then a file with all of it."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable

import pytest

from bot.agents.base import ToolCall
from bot.replies.filing import GOES_ON, PAGES, UNSHOWN
from bot.replies.places import Places
from bot.replies.writer import Replies, ReplyWriter
from dispatcher.model import Notice
from tests.transport_fake import FakeTransport
from tests.virtual_time import run
from transports.base import Capabilities, MessageRef, Outbound, PermanentFailure, TemporaryFailure

ROOM = "fake/room"
LIMIT = 200
TAKES_FILES = Capabilities(edit=True, buttons=True, upload=True, max_length=LIMIT, edit_interval=1.0)
LINES = [f"{number:03} of the answer" for number in range(80)]
LONG = "\n".join(LINES)
HOLDS_ALL = f"The answer has {len(LONG):,} characters: the file `answer-8.md` holds all of it."

Script = Callable[[ReplyWriter, FakeTransport], Awaitable[tuple[Notice, ...]]]


def play(script: Script, can: Capabilities = TAKES_FILES, stream: str = "edit") -> FakeTransport:
    """What is shown at the end."""
    fake = FakeTransport(can)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            replies = Replies(Places({"fake": fake}), group, stream=stream, edit_interval=1.0)
            for notice in await script(replies.writer(8, ROOM, "run 8"), fake):
                said = Outbound(ROOM, notice.text, notice.kind, notice.key)
                await (fake.edit(MessageRef(ROOM, notice.edits), said) if notice.edits else fake.send(said))

    run(main())
    return fake


def told(fake: FakeTransport) -> list[str]:
    """Lines of the answer, in the order of the messages."""
    return [line for text in fake.texts() for line in text.splitlines() if line in LINES]


async def whole(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
    writer.text(LONG)
    await asyncio.sleep(10)
    return await writer.finish("— 3 s")


def test_a_reply_that_could_not_grow_begins_with_its_header() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
        fake.failures = [TemporaryFailure("503")]
        writer.text("hello")
        return await writer.finish("— 0.1 s")

    assert play(script).texts() == ["run 8\n\nhello\n\n— 0.1 s"]


@pytest.mark.parametrize("stream", ["edit", "paragraphs"])
def test_a_long_answer_is_some_pages_and_a_file(stream: str) -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
        writer.text("\n\n".join(LINES))
        await asyncio.sleep(10)
        assert fake.texts()[-1] == GOES_ON
        seen = told(fake)
        assert seen == LINES[: len(seen)]
        assert 2 * LIMIT < sum(map(len, seen)) <= PAGES * LIMIT
        writer.text(" and more")
        await asyncio.sleep(10)
        assert told(fake) == seen
        return await writer.finish("— 3 s")

    fake = play(script, stream=stream)
    text = "\n\n".join(LINES) + " and more"
    assert fake.uploads == [(ROOM, "answer-8.md", text.encode())]
    last = f"The answer has {len(text):,} characters: the file `answer-8.md` holds all of it.\n\n— 3 s"
    assert fake.texts()[-1] == last
    assert (GOES_ON in fake.texts()) == (stream == "paragraphs")  # nothing of it can be edited


def test_the_stop_button_is_where_the_answer_goes_on() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
        writer.text(LONG)
        await asyncio.sleep(10)
        assert [bool(message.choices) for message in fake.shown.values()] == [False] * PAGES + [True]
        return await writer.finish("— 3 s")

    assert not any(message.choices for message in play(script).shown.values())


def test_what_comes_all_at_once_promises_nothing() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
        writer.text(LONG)
        return await writer.finish("— 3 s")

    fake = play(script)
    assert len(fake.sent) == PAGES + 1
    assert fake.texts()[-1] == f"{HOLDS_ALL}\n\n— 3 s"


def test_an_answer_of_a_few_pages_is_no_file() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
        writer.text("\n".join(LINES[:30]))
        await asyncio.sleep(10)
        return await writer.finish("— 3 s")

    fake = play(script)
    assert (fake.uploads, told(fake)) == ([], LINES[:30])


@pytest.mark.parametrize(
    "refused", [[PermanentFailure("too large")], [TemporaryFailure("busy", retry_after=60.0)], [ValueError("a bug")]]
)
@pytest.mark.parametrize("stream", ["edit", "paragraphs", "final"])
def test_what_cannot_be_uploaded_goes_in_parts_nothing_lost_nothing_twice(
    stream: str, refused: list[Exception]
) -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
        fake.refused = list(refused)
        return await whole(writer, fake)

    fake = play(script, stream=stream)
    assert (fake.uploads, told(fake)) == ([], LINES)
    assert fake.texts()[-1].endswith("— 3 s")
    assert (GOES_ON in fake.texts()) == (stream == "paragraphs")


def test_an_upload_that_takes_too_long_is_given_up() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
        fake.patience = 60.0
        began = asyncio.get_running_loop().time()
        notices = await whole(writer, fake)
        assert asyncio.get_running_loop().time() - began < 40
        return notices

    assert told(play(script)) == LINES


def test_an_upload_is_tried_again() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
        fake.refused = [TemporaryFailure("busy")] * 3
        return await whole(writer, fake)

    assert len(play(script).uploads) == 1


def test_the_final_text_alone_is_a_page_and_a_file() -> None:
    fake = play(whole, stream="final")
    first, last = fake.texts()
    assert LONG.startswith(first)
    assert len(first) > LIMIT // 2
    assert last == f"{HOLDS_ALL}\n\n— 3 s"
    assert fake.uploads == [(ROOM, "answer-8.md", LONG.encode())]


def test_a_network_that_takes_no_files_gets_every_page() -> None:
    fake = play(whole, Capabilities(edit=True, max_length=LIMIT, edit_interval=1.0))
    assert (fake.uploads, told(fake)) == ([], LINES)


def test_what_went_wrong_is_told_beside_the_file() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
        writer.text(LONG)
        await asyncio.sleep(10)
        writer.notice("(The answer went on.)")
        return await writer.finish("— 3 s", trouble="Run 8 failed.")

    fake = play(script)
    assert fake.texts()[-1] == f"{HOLDS_ALL}\n\n(The answer went on.)\n\nRun 8 failed.\n\n— 3 s"
    assert list(fake.shown.values())[-1].kind == "failure"


def test_a_stopped_answer_takes_its_promise_back() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
        writer.text(LONG)
        await asyncio.sleep(10)
        writer.mute()
        return await writer.finish()

    fake = play(script)
    assert (fake.uploads, fake.texts()[-1]) == ([], UNSHOWN)


def test_a_page_that_calls_alone_have_filled_keeps_no_promise() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
        for number in range(60):
            writer.tool(ToolCall(str(number), f"look at file {number}", status="completed"))
        await asyncio.sleep(10)
        assert fake.texts()[-1] == GOES_ON
        return await writer.finish("— 3 s", trouble="Run 8 failed.")

    assert play(script).texts()[-1] == "Run 8 failed.\n\n— 3 s"


def test_the_file_parts_what_was_said_before_a_call_and_after_it() -> None:
    async def script(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
        writer.text("Let me look.")
        writer.tool(ToolCall("1", "ls", status="in_progress"))
        writer.text("It")
        writer.tool(ToolCall("1", "ls", status="completed"))
        writer.text(" is there.\n")
        return await whole(writer, fake)

    ((_, _, content),) = play(script).uploads
    assert content.decode() == f"Let me look.\n\nIt is there.\n{LONG}"


def test_five_megabytes_take_a_few_times_their_room() -> None:
    size = 5_000_000

    async def script(writer: ReplyWriter, fake: FakeTransport) -> tuple[Notice, ...]:
        for _ in range(size // 5_000):
            writer.text("a line of a long answer\n" * 200 + "b" * 200)
            await asyncio.sleep(0.01)
        return await writer.finish("— 3 s")

    tracemalloc.start()
    try:
        ((_, _, content),) = play(script, Capabilities(edit=True, upload=True, max_length=8_000)).uploads
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(content) == size
    assert peak < 12 * size
