"""Answers in messages that grow by edits, on virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.agents.base import ToolCall
from bot.replies.by_edit import ByEdit
from bot.replies.growing import Growing
from bot.replies.writer import WORDLESS, ReplyWriter
from tests.transport_fake import FakeTransport
from tests.virtual_time import run
from transports.base import Capabilities, MessageRef, Outbound, PermanentFailure, TemporaryFailure
from transports.fences import after_text

INTERVAL = 2.0
HEADER = "run 8 · demo"


@dataclass
class Network(FakeTransport):
    """Notes when each message and edit was begun; each takes `slow` seconds.

    `plan` has one entry for each send and edit: a failure to raise, or None to let it pass.
    """

    capabilities: Capabilities = field(default_factory=lambda: Capabilities(edit=True, edit_interval=INTERVAL))
    slow: float = 0.0
    plan: list[Exception | None] = field(default_factory=list)
    times: list[tuple[str, float]] = field(default_factory=list)  # ("send" | "edit", seconds since the start)
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    async def send(self, message: Outbound) -> MessageRef:
        await self._travel("send")
        return await super().send(message)

    async def edit(self, ref: MessageRef, message: Outbound) -> None:
        await self._travel("edit")
        await super().edit(ref, message)

    async def _travel(self, what: str) -> None:
        self.times.append((what, asyncio.get_running_loop().time() - self.began))
        await asyncio.sleep(self.slow)
        if self.plan and (failure := self.plan.pop(0)):
            raise failure


def play(
    script: Callable[[ByEdit, Network], Awaitable[None]],
    limit: int = 1000,
    header: str = HEADER,
    gather: float = 0.0,
) -> None:
    async def scene() -> None:
        network = Network(capabilities=Capabilities(edit=True, max_length=limit, edit_interval=INTERVAL))
        async with asyncio.TaskGroup() as group:
            await script(ByEdit(8, "fake/room", network, group, header, 0.5, gather), network)

    run(scene())


def test_header_tools_and_words_stand_in_the_order_they_came() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        reply.text("Let me look.")
        reply.tool("▸ read a ✔")
        reply.tool("▸ read\n b ✔")
        reply.text("Found")
        reply.text(" it.")
        assert await reply.close() == ""
        assert network.texts() == [f"{HEADER}\n\nLet me look.\n\n▸ read a ✔\n▸ read b ✔\n\nFound it."]
        (shown,) = network.shown.values()
        assert [shown.text[a:b] for a, b in shown.asides] == [HEADER, "▸ read a ✔\n▸ read b ✔"]

    play(script)


def test_a_call_has_one_line_that_changes_in_place() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        writer = ReplyWriter(8, "fake/room", reply, max_length=1000, footers=True)
        writer.tool(ToolCall("1", "cargo test", status="pending"))
        writer.text("Meanwhile.")
        await asyncio.sleep(3)
        assert network.texts() == [f"{HEADER}\n▸ cargo test …\n\nMeanwhile."]
        writer.tool(ToolCall("1", "cargo test", status="completed"))
        writer.tool(ToolCall("2", "cargo fmt", status="failed"))
        await reply.close()
        assert network.texts() == [f"{HEADER}\n▸ cargo test ✔\n\nMeanwhile.\n\n▸ cargo fmt ✘"]

    play(script)


def test_a_call_that_ends_on_a_later_page_says_so_there() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        reply.tool("▸ build …", "1", ended=False)
        reply.text("word " * 40)
        await asyncio.sleep(3)
        reply.tool("▸ build ✔", "1")
        await reply.close()
        assert "▸ build …" in network.texts()[0]
        assert network.texts()[-1].endswith("▸ build ✔")

    play(script, limit=100)


def test_the_header_is_shown_at_once_and_the_end_does_not_wait() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        await asyncio.sleep(1)
        assert network.texts() == [HEADER]
        reply.text("one")
        await asyncio.sleep(0)
        reply.text(" two")
        await reply.close()
        assert network.texts() == [f"{HEADER}\n\none two"]
        assert network.times == [("send", 0), ("edit", 1)]

    play(script)


def test_what_gathers_is_shown_at_once_where_something_is_to_stand_below_it() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        network.slow = 0.2
        reply.text("one")
        await asyncio.sleep(0.1)
        assert network.times == []
        shown = reply.flush()
        reply.text(" two")
        assert await asyncio.wait({shown}, timeout=5) == ({shown}, set())
        assert network.texts() == [f"{HEADER}\n\none two"]
        assert asyncio.get_running_loop().time() - network.began == pytest.approx(0.3)
        reply.text(" three")
        assert reply.flush().done()  # an edit changes no order, so it waits for its time
        await asyncio.sleep(10)
        assert [what for what, _ in network.times] == ["send", "edit"]
        assert [time for _, time in network.times] == pytest.approx([0.1, 0.3 + INTERVAL])
        await reply.close()

    play(script, gather=60.0)


@pytest.mark.parametrize("failure", [TemporaryFailure("busy", retry_after=30), TemporaryFailure("down"), OSError()])
def test_nobody_waits_for_a_network_that_takes_nothing(failure: Exception) -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        network.slow = 0.2
        network.plan = [failure]
        assert await asyncio.wait({shown := reply.flush()}, timeout=5) == ({shown}, set())
        assert network.texts() == []
        assert asyncio.get_running_loop().time() - network.began == pytest.approx(0.2)
        await asyncio.sleep(0.1)
        assert reply.flush().done()
        assert [time for _, time in network.times] == [0.0]  # which a flush does not hasten
        await reply.close()

    play(script, gather=60.0)


@pytest.mark.parametrize("gather", [0.0, 60.0])
@pytest.mark.parametrize("begun", [0.0, 1.0])
def test_nobody_waits_for_a_reply_that_is_muted(gather: float, begun: float) -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        network.slow = 1e6
        await asyncio.sleep(begun)
        shown = reply.flush()
        reply.mute()
        before = asyncio.get_running_loop().time()
        assert await asyncio.wait({shown, reply.flush()}, timeout=5) == ({shown}, set())
        assert asyncio.get_running_loop().time() == before

    play(script, gather=gather)


def test_nobody_waits_for_a_reply_that_has_ended() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        network.slow = 1e6
        await reply.close()
        await asyncio.sleep(0)
        assert reply.flush().done()

    play(script, gather=60.0)


def test_a_message_is_edited_once_per_interval_with_all_that_came() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        for number in range(39):
            reply.text(f"{number} ")
            await asyncio.sleep(0.25)
        assert [time for _, time in network.times] == [0, 2, 4, 6, 8]
        assert network.texts()[0].endswith(" 31")
        await reply.close()

    play(script)


def test_a_long_answer_goes_on_in_new_messages_without_waiting_for_each() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        reply.text("".join(f"word{number} " for number in range(40)))
        await asyncio.sleep(0.5)
        assert len(network.shown) == 3
        assert {what for what, _ in network.times} == {"send"}
        assert network.times[-1][1] == 0
        await reply.close()

    play(script, limit=100)


def test_a_slow_network_delays_nobody() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        network.slow = 2.0
        await asyncio.sleep(1)
        before = asyncio.get_running_loop().time()
        for number in range(1000):
            reply.text(f"{number} ")
        reply.tool("▸ read ✔")
        assert asyncio.get_running_loop().time() == before
        assert await reply.close() == ""
        assert [what for what, _ in network.times] == ["send", "edit"]

    play(script, limit=10_000)


def test_a_network_that_falls_silent_holds_up_the_end_for_a_while_only() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        network.slow = 1e6
        reply.text("word")
        await asyncio.sleep(1)
        before = asyncio.get_running_loop().time()
        assert await reply.close() == "word"
        assert asyncio.get_running_loop().time() - before == 5

    play(script)


def test_a_muted_answer_says_no_more_and_keeps_nobody_waiting() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        reply.text("one")
        await asyncio.sleep(1)
        network.slow = 1e6
        reply.text(" two")
        await asyncio.sleep(INTERVAL)
        assert network.times[-1][0] == "edit"  # under way
        reply.mute()
        reply.text(" three")
        before = asyncio.get_running_loop().time()
        assert await reply.close() == ""
        assert asyncio.get_running_loop().time() == before
        assert network.texts() == [f"{HEADER}\n\none"]

    play(script)


def test_a_passing_failure_is_made_up_for_when_the_network_wants_it() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        await asyncio.sleep(1)
        network.plan = [TemporaryFailure("busy", retry_after=30), TemporaryFailure("down")]
        reply.text("one")
        await asyncio.sleep(50)
        assert [time for _, time in network.times] == [0, 2, 32, 36]
        assert network.texts() == [f"{HEADER}\n\none"]
        assert await reply.close() == ""

    play(script)


def test_at_the_end_a_network_is_asked_once_more_unless_it_wants_a_pause() -> None:
    async def script(reply: ByEdit, network: Network, pause: float | None, rest: str) -> None:
        await asyncio.sleep(1)
        network.plan = [TemporaryFailure("busy", retry_after=pause)]
        reply.text("one")
        await asyncio.sleep(INTERVAL)
        assert await reply.close() == rest
        assert [time for _, time in network.times] == [0, 2] + ([3] if not rest else [])

    play(lambda reply, network: script(reply, network, 30, "one"))
    play(lambda reply, network: script(reply, network, None, ""))


def test_after_a_lasting_failure_all_the_rest_comes_at_the_end() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        reply.text("```py\none\n")
        await asyncio.sleep(1)
        network.plan = [PermanentFailure("kicked")]
        reply.text("two\n")
        await asyncio.sleep(INTERVAL)
        reply.text("three\n```\nend")
        assert await reply.close() == "```py\ntwo\nthree\n```\nend"
        assert network.texts() == [f"{HEADER}\n\n```py\none\n```"]

    play(script)


def test_a_rest_that_begins_within_code_is_code() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        lines = [f"line = {number}\n" for number in range(10)]
        reply.text("```py\n")
        reply.text("".join(lines) + "```")
        network.plan = [None, PermanentFailure("kicked")]
        rest = await reply.close()
        assert len(network.shown) == 1
        assert code([*network.texts(), rest]) == "".join("".join(lines).split())

    play(script, limit=100, header="")


def test_the_end_shows_what_was_held_back() -> None:
    async def script(reply: ByEdit, network: Network) -> None:
        reply.text("words\n``")
        await asyncio.sleep(1)
        assert network.texts() == [f"{HEADER}\n\nwords"]
        assert await reply.close() == ""
        assert network.texts() == [f"{HEADER}\n\nwords\n``"]

    play(script)


@pytest.mark.parametrize("line", ["```rm -rf", "~~~"])
def test_a_tool_line_cannot_swallow_the_answer(line: str) -> None:
    growing = Growing("", 100)
    growing.aside(line)
    growing.text("words")
    assert growing.page().text == f"▸ {line}\n\nwords"


@pytest.mark.parametrize("half", ["`", "``", "```", "```p", "- ~~~ in", "> ``"])
def test_half_a_fence_waits_for_its_other_half(half: str) -> None:
    growing = Growing("", 100)
    growing.text("words\n" + half)
    assert growing.page().text == "words"
    growing.aside("▸ read ✔")
    assert growing.page().text == "words\n\n▸ read ✔"
    growing.text(" `")
    assert growing.page(final=True).text.startswith("words\n\n▸ read ✔\n\n" + half)


# ------------------------------------------------------------ whatever comes, every character arrives once

WORDS = st.lists(st.text("abcdefg", min_size=1, max_size=90), min_size=1, max_size=12).map(" ".join)
CODE = st.lists(st.text("abc =()", max_size=50).map(lambda line: "k" + line), min_size=1, max_size=12)
BLOCKS = st.lists(WORDS | CODE, max_size=6)
TROUBLE = st.sampled_from(
    [None, None, TemporaryFailure("busy"), TemporaryFailure("pause", retry_after=7.0), PermanentFailure("kicked")]
)


async def told(deltas: list[tuple[str, float, bool]], limit: int, plan: list[Exception | None]) -> list[str]:
    """What the chat says at the end: messages as they stand, then the notices."""
    can = Capabilities(edit=True, max_length=limit, edit_interval=INTERVAL)
    network = Network(capabilities=can, plan=plan, slow=0.1)
    async with asyncio.TaskGroup() as group:
        live = ByEdit(8, "fake/room", network, group, HEADER, 0.0)
        writer = ReplyWriter(8, "fake/room", live, max_length=limit, footers=True)
        for number, (delta, pause, tool) in enumerate(deltas):
            writer.text(delta)
            if tool:
                # Each call is begun, renamed and ended, with words in between.
                title, status = ("read", "in_progress") if number % 3 else ("read a file of a long name", "completed")
                writer.tool(ToolCall(str(number // 3), title, status=status))  # type: ignore[arg-type]
            await asyncio.sleep(pause)
        assert_pace(network.times)
        notices = await writer.finish("— 3 s")
        network.plan.clear()  # the outbox tries again until it is shown
        for notice in notices:
            if notice.edits:
                said = Outbound(notice.target, notice.text, notice.kind, notice.key, asides=notice.asides)
                await network.edit(MessageRef(notice.target, notice.edits), said)
        messages = network.texts()
    assert notices[-1].text.endswith("— 3 s")
    assert all(0 < len(text) <= limit and after_text(None, text) is None for text in messages)
    return [*messages, *(notice.text for notice in notices if not notice.edits)]


def assert_pace(times: list[tuple[str, float]]) -> None:
    for (_, earlier), (what, later) in itertools.pairwise(times):
        assert what == "send" or later >= earlier + INTERVAL


def bare(texts: list[str]) -> str:
    lines = [line for text in texts for line in text.split("\n")]
    kept = [line for line in lines if not line.startswith(("▸", HEADER, "— ", "```"))]
    return "".join("".join(kept).split())


def code(texts: list[str]) -> str:
    fences = [token for text in texts for token in MarkdownIt().parse(text) if token.type == "fence"]
    assert all(fence.info == "py" and fence.content.strip() for fence in fences)  # nobody wants empty blocks
    return "".join("".join(fence.content.split()) for fence in fences)


@settings(deadline=None)
@given(
    BLOCKS,
    st.integers(64, 200),
    st.lists(TROUBLE, max_size=12),
    st.lists(st.tuples(st.integers(0, 900), st.sampled_from([0.0, 0.5, 3.0]), st.booleans()), max_size=12),
)
def test_every_character_arrives_exactly_once(
    blocks: list[str | list[str]], limit: int, plan: list[Exception | None], at: list[tuple[int, float, bool]]
) -> None:
    document = "\n\n".join(b if isinstance(b, str) else "\n".join(["```py", *b, "```"]) for b in blocks)
    cuts = sorted({min(i, len(document)): (pause, tool) for i, pause, tool in at}.items())
    starts = [0, *(i for i, _ in cuts)]
    ends = [*(i for i, _ in cuts), len(document)]
    paces = [*(pace for _, pace in cuts), (0.0, False)]
    deltas = [(document[a:b], *pace) for a, b, pace in zip(starts, ends, paces, strict=True)]
    chat = run(told(deltas, limit, plan))
    assert bare(chat) == bare([document if document.strip() else WORDLESS])
    assert code(chat) == code([document])


async def test_a_short_answer_is_one_message_with_its_footer() -> None:
    network = Network(capabilities=Capabilities(edit=True, max_length=1000, edit_interval=INTERVAL))
    async with asyncio.TaskGroup() as group:
        live = ByEdit(8, "fake/room", network, group, HEADER, 0.0, gather=60.0)
        writer = ReplyWriter(8, "fake/room", live, max_length=1000, footers=True)
        writer.text("the answer")
        (notice,) = await writer.finish("— 3 s")
    assert network.texts() == [f"{HEADER}\n\nthe answer"]
    assert notice.edits in network.shown
    assert notice.text == f"{HEADER}\n\nthe answer\n\n— 3 s"
    assert [notice.text[start:end] for start, end in notice.asides] == [HEADER, "— 3 s"]


async def test_a_footer_that_does_not_fit_is_a_message_of_its_own() -> None:
    network = Network(capabilities=Capabilities(edit=True, max_length=64, edit_interval=INTERVAL))
    async with asyncio.TaskGroup() as group:
        live = ByEdit(8, "fake/room", network, group, "", 0.0)
        writer = ReplyWriter(8, "fake/room", live, max_length=64, footers=True)
        writer.text("a" * 62)
        (notice,) = await writer.finish("— 3 s")
    assert (notice.edits, notice.text) == ("", "— 3 s")
