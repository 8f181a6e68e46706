"""What must arrive arrives, in order; what was shown while it grew is not shown again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from bot.agents.base import ToolCall
from bot.replies.delivery import Delivery, _given
from bot.replies.places import Places
from bot.replies.writer import WORDLESS, Final, Replies, ReplyWriter
from bot.store.memory import Disk, MemoryStore
from dispatcher.model import Batch, Event, Notice, Row, StoreUnavailable
from dispatcher.model import Binding as Bound
from tests.transport_fake import FakeTransport
from tests.virtual_time import run
from transports.base import Capabilities, Choice, Outbound, PermanentFailure, TemporaryFailure

Use = Callable[[MemoryStore, Delivery, FakeTransport, asyncio.TaskGroup], Awaitable[None]]


def deliver(use: Use, disk: Disk | None = None) -> Disk:
    """Run `use` beside a delivery on virtual time; the disk as it was left."""
    disk = disk or Disk()

    async def main() -> None:
        loop, fake = asyncio.get_running_loop(), FakeTransport()
        store = MemoryStore(disk, clock=loop.time)
        async with asyncio.TaskGroup() as group:
            delivery = Delivery(store.outbox, Places({"fake": fake}), group, clock=loop.time)
            delivery.start()
            await use(store, delivery, fake, group)
            await delivery.close(1.0)
        await store.close()

    run(main())
    return disk


def notices(*texts: str, target: str = "fake/a") -> list[Notice]:
    return [Notice(target, text, "answer", f"{target}/{text}") for text in texts]


def states(disk: Disk) -> list[str]:
    return [str(stored.item.state) for stored in disk.outbox.values()]


def test_first_in_first_out() -> None:
    async def use(store: MemoryStore, delivery: Delivery, fake: FakeTransport, group: asyncio.TaskGroup) -> None:
        await store.outbox.add(notices("one", "two", "three"))
        delivery.poke()
        await asyncio.sleep(1)
        assert fake.texts() == ["one", "two", "three"]

    assert states(deliver(use)) == ["sent"] * 3


def test_a_question_carries_what_may_be_pressed_at_that_moment() -> None:
    choices = {"q1": (Choice("allow", "Allow", "✅"),)}

    async def main() -> FakeTransport:
        loop, fake = asyncio.get_running_loop(), FakeTransport()
        store = MemoryStore(Disk(), clock=loop.time)
        async with asyncio.TaskGroup() as group:
            places = Places({"fake": fake})
            delivery = Delivery(store.outbox, places, group, clock=loop.time, choices=lambda key: choices.get(key, ()))
            delivery.start()
            kinds = [("permission", "q1"), ("permission", "over"), ("answer", "q1/answer")]
            await store.outbox.add([Notice("fake/a", "?", kind, key) for kind, key in kinds])
            await delivery.close(1.0)
        await store.close()
        return fake

    assert [(each.key, each.choices) for each in run(main()).sent] == [
        ("q1", choices["q1"]),
        ("over", ()),
        ("q1/answer", ()),
    ]


def test_a_passing_failure_keeps_the_order_and_honours_retry_after() -> None:
    async def use(store: MemoryStore, delivery: Delivery, fake: FakeTransport, group: asyncio.TaskGroup) -> None:
        fake.failures = [TemporaryFailure("busy", retry_after=30.0)]
        await store.outbox.add(notices("one", "two"))
        delivery.poke()
        await asyncio.sleep(29)
        assert fake.texts() == []
        await asyncio.sleep(2)
        assert fake.texts() == ["one", "two"]

    deliver(use)


def test_a_lasting_failure_ends_that_message_and_no_other() -> None:
    async def use(store: MemoryStore, delivery: Delivery, fake: FakeTransport, group: asyncio.TaskGroup) -> None:
        fake.failures = [PermanentFailure("kicked")]
        await store.outbox.add(notices("one", "two"))
        delivery.poke()
        await asyncio.sleep(1)
        assert fake.texts() == ["two"]

    assert states(deliver(use)) == ["undeliverable", "sent"]


def test_a_target_that_nobody_reaches_waits_and_is_in_nobodys_way() -> None:
    async def use(store: MemoryStore, delivery: Delivery, fake: FakeTransport, group: asyncio.TaskGroup) -> None:
        await store.outbox.add([*notices("far", target="matrix/x"), *notices("near")])
        delivery.poke()
        await asyncio.sleep(1)
        assert fake.texts() == ["near"]

    assert states(deliver(use)) == ["pending", "sent"]


def test_what_a_crash_cut_off_in_mid_send_comes_again_and_says_so() -> None:
    disk = Disk()

    async def first(store: MemoryStore, delivery: Delivery, fake: FakeTransport, group: asyncio.TaskGroup) -> None:
        await store.outbox.add(notices("one"))
        await store.outbox.sending(1)

    deliver(first, disk)
    disk.change_item(1, state="pending", repeat=True)  # what the recovery does

    async def second(store: MemoryStore, delivery: Delivery, fake: FakeTransport, group: asyncio.TaskGroup) -> None:
        delivery.poke()
        await asyncio.sleep(1)
        assert [message.repeat for message in fake.sent] == [True]

    assert states(deliver(second, disk)) == ["possible_repeat"]


def test_a_delivery_that_cannot_be_recorded_is_not_made_twice() -> None:
    async def use(store: MemoryStore, delivery: Delivery, fake: FakeTransport, group: asyncio.TaskGroup) -> None:
        failing = [StoreUnavailable("disk full")] * 3

        async def step(point: str) -> None:
            if point == "before sent" and failing:
                raise failing.pop()

        store._writer._step = step
        await store.outbox.add(notices("one"))
        delivery.poke()
        await asyncio.sleep(10)
        assert fake.texts() == ["one"]

    assert states(deliver(use)) == ["sent"]


# ---------------------------------------------------------------- answers as they grow


def batch() -> Batch:
    return Batch(7, (Row(1, Event("fake/a", "fake", "", "e"), "@a", "A", "hi", "fake/a", Bound(agent="x")),))


def answer(can: Capabilities, failures: list[Exception], stream: str = "paragraphs") -> tuple[list[str], list[str]]:
    """What was shown while it grew, and what the outbox must still bring."""
    fake = FakeTransport(can, failures=failures)

    async def main() -> tuple[Notice, ...]:
        async with asyncio.TaskGroup() as group:
            writer = Replies(Places({"fake": fake}), group, stream=stream, edit_interval=1.0).writer(
                7, batch().target, "run 7"
            )
            for delta in ("first ", "paragraph\n", "\nsecond", " one\n\nthe", " rest"):
                writer.text(delta)
                await asyncio.sleep(0.1)
            writer.tool(ToolCall("t", "look around", status="completed"))
            writer.tool(ToolCall("t", "look around", status="completed"))
            writer.text("after the tool")
            return await writer.finish("— 1 s")

    rest = [notice.text for notice in run(main())]
    return fake.texts(), rest


def test_paragraphs_are_shown_when_finished_and_the_rest_comes_at_the_end() -> None:
    shown, rest = answer(Capabilities(), [])
    assert shown == ["run 7", "first paragraph", "second one", "the rest", "▸ look around ✔"]
    assert rest == ["after the tool\n\n— 1 s"]


def test_what_could_not_be_shown_comes_at_the_end() -> None:
    shown, rest = answer(Capabilities(), [PermanentFailure("gone")])
    assert shown == []
    assert rest == ["first paragraph\n\nsecond one\n\nthe rest\n\nafter the tool\n\n— 1 s"]


@pytest.mark.parametrize("can", [Capabilities(paragraphs=False), Capabilities(edit=True)])
def test_final_shows_nothing_before_the_end(can: Capabilities) -> None:
    shown, rest = answer(can, [], stream="final")
    assert shown == []
    footer = "\n\n— 1 s" if can.edit else ""
    assert rest == [f"first paragraph\n\nsecond one\n\nthe restafter the tool{footer}"]


def test_a_muted_answer_says_no_more() -> None:
    fake = FakeTransport(Capabilities())

    async def main() -> tuple[Notice, ...]:
        async with asyncio.TaskGroup() as group:
            writer = Replies(Places({"fake": fake}), group, stream="paragraphs", edit_interval=1).writer(
                7, batch().target, "run 7"
            )
            writer.text("shown\n\nhalf")
            await asyncio.sleep(0.1)
            writer.mute()
            writer.text(" a word\n\nmore\n\n")
            return await writer.finish()

    assert run(main()) == ()
    assert fake.texts() == ["run 7", "shown"]


@dataclass
class Screen(FakeTransport):
    """Can show what is being written and take it back."""

    capabilities: Capabilities = field(default_factory=lambda: Capabilities(preview=True))
    previews: list[str] = field(default_factory=list)

    def preview(self, target: str, text: str) -> None:
        self.previews.append(text)


def test_what_is_being_written_is_shown_and_taken_back() -> None:
    screen = Screen()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            replies = Replies(Places({"fake": screen}), group, stream="edit", edit_interval=1)
            writer = replies.writer(7, batch().target, "run 7")
            writer.text("half a ")
            writer.text("paragraph")
            assert screen.previews[-1] == "half a paragraph"
            writer.text("\n\nnext")
            assert screen.previews[-1] == "next"
            writer.tool(ToolCall("t", "cargo test", status="in_progress"))
            assert screen.previews[-1] == "▸ cargo test …\nnext"
            writer.tool(ToolCall("t", "cargo test", status="completed"))
            assert screen.previews[-1] == ""
            writer.tool(ToolCall("t", "cargo test, renamed", status="in_progress"))
            assert screen.previews[-1] == ""
            writer.text("end")
            await writer.finish()
            assert screen.previews[-1] == ""
            muted = replies.writer(8, batch().target, "run 8")
            muted.text("never mind")
            muted.mute()
            muted.text("more")
            assert screen.previews[-1] == ""
            await muted.finish()

    run(main())
    assert screen.texts() == ["run 7", "half a paragraph", "next", "▸ cargo test ✔"]


def test_paragraphs_that_are_asked_for_come_finished() -> None:
    screen = Screen()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            replies = Replies(Places({"fake": screen}), group, stream="paragraphs", edit_interval=1)
            writer = replies.writer(7, batch().target, "run 7")
            writer.text("half a paragraph")
            await writer.finish()

    run(main())
    assert screen.previews == []


@pytest.mark.parametrize("said", [[], ["\n", "  "]])
async def test_p10_an_agent_that_says_nothing_is_said_to_have_ended(said: list[str]) -> None:
    writer = ReplyWriter(7, "fake/room", Final(), max_length=1000, footers=False)
    for delta in said:
        writer.text(delta)
    (notice,) = await writer.finish(footer="3 s")
    assert (notice.kind, notice.text) == ("answer", WORDLESS)


@pytest.mark.parametrize("refused", [False, True])
async def test_a_notice_that_edits_a_message_takes_its_place_or_follows_it(refused: bool) -> None:
    network = FakeTransport(capabilities=Capabilities(edit=True))
    ref = await network.send(Outbound("fake/room", "the answer"))
    network.failures = [PermanentFailure("it was deleted")] if refused else []
    shown = await _given(network, ref.id, Outbound("fake/room", "the answer\n\n3 s"))
    texts = ["the answer", "the answer\n\n3 s"] if refused else ["the answer\n\n3 s"]
    assert network.texts() == texts
    assert (shown == ref) is not refused


def test_what_a_transport_breaks_with_costs_one_try_and_nobody_elses_work() -> None:
    async def work(store: MemoryStore, delivery: Delivery, network: FakeTransport, group: asyncio.TaskGroup) -> None:
        network.failures = [ValueError("an answer of a shape that nobody thought of")]
        await store.outbox.add([Notice("fake/room", "once more")])
        delivery.poke()
        await asyncio.sleep(10)
        assert network.texts() == ["once more"]

    deliver(work)
