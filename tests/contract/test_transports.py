"""What every transport promises, run against the fake and the real ones that need no network."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from bot.store.memory import Disk, MemoryStore
from bot.transcript.book import Book
from bot.transcript.stage import Stage
from tests.matrix_fake import ANN, ME
from tests.matrix_rig import Over, World
from tests.slack_fake import ANN as SLACK_ANN
from tests.slack_fake import FakeSlack
from tests.slack_rig import World as SlackWorld
from tests.transcript_world import Silent
from tests.transport_fake import FakeReceiver, FakeTransport, until
from transports.base import Ack, Disconnected, Inbound, MessageRef, Outbound, PermanentFailure, Receiver, Transport
from transports.console.jsonl import JsonLinesConsole
from transports.console.piped import PipedConsole
from transports.matrix.transport import MatrixTransport
from transports.slack.transport import SlackTransport
from transports.web import WebTransport


class Rig(Protocol):
    """A transport with the network's end of it in the test's hands."""

    @property
    def transport(self) -> Transport: ...

    target: str
    sender: str

    def say(self, text: str) -> None: ...

    def end(self) -> None: ...

    def acknowledged(self) -> int: ...  # how many events the network may forget

    async def open(self) -> None: ...

    def screen(self) -> str: ...  # all that was shown

    def redeliver(self, text: str) -> None: ...  # what the network does with an event that was not acknowledged

    def shut(self) -> None: ...


class Ready:
    """Needs nothing to begin."""

    async def open(self) -> None: ...


class FakeRig(Ready):
    target = "fake/room"
    sender = "ann"

    def __init__(self) -> None:
        self.fake = FakeTransport()

    @property
    def transport(self) -> Transport:
        return self.fake

    def say(self, text: str) -> None:
        self.fake.say(text)

    def end(self) -> None:
        self.fake.end()

    def acknowledged(self) -> int:
        return len(self.fake.acked)

    def screen(self) -> str:
        return "\n".join(self.fake.texts())

    def redeliver(self, text: str) -> None:
        """The fake does so by itself."""

    def shut(self) -> None: ...


class Pipes(Ready):
    """Both ends of a console's two pipes; the output is collected by a thread."""

    target = "console/local"
    sender = "ann"

    def __init__(self) -> None:
        self.stdin, self._input = os.pipe()
        self._output, self.stdout = os.pipe()
        self._written = bytearray()
        self._collector = threading.Thread(target=self._collect)
        self._collector.start()

    def write(self, data: bytes) -> None:
        os.write(self._input, data)

    def end(self) -> None:
        if self._input >= 0:
            os.close(self._input)
            self._input = -1

    def screen(self) -> str:
        return self._written.decode()

    def shut(self) -> None:
        self.end()
        os.close(self.stdout)
        self._collector.join(5)
        os.close(self.stdin)
        os.close(self._output)

    def _collect(self) -> None:
        while chunk := os.read(self._output, 65536):
            self._written += chunk


class PipedRig(Pipes):
    """A pipe has no acknowledgements: `run` returning is the promise that everything was committed."""

    def __init__(self) -> None:
        super().__init__()
        self.transport: Transport = PipedConsole(stdin=self.stdin, stdout=self.stdout, user="ann", sleep=no_sleep)

    def say(self, text: str) -> None:
        self.write(text.encode() + b"\n")

    def acknowledged(self) -> int:
        return 0

    def redeliver(self, text: str) -> None:
        """The console keeps what was not accepted."""


class JsonRig(Pipes):
    def __init__(self) -> None:
        super().__init__()
        self.transport: Transport = JsonLinesConsole(stdin=self.stdin, stdout=self.stdout, user="ann")

    def say(self, text: str) -> None:
        self.write(json.dumps({"event_id": text, "text": text}).encode() + b"\n")

    def redeliver(self, text: str) -> None:
        self.say(text)

    def acknowledged(self) -> int:
        return len([line for line in self.screen().splitlines() if json.loads(line)["type"] == "ack"])


class Restarted(MatrixTransport):
    """Called again after each failure, as the bot does it, until the network has no more."""

    async def run(self, receiver: Receiver) -> None:
        while True:
            try:
                await super().run(receiver)
            except Over:
                return
            except (Disconnected, OSError):
                await asyncio.sleep(0)


class MatrixRig(Ready):
    sender = ANN

    def __init__(self) -> None:
        self.world = World(make=Restarted)
        self.room = self.world.server.make(ANN, ME)
        self.world.keepsakes.values["token"] = self.world.server.token  # all that is known by now is old
        self.target = f"matrix/{self.room}"

    @property
    def transport(self) -> Transport:
        return self.world.transport

    def say(self, text: str) -> None:
        self.world.server.say(self.room, text)

    def end(self) -> None:
        self.world.server.over = Over("the network has no more")
        self.world.server.nudge()

    def acknowledged(self) -> int:
        return self.world.server.committed()

    def screen(self) -> str:
        return "\n".join(event.content["body"] for event in self.world.server.said(self.room))

    def redeliver(self, text: str) -> None:
        """The transport keeps what was not committed."""

    def shut(self) -> None: ...


class Endless(SlackTransport):
    """Called again after each failure, as the bot does it, until the network has no more."""

    over: asyncio.Event

    async def run(self, receiver: Receiver) -> None:
        self.over = asyncio.Event()
        work = asyncio.ensure_future(super().run(receiver))
        end = asyncio.ensure_future(self.over.wait())
        try:
            await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            end.cancel()
            work.cancel()
            await asyncio.wait({work, end})


class SlackRig:
    """The real slack-bolt and slack-sdk, and a fake Slack."""

    sender = SLACK_ANN

    def __init__(self) -> None:
        self.slack = FakeSlack(schedule=(0.05, 0.1, 0.2, 0.4), patience=0.5)
        self._files = tempfile.TemporaryDirectory()

    async def open(self) -> None:
        await self.slack.__aenter__()
        self.world = SlackWorld(self.slack, Path(self._files.name), make=Endless)
        self.room = self.slack.dm(SLACK_ANN)
        self.target = self.world.place(self.room)
        await self.world.workspace.start()

    @property
    def transport(self) -> Transport:
        return self.world.transport

    def say(self, text: str) -> None:
        self.slack.say(self.room, SLACK_ANN, text)

    def end(self) -> None:
        self._ending = asyncio.ensure_future(self._end())

    async def _end(self) -> None:
        await self.slack.wait(lambda: all(each.state != "pending" for each in self.slack.deliveries))
        assert isinstance(self.transport, Endless)
        self.transport.over.set()

    def acknowledged(self) -> int:
        return sum(each.state == "acked" for each in self.slack.deliveries)

    def screen(self) -> str:
        return "\n".join(self.slack.said(self.room))

    def redeliver(self, text: str) -> None:
        """Slack does so by itself."""

    def shut(self) -> None:
        self._files.cleanup()


class Visited(WebTransport):
    """The page, and somebody who sits before it."""

    def open(self) -> None:
        self.said: asyncio.Queue[str | None] = asyncio.Queue()
        self.acknowledged = 0

    async def run(self, receiver: Receiver) -> None:
        work = asyncio.ensure_future(super().run(receiver))
        try:
            await asyncio.sleep(0)
            async with asyncio.TaskGroup() as group:
                while (text := await self.said.get()) is not None:
                    group.create_task(self._taken(self.take(visit(text))))
        finally:
            work.cancel()
            await asyncio.wait({work})

    async def _taken(self, answer: Awaitable[Ack]) -> None:
        try:
            await answer
        except OSError:
            return  # whoever asked is told, and asks again
        self.acknowledged += 1


def visit(text: str) -> Inbound:
    return Inbound("web/console:ann", "web", "page", text, "ann", "Ann", text, "web/console:ann", direct=True)


class PageRig(Ready):
    """The page over the store's twin."""

    target = "web/console:ann"
    sender = "ann"

    def __init__(self) -> None:
        self.disk = Disk()
        self._files = tempfile.TemporaryDirectory()
        stage = Stage(Book(MemoryStore(self.disk).transcript, Silent()))
        self.page = Visited(stage, Path(self._files.name) / "out")
        self.page.open()

    @property
    def transport(self) -> Transport:
        return self.page

    def say(self, text: str) -> None:
        self.page.said.put_nowait(text)

    def end(self) -> None:
        self.page.said.put_nowait(None)

    def acknowledged(self) -> int:
        return self.page.acknowledged

    def screen(self) -> str:
        return "\n".join(part.text for said in self.disk.transcript.values() for part in said.parts)

    def redeliver(self, text: str) -> None:
        self.say(text)

    def shut(self) -> None:
        self._files.cleanup()


async def no_sleep(seconds: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture(params=[FakeRig, PipedRig, JsonRig, MatrixRig, SlackRig, PageRig])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    made: Rig = request.param()
    await made.open()
    yield made
    await made.transport.close()
    made.shut()
    if isinstance(made, SlackRig):
        await made.slack.__aexit__(None, None, None)


@asynccontextmanager
async def running(rig: Rig, receiver: FakeReceiver) -> AsyncIterator[asyncio.Task[None]]:
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        task = group.create_task(rig.transport.run(receiver), name="transport under test")
        yield task
        rig.end()


def texts(receiver: FakeReceiver) -> list[str]:
    return [event.text or "" for event in receiver.received]


async def test_events_are_handed_in_in_the_order_they_came(rig: Rig) -> None:
    receiver = FakeReceiver()
    said = [f"m{n}" for n in range(50)]
    async with running(rig, receiver):
        for text in said:
            rig.say(text)
    assert texts(receiver) == said


async def test_an_event_is_whole_and_points_back_at_its_session(rig: Rig) -> None:
    receiver = FakeReceiver()
    async with running(rig, receiver):
        rig.say("hello")
    (event,) = receiver.received
    assert isinstance(event, Inbound)
    assert event.transport == rig.transport.name
    assert event.target.startswith(rig.transport.name + "/")
    assert event.session.startswith(rig.transport.name + "/")
    assert event.sender == rig.sender
    assert event.event_id


async def test_the_next_event_does_not_wait_for_a_commit(rig: Rig) -> None:
    receiver = FakeReceiver(hold=True)
    async with running(rig, receiver):
        for text in ("a", "b", "c"):
            rig.say(text)
        await until(lambda: len(receiver.received) == 3)
        receiver.commit()


async def test_nothing_is_acknowledged_before_its_commit(rig: Rig) -> None:
    receiver = FakeReceiver(hold=True)
    async with running(rig, receiver) as task:
        rig.say("a")
        rig.say("b")
        rig.end()
        await until(lambda: len(receiver.received) == 2)
        await asyncio.sleep(0.02)
        assert rig.acknowledged() == 0
        assert not task.done()
        receiver.commit()
        await task


async def test_what_the_store_did_not_take_is_committed_in_the_end(rig: Rig) -> None:
    receiver = FakeReceiver()
    receiver.failures = [OSError("disk full")]
    async with running(rig, receiver):
        rig.say("a")
        await until(lambda: len(receiver.received) > 0)
        rig.redeliver("a")
        await until(lambda: receiver.texts == ["a"])
    assert len({event.event_id for event in receiver.received}) == 1


async def test_cancelling_ends_it(rig: Rig) -> None:
    async with asyncio.timeout(5):
        task = asyncio.create_task(rig.transport.run(FakeReceiver()), name="transport under test")
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


HOSTILE = "a\x1b]52;c;aGk=\x07b \ud800\x00 \u202e [red]x[/] </script> " + "`" * 50 + "\r\n~~~\n{}%s"


async def test_hostile_text_is_sent_without_harm(rig: Rig) -> None:
    ref = await rig.transport.send(Outbound(rig.target, HOSTILE, key="k"))
    assert ref.target == rig.target
    await rig.transport.send(Outbound(rig.target, "after", key="l"))
    await until(lambda: "after" in rig.screen())
    assert "[red]x[/]" in rig.screen()
    if not isinstance(rig, FakeRig):  # the fake keeps what it was given
        assert "\x1b" not in rig.screen()


async def test_messages_are_shown_whole_and_in_order(rig: Rig) -> None:
    long = min(20_000, rig.transport.capabilities.max_length - 10)
    sends = [rig.transport.send(Outbound(rig.target, f"<{n}" + "x" * long + f"{n}>")) for n in range(10)]
    async with asyncio.timeout(10):
        await asyncio.gather(*sends)
    await until(lambda: "9>" in rig.screen())
    shown = [rig.screen().replace("\n", "").index(f"<{n}" + "x" * long + f"{n}>") for n in range(10)]
    assert shown == sorted(shown)


async def test_another_transports_target_is_refused(rig: Rig) -> None:
    with pytest.raises(PermanentFailure):
        await rig.transport.send(Outbound("elsewhere/room", "hello"))


async def test_it_edits_or_says_that_it_never_will(rig: Rig) -> None:
    ref = await rig.transport.send(Outbound(rig.target, "one"))
    if rig.transport.capabilities.edit:
        await rig.transport.edit(ref, Outbound(rig.target, "two"))
        return
    with pytest.raises(PermanentFailure):
        await rig.transport.edit(MessageRef(rig.target, ref.id), Outbound(rig.target, "two"))


async def test_closing_twice_is_closing_once(rig: Rig) -> None:
    await rig.transport.close()
    await rig.transport.close()


async def test_after_the_close_nothing_is_sent(rig: Rig) -> None:
    await rig.transport.send(Outbound(rig.target, "hello"))
    await rig.transport.close()
    with pytest.raises(PermanentFailure):
        await rig.transport.send(Outbound(rig.target, "late"))


async def test_a_key_is_one_message_where_it_says_so(rig: Rig) -> None:
    if not rig.transport.capabilities.idempotent or isinstance(rig, MatrixRig):  # there the homeserver does it
        return
    first = await rig.transport.send(Outbound(rig.target, "only once", key="k"))
    again = await rig.transport.send(Outbound(rig.target, "only once", key="k", repeat=True))
    assert again == first
    assert rig.screen().count("only once") == 1
