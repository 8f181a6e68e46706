"""The Slack transport against a fake Slack, with the real slack-bolt and slack-sdk in between."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.slack_fake import ANN, BOB, TEAM, FakeSlack, drop, error, hang, rate_limited, status, taken_but
from tests.slack_rig import World
from tests.transport_fake import until
from transports.base import (
    Ack,
    Amendment,
    Choice,
    Disconnected,
    Inbound,
    MessageRef,
    Outbound,
    PermanentFailure,
    TemporaryFailure,
)
from transports.slack.reading import Pressed

SAID = {"ts": "1700000000.000100", "text": "look"}


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(schedule=(0.1, 0.3, 0.6), patience=1.0) as fake:
        yield fake


@pytest.fixture
async def world(slack: FakeSlack, tmp_path: Path) -> World:
    return World(slack, tmp_path)


async def came(world: World, count: int = 1) -> list[Any]:
    await until(lambda: len(world.receiver.committed) >= count)
    return world.receiver.committed


# ---------------------------------------------------------------- what is said


async def test_a_direct_message_is_answered_in_line(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    async with world.running():
        ts = slack.say(channel, ANN, "a < b & *c*")
        (said,) = await came(world)
        assert isinstance(said, Inbound)
        assert (said.session, said.target) == (world.place(channel), world.place(channel))
        assert (said.text, said.sender, said.event_id) == ("a < b & *c*", ANN, f"{channel}:{ts}")
        assert (said.direct, said.addressed, said.account) == (True, True, TEAM)
        await world.show(said.target, "yes")
        assert slack.said(channel, "") == ["yes"]


async def test_a_mention_in_a_channel_is_one_message_and_answered_below_it(world: World, slack: FakeSlack) -> None:
    channel = slack.channel(ANN)
    async with world.running():
        ts = slack.say(channel, ANN, "@tugbot: look at <this>")
        (said,) = await came(world)
        await slack.wait(lambda: all(each.done.is_set() for each in slack.deliveries))
        assert len(slack.deliveries) == 2  # app_mention and message
        assert len(world.receiver.received) == 1
        assert (said.text, said.addressed, said.direct) == ("look at <this>", True, False)
        assert (said.session, said.target) == (world.place(channel), world.place(channel, ts))


async def test_mentions_in_one_channel_do_not_wait_for_each_others_commit(
    world: World, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel, disk = slack.channel(ANN), asyncio.Event()

    async def write(changes: object) -> None:
        await disk.wait()

    async with world.running():
        monkeypatch.setattr(world.keepsakes, "write", write)  # their threads are written down, too
        for number in range(3):
            slack.say(channel, ANN, f"@tugbot {number}")
        await came(world, 3)
        assert not any(each.done.is_set() for each in slack.deliveries)
        disk.set()
        await slack.wait(lambda: all(each.state == "acked" for each in slack.deliveries))


async def test_a_thread_below_a_mention_is_the_channels_session(world: World, slack: FakeSlack) -> None:
    channel = slack.channel(ANN)
    async with world.running():
        root = slack.say(channel, ANN, "@tugbot begin")
        slack.say(channel, ANN, "and more", root)
        said = (await came(world, 2))[1]
        assert (said.session, said.target) == (world.place(channel), world.place(channel, root))
        assert said.addressed  # it is in a thread of ours


async def test_any_other_thread_is_a_session_of_its_own(world: World, slack: FakeSlack) -> None:
    channel = slack.channel(ANN, BOB)
    async with world.running():
        root = slack.say(channel, BOB, "lunch?")
        slack.say(channel, ANN, "@tugbot where?", root)
        first, second = await came(world, 2)
        assert (first.addressed, second.addressed) == (False, True)
        own = world.place(channel, root)
        # The root was handed in for the channel's session; a real bot passes it over, and then the thread stands alone.
        assert second.target == own


async def test_a_thread_below_a_message_of_ours_is_its_session(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    async with world.running():
        root = await world.show(world.place(channel), "shall I?")
        slack.say(channel, ANN, "yes", root)
        (said,) = await came(world)
        assert (said.session, said.target) == (world.place(channel), world.place(channel, root))


async def test_p2_a_message_of_a_thread_is_one_whoever_tells_of_it(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    async with world.running():
        root = await world.show(world.place(channel), "shall I?")
        slack.say(channel, ANN, "yes", root)
        (said,) = await came(world)
    told = copy.deepcopy(slack.deliveries[-1].payload)
    del told["event"]["parent_user_id"]
    world.renew()
    async with world.running():
        await slack.wait(slack.courier.send("events_api", told).done.is_set)
    assert {each.session for each in world.receiver.received} == {said.session}


async def test_people_are_called_by_their_names(world: World, slack: FakeSlack) -> None:
    slack.person(ANN, "ann", "Ann Lee")
    slack.person(BOB, "bob", "Bob")
    channel = slack.dm(ANN)
    async with world.running():
        slack.say(channel, ANN, f"ask <@{BOB}> at <https://example.org|the site>", verbatim=True)
        (said,) = await came(world)
        assert said.sender_name == "Ann Lee"
        assert said.text == "ask @Bob at [the site](https://example.org)"


async def test_edits_and_deletions_are_passed_on(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    async with world.running():
        ts = slack.say(channel, ANN, "one")
        await came(world)
        slack.edit(channel, ts, "two")
        await until(lambda: len(world.receiver.received) == 2)
        slack.unfurl(channel, ts)
        slack.delete(channel, ts)
        await until(lambda: len(world.receiver.received) == 3)
        await asyncio.sleep(0.05)
    changes = [each for each in world.receiver.received if isinstance(each, Amendment)]
    assert [(each.event_id, each.sender, each.text) for each in changes] == [
        (f"{channel}:{ts}", ANN, "two"),
        (f"{channel}:{ts}", ANN, None),
    ]


async def test_an_edit_that_overtakes_its_message_counts(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    async with world.running():
        slack.courier.swallowed = 2
        edited, deleted = slack.say(channel, ANN, "rm -r *"), slack.say(channel, ANN, "rm -r ..")
        slack.edit(channel, edited, "ls")
        slack.delete(channel, deleted)
        await slack.wait(lambda: all(each.done.is_set() for each in slack.deliveries))
    assert [each.text for each in world.receiver.received] == ["ls"]


async def test_an_edit_that_speaks_to_us_is_heard(
    world: World, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = world.receiver.receive

    async def passed_over() -> Ack:
        return Ack("ignored", reason="not addressed")

    monkeypatch.setattr(
        world.receiver, "receive", lambda inbound: receive(inbound) if inbound.addressed else passed_over()
    )
    channel = slack.channel(ANN)
    async with world.running():
        ts = slack.say(channel, ANN, "hello")
        await slack.wait(lambda: all(each.done.is_set() for each in slack.deliveries))
        slack.emit({"type": "app_mention", "channel": channel, "user": ANN, "ts": ts, "text": f"<@{slack.me}> hello"})
        await until(lambda: world.texts == ["hello"])


async def test_a_late_second_try_of_an_edit_changes_nothing(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    async with world.running():
        ts = slack.say(channel, ANN, "one")
        await came(world)
        slack.edit(channel, ts, "two")
        await until(lambda: len(world.receiver.received) == 2)
        early = slack.deliveries[-1]
        slack.advance(1)
        slack.edit(channel, ts, "three")
        await until(lambda: len(world.receiver.received) == 3)
        again = slack.again(early)
        await slack.wait(again.done.is_set)
    assert [each.text for each in world.receiver.received] == ["one", "two", "three"]


async def test_files_come_along_and_go_out(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    async with world.running():
        slack.say(channel, ANN, "see", files={"a.txt": b"content"})
        (said,) = await came(world)
        (path,) = said.attachments
        assert Path(path).read_bytes() == b"content"  # noqa: ASYNC240
        await world.transport.upload(said.target, "../out.md", b"# out")
        (shown,) = [each for each in slack.shown(channel) if each.by_bot]
        assert shown.files == ("out.md",)


async def test_files_of_strangers_and_large_ones_are_not_fetched(world: World, slack: FakeSlack) -> None:
    async with world.running():
        slack.say(slack.dm(BOB), BOB, "", files={"b.txt": b"x"})
        slack.say(slack.dm(ANN), ANN, "", files={"large.txt": b"x" * 1_000_001})
        said = {each.sender: each for each in await came(world, 2)}
    assert (said[BOB].text, said[BOB].attachments) == ("(a file: b.txt)", ())
    assert (said[ANN].text, said[ANN].attachments) == ("(a file that could not be fetched: large.txt)", ())


# ---------------------------------------------------------------- buttons and commands


async def test_a_file_whose_address_is_none_is_told(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    odd = {"name": "odd", "url_private": "https://["}
    async with world.running():
        slack.emit({"type": "message", **SAID, "channel": channel, "channel_type": "im", "user": ANN, "files": [odd]})
        await came(world)
    assert world.texts == ["look\n(a file that could not be fetched: odd)"]


async def test_p6_a_button_does_not_wait_for_files(
    world: World, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching = asyncio.Event()

    async def slow(url: str, limit: int) -> bytes:
        fetching.set()
        await asyncio.sleep(60)
        return b""

    monkeypatch.setattr(world.workspace, "download", slow)
    channel = slack.dm(ANN)
    async with world.running():
        ts = await world.show(world.place(channel), "at work", choices=(Choice("stop", "Stop", "🛑"),))
        slow_one = {"name": "big", "url_private": "https://files.slack.com/big"}
        slack.emit(
            {"type": "message", **SAID, "channel": channel, "channel_type": "im", "user": ANN, "files": [slow_one]}
        )
        await fetching.wait()
        slack.press(ANN, channel, ts, "Stop")
        await until(lambda: world.texts == ["stop"], 2)


async def test_a_button_in_a_thread_below_a_message_of_ours_is_of_its_session(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    async with world.running():
        root = await world.show(world.place(channel), "shall I?")
        ts = await world.show(world.place(channel, root), "at work", choices=(Choice("stop", "Stop", "🛑"),))
        slack.press(ANN, channel, ts, "Stop")
        (said,) = await came(world)
        assert (said.session, said.target) == (world.place(channel), world.place(channel, root))


async def test_names_that_take_long_are_waited_for_together(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    slack.delays["users.info"] = 10.0
    async with world.running():
        text = " ".join(f"<@U0SLOW{number}>" for number in range(5))
        slack.say(channel, ANN, text, verbatim=True)
        await until(lambda: bool(world.texts), 3)


async def test_a_button_answers_its_question(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    choices = (Choice("allow", "Allow", "✅"), Choice("deny", "Deny", "❌"))
    async with world.running():
        ts = await world.show(world.place(channel), "May I?", key="run/8/permission/1", choices=choices)
        pressed = slack.press(ANN, channel, ts, "Deny")
        (said,) = await came(world)
        assert (said.text, said.answers, said.sender) == ("deny", "run/8/permission/1", ANN)
        assert (said.session, said.addressed) == (world.place(channel), True)
        await slack.wait(pressed.done.is_set)
        again = slack.again(pressed)
        await slack.wait(again.done.is_set)
        assert len(world.receiver.received) == 1
        await world.transport.edit(MessageRef(said.target, ts), Outbound(said.target, "Denied by Ann.", key="k"))
        (shown,) = slack.shown(channel)
        assert not shown.buttons


async def test_of_two_presses_the_first_counts(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    slow = asyncio.Event()

    async def name_of(user: str) -> str:
        if user == ANN:
            await slow.wait()
        return user

    world.workspace.name_of = name_of  # type: ignore[method-assign]
    async with world.running():
        first = asyncio.create_task(world.transport.take(Pressed("p1", channel, "1.0", "", ANN, "allow", "k")))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(world.transport.take(Pressed("p2", channel, "1.0", "", BOB, "deny", "k")))
        await asyncio.sleep(0.01)
        slow.set()
        await asyncio.gather(first, second)
    assert world.texts == ["allow", "deny"]


async def test_a_button_that_is_pressed_while_we_start_waits_for_it(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    pressed = Pressed("p1", channel, "1.0", "", ANN, "allow", "k")
    early = asyncio.create_task(world.transport.take(pressed))
    await asyncio.sleep(0)
    async with world.running():
        await early
    assert world.texts == ["allow"]


async def test_a_command_is_said_where_it_was_typed(world: World, slack: FakeSlack) -> None:
    channel = slack.channel(ANN)
    async with world.running():
        await slack.answered(slack.command(ANN, channel, "status"))
        (said,) = await came(world)
        assert (said.text, said.session, said.target, said.addressed) == (
            "status",
            world.place(channel),
            world.place(channel),
            True,
        )


async def test_a_command_where_we_are_not_says_what_to_do(world: World, slack: FakeSlack) -> None:
    channel = slack.channel(ANN, invited=False)
    async with world.running():
        await slack.answered(slack.command(ANN, channel, "status"))
    assert not world.receiver.received
    (shown,) = slack.shown(channel, to=ANN)
    assert "/invite" in shown.text


# ---------------------------------------------------------------- nothing lost, nothing twice


async def test_a_command_in_a_private_channel_where_we_are_not_says_so_too(world: World, slack: FakeSlack) -> None:
    channel = slack.channel(ANN, private=True, invited=False)
    async with world.running():
        answer = await slack.answered(slack.command(ANN, channel, "status"))
        assert "not in this channel" in str(answer)
        slack.delays["conversations.info"] = 10.0
        slack.courier.patience = 3.0
        open_one = slack.channel(ANN)
        assert "Taken" in str(await slack.answered(slack.command(ANN, open_one, "status")))


async def test_p1_nothing_is_acknowledged_before_its_commit(world: World, slack: FakeSlack) -> None:
    world.receiver.hold = True
    async with world.running():
        slack.say(slack.dm(ANN), ANN, "hello")
        await until(lambda: len(world.receiver.received) == 1)
        (delivery,) = slack.deliveries
        await asyncio.sleep(0.05)
        assert delivery.state == "pending"
        world.receiver.commit()
        await slack.wait(lambda: delivery.state == "acked")


async def test_p1_what_the_store_did_not_take_is_handed_in_again(world: World, slack: FakeSlack) -> None:
    world.receiver.failures = [OSError("disk full"), OSError("disk full")]
    async with world.running():
        slack.say(slack.dm(ANN), ANN, "hello")
        await came(world)
        await slack.wait(lambda: slack.deliveries[0].state == "acked")
    assert world.texts == ["hello"]
    assert len(slack.deliveries[0].attempts) == 3


async def test_p1_events_before_we_know_who_we_are_come_again(world: World, slack: FakeSlack) -> None:
    """slack-bolt's own authorization acknowledges what it could not authorize."""
    slack.fail("auth.test", *[status(500)] * 2)
    with pytest.raises(Disconnected):
        await world.transport.run(world.receiver)
    with pytest.raises(TemporaryFailure):
        await world.transport.take(object())  # type: ignore[arg-type]
    await world.transport.close()


async def test_p2_a_second_delivery_is_not_handed_in_again(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    async with world.running():
        slack.say(channel, ANN, "hello")
        await came(world)
        again = slack.again(slack.deliveries[0])
        await slack.wait(again.done.is_set)
    assert len(world.receiver.received) == 1


async def test_p1_what_was_said_while_nobody_listened_is_read(world: World, slack: FakeSlack) -> None:
    channel, other, new = slack.dm(ANN), slack.channel(ANN), slack.dm(BOB)
    async with world.running():
        slack.say(channel, ANN, "one")
        root = slack.say(other, ANN, "@tugbot two")
        await came(world, 2)
    world.renew()
    slack.say(channel, ANN, "three")
    slack.say(other, ANN, "four", root)
    slack.say(other, BOB, "@tugbot five")
    slack.say(new, BOB, "six")
    edited = slack.say(channel, ANN, "sevne")
    slack.edit(channel, edited, "seven")
    await slack.wait(lambda: len(slack.lost) >= 6)
    async with world.running():
        await until(lambda: len(world.texts) >= 7)
        slack.say(channel, ANN, "eight")
        await until(lambda: len(world.texts) >= 8)
    assert set(world.texts) == {"one", "two", "three", "four", "five", "six", "seven", "eight"}
    assert [text for text in world.texts if text in ("one", "three", "seven", "eight")] == [
        "one",
        "three",
        "seven",
        "eight",
    ]
    four = next(each for each in world.receiver.committed if each.text == "four")
    assert isinstance(four, Inbound)
    assert (four.session, four.target) == (world.place(other), world.place(other, root))


async def test_p2_what_was_passed_over_is_not_taken_up_after_a_restart(world: World, slack: FakeSlack) -> None:
    channel = slack.channel(ANN)
    async with world.running():
        slack.say(channel, ANN, "should we delete everything?")
        slack.say(channel, ANN, "@tugbot hello")
        await until(lambda: len(world.receiver.received) == 2)
        await slack.wait(lambda: "heard" in world.keepsakes.values)
        slack.advance(1)
    world.keepsakes.values["heard"] = f"{slack.team.now():.0f}"  # as after a minute
    slack.advance(5)
    world.renew()
    world.receiver.received.clear()
    slack.say(channel, ANN, "lunch?")
    slack.say(channel, ANN, "@tugbot are you there?")
    await slack.wait(lambda: len(slack.lost) >= 2)
    async with world.running():
        await until(lambda: "are you there?" in world.texts)
        await asyncio.sleep(0.1)
    assert {each.text for each in world.receiver.received} == {"hello", "lunch?", "are you there?"}


async def test_p6_a_stop_overtakes_a_file(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    held = asyncio.Event()

    async def slowly(url: str, limit: int) -> bytes:
        await held.wait()
        return b"content"

    world.workspace.download = slowly  # type: ignore[method-assign]
    async with world.running():
        slack.say(channel, ANN, "see", files={"a.txt": b"content"})
        await slack.wait(lambda: slack.deliveries[0].attempts)
        slack.say(channel, ANN, "wait for it")
        slack.say(channel, ANN, "stop")
        await came(world)
        assert world.texts == ["stop"]
        held.set()
        await came(world, 3)
    assert world.texts == ["stop", "see", "wait for it"]


async def test_what_was_said_before_our_time_is_not_for_us(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    slack.say(channel, ANN, "long ago")
    await slack.wait(lambda: slack.lost)
    async with world.running():
        slack.say(channel, ANN, "now")
        await came(world)
    assert world.texts == ["now"]


async def test_the_order_of_a_channel_is_kept_across_a_gap(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    async with world.running():
        slack.say(channel, ANN, "first")
        await came(world)
    world.renew()
    for number in range(5):
        slack.say(channel, ANN, f"missed {number}")
    await slack.wait(lambda: len(slack.lost) == 5)
    slack.fail("users.conversations", *[status(500)])  # so that a live event comes before the gap is read
    async with world.running():
        slack.say(channel, ANN, "live")
        await until(lambda: "live" in world.texts)
    assert world.texts == ["first", *(f"missed {number}" for number in range(5)), "live"]


async def test_a_thread_whose_root_is_gone_hides_nothing_of_its_channel(world: World, slack: FakeSlack) -> None:
    channel = slack.channel(ANN)
    async with world.running():
        root = slack.say(channel, ANN, "@tugbot first")
        await came(world)
    world.renew()
    slack.delete(channel, root)
    slack.courier.vanished = 2
    slack.say(channel, ANN, "@tugbot missed")
    async with world.running():
        await until(lambda: "missed" in world.texts)


async def test_a_channel_that_cannot_be_read_hides_no_other(
    world: World, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = slack.channel(ANN), slack.channel(ANN)
    async with world.running():
        await until(lambda: "heard" in world.keepsakes.values)
    world.renew()
    slack.courier.vanished = 2
    slack.say(other, ANN, "@tugbot missed")
    history = world.workspace.history

    async def failing(channel: str, *args: Any) -> Any:
        if channel == broken:
            raise TemporaryFailure("not now")
        return await history(channel, *args)

    monkeypatch.setattr(world.workspace, "history", failing)
    async with world.running():
        await until(lambda: "missed" in world.texts)


async def test_a_channel_that_takes_long_to_be_read_delays_one_event_at_most(world: World, slack: FakeSlack) -> None:
    channel = slack.channel(ANN)
    async with world.running():
        await until(lambda: "heard" in world.keepsakes.values)
    world.renew()
    slack.delays["conversations.history"] = 20.0
    async with world.running():
        for number in range(4):
            slack.say(channel, ANN, f"@tugbot {number}")
        await until(lambda: len(world.texts) == 4, 4)  # each by itself waits for 1.5 s


# ---------------------------------------------------------------- the connection


async def reconnects(world: World, slack: FakeSlack) -> None:
    before = len(world.texts)
    await slack.wait(lambda: slack.connected == 1, 15)
    slack.say(slack.dm(ANN), ANN, f"again {before}")
    await until(lambda: len(world.texts) > before, 15)


@pytest.mark.parametrize("reason", ["refresh_requested", "warning", "too_many_websockets", "link_disabled"])
async def test_it_comes_back_when_slack_asks_for_it(world: World, slack: FakeSlack, reason: Any) -> None:
    async with world.running():
        await slack.disconnect(reason)
        await reconnects(world, slack)


async def test_it_comes_back_after_every_kind_of_loss(world: World, slack: FakeSlack) -> None:
    async with world.running():
        slack.cut()
        await reconnects(world, slack)
        await slack.hang_up()
        await reconnects(world, slack)
        before = len(slack.calls("apps.connections.open"))
        slack.freeze()
        await slack.wait(lambda: len(slack.calls("apps.connections.open")) > before, 15)
        await reconnects(world, slack)


async def test_p1_a_slow_refresh_leaves_no_connection_that_nobody_reads(world: World, slack: FakeSlack) -> None:
    async with world.running():
        slack.sockets.stalls = 1.0
        await slack.disconnect()
        await slack.wait(lambda: slack.connected == 1)
        await asyncio.sleep(2.5)  # for a second one to come
        assert len(slack.sockets.connections) == 1
        await reconnects(world, slack)


@pytest.mark.slow
async def test_many_refreshes_and_refused_handshakes_settle(world: World, slack: FakeSlack) -> None:
    async with world.running():
        slack.refuse_handshakes(2)
        for _ in range(3):
            await slack.disconnect()
            await asyncio.sleep(0.1)
        await slack.wait(lambda: slack.connected == 1, 20)
        asked = len(slack.calls("apps.connections.open"))
        await asyncio.sleep(2)
        assert (slack.connected, len(slack.calls("apps.connections.open"))) == (1, asked)


@pytest.mark.slow
async def test_a_refused_handshake_is_tried_with_a_new_ticket(world: World, slack: FakeSlack) -> None:
    async with world.running():
        slack.refuse_handshakes(2)
        slack.cut()
        await slack.wait(lambda: not world.socket.is_up, 15)
        await slack.wait(lambda: world.socket.is_up, 30)
        await reconnects(world, slack)


@pytest.mark.slow
async def test_a_refused_handshake_of_a_refresh_is_tried_with_a_new_ticket(world: World, slack: FakeSlack) -> None:
    async with world.running():
        slack.refuse_handshakes(1)
        await slack.disconnect("refresh_requested")
        await slack.wait(lambda: slack.connected == 1, 30)
        await reconnects(world, slack)


async def test_an_app_token_that_is_refused_ends_it_at_once(world: World, slack: FakeSlack) -> None:
    slack.fail("apps.connections.open", error("invalid_auth"))
    with pytest.raises(Disconnected) as failed:
        await asyncio.wait_for(world.transport.run(world.receiver), 5)
    assert failed.value.lasting
    await world.transport.close()


async def test_a_revoked_token_is_told_at_once(world: World, slack: FakeSlack) -> None:
    async with world.running() as task:
        slack.revoke(told=True)
        await until(task.done)
        failed = task.exception()
        assert isinstance(failed, Disconnected)
        assert failed.lasting
        assert "tugbot init slack" in str(failed)


async def test_a_revoked_token_is_noticed_by_what_is_sent_and_the_message_waits(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    async with world.running() as task:
        slack.revoke()
        with pytest.raises(TemporaryFailure):
            await world.show(world.place(channel), "hello", key="k")
        await until(task.done)
        assert isinstance(task.exception(), Disconnected)


# ---------------------------------------------------------------- sending


async def test_an_answer_that_got_lost_is_not_posted_twice(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    async with world.running():
        for number, fault in enumerate((status(500), drop())):
            slack.fail("chat.postMessage", taken_but(fault))
            with pytest.raises(TemporaryFailure):
                await world.show(world.place(channel), f"answer {number}", key=f"k{number}")
            await world.show(world.place(channel), f"answer {number}", key=f"k{number}")
    assert slack.said(channel, "") == ["answer 0", "answer 1"]


async def test_a_possible_repeat_is_looked_for_before_it_is_posted(world: World, slack: FakeSlack) -> None:
    channel = slack.channel(ANN)
    root = slack.say(channel, ANN, "hello")
    async with world.running():
        for target in (world.place(channel), world.place(channel, root)):
            first = await world.show(target, "answer", key="k")
            assert await world.show(target, "answer", key="k", repeat=True) == first
            await world.show(target, "another", key="l", repeat=True)
    assert sorted(slack.said(channel)) == ["another", "another", "answer", "answer"]


async def test_a_rate_limit_says_how_long(world: World, slack: FakeSlack) -> None:
    channel = slack.dm(ANN)
    async with world.running():
        slack.fail("chat.postMessage", rate_limited(7))
        with pytest.raises(TemporaryFailure) as failed:
            await world.show(world.place(channel), "hello", key="k")
        assert failed.value.retry_after == 7
        await world.show(world.place(channel), "hello", key="k")
    assert slack.said(channel, "") == ["hello"]


async def test_an_archived_channel_and_a_missing_scope_are_said_in_words(world: World, slack: FakeSlack) -> None:
    channel, dm = slack.channel(ANN), slack.dm(ANN)
    async with world.running():
        slack.archive(channel)
        with pytest.raises(PermanentFailure, match="archived"):
            await world.show(world.place(channel), "hello")
        slack.fail("chat.postMessage", error("missing_scope", needed="chat:write", provided=""))
        with pytest.raises(PermanentFailure, match="chat:write"):
            await world.show(world.place(dm), "hello")
        with pytest.raises(PermanentFailure):
            await world.show(f"slack/T0OTHER/{dm}", "hello")


async def test_nothing_that_is_said_pings_anybody(world: World, slack: FakeSlack) -> None:
    channel = slack.channel(ANN)
    root = slack.say(channel, ANN, "@tugbot hello")
    async with world.running():
        await came(world)
        for place in (world.place(channel), world.place(channel, root)):
            ref = await world.transport.send(Outbound(place, f"<!channel> <@{ANN}> & <b>", "stream", choices=STOP))
            more = f"<!channel> <@{ANN}> & <b> <!here>"
            await world.transport.edit(ref, Outbound(place, more, "stream", choices=STOP))
            await world.transport.edit(ref, Outbound(place, f"<!channel> <@{ANN}> & <b> <!here> x", key="k"))
    assert not slack.pings


# ---------------------------------------------------------------- streams


async def thread_of(world: World, slack: FakeSlack) -> tuple[str, str]:
    channel = slack.channel(ANN)
    root = slack.say(channel, ANN, "@tugbot go")
    await came(world)
    return channel, root


STOP = (Choice("stop 8", "Stop", "🛑"),)


async def test_an_answer_in_a_thread_streams_and_ends_as_one_message(world: World, slack: FakeSlack) -> None:
    async with world.running():
        channel, root = await thread_of(world, slack)
        place = world.place(channel, root)
        ref = await world.transport.send(Outbound(place, "run 8\n\n", "stream", run=8, choices=STOP))
        for text in ("run 8\n\none", "run 8\n\none **two**"):
            await world.transport.edit(ref, Outbound(place, text, "stream", run=8, choices=STOP))
        assert len(slack.calls("chat.startStream")) == 1
        assert len(slack.calls("chat.appendStream")) == 2
        assert not slack.calls("chat.update")
        (shown,) = [each for each in slack.shown(channel, root) if each.by_bot]
        assert shown.buttons == ("Stop",)
        await world.transport.edit(ref, Outbound(place, "run 8\n\none **two**\n\n— 2 s", key="run/8/1"))
        (shown,) = [each for each in slack.shown(channel, root) if each.by_bot]
        assert "one *two*" in shown.text
        assert not shown.buttons


async def test_a_stream_that_expires_is_ended_by_somebody_or_changes_becomes_edits(
    world: World, slack: FakeSlack
) -> None:
    async with world.running():
        channel, root = await thread_of(world, slack)
        place = world.place(channel, root)

        async def begun() -> MessageRef:
            return await world.transport.send(Outbound(place, "run 8", "stream", run=8, choices=STOP))

        async def shows(ref: MessageRef, text: str) -> None:
            await world.transport.edit(ref, Outbound(place, text, "stream", run=8, choices=STOP))
            (shown,) = [each for each in slack.shown(channel, root) if each.ts == ref.id]
            assert shown.text.split() == text.split()
            assert shown.buttons == ("Stop",)

        ref = await begun()
        slack.advance(301)
        await shows(ref, "run 8 expired")
        await shows(ref, "run 8 expired and more")
        ref = await begun()
        slack.stop_stream(channel, ref.id)
        await shows(ref, "run 8 stopped")
        ref = await begun()
        await shows(ref, "run 8 cargo test …")
        await shows(ref, "run 8 cargo test ✔")
        ref = await begun()
        slack.fail("chat.appendStream", status(500))
        with pytest.raises(TemporaryFailure):
            await world.transport.edit(ref, Outbound(place, "run 8 more", "stream", run=8, choices=STOP))
        await shows(ref, "run 8 more")


@pytest.mark.parametrize("fault", [rate_limited(1), status(500), drop(), taken_but(drop())])
async def test_a_stream_that_cannot_be_ended_yet_is_ended_later(world: World, slack: FakeSlack, fault: Any) -> None:
    channel = slack.channel(ANN)
    async with world.running():
        place = world.place(channel, slack.say(channel, ANN, "@tugbot go on"))
        await came(world)
        ref = MessageRef(place, await world.show(place, "one", kind="stream", choices=(Choice("stop", "Stop", "🛑"),)))
        slack.fail("chat.stopStream", fault)
        whole = Outbound(place, "one two", "answer", key="k")
        with pytest.raises(TemporaryFailure):
            await world.transport.edit(ref, whole)
        await world.transport.edit(ref, whole)
    assert slack.said(channel) == ["one two"]


async def test_a_stream_of_a_process_that_was_killed_is_ended_by_an_edit(world: World, slack: FakeSlack) -> None:
    channel = slack.channel(ANN)
    async with world.running():
        place = world.place(channel, slack.say(channel, ANN, "@tugbot go on"))
        await came(world)
        ref = MessageRef(place, await world.show(place, "one", kind="stream"))
    world.renew()
    async with world.running():
        await world.transport.edit(ref, Outbound(place, "cut off", "answer", key="k"))
    assert slack.said(channel) == ["cut off"]


async def test_what_may_have_been_written_to_a_stream_is_not_written_again(world: World, slack: FakeSlack) -> None:
    channel = slack.channel(ANN)
    stop = (Choice("stop", "Stop", "🛑"),)
    async with world.running():
        place = world.place(channel, slack.say(channel, ANN, "@tugbot go on"))
        await came(world)
        ref = MessageRef(place, await world.show(place, "one", kind="stream", choices=stop))
        slack.fail("chat.appendStream", taken_but(hang()))
        writing = asyncio.create_task(world.transport.edit(ref, Outbound(place, "one two", "stream", choices=stop)))
        await slack.wait(lambda: slack.calls("chat.appendStream"))
        writing.cancel()
        await asyncio.wait({writing})
        await world.transport.edit(ref, Outbound(place, "one two three", "stream", choices=stop))
    assert slack.said(channel) == ["one two three"]


async def test_a_stream_that_loses_its_button_is_over(world: World, slack: FakeSlack) -> None:
    async with world.running():
        channel, root = await thread_of(world, slack)
        place = world.place(channel, root)
        ref = await world.transport.send(Outbound(place, "run 8", "stream", run=8, choices=STOP))
        await world.transport.edit(ref, Outbound(place, "run 8", "stream", run=8))
        (shown,) = [each for each in slack.shown(channel, root) if each.by_bot]
        assert (shown.text, shown.buttons, shown.streaming) == ("run 8", (), False)


async def test_a_page_that_is_full_from_the_start_is_no_stream(world: World, slack: FakeSlack) -> None:
    async with world.running():
        channel, root = await thread_of(world, slack)
        await world.transport.send(Outbound(world.place(channel, root), "x" * 7_000, "stream", run=8))
    assert not slack.calls("chat.startStream")


async def test_a_stream_whose_beginning_got_lost_is_found_again(world: World, slack: FakeSlack) -> None:
    async with world.running():
        channel, root = await thread_of(world, slack)
        place = world.place(channel, root)
        slack.fail("chat.startStream", taken_but(drop()))
        ref = await world.transport.send(Outbound(place, "run 8 · *one*", "stream", run=8, choices=STOP))
        await world.transport.edit(ref, Outbound(place, "run 8 · *one* two", "stream", run=8, choices=STOP))
        await world.transport.edit(ref, Outbound(place, "run 8 · *one* two\n\n— 2 s", key="run/8/1"))
        (shown,) = [each for each in slack.shown(channel, root) if each.by_bot]
        assert (shown.text, shown.buttons) == ("run 8 · _one_ two\n\n— 2 s", ())


async def test_where_streams_cannot_be_had_messages_are_edited(world: World, slack: FakeSlack) -> None:
    async with world.running():
        channel, root = await thread_of(world, slack)
        place = world.place(channel, root)
        slack.fail("chat.startStream", error("unknown_method"))
        for _ in range(2):
            ref = await world.transport.send(Outbound(place, "run 8", "stream", run=8, choices=STOP))
            await world.transport.edit(ref, Outbound(place, "run 8 more", "stream", run=8, choices=STOP))
    assert len(slack.calls("chat.startStream")) == 1
    assert slack.said(channel) == ["run 8 more", "run 8 more"]


async def test_typing_shows_below_a_thread_and_fails_silently(world: World, slack: FakeSlack) -> None:
    async with world.running():
        channel, root = await thread_of(world, slack)
        await world.transport.typing(world.place(channel, root), True)
        assert slack.status(channel, root)
        await world.transport.typing(world.place(channel, root), False)
        assert not slack.status(channel, root)
        slack.fail("assistant.threads.setStatus", error("not_allowed"))
        await world.transport.typing(world.place(channel, root), True)
        await world.transport.typing(world.place(channel), True)
