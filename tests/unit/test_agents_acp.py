from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
from acp import schema

from bot.agents.acp.mailbox import Mailbox
from bot.agents.acp.permissions import MAX_OPEN, Permissions
from bot.agents.acp.updates import Updates
from bot.agents.acp.wire import Wire
from bot.agents.base import CANCELLED, AgentEvent, PermissionRequest, Process, TextDelta, ToolCall
from bot.agents.output import Output
from tests.agents_scripted import update

OPTION = schema.PermissionOption(option_id="yes", name="Yes", kind="allow_once")


def chunk(text: str) -> dict[str, Any]:
    content = {"type": "text", "text": text}
    return cast("dict[str, Any]", update("s", {"sessionUpdate": "agent_message_chunk", "content": content})["params"])


# ---------------------------------------------------------------- mailbox


async def test_a_mailbox_keeps_the_order_and_ends_when_empty() -> None:
    box = Mailbox()
    for text in "abc":
        box.put(TextDelta(text))
    box.close()
    assert [await box.get() for _ in range(4)] == [TextDelta("a"), TextDelta("b"), TextDelta("c"), None]


async def test_a_full_mailbox_has_no_room_until_it_is_read() -> None:
    box = Mailbox(high=1000)
    await box.room()
    box.put(TextDelta("x" * 1000))
    waiting = asyncio.create_task(box.room(), name="room")
    await asyncio.sleep(0)
    assert not waiting.done()
    await box.get()
    await waiting


async def test_events_without_text_fill_a_mailbox_too() -> None:
    box = Mailbox(high=1000)
    for _ in range(5):
        box.put(ToolCall("a", "b"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(box.room(), 0.01)


# ---------------------------------------------------------------- wire


class Pipes:
    """As much of a process as a wire uses: lines in, and what was written."""

    def __init__(self, *messages: object) -> None:
        self.stdout = asyncio.StreamReader()
        for message in messages:
            self.stdout.feed_data(json.dumps(message).encode() + b"\n")
        self.stdout.feed_eof()
        self.stdin = self
        self.written: list[Any] = []

    def write(self, data: bytes) -> None:
        self.written.append(json.loads(data))

    async def drain(self) -> None:
        pass


def wire(pipes: Pipes, box: Mailbox, seen: list[object]) -> Wire:
    process = cast("Process", pipes)
    return Wire(process, Output(process), box.room, seen.append)


async def test_a_full_mailbox_stops_the_reading_of_lines() -> None:
    box, seen = Mailbox(high=1000), list[object]()
    box.put(TextDelta("x" * 1000))
    message = {"jsonrpc": "2.0", "method": "session/update", "params": chunk("a")}
    reading = asyncio.create_task(wire(Pipes(message), box, seen).receive(), name="receive")
    await asyncio.sleep(0.01)
    assert seen == []
    await box.get()
    assert await reading is None
    assert seen == [chunk("a")]


@pytest.mark.parametrize(
    "line",
    [
        "text",
        7,
        [],
        {},
        {"id": [1], "result": {}},
        {"id": 1, "error": "no"},
        {"method": 5},
        {"method": "$/cancel_request", "params": {}},
    ],
)
async def test_what_the_sdk_would_stumble_over_never_reaches_it(line: object) -> None:
    answer = {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert await wire(Pipes(line, answer), Mailbox(), []).receive() == answer


async def test_a_permissions_meta_cannot_pose_as_an_argument() -> None:
    request = {"id": 1, "method": "session/request_permission", "params": {"_meta": {"self": 1}, "sessionId": "s"}}
    assert await wire(Pipes(request), Mailbox(), []).receive() == {**request, "params": {"sessionId": "s"}}


# ---------------------------------------------------------------- permissions


async def test_a_permission_is_answered_once_and_as_offered() -> None:
    asked: list[AgentEvent] = []
    permissions = Permissions(asked.append)
    waiting = asyncio.create_task(permissions.ask("rm", "rm x", [OPTION]), name="ask")
    await asyncio.sleep(0)
    request = cast("PermissionRequest", asked[0])
    assert not permissions.answer(request.id, "no such option")
    assert not permissions.answer("p99", "yes")
    assert permissions.answer(request.id, "yes")
    assert not permissions.answer(request.id, "yes")
    outcome = (await waiting).outcome
    assert isinstance(outcome, schema.AllowedOutcome)
    assert outcome.option_id == "yes"


async def test_a_permission_can_be_left_undecided() -> None:
    asked: list[AgentEvent] = []
    permissions = Permissions(asked.append)
    waiting = asyncio.create_task(permissions.ask("rm", "rm x", [OPTION]), name="ask")
    await asyncio.sleep(0)
    assert permissions.answer(cast("PermissionRequest", asked[0]).id, CANCELLED)
    assert isinstance((await waiting).outcome, schema.DeniedOutcome)


async def test_a_flood_of_permissions_is_cancelled_unasked() -> None:
    asked: list[AgentEvent] = []
    permissions = Permissions(asked.append)
    async with asyncio.TaskGroup() as group:
        for _ in range(MAX_OPEN):
            group.create_task(permissions.ask("rm", "rm x", [OPTION]), name="ask")
        await asyncio.sleep(0)
        assert isinstance((await permissions.ask("rm", "rm x", [OPTION])).outcome, schema.DeniedOutcome)
        assert len(asked) == MAX_OPEN
        permissions.deny_all()


# ---------------------------------------------------------------- updates


def test_a_character_held_back_comes_before_the_next_subject() -> None:
    updates = Updates()
    call = {"sessionId": "s", "update": {"sessionUpdate": "tool_call", "toolCallId": "t", "title": "ls"}}
    events = [*updates.translate(chunk("a\r")), *updates.translate(call)]
    assert events == [TextDelta("a"), TextDelta("\n"), ToolCall("t", "ls")]


def test_a_cost_that_was_not_replayed_is_not_counted_again() -> None:
    def cost(amount: float, currency: str = "USD") -> dict[str, Any]:
        usage = {"sessionUpdate": "usage_update", "used": 1, "size": 2}
        return {"sessionId": "s", "update": {**usage, "cost": {"amount": amount, "currency": currency}}}

    updates = Updates()
    updates.begin(fresh=False)
    assert list(updates.translate(cost(9.0))) == []
    assert [getattr(event, "cost_delta", None) for event in updates.translate(cost(9.5))] == [0.5]
    assert list(updates.translate(cost(99.0, "EUR"))) == []
