"""What an agent says that is secret goes no further, however it says it; everything else goes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.agents.base import ToolCall
from bot.happenings.model import RunEnded
from bot.happenings.witness import WitnessedReply
from bot.redact import MARK
from bot.replies.places import Places
from bot.replies.screened import GATHERED, MOMENT, ScreenedReply
from bot.replies.writer import Replies
from tests.happenings_world import Event, board, told
from tests.hidden_world import noted
from tests.transport_fake import FakeTransport
from tests.virtual_time import run
from transports.base import Capabilities

VALUE = "planted-value-a51c7e"
EDITS = Capabilities(edit=True, buttons=True)
PARAGRAPHS = Capabilities()
KEY = f"-----BEGIN PRIVATE KEY-----\n{VALUE}\n-----END PRIVATE KEY-----"

Use = Callable[[ScreenedReply, FakeTransport], Awaitable[None]]


def reply(use: Use, can: Capabilities = EDITS) -> tuple[str, list[Event]]:
    """Use a reply as the app makes it. All that was said and recorded, and the events."""

    async def main() -> tuple[str, list[Event]]:
        transport, here = FakeTransport(can), board()
        async with asyncio.TaskGroup() as group:
            replies = Replies(Places({"fake": transport}), group, stream="edit", edit_interval=0.1)
            writer = replies.writer(7, "fake/a", "run 7")
            screened = ScreenedReply(WitnessedReply(writer, 7, here.tell))
            await use(screened, transport)
            notices = await screened.finish("— 1 s", f"it failed with {VALUE}")
            here.tell(RunEnded(run=7, state="succeeded"))
            said = [each.text for each in transport.sent] + [each.text for _, each in transport.edits]
            everything = [*said, *(notice.text for notice in notices), "".join(screened.answer)]
        return "\n".join(everything), told(here)

    with noted(VALUE):
        return run(main())


def words(events: list[Event]) -> str:
    return "".join(event.data["text"] for event in events if event.kind == "run.text")


@pytest.mark.parametrize("can", [EDITS, PARAGRAPHS])
@pytest.mark.parametrize("pause", [0.0, 0.01, 0.3, 2.0])
def test_a_value_that_is_said_letter_by_letter_is_shown_nowhere(can: Capabilities, pause: float) -> None:
    async def use(reply: ScreenedReply, _: FakeTransport) -> None:
        for letter in f"The key is {VALUE}, and that is all.":
            reply.text(letter)
            await asyncio.sleep(pause)

    everything, events = reply(use, can)
    assert VALUE[3:] not in everything
    assert VALUE[:4] not in everything
    assert "and that is all." in everything
    assert words(events).replace("pla", "") == f"The key is {MARK}, and that is all."


def test_tools_remarks_lines_and_failures_show_none_either() -> None:
    async def use(reply: ScreenedReply, _: FakeTransport) -> None:
        reply.tool(ToolCall("1", f"curl -H {VALUE}", "execute", "completed", detail=f"it said {VALUE}"))
        reply.notice(f"waits for {VALUE}")
        reply.line(f"cloning https://me:{VALUE}@host/x", "progress", ended=True)
        await asyncio.sleep(1)

    everything, events = reply(use)
    assert VALUE not in everything + str(events)
    assert f"curl -H {MARK}" in everything
    assert f"it failed with {MARK}" in everything
    assert f"https://{MARK}@host/x" in everything
    assert events[0].data["detail"] == f"it said {MARK}"


def test_the_first_words_are_there_at_once_and_further_ones_soon() -> None:
    async def use(reply: ScreenedReply, _: FakeTransport) -> None:
        reply.text("one")
        assert reply.answer == ["one"]
        for word in (" two", " three"):
            reply.text(word)
        assert reply.answer == ["one"]
        await asyncio.sleep(1.5 * GATHERED)
        assert reply.answer == ["one", " two three"]
        await asyncio.sleep(1.5 * GATHERED)
        reply.text(" four")
        reply.text(" y" * 5_000)
        assert reply.answer[2:] == [" four", " y" * 5_000]

    reply(use)


def test_what_may_begin_a_secret_is_shown_when_a_tool_is_called() -> None:
    async def use(reply: ScreenedReply, _: FakeTransport) -> None:
        reply.text("I know scikit, called sk-learn")
        assert reply.answer == ["I know scikit, called "]
        reply.notice("a remark is no end of it")
        assert reply.answer == ["I know scikit, called "]
        reply.tool(ToolCall("1", "ls"))
        assert reply.answer == ["I know scikit, called ", "sk-learn"]
        reply.text("and sk-")
        reply.tool(ToolCall("1", "ls", status="completed"))  # news of the same call, in the middle of the words
        assert "".join(reply.answer).endswith("\n\nand ")
        reply.text("ant-" + "x9" * 20 + ".")

    assert reply(use)[0].endswith(f"\n\nand {MARK}.")


def test_what_may_begin_a_secret_is_shown_above_a_question() -> None:
    async def use(reply: ScreenedReply, transport: FakeTransport) -> None:
        reply.text("I know scikit, called sk-learn")
        shown = reply.flush()
        assert reply.answer == ["I know scikit, called ", "sk-learn"]
        assert shown is not None
        await shown
        assert transport.texts() == ["run 7\n\nI know scikit, called sk-learn"]

    reply(use)


def test_at_the_end_nothing_is_held_back() -> None:
    async def use(reply: ScreenedReply, _: FakeTransport) -> None:
        reply.text("see http://localhost:3000")
        assert reply.answer == ["see http://"]

    assert "see http://localhost:3000" in reply(use)[0]


def test_who_stops_it_loses_no_word_of_the_record() -> None:
    async def use(reply: ScreenedReply, _: FakeTransport) -> None:
        reply.text("see ")
        reply.text("http://localhost:3000")
        reply.mute()
        assert reply.answer == ["see ", "http://localhost:3000"]

    reply(use)


def test_a_few_letters_that_may_begin_a_secret_wait_for_a_moment_alone() -> None:
    async def use(reply: ScreenedReply, _: FakeTransport) -> None:
        reply.text("I am at p")
        assert reply.answer == ["I am at "]
        await asyncio.sleep(1.5 * MOMENT)
        assert reply.answer == ["I am at ", "p"]
        reply.text(VALUE[1:])
        await asyncio.sleep(2 * MOMENT)
        assert reply.answer == ["I am at ", "p", MARK]

    reply(use)


def test_a_private_key_is_one_mark_in_pieces_too() -> None:
    async def use(reply: ScreenedReply, _: FakeTransport) -> None:
        for line in f"Here it is:\n{KEY}\nDone.".splitlines(keepends=True):
            reply.text(line)
            await asyncio.sleep(1)

    everything, events = reply(use)
    assert words(events) == f"Here it is:\n{MARK}\nDone."
    assert VALUE not in everything
