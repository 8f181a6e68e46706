"""What is written down of what chats are shown, the page's and other networks', and who hears of it."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.access.words import page_link, pairing_code
from bot.happenings.model import Happening, SaidAdded, SaidChanged
from bot.happenings.shown import Shown
from bot.replies.lines import Lines
from bot.replies.places import Places
from bot.store.memory import Disk, MemoryStore
from bot.transcript.book import Book
from bot.transcript.model import Attached, Part, Said
from bot.transcript.recorder import MOST, Recorded, Recorder
from bot.transcript.stage import Stage
from bot.transcript.whereabouts import Noting, Whereabouts
from dispatcher.model import Fenced, StoreUnavailable
from tests.transcript_world import Listener, text
from tests.transport_fake import FakeReceiver, FakeTransport, until
from transports.base import (
    Capabilities,
    Choice,
    Disconnected,
    Inbound,
    MessageRef,
    Outbound,
    PermanentFailure,
    TemporaryFailure,
)
from transports.web import WebTransport

HOME = "web/console:root"
ROOM = "fake/room"
STOP = Choice("stop 3", "Stop", "🛑")


@dataclass
class Trouble:
    """What happens to the disk."""

    failures: list[Exception] = field(default_factory=list)
    held: asyncio.Event | None = None

    async def step(self, point: str) -> None:
        if self.held is not None:
            await self.held.wait()
        if self.failures and point.startswith(("before", "read")):
            raise self.failures.pop(0)
        await asyncio.sleep(0)


class World:
    def __init__(self, group: asyncio.TaskGroup, files: Path = Path("/nowhere")) -> None:
        self.trouble = Trouble()
        self.disk = Disk()
        self.store = MemoryStore(self.disk, step=self.trouble.step)
        self.heard = Listener()
        self.book = Book(self.store.transcript, self.heard)
        self.runs: dict[int, tuple[str, str | None]] = {}
        self.sessions: set[str] = set()
        self.whereabouts = Whereabouts(self._of_run, self._knows)
        self.recorder = Recorder(self.book, self.whereabouts, group, clock=lambda: 7.0)
        self.network = FakeTransport(Capabilities(edit=True, upload=True))
        self.fake = Recorded(self.network, self.recorder)
        self.web = WebTransport(Stage(self.book, lambda: 5.0), files)

    async def _of_run(self, run: int) -> tuple[str, str | None] | None:
        return self.runs.get(run)

    async def _knows(self, session: str) -> bool:
        return session in self.sessions

    def written(self) -> list[Said]:
        return list(self.disk.transcript.values())

    def texts(self) -> list[str]:
        return [text(said) for said in self.written()]

    async def settled(self) -> None:
        await self.recorder.close(5)


@asynccontextmanager
async def world(files: Path = Path("/nowhere")) -> AsyncIterator[World]:
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        yield World(group, files)


def out(words: str, target: str = ROOM, **more: object) -> Outbound:
    return Outbound(target, words, **{"key": f"key of {words}", **more})  # type: ignore[arg-type]


# ---------------------------------------------------------------- the page


async def test_the_page_shows_what_is_written_down_with_all_that_belongs_to_it() -> None:
    async with world() as here:
        message = out("header\n\nwords", HOME, kind="stream", key="", run=3, asides=((0, 6),), choices=(STOP,))
        ref = await here.web.send(message)
        (said,) = here.written()
        assert said == Said(
            id=1,
            session=HOME,
            target=HOME,
            ref=ref.id,
            key="",
            kind="stream",
            parts=(Part("header", aside=True), Part("words")),
            choices=(STOP,),
            run=3,
            at=5.0,
        )
        await here.web.edit(ref, out("all of it", HOME, kind="answer", key="run/3/1"))
        (anew,) = here.written()
        assert anew == replace(
            said, kind="answer", key="run/3/1", parts=(Part("all of it"),), choices=(), changed_at=5.0, version=1
        )
        await here.web.edit(ref, out("and more", HOME, key=""))
        assert [each.key for each in here.written()] == ["run/3/1"]
        assert [before and text(before) for before, _ in here.heard.told] == [None, "header | words", "all of it"]


async def test_a_key_is_one_message_after_a_restart_too() -> None:
    async with world() as here:
        ref = await here.web.send(out("once", HOME))
        here.store = MemoryStore(here.disk)
        heard = Listener()
        again = WebTransport(Stage(Book(here.store.transcript, heard)), Path("/nowhere"))
        assert await again.send(out("once", HOME, repeat=True)) == ref
        assert await again.send(replace(out("once", HOME), target=f"{HOME}/other")) != ref
        assert here.texts() == ["once", "once"]
        assert heard.texts() == ["once"]
        await again.edit(ref, out("twice", HOME))
        assert here.texts() == ["twice", "once"]


async def test_an_unknown_message_is_never_edited_and_another_target_never_taken() -> None:
    async with world() as here:
        with pytest.raises(PermanentFailure):
            await here.web.edit(MessageRef(HOME, "no such"), out("x", HOME))
        with pytest.raises(PermanentFailure):
            await here.web.edit(MessageRef(ROOM, "x"), out("x", HOME))


async def test_a_store_that_cannot_write_is_tried_again() -> None:
    async with world() as here:
        for failing in (
            here.web.send(out("x", HOME)),
            here.web.send(out("x", HOME, key="")),
            here.web.edit(MessageRef(HOME, "x"), out("x", HOME)),
        ):
            here.trouble.failures = [StoreUnavailable("the disk is full")]
            with pytest.raises(TemporaryFailure, match="the disk is full"):
                await failing
        assert here.heard.told == []


async def test_a_file_is_kept_under_the_id_of_its_message(tmp_path: Path) -> None:
    async with world(tmp_path / "files/web/out") as here:
        (tmp_path / "files/web/out/1").mkdir(parents=True)
        (tmp_path / "files/web/out/1/old").touch()  # of a database that is gone
        await here.web.upload(HOME, "../../report.md", b"# All of it")
        (said,) = here.written()
        assert (said.kind, said.parts, said.file) == ("file", (), Attached("report.md", 11, kept=True))
        folder = tmp_path / "files/web/out" / str(said.id)
        assert [each.name for each in folder.iterdir()] == ["report.md"]
        assert (folder / "report.md").read_bytes() == b"# All of it"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "report.md").stat().st_mode) == 0o600


async def test_a_file_that_cannot_be_kept_leaves_nothing(tmp_path: Path) -> None:
    async with world(tmp_path / "out") as here:
        here.trouble.failures = [StoreUnavailable("the disk is full")]
        with pytest.raises(TemporaryFailure):
            await here.web.upload(HOME, "a", b"x")
        (tmp_path / "out").rmdir()
        (tmp_path / "out").touch()
        with pytest.raises(TemporaryFailure, match="cannot be kept"):
            await here.web.upload(HOME, "a", b"x")
        assert here.written() == []


async def test_what_is_said_on_the_page_is_handed_in_while_it_runs() -> None:
    inbound = Inbound(HOME, "console", "api", "e1", "root", "Root", "hello", HOME)
    async with world() as here:
        with pytest.raises(Disconnected):
            here.web.take(inbound)
        receiver = FakeReceiver()
        running = asyncio.create_task(here.web.run(receiver), name="page")
        await asyncio.sleep(0)
        assert (await here.web.take(inbound)).status == "accepted"
        assert receiver.texts == ["hello"]
        running.cancel()
        await asyncio.wait({running})
        with pytest.raises(Disconnected):
            here.web.take(inbound)


# ---------------------------------------------------------------- other networks


async def test_what_a_network_took_is_written_down_with_its_edits_and_files() -> None:
    async with world() as here:
        ref = await here.fake.send(out("one", key="", run=3, kind="stream", choices=(STOP,)))
        await here.fake.upload(ROOM, "answer-3.md", b"12345")
        await here.settled()
        await here.fake.edit(ref, out("two", key="run/3/1", run=3, kind="answer"))
        await here.settled()
        (said, file) = here.written()
        assert (said.ref, said.key, said.kind, text(said), said.choices, said.run) == (
            ref.id,
            "run/3/1",
            "answer",
            "two",
            (),
            3,
        )
        assert (said.at, said.changed_at) == (7.0, 7.0)
        assert (file.kind, file.file, file.session) == ("file", Attached("answer-3.md", 5), ROOM)
        assert here.heard.texts() == ["one", "", "two"]


async def test_passing_lines_are_not_written_down_and_so_no_link_and_no_code() -> None:
    async with world() as here, asyncio.TaskGroup() as group:
        lines = Lines(Places({"fake": here.fake}), group)
        lines.say(ROOM, page_link("http://127.0.0.1:8808/login#secret"))
        lines.say(ROOM, pairing_code("K3F9-1"))
        lines.queued(ROOM, ROOM, 2, "run 3")
        await until(lambda: len(here.network.sent) == 3)
        lines.queued(ROOM, ROOM, 1, "run 3")
        await until(lambda: len(here.network.edits) == 1)
        await here.settled()
        assert here.written() == []
        assert here.heard.told == []


async def test_what_a_network_refused_was_never_shown() -> None:
    async with world() as here:
        here.network.failures = [PermanentFailure("kicked"), TemporaryFailure("busy")]
        here.network.refused = [TemporaryFailure("busy")]
        for failing in (
            here.fake.send(out("x")),
            here.fake.edit(MessageRef(ROOM, "m1"), out("x")),
            here.fake.upload(ROOM, "a", b""),
        ):
            with pytest.raises((PermanentFailure, TemporaryFailure)):
                await failing
        await here.settled()
        assert here.written() == []


async def test_a_message_of_before_is_written_down_when_it_is_edited() -> None:
    async with world() as here:
        await here.fake.edit(MessageRef(ROOM, "m77"), out("as it is now"))
        await here.settled()
        (said,) = here.written()
        assert (said.ref, text(said), said.changed_at) == ("m77", "as it is now", 7.0)


async def test_a_message_that_grows_while_it_waits_is_written_once_and_as_it_is_then() -> None:
    async with world() as here:
        here.trouble.held = asyncio.Event()
        await here.fake.send(out("first"))
        ref = await here.fake.send(out("grows", run=3))
        for number in range(100):
            await here.fake.edit(ref, out(f"grows {number}", run=3))
        here.trouble.held.set()
        await here.settled()
        assert here.texts() == ["first", "grows 99"]
        assert here.heard.texts() == ["first", "grows 99"]


async def test_a_store_that_hangs_is_not_waited_for_and_not_all_is_kept_for_it() -> None:
    async with world() as here:
        here.trouble.held = asyncio.Event()
        for number in range(MOST + 50):
            await here.fake.send(out(str(number)))
        assert here.network.texts() == [str(number) for number in range(MOST + 50)]
        here.trouble.held.set()
        await here.settled()
        assert here.texts() == [str(number) for number in range(MOST)]


async def test_a_store_that_fails_is_told_once_and_costs_what_it_did_not_write(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with world() as here:
        here.trouble.failures = [StoreUnavailable("the disk is full")] * 3
        for number in range(5):
            await here.fake.send(out(str(number)))
        await here.settled()
        assert here.texts() == ["3", "4"]
        assert [record.getMessage() for record in caplog.records if "not written down" in record.getMessage()] == [
            "what chats are shown is not written down for the page: the disk is full"
        ]
        here.trouble.failures = [ValueError("a flaw"), StoreUnavailable("again")]
        for number in range(5, 8):
            await here.fake.send(out(str(number)))
        await here.settled()
        assert here.texts() == ["3", "4", "7"]
        assert sum("not written down" in record.getMessage() for record in caplog.records) == 3


async def test_a_newer_bot_on_this_data_ends_this_one() -> None:
    async def live() -> None:
        async with world() as here:
            MemoryStore(here.disk)
            await here.fake.send(out("x"))

    with pytest.raises(ExceptionGroup) as caught:
        await live()
    assert caught.group_contains(Fenced)


async def test_nothing_is_awaited_before_the_network_is_spoken_to() -> None:
    async with world() as here:
        here.trouble.held = asyncio.Event()
        sending = here.fake.send(out("now"))
        with pytest.raises(StopIteration):  # the fake network takes it in the first step
            sending.send(None)
        assert here.network.texts() == ["now"]
        here.trouble.held.set()


async def test_what_the_network_can_do_beside_goes_through() -> None:
    class Able(FakeTransport):
        def __init__(self) -> None:
            super().__init__(Capabilities(typing=True, rooms=True, preview=True))
            self.done: list[object] = []

        def preview(self, target: str, text: str) -> None:
            self.done.append(text)

        async def typing(self, target: str, on: bool) -> None:
            self.done.append(on)

        async def make_room(self, name: str, invited: object) -> str:
            return f"fake/{name}"

    async with world() as here:
        able = Able()
        fake = Recorded(able, here.recorder)
        assert (fake.name, fake.capabilities) == ("fake", able.capabilities)
        fake.preview(ROOM, "being wri")
        await fake.typing(ROOM, True)
        assert await fake.make_room("harbour", ()) == "fake/harbour"
        assert able.done == ["being wri", True]
        able.end()
        await fake.run(FakeReceiver())
        await fake.close()
        assert able.closed
        assert here.written() == []


# ---------------------------------------------------------------- where it belongs


THREAD = "slack/T/C/170.1"


@pytest.mark.parametrize(
    ("noted", "run", "known", "session"),
    [
        ("slack/T/C", 3, {THREAD}, "slack/T/C"),
        (None, 3, {THREAD}, "slack/T/D"),
        (None, 9, {THREAD, "slack/T/C"}, THREAD),
        (None, None, {"slack/T/C"}, "slack/T/C"),
        (None, None, {"slack/T"}, THREAD),
        (None, 9, set(), THREAD),
    ],
)
async def test_which_session_a_target_belongs_to(
    noted: str | None, run: int | None, known: set[str], session: str
) -> None:
    async with world() as here:
        here.runs[3], here.sessions = ("slack/T/D", None), known
        if noted is not None:
            receiver = FakeReceiver()
            event = Inbound(noted, "slack", "me", "e", "ann", "Ann", "hello", THREAD)
            assert (await Noting(Performing(receiver), here.whereabouts).receive(event)).status == "accepted"
            assert receiver.texts == ["hello"]
        assert await here.whereabouts.session(THREAD, run) == session


class Performing(FakeReceiver):
    def __init__(self, receiver: FakeReceiver) -> None:
        self.__dict__ = receiver.__dict__

    async def perform(self, inbound: Inbound) -> str:
        await self.receive(inbound)
        return "done"


async def test_what_the_api_asks_for_is_noted_too() -> None:
    async with world() as here:
        noting = Noting(Performing(FakeReceiver()), here.whereabouts)
        event = Inbound("slack/T/C", "slack", "me", "e", "ann", "Ann", "stop", THREAD)
        assert await noting.perform(event) == "done"
        assert await here.whereabouts.session(THREAD, None) == "slack/T/C"
        assert await noting.knows("slack/T/C")


# ---------------------------------------------------------------- who hears of it


async def test_what_is_told_of_a_message() -> None:
    told: list[Happening] = []

    async def project(said: Said) -> str | None:
        return "harbour"

    shown = Shown(told.append, project)
    before = Said(
        id=4,
        session="s",
        target="t",
        ref="r",
        key="k",
        kind="stream",
        parts=(Part("run 3", aside=True), Part("It")),
        choices=(STOP,),
        run=3,
        at=1.0,
        file=Attached("a", 1),
    )
    after = replace(before, kind="answer", parts=(*before.parts[:1], Part("It works")), choices=(), version=1)
    await shown.added(before)
    await shown.changed(before, after)
    assert told == [
        SaidAdded(
            session="s",
            run=3,
            project="harbour",
            id=4,
            kind_="stream",
            parts=before.parts,
            choices=(STOP,),
            file=Attached("a", 1),
        ),
        SaidChanged(
            session="s", run=3, project="harbour", id=4, kind_="answer", keep=2, append=" works", parts=(), version=1
        ),
    ]
