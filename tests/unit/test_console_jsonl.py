"""JSON lines, as a driver meets them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.transport_fake import FakeReceiver, until
from transports.base import Ack, Amendment, Inbound, Outbound
from transports.console import protocol
from transports.console.jsonl import JsonLinesConsole


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[int, int]]:
    with open(tmp_path / "input", "w+b") as stdin, open(tmp_path / "output", "w+b") as stdout:
        yield stdin.fileno(), stdout.fileno()


def answers(fd: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in os.pread(fd, 1 << 22, 0).decode().split("\n") if line]


async def driven(files: tuple[int, int], data: bytes, receiver: FakeReceiver) -> list[dict[str, Any]]:
    """Every line that a whole run answers."""
    os.pwrite(files[0], data, 0)
    console = JsonLinesConsole(stdin=files[0], stdout=files[1], user="ann")
    async with asyncio.timeout(20):
        await console.run(receiver)
    await console.close()
    return answers(files[1])


def line(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


async def test_a_message_is_handed_in_and_acknowledged(files: tuple[int, int]) -> None:
    receiver = FakeReceiver()
    sent = line(event_id="e1", text="hi\x00 there", sender="bob", session="a")
    given = await driven(files, sent, receiver)
    assert receiver.received == [
        Inbound("console/a", "console", "local", "e1", "bob", "bob", "hi\ufffd there", "console/a", direct=True)
    ]
    assert given == [{"type": "ack", "event_id": "e1", "op": "message", "status": "accepted", "id": 1, "reason": ""}]


async def test_sender_and_session_may_be_left_out(files: tuple[int, int]) -> None:
    receiver = FakeReceiver()
    await driven(files, line(event_id="e1", text="hi"), receiver)
    (event,) = receiver.received
    assert (event.session, event.sender) == ("console/local", "ann")


async def test_edits_and_retractions(files: tuple[int, int]) -> None:
    receiver = FakeReceiver()
    data = line(event_id="e1", text="a") + line(type="edit", event_id="e1", text="b", session="local")
    given = await driven(files, data + line(type="retract", event_id="e2"), receiver)
    assert receiver.received[1:] == [
        Amendment("console/local", "console", "local", "e1", "ann", "b"),
        Amendment("console/local", "console", "local", "e2", "ann", None),
    ]
    assert sorted((a["op"], a["status"]) for a in given) == [
        ("edit", "changed"),
        ("message", "accepted"),
        ("retract", "unknown"),
    ]


@pytest.mark.parametrize(
    ("bad", "reason", "event_id"),
    [
        (b"{", "not JSON", None),
        (b"\xff", "not UTF-8", None),
        (b"[1]", "one JSON object", None),
        (b"[" * 100_000, "nested", None),
        (b'{"text": "x"}', '"event_id"', None),
        (b'{"event_id": 7, "text": "x"}', '"event_id"', None),
        (b'{"event_id": " ", "text": "x"}', '"event_id"', " "),
        (b'{"event_id": "a\\ud800", "text": "x"}', '"event_id"', "a\ufffd"),
        (b'{"event_id": "e"}', '"text"', "e"),
        (b'{"event_id": "e", "text": " "}', '"text"', "e"),
        (b'{"event_id": "e", "text": "x", "session": "a/b"}', '"session"', "e"),
        (b'{"event_id": "e", "text": "x", "session": ".."}', '"session"', "e"),
        (b'{"event_id": "e", "text": "x", "session": "a\\n"}', '"session"', "e"),
        (b'{"event_id": "e", "text": "x", "sender": 3}', '"sender"', "e"),
        (b'{"event_id": "e", "text": "x", "type": "ping"}', '"type"', "e"),
        (b'{"event_id": "e", "text": "x", "type": []}', '"type"', "e"),
    ],
)
async def test_a_bad_line_is_named_and_the_next_one_is_taken(
    files: tuple[int, int], bad: bytes, reason: str, event_id: str | None
) -> None:
    receiver = FakeReceiver()
    error, ack = await driven(files, bad + b"\n" + line(event_id="ok", text="x"), receiver)
    assert (error["type"], error["line"], error.get("event_id")) == ("error", 1, event_id)
    assert reason in error["reason"]
    assert (ack["type"], ack["event_id"]) == ("ack", "ok")


async def test_blank_lines_count_and_a_byte_order_mark_is_skipped(files: tuple[int, int]) -> None:
    data = b"\xef\xbb\xbf" + line(event_id="e", text="x") + b"\n \nbad\n"
    given = await driven(files, data, FakeReceiver())
    assert {(a["type"], a.get("line")) for a in given} == {("ack", None), ("error", 4)}


async def test_what_was_not_accepted_gets_a_nack(files: tuple[int, int]) -> None:
    receiver = FakeReceiver()
    receiver.failures = [OSError("The disk is full.")]
    given = await driven(files, line(event_id="e1", text="x") + line(event_id="e2", text="x"), receiver)
    assert {"type": "nack", "event_id": "e1", "op": "message", "reason": "The disk is full"} in given
    assert [a["type"] for a in given if a["event_id"] == "e2"] == ["ack"]


class Broken(FakeReceiver):
    """Raises when called, which it should not."""

    def receive(self, inbound: Inbound) -> asyncio.Future[Ack]:
        raise RuntimeError("broken")


class Dropping(FakeReceiver):
    """Gives its answers up."""

    def receive(self, inbound: Inbound) -> asyncio.Future[Ack]:
        answer: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        answer.cancel()
        return answer


@pytest.mark.parametrize("receiver", [Broken, Dropping])
async def test_a_receiver_that_misbehaves_ends_nothing(files: tuple[int, int], receiver: type[FakeReceiver]) -> None:
    given = await driven(files, line(event_id="e1", text="x") * 2, receiver())
    assert [a["type"] for a in given] == ["nack", "nack"]


class Slow(FakeReceiver):
    """Answers with a coroutine, as a receiver may."""

    async def _slowly(self, inbound: Inbound) -> Ack:
        await asyncio.sleep(0)
        return Ack("accepted", 7)

    def receive(self, inbound: Inbound) -> Any:
        return self._slowly(inbound)


async def test_an_answer_may_be_a_coroutine(files: tuple[int, int]) -> None:
    (ack,) = await driven(files, line(event_id="e1", text="x"), Slow())
    assert ack["id"] == 7


async def test_no_more_than_1024_are_in_flight(files: tuple[int, int]) -> None:
    os.pwrite(files[0], b"".join(line(event_id=f"e{n}", text="x") for n in range(1500)), 0)
    receiver = FakeReceiver(hold=True)
    console = JsonLinesConsole(stdin=files[0], stdout=files[1])
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(console.run(receiver), name="console under test")
        await until(lambda: len(receiver.received) == 1024)
        await asyncio.sleep(0.02)
        assert len(receiver.received) == 1024
        receiver.hold = False
        receiver.commit()
    await console.close()
    assert len(answers(files[1])) == 1500


async def test_messages_and_acknowledgements_never_share_a_line(files: tuple[int, int]) -> None:
    os.pwrite(files[0], b"".join(line(event_id=f"e{n}", text="x") for n in range(200)), 0)
    console = JsonLinesConsole(stdin=files[0], stdout=files[1])
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(console.run(FakeReceiver()), name="console under test")
        for n in range(20):
            group.create_task(console.send(Outbound("console/a", "y" * 50_000, key=str(n))), name="send")
    await console.close()
    kinds = [a["type"] for a in answers(files[1])]
    assert (kinds.count("ack"), kinds.count("message")) == (200, 20)


async def test_a_message_tells_all_that_is_known(files: tuple[int, int]) -> None:
    console = JsonLinesConsole(stdin=None, stdout=files[1])
    await console.send(Outbound("console/a", "**x**\u2028\x1b[1m\ud800", "answer", "k1", 8, repeat=True))
    await console.close()
    (message,) = answers(files[1])
    assert message == {
        "type": "message",
        "session": "a",
        "target": "console/a",
        "kind": "answer",
        "text": "**x**\u2028[1m\ufffd",
        "key": "k1",
        "run": 8,
        "repeat": True,
    }
    assert "\u2028" not in os.pread(files[1], 1000, 0).decode()


def test_text_that_is_too_long_for_an_id_is_not_cut() -> None:
    parsed = protocol.parse(line(event_id="e" * 256, text="x"), "ann")
    assert isinstance(parsed, protocol.Bad)
